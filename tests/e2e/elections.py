# SPDX-License-Identifier: MIT
"""
What tests of MongoDB's elections share: a load that tells who was refused, an election that a scripted set plays, and stacks whose
driver may forget what it is known to forget.
"""

import json
import threading
import time

from stack import Client

BACK_S = 1.0  # after the first usable primary
MACHINE_S = 1.4  # a busy one, with the sanitizers


def past_known_leaks(new_stack, folder):
    """
    A new_stack(). libmongoc 1.23 forgets the first answer of a read if its second try fails. Whole backtraces tell this leak from ours.
    """
    known = folder / "known-leaks"
    known.write_text("leak:_mongoc_cursor_run_command\n")

    def new(**options):
        stack = new_stack(prepared_only=True, **options)
        stack.environment["ASAN_OPTIONS"] += ":fast_unwind_on_malloc=0"
        stack.environment["LSAN_OPTIONS"] = f"suppressions={known}:print_suppressions=0"
        stack.start()
        stack.supervisor.wait_answer()
        return stack

    return new


class Load:
    """Writers, readers of what is cached, and readers of what is not: (when it ended, how long it took, status) of each."""

    def __init__(self, stack, clients=4):
        self.stack, self.stopped = stack, threading.Event()
        self.seen, self.acknowledged = {"write": [], "miss": [], "hit": []}, []
        loops = [(kind, number) for kind in self.seen for number in range(clients)]
        self.threads = [threading.Thread(target=self.loop, args=loop) for loop in loops]

    def __enter__(self):
        self.stack.post({"id": "hot", "name": "hot"})
        for _ in range(20):
            self.stack.get("/todos/hot")
        for thread in self.threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def loop(self, kind, number):
        client = Client(self.stack.port)
        for count in range(10**6):
            if self.stopped.is_set():
                break
            begun = time.monotonic()
            status = self.ask(client, kind, f"{number}-{count}")
            self.seen[kind].append((time.monotonic(), time.monotonic() - begun, status))
            if kind == "write" and status in (200, 201):
                self.acknowledged.append(f"w-{number}-{count}")
            time.sleep(0.02)
        client.close()

    @staticmethod
    def ask(client, kind, name):
        if kind == "write":
            return client.request("PUT", f"/todos/w-{name}", json.dumps({"name": name}), {"Content-Type": "application/json"}).status
        return client.get("/todos/hot" if kind == "hit" else f"/todos/missing-{name}").status

    def refused(self, kind):
        """When its 503s came; any other failure is the test's."""
        assert {status for _, _, status in self.seen[kind]} <= {200, 201, 404, 503}, self.seen[kind]
        return [at for at, _, status in self.seen[kind] if status == 503]


class BehindElection:
    """
    A new primary that does not know yet which of its entries are on a majority: it has every acknowledged write, and reads at
    majority don't show the last ones. For sets of mongo_server.py.

    Between enter and elect(), writes are acknowledged by the first member and the second, which learns of no commit point. Then the
    first dies and the second is elected; it catches up when the third may copy.
    """

    def __init__(self, mongo):
        self.mongo = mongo
        self.first, self.second, self.third = mongo.members
        assert mongo.primary is self.first
        self.second.blind()
        self.third.hold()

    def elect(self):
        self.first.kill()
        self.mongo.elect(self.second)
        self.second.blind(False)

    def catch_up(self):
        self.third.hold(False)
