#!/bin/sh
# Writes requirements.lock, the exact versions with hashes that installers carry, from pyproject.toml with uv.
# Usage: installers/write_lock.sh [PYTHON]; that Python's environment gets uv if it has none.
set -eu
cd "$(dirname "$0")/.."
python=${1:-python3}
"$python" -m uv --version >/dev/null 2>&1 || "$python" -m pip install --quiet uv
exec "$python" -m uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --custom-compile-command "installers/write_lock.sh" --output-file installers/requirements.lock pyproject.toml
