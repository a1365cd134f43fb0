# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A stack: Redis, a store, workers and nginx, all in one folder (run/ for "up", a temporary one for tests).
#
#   ./dev stack prepare DIR           write the configuration files
#   ./dev stack start DIR [PART...]   start parts (all: store redis workers nginx), in the order given; each is waited for
#   ./dev stack stop DIR [PART...]    stop parts (all: nginx workers redis store)
#   ./dev stack up DIR                prepare, start, wait for an answer
#
# Every process is started inside the folder and names its files by relative paths. So the length of the folder's name
# (a socket's path has 107 bytes), spaces in it, and the rights of the folders above it (nginx' workers run as www-data if
# root starts this) do not matter.
#
# DIR/pids/PART holds the pid and the start time of a process: a pid alone may belong to another by now.
# Nothing runs as a daemon of its own making: each part stays in the foreground of its own session, started here.

STACK_PARTS=(store redis workers nginx)
STACK_PARTS_BACK=(nginx workers redis store)

command_stack() {
    local verb=${1:?dev stack VERB DIR} dir=${2:?dev stack VERB DIR}
    shift 2
    mkdir -p "$dir"
    STACK=$(cd -P -- "$dir" && pwd)
    case $verb in
    prepare) stack_prepare ;;
    start) stack_start "$@" ;;
    stop) stack_stop "$@" ;;
    up)
        stack_prepare
        stack_start
        stack_wait_answer
        ;;
    *) die "no such verb: $verb" ;;
    esac
}

# --- processes ---

# The start time of a process in clock ticks since boot; nothing if it is gone or only waits to be reaped.
process_started_at() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -r -a stat <<<"${stat##*) }"
    [ "${stat[0]}" = Z ] || printf '%s\n' "${stat[19]}"
}

# Sets PART_PID and succeeds if the part's own process, not another of the same pid, runs.
part_running() {
    local pid started_at
    PART_PID=
    read -r pid started_at 2>/dev/null <"$STACK/pids/$1" || return 1
    [ "$(process_started_at "$pid")" = "$started_at" ] || return 1
    PART_PID=$pid
}

# part_spawn PART COMMAND...: in the stack's folder, in a session of its own, output to logs/PART.log.
part_spawn() {
    local part=$1 pid
    shift
    (
        cd -- "$STACK" || exit
        # 8 and 9 are locks of this script's; a child that kept them would hold them for as long as it lives.
        exec setsid nohup "$@" </dev/null >>"logs/$part.log" 2>&1 8>&- 9>&-
    ) &
    pid=$!
    printf '%s %s\n' "$pid" "$(process_started_at "$pid")" >"$STACK/pids/$part"
}

