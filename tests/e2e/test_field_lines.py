# SPDX-License-Identifier: MIT
"""
Header fields as they arrive: several lines of one field are one list (RFC 9110 5.3), and a field that says something about the body
which the service does not do is refused.
"""

import gzip
import http.client
import json

import pytest
from stack import Answer
from verbs import delete, made, patch, post, put


def ask(stack, method, path, *lines, body=None):
    """A request with these (name, value) lines, in this order."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port, timeout=30)
    connection.putrequest(method, path)
    for name, value in lines:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def test_lines_of_accept_are_one_list(stack, new_id):
    todo = new_id()
    made(stack, todo)
    html, plain, json_line = (("Accept", value) for value in ("text/html", "text/plain;q=0.5", "application/json"))
    assert ask(stack, "GET", f"/todos/{todo}", html, json_line).status == 200
    assert ask(stack, "GET", f"/todos/{todo}", html, plain, json_line).status == 200
    ask(stack, "GET", f"/todos/{todo}", html, plain).problem(406)


def test_lines_of_cache_control_are_one_list(stack, new_id):
    todo = new_id()
    made(stack, todo)
    stack.get(f"/todos/{todo}")
    answer = ask(stack, "GET", f"/todos/{todo}", ("Cache-Control", "max-age=1000"), ("cache-control", "no-cache"))
    assert answer.cache.get("fwd") == "request", answer


def test_thousands_of_lines_are_joined_at_once(stack, new_id):
    todo = new_id()
    made(stack, todo)
    assert ask(stack, "GET", f"/todos/{todo}", *[("Accept", "a")] * 400, ("Accept", "*/*")).status == 200


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_two_lines_of_a_condition_change_nothing(stack, new_id, name):
    """nginx itself refuses them; a worker would join them (test_fastcgi.py)."""
    todo = new_id()
    tag = made(stack, todo).headers["ETag"]
    ask(stack, "PUT", f"/todos/{todo}", (name, '"other"'), (name, tag), body=b'{"name":"x"}').problem(400)
    assert stack.get(f"/todos/{todo}").headers["ETag"] == tag


@pytest.mark.parametrize("keys", [("one", "two"), ('"one"', '"two"'), ("one", "one"), ("", "one"), ("",), ("one,two",)])
def test_two_keys_or_none_are_a_400(stack, keys):
    with stack.counted() as count:
        ask(stack, "POST", "/todos", *[("Idempotency-Key", key) for key in keys], body=b'{"name":"x"}').problem(400)
    assert 'todo_store_calls_total{call="write",outcome="ok"}' not in count


@pytest.mark.parametrize("coding", ["gzip", "identity", "br, gzip"])
def test_body_with_a_coding_is_a_415(stack, new_id, coding):
    path, body = f"/todos/{new_id()}", gzip.compress(b'{"name":"x"}')
    for verb in (put, patch):
        answer = verb(stack, path, body, Content_Encoding=coding)
        assert "Content-Encoding" in answer.problem(415)["detail"]
        assert (answer.headers["Accept-Encoding"], answer.headers["Accept-Patch"]) == ("identity", None)
    post(stack, json.dumps({"name": "x"}), Content_Encoding=coding).problem(415)
    stack.get(path).problem(404)


def test_put_of_a_part_is_a_400(stack, new_id):
    todo = new_id()
    before = made(stack, todo)
    put(stack, f"/todos/{todo}", {"name": "x"}, Content_Range="bytes 0-11/100").problem(400)
    assert stack.get(f"/todos/{todo}").body == before.body
    assert delete(stack, f"/todos/{todo}").status == 204
