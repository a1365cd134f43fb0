# SPDX-License-Identifier: MIT
"""Finding a request again: its id in the answer and in both logs, the trace that it belongs to, and where its time went."""

import json
import os
import re
import signal

import pytest
from stack import wait_until
from verbs import delete, made, patch, post, put, raw, send

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ID = r"[0-9a-f]{32}"


def access_line(stack, request_id):
    """nginx' line about a request, when it has been written."""
    line = wait_until(lambda: re.search(rf'.*"id":"{request_id}".*', stack.log("nginx-access")), what="a line in nginx' log")
    return json.loads(line[0])


def test_each_answer_has_an_id_of_its_own_that_nginx_logs(stack, new_id):
    todo = new_id()
    asks = [
        ("GET", f"/todos/{todo}", 404), ("PUT", f"/todos/{todo}", 201), ("GET", f"/todos/{todo}", 200), ("HEAD", f"/todos/{todo}", 200),
        ("OPTIONS", "/todos", 204), ("GET", "/todos?limit=x", 400), ("FOO", "/todos", 405), ("DELETE", f"/todos/{todo}", 204),
        ("GET", "/nothing", 404), ("POST", "/", 405), ("TRACE", "/todos", 405), ("GET", "/todos/%zz", 400),
    ]  # fmt: skip
    seen = []
    for method, path, status in asks:
        body = {"name": "x"} if method == "PUT" else None
        answer = send(stack, method, path, body, Content_Type="application/json")
        assert answer.status == status
        [request_id] = answer.headers.get_all("Request-Id")
        assert re.fullmatch(ID, request_id)
        seen.append(request_id)
    assert len(set(seen)) == len(asks)
    for request_id, (method, _, status) in zip(seen, asks):
        line = access_line(stack, request_id)
        assert (line["status"], line["request"].split()[0]) == (status, method)


def test_request_whose_client_leaves_has_an_id_in_the_log(new_stack):
    """Nobody answers, so there is no id that was sent: the line has the trace's, or one of its own."""
    stack = new_stack()
    pids = stack.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        for field in (f"traceparent: 00-{TRACE}-{PARENT}-01\r\n".encode(), b""):
            raw(stack, b"GET /todos/a HTTP/1.1\r\nHost: localhost\r\n" + field + b"\r\n", wait=False)
        wait_until(lambda: stack.log("nginx-access").count('"status":499') == 2, what="two lines in nginx' log")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    ids = [json.loads(line)["id"] for line in stack.log("nginx-access").splitlines() if '"status":499' in line]
    assert TRACE in ids and len(set(ids)) == 2 and all(re.fullmatch(ID, name) for name in ids)


def test_answer_to_what_is_no_http_has_one_too(stack):
    for data in (b"garbage\r\n\r\n", b"GET /todos HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n"):
        head = raw(stack, data).partition(b"\r\n\r\n")[0]
        assert re.search(rb"\r\nRequest-Id: [0-9a-f]{32}(\r\n|$)", head), head


def test_trace_is_taken_over_into_answers_and_logs(new_stack):
    stack = new_stack(settings={"log_level": "debug"})
    verbs = [lambda **fields: put(stack, "/todos/a", {"name": "x"}, **fields), lambda **fields: stack.get("/todos/a", **fields),
             lambda **fields: patch(stack, "/todos/a", {}, **fields), lambda **fields: stack.get("/todos", **fields),
             lambda **fields: delete(stack, "/todos/a", **fields), lambda **fields: stack.get("/todos/a/b", **fields),
             lambda **fields: stack.get("/nothing", **fields)]  # fmt: skip
    statuses = {}
    for number, verb in enumerate(verbs):
        trace = f"{number + 1:032x}"
        answer = verb(traceparent=f"00-{trace}-{PARENT}-01")
        assert answer.headers["Request-Id"] == trace
        statuses[trace] = answer.status
        if number < 6:
            assert f"req={trace} event=request " in stack.log("workers")
    for trace, status in statuses.items():
        assert access_line(stack, trace)["status"] == status


def test_line_of_the_worker_says_what_was_asked(new_stack):
    stack = new_stack(settings={"log_level": "debug"})
    answer = stack.get("/todos/a%22b%0Ac")
    answer.problem(404)
    line = re.search(rf".* req={answer.headers['Request-Id']} event=request (.*)", stack.log("workers"))[1]
    assert re.fullmatch(r'method="GET" path="/todos/a\\"b\\x0ac" status=404 us=\d+', line), line


