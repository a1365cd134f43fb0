#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the finished nginx configuration costs: front.sh [BUILD_DIR]. The same workers behind it and behind a bare one, which has
# one location with fastcgi_pass, the same parameters over kept connections, and nginx' defaults for all else: its own log, no
# limits, no headers (BARE_LOG=off takes even the log from it). Both nginx run at once, and
# wrk (-t2 -c32, ids 1 to ROWS, all hits) asks them in turns, ROUNDS times for SECONDS_EACH; who begins a round changes. The ratio is
# the median of the rounds' own ratios, for a busy machine's speed changes between them more than within one. Exit status 1: it is
# below GOAL, or there was an answer that was no hit.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
rows=${ROWS:-2000}
rounds=${ROUNDS:-11}
seconds_each=${SECONDS_EACH:-3}
goal=${GOAL:-0.95}
bare_log=${BARE_LOG:-logs/bare-access.log}

dir=$(mktemp -d "${TMPDIR:-/tmp}/todo-bench.XXXXXX")
bare_pid=
export BUILD_DIR=$build STACK_STORE=sqlite WORKERS=2 TODO_TODO_TTL_S=86400
PORT=$(shuf -i 12000-31000 -n 1)
bare_port=$((PORT + 2))
export PORT

# Called by the trap.
# shellcheck disable=SC2317
stop() {
    trap - EXIT
    [ -z "$bare_pid" ] || kill "$bare_pid" || true
    "$root/dev" stack stop "$dir"
    rm -rf "$dir"
}
trap stop EXIT
trap "exit 130" INT TERM

write_bare() {
    mkdir -p "$dir/bare"
    {
        grep '^user' "$dir/nginx.conf" || true
        cat <<CONF
worker_processes 2;
pid bare/nginx.pid;
error_log logs/bare-error.log;
events { worker_connections 2048; }
http {
    client_body_temp_path bare/body; fastcgi_temp_path bare/fastcgi; proxy_temp_path bare/proxy; scgi_temp_path bare/scgi;
    uwsgi_temp_path bare/uwsgi;
    access_log $bare_log;
    upstream workers { server unix:todo.sock; keepalive 64; keepalive_requests 100000; }
    server {
        listen 127.0.0.1:$bare_port;
        location / { include todo/fastcgi_params; fastcgi_pass_request_headers off; fastcgi_keep_conn on; fastcgi_pass workers; }
    }
}
CONF
    } >"$dir/bare.conf"
}

start_bare() {
    local nginx
    nginx=$(PATH=$PATH:/usr/sbin command -v nginx)
    # exec, so that the pid is nginx' own.
    (cd "$dir" && exec "$nginx" -p ./ -e logs/bare-error.log -c bare.conf -g "daemon off;") &
    bare_pid=$!
    until curl -fsS -o /dev/null "http://127.0.0.1:$bare_port/todos/1" 2>/dev/null; do
        sleep 0.05
    done
}

reads() {
    curl -fsS "http://127.0.0.1:$((PORT + 1))/metrics" | awk -v name="todo_cache_reads_total{result=\"$1\"}" '$1 == name { print $2 }'
}

warm() {
    local id
    for id in $(seq "$rows"); do
        printf 'url=http://127.0.0.1:%s/todos/%s\noutput=/dev/null\n' "$PORT" "$id"
    done | curl -fsS --config -
}

# measure PORT FILE: appends requests per second; complains about answers that were no 200.
measure() {
    wrk -t2 -c32 -d"${seconds_each}s" -s "$dir/hits.lua" "http://127.0.0.1:$1" >"$dir/wrk.log"
    ! grep -q "Non-2xx\|Socket errors" "$dir/wrk.log" || cat "$dir/wrk.log" >&2
    awk '/^Requests\/sec/ { print int($2) }' "$dir/wrk.log" >>"$dir/$2"
}

median() {
    sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

"$root/dev" stack up "$dir"
(cd "$dir" && "$build/todo-load" -c todo.conf seed -n "$rows" >/dev/null 2>logs/load.log)
cat >"$dir/hits.lua" <<LUA
function init() math.randomseed(os.time()) end
function request() return wrk.format("GET", "/todos/" .. math.random($rows)) end
LUA
write_bare
start_bare
warm
hits_before=$(reads hit) misses_before=$(reads miss)
for round in $(seq "$rounds"); do
    if [ $((round % 2)) = 0 ]; then
        measure "$PORT" finished
        measure "$bare_port" plain
    else
        measure "$bare_port" plain
        measure "$PORT" finished
    fi
    awk -v ours="$(tail -n 1 "$dir/finished")" -v bare="$(tail -n 1 "$dir/plain")" -v round="$round" 'BEGIN {
        printf "round %d: finished %d/s, bare %d/s, ratio %.3f\n", round, ours, bare, ours / bare }' | tee -a "$dir/rounds"
done
hits=$(($(reads hit) - hits_before)) misses=$(($(reads miss) - misses_before))
ratio=$(awk '{ print $NF }' "$dir/rounds" | median)
echo "median: finished $(median <"$dir/finished")/s, bare $(median <"$dir/plain")/s; $hits hits, $misses misses"
awk -v ratio="$ratio" -v goal="$goal" -v misses="$misses" 'BEGIN {
    printf "ratio %.3f, goal %.2f\n", ratio, goal
    exit !(ratio >= goal && misses == 0)
}'
