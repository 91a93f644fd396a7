#!/usr/bin/env bash
# Opens a report in a real browser and checks every page: console errors, other
# hosts, 400 and 1600 px, light and dark, sorting and filtering by keyboard,
# contrast and labels. Needs Debian's chromium, node and npm. A step that hangs
# ends the check after STEP_SECONDS (90) with a line that says where.
#
#   scripts/check-report.sh SITE [SHOTS]    SHOTS: a folder for screenshots
#   scripts/check-report.sh --setup         install by apt-get what is missing of these
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

[ $# -ge 1 ] || usage
if [ "$1" = --setup ]; then
    # What is there may come from elsewhere than Debian, whose packages would be at odds with it.
    missing=()
    command -v chromium >/dev/null || missing+=(chromium)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    [ ${#missing[@]} -eq 0 ] || apt-get install -y --no-install-recommends "${missing[@]}"
    exit
fi
site=$1
shots=${2:-}
[ -f "$site/index.html" ] || {
    echo "$site holds no report (make one: cargo run -- report RUN.jsonl --out $site)" >&2
    exit 2
}
for tool in chromium node npm; do
    command -v "$tool" >/dev/null || {
        echo "missing: $tool (scripts/check-report.sh --setup)" >&2
        exit 2
    }
done

# Packages go to the build folder, at the versions of scripts/report/package.json.
work=target/check-report
mkdir -p "$work"
if ! cmp -s scripts/report/package.json "$work/package.json"; then
    cp scripts/report/package.json "$work/"
    (cd "$work" && timeout 300 npm install --no-audit --no-fund --loglevel=error) || {
        rm -f "$work/package.json"
        echo "npm cannot install puppeteer-core and axe-core" >&2
        exit 2
    }
fi
site=$(realpath "$site")
[ -z "$shots" ] || { mkdir -p "$shots" && shots=$(realpath "$shots"); }
script=$PWD/scripts/report/check.mjs
cd "$work"
exec node "$script" "$site" "$(command -v chromium)" ${shots:+"$shots"}
