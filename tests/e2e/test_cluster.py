# SPDX-License-Identifier: MIT
"""
The service on a real Redis Cluster: what it is for clients and for operators, while all is well, and while a server is lost.
tests/faults/test_cluster_faults.py has MongoDB behind it, and the load.
"""

import re
import subprocess
import time

import pytest
from redis_cluster import PRIMARIES, SLOTS, running, slot_of
from stack import WORKER_BUILD, wait_until
from store_file import await_drained
from verbs import delete, made, patch

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)

LOOK_S = 1.5  # a worker has asked each server who it is, and a little more
SYNC_DELAY_S = 5  # of doc/cluster.md


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def healed(cluster):
    """Whatever a test has done to it."""
    cluster.heal()


@pytest.fixture
def new_service(new_stack, cluster):
    def new(**settings):
        stack = new_stack(settings={"redis": cluster.url, **settings})
        wait_until(lambda: is_ready(stack), 20, "trust in each primary")
        return stack

    return new


def readiness(stack):
    """Of some worker."""
    stack.internal.close()
    return stack.internal.get("/readyz")


def is_ready(stack):
    return all(readiness(stack).json["redis"]["status"] == "trusted" for _ in range(8))


def spread(cluster, count=2, name="t"):
    return [id for number in range(PRIMARIES) for id in cluster.ids(number, count, name)]


def hit(stack, id, path="/todos/"):
    """Ten answers in a row are from Redis; they may all be one worker's."""
    wait_until(lambda: all(stack.get(f"{path}{id}").cache.get("hit") for _ in range(10)), 20, f"hits of {id}")


def keys(member, pattern):
    return member.ask("KEYS", pattern)


class Unhurt:
    """What the loss of a primary leaves to others: todos that are hit all the while, by the entries that were there before."""

    def __init__(self, stack, members, ids):
        self.stack, self.members, self.ids = stack, members, ids
        run_ids = [re.search("run_id:(.{20})", member.ask("INFO"))[1] for member in members]  # half of what workers call it
        assert all(re.search(f"event=redis_trusted .*run_id={run_id}", stack.log("workers")) for run_id in run_ids)
        self.names = run_ids + [f":{member.port} " for member in members]
        await_drained(stack)
        for id in ids:
            hit(stack, id)
        self.before, self.said = self.entries(), len(stack.log("workers"))

    def entries(self):
        """Under their names, which have the epochs of their slots."""
        found = {key: member.ask("HGETALL", key) for member in self.members for id in self.ids for key in keys(member, f"todo:*:{{{id}}}")}
        assert len(found) == len(self.ids), found
        return found

    def words(self):
        """What the workers have said of these members since: trust in one that ended or began, however short it was."""
        return [line for line in self.stack.log("workers")[self.said :].splitlines() if any(name in line for name in self.names)]

    def is_excused(self):
        """On a slow machine one of them may not have answered in time, either."""
        return any("the oldest command was not answered in time" in line for line in self.words())

    def check(self):
        if any("role:slave" in member.ask("INFO") for member in self.members):
            return  # on a busy machine another one was given up, too
        assert not self.words() or self.is_excused(), self.words()
        for id in self.ids * 10:
            cache = self.stack.get(f"/todos/{id}").cache
            assert cache.get("hit") or self.is_excused(), (id, cache)
        assert self.entries() == self.before


def ctl(stack, *words):
    result = stack.ctl(*words)
    assert result.returncode == 0, (words, result.stdout, result.stderr)
    return result.stdout


def check(stack, *options):
    command = [WORKER_BUILD / "todo-fcgi", "-c", "todo.conf", "--check", *options]
    return subprocess.run(command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=30)


def test_each_todo_is_cached_where_its_slot_is_and_nobody_reads_what_was(new_service, cluster):
    stack = new_service()
    for number in range(PRIMARIES):
        for id in cluster.ids(number, 2, "one"):
            made(stack, id)
            hit(stack, id)
            assert [len(keys(member, f"todo:*:{{{id}}}")) for member in cluster.primaries].index(1) == number
            for name in ("x", "y"):
                patch(stack, f"/todos/{id}", {"name": name})
                assert stack.get(f"/todos/{id}").json["name"] == name
            hit(stack, id)
            assert delete(stack, f"/todos/{id}").status == 204
            assert stack.get(f"/todos/{id}").status == 404
            hit(stack, id)
    ctl(stack, "audit", "--all")


def test_pages_are_one_slots_and_each_write_ends_them(new_service, cluster):
    stack = new_service()
    ids = spread(cluster, 2, "page")
    for count, id in enumerate(ids, 1):
        made(stack, id)
        assert len(stack.get("/todos?limit=50").json["todos"]) == count
    hit(stack, "?limit=50", "/todos")
    patch(stack, f"/todos/{ids[0]}", {"done": True})
    assert [todo["id"] for todo in stack.get("/todos?limit=50&done=true").json["todos"]] == ids[:1]
    owner = cluster.owner_of(slot_of("list"))
    assert keys(owner, "todos:*:{list}:gen") and not any(
        keys(member, "todos:*:{list}:gen") for member in cluster.primaries if member is not owner
    )


