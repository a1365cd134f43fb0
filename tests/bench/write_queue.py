#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The write queue beside synchronous writes: write_queue.py [--rounds 3] [--seconds 5] [--away 60]

A stack of its own: nginx, a worker, Redis, and a Redis with appendfsync always as the journal. The store is a real MongoDB
(tests/e2e/mongod.py), behind a proxy that holds back each request for 5 ms. In one run:

  accepted   32 clients PUT todos, as fast as they can, now with the preference and now without: the accepted writes a second are 10 times
             the synchronous ones, in the median of the rounds
  answers    32 clients that pause, 1,000 queued writes a second in all: 99 of 100 are answered (202) within 5 ms
  one todo   some 1,000 queued updates a second of one todo: at most 20 batches a second, each of which changes it once
  beside     reads of 1,000 todos meanwhile: the same hit rate as without the updates, but for 1 of 100
  away       MongoDB is stopped for --away seconds under some 2,000 queued writes a second: no error; the queue is empty within as many
             seconds after it is back. The writes end when it comes back

There is one worker, because the machine's cores are shared by all of this and by wrk: a second one would double the synchronous writes,
which wait (store_concurrency), and not the accepted ones, which don't. For the same reason answers are measured below the full rate:
at that, 32 clients that ask without a pause wait for each other.
"""

import argparse
import asyncio
import contextlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import mongod
from journal import REDIS, QueueRedis, figures, wait_until_drained
from ports import free_port
from proxy import through_proxy
from stack import Stack, wait_until
from supervisor import port_open
from tiny_bson import primary_of

HERE = Path(__file__).parent
IDS, DELAY_S, PREFER, CLIENTS = 1000, 0.005, "respond-async", 32


class Slow:
    """A proxy that holds back each request for a while, in a loop of its own."""

    def __init__(self, host, port):
        self.target, self.host, self.port = (host, port), "127.0.0.1", free_port()
        self.delay_s = 0
        threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True).start()
        wait_until(lambda: port_open(self.port), 10, "the proxy")

    async def serve(self):
        async with await asyncio.start_server(self.connect, self.host, self.port) as server:
            await server.serve_forever()

    async def connect(self, reader, writer):
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*self.target)
            await asyncio.gather(self.copy(reader, far_writer, True), self.copy(far_reader, writer, False))

    async def copy(self, reader, writer, is_request):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                if is_request and self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()


class Bench:
    missed = False

    def __init__(self, options):
        self.options, self.stack = options, None

    @contextlib.contextmanager
    def on(self, store_uri):
        """A stack with todos 1 to IDS, and its journal."""
        with tempfile.TemporaryDirectory(prefix="todo-queue-") as folder:
            self.stack = Stack(folder, store_uri, workers=1, settings={"write_queue": REDIS, "audit_rate": 0}).prepare()
            journal = QueueRedis(self.stack.folder).start()
            self.stack.start()
            try:
                self.stack.wait_answer()
                wait_until(lambda: self.stack.internal.get("/readyz").json["queue"]["status"] == "ready", 10, "the journal")
                assert self.stack.load("seed", "-n", str(IDS), build=self.stack.supervisor.build()).returncode == 0
                yield
            finally:
                self.stack.close()
                journal.stop()

    # --- measuring ---

    def wrk(self, method, seconds, ids=IDS, clients=CLIENTS, a_second=None, prefer=()):
        """{"rate", "p99_ms", "failed"}. a_second: about so many requests, by pauses of many clients."""
        pause_ms = max(0, clients * 1000 // a_second - 2) if a_second else 0
        url = f"http://127.0.0.1:{self.stack.port}"
        command = ["wrk", "-t2", f"-c{clients}", f"-d{seconds}s", "-s", HERE / "write_queue.lua", url, "--", method, ids, pause_ms, *prefer]
        told = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
        requests, duration_us, p99_us, failed = map(int, re.search(r"^figures (.*)", told, re.M)[1].split())
        return {"rate": requests * 1e6 / duration_us, "p99_ms": p99_us / 1000, "failed": failed}

    def row(self, words, figure, bar, is_met):
        self.missed |= not is_met
        print(f"{words:<52} {figure:>14}   {bar:<16} {'' if is_met else 'MISSED'}", flush=True)

    def refuse(self, *measured):
        """An answer that was no success makes the other figures worthless."""
        failed = sum(each["failed"] for each in measured)
        self.row("requests without a success", failed, "none", failed == 0)

    # --- the parts ---

    def accepted(self):
        plain, queued = [], []
        for number in range(self.options.rounds):
            for side in ("plain", "queued") if number % 2 else ("queued", "plain"):
                if side == "plain":
                    plain.append(self.wrk("PUT", self.options.seconds))
                else:
                    queued.append(self.wrk("PUT", self.options.seconds, prefer=[PREFER]))
                    wait_until_drained(self.stack, 120)
        ratio = statistics.median(one["rate"] / other["rate"] for one, other in zip(queued, plain))
        answers = self.wrk("PUT", 3 * self.options.seconds, a_second=1000, prefer=[PREFER])  # so the first ones, all at once, are few
        for words, some in (("synchronous", plain), ("accepted", queued)):
            self.row(f"{words} writes, 32 clients", f"{statistics.median(each['rate'] for each in some):.0f}/s", "", True)
        self.row("accepted, to one synchronous", f"{ratio:.1f}", ">= 10", ratio >= 10)
        self.row(f"99 of 100 answers at {answers['rate']:.0f}/s within", f"{answers['p99_ms']:.2f} ms", "< 5 ms", answers["p99_ms"] < 5)
        self.refuse(*plain, *queued, answers)

    def reads(self):
        """The hit rate of reads of all todos, once they are cached."""
        self.stack.ctl("warm", "-n", str(IDS))  # a todo that is written meanwhile is not filled in
        with self.stack.counted() as count:
            self.wrk("GET", self.options.seconds, clients=8)
        reads = {name: value for name, value in count.items() if name.startswith("todo_cache_reads_total")}
        return sum(value for name, value in reads.items() if 'hit"' in name) / sum(reads.values())

    def one_todo(self):
        alone = self.reads()
        written, rates = {}, {}
        changes = lambda: self.stack.counters()["todo_queue_batches_total"]

        def write():
            begun = changes(), time.monotonic()
            written.update(self.wrk("PUT", self.options.seconds + 4, ids=1, a_second=1000, prefer=[PREFER]))
            rates["store"] = (changes() - begun[0]) / (time.monotonic() - begun[1])

        writer = threading.Thread(target=write)
        writer.start()
        beside = self.reads()
        writer.join()
        wait_until_drained(self.stack, 30)
        self.row("updates of one todo", f"{written['rate']:.0f}/s", "some 1,000/s", written["rate"] > 700)
        self.row("changes of it in the store", f"{rates['store']:.1f}/s", "<= 20/s", 0 < rates["store"] <= 20)
        self.row("hit rate of reads, without these updates", f"{alone:.2%}", "", True)
        self.row("hit rate of reads beside them", f"{beside:.2%}", "the same - 1 %", beside >= alone - 0.01)
        self.refuse(written)

    def away(self, server):
        away_s = self.options.away
        server.signal(signal.SIGSTOP)
        try:
            written = self.wrk("PUT", away_s, clients=2 * CLIENTS, a_second=2000, prefer=[PREFER])
            depth = figures(self.stack)["depth"]
        finally:
            server.signal(signal.SIGCONT)
        drained_s = wait_until_drained(self.stack, 3 * away_s + 30)
        self.row(f"writes while the store is away for {away_s} s", f"{written['rate']:.0f}/s", "some 2,000/s", written["rate"] > 1400)
        self.row("waiting when it comes back", depth, "", True)
        self.row("the queue is empty after", f"{drained_s:.1f} s", f"<= {away_s} s", drained_s <= away_s)
        self.refuse(written)
        wait_until(lambda: self.stack.get("/todos/1").status == 200, 10, "the store's answer")
        dead = figures(self.stack)["dead"]
        self.row("dead letters", dead, "none", dead == 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--away", type=int, default=60)
    bench = Bench(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="todo-queue-mongod-") as folder:
        mongodb = mongod.ReplicaSet(folder).start()
        try:
            uri = mongodb.uri("queue")
            slow = Slow(*primary_of(uri))
            with bench.on(through_proxy(uri, slow)):
                slow.delay_s = DELAY_S
                bench.accepted()
                bench.one_todo()
                bench.away(mongodb.members[0])
        finally:
            mongodb.stop()
    sys.exit(1 if bench.missed else 0)


if __name__ == "__main__":
    main()
