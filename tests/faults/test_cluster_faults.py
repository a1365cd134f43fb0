# SPDX-License-Identifier: MIT
"""
Two pools of workers, each with its own nginx, L1 and way to the store, on a Redis Cluster of three primaries and three replicas, under
fire: slots move, primaries are killed and frozen, a pool is cut off from the cluster or from the store. The answers of both are one
history. Some of the writes are queued, in one journal. Beside it clients read todos that nobody writes, of each third of the slots:
what is lost with a primary is its own alone.

The short form moves some hundred slots, those of the list and of the load's todos among them, kills one primary and freezes another; the
long form moves all slots, kills and freezes each primary, kills workers and the journal, and has each pool in a network namespace.
"""

import itertools
import random
import time
from pathlib import Path

import mongod
import pytest
from clients import WEIGHTS, Load
from experiment import SLOW, STALE_S, Experiment
from faults import healed_after, journal_killed, worker_killed
from form import IS_LONG, SEED
from history import check
from journal import QueueRedis
from namespaces import SERVERS, Namespace, Network, are_permitted
from ports import free_port
from proxy import Proxy, through_proxy
from queue_clients import DRAIN_ALIVE_S, DRAIN_S, QUEUED_LEAST, QueueLoad
from queue_clients import SLOW as APPLIERS_SLOW
from redis_cluster import LOOPBACK, PRIMARIES, SLOTS, running, slot_of
from stack import wait_until
from tiny_bson import primary_of

LICENCE_S = 0.3
SETTINGS = {"write_deadline_ms": 1500, "store_timeout_ms": 600, "l1_mbytes": 1}
POOLS = ("first", "second")
# Shares of the hits of before.
LEAST_OTHERS, LEAST_LOST = 0.95, 0.9
# A busy machine's servers elect late; a run of this file alone is held to the promise.
BACK_S = 10 if IS_LONG else 40
# The todos on each primary are written, deleted and made again by the queue, too. Others are never deleted, and their versions counted.
LIVES = {**WEIGHTS, "get": WEIGHTS["get"] - 20, "sure": 20, "queued_put": 3, "queued_patch": 4, "queued_delete": 2}
SHARES = {"live": 70, "get": 6, "get_with_ticket": 6, "patch": 3, "queued_patch": 10, "queued_put": 5}
NUMBERS = itertools.count(1)
CHANCE = random.Random(SEED)


class Pool:
    """stack, and its way to the store."""

    def __init__(self, name, cluster, journal, uri, make_stack, folder):
        self.name, self.cluster = name, cluster
        self.store = Proxy(*primary_of(uri), own_host=cluster.members[0].host)
        self.store.open()
        cluster.add_user(name)
        password = folder / name
        password.write_text(f"{name}\n")
        settings = {"redis": cluster.url, "redis_user": name, "redis_password_file": password, "write_queue": journal, **SETTINGS}
        uri = f"{through_proxy(uri, self.store)}&appname={name}"
        self.stack = make_stack(failpoints=f"{SLOW},{APPLIERS_SLOW}", workers=2, store_uri=uri, settings=settings)
        self.namespace = None

    def move_into(self, namespace):
        """The workers; their socket for nginx is a file."""
        self.namespace = namespace
        self.stack.stop("workers")
        with namespace.inside():
            self.stack.start("workers")

    def is_trusted(self):
        """By all workers, one of whom gives each answer."""
        return all(b'"trusted"' in self.readiness().body for _ in range(8))

    def readiness(self):
        self.stack.internal.close()
        return self.stack.internal.get("/readyz")


@pytest.fixture(scope="module")
def network():
    """In the long form, if it is permitted: pools are in namespaces of their own. Else this is None."""
    if not IS_LONG or not are_permitted():
        yield None
        return
    network = Network()
    yield network
    network.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, network):
    with running(tmp_path_factory.mktemp("cluster"), SERVERS if network else LOOPBACK) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def journal(cluster, tmp_path_factory):
    """Of both pools."""
    host, port = cluster.members[0].host, free_port()
    options = ["--port", str(port), "--bind", *sorted({host, LOOPBACK}), "--protected-mode", "no"]
    redis = QueueRedis(tmp_path_factory.mktemp("journal"), *options).start()
    redis.url = f"redis://{host}:{port}"
    yield redis
    redis.stop()


