#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How fast hits are: hits.sh [BUILD_DIR]. The workers beside a bare libfcgi responder that looks at nothing, taking turns on the
# socket of one nginx, on ROUNDS rounds of SECONDS_EACH; the medians are compared. wrk -t2 -c32 over the ids 1 to ROWS, all of
# which are in Redis before the first round. Exit status 1: the workers reach less than GOAL of the bare responder, or not
# every answer was a hit.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
rows=${ROWS:-200000}
rounds=${ROUNDS:-3}
seconds_each=${SECONDS_EACH:-5}
goal=${GOAL:-0.70}

dir=$(mktemp -d "${TMPDIR:-/tmp}/todo-bench.XXXXXX")
bare_pid=
export BUILD_DIR=$build STACK_STORE=sqlite WORKERS=2 TODO_TODO_TTL_S=86400
export TODO_L1_MBYTES=${TODO_L1_MBYTES:-0} # through Redis; the L1 has a row in instructions.sh
PORT=$(shuf -i 12000-31000 -n 1)
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

# To fill the cache, each of wrk's two threads asks for every second id in order, from a start that is its argument on.
write_scripts() {
    cat >"$dir/warm.lua" <<LUA
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end
function init(args) number = number + args[1] end
function request()
    number = number + 2
    return wrk.format("GET", "/todos/" .. (number - 2) % $rows + 1)
end
LUA
    cat >"$dir/hits.lua" <<LUA
function init() math.randomseed(os.time()) end
function request() return wrk.format("GET", "/todos/" .. math.random($rows)) end
LUA
}

counter() {
    curl -fsS "http://127.0.0.1:$((PORT + 1))/metrics" | awk -v name="$1" '$1 == name { print $2 }'
}

reads() {
    counter "todo_cache_reads_total{result=\"$1\"}"
}

# A busy machine may let a few ids fall through on the first pass; later ones begin elsewhere.
warm() {
    local start=0
    while [ "$(redis-cli -s "$dir/redis.sock" DBSIZE)" -lt $((rows - rows / 2000)) ]; do
        wrk -t2 -c32 -d5s -s "$dir/warm.lua" "http://127.0.0.1:$PORT" -- "$start" >"$dir/wrk.log"
        start=$((start + $(awk '/ requests in / { print $1 }' "$dir/wrk.log")))
    done
}

# Prints requests per second; complains about answers that were no 200.
measure() {
    wrk -t2 -c32 -d"${seconds_each}s" -s "$dir/hits.lua" "http://127.0.0.1:$PORT" >"$dir/wrk.log"
    ! grep -q "Non-2xx\|Socket errors" "$dir/wrk.log" || cat "$dir/wrk.log" >&2
    awk '/^Requests\/sec/ { print int($2) }' "$dir/wrk.log"
}

bare_start() {
    "$root/dev" stack stop "$dir" workers
    # exec, so that the pid is the supervisor's.
    (cd "$dir" && exec spawn-fcgi -s todo.sock -M 0666 -b 1024 -n -- "$(command -v multiwatch)" -f 2 -r 1000000 -t 500 -s TERM -- \
        "$build/tests/bench/bare_fcgi" 2>>logs/bare.log) &
    bare_pid=$!
    until curl -fsS -o /dev/null "http://127.0.0.1:$PORT/todos/1" 2>/dev/null; do
        sleep 0.05
    done
}

bare_stop() {
    kill "$bare_pid"
    wait "$bare_pid" || true
    bare_pid=
    "$root/dev" stack start "$dir" workers
    sleep 1
}

median() {
    sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

write_scripts
"$root/dev" stack up "$dir"
(cd "$dir" && "$build/todo-load" -c todo.conf seed -n "$rows" >/dev/null 2>logs/load.log)
echo "$rows rows; warming ..."
warm
hits_before=$(reads hit) misses_before=$(reads miss)
for round in $(seq "$rounds"); do
    measure >>"$dir/ours"
    bare_start
    measure >>"$dir/bare"
    bare_stop
    echo "round $round: workers $(tail -n 1 "$dir/ours")/s, bare responder $(tail -n 1 "$dir/bare")/s"
done
hits=$(($(reads hit) - hits_before)) misses=$(($(reads miss) - misses_before))
ours=$(median <"$dir/ours") bare=$(median <"$dir/bare")
echo "median: workers $ours/s, bare responder $bare/s; $hits hits, $misses misses"
awk -v ours="$ours" -v bare="$bare" -v goal="$goal" -v hits="$hits" -v misses="$misses" 'BEGIN {
    printf "ratio %.2f, goal %.2f\n", ours / bare, goal
    exit !(ours / bare >= goal && misses <= hits / 1000)
}'
