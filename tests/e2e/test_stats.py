# SPDX-License-Identifier: MIT
"""GET /stats: the numbers that everybody may see, and what they leave out."""


def test_the_numbers_are_sums_of_all_workers(stack, new_id):
    id = new_id()
    before = stack.get("/stats").json
    assert stack.post({"id": id, "name": "x"}).status == 201
    answers = [stack.get(f"/todos/{id}") for _ in range(20)]
    after = stack.get("/stats").json
    reads = {name: after["reads"][name] - before["reads"][name] for name in after["reads"]}
    assert sum(reads.values()) >= len(answers) and reads["database"] >= 1
    assert reads["l1"] + reads["redis"] >= sum("hit" in answer.cache for answer in answers)
    assert after["writes"] > before["writes"] and after["errors"] >= before["errors"]
    times = after["times"]
    assert len(times["up_to_ms"]) == len(times["count"]) and times["up_to_ms"][-1] is None
    assert sum(times["count"]) >= sum(before["times"]["count"]) + len(answers)


def test_any_cache_may_keep_them_for_a_second(stack):
    answer = stack.get("/stats")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "max-age=1"
    assert stack.request("HEAD", "/stats").headers["Content-Length"]
    stack.get("/stats?x=1").problem(400)
    stack.request("POST", "/stats", "{}").problem(405)


def test_a_setting_keeps_them_secret(new_stack):
    stack = new_stack(settings={"public_stats": "off"}, workers=1)
    assert stack.get("/stats").problem(404)["type"] == "/problems/not-found"