def test_a_clients_limit_is_counted_once_wherever_its_slot_is(new_service):
    stack = new_service(rate_limit_per_minute=60, rate_limit_burst=1000)
    made(stack, "a")
    left = []
    for ask in (lambda: stack.get("/todos/a"), lambda: patch(stack, "/todos/a", {}), lambda: stack.get("/todos?limit=1")):
        left.append(int(re.search(r"r=(\d+)", ask().headers["RateLimit"])[1]))
    assert left[0] > left[1] > left[2], left
    stack = new_service(rate_limit_per_minute=1, rate_limit_burst=1)
    wait_until(lambda: stack.get("/todos/a").status == 429, 10, "a refusal")
    assert patch(stack, "/todos/a", {"done": True}).status == 429


def test_tools_see_the_entries_of_all_primaries(new_service, cluster):
    stack = new_service()
    assert stack.load("seed", "-n", "100").returncode == 0
    assert "100 filled in" in ctl(stack, "warm")
    assert "100 entries compared with the store: 100 consistent" in ctl(stack, "audit", "--all")
    for id in ("7", "8"):
        assert stack.get(f"/todos/{id}").cache["hit"]
    ctl(stack, "purge", "7")
    assert "hit" not in stack.get("/todos/7").cache and stack.get("/todos/8").cache["hit"]
    assert "filled" in ctl(stack, "why", "8")
    ctl(stack, "purge", "--all")
    wait_until(lambda: is_ready(stack), 20, "trust again")
    assert "0 entries compared" in ctl(stack, "audit", "--all")
    hit(stack, "8")


def test_a_primary_that_is_back_with_a_copy_that_lags_shows_nothing_old(new_service, cluster):
    """It refuses nobody anything meanwhile: only the delay before a full copy lets workers see that it was a replica (row K5)."""
    stack = new_service()
    id = cluster.ids(0, 1, "back")[0]
    old, heir = cluster.primaries[0], cluster.replicas[0]
    heir.ask("CONFIG", "SET", "repl-diskless-sync-delay", SYNC_DELAY_S)
    made(stack, id)
    hit(stack, id)
    wait_until(lambda: keys(heir, f"todo:*:{{{id}}}"), 20, "the entry at the replica")
    with heir.frozen():
        old.ask("CLIENT", "KILL", "TYPE", "replica")
        assert patch(stack, f"/todos/{id}", {"name": "new"}).status == 200
        heir.send("CLUSTER", "FAILOVER", "TAKEOVER")
    assert heir.reply() == "OK" and keys(heir, f"todo:*:{{{id}}}"), "the replica does not lag"
    wait_until(old.is_in_step, 20, "its successor's copy")
    old.ask("CLUSTER", "FAILOVER", "TAKEOVER")
    assert keys(old, f"todo:*:{{{id}}}")
    until = time.monotonic() + LOOK_S
    while time.monotonic() < until:
        assert stack.get(f"/todos/{id}").json["name"] == "new"
    heir.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)


def test_check_finds_what_the_servers_lack(new_service, cluster):
    stack = new_service()
    result = check(stack)
    assert result.returncode == 0, result.stdout + result.stderr
    primary = cluster.primaries[1]
    primary.ask("CONFIG", "SET", "cluster-allow-reads-when-down", "yes")
    try:
        result = check(stack)
        assert result.returncode != 0 and f"127.0.0.1:{primary.port}" in result.stderr, result
        assert "cluster-allow-reads-when-down no" in result.stderr, result.stderr
    finally:
        primary.ask("CONFIG", "SET", "cluster-allow-reads-when-down", "no")


def test_slots_move_and_their_todos_are_read_and_written_all_the_while(new_service, cluster):
    stack = new_service()
    ids = spread(cluster, 3, "move")
    for id in ids:
        made(stack, id)
        hit(stack, id)
    stays = ids.pop()
    slots = {slot_of(id) for id in ids} | {slot_of("list")}
    before = stack.counters()
    for number in range(PRIMARIES):  # half moved, one primary's after another
        some = [id for id in ids if cluster.primaries[number].owns(slot_of(id))]
        goal = cluster.primaries[(number + 1) % PRIMARIES]
        cluster.settle()
        for id in some:
            source = cluster.open(slot_of(id), goal)
            cluster.carry(source, goal, *keys(source, f"*{{{id}}}"))
            assert patch(stack, f"/todos/{id}", {"name": "half"}).status == 200
            assert stack.get(f"/todos/{id}").json["name"] == "half"
            assert stack.get("/todos?limit=50").status == 200
        cluster.move_batch([slot_of(id) for id in some], cluster.primaries[number], goal, 0)
        for id in some:
            assert patch(stack, f"/todos/{id}", {"name": "moved"}).status == 200
            wait_until(lambda: stack.get(f"/todos/{id}").json["name"] == "moved", 3, "the change")
    cluster.shift(slots - {slot_of(id) for id in ids})
    for id in ids + [stays]:
        hit(stack, id)
    hit(stack, "?limit=50", "/todos")
    assert stack.counters()['todo_redis_redirects_total{kind="moved"}'] > before['todo_redis_redirects_total{kind="moved"}']
    ctl(stack, "audit", "--all")
    assert "event=slots_trusted" in stack.log("workers")


