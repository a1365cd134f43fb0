# SPDX-License-Identifier: MIT
"""Conditional requests: RFC 9110 13 on reads and writes, decided in the store's one operation, and behind nginx's gzip too."""

import threading
from email.utils import formatdate, parsedate_to_datetime

import pytest
from stack import Client
from verbs import delete, made, next_second, patch, post, put, send, steady

LIST_OK = 'todo_store_calls_total{call="list",outcome="ok"}'
OTHER = '"9-18c-0123456789abcdef"'
IN_304 = ("ETag", "Last-Modified", "Cache-Control", "Vary")


def date(answer, seconds=0):
    """An answer's Last-Modified, moved by seconds."""
    at = parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
    return formatdate(at + seconds, usegmt=True)


# --- Reads ---

# What is asked, as functions of the current tag and of date(seconds), and the status that it gives.
READS = [
    ({"If-None-Match": "{tag}"}, 304),
    ({"If-None-Match": "W/{tag}"}, 304),
    ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": OTHER + ", W/{tag}"}, 304),
    ({"If-None-Match": OTHER + ",,\t{tag},"}, 304),
    ({"If-None-Match": OTHER}, 200),
    ({"If-None-Match": '""'}, 200),
    ({"If-None-Match": "{bare}"}, 200),
    ({"If-None-Match": '"unclosed'}, 200),
    ({"If-None-Match": "\xff\xfe{tag}"}, 200),
    ({"If-None-Match": OTHER + "," * 3000}, 200),
    ({"If-None-Match": '"a",' * 900 + "{tag}"}, 304),
    ({"If-Match": "{tag}"}, 200),
    ({"If-Match": "W/{tag}"}, 200),
    ({"If-Match": "*"}, 200),
    ({"If-Match": OTHER + ", {tag}"}, 200),
    ({"If-Match": OTHER}, 412),
    ({"If-Match": "{bare}"}, 412),
    ({"If-Match": "\x80"}, 412),
    ({"If-Modified-Since": "{now}"}, 304),
    ({"If-Modified-Since": "{later}"}, 304),
    ({"If-Modified-Since": "{before}"}, 200),
    ({"If-Modified-Since": "yesterday"}, 200),
    ({"If-Modified-Since": "0"}, 200),
    ({"If-Unmodified-Since": "{now}"}, 200),
    ({"If-Unmodified-Since": "{later}"}, 200),
    ({"If-Unmodified-Since": "{before}"}, 412),
    ({"If-Unmodified-Since": "yesterday"}, 200),
    # tags go before dates, If-Match before If-None-Match
    ({"If-None-Match": OTHER, "If-Modified-Since": "{later}"}, 200),
    ({"If-None-Match": "{tag}", "If-Modified-Since": "{before}"}, 304),
    ({"If-Match": "{tag}", "If-Unmodified-Since": "{before}"}, 200),
    ({"If-Match": OTHER, "If-Unmodified-Since": "{later}"}, 412),
    ({"If-Match": OTHER, "If-None-Match": "{tag}"}, 412),
    ({"If-Match": "{tag}", "If-None-Match": "{tag}"}, 304),
    ({"If-Unmodified-Since": "{before}", "If-None-Match": "{tag}"}, 412),
]


@pytest.mark.parametrize("fields, status", READS, ids=lambda value: repr(value)[:70])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_read_under_conditions(stack, new_id, method, fields, status):
    todo = new_id()
    current = made(stack, todo)
    tag = current.headers["ETag"]
    words = {"tag": tag, "bare": tag.strip('"'), "now": date(current), "later": date(current, 60), "before": date(current, -1)}
    fields = {name: value.format(**words) for name, value in fields.items()}
    for _ in ("a miss", "a hit"):
        answer = stack.request(method, f"/todos/{todo}", headers=fields)
        assert answer.status == status, answer
        if status == 304:
            assert (answer.body, answer.headers["Content-Type"], answer.headers["Content-Length"]) == (b"", None, None)
        if status != 412:
            assert (answer.headers["ETag"], answer.headers["Last-Modified"]) == (tag, date(current))
        if status == 412 and method == "GET":
            assert answer.problem(412)["type"] == "/problems/condition-failed"


