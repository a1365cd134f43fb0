# SPDX-License-Identifier: MIT
"""
Freshness: what caches outside are told, by kind of resource and by settings; and what a client's Cache-Control does to the
inner cache.
"""

import re
import subprocess
import time

import pytest
from stack import WORKER_BUILD
from verbs import delete, made, patch, post, put, send

HIT, MISS, REQUEST = (f'todo_cache_reads_total{{result="{name}"}}' for name in ("hit", "miss", "request"))
LIST_HIT, LIST_REQUEST = (f'todo_list_reads_total{{result="{name}"}}' for name in ("hit", "request"))
STORE_GET, STORE_LIST = (f'todo_store_calls_total{{call="{name}",outcome="ok"}}' for name in ("get", "list"))
VARY = "Authorization, Todo-Version"
PRIVATE = "private, no-store"


def without(answer, *names):
    assert {name: answer.headers[name] for name in names} == {name: None for name in names}


# --- Caches outside ---


def test_by_default_caches_may_keep_and_must_ask(stack, new_id):
    todo = new_id()
    made(stack, todo)
    for path in (f"/todos/{todo}", "/todos", "/todos?done=true&limit=1"):
        answer = stack.get(path)
        assert (answer.headers["Cache-Control"], answer.headers["Vary"].removesuffix(", Accept-Encoding")) == ("no-cache", VARY)
        without(answer, "CDN-Cache-Control", "Surrogate-Key", "Cache-Tag", "Cache-Groups", "Expires", "Pragma")
    missing = stack.get(f"/todos/{todo}-none")
    assert missing.headers["Cache-Control"] == "no-store"


def test_todo_has_a_last_modified_and_a_page_has_none(stack, new_id):
    todo = new_id()
    created = made(stack, todo)
    first = stack.get(f"/todos/{todo}").headers["Last-Modified"]
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", first)
    assert first == created.headers["Last-Modified"]
    time.sleep(1.1)
    changed = patch(stack, f"/todos/{todo}", {"done": True}).headers["Last-Modified"]
    assert changed != first and stack.get(f"/todos/{todo}").headers["Last-Modified"] == changed
    without(stack.get("/todos"), "Last-Modified")


@pytest.fixture(scope="module")
def tuned(store, make_stack):
    """A stack behind a CDN that is purged, as its settings say."""
    stack = make_stack(store, settings={
        "todo_cache_control": "public, max-age=60, s-maxage=600, stale-while-revalidate=30, stale-if-error=86400",
        "list_cache_control": "public, max-age=5",
        "todo_cdn_cache_control": "max-age=3600",
        "list_cdn_cache_control": "max-age=30",
        "not_found_max_age_s": 30,
        "surrogate_keys": "on",
    })  # fmt: skip
    yield stack.up()
    assert stack.close() == []


TUNED = [
    ("/todos/{todo}", "public, max-age=60, s-maxage=600, stale-while-revalidate=30, stale-if-error=86400", "max-age=3600", "todo-{todo}"),
    ("/todos?limit=3", "public, max-age=5", "max-age=30", "todos"),
    ("/todos/{todo}-none", "max-age=30", None, "todo-{todo}-none"),
]


