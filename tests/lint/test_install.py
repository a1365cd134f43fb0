# SPDX-License-Identifier: MIT
"""
What "make install" leaves behind is enough for a machine without the checkout, and debian/ agrees with the rest. tests/package
tries both on whole machines.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from source import ROOT, text

BUILD_DIR = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that stands for /: what "make install" puts there, of a build for /usr/local and /etc."""
    folder = tmp_path_factory.mktemp("root")
    command = ["make", "install", f"DESTDIR={folder}", "prefix=/usr/local", "sysconfdir=/etc"]
    subprocess.run(command, cwd=BUILD_DIR, check=True, capture_output=True, timeout=300)
    return folder


def test_installed_files_name_only_what_is_installed(installed):
    seen = 0
    places = r"(/usr/local/\S+|/etc/(?:todo-fcgi|redis|nginx/conf\.d)/\S+)"
    for file in [*installed.glob("usr/local/lib/systemd/system/*"), installed / "usr/local/share/todo-fcgi/nginx/todo-nginx"]:
        for place in re.findall(rf"(?<![\w=]){places}", file.read_text()):
            place = place.rstrip(".,;:'\")")
            seen += 1
            assert (installed / place.lstrip("/")).exists(), f"{file} names {place}"
    assert seen > 5


def test_installed_files_know_nothing_of_the_checkout(installed):
    for file in installed.rglob("*"):
        if file.is_file() and "bin" not in file.parts:
            assert bytes(ROOT) not in file.read_bytes(), file


def test_installed_settings_start_a_worker_and_are_the_operators(installed, tmp_path):
    settings = installed / "etc/todo-fcgi/todo.conf"
    shown = subprocess.run([installed / "usr/local/bin/todo-fcgi", "-c", settings, "--show-config"], capture_output=True, text=True)
    assert shown.returncode == 0 and "store = sqlite:/var/lib/todo-fcgi/todo.db" in shown.stdout, shown
    settings.write_text("redis = none\n")
    command = ["make", "install-etc", f"DESTDIR={installed}", "prefix=/usr/local", "sysconfdir=/etc"]
    subprocess.run(command, cwd=BUILD_DIR, check=True, capture_output=True, timeout=300)
    assert settings.read_text() == "redis = none\n"


def test_installed_todo_nginx_writes_what_nginx_takes(installed, tmp_path):
    environment = {**os.environ, "LISTEN": "127.0.0.1:8080, [::1]:8080", "ACCESS_LOG": "access.log"}
    program = installed / "usr/local/share/todo-fcgi/nginx/todo-nginx"
    subprocess.run([program, tmp_path / "todo"], env=environment, check=True, timeout=60)
    assert f"root {installed}/usr/local/share/todo-fcgi/static;" in (tmp_path / "todo/page.conf").read_text()
    assert "listen 127.0.0.1:8080; listen [::1]:8080;" in (tmp_path / "todo/site.conf").read_text()
    shutil.copy(installed / "etc/nginx/conf.d/todo-fcgi.conf", tmp_path)
    (tmp_path / "nginx.conf").write_text("pid pid; error_log stderr; events {} http { include todo-fcgi.conf; }")
    command = [NGINX, "-t", "-p", tmp_path, "-c", "nginx.conf", "-e", "stderr"]
    for present in (True, False):
        tested = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert tested.returncode == 0 and "[warn]" not in tested.stderr, f"{present}: {tested.stderr}"
        shutil.rmtree(tmp_path / "todo")
        (tmp_path / "todo").mkdir()


def test_installed_page_has_the_same_etags_as_the_builds(installed):
    """nginx makes them of times and lengths. The build may have the files of a release before as well."""
    folder, seen = installed / "usr/local/share/todo-fcgi/static", 0
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "generations.json":
            mine, theirs = file.stat(), (BUILD_DIR / "static" / file.relative_to(folder)).stat()
            assert (mine.st_mtime, mine.st_size) == (theirs.st_mtime, theirs.st_size), file
            seen += 1
    assert seen > 50


SETTINGS_FILE_FAULTS = [("HOST=x\n", "nginx.env:1: no variable is called HOST"), ("HOSTS=x\n\nlisten\n", "nginx.env:3: a line is NAME=value")]


@pytest.mark.parametrize("lines, words", SETTINGS_FILE_FAULTS)
def test_todo_nginx_names_the_line_that_it_does_not_know(tmp_path, lines, words):
    (tmp_path / "nginx.env").write_text(lines)
    program = tmp_path / "todo-nginx"
    program.write_text(text("nginx/todo-nginx").replace("/etc/todo-fcgi", str(tmp_path)))
    refused = subprocess.run(["bash", program], capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1 and words in refused.stderr, refused


# --- debian/ and the documents ---


def packages(name):
    return re.search(rf"^{name}=\(([^)]*)\)", text("dev.d/packages.sh"), re.M)[1].split()


def test_document_lists_the_packages():
    install = text("doc/install.md")
    lists = [line.split("--no-install-recommends ")[1].split() for line in install.splitlines() if "--no-install-recommends" in line]
    assert lists == [packages("PACKAGES_BUILD"), packages("PACKAGES_RUN")]
    assert set(re.search(r"make distcheck` also needs `([^`]*)`", install)[1].split()) - {"xz-utils"} <= set(packages("PACKAGES_TEST"))


def test_package_has_the_sources_version_and_builds_with_the_documents_list():
    version = re.search(r"AC_INIT\(\[todo-fcgi\], \[([\d.]+)\]", text("configure.ac"))[1]
    assert text("debian/changelog").startswith(f"todo-fcgi ({version}) ") and f"\n## {version}\n" in text("NEWS.md")
    needed = set(re.findall(r"^ ([a-z0-9.+-]+)[ ,:]", text("debian/control").split("\n\n")[0], re.M))
    # debhelper brings the tools.
    assert {name for name in packages("PACKAGES_BUILD") if name.startswith("lib") or name.endswith("-dev")} - {"libc6-dev"} <= needed


def test_rights_of_the_workers_at_redis_are_the_same_everywhere():
    rights = re.search(r"-@all (.*)", text("etc/redis/redis-todo.conf"))[1].split()
    for document in ("etc/todo.conf", "doc/todo.conf.5", "doc/install.md"):
        words = text(document).replace("\\-", "-").replace("\n#", "")
        assert re.search(r"-@all (\S+(?:\s+[+-]\S+)*)", words)[1].split() == rights, document
