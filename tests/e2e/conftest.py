# SPDX-License-Identifier: MIT
"""
Fixtures of the end-to-end tests.

stack      one for the whole session, on each store in turn: for tests that ask and write, with ids of their own
new_stack  makes a stack for one test, which may kill what it likes: new_stack(settings={...}, prepared_only=True)
store      "sqlite" or "mongodb": both of the above are on it
"""

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from proxy import Proxy
from stack import ROOT, Stack
from tiny_bson import primary_of, with_hosts

MONGODB = ROOT / "tests/store/mongodb.sh"
NUMBERS = itertools.count(1)

# As ./dev sets it: workers that tests kill would each leave a file in /dev/shm.
os.environ["MONGOC_DISABLE_SHM"] = "1"


@pytest.fixture(scope="session", params=["sqlite", "mongodb"])
def store(request):
    return request.param


class MongoDB:
    """The session's one server, started by who first asks for it."""

    def __init__(self, folder):
        self.folder, self.uri = folder, None

    def start(self):
        if self.uri is None:
            result = subprocess.run([MONGODB, "start", self.folder], capture_output=True, text=True, timeout=300)
            if result.returncode == 77:
                pytest.skip("no MongoDB: " + result.stderr.strip())
            assert result.returncode == 0, result.stdout + result.stderr
            self.uri = dict(line.split(" ", 1) for line in result.stdout.splitlines())["uri"]
        return self.uri

    def stop(self):
        if self.uri is not None:
            subprocess.run([MONGODB, "stop", self.folder], check=True, timeout=60)


@pytest.fixture(scope="session")
def mongodb(tmp_path_factory):
    server = MongoDB(tmp_path_factory.mktemp("mongodb"))
    yield server
    server.stop()


def database_uri(uri):
    """The same server, another database: nothing that one stack wrote is seen by the next."""
    server, _, options = uri.partition("?")
    scheme, _, rest = server.partition("://")
    host = rest.partition("/")[0]
    return f"{scheme}://{host}/todo_test_{os.getpid()}_{next(NUMBERS)}" + (f"?{options}" if options else "")


def through_proxy(uri, proxy):
    """The proxy in the place of the URI's hosts. The driver must not find a set's members around it."""
    uri = with_hosts(uri, [("127.0.0.1", proxy.port)])
    return uri + ("&" if "?" in uri else "?") + "directConnection=true"


@pytest.fixture(scope="session")
def make_stack(tmp_path_factory, mongodb):
    def make(store, **options):
        if store == "mongodb" and "store_uri" not in options:
            options["store_uri"] = database_uri(mongodb.start())
        return Stack(tmp_path_factory.mktemp("stack"), **options)

    return make


def finish(stack, failed):
    """Stops a stack and fails if there are complaints; the logs of what failed are kept."""
    complaints = stack.close()
    if (failed or complaints) and os.environ.get("E2E_LOGS"):
        kept = Path(os.environ["E2E_LOGS"], stack.folder.name)
        shutil.copytree(stack.folder / "logs", kept, dirs_exist_ok=True)
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def stack(store, make_stack, request):
    stack = make_stack(store)
    failed_before = request.session.testsfailed
    try:
        yield stack.up()
    finally:
        finish(stack, request.session.testsfailed > failed_before)


@pytest.fixture
def new_stack(store, make_stack, request):
    stacks = []

    def new(prepared_only=False, **options):
        stack = make_stack(store, **options)
        stacks.append(stack)
        return stack.prepare() if prepared_only else stack.up()

    failed_before = request.session.testsfailed
    yield new
    for stack in stacks:
        finish(stack, request.session.testsfailed > failed_before)


@pytest.fixture
def new_id(request):
    """Ids that no other test uses: new_id() gives another one each time."""
    return lambda: f"t-{os.getpid()}-{next(NUMBERS)}"


class StoreAway:
    """A store that is not there yet: come() makes it appear under the URI that the workers already have."""

    def __init__(self, uri, come):
        self.uri, self.come = uri, come


@pytest.fixture
def mongodb_proxy(store, mongodb):
    """mongodb_proxy() is a proxy in front of MongoDB, open, with a database of its own in its uri."""
    assert store == "mongodb", "only MongoDB is behind a network"
    proxies = []

    def new():
        uri = mongodb.start()
        proxy = Proxy(*primary_of(uri))
        proxy.uri = database_uri(through_proxy(uri, proxy))
        proxy.open()
        proxies.append(proxy)
        return proxy

    yield new
    for proxy in proxies:
        proxy.cut()


@pytest.fixture
def store_away(store, request, tmp_path):
    if store == "mongodb":
        proxy = request.getfixturevalue("mongodb_proxy")()
        proxy.cut()
        return StoreAway(proxy.uri, proxy.open)
    folder = tmp_path / "not-mounted-yet"
    return StoreAway(f"sqlite:{folder}/todos.db", folder.mkdir)
