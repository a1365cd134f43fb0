# SPDX-License-Identifier: MIT
"""
What doc/consistency.md promises of the store, under fire: a MongoDB that is frozen, cut off and killed. A write whose answer is lost
may be made when the store is back, and nobody sees anything old before, meanwhile or after.
"""

import time

import faults
import mongod
import pytest
from experiment import SLOW, Experiment
from proxy import Proxy, through_proxy
from stack import wait_until
from tiny_bson import primary_of


class Server:
    """The MongoDB under test, behind a proxy that a test may cut."""

    def __init__(self, mongodb):
        uri = mongodb.uri(mongod.new_database())
        self.proxy = Proxy(*primary_of(uri))
        self.proxy.open()
        self.through = through_proxy(uri, self.proxy)
        self.pid = mongodb.members[0].pid


@pytest.fixture(scope="module")
def server(mongodb):
    server = Server(mongodb)
    yield server
    server.proxy.cut()


@pytest.fixture
def mongodb_stack(make_stack, server):
    return make_stack(failpoints=SLOW, store_uri=server.through, settings={"store_timeout_ms": 600, "write_deadline_ms": 4000})


def store_frozen(server):
    faults.frozen(1.0, server.pid)


def store_cut(server):
    server.proxy.cut()
    time.sleep(0.7)
    server.proxy.open()


@pytest.mark.parametrize("fault", [store_frozen, store_cut], ids=lambda fault: fault.__name__)
def test_nothing_is_old_when_the_store_was_away(mongodb_stack, server, new_ids, seconds, fault):
    """Writes without an answer may be made when it is back: their fences stand until then."""
    run = Experiment(mongodb_stack, new_ids(8))
    run.run(seconds(4), lambda _: fault(server), every_s=1.5, has_bitten=lambda run: run.load.statuses.get(503))
    run.assert_worth_it().assert_clean()
    wait_until(lambda: mongodb_stack.get("/todos?limit=1").status == 200, 10, "the store is back")
    run.assert_healed()


def test_hits_go_on_when_the_store_is_killed_and_misses_are_told_in_time(mongodb_stack, server, new_ids):
    """The last test of this server: there is no other one after it."""
    known, unknown = new_ids(10), new_ids(10)
    for id in known:  # a worker's breaker may still be open
        wait_until(lambda: mongodb_stack.post({"id": id, "name": id}).status in (201, 409), 10, "the store is back")
        wait_until(lambda: mongodb_stack.get(f"/todos/{id}").cache.get("hit"), 10, "a hit")
    faults.killed(server.pid)
    for known_id, unknown_id in zip(known, unknown):
        assert mongodb_stack.get(f"/todos/{known_id}").cache["hit"]
        begun = time.monotonic()
        answer = mongodb_stack.get(f"/todos/{unknown_id}")
        assert answer.problem(503) and int(answer.headers["Retry-After"]) > 0
        assert time.monotonic() - begun < 0.6 + 5, "store_timeout_ms, and something for a busy machine"
