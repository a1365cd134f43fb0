# SPDX-License-Identifier: MIT
"""machines.sh starts this and tells what it is."""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import mongod
from stack import Stack, wait_until

TODOS, PAUSE_MS = 200, 10
GOAL_LATER_MS, GOAL_FROZEN_MS = 1, 300
WAITED_OUT = 'todo_l1_waits_total{result="over"}'
# A client that pauses, so that the writes of a machine with few cores wait for other machines and not for its cores.
LUA = """
local number = 0
wrk.headers["Content-Type"] = "application/merge-patch+json"
function request()
    number = number + 1
    return wrk.format("PATCH", "/todos/m" .. math.random(%d), nil, string.format('{"name":"write %%d"}', number))
end
function delay()
    return math.random(0, %d)
end
function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
    io.write(string.format("%%d %%d %%d %%d %%d\\n", summary.requests, latency:percentile(50), latency:percentile(99), latency.max, failed))
end
""" % (TODOS, 2 * PAUSE_MS)


def number(name, default):
    return int(os.environ.get(name, default))


def machine(folder, uri, name, redis=None):
    stack = Stack(folder / name, store_uri=f"{uri}&appname={name}", settings={"redis": redis} if redis else {})
    stack.environment |= {"BUILD_DIR": os.environ["BUILD_DIR"]}
    return stack


def holders(stack):
    keys = stack.redis("--scan", "--pattern", "todos:*:holders").split()
    return sum(len(stack.redis("hkeys", key).split()) for key in keys)


def write(stack, folder, seconds):
    """The median, the 99th percentile and the longest, in ms, and how many writes have waited until a licence was over."""
    script = folder / "write.lua"
    script.write_text(LUA)
    waited = stack.counters()[WAITED_OUT]
    command = ["wrk", "-t1", f"-c{number('CLIENTS', 4)}", f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{stack.port}"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests, p50_us, p99_us, longest_us, failed = map(int, told.splitlines()[-1].split())
    assert requests and not failed, told
    waited = stack.counters()[WAITED_OUT] - waited
    return {"p50": p50_us / 1e3, "p99": p99_us / 1e3, "longest": longest_us / 1e3, "waited": waited, "rate": requests / seconds}


def freeze_during(pids, seconds):
    """From a while after the writes begin until they are over: the licence of the frozen ones runs out meanwhile."""

    def send(number):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    timer = threading.Timer(seconds / 3, send, [signal.SIGSTOP])
    timer.start()
    return timer, lambda: send(signal.SIGCONT)


def measure_round(first, second, folder, seconds):
    figures = {}
    if second.supervisor.running("workers"):
        second.stop("workers")
    wait_until(lambda: holders(first) == 1, 10, "one holder")
    figures["alone"] = write(first, folder, seconds)
    second.start("workers")
    wait_until(lambda: holders(first) == 2, 10, "two holders")
    figures["beside"] = write(first, folder, seconds)
    timer, thaw = freeze_during(second.worker_pids(), seconds)
    try:
        figures["frozen"] = write(first, folder, seconds)
    finally:
        timer.join()
        thaw()
    return figures


def measure(first, second, folder):
    rounds, seconds, clients = [], number("SECONDS_EACH", 3), number("CLIENTS", 4)
    for todo in range(1, TODOS + 1):
        first.post({"id": f"m{todo}", "name": "new"})
    write(first, folder, seconds)
    for turn in range(number("ROUNDS", 5)):
        rounds.append(measure_round(first, second, folder, seconds))
        print(f"round {turn + 1}: " + "; ".join(
            f"{name}: {row['rate']:.0f}/s, p50 {row['p50']:.2f} ms, p99 {row['p99']:.2f} ms, longest {row['longest']:.1f} ms, {row['waited']:.0f} waited"
            for name, row in rounds[-1].items()), flush=True)  # fmt: skip
    later_ms = statistics.median(row["beside"]["p99"] - row["alone"]["p99"] for row in rounds)
    longest_ms = max(row["frozen"]["longest"] for row in rounds)
    waited = max(row["frozen"]["waited"] for row in rounds)
    print(f"p99 beside another machine: {later_ms:+.2f} ms, goal at most {GOAL_LATER_MS:+d}")
    print(f"the other frozen: {longest_ms:.1f} ms at most, goal {GOAL_FROZEN_MS}; {waited:.0f} writes waited, goal {clients}: one for each client")
    return later_ms <= GOAL_LATER_MS and longest_ms <= GOAL_FROZEN_MS and 0 < waited <= clients


def main():
    files = set(Path("/dev/shm").glob("todo-fcgi-*"))
    with tempfile.TemporaryDirectory(prefix="todo-bench.") as folder, contextlib.ExitStack() as ends:
        folder = Path(folder)
        folder.chmod(0o755)
        server = mongod.server(folder / "mongodb")
        ends.callback(server.stop)
        uri = server.uri(mongod.new_database())
        first = machine(folder, uri, "first")
        second = machine(folder, uri, "second", f"unix:{first.folder}/redis.sock")
        try:
            for stack in (first, second):
                ends.callback(stack.close)
                stack.up()
            met = measure(first, second, folder)
        finally:
            for path in set(Path("/dev/shm").glob("todo-fcgi-*")) - files:
                path.unlink()
    sys.exit(0 if met else 1)


main()