@pytest.fixture(scope="module")
def pools(make_stack, mongodb, cluster, journal, network, tmp_path_factory):
    files = set(Path("/dev/shm").glob("todo-fcgi-*"))
    uri, folder = mongodb.uri(mongod.new_database()), tmp_path_factory.mktemp("passwords")
    pools = [Pool(name, cluster, journal.url, uri, make_stack, folder) for name in POOLS]
    for number, pool in enumerate(pools):
        if network:
            pool.move_into(Namespace(number))
    yield pools
    for pool in pools:
        pool.store.cut()
        if network:
            pool.namespace.close()
    for path in set(Path("/dev/shm").glob("todo-fcgi-*")) - files:
        path.unlink()


class OnCluster(Experiment):
    """Of ids on each primary."""

    def __init__(self, pools, name, **options):
        self.pools, self.cluster = pools, pools[0].cluster
        wait_until(self.is_trusted_by_all, 30, "trust in all primaries")
        stack, *more = [pool.stack for pool in pools]
        lively = [id for number in range(PRIMARIES) for id in self.cluster.ids(number, 2, name)]
        load = QueueLoad(stack, name, many=12, lively=lively, lives=LIVES, more=more, weights=SHARES, seed=SEED, **options)
        super().__init__(stack, load.listed, load=load)
        self.claims_before = 0
        self.claims_before = self.claims()
        self.all_before = [pool.stack.counters() for pool in pools]

    def count(self, pattern):
        before, total = self.before, 0
        for pool, self.before in zip(self.pools, self.all_before):
            self.stack = pool.stack
            total += super().count(pattern)
        self.stack, self.before = self.pools[0].stack, before
        return total

    def claims(self):
        """How often a worker has told the store that slots have another owner now."""
        return sum(pool.stack.log("workers").count("event=slots_claimed") for pool in self.pools) - self.claims_before

    def slots(self):
        """Of all that it writes."""
        return {slot_of(id) for id in (*self.ids, "list")}

    def is_worth_it(self):
        return super().is_worth_it() and len(self.load.queued) >= QUEUED_LEAST

    def assert_clean(self, drain_s=DRAIN_ALIVE_S, **eased):
        self.load.settle(drain_s)
        self.load.assert_applied_once()
        late_s = max((violation.seconds for violation in check(self.load.ops)), default=0)
        print(f"{len(self.load.ops)} operations; what was old was so for {late_s:.3f} s at most; {self.load.statuses}")
        return super().assert_clean(**eased)

    def is_trusted_by_all(self):
        return all(pool.is_trusted() for pool in self.pools)

    def assert_healed(self):
        self.cluster.heal()
        return super().assert_healed()


@pytest.fixture
def new_run(pools):
    return lambda **load: OnCluster(pools, f"c{next(NUMBERS)}", **load)


# --- slots on the move ---


def has_met_moves(run):
    return all(run.count(rf'redirects_total\{{kind="{kind}"') > 0 for kind in ("moved", "ask", "tryagain"))


def test_nothing_is_stale_while_slots_move(new_run, cluster, seconds):
    run = new_run()
    own = run.slots()
    slots = range(SLOTS) if IS_LONG else own | set(CHANCE.sample(range(SLOTS), 400))
    moved = []

    def shift(_):
        """All of them, and then some of the load's own, which are half moved for longer."""
        cluster.shift(slots)
        cluster.shift(own, linger_s=0.2)
        moved.append(len(slots))

    run.run(seconds(2), shift, every_s=0.5, has_bitten=has_met_moves)
    assert not IS_LONG or sum(moved) >= SLOTS
    run.assert_worth_it().assert_clean(slack_s=STALE_S + LICENCE_S).assert_healed()


if IS_LONG:

    def test_queued_writes_are_applied_once_while_slots_move_and_workers_die(new_run, cluster, pools, journal, seconds):
        run = new_run()

        def befall(_):
            cluster.shift(run.slots(), linger_s=0.05)
            worker_killed(CHANCE.choice(pools).stack)
            journal_killed(journal)

        run.run(seconds(4), befall, has_bitten=lambda run: run.killed_workers() > 0 and has_met_moves(run))
        run.assert_worth_it().assert_clean(DRAIN_S, slack_s=STALE_S + LICENCE_S).assert_healed()


# --- a primary is lost ---


