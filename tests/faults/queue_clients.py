# SPDX-License-Identifier: MIT
"""
Clients that write by the queue and without it, on the same todos.

Some todos are never deleted, a few of them written often and many seldom: there the versions count the writes (queue_history.py). Others
are deleted and made again, by the queue as well: there the checker of histories judges (history.py). To it a queued write is one whose
answer came never: it may be made at any time after it began, and its state is what its ticket tells at the end. And there are todos that
are made once, by a queued POST that the client repeats with its Idempotency-Key until it has a 202.
"""

import json
import math
import re
import time

from clients import Client, Load, state_of
from history import Op
from journal import figures, wait_until_drained
from queue_history import APPLIED, DEAD, Queued, Told, check_reads, check_todos
from stack import wait_until

PREFER = "Prefer: respond-async\r\n"
JSON, MERGE = "Content-Type: application/json\r\n", "Content-Type: application/merge-patch+json\r\n"
WEIGHTS = {"get": 20, "get_with_ticket": 10, "patch": 5, "put": 5, "queued_patch": 25, "queued_put": 20, "insert": 5, "live": 10}
LIVES = dict.fromkeys(("get", "put", "post", "delete", "queued_put", "queued_patch", "queued_delete"), 1)
TRIES = 40
# Failpoints that widen the windows between an applier's steps.
SLOW = "queue_before_apply=delay:5@0.2,queue_after_commit=delay:15@0.2"
# A history of few writes proves nothing.
QUEUED_LEAST = 60
# Of what waits: after deaths, and if nobody died. MongoDB itself ends a transaction that was left open after 60 s.
DRAIN_S, DRAIN_ALIVE_S = 60, 20


class QueueClient(Client):
    def __init__(self, load, number):
        super().__init__(load, number)
        self.queued, self.inserted, self.reads, self.unanswered = [], [], [], []
        self.latest = {}  # the last ticket of each todo
        self.wrong = []

    # --- writes ---

    def live(self, _):
        """Something to a todo that is deleted now and then."""
        verb = self.random.choices(list(self.load.lives), self.load.lives.values())[0]
        getattr(self, verb)(self.random.choice(self.load.lively))

    def write(self, method, path, id, fields, headers=""):
        """A synchronous one. Whether one without an answer was made is not known."""
        count = len(self.ops)
        super().write(method, path, id, fields, headers)
        if len(self.ops) > count and not self.ops[-1].answered:
            self.unanswered.append(id)

    def queued_write(self, kind, method, id, headers="", body=b""):
        """Notes it; its name is in the body."""
        name = json.loads(body)["name"] if body else None
        begin, _, status, _, answer = self.ask(method, f"/todos/{id}", body, headers + PREFER)
        if status == 202:
            op = Op(id, kind, begin, math.inf, None, name, note="queued")
            self.ops.append(op)
            ticket = json.loads(answer)["ticket"]
            self.latest[id] = ticket
            self.queued.append(Queued(id, ticket, name, op=op))
        elif not was_refused(status, answer):
            self.ops.append(Op(id, kind, begin, math.inf, None, name, note=f"queued? status {status}"))
            self.unanswered.append(id)

    def body(self):
        return json.dumps({"name": self.name()}).encode()

    def queued_put(self, id):
        self.queued_write("write", "PUT", id, JSON, self.body())

    def queued_patch(self, id):
        self.queued_write("write", "PATCH", id, MERGE, self.body())

    def queued_delete(self, id):
        self.queued_write("delete", "DELETE", id)

    def insert(self, _):
        """A todo of its own. The same ticket comes for the same key, whichever try made it."""
        name, tickets = self.name(), set()
        id = f"{self.load.prefix}-{name}"
        body = json.dumps({"id": id, "name": name}).encode()
        for _ in range(TRIES):
            _, _, status, _, answer = self.ask("POST", "/todos", body, f'{JSON}{PREFER}Idempotency-Key: "{id}"\r\n')
            if status == 202:
                tickets.add(json.loads(answer)["ticket"])
                if len(tickets) > 1 or self.random.random() < 0.8:
                    break
            elif status and status < 500:
                self.wrong.append(f"a queued POST of {id} was answered {status}: {answer[:200]}")
                break
            if self.load.over.wait(0.05):
                break
        if len(tickets) > 1:
            self.wrong.append(f"{id} has two tickets: {tickets}")
        self.inserted += [Queued(id, ticket, name) for ticket in tickets]

    # --- reads ---

    def get_with_ticket(self, id):
        ticket = self.latest.get(id)
        if not ticket:
            return self.get(id)
        begin, end, status, head, body = self.ask("GET", f"/todos/{id}", headers=f"Todo-Version: {ticket}\r\n")
        if status == 200:
            state, name = state_of(head), json.loads(body)["name"]
            self.ops.append(Op(id, "read", begin, end, state, name, note=f"with {ticket}"))
            if id not in self.load.lively:
                self.reads.append(Told(id, state[1], ticket=ticket))


def was_refused(status, answer):
    """The worker said that it changed nothing."""
    return 400 <= status < 500 or (status == 503 and re.search(rb'"type":"[^"]*(queue-full|/unavailable)"', answer) is not None)


def shown_by(answer):
    """(life, version)."""
    version, life, _ = answer.headers["ETag"].strip('"').split("-")
    return life, int(version)


