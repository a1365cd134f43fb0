# SPDX-License-Identifier: MIT
"""One private redis-server on a unix socket serves all tests; each begins with FLUSHALL."""

import os
import shutil
import subprocess
import time

import pytest
from scripts import Redis, Refused


def answers(path):
    """The socket's file is there a little before redis-server listens on it."""
    try:
        Redis(path).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    program = shutil.which("redis-server")
    if not program:
        stop = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        stop("there is no redis-server to run the scripts on")
    path = tmp_path_factory.mktemp("redis") / "s"
    command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([*command, "--dir", str(path.parent)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not answers(path):
            assert process.poll() is None and time.monotonic() < deadline, "redis-server doesn't come up"
            time.sleep(0.01)
        yield path
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def redis(server):
    connection = Redis(server)
    connection("FLUSHALL")
    connection("SCRIPT", "FLUSH")
    yield connection
    connection("CONFIG", "SET", "maxmemory", "0")
    connection.close()


@pytest.fixture
def full(redis):
    """Fills Redis up: from here on nothing that needs memory is taken."""

    def fill_up():
        redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
        redis("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(Refused, match="^OOM"):
            redis("SET", "one", "more")

    return fill_up
