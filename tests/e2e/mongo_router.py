# SPDX-License-Identifier: MIT
"""
A sharded MongoDB that a test directs: routers in this process, each like a mongos, over shards that are replica sets.

No package that the project can have brings a mongos, so this one does what the manual says of one. Its shards are the sets of
mongo_server.py (Cluster), or any sets by their URIs (Router over Shard), a real mongod's as well. It speaks to their primaries.

What it plays, and where the manual has it:
- hello with msg "isdbgrid" and no set's name;
- the collection todos is sharded by a hash of its _id, whatever else there is lies on the first shard ("Sharding", "Hashed Sharding");
- a find, an update, a delete, a findAndModify with an _id goes to the one shard that has it; a find without goes to all, and is merged
  in the order of its sort; an update with multi and no _id goes to all shards of the cluster; other writes without an _id are refused
  with 61 ("Target a shard", "mongos"); a shard that fails a statement is an error of that statement, any other command fails as a whole;
- a router repeats a read, and a write with a number, once; without a primary of a shard it says 133, of a broken connection 6;
- one cluster time for all. Each router keeps the latest that it has met, tells it to clients with a signature and to shards, and takes
  it from either; a client's must have its signature, else 204. A shard that has not met an afterClusterTime refuses it with 72; one that
  has, but has done nothing so late, writes a no-op ("Causal Consistency and Read and Write Concerns");
- operationTime of an answer: the latest of the shards that were asked, else the cluster time;
- the balancer: Cluster.move() gives an id to another shard. The old shard keeps its copy, an orphan, which no read shows, until
  Cluster.clean(); change streams tell of neither;
- transactions over several shards: all of them show the state at the latest time that the router had met when it began
  (atClusterTime); the router commits at one after the other ("Transactions", "Sharded Clusters");
- change streams: the events of all shards in the order of their times, none before every shard has passed its time; a shard without
  writes passes it by a no-op, each noop_s ("Change Streams", "Sharded Cluster").

What it does not play: chunks and their versions (StaleConfig never happens by itself), config servers, two-phase commits, users. mongo_router.py as a program serves one for MONGODB_URI until its input ends.
"""

import contextlib
import hashlib
import itertools
import socket
import sys
import threading
import time
import zlib

from mongo_documents import CommandError, in_order, key_of
from mongo_server import RETRYABLE, WIRE_VERSIONS, MongoSet
from mongo_wire import Host
from ports import free_ports
from tiny_bson import Binary, Date, Int32, Timestamp, primary_of, talk

ROWS = {"insert": "documents", "update": "updates", "delete": "deletes"}
NOT_PRIMARY = {91, 189, 10107, 11600, 11602, 13435, 13436}
OWN_FIELDS = ("operationTime", "$clusterTime", "ok", "topologyVersion", "$gleStats", "electionId", "opTime")
ENDS = ("committransaction", "aborttransaction")


def signature_of(moment):
    return {"hash": Binary(hashlib.sha1(b"the cluster's own %d" % moment).digest()), "keyId": 7}


def failure_of(answer):
    error = CommandError(answer["code"], answer.get("codeName", ""), answer["errmsg"])
    error.document = {name: value for name, value in answer.items() if name not in OWN_FIELDS} | {"ok": 0.0}
    return error


class Shard:
    """A replica set by its URI. heard and reached: the latest cluster time that it was told, and that it has done something at."""

    def __init__(self, name, uri):
        self.name, self.uri, self.heard, self.reached = name, uri, 0, 0


class Stream:
    """The events of all shards, merged. A position is a time, and so is a resume token."""

    def __init__(self, router, command):
        self.router, self.command, self.cursors, self.events, self.noop_at = router, command, {}, [], 0.0
        self.positions = {}
        for shard in router.cluster.shards:
            self.take(shard, router.on(shard, command), "firstBatch")

    def take(self, shard, answer, key):
        cursor = answer["cursor"]
        self.cursors[shard] = cursor["id"]
        self.events += cursor[key]
        self.positions[shard] = int(cursor["postBatchResumeToken"]["_data"], 16)

    def pump(self):
        if time.monotonic() >= self.noop_at:
            self.noop_at = time.monotonic() + self.router.cluster.noop_s
            for shard in self.positions:
                self.router.note(shard)
        for shard, cursor_id in self.cursors.items():
            more = {"getMore": cursor_id, "collection": self.command["aggregate"], "maxTimeMS": Int32(5), "$db": self.command["$db"]}
            self.take(shard, self.router.on(shard, more), "nextBatch")

    def batch(self, wait_s):
        until = time.monotonic() + wait_s
        while True:
            self.pump()
            passed = min(self.positions.values())
            ready = sorted((event for event in self.events if event["clusterTime"] <= passed), key=lambda event: event["clusterTime"])
            self.events = [event for event in self.events if event["clusterTime"] > passed]
            if ready or time.monotonic() >= until:
                return ready, {"_data": f"{passed:016x}"}


