#!/usr/bin/env bash
# Our cell solver beside PyBaMM's DFN, in one run; --fixtures makes the curves of the tests anew.
# VENV chooses where the Python packages go (about 1 GB).
set -euo pipefail
cd "$(dirname "$0")"
venv="${VENV:-.venv}"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import pybamm' 2>/dev/null || "$venv/bin/pip" install pybamm
exec "$venv/bin/python" battery.py "$@"
