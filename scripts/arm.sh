#!/usr/bin/env bash
# Builds the workspace for 64-bit ARM and runs it on emulated CPUs (user-mode
# QEMU), on Debian 12 for x86-64. `scripts/arm.sh --help` says how.
#
# Rust's own cargo drives Debian's rustc, because that is the compiler whose
# standard library Debian has for arm64. It builds into a folder of its own,
# target/arm, so that the two compilers do not undo each other's work.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
# shellcheck source=scripts/arm/cost.sh
. "$here/arm/cost.sh"

target=aarch64-unknown-linux-gnu
target_dir=${CARGO_TARGET_DIR:-$root/target}/arm
binary=$target_dir/$target/debug/qassay

# What runs natively: NEON; and the dot product; and the matrix product (i8mm).
models=(cortex-a53 neoverse-n1 "max,sve=off")

packages=(rustc-web libstd-rust-web-dev:arm64 gcc libc6-dev
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static)
packages_of_cost=(qemu-user llvm-22)

usage() {
    cat <<'END'
Builds for 64-bit ARM and runs on emulated CPUs.

usage: scripts/arm.sh COMMAND [--cpu MODEL[,MODEL]] [ARGS]

  setup [--cost]   install what is needed (apt-get; as root or with sudo);
                   --cost adds what `cost` needs
  build            compile into target/arm
  test [ARGS]      cargo test; on max,sve=off, whose instructions are a superset
  conform [ARGS]   qassay conform on each CPU; --backend arm --level smoke
                   unless ARGS say otherwise
  golden           golden vectors made on each CPU are those of golden/, byte for byte
  cost [ARGS]      instructions per multiply-accumulate of ARM kernels, counted,
                   and estimated cycles of their inner loops; see cost --help
  bench            as cost: an emulator's times say nothing about a CPU
  run ARGS         qassay with these arguments on each CPU
  cpus             what the emulated CPUs have

  --cpu MODEL[,MODEL]  CPUs that QEMU knows, such as cortex-a72,max,sve=off.
                   The default is cortex-a53 (NEON), neoverse-n1 (and dot product)
                   and max,sve=off (and i8mm)

Cases are judged in one process, which is faster under an emulator; with
QASSAY_IN_PROCESS=0 in worker processes, where a crash is one case's verdict.

Exit codes are qassay's and cargo's own; of several CPUs, the highest counts.
2: wrong usage, or something is missing.
END
}

fail() {
    echo "scripts/arm.sh: $*" >&2
    exit 2
}

missing_packages() {
    local package
    for package in "$@"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            echo "$package"
        fi
    done
}

