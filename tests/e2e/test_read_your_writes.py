# SPDX-License-Identifier: MIT
"""
Todo-Version: a GET that sends back what a write answered never gets an older state, from whatever layer. What outages could
leave in Redis is planted there by hand.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import Client, wait_until
from verbs import delete, life, made, patch, post, put, send, version

REQUEST = 'todo_cache_reads_total{result="request"}'
STORE_GET = 'todo_store_calls_total{call="get",outcome="ok"}'


def entry_key(stack, todo):
    """The key of a todo's entry: the epoch in it is that of any other entry of the same Redis."""
    stack.get("/todos/probe-of-the-epoch")
    [key] = stack.redis("KEYS", "todo:*:{probe-of-the-epoch}").splitlines()
    return key.replace("probe-of-the-epoch", todo)


def plant(stack, answer, **other):
    """An entry that shows an answered todo as it was, or as other says."""
    todo = answer.json
    v = int(answer.headers["ETag"][1:].partition("-")[0])
    now = int(time.time() * 1000)
    entry = {"id": todo["id"], "name": todo["name"], "description": todo["description"], "done": int(todo["done"]), "v": v,
             "life": life(answer), "created_at": now - 5000, "updated_at": now - 5000, "at": now, "cost": 1, **other}  # fmt: skip
    key = entry_key(stack, todo["id"])
    stack.redis("DEL", key)
    stack.redis("HSET", key, *(str(part) for pair in entry.items() for part in pair))
    stack.redis("PEXPIRE", key, "200000")
    return key


def plant_absence(stack, todo):
    key = entry_key(stack, todo)
    stack.redis("DEL", key)
    stack.redis("HSET", key, "none", "1", "at", str(int(time.time() * 1000)))
    stack.redis("PEXPIRE", key, "60000")


def test_every_write_answers_the_version_it_made(stack, new_id):
    path = f"/todos/{new_id()}"
    answers = [put(stack, path, {"name": "x"}), put(stack, path, {"name": "y"}), patch(stack, path, {"done": True}), delete(stack, path)]
    assert [version(answer) for answer in answers] == [f"{path[7:]}.{v}" for v in (1, 2, 3, 4)]
    assert len({answer.headers["Todo-Version"].rpartition(".")[2] for answer in answers}) == 1
    answer = post(stack, {"name": "x"})
    assert version(answer) == f"{answer.json['id']}.1"
    assert put(stack, path, {"name": ""}).headers["Todo-Version"] is None


def test_older_entry_is_passed_by(stack, new_id):
    todo = new_id()
    old = made(stack, todo)
    new = put(stack, f"/todos/{todo}", {"name": "new"})
    plant(stack, old)
    assert stack.get(f"/todos/{todo}").body != new.body, "the entry is there, and believed by who asks for nothing"
    with stack.counted() as count:
        answer = stack.get(f"/todos/{todo}", Todo_Version=new.headers["Todo-Version"])
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, new.body, new.headers["ETag"])
    assert (count.get(REQUEST), count.get(STORE_GET), answer.cache["fwd"]) == (1, 1, "request")
    head = send(stack, "HEAD", f"/todos/{todo}", Todo_Version=new.headers["Todo-Version"])
    assert head.headers["ETag"] == new.headers["ETag"]


def test_old_tag_is_no_304_against_an_older_entry(stack, new_id):
    todo = new_id()
    old = made(stack, todo)
    new = put(stack, f"/todos/{todo}", {"name": "new"})
    plant(stack, old)
    tag = stack.get(f"/todos/{todo}").headers["ETag"]
    assert stack.get(f"/todos/{todo}", If_None_Match=tag).status == 304
    answer = stack.get(f"/todos/{todo}", If_None_Match=tag, Todo_Version=new.headers["Todo-Version"])
    assert (answer.status, answer.body) == (200, new.body)


def test_entry_of_that_version_or_a_newer_one_is_a_hit(stack, new_id):
    todo = new_id()
    versions = [made(stack, todo).headers["Todo-Version"]]
    versions += [patch(stack, f"/todos/{todo}", {"done": True}).headers["Todo-Version"] for _ in range(2)]
    stack.get(f"/todos/{todo}")
    for each in versions:
        assert stack.get(f"/todos/{todo}", Todo_Version=each).cache["hit"] is True


