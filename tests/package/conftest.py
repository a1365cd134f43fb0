# SPDX-License-Identifier: MIT
"""Machines, and the package in two versions."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from machine import Machine

BUILD_DIR = Path(os.environ["BUILD_DIR"])


@pytest.fixture(scope="session", autouse=True)
def root():
    if os.geteuid() != 0:
        pytest.skip("a machine of its own needs root")


@pytest.fixture(scope="session")
def package():
    return next((BUILD_DIR / "package").glob("todo-fcgi_*.deb"))


@pytest.fixture(scope="session")
def package_before(package, tmp_path_factory):
    """The version before: this package under a lower number, with other defaults, another page and another unit."""
    folder = tmp_path_factory.mktemp("before")
    subprocess.run(["dpkg-deb", "-R", package, folder / "tree"], check=True)
    change(folder / "tree/DEBIAN/control", r"^(Version: .*)$", r"\1~before")
    change(folder / "tree/etc/todo-fcgi/nginx.env", r"\A", "# The default before.\n")
    change(folder / "tree/etc/todo-fcgi/todo.conf", r"\A", "# The default before.\n")
    change(folder / "tree/usr/share/todo-fcgi/nginx/site.conf.in", r"\A", "# The template before.\n")
    change(folder / "tree/lib/systemd/system/todo-fcgi.service", r"^Description=.*$", "Description=todo workers before")
    path = folder / "todo-fcgi_before.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", folder / "tree", path], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder / "tree")
    return path


def unpack_source(package, folder):
    """What "make dist" packed, beside the package."""
    folder.mkdir()
    archive = next(package.parent.glob("todo-fcgi_*.tar.xz"))
    subprocess.run(["tar", "-xf", archive, "-C", folder, "--strip-components=1"], check=True)


def change(path, pattern, words):
    path.write_text(re.sub(pattern, words, path.read_text(), count=1, flags=re.M))


@pytest.fixture(scope="session")
def equipped(package, tmp_path_factory):
    """What a machine becomes when the package came and went: what it depends on is there, and need not come for each test."""
    with Machine(tmp_path_factory.mktemp("equipped") / "machine", boots=False) as machine:
        machine.install(package)
        machine.run("apt-get", "purge", "-y", "todo-fcgi")
        machine.shell("rm /srv/*.deb")
        yield machine.layers


@pytest.fixture
def bare_machine(tmp_path):
    with Machine(tmp_path / "machine") as machine:
        yield machine


@pytest.fixture
def machine(tmp_path, equipped):
    with Machine(tmp_path / "machine", over=equipped) as machine:
        yield machine


@pytest.fixture
def files_alone(tmp_path, equipped):
    """A machine on which nothing runs: no systemd, as in a container's image."""
    with Machine(tmp_path / "machine", boots=False, over=equipped) as machine:
        yield machine