class Quiet:
    """Readers of todos that nobody writes, those of each third of the slots for themselves."""

    def __init__(self, run, count=12):
        ports = [pool.stack.port for pool in run.pools]
        self.thirds = [run.cluster.ids(number, count, "quiet") for number in range(PRIMARIES)]
        put = lambda id: run.stack.request("PUT", f"/todos/{id}", '{"name":"x"}', {"Content-Type": "application/json"})
        for id in (id for ids in self.thirds for id in ids):  # beside the load a busy machine may refuse it
            wait_until(lambda: put(id).status in (200, 201), 20, f"the todo {id}")
        self.loads = [Load(ports, ids, clients=2, pause_s=0.02, weights={"get": 1}) for ids in self.thirds]

    def __enter__(self):
        for load in self.loads:
            load.__enter__()
        return self

    def __exit__(self, *error):
        for load in self.loads:
            load.__exit__(*error)

    def rates(self, since, until):
        return [load.hit_rate(since, until) for load in self.loads]

    def lately(self, seconds):
        now = time.monotonic()
        return self.rates(now - seconds, now)


def lose(run, quiet, number, how):
    others = [other for other in range(PRIMARIES) if other != number]
    ids = [run.cluster.primaries[other].id for other in others]
    wait_until(lambda: min(quiet.lately(0.5)) > 0.99, 20, "hits of what is only read")
    before, lost_at = quiet.lately(0.5), time.monotonic()
    how(run.cluster, number)
    wait_for_hits(quiet, number, LEAST_LOST * before[number], lost_at)
    now = time.monotonic()
    during = quiet.rates(lost_at, now)
    rates = ", ".join(f"{rate:.3f}" for rate in during)
    # The last second was good, so it had begun to be by then.
    print(f"{how.__name__} primary {number}: its hits were back after {max(0, now - lost_at - 1):.1f} s; until then {rates} of the reads hit")
    run.cluster.heal()
    if ids != [run.cluster.primaries[other].id for other in others]:
        return  # on a busy machine another one was given up, too
    for other in others:
        assert during[other] >= LEAST_OTHERS * before[other], (other, before, during)


def wait_for_hits(quiet, number, least, lost_at):
    """Of the last second, which began when the loss had been felt."""

    def is_back():
        return time.monotonic() > lost_at + 1.5 and quiet.lately(1)[number] >= least

    wait_until(is_back, BACK_S, "hits of the lost todos")


def frozen(cluster, number):
    """For longer than the others wait: its replica takes its place, and then it wakes up."""
    cluster.freeze(number, 3)


def killed(cluster, number):
    cluster.kill(number)


def losses(cluster):
    """In the short form the list's owner is killed, and then another one is frozen."""
    first = cluster.primaries.index(cluster.owner_of(slot_of("list")))
    if not IS_LONG:
        return [(killed, first), (frozen, (first + 1) % PRIMARIES)]
    return [(how, number) for how in (killed, frozen) for number in range(PRIMARIES)]


def test_a_lost_primary_costs_its_own_hits_alone_and_nothing_is_older_than_the_bound(new_run, cluster):
    run = new_run(clients=6, pause_s=0.01)
    with run.load, Quiet(run) as quiet:
        for how, number in losses(cluster):
            lose(run, quiet, number, how)
    assert run.claims() > 0, "the fault didn't bite"
    run.assert_worth_it().assert_clean(slack_s=STALE_S + LICENCE_S).assert_healed()


# --- a pool is cut off ---


def cut_off_from_the_cluster(pool):
    pool.cluster.cut_off(pool.name)
    healed_after(1.0, lambda: pool.cluster.let_in(pool.name))


def cut_off_from_the_store(pool):
    pool.store.cut()
    healed_after(1.0, pool.store.open)


def cut_off_from_all(pool):
    """Its packets are lost in silence."""
    pool.namespace.cut()
    healed_after(2.5, pool.namespace.join)


CUTS = {
    cut_off_from_the_cluster: lambda run: run.count("outbox_total") > 0,
    cut_off_from_the_store: lambda run: any(status >= 500 for status in run.load.statuses),
}
if IS_LONG:
    CUTS[cut_off_from_all] = CUTS[cut_off_from_the_store]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
def test_nothing_is_older_than_the_bound_if_a_pool_is_cut_off(new_run, pools, seconds, cut):
    if cut is cut_off_from_all and not pools[0].namespace:
        pytest.skip("no network namespaces here: pools are cut off by their users and proxies alone")
    run, victims, cut_off = new_run(), itertools.cycle(pools), set()

    def befall(_):
        victim = next(victims)
        cut(victim)
        cut_off.add(victim.name)

    run.run(seconds(2), befall, every_s=0.4, has_bitten=lambda run: CUTS[cut](run) and len(cut_off) == len(POOLS))
    run.assert_worth_it().assert_clean(slack_s=STALE_S + LICENCE_S).assert_healed()
