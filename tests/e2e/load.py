# SPDX-License-Identifier: MIT
"""A load of requests from a few threads while a test does something to the stack; it tells what went wrong, exactly."""

import contextlib
import http.client
import threading
import time

from stack import Client


class Load:
    def __init__(self, stack, ask, threads):
        self.stack, self.ask = stack, ask
        self.failures, self.answers = [], 0
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(threads)]

    def run(self, number):
        client = Client(self.stack.port)
        turn = 0
        while not self.ended.is_set():
            try:
                failure = self.ask(client, number, turn)
            except (OSError, http.client.HTTPException) as error:
                failure = repr(error)
                client.close()
            with self.lock:
                self.answers += 1
                if failure:
                    self.failures.append(failure)
            turn += 1
        client.close()

    def wait(self, answers, seconds=20):
        """Until so many more answers have come."""
        wanted, deadline = self.answers + answers, time.monotonic() + seconds
        while self.answers < wanted:
            assert time.monotonic() < deadline, f"{self.answers} of {wanted} answers; {self.failures[:5]}"
            time.sleep(0.01)


@contextlib.contextmanager
def load(stack, ask, threads=4):
    """with load(stack, ask) as running: ...; ask(client, thread, turn) returns None, or what went wrong."""
    running = Load(stack, ask, threads)
    for thread in running.threads:
        thread.start()
    try:
        yield running
    finally:
        running.ended.set()
        for thread in running.threads:
            thread.join(60)
