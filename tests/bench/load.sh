#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How fast todo-load is: load.sh [BUILD_DIR] (build, unless another is named; its todo-load must be there).
#
#   MongoDB  todo-load beside a bare loop of libmongoc bulk inserts of the same rows, on the server that
#            tests/e2e/mongod.py finds, once it is warm; who begins a round alternates. In the median of ROUNDS todo-load
#            must reach 0.9 of the loop. Its time is that of the whole process, the loop's is that of its inserts
#   SQLite   a million rows: time, and the peak of memory, which must not be above 64 MiB
#
# todo-load fences all it writes, in a private Redis. MONGO_ROWS, SQLITE_ROWS and ROUNDS change the sizes. Exit status 1: a goal
# was missed. Everything lies in one temporary folder and is gone afterwards.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
mongo_rows=${MONGO_ROWS:-200000}
sqlite_rows=${SQLITE_ROWS:-1000000}
rounds=${ROUNDS:-5}
memory_max_kib=65536
missed=0

dir=$(mktemp -d "${TMPDIR:-/tmp}/todo-bench.XXXXXX")
redis_pid=

# Called by the trap.
# shellcheck disable=SC2317
stop() {
    python3 -B "$root/tests/e2e/mongod.py" stop "$dir/mongodb" || true
    if [ -n "$redis_pid" ]; then
        kill "$redis_pid" || true
        wait "$redis_pid" || true
    fi
    rm -rf "$dir"
}
trap stop EXIT

redis_start() {
    redis-server --port 0 --unixsocket "$dir/redis.sock" --save "" --appendonly no >"$dir/redis.log" &
    redis_pid=$!
    until [ -S "$dir/redis.sock" ]; do
        sleep 0.05
    done
}

# load STORE N: runs todo-load, prints "SECONDS PEAK_KIB".
load() {
    python3 - "$build/todo-load" -o "store=$1" -o "redis=unix:$dir/redis.sock" seed -n "$2" <<'PYTHON'
import resource, subprocess, sys, time
begin = time.monotonic()
result = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.monotonic() - begin
if result.returncode:
    sys.exit(result.stderr)
print(f"{seconds:.2f}", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PYTHON
}

median() {
    sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

# An empty collection: whoever comes next finds what the other one found.
mongo_settle() {
    "$build/tests/bench/bench_mongo_load" "$uri" 1 >"$dir/settle"
}

# Both print rows per second.
mongo_bare() {
    mongo_settle
    "$build/tests/bench/bench_mongo_load" "$uri" "$mongo_rows" | sed 's/.* s, \([0-9]*\) .*/\1/'
}

mongo_ours() {
    local seconds
    mongo_settle
    read -r seconds _ < <(load "$uri" "$mongo_rows")
    awk -v rows="$mongo_rows" -v seconds="$seconds" 'BEGIN { printf "%d\n", rows / seconds }'
}

# Rounds are compared one by one: a machine or a server that gets faster or slower meanwhile changes both sides of a round.
mongo_compare() {
    local round uri ours bare ratio
    python3 -B "$root/tests/e2e/mongod.py" start "$dir/mongodb" >"$dir/mongodb.txt"
    uri=$(sed -n 's/^uri //p' "$dir/mongodb.txt")
    echo "MongoDB: $(sed -n 's/^server //p' "$dir/mongodb.txt"), $mongo_rows rows, $rounds rounds"
    make -s -C "$build" tests/bench/bench_mongo_load
    for round in 1 2; do
        mongo_bare >"$dir/warm"
        mongo_ours >"$dir/warm"
    done
    for round in $(seq "$rounds"); do
        if [ $((round % 2)) = 1 ]; then
            bare=$(mongo_bare) ours=$(mongo_ours)
        else
            ours=$(mongo_ours) bare=$(mongo_bare)
        fi
        ratio=$(awk -v ours="$ours" -v bare="$bare" 'BEGIN { printf "%.2f", ours / bare }')
        echo "$ratio" >>"$dir/ratios"
        echo "  round $round: bare loop $bare rows/s, todo-load $ours rows/s: $ratio"
    done
    ratio=$(median <"$dir/ratios")
    echo "  median: todo-load has $ratio of the bare loop (goal: 0.90)"
    awk -v ratio="$ratio" 'BEGIN { exit ratio < 0.9 }' || missed=1
}

sqlite_measure() {
    local seconds peak_kib
    read -r seconds peak_kib < <(load "sqlite:$dir/todos.db" "$sqlite_rows")
    awk -v rows="$sqlite_rows" -v seconds="$seconds" -v kib="$peak_kib" -v most="$memory_max_kib" 'BEGIN {
        printf "SQLite: %d rows in %.1f s, %d rows/s, peak %.1f MiB (goal: %d)\n", rows, seconds, rows / seconds, kib / 1024, most / 1024
        exit kib > most }' || missed=1
}

redis_start
sqlite_measure
mongo_compare
exit "$missed"
