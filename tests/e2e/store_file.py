# SPDX-License-Identifier: MIT
"""The SQLite file of a stack: a copy of it while workers run, the copy put in its place while none does, and its write lock."""

import contextlib
import re
import shutil
import sqlite3
from pathlib import Path

from stack import wait_until


def store_path(stack):
    return stack.folder / re.search(r"^store = sqlite:(.+)$", (stack.folder / "todo.conf").read_text(), re.M)[1]


def await_drained(stack):
    """Until no record is left that would be drained later, and end entries."""
    with contextlib.closing(sqlite3.connect(store_path(stack))) as store:
        wait_until(lambda: not store.execute("SELECT 1 FROM outbox").fetchall(), 10, "an outbox that is drained")


def back_up(stack):
    """The file as it is now, whatever is in the write-ahead log."""
    copy = stack.folder / "backup.db"
    await_drained(stack)
    with sqlite3.connect(store_path(stack)) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    return copy


@contextlib.contextmanager
def write_lock(stack):
    """Held by this process, so nobody else writes."""
    database = sqlite3.connect(f"file:{store_path(stack)}?mode=rw", uri=True, isolation_level=None, timeout=10)
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        database.execute("ROLLBACK")
        database.close()


def restore(stack, copy):
    path = store_path(stack)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(copy, path)
