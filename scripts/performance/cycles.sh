#!/usr/bin/env bash
# Where a kernel's time goes: one prepared kernel is judged, then run over and over while `perf`
# takes samples; functions with their shares. The notes of reports/performance.md come from this.
#
#   scripts/performance/cycles.sh BACKEND CASE [ITERATIONS]
#   scripts/performance/cycles.sh fbgemm/avx2-exact linear/m256.n256.k256/u8.s8.s32/per-tensor
#
# Case ids of a bench run stand in its file (target/performance/*.jsonl) and in its output.
set -euo pipefail
cd "$(dirname "$0")/../.."

case ${1:-} in
-h | --help | '')
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
backend=$1
case_id=${2:?"cycles.sh needs a case after the backend (see --help)"}
iterations=${3:-2000}
for tool in perf:linux-perf c++filt:binutils; do
    command -v "${tool%:*}" >/dev/null || {
        echo "missing: ${tool%:*} (on Debian: apt-get install ${tool#*:})" >&2
        exit 2
    }
done

# Names that tell which instance of a generic function it is, so that this is a build of its own.
target=${CARGO_TARGET_DIR:-target}/cycles
RUSTFLAGS="${RUSTFLAGS:-} -Csymbol-mangling-version=v0" \
    cargo build --quiet --release --target-dir "$target"
# By the clock: virtual machines seldom count cycles.
perf record --quiet --event cpu-clock --freq 4000 --output "$target/samples" -- \
    "$target/release/qassay" count --backend "$backend" --case "$case_id" --iterations "$iterations"
echo
perf report --stdio --no-children --no-demangle --percent-limit 1 --sort symbol \
    --input "$target/samples" 2>/dev/null |
    sed -nE 's/^ +([0-9.]+%) +\[[.k]\] ([^ ]+).*/\1  \2/p' | c++filt -s auto |
    sed -E 's/\[[0-9a-f]{16}\]//g; s/qassay_(backends|golden):://g'
