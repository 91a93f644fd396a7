#!/usr/bin/env bash
# Makes the Python environments in which capture.py runs real systems.
#
# Usage: scripts/upstream/setup.sh [NAME…]      (no name: all of them)
#        VERSIONS="torch==2.13.0" scripts/upstream/setup.sh pytorch
#
# One environment for each system, in scripts/upstream/.venv (not in git), from the
# package registries by pip. What is named in VERSIONS replaces the version that
# stands below. PYTHON chooses the interpreter (default python3; 3.11 was tried).
set -euo pipefail
cd "$(dirname "$0")"

pip_install() { # environment, packages and options
    local name=$1
    shift
    [ -d ".venv/$name" ] || "${PYTHON:-python3}" -m venv ".venv/$name"
    ".venv/$name/bin/pip" install --quiet --disable-pip-version-check "$@"
}

# Each requirement with the version that VERSIONS asks for instead, if it does.
versions() {
    local wanted requirement
    for requirement in "$@"; do
        for wanted in ${VERSIONS:-}; do
            [ "${wanted%%==*}" = "${requirement%%==*}" ] && requirement=$wanted
        done
        echo "$requirement"
    done
}

onnxruntime() {
    pip_install onnxruntime $(versions onnxruntime==1.32.0 onnx==1.23.2) numpy
}

pytorch() {
    # The registry's wheel wants 5 GB of CUDA libraries, which nothing here calls.
    pip_install pytorch --no-deps $(versions torch==2.15.0)
    pip_install pytorch numpy typing_extensions sympy networkx jinja2 fsspec filelock
    python3 cuda_standins.py .venv/pytorch/lib/python3*/site-packages/torch/lib
}

torchao() {
    [ -d .venv/pytorch ] || pytorch
    pip_install pytorch --no-deps $(versions torchao==0.18.0)
}

litert() {
    pip_install litert $(versions ai-edge-litert==2.3.0) numpy
}

tensorflow() {
    pip_install tensorflow $(versions tensorflow-cpu==2.21.0)
}

paddle() {
    pip_install paddle $(versions paddlepaddle==3.3.1)
}

tosa() {
    pip_install tosa $(versions tosa-tools==2026.8.0) numpy
}

all=(onnxruntime pytorch torchao litert tensorflow paddle tosa)
for name in "${@:-${all[@]}}"; do
    if [[ " ${all[*]} " != *" $name "* ]]; then
        echo "setup.sh: no system '$name'; there are: ${all[*]}" >&2
        exit 2
    fi
    echo "$name"
    "$name"
done
