# SPDX-License-Identifier: MIT
"""
The commands that a member of mongo_server.py's set executes, by their names in MongoDB's manual ("Database Commands").

Each gets the member and the command, under the set's lock, and returns the answer's fields. A write appends to the member's log,
and returns before any other member has it; whether the answer waits for a majority is decided by the caller.

Not played: cursors of find (all rows are in the first batch), indexes (their names are kept, so that a hint of a missing one is an
error, and no more), validators, capped collections.
"""

import time
from functools import partial

from mongo_documents import CommandError, in_order, key_of, matches, project, updated, upserted
from mongo_transactions import end_sessions, patiently
from tiny_bson import Int32, ObjectId, Timestamp


def namespace(command, name):
    return command["$db"], command[name]


# ---- Reads ----


def rows_of(view, command, name, wanted):
    rows = view.get(namespace(command, name), {})
    if set(wanted) >= {"_id"} and not isinstance(wanted["_id"], dict):
        row = rows.get(key_of(wanted["_id"]))
        rows = {} if row is None else {0: row}
    return [row for row in rows.values() if matches(row, wanted)]


def find(member, command):
    hint = command.get("hint")
    if hint and hint not in member.indexes(namespace(command, "find")):
        raise CommandError(2, "BadValue", "error processing query: planner returned error: bad hint")
    rows = rows_of(member.view_for(command), command, "find", command.get("filter", {}))
    rows = in_order(rows, command.get("sort", {}))[: command.get("limit") or None]
    rows = [project(row, command.get("projection")) for row in rows]
    return {"cursor": {"firstBatch": rows, "id": 0, "ns": ".".join(namespace(command, "find"))}}


def count(member, command):
    return {"n": Int32(len(rows_of(member.view_for(command), command, "count", command.get("query", {}))))}


def list_indexes(member, command):
    rows = [{"v": Int32(2), "key": {}, "name": name, **options} for name, options in member.indexes(namespace(command, "listIndexes")).items()]
    return {"cursor": {"firstBatch": rows, "id": 0, "ns": ".".join(namespace(command, "listIndexes"))}}


# ---- Writes ----


def put(member, place, old, new, kind):
    taken = member.latest.get(place, {}).get(key_of(new["_id"]))
    if old is None and taken is not None:
        raise CommandError(11000, "DuplicateKey", f"E11000 duplicate key error collection: {'.'.join(place)} dup key: {new['_id']}")
    if old != new:  # an update that changes nothing is none, and meets no conflict
        member.append(place, new["_id"], new, kind)


def with_id(document):
    return document if "_id" in document else {"_id": ObjectId(f"{time.time_ns():024x}"[-24:]), **document}


def each(member, command, statements, run):
    """The statements of one command, each for itself, as with ordered: false."""
    total, upserts, errors = 0, [], []
    for index, statement in enumerate(statements):
        try:
            number, upserted_id = patiently(member, command, partial(run, statement))
        except CommandError as error:
            errors.append({"index": Int32(index), "code": error.document["code"], "errmsg": str(error)})
            continue
        total += number
        if upserted_id is not None:
            upserts.append({"index": Int32(index), "_id": upserted_id})
    answer = {"n": Int32(total)}
    return {**answer, **({"upserted": upserts} if upserts else {}), **({"writeErrors": errors} if errors else {})}


def insert(member, command):
    place = namespace(command, "insert")

    def run(document):
        put(member, place, None, with_id(document), "insert")
        return 1, None

    return each(member, command, command["documents"], run)


def kind_of_update(update):
    return "update" if any(name.startswith("$") for name in update) else "replace"


def upsert(member, place, wanted, update):
    new = with_id(upserted(wanted, update))
    put(member, place, None, new, "insert")
    return new


def update(member, command):
    place = namespace(command, "update")

    def run(statement):
        rows = rows_of(member.latest, command, "update", statement["q"])
        for row in rows if statement.get("multi") else rows[:1]:
            put(member, place, row, updated(row, statement["u"], False), kind_of_update(statement["u"]))
        if rows or not statement.get("upsert"):
            return len(rows), None
        return 1, upsert(member, place, statement["q"], statement["u"])["_id"]

    return each(member, command, command["updates"], run)


def delete(member, command):
    def run(statement):
        rows = rows_of(member.latest, command, "delete", statement["q"])
        rows = rows[:1] if statement.get("limit") else rows
        for row in rows:
            member.append(namespace(command, "delete"), row["_id"], None, "delete")
        return len(rows), None

    return each(member, command, command["deletes"], run)


def find_and_modify(member, command):
    return patiently(member, command, lambda: modify(member, command))