def test_entry_of_what_was_deleted_is_passed_by(stack, new_id):
    todo = new_id()
    old = made(stack, todo)
    gone = delete(stack, f"/todos/{todo}")
    plant(stack, old)
    assert stack.get(f"/todos/{todo}").status == 200
    stack.get(f"/todos/{todo}", Todo_Version=gone.headers["Todo-Version"]).problem(404)


def test_entry_of_an_earlier_life_is_passed_by_whatever_its_version(stack, new_id):
    path = f"/todos/{new_id()}"
    put(stack, path, {"name": "first"})
    old = [patch(stack, path, {"done": done}) for done in (True, False, True, False)][-1]
    assert version(old) == f"{path[7:]}.5"
    gone = delete(stack, path)
    new = put(stack, path, {"name": "second"})
    plant(stack, old)
    assert stack.get(path).json["name"] == "first", "the entry is there, and believed by a reader that asks for nothing"
    answer = stack.get(path, Todo_Version=new.headers["Todo-Version"])
    assert (answer.status, answer.body, answer.cache["fwd"]) == (200, new.body, "request")
    for seen in (old, gone):  # a reader of the first life is shown its successor, which is at version 1
        plant(stack, old if seen is gone else new)
        answer = stack.get(path, Todo_Version=seen.headers["Todo-Version"])
        assert (answer.status, answer.body, answer.cache["fwd"]) == (200, new.body, "request")
    stack.redis("DEL", entry_key(stack, path[7:]))
    stack.get(path)
    assert stack.get(path, Todo_Version=new.headers["Todo-Version"]).cache["hit"] is True


@pytest.mark.parametrize("verb", ["post", "put"])
def test_absence_that_was_cached_is_passed_by(stack, new_id, verb):
    todo = new_id()
    new = put(stack, f"/todos/{todo}", {"name": "x"}) if verb == "put" else made(stack, todo)
    plant_absence(stack, todo)
    stack.get(f"/todos/{todo}").problem(404)
    answer = stack.get(f"/todos/{todo}", Todo_Version=new.headers["Todo-Version"])
    assert (answer.status, answer.body) == (200, new.body)


def test_version_and_cache_control_hold_together(stack, new_id):
    todo = new_id()
    old = made(stack, todo)
    new = put(stack, f"/todos/{todo}", {"name": "new"})
    plant(stack, old)
    stack.get(f"/todos/{todo}", Todo_Version=new.headers["Todo-Version"], Cache_Control="only-if-cached").problem(504)
    for field in ("no-cache", "max-age=100", "min-fresh=1"):
        assert stack.get(f"/todos/{todo}", Todo_Version=new.headers["Todo-Version"], Cache_Control=field).body == new.body


ODD = ["", ".", "x", "{todo}", "{todo}.", "{todo}.0", "{todo}.-1", "{todo}.01", "{todo}.+2", "{todo}.2x", "{todo}. 2", "{todo}.1e3",
       "{todo}.99999999999999999999", "{todo}.2.", "{todo}.2.x", "{todo}.2.1.1", "{todo}.2.1F", "{todo}.2.ffffffffffffffff", "{todo}x.2", "x{todo}.2", "other.2", "{todo}.2, {todo}.3", '"{todo}.2"', "\xff.2", "{todo}.\x80",
       "." * 3000, "{todo}." + "9" * 3000]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=lambda value: repr(value)[:30])
def test_version_that_says_nothing_asks_nothing(stack, new_id, odd):
    todo = new_id()
    made(stack, todo)
    stack.get(f"/todos/{todo}")
    for path in (f"/todos/{todo}", "/todos?limit=15"):
        stack.get(path)
        answer = stack.get(path, Todo_Version=odd.format(todo=todo))
        assert (answer.status, answer.cache.get("hit")) == (200, True), answer


def test_id_with_dots_is_told_from_its_version(stack, new_id):
    todo = f"{new_id()}.7"
    first = made(stack, todo)
    assert version(first) == f"{todo}.1"
    stack.get(f"/todos/{todo}")
    assert stack.get(f"/todos/{todo}", Todo_Version=first.headers["Todo-Version"]).cache["hit"] is True
    assert stack.get(f"/todos/{todo}", Todo_Version=f"{todo}.1").cache["hit"] is True, "as older workers wrote it"
    assert stack.get(f"/todos/{todo}", Todo_Version=f"{todo}.2").cache["fwd"] == "request"
    assert stack.get(f"/todos/{todo}", Todo_Version=todo).cache["hit"] is True, "it is about another todo"


