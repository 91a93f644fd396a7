#!/usr/bin/env bash
# Writes reports/performance.md: what was to be reached and what was, on this CPU,
# beside the real engines that can be installed here; each output checked in the same
# run. Run it on a machine that does nothing else. A run that is cut leaves the
# document of the run before.
#
#   scripts/performance.sh                       # about a quarter of an hour, and building
#   scripts/performance.sh --quick               # a first look: fewer and shorter samples
#   PEERS= scripts/performance.sh                # without engines
#
# BACKENDS  backends to time (default: the exact ones of this CPU, by instruction set)
# PEERS     engines to install and time (default: onednn onnxruntime xnnpack gemmlowp rten tract), or
#           paths of plugins
# SETS      sets of shapes (default: gemm gemm-sums conv elements)
# DATA      data classes of the products (default: full-range gaussian)
# PROFILE   how to build (default: release); dev is quicker to have
# OUT       the document (default: reports/performance.md)
# RUNS      where run files go (default: target/performance)
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
    -h | --help)
        sed -n '2,19s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
esac
python=${PYTHON:-python3}
command -v "$python" >/dev/null || {
    echo "performance.sh: no $python; the tables are made by scripts/performance/targets.py" >&2
    exit 2
}
case "$(uname -m)" in
    x86_64) default='fbgemm/avx*exact,fbgemm/avx*vnni,fbgemm/am*,onednn/avx*vnni*,onednn/avx2*exact,qnnpack/avx*vnni' ;;
    aarch64) default='*/neon*' ;;
    *) default='all' ;;
esac
backends=${BACKENDS:-$default}
out=${OUT:-reports/performance.md}
runs=${RUNS:-${CARGO_TARGET_DIR:-target}/performance}
profile=${PROFILE:-release}
mkdir -p "$runs" "$(dirname "$out")"
rm -f "$runs"/*.jsonl

# Peers: what can be had of them. One that cannot be installed is named and left out.
plugins=()
for peer in ${PEERS-onednn onnxruntime xnnpack gemmlowp rten tract}; do
    case "$peer" in
        */*.so) plugins+=("plugin:$peer") && continue ;;
    esac
    scripts/engines/setup.sh "$peer" >"$runs/setup-$peer.log" 2>&1 ||
        echo "performance.sh: left out: $peer ($(tail -1 "$runs/setup-$peer.log"))" >&2
    # It names the plugins that it made.
    while read -r plugin; do
        plugins+=("$plugin")
    done < <(grep '^plugin:' "$runs/setup-$peer.log")
done
peers=
for plugin in "${plugins[@]+"${plugins[@]}"}"; do
    peers+=,$plugin
done

cargo build --profile "$profile"
[ "$profile" != dev ] || profile=debug
qassay=${CARGO_TARGET_DIR:-target}/$profile/qassay

# Exit code 1 says that a backend was wrong: that stands in the document.
bench() {
    local name=$1
    shift
    echo "== bench $*" >&2
    "$qassay" bench "$@" --out "$runs/$name.jsonl" >"$runs/$name.log" || [ $? -eq 1 ]
}

shapes=() products=() elements=
for set in ${SETS:-gemm gemm-sums conv elements}; do
    shapes+=(--shape "$set")
    case "$set" in
        gemm*) products+=(--shape "$set") ;;
        elements) elements=1 ;;
    esac
done
for data in ${DATA:-full-range gaussian}; do
    # Convolutions have targets for data of the full range alone.
    asked=("${shapes[@]}")
    [ "$data" = full-range ] || asked=("${products[@]+"${products[@]}"}")
    [ "${#asked[@]}" -gt 0 ] || continue
    bench "all-$data" --backend "$backends$peers" "${asked[@]}" --data "$data" "$@"
done
# Element-wise ops have other data than products.
[ -z "$elements" ] || bench all-uniform --backend "$backends$peers" "${shapes[@]}" --data uniform \
    --suite quantize,dequantize,requantize "$@"
# As on a CPU without VNNI, which is where sums in 16 bits pay: against those peers that can be
# held to AVX2.
held=
for plugin in "${plugins[@]+"${plugins[@]}"}"; do
    case "$plugin" in
        *onednn* | *gemmlowp*) held+=,$plugin ;;
    esac
done
if [ "$(uname -m)" = x86_64 ] && [ "${#products[@]}" -gt 0 ]; then
    for data in ${DATA:-full-range gaussian}; do
        ONEDNN_MAX_CPU_ISA=AVX2 bench "avx2-$data" --backend "fbgemm/avx2*,onednn/avx2*,qnnpack/avx2$held" \
            --shape gemm --shape gemm-sums --data "$data" "$@"
    done
fi
for threads in ${products:+1 2}; do
    bench "threads-$threads" --backend "$backends" --shape 1024,1024,1024 --threads "$threads" "$@"
done
"$python" scripts/performance/targets.py "$runs"/*.jsonl --notes scripts/performance/notes.md >"$out.part"
mv "$out.part" "$out"
echo "$out"
