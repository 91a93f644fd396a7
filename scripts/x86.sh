#!/usr/bin/env bash
# Runs the x86 backends whose instructions this CPU may lack on a machine that
# has them: AVX-512 VNNI under Bochs, on Debian 12. `scripts/x86.sh --help` says how.
#
# Bochs boots Debian's cloud kernel with a memory disk that holds one static
# program, and that program's output comes back over the serial port.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

target=x86_64-unknown-linux-gnu
target_dir=${CARGO_TARGET_DIR:-$root/target}/x86-static
kernel_dir=${CARGO_TARGET_DIR:-$root/target}/bochs-kernel
packages=(bochs bochsbios vgabios bochs-term isolinux syslinux-common genisoimage cpio gcc libc6-dev)
# Seconds after which an emulated machine is stopped.
limit=1800
emulate=false

# Every x86 instruction set that runs on some CPU and not on others. AVX-VNNI (and
# AMX) are in no emulator.
usage() {
    cat <<'END'
Runs the AVX-512 VNNI backends: natively where this CPU has the instructions,
else on an emulated CPU (Bochs). AVX-VNNI and AMX: models only, there is no
emulator; `qassay conform --backend x86` runs the models everywhere.

usage: scripts/x86.sh COMMAND [--emulate] [--limit SECONDS] [ARGS]

  setup            install what is needed (apt-get; as root or with sudo) and
                   fetch Debian's cloud kernel, which is not installed
  conform [ARGS]   qassay conform; --backend '*/avx512*' --level smoke unless
                   ARGS say otherwise. Emulated, without the captured layers,
                   which are too large for the memory disk
  test [ARGS]      the tests of the instruction sets: every model against the
                   instruction; ARGS go to the test program

  --emulate        under Bochs even where this CPU has the instructions
  --limit SECONDS  stop an emulated machine after that long (default 1800)

Exit codes are those of the program that ran. 2: wrong usage, something is
missing, or the emulated machine did not come to an end.
END
}

fail() {
    echo "scripts/x86.sh: $*" >&2
    exit 2
}

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
            echo "$package"
        fi
    done
}

setup() {
    local missing as_root=() image
    command -v dpkg-query >/dev/null || fail "setup needs Debian 12: there is no dpkg here"
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -gt 0 ]; then
        if [ "$(id -u)" -ne 0 ]; then
            command -v sudo >/dev/null || fail "setup must run as root to install: ${missing[*]}"
            as_root=(sudo)
        fi
        "${as_root[@]}" apt-get update -q
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends "${missing[@]}"
    else
        echo "all packages are installed"
    fi
    if kernel >/dev/null; then
        echo "the kernel is there"
        return
    fi
    image=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" { print $2; exit }')
    [ -n "$image" ] || fail "apt knows no linux-image-cloud-amd64 (run: apt-get update)"
    mkdir -p "$kernel_dir"
    (cd "$kernel_dir" && apt-get download -q -o APT::Sandbox::User=root "$image" && dpkg-deb -x "$image"_*.deb . && rm -f "$image"_*.deb)
    kernel >/dev/null || fail "the package $image holds no kernel"
}

# The path of the unpacked kernel.
kernel() {
    local file
    for file in "$kernel_dir"/boot/vmlinuz-*; do
        [ -f "$file" ] || return 1
        echo "$file"
        return
    done
}

has_flag() {
    grep -qw "$1" /proc/cpuinfo
}

# cargo for a machine that has no C library.
static_cargo() {
    RUSTFLAGS='-C target-feature=+crt-static' CARGO_TARGET_DIR=$target_dir CARGO_PROFILE_DEV_DEBUG=0 \
        cargo "$1" --locked --target "$target" "${@:2}"
}

# Boots a machine that runs the program with the arguments; its output and exit code.
boot() {
    local program=$1 work image missing
    shift
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -eq 0 ] || fail "missing packages: ${missing[*]} (run: scripts/x86.sh setup)"
    image=$(kernel) || fail "the kernel is missing (run: scripts/x86.sh setup)"
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder is known now
    trap "stop_machine '$work'; rm -rf '$work'" EXIT
    mkdir -p "$work/disk/dev" "$work/cd"
    gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -O2 -static "$here/bochs/init.c" -o "$work/disk/init"
    strip -o "$work/disk/guest" "$program"
    printf '%s\0' "$@" >"$work/disk/arguments"
    printf '%s\0' QASSAY_IN_PROCESS=1 TMPDIR=/tmp >"$work/disk/environment"
    (cd "$work/disk" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/cd/initrd.img"
    cp "$image" "$work/cd/vmlinuz"
    cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$here/bochs/isolinux.cfg" "$work/cd"
    genisoimage -quiet -o "$work/boot.iso" -b isolinux.bin -c boot.cat \
        -no-emul-boot -boot-load-size 4 -boot-info-table "$work/cd"
    cp "$here/bochs/bochsrc" "$work"
    # Debian's Bochs is the debugger's build: it waits for the command to continue.
    echo c >"$work/rc.txt"
    : >"$work/serial.txt"
    echo "booting an emulated CPU with AVX-512 VNNI (Bochs); its start takes half a minute or more" >&2
    # It wants a terminal to draw on.
    (cd "$work" && TERM=xterm exec script -qec 'echo $$ >pid; exec bochs-bin -q -f bochsrc -rc rc.txt' /dev/null) \
        </dev/null >/dev/null 2>&1 &
    follow "$work" $!
}

