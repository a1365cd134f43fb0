# SPDX-License-Identifier: MIT
"""The scripted sharded cluster does what mongo_router.py says: what test_sharded.py builds on."""

import contextlib

from mongo_router import signature_of
from tiny_bson import Binary, Date, Int32, Mongo, Timestamp, ask


def command(host, document, **more):
    return ask(("127.0.0.1", host.port), {**document, "$db": "todos", **more})


def insert(host, *ids, **concern):
    rows = [{"_id": one, "at": Date(number)} for number, one in enumerate(ids)]
    return command(host, {"insert": "todos", "documents": rows}, writeConcern={"w": "majority", **concern})


def ids(host, **more):
    answer = command(host, {"find": "todos", **more.pop("options", {})}, **more)
    return [row["_id"] for row in answer["cursor"]["firstBatch"]] if answer["ok"] else answer["code"]


NOTHING = {"update": "todos", "updates": [{"q": {"at": {"$lt": Date(-(2**63))}}, "u": {"$inc": {"n": Int32(0)}}, "multi": True}]}


def test_it_says_that_it_is_a_router_and_each_document_lies_on_one_shard(new_cluster):
    cluster = new_cluster()
    [router] = cluster.routers
    assert command(router, {"isMaster": 1})["msg"] == "isdbgrid"
    names = [*cluster.ids_on(0, 3), *cluster.ids_on(1, 3)]
    assert insert(router, *names)["n"] == 6
    assert [sorted(ids(one.primary)) for one in cluster.sets] == [sorted(names[:3]), sorted(names[3:])]
    assert ids(router, options={"sort": {"at": -1}, "limit": 4}) == names[:1:-1]
    assert ids(router, options={"filter": {"_id": names[4]}}) == [names[4]]
    assert insert(router, "new", names[5], names[0])["writeErrors"][0]["code"] == 11000


def test_a_write_without_an_id_goes_to_all_shards_or_is_refused(new_cluster):
    cluster = new_cluster()
    [router] = cluster.routers
    insert(router, *cluster.ids_on(0, 2), *cluster.ids_on(1, 2))
    wide = {"q": {"at": {"$gte": Date(0)}}, "u": {"$set": {"done": True}}}
    assert command(router, {"update": "todos", "updates": [{**wide, "multi": True}]})["n"] == 4
    assert command(router, {"update": "todos", "updates": [wide]})["writeErrors"][0]["code"] == 61
    assert command(router, {"findAndModify": "todos", "query": wide["q"], "update": wide["u"]})["code"] == 61


def test_a_write_that_changes_nothing_waits_for_the_majority_of_every_shard(new_cluster):
    cluster = new_cluster(members=3)
    [router] = cluster.routers
    for member in cluster.sets[1].members[1:]:
        member.hold()
    insert(router, *cluster.ids_on(1, 1), wtimeout=50)
    concern = {"w": "majority", "wtimeout": 100}
    assert command(router, NOTHING, writeConcern=concern)["writeConcernError"]["code"] == 64
    cluster.sets[1].members[1].hold(False)
    assert "writeConcernError" not in command(router, NOTHING, writeConcern=concern)


def test_a_router_takes_a_time_that_it_has_not_met_only_with_its_signature(new_cluster):
    cluster = new_cluster(routers=2)
    first, second = cluster.routers
    [id_a], [id_b] = cluster.ids_on(0, 1), cluster.ids_on(1, 1)
    insert(first, id_b)
    insert(first, id_a)
    written = insert(first, "later", *cluster.ids_on(0, 2)[1:])
    after, told = Timestamp(written["operationTime"]), written["$clusterTime"]
    read = {"options": {"filter": {"_id": id_b}}, "readConcern": {"level": "majority", "afterClusterTime": Timestamp(after + 1)}, "maxTimeMS": 500}
    assert ids(second, **read) == 72
    later = Timestamp(told["clusterTime"] + 1)
    assert command(second, {"ping": 1}, **{"$clusterTime": {"clusterTime": later, "signature": told["signature"]}})["code"] == 204
    assert command(second, {"ping": 1}, **{"$clusterTime": {"clusterTime": later, "signature": signature_of(later)}})["ok"]
    assert ids(second, **read) == [id_b]


