# SPDX-License-Identifier: MIT
"""Pages of many large todos, and pages without end: they must not cost the service its Redis, nor Redis the todos."""

import json
import re
import threading

import pytest
from stack import Client
from verbs import made, put

STORED, TOO_LARGE, LOST = 'todo_fills_total{result="stored"}', 'todo_fills_total{result="too_large"}', "event=redis_lost"
PAGES_MAX = 128


@pytest.fixture
def large(new_stack, tmp_path):
    """200 todos of 16 kB: a page of all has 3.2 MB."""

    def new(**settings):
        stack = new_stack(settings=settings)
        row = {"name": "n", "description": "\N{GRINNING FACE}" * 4000}
        lines = [json.dumps({"id": f"row-{number:03}", **row}, ensure_ascii=False) for number in range(200)]
        (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
        result = stack.load("import", str(tmp_path / "rows.jsonl"))
        assert result.returncode == 0, result.stderr
        return stack

    return new


def page_keys(stack):
    return [key for key in stack.redis("KEYS", "todos:*").split() if re.search(r":\{list\}:[0-9a-f]{16}$", key)]


def test_page_that_is_too_large_is_answered_and_not_kept(large):
    stack = large()
    before = page_keys(stack)  # of the question whether it answers
    with stack.counted() as count:
        answers = [stack.get("/todos?limit=200") for _ in range(3)]
        kept = [stack.get("/todos?limit=30") for _ in range(3)]
    assert {len(answer.body) for answer in answers} == {len(answers[0].body)} and len(answers[0].body) > 3_200_000
    assert [("hit" in answer.cache, "stored" in answer.cache) for answer in answers] == [(False, False)] * 3
    assert kept[-1].cache["hit"] is True
    assert (count[TOO_LARGE], count[STORED]) == (3, 1)
    assert len(page_keys(stack)) == len(before) + 1


def test_number_of_pages_in_redis_is_bounded(new_stack):
    """A todo that is read at times stays, whatever lists are asked for."""
    stack = new_stack()
    made(stack, "hot")
    for limit in range(1, 201):
        for order in ("asc", "desc"):
            assert stack.get(f"/todos?limit={limit}&order={order}").status == 200
    assert len(page_keys(stack)) == PAGES_MAX
    assert stack.get("/todos?limit=200&order=desc").cache["hit"] is True, "the last ones are there"


def test_crowd_of_readers_of_large_pages_loses_no_redis(large):
    """Others' writes go on meanwhile, though they need Redis."""
    # A crowd that reads 200 rows of 16 kB each may wait for the store for long, on a busy machine; that is no matter here.
    stack = large(redis_timeout_ms=100, on_cache_down="refuse", store_timeout_ms=10000, write_deadline_ms=30000)
    made(stack, "other")
    paths = [f"/todos?limit={limit}" for limit in (200, 199, 31, 30)]
    statuses = []

    def read(number):
        client = Client(stack.port)
        statuses.extend(client.request("GET", paths[(number + turn) % len(paths)]).status for turn in range(6))
        client.close()

    readers = [threading.Thread(target=read, args=(number,)) for number in range(24)]
    for reader in readers:
        reader.start()
    writes = []
    while any(reader.is_alive() for reader in readers):
        writes.append(put(stack, "/todos/other", {"name": "n"}).status)
    for reader in readers:
        reader.join()
    assert statuses == [200] * 24 * 6
    assert set(writes) == {200}
    assert LOST not in stack.log("workers")
