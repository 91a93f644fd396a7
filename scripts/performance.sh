#!/bin/sh
# Writes reports/performance.md: every backend that this CPU runs natively, on the
# shapes of `qassay list shapes`, each output checked. Run it on a machine that
# does nothing else.
#
#   scripts/performance.sh                       # about half an hour
#   scripts/performance.sh --quick               # a first look
#   BACKENDS='fbgemm/avx2*' BASE=fbgemm/avx2 scripts/performance.sh
#
# BACKENDS  backends to time (default: x86 or arm, without plain code)
# BASE      the backend that others are held against (default: the first)
# SETS      sets of shapes (default: gemm gemm-sums conv elements)
# DATA      data classes of the products (default: full-range gaussian)
# OUT       the document (default: reports/performance.md); run files lie beside it
set -eu
cd "$(dirname "$0")/.."
case "$(uname -m)" in
    x86_64) default='*/avx*,*/amx' ;;
    aarch64) default='*/neon*' ;;
    *) default='all' ;;
esac
backends=${BACKENDS:-$default}
out=${OUT:-reports/performance.md}
folder=$(dirname "$out")
mkdir -p "$folder"
cargo build --release
qassay=target/release/qassay
[ -x "$qassay" ] || qassay=${CARGO_TARGET_DIR:?}/release/qassay
shapes=
for set in ${SETS:-gemm gemm-sums conv elements}; do
    shapes="$shapes --shape $set"
done
document=$out.part
trap 'rm -f "$document"' EXIT
: > "$document"
for data in ${DATA:-full-range gaussian}; do
    # The exit code is 1 where a backend was wrong: that stands in the document.
    # shellcheck disable=SC2086
    "$qassay" bench --backend "$backends" ${BASE:+--base "$BASE"} $shapes --data "$data" \
        --format markdown --out "$folder/performance-$data.jsonl" "$@" >> "$document" || [ $? -eq 1 ]
done
mv "$document" "$out"
echo "$out"
