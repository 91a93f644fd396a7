#!/usr/bin/env bash
# Fuzzes everything that reads what others wrote: case ids, golden files, captures, run files,
# declarations and worker frames. libFuzzer on the stable compiler; needs a C++ compiler.
#
#   scripts/fuzz.sh                    every target, 60 seconds each
#   scripts/fuzz.sh --seconds 600 frame capture
#   scripts/fuzz.sh --replay           the committed inputs alone, each once
#
# Nothing may panic, and nothing may ask for more memory than its input is worth. An input
# that does is left in target/fuzz/TARGET/; put it into scripts/fuzz/corpus/TARGET once mended.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=60
replay=
targets=()
while [ $# -gt 0 ]; do
    case $1 in
    --seconds)
        seconds=${2:?"--seconds needs a number"}
        shift
        ;;
    --replay) replay=1 ;;
    -h | --help)
        sed -n '2,11s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    -*)
        echo "unknown option $1 (see scripts/fuzz.sh --help)" >&2
        exit 2
        ;;
    *) targets+=("$1") ;;
    esac
    shift
done
known=$(ls scripts/fuzz/targets | sed 's/\.rs$//')
[ ${#targets[@]} -gt 0 ] || mapfile -t targets <<<"$known"
for target in "${targets[@]}"; do
    grep -qx "$target" <<<"$known" || {
        echo "no target is named '$target'; there are:" $known >&2
        exit 2
    }
done
command -v c++ >/dev/null || {
    echo "missing: a C++ compiler, for libFuzzer (apt-get install g++)" >&2
    exit 2
}

# Coverage of the code for libFuzzer; with --target, build scripts and macros have none.
host=$(rustc -vV | sed -n 's/^host: //p')
passes=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares)
# The versions of the workspace; what fuzzing adds comes on top.
cp Cargo.lock scripts/fuzz/Cargo.lock
RUSTFLAGS="--cfg fuzzing ${passes[*]}" cargo build --quiet --release \
    --manifest-path scripts/fuzz/Cargo.toml --target-dir target/fuzz/build --target "$host"

for target in "${targets[@]}"; do
    corpus=scripts/fuzz/corpus/$target
    found=target/fuzz/$target
    mkdir -p "$found/new"
    limit=(-runs=0)
    [ -n "$replay" ] || limit=(-max_total_time="$seconds")
    printf '%s: ' "$target"
    # What is new goes beside the committed inputs, never into them.
    if ! target/fuzz/build/"$host"/release/"$target" "${limit[@]}" -timeout=20 -rss_limit_mb=2048 \
        -artifact_prefix="$found/" -print_final_stats=1 "$found/new" "$corpus" \
        >"$found/log" 2>&1; then
        echo "FAILED, see $found/log"
        grep -E "panicked|ERROR|Test unit written" "$found/log" | head -5
        exit 1
    fi
    sed -n 's/^stat::number_of_executed_units: *\(.*\)/\1 inputs, nothing panicked/p' "$found/log"
    rm -rf "/dev/shm/qassay-fuzz-"*
done
