# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Load from a person's tool: Locust (PyPI), at the version of tests/load/requirements.txt, against a stack of its own that
# is gone afterwards. The first run installs it into build/load, where the reports go as well.
#
# Each scenario begins with the todos 1 to LOAD_ROWS in the store and with an empty Redis. With Zipf, LOAD_HITS percent of the
# reads must be hits by the end of the minute (its last ten seconds); a shorter run is not judged by that. The workers have
# write_policy = publish, or each of the many writes to what is often read would cost a miss.

PACKAGES_LOAD=(python3-venv)
LOAD_ROWS=200000
LOAD_HITS=80

command_load() {
    local tools=$ROOT/build/load users=100 seconds=60 option scenario status=0
    while getopts "u:t:" option; do
        case $option in
        u) users=$OPTARG ;;
        t) seconds=$OPTARG ;;
        *) die "dev load [-u USERS] [-t SECONDS] [uniform|zipf]..." ;;
        esac
    done
    shift $((OPTIND - 1))
    [ $# -gt 0 ] || set -- uniform zipf
    for scenario in "$@"; do
        [[ $scenario =~ ^(uniform|zipf)$ ]] || die "there is no scenario $scenario: uniform or zipf"
    done
    test_clean_environment
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}" "${PACKAGES_LOAD[@]}"
    build_default
    load_install "$tools"
    load_stack_up
    for scenario in "$@"; do
        load_run "$scenario" || status=1
    done
    say "Locust's reports (.html) and plots (.svg) are in $tools"
    return "$status"
}

# A file with the list's check sum says what is installed.
load_install() {
    local tools=$1 list=$ROOT/tests/load/requirements.txt wanted
    wanted=$(cksum <"$list")
    [ "$(cat "$tools/installed" 2>/dev/null)" != "$wanted" ] || return 0
    rm -rf "$tools"
    mkdir -p "$tools"
    say "installing Locust into $tools ..."
    {
        python3 -m venv "$tools/venv" && "$tools/venv/bin/pip" install --disable-pip-version-check -r "$list"
    } >"$tools/install.log" 2>&1 || die "Locust could not be installed; $tools/install.log tells why"
    printf '%s\n' "$wanted" >"$tools/installed"
}

load_stack_up() {
    STACK=$(mktemp -d "${TMPDIR:-/tmp}/todo-load.XXXXXX")
    trap load_end EXIT
    trap 'exit 130' INT TERM
    read -r PORT INTERNAL_PORT < <(command_stack ports)
    : "${STACK_STORE:=sqlite}"
    export PORT INTERNAL_PORT STACK_STORE BUILD_DIR TODO_WRITE_POLICY=publish
    command_stack up "$STACK"
    "$BUILD_DIR/todo-load" -c "$STACK/todo.conf" seed -n "$LOAD_ROWS"
}

load_end() {
    trap - EXIT
    command_stack stop "$STACK"
    rm -rf "$STACK"
}

load_run() {
    local scenario=$1 least=0
    [ "$scenario" = uniform ] || [ "$seconds" -lt 60 ] || least=$LOAD_HITS
    redis-cli -s "$STACK/redis.sock" flushall >/dev/null
    PYTHONDONTWRITEBYTECODE=1 "$tools/venv/bin/locust" -f "$ROOT/tests/load/locustfile.py" \
        --host "http://127.0.0.1:$PORT" --headless --only-summary --loglevel WARNING -u "$users" -r "$users" -t "${seconds}s" \
        --ids "$LOAD_ROWS" --least-hits "$least" --html "$tools/$scenario.html" --plot "$tools/$scenario.svg" \
        "${scenario^}" >"$STACK/locust.log" 2>&1 && sed -n '/^[UZ].* answers in /,/^  failures /p' "$STACK/locust.log" && return
    cat "$STACK/locust.log"
    return 1
}
