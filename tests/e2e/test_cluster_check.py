# SPDX-License-Identifier: MIT
"""--check on a real Redis Cluster, as a user with the rights that etc/todo.conf names."""

import re
import subprocess

import pytest
from redis_cluster import SLOTS, running
from stack import ROOT, WORKER_BUILD

PASSWORD = "only for the test"


def rights():
    """Of redis_user, and those that a cluster needs beside them."""
    text = re.sub(r"\n# ?", " ", (ROOT / "etc/todo.conf").read_text())
    return re.search(r"rights: ([^a-z]*~todo.*?) name;", text)[1].split() + re.search(r"user needs (\S+ \S+) as well", text)[1].split()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("cluster")) as cluster:
        for member in cluster.members:
            member.ask("ACL", "SETUSER", "todo", "on", f">{PASSWORD}", *rights())
            member.ask("CONFIG", "SET", "repl-diskless-sync-delay", 5)
        yield cluster


@pytest.fixture
def check(cluster, tmp_path):
    (tmp_path / "password").write_text(PASSWORD)

    def run(user="todo"):
        options = ["-o", "store=sqlite:todos.db", "-o", f"redis={cluster.url}"]
        if user:
            options += ["-o", f"redis_user={user}", "-o", "redis_password_file=password"]
        result = subprocess.run([WORKER_BUILD / "todo-fcgi", *options, "--check"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
        return result.returncode, result.stderr

    return run


def test_a_good_cluster_passes_with_the_documented_rights(check):
    status, told = check()
    assert status == 0 and "redis" not in told, told


def test_a_missing_right_is_told_with_the_server(cluster, check):
    cluster.primaries[1].ask("ACL", "SETUSER", "todo", "-eval")
    try:
        status, told = check()
    finally:
        cluster.primaries[1].ask("ACL", "SETUSER", "todo", "+@scripting")
    assert status == 1 and f"redis: 127.0.0.1:{cluster.primaries[1].port}: NOPERM" in told, told


def test_settings_that_a_cluster_must_or_should_have(cluster, check):
    primary = cluster.primaries[0]
    place = f"redis: 127.0.0.1:{primary.port}: "
    primary.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    primary.ask("CONFIG", "SET", "cluster-require-full-coverage", "yes")
    primary.ask("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    status, told = check(user=None)
    assert status == 0 and told.count(place) == 3, told
    assert "allkeys-lfu" in told and "cluster-require-full-coverage no" in told and "repl-diskless-sync-delay 5" in told, told
    primary.ask("CONFIG", "SET", "cluster-allow-reads-when-down", "yes")
    status, told = check(user=None)
    assert status == 2 and place + "cut off" in told, told
    for name, value in (
        ("cluster-allow-reads-when-down", "no"),
        ("cluster-require-full-coverage", "no"),
        ("maxmemory-policy", "allkeys-lfu"),
        ("repl-diskless-sync-delay", 5),
    ):
        primary.ask("CONFIG", "SET", name, value)


def test_slots_without_a_server_are_counted(cluster, check):
    """The last test: a third of the slots is lost."""
    lost = SLOTS * 3 // 3 - SLOTS * 2 // 3
    cluster.replicas[2].stop()
    cluster.primaries[2].stop()
    status, told = check()
    assert status == 1 and f"no server serves {lost} of the {SLOTS} slots" in told, told
