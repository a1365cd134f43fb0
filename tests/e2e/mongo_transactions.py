# SPDX-License-Identifier: MIT
"""
Transactions of several statements, for a member of mongo_server.py's set, as the manual has them ("Transactions", "Production
Considerations", the drivers' "Transactions" specification):

- startTransaction with the first command; all commands see one snapshot (of one database, here; as of atClusterTime, if a router
  says so) and what the transaction wrote;
- a row that somebody has changed since, or that another open transaction has written, is a conflict: error 112, and the transaction is
  over. A single write waits for the transaction that holds its row, as long as its maxTimeMS allows. A write that changes nothing of
  its row meets neither;
- commitTransaction waits as its write concern says, and may be sent again, also to the next primary; then it tells what the first did;
- an unknown transaction is error 251; both errors, and those of a primary that is none any more, have the label TransientTransactionError;
- a step-down, an end of the session, an error of a statement, and the lifetime (60 s) end a transaction; its client's death does not;
- a standalone server refuses its number with 20.

Not played: reads of other sessions that wait for a commit, prepared transactions, several databases, collections that are made inside.
"""

import time

from mongo_documents import CommandError, key_of

LIFETIME_S = 60
TRANSIENT = {24, 112, 251}
ENDS = ("committransaction", "aborttransaction")


class Conflict(Exception):
    """Of a row that is not as the snapshot has it: not an error of one statement, but the end of the transaction."""


class RowHeld(Exception):
    """A single write has met an open transaction."""

    def __init__(self, holder):
        super().__init__()
        self.holder = holder


def key_of_command(command):
    return bytes(command["lsid"]["id"]), command["txnNumber"]


class Transaction:
    """Commands take it for the member: it has the rows as they see them, and keeps what they append."""

    def __init__(self, member, command):
        self.member, self.set, self.number, self.until = member, member.set, command["txnNumber"], time.monotonic() + LIFETIME_S
        rows = member.rows_at(command["readConcern"].get("atClusterTime"))
        self.snapshot = {place: dict(rows) for place, rows in rows.items() if place[0] == command["$db"]}
        self.latest = {place: dict(rows) for place, rows in self.snapshot.items()}
        self.appended, self.rows, self.is_over = [], set(), False

    def view_for(self, _command):
        return self.latest

    def indexes(self, place):
        return self.member.indexes(place)

    def append(self, place, row_id, document, kind):
        row = (place, key_of(row_id))
        if row not in self.rows:
            now, then = (rows.get(place, {}).get(row[1]) for rows in (self.member.latest, self.snapshot))
            if now is not then or holder_of(self.member, *row):
                raise Conflict
        self.rows.add(row)
        self.appended.append((place, row_id, document, kind))
        rows = self.latest.setdefault(place, {})
        if document is None:
            rows.pop(row[1], None)
        else:
            rows[row[1]] = document


def holder_of(member, place, key):
    """The open transaction that has written this row."""
    for transaction in list(member.transactions.values()):
        if (place, key) in transaction.rows and not transaction.is_over:
            if time.monotonic() < transaction.until:
                return transaction
            end(member, transaction)
    return None


def end(member, transaction):
    transaction.is_over = True
    for session in [session for session, one in member.transactions.items() if one is transaction]:
        del member.transactions[session]


def end_all(member, sessions=None):
    for session, transaction in list(member.transactions.items()):
        if sessions is None or session in sessions:
            end(member, transaction)


def end_sessions(member, command):
    end_all(member, {bytes(session["id"]) for session in next(iter(command.values()))})
    member.set.changed.notify_all()
    return {}


def patiently(member, command, run):
    """Runs a single write, again after the transaction that holds its row has ended."""
    seconds = command.get("maxTimeMS", 60000) / 1000
    until = time.monotonic() + seconds
    while True:
        try:
            return run()
        except RowHeld as held:
            left = min(until, held.holder.until) - time.monotonic()
            member.set.wait(lambda: held.holder.is_over or not member.is_primary, max(left, 0))
            if not member.is_primary:
                raise CommandError(10107, "NotWritablePrimary", "not master") from None
            if time.monotonic() >= until:
                raise CommandError(50, "MaxTimeMSExpired", "operation exceeded time limit") from None


# ---- Commands ----


def run(member, name, command, statements):
    """A command of a transaction; statements has those that are neither its commit nor its abort."""
    if member.set.is_standalone:
        raise CommandError(20, "IllegalOperation", "Transaction numbers are only allowed on a replica set member or mongos")
    if not member.is_primary:
        raise CommandError(10107, "NotWritablePrimary", "not master")
    session, number = key_of_command(command)
    if command.get("startTransaction"):
        end_all(member, {session})
        member.check_reads({**command, "find": 1})
        member.transactions[session] = Transaction(member, command)
    transaction = member.transactions.get(session)
    if name == "committransaction" and (session, number) in member.retried:
        return member.acknowledged(member.retried[session, number], command)
    if not transaction or transaction.number != number or time.monotonic() > transaction.until:
        end_all(member, {session})
        raise CommandError(251, "NoSuchTransaction", f"Given transaction number {number} does not match any in-progress transactions.")
    if name in ENDS:
        end(member, transaction)
        return commit(member, transaction, command) if name == "committransaction" else {}
    return run_statement(member, transaction, command, statements.get(name))


def run_statement(member, transaction, command, statement):
    if not statement:
        end(member, transaction)
        raise CommandError(263, "OperationNotSupportedInTransaction", f"Cannot run '{next(iter(command))}' in a multi-document transaction.")
    try:
        answer = statement(transaction, command)
    except Conflict:
        end(member, transaction)
        raise CommandError(112, "WriteConflict", "WriteConflict error: this operation conflicted with another operation.") from None
    except CommandError:
        end(member, transaction)
        raise
    if "writeErrors" in answer:
        end(member, transaction)
    return answer


def commit(member, transaction, command):
    """All of it has one time."""
    session_and_number = key_of_command(command)
    moment = member.set.next_time(member)
    for change in transaction.appended:
        member.append(*change, time=moment)
    if transaction.appended:
        member.log[-1].retry = (session_and_number, {})
        member.retried[session_and_number] = {}
    member.set.replicate()
    return member.acknowledged({}, command)


def labels(name, code, is_retryable):
    """The errorLabels of an answer with this code."""
    if name in ENDS and is_retryable:
        return {"errorLabels": ["RetryableWriteError"]}
    return {"errorLabels": ["TransientTransactionError"]} if is_retryable or code in TRANSIENT else {}
