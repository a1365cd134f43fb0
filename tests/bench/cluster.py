# SPDX-License-Identifier: MIT
"""cluster.sh starts this and tells what it is."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import sentinels
from fastcgi_client import Connection
from instructions import WAIT_S, Worker, count, nginx_request
from redis_cluster import SLOTS, Member
from stack import Stack

TODOS, GOAL = 250, 0.05
# Nothing may expire or time out during a run, and nothing but Redis may answer.
SETTINGS = {"redis_timeout_ms": 10000, "audit_rate": 0, "l1_mbytes": 0, "todo_ttl_s": 86400}
LUA = """
function request()
    return wrk.format("GET", "/todos/" .. math.random(%d))
end
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format("%%d %%d\\n", summary.requests, errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
""" % TODOS


def number(name, default):
    return int(os.environ.get(name, default))


def one_redis(folder):
    server = sentinels.Server(folder, lambda server: sentinels.MEMBER.format(port=server.port, folder=server.folder))
    server.start()
    return server, f"127.0.0.1:{server.port}"


def one_node(folder):
    server = Member(folder)
    server.start()
    server.ask("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
    return server, f"cluster://127.0.0.1:{server.port}"


def seeded_stack(folder, redis):
    build = Path(os.environ["BUILD_DIR"])
    stack = Stack(folder, workers=1, settings={**SETTINGS, "redis": redis})
    stack.environment |= {"BUILD_DIR": str(build)}
    stack.prepare().start("store")
    seeded = stack.load("seed", "-n", str(TODOS), build=build)
    assert seeded.returncode == 0, seeded.stderr
    return stack


def instructions(stack, kind):
    worker = Worker(Path(os.environ["BUILD_DIR"], "todo-fcgi"), stack.folder, 0, stack.environment)
    try:
        worker.wait_ready()
        requests = [nginx_request(f"/todos/{todo}") for todo in range(1, TODOS + 1)]
        with Connection(stack.folder / "todo.sock", seconds=WAIT_S) as connection:
            return count(worker, connection, kind, 200, requests, number("ROUNDS_COUNTED", 16))
    finally:
        worker.stop()


def rate(stack, script):
    """Hits a second."""
    seconds = number("SECONDS_EACH", 2)
    url = f"http://127.0.0.1:{stack.port}"
    with stack.counted() as counted:
        command = ["wrk", "-t1", f"-c{number('CLIENTS', 8)}", f"-d{seconds}s", "-s", script, url]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests, failed = map(int, told.splitlines()[-1].split())
    hits = counted.get('todo_cache_reads_total{result="hit"}', 0)
    assert not failed and hits >= 0.99 * requests > 0, (told, counted)
    return requests / seconds


def read_all(stack):
    for todo in range(1, TODOS + 1):
        assert stack.get(f"/todos/{todo}").status == 200


def compare_rates(one, cluster, folder):
    """How much less it is on a cluster, in the median of the rounds, each of which begins with another one."""
    script, losses = folder / "read.lua", []
    script.write_text(LUA)
    for stack in (one, cluster):
        stack.start("workers", "nginx")
        stack.wait_answer()
        read_all(stack)
    for turn in range(number("ROUNDS", 7)):
        rates = {stack: rate(stack, script) for stack in ((one, cluster), (cluster, one))[turn % 2]}
        losses.append(1 - rates[cluster] / rates[one])
        print(f"round {turn + 1}: one Redis {rates[one]:.0f}/s, cluster {rates[cluster]:.0f}/s: {-losses[-1]:+.1%}", flush=True)
    return statistics.median(losses)


def main():
    with tempfile.TemporaryDirectory(prefix="todo-bench.") as folder, contextlib.ExitStack() as ends:
        folder = Path(folder)
        folder.chmod(0o755)
        stacks = []
        for name, start in (("one", one_redis), ("cluster", one_node)):
            server, address = start(folder / f"{name}-redis")
            ends.callback(server.stop)
            stacks.append(seeded_stack(folder / name, address))
            ends.callback(stacks[-1].close)
        counts = [instructions(stack, f"hit {where}") for stack, where in zip(stacks, ("on one Redis", "on a cluster"))]
        more = counts[1] / counts[0] - 1
        print(f"instructions of a hit on a cluster: {more:+.1%}, goal at most {GOAL:+.0%}", flush=True)
        less = compare_rates(*stacks, folder)
        print(f"rate of hits on a cluster: {-less:+.1%}, goal {-GOAL:+.0%} at least")
    sys.exit(0 if more <= GOAL and less <= GOAL else 1)


main()
