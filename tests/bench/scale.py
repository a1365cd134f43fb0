# SPDX-License-Identifier: MIT
"""
How many of each part a number of requests a second needs, and which part comes to its end first:

    scale.py [--seed N] [--rate R]        prints the tables of doc/scale.md; or what one rate needs
    scale.py --write doc/scale.md         puts them into it

It multiplies what one request costs (units.json, which units.sh has measured) by how often it happens. How often follows from a mix:

- Reads, and the todos that they ask for, are drawn: Zipf's law over the ranks of all todos. So are writes.
- The L1 of one machine is simulated: sets of 8 ways, second chance, a generation for each hash, as src/l1/table.c has them, and each
  write of any machine raises one. It is scaled down: one todo stands for some neighbouring ranks, and entries, generations and events
  are as many times fewer. So each todo keeps its rate beside those of writes and expiry. The first half of the draws fills the table.
- Redis' misses are calculated, not drawn: an entry is there from the first read after its end to the next write or the end of its
  lifetime, so of a todo with r reads and w ends a second, r w / (r + w) are misses.
- An id's slot is CRC16 of its name modulo 16384, as Redis has it; neighbouring slots are one primary's. The HEAD most read ids are put
  onto primaries one by one, the rest evenly.
- A page is found in Redis if no write has its fence up at that moment (exp(-writes * FENCED_S)) and the last event was a read. Reads
  of a todo whose own fence is up go to the store.

It knows no queues and no bursts, so parts are never more than FULL used.
"""

import argparse
import json
import math
import random
import re
import sys
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "load"))

from zipf import Zipf  # noqa: E402

UNITS = json.loads((HERE / "units.json").read_text())

# Assumed, not measured.
FULL = 0.6  # no part is used more than this
CORES = 16  # of a machine with nginx and workers, and of a server of MongoDB
PRIMARY_GB = 16  # of a Redis, of which a quarter is not for entries (doc/sizing.md)
LEAST_MACHINES = 2
SLOTS = 16384
HEAD = 1000

# From the source, and from other measurements.
WAYS, GENERATIONS = 8, 1 << 17  # src/l1/table.c, src/l1/memory.h
L1_MBYTES, L1_TODOS = 32, 73_000  # doc/sizing.md
TTL_S = 285  # todo_ttl_s, less half of its jitter
FENCED_S = 0.003  # a write's time: doc/performance.md, "./dev bench machines"
POOL = 2 * 8 + 6  # connections of a worker to MongoDB, at most: store_concurrency, doc/todo.conf.5
RENEWS = 10  # of a licence, in a second: src/peers/peers_state.h


@dataclass(frozen=True)
class Mix:
    todos: int = 100_000_000
    exponent: float = 1.0
    lists: float = 0.02  # share of the requests: the first page of 50
    writes: float = 0.01
    hot_writes: bool = False  # writes choose their todo as reads do, or each todo alike
    l1: bool = True


BASE = Mix()
RATES = (10_000, 100_000, 1_000_000, 10_000_000)


def slot_of(key):
    """Redis' slot of a key: CRC16 (XMODEM) of what its first braces hold, or of all of it if they hold nothing."""
    tag = key.partition(b"{")[2].partition(b"}")
    crc = 0
    for byte in tag[0] if tag[0] and tag[1] else key:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc % SLOTS


@lru_cache(maxsize=HEAD)
def head_slot(rank):
    return slot_of(b"todo:1234567890123456789:{%d}" % rank)


# --- costs ---


def cpu(step, part, units=UNITS):
    return units["costs"][step]["cpu_us"][part] / 1e6


def write_at(slot, units=UNITS):
    """Redis' part of a write at the list's slot, or at the id's, by how long their commands run."""
    took = {"list": 0, "id": 0}
    for name, (_, us) in units["costs"]["write"]["redis"].items():
        took["list" if "(list)" in name else "id"] += us
    return cpu("write", "redis", units) * took[slot] / sum(took.values())


# --- who is asked for ---


