#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Clients that wait for changes: waiting.py [--clients 10000] [--workers 2] [--stream] [--seconds 10]

A stack of its own (SQLite, nginx, Redis) in a folder that goes away. First GETs of a todo alone, on one connection after the
other's answer; then the same while so many clients wait at /changes; then a todo changes, and all of them are told.
Goals, or the exit status is 1: 10 KB of the workers' memory for each client that waits; and the 99th percentile of the GETs is
no more than 1 ms longer while they wait. Prints the workers' memory for each waiting client (of their own: RssAnon in /proc), the GETs' times before and meanwhile, and
how long the telling took.
"""

import argparse
import asyncio
import os
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from stack import ROOT, Client, Stack  # noqa: E402

GOAL_BYTES, GOAL_LATER_MS = 10 * 1024, 1
AT_ONCE = 200  # connections being made: the workers' backlog takes some hundred


def own_bytes(pid):
    return int(re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def percentiles(times):
    times = sorted(times)
    return {name: times[min(len(times) - 1, int(len(times) * part))] * 1000 for name, part in
            (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))}  # fmt: skip


async def reads(port, seconds):
    """How long each of the GETs took that one client made."""
    times, end, writer = [], time.monotonic() + seconds, None
    while time.monotonic() < end:
        if len(times) % 500 == 0:  # before nginx closes the connection, which it does after a thousand
            if writer:
                writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = time.monotonic()
        writer.write(b"GET /todos/a HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
        times.append(time.monotonic() - begun)
        await asyncio.sleep(0.002)
    writer.close()
    return times


async def wait(port, place, is_stream, gate):
    """Asks, and returns the reader that the answer will come to."""
    form = b"Accept: text/event-stream\r\nLast-Event-ID: " + place if is_stream else b"Prefer: wait=30"
    query = b"" if is_stream else b"?after=" + place
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=8192)
        writer.write(b"GET /changes" + query + b" HTTP/1.1\r\nHost: localhost\r\n" + form + b"\r\n\r\n")
        await writer.drain()
        if is_stream:
            await reader.readuntil(b"retry: 1000\n\n")
    return reader, writer


async def told(reader):
    await reader.readuntil(b'"change":"updated"')
    return time.monotonic()


def change(stack):
    answer = Client(stack.port).request("PATCH", "/todos/a", '{"name":"other"}', {"Content-Type": "application/merge-patch+json"})
    assert answer.status == 200, answer
    return time.monotonic()


async def measure(stack, options):
    place = stack.get("/changes").json["next"].encode()
    gate = asyncio.Semaphore(AT_ONCE)
    alone = await reads(stack.port, options.seconds)
    before = {pid: own_bytes(pid) for pid in stack.worker_pids()}
    clients = await asyncio.gather(*(wait(stack.port, place, options.stream, gate) for _ in range(options.clients)))
    await asyncio.sleep(2)
    waiting = stack.counters()["todo_clients_waiting"]
    meanwhile = await reads(stack.port, options.seconds)
    grown = sum(own_bytes(pid) - before[pid] for pid in before)
    tellings = [asyncio.ensure_future(told(reader)) for reader, _ in clients]
    during = asyncio.ensure_future(reads(stack.port, 3))
    await asyncio.sleep(0.1)
    begun = await asyncio.to_thread(change, stack)
    ends = await asyncio.wait_for(asyncio.gather(*tellings), 30)
    print(f"waiting: {waiting:.0f}, of {options.clients}")
    print(f"memory: {grown / options.clients:.0f} bytes of the workers each")
    for name, times in (("alone", alone), ("while they wait", meanwhile), ("while they are told", await during)):
        print(f"GET {name}: " + ", ".join(f"{part} {ms:.2f} ms" for part, ms in percentiles(times).items()))
    print(f"told: the first after {min(ends) - begun:.2f} s, the last after {max(ends) - begun:.2f} s")
    for _, writer in clients:
        writer.close()
    later_ms = percentiles(meanwhile)["p99"] - percentiles(alone)["p99"]
    return waiting == options.clients and grown / options.clients <= GOAL_BYTES and later_ms <= GOAL_LATER_MS


def widen(stack, descriptors):
    """nginx has two connections for each client."""
    conf = stack.folder / "nginx.conf"
    text = conf.read_text()
    text = re.sub(r"worker_connections \d+", "worker_connections 65536", text)
    conf.write_text(re.sub(r"worker_rlimit_nofile \d+", f"worker_rlimit_nofile {descriptors}", text))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clients", type=int, default=10000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--stream", action="store_true", help="events in place of JSON")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="todo-waiting-") as folder:
        stack = Stack(folder, workers=options.workers)
        stack.environment["BUILD_DIR"] = os.environ.get("BUILD_DIR", str(ROOT / "build"))
        stack.prepare()
        widen(stack, hard)
        stack.start()
        try:
            stack.wait_answer()
            stack.post({"id": "a", "name": "new"})
            sys.exit(0 if asyncio.run(measure(stack, options)) else 1)
        finally:
            stack.close()


if __name__ == "__main__":
    main()
