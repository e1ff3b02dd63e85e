#!/bin/sh
# Runs every notebook from top to bottom in a virtual environment of its own.
#
# usage: notebooks/check.sh
#
# Exit code 0: all ran, or the package registry cannot be reached (a line says that nothing was
# checked). Exit code 1: a notebook failed, has committed outputs, or the packages do not install
# although the registry answers. VENV names the environment (default: target/notebooks-venv).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
venv=${VENV:-$here/../target/notebooks-venv}
export MPLBACKEND=agg
# the program that notebooks call
target=${CARGO_TARGET_DIR:-$here/../target}
export SURROGATE="${SURROGATE:-$target/release/surrogate}"
[ -x "$SURROGATE" ] || (cd "$here/.." && cargo build --release --locked)

if ! [ -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
log=$venv/install.log
if ! "$venv/bin/python" -m pip install --disable-pip-version-check --retries 1 --timeout 20 \
    -r "$here/requirements.txt" >"$log" 2>&1; then
    # Only a registry that does not answer is a reason to skip; anything else is a failure.
    if grep -qE 'NewConnectionError|NameResolutionError|ConnectTimeoutError|ProxyError|Connection(Refused|Reset)?Error|Network is unreachable|ReadTimeoutError' "$log"; then
        echo "skipped: the package registry cannot be reached, no notebook was run"
        exit 0
    fi
    cat "$log"
    echo "failed: the packages of notebooks/requirements.txt do not install"
    exit 1
fi

cd "$here"
"$venv/bin/python" - ./*.ipynb <<'PYTHON'
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

failed = False
for path in sys.argv[1:]:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    if any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells):
        print(f"{path}: outputs are committed; clear them")
        failed = True
    try:
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
        print(f"{path}: passed")
    except CellExecutionError as error:
        print(f"{path}: failed\n{error}")
        failed = True
sys.exit(failed)
PYTHON
