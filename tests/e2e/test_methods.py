# SPDX-License-Identifier: MIT
"""PUT, PATCH, DELETE, OPTIONS and HEAD: what each does, answers and refuses, and that every reader sees it from then on."""

import json
import re
import time

import pytest
from verbs import MERGE_PATCH, VARYING, delete, made, patch, post, put, raw, send, steady, version

FENCE, UNFENCE = (f'todo_fences_total{{kind="{kind}"}}' for kind in ("fence", "unfence"))
WRITES = 'todo_store_calls_total{call="write",outcome="ok"}'
MEMBERS = ("id", "name", "description", "done")


def shown(answer):
    return {name: answer.json[name] for name in MEMBERS}


def next_tick():
    """Waits for the next millisecond, the unit of a todo's times."""
    time.sleep(0.002)


# --- PUT ---


def test_put_creates_what_is_not_there(stack, new_id):
    path = f"/todos/{new_id()}"
    stack.get(path).problem(404)
    answer = put(stack, path, {"name": "new", "done": True})
    assert (answer.status, answer.headers["Location"], answer.headers["Content-Location"]) == (201, path, path)
    assert shown(answer) == {"id": path[7:], "name": "new", "description": "", "done": True}
    assert answer.headers["ETag"].startswith('"1-') and version(answer) == f"{path[7:]}.1"
    found = stack.get(path)
    assert (found.status, found.body, found.headers["ETag"]) == (200, answer.body, answer.headers["ETag"])


def test_put_replaces_all_that_is_the_clients(stack, new_id):
    todo = new_id()
    before = made(stack, todo, description="old", done=True)
    answer = put(stack, f"/todos/{todo}", {"id": todo, "name": "new"})
    assert (answer.status, answer.headers["Location"]) == (200, None)
    assert answer.headers["Content-Location"] == f"/todos/{todo}"
    assert shown(answer) == {"id": todo, "name": "new", "description": "", "done": False}
    assert answer.json["created_at"] == before.json["created_at"] <= answer.json["updated_at"]
    assert answer.headers["ETag"].startswith('"2-') and version(answer) == f"{todo}.2"
    assert stack.get(f"/todos/{todo}").body == answer.body


def test_put_of_the_same_again_is_a_change_like_any_other(stack, new_id):
    path = f"/todos/{new_id()}"
    tags = [put(stack, path, {"name": "same"}).headers["ETag"] for _ in range(3)]
    assert [tag.partition("-")[0] for tag in tags] == ['"1', '"2', '"3']


def test_put_of_another_todo_than_the_path_names_is_a_422(stack, new_id):
    todo = new_id()
    assert put(stack, f"/todos/{todo}", {"id": todo + "x", "name": "x"}).problem(422)["pointer"] == "/id"
    assert put(stack, f"/todos/{todo}", {"id": "", "name": "x"}).problem(422)["pointer"] == "/id"
    stack.get(f"/todos/{todo}").problem(404)
    stack.get(f"/todos/{todo}x").problem(404)


# --- PATCH ---

BEFORE = {"name": "n", "description": "d", "done": True}


@pytest.mark.parametrize(
    "change, after",
    [
        ({"name": "new"}, {"name": "new"}),
        ({"description": "new"}, {"description": "new"}),
        ({"done": False}, {"done": False}),
        ({"description": None}, {"description": ""}),
        ({"done": None}, {"done": False}),
        ({"name": "a", "description": "b", "done": False}, {"name": "a", "description": "b", "done": False}),
        ({"description": None, "done": None}, {"description": "", "done": False}),
    ],
    ids=json.dumps,
)
def test_patch_changes_what_it_names_and_nothing_else(stack, new_id, change, after):
    todo = new_id()
    before = made(stack, todo, **BEFORE)
    answer = patch(stack, f"/todos/{todo}", change)
    assert answer.status == 200
    assert shown(answer) == {"id": todo, **BEFORE, **after}
    assert answer.json["created_at"] == before.json["created_at"]
    assert answer.headers["ETag"].startswith('"2-') and version(answer) == f"{todo}.2"
    found = stack.get(f"/todos/{todo}")
    assert (found.body, found.headers["ETag"]) == (answer.body, answer.headers["ETag"])