class Ranks:
    """Zipf's law over so many ranks that no table can have all: exact for the first HEAD, an integral for the others."""

    def __init__(self, count, exponent):
        self.count, self.exponent, self.head = count, exponent, Zipf(min(HEAD, count), exponent)
        self.first = len(self.head.sums) + 0.5
        self.rest = self.integral(count + 0.5)
        self.all = self.head.sums[-1] + self.rest

    def integral(self, rank):
        if self.exponent == 1:
            return math.log(rank / self.first)
        return (rank ** (1 - self.exponent) - self.first ** (1 - self.exponent)) / (1 - self.exponent)

    def inverse(self, area):
        if self.exponent == 1:
            return self.first * math.exp(area)
        return (area * (1 - self.exponent) + self.first ** (1 - self.exponent)) ** (1 / (1 - self.exponent))

    def rank(self, chance):
        area = chance * self.all
        if area < self.head.sums[-1]:
            return self.head.rank(area / self.head.sums[-1])
        return min(self.count, round(self.inverse(area - self.head.sums[-1])))

    def share(self, rank):
        """Of this rank alone."""
        return rank**-self.exponent / self.all

    def bands(self, count=300):
        """(how many ranks, the share of each): the head's one by one, the rest in bands of equal area's logarithm."""
        yield from ((1, self.share(rank)) for rank in range(1, len(self.head.sums) + 1))
        edges = [self.first * ((self.count + 0.5) / self.first) ** (at / count) for at in range(count + 1)]
        for low, high in zip(edges, edges[1:]):
            if high > low:
                yield high - low, (self.integral(high) - self.integral(low)) / self.all / (high - low)


@lru_cache
def ranks_of(mix):
    return Ranks(mix.todos, mix.exponent)


# --- the L1 of one machine ---