def test_304_has_the_headers_that_a_200_would_have(new_stack):
    stack = new_stack(settings={"todo_cache_control": "public, max-age=5", "list_cache_control": "max-age=1", "surrogate_keys": "on",
                                "todo_cdn_cache_control": "max-age=60"})  # fmt: skip
    made(stack, "a")
    for path in ("/todos/a", "/todos?limit=1"):
        full = stack.get(path)
        short = stack.get(path, If_None_Match=full.headers["ETag"])
        assert short.status == 304
        for name in (*IN_304, "CDN-Cache-Control", "Surrogate-Key", "Cache-Tag", "Cache-Groups"):
            assert short.headers[name] == full.headers[name], name
        assert short.headers["Cache-Control"] and short.headers["Vary"] and short.headers["Date"]
        head = send(stack, "HEAD", path, If_None_Match=full.headers["ETag"])
        assert head.status == 304 and steady(head) == steady(short)


def test_conditions_on_what_is_not_there_are_passed_over_by_reads(stack, new_id):
    path = f"/todos/{new_id()}"
    for fields in ({"If_None_Match": "*"}, {"If_Match": "*"}, {"If_Modified_Since": formatdate(usegmt=True)}):
        stack.get(path, **fields).problem(404)


# --- Writes ---

# As above; each with its status on a todo that is there, and on one that is not, for PUT, PATCH, DELETE.
WRITES = [
    ({}, (200, 200, 204), (201, 404, 404)),
    ({"If-Match": "{tag}"}, (200, 200, 204), (412, 412, 412)),
    ({"If-Match": "W/{tag}"}, (200, 200, 204), (412, 412, 412)),
    ({"If-Match": "*"}, (200, 200, 204), (412, 412, 412)),
    ({"If-Match": OTHER + ", {tag}"}, (200, 200, 204), (412, 412, 412)),
    ({"If-Match": '"a",' * 900 + "{tag}"}, (200, 200, 204), (412, 412, 412)),
    ({"If-Match": (OTHER + ",") * 140 + "{tag}"}, (200, 200, 204), (412, 412, 412)),
    ({"If-Match": OTHER}, (412, 412, 412), (412, 412, 412)),
    ({"If-Match": "{bare}"}, (400, 400, 400), (400, 400, 400)),
    ({"If-Match": '"unclosed'}, (400, 400, 400), (400, 400, 400)),
    ({"If-Match": "\xff{tag}"}, (400, 400, 400), (400, 400, 400)),
    ({"If-Match": '"-1-0-0123456789abcdef"'}, (412, 412, 412), (412, 412, 412)),
    ({"If-Match": '"9223372036854775807-7fffffffffffffff-0123456789abcdef"'}, (412, 412, 412), (412, 412, 412)),
    ({"If-None-Match": "*"}, (412, 412, 412), (201, 404, 404)),
    ({"If-None-Match": "{tag}"}, (412, 412, 412), (201, 404, 404)),
    ({"If-None-Match": "W/{tag}"}, (412, 412, 412), (201, 404, 404)),
    ({"If-None-Match": OTHER}, (200, 200, 204), (201, 404, 404)),
    ({"If-Match": ""}, (400, 400, 400), (400, 400, 400)),  # what a script sends whose variable is empty
    ({"If-None-Match": ""}, (400, 400, 400), (400, 400, 400)),
    ({"If-None-Match": "junk"}, (400, 400, 400), (400, 400, 400)),
    ({"If-Unmodified-Since": "{now}"}, (200, 200, 204), (201, 404, 404)),
    ({"If-Unmodified-Since": "{before}"}, (412, 412, 412), (201, 404, 404)),
    ({"If-Unmodified-Since": "yesterday"}, (200, 200, 204), (201, 404, 404)),
    ({"If-Match": "{tag}", "If-Unmodified-Since": "{before}"}, (200, 200, 204), (412, 412, 412)),
    ({"If-Match": "{tag}", "If-None-Match": OTHER}, (200, 200, 204), (412, 412, 412)),
    ({"If-Match": "{tag}", "If-None-Match": "{tag}"}, (412, 412, 412), (412, 412, 412)),
    ({"If-Modified-Since": "{later}"}, (200, 200, 204), (201, 404, 404)),  # is for reads alone (13.1.3)
]
CHANGES = [("PUT", put), ("PATCH", patch), ("DELETE", delete)]


