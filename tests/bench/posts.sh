#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How fast writes are on SQLite: posts.sh [BUILD_DIR [BEFORE_DIR]]. POST of new todos to two workers behind nginx, beside an earlier
# commit: BEFORE_DIR is the folder build of its checkout, whose nginx templates are used as well. Without one, beside a bare libfcgi
# responder that looks at nothing and writes nothing, behind the same nginx. The sides take turns, ROUNDS times for SECONDS_EACH,
# with CLIENTS clients and with one; the median of the rounds' own ratios counts. Exit status 1: with CLIENTS clients the rate is
# below GOAL times the other side's, or p99 is not below 10 ms; or with one client it is below GOAL_ONE times the earlier build's.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
before=${2:+$(cd "$2" && pwd)}
rounds=${ROUNDS:-5}
seconds_each=${SECONDS_EACH:-3}
clients=${CLIENTS:-32}
goal=${GOAL:-$([ -n "$before" ] && echo 5 || echo 0.2)}
goal_one=${GOAL_ONE:-0.95}
if [ -z "$before" ] && [ ! -x "$build/tests/bench/bare_fcgi" ]; then
    echo "posts.sh: there is no $build/tests/bench/bare_fcgi; ./dev bench posts builds it" >&2
    exit 1
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/todo-bench.XXXXXX")
export STACK_STORE=sqlite WORKERS=2
bare_pid=
port=$(shuf -i 12000-31000 -n 1)
other_port=$((port + 10))

# Called by the trap.
# shellcheck disable=SC2317
stop() {
    trap - EXIT
    local side
    [ -z "$bare_pid" ] || kill "$bare_pid" || true
    for side in now other; do
        [ ! -d "$dir/$side" ] || "$root/dev" stack stop "$dir/$side"
    done
    rm -rf "$dir"
}
trap stop EXIT
trap "exit 130" INT TERM

cat >"$dir/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"name":"Buy milk","description":"two litres"}'
done = function(summary, latency)
    local errors = summary.errors
    local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format("%d %.2f %d\n", summary.requests / summary.duration * 1e6, latency:percentile(99) / 1000, failed))
end
LUA

# wrk_posts PORT CLIENTS: prints "RATE P99_MS FAILED".
wrk_posts() {
    local threads=2
    [ "$2" -gt 1 ] || threads=1
    wrk "-t$threads" "-c$2" -d"${seconds_each}s" -s "$dir/post.lua" "http://127.0.0.1:$1/todos" | tail -n 1
}

# In place of that stack's workers.
bare_start() {
    "$root/dev" stack stop "$dir/other" workers
    # exec, so that the pid is the supervisor's.
    (cd "$dir/other" && exec spawn-fcgi -s todo.sock -M 0666 -b 1024 -n -- "$(command -v multiwatch)" -f 2 -r 1000000 -t 500 -s TERM \
        -- "$build/tests/bench/bare_fcgi" 2>>logs/bare.log) &
    bare_pid=$!
    until curl -fsS -o /dev/null "http://127.0.0.1:$other_port/todos/1" 2>/dev/null; do
        sleep 0.05
    done
}

# measure SIDE CLIENTS: appends to the side's file, and complains about answers that were no success.
measure() {
    local line
    line=$(wrk_posts "$([ "$1" = now ] && echo "$port" || echo "$other_port")" "$2")
    [ "${line##* }" = 0 ] || echo "$1, $2 clients: ${line##* } requests failed" >&2
    echo "$line" >>"$dir/$1-$2.txt"
}

median() {
    sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

# compare CLIENTS: runs the rounds and prints them, and then "RATIO P99_MS" into a file.
compare() {
    local round order
    for round in $(seq "$rounds"); do
        order="now $other"
        [ $((round % 2)) = 0 ] || order="$other now"
        for side in $order; do
            measure "$side" "$1"
        done
        paste "$dir/now-$1.txt" "$dir/$other-$1.txt" | tail -n 1 | awk -v round="$round" -v clients="$1" -v other="$other" '{
            printf "round %d, clients %d: now %d/s p99 %.2f ms, %s %d/s p99 %.2f ms, ratio %.2f\n",
                round, clients, $1, $2, other, $4, $5, $1 / $4 }'
    done
    paste "$dir/now-$1.txt" "$dir/$other-$1.txt" | awk '{ printf "%.3f\n", $1 / $4 }' | median >"$dir/ratio-$1"
    awk '{ print $2 }' "$dir/now-$1.txt" | median >"$dir/p99-$1"
}

other=$([ -n "$before" ] && echo before || echo bare)
BUILD_DIR=$build PORT=$port "$root/dev" stack up "$dir/now"
BUILD_DIR=${before:-$build} PORT=$other_port "${before:-$root/build}/../dev" stack up "$dir/other"
[ -n "$before" ] || bare_start
compare "$clients"
compare 1
awk -v ratio="$(cat "$dir/ratio-$clients")" -v p99="$(cat "$dir/p99-$clients")" -v one="$(cat "$dir/ratio-1")" -v clients="$clients" \
    -v goal="$goal" -v goal_one="$goal_one" -v other="$other" 'BEGIN {
    printf "%d clients: ratio %.2f, goal %.2f; p99 %.2f ms, goal 10\n", clients, ratio, goal, p99
    printf "one client: ratio %.2f%s\n", one, other == "before" ? sprintf(", goal %.2f", goal_one) : ""
    exit !(ratio >= goal && p99 < 10 && (other == "bare" || one >= goal_one))
}'
