# SPDX-License-Identifier: MIT
"""The commands of a document for operators: its indented lines, run in a stack with its paths in place of the document's."""

import re
import subprocess

from stack import WORKER_BUILD
from supervisor import ROOT

UNITS = "todo-fcgi.socket todo-fcgi.service"


def commands_of(document):
    """Blocks within a list are indented further."""
    return [line.strip() for line in (ROOT / document).read_text().splitlines() if re.match(r" {4,}[a-z]", line)]


def reload_command():
    """What systemctl reload runs, by the unit."""
    return re.search(r"^ExecReload=(.*)$", (ROOT / "etc/systemd/todo-fcgi.service").read_text(), re.M)[1]


class Documented:
    """
    run() does what a command does on a real machine. `handled` has functions for those that need another hand: {start: function};
    `places` has more pairs of a pattern and what takes its place here.
    """

    def __init__(self, stack, handled=None, places=()):
        self.stack, self.places = stack, places
        self.handled = {
            f"systemctl stop {UNITS}": lambda _: stack.stop("workers"),
            f"systemctl start {UNITS}": lambda _: (stack.start("workers"), stack.wait_answer()),
            "systemctl reload todo-fcgi": lambda _: self.shell(reload_command().replace("$MAINPID", str(stack.pid("workers")))),
            **(handled or {}),
        }

    def run(self, command):
        for start, function in self.handled.items():
            if command.startswith(start):
                return function(command)
        return self.shell(command)

    def shell(self, command):
        folder = f"{self.stack.folder}/"
        for old, new in (
            (r"^setpriv \S+ \S+ \S+ \S+ --init-groups ", ""),
            (r"\$\(pgrep -u todo -x multiwatch\)", str(self.stack.supervisor.running("workers"))),
            *self.places,
            (r"(/usr/local/bin/|(?<![\w/-]))(todoctl|todo-load|todo-fcgi) ", rf"{WORKER_BUILD}/\2 "),
            (r"/etc/todo-fcgi/todo\.conf", "todo.conf"),
            (r"/var/lib/todo-fcgi/todo\.db", f"{folder}todos.db"),
            (r"/var/(lib/todo-fcgi|backups/todo)/", folder),
        ):
            command = re.sub(old, new, command)
        result = subprocess.run(
            ["bash", "-c", command], cwd=self.stack.folder, env=self.stack.environment, capture_output=True, text=True, timeout=120
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        return result.stdout
