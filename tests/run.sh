#!/usr/bin/env bash
# All tests of the project, the same here and in continuous integration.
#
# usage: tests/run.sh [--slow]
#
# Needs Rust and python3 with its venv module; everything else comes from the package registries.
# One cargo profile (release) throughout, so that nothing is compiled twice and the tests see the
# code that users run. --slow adds the science tests (about 20 minutes with the machine to itself).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() {
    printf '\n== %s (%d s)\n' "$1" "$SECONDS"
}

step "format"
if cargo fmt --version >/dev/null 2>&1; then
    cargo fmt --all -- --check
else
    echo "skipped: rustfmt is not installed (rustup component add rustfmt)"
fi

# tests leave files there, for h5py and ArviZ to read
SURROGATE_KEEP_POSTERIOR=$(mktemp)
SURROGATE_KEEP_RESULTS=$(mktemp)
export SURROGATE_KEEP_POSTERIOR SURROGATE_KEEP_RESULTS
trap 'rm -f "$SURROGATE_KEEP_POSTERIOR" "$SURROGATE_KEEP_RESULTS"' EXIT

step "tests"
cargo test --workspace --release --locked

step "code for GPUs, compiled"
cargo check -p surrogate --features cuda --release --locked

if [ "${1:-}" = "--slow" ]; then
    step "slow tests"
    cargo test --workspace --release --locked -- --ignored --test-threads=1 --nocapture
fi

step "notebooks"
notebooks/check.sh

step "results and posteriors in h5py and ArviZ"
venv=${VENV:-target/notebooks-venv}
if "$venv/bin/python" -c "import arviz, h5netcdf, h5py, netCDF4" 2>/dev/null; then
    "$venv/bin/python" crates/run/tests/read_results.py "$SURROGATE_KEEP_RESULTS"
    "$venv/bin/python" crates/run/tests/read_posterior.py "$SURROGATE_KEEP_POSTERIOR"
else
    echo "skipped: the packages of notebooks/requirements.txt are not installed"
fi

step "all tests passed"