@pytest.mark.parametrize("fields, there, absent", WRITES, ids=lambda value: repr(value)[:70])
def test_write_under_conditions(stack, new_id, fields, there, absent):
    def run(path, verb, current):
        tag = current.headers["ETag"]
        words = {"tag": tag, "bare": tag.strip('"'), "now": date(current), "later": date(current, 60), "before": date(current, -1)}
        headers = {name.replace("-", "_"): value.format(**words) for name, value in fields.items()}
        return verb(stack, path, **headers) if verb is delete else verb(stack, path, {"name": "changed"}, **headers)

    for i, (_, verb) in enumerate(CHANGES):
        todo = new_id()
        current = made(stack, todo)
        answer = run(f"/todos/{todo}", verb, current)
        assert answer.status == there[i], answer
        found = stack.get(f"/todos/{todo}")
        if there[i] in (400, 412):
            assert answer.problem(there[i])["type"] == f"/problems/{'condition-failed' if there[i] == 412 else 'bad-request'}"
            assert (found.body, found.headers["ETag"]) == (current.body, current.headers["ETag"])
        elif verb is not delete:
            assert (found.json["name"], found.headers["ETag"]) == ("changed", answer.headers["ETag"])
        gone = f"/todos/{new_id()}"
        assert run(gone, verb, current).status == absent[i]
        assert stack.get(gone).status == (200 if absent[i] == 201 else 404)


def test_date_that_is_older_than_the_last_change_fails(stack, new_id):
    todo = new_id()
    first = made(stack, todo)
    next_second()
    second = patch(stack, f"/todos/{todo}", {"done": True})
    assert date(first) != date(second)
    put(stack, f"/todos/{todo}", {"name": "x"}, If_Unmodified_Since=date(first)).problem(412)
    assert stack.get(f"/todos/{todo}", If_Modified_Since=date(first)).status == 200
    assert put(stack, f"/todos/{todo}", {"name": "x"}, If_Unmodified_Since=date(second)).status == 200


def at_once(stack, count, ask):
    """ask(client, number) from so many clients at the same moment; their answers' statuses."""
    barrier, statuses = threading.Barrier(count), [None] * count

    def run(number):
        client = Client(stack.port)
        barrier.wait()
        statuses[number] = ask(client, number).status
        client.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_of_fifty_with_one_if_match_exactly_one_wins(new_stack, method):
    stack = new_stack(workers=4)
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    for turn in range(3):
        before = put(stack, "/todos/a", {"name": "before"})
        headers = {"If-Match": before.headers["ETag"], "Content-Type": content_type}

        def ask(client, number):
            body = None if method == "DELETE" else '{"name":"%d"}' % number
            return client.request(method, "/todos/a", body, headers)

        statuses = at_once(stack, 50, ask)
        winners = [number for number, status in enumerate(statuses) if status in (200, 204)]
        assert len(winners) == 1 and statuses.count(412) == 49, statuses
        found = stack.get("/todos/a")
        if method == "DELETE":
            found.problem(404)
        else:
            assert found.json["name"] == str(winners[0])
            version = int(before.headers["ETag"][1:].partition("-")[0]) + 1
            assert found.headers["ETag"].startswith(f'"{version}-')


def test_of_fifty_that_create_with_if_none_match_exactly_one_wins(new_stack):
    stack = new_stack(workers=4)
    headers = {"If-None-Match": "*", "Content-Type": "application/json"}
    for turn in range(3):
        statuses = at_once(stack, 50, lambda client, number: client.request(
            "PUT", f"/todos/{turn}", '{"name":"%d"}' % number, headers))  # fmt: skip
        assert statuses.count(201) == 1 and statuses.count(412) == 49, statuses
        assert stack.get(f"/todos/{turn}").json["name"] == str(statuses.index(201))