def test_version_that_nobody_has_made_is_answered_by_the_store(stack, new_id):
    todo = new_id()
    current = made(stack, todo)
    now = current.headers["Todo-Version"].rpartition(".")[2]
    for unmade in (f"{todo}.5", f"{todo}.9223372036854775807", f"{todo}.2.{now}", f"{todo}.1.1fffffffffffff"):
        answer = stack.get(f"/todos/{todo}", Todo_Version=unmade)
        assert (answer.status, answer.body, answer.cache["fwd"]) == (200, current.body, "request")


def test_caches_in_front_are_told_to_tell_versions_apart(new_stack):
    """An answer that was stored for one version, a 404 above all, is none for a request with another."""
    stack = new_stack(settings={"todo_cache_control": "max-age=60", "list_cache_control": "max-age=60", "not_found_max_age_s": 30})
    missing = stack.get("/todos/a")
    assert (missing.status, missing.headers["Cache-Control"]) == (404, "max-age=30")
    first = made(stack, "a").headers["Todo-Version"]
    answers = [missing, stack.get("/todos/a"), stack.get("/todos/a", Todo_Version=first), stack.get("/todos"),
               stack.get("/todos/a", If_None_Match="*")]  # fmt: skip
    for answer in answers:
        assert "Todo-Version" in [word.strip() for word in answer.headers["Vary"].split(",")], answer


def test_with_redis_away_the_store_answers(new_stack):
    stack = new_stack()
    stack.kill("redis")
    for turn in range(5):
        new = put(stack, "/todos/a", {"name": f"n{turn}"})
        answer = stack.get("/todos/a", Todo_Version=new.headers["Todo-Version"])
        assert (answer.status, answer.body) == (200, new.body)
        assert "hit" not in answer.cache
    gone = delete(stack, "/todos/a")
    stack.get("/todos/a", Todo_Version=gone.headers["Todo-Version"]).problem(404)


def test_with_redis_gone_and_back_no_older_version_comes(new_stack):
    stack = new_stack(workers=3)
    made(stack, "a")
    stack.get("/todos/a")
    for turn in range(3):
        stack.kill("redis")
        new = put(stack, "/todos/a", {"name": f"away {turn}"})
        stack.start("redis")
        deadline = time.monotonic() + 2.5
        while time.monotonic() < deadline:
            stack.client.close()
            answer = stack.get("/todos/a", Todo_Version=new.headers["Todo-Version"])
            assert (answer.status, answer.body) == (200, new.body)
            time.sleep(0.02)


def connections(stack, socket="redis.sock"):
    """The ids of the workers' connections to Redis."""
    lines = stack.redis("CLIENT", "LIST", "TYPE", "normal", socket=socket).splitlines()
    return [line.split()[0].partition("=")[2] for line in lines if "cmd=client" not in line]


def at_once(stack, path, count=16):
    """Then nginx needs connections to both workers, and which of them it takes next is chance: one after the other goes by the same."""

    def ask(_):
        with contextlib.closing(Client(stack.port)) as client:
            return client.get(path)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, range(count)))


def test_with_one_worker_cut_off_no_earlier_life_comes(new_stack):
    """
    The worker without Redis deletes a todo at version 5 and makes it again, and the other one still has the entry of the first life.
    Which worker gets a write is chance, so the old entry is there in some of the turns only.
    """
    stack = new_stack(workers=2)
    socket, hidden = stack.folder / "redis.sock", stack.folder / "redis-hidden.sock"
    old_seen = 0
    for turn in range(200):
        if old_seen >= 3:
            break
        path = f"/todos/a{turn}"
        wait_until(lambda: len(connections(stack)) == 2, what="both workers at Redis")
        put(stack, path, {"name": "first"})
        for _ in range(4):
            patch(stack, path, {"done": True})
        wait_until(lambda: stack.get(path).cache.get("hit"), what="the entry of the first life")
        at_once(stack, path)
        socket.rename(hidden)
        stack.redis("CLIENT", "KILL", "ID", connections(stack, hidden.name)[0], socket=hidden.name)
        delete(stack, path)
        new = put(stack, path, {"name": "second"})
        for _ in range(10):
            stack.client.close()
            old_seen += any(answer.json["name"] == "first" for answer in at_once(stack, path))
            answer = stack.get(path, Todo_Version=new.headers["Todo-Version"])
            assert (answer.status, answer.body) == (200, new.body), f"turn {turn}"
        hidden.rename(socket)
    assert old_seen > 0
