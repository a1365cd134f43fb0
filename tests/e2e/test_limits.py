# SPDX-License-Identifier: MIT
"""The limit per client, the token for writes, and nginx' own limit: who is turned away, how he is told, and who is not."""

import re
import subprocess
import time

import pytest
from stack import WORKER_BUILD, wait_until
from verbs import delete, made, patch, post, put, send

ADMITTED, REFUSED, UNKNOWN = (f'todo_limit_total{{verdict="{name}"}}' for name in ("admitted", "refused", "unknown"))
READS = 'todo_cache_reads_total{result="hit"}'
WRITES = 'todo_fences_total{kind="fence"}'
STORE_READS = 'todo_store_calls_total{call="get",outcome="absent"}'
FILLS = 'todo_fills_total{result="stored"}'


def standing(answer):
    """RateLimit and RateLimit-Policy as (left, seconds until all is there again, quota, window)."""
    limit = re.fullmatch(r'"client";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    policy = re.fullmatch(r'"client";q=(\d+);w=(\d+)', answer.headers["RateLimit-Policy"])
    return tuple(int(part) for part in (*limit.groups(), *policy.groups()))


def limited(new_stack, per_minute, burst, workers=2):
    """A stack with a limit; what it was asked until it answered doesn't count."""
    stack = new_stack(workers=workers, settings={"rate_limit_per_minute": per_minute, "rate_limit_burst": burst})

    def counts():
        stack.client.close()
        return stack.get("/todos?limit=1").headers["RateLimit"]

    wait_until(lambda: all(counts() for _ in range(4 * workers)), what="each worker's trust in Redis")
    forget(stack)
    return stack


def forget(stack):
    assert stack.redis("DEL", "limit:{127.0.0.1}") == "1"


def test_without_the_setting_nothing_is_limited_or_told(stack, new_id):
    todo = new_id()
    made(stack, todo)
    with stack.counted() as count:
        answers = [stack.get(f"/todos/{todo}") for _ in range(100)]
    assert {(answer.status, answer.headers["RateLimit"], answer.headers["RateLimit-Policy"]) for answer in answers} == {(200, None, None)}
    assert not any("limit_total" in name for name in count)


def test_client_may_come_in_a_burst_and_then_evenly(new_stack):
    stack = limited(new_stack, 60, 5)
    made(stack, "a")
    for _ in range(10):  # until the machine is quick enough for a second to be one
        forget(stack)
        begun = time.monotonic()
        answers, refused = [stack.get("/todos/a") for _ in range(5)], stack.get("/todos/a")
        burst_s = time.monotonic() - begun
        time.sleep(1.05)
        later = [stack.get("/todos/a").status for _ in range(2)]
        if burst_s < 0.95 and time.monotonic() - begun < 1.95:
            break
    assert [answer.status for answer in answers] == [200] * 5
    assert [standing(answer)[0] for answer in answers] == [4, 3, 2, 1, 0]
    assert {standing(answer)[2:] for answer in answers} == {(5, 5)}
    assert all(standing(answer)[1] == 5 - standing(answer)[0] for answer in answers)
    assert refused.problem(429)["type"] == "/problems/too-many-requests"
    assert (refused.headers["Retry-After"], refused.headers["Cache-Control"]) == ("1", "no-store")
    assert standing(refused) == (0, 5, 5, 5)
    assert later == [200, 429]


def test_limit_is_one_for_all_routes_and_workers(new_stack):
    stack = limited(new_stack, 1, 7, workers=3)
    asks = [lambda: put(stack, "/todos/a", {"name": "x"}), lambda: stack.get("/todos/a"), lambda: send(stack, "HEAD", "/todos/a"),
            lambda: stack.get("/todos"), lambda: patch(stack, "/todos/a", {}), lambda: post(stack, {"name": "x"}),
            lambda: delete(stack, "/todos/a")]  # fmt: skip
    left = []
    for ask in asks:
        left.append(standing(ask())[0])
        stack.client.close()
    assert left == [6, 5, 4, 3, 2, 1, 0]
    with stack.counted() as count:
        for ask in asks:
            assert ask().status == 429
            stack.client.close()
    assert (count.get(REFUSED), count.get(WRITES, 0)) == (7, 0)
    assert 50 <= int(stack.get("/todos").headers["Retry-After"]) <= 60
    assert stack.internal.get("/healthz").status == 200, "who watches the service is not its client"


def test_refused_request_does_nothing(new_stack):
    stack = limited(new_stack, 1, 1)
    put(stack, "/todos/a", {"name": "x"})
    put(stack, "/todos/a", {"name": "y"}).problem(429)
    delete(stack, "/todos/a").problem(429)
    post(stack, {"id": "b", "name": "x"}, Idempotency_Key='"k"').problem(429)
    stack.redis("FLUSHALL")
    assert stack.get("/todos").json["todos"][0]["name"] == "x"


def test_refused_reads_of_absent_todos_ask_the_store_nothing(new_stack):
    stack = limited(new_stack, 60, 5)
    begun = time.monotonic()
    with stack.counted() as count:
        answers = [stack.get(f"/todos/none-{number}").status for number in range(400)]
    admitted = 5 + int(time.monotonic() - begun) + 1
    assert answers[:5] == [404] * 5 and answers.count(404) <= admitted
    assert answers.count(429) == 400 - answers.count(404)
    assert (count[STORE_READS], count[FILLS]) == (answers.count(404),) * 2, "one for each that was admitted"


def test_304_and_404_tell_the_standing_too(new_stack):
    stack = limited(new_stack, 1, 50)
    tag = made(stack, "a").headers["ETag"]
    for answer in (stack.get("/todos/a", If_None_Match=tag), stack.get("/todos/none"), stack.get("/todos/a", If_Match='"x"')):
        assert standing(answer)[2:] == (50, 3000)


def test_without_redis_everybody_is_let_through_and_counted(new_stack):
    stack = limited(new_stack, 1, 2)
    stack.kill("redis")
    wait_until(lambda: stack.get("/todos/a").status != 429, what="the loss to be seen")
    with stack.counted() as count:
        answers = [put(stack, "/todos/a", {"name": "x"})] + [stack.get("/todos/a") for _ in range(20)]
    assert [answer.status for answer in answers] == [201] + [200] * 20
    assert count.get(UNKNOWN) == 21 and not count.get(REFUSED)
    assert {answer.headers["RateLimit"] for answer in answers} == {None}
    stack.start("redis")
    wait_until(lambda: stack.get("/todos/a").status == 429, 15, "the limit to be back")


def test_lost_scripts_let_one_request_through_at_most(new_stack):
    stack = limited(new_stack, 1, 2, workers=1)
    made(stack, "a")
    assert stack.get("/todos/a").status == 200
    stack.get("/todos/a").problem(429)
    stack.redis("SCRIPT", "FLUSH")
    assert [stack.get("/todos/a").status for _ in range(4)][1:] == [429] * 3


def test_limit_costs_a_read_no_round_trip(new_stack):
    """Both commands arrive in one piece: Redis counts the reads of its sockets."""
    stack = new_stack(workers=1, settings={"rate_limit_per_minute": 6000000, "rate_limit_burst": 100000})
    made(stack, "a")
    for _ in range(5):
        stack.get("/todos/a")

    def commands():
        return int(re.search(r"total_commands_processed:(\d+)", stack.redis("INFO", "stats"))[1])

    def reads():
        return int(re.search(r"total_reads_processed:(\d+)", stack.redis("INFO", "stats"))[1])

    before = (commands(), reads())
    for _ in range(200):
        assert stack.get("/todos/a").cache["hit"] is True
    asked, read = commands() - before[0], reads() - before[1]
    assert asked >= 400 and read <= asked * 0.75, (asked, read)


# --- The token ---


@pytest.fixture
def guarded(new_stack, tmp_path):
    def new(words="top-secret\n"):
        file = tmp_path / "token"
        file.write_text(words)
        return new_stack(settings={"write_token_file": file})

    return new


WRONG = [None, "", "top-secret", "Bearer", "Bearer ", "Bearer top-secre", "Bearer top-secrets", "Bearer TOP-SECRET", "Bearer top-secret, x",
         "Basic dG9wLXNlY3JldA==", "Bearer \xff\xfe", "Bearer " + "x" * 3000, "Bearertop-secret"]  # fmt: skip


def test_writes_need_the_token_and_reads_do_not(guarded):
    stack = guarded()
    right = {"Authorization": "Bearer top-secret"}
    assert post(stack, {"id": "a", "name": "x"}, **right).status == 201
    before = stack.get("/todos/a")
    for token in WRONG:
        answers = [post(stack, {"id": "b", "name": "x"}, Authorization=token), put(stack, "/todos/b", {"name": "x"}, Authorization=token),
                   patch(stack, "/todos/a", {"name": "y"}, Authorization=token), delete(stack, "/todos/a", Authorization=token)]  # fmt: skip
        for answer in answers:
            assert answer.problem(401)["type"] == "/problems/unauthorized"
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="todos"')
            assert "top-secret" not in repr(answer)
    assert stack.get("/todos/a").body == before.body
    stack.get("/todos/b").problem(404)
    assert (before.status, stack.get("/todos").status, send(stack, "OPTIONS", "/todos/a").status) == (200, 200, 204)
    assert put(stack, "/todos/a", {"name": "y"}, **right).status == 200
    assert patch(stack, "/todos/a", {"done": True}, Authorization="bearer top-secret").status == 200
    assert delete(stack, "/todos/a", **right).status == 204
    assert "top-secret" not in stack.log("workers") + stack.log("nginx-access") + stack.log("nginx-error")


def test_wrong_token_says_so_and_a_missing_one_does_not(guarded):
    stack = guarded()
    assert delete(stack, "/todos/a").headers["WWW-Authenticate"] == 'Bearer realm="todos"'
    assert delete(stack, "/todos/a", Authorization="Bearer x").headers["WWW-Authenticate"] == 'Bearer realm="todos", error="invalid_token"'


def test_unauthorized_body_is_drained_and_the_connection_serves_on(guarded):
    stack = guarded()
    for _ in range(3):
        put(stack, "/todos/a", b"z" * 60000).problem(401)
        assert stack.get("/todos").status == 200


def test_only_the_first_line_of_the_file_is_the_token(guarded):
    stack = guarded("one\r\ntwo\n")
    assert put(stack, "/todos/a", {"name": "x"}, Authorization="Bearer one").status == 201
    put(stack, "/todos/a", {"name": "x"}, Authorization="Bearer two").problem(401)


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
@pytest.mark.parametrize("words", [None, "", "\n", "\nsecond\n", "x" * 513 + "\n"], ids=lambda words: repr(words)[:20])
def test_worker_without_its_token_does_not_start(store, tmp_path, words):
    """It would let anybody write."""
    if words is not None:
        (tmp_path / "token").write_text(words)
    command = [WORKER_BUILD / "todo-fcgi", "-s", "socket", "-o", "write_token_file=token", "-o", "redis=unix:none"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2 and "write_token_file = token" in result.stderr, result
    assert not (tmp_path / "socket").exists()


# --- nginx ---


def test_limit_of_nginx_answers_in_the_same_shape(new_stack):
    stack = new_stack(prepared_only=True)
    http, site = stack.folder / "todo/http.conf", stack.folder / "todo/server.conf"
    http.write_text("limit_req_zone $binary_remote_addr zone=todo:1m rate=1r/s;\n" + http.read_text())
    words = site.read_text()
    assert words.count("\nlocation ^~ /todos {\n") == 1
    site.write_text(words.replace("\nlocation ^~ /todos {\n", "\nlocation ^~ /todos {\n    limit_req zone=todo burst=20 nodelay;\n"))
    stack.start()
    stack.wait_answer()
    begun = time.monotonic()
    answers = [stack.get("/todos") for _ in range(60)]
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) >= 60 - 21 - (time.monotonic() - begun) > 0
    for answer in refused:
        assert answer.problem(429)["type"] == "/problems/too-many-requests"
        assert answer.headers["Retry-After"] and answer.headers["Cache-Control"] == "no-store"
