#!/usr/bin/env bash
# Writes reports/exhaustive.md: every kernel that this CPU runs natively, at level
# exhaustive: all f32, all s32, all pairs of products, and four times the cases of
# standard. A run that was ended goes on where it was when the script is called again.
#
#   scripts/exhaustive.sh
#   BACKENDS=fbgemm scripts/exhaustive.sh        # these alone
#   SUITES=quantize scripts/exhaustive.sh        # these suites alone
#
# BACKENDS  what to judge (default: all of this architecture)
# SUITES    which suites (default: all)
# PROFILE   how to build (default: release); dev is quicker to have
# OUT       the document (default: reports/exhaustive.md)
# RUN       the run file (default: target/exhaustive/run.jsonl)
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
command -v "$python" >/dev/null || {
    echo "exhaustive.sh: no $python; the tables are made by scripts/exhaustive/document.py" >&2
    exit 2
}
case "$(uname -m)" in
    x86_64) default=x86 ;;
    aarch64) default=arm ;;
    *) default=all ;;
esac
out=${OUT:-reports/exhaustive.md}
run=${RUN:-${CARGO_TARGET_DIR:-target}/exhaustive/run.jsonl}
profile=${PROFILE:-release}
mkdir -p "$(dirname "$run")" "$(dirname "$out")"

cargo build --profile "$profile"
[ "$profile" != dev ] || profile=debug
qassay=${CARGO_TARGET_DIR:-target}/$profile/qassay

# What was killed leaves a part beside the file, what was interrupted says so in its last line.
left=
if [ -e "$run.partial" ]; then
    left=$run.partial
elif [ -e "$run" ] && tail -n 1 "$run" | grep -q '"interrupted":true'; then
    left=$run
fi
if [ -n "$left" ]; then
    echo "exhaustive.sh: goes on from $left; remove it to begin anew" >&2
    asked=(--resume "$left")
else
    asked=(--backend "${BACKENDS:-$default}" --native-only --level exhaustive)
    [ -z "${SUITES:-}" ] || asked+=(--suite "$SUITES")
    # What earlier parts of this run took.
    : >"$run.seconds"
fi

# Exit code 1 says that a backend was wrong: that stands in the document. Any other ends here,
# with what was judged kept.
begun=$(date +%s)
code=0
"$qassay" conform "${asked[@]}" --timings --out "$run" >"$run.log" || code=$?
echo $(($(date +%s) - begun)) >>"$run.seconds"
[ "$code" -le 1 ] || {
    tail -3 "$run.log" >&2
    exit "$code"
}
"$python" scripts/exhaustive/document.py "$run" >"$out.part"
mv "$out.part" "$out"
echo "$out"
exit "$code"
