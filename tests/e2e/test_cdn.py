# SPDX-License-Identifier: MIT
"""
Behind a CDN: real Varnish with etc/varnish/todo.vcl in front, purged by the workers; what it serves when, and that no purge
is lost when Varnish, a worker or the backend is away.
"""

import contextlib
import json
import os
import re
import signal
import sqlite3
import time

import pytest
from stack import wait_until
from varnish import Purged, Varnish

AGAIN_MS = 1000
FOREVER = "max-age=600, stale-while-revalidate=60, stale-if-error=600"
SENT, ACKNOWLEDGED, FAILED, PENDING, DRAINED = (
    f'todo_purges_total{{kind="{kind}"}}' for kind in ("sent", "acknowledged", "failed", "pending", "drained")
)


def settings_of(purge_url, **others):
    return {
        "surrogate_keys": "on",
        "purge_url": purge_url,
        "purge_again_ms": AGAIN_MS,
        "purge_wait_ms": 1000,
        "todo_cdn_cache_control": FOREVER,
        "list_cdn_cache_control": "max-age=1, stale-while-revalidate=60, stale-if-error=600",
        "not_found_max_age_s": 60,
        **others,
    }


@pytest.fixture(scope="module")
def cdn_stack(make_stack, tmp_path_factory):
    """A stack and its Varnish, for tests that leave both running."""
    varnish = Varnish(tmp_path_factory.mktemp("varnish"))
    stack = make_stack("sqlite", settings=settings_of(varnish.purge_url)).up()
    try:
        yield stack, varnish.start(stack.port)
    finally:
        varnish.stop()
        assert not stack.close()


@pytest.fixture
def cdn(cdn_stack):
    stack, varnish = cdn_stack
    assert varnish.answers()
    return stack, varnish


@pytest.fixture
def new_cdn(new_stack, tmp_path):
    """new_cdn(settings={...}) makes both for one test, on each store."""
    varnishes = []

    def new(settings=None, **options):
        varnish = Varnish(tmp_path)
        varnishes.append(varnish)
        stack = new_stack(settings=settings_of(varnish.purge_url, **(settings or {})), **options)
        return stack, varnish.start(stack.port)

    yield new
    for varnish in varnishes:
        varnish.stop()


def patch(client, todo, **fields):
    headers = {"Content-Type": "application/merge-patch+json"}
    answer = client.request("PATCH", f"/todos/{todo}", json.dumps(fields), headers)
    assert answer.status == 200, answer
    return answer


def is_hit(answer):
    return re.match(r"Varnish; hit;", answer.headers["Cache-Status"]) is not None


def ttl(answer):
    return int(re.search(r"Varnish; hit; ttl=(-?\d+)", answer.headers["Cache-Status"])[1])


def warm(varnish, path):
    """Asked until Varnish has it by itself; the last answer."""
    return wait_until(lambda: next((a for a in [varnish.get(path)] if is_hit(a)), None), 5, f"a hit of {path}")


def records(stack):
    """The keys of what is in the store; where that is a file, for the workers show no such list."""
    with contextlib.closing(sqlite3.connect(f"file:{stack.folder}/todos.db?mode=ro", uri=True)) as database:
        return [keys for (keys,) in database.execute("SELECT keys FROM purges")]


def settle(stack):
    """Until each purge was sent for the second time and acknowledged."""
    wait_until(lambda: not records(stack), 30, "the second purges")


def make(stack, todo, name="first"):
    assert stack.post({"id": todo, "name": name}).status == 201
    return f"/todos/{todo}"


# --- hits and purges ---


def test_a_todo_is_a_hit_and_after_a_patch_the_next_get_is_new(cdn, new_id):
    stack, varnish = cdn
    todo = new_id()
    path = make(stack, todo)
    for round_number in range(20):
        warm(varnish, path)
        answer = patch(stack, todo, name=f"round {round_number}")
        assert answer.headers["Purge-Status"] == "done"
        answer = varnish.get(path)
        assert answer.json["name"] == f"round {round_number}"
        assert "fwd=stale" in answer.headers["Cache-Status"]


def test_a_hit_does_not_reach_the_workers(cdn, new_id):
    stack, varnish = cdn
    path = make(stack, new_id())
    warm(varnish, path)
    settle(stack)
    first = warm(varnish, path)
    with stack.counted() as count:
        answers = [varnish.get(path) for _ in range(5)]
    assert not any("todo_requests_total" in name and 'route="todo"' in name for name in count), count
    assert all(is_hit(answer) and answer.body == first.body for answer in answers)
    assert 0 < ttl(answers[-1]) <= 600
    assert int(answers[-1].headers["Age"]) >= 0


