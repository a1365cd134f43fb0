# SPDX-License-Identifier: MIT
"""Ten thousand real rows, in many scripts, with quotes and newlines: in by either format, out through nginx unchanged."""

import gzip
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def rows():
    lines = gzip.decompress((DATA / "todos-10k.jsonl.gz").read_bytes()).decode().splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def imported(new_stack, tmp_path, name):
    file = tmp_path / name
    file.write_bytes(gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    # A busy machine may take longer than the default lifetime of an entry to read all rows, and longer than the default timeout
    # to write the first thousand; then their fences stay, and reads bypass the cache.
    stack = new_stack(settings={"todo_ttl_s": 3600, "store_timeout_ms": 10000, "write_deadline_ms": 60000})
    result = stack.load("import", str(file))
    assert result.returncode == 0, result.stderr
    return stack


def walk(stack):
    path = "/todos?limit=200"
    while path:
        page = stack.get(path).json
        yield from page["todos"]
        path = page["next"] and "/todos?" + urlencode({"limit": 200, "cursor": page["next"]})


def words(todo):
    return todo["name"].encode(), todo["description"].encode()


def test_every_row_of_the_json_lines_answers_unchanged(new_stack, tmp_path, rows):
    stack = imported(new_stack, tmp_path, "todos-10k.jsonl")
    for todo, row in rows.items():
        answer = stack.get(f"/todos/{todo}")
        assert answer.status == 200 and words(answer.json) == words(row), answer
    for todo in list(rows)[::100]:
        answer = stack.get(f"/todos/{todo}")
        assert answer.cache["hit"] is True and words(answer.json) == words(rows[todo]), answer


def test_bson_gives_the_same_rows(new_stack, tmp_path, rows):
    stack = imported(new_stack, tmp_path, "todos-10k.bson")
    found = {todo["id"]: words(todo) for todo in walk(stack)}
    assert found == {todo: words(row) for todo, row in rows.items()}


def test_second_import_is_refused_and_upsert_is_not(new_stack, tmp_path, rows):
    stack = imported(new_stack, tmp_path, "todos-10k.jsonl")
    before = stack.get("/todos/42")
    again = stack.load("import", str(tmp_path / "todos-10k.jsonl"))
    assert again.returncode == 2, again.stderr
    assert stack.get("/todos/42").body == before.body
    upsert = stack.load("import", "--upsert", str(tmp_path / "todos-10k.jsonl"))
    assert upsert.returncode == 0, upsert.stderr


def test_import_makes_cached_answers_untrue_and_takes_them_away(stack, tmp_path, new_id):
    todo, absent = new_id(), new_id()
    stack.post({"id": todo, "name": "before"})
    for path in (f"/todos/{todo}", f"/todos/{absent}", "/todos?limit=5"):
        stack.get(path)
        assert "hit" in stack.get(path).cache
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"id": one, "name": "after"}) + "\n" for one in (todo, absent)))
    assert stack.load("import", "--upsert", str(file)).returncode == 0
    assert stack.get(f"/todos/{todo}").json["name"] == "after"
    assert stack.get(f"/todos/{absent}").json["name"] == "after"
    assert absent in [row["id"] for row in stack.get("/todos?limit=5").json["todos"]]
