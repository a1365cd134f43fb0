# SPDX-License-Identifier: MIT
"""
Network namespaces for pools of workers: each has one link to this machine's servers, which a test takes down. Then packets are lost in
silence, as they are when a cable is cut. It needs root and the kernel's leave; are_permitted() says whether there is both.
"""

import contextlib
import ctypes
import os
import subprocess
from pathlib import Path

NEW_NETWORK = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
# Addresses of documentation (RFC 5737): the servers' one, and two for each link.
SERVERS = "198.51.100.1"


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def are_permitted():
    probe = f"todo-probe-{os.getpid()}"
    try:
        made = ip("netns", "add", probe, check=False)
    except OSError:
        return False
    ip("netns", "delete", probe, check=False)
    return made.returncode == 0


class Network:
    """The servers' address, at which pools in namespaces reach them."""

    def __init__(self):
        ip("address", "replace", f"{SERVERS}/32", "dev", "lo")

    def close(self):
        ip("address", "delete", f"{SERVERS}/32", "dev", "lo")


class Namespace:
    def __init__(self, number):
        self.name = f"todo-{os.getpid()}-{number}"
        self.near, self.far = f"todo{os.getpid()}n{number}", f"todo{os.getpid()}f{number}"
        here, there = (f"198.51.100.{8 * number + side}" for side in (9, 10))
        ip("netns", "add", self.name)
        ip("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
        ip("address", "add", f"{here}/30", "dev", self.near)
        ip("link", "set", self.near, "up")
        self.ip("link", "set", "lo", "up")
        self.ip("address", "add", f"{there}/30", "dev", self.far)
        self.ip("link", "set", self.far, "up")
        self.ip("route", "add", "default", "via", here)

    def ip(self, *words):
        return ip("-netns", self.name, *words)

    def close(self):
        ip("netns", "delete", self.name)  # and its link

    def cut(self):
        ip("link", "set", self.near, "down")

    def join(self):
        ip("link", "set", self.near, "up")

    @contextlib.contextmanager
    def inside(self):
        """What is started here is in the namespace."""
        with Path("/proc/self/ns/net").open() as home, Path("/run/netns", self.name).open() as there:
            enter(there)
            try:
                yield
            finally:
                enter(home)


def enter(namespace):
    if LIBC.setns(namespace.fileno(), NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")
