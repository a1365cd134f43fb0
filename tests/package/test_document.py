# SPDX-License-Identifier: MIT
"""
doc/install.md, word for word, on machines without a network: each indented line is a command, run in the order of the document by
a machine's root.

  1      with apt                        in the folder of the package
  2      from the source, with systemd   in the folder of what "make dist" packs, with all that follows: 3 to 5
         and with spawn-fcgi             what comes before, without systemd's block
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import unpack_source
from machine import Machine

ROOT = Path(__file__).resolve().parents[2]
CERTIFICATE = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
               "-subj", "/CN=todos.example.org"]  # fmt: skip
HOST = ["--resolve", "todos.example.org:80:127.0.0.1", "--resolve", "todos.example.org:443:127.0.0.1"]


def blocks():
    """[(a number of the section, a block of commands)]"""
    found, section = [], 0
    for part in re.sub(r"^```.*?^```$", "", (ROOT / "doc/install.md").read_text(), flags=re.M | re.S).split("\n\n"):
        heading = re.match(r"\s*## (\d)", part)
        section = int(heading[1]) if heading else section
        if part.startswith("    "):
            found.append((section, "\n".join(line.removeprefix("    ") for line in part.splitlines())))
    return found


def of(section, word=""):
    chosen = [block for number, block in blocks() if number == section and word in block]
    assert chosen, f"section {section} has no block with {word}"
    return chosen


def test_with_apt(bare_machine, package):
    machine = bare_machine
    shutil.copy(package, machine.root / "srv")
    (block,) = of(1)
    assert '"todos":[]' in machine.shell(f"cd /srv\n{block}")


@pytest.fixture(scope="module")
def installed(tmp_path_factory, package):
    """A machine on which the source is built and installed."""
    with Machine(tmp_path_factory.mktemp("source") / "machine") as machine:
        unpack_source(package, machine.root / "srv/source")
        for name in ("configure", "Makefile.in"):  # as in a checkout
            (machine.root / "srv/source" / name).unlink(missing_ok=True)
        machine.shell("cd /srv/source\n" + of(2, "./autogen.sh")[0], timeout=1200)
        shutil.rmtree(machine.root / "srv/source/src")
        yield machine


def test_from_the_source_with_spawn_fcgi_and_then_with_systemd(installed, tmp_path):
    machine = installed
    assert '"todos":' in machine.shell(of(2, "spawn-fcgi")[1])
    machine.shell("pkill -x multiwatch; pkill -f redis-[t]odo; while pgrep -x 'todo-fcgi|multiwatch'; do sleep 0.1; done; rm -r /run/todo-fcgi")
    assert '"todos":' in machine.shell(of(2, "systemctl enable")[0])
    machine.shell(of(2, "gpasswd")[0])
    assert machine.shell("id -Gn www-data") == "www-data\n"
    check, right = of(3)
    machine.shell(check)
    machine.shell(right)
    assert machine.status("http://127.0.0.1:8080/todos") == "200", "nginx has the socket's group all the same"
    # 5: other hosts, IPv6, a certificate and its renewal.
    hosts, tls = of(5)
    machine.shell(hosts)
    # A reload is over a moment after its command.
    machine.until(lambda: machine.status("http://todos.example.org/todos", *HOST) == "200", 30, "the new configuration")
    assert machine.status("http://[::1]/todos", "-H", "Host: todos.example.org") == "200"
    assert machine.status("http://127.0.0.1/", "-H", "Host: other.example") == "421"
    files = ["-keyout", machine.root / "etc/todo-fcgi/tls.key", "-out", machine.root / "etc/todo-fcgi/tls.pem"]
    subprocess.run(CERTIFICATE + files, check=True, capture_output=True)
    machine.shell(tls)
    machine.until(lambda: machine.status("https://todos.example.org/todos", *HOST, "-k") == "200", 30, "TLS")
    machine.until(lambda: machine.status("http://todos.example.org/todos", *HOST) == "308", 30, "the redirection")
    machine.shell("mkdir -p /var/www/html/.well-known/acme-challenge && echo proof >/var/www/html/.well-known/acme-challenge/token")
    assert machine.shell("curl -fsS http://127.0.0.1/.well-known/acme-challenge/token -H 'Host: todos.example.org'") == "proof\n"


def test_every_command_is_run_by_a_test_here():
    ours = [*of(1), *of(2), *of(3), *of(5)]
    assert sorted(block for _, block in blocks()) == sorted(ours) and len(of(2)) == 4 and len(of(3)) == len(of(5)) == 2
