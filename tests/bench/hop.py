# SPDX-License-Identifier: MIT
"""hop.sh starts this and tells what it is."""

import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ladder_places
from ports import free_port
from zipf import Zipf

HERE = Path(__file__).parent
DRAWS, ZIPF_EXPONENT, PINGS, GOAL = 100_000, 1.1, 500, 0.6


def number(name, default):
    return int(os.environ.get(name, default))


def hop_start(folder, build, delay_us):
    """A hop to the Redis of that place; its process and its port."""
    port = free_port()
    process = subprocess.Popen([build / "tests/bench/slow_hop", str(port), folder / "redis.sock", str(delay_us)])
    return process, port


def ping_us(family, address):
    """The median time of a PING, one after the other's answer."""
    deadline = time.monotonic() + 10
    connection = socket.socket(family)
    while connection.connect_ex(address) and time.monotonic() < deadline:
        time.sleep(0.02)
    with connection:
        times = []
        for _ in range(PINGS):
            begun = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(16)
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e6


def hop_cost_us(place, hop_us):
    """What a round trip takes without a hop, through a hop of no length, and through one of hop_us."""
    times = [ping_us(socket.AF_UNIX, str(place.folder / "redis.sock"))]
    for delay_us in (0, hop_us // 2):
        process, port = hop_start(place.folder, place.build(), delay_us)
        try:
            times.append(ping_us(socket.AF_INET, ("127.0.0.1", port)))
        finally:
            process.kill()
            process.wait()
    return times


class Side:
    """Workers in a folder, with their Redis behind a hop."""

    def __init__(self, folder, rows, hop_us, settings):
        build = Path(os.environ["BUILD_DIR"])
        folder.mkdir()
        self.hop, port = hop_start(folder, build, hop_us // 2)
        self.place = ladder_places.service(folder, rows, {"TODO_REDIS": f"127.0.0.1:{port}", **settings})

    def read(self, asked, seconds):
        """wrk's median and rate, and the part of the answers that came from the L1."""
        url = f"http://127.0.0.1:{self.place.port}"
        before = self.place.counters()
        command = ["wrk", "-t2", f"-c{number('CLIENTS', 8)}", f"-d{seconds}s", "-s", HERE / "ladder.lua", url, "--", asked, "GET"]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        requests, duration_us, p50_us, p99_us, failed = map(int, re.search(r"^figures (.*)", told, re.M)[1].split())
        assert not failed, f"{failed} of {requests} requests failed"
        name = 'todo_l1_reads_total{result="hit"}'
        near = (self.place.counters().get(name, 0) - before.get(name, 0)) / requests
        return {"p50": p50_us, "p99": p99_us, "rate": requests * 1e6 / duration_us, "near": near}


def compare(sides, asked, rounds, seconds):
    """A dict of figures for each side and round; who begins changes."""
    figures = {name: [] for name in sides}
    for side in sides.values():
        side.read(asked, 2 * seconds)
    for turn in range(rounds):
        for name in sorted(sides, reverse=turn % 2 == 1):
            figures[name].append(sides[name].read(asked, seconds))
        print(f"round {turn + 1}: " + "; ".join(
            f"{name}: p50 {rows[-1]['p50']} us, p99 {rows[-1]['p99']} us, {rows[-1]['rate']:.0f}/s, {rows[-1]['near']:.0%} from the L1"
            for name, rows in figures.items()), flush=True)  # fmt: skip
    return figures


def main():
    rows, hop_us, sides = number("ROWS", 200_000), number("HOP_US", 300), {}
    ranks, chance = Zipf(rows, ZIPF_EXPONENT), random.Random(1)
    with tempfile.TemporaryDirectory(prefix="todo-bench.") as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        asked = folder / "asked"
        asked.write_text("".join(f"/todos/{ranks.rank(chance.random())}\n" for _ in range(DRAWS)))
        try:
            for name, settings in (("L1", {}), ("no L1", {"TODO_L1_MBYTES": "0"})):
                sides[name] = Side(folder / name.replace(" ", "-"), rows, hop_us, settings)
            direct, empty, whole = hop_cost_us(sides["L1"].place, hop_us)
            print(f"a PING: {direct:.0f} us; through a hop of no length {empty:.0f} us; through the hop {whole:.0f} us", flush=True)
            figures = compare(sides, asked, number("ROUNDS", 5), number("SECONDS_EACH", 3))
        finally:
            for place in ladder_places.Place.started:
                place.stop()
            for side in sides.values():
                side.hop.kill()
                side.hop.wait()
    ratio = statistics.median(near["p50"] / far["p50"] for near, far in zip(figures["L1"], figures["no L1"]))
    print(f"p50 with the L1 beside p50 without: {ratio:.2f}, goal below {GOAL:.2f}")
    sys.exit(0 if ratio < GOAL else 1)


main()
