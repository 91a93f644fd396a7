# shellcheck shell=bash
# `scripts/arm.sh cost`: what a kernel costs on ARM without an ARM machine. Two
# kinds of figures, never mixed: instructions counted by the emulator (they
# repeat exactly), and cycles that LLVM's static models of CPUs expect of the
# inner loop (estimates; caches and branches are not in them). Neither is a time.
#
# Sourced by scripts/arm.sh, which has the functions and variables not set here.
# shellcheck disable=SC2154

# Has every instruction set, so that nothing is modelled. Counts do not depend on it.
cost_cpu=max,sve=off
cost_estimated_for=(cortex-a55 cortex-a72 neoverse-n1 neoverse-n2)
cost_default_cases=(
    linear/m64.n64.k256/u8.s8/per-tensor/uniform/seed0
    conv/b1.i14x14.c32.o32.k3x3.p1/u8.s8/per-tensor/uniform/seed0
    conv/b1.i14x14.c32.o32.k3x3.p1.g32/u8.s8/per-tensor/uniform/seed0
)
# Runs of the kernel in the longer count and in the shorter one, which is subtracted.
cost_runs=(22 2)

cost_usage() {
    cat <<'END'
usage: scripts/arm.sh cost [--backend B]... [--case ID]...

  --backend B   a backend, a family, or a glob such as '*/neon*'; may be repeated.
                The default is every ARM backend
  --case ID     a case (see: qassay list cases); may be repeated. The default is
                a linear, a 3x3 convolution and a 3x3 depthwise convolution

counted   instructions executed per multiply-accumulate: two counts of the whole
          program, one with more runs of the kernel, subtracted
estimate  cycles per multiply-accumulate that llvm-mca expects of the inner loop
          in which most instructions were executed; never a measured time
END
}