def test_writes_through_varnish_purge_too(cdn, new_id):
    stack, varnish = cdn
    todo = new_id()
    path = make(stack, todo)
    warm(varnish, path)
    answer = patch(varnish, todo, done=True)
    assert "fwd=method" in answer.headers["Cache-Status"]
    assert varnish.get(path).json["done"] is True
    assert varnish.request("DELETE", path).headers["Purge-Status"] == "done"
    varnish.get(path).problem(404)


def test_a_post_drops_a_cached_404(cdn, new_id):
    stack, varnish = cdn
    todo = new_id()
    varnish.get(f"/todos/{todo}").problem(404)
    assert is_hit(varnish.get(f"/todos/{todo}")), "the absence is cached"
    assert stack.post({"id": todo, "name": "born"}).headers["Purge-Status"] == "done"
    answer = varnish.get(f"/todos/{todo}")
    assert (answer.status, answer.json["name"]) == (200, "born")


def test_a_page_shows_a_write_at_once(cdn, new_id):
    stack, varnish = cdn
    for _ in range(5):
        warm(varnish, "/todos?limit=3")
        todo = new_id()
        make(stack, todo)
        assert varnish.get("/todos?limit=3").json["todos"][0]["id"] == todo


def test_other_todos_stay(cdn, new_id):
    stack, varnish = cdn
    kept, changed = new_id(), new_id()
    paths = make(stack, kept), make(stack, changed)
    settle(stack)
    for path in paths:
        warm(varnish, path)
    patch(stack, changed, name="other")
    assert is_hit(varnish.get(paths[0]))
    assert not is_hit(varnish.get(paths[1]))


def test_a_purge_is_sent_again_for_reads_that_were_under_way(cdn, new_id):
    stack, varnish = cdn
    todo = new_id()
    path = make(stack, todo)
    settle(stack)
    with stack.counted() as count:
        # As if a read from before the write had come in: whatever Varnish holds then is asked for once more. On a busy machine
        # Varnish may hold nothing before the second purge is over, and the write is repeated.
        for rounds in range(1, 11):
            patch(stack, todo, name=f"name {rounds}")
            warm(varnish, path)
            settle(stack)
            if not is_hit(varnish.get(path)):
                break
    assert rounds < 10 and count[ACKNOWLEDGED] == count[SENT] == 2 * rounds


def test_a_refused_write_purges_nothing(cdn, new_id):
    stack, varnish = cdn
    todo = new_id()
    path = make(stack, todo)
    settle(stack)
    warm(varnish, path)
    answer = stack.post({"id": todo, "name": "second"})
    assert answer.status == 409 and answer.headers["Purge-Status"] is None
    assert is_hit(varnish.get(path))


# --- what is the client's alone ---


def test_authorization_and_todo_version_pass(cdn, new_id):
    stack, varnish = cdn
    path = make(stack, new_id())
    warm(varnish, path)
    for headers in ({"Authorization": "Bearer x"}, {"Todo_Version": path.rpartition("/")[2] + ".1"}):
        answer = varnish.get(path, **headers)
        assert answer.status == 200 and "fwd=request" in answer.headers["Cache-Status"]
    assert varnish.get(path, Authorization="Bearer x").headers["Cache-Control"] == "private, no-store"
    assert is_hit(varnish.get(path)), "and nothing of it was kept"


def test_what_is_for_varnish_alone_does_not_leave_it(cdn, new_id):
    stack, varnish = cdn
    path = make(stack, new_id())
    for answer in (varnish.get(path), warm(varnish, path)):
        for name in ("Surrogate-Key", "Cache-Tag", "CDN-Cache-Control", "xkey", "X-Todo-Error", "X-Todo-Revalidate"):
            assert answer.headers[name] is None, name
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["ETag"]


def test_a_conditional_get_is_answered_by_varnish(cdn, new_id):
    stack, varnish = cdn
    path = make(stack, new_id())
    etag = warm(varnish, path).headers["ETag"]
    assert varnish.get(path, If_None_Match=etag).status == 304


def test_only_this_machine_may_purge_and_must_say_what(cdn, new_id):
    stack, varnish = cdn
    path = make(stack, new_id())
    settle(stack)
    warm(varnish, path)
    forwarded = {"X-Forwarded-For": "192.0.2.1", "xkey-softpurge": "todos all"}
    assert varnish.request("PURGE", "/", headers=forwarded).status == 405
    assert varnish.request("PURGE", path).status == 400
    assert is_hit(varnish.get(path))
    answer = varnish.request("PURGE", "/", headers={"xkey-softpurge": "all"})
    assert answer.status == 200 and answer.json["purged"] >= 1
    assert not is_hit(varnish.get(path))


# --- stale answers ---


