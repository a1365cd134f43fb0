#!/bin/bash
# SPDX-License-Identifier: MIT
#
# How many instructions a hit and a POST take: instructions.sh [BUILD_DIR]. One worker of BUILD_DIR runs under valgrind's
# callgrind, beside a real Redis and SQLite. For each kind of hit, instructions.py sends ROWS requests in each of ROUNDS
# rounds and prints a line. Two runs of one build differ by less than 0.2 %, even on a busy machine.
#
# There is no goal: the figures depend on the compiler, the libraries and the processor. The yardstick is the build of
# another commit on the same machine: name its folder as BUILD_DIR and compare. Exit status 1: an answer was not a hit.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
rows=${ROWS:-250}
rounds=${ROUNDS:-32}

dir=$(mktemp -d "${TMPDIR:-/tmp}/todo-bench.XXXXXX")
# Nothing may expire or time out during a run. Audits are off: they read a random choice of the hits from the store.
export BUILD_DIR=$build STACK_STORE=sqlite TODO_AUDIT_RATE=0 TODO_REDIS_TIMEOUT_MS=10000
export TODO_TODO_TTL_S=86400 TODO_NEGATIVE_TTL_S=86400 TODO_LIST_TTL_S=86400

# Called by the trap.
# shellcheck disable=SC2317
stop() {
    trap - EXIT
    "$root/dev" stack stop "$dir"
    rm -rf "$dir"
}
trap stop EXIT
trap "exit 130" INT TERM

"$root/dev" stack prepare "$dir"
"$root/dev" stack start "$dir" store redis
(cd "$dir" && "$build/todo-load" -c todo.conf seed -n "$rows" >/dev/null 2>logs/load.log)
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$root/tests/e2e \
    python3 "$root/tests/bench/instructions.py" "$build/todo-fcgi" "$dir" "$rows" "$rounds"
