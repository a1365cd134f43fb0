# SPDX-License-Identifier: MIT
"""Bodies: strict JSON, refused with its position; the bounds of each member to the character; media types both ways."""

import json

import pytest
from verbs import MERGE_PATCH, made, patch, post, put, send

# What is no JSON by RFC 8259, and where the reader stops: its byte in the body, counted from 1.
NO_JSON = [
    (b"", None),
    (b"   ", 3),
    (b"{", 1),
    (b'{"name":"x"', 11),
    (b'{"name":"x",}', 13),
    (b'{"name":"x"}}', 13),
    (b'{"name":"x"}{"name":"y"}', 13),
    (b'{"name":"x"} x', 14),
    (b'{"name":"x"}\x00', 13),
    (b"{'name':'x'}", 2),
    (b"{name:1}", 5),
    (b'{"name":"x","name":"y"}', 18),
    (b'{"name":"x","\\u006eame":"y"}', 23),
    (b'{"name":"x\x00y"}', 10),
    (b'{"name":"x\\u0000y"}', 18),
    (b'{"n\\u0000":1}', 10),
    (b'{"name":"\x01"}', 9),
    (b'{"name":"a\nb"}', 10),
    (b'{"name":"\\ud800"}', 16),
    (b'{"name":"\\udc00"}', 16),
    (b'{"name":"\\ud800\\u0041"}', 22),
    (b'{"name":"\xff"}', 9),
    (b'{"name":"\xc0\xaf"}', 9),
    (b'{"name":"\xed\xa0\x80"}', 9),
    (b'{"name":"\xf4\x90\x80\x80"}', 9),
    (b'{"name":"\xe2\x82"}', 9),
    (b'{"name":"x","done":truE}', 23),
    (b'{"name":NaN}', 11),
    (b'{"name":-}', 9),
    (b'{"name":01}', 9),
    (b'{"name":1e999}', 13),
    (b'{"name":9223372036854775808}', 27),
    (b"\xef\xbb\xbf" + b'{"name":"x"}', 3),
    (b"[" * 60000, None),
    (b'{"a":' * 12000, None),
]
NO_OBJECT = [b"[]", b"null", b"true", b"1", b'"x"', b'[{"name":"x"}]']
TOO_DEEP = [b'{"name":' + b"[" * depth + b"]" * depth + b"}" for depth in (8, 9, 1000)]


def refusals(stack, todo, body):
    """The same body by each way in."""
    return [post(stack, body), put(stack, f"/todos/{todo}", body), patch(stack, f"/todos/{todo}", body)]


@pytest.mark.parametrize("body, byte", NO_JSON, ids=lambda value: repr(value)[:40])
def test_what_is_no_json_is_a_400_that_says_where(stack, new_id, body, byte):
    todo = new_id()
    before = made(stack, todo)
    for answer in refusals(stack, todo, body):
        problem = answer.problem(400)
        assert problem["type"] == "/problems/bad-request" and "pointer" not in problem
        assert problem["detail"].startswith("not valid JSON: ")
        assert byte is None or f"byte {byte})" in problem["detail"], problem["detail"]
    assert stack.get(f"/todos/{todo}").body == before.body


@pytest.mark.parametrize("body", NO_OBJECT + TOO_DEEP, ids=lambda value: repr(value)[:40])
def test_what_is_no_plain_object_is_a_400(stack, new_id, body):
    todo = new_id()
    before = made(stack, todo)
    for answer in refusals(stack, todo, body):
        assert "pointer" not in answer.problem(400)
    assert stack.get(f"/todos/{todo}").body == before.body


def test_nesting_up_to_the_bound_is_judged_as_a_member(stack):
    body = b'{"name":' + b"[" * 7 + b"]" * 7 + b"}"
    assert post(stack, body).problem(422)["pointer"] == "/name"


@pytest.mark.parametrize("body", [b'\t\r\n {"name" : "x" } \n', b'{"\\u006eame":"x"}', b'{"name":"\\u00e4\\ud83d\\ude80\\/\\b"}'[:-4] + b'"}',
                                  '{"name":"ä🚀\x7f"}'.encode(), b'{"name":"\xc2\x80\xef\xbf\xbf"}'], ids=repr)  # fmt: skip
def test_other_spellings_of_the_same_are_taken(stack, body):
    answer = post(stack, body)
    assert answer.status == 201
    assert answer.json["name"] == json.loads(body)["name"]


# Each member: what is just within its bounds, and what is just beyond them.
BOUNDS = [
    ("name", ["x", "x" * 200, "ä" * 200, "🚀" * 200, " x", "a\x7fb"], ["", " ", "\t\n\r", "\u3000\u200b", "x" * 201, "🚀" * 201, "a\x01b", "\x1f", "\x08"]),
    ("description", ["", "y" * 4000, "🚀" * 4000, "a\nb"], ["y" * 4001, "ä" * 4001, "\x0b", "\x00"]),
    ("done", [True, False], [0, 1, "true", [], {}]),
]