cost() {
    local patterns=() cases=() backends=() pattern name case_id work
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) cost_usage; return ;;
            --backend | --case) [ $# -gt 1 ] || fail "$1 needs a value (see: scripts/arm.sh cost --help)" ;;&
            --backend) patterns+=("$2"); shift ;;
            --case) cases+=("$2"); shift ;;
            *) fail "cost does not know '$1' (see: scripts/arm.sh cost --help)" ;;
        esac
        shift
    done
    local missing
    mapfile -t missing < <(missing_packages "${packages_of_cost[@]}")
    [ ${#missing[@]} -eq 0 ] || fail "missing packages: ${missing[*]} (run: scripts/arm.sh setup --cost)"
    [ ${#cases[@]} -gt 0 ] || cases=("${cost_default_cases[@]}")
    [ ${#patterns[@]} -gt 0 ] || patterns=('*/neon*')
    while read -r name; do
        for pattern in "${patterns[@]}"; do
            # shellcheck disable=SC2053 # the pattern is a glob
            if [[ $name == $pattern || $name == $pattern/* ]]; then
                backends+=("$name")
                break
            fi
        done
    done < <(qassay "$cost_cpu" list backends | awk '$2 == "native" { print $1 }')
    [ ${#backends[@]} -gt 0 ] || fail "no backend that runs natively on ARM is named ${patterns[*]}"

    work=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder is known now
    trap "rm -rf '$work'" EXIT
    gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -O2 -shared -fPIC "$here/arm/count.c" -o "$work/count.so"
    echo "counted by QEMU; estimates by llvm-mca (LLVM $(llvm-mca-22 --version | sed -n 's/.*LLVM version //p')). No line is a time."
    local code=0
    for name in "${backends[@]}"; do
        for case_id in "${cases[@]}"; do
            cost_of "$work" "$name" "$case_id" || code=$?
        done
    done
    return "$code"
}

# Counts the instructions of a whole run with `$4` runs of the kernel into `$1/$5`.
cost_count() {
    local work=$1 name=$2 case_id=$3 runs=$4 file=$5
    qemu-aarch64 -cpu "$cost_cpu" -plugin "$work/count.so,out=$work/$file" \
        "$binary" count --backend "$name" --case "$case_id" --iterations "$runs"
}

cost_of() {
    local work=$1 name=$2 case_id=$3 report amount unit
    printf '\n%s  %s\n' "$name" "$case_id"
    if ! report=$(cost_count "$work" "$name" "$case_id" "${cost_runs[0]}" long 2>"$work/error"); then
        sed 's/^/  not counted: /' "$work/error"
        # What a backend does not have is no failure.
        grep -q -e ': unsupported' -e ': precondition-not-met' "$work/error"
        return
    fi
    cost_count "$work" "$name" "$case_id" "${cost_runs[1]}" short >/dev/null
    awk '$1 == "micro-kernel" { $1 = ""; print "  micro-kernel " $0 }' <<<"$report"
    read -r amount unit < <(awk '$1 == "work" { print $2, ($3 == "elements" ? "element" : "multiply-accumulate") }' <<<"$report")

    # The loop whose share of the difference is largest goes to $work/loop:
    # iterations per run, code.
    awk -v runs=$((cost_runs[0] - cost_runs[1])) -v amount="$amount" -v unit="$unit" -v loop_file="$work/loop" '
        # Two loops may begin at the same place, and differ in length.
        { loop = $2 " " $4 }
        FNR == NR && $1 == "instructions" { total = -$2 }
        FNR == NR && $1 == "loop" { iterations[loop] = -$3; executed[loop] = -$5 }
        FNR < NR && $1 == "instructions" { total += $2 }
        FNR < NR && $1 == "loop" {
            iterations[loop] += $3; executed[loop] += $5; length_of[loop] = $4; code[loop] = $7
            if (executed[loop] > executed[most]) most = loop
        }
        END {
            printf "  counted   %.4f instructions per %s (%.0f in each run)\n", total / runs / amount, unit, total / runs
            if (most == "" || executed[most] <= 0) exit
            printf "  counted   %.0f %% of them in an inner loop of %d instructions, %.0f iterations in each run\n",
                100 * executed[most] / total, length_of[most], iterations[most] / runs
            print iterations[most] / runs, code[most] > loop_file
        }' "$work/short" "$work/long"
    [ -s "$work/loop" ] || { echo "  estimate  none: no inner loop was found"; return; }
    cost_estimate "$work" "$amount" "$unit"
    rm -f "$work/loop"
}

cost_estimate() {
    local work=$1 amount=$2 unit=$3 iterations code model cycles
    read -r iterations code <"$work/loop"
    # llvm-mca wants labels where the disassembler gives distances.
    {
        echo 'inner:'
        tr ',' ' ' <<<"$code" | llvm-mc-22 --disassemble --triple=aarch64 --mattr=+all |
            sed -E '/^[[:space:]]*\.(text|section)/d; s/^([[:space:]]*(b|b\.[a-z]+|cbz|cbnz|tbz|tbnz)[[:space:]].*)#-?[0-9]+$/\1inner/'
    } >"$work/loop.s"
    for model in "${cost_estimated_for[@]}"; do
        if cycles=$(llvm-mca-22 --mtriple=aarch64 --mcpu="$model" --iterations=100 "$work/loop.s" 2>"$work/error" |
            awk '/^Total Cycles:/ { print $3 / 100 }') && [ -n "$cycles" ]; then
            awk -v cycles="$cycles" -v iterations="$iterations" -v amount="$amount" -v unit="$unit" -v model="$model" \
                'BEGIN { printf "  estimate  %-12s %.4f cycles per %s in that loop (%.1f an iteration)\n", model, cycles * iterations / amount, unit, cycles }'
        else
            printf '  estimate  %-12s none: %s\n' "$model" "$(sed -n 's/.*error: //p' "$work/error" | head -n 1)"
        fi
    done
}