# Copies what the machine says until it has ended; its program's exit code.
follow() {
    local work=$1 machine=$2 shown=0 lines end=$((SECONDS + limit)) state=''
    while [ -z "$state" ]; do
        if ! kill -0 "$machine" 2>/dev/null; then
            state=gone
        elif [ "$SECONDS" -ge "$end" ]; then
            state=late
        fi
        # A line that is still being written has no end yet.
        lines=$(wc -l <"$work/serial.txt")
        if [ "$lines" -gt "$shown" ]; then
            sed -n "$((shown + 1)),${lines}p" "$work/serial.txt" | tr -d '\r' | grep -v '^QASSAY-' || true
            shown=$lines
        fi
        if grep -q '^QASSAY-\(EXIT\|SIGNAL\)' "$work/serial.txt"; then
            state=said
        fi
        [ -n "$state" ] || sleep 1
    done
    case $state in
        gone) fail "the emulated machine ended without running the program: $(tail -n 1 "$work/bochs.log" 2>/dev/null)" ;;
        late) fail "the emulated machine was stopped after $limit seconds (see: --limit)" ;;
    esac
    local word number
    read -r word number < <(tr -d '\r' <"$work/serial.txt" | grep '^QASSAY-\(EXIT\|SIGNAL\)')
    [ "$word" = QASSAY-EXIT ] || number=$((128 + number))
    return "$number"
}

# Bochs takes its own shutdown for a crash and may wait for an answer.
stop_machine() {
    if [ -f "$1/pid" ]; then
        kill -KILL "$(cat "$1/pid")" 2>/dev/null || true
    fi
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
    local arguments=(conform "$@") suites binary
    has_option --backend "$@" || has_option -b "$@" || arguments+=(--backend '*/avx512*')
    has_option --level "$@" || has_option -l "$@" || has_option --case "$@" || has_option -c "$@" ||
        arguments+=(--level smoke)
    if ! $emulate && has_flag avx512_vnni; then
        echo "this CPU has AVX-512 VNNI: natively (--emulate runs it under Bochs)" >&2
        cargo run --locked --quiet -- "${arguments[@]}"
        return
    fi
    static_cargo build --quiet
    binary=$target_dir/$target/debug/qassay
    if ! has_option --suite "$@" && ! has_option -s "$@" && ! has_option --case "$@" && ! has_option -c "$@"; then
        suites=$("$binary" list suites | awk '$1 != "captured" { printf "%s%s", comma, $1; comma = "," }')
        arguments+=(--suite "$suites")
    fi
    boot "$binary" "${arguments[@]}"
}

test_models() {
    local program
    if ! $emulate && has_flag avx512_vnni; then
        echo "this CPU has AVX-512 VNNI: natively (--emulate runs it under Bochs)" >&2
        cargo test --locked --quiet -p qassay-backends --lib isa:: -- "$@"
        return
    fi
    # cargo says on standard error where it put the test program.
    program=$(static_cargo test -p qassay-backends --lib --no-run 2>&1 |
        sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
    [ -x "$program" ] || fail "the tests do not build (try: cargo test -p qassay-backends --lib --no-run)"
    boot "$program" isa:: --test-threads 1 "$@"
}

main() {
    [ $# -gt 0 ] || { usage >&2; exit 2; }
    local command=$1 args=()
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --emulate) emulate=true ;;
            --limit)
                [[ ${2-} =~ ^[1-9][0-9]*$ ]] || fail "--limit needs a number of seconds"
                limit=$2
                shift
                ;;
            *) args+=("$1") ;;
        esac
        shift
    done
    cd "$root"
    case $command in
        -h | --help | help) usage; return ;;
        setup) setup; return ;;
        conform | test) ;;
        *) fail "unknown command '$command' (see: scripts/x86.sh --help)" ;;
    esac
    command -v cargo >/dev/null || fail "cargo is missing: install Rust 1.95 or newer"
    echo "AVX-VNNI and AMX: models only" >&2
    if [ "$command" = conform ]; then
        conform "${args[@]}"
    else
        test_models "${args[@]}"
    fi
}

main "$@"
