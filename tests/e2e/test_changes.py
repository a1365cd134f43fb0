# SPDX-License-Identifier: MIT
"""GET /changes: every change once, in order, for clients that are cut off at any moment, while workers are killed."""

import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time

import pytest
from stack import Client, running, wait_until

IDS = [f"todo-{i}" for i in range(5)]
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def fed(new_stack, store):
    """A stack that has a feed."""
    settings = {"follow": "on"} if store == "mongodb" else {}
    stack = new_stack(settings=settings)
    wait_until(lambda: stack.get("/changes").status == 200, 30, "the feed's beginning")
    return stack


def place_of(stack):
    return stack.get("/changes").json["next"]


def patch(client, todo_id, name):
    body = json.dumps({"name": name})
    return client.request("PATCH", f"/todos/{todo_id}", body, {"Content-Type": "application/merge-patch+json"})


def version_of(todo_version):
    return int(todo_version.rsplit(".", 2)[1])


class Consumer(threading.Thread):
    """Follows from a place until it has been told of everything, and is cut off again and again."""

    def __init__(self, port, place):
        super().__init__(daemon=True)
        self.port, self.place = port, place
        self.told, self.refused, self.is_over, self.cuts = [], None, False, 0
        self.start()

    def run(self):
        while not self.is_over and not self.refused:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=random.uniform(0.02, 1.2))
            try:
                self.once(connection)
            except (OSError, http.client.HTTPException):
                self.cuts += 1
            finally:
                connection.close()

    def take(self, change):
        self.told.append(change)
        self.place = change["seq"]


