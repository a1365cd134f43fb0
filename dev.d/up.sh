# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# "up", "down", "status" and "logs": one stack under run/, as a person sees it; "stack": one in any folder, for tests.
# tests/e2e/supervisor.py starts, watches and stops the processes.

UP_DIR=$ROOT/run

command_stack() {
    /usr/bin/python3 -B "$ROOT/tests/e2e/supervisor.py" "$@"
}

command_up() {
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}"
    mkdir -p "$UP_DIR"
    # Two at once: the second waits, then sees that it runs.
    exec 8>"$UP_DIR/.lock"
    flock 8
    if command_stack status "$UP_DIR" >/dev/null; then
        up_say_running
        return 0
    fi
    # Some part may have died; the others go too.
    command_stack stop "$UP_DIR"
    : "${PORT:=8080}" "${INTERNAL_PORT:=$((PORT + 1))}"
    export PORT INTERNAL_PORT BUILD_DIR
    up_check_port "$PORT" PORT
    up_check_port "$INTERNAL_PORT" INTERNAL_PORT
    build_default
    export TODO_SERVER_TIMING=${TODO_SERVER_TIMING-on} # the page's panel shows it
    command_stack up "$UP_DIR"
    up_recorded
    say "store: $STORE_KIND"
    up_load_sample
    up_say_ready
}

# What "up" recorded: PORT, INTERNAL_PORT, STORE_KIND and more.
up_recorded() {
    # shellcheck source=/dev/null
    . "$UP_DIR/env"
}

up_say_running() {
    local wanted=${PORT-}
    up_recorded
    say "It runs already: http://127.0.0.1:$PORT/ ($STORE_KIND)"
    if [ -n "$wanted" ] && [ "$wanted" != "$PORT" ]; then
        say "To move it to port $wanted: ./dev down && PORT=$wanted ./dev up"
    fi
}

up_check_port() {
    local port=$1 name=$2 owner
    if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || [ "$port" -gt 65535 ]; then
        die "$name=$port is no port"
    fi
    if owner=$(command_stack owner "$port"); then
        die "port $port is taken by $owner. Choose another: $name=$((port + 10)) ./dev up"
    fi
}

up_load_sample() {
    local sample=$ROOT/data/todos.jsonl
    curl -fsS --max-time 5 "http://127.0.0.1:$PORT/todos?limit=1" | grep -q '"todos":\[\]' || return 0
    say "The store is empty; loading data/todos.jsonl ..."
    "$BUILD_DIR/todo-load" import -c "$UP_DIR/todo.conf" "$sample" || die "loading $sample failed; everything else runs"
}

up_say_ready() {
    cat <<TEXT

Ready: http://127.0.0.1:$PORT/     (metrics and health: http://127.0.0.1:$INTERNAL_PORT/metrics /healthz /readyz)

    curl -i http://127.0.0.1:$PORT/todos/42
    curl -i 'http://127.0.0.1:$PORT/todos?limit=3'
    curl -i -H 'Content-Type: application/json' -d '{"name":"Buy milk"}' http://127.0.0.1:$PORT/todos

./dev logs shows the logs, ./dev down stops it.
TEXT
}

command_down() {
    if [ ! -d "$UP_DIR/pids" ] || [ -z "$(ls -A "$UP_DIR/pids")" ]; then
        say "Nothing runs."
        return 0
    fi
    exec 8>"$UP_DIR/.lock"
    flock 8
    command_stack stop "$UP_DIR"
    say "Stopped. The data is kept in run/."
}

command_status() {
    command_stack status "$UP_DIR"
}

command_logs() {
    local logs=("$UP_DIR"/logs/*.log)
    [ -e "${logs[0]}" ] || die "there are no logs yet"
    if [ "${1-}" = -f ]; then
        exec tail -n 10 -F "${logs[@]}"
    fi
    tail -n 40 "${logs[@]}"
}
