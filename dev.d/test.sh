# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# All the tests and their sum. The last line is "N passed, N failed", and ", N skipped" if any were.
#
# unit, store  the cmocka programs of tests/unit and tests/store, run by "make check" and counted by their TAP lines
# lint, cache, assets   pytest over these folders of tests/, which need no stack
# model                 tests/model/run.sh, which "make check" runs as well
# faults                pytest over tests/faults, on the build with failpoints: the short form as one part of all the tests, the
#                       long one if it, or a test of it, is asked for by name; FAULTS=short or FAULTS=long decides otherwise
# e2e, browser          pytest over these, which need a stack; the workers under test are the sanitizers' build
#
# Everything that runs lives in one temporary folder, with ports of its own, and is gone afterwards; what failed leaves its
# logs in build/test-logs. With CI=true a skip counts as a failure.

TEST_PARTS=(unit store lint cache assets model faults e2e browser)

command_test() {
    local part
    test_clean_environment
    # shellcheck disable=SC2046
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}" $(test_packages_mongodb)
    test_begin
    test_install_lint
    if [ $# -eq 0 ]; then
        set -- "${TEST_PARTS[@]}"
        : "${FAULTS:=short}"
    fi
    export FAULTS=${FAULTS:-long}
    test_build build_default || set --
    for part in "$@"; do
        case $part in
        unit | store) test_cmocka "$part" "" ;;
        lint | cache | assets) test_pytest "$part" "$ROOT/tests/$part" ;;
        model) test_model ;;
        faults) test_faults "$ROOT/tests/faults" ;;
        e2e | browser) test_e2e "$part" "$ROOT/tests/$part" ;;
        *) test_by_name "$part" ;;
        esac
    done
    test_sum
}

# Where there is no MongoDB, tests/store/mongodb.sh starts a stand-in that is written in Java.
test_packages_mongodb() {
    if [ -z "${MONGODB_URI-}" ] && ! command -v mongod >/dev/null; then
        printf '%s\n' default-jdk-headless maven
    fi
}

# Nothing that a person set for "up" may reach the tests' stacks.
test_clean_environment() {
    local name
    for name in $(compgen -e); do
        [[ $name != TODO_* ]] || unset "$name"
    done
    unset PORT INTERNAL_PORT WORKERS HOSTS MICRO_CACHE BROTLI "${!LIMIT_@}" "${!TLS_@}"
}

test_begin() {
    TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/todo-test.XXXXXX")
    TEST_LOGS=$ROOT/build/test-logs
    TEST_PASSED=0 TEST_FAILED=0 TEST_SKIPPED=0
    rm -rf "$TEST_LOGS"
    trap test_end EXIT
    trap 'exit 130' INT TERM
}

# What PyPI has for the tests of tests/lint, once; without it, these tests are skipped.
test_install_lint() {
    local tools=$BUILD_DIR/lint list=$ROOT/tests/lint/requirements.txt
    ! cmp -s "$list" "$tools/installed" || return 0
    mkdir -p "$BUILD_DIR"
    rm -rf "$tools"
    if python3 -m venv "$tools" && "$tools/bin/pip" install --disable-pip-version-check -r "$list"; then
        cp "$list" "$tools/installed"
    fi >"$BUILD_DIR/lint.log" 2>&1
}

# Builds by a command; a build that fails is a failure like any other, and the sum is printed all the same.
test_build() {
    "$@" || {
        test_count 0 1 0
        return 1
    }
}

# Also after Ctrl-C: whatever a test left running is stopped.
test_end() {
    local pids
    trap - EXIT
    while IFS= read -r pids; do
        STACK=${pids%/pids}
        stack_stop
    done < <(find "$TEST_DIR" -type d -name pids)
    rm -rf "$TEST_DIR"
}

test_count() {
    TEST_PASSED=$((TEST_PASSED + $1))
    TEST_FAILED=$((TEST_FAILED + $2))
    TEST_SKIPPED=$((TEST_SKIPPED + $3))
}

test_sum() {
    local skipped=
    if [ "$TEST_SKIPPED" -gt 0 ] && [ "${CI-}" = true ]; then
        say "CI=true: skipped tests count as failed"
        TEST_FAILED=$((TEST_FAILED + TEST_SKIPPED)) TEST_SKIPPED=0
    fi
    [ "$TEST_SKIPPED" -eq 0 ] || skipped=", $TEST_SKIPPED skipped"
    [ ! -d "$TEST_LOGS" ] || say "logs of what failed: $TEST_LOGS"
    test_end
    say "$TEST_PASSED passed, $TEST_FAILED failed$skipped"
    [ "$TEST_FAILED" -eq 0 ] && [ "$TEST_PASSED" -gt 0 ]
}

