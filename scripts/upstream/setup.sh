#!/usr/bin/env bash
# Makes the Python environments in which capture.py runs real systems.
#
# Usage: scripts/upstream/setup.sh [NAME…]      (no name: all of them)
#        VERSIONS="torch==2.13.0" scripts/upstream/setup.sh pytorch
#
# One environment for each system or family of systems, in scripts/upstream/.venv (not in
# git), from the package registries by pip. What is named in VERSIONS replaces the version that
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
    pip_install tensorflow $(versions tensorflow-cpu==2.21.0 tf-keras==2.21.0 tensorflow-model-optimization==0.8.1)
}

qkeras() {
    # It asks for a Keras that TensorFlow has left; with tf-keras it runs.
    [ -d .venv/tensorflow ] || tensorflow
    pip_install tensorflow --no-deps $(versions qkeras==0.9.0) keras-tuner
    pip_install tensorflow pyparsing networkx tqdm
}

coremltools() {
    pip_install coremltools $(versions coremltools==9.0) scikit-learn
}

nni() {
    # Only its quantizers' arithmetic is called; the rest of it wants an older torch.
    [ -d .venv/pytorch ] || pytorch
    pip_install pytorch --no-deps $(versions nni==3.0)
    pip_install pytorch nvidia-ml-py packaging pyzmq colorama tqdm cloudpickle filelock pyyaml psutil requests schema responses \
        typeguard==2.13.3 json_tricks astor prettytable hyperopt simplejson
}

nvidia() {
    # The registry's pytorch-quantization is an empty stand-in; its successor has the same calibrators.
    [ -d .venv/pytorch ] || pytorch
    pip_install pytorch --no-deps $(versions nvidia-modelopt==0.47.0)
    pip_install pytorch huggingface_hub 'setuptools>=80' pydantic omegaconf safetensors rich scipy tqdm packaging \
        pulp regex pyyaml nvidia-ml-py
}

mxnet() {
    # The last version there was; it knows no newer numpy.
    pip_install mxnet $(versions mxnet==1.9.1) numpy==1.23.5
}

paddle() {
    pip_install paddle $(versions paddlepaddle==3.3.1)
}

paddleslim() {
    # Its histograms fail with a newer numpy.
    [ -d .venv/paddle ] || paddle
    pip_install paddle --no-deps $(versions paddleslim==2.6.0)
    pip_install paddle numpy==2.2.6 colorama tqdm pyyaml pyzmq requests matplotlib pillow opencv-python-headless \
        scikit-learn packaging six pandas decorator networkx astor opt_einsum scipy httpx protobuf
}

tosa() {
    pip_install tosa $(versions tosa-tools==2026.8.0) numpy
}

gemmlowp() {
    # A library of C++ headers, of Debian: apt-get install libgemmlowp-dev g++
    if [ ! -e /usr/include/gemmlowp/public/gemmlowp.h ]; then
        echo "setup.sh: gemmlowp's headers are not in /usr/include: apt-get install libgemmlowp-dev" >&2
        exit 2
    fi
    pip_install gemmlowp numpy
    local flags=-O2
    [ "$(uname -m)" = x86_64 ] && flags="-O2 -msse4.1"
    g++ $flags -std=c++14 -o .venv/gemmlowp/gemmlowp gemmlowp.cc -lpthread
}

all=(onnxruntime pytorch torchao litert tensorflow qkeras coremltools nni nvidia mxnet paddle paddleslim tosa gemmlowp)
for name in "${@:-${all[@]}}"; do
    if [[ " ${all[*]} " != *" $name "* ]]; then
        echo "setup.sh: no system '$name'; there are: ${all[*]} (Distiller and caffe-int8-convert-tools are in no registry)" >&2
        exit 2
    fi
    echo "$name"
    "$name"
done
