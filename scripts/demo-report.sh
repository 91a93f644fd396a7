#!/usr/bin/env bash
# Makes a report from fresh runs: x86 on this CPU, ARM by models (and emulated,
# where scripts/arm.sh is set up), one backend held to other arithmetic, speeds,
# and the real engines that are installed. What is not there is said and left out.
#
#   scripts/demo-report.sh [SITE]           default: reports/out/demo
#   LEVEL=standard scripts/demo-report.sh   more cases (default: smoke)
set -euo pipefail
cd "$(dirname "$0")/.."

site=${1:-reports/out/demo}
level=${LEVEL:-smoke}
runs=$(mktemp -d)
trap 'rm -rf "$runs"' EXIT

cargo build --quiet
qassay=${CARGO_TARGET_DIR:-target}/debug/qassay

# Exit code 1 says that bits differ: that is what some of these runs are for.
run() {
    local name=$1
    shift
    echo "== qassay $*"
    "$qassay" "$@" --out "$runs/$name.jsonl" >"$runs/$name.log" 2>&1 || [ $? -eq 1 ] || {
        tail -3 "$runs/$name.log" >&2
        echo "left out: $name" >&2
        rm -f "$runs/$name.jsonl"
    }
}

run x86 conform --backend x86 --level "$level"
run arm-models conform --backend '*/neon*' --level "$level"
run held-to-exact conform --backend 'fbgemm,onednn/avx2' --as exact --level "$level" \
    --suite quantize,requantize,linear,conv,depthwise
peers=()
compgen -G 'scripts/engines/.plugins/*.so' >/dev/null && peers=(--peers)
run speed bench --backend 'fbgemm/avx*,onednn/avx*,qnnpack/avx2,qnnpack/avx512*' --shape gemm --quick \
    "${peers[@]+"${peers[@]}"}"

# ARM's own instructions, emulated.
if command -v qemu-aarch64-static aarch64-linux-gnu-gcc >/dev/null; then
    echo "== scripts/arm.sh conform"
    scripts/arm.sh conform --cpu max,sve=off --backend arm --level smoke \
        --out "$runs/arm-emulated.jsonl" >"$runs/arm.log" 2>&1 || [ $? -eq 1 ] || {
        tail -3 "$runs/arm.log" >&2
        rm -f "$runs/arm-emulated.jsonl"
    }
fi
[ -e "$runs/arm-emulated.jsonl" ] || echo "left out: emulated ARM (scripts/arm.sh setup)" >&2

# Real engines, those that are installed. One that says nothing yet may take long to load.
engines=$(scripts/engines/engine.py --list | sed '/(first: /d')
[ -n "$engines" ] || echo "left out: real engines (scripts/engines/setup.sh NAME)" >&2
while read -r system engine what; do
    [ -n "$system" ] || continue
    case "$what" in
        *plugin:*) backend=plugin:${what##*plugin:} ;;
        *) backend="exec:scripts/engines/engine.py $system $engine" ;;
    esac
    run "$system-$engine" conform --backend "$backend" \
        --suite quantize,dequantize,linear,conv,depthwise --level "$level"
done <<<"$engines"

"$qassay" report "$runs"/*.jsonl --out "$site"
echo "open $site/index.html"
