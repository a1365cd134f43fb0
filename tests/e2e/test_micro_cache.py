# SPDX-License-Identifier: MIT
"""
nginx' micro-cache (MICRO_CACHE=on, nginx/micro.conf): what it may answer, what goes past it, and that an answer is never older
than the newest write by a second.

Whether nginx or a worker has answered is counted at the workers. A test that needs two requests in one second tries again
when the second was over in between.
"""

import threading
import time

import pytest
from stack import Client
from verbs import made, patch, put, send

READS = 'todo_cache_reads_total{result="hit"}'


@pytest.fixture(scope="module")
def store():
    """nginx is the same in front of each."""
    return "sqlite"


@pytest.fixture(scope="module")
def micro(make_stack):
    stack = make_stack("sqlite", workers=1)
    stack.environment["MICRO_CACHE"] = "on"
    yield stack.up()
    assert not stack.close()


def nginx_said(answer):
    """The last member of Cache-Status: nginx', where it says something."""
    return answer.headers.get_all("Cache-Status", [None])[-1]


def in_one_second(ask):
    """What ask returns, when all of it took place in one second of the clock."""
    for _ in range(50):
        time.sleep(1.02 - time.time() % 1 if time.time() % 1 > 0.5 else 0)
        second = int(time.time())
        result = ask()
        if int(time.time()) == second:
            return result
    raise AssertionError("this machine is too slow for four requests in a second")


def warmed(stack, path, **fields):
    """The fourth answer of a second: the first two are the workers' (fastcgi_cache_min_uses)."""
    return in_one_second(lambda: [stack.get(path, **fields) for _ in range(4)])[-1]


def test_answer_of_the_same_second_is_given_again(micro, new_id):
    todo = new_id()
    made(micro, todo)
    for path in (f"/todos/{todo}", "/todos?limit=5"):
        answers = in_one_second(lambda: [micro.get(path) for _ in range(6)])
        assert [nginx_said(answer) for answer in answers] == ["nginx; fwd=miss"] * 2 + ["nginx; hit"] * 4
        assert len({answer.body for answer in answers}) == 1 and len({answer.headers["ETag"] for answer in answers}) == 1
        assert len({answer.headers["Request-Id"] for answer in answers}) == 6, "each is another request"


def test_no_answer_is_older_than_a_second(micro, new_id):
    """A reader in each thread, a writer that goes on; each read that begins a second after a write's end sees it."""
    todo = new_id()
    made(micro, todo, description="0")
    done_at = {0: float("-inf")}
    faults, hits, stop = [], [], threading.Event()

    def read():
        client = Client(micro.port)
        while not stop.is_set():
            began_at = time.monotonic()
            newest = max(number for number, at in list(done_at.items()) if at <= began_at - 1)
            answer = client.get(f"/todos/{todo}")
            if int(answer.json["description"]) < newest:
                faults.append((newest, answer))
            hits.append(nginx_said(answer) == "nginx; hit")
        client.close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        assert patch(micro, f"/todos/{todo}", {"description": str(number)}).status == 200
        done_at[number] = time.monotonic()
        time.sleep(0.1)  # writes at every place within a second
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults, faults[:3]
    assert sum(hits) > 100, "most were nginx' own"


def test_who_has_written_sees_it(micro, new_id):
    todo = new_id()
    made(micro, todo)
    warmed(micro, f"/todos/{todo}")
    for number in range(20):
        version = patch(micro, f"/todos/{todo}", {"description": str(number)}).headers["Todo-Version"]
        assert micro.get(f"/todos/{todo}", Todo_Version=version).json["description"] == str(number)


@pytest.mark.parametrize("fields", [
    {"Todo_Version": "x.1"}, {"Authorization": "Bearer x"}, {"Cookie": "a=b"}, {"Cache_Control": "no-cache"}, {"Cache_Control": "no-store"},
    {"Cache_Control": "max-age=0"}, {"Pragma": "no-cache"}, {"If_Match": "*"}, {"If_Unmodified_Since": "Sat, 01 Jan 2039 00:00:00 GMT"},
], ids=lambda fields: "-".join(fields))  # fmt: skip
def test_who_asks_for_more_goes_to_a_worker_and_leaves_nothing(micro, new_id, fields):
    todo = new_id()
    made(micro, todo)

    def ask():
        asked = [micro.get(f"/todos/{todo}", **fields) for _ in range(4)]
        return asked, [micro.get(f"/todos/{todo}") for _ in range(3)]

    special, plain = in_one_second(ask)
    assert {nginx_said(answer) for answer in special} == {"nginx; fwd=request"}
    assert nginx_said(plain[0]) == "nginx; fwd=miss" and nginx_said(plain[2]) == "nginx; hit"