def test_by_default_requests_leave_no_line_in_the_workers_log(stack, new_id):
    request_id = stack.get(f"/todos/{new_id()}").headers["Request-Id"]
    assert request_id not in stack.log("workers")


def test_failure_is_logged_with_the_requests_id(new_stack):
    stack = new_stack(settings={"on_cache_down": "refuse"})
    stack.kill("redis")
    answer = wait_until(lambda: (found := post(stack, {"name": "x"}, traceparent=f"00-{TRACE}-{PARENT}-00")).status == 503 and found)
    assert answer.headers["Request-Id"] == TRACE
    assert re.search(rf"level=warn pid=\d+ req={TRACE} event=unavailable status=unavailable error=", stack.log("workers"))


@pytest.mark.parametrize(
    "traceparent",
    ["", "00", "x", f"00-{TRACE}-{PARENT}", f"00-{TRACE}-{PARENT}-0", f"00-{TRACE}-{PARENT}-01-x", f"ff-{TRACE}-{PARENT}-01",
     f"00-{TRACE.upper()}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE[:-1]}g-{PARENT}-01",
     f"00 {TRACE} {PARENT} 01", "\xff" * 55, "-" * 55, "0" * 4000, f"00-{TRACE}-{PARENT}-01\t\xff"],
    ids=repr,
)  # fmt: skip
def test_trace_that_is_none_is_passed_over(stack, traceparent):
    for path in ("/todos?limit=1", "/nothing"):
        answer = stack.get(path, traceparent=traceparent)
        assert answer.status in (200, 404)
        assert re.fullmatch(ID, answer.headers["Request-Id"]) and answer.headers["Request-Id"] not in (TRACE, "0" * 32)


def test_later_version_of_the_header_may_have_more(stack):
    for path in ("/todos?limit=1", "/nothing"):
        assert stack.get(path, traceparent=f"01-{TRACE}-{PARENT}-01-what-comes").headers["Request-Id"] == TRACE


def test_client_can_not_choose_the_id_otherwise(stack):
    answer = stack.get("/todos?limit=1", Request_Id="mine", X_Request_Id="mine")
    assert re.fullmatch(ID, answer.headers["Request-Id"])


# --- Server-Timing ---


def timing(answer):
    """Server-Timing as {name: milliseconds}."""
    parts = [re.fullmatch(r"(\w+);dur=(\d+\.\d{3})", part) for part in answer.headers["Server-Timing"].split(", ")]
    return {part[1]: float(part[2]) for part in parts}


def test_timing_is_off_by_default(stack):
    assert stack.get("/todos?limit=1").headers["Server-Timing"] is None


def test_timing_names_what_was_asked(new_stack):
    stack = new_stack(settings={"server_timing": "on"})
    tag = made(stack, "a").headers["ETag"]
    for path in ("/todos/a", "/todos"):
        miss, hit = timing(stack.get(path)), timing(stack.get(path))
        assert set(miss) == {"route", "redis", "store"} and set(hit) == {"route", "redis"}
        assert miss["route"] >= max(miss["redis"], miss["store"]) and hit["route"] >= hit["redis"] > 0
    fresh = timing(stack.get("/todos/a", Cache_Control="no-cache"))
    assert fresh["store"] > 0
    assert set(timing(stack.get("/todos/a", If_None_Match=tag))) == {"route", "redis"}
    assert "route" in timing(stack.get("/todos/none"))
    writes = [put(stack, "/todos/a", {"name": "x"}), patch(stack, "/todos/a", {}), post(stack, {"name": "x"}), delete(stack, "/todos/a")]
    for answer in writes:
        assert timing(answer)["route"] > 0


def test_timing_without_redis_shows_the_store(new_stack):
    stack = new_stack(settings={"server_timing": "on"})
    made(stack, "a")
    stack.kill("redis")
    wait_until(lambda: stack.get("/todos/a").cache.get("fwd") == "bypass", what="the loss to be seen")
    found = timing(stack.get("/todos/a"))
    assert found["store"] > 0 and found["route"] >= found["store"]