class Transaction:
    def __init__(self, number, concern):
        self.number, self.concern, self.shards = number, concern, []


class Router(Host):
    def __init__(self, cluster, port):
        super().__init__(cluster, port)
        self.cluster, self.heard = cluster, 1
        self.local = threading.local()  # a thread serves one client: its connections to shards, and the times of one command's answers
        self.transactions, self.cursors = {}, {}

    def start(self):
        with self.cluster.changing():
            self.listen()
        return self

    def stop(self):
        with self.cluster.changing():
            self.hang_up()

    # --- answers ---

    def hello(self):
        wire = max(wire for since, wire in WIRE_VERSIONS.items() if since <= self.cluster.version)
        return {
            "helloOk": True, "ismaster": True, "isWritablePrimary": True, "msg": "isdbgrid", "maxBsonObjectSize": Int32(16777216),
            "maxMessageSizeBytes": Int32(48000000), "maxWriteBatchSize": Int32(100000), "localTime": Date(time.time() * 1000),
            "logicalSessionTimeoutMinutes": Int32(30), "minWireVersion": Int32(0), "maxWireVersion": Int32(wire),
            "topologyVersion": self.topology_version(), "ok": 1.0,
        }  # fmt: skip

    def answer(self, command):
        with self.cluster.lock:
            self.thaw()
            fault = self.fault_for(next(iter(command)).lower())
            self.seen.append(command)
        answer = self.execute(command, fault)
        return None if (fault and not fault["error"]) or self.is_gone else answer

    def execute(self, command, fault):
        self.local.times = []
        try:
            self.hear(command.get("$clusterTime"), is_client=True)
            if fault and fault["error"]:
                raise CommandError(*fault["error"], "as the test wants it")
            answer = {**self.run(next(iter(command)).lower(), command), "ok": 1.0}
        except CommandError as error:
            answer = dict(error.document)
        codes = {answer.get("code"), *(error["code"] for error in answer.get("writeErrors", []))}
        if "txnNumber" in command and "autocommit" not in command and codes & RETRYABLE:
            answer["errorLabels"] = ["RetryableWriteError"]
        answer["operationTime"] = Timestamp(max(self.local.times, default=self.heard))
        return answer | {"$clusterTime": {"clusterTime": Timestamp(self.heard), "signature": signature_of(self.heard)}}

    def hear(self, told, is_client=False):
        moment = told["clusterTime"] if told else 0
        if is_client and moment > self.heard and told["signature"] != signature_of(moment):
            raise CommandError(204, "TimeProofMismatch", "Proof does not match the cluster time")
        self.heard = max(self.heard, moment)

    def run(self, name, command):
        if "autocommit" in command and name in ENDS:
            return self.end(name, command)
        if command["$db"] == "config" and name == "find":
            return self.find_collections(command)
        runs = {
            "find": self.find, "count": self.count, "insert": self.write, "update": self.write, "delete": self.write, "findandmodify": self.modify,
            "aggregate": self.aggregate, "getmore": self.get_more, "killcursors": self.kill_cursors, "killsessions": self.on_all,
            "endsessions": lambda _: {}, "ping": lambda _: {}, "buildinfo": self.on_first, "dropdatabase": self.on_all,
        }  # fmt: skip
        if name in runs:
            return runs[name](command)
        if name in ("createindexes", "drop", "listindexes", "create", "collmod", "dropindexes"):
            is_wide = command[next(iter(command))] in self.cluster.keys and name != "listindexes"
            return self.on_all(command) if is_wide else self.on_first(command)
        raise CommandError(59, "CommandNotFound", f"no such command: '{name}'")

    # --- shards ---

    def connection_to(self, shard, seconds):
        connections = self.local.__dict__.setdefault("connections", {})
        if shard not in connections:
            try:
                address = primary_of(shard.uri, seconds)
            except ConnectionError:
                text = f'Could not find host matching read preference {{ mode: "primary" }} for set {shard.name}'
                raise CommandError(133, "FailedToSatisfyReadPreference", text) from None
            connections[shard] = socket.create_connection(address)
        connections[shard].settimeout(seconds + 0.2)
        return connections[shard]

    def disconnect(self, shard):
        self.local.connections.pop(shard).close()

    def on(self, shard, command):
        """The shard's answer, if it is no error. The write concern's may be in it."""
        name = next(iter(command)).lower()
        sent = self.of_transaction(shard, {key: value for key, value in command.items() if key != "$clusterTime"})
        concern = sent.get("readConcern", {})
        self.prepare(shard, concern.get("afterClusterTime", 0) or concern.get("atClusterTime", 0))
        tries = 2 if name in ("find", "count", "aggregate") or "txnNumber" in sent else 1
        until = time.monotonic() + sent.get("maxTimeMS", 15000) / 1000
        for is_last in [False] * (tries - 1) + [True]:
            answer = self.ask(shard, sent, max(until - time.monotonic(), 0.01), is_last)
            if answer is None or (answer.get("code") in NOT_PRIMARY and not is_last):
                self.disconnect(shard)
                continue
            break
        if not answer["ok"]:
            raise failure_of(answer)
        return answer

    def ask(self, shard, command, seconds, is_last):
        """None: the connection broke, and the command is to be sent again."""
        connection = self.connection_to(shard, seconds)
        shard.heard = max(shard.heard, self.heard)
        try:
            answer = talk(connection, {**command, "$clusterTime": {"clusterTime": Timestamp(self.heard), "signature": signature_of(self.heard)}})
        except TimeoutError:
            self.disconnect(shard)
            raise CommandError(50, "MaxTimeMSExpired", "operation exceeded time limit") from None
        except OSError:
            if not is_last:
                return None
            self.disconnect(shard)
            raise CommandError(6, "HostUnreachable", f"{shard.name} :: caused by :: connection closed by peer") from None
        self.hear(answer.get("$clusterTime"))
        shard.heard, shard.reached = max(shard.heard, self.heard), max(shard.reached, answer.get("operationTime", 0))
        self.local.times.append(answer.get("operationTime", 0))
        return answer

    def prepare(self, shard, after):
        """What a shard does by itself: it reaches the time of a read by a no-op."""
        if max(shard.heard, self.heard) >= after > shard.reached:
            self.note(shard)

    def note(self, shard):
        times = self.local.times
        self.local.times = []
        self.on(shard, {"appendOplogNote": 1, "data": {"msg": "noop"}, "$db": "admin"})
        self.local.times = times

    def on_first(self, command):
        return self.stripped(self.on(self.cluster.shards[0], command))

    def on_all(self, command):
        return [self.stripped(self.on(shard, command)) for shard in self.cluster.shards][0]

    @staticmethod
    def stripped(answer):
        return {name: value for name, value in answer.items() if name not in OWN_FIELDS}

    def shards_for(self, collection, wanted):
        """Of a filter: the shard of its _id, those of a list of them, or all."""
        if collection not in self.cluster.keys:
            return self.cluster.shards[:1]
        asked = wanted.get("_id")
        if isinstance(asked, dict) and "$in" in asked:
            owners = {self.cluster.owner(one) for one in asked["$in"]}
            return [shard for shard in self.cluster.shards if shard in owners]
        has_operator = isinstance(asked, dict) and any(name.startswith("$") for name in asked)
        return self.cluster.shards if "_id" not in wanted or has_operator else [self.cluster.owner(asked)]

    # --- reads ---

    def find_collections(self, command):
        if self.cluster.hides_catalogue:
            raise CommandError(13, "Unauthorized", "not authorized on config to execute command")
        asked = command["filter"]["_id"]
        rows = [{"_id": one, "key": self.cluster.keys.get(one.partition(".")[2])} for one in asked["$in"]]
        return {"cursor": {"firstBatch": [row for row in rows if row["key"]], "id": 0, "ns": "config.collections"}}

    def rows_of(self, shard, command):
        """What the shard finds and owns. A real one leaves orphans out before it counts to the limit; with orphans, ours is not told one."""
        counts = ("limit", "singleBatch", "batchSize") if self.cluster.moved else ()
        answer = self.on(shard, {name: value for name, value in command.items() if name not in counts})
        cursor, rows = answer["cursor"], answer["cursor"]["firstBatch"]
        session = {name: value for name, value in command.items() if name in ("$db", "lsid", "txnNumber", "autocommit")}
        while cursor["id"]:
            cursor = self.on(shard, {"getMore": cursor["id"], "collection": command["find"], **session})["cursor"]
            rows += cursor["nextBatch"]
        return [row for row in rows if self.cluster.owner(row["_id"]) is shard]

    def find(self, command):
        if command["find"] not in self.cluster.keys:
            return self.on_first(command)
        shards = self.shards_for(command["find"], command.get("filter", {}))
        rows = [row for shard in shards for row in self.rows_of(shard, command)]
        rows = in_order(rows, command.get("sort", {}))[: command.get("limit") or None]
        return {"cursor": {"firstBatch": rows, "id": 0, "ns": f"{command['$db']}.{command['find']}"}}

    def count(self, command):
        if command["count"] not in self.cluster.keys:
            return self.on_first(command)
        shards = self.shards_for(command["count"], command.get("query", {}))
        read = {"find": command["count"], "filter": command.get("query", {}), "$db": command["$db"]}
        number = sum(len(self.rows_of(shard, read)) for shard in shards)
        return {"n": Int32(min(number, command.get("limit") or number))}

    # --- writes ---

    def targets(self, name, collection, statement):
        if name == "insert":
            return self.shards_for(collection, {"_id": statement["_id"]})
        shards = self.shards_for(collection, statement["q"])
        if len(shards) > 1 and not statement.get("multi"):
            raise CommandError(61, "ShardKeyNotFound", "a single write must contain an exact match on _id")
        return shards

    def write(self, command):
        """The statements, for each shard as one command; their numbers are the client's again in the answer."""
        name = next(iter(command))
        rows, parts, total = ROWS[name], {}, {"n": 0}
        errors, upserts = [], []
        for index, statement in enumerate(command[rows]):
            try:
                for shard in self.targets(name, command[name], statement):
                    parts.setdefault(shard, []).append(index)
            except CommandError as error:
                errors.append({"index": Int32(index), **error.document})
        for shard, indexes in parts.items():
            try:
                answer = self.on(shard, {**command, rows: [command[rows][index] for index in indexes]})
            except CommandError as error:
                if "autocommit" in command:
                    raise
                errors += [{"index": Int32(index), "code": error.document["code"], "errmsg": error.document["errmsg"]} for index in indexes]
                continue
            total["n"] += answer["n"]
            errors += [{**error, "index": Int32(indexes[error["index"]])} for error in answer.get("writeErrors", [])]
            upserts += [{**one, "index": Int32(indexes[one["index"]])} for one in answer.get("upserted", [])]
            total |= {key: answer[key] for key in ("writeConcernError",) if key in answer}
        total |= {"n": Int32(total["n"])} | ({"upserted": upserts} if upserts else {})
        return total | ({"writeErrors": errors} if errors else {})

    def modify(self, command):
        name = next(iter(command))
        shards = self.shards_for(command[name], command.get("query", {}))
        if len(shards) > 1:
            raise CommandError(61, "ShardKeyNotFound", "Query for sharded findAndModify must contain the shard key")
        return self.stripped(self.on(shards[0], command))

    # --- transactions ---

    def of_transaction(self, shard, command):
        """The same command for this shard: its first one in the transaction begins it there."""
        if "autocommit" not in command or next(iter(command)).lower() in ENDS:
            return command
        session = bytes(command["lsid"]["id"])
        with self.cluster.lock:
            if command.get("startTransaction"):
                open_one = self.transactions.get(session)
                if not open_one or open_one.number != command["txnNumber"]:
                    concern = {"level": "snapshot", "atClusterTime": Timestamp(max(self.heard, command["readConcern"].get("afterClusterTime", 0)))}
                    self.transactions[session] = Transaction(command["txnNumber"], concern)
            transaction = self.transactions.get(session)
            if not transaction or transaction.number != command["txnNumber"]:
                raise CommandError(251, "NoSuchTransaction", "unknown transaction")
            is_first = shard not in transaction.shards
            transaction.shards += [shard] if is_first else []
        command = {name: value for name, value in command.items() if name not in ("startTransaction", "readConcern")}
        return command | ({"startTransaction": True, "readConcern": transaction.concern} if is_first else {})

    def end(self, name, command):
        with self.cluster.lock:
            transaction = self.transactions.get(bytes(command["lsid"]["id"]))
        if not transaction or transaction.number != command["txnNumber"]:
            raise CommandError(251, "NoSuchTransaction", "unknown transaction")
        if name == "aborttransaction":
            self.abort(transaction.shards, command)
            return {}
        try:
            answers = [self.stripped(self.on(shard, command)) for shard in transaction.shards]
        except CommandError:
            self.abort(transaction.shards, command)
            raise
        return next((answer for answer in answers if "writeConcernError" in answer), answers[0] if answers else {})

    def abort(self, shards, command):
        """Where it is over already, that is an error."""
        for shard in shards:
            with contextlib.suppress(CommandError):
                self.on(shard, {"abortTransaction": Int32(1), **{name: command[name] for name in ("lsid", "txnNumber", "autocommit")}, "$db": "admin"})

    # --- cursors ---

    def aggregate(self, command):
        if command["aggregate"] not in self.cluster.keys or not command["pipeline"] or "$changeStream" not in command["pipeline"][0]:
            answer = self.on_first(command)
            self.cursors[answer["cursor"]["id"]] = self.cluster.shards[0]
            return answer
        stream = Stream(self, {name: value for name, value in command.items() if name not in ("lsid", "$clusterTime", "$readPreference")})
        cursor_id = next(self.cluster.numbers)
        self.cursors[cursor_id] = stream
        return self.stream_answer(cursor_id, "firstBatch", 0)

    def stream_answer(self, cursor_id, key, wait_s):
        stream = self.cursors[cursor_id]
        events, token = stream.batch(wait_s)
        namespace = f"{stream.command['$db']}.{stream.command['aggregate']}"
        return {"cursor": {key: events, "id": cursor_id, "ns": namespace, "postBatchResumeToken": token}}

    def get_more(self, command):
        cursor = self.cursors.get(command["getMore"], self.cluster.shards[0])
        if isinstance(cursor, Shard):
            return self.stripped(self.on(cursor, command))
        return self.stream_answer(command["getMore"], "nextBatch", command.get("maxTimeMS", 1000) / 1000)

    def kill_cursors(self, command):
        for cursor_id in command["cursors"]:
            self.cursors.pop(cursor_id, None)
        return {"cursorsKilled": command["cursors"]}


