# SPDX-License-Identifier: MIT
"""GET and HEAD of one todo: where the answer came from, and that it is the same from wherever it came."""

import re
import time

HIT, NEGATIVE, MISS = (f'todo_cache_reads_total{{result="{name}"}}' for name in ("hit", "negative_hit", "miss"))
STORED = 'todo_fills_total{result="stored"}'
STORE_OK, STORE_ABSENT = (f'todo_store_calls_total{{call="get",outcome="{name}"}}' for name in ("ok", "absent"))


def made(stack, todo):
    answer = stack.post(todo)
    assert answer.status == 201, answer
    return answer


def test_first_read_is_a_miss_and_the_second_a_hit_with_the_same_body(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "once", "description": "twice"})
    with stack.counted() as count:
        first = stack.get(f"/todos/{todo}")
    assert (first.status, first.cache["fwd"]) == (200, "miss")
    assert "Age" not in first.headers
    assert {name: count.get(name, 0) for name in (HIT, MISS, STORED, STORE_OK)} == {HIT: 0, MISS: 1, STORED: 1, STORE_OK: 1}
    with stack.counted() as count:
        second = stack.get(f"/todos/{todo}")
    assert second.status == 200 and second.cache["hit"] is True
    assert {name: count.get(name, 0) for name in (HIT, MISS, STORE_OK)} == {HIT: 1, MISS: 0, STORE_OK: 0}
    assert second.body == first.body
    assert second.headers["ETag"] == first.headers["ETag"]


def test_hit_tells_its_age_and_what_is_left_of_its_life(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "x"})
    stack.get(f"/todos/{todo}")
    hit = stack.get(f"/todos/{todo}")
    assert hit.cache["hit"] is True
    assert int(hit.headers["Age"]) <= 2
    assert 265 <= int(hit.cache["ttl"]) <= 300, "todo_ttl_s is 300, and up to 10 % less"


def test_lifetimes_are_jittered(stack, new_id):
    lifetimes = set()
    for _ in range(20):
        todo = new_id()
        made(stack, {"id": todo, "name": "x"})
        stack.get(f"/todos/{todo}")
        lifetimes.add(int(stack.get(f"/todos/{todo}").cache["ttl"]))
    assert len(lifetimes) > 3, lifetimes


def test_body_has_the_fields_of_a_todo_and_nothing_else(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "Nähe 🚀 \"q\"", "description": "a\nb\tc\\", "done": True})
    body = stack.get(f"/todos/{todo}").json
    assert list(body) == ["id", "name", "description", "done", "created_at", "updated_at"]
    assert (body["id"], body["name"], body["description"], body["done"]) == (todo, "Nähe 🚀 \"q\"", "a\nb\tc\\", True)
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["created_at"])
    assert body["updated_at"] == body["created_at"]


def test_head_has_the_headers_of_get_and_no_body(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "x"})
    stack.get(f"/todos/{todo}")
    get, head = stack.get(f"/todos/{todo}"), stack.request("HEAD", f"/todos/{todo}")
    assert (head.status, head.body) == (200, b"")
    same = ("Content-Type", "Content-Length", "ETag", "Cache-Control")
    assert [head.headers[name] for name in same] == [get.headers[name] for name in same]
    assert head.cache["hit"] is True


def test_head_fills_the_cache_for_get(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "x"})
    assert stack.request("HEAD", f"/todos/{todo}").cache["fwd"] == "miss"
    assert stack.get(f"/todos/{todo}").cache["hit"] is True


def test_entity_tag_is_strong_and_begins_with_the_version(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "x"})
    assert re.fullmatch(r'"1-[0-9a-zA-Z_-]+"', stack.get(f"/todos/{todo}").headers["ETag"])


def test_that_there_is_no_such_todo_is_cached_as_well(stack, new_id):
    path = f"/todos/{new_id()}"
    with stack.counted() as count:
        first = stack.get(path)
    first.problem(404)
    assert first.cache["fwd"] == "miss"
    assert (count.get(MISS, 0), count.get(STORE_ABSENT, 0)) == (1, 1)
    with stack.counted() as count:
        second = stack.get(path)
    second.problem(404)
    assert second.cache["hit"] is True
    assert (count.get(NEGATIVE, 0), count.get(STORE_ABSENT, 0)) == (1, 0)
    assert second.body == first.body
    assert int(second.cache["ttl"]) <= 60


def test_entry_that_redis_lost_is_read_again(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "x"})
    before = stack.get(f"/todos/{todo}")
    assert stack.get(f"/todos/{todo}").cache["hit"] is True
    stack.redis("FLUSHALL")
    after = stack.get(f"/todos/{todo}")
    assert after.status == 200 and "hit" not in after.cache
    assert after.body == before.body


def test_every_entry_has_a_lifetime_in_redis(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "x"})
    stack.get(f"/todos/{todo}")
    stack.get("/todos?limit=1")
    entry = [key for key in stack.redis("KEYS", "*").splitlines() if f"{{{todo}}}" in key]
    assert entry, "no key carries the id as its hash tag"
    for key in entry:
        assert int(stack.redis("PTTL", key)) > 0, key


def test_entry_expires(new_stack):
    stack = new_stack(settings={"todo_ttl_s": 1, "negative_ttl_s": 1})
    made(stack, {"id": "a", "name": "x"})
    stack.get("/todos/a"), stack.get("/todos/b")
    assert stack.get("/todos/a").cache["hit"] is True
    assert stack.get("/todos/b").cache["hit"] is True
    time.sleep(1.1)
    assert stack.get("/todos/a").cache["fwd"] == "miss"
    assert stack.get("/todos/b").cache["fwd"] == "miss"


def test_revalidation_with_the_current_tag_is_a_304(stack, new_id):
    todo = new_id()
    made(stack, {"id": todo, "name": "x"})
    tag = stack.get(f"/todos/{todo}").headers["ETag"]
    same = stack.get(f"/todos/{todo}", If_None_Match=tag)
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    assert stack.get(f"/todos/{todo}", If_None_Match='"other"').status == 200


def test_security_headers_are_on_answers_of_the_worker(stack, new_id):
    for path in ("/todos?limit=1", f"/todos/{new_id()}", "/", "/nothing-here"):
        assert stack.get(path).headers["X-Content-Type-Options"] == "nosniff", path
