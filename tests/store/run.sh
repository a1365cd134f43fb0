#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the conformance suite over both stores, MongoDB's own cases, and the simulated store beside both. Called by "make
# check" in the build folder; by hand: tests/store/run.sh [FOLDER OF THE BUILD]. mongod.py finds or starts the MongoDB.
# Without any, SQLite is run all the same, and the end is a skip (77).
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
build=${1:-.}
room=$(mktemp -d)

mongod() {
    python3 -B "$here/../e2e/mongod.py" "$1" "$2"
}

trap 'mongod stop "$room/mongodb"; rm -rf "$room"' EXIT
trap 'exit 1' INT TERM HUP

skipped=0
mongod start "$room/mongodb" >"$room/server" || skipped=$?
uri=$(sed -n 's/^uri //p' "$room/server")
server=$(sed -n 's/^server //p' "$room/server")
echo "SQLite: $room/sqlite-*.db"
echo "MongoDB: ${server:-none, its cases are SKIPPED}"

# A server that stands alone, as a scripted one: it serves until its input ends, which is with this script.
mkfifo "$room/alone"
python3 -B "$here/../e2e/mongo_server.py" 1 <"$room/alone" >"$room/standalone" &
exec 3>"$room/alone"
while [ ! -s "$room/standalone" ]; do sleep 0.05; done

TODO_TEST_STORES="sqlite:$room/sqlite $uri"
TODO_TEST_MONGODB=$uri
TODO_TEST_SERVER=$server
TODO_TEST_STANDALONE=$(cat "$room/standalone")
export TODO_TEST_STORES TODO_TEST_MONGODB TODO_TEST_SERVER TODO_TEST_STANDALONE
failed=0
"$build/tests/store/test_store" || failed=1
"$build/tests/sim/test_same_store" || failed=1
[ -z "$uri" ] || "$build/tests/store/test_mongo" || failed=1
[ $failed -eq 0 ] || exit 1
exit $skipped
