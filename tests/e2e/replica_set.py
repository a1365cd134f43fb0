# SPDX-License-Identifier: MIT
"""
A replica set of one, played by SecantusDB: the one server to be had from a package registry that streams changes.

./dev installs it (dev.d/tools.sh). What it does beside that is less than mongod does, so the other tests run on other servers.
"""

import os
import subprocess
import time

import pytest
from ports import free_port
from stack import ROOT
from tiny_bson import Mongo

PROGRAM = ROOT / "build/replica-set/venv/bin/secantusd-py"
HISTORY_MAX = 500  # changes; what is older is forgotten


class ReplicaSet:
    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.uri = f"mongodb://127.0.0.1:{self.port}/todos?replicaSet=secantus"
        self.process = None

    def start(self):
        if not PROGRAM.exists():
            stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            stop(f"no replica set: {PROGRAM} isn't installed")
        command = [PROGRAM, "--port", str(self.port), "--storage-path", self.folder / "data", "--log-level", "WARNING"]
        command += ["--cache-size", "64M", "--oplog-max-entries", str(HISTORY_MAX)]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)
        return self

    def answers(self):
        try:
            self.run({"ping": 1})
        except OSError:
            return False
        return True

    def run(self, command, uri=None):
        connection = Mongo(uri or self.uri)
        try:
            return connection.run(command)
        finally:
            connection.close()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
