#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Real MongoDB servers for tests: a replica set on this machine, its members in one folder.

    mongod.py start DIR [MEMBERS]    start a set, of one member by default; print "uri URI" and "server NAME"
    mongod.py stop DIR               end what start has started

start takes the server that MONGODB_URI names, if it is set; then it starts nothing. The mongod is the one on the PATH, or else
the one that "./dev build mongod" brings from PyPI. Without one, it says so and exits 77.

Each member's pid and start time stand in a file, so that another process can end it and no other process is ended. The data is
thrown away afterwards, so members are killed. A set with one member has all that MongoDB promises of a set: majority writes,
majority reads, change streams.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from ports import free_port
from stack import ROOT, wait_until
from supervisor import started_at
from tiny_bson import Int32, Mongo, ask, primary_of, with_database

BROUGHT = "build/mongod/lib/python3*/site-packages/fiftyone/db/bin/mongod"
NAME = "todos"
NUMBERS = itertools.count(1)
# A member makes no large files in advance, and shows its journal's writes to a majority within 5 ms, also if nobody waits for them.
OPTIONS = """
    --bind_ip 127.0.0.1 --nounixsocket --wiredTigerCacheSizeGB 0.25 --journalCommitInterval 5
    --setParameter diagnosticDataCollectionEnabled=false --wiredTigerEngineConfigString log=(file_max=4MB,prealloc=false)
""".split()
# Nor does it wait for the disk (package libeatmydata1); where that is missing, the loader says so in the log.
ENVIRONMENT = {**os.environ, "LD_PRELOAD": "libeatmydata.so"}


class NoServer(unittest.SkipTest):
    """pytest counts a test that meets it as skipped."""


def program():
    found = shutil.which("mongod") or next(ROOT.glob(BROUGHT), None)
    if found is None:
        raise NoServer("no MongoDB: set MONGODB_URI, install mongod, or run ./dev build mongod")
    return found


class Mongod:
    """One server. With "--replSet" among its options it is a member, else it stands alone."""

    def __init__(self, folder, *options):
        self.folder, self.options, self.port = Path(folder), options, free_port()
        self.host = f"127.0.0.1:{self.port}"

    def start(self):
        self.launch()
        return self.wait()

    def launch(self):
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        command = [program(), *OPTIONS, *self.options, "--port", str(self.port), "--dbpath", self.folder / "data"]
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(
                command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (self.folder / "pid").write_text(f"{process.pid} {started_at(process.pid)}\n")

    def wait(self):
        wait_until(lambda: self.answers() or not self.pid, 60, "an answer of mongod")
        assert self.pid, f"mongod did not start; its log ends:\n{(self.folder / 'log').read_text()[-3000:]}"
        return self

    def answers(self):
        try:
            return self.run({"ping": 1})
        except OSError:
            return False

    def run(self, command):
        return ask(("127.0.0.1", self.port), {**command, "$db": "admin"})

    @property
    def pid(self):
        return pid_of(self.folder)

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self):
        end(self.folder)


def pid_of(folder):
    """None if the server in this folder has ended."""
    try:
        pid, since = (folder / "pid").read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if started_at(pid) == since else None


def end(folder):
    pid = pid_of(folder)
    if pid:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not pid_of(folder), 30, "the end of mongod")


class ReplicaSet:
    def __init__(self, folder, members=1, *options):
        options = ("--replSet", NAME, *options)
        self.members = [Mongod(Path(folder) / f"member{number}", *options) for number in range(members)]

    def start(self):
        try:
            self.initiate()
        except BaseException:
            self.stop()
            raise
        return self

    def initiate(self):
        for member in self.members:
            member.launch()
        for member in self.members:
            member.wait()
        rows = [{"_id": Int32(number), "host": member.host} for number, member in enumerate(self.members)]
        settings = {"electionTimeoutMillis": Int32(2000)}
        answer = self.members[0].run({"replSetInitiate": {"_id": NAME, "settings": settings, "members": rows}})
        assert answer["ok"], answer
        wait_until(lambda: all(self.is_ready(member) for member in self.members), 60, "a primary and its secondaries")

    @staticmethod
    def is_ready(member):
        hello = member.run({"isMaster": 1})
        return hello["ismaster"] or hello["secondary"]

    @property
    def hosts(self):
        return ",".join(member.host for member in self.members)

    def uri(self, database):
        return f"mongodb://{self.hosts}/{database}?replicaSet={NAME}"

    @property
    def primary(self):
        _, port = primary_of(self.uri(""))
        return next(member for member in self.members if member.port == port)

    @property
    def name(self):
        version = self.members[0].run({"buildInfo": 1})["version"]
        return f"mongod {version}, a set with {len(self.members)} member(s)"

    def stop(self):
        for member in self.members:
            member.stop()


class Given:
    """The server of MONGODB_URI: what is in the URI's own database is somebody's data. Our databases are dropped."""

    name = "MONGODB_URI"

    def __init__(self):
        self.uris = []

    def uri(self, database):
        self.uris.append(with_database(os.environ["MONGODB_URI"], database))
        return self.uris[-1]

    def stop(self):
        for uri in self.uris:
            mongo = Mongo(uri)
            mongo.run({"dropDatabase": 1})
            mongo.close()


def server(folder, members=1):
    """The one that MONGODB_URI names, or a set of our own."""
    return Given() if os.environ.get("MONGODB_URI") else ReplicaSet(folder, members).start()


def new_database():
    """A name that no other test uses."""
    return f"todo_test_{os.getpid()}_{next(NUMBERS)}"


def main(verb, folder, members=1):
    if verb == "start":
        try:
            found = server(folder, int(members))
        except NoServer as error:
            print(f"mongod.py: {error}", file=sys.stderr)
            return 77
        print(f"uri {found.uri(new_database())}\nserver {found.name}")
    else:
        for file in Path(folder).glob("*/pid"):
            end(file.parent)
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in ("start", "stop"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
