# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# "up", "down", "status" and "logs": one stack under run/, as a person sees it.

up_stack() {
    STACK=$ROOT/run
}

command_up() {
    up_stack
    packages_install "${PACKAGES_BUILD[@]}" "${PACKAGES_RUN[@]}"
    mkdir -p "$STACK"
    # Two at once: the second waits, then sees that it runs.
    exec 8>"$STACK/.lock"
    flock 8
    if up_is_running; then
        up_say_running
        return 0
    fi
    # What is left of a stack of which something has died.
    stack_stop
    : "${PORT:=8080}" "${INTERNAL_PORT:=$((PORT + 1))}"
    up_check_port "$PORT" PORT
    up_check_port "$INTERNAL_PORT" INTERNAL_PORT
    build_default
    export TODO_SERVER_TIMING=${TODO_SERVER_TIMING-on} # the page's panel shows it
    stack_prepare
    say "store: $STORE_KIND"
    stack_start
    stack_wait_answer
    up_load_sample
    up_say_ready
}

up_parts() {
    local parts=(redis workers nginx)
    [ -z "${MONGOD_PORT-}" ] || parts=(store "${parts[@]}")
    printf '%s\n' "${parts[@]}"
}

up_is_running() {
    local part
    [ -r "$STACK/env" ] || return 1
    for part in $(stack_load_env && up_parts); do
        part_running "$part" || return 1
    done
}

up_say_running() {
    local wanted=${PORT-}
    stack_load_env
    say "It runs already: http://127.0.0.1:$PORT/ ($STORE_KIND)"
    if [ -n "$wanted" ] && [ "$wanted" != "$PORT" ]; then
        say "To move it to port $wanted: ./dev down && PORT=$wanted ./dev up"
    fi
}

up_check_port() {
    local port=$1 name=$2
    if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || [ "$port" -gt 65535 ]; then
        die "$name=$port is no port"
    fi
    if port_open "$port"; then
        die "port $port is taken by $(port_owner "$port"). Choose another: $name=$((port + 10)) ./dev up"
    fi
}

up_load_sample() {
    local sample=$ROOT/data/todos.jsonl
    curl -fsS --max-time 5 "http://127.0.0.1:$PORT/todos?limit=1" | grep -q '"todos":\[\]' || return 0
    say "The store is empty; loading data/todos.jsonl ..."
    "$BUILD_DIR/todo-load" import -c "$STACK/todo.conf" "$sample" || die "loading $sample failed; everything else runs"
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
    up_stack
    if [ ! -d "$STACK/pids" ] || [ -z "$(ls -A "$STACK/pids")" ]; then
        say "Nothing runs."
        return 0
    fi
    exec 8>"$STACK/.lock"
    flock 8
    stack_stop
    say "Stopped. The data is kept in run/."
}

command_status() {
    local part status=0
    up_stack
    if [ ! -r "$STACK/env" ]; then
        say "Nothing runs; ./dev up starts it."
        return 1
    fi
    stack_load_env
    for part in $(up_parts); do
        if part_running "$part"; then
            printf '%-8s runs, pid %s\n' "$part" "$PART_PID"
        else
            printf '%-8s is stopped\n' "$part"
            status=1
        fi
    done
    say "store: $STORE_KIND"
    [ "$status" != 0 ] || say "http://127.0.0.1:$PORT/ and, internal, http://127.0.0.1:$INTERNAL_PORT/metrics"
    return "$status"
}

command_logs() {
    local logs
    up_stack
    logs=("$STACK"/logs/*.log)
    [ -e "${logs[0]}" ] || die "there are no logs yet"
    if [ "${1-}" = -f ]; then
        exec tail -n 10 -F "${logs[@]}"
    fi
    tail -n 40 "${logs[@]}"
}
