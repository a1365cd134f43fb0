# SPDX-License-Identifier: MIT
"""
units.sh starts this and tells what it is.

A Redis Cluster of one server, which has all slots, and one MongoDB (a set of one member) have these machines: "near" with an L1, "far"
without one, and then PEERS more with an L1 and a worker each, which only get told of near's writes. Between steps nothing is asked; what
all parts use then is subtracted.

Redis' own log of slow commands, set to log all, tells which commands a request sends, how long each runs, and whether its slot is an
id's or the list's. Redis' CPU time is divided between these two by how long their commands run.
"""

import collections
import contextlib
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import ladder_places
import mongod
from ladder_places import HERE, ROOT, Place, redis_ask
from ports import free_ports
from scale import GENERATIONS, L1, L1_MBYTES, L1_TODOS, SLOTS, costs, others, slot_of
from stack import wait_until
from supervisor import stat_fields
from zipf import Zipf

WARM, FRESH, PAGE, PEERS = 20_000, 25_000, 50, 8  # todos that are read again; that are missed in a round; of a page; machines
REST_S = 5
SAMPLE = ROOT / "data/todos.jsonl"
LIST_SLOT = slot_of(b"{list}")
SCRIPT_HEAD = 100  # the log has the first 128 characters of a text
SCRIPTS = {}
for path in ROOT.glob("src/*/**/*.lua"):
    SCRIPTS[hashlib.sha1(path.read_bytes()).hexdigest()] = SCRIPTS[path.read_text()[:SCRIPT_HEAD]] = path.stem
PARTS = ("nginx", "workers", "redis", "mongod")
READS = 'todo_{}_reads_total{{result="{}"}}'


def number(name, default):
    return int(os.environ.get(name, default))


@dataclass(frozen=True)
class Step:
    name: str
    words: str
    place: str
    asks: str  # the file of requests; {}: the round
    counts: str = ""  # the counter that must grow with the answers
    options: tuple = ()  # of ladder.lua
    is_fenced: bool = False  # a write's mark stands on the list meanwhile


WRITE = Step("write", "PATCH", "near", "warm", "", ("Content-Type", "application/merge-patch+json", '{{"name":"write {}"}}'))
STEPS = [
    Step("l1", "todo, hit in the L1", "near", "warm", READS.format("l1", "hit")),
    Step("hit", "todo, hit in Redis", "far", "warm", READS.format("cache", "hit")),
    Step("miss", "todo, miss: Redis, MongoDB, Redis", "far", "fresh{}", READS.format("cache", "miss")),
    Step("page", "page of 50, hit in Redis", "near", "page", READS.format("list", "hit")),
    Step("list", "page of 50, while a fence is up: Redis, MongoDB", "near", "pages", READS.format("list", "bypass"), is_fenced=True),
    WRITE,
]


def least(rows):
    """Of the rounds, for each part: a busy machine only adds."""
    return {part: min(row[part] for row in rows) for part in PARTS}


def wrk(place, file, method, seconds, clients, options):
    url = f"http://127.0.0.1:{place.port}"
    command = ["wrk", "-t2", f"-c{clients}", f"-d{seconds}s", "-s", HERE / "ladder.lua", url, "--", file, method, *options]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests, duration_us, _, _, failed = map(int, re.search(r"^figures (.*)", told, re.M)[1].split())
    assert requests and not failed, told
    return requests, duration_us / 1e6


