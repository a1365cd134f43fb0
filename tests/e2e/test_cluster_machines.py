# SPDX-License-Identifier: MIT
"""On a real Redis Cluster with MongoDB as the store, where other machines may have an L1: each write tells them, beside the list."""

import pytest
from redis_cluster import PRIMARIES, running, slot_of
from stack import wait_until
from test_cluster import is_ready, spread
from verbs import made, patch

pytestmark = pytest.mark.parametrize("store", ["mongodb"], indirect=True)


@pytest.fixture
def cluster(tmp_path):
    with running(tmp_path) as cluster:
        yield cluster


@pytest.mark.parametrize("l1_mbytes", [0, 1])
def test_writes_go_on_while_the_lists_slot_is_on_its_way(new_stack, cluster, l1_mbytes):
    stack = new_stack(settings={"redis": cluster.url, "l1_mbytes": l1_mbytes})
    wait_until(lambda: is_ready(stack), 20, "trust in each primary")
    ids = spread(cluster)
    for id in ids:
        made(stack, id)
    slot = slot_of("list")
    source = cluster.owner_of(slot)
    goal = cluster.primaries[(cluster.primaries.index(source) + 1) % PRIMARIES]
    records = lambda: stack.counters().get('todo_outbox_total{kind="added"}', 0)
    before = records()
    cluster.open(slot, goal)
    for name in ("open", "carried"):
        for id in ids:
            assert patch(stack, f"/todos/{id}", {"name": name}).status == 200
            assert stack.get(f"/todos/{id}").json["name"] == name
        cluster.carry(source, goal, *source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100))
    assert records() - before < len(ids)  # of twice as many writes