def modify(member, command):
    name = next(iter(command))
    place, wanted = namespace(command, name), command.get("query", {})
    rows = rows_of(member.latest, command, name, wanted)
    old = rows[0] if rows else None
    new = None
    if command.get("remove"):
        if old:
            member.append(place, old["_id"], None, "delete")
    elif old:
        new = updated(old, command["update"], False)
        put(member, place, old, new, kind_of_update(command["update"]))
    elif command.get("upsert"):
        new = upsert(member, place, wanted, command["update"])
    shown = new if command.get("new") else old
    changed = {"n": Int32(1 if old or new else 0), "updatedExisting": bool(old)}
    return {"lastErrorObject": changed, "value": project(shown, command.get("fields"))}


def create_indexes(member, command):
    place = namespace(command, "createIndexes")
    options = [{"name": index["name"], **({"expireAfterSeconds": index["expireAfterSeconds"]} if "expireAfterSeconds" in index else {})} for index in command["indexes"]]
    member.append((place[0], f"{place[1]}.$indexes"), "names", {"_id": "names", **{one["name"]: one for one in options}}, "index")
    return {}


def drop_indexes(member, command):
    place = namespace(command, "dropIndexes")
    member.append((place[0], f"{place[1]}.$indexes"), "names", {"_id": "names"}, "index")
    return {}


def create(member, command):
    place = namespace(command, "create")
    if any(document for document in member.latest.get(place, {}).values()):
        raise CommandError(48, "NamespaceExists", f"Collection {'.'.join(place)} already exists.")
    return {}


def drop(member, command):
    member.append(namespace(command, "drop"), None, None, "drop")
    return {}


def drop_database(member, command):
    for place in [place for place in member.latest if place[0] == command["$db"]]:
        member.append(place, None, None, "drop")
    return {"dropped": command["$db"]}


def append_oplog_note(member, _command):
    member.append(("local", "noop"), None, None, "noop")
    return {}


# ---- Change streams ----


def event_of(entry):
    event = {"_id": {"_data": f"{entry.time:016x}"}, "clusterTime": Timestamp(entry.time), "operationType": entry.kind, "ns": dict(zip(("db", "coll"), entry.place))}
    if entry.kind != "drop":
        event["documentKey"] = {"_id": entry.row_id}
    if entry.kind in ("insert", "replace"):
        event["fullDocument"] = entry.document
    if entry.kind == "update":
        event["updateDescription"] = {"updatedFields": entry.changed, "removedFields": []}
    return event


class Stream:
    def __init__(self, place, position):
        self.place, self.position = place, position

    def batch(self, member):
        """The events that a majority has, behind the position."""
        news = [entry for entry in member.log[: member.commit] if entry.time > self.position]
        self.position = max([self.position, *(entry.time for entry in news)])
        return [event_of(entry) for entry in news if entry.place == self.place and entry.kind != "migrated"]

    def cursor(self, member, cursor_id, key):
        cursor = {key: self.batch(member), "id": cursor_id, "ns": ".".join(self.place)}
        if member.set.version >= (4, 0, 7):
            cursor["postBatchResumeToken"] = {"_data": f"{self.position:016x}"}
        return {"cursor": cursor}


def aggregate(member, command):
    stage = command["pipeline"][0].get("$changeStream") if command["pipeline"] else None
    if stage is None:
        raise CommandError(40324, "Location40324", "Unrecognized pipeline stage name")
    if member.set.is_standalone:
        raise CommandError(40573, "Location40573", "The $changeStream stage is only supported on replica sets")
    after = stage.get("resumeAfter")
    position = int(after["_data"], 16) if after else max((entry.time for entry in member.log[: member.commit]), default=0)
    member.set.cursor_count += 1
    member.streams[member.set.cursor_count] = Stream(namespace(command, "aggregate"), position)
    return member.streams[member.set.cursor_count].cursor(member, member.set.cursor_count, "firstBatch")


def get_more(member, command):
    stream = member.streams.get(command["getMore"])
    if not stream:
        raise CommandError(43, "CursorNotFound", "cursor id not found")
    wait_s = command.get("maxTimeMS", 1000) / 1000
    member.set.wait(lambda: any(e.time > stream.position for e in member.log[: member.commit]) or not member.is_readable, wait_s)
    if not member.is_readable:
        raise CommandError(11602, "InterruptedDueToReplStateChange", "operation was interrupted")
    return stream.cursor(member, command["getMore"], "nextBatch")


def kill_cursors(member, command):
    for cursor_id in command["cursors"]:
        member.streams.pop(cursor_id, None)
    return {"cursorsKilled": command["cursors"]}


# By their names in lower case.
READS = {"find": find, "count": count, "listindexes": list_indexes, "aggregate": aggregate, "getmore": get_more}
WRITES = {
    "insert": insert, "update": update, "delete": delete, "findandmodify": find_and_modify, "createindexes": create_indexes, "dropindexes": drop_indexes,
    "create": create, "drop": drop, "dropdatabase": drop_database, "appendoplognote": append_oplog_note,
}  # fmt: skip
OTHERS = {"ping": lambda *_: {}, "endsessions": end_sessions, "killsessions": end_sessions, "killcursors": kill_cursors}