class Units:
    def __init__(self, folder, places, server):
        self.folder, self.places, self.server, self.round = folder, places, server, 0
        self.seconds, self.rounds = number("SECONDS_EACH", 3), number("ROUNDS", 5)
        self.rest = collections.Counter()  # CPU time of each part in a second
        for name, paths in (("warm", self.todos(1, WARM)), ("page", [f"/todos?limit={PAGE}"] * 2), ("pages", self.pages())):
            (folder / name).write_text("".join(f"{path}\n" for path in paths))
        for turn in range(self.rounds + 1):
            first = WARM + turn * FRESH + 1
            (folder / f"fresh{turn}").write_text("".join(f"{path}\n" for path in self.todos(first, FRESH)))
        self.redis("config", "set", "slowlog-max-len", "200000")

    @staticmethod
    def pages():
        """Queries that differ, so that no two share an answer of the store; of so many todos on average."""
        return [f"/todos?limit={limit}&order={order}" for limit in range(PAGE - 20, PAGE + 21) for order in ("desc", "asc")]

    @staticmethod
    def todos(first, count):
        return [f"/todos/{todo}" for todo in range(first, first + count)]

    def redis(self, *words):
        return redis_ask(self.places["near"], *words)

    def holders_key(self):
        """Of the latest epoch, for a Redis that was emptied may still have an earlier one's; "": there is none yet."""
        return max(self.redis("--scan", "--pattern", "todos:*:holders").split(), default="")

    def holders(self):
        """Machines with a licence."""
        return int(self.redis("hlen", self.holders_key()))

    # --- CPU time ---

    def cpu_us(self, part):
        if part == "mongod":
            fields = stat_fields(self.server.primary.pid)
            return ladder_places.TICK_S * 1e6 * (int(fields[11]) + int(fields[12]))
        return 1e6 * sum(place.cpu_s(part) for place in self.places.values() if part != "redis" or place is self.places["near"])

    def all_cpu(self):
        return collections.Counter({part: self.cpu_us(part) for part in PARTS})

    def store_calls(self):
        return collections.Counter(self.server.primary.run({"serverStatus": 1})["opcounters"])

    def ask(self, step, seconds, clients=32):
        options = [word.format(f"{self.round} {clients}") if word.startswith("{{") else word for word in step.options]
        method = "PATCH" if step.name == "write" else "GET"
        writers = self.holders_key().replace("holders", "writers")
        if step.is_fenced:
            self.redis("zadd", writers, str(int(time.time() + 3600) * 1000), "bench")
        try:
            return wrk(self.places[step.place], self.folder / step.asks.format(self.round), method, seconds, clients, options)
        finally:
            self.redis("zrem", writers, "bench")

    def measure(self, step):
        """CPU time of each part for a request; the workers' counter says whether the answers were what they should be."""
        before, counted = self.all_cpu(), self.places[step.place].counters()
        requests, seconds = self.ask(step, self.seconds)
        after = self.all_cpu()
        grown = self.places[step.place].counters().get(step.counts, 0) - counted.get(step.counts, 0)
        assert not step.counts or grown > 0.97 * requests, f"{step.name}: {grown} of {requests} answers are {step.counts}"
        return {part: max(0, (after[part] - before[part] - self.rest[part] * seconds) / requests) for part in PARTS}

    def warm(self):
        """Until all of them are in Redis and in the L1 of the near machine."""
        for turn in range(20):
            before = self.places["near"].counters()
            requests, _ = wrk(self.places["near"], self.folder / "warm", "GET", 2, 32, ())
            after = self.places["near"].counters()
            if turn and after[STEPS[0].counts] - before.get(STEPS[0].counts, 0) > 0.999 * requests:
                return wrk(self.places["near"], self.folder / "page", "GET", 1, 2, ())
        raise AssertionError("not all todos came into the L1")

    # --- calls ---

    @staticmethod
    def command(words):
        """What a command is, and whose slot it goes to. Keys of a slot have a number in place of "list" or the id."""
        is_script = words[0].lower() in ("eval", "evalsha")
        name = SCRIPTS.get(words[1][:SCRIPT_HEAD], "script") if is_script else words[0].lower()
        key = " ".join(words[3:4] if is_script else words[1:2])
        if "{" not in key:
            return name, "list" if name == "publish" else "none"
        return name, "list" if slot_of(key.encode()) == LIST_SLOT else "id"

    def commands(self):
        """Count and microseconds of each command since the log was emptied. Those within a script have no address; they are the script's."""
        found = collections.defaultdict(lambda: [0, 0])
        command = ["redis-cli", "-s", "redis.sock", "--json", "slowlog", "get", "-1"]
        told = subprocess.run(command, cwd=self.places["near"].folder, check=True, capture_output=True).stdout
        for line in json.loads(told.decode("latin-1")):  # arguments may be any bytes
            if line[4] != "?:0":
                cell = found[self.command(line[3])]
                cell[0] += 1
                cell[1] += line[2]
        return found

    @contextlib.contextmanager
    def logged(self):
        """Commands and store calls while the block runs."""
        told = {}
        self.redis("slowlog", "reset")
        self.redis("config", "set", "slowlog-log-slower-than", "0")
        before = self.store_calls()
        yield told
        told["store"] = self.store_calls() - before
        self.redis("config", "set", "slowlog-log-slower-than", "-1")
        told["redis"] = self.commands()

    def count(self, step):
        """A request's commands, [how often, microseconds], and its store calls. Few clients, so that hardly any two share one."""
        with self.logged() as told:
            requests, seconds = self.ask(step, 1, clients=2)
        redis = {}
        for (name, slot), (count, took_us) in told["redis"].items():
            count -= self.rest_calls.get((name, slot), 0) * seconds
            if slot != "none" and count > 0.05 * requests:
                redis[f"{name} ({slot})"] = [count / requests, took_us / requests]
        store = {name: (count - self.rest_store.get(name, 0) * seconds) / requests for name, count in told["store"].items()}
        return {"redis": redis, "store": {name: count for name, count in store.items() if count > 0.05}}

    def measure_rest(self):
        """What all parts do in a second without a request."""
        before = self.all_cpu()
        time.sleep(REST_S)
        self.rest = collections.Counter({part: used / REST_S for part, used in (self.all_cpu() - before).items()})
        with self.logged() as told:
            time.sleep(REST_S)
        self.rest_calls = {key: count / REST_S for key, (count, _) in told["redis"].items()}
        self.rest_store = {key: count / REST_S for key, count in told["store"].items()}
        workers = sum(len(place.pids("workers")) for place in self.places.values())
        return {
            "workers": workers, "looks of a worker": self.rest_store["query"] / workers,
            "commands": {f"{name} ({slot})": [count / REST_S, took_us / count] for (name, slot), (count, took_us) in told["redis"].items()},
        }  # fmt: skip

    # --- bytes ---

    def entry_bytes(self, listpack_bytes):
        """Of the entries of the sample's todos, filled under this hash-max-listpack-value: their median and mean."""
        self.redis("config", "set", "hash-max-listpack-value", str(listpack_bytes))
        self.redis("flushall")
        rows = len(SAMPLE.read_text().splitlines())
        (self.folder / "sample").write_text("".join(f"{path}\n" for path in self.todos(1, rows)))
        for _ in range(20):  # after a flush the workers fill nothing before their next look
            wrk(self.places["far"], self.folder / "sample", "GET", 1, 4, ())
            keys = [key for key in self.redis("--scan", "--pattern", "todo:*").split() if re.search(r"\{\d+\}$", key)]
            if len(keys) == rows:
                break
        asked = "".join(f"memory usage {key} samples 0\n" for key in keys)
        command = ["redis-cli", "-s", "redis.sock"]
        told = subprocess.run(command, cwd=self.places["near"].folder, input=asked, check=True, capture_output=True, text=True)
        sizes = [int(line) for line in told.stdout.split()]
        assert len(sizes) == rows, f"{len(sizes)} of {rows} entries"
        return {"mean": statistics.mean(sizes), "median": statistics.median(sizes), "entries": rows}

    # --- the L1 ---

    def small_l1(self):
        """The share of reads (Zipf's law, over so many todos) that an L1 of 1 MB answers, and what its simulation says."""
        ranks, chance = Zipf(WARM, 1.0), random.Random(1)
        drawn = [ranks.rank(chance.random()) for _ in range(5 * WARM)]
        (self.folder / "drawn").write_text("".join(f"/todos/{todo}\n" for todo in drawn))
        step = Step("small", "", "small", "drawn")
        self.ask(step, self.seconds)
        before = self.places["small"].counters()
        self.ask(step, self.seconds)
        hit, miss = (self.places["small"].counters()[name] - before[name] for name in (READS.format("l1", "hit"), READS.format("l1", "miss")))
        table = L1(L1_TODOS // L1_MBYTES, GENERATIONS)
        found = [table.read(todo, 0, 1) for todo in drawn]
        return {"real": hit / (hit + miss), "simulated": statistics.mean(found[len(found) // 2 :])}

    # --- all of it ---

    def measure_all(self):
        figures = {step.name: [] for step in STEPS}
        rest = self.measure_rest()
        for self.round in range(self.rounds):
            self.warm()
            for step in STEPS:
                figures[step.name].append(self.measure(step))
            print(f"round {self.round + 1} of {self.rounds}", flush=True)
        self.warm()
        self.round = self.rounds
        costs = {
            step.name: {"words": step.words, "cpu_us": least(figures[step.name]), **self.count(step)} for step in STEPS
        }
        return {"rest": rest, "costs": costs}


def machine(folder, uri, port, workers=2, l1_mbytes=L1_MBYTES):
    """Workers with the same store and the same L1 are one machine: their URIs differ."""
    settings = {"STACK_STORE": f"{uri}&appname={folder.name}", "WORKERS": str(workers), "TODO_L1_MBYTES": str(l1_mbytes)}
    return Place(folder, {**settings, "TODO_REDIS": f"cluster://127.0.0.1:{port}"})


def start_cluster(place, port, bus):
    with (place.folder / "redis.conf").open("a") as conf:
        conf.write(f"bind 127.0.0.1\nport {port}\ncluster-enabled yes\ncluster-port {bus}\ncluster-announce-ip 127.0.0.1\n")
    place.start("redis")
    redis_ask(place, "cluster", "addslotsrange", "0", str(SLOTS - 1))
    wait_until(lambda: "cluster_state:ok" in redis_ask(place, "cluster", "info"), 10, "a cluster")


def load(place, *words):
    command = [place.build() / "todo-load", "-c", "todo.conf", *words]
    subprocess.run(command, cwd=place.folder, env=place.environment, check=True, capture_output=True)


def tell(units, folder, uri, port):
    """What each other machine with an L1 adds to a write: Redis' and the workers' CPU time."""
    used = []
    for names in ((), [f"peer{count}" for count in range(PEERS)]):
        for name in names:
            place = units.places[name] = machine(folder / name, uri, port, workers=1)
            place.start("workers")
        wait_until(lambda: units.holders() == 1 + len(names), 10, "licences")
        units.measure_rest()
        rows = []
        for _ in range(units.rounds):
            units.round += 1  # PATCHes that change something
            rows.append(units.measure(WRITE))
        used.append(least(rows))
        print(f"PATCH beside {len(names)} other machines: {used[-1]}", flush=True)
    return {part: (used[1][part] - used[0][part]) / PEERS for part in ("redis", "workers")}


def main():
    with tempfile.TemporaryDirectory(prefix="todo-bench.") as folder, contextlib.ExitStack() as ends:
        folder = Path(folder)
        folder.chmod(0o755)
        server = mongod.ReplicaSet(folder / "mongodb").start()
        ends.callback(server.stop)
        ends.callback(lambda: [place.stop() for place in reversed(Place.started)])
        uri = server.uri(mongod.new_database())
        port, bus = free_ports()
        places = {"near": machine(folder / "near", uri, port), "far": machine(folder / "far", uri, port, l1_mbytes=0)}
        start_cluster(places["near"], port, bus)
        load(places["near"], "seed", "-n", str(WARM + (number("ROUNDS", 5) + 1) * FRESH))
        load(places["near"], "import", "--upsert", SAMPLE)
        for place in places.values():
            place.start("workers", "nginx")
            place.wait_answer()
        units = Units(folder, places, server)
        told = {"machine": {"cpus": os.cpu_count(), "model": re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())[1]}}
        told |= units.measure_all()
        told["bytes"] = {str(value): units.entry_bytes(value) for value in (64, 512)}
        told["tell"] = tell(units, folder, uri, port)
        places["small"] = machine(folder / "small", uri, port, l1_mbytes=1)
        places["small"].start("workers", "nginx")
        wait_until(lambda: units.holders() == PEERS + 2, 10, "a licence")
        told["l1"] = units.small_l1()
    Path(os.environ["OUT"]).write_text(json.dumps(told, indent=1) + "\n")
    print("\n".join([*costs(told), "", *others(told)]))


main()
