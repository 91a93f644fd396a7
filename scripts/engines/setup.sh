#!/usr/bin/env bash
# Makes what the real engines run in: the Python environments of scripts/upstream, and
# one of its own for oneDNN's CPU build, whose C interface Python calls. With a C
# compiler, oneDNN becomes a plugin, too: .venv/onednn/libqassay_onednn.so.
#
# Usage: scripts/engines/setup.sh [NAME…]      (no name: all of them)
#        VERSIONS="torch==2.13.0" scripts/engines/setup.sh pytorch
set -euo pipefail
cd "$(dirname "$0")"

onednn() {
    local venv=../upstream/.venv/onednn
    [ -d "$venv" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps numpy \
        onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0
    if command -v cc > /dev/null; then
        cc -std=c99 -O2 -Wall -Wextra -shared -fPIC -fopenmp -I ../../backends/include -I "$venv/include" \
            -o "$venv/libqassay_onednn.so" plugins/onednn.c \
            -L "$venv/lib" -ldnnl -Wl,-rpath,"$(realpath "$venv/lib")"
        echo "plugin:$(realpath --relative-to=../.. "$venv")/libqassay_onednn.so"
    else
        echo "setup.sh: no C compiler (cc): oneDNN is there for Python, not as a plugin" >&2
    fi
}

all=(pytorch onnxruntime litert onednn)
for name in "${@:-${all[@]}}"; do
    if [[ " ${all[*]} " != *" $name "* ]]; then
        echo "setup.sh: no engine '$name'; there are: ${all[*]}" >&2
        exit 2
    fi
    if [ "$name" = onednn ]; then onednn; else ../upstream/setup.sh "$name"; fi
done
