#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a frozen Redis costs readers: frozen.sh [BUILD_DIR]. Redis is stopped (SIGSTOP) for FREEZE_S seconds while wrk -t1 -c16 reads
# ROWS todos that are all in it, and then goes on; ROUNDS times. The worst round is what counts:
#
#   while frozen  the 99th percentile of the reads' latency, at most redis_timeout_ms + 50 ms (the longest is printed beside it)
#   thawed        from SIGCONT until 95 % of the reads of a tenth of a second are hits again, at most 2 s
#
# Exit status 1: a goal was missed. Both are times, so nothing else should run on the machine.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
rows=${ROWS:-1000}
rounds=${ROUNDS:-5}
freeze_s=${FREEZE_S:-3}
redis_timeout_ms=100
goal_p99_ms=$((redis_timeout_ms + 50))
goal_recovery_ms=2000

dir=$(mktemp -d "${TMPDIR:-/tmp}/todo-bench.XXXXXX")
export BUILD_DIR=$build STACK_STORE=sqlite WORKERS=2 TODO_L1_MBYTES=0 TODO_TODO_TTL_S=86400 TODO_REDIS_TIMEOUT_MS=$redis_timeout_ms
PORT=$(shuf -i 12000-31000 -n 1)
export PORT

# Called by the trap.
# shellcheck disable=SC2317
stop() {
    trap - EXIT
    redis_signal CONT || true
    "$root/dev" stack stop "$dir"
    rm -rf "$dir"
}
trap stop EXIT
trap "exit 130" INT TERM

redis_signal() {
    local pid
    read -r pid _ <"$dir/pids/redis"
    kill -s "$1" "$pid"
}

now_ms() {
    date +%s%3N
}

load() {
    wrk -t1 -c16 -d"$1s" --latency -s "$dir/reads.lua" "http://127.0.0.1:$PORT" >"$dir/wrk.log"
    ! grep -q "Non-2xx\|Socket errors" "$dir/wrk.log" || cat "$dir/wrk.log" >&2
}

# "HITS ALL" so far.
reads() {
    curl -fsS "http://127.0.0.1:$((PORT + 1))/metrics" | awk '
        /^todo_cache_reads_total/ { all += $2 }
        /^todo_cache_reads_total\{result="hit"\}/ { hits = $2 }
        END { printf "%d %d\n", hits, all }'
}

# Waits for a tenth of a second of which 95 % are hits; fails after ten seconds.
wait_hits() {
    local hits all hits_before all_before deadline=$((SECONDS + 10))
    read -r hits_before all_before < <(reads)
    while [ "$SECONDS" -lt "$deadline" ]; do
        sleep 0.1
        read -r hits all < <(reads)
        if [ "$all" -gt "$all_before" ] && [ $((100 * (hits - hits_before))) -ge $((95 * (all - all_before))) ]; then
            return
        fi
        hits_before=$hits all_before=$all
    done
    return 1
}

# wrk's own units, as milliseconds: the 99th percentile and the longest.
latencies() {
    awk 'function ms(text) { return text * (text ~ /us$/ ? 0.001 : text ~ /ms$/ ? 1 : 1000) }
        $1 == "99%" { p99 = ms($2) }
        $1 == "Latency" && NF == 5 { longest = ms($4) }
        END { printf "%.1f %.1f\n", p99, longest }' "$dir/wrk.log"
}

round() {
    local load_pid p99_ms longest_ms thawed_ms recovery_ms=10000
    redis_signal STOP
    load "$freeze_s"
    read -r p99_ms longest_ms < <(latencies)
    load 4 &
    load_pid=$!
    redis_signal CONT
    thawed_ms=$(now_ms)
    if wait_hits; then
        recovery_ms=$(($(now_ms) - thawed_ms))
    fi
    wait "$load_pid"
    echo "$p99_ms $longest_ms $recovery_ms"
}

cat >"$dir/reads.lua" <<LUA
function init() math.randomseed(os.time()) end
function request() return wrk.format("GET", "/todos/" .. math.random($rows)) end
LUA
"$root/dev" stack up "$dir"
(cd "$dir" && "$build/todo-load" -c todo.conf seed -n "$rows" >/dev/null 2>logs/load.log)
load 2
for number in $(seq "$rounds"); do
    round >>"$dir/rounds"
    read -r p99_ms longest_ms recovery_ms < <(tail -n 1 "$dir/rounds")
    echo "round $number: frozen p99 $p99_ms ms, longest $longest_ms ms; hits again after $recovery_ms ms"
done
awk -v goal_p99="$goal_p99_ms" -v goal_recovery="$goal_recovery_ms" '
    { p99 = $1 > p99 ? $1 : p99; longest = $2 > longest ? $2 : longest; recovery = $3 > recovery ? $3 : recovery }
    END {
        printf "worst: p99 %.1f ms, goal %d; longest %.1f ms; hits again after %d ms, goal %d\n",
            p99, goal_p99, longest, recovery, goal_recovery
        exit !(p99 <= goal_p99 && recovery <= goal_recovery)
    }' "$dir/rounds"
