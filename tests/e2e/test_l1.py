# SPDX-License-Identifier: MIT
"""The L1 that the processes of a machine share beside an SQLite file: Redis is not asked, and nothing is old."""

import os
import subprocess
import threading
import time

import pytest
from conftest import finish
from load import load
from stack import WORKER_BUILD, wait_until
from verbs import made, patch

pytestmark = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)


WITH_L1 = {"l1_mbytes": 4}


@pytest.fixture(scope="module")
def stack(store, make_stack):
    stack = make_stack(store, settings=WITH_L1)
    try:
        yield stack.up()
    finally:
        finish(stack, failed=False)


def is_l1_hit(answer):
    return answer.cache.get("hit") and answer.cache.get("detail") == "l1"


def calls(stack, command="hgetall"):
    for line in stack.redis("info", "commandstats").splitlines():
        if line.startswith(f"cmdstat_{command}:"):
            return int(line.split("calls=")[1].split(",")[0])
    return 0


def warmed(stack, path):
    wait_until(lambda: is_l1_hit(stack.get(path)), 10, "a hit in the L1")


def test_hits_of_the_l1_ask_redis_nothing(stack, new_id):
    path = f"/todos/{new_id()}"
    made(stack, path.rpartition("/")[2])
    warmed(stack, path)
    before = calls(stack)
    with stack.counted() as count:
        answers = [stack.get(path) for _ in range(100)]
    assert all(is_l1_hit(answer) and answer.status == 200 and int(answer.headers["Age"]) >= 0 for answer in answers)
    assert calls(stack) == before
    assert count['todo_l1_reads_total{result="hit"}'] == count['todo_cache_reads_total{result="hit"}'] == 100


def test_absent_todos_and_conditions_are_answered_from_the_l1(stack, new_id):
    path = f"/todos/{new_id()}"
    assert stack.get(path).status == 404
    wait_until(lambda: stack.get(path).cache.get("detail") == "l1", 10, "a hit in the L1")
    etag = made(stack, path.rpartition("/")[2]).headers["ETag"]
    warmed(stack, path)
    unchanged = stack.get(path, If_None_Match=etag)
    assert unchanged.status == 304 and is_l1_hit(unchanged)


def test_every_worker_sees_each_write_at_once(stack, new_id):
    path = f"/todos/{new_id()}"
    made(stack, path.rpartition("/")[2])
    for turn in range(50):
        warmed(stack, path)
        patch(stack, path, {"name": f"turn {turn}"})
        assert {stack.get(path).json["name"] for _ in range(8)} == {f"turn {turn}"}


def test_what_the_loader_writes_is_seen_at_once(stack, new_id, tmp_path):
    path = f"/todos/{new_id()}"
    made(stack, path.rpartition("/")[2])
    for turn in range(5):
        warmed(stack, path)
        (tmp_path / "rows.jsonl").write_text(f'{{"id":"{path.rpartition("/")[2]}","name":"turn {turn}"}}')
        assert stack.load("import", "--upsert", str(tmp_path / "rows.jsonl")).returncode == 0
        assert stack.get(path).json["name"] == f"turn {turn}"


def test_a_purge_reaches_the_l1(stack, new_id):
    path = f"/todos/{new_id()}"
    made(stack, path.rpartition("/")[2])
    warmed(stack, path)
    assert stack.ctl("purge", path.rpartition("/")[2]).returncode == 0
    assert stack.get(path).cache.get("fwd") == "miss"


def test_a_worker_killed_anywhere_leaves_nothing_old(new_stack):
    """Each write's answer is followed by a read; workers die by kill -9 all the time."""
    stack = new_stack(settings=WITH_L1 | {"write_deadline_ms": 3000, "store_timeout_ms": 1000})
    made(stack, "a")
    stale, is_over = [], threading.Event()

    def ask(client, number, turn):
        name = f"{number}-{turn}"
        body = {"Content-Type": "application/merge-patch+json"}
        if number == 0:
            if client.request("PATCH", "/todos/a", f'{{"name":"{name}"}}', body).status != 200:
                return
            answer = client.get("/todos/a")
            if answer.status == 200 and answer.json["name"] != name:
                stale.append((name, answer))
        else:
            client.get("/todos/a")

    def kill():
        while not is_over.wait(0.3):
            os.kill(stack.worker_pids()[0], 9)

    killer = threading.Thread(target=kill)
    with load(stack, ask, threads=4):
        killer.start()
        time.sleep(6)
        is_over.set()
        killer.join()
    assert not stale, stale[:3]
    warmed(stack, "/todos/a")


def test_without_its_file_a_tool_writes_nothing(new_stack, tmp_path):
    stack = new_stack(settings=WITH_L1)
    made(stack, "a")
    (tmp_path / "rows.jsonl").write_text('{"id":"b","name":"n"}')
    (stack.folder / "other.db-l1").mkdir()
    result = stack.load("-o", f"store=sqlite:{stack.folder}/other.db", "import", str(tmp_path / "rows.jsonl"))
    assert result.returncode == 2 and "other.db-l1: can't open it" in result.stderr, result
    assert not (stack.folder / "other.db").exists()


def test_the_check_names_a_file_that_is_not_ours(new_stack):
    stack = new_stack(prepared_only=True)
    (stack.folder / "other.db-l1").write_text("somebody's own")
    command = [WORKER_BUILD / "todo-fcgi", "-c", "todo.conf", "-o", "store=sqlite:other.db", "--check"]
    told = subprocess.run(command, cwd=stack.folder, env=stack.environment, capture_output=True, text=True, timeout=30)
    assert told.returncode == 1 and "other.db-l1: it was not made by todo-fcgi" in told.stderr, told
    assert (stack.folder / "other.db-l1").read_text() == "somebody's own"


def test_of_no_megabytes_it_keeps_nothing_and_is_told_all_the_same(new_stack):
    stack = new_stack()
    made(stack, "a")
    with stack.counted() as count:
        for _ in range(10):
            assert "detail" not in stack.get("/todos/a").cache
    assert not [name for name in count if name.startswith("todo_l1")], count
    assert (stack.folder / "todos.db-l1").stat().st_size == 4096 + (1 << 20)