class QueueLoad(Load):
    """
    prefix: of ids that no other load has. few, many: how many todos are there, at version 1; lively: ids of others. lives: what is done to
    these, with weights. more: stacks of other machines.
    """

    kind = QueueClient

    def __init__(self, stack, prefix, few=3, many=120, lively=None, lives=LIVES, more=(), weights=WEIGHTS, **options):
        self.stack, self.prefix, self.lives = stack, prefix, lives
        self.lively = lively or [f"{prefix}-lively{n}" for n in range(4)]
        often, seldom = ([f"{prefix}-{name}{n}" for n in range(count)] for name, count in (("few", few), ("many", many)))
        self.counted = often + seldom
        self.own_ops = [self.make(id) for id in self.counted]
        super().__init__([each.port for each in (stack, *more)], often * (many // few) + seldom, weights=weights, **options)
        self.listed = self.counted + self.lively

    def make(self, id):
        """Once, however often a busy store is asked for it."""
        begin, path, headers = time.monotonic(), f"/todos/{id}", {"Content-Type": "application/json", "If-None-Match": "*"}

        def made():
            answer = self.stack.request("PUT", path, '{"name":"first"}', headers)
            return answer if answer.status == 201 else answer.status == 412 and self.answer(path)

        answer = wait_until(made, 20, id)
        return Op(id, "write", begin, time.monotonic(), shown_by(answer), "first")

    @property
    def ops(self):
        return self.own_ops + super().ops

    def of_all(self, what):
        return [each for client in self.clients for each in getattr(client, what)]

    @property
    def queued(self):
        return self.of_all("queued")

    # --- afterwards ---

    def answer(self, path, **headers):
        """None if the worker has only been started, and doesn't reach the journal yet."""
        answer = self.stack.get(path, **headers)
        return answer if answer.status == 200 else None

    def look(self, id, **headers):
        def read():
            begin = time.monotonic()
            answer = self.answer(f"/todos/{id}", **headers)
            return answer and Op(id, "read", begin, time.monotonic(), shown_by(answer), answer.json["name"], note="at the end")

        return wait_until(read, 20, id)

    def settle(self, seconds):
        """Waits until all is applied, asks what has become of it, and reads each todo once more."""
        wait_until_drained(self.stack, seconds)
        self.resolve()
        self.own_ops += [self.look(id) for id in self.counted]

    def resolve(self):
        """Asks for the outcome of each ticket; what was refused or is a dead letter has made no state."""
        made = set()
        for write in (*self.queued, *self.of_all("inserted")):
            answer = wait_until(lambda: self.answer(f"/queue/{write.ticket}"), 20, f"an answer for {write}")
            told = answer.json
            write.outcome = DEAD if "refused-by-store" in answer.body.decode() else told["state"]
            if write.outcome == APPLIED and "version" not in told:
                write.outcome = "applied, and no version was made"
            assert told["todo"] == write.id, (write, told)
            if write.outcome != APPLIED:
                made.add(id(write.op))
                continue
            write.told = told["version"]
            _, version, life = write.told.rsplit(".", 2)
            write.version = int(version)
            if write.op and write.op.kind == "write":
                write.op.state = (life, int(version))
        for client in self.clients:
            client.ops = [op for op in client.ops if id(op) not in made]

    def latest_told(self):
        """{id: header} of the latest version that somebody was told of: whatever befalls, no answer to it is older."""
        told = [(write.id, write.version, write.told) for write in self.queued if write.outcome == APPLIED]
        told += [(id, state[1], text) for client in self.clients for id, (text, state) in client.told.items()]
        return {id: {"Todo_Version": text} for id, _, text in sorted(told, key=lambda each: each[1])}

    def violations(self):
        """What the versions say of the todos that nobody deletes, and of those that were made once; after resolve()."""
        counted, told = {*self.counted}, self.latest_told()
        last = {op.id: (op.state[1], op.name) for op in (self.look(id, **told.get(id, {})) for id in counted)}
        queued = [write for write in self.queued if write.id in counted]
        written = [
            Told(op.id, op.state[1], op.name)
            for op in self.ops if op.id in counted and op.kind == "write" and op.answered and op.name != "first"
        ]  # fmt: skip
        found = check_todos(queued, written, self.of_all("unanswered"), last)
        found += [f"lost: {write}" for write in self.queued if write.outcome not in (APPLIED, DEAD, "failed")]
        return found + check_reads(queued, self.of_all("reads")) + self.of_all("wrong") + self.inserts_wrong()

    def assert_applied_once(self):
        """In the order of each todo, and none is a dead letter."""
        violations = self.violations()
        assert not violations, f"{len(violations)} violations\n" + "\n".join(violations[:5])
        dead = [write for write in self.queued if write.outcome == DEAD]
        assert not dead and figures(self.stack)["dead"] == 0, dead
        unanswered = [id for id in self.of_all("unanswered") if id in self.counted]
        assert len(unanswered) < sum(write.id in self.counted for write in self.queued) / 2, f"too little is known: {self.statuses}"

    def inserts_wrong(self):
        found = []
        for write in self.of_all("inserted"):
            answer = self.stack.get(f"/todos/{write.id}")
            if write.outcome != APPLIED or write.version != 1 or answer.status != 200 or answer.json["name"] != write.name:
                found.append(f"lost: {write}, and the todo is {answer}")
        return found
