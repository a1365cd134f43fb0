# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# "sim": the simulator of tests/sim. Its essay, atop tests/sim/sim.c, says what it runs and how it is asked.
#
# sim --mutants      each rule of the protocol that can be left out is, and must be missed within SIM_MUTANT_IN schedules
# sim --coverage     which branches of the rooms below SIM_COVERED schedules reach, and which not; needs gcov

SIM_MUTANT_IN=6000 # fresh ones: a minute of two idle cores, however busy they are
SIM_COVERED_FROM=1 # a fixed number of fixed seeds, for what they reach must not depend on how busy the machine is
SIM_COVERED=40000
SIM_ROOMS=(cache redis clients cdn follow l1 peers queue)

command_sim() {
    SIM_COMMIT=$(git -C "$ROOT" rev-parse --short HEAD 2>/dev/null || echo unknown)
    export SIM_COMMIT
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_TEST[@]}"
    case ${1-} in
    --mutants) sim_mutants ;;
    --coverage) sim_coverage ;;
    *)
        build_sim
        "$ROOT/build-failpoints/tests/sim/sim" "$@"
        ;;
    esac
}

sim_mutants() {
    local mutant missed=0
    local -a where
    build_sim
    for mutant in $(sim_switches); do
        where=()
        [[ $mutant == slot_* ]] && where=(--cluster) # a rule of a cluster's own
        if "$ROOT/build-failpoints/tests/sim/sim" "${where[@]}" --mutant "$mutant" --schedules "$SIM_MUTANT_IN" >"$ROOT/build-failpoints/mutant.log"; then
            say "not missed: $mutant"
            missed=1
        else
            say "missed: $mutant: $(sed -n '3s/^ *//p' "$ROOT/build-failpoints/mutant.log")"
        fi
    done
    return "$missed"
}

# The rows of base/failpoint.h that are switches.
sim_switches() {
    sed -nE 's/^ *X\([A-Z0-9_]+, "([a-z0-9_]+)", SWITCH.*/\1/p' "$ROOT/src/base/failpoint.h"
}

# The simulator alone, compiled for gcov.
sim_coverage() {
    local dir=$ROOT/build-coverage room
    build_default
    CFLAGS=-O0 build_into "$dir" "--enable-failpoints --enable-coverage" tests/sim/sim
    find "$dir" -name '*.gcda' -delete
    "$dir/tests/sim/sim" "$SIM_COVERED_FROM" --schedules "$SIM_COVERED" --go-on || say "a rule was broken: coverage all the same"
    for room in "${SIM_ROOMS[@]}"; do
        /usr/bin/python3 -B "$ROOT/tests/sim/coverage.py" "$dir" "$room"
    done
}