class L1:
    """src/l1/table.c, but for its bytes: a set is a list of [todo, generation, end, was hit]."""

    def __init__(self, todos, generations):
        self.sets = [[] for _ in range(max(1, todos // WAYS))]
        self.generations = [0] * max(1, generations)
        self.hand = 0

    @staticmethod
    def name(todo):
        return todo * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF

    def raise_(self, todo):
        self.generations[(self.name(todo) >> 20) % len(self.generations)] += 1

    def read(self, todo, now, end):
        """Whether it is there; if not, it is kept until end."""
        name = self.name(todo)
        entries, generation = self.sets[(name >> 40) % len(self.sets)], self.generations[(name >> 20) % len(self.generations)]
        for entry in entries:
            if entry[0] == todo:
                entry[3] = is_hit = entry[1] == generation and now < entry[2]
                if not is_hit:
                    entry[1:3] = generation, end
                return is_hit
        if len(entries) < WAYS:
            entries.append([todo, generation, end, False])
        else:
            entries[self.victim(entries)] = [todo, generation, end, False]
        return False

    def victim(self, entries):
        for _ in range(WAYS):
            way, self.hand = self.hand % WAYS, self.hand + 1
            if not entries[way][3]:
                return way
            entries[way][3] = False
        return self.hand % WAYS


@lru_cache
def l1_hits(mix, reads, writes, draws, seed):
    """The share of a machine's reads that its L1 answers: reads a second of this machine, writes of all machines."""
    if not mix.l1:
        return 0.0
    scale = max(1, L1_TODOS * 60 // draws)  # so each entry could be filled some 30 times before anything is counted
    table, ranks, chance = L1(L1_TODOS // scale, GENERATIONS // scale), ranks_of(mix), random.Random(seed)
    hits = asked = 0
    for at in range(draws):
        now = at * scale / (reads + writes)
        is_write = chance.random() * (reads + writes) < writes
        rank = ranks.rank(chance.random()) if mix.hot_writes or not is_write else chance.randint(1, mix.todos)
        todo = (rank - 1) // scale
        if is_write:
            table.raise_(todo)
        else:
            is_hit = table.read(todo, now, now + TTL_S * chance.random())
            if at * 2 >= draws:
                hits, asked = hits + is_hit, asked + 1
    return hits / max(1, asked)


# --- all of it ---


def fenced(mix, writes, share):
    """For what part of the time one todo has a fence up, so that its reads bypass Redis. share: of a rank, of all reads."""
    return 1 - math.exp(-writes * (share if mix.hot_writes else 1 / mix.todos) * FENCED_S)


def misses_and_entries(mix, reads, writes):
    """Reads in a second that the store answers, and how many entries Redis has."""
    misses = entries = 0.0
    for count, share in ranks_of(mix).bands():
        asked, ended = reads * share, writes * (share if mix.hot_writes else 1 / mix.todos) + 1 / TTL_S
        bypass = fenced(mix, writes, share)
        misses += count * asked * (bypass + (1 - bypass) * ended / (asked + ended))
        entries += count * asked / (asked + ended)
    return misses, entries


class Plan:
    """What so many requests a second of a mix need. Figures "of" a part are in CPU seconds a second."""

    def __init__(self, mix, rate, draws=30_000, seed=1, machines=LEAST_MACHINES):
        self.mix, self.rate, self.machines = mix, rate, machines
        self.lists, self.writes = rate * mix.lists, rate * mix.writes
        self.reads = rate - self.lists - self.writes
        self.misses, self.entries = misses_and_entries(mix, self.reads, self.writes)
        self.list_hits = math.exp(-self.writes * FENCED_S) * self.lists / (self.lists + self.writes) if self.lists else 0
        for _ in range(4):
            self.near = l1_hits(mix, self.reads / self.machines, self.writes, draws, seed)
            self.near = min(self.near, 1 - self.misses / self.reads)
            needed = max(LEAST_MACHINES, math.ceil(self.of_machines() / CORES / FULL))
            if abs(needed - self.machines) <= self.machines / 20:
                break
            self.machines = needed
        self.machines = needed
        self.workers = max(2 * self.machines, math.ceil(self.of_machines("workers") / FULL))

    # --- nginx and workers ---

    def of_machines(self, *parts):
        def of(step):
            return sum(cpu(step, part) for part in parts or ("nginx", "workers"))

        far = self.reads * (1 - self.near) - self.misses
        told = UNITS["tell"]["workers"] / 1e6 * self.writes * (self.machines - 1) if self.mix.l1 else 0
        return (
            self.reads * self.near * of("l1") + far * of("hit") + self.misses * of("miss") + self.writes * of("write") + told
            + self.lists * (self.list_hits * of("page") + (1 - self.list_hits) * of("list"))
        )  # fmt: skip

    # --- Redis ---

    def of_todos(self):
        """All primaries together, without the list's slot."""
        far = self.reads * (1 - self.near) - self.misses
        return far * cpu("hit", "redis") + self.misses * cpu("miss", "redis") + self.writes * write_at("id")

    def of_todo(self, rank):
        """One todo's part of that. The most read ones are always in the L1 but for the moment after an end."""
        share = ranks_of(self.mix).share(rank)
        asked, written = self.reads * share, self.writes * (share if self.mix.hot_writes else 1 / self.mix.todos)
        ended = written + 1 / TTL_S
        misses = asked * ended / (asked + ended)
        raised = ended + self.writes / GENERATIONS
        near = asked / self.machines / (asked / self.machines + raised) if self.mix.l1 else 0
        hits = max(0, asked * (1 - near) - misses)
        return hits * cpu("hit", "redis") + misses * cpu("miss", "redis") + written * write_at("id")

    @cached_property
    def head(self):
        """What the most read todos use, by slot, and all others together."""
        slots = {}
        for rank in range(1, HEAD + 1):
            slot = head_slot(rank)
            slots[slot] = slots.get(slot, 0) + self.of_todo(rank)
        return slots, max(0, self.of_todos() - sum(slots.values()))

    def hottest(self, primaries):
        """The most used one of so many primaries."""
        slots, rest = self.head
        used = [rest / primaries] * primaries
        for slot, part in slots.items():
            used[slot * primaries // SLOTS] += part
        return max(used)

    def gigabytes(self):
        return self.entries * UNITS["bytes"]["512"]["mean"] / 1e9

    @cached_property
    def primaries(self):
        """As few as are not too full. One todo's slot can't be divided: if it alone is too full, as many as the others need."""
        primaries = max(1, math.ceil(self.of_todos() / FULL), math.ceil(self.gigabytes() / PRIMARY_GB / 0.75))
        while max(self.head[0].values()) < FULL * 0.95 and self.hottest(primaries) > FULL:
            primaries += 1
        return primaries

    def of_list(self):
        """The list's slot: a write's fence and unfence of the list, what it tells other machines, licences, pages."""
        told = self.machines - 1 if self.mix.l1 else 0
        renew_us = UNITS["rest"]["commands"]["renew (list)"][1]
        return (
            self.writes * (write_at("list") + told * UNITS["tell"]["redis"] / 1e6)
            + (self.machines * RENEWS * renew_us / 1e6 if self.mix.l1 else 0) 
            + self.lists * (self.list_hits * cpu("page", "redis") + (1 - self.list_hits) * cpu("list", "redis"))
        )  # fmt: skip

    # --- MongoDB ---

    def of_pages(self):
        """At each shard: a page asks all of them."""
        return self.lists * (1 - self.list_hits) * cpu("list", "mongod")

    def shards(self):
        """Reads and writes of todos go to one shard each. If pages alone fill a shard, as many as todos need."""
        found = cpu("miss", "mongod")
        of_todos = self.misses * found + self.writes * (cpu("write", "mongod") - found)
        room = CORES * FULL - self.of_pages()
        return math.ceil(of_todos / (room if room > 0 else CORES * FULL))

    def record_reads(self):
        """The store's record, one document: after each commit, and by each worker for each primary once a second; and its outbox."""
        return self.writes + self.workers * self.primaries * UNITS["rest"]["looks of a worker"]

    def of_record(self):
        return self.record_reads() * cpu("miss", "mongod") / CORES

    # --- what can't be divided ---

    def whole(self):
        """How much of each part is used that no further machine takes anything from."""
        yield "the list's primary", self.of_list()
        yield "the most read todo's primary", self.of_todo(1)
        yield "pages at each MongoDB shard", self.of_pages() / CORES
        share = ranks_of(self.mix).share(1)
        bypasses = self.reads * share * fenced(self.mix, self.writes, share)
        yield "the most read todo's shard", bypasses * cpu("miss", "mongod") / CORES
        yield "the record's shard", self.of_record()

    def worst(self):
        return max(self.whole(), key=lambda part: part[1])


# --- the tables ---

PARTS = ("nginx", "workers", "redis", "mongod")


def costs(units):
    """What units.sh has measured: a row for each kind of request."""
    yield "| one of | nginx µs | workers µs | Redis µs | MongoDB µs | Redis' commands at the id's slot | at the list's | calls of the store |"
    yield "|---|--:|--:|--:|--:|---|---|--:|"
    for row in units["costs"].values():
        commands = {"id": [], "list": []}
        for name, (count, _) in row["redis"].items():
            command, _, slot = name.partition(" ")
            if count > 0.5:  # less often: the background's
                commands[slot.strip("()")].append(command if count > 0.95 else f"{command} ({count:.1f})")
        cpu_us = " | ".join(f"{row['cpu_us'][part]:.1f}" for part in PARTS)
        calls = sum(row["store"].values())
        yield f"| {row['words']} | {cpu_us} | {', '.join(commands['id'])} | {', '.join(commands['list'])} | {calls:.0f} |"


def others(units):
    yield "| besides | |"
    yield "|---|--:|"
    yield f"| a write's part of Redis that falls on the list's slot, µs | {write_at('list', units) * 1e6:.1f} |"
    yield f"| each other machine with an L1 adds to a write: Redis, µs | {units['tell']['redis']:.1f} |"
    yield f"| and the workers of all machines, µs | {units['tell']['workers']:.1f} |"
    yield f"| a renew of a machine's licence, ten a second, by Redis' own clock, µs | {units['rest']['commands']['renew (list)'][1]:.0f} |"
    yield f"| reads of the store by a worker at rest, a second | {units['rest']['looks of a worker']:.1f} |"
    for value, words in (("512", "with `hash-max-listpack-value 512`"), ("64", "with Redis' own setting")):
        yield f"| bytes of an entry in Redis {words} | {units['bytes'][value]['mean']:.0f} |"
    yield f"| reads that a real L1 of 1 MB answered (20,000 todos, Zipf's law) | {units['l1']['real']:.1%} |"
    yield f"| and a simulated one | {units['l1']['simulated']:.1%} |"


VARIANTS = [
    ("the mix above", BASE),
    ("one write in a thousand requests", replace(BASE, writes=0.001)),
    ("one write in twenty", replace(BASE, writes=0.05)),
    ("no pages", replace(BASE, lists=0.0)),
    ("one page in five", replace(BASE, lists=0.2)),
    ("writes choose their todo as reads do", replace(BASE, hot_writes=True)),
    ("reads of s = 1.2", replace(BASE, exponent=1.2)),
    ("no L1 (`l1_mbytes = 0`)", replace(BASE, l1=False)),
]


@lru_cache
def most(mix, seed):
    """The most requests a second at which nothing that can't be divided is too full, and what ends it."""
    low, high, machines = 1e4, 1e8, LEAST_MACHINES
    for _ in range(10):
        rate = math.sqrt(low * high)
        plan = Plan(mix, rate, draws=6000, seed=seed, machines=machines)
        machines = plan.machines
        low, high = (rate, high) if plan.worst()[1] <= FULL else (low, rate)
    return low, Plan(mix, high, draws=6000, seed=seed, machines=machines).worst()[0]


def thousands(number):
    return f"{number:,.0f}"


def two_digits(number):
    return thousands(float(f"{number:.1e}"))


def percent(share):
    """Bold: it is too full."""
    return f"{share:.0%}" if share <= FULL else f"**{thousands(share * 100)}%**"


# What a row says, and its figure: a share, or a number, which several services side by side have as many times.
SHARES = [
    ("reads that the L1 answers", lambda plan: plan.near),
    ("reads that Redis answers", lambda plan: 1 - plan.near - plan.misses / plan.reads),
    ("reads that MongoDB answers", lambda plan: plan.misses / plan.reads),
    ("pages that Redis answers", lambda plan: plan.list_hits),
]
NUMBERS = [
    ("machines with nginx, workers and an L1", lambda plan: plan.machines),
    ("workers, all machines together", lambda plan: plan.workers),
    ("Redis primaries for todos", lambda plan: plan.primaries),
    ("Redis primaries for the list", lambda plan: 1),
    ("entries in Redis, GB", lambda plan: plan.gigabytes()),
    ("MongoDB shards", lambda plan: plan.shards()),
]
USED = [
    ("the hottest primary for todos is used", lambda plan: plan.hottest(plan.primaries)),
    ("the list's primary is used", lambda plan: plan.of_list()),
    ("each shard is used by pages", lambda plan: plan.of_pages() / CORES),
    ("the record's shard is used by reads of it", lambda plan: plan.of_record()),
]
EACH = [
    ("reads of the record and the outbox, a second", lambda plan: two_digits(plan.record_reads())),
    ("names told to other machines, a second", lambda plan: two_digits(plan.writes * (plan.machines - 1))),
    ("connections of a Redis primary", lambda plan: thousands(plan.workers)),
    ("connections to MongoDB, at most", lambda plan: two_digits(plan.workers * POOL)),
]


def needs(columns, seed):
    """columns: requests a second, and how many services share them, each with its part of the todos."""
    plans = [Plan(replace(BASE, todos=BASE.todos // count), rate / count, seed=seed) for rate, count in columns]
    names = [thousands(rate) + (f" by {count} services" if count > 1 else "") for rate, count in columns]
    yield f"| requests a second | {' | '.join(names)} |"
    yield "|---|" + "--:|" * len(columns)
    for words, share in SHARES:
        yield f"| {words} | {' | '.join(f'{share(plan):.0%}' for plan in plans)} |"
    for words, number in NUMBERS:
        yield f"| {words} | {' | '.join(thousands(number(plan) * count) for plan, (_, count) in zip(plans, columns))} |"
    for words, used in USED:
        yield f"| {words} | {' | '.join(percent(used(plan)) for plan in plans)} |"
    for words, figure in EACH:
        yield f"| {words} | {' | '.join(figure(plan) for plan in plans)} |"


def limits(seed):
    yield "| mix | the most, requests/s | what ends it | services for 10 million |"
    yield "|---|--:|---|--:|"
    for words, mix in VARIANTS:
        rate, part = most(mix, seed)
        yield f"| {words} | {two_digits(rate)} | {part} | {math.ceil(RATES[-1] / rate)} |"


def all_tables(seed):
    services = math.ceil(RATES[-1] / most(BASE, seed)[0])
    return [costs(UNITS), others(UNITS), needs([*((rate, 1) for rate in RATES), (RATES[-1], services)], seed), limits(seed)]


def put(document, tables):
    """Each table in the place of the one with its first column's name."""
    for table in tables:
        lines = list(table)
        name = lines[0][: lines[0].index("|", 1) + 1]
        old = re.compile(f"^{re.escape(name)}.*\\n(?:\\|.*\\n)*", re.M)
        document, count = old.subn(lambda _: "\n".join(lines) + "\n", document)
        assert count == 1, f"{count} tables begin with {name}"
    return document


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--write", type=Path)
    wanted = parser.parse_args()
    if wanted.rate:
        tables = [needs([(wanted.rate, 1)], wanted.seed)]
    else:
        tables = all_tables(wanted.seed)
    if wanted.write:
        wanted.write.write_text(put(wanted.write.read_text(), tables))
    else:
        print("\n\n".join("\n".join(table) for table in tables))


if __name__ == "__main__":
    main()
