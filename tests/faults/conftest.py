# SPDX-License-Identifier: MIT
"""Stacks for the fault tests: workers of the build with failpoints, behind nginx, on SQLite or on a MongoDB."""

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import mongod
import pytest
from form import IS_LONG, SEED
from stack import ROOT, Stack

BUILD = Path(os.environ.get("FAULTS_BUILD_DIR", ROOT / "build-failpoints"))
NUMBERS = itertools.count(1)

os.environ["MONGOC_DISABLE_SHM"] = "1"


def pytest_report_header():
    return f"faults: {'long' if IS_LONG else 'short'} form, FAULTS_SEED={SEED}, workers of {BUILD}"


@pytest.fixture
def seconds():
    """seconds(4) is how long a load lasts: 4 s in the short form, twice that in the long one."""
    return lambda short: 2 * short if IS_LONG else short


@pytest.fixture
def new_ids():
    """Ids that no other load uses, so that each history begins at the beginning."""
    return lambda count: [f"h{next(NUMBERS)}" for _ in range(count)]


@pytest.fixture(scope="session")
def mongodb(tmp_path_factory):
    """A set of our own, whatever MONGODB_URI names: tests freeze it and kill it."""
    server = mongod.ReplicaSet(tmp_path_factory.mktemp("mongodb")).start()
    yield server
    server.stop()


class FaultStack(Stack):
    def __init__(self, folder, failpoints="", store_uri=None, workers=3, settings=None):
        super().__init__(folder, store_uri=store_uri, workers=workers, settings=settings)
        assert (BUILD / "todo-fcgi").exists(), f"there is no build with --enable-failpoints in {BUILD}"
        self.environment["BUILD_DIR"] = str(BUILD)
        if failpoints:
            self.environment["TODO_FAILPOINTS"] = failpoints

    def ctl(self, *words):
        environment = {name: value for name, value in self.environment.items() if name != "TODO_FAILPOINTS"}
        command = [BUILD / "todoctl", "-c", "todo.conf", *words]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def make_stack(tmp_path_factory, request):
    """make_stack(...) starts one, or gives the one that a test before this started in the same way."""
    stacks = {}

    def make(**options):
        key = repr(options)
        if key not in stacks:
            stacks[key] = FaultStack(tmp_path_factory.mktemp("stack"), **options)
            stacks[key].up()
        return stacks[key]

    failed_before = request.session.testsfailed
    yield make
    complaints = []
    for stack in stacks.values():
        complaints += stack.close()
        if os.environ.get("E2E_LOGS") and (complaints or request.session.testsfailed > failed_before):
            shutil.copytree(stack.folder / "logs", Path(os.environ["E2E_LOGS"], stack.folder.name), dirs_exist_ok=True)
    assert not complaints, "\n".join(complaints)
