# SPDX-License-Identifier: MIT
"""
Ports for servers that a test starts, or stops and starts again.

They are below those that the kernel gives to outgoing connections (ip_local_port_range, 32768 and up by default): a port that
the kernel finds free may be some client's own in the next moment, or while the server that had it is away. None is given twice
in one process: a server that has got its port may not listen yet when the next one asks.
"""

import contextlib
import random
import socket

FIRST, LAST = 12000, 31999
GIVEN = set()


def free_ports(count=2):
    """Neighbours that nobody listens on."""
    while True:
        first = random.randrange(FIRST, LAST - count)
        ports = range(first, first + count)
        if not GIVEN.isdisjoint(ports):
            continue
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in ports:
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            GIVEN.update(ports)
            return tuple(ports)


def free_port():
    return free_ports(1)[0]
