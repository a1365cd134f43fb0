# SPDX-License-Identifier: MIT
"""Redis behind a proxy that hides which Redis answers, or one node of a cluster: no service starts there. One that is merely
away is waited for."""

import contextlib
import socketserver
import subprocess
import threading
import time

import pytest
from redis_cluster import Member
from stack import WORKER_BUILD

TOLD = "redis: it hides which Redis it is"
PONG = b"+PONG\r\n"


class Peer(socketserver.ThreadingTCPServer):
    """answers: to commands by their names; "" is any other. A command without an answer ends its connection."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), PeerConnection)
        self.answers, self.asked, self.port = answers, 0, self.server_address[1]


class PeerConnection(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            while (words := self.command()) and (answer := self.server.answers.get(words[0], self.server.answers.get(""))):
                self.wfile.write(answer)
        self.server.asked += 1

    def command(self):
        count = self.rfile.readline()
        return [self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2].decode() for _ in range(int(count[1:] or 0))]


@contextlib.contextmanager
def peer(answers):
    with Peer(answers) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def command(server, *options):
    redis = f"redis=127.0.0.1:{server.port}"
    return [WORKER_BUILD / "todo-fcgi", "-o", "store=sqlite:todos.db", "-o", redis, *options]


def ended(folder, server, *options):
    return subprocess.run(command(server, *options), cwd=folder, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


# twemproxy's are as nutcracker 0.5.0 gives them: it knows PING and EVAL, but neither SELECT nor INFO.
HIDING = {
    "twemproxy": {"PING": PONG, "EVAL": b":1\r\n"},
    "words of its own": {"PING": PONG, "INFO": b"$28\r\n# Proxy\r\nversion:1.0\r\nrole:x\r\n", "": b"+OK\r\n"},
    "an error": {"PING": PONG, "INFO": b"-ERR unsupported command 'info'\r\n", "": b"+OK\r\n"},
}


@pytest.mark.parametrize("answers", HIDING.values(), ids=HIDING)
def test_nothing_starts_on_a_redis_that_hides_who_it_is(tmp_path, answers):
    with peer(answers) as server:
        for option in ("--check", "-sworker.sock"):
            result = ended(tmp_path, server, option)
            assert result.returncode == 2 and TOLD in result.stderr, (option, result)
            assert "give the address of Redis itself, or the sentinels'" in result.stderr, result
            assert server.asked >= 3, "once is no proof"
            server.asked = 0


def test_nothing_starts_on_one_node_of_a_cluster(tmp_path):
    node = Member(tmp_path / "node")
    node.start()
    try:
        for option in ("--check", "-sworker.sock"):
            result = ended(tmp_path, node, option)
            assert result.returncode == 2, (option, result)
            assert f"redis: it is one node of a Redis Cluster: give cluster://127.0.0.1:{node.port}," in result.stderr, result
    finally:
        node.stop()


@pytest.mark.parametrize("answers", [{}, {"PING": b"-LOADING Redis is loading\r\n"}], ids=["no server behind it", "loading"])
def test_a_redis_that_is_merely_away_is_waited_for(tmp_path, answers):
    with peer(answers) as server:
        result = ended(tmp_path, server, "--check")
        assert result.returncode == 1 and TOLD not in result.stderr, result
        worker = subprocess.Popen(command(server, "-s", "worker.sock"), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        end_at = time.monotonic() + 20
        while server.asked < 6 and worker.poll() is None and time.monotonic() < end_at:
            time.sleep(0.01)
        worker.terminate()
        assert TOLD not in worker.communicate(timeout=20)[1]
        assert worker.returncode == 0 and server.asked >= 6
