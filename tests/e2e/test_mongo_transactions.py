# SPDX-License-Identifier: MIT
"""The scripted replica set's transactions do what mongo_transactions.py says."""

import threading

import pytest
from mongo_server import MongoSet
from tiny_bson import Binary, Int32, ask


@pytest.fixture
def mongo():
    one = MongoSet().start()
    yield one
    one.stop()


def command(member, document, **more):
    return ask(("127.0.0.1", member.port), {**document, "$db": "db", **more})


class Session:
    """A client's session on one member, and its transactions."""

    def __init__(self, member, name=b"s"):
        self.member, self.lsid, self.number, self.begun = member, {"id": Binary(name * 16)}, 0, False

    def begin(self):
        self.number, self.begun = self.number + 1, True
        return self

    def run(self, document, **more):
        begin = {"startTransaction": True, "readConcern": {"level": "snapshot"}} if self.begun else {}
        self.begun = False
        return command(self.member, document, lsid=self.lsid, txnNumber=self.number, autocommit=False, **begin, **more)

    def insert(self, row_id):
        return self.run({"insert": "c", "documents": [{"_id": row_id, "n": Int32(0)}]})

    def count_up(self, row_id):
        return self.run(counted_up(row_id))

    def ids(self):
        return [row["_id"] for row in self.run({"find": "c"})["cursor"]["firstBatch"]]

    def commit(self):
        return command(self.member, {"commitTransaction": Int32(1)}, lsid=self.lsid, txnNumber=self.number, autocommit=False,
                       writeConcern={"w": "majority"}, **{"$db": "admin"})  # fmt: skip


def counted_up(row_id):
    return {"update": "c", "updates": [{"q": {"_id": row_id}, "u": {"$inc": {"n": Int32(1)}}}]}


def insert(member, row_id):
    return command(member, {"insert": "c", "documents": [{"_id": row_id, "n": Int32(0)}]}, writeConcern={"w": "majority"})


def rows(member):
    answer = command(member, {"find": "c"}, readConcern={"level": "majority"}, **{"$readPreference": {"mode": "nearest"}})
    return {row["_id"]: row["n"] for row in answer["cursor"]["firstBatch"]}


def assert_over(answer, code):
    assert (answer["ok"], answer["code"], answer["errorLabels"]) == (0.0, code, ["TransientTransactionError"])


def test_a_transaction_sees_its_snapshot_and_its_own_writes_and_others_see_all_of_it_or_nothing(mongo):
    primary = mongo.primary
    insert(primary, "a")
    one = Session(primary).begin()
    assert one.ids() == ["a"]
    insert(primary, "b")
    assert one.insert("c")["n"] == 1 and one.ids() == ["a", "c"]
    assert one.run({"delete": "c", "deletes": [{"q": {"_id": "a"}, "limit": Int32(1)}]})["n"] == 1 and one.ids() == ["c"]
    assert rows(primary) == {"a": 0, "b": 0}
    assert one.commit()["ok"] and rows(primary) == rows(mongo.members[2]) == {"b": 0, "c": 0}
    assert one.commit()["ok"], "it is committed"
    last, before = primary.log[-1], primary.log[-2]
    assert last.time == before.time, "all of it has one time"


@pytest.mark.parametrize("is_other_open", [True, False])
def test_of_two_that_write_one_row_the_later_one_is_over(mongo, is_other_open):
    insert(mongo.primary, "a")
    one, other = Session(mongo.primary, b"1").begin(), Session(mongo.primary, b"2").begin()
    assert one.ids() == other.ids() == ["a"]
    assert one.count_up("a")["n"] == 1
    if not is_other_open:
        assert one.commit()["ok"]
    assert_over(other.count_up("a"), 112)
    assert_over(other.commit(), 251)
    assert_over(other.count_up("b"), 251)
    assert one.commit()["ok"] and rows(mongo.primary) == {"a": 1}


def test_a_single_write_waits_for_the_transaction_that_has_its_row(mongo):
    insert(mongo.primary, "a")
    one = Session(mongo.primary).begin()
    one.count_up("a")
    assert command(mongo.primary, counted_up("a"), maxTimeMS=50)["writeErrors"][0]["code"] == 50
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(command(mongo.primary, counted_up("a"), maxTimeMS=10000)))
    waiting.start()
    assert one.commit()["ok"]
    waiting.join()
    assert answers[0]["n"] == 1 and rows(mongo.primary) == {"a": 2}


def test_a_write_that_changes_nothing_does_not_wait(mongo):
    insert(mongo.primary, "a")
    one = Session(mongo.primary).begin()
    one.count_up("a")
    nothing = {"findAndModify": "c", "query": {"_id": "a"}, "update": {"$set": {"n": Int32(0)}}, "new": True}
    assert command(mongo.primary, nothing, maxTimeMS=50)["value"]["n"] == 0


@pytest.mark.parametrize("end", ["abort", "error", "session", "step-down", "another", "lifetime"])
def test_what_ends_a_transaction_leaves_nothing_of_it(mongo, end):
    member = mongo.primary
    one = Session(member).begin()
    one.insert("a")
    if end == "abort":
        assert one.run({"abortTransaction": Int32(1)})["ok"]
    elif end == "error":
        assert one.insert("a")["writeErrors"][0]["code"] == 11000
    elif end == "session":
        command(member, {"endSessions": [one.lsid]})
    elif end == "step-down":
        mongo.hand_over()
        mongo.elect(member)
    elif end == "another":
        assert one.begin().ids() == []
        one.number -= 1
    else:
        next(iter(member.transactions.values())).until = 0
    assert_over(one.commit(), 251)
    assert rows(member) == {}
    assert insert(member, "a")["n"] == 1


def test_a_commit_whose_answer_was_lost_is_known_to_the_next_primary(mongo):
    one = Session(mongo.primary).begin()
    one.insert("a")
    mongo.primary.lose_answers("commitTransaction")
    with pytest.raises(OSError):
        one.commit()
    one.member = mongo.hand_over()
    assert one.commit()["ok"] and rows(one.member) == {"a": 0}


def test_a_commit_without_a_majority_times_out_and_may_be_lost(mongo):
    first, second, third = mongo.members
    one = Session(first).begin()
    one.insert("a")
    second.hold()
    third.hold()
    answer = command(first, {"commitTransaction": Int32(1)}, lsid=one.lsid, txnNumber=1, autocommit=False,
                     writeConcern={"w": "majority", "wtimeout": Int32(50)})  # fmt: skip
    assert answer["ok"] and answer["writeConcernError"]["code"] == 64
    first.kill()
    second.hold(False)
    third.hold(False)
    mongo.elect(second)
    one.member = second
    assert_over(one.commit(), 251)


def test_a_server_that_stands_alone_has_none():
    mongo = MongoSet(1, standalone=True).start()
    answer = Session(mongo.members[0]).begin().insert("a")
    mongo.stop()
    assert answer["code"] == 20 and "replica set" in answer["errmsg"]


def test_a_stream_tells_all_of_a_transaction(mongo):
    opened = command(mongo.primary, {"aggregate": "c", "pipeline": [{"$changeStream": {}}], "cursor": {}})
    one = Session(mongo.primary).begin()
    one.insert("a")
    one.insert("b")
    one.commit()
    answer = command(mongo.primary, {"getMore": opened["cursor"]["id"], "collection": "c", "maxTimeMS": 1000})
    events = answer["cursor"]["nextBatch"]
    assert [event["documentKey"]["_id"] for event in events] == ["a", "b"]
    assert events[0]["clusterTime"] == events[1]["clusterTime"]