setup() {
    local wanted=("${packages[@]}") missing as_root=()
    case "${1-}" in
        '') ;;
        --cost) wanted+=("${packages_of_cost[@]}") ;;
        *) fail "setup takes --cost or nothing, not '$1'" ;;
    esac
    command -v dpkg-query >/dev/null || fail "setup needs Debian 12: there is no dpkg here"
    mapfile -t missing < <(missing_packages "${wanted[@]}")
    if [ ${#missing[@]} -eq 0 ]; then
        echo "all packages are installed"
        cross_rustc >/dev/null
        return
    fi
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "setup must run as root to install: ${missing[*]}"
        as_root=(sudo)
    fi
    "${as_root[@]}" dpkg --add-architecture arm64
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
    cross_rustc >/dev/null
}

# The path of Debian's rustc, which must be as new as the workspace asks for.
cross_rustc() {
    local rustc has needs
    # Other versions of rustc may come first on the path.
    rustc=$(dpkg -L rustc-web | grep '/bin/rustc$') || fail "the package rustc-web holds no rustc"
    has=$("$rustc" --version | cut -d ' ' -f 2)
    needs=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
    if [ "$(printf '%s\n' "$needs" "$has" | sort -V | head -n 1)" != "$needs" ]; then
        fail "rustc-web is rustc $has, but $needs or newer is needed: Debian has it in the suite bookworm-security, which apt's sources lack here (add it, run apt-get update and upgrade rustc-web and libstd-rust-web-dev:arm64)"
    fi
    echo "$rustc"
}

# Points cargo at the cross compiler.
toolchain() {
    local missing rustc
    command -v cargo >/dev/null || fail "cargo is missing: install Rust 1.95 or newer"
    mapfile -t missing < <(missing_packages "${packages[@]}")
    [ ${#missing[@]} -eq 0 ] || fail "missing packages: ${missing[*]} (run: scripts/arm.sh setup)"
    rustc=$(cross_rustc)
    export RUSTC=$rustc RUSTDOC=${rustc%rustc}rustdoc
    export CARGO_TARGET_DIR=$target_dir CARGO_BUILD_TARGET=$target
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    # Nobody steps through these programs; without debug information they build faster.
    export CARGO_PROFILE_DEV_DEBUG=0
}

# Runs a command with everything that starts ARM programs told the emulator:
# cargo, and qassay for its worker processes. No -L: it would mix two C libraries.
on() {
    local cpu=$1
    shift
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -cpu $cpu" \
        QASSAY_WORKER_RUNNER="qemu-aarch64-static -cpu $cpu" "$@"
}

# qassay on an emulated CPU. It judges on threads of one process unless
# QASSAY_IN_PROCESS says otherwise: every worker process would have its code
# translated anew, which takes more than twice the time at level smoke.
qassay() {
    local cpu=$1
    shift
    QASSAY_IN_PROCESS=${QASSAY_IN_PROCESS-1} on "$cpu" qemu-aarch64-static -cpu "$cpu" "$binary" "$@"
}

check_models() {
    local known cpu
    # It exits with 1 after this answer.
    known=$(qemu-aarch64-static -cpu help) || true
    for cpu in "$@"; do
        grep -qxE " *${cpu%%,*}" <<<"$known" || fail "QEMU knows no CPU '$cpu' (see: qemu-aarch64-static -cpu help)"
    done
}

# Adds the CPUs of a list: commas stand between CPUs, and before a CPU's own
# settings, which hold an equals sign.
add_models() {
    local parts part
    IFS=, read -ra parts <<<"$1"
    for part in "${parts[@]}"; do
        case $part in
            '') ;;
            *=*)
                [ ${#cpus[@]} -gt 0 ] || fail "--cpu '$1': a setting without a CPU before it"
                cpus[-1]+=,$part
                ;;
            *) cpus+=("$part") ;;
        esac
    done
}

# Does something on each CPU; the highest exit code counts.
on_each() {
    local cpu code=0 highest=0
    for cpu in "${cpus[@]}"; do
        printf '\n== %s\n' "$cpu"
        code=0
        "$1" "$cpu" "${@:2}" || code=$?
        [ "$code" -le "$highest" ] || highest=$code
    done
    return "$highest"
}

has_option() {
    local option=$1 given
    shift
    for given in "$@"; do
        case $given in
            "$option" | "$option"=*) return 0 ;;
        esac
    done
    return 1
}

conform() {
    local defaults=()
    if ! has_option --backend "$@" && ! has_option -b "$@"; then
        defaults+=(--backend arm)
    fi
    if ! has_option --level "$@" && ! has_option -l "$@" && ! has_option --case "$@" && ! has_option -c "$@"; then
        defaults+=(--level smoke)
    fi
    if [ ${#cpus[@]} -gt 1 ] && { has_option --out "$@" || has_option -o "$@"; }; then
        fail "with --out, name one --cpu: each CPU would write the same file"
    fi
    on_each qassay conform "${defaults[@]}" "$@"
}

golden_on() {
    local cpu=$1 made file
    made=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder is known now
    trap "rm -rf '$made'" RETURN
    qassay "$cpu" golden generate --dir "$made" >"$made/said" || return
    tail -n 1 "$made/said"
    while read -r file; do
        if ! cmp "$root/golden/$file" "$made/$file"; then
            echo "$file differs when made on $cpu"
            return 1
        fi
    done < <(cd "$root/golden" && ls MANIFEST.json vectors/*.json && cd "$made" && ls vectors/*.json)
    echo "the same bytes as golden/"
}

main() {
    local command=${1-}
    [ $# -gt 0 ] || { usage >&2; exit 2; }
    shift
    local args=()
    cpus=()
    while [ $# -gt 0 ]; do
        case $1 in
            --cpu)
                [ $# -gt 1 ] || fail "--cpu needs the name of a CPU"
                add_models "$2"
                shift
                ;;
            --cpu=*) add_models "${1#--cpu=}" ;;
            *) args+=("$1") ;;
        esac
        shift
    done
    case $command in
        -h | --help | help) usage; return ;;
        setup) setup "${args[@]}"; return ;;
        build | test | conform | golden | cost | bench | run | cpus) ;;
        *) fail "unknown command '$command' (see: scripts/arm.sh --help)" ;;
    esac
    cd "$root"
    toolchain
    check_models "${cpus[@]}"
    if [ "$command" = test ]; then
        [ ${#cpus[@]} -gt 0 ] || cpus=("max,sve=off")
        on_each on cargo test --locked "${args[@]}"
        return
    fi
    [ ${#cpus[@]} -gt 0 ] || cpus=("${models[@]}")
    case $command in
        bench) echo "no times: an emulator's say nothing about a CPU. Counted instructions and estimates instead:" ;;
    esac
    cargo build --locked --quiet
    case $command in
        build) echo "$binary" ;;
        conform) conform "${args[@]}" ;;
        golden) on_each golden_on ;;
        cost | bench) cost "${args[@]}" ;;
        run) on_each qassay "${args[@]}" ;;
        cpus) on_each qassay cpu ;;
    esac
}

main "$@"