@pytest.mark.parametrize(
    "change, status, pointer",
    [
        (b"", 400, None),
        (b"null", 400, None),
        (b"[]", 400, None),
        (b'[{"op":"remove","path":"/name"}]', 400, None),
        (b'"x"', 400, None),
        (b"1", 400, None),
        (b"{", 400, None),
        (b"{}{}", 400, None),
        (b'{"name":"a","name":"b"}', 400, None),
        (b'{"name":null}', 422, "/name"),
        (b'{"name":""}', 422, "/name"),
        (b'{"name":{"a":null}}', 422, "/name"),
        (b'{"done":"yes"}', 422, "/done"),
        (b'{"id":null}', 422, "/id"),
        (b'{"id":"another"}', 422, "/id"),
        (b'{"v":7}', 422, "/v"),
        (b'{"created_at":null}', 422, "/created_at"),
        (b'{"colour":null}', 422, "/colour"),
    ],
    ids=repr,
)
def test_patch_that_can_not_be_applied_is_refused_whole(stack, new_id, change, status, pointer):
    todo = new_id()
    before = made(stack, todo)
    assert patch(stack, f"/todos/{todo}", change).problem(status).get("pointer") == pointer
    assert stack.get(f"/todos/{todo}").body == before.body


def test_patch_may_repeat_the_id(stack, new_id):
    todo = new_id()
    made(stack, todo)
    assert patch(stack, f"/todos/{todo}", {"id": todo, "done": True}).json["done"] is True


def test_patch_of_what_is_not_there_is_a_404(stack, new_id):
    path = f"/todos/{new_id()}"
    patch(stack, path, {"name": "x"}).problem(404)
    stack.get(path).problem(404)


def test_patch_takes_merge_patches_alone(stack, new_id):
    todo = new_id()
    made(stack, todo)
    for content_type in ("application/json", "application/json-patch+json", "text/plain", "", None):
        answer = patch(stack, f"/todos/{todo}", {"name": "x"}, Content_Type=content_type)
        answer.problem(415)
        assert answer.headers["Accept-Patch"] == MERGE_PATCH
    assert patch(stack, f"/todos/{todo}", {"name": "x"}, Content_Type=MERGE_PATCH + "; charset=utf-8").status == 200


# --- DELETE ---


def test_delete_answers_204_and_the_todo_is_gone(stack, new_id):
    todo = new_id()
    made(stack, todo)
    stack.get(f"/todos/{todo}"), stack.get(f"/todos/{todo}")
    answer = delete(stack, f"/todos/{todo}")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (204, b"", None)
    assert version(answer) == f"{todo}.2"
    stack.get(f"/todos/{todo}").problem(404)
    assert todo not in [row["id"] for row in stack.get("/todos?limit=5").json["todos"]]
    delete(stack, f"/todos/{todo}").problem(404)


def test_id_has_a_second_life_with_other_tags(stack, new_id):
    path = f"/todos/{new_id()}"
    first = put(stack, path, {"name": "same"})
    delete(stack, path)
    second = put(stack, path, {"name": "same"})
    assert (first.status, second.status) == (201, 201)
    assert version(first) == version(second)
    assert first.headers["Todo-Version"] != second.headers["Todo-Version"]
    assert first.headers["ETag"] != second.headers["ETag"]
    put(stack, path, {"name": "lost"}, If_Match=first.headers["ETag"]).problem(412)
    assert stack.get(path, If_None_Match=first.headers["ETag"]).status == 200


# --- What a GET answered, sent back ---


def test_put_takes_back_what_get_gave(stack, new_id):
    path = f"/todos/{new_id()}"
    put(stack, path, {"name": "x", "description": "y"})
    shown = stack.get(path).json
    next_tick()
    changed = put(stack, path, {**shown, "done": True})
    assert changed.status == 200 and changed.json["done"] and changed.json["created_at"] == shown["created_at"]
    assert changed.json["updated_at"] > shown["updated_at"]
    assert put(stack, path, changed.json, If_Match=changed.headers["ETag"]).status == 200


@pytest.mark.parametrize("member, value", [("created_at", "2001-01-01T00:00:00.000Z"), ("updated_at", "2001-01-01T00:00:00Z"),
                                           ("updated_at", "yesterday"), ("created_at", None), ("created_at", 1)])  # fmt: skip
def test_put_of_another_read_only_member_is_a_422_that_names_it(stack, new_id, member, value):
    path = f"/todos/{new_id()}"
    before = put(stack, path, {"name": "x"})
    problem = put(stack, path, {**before.json, "name": "y", member: value}).problem(422)
    assert (problem["type"], problem["pointer"]) == ("/problems/invalid", "/" + member)
    assert member in problem["detail"] and ("read-only" in problem["detail"] or "GET" in problem["detail"])
    assert stack.get(path).body == before.body


