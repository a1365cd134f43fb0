# SPDX-License-Identifier: MIT
"""doc/cluster.md: its commands make a cluster of six servers, and a running service moves there."""

import os
import re
import signal
import subprocess

import pytest
from documented import Documented, commands_of
from ports import free_port
from sentinels import die_with_parent
from stack import wait_until

pytestmark = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
SERVERS = 6


class Machines(Documented):
    """The service's, and those of Redis: what is done on each of these comes once for each."""

    def __init__(self, stack):
        self.folder, self.servers, self.ports, self.buses = stack.folder, [], [], []
        for _ in range(SERVERS):
            self.ports.append(free_port())
            self.buses.append(free_port())
        addresses = [(rf"10\.0\.0\.{n}:6379", f"127.0.0.1:{port}") for n, port in enumerate(self.ports, 1)]
        hosts = [(rf"-h 10\.0\.0\.{n}\b", f"-h 127.0.0.1 -p {port}") for n, port in enumerate(self.ports, 1)]
        places = [(r"/etc/redis/", ""), (r"/etc/todo-fcgi/redis\.password", "redis.password"), (r" -g todo", ""), *addresses, *hosts]
        ours = {"export REDISCLI_AUTH=": self.log_in, "chown redis": lambda _: "", "install -d -o redis": lambda _: "",
                "systemctl enable --now redis-server@cluster": self.start_redis}  # fmt: skip
        super().__init__(stack, ours, places)

    def log_in(self, command):
        """Of the shell in which the next commands are given."""
        self.places.append((r"\bredis-cli ", f"{command.removeprefix('export ')} redis-cli "))

    def start_redis(self, _):
        documented = (self.folder / "redis-cluster.conf").read_text()
        for port, bus in zip(self.ports, self.buses):
            folder = self.folder / f"redis-{port}"
            folder.mkdir()
            mine = {r"bind .*": "bind 127.0.0.1", r"port 6379": f"port {port}\ncluster-port {bus}", r"dir .*": f"dir {folder}",
                    r"maxmemory \S+": "maxmemory 16mb"}  # fmt: skip
            config = documented
            for old, new in mine.items():
                config, count = re.subn(rf"(?m)^{old}$", new, config)
                assert count == 1, old
            (folder / "redis.conf").write_text(config)
            with open(folder / "log", "ab") as log:
                command = ["redis-server", folder / "redis.conf"]
                self.servers.append(subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent))
        for port in self.ports:
            wait_until(lambda: "NOAUTH" in self.shell(f"redis-cli -p {port} ping || true"), 20, "a Redis that asks for its password")

    def are_serving(self):
        """As each server says itself, some seconds after all have agreed."""
        return all("cluster_state:ok" in self.shell(f"redis-cli -p {port} cluster info") for port in self.ports)

    def stop(self):
        for server in self.servers:
            os.kill(server.pid, signal.SIGKILL)
            server.wait(30)


@pytest.fixture
def machines(new_stack):
    machines = Machines(new_stack())
    yield machines
    machines.stop()


def is_hit(stack, id):
    return all(stack.get(f"/todos/{id}").cache.get("hit") for _ in range(10))


def test_the_commands_of_the_cluster_page_move_a_service_there(machines):
    stack, told = machines.stack, {}
    stack.post({"id": "42", "name": "Buy milk"})
    for command in commands_of("doc/cluster.md"):
        if "--cluster reshard" in command:
            wait_until(lambda: is_hit(stack, "42"), 20, "hits from the cluster")
        told[command] = machines.run(command)
        if "--cluster check" in command:
            wait_until(machines.are_serving, 30, "servers that serve")
    by = {name: said for command, said in told.items() for name in ("--cluster check", "--cluster reshard", "--check") if name in command}
    assert "All 16384 slots covered" in by["--cluster check"] and "Moving slot" in by["--cluster reshard"]
    assert "all that a start needs is there" in by["--check"], by["--check"]
    wait_until(lambda: stack.internal.get("/readyz").json["redis"] == {"status": "trusted"}, 20, "trust in all primaries")
    wait_until(lambda: stack.counters()["todo_cluster_nodes"] == 3, 20, "the number of primaries, which workers tell each second")
    wait_until(lambda: is_hit(stack, "42"), 20, "hits after the move")
