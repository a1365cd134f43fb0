# SPDX-License-Identifier: MIT
"""todoctl why: the story of a todo's entry is what was done to it, however many others are read and written meanwhile."""

import re

import pytest
from load import load
from verbs import delete, made, patch, put

# Columns: time, worker or tool with its pid, event, version, request; then what that means.
EVENT = re.compile(r"(.{26})  (?:worker|tool  ) (\d+) *  (.{15})  (?:v(\d+) *| {5})  (-|[0-9a-f]{32}) *  \S.*")
HITS = ("hit", "hit in L1")


def story(stack, todo):
    """[(event, version or None, request or None, pid)] without hits, in the order of time."""
    result = stack.ctl("why", todo)
    assert result.returncode == 0, result.stderr
    told = [EVENT.fullmatch(line) for line in result.stdout.splitlines()[1:]]
    assert None not in told, result.stdout
    times = [event[1] for event in told]
    assert times == sorted(times)
    events = [
        (event[3].strip(), event[4] and int(event[4]), None if event[5] == "-" else event[5], int(event[2])) for event in told
    ]
    return [event for event in events if event[0] != "trusted"]


def without_hits(events):
    return [event[:3] for event in events if event[0] not in HITS]


def request_id(answer):
    return answer.headers["Request-Id"]


def wrote(answer, v, at_end="unfenced"):
    return [("fenced", None, request_id(answer)), ("written", v, request_id(answer)), (at_end, v, request_id(answer))]


def filled(answer, v):
    return [("lease granted", None, request_id(answer)), ("filled", v, request_id(answer))]


@pytest.mark.parametrize("policy", ["invalidate", "publish"])
def test_why_tells_the_true_story_of_an_id_under_load(new_stack, policy):
    stack = new_stack(settings={"audit_rate": 0, "write_policy": policy})
    others = [made(stack, f"other-{number}").json["id"] for number in range(20)]

    def ask(client, thread, turn):
        path = f"/todos/{others[(thread + turn) % len(others)]}"
        merge = {"Content-Type": "application/merge-patch+json"}
        answer = client.request("PATCH", path, f'{{"name": "{turn}"}}', merge) if turn % 3 == 0 else client.get(path)
        return None if answer.status == 200 else repr(answer)

    end = {"invalidate": "unfenced", "publish": "published"}[policy]
    with load(stack, ask) as under_load:
        under_load.wait(20)
        absent = stack.get("/todos/subject")
        first = put(stack, "/todos/subject", {"name": "first"})
        done = filled(absent, None) + wrote(first, 1, end)
        for v in range(2, 6):
            if policy == "invalidate":
                done += filled(stack.get("/todos/subject"), v - 1)
            changed = patch(stack, "/todos/subject", {"name": f"v{v}"})
            assert changed.status == 200
            done += wrote(changed, v, end)
        hits = [stack.get("/todos/subject") for _ in range(300)]
        if policy == "invalidate":
            done += filled(hits[0], 5)
        assert stack.ctl("purge", "subject").returncode == 0
        done += [("fenced", None, None), ("purged", None, None), ("unfenced", None, None)]
        gone = delete(stack, "/todos/subject")
        done += wrote(gone, None)
        under_load.wait(20)
    assert under_load.failures == []
    told = story(stack, "subject")
    assert without_hits(told) == done
    [tool] = {event[3] for event in told if event[0] == "purged"}
    assert tool not in stack.worker_pids() and {event[3] for event in told} - {tool} <= set(stack.worker_pids())
    seen = [event for event in told if event[0] in HITS]
    assert seen and {event[1] for event in seen} == {5}, "a sample of 300 hits"
    assert {event[2] for event in seen} <= {request_id(hit) for hit in hits}


def test_the_internal_listener_tells_the_same(stack, new_id):
    todo = new_id()
    made(stack, todo)
    stack.get(f"/todos/{todo}")
    answer = stack.internal.get(f"/why/{todo}")
    assert answer.status == 200 and answer.headers["Cache-Control"] == "no-store"
    events = [(event["event"], event.get("v"), event.get("request"), event["pid"]) for event in answer.json["events"]]
    assert without_hits([event for event in events if event[0] != "trusted"]) == without_hits(story(stack, todo))
    assert stack.internal.get("/why/a/b").status == 404
