# SPDX-License-Identifier: MIT
"""POST /todos: what is made, what is refused and why, and that every reader sees it from the answer on."""

import json
import re
import time

import pytest

FENCE, UNFENCE = (f'todo_fences_total{{kind="{kind}"}}' for kind in ("fence", "unfence"))
WRITE_OK, WRITE_REFUSED = (f'todo_store_calls_total{{call="write",outcome="{name}"}}' for name in ("ok", "refused"))
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def test_post_answers_201_with_location_and_the_todo(stack, new_id):
    todo = new_id()
    with stack.counted() as count:
        answer = stack.post({"id": todo, "name": "Buy milk", "description": "two", "done": True})
    assert answer.status == 201
    assert answer.headers["Location"] == f"/todos/{todo}"
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json
    assert (body["id"], body["name"], body["description"], body["done"]) == (todo, "Buy milk", "two", True)
    assert stack.get(f"/todos/{todo}").body == answer.body
    assert stack.get(f"/todos/{todo}").headers["ETag"] == answer.headers["ETag"]
    assert {name: count.get(name, 0) for name in (FENCE, UNFENCE, WRITE_OK)} == {FENCE: 1, UNFENCE: 1, WRITE_OK: 1}


def test_writes_go_over_kept_connections(stack):
    with stack.counted() as count:
        for number in range(20):
            assert stack.post({"name": f"n{number}"}).status == 201
    assert count.get('todo_connections_total{kind="accepted"}', 0) < 10


def test_post_to_the_path_with_a_slash_is_the_same(stack, new_id):
    todo = new_id()
    answer = stack.post({"id": todo, "name": "x"}, path="/todos/")
    assert (answer.status, answer.headers["Location"]) == (201, f"/todos/{todo}")


def test_post_without_an_id_gets_a_uuid_of_version_7(stack):
    before = int(time.time() * 1000)
    bodies = [stack.post({"name": f"n{i}"}).json for i in range(3)]
    after = int(time.time() * 1000)
    for body in bodies:
        assert re.fullmatch(UUID7, body["id"]), body
        assert before <= int(body["id"].replace("-", "")[:12], 16) <= after
    assert len({body["id"] for body in bodies}) == 3


def test_what_is_left_out_has_a_default(stack):
    body = stack.post({"name": "only a name"}).json
    assert (body["description"], body["done"]) == ("", False)
    assert stack.post({"name": "null", "description": None}).json["description"] == ""


def test_post_of_a_taken_id_is_a_409_and_changes_nothing(stack, new_id):
    todo = new_id()
    first = stack.post({"id": todo, "name": "first"})
    with stack.counted() as count:
        stack.post({"id": todo, "name": "second"}).problem(409)
    assert stack.get(f"/todos/{todo}").body == first.body
    assert count.get(WRITE_REFUSED) == 1


def test_404_then_post_then_200_at_once(stack, new_id):
    for _ in range(20):
        todo = new_id()
        stack.get(f"/todos/{todo}").problem(404)
        assert "hit" in stack.get(f"/todos/{todo}").cache, "the absence is cached now"
        assert stack.post({"id": todo, "name": "born"}).status == 201
        answer = stack.get(f"/todos/{todo}")
        assert (answer.status, answer.json["name"]) == (200, "born")


def test_lists_show_a_new_todo_at_once(stack, new_id):
    for _ in range(20):
        stack.get("/todos?limit=5"), stack.get("/todos?limit=5")
        todo = new_id()
        assert stack.post({"id": todo, "name": "new"}).status == 201
        assert stack.get("/todos?limit=5").json["todos"][0]["id"] == todo


def test_every_worker_sees_a_write_at_once(new_stack, new_id):
    stack = new_stack(workers=4)
    for _ in range(10):
        todo = new_id()
        stack.get(f"/todos/{todo}").problem(404)
        stack.post({"id": todo, "name": "x"})
        for _ in range(8):
            stack.client.close()
            assert stack.get(f"/todos/{todo}").status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"x"', b"null", b'{"name":"x"} {}', b'{"name":"x","name":"y"}', b'{"name":"\xff"}', b'{"name":NaN}',
     b'{"name":"\\ud800"}', b'{"name":"a\\u0000b"}', b"[" * 3000, b'{"a":' * 3000],
    ids=repr,
)  # fmt: skip
def test_body_that_is_no_json_object_is_a_400(stack, body):
    assert stack.post(body).problem(400)["detail"]


