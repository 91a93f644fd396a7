#!/usr/bin/env bash
# Makes a report from fresh runs: x86 on this CPU, ARM by models (and emulated,
# where scripts/arm.sh is set up), one backend held to other arithmetic, and
# speeds. What is not there is said and left out.
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
run arm-models conform --backend arm --level "$level"
run held-to-exact conform --backend 'fbgemm,onednn/avx2' --as exact --level "$level" \
    --suite quantize,requantize,linear,conv,depthwise
if "$qassay" bench --help >/dev/null 2>&1; then
    run speed bench --backend x86 --quick
else
    echo "left out: speed (this qassay has no bench)" >&2
fi

"$qassay" report "$runs"/*.jsonl --out "$site"
echo "open $site/index.html"