class Poller(Consumer):
    def once(self, connection):
        connection.request("GET", f"/changes?after={self.place}", headers={"Prefer": "wait=25"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 200:
            for change in json.loads(body)["changes"]:
                self.take(change)
        elif answer.status == 410:
            self.refused = body


class Listener(Consumer):
    def once(self, connection):
        connection.request("GET", "/changes", headers={**STREAM, "Last-Event-ID": self.place})
        answer = connection.getresponse()
        if answer.status != 200:
            return
        event, cut_at = {}, time.monotonic() + random.uniform(0.1, 1)
        for line in answer:
            if time.monotonic() > cut_at:
                raise TimeoutError
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                event[name] = value
            elif event.get("event") == "change":
                self.take(json.loads(event["data"]))
                event = {}
            elif event.get("event") == "reset":
                self.refused = event
                return


def written_under_kills(stack, seconds):
    """Writes and kills workers; {id: versions that were acknowledged}."""
    acknowledged = {todo_id: set() for todo_id in IDS}
    end = time.monotonic() + seconds

    def write(number):
        client = Client(stack.port)
        while time.monotonic() < end:
            todo_id = random.choice(IDS)
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = patch(client, todo_id, f"{number} {random.random()}")
                if answer.status == 200:
                    acknowledged[todo_id].add(version_of(answer.headers["Todo-Version"]))
            time.sleep(0.01)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    while time.monotonic() < end:
        time.sleep(0.4)
        for pid in stack.worker_pids()[:1]:
            os.kill(pid, signal.SIGKILL)
    for writer in writers:
        writer.join()
    return acknowledged


def versions_told(told, todo_id):
    """Of a todo that was at version 1: each change makes the next one. MongoDB doesn't tell all, but what it tells must fit."""
    changes = [change for change in told if change["id"] == todo_id and change["change"] != "created"]
    versions = list(range(2, 2 + len(changes)))
    for change, version in zip(changes, versions):
        assert version_of(change.get("version", f".{version}.")) == version, changes
    return versions


def assert_each_once(told, acknowledged):
    numbers = [int(change["seq"].split("-")[0]) for change in told]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for todo_id in IDS:
        assert acknowledged[todo_id] <= set(versions_told(told, todo_id)), todo_id


def test_a_consumer_that_is_cut_at_random_sees_every_change_once_while_workers_are_killed(fed):
    for todo_id in IDS:
        assert fed.post({"id": todo_id, "name": "new"}).status == 201
    place = caught_up(fed)
    consumers = [kind(fed.port, place) for kind in (Poller, Poller, Listener, Listener)]
    acknowledged = written_under_kills(fed, 5)
    fed.wait_answer()
    last = version_of(settled(lambda: patch(fed.client, IDS[0], "the last one")).headers["Todo-Version"])
    acknowledged[IDS[0]].add(last)

    def is_told(consumer):
        """And was cut at least once: after the last change there is nothing to tell, so each wait ends so."""
        return consumer.refused or (consumer.cuts and last in versions_told(list(consumer.told), IDS[0]))

    for consumer in consumers:
        wait_until(lambda consumer=consumer: is_told(consumer), 30, "a cut, and the last change")
        consumer.is_over = True
    for consumer in consumers:
        assert consumer.refused is None
        assert_each_once(consumer.told, acknowledged)


def settled(write):
    """The answer of a write that workers may still be too young for."""
    return wait_until(lambda: (answer := write()).status == 200 and answer, 20, "an acknowledged write")


def caught_up(stack):
    """The feed's place behind all writes so far: MongoDB's follower is some moments behind, so another todo shows where it is."""
    place, marker = place_of(stack), f"marker-{random.getrandbits(40)}"
    assert stack.post({"id": marker, "name": "marker"}).status == 201
    end = time.monotonic() + 20
    while time.monotonic() < end:
        answer = stack.get(f"/changes?after={place}", Prefer="wait=5").json
        place = answer["next"]
        for change in answer["changes"]:
            if change["id"] == marker:
                return change["seq"]
    raise AssertionError("the feed does not come to what was written")


def test_a_client_that_waits_is_told_within_a_second_by_any_worker(fed):
    fed.post({"id": "told", "name": "new"})
    place = caught_up(fed)
    client = Client(fed.port)
    took = {}

    def wait():
        took["answer"] = client.get(f"/changes?after={place}", Prefer="wait=25")
        took["at"] = time.monotonic()

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.5)
    settled(lambda: patch(fed.client, "told", "other"))
    begun = time.monotonic()
    waiting.join(25)
    assert [change["id"] for change in took["answer"].json["changes"]] == ["told"]
    assert took["at"] - begun < 10  # of 25; a second on a machine that is not busy: tests/bench


def test_a_worker_that_stops_loses_nobody_who_waits(fed):
    place = caught_up(fed)
    clients = [Client(fed.port) for _ in range(6)]
    answers = []
    threads = [
        threading.Thread(target=lambda client=client: answers.append(client.get(f"/changes?after={place}", Prefer="wait=25")))
        for client in clients
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: fed.counters()["todo_clients_waiting"] == 6, 20, "clients who wait")
    pids = fed.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGTERM)
    for thread in threads:
        thread.join(20)
    assert [answer.status for answer in answers] == [200] * 6
    assert {answer.json["next"] for answer in answers} == {place}
    wait_until(lambda: not any(running(pid) for pid in pids), what="end of the workers")
    fed.wait_answer()


@pytest.mark.parametrize("store", ["mongodb"], scope="session", indirect=True)
def test_a_store_that_nobody_follows_has_no_feed(new_stack, store):
    assert new_stack().get("/changes").problem(501)["type"] == "/problems/unsupported"


@pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
def test_a_restored_backup_tells_consumers_to_start_over(fed, store, tmp_path):
    fed.post({"id": "kept", "name": "1"})
    fed.stop("workers")
    for suffix in ("", "-wal"):
        file = fed.folder / f"todos.db{suffix}"
        if file.exists():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    fed.start("workers")
    fed.wait_answer()
    settled(lambda: patch(fed.client, "kept", "2"))
    place = place_of(fed)
    fed.stop("workers")
    for suffix in ("", "-wal", "-shm"):
        file, kept = fed.folder / f"todos.db{suffix}", tmp_path / f"todos.db{suffix}"
        file.unlink(missing_ok=True)
        if kept.exists():
            file.write_bytes(kept.read_bytes())
    fed.start("workers")
    fed.wait_answer()
    settled(lambda: patch(fed.client, "kept", "3"))
    assert place_of(fed).split("-")[0] == place.split("-")[0]
    fed.get(f"/changes?after={place}").problem(410)
