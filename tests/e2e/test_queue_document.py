# SPDX-License-Identifier: MIT
"""doc/queue.md: its commands set up a queue, either way; and the user that it names has the rights that workers need."""

import re

import pytest
from documented import Documented, commands_of
from journal import QueueRedis, figures, wait_until_drained
from stack import ROOT, wait_until

pytestmark = pytest.mark.parametrize("store", ["sqlite"], scope="session", indirect=True)
PLACES = [
    (r" -o redis -g redis", ""),
    (r"/etc/redis/", ""),
    (r"/var/lib/redis/queue", "."),  # Redis goes there, so the socket's name is one of this folder
    (r"/run/redis-queue/", ""),
    (r"127\.0\.0\.1:8080", "127.0.0.1:PORT"),
    (r"file:/var/lib/todo-fcgi/", "file:"),
]


class Machine(Documented):
    def __init__(self, stack):
        self.journal = None
        places = [(old, new.replace("PORT", str(stack.port))) for old, new in PLACES]
        super().__init__(stack, {"systemctl enable --now redis-server@queue": self.start_redis, "chown redis": lambda _: ""}, places)

    def start_redis(self, _):
        self.journal = QueueRedis(self.stack.folder)
        self.journal.start("redis-queue.conf")


def put(stack):
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    return stack.request("PUT", "/todos/42", '{"name":"Buy milk"}', headers).status


@pytest.mark.parametrize("other", ["file:", "redis-queue|redis-server@queue|redis/queue"])
def test_the_commands_of_the_queue_set_it_up(new_stack, other):
    stack = new_stack()
    machine, ran = Machine(stack), []
    for command in commands_of("doc/queue.md"):
        if not re.search(other, command):
            ran.append(machine.run(command))
    assert "\nall " in ran[-1] and "Preference-Applied" not in ran[0], "the first one comes before there is a queue"
    wait_until(lambda: put(stack) == 202, 10, "a worker that accepts")
    wait_until_drained(stack)
    assert stack.get("/todos/42").json["name"] == "Buy milk"
    if machine.journal:
        machine.journal.stop()


def test_the_user_of_the_queue_has_the_rights_that_it_needs(new_stack, tmp_path):
    user = re.search(r"`(user todo-queue .*?)`", (ROOT / "doc/queue.md").read_text())[1].replace("PASSWORD", "secret")
    (tmp_path / "password").write_text("secret\n")
    settings = {"write_queue": "redis://unix:queue.sock", "queue_user": "todo-queue", "queue_password_file": tmp_path / "password"}
    stack = new_stack(settings=settings, prepared_only=True)
    journal = QueueRedis(stack.folder).start()
    assert journal.ask("acl", "setuser", *user.split()[1:]) == "OK"
    assert journal.ask("acl", "setuser", "default", "resetkeys") == "OK"
    stack.start()
    stack.wait_answer()
    wait_until(lambda: put(stack) == 202, 10, "a worker that accepts")
    journal.ask("acl", "setuser", "default", "allkeys")
    ticket = journal.ask("xadd", "todo-queue:{3}", "*", "text", "no write", "id", "42")
    assert ticket
    wait_until(lambda: figures(stack)["dead"] == 1, 10, "a dead letter")
    assert stack.ctl("queue", "retry", "--all").returncode == 0
    wait_until(lambda: figures(stack)["dead"] == 1, 10, "dead again")
    assert stack.ctl("queue", "drop", "--all").returncode == 0
    journal.stop()
