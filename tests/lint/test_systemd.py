# SPDX-License-Identifier: MIT
"""The systemd units: hardened, and the same supervision as spawn-fcgi's."""

import configparser
import re
import shutil
import subprocess

from source import ROOT, settings, text


def unit(name):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(text(f"etc/systemd/{name}"))
    return parser


def test_service_is_hardened():
    service = unit("todo-fcgi.service")["Service"]
    wanted = {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "MemoryDenyWriteExecute": "yes",
        "SystemCallFilter": "@system-service",
        "CapabilityBoundingSet": "",
        "LimitCORE": "0",
        "ProtectProc": "invisible",
        "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    }
    assert {name: service.get(name) for name in wanted} == wanted
    assert "PrivateUsers" not in service, "the workers would be hidden from a reload (tests/package)"
    for name in ("User", "LimitNOFILE", "MemoryMax", "TasksMax"):
        assert service[name]
    assert service["User"] != "root"


def test_service_and_dev_supervise_alike():
    options = re.search(r"multiwatch -f \S+ (.*) -- ", unit("todo-fcgi.service")["Service"]["ExecStart"])[1]
    assert f"{options} -- " in text("tests/e2e/supervisor.py"), options


def lines_of(name):
    return re.findall(rf"^{name}=(.*)$", text("etc/systemd/todo-fcgi.service"), re.M)


def test_a_start_and_a_reload_check_first():
    # systemd runs the lines of a kind in their order, and ends with the first that fails.
    worker = re.search(r"-- (\S+) -c (\S+)$", lines_of("ExecStart")[0])
    check = f"{worker[1]} --check -c {worker[2]}"
    assert lines_of("ExecStartPre") == [f"/bin/sh -c '{check} || [ $? -eq 1 ]'"]
    # todoctl's roll checks by itself; it is installed beside the worker, and reads the same settings.
    folder = worker[1].rpartition("/")[0]
    assert lines_of("ExecReload") == [f"{folder}/todoctl -c {worker[2]} roll $MAINPID"]


def test_socket_is_for_nginx_alone():
    """Its group is nobody's but nginx', which has it by its own configuration: www-data runs more than nginx."""
    socket = unit("todo-fcgi.socket")["Socket"]
    group = socket["SocketGroup"]
    assert socket["SocketMode"] == "0660" and group not in ("www-data", "todo")
    users = text("etc/sysusers/todo-fcgi.conf")
    assert f"\ng {group} -\nm www-data {group}\n" in users and f"\nu {socket['SocketUser']} " in users
    for document in ("doc/install.md", "doc/todo-fcgi.8"):
        assert re.findall(r"spawn-fcgi .*-G (\S+)", text(document)) == [group], document
    assert f"SOCKET-{socket['ListenStream']}" in text("nginx/todo-nginx"), "todo-nginx writes another path"
    assert unit("todo-fcgi.service")["Service"]["StandardInput"] == "socket"


def test_service_stops_later_than_its_workers_drain():
    seconds = int(unit("todo-fcgi.service")["Service"]["TimeoutStopSec"])
    assert seconds * 1000 > int(settings()["drain_timeout_ms"]["default"]) + 1000


def test_systemd_knows_every_line():
    # Where there is no systemd there is nothing to ask; the tests above hold all the same.
    if not shutil.which("systemd-analyze"):
        return
    command = ["systemd-analyze", "verify", "etc/systemd/todo-fcgi.service"]
    words = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stderr
    assert not re.search(r"Unknown (key|lvalue|section)|Failed to parse", words), words