@pytest.mark.parametrize(
    "todo, pointer",
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "ä" * 201}, "/name"),
        ({"name": 1}, "/name"),
        ({"name": None}, "/name"),
        ({"name": "a\x01b"}, "/name"),
        ({"name": "x", "description": "y" * 4001}, "/description"),
        ({"name": "x", "description": []}, "/description"),
        ({"name": "x", "done": "yes"}, "/done"),
        ({"name": "x", "done": 0}, "/done"),
        ({"name": "x", "id": ""}, "/id"),
        ({"name": "x", "id": "."}, "/id"),
        ({"name": "x", "id": ".."}, "/id"),
        ({"name": "x", "id": "a/b"}, "/id"),
        ({"name": "x", "id": "a b"}, "/id"),
        ({"name": "x", "id": "ü"}, "/id"),
        ({"name": "x", "id": "i" * 65}, "/id"),
        ({"name": "x", "id": 7}, "/id"),
        ({"name": "x", "colour": "red"}, "/colour"),
        ({"name": "x", "created_at": "2024-01-01T00:00:00Z"}, "/created_at"),
        ({"name": "x", "v": 3}, "/v"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_member_that_breaks_a_rule_is_a_422_that_points_at_it(stack, todo, pointer):
    problem = stack.post(todo).problem(422)
    assert pointer in json.dumps(problem), problem


def test_longest_texts_are_taken(stack, new_id):
    todo = {"id": (new_id() + "~" * 64)[:64], "name": "ä" * 200, "description": "🚀" * 4000}
    assert stack.post(json.dumps(todo, ensure_ascii=False).encode()).status == 201
    body = stack.get(f"/todos/{todo['id']}").json
    assert (body["name"], body["description"]) == (todo["name"], todo["description"])


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_body_of_another_type_is_a_415(stack, content_type):
    stack.post({"name": "x"}, content_type=content_type).problem(415)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_known_by_its_type_whatever_its_parameters(stack, content_type):
    assert stack.post({"name": "x"}, content_type=content_type).status == 201


def test_body_too_large_is_a_413_with_and_without_a_length(stack):
    large = json.dumps({"name": "x", "description": "y" * 70000})
    stack.post(large).problem(413)
    stack.client.close()
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    chunks = [f"{len(large):x}\r\n{large}\r\n".encode(), b"0\r\n\r\n"]
    stack.request("POST", "/todos", b"".join(chunks), headers).problem(413)
    stack.client.close()


def test_chunked_body_is_read_whole(stack, new_id):
    todo = new_id()
    words = json.dumps({"id": todo, "name": "in pieces"}).encode()
    body = b"".join(b"%x\r\n%s\r\n" % (1, words[i : i + 1]) for i in range(len(words))) + b"0\r\n\r\n"
    answer = stack.request("POST", "/todos", body, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    assert (answer.status, answer.json["name"]) == (201, "in pieces")


def test_refused_body_is_drained_and_the_connection_serves_on(stack, new_id):
    """What is left unread on a kept connection would be taken for the next request's records."""
    for method in ("PUT", "DELETE", "PATCH", "GET"):
        answer = stack.request(method, f"/todos/{new_id()}", b"z" * 60000, {"Content-Type": "application/json"})
        assert answer.status in (400, 404, 415)
        assert stack.get("/todos?limit=1").status == 200


def test_write_leaves_no_fence_behind(stack, new_id):
    todo = new_id()
    stack.post({"id": todo, "name": "x"})
    stack.post({"id": todo, "name": "x"}).problem(409)
    left = [key for key in stack.redis("KEYS", "*").splitlines() if f"{{{todo}}}" in key]
    assert left == []
