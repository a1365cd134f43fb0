# SPDX-License-Identifier: MIT
"""
Requests with a body and header fields: put(stack, "/todos/a", {"name": "x"}, If_Match=tag).

A body that is a dictionary goes as JSON; bytes and text go as they are. Header fields are keywords, "_" standing for "-"; one
that is None is not sent.
"""

import json
import socket
import time

MERGE_PATCH = "application/merge-patch+json"
# What differs between two answers to one question.
VARYING = {"Date", "Request-Id", "Age", "Cache-Status", "Server-Timing"}


def send(stack, method, path, body=None, **fields):
    headers = {name.replace("_", "-"): value for name, value in fields.items() if value is not None}
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    return stack.request(method, path, body.encode() if isinstance(body, str) else body, headers)


def post(stack, body, **fields):
    return send(stack, "POST", "/todos", body, **{"Content_Type": "application/json", **fields})


def put(stack, path, body, **fields):
    return send(stack, "PUT", path, body, **{"Content_Type": "application/json", **fields})


def patch(stack, path, body, **fields):
    return send(stack, "PATCH", path, body, **{"Content_Type": MERGE_PATCH, **fields})


def delete(stack, path, **fields):
    return send(stack, "DELETE", path, **fields)


def made(stack, todo, **members):
    """A todo of that id, as it was answered."""
    answer = post(stack, {"id": todo, "name": f"name of {todo}", **members})
    assert answer.status == 201, answer
    return answer


def life(answer):
    """Which life of its id an answer shows, by its ETag."""
    return int(answer.headers["ETag"].split("-")[1], 16)


def version(answer):
    """ID.V of a write's Todo-Version, whose last part is the life."""
    name, _, last = answer.headers["Todo-Version"].rpartition(".")
    assert answer.headers["ETag"] is None or int(last, 16) == life(answer)
    return name


def steady(answer):
    """An answer's header fields, but for those that differ each time."""
    return sorted((name, value) for name, value in answer.headers.items() if name not in VARYING)


def raw(stack, data, wait=True):
    """Sends bytes that no HTTP library would send; returns everything that comes back."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")) if wait else b""


def next_second():
    """Waits for the next whole second of the wall clock: HTTP's dates have no finer steps."""
    time.sleep(1 - time.time() % 1 + 0.01)
