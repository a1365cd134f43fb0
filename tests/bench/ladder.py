# SPDX-License-Identifier: MIT
"""ladder.sh starts this and tells what it is; ladder_places.py has what is measured, ladder_report.py the table and the plot."""

import http.client
import itertools
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import ladder_places
import ladder_report
from zipf import Zipf

HERE = Path(__file__).parent
DRAWS, TAGGED, MISSES = 100_000, 2_000, 100_000
ZIPF_EXPONENT = 1.1
PARTS = ("nginx", "workers", "redis")
YARDSTICK = "bare"


@dataclass(frozen=True)
class Step:
    name: str
    words: str  # in the table
    place: str  # whose nginx is asked
    asks: str  # the file of requests
    behind: dict  # part: the place whose it is, if that is another one
    reads: str = ""  # the counter that must grow with the answers
    method: str = "GET"


STEPS = [
    Step("static", "a file of a todo's size", "service", "file", {}),
    Step("silent", "bare responder, behind a bare nginx without a log", "silent", "todos", {"workers": "bare"}),
    Step("plain", "bare responder, behind a bare nginx", "plain", "todos", {"workers": "bare"}),
    Step("bare", "**bare responder**", "bare", "todos", {}),
    Step("l1", "hit in the L1", "l1", "todos", {}, 'todo_cache_reads_total{result="hit"}'),
    Step("hit", "hit in Redis", "service", "todos", {}, 'todo_cache_reads_total{result="hit"}'),
    Step("304", "hit in Redis, 304", "service", "tagged", {}, 'todo_cache_reads_total{result="hit"}'),
    Step("page", "hit: a page of 50 todos", "service", "page", {}, 'todo_list_reads_total{result="hit"}'),
    Step("miss", "miss: Redis, SQLite, Redis", "service", "misses", {}, 'todo_cache_reads_total{result="miss"}'),
    Step("alone", "the same read of SQLite, without Redis", "alone", "misses", {}, 'todo_cache_reads_total{result="bypass"}'),
    Step("post", "POST, SQLite", "service", "list", {}, method="POST"),
    Step("lua", "nginx' Lua and Redis", "lua", "todos", {}),
    Step("plain lua", "nginx' Lua and Redis, behind a bare nginx", "plain lua", "todos", {"redis": "lua"}),
]

# A step's rate, beside which step's, and the least ratio of the two.
GOALS = [
    ("bare", "silent", 0.95),
    ("l1", "bare", 0.95),
    ("l1", "lua", 1.30),
    ("l1", "plain lua", 1.15),
    ("hit", "bare", 0.88),
    ("hit", "lua", 1.10),
    ("hit", "plain lua", 1.00),
]


def number(name, default):
    return int(os.environ.get(name, default))