# --- cmocka ---

# The programs that "make check" would run.
test_programs() {
    # $(TESTS) is make's.
    # shellcheck disable=SC2016
    printf 'include Makefile\nprint-tests:\n\t@echo $(TESTS)\n' | build_in "$BUILD_DIR" make -s -f - print-tests
}

# test_cmocka KIND NAME: the programs of tests/KIND; with a name, only what is called so is counted.
test_cmocka() {
    local kind=$1 name=$2 program programs=()
    for program in $(test_programs); do
        [[ $program != tests/$kind/* ]] || programs+=("$program")
    done
    [ ${#programs[@]} -gt 0 ] || die "there are no tests in tests/$kind"
    test_cmocka_run "$name" "${programs[@]}"
}

test_cmocka_run() {
    local name=$1 program
    shift
    for program in "$@"; do
        rm -f "$BUILD_DIR/$program.log" "$BUILD_DIR/$program.trs"
    done
    test_build build_into "$BUILD_DIR" "--enable-werror" check TESTS= || return 0
    CMOCKA_MESSAGE_OUTPUT=TAP TMPDIR=$TEST_DIR \
        build_in "$BUILD_DIR" make -k -j"$(nproc)" check "TESTS=$*" >"$TEST_DIR/check.log" 2>&1 || true
    for program in "$@"; do
        test_cmocka_count "$program" "$name"
    done
}

# A program says "ok 3 - name" or "not ok 3 - name" for each test; one that died or was skipped says it by its result alone.
test_cmocka_count() {
    local program=$1 name=$2 log=$BUILD_DIR/$1.log result passed failed skipped
    result=$(sed -n 's/^:test-result: //p' "$BUILD_DIR/$program.trs" 2>/dev/null || true)
    passed=$(grep -cE "^ok [0-9]+ - ${name:-.*}( .*)?$" "$log" 2>/dev/null || true)
    failed=$(grep -cE "^not ok [0-9]+ - ${name:-.*}( .*)?$" "$log" 2>/dev/null || true)
    skipped=$(grep -cE "^ok [0-9]+ .*# SKIP" "$log" 2>/dev/null || true)
    passed=$((${passed:-0} - ${skipped:-0})) failed=${failed:-0}
    case $result in
    PASS) ;;
    SKIP*) skipped=$((skipped + 1)) ;;
    *) [ "$failed" -gt 0 ] || { [ -n "$name" ] && [ "$passed" -gt 0 ]; } || failed=1 ;;
    esac
    if [ "$failed" -gt 0 ]; then
        mkdir -p "$TEST_LOGS"
        cp "$log" "$TEST_LOGS/" 2>/dev/null || cp "$TEST_DIR/check.log" "$TEST_LOGS/"
        grep -vE '^ok ' "$log" 2>/dev/null | tail -n 30 || tail -n 30 "$TEST_DIR/check.log"
    fi
    printf '%-40s %3d passed, %d failed\n' "$program" "$passed" "$failed"
    test_count "$passed" "$failed" "${skipped:-0}"
}

# --- the model ---

# test_model [NAME...]: all of the table of tests/model/run.sh, or some; its last line is counted.
test_model() {
    local line status=0 log=$TEST_DIR/model.log
    "$ROOT/tests/model/run.sh" "$@" 2>&1 | tee "$log" || status=${PIPESTATUS[0]}
    line=$(tail -n 1 "$log")
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        test_count "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" 0
    elif [ "$status" -eq 77 ]; then
        test_count 0 0 1
    else
        test_count 0 1 0
    fi
}

# --- pytest ---

# test_faults FILE [OPTION...]; the longest file in front, the others beside it.
test_faults() {
    test_build build_failpoints || return 0
    export FAULTS_BUILD_DIR=${FAULTS_BUILD_DIR-$ROOT/build-failpoints}
    if [ ! -d "$1" ]; then
        test_pytest faults "$@"
        return
    fi
    test_pytest_beside faults-others "$1" --ignore="$1/test_faults.py"
    test_pytest faults "$1/test_faults.py"
    test_pytest_join faults-others
}

# test_e2e KIND FILE...; the two stores take their turns side by side.
test_e2e() {
    local kind=$1
    test_build build_sanitized || return 0
    [ "$kind" != e2e ] || replica_set_install
    if [ "$kind" != e2e ] || [ ! -d "$2" ]; then
        test_pytest "$@"
        return
    fi
    shift
    test_pytest_beside e2e-mongodb -k mongodb "$@"
    test_pytest e2e -k "not mongodb" "$@"
    test_pytest_join e2e-mongodb
}

# test_pytest KIND [OPTION...] FILE...
test_pytest() {
    test_pytest_run "$@"
    test_pytest_count "$1"
}

# The same in the background, for tests that wait most of their time; one at a time, joined under the same KIND.
test_pytest_beside() {
    test_pytest_run "$@" >"$TEST_DIR/$1.log" 2>&1 &
    TEST_BESIDE=$!
}

test_pytest_join() {
    wait "$TEST_BESIDE"
    cat "$TEST_DIR/$1.log"
    test_pytest_count "$1"
}

test_pytest_run() {
    local kind=$1
    shift
    E2E_BUILD_DIR=${E2E_BUILD_DIR-$ROOT/build-asan} E2E_LOGS=$TEST_LOGS/$kind BUILD_DIR=$BUILD_DIR PYTHONDONTWRITEBYTECODE=1 \
        timeout 1500 /usr/bin/python3 -m pytest -q -p no:cacheprovider --basetemp="$TEST_DIR/$kind" --durations=5 \
        --rootdir="$ROOT/tests" -o xfail_strict=true --junitxml="$TEST_DIR/$kind.xml" "$@" || true
}

test_pytest_count() {
    local line total failed skipped
    line=$(grep -o '<testsuite [^>]*>' "$TEST_DIR/$1.xml" 2>/dev/null || true)
    if [ -z "$line" ]; then
        test_count 0 1 0
        return
    fi
    total=$(test_attribute tests "$line")
    failed=$(($(test_attribute failures "$line") + $(test_attribute errors "$line")))
    skipped=$(test_attribute skipped "$line")
    [ "$total" -gt 0 ] || failed=1 total=1
    test_count "$((total - failed - skipped))" "$failed" "$skipped"
}

test_attribute() {
    sed -E "s/.* $1=\"([0-9]+)\".*/\1/" <<<"$2"
}

# --- by name ---

# The files that a program's tests are written in; a script runs those of its folder that no program of its own has.
test_sources() {
    case $1 in
    *.sh) printf '%s\n' "$ROOT/${1%/*}"/test_{store,mongo}*.c ;;
    *) printf '%s\n' "$ROOT/$1.c" ;;
    esac
}

