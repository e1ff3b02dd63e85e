#!/usr/bin/env bash
# Training step of the jet kernel beside torch.compile and JAX jit, in one run.
# VENV chooses where the Python packages go; they need several GB.
set -euo pipefail
cd "$(dirname "$0")"
venv="${VENV:-.venv}"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import jax, torch' 2>/dev/null || "$venv/bin/pip" install torch jax numpy
exec "$venv/bin/python" training_step.py "$@"