@pytest.mark.parametrize("path, cache_control, cdn, key", TUNED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_settings_reach_each_kind_of_answer(tuned, new_id, method, path, cache_control, cdn, key):
    todo = new_id()
    made(tuned, todo)
    for _ in ("a miss", "a hit"):
        answer = send(tuned, method, path.format(todo=todo))
        key = key.format(todo=todo)
        assert (answer.headers["Cache-Control"], answer.headers["CDN-Cache-Control"]) == (cache_control, cdn)
        assert (answer.headers["Vary"].removesuffix(", Accept-Encoding"), answer.headers["Surrogate-Key"]) == (VARY, key)
        assert (answer.headers["Cache-Tag"], answer.headers["Cache-Groups"]) == (key, f'"{key}"')


def test_errors_but_the_todos_own_404_are_never_kept(tuned, new_id):
    todo = new_id()
    made(tuned, todo)
    answers = [tuned.get("/nothing"), tuned.get("/todos/a/b"), tuned.get(f"/todos/{todo}?x"), tuned.get("/todos?limit=x"),
               tuned.get(f"/todos/{todo}", If_Match='"x"'), tuned.get(f"/todos/{todo}", Accept="text/html"),
               patch(tuned, f"/todos/{todo}-none", {}), delete(tuned, f"/todos/{todo}-none"), post(tuned, {"id": todo, "name": "x"}),
               tuned.get(f"/todos/{todo}-never-read", Cache_Control="only-if-cached")]  # fmt: skip
    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store"] * len(answers)
    for answer in answers:
        without(answer, "Surrogate-Key", "Cache-Groups", "CDN-Cache-Control")


@pytest.mark.parametrize("token", ["Bearer x", "Basic eA==", "x"])
def test_answer_to_who_shows_an_authorization_is_his_alone(tuned, new_id, token):
    todo = new_id()
    made(tuned, todo)
    for path in (f"/todos/{todo}", "/todos?limit=2"):
        answer = tuned.get(path, Authorization=token)
        assert (answer.status, answer.headers["Cache-Control"], answer.headers["Vary"].removesuffix(", Accept-Encoding")) == (200, PRIVATE, VARY)
        without(answer, "CDN-Cache-Control")
        again = tuned.get(path, Authorization=token, If_None_Match=answer.headers["ETag"])
        assert (again.status, again.headers["Cache-Control"]) == (304, PRIVATE)
    assert tuned.get(f"/todos/{todo}-none", Authorization=token).headers["Cache-Control"] == "no-store"


def test_write_names_the_groups_that_it_made_old(tuned, new_id):
    """RFC 9875: what was named in Cache-Groups is named in Cache-Group-Invalidation."""
    todo = new_id()
    path, groups = f"/todos/{todo}", f'"todo-{todo}", "todos"'
    answers = [put(tuned, path, {"name": "x"}), put(tuned, path, {"name": "y"}), patch(tuned, path, {}), delete(tuned, path),
               post(tuned, {"id": todo, "name": "x"})]  # fmt: skip
    assert [answer.status for answer in answers] == [201, 200, 200, 204, 201]
    assert [answer.headers["Cache-Group-Invalidation"] for answer in answers] == [groups] * 5
    without(put(tuned, path, {"name": ""}), "Cache-Group-Invalidation")


def test_created_todo_names_the_url_whose_404_it_ends(tuned, new_id):
    """RFC 9111 4.4: a cache drops what it keeps for the URIs in Location and Content-Location of a write's answer."""
    todo = new_id()
    assert tuned.get(f"/todos/{todo}").headers["Cache-Control"] == "max-age=30"
    answer = post(tuned, {"id": todo, "name": "x"})
    assert (answer.headers["Location"], answer.headers["Content-Location"]) == (f"/todos/{todo}", f"/todos/{todo}")
    assert tuned.get(f"/todos/{todo}").status == 200


def test_setting_that_is_empty_sends_none(new_stack):
    stack = new_stack(settings={"todo_cache_control": ""})
    made(stack, "a")
    without(stack.get("/todos/a"), "Cache-Control")
    assert stack.get("/todos").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
@pytest.mark.parametrize("name, value", [("todo_cache_control", "max-age=60; public"), ("list_cache_control", "no cache"),
                                         ("todo_cdn_cache_control", "caché"), ("list_cdn_cache_control", 'x="a\\"b"')])  # fmt: skip
def test_directives_that_are_none_refuse_the_start(store, name, value):
    """A bad one would otherwise show with the first answer."""
    command = [WORKER_BUILD / "todo-fcgi", "-o", f"{name}={value}", "--show-config"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2 and name in result.stderr, result


# --- The inner cache ---


def age_of(stack, path):
    return int(stack.get(path).headers["Age"])


@pytest.mark.parametrize("field", ["no-cache", "max-age=0", "No-Cache", "foo, no-cache", "no-store", "max-age=x", "max-age", 'max-age="0"'])
def test_client_that_wants_it_fresh_gets_it_from_the_store(stack, new_id, field):
    todo = new_id()
    made(stack, todo)
    for path, calls, reads in ((f"/todos/{todo}", STORE_GET, REQUEST), ("/todos?limit=17", STORE_LIST, LIST_REQUEST)):
        stack.get(path), stack.get(path)
        with stack.counted() as count:
            answer = stack.get(path, Cache_Control=field)
        assert (answer.status, answer.cache["fwd"]) == (200, "request")
        assert (count.get(calls), count.get(reads)) == (1, 1)
        assert "Age" not in answer.headers
        assert stack.get(path).cache["hit"] is True, "what is in the cache stays as true as it was"


def test_fresh_answer_is_the_stores_not_the_caches(stack, new_id):
    """An entry that somebody tampered with shows the difference."""
    todo = new_id()
    made(stack, todo)
    stack.get(f"/todos/{todo}")
    key = next(key for key in stack.redis("KEYS", f"todo:*:{{{todo}}}").splitlines())
    stack.redis("HSET", key, "name", "planted")
    assert stack.get(f"/todos/{todo}").json["name"] == "planted"
    assert stack.get(f"/todos/{todo}", Cache_Control="no-cache").json["name"] == f"name of {todo}"


@pytest.mark.parametrize("field", ["", "max-stale=60", "no-transform", "no-cached", 'x="no-cache"', "max-age=1000", "min-fresh=1",
                                   "max-age=99999999999999999999", "\xff", "stale-if-error=5"])  # fmt: skip
def test_other_directives_leave_a_hit_a_hit(stack, new_id, field):
    todo = new_id()
    made(stack, todo)
    for path in (f"/todos/{todo}", "/todos?limit=18"):
        stack.get(path)
        assert stack.get(path, Cache_Control=field).cache["hit"] is True


def test_max_age_takes_entries_up_to_that_age(stack, new_id):
    todo = new_id()
    made(stack, todo)
    for path in (f"/todos/{todo}", "/todos?limit=19"):
        stack.get(path)
    time.sleep(2.1)
    for path in (f"/todos/{todo}", "/todos?limit=19"):
        assert age_of(stack, path) >= 2
        assert stack.get(path, Cache_Control="max-age=2").cache["fwd"] == "request"
        assert stack.get(path, Cache_Control="max-age=60").cache["hit"] is True


def test_min_fresh_takes_entries_with_so_much_life_left(stack, new_id):
    todo = new_id()
    made(stack, todo)
    stack.get(f"/todos/{todo}")
    ttl = int(stack.get(f"/todos/{todo}").cache["ttl"])
    assert stack.get(f"/todos/{todo}", Cache_Control=f"min-fresh={ttl - 10}").cache["hit"] is True
    for seconds in (ttl + 1, 10**6, 2**31, 2**63 - 1, 10**30):
        assert stack.get(f"/todos/{todo}", Cache_Control=f"min-fresh={seconds}").cache["fwd"] == "request", seconds


def test_only_if_cached_is_a_504_unless_it_is(stack, new_id):
    todo = new_id()
    made(stack, todo)
    with stack.counted() as count:
        for path in (f"/todos/{todo}", f"/todos/{todo}-none", "/todos?limit=16"):
            problem = stack.get(path, Cache_Control="only-if-cached").problem(504)
            assert problem["type"] == "/problems/not-cached"
    assert not any("store_calls" in name for name in count), count
    for path, status in ((f"/todos/{todo}", 200), (f"/todos/{todo}-none", 404), ("/todos?limit=16", 200)):
        stack.get(path)
        answer = stack.get(path, Cache_Control="only-if-cached")
        assert (answer.status, answer.cache["hit"]) == (status, True)
        with stack.counted() as count:
            for more in ("max-age=0", "no-cache", "min-fresh=100000"):
                stack.get(path, Cache_Control=f"only-if-cached, {more}").problem(504)
        assert not any("store_calls" in name for name in count), count
    tag = stack.get(f"/todos/{todo}").headers["ETag"]
    assert stack.get(f"/todos/{todo}", Cache_Control="only-if-cached", If_None_Match=tag).status == 304


def test_only_if_cached_is_a_504_without_redis(new_stack):
    stack = new_stack()
    made(stack, "a")
    stack.get("/todos/a")
    stack.kill("redis")
    for path in ("/todos/a", "/todos"):
        stack.get(path, Cache_Control="only-if-cached").problem(504)
    assert stack.get("/todos/a").status == 200
