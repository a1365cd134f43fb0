# SPDX-License-Identifier: MIT
"""
A TCP proxy in front of MongoDB that a test can cut and open: the same port, with or without a server behind it. It can also
hold back the server's answers, while requests go through.
"""

import contextlib
import socket
import threading

from ports import free_port
from tiny_bson import with_hosts


def through_proxy(uri, proxy):
    """The proxy in the place of the URI's hosts. The driver must not find a set's members around it."""
    uri = with_hosts(uri, [(proxy.host, proxy.port)])
    return uri + ("&" if "?" in uri else "?") + "directConnection=true"


class Proxy:
    def __init__(self, host, port, own_host="127.0.0.1"):
        self.target, self.host = (host, int(port)), own_host
        self.lock = threading.Lock()
        self.pairs = []
        self.listener = None
        self.answers_pass = threading.Event()
        self.answers_pass.set()
        self.last_request = None
        self.port = free_port()

    def open(self):
        self.listener = socket.create_server((self.host, self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def cut(self):
        """From now on connections are refused, and those that were there are gone."""
        listener, self.listener = self.listener, None
        if listener:
            # A blocked accept() would keep the socket alive beyond its close.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def hold_answers(self, held):
        if held:
            self.answers_pass.clear()
        else:
            self.answers_pass.set()

    def hold_answers_from(self, last_request):
        """From the first request on that has these bytes in it. Until then all pass: a new connection's first words, say."""
        self.last_request = last_request

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self.target)
            except OSError:
                return
            with self.lock:
                self.pairs.append((near, far))
            for one, other, gate in ((near, far, None), (far, near, self.answers_pass)):
                threading.Thread(target=self.copy, args=(one, other, gate), daemon=True).start()

    def copy(self, source, sink, gate):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if gate:
                    gate.wait()
                elif (mark := self.last_request) and mark in data:
                    self.hold_answers(True)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
