# SPDX-License-Identifier: MIT
"""
A replica set of MongoDB that a test directs: several members in this process, each on a port of its own, over one wire protocol.

A real set (mongod.py) elects when it wants to, and loses no answer on command. So this one does what the server's manual says, at
the moment that a test chooses: MongoSet().hand_over(), .kill(member), .elect(member), and of a member .hold() (replication to it
stands still), .lose_answers(), .fail(), .freeze(), .delay_s. Without arguments it answers like a 4.4.

What it plays, and where the manual has it:
- connections and hello: mongo_wire.py; a member's hello has setName, hosts, primary, setVersion, electionId, and from 4.4 on
  topologyVersion ("hello");
- a log on each member, a primary that writes, secondaries that copy, and the commit point: the longest prefix that a majority has,
  counted from the primary's own term on. Secondaries learn of it later than of the entries ("Replication", "Read Concern majority");
- write concern majority waits for the commit point; wtimeout ends that with writeConcernError 64, and the write stays ("Write Concern");
- a read at majority shows the state at the commit point that this member knows; at local its own; afterClusterTime waits for that time,
  and is refused with 72 if neither the log nor a $clusterTime has told this member of it;
  linearizable waits until a no-op of this primary has its majority ("Read Concern", "Causal Consistency");
- not the primary: 10107 for writes, 13435 for reads without a read preference. A step-down answers waiting writes with 189 as their
  write concern's error; before 4.2 it closes all connections ("replSetStepDown");
- an old primary that comes back drops the entries which no majority had ("Rollbacks");
- a retried write (lsid, txnNumber) is answered by what the first try did, also by the next primary ("Retryable Writes"). From 4.4 on
  an error that a retry may mend has the label RetryableWriteError. A standalone refuses txnNumber with 20;
- transactions of several statements: mongo_transactions.py;
- change streams of one collection, with postBatchResumeToken from 4.0.7 on ("Change Streams").

What it does not play: votes and heartbeats (an election is what the test says it is), the election's own time, priorities, arbiters,
users, TLS, compression, disks and journals, and what mongo_commands.py and mongo_documents.py leave out. Several sets become a
sharded cluster behind a router: mongo_router.py.
"""

import contextlib
import sys
import threading
import time

import mongo_transactions
from mongo_commands import OTHERS, READS, WRITES
from mongo_documents import CommandError, key_of
from mongo_wire import Host
from ports import free_ports
from tiny_bson import Binary, Date, Int32, ObjectId, Timestamp

WIRE_VERSIONS = {(3, 6): 6, (4, 0): 7, (4, 2): 8, (4, 4): 9, (5, 0): 13, (6, 0): 17}
STATEMENTS = {name: WRITES[name] for name in ("insert", "update", "delete", "findandmodify")}  # of transactions, beside find
RETRYABLE = {6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}
DOWN, SECONDARY, PRIMARY = "down", "secondary", "primary"


class Entry:
    """One change in the log. retry is ((lsid, txnNumber), answer) of the command that ended with it."""

    def __init__(self, time, term, place, row_id, document, kind, changed):
        self.time, self.term, self.place, self.row_id = time, term, place, row_id
        self.document, self.kind, self.changed, self.retry = document, kind, changed, None

    def apply(self, view):
        rows = view.setdefault(self.place, {})
        if self.kind == "drop":
            rows.clear()
        elif self.document is None:
            rows.pop(key_of(self.row_id), None)
        else:
            rows[key_of(self.row_id)] = self.document


