# SPDX-License-Identifier: MIT
"""Documents that other programs wrote into the collection, and a store that is not the one that was meant."""

import signal
import subprocess

import pytest
from stack import WORKER_BUILD, wait_until
from tiny_bson import Mongo

PIECE = 500


@pytest.fixture(scope="session")
def store():
    """Of new_stack: not one of the session's stores."""
    return None


class Dump:
    """A database into which a person has restored {_id: ObjectId, id: "1", name, description}, as mongorestore does."""

    def __init__(self, uri, count):
        self.uri, self.mongo = uri, Mongo(uri)
        self.rows = [{"_id": i.to_bytes(12, "big"), "id": str(i), "name": f"row {i}", "description": "d"} for i in range(1, count + 1)]
        for at in range(0, count, PIECE):
            self.insert(*self.rows[at : at + PIECE])

    def insert(self, *documents):
        self.mongo.run({"insert": "todos", "documents": list(documents)})

    def count(self, query):
        return self.mongo.run({"count": "todos", "query": query})["n"]

    def todos(self):
        return {row["_id"]: row for row in self.mongo.find_all("todos") if not isinstance(row["_id"], type(self.rows[0]["_id"]))}


@pytest.fixture
def dump(mongodb):
    dumps = []

    def new(count):
        dumps.append(Dump(mongodb(), count))
        return dumps[-1]

    yield new
    for one in dumps:
        one.mongo.close()


def notice(stack):
    ready = stack.internal.get("/readyz")
    assert ready.status == 200, ready
    return ready.json["store"].get("notice", "")


def test_documents_of_others_are_told_of_and_adopted(dump, new_stack):
    database = dump(1200)
    database.insert({"_id": b"no name here", "id": "nameless"}, {"_id": "word", "title": "no time", "tags": ["a"]})
    stack = new_stack(store_uri=database.uri)
    wait_until(lambda: stack.log("workers").count("event=store_foreign") == 2, 30, "both workers' words")
    assert "1000 documents or more" in stack.log("workers") and "todo-load adopt" in stack.log("workers")
    assert "1000 documents or more" in notice(stack)
    assert [stack.get("/todos/7").status for _ in range(2)] == [404, 404]
    assert "hit" in stack.get("/todos/7").cache
    assert stack.get("/todos").json["todos"] == []
    assert stack.post({"id": "9", "name": "posted"}).status == 201

    result = stack.load("adopt", "--dry-run")
    assert result.returncode == 1 and result.stdout.startswith("1,201 rows are good (nothing was written), 1 rejected"), result
    assert database.count({}) == 1203
    result = stack.load("adopt", "--reject", "rejected.bson")
    assert result.returncode == 1 and result.stdout.startswith("1,200 rows are adopted, 2 rejected"), result
    assert 'id "9" is taken' in result.stderr and b"no name here".hex() in result.stderr, result
    assert 'member "tags" is no field of a todo: it is kept' in result.stderr
    assert stack.get("/todos/7").json["name"] == "row 7"
    assert stack.get("/todos/9").json["name"] == "posted"
    assert stack.get("/todos/word").json["name"] == "no time"
    assert len(stack.get("/todos?limit=200").json["todos"]) == 200
    assert stack.post({"id": "7", "name": "second"}).status == 409
    database.mongo.run({"profile": 2})
    assert "2 documents in" in notice(stack)
    database.mongo.run({"profile": 0})
    profile = {"find": "system.profile", "filter": {"command.count": "todos"}, "projection": {"_id": 0, "docsExamined": 1, "keysExamined": 1}}
    [counted] = database.mongo.run(profile)["cursor"]["firstBatch"]
    assert counted["docsExamined"] == 0 and counted["keysExamined"] < 30, "it reads the indexes' ends, and no todo"
    result = stack.load("adopt")
    assert result.returncode == 2 and result.stdout.startswith("0 rows are adopted, 2 rejected"), result
    database.mongo.run({"delete": "todos", "deletes": [{"q": {"id": "9"}, "limit": 1}, {"q": {"id": "nameless"}, "limit": 1}]})
    assert notice(stack) == ""
    result = stack.load("adopt")
    assert result.returncode == 0 and "there is nothing to adopt" in result.stderr, result


def test_an_adoption_that_is_killed_is_completed_by_another(dump, new_stack):
    database = dump(1500)
    stack = new_stack(store_uri=database.uri)
    adopted = {"_id": {"$gte": ""}}
    command = [WORKER_BUILD / "todo-load", "-c", "todo.conf", "adopt"]
    for least in (1, 400, 800, 1200):
        load = subprocess.Popen(command, cwd=stack.folder, env=stack.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: load.poll() is not None or database.count(adopted) >= least, 60, "some todos")
        load.send_signal(signal.SIGKILL)
        load.wait(10)
    assert stack.load("adopt").returncode == 0
    assert database.count({}) == 1500
    assert {key: row["name"] for key, row in database.todos().items()} == {row["id"]: row["name"] for row in database.rows}
    assert database.count({"adopting": {"$exists": True}}) == 0
    wait_until(lambda: "fwd=bypass" not in stack.get("/todos/1500").cache, 30, "the end of a killed loader's fences")
    assert stack.get("/todos/1500").json["name"] == "row 1500"


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_an_empty_store_is_named(kind, new_stack, mongodb):
    uri = mongodb() if kind == "mongodb" else "sqlite"
    name = uri.rpartition("/")[2].partition("?")[0] if kind == "mongodb" else "todos.db"
    stack = new_stack(store_uri=uri)
    wait_until(lambda: stack.log("workers").count("event=store_empty") == 2, 30, "both workers' words")
    assert name in notice(stack) and "has no todos" in notice(stack)
    result = stack.load("export", "-")
    assert result.returncode == 2 and name in result.stderr, result
    assert stack.post({"name": "one"}).status == 201
    assert notice(stack) == ""
    if kind == "sqlite":
        result = stack.load("adopt")
        assert result.returncode == 2 and "there is nothing to adopt" in result.stderr, result
