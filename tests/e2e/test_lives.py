# SPDX-License-Identifier: MIT
"""
Lives of one id: deleted, and made again. Each has a name of its own, which ETag and Todo-Version carry, so nothing that a
client holds of one life is good for another.

created_at can't tell them apart: a worker takes it when it parses the request, and the store makes the todo later.
"""

import time

from stack import Client
from verbs import life, patch

TRIES = 300
TRY_S = 30  # on a machine that is too slow for all of them


def burst(clients, path):
    """PUT, DELETE, PUT, ... at the same moment, each on a connection of its own; returns the answers to the PUTs that created."""
    for number, client in enumerate(clients):
        method = "DELETE" if number % 2 else "PUT"
        client.connection.request(method, path, None if number % 2 else '{"name":"same"}', {"Content-Type": "application/json"})
    answers = []
    for client in clients:
        response = client.connection.getresponse()
        body = response.read()
        if response.status == 201:
            answers.append((response.headers["ETag"], body))
    return answers


def test_tag_of_a_life_that_is_over_changes_none_of_its_successors(stack, new_id):
    clients = [Client(stack.port) for _ in range(5)]
    path, tries, same_moment = f"/todos/{new_id()}", 0, 0
    deadline = time.monotonic() + TRY_S
    while tries < TRIES and time.monotonic() < deadline:
        made = burst(clients, path)
        now = stack.get(path, Cache_Control="no-cache")
        if now.status == 200 and now.headers["ETag"].startswith('"1-'):
            for tag, body in made:
                if tag != now.headers["ETag"] or body != now.body:
                    tries += 1
                    same_moment += body == now.body
                    answer = patch(stack, path, {"name": "lost"}, If_Match=tag)
                    assert answer.status == 412, f"try {tries}: {tag} was accepted in place of {now.headers['ETag']}"
            assert len({tag for tag, _ in made}) == len(made)
        stack.request("DELETE", path)
    for client in clients:
        client.close()
    print(f"{tries} tries, {same_moment} of them with all fields alike")
    assert tries >= 100


def test_each_life_has_another_name(stack, new_id):
    path = f"/todos/{new_id()}"
    lives = set()
    for _ in range(50):
        answer = stack.request("PUT", path, '{"name":"same"}', {"Content-Type": "application/json"})
        lives.add(life(answer))
        stack.request("DELETE", path)
    assert len(lives) == 50
    assert all(2**52 <= each < 2**53 for each in lives)
