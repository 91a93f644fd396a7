#!/usr/bin/env bash
# Makes what the real engines run in: the Python environments of scripts/upstream, and
# one of its own for oneDNN's CPU build, whose C interface Python calls.
#
# Usage: scripts/engines/setup.sh [NAME…]      (no name: all of them)
#        VERSIONS="torch==2.13.0" scripts/engines/setup.sh pytorch
set -euo pipefail
cd "$(dirname "$0")"

onednn() {
    local venv=../upstream/.venv/onednn
    [ -d "$venv" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps numpy onednn-cpu-gomp==2023.2.0
}

all=(pytorch onnxruntime litert onednn)
for name in "${@:-${all[@]}}"; do
    if [[ " ${all[*]} " != *" $name "* ]]; then
        echo "setup.sh: no engine '$name'; there are: ${all[*]}" >&2
        exit 2
    fi
    if [ "$name" = onednn ]; then onednn; else ../upstream/setup.sh "$name"; fi
done