def test_stale_while_revalidate_serves_the_old_one_once_and_fetches_behind_it(cdn, new_id):
    stack, varnish = cdn
    make(stack, new_id())
    settle(stack)
    warm(varnish, "/todos?limit=2")
    with backend_stopped(stack):  # so that whoever waited for it would get no answer
        wait_until(lambda: ttl(varnish.get("/todos?limit=2")) < 0, 10, "the end of max-age")
    wait_until(lambda: is_hit(a := varnish.get("/todos?limit=2")) and ttl(a) >= 0, 5, "the fetch in the background")


def test_a_write_ends_what_is_stale_while_revalidate_as_well(cdn, new_id):
    stack, varnish = cdn
    warm(varnish, "/todos?limit=2")
    time.sleep(1.3)  # past max-age, which nobody may find out by asking
    todo = new_id()
    make(stack, todo)
    assert varnish.get("/todos?limit=2").json["todos"][0]["id"] == todo


@contextlib.contextmanager
def backend_stopped(stack):
    """nginx and its workers hang: connections are taken, and nothing comes."""
    master = stack.pid("nginx")
    with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as children:
        pids = [master, *map(int, children.read().split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_stale_if_error_serves_what_was_purged_when_the_backend_is_gone(new_cdn, new_id):
    stack, varnish = new_cdn()
    todo = new_id()
    path = make(stack, todo)
    warm(varnish, path)
    warm(varnish, "/todos?limit=2")
    patch(stack, todo, name="second")
    stack.stop("nginx")
    for _ in range(3):  # at first Varnish finds it out by itself, then by its probe
        answer = varnish.get(path)
        assert (answer.status, answer.json["name"]) == (200, "first")
        assert ttl(answer) < 0
        time.sleep(2.5)
    varnish.get(f"/todos/{new_id()}").problem(503)
    stack.start("nginx")
    wait_until(lambda: varnish.get(path).json["name"] == "second", 15, "the new one")


def test_stale_if_error_serves_when_the_workers_answer_errors(new_cdn, new_id):
    stack, varnish = new_cdn()
    todo = new_id()
    path = make(stack, todo)
    warm(varnish, path)
    patch(stack, todo, name="second")
    stack.stop("workers")  # nginx answers 502 or 503
    answer = varnish.get(path)
    assert answer.status == 200, answer
    assert answer.json["name"] == "first" and ttl(answer) < 0


# --- nothing is lost ---


def test_varnish_away_during_a_write_is_purged_when_it_is_back(cdn, new_id):
    """Frozen, it keeps what it has; the call that it doesn't answer is made again."""
    stack, varnish = cdn
    todo = new_id()
    path = make(stack, todo)
    warm(varnish, path)

    def seconds_of_patch():
        begun = time.monotonic()
        assert patch(stack, todo, name="unseen").headers["Purge-Status"] == "pending"
        return time.monotonic() - begun

    with stack.counted() as count, varnish.frozen():
        assert seconds_of_patch() > 0.9, "purge_wait_ms"
        # When its call's time is over, a worker lets nobody wait any more; each finds that out by itself.
        wait_until(lambda: seconds_of_patch() < 0.9, 30, "a write that waits for nothing")
    wait_until(lambda: varnish.get(path).json["name"] == "unseen", 15, "the purge")
    assert count[PENDING] >= 2
    wait_until(lambda: patch(stack, todo, name="seen").headers["Purge-Status"] == "done", 15)


def test_a_stopped_varnish_delays_no_write(new_cdn, new_id):
    stack, varnish = new_cdn(settings={"purge_wait_ms": 5000})
    todo = new_id()
    make(stack, todo)
    varnish.stop()
    begun = time.monotonic()
    assert patch(stack, todo, name="second").headers["Purge-Status"] == "pending"
    assert time.monotonic() - begun < 4.9, "purge_wait_ms"
    varnish.start()
    wait_until(lambda: patch(stack, todo, name="third").headers["Purge-Status"] == "done", 15)


def test_a_purge_outlives_its_worker(new_cdn, new_id, store):
    """The worker is killed while Varnish doesn't answer; another sends the record when it is due."""
    stack, varnish = new_cdn(settings={"write_deadline_ms": 2000, "store_timeout_ms": 900, "purge_wait_ms": 50})
    todo = new_id()
    path = make(stack, todo)
    warm(varnish, path)
    with varnish.frozen():
        assert patch(stack, todo, name="unseen").headers["Purge-Status"] == "pending"
        if store == "sqlite":
            assert any(f"todo-{todo}" in keys for keys in records(stack))
        for pid in stack.worker_pids():
            os.kill(pid, signal.SIGKILL)
        stack.wait_answer()
        # The frozen Varnish still has the dead ones' call in its socket; the counter tells another one's from it.
        assert stack.counters()[DRAINED] == 0
    wait_until(lambda: stack.counters()[DRAINED] > 0, 20, "another worker's purge")
    assert varnish.get(path).json["name"] == "unseen"
    if store == "sqlite":
        wait_until(lambda: not records(stack), 15, "the records' end")


def test_records_go_once_they_are_acknowledged(new_cdn, new_id, store):
    stack, varnish = new_cdn()
    todo = new_id()
    make(stack, todo)
    for i in range(5):
        assert patch(stack, todo, name=f"n{i}").headers["Purge-Status"] == "done"
    if store == "sqlite":
        assert len(records(stack)) == 6
        wait_until(lambda: not records(stack), 15, "the records' end")
    assert stack.counters()[DRAINED] == 0


def test_the_loader_purges_what_it_writes_over(new_cdn, tmp_path):
    stack, varnish = new_cdn(settings={"purge_again_ms": 0})
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"id": f"load-{i}", "name": "first"}) + "\n" for i in range(300)))
    assert stack.load("import", str(rows)).returncode == 0
    for i in (0, 150, 299):
        warm(varnish, f"/todos/load-{i}")
    page = warm(varnish, "/todos?limit=3")
    rows.write_text(rows.read_text().replace("first", "second"))
    result = stack.load("import", str(rows), "--upsert")
    assert result.returncode == 0, result.stderr
    for i in (0, 150, 299):
        assert varnish.get(f"/todos/load-{i}").json["name"] == "second"
    assert varnish.get("/todos?limit=3").body != page.body


