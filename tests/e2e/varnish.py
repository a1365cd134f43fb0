# SPDX-License-Identifier: MIT
"""
Varnish with etc/varnish/todo.vcl in front of a stack's nginx, and a cache of another kind: an HTTP server that notes what it is
asked to purge.
"""

import contextlib
import http.client
import http.server
import os
import re
import shutil
import signal
import subprocess
import threading

from ports import free_port
from stack import ROOT, Client, wait_until

VCL = ROOT / "etc/varnish/todo.vcl"


class Varnish:
    """The port is known before it runs, so that workers can be told; start() needs the backend's."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.client = Client(self.port)

    @property
    def purge_url(self):
        return f"varnish+http://127.0.0.1:{self.port}"

    def start(self, backend_port=None):
        """Empty, as Varnish is after each start."""
        if backend_port:
            words, count = re.subn(r'\.port = "8080";', f'.port = "{backend_port}";', VCL.read_text())
            assert count == 1
            (self.folder / "todo.vcl").write_text(words)
        binary = shutil.which("varnishd", path=os.environ["PATH"] + ":/usr/sbin")
        command = [binary, "-F", "-j", "none", "-n", self.folder / "varnish", "-a", f"127.0.0.1:{self.port}", "-T", "none"]
        command += ["-f", self.folder / "todo.vcl", "-s", "default,16m", "-p", "thread_pools=1", "-p", "thread_pool_min=8"]
        with open(self.folder / "varnish.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self.answers, 60, "Varnish's first answer")
        return self

    def answers(self):
        assert self.process.poll() is None, (self.folder / "varnish.log").read_text()
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.client.get("/todos?limit=1").status == 200
        self.client.close()

    def stop(self):
        self.client.close()
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def processes(self):
        """The manager and its child, which holds the cache."""
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            return [pid, *map(int, children.read().split())]

    @contextlib.contextmanager
    def frozen(self):
        pids = self.processes()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)

    def get(self, path, **headers):
        return self.client.get(path, **headers)

    def request(self, *arguments, **options):
        return self.client.request(*arguments, **options)


class Purged:
    """An HTTP server that answers every PURGE and POST with self.status, and keeps what it was asked."""

    def __init__(self, status=200):
        self.status, self.calls = status, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PURGE(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.calls.append((self.command, self.path, dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_POST = do_PURGE

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
