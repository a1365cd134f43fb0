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


def back_up(stack):
    """The file as it is now, whatever is in the write-ahead log."""
    copy = stack.folder / "backup.db"
    with sqlite3.connect(store_path(stack)) as source, sqlite3.connect(copy) as target:
        # A record in the copy would be drained after the restore, and would drop the entries that a test is about.
        wait_until(lambda: not source.execute("SELECT 1 FROM outbox").fetchall(), what="an outbox that is drained")
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