# NAME is a program (test_json_read), a test in one, a row of the model's table, a file of pytest's folders, or a test
# function in one; of a test's name the beginning is enough.
test_by_name() {
    local name=$1 program file found=
    for program in $(test_programs); do
        if [ "${program##*/}" = "$name" ]; then
            test_cmocka_run "" "$program"
            found=yes
        elif test_sources "$program" | xargs -d '\n' grep -qsE "static void $name\w*\("; then
            test_cmocka_run "$name\w*" "$program"
            found=yes
        fi
    done
    if "$ROOT/tests/model/run.sh" --list | grep -x -- "$name" >/dev/null; then
        test_model "$name"
        found=yes
    fi
    for file in "$ROOT"/tests/{lint,cache,assets,faults,e2e,browser}/test_*.py; do
        if [ "$(basename "$file" .py)" = "${name%.py}" ]; then
            test_pytest_file "$file"
            found=yes
        elif grep -qE "^def $name\w*\(" "$file"; then
            test_pytest_file "$file" -k "$name"
            found=yes
        fi
    done
    [ -n "$found" ] || die "no test is called $name"
}

test_pytest_file() {
    case $1 in
    */e2e/*) test_e2e e2e "$@" ;;
    */browser/*) test_e2e browser "$@" ;;
    */faults/*) test_faults "$@" ;;
    *) test_pytest lint "$@" ;;
    esac
}

# The page's pictures, into doc/shots.
command_shots() {
    test_clean_environment
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" chromium chromium-driver fonts-dejavu-core pngquant python3-selenium
    build_default
    export BUILD_DIR
    E2E_BUILD_DIR=$BUILD_DIR /usr/bin/python3 "$ROOT/tests/browser/shots.py"
}

# Each script says what it measures, beside which yardstick, and fails if a goal is missed.
command_bench() {
    local name status=0
    [ $# -gt 0 ] || set -- hits front load frozen
    # shellcheck disable=SC2046
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" valgrind wrk $(test_packages_mongodb)
    test_clean_environment
    build_default
    build_into "$BUILD_DIR" "--enable-werror" tests/bench/bare_fcgi tests/bench/bench_mongo_load
    for name in "$@"; do
        [ -x "$ROOT/tests/bench/$name.sh" ] || die "no benchmark is called $name"
        "$ROOT/tests/bench/$name.sh" "$BUILD_DIR" || status=1
    done
    return "$status"
}
