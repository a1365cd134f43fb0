# SPDX-License-Identifier: MIT
"""
Todo-Version: a GET that sends back what a write answered never gets an older state, from whatever layer. What outages could
leave in Redis is planted there by hand.
"""

import time

import pytest
from verbs import delete, made, patch, post, put, send

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
    version = int(answer.headers["ETag"][1:].partition("-")[0])
    now = int(time.time() * 1000)
    entry = {"id": todo["id"], "name": todo["name"], "description": todo["description"], "done": int(todo["done"]), "v": version,
             "created_at": now - 5000, "updated_at": now - 5000, "at": now, "cost": 1, **other}  # fmt: skip
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
    answers = [put(stack, path, {"name": "x"}), put(stack, path, {"name": "y"}), patch(stack, path, {}), delete(stack, path)]
    assert [answer.headers["Todo-Version"] for answer in answers] == [f"{path[7:]}.{v}" for v in (1, 2, 3, 4)]
    answer = post(stack, {"name": "x"})
    assert answer.headers["Todo-Version"] == f"{answer.json['id']}.1"
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
    for version in versions:
        assert stack.get(f"/todos/{todo}", Todo_Version=version).cache["hit"] is True


def test_entry_of_what_was_deleted_is_passed_by(stack, new_id):
    todo = new_id()
    old = made(stack, todo)
    gone = delete(stack, f"/todos/{todo}")
    plant(stack, old)
    assert stack.get(f"/todos/{todo}").status == 200
    stack.get(f"/todos/{todo}", Todo_Version=gone.headers["Todo-Version"]).problem(404)


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
       "{todo}.99999999999999999999", "{todo}x.2", "x{todo}.2", "other.2", "{todo}.2, {todo}.3", '"{todo}.2"', "\xff.2", "{todo}.\x80",
       "." * 3000, "{todo}." + "9" * 3000]  # fmt: skip


@pytest.mark.parametrize("version", ODD, ids=lambda value: repr(value)[:30])
def test_version_that_says_nothing_asks_nothing(stack, new_id, version):
    todo = new_id()
    made(stack, todo)
    stack.get(f"/todos/{todo}")
    for path in (f"/todos/{todo}", "/todos?limit=15"):
        stack.get(path)
        answer = stack.get(path, Todo_Version=version.format(todo=todo))
        assert (answer.status, answer.cache.get("hit")) == (200, True), answer


def test_id_with_dots_is_told_from_its_version(stack, new_id):
    todo = f"{new_id()}.7"
    version = made(stack, todo).headers["Todo-Version"]
    assert version == f"{todo}.1"
    stack.get(f"/todos/{todo}")
    assert stack.get(f"/todos/{todo}", Todo_Version=version).cache["hit"] is True
    assert stack.get(f"/todos/{todo}", Todo_Version=f"{todo}.2").cache["fwd"] == "request"
    assert stack.get(f"/todos/{todo}", Todo_Version=todo).cache["hit"] is True, "it is about another todo"


def test_version_that_nobody_has_made_is_answered_by_the_store(stack, new_id):
    todo = new_id()
    current = made(stack, todo)
    for version in (f"{todo}.5", f"{todo}.9223372036854775807"):
        answer = stack.get(f"/todos/{todo}", Todo_Version=version)
        assert (answer.status, answer.body, answer.cache["fwd"]) == (200, current.body, "request")


def test_caches_in_front_are_told_to_tell_versions_apart(new_stack):
    """An answer that was stored for one version, a 404 above all, is none for a request with another."""
    stack = new_stack(settings={"todo_cache_control": "max-age=60", "list_cache_control": "max-age=60", "not_found_max_age_s": 30})
    missing = stack.get("/todos/a")
    assert (missing.status, missing.headers["Cache-Control"]) == (404, "max-age=30")
    version = made(stack, "a").headers["Todo-Version"]
    answers = [missing, stack.get("/todos/a"), stack.get("/todos/a", Todo_Version=version), stack.get("/todos"),
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