# part_wait PART SECONDS COMMAND...: until the command succeeds; fails if the part dies or the time is over.
part_wait() {
    local part=$1 deadline=$((SECONDS + $2))
    shift 2
    until (cd -- "$STACK" && "$@") >/dev/null 2>&1; do
        part_running "$part" && [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
    part_running "$part"
}

part_failed() {
    local part=$1 log=$STACK/logs/$1.log
    [ "$part" != nginx ] || [ -s "$log" ] || log=$STACK/logs/nginx-error.log
    {
        printf 'dev: %s did not start; the end of %s:\n' "$part" "$log"
        tail -n 20 "$log" 2>/dev/null | sed 's/^/    /'
    } >&2
    stack_stop
    exit 1
}

# Signals a part and waits; kills what is left, children included (a killed multiwatch would leave its workers behind).
part_stop() {
    local part=$1 signal=$2 seconds=$3 deadline children child
    part_running "$part" || {
        rm -f "$STACK/pids/$part"
        return 0
    }
    children=$(cat "/proc/$PART_PID/task/$PART_PID/children" 2>/dev/null || true)
    kill -s "$signal" "$PART_PID" 2>/dev/null || true
    deadline=$((SECONDS + seconds))
    while part_running "$part" && [ "$SECONDS" -lt "$deadline" ]; do
        sleep 0.05
    done
    if part_running "$part"; then
        for child in "$PART_PID" $children; do
            kill -s KILL "$child" 2>/dev/null || true
        done
        say "$part did not stop within $seconds s and was killed"
    fi
    rm -f "$STACK/pids/$part"
}

# --- configuration ---

stack_prepare() {
    local name
    umask 022
    mkdir -p "$STACK"/{logs,pids,tmp,todo,static}
    if [ "$(id -u)" = 0 ]; then
        # nginx' workers become www-data: they need to pass through this folder to the socket and the static files.
        chgrp www-data "$STACK"
        chmod 0750 "$STACK"
    else
        chmod 0700 "$STACK"
    fi
    # What up recorded is what down, status and a restarted part go by.
    : "${PORT:=8080}" "${INTERNAL_PORT:=$((PORT + 1))}" "${WORKERS:=2}"
    stack_choose_store
    for name in PORT INTERNAL_PORT WORKERS STORE STORE_KIND MONGOD_PORT; do
        printf '%s=%q\n' "$name" "${!name-}"
    done >"$STACK/env.new"
    chmod 0600 "$STACK/env.new"
    mv "$STACK/env.new" "$STACK/env"
    stack_write_redis
    stack_write_worker
    stack_write_nginx
}

# MONGODB_URI; else a private mongod; else SQLite. A mongod that stands alone knows no retryable writes. Tests say what they
# want by STACK_STORE, a URI or the word sqlite.
stack_choose_store() {
    MONGOD_PORT=
    if [ -n "${STACK_STORE-}" ] && [ "$STACK_STORE" != sqlite ]; then
        STORE=$STACK_STORE STORE_KIND="the one of STACK_STORE"
    elif [ -n "${MONGODB_URI-}" ] && [ -z "${STACK_STORE-}" ]; then
        STORE=$MONGODB_URI STORE_KIND="MongoDB, from MONGODB_URI"
    elif [ -z "${STACK_STORE-}" ] && command -v mongod >/dev/null; then
        MONGOD_PORT=$(port_free)
        STORE="mongodb://127.0.0.1:$MONGOD_PORT/todos?retryWrites=false" STORE_KIND="a private mongod, data in $STACK/mongod"
    else
        STORE="sqlite:$STACK/todos.db" STORE_KIND="SQLite, $STACK/todos.db"
    fi
}

stack_load_env() {
    [ -r "$STACK/env" ] || die "$STACK has no configuration: ./dev stack prepare comes first"
    # shellcheck source=/dev/null
    . "$STACK/env"
}

stack_write_redis() {
    cat >"$STACK/redis.conf" <<'TEXT'
# A cache and nothing else: no port, no persistence (a restart is empty, so it can't be stale), bounded.
port 0
unixsocket redis.sock
unixsocketperm 700
save ""
appendonly no
maxmemory 256mb
maxmemory-policy allkeys-lfu
daemonize no
TEXT
}

# The path is absolute, so that todo-load and todoctl find Redis from any folder, unless it is too long for a socket's.
stack_write_worker() {
    local redis=unix:$STACK/redis.sock
    [ ${#redis} -le 100 ] || redis=unix:redis.sock
    rm -f "$STACK/todo.conf"
    (
        umask 077
        cat >"$STACK/todo.conf" <<TEXT
# Written by ./dev; etc/todo.conf explains every setting.
store = $STORE
redis = $redis
stats_file = $STACK/stats
TEXT
    )
}

stack_write_nginx() {
    local user= modules= brotli=off
    [ "$(id -u)" != 0 ] || user="user www-data www-data;"
    [ ! -e "$NGINX_BROTLI" ] || modules="load_module $NGINX_BROTLI;" brotli=on
    SOCKET=todo.sock LISTEN="127.0.0.1:$PORT" INTERNAL_LISTEN="127.0.0.1:$INTERNAL_PORT" STATIC=static \
        ACCESS_LOG=logs/nginx-access.log MICRO_CACHE_DIR=tmp/micro BROTLI=$brotli \
        USER_LINE=$user MODULES=$modules nginx_write "$STACK/todo"
    mv "$STACK/todo/nginx.conf" "$STACK/nginx.conf"
    cp -R "$BUILD_DIR/static/." "$ROOT/data/openapi.yaml" "$ROOT/doc/problems.md" "$STACK/static/"
    chmod -R u+w,go+rX "$STACK/static"
}

# --- parts ---

stack_start() {
    local part
    stack_load_env
    [ $# -gt 0 ] || set -- "${STACK_PARTS[@]}"
    for part in "$@"; do
        part_running "$part" || "start_$part" || part_failed "$part"
    done
}

stack_stop() {
    local part
    [ $# -gt 0 ] || set -- "${STACK_PARTS_BACK[@]}"
    for part in "$@"; do
        "stop_$part"
    done
}

# SQLite needs no server, another's MongoDB is not ours to start.
start_store() {
    [ -n "$MONGOD_PORT" ] || return 0
    mkdir -p "$STACK/mongod"
    part_spawn store mongod --dbpath mongod --bind_ip 127.0.0.1 --port "$MONGOD_PORT" --nounixsocket
    part_wait store 60 port_open "$MONGOD_PORT"
}

stop_store() {
    part_stop store TERM 30
}

start_redis() {
    rm -f "$STACK/redis.sock"
    part_spawn redis redis-server redis.conf
    part_wait redis 10 redis-cli -s redis.sock ping
}

stop_redis() {
    part_stop redis TERM 10
}

# multiwatch's defaults give a child up that dies three times within 10 s; these never do.
start_workers() {
    local group=() multiwatch
    # spawn-fcgi does not look along the PATH for what it executes.
    multiwatch=$(command -v multiwatch) || die "multiwatch is not installed"
    # Wrong settings are told now and once, not by every worker that multiwatch starts.
    (cd -- "$STACK" && "$BUILD_DIR/todo-fcgi" -c todo.conf --show-config >/dev/null 2>>logs/workers.log) || return 1
    [ "$(id -u)" != 0 ] || group=(-G www-data)
    rm -f "$STACK/todo.sock"
    part_spawn workers spawn-fcgi -s todo.sock -M 0660 ${group[@]+"${group[@]}"} -b 1024 -n -- \
        "$multiwatch" -f "$WORKERS" -r 1000000 -t 500 -s TERM -- "$BUILD_DIR/todo-fcgi" -c todo.conf
    part_wait workers 10 test -S todo.sock
}

stop_workers() {
    part_stop workers TERM 10
    rm -f "$STACK/todo.sock"
}

start_nginx() {
    local nginx
    nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || die "nginx is not installed"
    part_spawn nginx "$nginx" -p ./ -e logs/nginx-error.log -c nginx.conf -g "daemon off;"
    part_wait nginx 10 port_open "$PORT"
}

stop_nginx() {
    part_stop nginx QUIT 5
}

# A real GET through all of it, TLS included (with whatever certificate); and every worker has made friends with Redis, so that the second GET can be a hit.
stack_wait_answer() {
    local url="http://127.0.0.1:$PORT/todos?limit=1" deadline=$((SECONDS + 30))
    until curl -fsSLk --max-time 3 -o /dev/null "$url" 2>"$STACK/tmp/curl.log"; do
        if [ "$SECONDS" -ge "$deadline" ]; then
            cat "$STACK/tmp/curl.log" >&2
            part_failed workers
        fi
        sleep 0.1
    done
    deadline=$((SECONDS + 5))
    until stack_workers_trust_redis || [ "$SECONDS" -ge "$deadline" ]; do
        sleep 0.05
    done
}

# What the log says of each worker. Redis is allowed to be away, and the log to be terse, so nobody waits for this for long.
stack_workers_trust_redis() {
    local pid pids
    part_running workers || return 1
    read -r -a pids < <(cat "/proc/$PART_PID/task/$PART_PID/children"; echo)
    for pid in "${pids[@]}"; do
        grep -q " pid=$pid event=redis_trusted" "$STACK/logs/workers.log" || return 1
    done
}

# --- ports ---

port_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

port_free() {
    local port
    for port in $(shuf -i 20000-32000 -n 50); do
        port_open "$port" || {
            printf '%s\n' "$port"
            return
        }
    done
    die "found no free port"
}

# "name (pid N)" of who listens on a port, as far as the rights allow to see it.
port_owner() {
    local hex inode fd pid
    hex=$(printf ':%04X' "$1")
    # Fields of /proc/net/tcp: 2 the local address, 4 the state (0A: listening), 10 the inode.
    inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v hex="$hex" 'substr($2, length($2) - 4) == hex && $4 == "0A" { print $10; exit }')
    for fd in /proc/[0-9]*/fd/*; do
        if [ -n "$inode" ] && [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ]; then
            pid=${fd#/proc/} pid=${pid%%/*}
            printf '%s (pid %s)\n' "$(cat "/proc/$pid/comm" 2>/dev/null)" "$pid"
            return
        fi
    done
    printf 'another program\n'
}
