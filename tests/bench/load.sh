#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How fast todo-load is: load.sh [BUILD_DIR] (build, unless another is named; its todo-load must be there).
#
#   MongoDB  todo-load beside a bare loop of libmongoc bulk inserts of the same rows, alternating, the median of ROUNDS each,
#            on the server that tests/store/mongodb.sh finds; todo-load must reach 0.9 of the loop
#   SQLite   a million rows: time, and the peak of memory, which must not be above 64 MiB
#
# todo-load fences all it writes, in a private Redis. MONGO_ROWS, SQLITE_ROWS and ROUNDS change the sizes. Exit status 1: a goal
# was missed. Everything lies in one temporary folder and is gone afterwards.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
mongo_rows=${MONGO_ROWS:-100000}
sqlite_rows=${SQLITE_ROWS:-1000000}
rounds=${ROUNDS:-5}
memory_max_kib=65536
missed=0

dir=$(mktemp -d "${TMPDIR:-/tmp}/todo-bench.XXXXXX")
redis_pid=

# Called by the trap.
# shellcheck disable=SC2317
stop() {
    "$root/tests/store/mongodb.sh" stop "$dir/mongodb" || true
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

# The bare loop empties the collection at its start and at its end, so either side writes into an empty one.
mongo_compare() {
    local round uri rows_per_s seconds ours bare
    STAND_IN_JAVA=${STAND_IN_JAVA:--Xmx2g} "$root/tests/store/mongodb.sh" start "$dir/mongodb" >"$dir/mongodb.txt"
    uri=$(sed -n 's/^uri //p' "$dir/mongodb.txt")
    echo "MongoDB: $(sed -n 's/^server //p' "$dir/mongodb.txt"), $mongo_rows rows, median of $rounds"
    make -s -C "$build" tests/bench/bench_mongo_load
    "$build/tests/bench/bench_mongo_load" "$uri" "$mongo_rows" >"$dir/warm"
    for round in $(seq "$rounds"); do
        rows_per_s=$("$build/tests/bench/bench_mongo_load" "$uri" "$mongo_rows" | sed 's/.* s, \([0-9]*\) .*/\1/')
        echo "$rows_per_s" >>"$dir/bare"
        read -r seconds _ < <(load "$uri" "$mongo_rows")
        awk -v rows="$mongo_rows" -v seconds="$seconds" 'BEGIN { printf "%d\n", rows / seconds }' >>"$dir/ours"
        echo "  round $round: bare loop $rows_per_s rows/s, todo-load $(tail -n 1 "$dir/ours") rows/s"
    done
    bare=$(median <"$dir/bare") ours=$(median <"$dir/ours")
    awk -v ours="$ours" -v bare="$bare" 'BEGIN {
        printf "  median: bare loop %d rows/s, todo-load %d rows/s: %.2f of it (goal: 0.90)\n", bare, ours, ours / bare
        exit ours < 0.9 * bare }' || missed=1
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