def test_a_lost_primary_takes_its_own_todos_with_it_and_no_others(new_service, cluster):
    stack = new_service()
    number = cluster.primaries.index(cluster.owner_of(slot_of("list")))
    lost, *others = [cluster.ids((number + n) % PRIMARIES, 3, "lost") for n in range(PRIMARIES)]
    others = [id for some in others for id in some]
    for id in lost + others:
        made(stack, id)
        hit(stack, id)
    cluster.replicas[number].stop()  # so that nobody takes its place yet
    port = cluster.primaries[number].port
    unhurt = Unhurt(stack, [member for member in cluster.primaries if member.port != port], others)
    cluster.primaries[number].stop()
    word = wait_until(lambda: next((a for a in [readiness(stack)] if a.json["redis"]["status"] != "trusted"), None), 10, "a word of it")
    assert word.status == 200 and "2 of 3" in word.body.decode(), word
    assert word.json["redis"]["primary"] == f"127.0.0.1:{port}", word
    unhurt.check()
    for id in lost + others:
        answer = patch(stack, f"/todos/{id}", {"name": "later"})
        assert answer.status == 200, answer
        assert stack.get(f"/todos/{id}").json["name"] == "later"
    assert not any("hit" in stack.get(f"/todos/{id}").cache for id in lost)
    assert {todo["name"] for todo in stack.get("/todos?limit=50").json["todos"]} == {"later"}
    wait_until(lambda: stack.counters()['todo_cluster_slots{kind="unserved"}'] > SLOTS / PRIMARIES / 2, 20, "the gauge")
    audit = stack.ctl("audit", "--all")
    assert audit.returncode == 2 and "slots of the cluster have no trusted primary" in audit.stderr, audit
    cluster.heal()
    wait_until(lambda: is_ready(stack), 20, "trust in it")
    for id in lost + others:
        assert stack.get(f"/todos/{id}").json["name"] == "later"
        hit(stack, id)
    hit(stack, "?limit=50", "/todos")
    ctl(stack, "audit", "--all")
    assert f"event=redis_lost address=127.0.0.1:{port} " in stack.log("workers")


def test_a_replica_takes_over_and_its_todos_are_hits_again(new_service, cluster):
    stack = new_service()
    lost, others = cluster.ids(0, 3, "heir"), cluster.ids(1, 3, "heir")
    for id in lost + others:
        made(stack, id)
        hit(stack, id)
    unhurt = Unhurt(stack, [cluster.primaries[1]], others)
    cluster.kill(0)
    for id in lost:
        assert patch(stack, f"/todos/{id}", {"name": "new"}).status == 200
        wait_until(lambda: stack.get(f"/todos/{id}").json["name"] == "new", 3, "the change")
    unhurt.check()
    for id in lost:
        hit(stack, id)
    assert "event=slots_claimed" in stack.log("workers")
    ctl(stack, "audit", "--all")


def test_a_slot_that_its_primary_has_lost_is_passed_by_until_an_operator_mends_it(new_service, cluster):
    """All servers are up, and the others name it as the slot's: give_back() of redis_cluster.py tells how Redis comes to that."""
    stack = new_service()
    primary = cluster.primaries[0]
    lost, *others = cluster.ids(0, 3, "gone") + cluster.ids(1, 2, "gone")
    for id in (lost, *others):
        made(stack, id)
        hit(stack, id)
    primary.ask("CLUSTER", "DELSLOTS", slot_of(lost))
    wait_until(lambda: readiness(stack).json["redis"].get("reason") == "some slots have no primary", 10, "a word of it")
    for n in range(20):
        assert patch(stack, f"/todos/{lost}", {"name": f"n{n}"}).status == 200
        answer = stack.get(f"/todos/{lost}")
        assert answer.json["name"] == f"n{n}" and "hit" not in answer.cache, answer
    for id in others:
        hit(stack, id)
    fix = ["redis-cli", "--cluster", "fix", f"127.0.0.1:{primary.port}"]
    subprocess.run(fix, input="yes\n", capture_output=True, text=True, check=True, timeout=60)
    wait_until(lambda: is_ready(stack), 20, "trust in each primary")
    assert stack.get(f"/todos/{lost}").json["name"] == "n19"
    hit(stack, lost)
    ctl(stack, "audit", "--all")