def test_put_of_what_was_shown_before_another_change_is_a_422(stack, new_id):
    path = f"/todos/{new_id()}"
    shown = put(stack, path, {"name": "x"}).json
    next_tick()
    newer = patch(stack, path, {"done": True})
    assert put(stack, path, shown).problem(422)["pointer"] == "/updated_at"
    put(stack, path, shown, If_Match='"1-1-0000000000000000"').problem(412)
    assert stack.get(path).body == newer.body
    assert delete(stack, path).status == 204
    assert put(stack, path, shown).problem(422)["pointer"] == "/created_at"
    stack.get(path).problem(404)


def test_put_that_can_only_create_brings_a_deleted_todo_back(stack, new_id):
    path = f"/todos/{new_id()}"
    first = put(stack, path, {"name": "x", "description": "y", "done": True})
    next_tick()
    put(stack, path, first.json, If_None_Match="*").problem(412)
    assert delete(stack, path).status == 204
    back = put(stack, path, first.json, If_None_Match="*")
    assert back.status == 201 and back.headers["ETag"] != first.headers["ETag"]
    assert {**back.json, "updated_at": 0} == {**first.json, "updated_at": 0}
    assert back.json["updated_at"] > first.json["updated_at"]
    assert stack.get(path).json == back.json and back.json in stack.get("/todos?limit=200").json["todos"]


def test_put_makes_no_todo_of_the_time_to_come(stack, new_id):
    path = f"/todos/{new_id()}"
    later = {"name": "x", "created_at": "2999-01-01T00:00:00.000Z"}
    problem = put(stack, path, later, If_None_Match="*").problem(422)
    assert problem["pointer"] == "/created_at" and "to come" in problem["detail"]
    stack.get(path).problem(404)


def test_times_are_for_put_alone(stack, new_id):
    path = f"/todos/{new_id()}"
    shown = put(stack, path, {"name": "x"}).json
    assert patch(stack, path, {"updated_at": shown["updated_at"]}).problem(422)["pointer"] == "/updated_at"
    assert post(stack, {**shown, "id": new_id()}).problem(422)["pointer"] == "/created_at"


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"description": None, "done": False}, {"name": "x", "description": "", "done": None}])
def test_patch_that_changes_nothing_makes_no_version(stack, new_id, body):
    todo = new_id()
    before = put(stack, f"/todos/{todo}", {"name": "x"})
    next_tick()
    answer = patch(stack, f"/todos/{todo}", body)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (200, before.body, before.headers["ETag"])
    assert answer.headers["Todo-Version"] == before.headers["Todo-Version"]
    assert stack.get(f"/todos/{todo}").headers["ETag"] == before.headers["ETag"]
    patch(stack, f"/todos/{todo}", body, If_None_Match=before.headers["ETag"]).problem(412)
    assert patch(stack, f"/todos/{todo}", {**body, "name": "z"}, If_Match=before.headers["ETag"]).status == 200


# --- OPTIONS, 405 ---

OF_TODO, OF_LIST = "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", "GET, HEAD, POST, OPTIONS"


@pytest.mark.parametrize(
    "path, allow, patches, posts",
    [("/todos", OF_LIST, None, "application/json"), ("/todos/", OF_LIST, None, "application/json"),
     ("/todos/there-or-not", OF_TODO, MERGE_PATCH, None)],
)  # fmt: skip
def test_options_and_405_tell_the_methods(stack, path, allow, patches, posts):
    answers = [send(stack, "OPTIONS", path), send(stack, "PROPFIND", path)]
    assert answers[0].status == 204 and answers[0].body == b""
    answers[1].problem(405)
    for answer in answers:
        assert (answer.headers["Allow"], answer.headers["Accept-Patch"], answer.headers["Accept-Post"]) == (
            allow, patches, posts)  # fmt: skip


def test_trace_is_refused_with_the_same_allow(stack):
    for path, allow in (("/todos", OF_LIST), ("/todos?limit=1", OF_LIST), ("/todos/a", OF_TODO), ("/todos/", OF_LIST)):
        answer = send(stack, "TRACE", path)
        answer.problem(405)
        assert answer.headers["Allow"] == allow