def test_conditions_are_decided_as_a_worker_would(micro, new_id):
    todo = new_id()
    tag = made(micro, todo).headers["ETag"]
    hit = warmed(micro, f"/todos/{todo}")
    same = warmed(micro, f"/todos/{todo}", If_None_Match=tag)
    other = warmed(micro, f"/todos/{todo}", If_None_Match='"0-0"')
    assert (same.status, same.body, other.status, other.body) == (304, b"", 200, hit.body)
    assert same.headers["ETag"] == tag and same.headers["Cache-Control"] == hit.headers["Cache-Control"]
    micro.get(f"/todos/{todo}", If_Match='"0-0"').problem(412)
    assert micro.get(f"/todos/{todo}").status == 200, "on the same connection"


def test_a_304_that_filled_nothing_is_followed_by_a_whole_answer(micro, new_id):
    todo = new_id()
    tag = made(micro, todo).headers["ETag"]

    def ask():
        return [micro.get(f"/todos/{todo}", If_None_Match=tag).status for _ in range(3)] + [micro.get(f"/todos/{todo}").status]

    assert in_one_second(ask) == [304, 304, 304, 200]


def test_head_and_get_do_not_answer_for_each_other(micro, new_id):
    todo = new_id()
    made(micro, todo)

    def ask():
        heads = [micro.request("HEAD", f"/todos/{todo}") for _ in range(4)]
        return heads[-1], micro.get(f"/todos/{todo}")

    head, get = in_one_second(ask)
    assert head.body == b"" and get.json["id"] == todo and nginx_said(get) == "nginx; fwd=miss"
    assert head.headers["Content-Length"] == get.headers["Content-Length"] and head.headers["ETag"] == get.headers["ETag"]


def test_errors_and_writes_are_not_kept(micro, new_id):
    todo = new_id()
    for path in (f"/todos/{todo}", "/todos?limit=0", "/todos/a/b"):
        answer = warmed(micro, path)
        assert answer.status in (400, 404) and nginx_said(answer) != "nginx; hit"
    made(micro, todo)
    for _ in range(4):
        answer = put(micro, f"/todos/{todo}", {"name": "x"})
        assert nginx_said(answer) == "todo-fcgi; fwd=method"
    assert send(micro, "OPTIONS", "/todos").status == 204


def test_a_herd_is_one_request_to_the_workers(micro, new_id):
    todo = new_id()
    made(micro, todo)
    micro.get(f"/todos/{todo}")
    with micro.counted() as count:
        clients = [Client(micro.port) for _ in range(16)]
        threads = [threading.Thread(target=lambda client=client: [client.get(f"/todos/{todo}") for _ in range(10)]) for client in clients]
        began_at = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began_at
        for client in clients:
            client.close()
    # Of each second one that is not kept, and who came with it; then one that is, and the others wait for it.
    assert count[READS] <= 18 * (seconds + 2) and count[READS] < 160 / 2 * (seconds + 1), (count, seconds)


def test_shares_of_a_limit_and_times_are_nobody_elses(new_stack):
    stack = new_stack(prepared_only=True, workers=1, settings={"rate_limit_per_minute": 60000, "rate_limit_burst": 10000, "server_timing": "on"})
    stack.environment["MICRO_CACHE"] = "on"
    stack.prepare().start()
    stack.wait_answer()
    made(stack, "a")
    answer = warmed(stack, "/todos/a")
    assert nginx_said(answer) == "nginx; fwd=miss" and answer.headers["RateLimit"] and answer.headers["Server-Timing"]


def test_times_of_another_request_are_not_given_again(new_stack):
    stack = new_stack(prepared_only=True, workers=1, settings={"server_timing": "on"})
    stack.environment["MICRO_CACHE"] = "on"
    stack.prepare().start()
    stack.wait_answer()
    made(stack, "a")
    first, *_, last = in_one_second(lambda: [stack.get("/todos/a") for _ in range(4)])
    assert first.headers["Server-Timing"] and nginx_said(last) == "nginx; hit" and "Server-Timing" not in last.headers


def test_private_answers_are_not_kept(new_stack):
    stack = new_stack(prepared_only=True, workers=1, settings={"todo_cache_control": "private, max-age=5"})
    stack.environment["MICRO_CACHE"] = "on"
    stack.prepare().start()
    stack.wait_answer()
    made(stack, "a")
    assert nginx_said(warmed(stack, "/todos/a")) == "nginx; fwd=miss"


def test_without_workers_only_the_answer_of_this_second_is_left(new_stack):
    stack = new_stack(prepared_only=True, workers=1)
    stack.environment["MICRO_CACHE"] = "on"
    stack.prepare().start()
    stack.wait_answer()
    made(stack, "a")
    warmed(stack, "/todos/a")
    stack.stop("workers")
    time.sleep(1)
    stack.get("/todos/a").problem(502)


def test_it_is_off_by_default(new_stack):
    stack = new_stack(workers=1)
    made(stack, "a")
    assert nginx_said(warmed(stack, "/todos/a")).startswith("todo-fcgi; hit")
    assert not list((stack.folder / "todo").glob("micro*"))