class Member(Host):
    """Its state is guarded by the set's lock."""

    def __init__(self, mongo_set, port):
        super().__init__(mongo_set, port)
        self.set, self.role = mongo_set, DOWN
        self.log, self.commit, self.latest, self.majority, self.retried, self.streams = [], 0, {}, {}, {}, {}
        self.transactions = {}  # open ones, by session
        self.term, self.election_id, self.heard_of = 0, None, 1
        self.is_held = self.is_blind = False

    # --- what a test says ---

    def hold(self, held=True):
        """Nothing is copied to or from this member. A primary that is held doesn't learn that another was elected."""
        with self.set.changing():
            self.is_held = held

    def blind(self, blind=True):
        """It copies entries, but doesn't learn the commit point."""
        with self.set.changing():
            self.is_blind = blind

    def kill(self):
        with self.set.changing():
            self.become(DOWN)
            self.hang_up()

    def start(self):
        with self.set.changing():
            self.become(SECONDARY)
            self.listen()

    # --- log ---

    def become(self, role):
        if self.role != role:
            self.role = role
            self.topology_counter += 1
            mongo_transactions.end_all(self)

    @property
    def is_readable(self):
        return self.role != DOWN

    @property
    def is_primary(self):
        return self.role == PRIMARY

    def append(self, place, row_id, document, kind, time=None):
        holder = mongo_transactions.holder_of(self, place, key_of(row_id))
        if holder:
            raise mongo_transactions.RowHeld(holder)
        old = self.latest.get(place, {}).get(key_of(row_id)) or {}
        changed = {name: value for name, value in (document or {}).items() if old.get(name) != value}
        entry = Entry(time or self.set.next_time(self), self.term, place, row_id, document, kind, changed)
        self.log.append(entry)
        entry.apply(self.latest)

    def rows_at(self, moment):
        """What the log makes of all collections up to a time; None: all of it."""
        if moment is None:
            return self.latest
        view = {}
        for entry in self.log:
            if entry.time <= moment:
                entry.apply(view)
        return view

    def learn_commit(self, commit):
        for entry in self.log[self.commit : commit]:
            entry.apply(self.majority)
        self.commit = max(self.commit, commit)

    def common_with(self, other):
        length = min(len(self.log), len(other.log))
        while length and self.log[length - 1] is not other.log[length - 1]:
            length -= 1
        return length

    def copy_from(self, source):
        common = self.common_with(source)
        if common < len(self.log):  # a rollback
            self.log, self.latest, self.retried = self.log[:common], {}, {}
            self.take(self.log)
        self.take(source.log[common:])
        self.log += source.log[common:]

    def take(self, entries):
        for entry in entries:
            entry.apply(self.latest)
            if entry.retry:
                self.retried[entry.retry[0]] = entry.retry[1]

    def indexes(self, place):
        names = self.latest.get((place[0], f"{place[1]}.$indexes"), {}).get(key_of("names"), {})
        return {"_id_": {}, **{name: options for name, options in names.items() if name != "_id"}}

    def view_for(self, command):
        level = command.get("readConcern", {}).get("level")
        return self.majority if level in ("majority", "linearizable", "snapshot") else self.latest

    # --- answers ---

    def hello(self):
        mongo_set = self.set
        answer = {
            "helloOk": True, "ismaster": self.role == PRIMARY, "isWritablePrimary": self.role == PRIMARY,
            "maxBsonObjectSize": Int32(16777216), "maxMessageSizeBytes": Int32(48000000), "maxWriteBatchSize": Int32(100000),
            "localTime": Date(time.time() * 1000), "logicalSessionTimeoutMinutes": Int32(30), "minWireVersion": Int32(0),
            "maxWireVersion": Int32(mongo_set.wire_version), "readOnly": False, "ok": 1.0,
        }  # fmt: skip
        if mongo_set.is_standalone:
            return answer
        answer |= {"setName": mongo_set.name, "setVersion": Int32(1), "secondary": self.role == SECONDARY, "me": self.host}
        answer |= {"hosts": [member.host for member in mongo_set.members]}
        if self.role == PRIMARY:
            answer |= {"electionId": self.election_id, "primary": self.host}
        elif mongo_set.primary and not self.is_held:
            answer |= {"primary": mongo_set.primary.host}
        if mongo_set.version >= (4, 4):
            answer |= {"topologyVersion": self.topology_version()}
        return answer

    def answer(self, command):
        """None: the connection is to be cut."""
        with self.set.lock:
            self.thaw()
            return self.execute(command)

    def execute(self, command):
        name = next(iter(command)).lower()
        fault = self.fault_for(name)
        self.seen.append(command)
        self.heard_of = max(self.heard_of, command.get("$clusterTime", {}).get("clusterTime", 1))
        try:
            if fault and fault["error"]:
                raise CommandError(*fault["error"], "as the test wants it")
            answer = {**self.run(name, command), "ok": 1.0}
        except CommandError as error:
            answer = dict(error.document)
            if answer["code"] in (91, 189, 10107, 11600, 11602, 13435, 13436) and self.set.version >= (4, 4):
                answer["topologyVersion"] = self.topology_version()
        codes = {answer.get("code"), answer.get("writeConcernError", {}).get("code")}
        if command.get("autocommit") is False:
            answer |= mongo_transactions.labels(name, answer.get("code"), bool(codes & RETRYABLE))
        elif self.set.version >= (4, 4) and "txnNumber" in command:
            answer |= {"errorLabels": ["RetryableWriteError"]} if codes & RETRYABLE else {}
        if not self.set.is_standalone:
            now, sign = Timestamp(self.operation_time(name, command)), {"hash": Binary(20), "keyId": 0}
            cluster_time = {"clusterTime": Timestamp(self.cluster_time()), "signature": sign}
            answer = {"operationTime": now, **answer, "$clusterTime": cluster_time}
        return None if (fault and not fault["error"]) or self.role == DOWN else answer

    def operation_time(self, name, command):
        """Of a read at majority, the commit point's; else that of what was done last here. An acknowledged write has its own."""
        is_majority = name in READS and command.get("readConcern", {}).get("level") == "majority"
        log = self.log[: self.commit] if is_majority else self.log
        return log[-1].time if log else 1

    def cluster_time(self):
        return max([self.heard_of, *(entry.time for entry in self.log[-1:])])

    def run(self, name, command):
        if command.get("autocommit") is False:
            return mongo_transactions.run(self, name, command, {"find": READS["find"], **STATEMENTS})
        if name in WRITES:
            return self.run_write(WRITES[name], command)
        if name in READS:
            self.check_reads(command)
            return READS[name](self, command)
        if name in OTHERS:
            return OTHERS[name](self, command)
        raise CommandError(59, "CommandNotFound", f"no such command: '{name}'")

    def check_reads(self, command):
        mode = command.get("$readPreference", {}).get("mode", "primary")
        if self.role != PRIMARY and mode == "primary" and "getMore" not in command:
            raise CommandError(13435, "NotPrimaryNoSecondaryOk", "not master and slaveOk=false")
        concern = command.get("readConcern", {})
        if concern.get("level") == "linearizable":
            self.append(("local", "noop"), None, None, "noop")
            self.set.replicate()
            self.await_commit(len(self.log), command)
        after = concern.get("afterClusterTime", 0)
        if after > self.cluster_time():
            raise CommandError(72, "InvalidOptions", "afterClusterTime value must not be greater than the current clusterTime")
        view = (lambda: self.log[: self.commit]) if self.view_for(command) is self.majority else (lambda: self.log)
        self.await_held(lambda: not after or any(entry.time >= after for entry in view()[-1:]), command)

    def await_commit(self, length, command):
        self.await_held(lambda: self.commit >= length, command)

    def await_held(self, condition, command):
        seconds = command.get("maxTimeMS", 60000) / 1000
        if not self.set.wait(lambda: condition() or self.role == DOWN, seconds):
            raise CommandError(50, "MaxTimeMSExpired", "operation exceeded time limit")

    def run_write(self, run, command):
        number = command.get("txnNumber")
        if number is not None and self.set.is_standalone:
            raise CommandError(20, "IllegalOperation", "Transaction numbers are only allowed on a replica set member or mongos")
        if self.role != PRIMARY:
            raise CommandError(10107, "NotWritablePrimary", "not master")
        retry = (bytes(command["lsid"]["id"]), number) if number is not None else None
        if retry in self.retried:
            return self.acknowledged(self.retried[retry], command)
        before = len(self.log)
        try:
            answer = run(self, command)
        except CommandError:
            self.set.replicate()
            raise
        if retry and len(self.log) > before:
            self.log[-1].retry = (retry, answer)
            self.retried[retry] = answer
        self.set.replicate()
        return self.acknowledged(answer, command)

    def acknowledged(self, answer, command):
        """Waits as the write concern says, for all that this member has so far; the retry of a write waits as well."""
        concern, length, term, last = command.get("writeConcern", {}), len(self.log), self.term, self.log[-1]
        if concern.get("w", 1) in (0, 1) or self.set.is_standalone:
            return answer

        def is_safe():
            return self.commit >= length and self.log[length - 1] is last

        def is_over():
            return self.role != PRIMARY or self.term != term

        left_s = min(concern.get("wtimeout") or 1e9, command.get("maxTimeMS") or 1e9, 1e7) / 1000
        self.set.wait(lambda: is_safe() or is_over(), left_s)
        if is_safe():
            return {**answer, "operationTime": Timestamp(last.time)}
        if is_over():
            failed = {"code": Int32(189), "codeName": "PrimarySteppedDown", "errmsg": "Primary stepped down while waiting for replication"}
        else:
            failed = {"code": Int32(64), "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out"}
            failed["errInfo"] = {"wtimeout": True}
        return {**answer, "writeConcernError": failed}