def test_of_fifty_without_a_condition_none_is_lost(new_stack):
    stack = new_stack(workers=4)
    headers = {"Content-Type": "application/json"}
    statuses = at_once(stack, 50, lambda client, number: client.request(
        "PUT", "/todos/a", '{"name":"%d"}' % number, headers))  # fmt: skip
    assert sorted(statuses) == [200] * 49 + [201], statuses
    assert stack.get("/todos/a").headers["ETag"].startswith('"50-')


# --- require_if_match ---


def test_change_without_a_condition_is_a_428_if_so_set(new_stack):
    stack = new_stack(settings={"require_if_match": "on"})
    assert put(stack, "/todos/a", {"name": "x"}).problem(428)["type"] == "/problems/condition-required"
    created = put(stack, "/todos/a", {"name": "x"}, If_None_Match="*")
    assert created.status == 201
    for fields in ({}, {"If_None_Match": OTHER}, {"If_Unmodified_Since": date(created)}):
        put(stack, "/todos/a", {"name": "y"}, **fields).problem(428)
        patch(stack, "/todos/a", {"name": "y"}, **fields).problem(428)
        delete(stack, "/todos/a", **fields).problem(428)
    patch(stack, "/todos/a", {"name": "y"}, If_None_Match="*").problem(428)
    assert stack.get("/todos/a").body == created.body
    put(stack, "/todos/a", {"name": ""}).problem(422)
    put(stack, "/todos/a", {"name": "y"}, Content_Type="text/plain").problem(415)
    changed = patch(stack, "/todos/a", {"name": "y"}, If_Match=created.headers["ETag"])
    assert changed.status == 200
    assert delete(stack, "/todos/a", If_Match=changed.headers["ETag"]).status == 204
    assert post(stack, {"id": "b", "name": "x"}).status == 201, "a POST overwrites nothing"


# --- gzip ---


def test_tags_that_gzip_weakened_still_work(new_stack):
    stack = new_stack(prepared_only=True)
    conf = stack.folder / "todo/server.conf"
    words = conf.read_text().replace("gzip off;", "gzip on; gzip_types application/json; gzip_min_length 1; gzip_vary on;", 1)
    assert "gzip on;" in words
    conf.write_text(words)
    stack.start()
    stack.wait_answer()
    strong = put(stack, "/todos/a", {"name": "x", "description": "y" * 500}).headers["ETag"]  # the list is too short for the worker to compress it
    zipped = stack.get("/todos/a", Accept_Encoding="gzip")
    weak = zipped.headers["ETag"]
    assert (zipped.headers["Content-Encoding"], weak) == ("gzip", "W/" + strong)
    assert "Accept-Encoding" in ", ".join(zipped.headers.get_all("Vary"))
    assert stack.get("/todos/a", Accept_Encoding="gzip", If_None_Match=weak).status == 304
    changed = patch(stack, "/todos/a", {"done": True}, If_Match=weak)
    assert changed.status == 200
    patch(stack, "/todos/a", {"done": False}, If_Match=weak).problem(412)
    page = stack.get("/todos", Accept_Encoding="gzip").headers["ETag"]
    assert page.startswith("W/")
    with stack.counted() as count:
        assert stack.get("/todos", Accept_Encoding="gzip", If_None_Match=page).status == 304
    assert count.get(LIST_OK, 0) == 0


# --- Oversize ---


def test_field_beyond_nginx_bounds_is_a_431_and_no_write(stack, new_id):
    todo = new_id()
    before = made(stack, todo)
    put(stack, f"/todos/{todo}", {"name": "x"}, If_Match=(OTHER + ", ") * 300).problem(431)
    stack.client.close()
    stack.get(f"/todos/{todo}", If_None_Match='"a",' * 2000).problem(431)
    stack.client.close()
    assert stack.get(f"/todos/{todo}").body == before.body
