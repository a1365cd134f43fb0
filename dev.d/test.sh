# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# "test", "shots" and "bench". tests/runner counts: the last line of "test" is "N passed, N failed", and ", N skipped" if any were.
#
# FAULTS=short or FAULTS=long says how long the fault tests last. All tests have the short form; "faults" or one of its tests,
# asked for by name, has the long one. E2E_BUILD_DIR=build tries the ordinary build in place of the sanitizers'.

command_test() {
    test_clean_environment
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_TEST[@]}"
    if [ $# -eq 0 ]; then
        : "${FAULTS:=short}"
    fi
    export FAULTS=${FAULTS:-long} BUILD_DIR
    exec /usr/bin/python3 -B "$ROOT/tests/runner/run.py" "$@"
}

# Nothing that a person set for "up" may reach the tests' stacks.
test_clean_environment() {
    local name
    for name in $(compgen -e); do
        [[ $name != TODO_* ]] || unset "$name"
    done
    unset PORT INTERNAL_PORT WORKERS HOSTS INTERNAL_HOSTS CORS_ORIGINS BROTLI "${!LIMIT_@}" "${!TLS_@}"
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
    [ $# -gt 0 ] || set -- ladder posts load waiting frozen hop machines
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" python3-venv valgrind wrk
    test_clean_environment
    build_default
    [[ ! " $* " =~ " load "|" machines "|" queue "|" units " ]] || tools_install mongod
    [[ " $* " != *" ladder "* ]] || packages_install "${PACKAGES_LADDER[@]}"
    build_into "$BUILD_DIR" "--enable-werror" tests/bench/bare_fcgi tests/bench/bench_mongo_load tests/bench/slow_hop
    for name in "$@"; do
        [ -x "$ROOT/tests/bench/$name.sh" ] || die "no benchmark is called $name"
        "$ROOT/tests/bench/$name.sh" "$BUILD_DIR" || status=1
    done
    return "$status"
}