def test_a_shard_that_is_gone_is_told_and_the_others_go_on(new_cluster):
    cluster = new_cluster()
    [router] = cluster.routers
    [id_a], [id_b] = cluster.ids_on(0, 1), cluster.ids_on(1, 1)
    insert(router, id_a, id_b)
    cluster.sets[1].stop()
    assert ids(router, options={"filter": {"_id": id_a}}) == [id_a]
    assert ids(router, options={"filter": {"_id": id_b}}, maxTimeMS=200) == 133
    assert ids(router, maxTimeMS=200) == 133
    rows = {"insert": "todos", "documents": [{"_id": id_a}, {"_id": id_b}], "maxTimeMS": 200}
    assert [(error["index"], error["code"]) for error in command(router, rows)["writeErrors"]] == [(0, 11000), (1, 133)]
    assert command(router, NOTHING, maxTimeMS=200)["writeErrors"][0]["code"] == 133


def test_a_row_that_moves_leaves_an_orphan_that_nobody_sees(new_cluster):
    cluster = new_cluster()
    [router] = cluster.routers
    [id_a] = cluster.ids_on(0, 1)
    insert(router, id_a)
    stream = command(router, {"aggregate": "todos", "pipeline": [{"$changeStream": {}}], "cursor": {}})["cursor"]["id"]
    cluster.move(id_a, 1)
    assert [ids(one.primary) for one in cluster.sets] == [[id_a], [id_a]] and ids(router) == [id_a]
    assert command(router, {"count": "todos"})["n"] == 1
    command(router, {"update": "todos", "updates": [{"q": {"_id": id_a}, "u": {"$set": {"n": 1}}}]})
    cluster.clean()
    assert [ids(one.primary) for one in cluster.sets] == [[], [id_a]]
    assert [event["operationType"] for event in events(router, stream, 1)] == ["update"]


def events(router, stream, count):
    found = []
    while len(found) < count:
        found += command(router, {"getMore": stream, "collection": "todos", "maxTimeMS": Int32(2000)})["cursor"]["nextBatch"]
    return found


def test_a_stream_has_the_changes_of_all_shards_in_the_order_of_their_times(new_cluster):
    cluster = new_cluster()
    [router] = cluster.routers
    opened = command(router, {"aggregate": "todos", "pipeline": [{"$changeStream": {}}], "cursor": {}})["cursor"]
    names = [one for pair in zip(cluster.ids_on(0, 5), cluster.ids_on(1, 5)) for one in pair]
    for name in names:
        insert(router, name)
    seen = events(router, opened["id"], 10)
    assert [event["documentKey"]["_id"] for event in seen] == names
    stage = {"$changeStream": {"resumeAfter": {"_data": f"{seen[3]['clusterTime']:016x}"}}}
    again = command(router, {"aggregate": "todos", "pipeline": [stage], "cursor": {}})["cursor"]
    assert [event["documentKey"]["_id"] for event in again["firstBatch"] + events(router, again["id"], 6 - len(again["firstBatch"]))] == names[4:]


def test_a_transaction_is_on_all_its_shards(new_cluster):
    cluster = new_cluster()
    [router] = cluster.routers
    [id_a], [id_b] = cluster.ids_on(0, 1), cluster.ids_on(1, 1)
    part = {"lsid": {"id": Binary(b"s" * 16)}, "txnNumber": 1, "autocommit": False}
    rows = {"insert": "todos", "documents": [{"_id": id_a}, {"_id": id_b}]}
    assert command(router, rows, startTransaction=True, readConcern={"level": "snapshot"}, **part)["n"] == 2
    assert ids(router, **part) == [id_a, id_b] and ids(router) == []
    assert ask(("127.0.0.1", router.port), {"commitTransaction": Int32(1), "writeConcern": {"w": "majority"}, **part, "$db": "admin"})["ok"]
    assert sorted(ids(router)) == sorted([id_a, id_b])


def test_a_lost_answer_of_a_shard_is_asked_for_again_if_the_write_has_a_number(new_cluster):
    cluster = new_cluster()
    [router] = cluster.routers
    count_up = {"update": "todos", "updates": [{"q": {"_id": "a"}, "u": {"$inc": {"n": 1}}, "upsert": True}], "writeConcern": {"w": "majority"}}
    for one in cluster.sets:
        one.primary.lose_answers("update")
    assert command(router, count_up, lsid={"id": Binary(16)}, txnNumber=1)["n"] == 1
    for one in cluster.sets:
        one.primary.clear_faults()
        one.primary.lose_answers("update")
    assert command(router, count_up)["writeErrors"][0]["code"] == 6
    client = Mongo(cluster.uri())
    with contextlib.closing(client):
        assert client.find_all("todos") == [{"_id": "a", "n": 2}]
