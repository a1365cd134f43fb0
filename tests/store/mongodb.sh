#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A MongoDB for tests: mongodb.sh start DIR | stop DIR
#
# start takes the first of these that there is, and prints three lines, "uri URI", "server NAME", "pidfile FILE":
#   1. the server that MONGODB_URI names (nothing is started, and the pid file stays empty);
#   2. a private mongod, if one is on the PATH;
#   3. mongo-java-server, an in-memory stand-in; Maven fetches it once, into build/stand-in/ (or $STAND_IN_DIR).
# The URI names a database of its own, todo_test_PID, so that a real server's data is left alone; who used it drops it.
# DIR gets the server's log, data and pid file. Without a server it says why and exits 77, with CI=true 1.
#
# stop ends what start started: the process whose pid and start time stand in the pid file, nothing else. It can be
# called twice. STAND_IN_JAVA adds options for java, such as -Xmx3g for a large load.
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
cache=${STAND_IN_DIR:-$here/../../build/stand-in}
database=todo_test_$$

say() {
    echo "mongodb.sh: $*" >&2
}

# No server to be had: loud, and an error where nobody looks at skips.
give_up() {
    say "$*"
    [ "${CI:-}" = true ] && exit 1
    exit 77
}

# The kernel's start time of a process tells it from a later one with the same pid. A zombie has ended.
started_at() {
    sed -n 's/^.*) \([^Z]\) //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f19
}

remember() {
    echo "$1 $(started_at "$1")" >"$dir/pid"
}

is_running() {
    read -r pid since 2>/dev/null <"$dir/pid" || return 1
    [ -n "$since" ] && [ "$(started_at "$pid")" = "$since" ]
}

# Waits up to 30 s for the line "port N" (or what $1 makes of it) in the server's log.
wait_for_port() {
    tries=0
    while [ $tries -lt 300 ]; do
        port=$(sed -n "$1" "$dir/log" | head -n 1)
        [ -n "$port" ] && return 0
        is_running || break
        sleep 0.1
        tries=$((tries + 1))
    done
    say "the server did not start; its log ends:"
    tail -n 5 "$dir/log" >&2
    stop
    return 1
}

announce() {
    echo "uri $1"
    echo "server $2"
    echo "pidfile $dir/pid"
}

# The same server, another database: what is in the URI's own is somebody's data.
use_given() {
    : >"$dir/pid"
    announce "$(printf '%s\n' "$MONGODB_URI" | sed "s,^\\([a-z+]*://[^/?]*\\)/*[^?]*,\\1/$database,")" "MONGODB_URI"
}

start_mongod() {
    mkdir -p "$dir/data"
    free=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
    setsid mongod --dbpath "$dir/data" --bind_ip 127.0.0.1 --port "$free" --nounixsocket --quiet >"$dir/log" 2>&1 </dev/null &
    remember $!
    # Its log is JSON from 4.4 on: "msg":"Waiting for connections","attr":{"port":N}; before, waiting for connections on port N.
    wait_for_port 's/.*[Ww]aiting for connections.*[ "]port[": ]*\([0-9]\{1,\}\).*/\1/p' || exit 1
    announce "mongodb://127.0.0.1:$port/$database" "$(mongod --version | sed -n 's/^db version v/mongod /p')"
}

# One process fetches; the others wait for it and find the jars there.
fetch_stand_in() {
    command -v mvn >/dev/null || give_up "no MongoDB: set MONGODB_URI, or install mongod, or maven and default-jdk-headless"
    mkdir -p "$cache"
    (
        flock 9
        [ -d "$cache/jars" ] && exit 0
        rm -rf "$cache/jars.new"
        mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/jars.new" >"$cache/mvn.log" 2>&1 &&
            mv "$cache/jars.new" "$cache/jars"
    ) 9>"$cache/lock" || give_up "no MongoDB: Maven can't fetch the stand-in, see $cache/mvn.log"
}

start_stand_in() {
    command -v javac >/dev/null || give_up "no MongoDB: the stand-in needs java with a compiler (default-jdk-headless)"
    [ -d "$cache/jars" ] || fetch_stand_in
    # shellcheck disable=SC2086 # the options are words
    setsid java -XX:+UseSerialGC ${STAND_IN_JAVA:-} -cp "$cache/jars/*" "$here/StandIn.java" >"$dir/log" 2>&1 </dev/null &
    remember $!
    wait_for_port 's/^port \([0-9]*\)$/\1/p' || exit 1
    version=$(cd "$cache/jars" && ls mongo-java-server-core-*.jar | sed 's/.*core-\(.*\)\.jar/\1/')
    announce "mongodb://127.0.0.1:$port/$database" "mongo-java-server $version (in memory)"
}

stop() {
    is_running || return 0
    kill "$pid"
    tries=0
    while is_running && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    if is_running; then
        kill -9 "$pid"
    fi
    rm -f "$dir/pid"
}

if [ $# -ne 2 ]; then
    say "usage: mongodb.sh start DIR | stop DIR"
    exit 2
fi
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)
case $1 in
start)
    is_running && { say "one started here runs already, pid $pid"; exit 1; }
    if [ -n "${MONGODB_URI:-}" ]; then
        use_given
    elif command -v mongod >/dev/null; then
        start_mongod
    else
        start_stand_in
    fi
    ;;
stop) stop ;;
*)
    say "unknown command: $1"
    exit 2
    ;;
esac
