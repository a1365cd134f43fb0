# SPDX-License-Identifier: MIT
"""
Counts a worker's instructions in user space, for each kind of hit and a POST: instructions.py WORKER DIR ROWS ROUNDS.

instructions.sh starts this. DIR is a stack's folder with a running Redis and the todos 1 to ROWS. The requests are the
ones that nginx would send, on one connection that is kept: the parameters of nginx/fastcgi_params, then the header fields.
The records are padded as nginx pads them.

Three things make the figures repeatable:

- Each request waits for the previous answer. So every request takes the same turns of the worker's loop, whatever the
  machine's speed. Of requests sent together, chance would decide how many share a turn.
- The allocator is jemalloc, which Debian's redis-tools brings. The cost of glibc's malloc depends on the heap's past,
  which timers and threads change: its figures differ by 1 % from run to run.
- All rounds of a kind send the same requests, and the lowest count of a round is printed. The others have the work of
  timers in them, more of it the slower the machine is.

callgrind sets its counters to zero at each dump, so a dump after each round has the instructions of that round.
"""

import ctypes.util
import os
import pathlib
import re
import struct
import subprocess
import sys
import time

from fastcgi_client import BEGIN, PARAMS, STDIN, Connection, pairs, record, stream

NGINX_PARAMS = pathlib.Path(__file__).parents[2] / "nginx/fastcgi_params"
NGINX_PARAM = re.compile(r"^fastcgi_param\s+(\w+)\s+\$\w+(?:\s+(if_not_empty))?;$", re.M)
WAIT_S = 60


def nginx_request(path, query="", body=b"", **fields):
    """The bytes that nginx sends for a GET, or for a POST of a body; fields are header fields: HTTP_ACCEPT="text/html"."""
    values = {"REQUEST_METHOD": "GET", "DOCUMENT_URI": path, "QUERY_STRING": query, "REMOTE_ADDR": "127.0.0.1"}
    if body:
        values |= {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"}
    lines = NGINX_PARAM.findall(NGINX_PARAMS.read_text())
    assert set(values) <= {name for name, _ in lines}, f"{NGINX_PARAMS} lacks one of {list(values)}"
    sent = {name: values.get(name, "") for name, skip in lines if values.get(name) or not skip} | fields
    params = pairs(sent)
    begin = record(BEGIN, struct.pack("!HB5x", 1, 1))
    return begin + stream(PARAMS, params, padding=-len(params) % 8) + stream(STDIN, body)


class Worker:
    """A worker under callgrind, with or without an L1. Its log is in the stack's folder, its settings in the environment."""

    def __init__(self, program, folder, l1_mbytes, environment=os.environ):
        self.folder = folder
        self.log = folder / "logs/workers.log"
        allocator = ctypes.util.find_library("jemalloc") or sys.exit("libjemalloc is not installed")
        # jemalloc must not give memory back: it would do so by the clock.
        environment = {**environment, "LD_PRELOAD": allocator, "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}
        environment["TODO_L1_MBYTES"] = str(l1_mbytes)
        for old in folder.glob("callgrind.*"):
            old.unlink()
        options = ["--tool=callgrind", f"--callgrind-out-file={folder}/callgrind", f"--vgdb-prefix={folder}/vgdb"]
        command = ["valgrind", *options, program, "-c", "todo.conf", "-s", "todo.sock"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_ready(self):
        """Only a worker that has come to trust its Redis can have hits."""
        deadline = time.monotonic() + WAIT_S
        while "event=redis_trusted" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the worker did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(WAIT_S)

    def dump(self):
        """The instructions since the last dump."""
        options = ["--max-invoke-ms=10", f"--vgdb-prefix={self.folder}/vgdb", f"--pid={self.process.pid}"]
        subprocess.run(["vgdb", *options, "dump"], check=True, timeout=WAIT_S, capture_output=True)
        newest = max(self.folder.glob("callgrind.*"), key=lambda path: int(path.suffix[1:]))
        return int(re.search(r"^totals: (\d+)", newest.read_text(), re.M)[1])


def ask(connection, request, wanted):
    """The answer, and whether it was a hit as wanted."""
    connection.send(request)
    answer = connection.read_answer()
    assert answer.ended, answer
    return answer, answer.headers.get("cache-status", "").startswith(f"todo-fcgi; hit{wanted}")


def ask_until_hit(connection, request, wanted):
    deadline = time.monotonic() + WAIT_S
    while True:
        answer, hit = ask(connection, request, wanted)
        if hit:
            return answer
        assert time.monotonic() < deadline, answer


def count_round(worker, connection, status, requests, wanted):
    for request in requests:
        answer, hit = ask(connection, request, wanted)
        assert hit and answer.status == status, answer
    return worker.dump() / len(requests)


def count(worker, connection, kind, status, requests, rounds, wanted="; ttl"):
    """Prints the instructions of a hit, once all the requests are hits, and returns them."""
    for request in requests:
        ask_until_hit(connection, request, wanted)
    worker.dump()
    lowest = min(count_round(worker, connection, status, requests, wanted) for _ in range(rounds))
    print(f"instructions per {kind}: {lowest:.0f} ({rounds * len(requests)} hits)", flush=True)
    return lowest


def count_l1(worker, connection, rows, rounds):
    todos = [nginx_request(f"/todos/{number}") for number in range(1, rows + 1)]
    count(worker, connection, "hit in the L1", 200, todos, rounds, "; detail=l1")


def count_redis(worker, connection, rows, rounds):
    paths = [f"/todos/{number}" for number in range(1, rows + 1)]
    todos = [nginx_request(path) for path in paths]
    etags = [ask_until_hit(connection, request, "").headers["etag"] for request in todos]
    unchanged = [nginx_request(path, HTTP_IF_NONE_MATCH=etag) for path, etag in zip(paths, etags)]
    absent = [nginx_request(f"{path}-absent") for path in paths]
    page = [nginx_request("/todos", query="limit=50")] * rows
    count(worker, connection, "hit", 200, todos, rounds)
    count(worker, connection, "negative hit", 404, absent, rounds)
    count(worker, connection, "304", 304, unchanged, rounds)
    count(worker, connection, "page hit", 200, page, rounds)


def count_posts(worker, connection, rows, rounds):
    """Of new todos, one after another's commit."""
    request, counts = nginx_request("/todos", body=b'{"name":"Buy milk","description":"two litres"}'), []
    for _ in range(1 + rounds // 8):
        for _ in range(rows):
            connection.send(request)
            answer = connection.read_answer()
            assert answer.status == 201, answer
        counts.append(worker.dump() / rows)
    print(f"instructions per POST: {min(counts[1:]):.0f} ({len(counts[1:]) * rows} todos)", flush=True)


def main():
    program, folder, rows, rounds = sys.argv[1:]
    folder = pathlib.Path(folder).resolve()
    for l1_mbytes, count_all in ((0, count_redis), (1, count_l1), (1, count_posts)):
        worker = Worker(program, folder, l1_mbytes)
        try:
            worker.wait_ready()
            with Connection(folder / "todo.sock", seconds=WAIT_S) as connection:
                count_all(worker, connection, int(rows), int(rounds))
        finally:
            worker.stop()


if __name__ == "__main__":
    main()
