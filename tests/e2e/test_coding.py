# SPDX-License-Identifier: MIT
"""Pages in gzip: the same bytes, a strong tag of their own, and conditions that know both forms; through nginx' cache as well."""

import gzip
import json

import pytest
from verbs import delete, made, patch, send


@pytest.fixture
def filled(new_stack):
    def new(**options):
        stack = new_stack(prepared_only=True, workers=2)
        stack.environment.update(options)
        stack.prepare().start()
        stack.wait_answer()
        for number in range(40):
            made(stack, f"t{number}", description="of many words " * 5)
        return stack

    return new


def test_page_comes_compressed_to_who_accepts_it(filled):
    stack = filled()
    for path in ("/todos", "/todos?limit=20&order=asc", "/todos?done=false"):
        for _ in ("a miss or a hit", "a hit", "another worker's"):
            plain, packed = stack.get(path), stack.get(path, Accept_Encoding="gzip, deflate, br")
            assert (plain.status, packed.status) == (200, 200)
            assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
            assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body) / 4
            assert packed.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'
            assert int(packed.headers["Content-Length"]) == len(packed.body)
            head = send(stack, "HEAD", path, Accept_Encoding="gzip")
            assert (head.headers["Content-Length"], head.body) == (packed.headers["Content-Length"], b"")
            stack.client.close()


def test_todo_and_short_page_and_long_page_are_not_compressed(filled):
    stack = filled()
    assert "Content-Encoding" not in stack.get("/todos/t1", Accept_Encoding="gzip").headers
    assert "Content-Encoding" not in stack.get("/todos?limit=1", Accept_Encoding="gzip").headers
    for number in range(40):
        assert patch(stack, f"/todos/t{number}", {"description": "\u00e4" * 4000}).status == 200
    answer = stack.get("/todos", Accept_Encoding="gzip")
    assert len(answer.body) > 128 * 1024 and "Content-Encoding" not in answer.headers
    assert len(json.loads(answer.body)["todos"]) == 40


def test_conditions_take_the_tags_of_both_forms(filled):
    stack = filled()
    plain, packed = (stack.get("/todos", Accept_Encoding=coding).headers["ETag"] for coding in ("identity", "gzip"))
    for coding, tag, status in (("gzip", packed, 304), ("gzip", plain, 304), ("identity", plain, 304), ("identity", packed, 200)):
        answer = stack.get("/todos", Accept_Encoding=coding, If_None_Match=tag)
        assert answer.status == status, (coding, tag)
        assert answer.headers["ETag"] == (tag if status == 304 else plain)
        assert stack.get("/todos", Accept_Encoding=coding, If_Match=tag).status == (200 if status == 304 else 412)
    assert delete(stack, "/todos/t1").status == 204
    for tag in (plain, packed):
        assert stack.get("/todos", Accept_Encoding="gzip", If_None_Match=tag).status == 200
