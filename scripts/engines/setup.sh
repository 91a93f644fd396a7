#!/usr/bin/env bash
# Makes what the real engines run in: the Python environments of scripts/upstream, and
# plugins (scripts/engines/.plugins, not in git) of those that have an interface for C,
# C++ or Rust. All of it comes from package registries.
#
# Usage: scripts/engines/setup.sh [NAME…]      (no name: all of them)
#        VERSIONS="torch==2.13.0" scripts/engines/setup.sh pytorch
#
# What one needs that is not there is said in one line. With several names, or none, the
# others are made all the same; the exit code is then 2.
set -euo pipefail
cd "$(dirname "$0")"
venvs=../upstream/.venv

missing() {
    echo "setup.sh: $*" >&2
    exit 2
}

need() { # a program, and whose package it is
    command -v "$1" > /dev/null || missing "$name needs $1: $2"
}

# Headers of Debian's packages; as root, or with a sudo that asks nothing, they are installed.
debian() { # a file of theirs, and the packages
    local file=$1 as_root=()
    shift
    [ ! -e "$file" ] || return 0
    [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
    if command -v apt-get > /dev/null; then
        { "${as_root[@]}" apt-get update -q && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends "$@"; } > /dev/null 2>&1 || true
    fi
    [ -e "$file" ] || missing "$name needs Debian's headers: apt-get install $*"
}

# A plugin's name, its source, and what else the compiler is to be told.
plugin() {
    local library=.plugins/libqassay_$1.so source=plugins/$2
    shift 2
    mkdir -p .plugins
    case $source in
        *.cc) local compiler=(g++ -std=c++14) ;;
        *) local compiler=(cc -std=c99 -Wall -Wextra) ;;
    esac
    "${compiler[@]}" -O2 -shared -fPIC -I ../../backends/include -o "$library.part" "$source" "$@"
    mv "$library.part" "$library"
    echo "plugin:scripts/engines/$library"
}

pytorch() { ../upstream/setup.sh pytorch; }
litert() { ../upstream/setup.sh litert; }

onnxruntime() {
    ../upstream/setup.sh onnxruntime
    command -v cc > /dev/null || missing "no C compiler (cc): ONNX Runtime is there for Python, not as a plugin"
    local library
    library=$(find "$venvs/onnxruntime" -name 'libonnxruntime.so.*' ! -name '*.so.1' | head -n 1)
    [ -n "$library" ] || missing "this wheel of ONNX Runtime holds no libonnxruntime.so: no plugin"
    mkdir -p .plugins
    ln -sf "$(realpath "$library")" .plugins/libonnxruntime.so.1
    local here
    here=$(realpath .plugins)
    plugin onnxruntime onnxruntime.c .plugins/libonnxruntime.so.1 -Wl,-rpath,"$here" -lm
    plugin onnxruntime_exact onnxruntime.c -DEXACT .plugins/libonnxruntime.so.1 -Wl,-rpath,"$here" -lm
}

onednn() {
    local venv=$venvs/onednn
    [ -d "$venv" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps numpy \
        onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0
    command -v cc > /dev/null || missing "no C compiler (cc): oneDNN is there for Python, not as a plugin"
    plugin onednn onednn.c -fopenmp -I "$venv/include" -L "$venv/lib" -ldnnl -Wl,-rpath,"$(realpath "$venv/lib")"
}

xnnpack() {
    need cc "a C compiler"
    debian /usr/include/xnnpack.h libxnnpack-dev libpthreadpool-dev
    plugin xnnpack xnnpack.c -lXNNPACK -lpthreadpool -lm
}

gemmlowp() {
    need g++ "apt-get install g++"
    debian /usr/include/gemmlowp/public/gemmlowp.h libgemmlowp-dev
    local flags=()
    if [ "$(uname -m)" = x86_64 ]; then
        flags=(-msse4.1)
        grep -qw avx2 /proc/cpuinfo && flags=(-mavx2 -DGEMMLOWP_ENABLE_AVX2)
    fi
    plugin gemmlowp gemmlowp.cc "${flags[@]}" -lpthread
}

crate() { # the crate's folder
    need cargo "Rust's package manager"
    local target=${CARGO_TARGET_DIR:-../../target}/engines
    cargo build --quiet --release --manifest-path "plugins/$1/Cargo.toml" --target-dir "$target"
    mkdir -p .plugins
    cp "$target/release/libqassay_$1.so" ".plugins/libqassay_$1.so.part"
    mv ".plugins/libqassay_$1.so.part" ".plugins/libqassay_$1.so"
    echo "plugin:scripts/engines/.plugins/libqassay_$1.so"
}

rten() { crate rten; }
gemm() { crate gemm; }
tract() {
    need cc "a C compiler, for tract-linalg's assembler"
    crate tract
}

all=(pytorch onnxruntime litert onednn xnnpack gemmlowp rten gemm tract)
[ $# -gt 0 ] || set -- "${all[@]}"
for name; do
    [[ " ${all[*]} " == *" $name "* ]] || missing "no engine '$name'; there are: ${all[*]}"
done
bad=0
for name; do
    # A process of its own: bash forgets `set -e` in functions whose result is looked at.
    if [ $# -eq 1 ]; then
        "$name"
    else
        "$BASH" "./$(basename "$0")" "$name" || bad=2
    fi
done
exit $bad
