# SPDX-License-Identifier: MIT
"""todoctl queue: what waits and what is dead, while workers run and while nothing but the journal does."""

import json
import re
import subprocess

import pytest
from journal import FILE, REDIS, QueueRedis, figures, wait_until_drained
from stack import WORKER_BUILD, wait_until
from store_file import write_lock

pytestmark = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
TICKET = r"\d-\d{13}-\d+"


def ctl(stack, *words, status=0):
    result = stack.ctl("queue", *words)
    assert result.returncode == status, result.stdout + result.stderr
    return result.stdout


@pytest.fixture
def queue_stack(new_stack):
    """A stack with its journal in a Redis, as .journal."""
    stack = new_stack(settings={"write_queue": REDIS}, prepared_only=True)
    stack.journal = QueueRedis(stack.folder).start()
    stack.start()
    stack.wait_answer()
    yield stack
    stack.journal.stop()


def put(stack, id):
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    answer = wait_until(lambda: next((a for a in [stack.request("PUT", f"/todos/{id}", '{"name":"n"}', headers)] if a.status == 202), None))
    return answer.json["ticket"]


def dead_letter(stack, shard=3):
    """As a text of a later version is one to this version's workers."""
    before = figures(stack)["dead"]
    stack.journal.ask("xadd", f"todo-queue:{{{shard}}}", "*", "text", '{"kind":"rename"}', "id", "42")
    wait_until(lambda: figures(stack)["dead"] > before, 10, "a dead letter")


def test_a_dead_letter_is_shown_and_retried_and_dropped(queue_stack):
    assert ctl(queue_stack).splitlines()[-1].split() == ["all", "0", "-", "0"]
    dead_letter(queue_stack)
    assert re.search(r"^3 +0 +- +1   [0-9a-f]{32}$", ctl(queue_stack, status=1), re.M), "a worker applies the shard"
    shown = json.loads(ctl(queue_stack, "dead", "--json"))
    assert re.fullmatch(TICKET, shown["ticket"]) and shown["write"] == '{"kind":"rename"}' and shown["reason"]
    assert shown["ticket"] in ctl(queue_stack, "dead") and "1 dead letters" in ctl(queue_stack, "dead")
    told = ctl(queue_stack, "retry", shown["ticket"])
    [new] = re.findall(rf"queued again as ({TICKET}): {shown['ticket']} ", told)
    wait_until(lambda: figures(queue_stack)["dead"] == 1, 10, "dead again")
    assert json.loads(ctl(queue_stack, "dead", "--json"))["ticket"] == new
    dead_letter(queue_stack, 5)
    told = ctl(queue_stack, "drop", "--all")
    assert told.count("dropped: ") == 2 and new in told and '{\\"kind\\":\\"rename\\"}' in told and "2 dead letters dropped" in told
    assert ctl(queue_stack, "dead") == "0 dead letters\n"
    assert "no dead letter" in queue_stack.ctl("queue", "drop", new).stderr


@pytest.mark.parametrize("journal", [FILE, REDIS])
def test_what_waits_is_shown_while_nothing_else_runs(new_stack, journal):
    stack = new_stack(settings={"write_queue": journal, "store_timeout_ms": 500}, prepared_only=True)
    redis = QueueRedis(stack.folder).start()
    stack.start()
    stack.wait_answer()
    put(stack, "a")
    wait_until_drained(stack)
    with write_lock(stack):
        tickets = {put(stack, "a"), put(stack, "b"), put(stack, "a")}
        assert figures(stack)["depth"] == len(tickets) == 3
        stack.supervisor.stop("workers")  # they may have to be killed: the store doesn't let them end
    stack.stop("redis")
    lines = ctl(stack).splitlines()
    assert re.fullmatch(r"all +3 +\d+\.\d s +0", lines[-1]), lines
    assert sum(int(line.split()[1]) for line in lines[1:-1]) == 3
    stack.start("redis", "workers")
    wait_until_drained(stack)
    assert all(stack.get(f"/queue/{ticket}").json["state"] == "applied" for ticket in tickets)
    redis.stop()


def test_it_is_shown_again_every_two_seconds(queue_stack):
    command = [WORKER_BUILD / "todoctl", "-c", "todo.conf", "queue", "--watch"]
    process = subprocess.Popen(command, cwd=queue_stack.folder, env=queue_stack.environment, stdout=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline() for _ in range(20)]
    finally:
        process.terminate()
        process.communicate()
    assert lines[0] == lines[10] and lines[0].startswith("shard ")


def test_a_journal_that_is_away_or_not_durable_is_told(queue_stack):
    queue_stack.stop("workers")
    queue_stack.journal.ask("config", "set", "appendfsync", "everysec")
    assert "appendfsync always" in queue_stack.ctl("queue").stderr
    queue_stack.journal.stop()
    for words in ([], ["dead"], ["retry", "--all"]):
        result = queue_stack.ctl("queue", *words)
        assert result.returncode == 2 and result.stdout == "" and "queue" in result.stderr
    assert "write_queue" in queue_stack.ctl("-o", "write_queue=", "queue").stderr