def test_a_load_without_redis_purges_all(new_cdn, tmp_path):
    stack, varnish = new_cdn(settings={"store_timeout_ms": 300, "write_deadline_ms": 2000, "purge_again_ms": 0})
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps({"id": f"load-{i}", "name": "first"}) + "\n" for i in range(20)))
    assert stack.load("import", str(rows)).returncode == 0
    warm(varnish, "/todos/load-7")
    rows.write_text(rows.read_text().replace("first", "second"))
    result = stack.load("import", str(rows), "--upsert", "-o", "redis=unix:nowhere.sock")
    assert result.returncode == 0, result.stderr
    wait_until(lambda: varnish.get("/todos/load-7").json["name"] == "second", 15, "the purge of all")


def test_todoctl_purges_what_is_in_front_too(new_cdn, new_id):
    stack, varnish = new_cdn(settings={"store_timeout_ms": 300, "purge_again_ms": 0})
    todo, other = new_id(), new_id()
    paths = make(stack, todo), make(stack, other)
    for path in paths:
        warm(varnish, path)
    result = stack.ctl("purge", todo)
    assert result.returncode == 0, result.stderr
    assert not is_hit(varnish.get(paths[0])) and is_hit(varnish.get(paths[1]))
    assert stack.ctl("purge", "--all").returncode == 0
    wait_until(lambda: not is_hit(varnish.get(paths[1])), 15, "the purge of all")


# --- other caches ---


@pytest.fixture
def purged():
    server = Purged()
    yield server
    server.close()


def test_a_generic_cache_gets_a_call_per_key_or_a_post(new_stack, new_id, purged, tmp_path):
    secret = tmp_path / "headers"
    secret.write_text("# ours\nFastly-Key: s3cret\nFastly-Soft-Purge: 1\n")
    base = f"http://127.0.0.1:{purged.port}"
    settings = settings_of(f"{base}/k/{{key}} {base}/purge", purge_header_file=secret, purge_again_ms=0)
    stack = new_stack(settings=settings)
    todo = new_id()
    assert stack.post({"id": todo, "name": "x"}).headers["Purge-Status"] == "done"
    calls = sorted((method, path) for method, path, _, _ in purged.calls)
    assert calls == [("POST", "/purge"), ("PURGE", f"/k/todo-{todo}"), ("PURGE", "/k/todos")]
    for method, _, headers, body in purged.calls:
        assert headers["Fastly-Key"] == "s3cret" and headers["Fastly-Soft-Purge"] == "1"
        if method == "POST":
            assert headers["Surrogate-Key"] == f"todos todo-{todo}"
            assert json.loads(body) == {"surrogate_keys": ["todos", f"todo-{todo}"]}


def test_a_refusal_is_no_acknowledgement(new_stack, new_id, purged):
    purged.status = 403
    stack = new_stack(settings=settings_of(f"http://127.0.0.1:{purged.port}/purge", purge_again_ms=0))
    with stack.counted() as count:
        assert stack.post({"id": new_id(), "name": "x"}).headers["Purge-Status"] == "pending"
    assert count[FAILED] >= 1 and ACKNOWLEDGED not in count
    purged.status = 202
    wait_until(lambda: stack.counters()[ACKNOWLEDGED] > 0, 10, "another attempt")


def test_without_purge_url_nothing_is_said(new_stack, new_id):
    stack = new_stack(settings={"surrogate_keys": "on"})
    assert stack.post({"id": new_id(), "name": "x"}).headers["Purge-Status"] is None