class MongoSet:
    def __init__(self, members=3, version=(4, 4), standalone=False, name="rs0"):
        self.name, self.version, self.is_standalone = name, version, standalone
        self.wire_version = max(wire for since, wire in WIRE_VERSIONS.items() if since <= version[:2])
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.term, self.count, self.cursor_count = 0, 0, 1000
        self.members = [Member(self, port) for port in free_ports(members)]

    def start(self):
        for member in self.members:
            member.start()
        self.elect(self.members[0])
        return self

    def stop(self):
        for member in self.members:
            if member.role != DOWN:
                member.kill()

    def uri(self, database="todos", options=""):
        """Of a set with all its members and its name, unless options say something else."""
        hosts = ",".join(member.host for member in self.members)
        options = options or ("" if self.is_standalone else f"replicaSet={self.name}")
        return f"mongodb://{hosts}/{database}" + (f"?{options}" if options else "")

    # --- what a test says ---

    def elect(self, member):
        """member is the primary from now on. An earlier one steps down unless it is held: then both believe it."""
        with self.changing():
            for other in self.members:
                if other.role == PRIMARY and not other.is_held:
                    self.demote(other)
            self.term += 1
            member.term, member.election_id = self.term, ObjectId(f"7fffffff{self.term:016x}")
            member.become(PRIMARY)
            member.append(("local", "noop"), None, None, "noop")

    def step_down(self):
        with self.changing():
            self.demote(self.primary)

    def hand_over(self, gap_s=0.012, to=None):
        """The primary steps down, and gap_s later another member is elected; returns it."""
        old = self.primary
        to = to or self.members[(self.members.index(old) + 1) % len(self.members)]
        self.step_down()
        time.sleep(gap_s)
        self.elect(to)
        return to

    # --- inside ---

    def demote(self, member):
        member.become(SECONDARY)
        if self.version < (4, 2):
            member.close_connections()

    @property
    def primary(self):
        """The one of the highest term."""
        return max((member for member in self.members if member.role == PRIMARY), key=lambda member: member.term, default=None)

    @contextlib.contextmanager
    def changing(self):
        with self.lock:
            yield
            self.replicate()

    def wait(self, condition, seconds):
        return self.changed.wait_for(condition, seconds)

    def next_time(self, member):
        """Later than all that this member has done or heard of."""
        self.count += 1
        return max((1_600_000_000 + member.term) << 32 | self.count, member.cluster_time() + 1)

    def replicate(self):
        """Whoever can copies from the primary; then the commit point moves, and whoever can learns of it."""
        source = self.primary
        if source and not source.is_held:
            for member in self.members:  # an earlier one that hears of it only now
                if member.role == PRIMARY and member is not source and not member.is_held:
                    self.demote(member)
            reached = [member for member in self.members if member.is_readable and not member.is_held]
            for member in reached:
                if member is not source:
                    member.copy_from(source)
            lengths = sorted((member.common_with(source) for member in self.members if member.is_readable), reverse=True)
            commit = (lengths + [0] * len(self.members))[len(self.members) // 2]
            if commit and source.log[commit - 1].term == source.term:
                source.learn_commit(commit)
            for member in reached:
                if not member.is_blind:
                    member.learn_commit(min(source.commit, len(member.log)))
        self.changed.notify_all()


def main():
    """mongo_server.py [MEMBERS [VERSION]]: prints the URI, and serves until its input ends."""
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    version = tuple(int(part) for part in sys.argv[2].split(".")) if len(sys.argv) > 2 else (4, 4)
    print(MongoSet(members, version, standalone=members == 1).start().uri(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
