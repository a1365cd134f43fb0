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
from pathlib import Path

import mongod
import pytest
from mongo_router import Cluster
from proxy import Proxy, through_proxy
from stack import Stack
from tiny_bson import primary_of

NUMBERS = itertools.count(1)

# As ./dev sets it: workers that tests kill would each leave a file in /dev/shm.
os.environ["MONGOC_DISABLE_SHM"] = "1"


@pytest.fixture(scope="session", params=["sqlite", "mongodb"])
def store(request):
    return request.param


@pytest.fixture(scope="session")
def mongodb(tmp_path_factory):
    """mongodb() is the URI of a database of its own, on the session's one server, which the first call starts."""
    server = None

    def new_uri():
        nonlocal server
        server = server or mongod.server(tmp_path_factory.mktemp("mongodb"))
        return server.uri(mongod.new_database())

    yield new_uri
    if server:
        server.stop()


@pytest.fixture(scope="session")
def make_stack(tmp_path_factory, mongodb):
    """Without an L1, for these tests change and count what is in Redis; test_l1.py, and the faults, have one."""

    def make(store, settings=None, **options):
        if store == "mongodb" and "store_uri" not in options:
            options["store_uri"] = mongodb()
        return Stack(tmp_path_factory.mktemp("stack"), settings={"l1_mbytes": 0, **(settings or {})}, **options)

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


@pytest.fixture
def new_cluster():
    """new_cluster(shards=2, members=1, routers=1, ...) is a scripted sharded MongoDB (mongo_router.py)."""
    clusters = []

    def new(**options):
        clusters.append(Cluster(**options).start())
        return clusters[-1]

    yield new
    for one in clusters:
        one.stop()


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
        uri = mongodb()
        proxy = Proxy(*primary_of(uri))
        proxy.uri = through_proxy(uri, proxy)
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
