# SPDX-License-Identifier: MIT
"""The scripted replica set does what its essay says: what the other tests build on."""

import socket
import time

import pytest
from mongo_server import MongoSet
from tiny_bson import Binary, Mongo, Timestamp, ask, hosts_of, talk, with_hosts


@pytest.fixture
def mongo():
    one = MongoSet().start()
    yield one
    one.stop()


def command(member, document, **more):
    return ask(("127.0.0.1", member.port), {**document, **more, "$db": "db"})


def insert(member, row_id, **concern):
    return command(member, {"insert": "c", "documents": [{"_id": row_id}]}, writeConcern={"w": "majority", **concern})


def ids(member, **concern):
    """What a member shows to a reader that takes secondaries."""
    answer = command(member, {"find": "c"}, readConcern=concern, **{"$readPreference": {"mode": "nearest"}}, maxTimeMS=300)
    return [row["_id"] for row in answer["cursor"]["firstBatch"]] if answer["ok"] else answer["code"]


def test_a_write_without_a_majority_times_out_and_becomes_visible_later(mongo):
    primary, *secondaries = mongo.members
    for member in secondaries:
        member.hold()
    answer = insert(primary, "a", wtimeout=100)
    assert answer["ok"] and answer["writeConcernError"]["code"] == 64
    assert ids(primary, level="majority") == [] and ids(primary, level="local") == ["a"]
    assert ids(primary, level="linearizable") == 50, "no majority in time"
    secondaries[0].hold(False)
    assert ids(primary, level="majority") == ["a"] and ids(secondaries[1], level="local") == []


def test_a_new_primary_may_show_less_than_was_acknowledged_and_after_cluster_time_waits_for_it(mongo):
    first, second, third = mongo.members
    second.blind()
    third.hold()
    acknowledged = insert(first, "a")
    assert "writeConcernError" not in acknowledged
    first.kill()
    mongo.elect(second)
    second.blind(False)
    after = Timestamp(acknowledged["operationTime"])
    assert ids(second, level="majority") == [] and ids(second, level="majority", afterClusterTime=after) == 50
    third.hold(False)
    assert ids(second, level="majority", afterClusterTime=after) == ["a"]


def test_a_member_refuses_a_time_that_it_has_not_heard_of_and_waits_for_one_that_it_has(mongo):
    first, second, _ = mongo.members
    first.hold()
    mongo.elect(second)
    after = Timestamp(insert(second, "a")["operationTime"])
    assert ids(first, level="majority", afterClusterTime=after) == 72
    command(first, {"ping": 1}, **{"$clusterTime": {"clusterTime": after}})
    assert ids(first, level="majority", afterClusterTime=after) == 50


def test_an_old_primary_believes_in_itself_and_then_drops_what_no_majority_had(mongo):
    first, second, _ = mongo.members
    first.hold()
    insert(first, "lost", w=1)
    mongo.elect(second)
    insert(second, "kept")
    assert command(first, {"isMaster": 1})["ismaster"] and ids(first, level="local") == ["lost"]
    first.hold(False)
    assert not command(first, {"isMaster": 1})["ismaster"] and ids(first, level="local") == ["kept"]


def test_who_is_not_the_primary_refuses(mongo):
    secondary = mongo.members[1]
    assert insert(secondary, "a")["code"] == 10107 and command(secondary, {"find": "c"})["code"] == 13435
    secondary.fail(11600, "InterruptedAtShutdown", "find")
    assert ids(secondary) == 11600 and ids(secondary) == []


def test_a_lost_answer_is_given_to_the_retry_also_by_the_next_primary(mongo):
    write = {"findAndModify": "c", "query": {"_id": "a"}, "update": {"$inc": {"v": 1}}, "upsert": True, "new": True}
    write |= {"writeConcern": {"w": "majority"}, "lsid": {"id": Binary(16)}, "txnNumber": 1}
    mongo.primary.lose_answers("findAndModify")
    with pytest.raises(ConnectionError):
        command(mongo.primary, write)
    mongo.hand_over()
    assert command(mongo.primary, write)["value"] == {"_id": "a", "v": 1}
    assert command(mongo.primary, {**write, "txnNumber": 2})["value"] == {"_id": "a", "v": 2}


def test_a_step_down_is_told_to_waiting_monitors_and_before_4_2_closes_connections():
    for version, closes in (((4, 4), False), ((4, 0), True)):
        mongo = MongoSet(version=version).start()
        hello = command(mongo.primary, {"isMaster": 1})
        with socket.create_connection(("127.0.0.1", mongo.primary.port), timeout=5) as connection:
            talk(connection, {"ping": 1, "$db": "db"})
            old = mongo.hand_over() and mongo.members[0]
            if closes:
                assert connection.recv(1) == b""
            else:
                begun = time.monotonic()
                seen = {"topologyVersion": hello["topologyVersion"], "maxAwaitTimeMS": 5000}
                assert not talk(connection, {"hello": 1, **seen, "$db": "db"})["isWritablePrimary"]
                assert time.monotonic() - begun < 4 and insert(old, "a")["topologyVersion"]["counter"] > seen["topologyVersion"]["counter"]
        mongo.stop()


def test_frozen_and_slow_members_answer_late(mongo):
    primary = mongo.primary
    primary.freeze()
    with socket.create_connection(("127.0.0.1", primary.port), timeout=0.3) as connection, pytest.raises(TimeoutError):
        talk(connection, {"ping": 1, "$db": "db"})
    primary.freeze(False)
    primary.delay_s, begun = 0.2, time.monotonic()
    assert command(primary, {"ping": 1})["ok"] and time.monotonic() - begun >= 0.2


def test_uris_of_several_hosts(mongo):
    uri = "mongodb://user:p@a:1,b:2,c/db?replicaSet=x"
    assert hosts_of(uri) == [("a", 1), ("b", 2), ("c", 27017)]
    assert with_hosts(uri, [("d", 3)]) == "mongodb://user:p@d:3/db?replicaSet=x"
    mongo.hand_over(to=mongo.members[2])
    client = Mongo(mongo.uri("db"))
    client.run({"insert": "c", "documents": [{"_id": "a"}]})
    assert client.find_all("c") == [{"_id": "a"}]
    client.close()