def test_options_of_nothing_is_a_404(stack):
    for path in ("/nothing", "/todos/a/b", "/todos/.."):
        assert send(stack, "OPTIONS", path).status in (404, 405)
    head, _, body = raw(stack, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").partition(b"\r\n\r\n")
    assert head.split()[1] in (b"400", b"404") and b"application/problem+json" in head and json.loads(body)["type"]


@pytest.mark.parametrize("query", ["", "?limit=2&order=asc", "?cursor=%20%22", "?a=<b>&c='\"", "?not=known"])
def test_list_with_a_slash_leads_to_the_list(stack, query):
    for method in ("GET", "HEAD"):
        answer = send(stack, method, "/todos/" + query)
        assert (answer.status, answer.reason, answer.body) == (308, "Permanent Redirect", b"")
        assert (answer.headers["Location"], answer.headers["Cache-Control"]) == ("/todos" + query, "max-age=3600")


# --- HEAD ---


@pytest.mark.parametrize("path", ["/todos/{todo}", "/todos", "/todos?limit=2", "/todos?done=true", "/todos/{todo}-none",
                                  "/todos?limit=x", "/todos/{todo}?x", "/todos/", "/nothing", "/todos/a/b", "/",
                                  "/todos/%zz"])  # fmt: skip
def test_head_is_get_without_the_body_in_every_header(stack, new_id, path):
    todo = new_id()
    made(stack, todo)
    path = path.format(todo=todo)
    stack.get(path)
    get, head = stack.get(path), send(stack, "HEAD", path)
    assert (head.status, head.body) == (get.status, b"")
    assert steady(head) == steady(get)
    assert {name for name in head.headers if name in VARYING} == {name for name in get.headers if name in VARYING}
    assert int(head.headers["Content-Length"]) == len(get.body)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nothing"])
def test_head_of_the_internal_server_has_no_body_either(stack, path):
    get, head = stack.internal.get(path), stack.internal.request("HEAD", path)
    assert (head.status, head.body) == (get.status, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert stack.internal.get("/healthz").status == 200


# --- All of them ---


def test_every_write_is_fenced_and_leaves_no_fence_behind(stack, new_id):
    path = f"/todos/{new_id()}"
    with stack.counted() as count:
        put(stack, path, {"name": "x"}), put(stack, path, {"name": "y"})
        patch(stack, path, {"done": True}), delete(stack, path)
        patch(stack, path, {"done": True}), put(stack, path, {"name": "x"}, If_Match="*")
    assert (count.get(FENCE), count.get(UNFENCE), count.get(WRITES)) == (6, 6, 4)
    assert [key for key in stack.redis("KEYS", "*").splitlines() if f"{{{path[7:]}}}" in key] == []


def test_every_worker_sees_each_change_at_once(new_stack):
    stack = new_stack(workers=3)
    path = "/todos/a"

    def seen():
        found = []
        for _ in range(6):
            stack.client.close()
            found.append((stack.get(path).headers["ETag"], stack.get("/todos?limit=1").json["todos"]))
        return found

    for turn in range(5):
        for change in (lambda: put(stack, path, {"name": f"n{turn}"}), lambda: patch(stack, path, {"done": True})):
            answer = change()
            assert seen() == [(answer.headers["ETag"], [answer.json])] * 6
        assert delete(stack, path).status == 204
        assert seen() == [(None, [])] * 6


def test_writes_take_no_query(stack, new_id):
    todo = new_id()
    before = made(stack, todo)
    put(stack, f"/todos/{todo}?force", {"name": "x"}).problem(400)
    patch(stack, f"/todos/{todo}?force", {"name": "x"}).problem(400)
    delete(stack, f"/todos/{todo}?force").problem(400)
    send(stack, "POST", "/todos?force", {"name": "x"}, Content_Type="application/json").problem(400)
    assert stack.get(f"/todos/{todo}").body == before.body


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_body_that_ends_early_changes_nothing(stack, new_id, method):
    todo = new_id()
    before = made(stack, todo)
    content_type = MERGE_PATCH if method == "PATCH" else "application/json"
    body = b'{"name":"cut"}'
    for length in (len(body) + 1, len(body) + 60000):
        raw(stack, b"%s /todos/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (method.encode(), todo.encode(), content_type.encode(), length, body))  # fmt: skip
    assert stack.get(f"/todos/{todo}").body == before.body


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_body_beyond_the_limit_is_a_413_for_each_method(stack, new_id, method):
    todo = new_id()
    before = made(stack, todo)
    path = "/todos" if method == "POST" else f"/todos/{todo}"
    send(stack, method, path, b"x" * 65537, Content_Type="application/json").problem(413)
    stack.client.close()
    assert stack.get(f"/todos/{todo}").body == before.body


def test_answers_to_writes_are_kept_by_no_cache(stack, new_id):
    path = f"/todos/{new_id()}"
    answers = [put(stack, path, {"name": "x"}), patch(stack, path, {}), delete(stack, path), post(stack, {"name": "x"}),
               send(stack, "OPTIONS", path), delete(stack, path), put(stack, path, {})]  # fmt: skip
    assert [answer.headers["Cache-Control"] for answer in answers] == ["no-store"] * len(answers)
    assert all(re.fullmatch("[0-9a-f]{32}", answer.headers["Request-Id"]) for answer in answers)