class Ladder:
    def __init__(self, folder, places, rows):
        self.folder, self.places, self.rows = folder, places, rows
        self.steps = [step for step in STEPS if step.place in places]
        self.seconds = number("SECONDS_EACH", 3)
        self.figures = {step.name: [] for step in self.steps}  # one dict of figures a round
        self.wrong = set()

    # --- requests ---

    def write(self, name, lines):
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))

    def write_requests(self):
        chance = random.Random(1)
        ranks = Zipf(self.rows, ZIPF_EXPONENT)
        draw = {"uniform": lambda: chance.randint(1, self.rows), "zipf": lambda: ranks.rank(chance.random())}[os.environ.get("IDS", "uniform")]
        ids = [draw() for _ in range(DRAWS)]
        self.write("todos", [f"/todos/{todo}" for todo in ids])
        self.write("all", [f"/todos/{todo}" for todo in range(1, self.rows + 1)])
        self.write("misses", [f"/todos/{todo}" for todo in range(self.rows + 1, self.rows + MISSES + 1)])
        self.write("tagged", [f"/todos/{todo} {tag}" for todo, tag in self.tags(ids[:TAGGED])])
        self.write("file", ["/assets/todo.json"] * 2)
        self.write("page", ["/todos?limit=50"] * 2)
        self.write("list", ["/todos"] * 2)

    def tags(self, ids):
        connection = None
        for at, todo in enumerate(ids):
            if at % 500 == 0:  # nginx closes a connection after a thousand requests
                connection = http.client.HTTPConnection("127.0.0.1", self.places["service"].port, timeout=10)
            connection.request("GET", f"/todos/{todo}")
            answer = connection.getresponse()
            answer.read()
            yield todo, answer.headers["ETag"]

    # --- measuring ---

    def wrk(self, step, asks, seconds):
        url = f"http://127.0.0.1:{self.places[step.place].port}"
        command = ["wrk", "-t2", "-c32", f"-d{seconds}s", "-s", HERE / "ladder.lua", url, "--", self.folder / asks, step.method]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        requests, duration_us, p50_us, p99_us, failed = map(int, re.search(r"^figures (.*)", told, re.M)[1].split())
        return requests, failed, {"rate": requests * 1e6 / duration_us, "p50": p50_us / 1e3, "p99": p99_us / 1e3}

    def warm(self, step):
        """Until each of the todos is in Redis, and then the ones that are asked for once more, for an L1."""
        place = self.places[step.place]
        for _ in range(30):
            self.wrk(step, "all", max(1, self.rows // 20_000))
            if int(ladder_places.redis_ask(place, "DBSIZE")) >= self.rows * 0.999:
                break
        else:
            self.wrong.add(f"{step.name}: not all todos came into Redis")
        self.wrk(step, "todos", max(1, DRAWS // 20_000))

    def evict_misses(self):
        """Redis may evict an entry at any time; these it evicts now. Their keys differ in the id."""
        place = self.places["service"]
        key = ladder_places.redis_ask(place, "RANDOMKEY")
        while not re.search(r"\{\d+\}$", key):
            key = ladder_places.redis_ask(place, "RANDOMKEY")
        head = key[: key.rindex("{")]
        ladder_places.redis_send(place, (("UNLINK", f"{head}{{{self.rows + todo}}}") for todo in range(1, MISSES + 1)))

    def measure(self, step):
        if step.name == "miss":
            self.evict_misses()
        parts = {part: self.places[step.behind.get(part, step.place)] for part in PARTS}
        before = {part: place.cpu_s(part) for part, place in parts.items()}
        counted = self.places[step.place].counters() if step.reads else {}
        requests, failed, figures = self.wrk(step, step.asks, self.seconds)
        figures |= {part: (place.cpu_s(part) - before[part]) * 1e6 / requests for part, place in parts.items()}
        if step.reads:
            grown = self.places[step.place].counters().get(step.reads, 0) - counted.get(step.reads, 0)
            if grown < 0.99 * requests:
                self.wrong.add(f"{step.name}: only {grown:.0f} of {requests} answers count as {step.reads}")
        if failed:
            self.wrong.add(f"{step.name}: {failed} of {requests} requests failed")
        return figures

    def run(self, rounds):
        for step in self.steps:
            if step.reads and step.name in ("hit", "l1"):
                self.warm(step)
        for turn in range(rounds):
            at = turn * 5 % len(self.steps)
            for step in itertools.chain(self.steps[at:], self.steps[:at]):
                self.figures[step.name].append(self.measure(step))
            print(f"round {turn + 1} of {rounds}: the bare responder has {self.figures[YARDSTICK][-1]['rate']:.0f} requests/s", flush=True)

    # --- results ---

    def ratio(self, figure, step, beside):
        """The median, the least and the greatest of the rounds' own ratios."""
        own = sorted(a[figure] / b[figure] for a, b in zip(self.figures[step], self.figures[beside]))
        return statistics.median(own), own[0], own[-1]

    def results(self):
        for step in self.steps:
            rounds = self.figures[step.name]
            yield step.words, {
                "ratio": self.ratio("rate", step.name, YARDSTICK),
                **{figure: statistics.median(each[figure] for each in rounds) for figure in rounds[0]},
            }

    def goals(self):
        for step, beside, least in GOALS:
            if step in self.figures:
                ratio = self.ratio("rate", step, beside)[0]
                yield f"{step} beside {beside}: {ratio:.2f}, goal {least:.2f}", ratio >= least
        if "l1" in self.figures:
            p99 = self.ratio("p99", "l1", "lua")[0]
            yield f"p99 of l1 beside lua: {p99:.2f}, goal at most 1.00", p99 <= 1


def main():
    rows, rounds = number("ROWS", 200_000), number("ROUNDS", 7)
    with tempfile.TemporaryDirectory(prefix="todo-bench.") as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        with_l1 = ladder_places.has_l1()
        if not with_l1:
            print("no L1 in this build")
        with ladder_places.all_places(folder, rows + MISSES, with_l1) as places:
            ladder = Ladder(folder, places, rows)
            ladder.write_requests()
            ladder.run(rounds)
    table, plot = ladder_report.write(list(ladder.results()), Path(os.environ["OUT"]))
    print(f"\n{table}\n{plot}")
    goals = list(ladder.goals())
    for words, is_met in goals:
        print(f"{'met   ' if is_met else 'missed'} {words}")
    for words in sorted(ladder.wrong):
        print(f"wrong  {words}")
    sys.exit(0 if all(is_met for _, is_met in goals) and not ladder.wrong else 1)


main()
