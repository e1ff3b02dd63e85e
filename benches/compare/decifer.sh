#!/usr/bin/env bash
# Our generator beside deCIFer's code, in one run: decifer.sh SURROGATE PROBLEM RUN (see decifer.py).
# VENV chooses where the Python packages go (some GB); CHECKOUT names a copy of their repository, which is fetched
# otherwise.
set -euo pipefail
here="$(dirname "$0")"
venv="${VENV:-$here/.venv}"
checkout="${CHECKOUT:-$here/.decifer}"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import torch, h5py, tqdm' 2>/dev/null || "$venv/bin/pip" install torch h5py tqdm
[ -e "$checkout" ] || git clone https://github.com/FrederikLizakJohansen/deCIFer "$checkout"
exec "$venv/bin/python" "$here/decifer.py" "$checkout" "$@"