class Cluster:
    """Routers over shards. Without arguments: one router, two scripted sets with one member each."""

    def __init__(self, shards=2, members=1, routers=1, version=(6, 0), uris=()):
        self.version, self.noop_s, self.numbers = version, 0.1, itertools.count(9_000_000)
        self.keys, self.hides_catalogue = {"todos": {"_id": "hashed"}}, False  # of the sharded collections; from a client without the right
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.sets = [] if uris else [MongoSet(members, version, name=f"shard{number}") for number in range(shards)]
        self.shards = [Shard(f"shard{number}", uri) for number, uri in enumerate(uris or [one.uri() for one in self.sets])]
        self.moved = {}
        self.routers = [Router(self, port) for port in free_ports(routers)]

    def start(self):
        for one in [*self.sets, *self.routers]:
            one.start()
        return self

    def stop(self):
        for one in [*self.routers, *self.sets]:
            one.stop()

    def uri(self, database="todos", options=""):
        hosts = ",".join(router.host for router in self.routers)
        return f"mongodb://{hosts}/{database}" + (f"?{options}" if options else "")

    # --- what a test says ---

    def owner(self, row_id):
        number = zlib.crc32(repr(key_of(row_id)).encode()) % len(self.shards)
        return self.shards[self.moved.get(key_of(row_id), number)]

    def ids_on(self, number, count, prefix="id"):
        """Ids that this shard has, or would have."""
        return list(itertools.islice((f"{prefix}{n}" for n in itertools.count() if self.owner(f"{prefix}{n}") is self.shards[number]), count))

    def move(self, row_id, number, database="todos"):
        """The row goes to another shard, with a majority there. Its orphan stays."""
        source, target = (self.sets[self.shards.index(shard)] for shard in (self.owner(row_id), self.shards[number]))
        with source.changing(), target.changing():
            row = source.primary.latest[database, "todos"].get(key_of(row_id))
            if row is not None:
                target.primary.append((database, "todos"), row_id, row, "migrated")
            self.moved[key_of(row_id)] = number

    def clean(self, database="todos"):
        """Removes the orphans."""
        for shard, one in zip(self.shards, self.sets):
            with one.changing():
                rows = one.primary.latest.get((database, "todos"), {})
                for row in [row for row in rows.values() if self.owner(row["_id"]) is not shard]:
                    one.primary.append((database, "todos"), row["_id"], None, "migrated")

    # --- inside ---

    @contextlib.contextmanager
    def changing(self):
        with self.lock:
            yield
            self.changed.notify_all()

    def wait(self, condition, seconds):
        return self.changed.wait_for(condition, seconds)


def main():
    """mongo_router.py [SHARDS [MEMBERS]], or the URIs of sets that are to be shards: prints its URI, and serves until its input ends."""
    given = sys.argv[1:]
    cluster = Cluster(uris=given) if "://" in "".join(given) else Cluster(*map(int, given))
    print(cluster.start().uri(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