@pytest.mark.parametrize("member, within, beyond", BOUNDS, ids=lambda value: value if isinstance(value, str) else "")
def test_each_member_has_its_bounds_in_characters(stack, new_id, member, within, beyond):
    for value in within:
        todo = new_id()
        body = json.dumps({"name": "x", member: value}, ensure_ascii=False).encode()
        answer = put(stack, f"/todos/{todo}", body)
        assert (answer.status, answer.json[member]) == (201, value)
        assert stack.get(f"/todos/{todo}").json[member] == value
        changed = patch(stack, f"/todos/{todo}", json.dumps({member: value}, ensure_ascii=False))
        assert (changed.status, changed.json[member]) == (200, value)
    for value in beyond:
        for answer in (post(stack, {"name": "x", member: value}), put(stack, f"/todos/{new_id()}", {"name": "x", member: value})):
            if value == "\x00":
                answer.problem(400)
            else:
                assert answer.problem(422)["pointer"] == f"/{member}", value


def test_detail_never_shows_what_is_behind(stack, new_id):
    todo = new_id()
    made(stack, todo)
    answers = [answer for body in (b'{"name":', b'{"name":7}', b'{"name":"\\u0000"}', b'{"name":"\xff"}', b"[" * 9000)
               for answer in refusals(stack, todo, body)] + [post(stack, {"id": todo, "name": "x"})]  # fmt: skip
    for answer in answers:
        words = answer.body.decode()
        for inside in ("jansson", "json_", "sqlite", "mongo", "redis", "/src/", "errno", str(stack.folder)):
            assert inside not in words.lower()


def padded(size, **members):
    """A body of exactly so many bytes."""
    body = json.dumps({"name": "x", **members}).encode()
    return body + b" " * (size - len(body))


def test_body_may_have_64_kib_and_not_a_byte_more(stack, new_id):
    todo = new_id()
    assert put(stack, f"/todos/{todo}", padded(65536)).status == 201
    assert patch(stack, f"/todos/{todo}", padded(65536)).status == 200
    for answer in (put(stack, f"/todos/{todo}", padded(65537)), patch(stack, f"/todos/{todo}", padded(65537)), post(stack, padded(65537))):
        assert answer.problem(413)["type"] == "/problems/too-large"
        stack.client.close()
    assert stack.get(f"/todos/{todo}").headers["ETag"].startswith('"1-'), "the patch changed nothing"


def test_worker_has_the_same_bound_for_itself(new_stack):
    stack = new_stack(settings={"body_max_bytes": 2048})
    assert post(stack, padded(2048)).status == 201
    problem = post(stack, padded(2049)).problem(413)
    assert problem["type"] == "/problems/too-large" and "2048" in problem["detail"]


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "text/json", "application/jsonx", "application/x-www-form-urlencoded",
                                          "multipart/form-data; boundary=x", "application/json, text/plain", "json", "\xff"])  # fmt: skip
def test_body_of_another_type_is_a_415_that_says_which(stack, new_id, content_type):
    todo = new_id()
    before = made(stack, todo)
    answer = post(stack, {"name": "x"}, Content_Type=content_type)
    assert "application/json" in answer.problem(415)["detail"] and answer.headers["Accept-Post"] == "application/json"
    assert "application/json" in put(stack, f"/todos/{todo}", {"name": "x"}, Content_Type=content_type).problem(415)["detail"]
    answer = patch(stack, f"/todos/{todo}", {"name": "x"}, Content_Type=content_type)
    assert MERGE_PATCH in answer.problem(415)["detail"] and answer.headers["Accept-Patch"] == MERGE_PATCH
    assert stack.get(f"/todos/{todo}").body == before.body


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON", "application/json;charset=utf-8", "application/json ; x=y"])
def test_type_is_known_whatever_its_parameters(stack, new_id, content_type):
    assert post(stack, {"name": "x"}, Content_Type=content_type).status == 201
    assert put(stack, f"/todos/{new_id()}", {"name": "x"}, Content_Type=content_type).status == 201


ACCEPTED = [None, "", "*/*", "application/json", "application/*", "text/html, */*;q=0.1", "application/json;q=0.5, text/html",
            "APPLICATION/JSON", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]  # fmt: skip
REFUSED = ["text/html", "application/xml, text/*", "application/json;q=0", "*/*;q=0", "application/json;q=0, */*", "image/*",
           "application/problem+json"]  # fmt: skip


@pytest.mark.parametrize("accept", ACCEPTED + REFUSED)
def test_accept_is_held_to(stack, new_id, accept):
    todo = new_id()
    created = post(stack, {"id": todo, "name": "x"}, Accept=accept)
    if accept in REFUSED:
        assert created.problem(406)["type"] == "/problems/not-acceptable"
        stack.get(f"/todos/{todo}").problem(404)
        made(stack, todo)
    before = stack.get(f"/todos/{todo}")
    answers = [send(stack, "GET", path, Accept=accept) for path in (f"/todos/{todo}", "/todos?limit=1")]
    answers += [put(stack, f"/todos/{todo}", {"name": "y"}, Accept=accept), patch(stack, f"/todos/{todo}", {"done": True}, Accept=accept)]
    if accept in REFUSED:
        assert [answer.problem(406)["status"] for answer in answers] == [406] * 4
        assert stack.get(f"/todos/{todo}").body == before.body, "what can't be answered isn't done"
    else:
        assert [answer.status for answer in (created, *answers)] == [201, 200, 200, 200, 200]
        assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    assert send(stack, "DELETE", f"/todos/{todo}", Accept=accept).status == 204, "a 204 has no body to be refused"
