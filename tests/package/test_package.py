# SPDX-License-Identifier: MIT
"""The package's life on a machine with nginx and redis-server: install, upgrade, remove, purge. And the package itself."""

import re
import shutil
import subprocess
import threading
import time

from conftest import BUILD_DIR, unpack_source

URL = "http://127.0.0.1:8080"
INTERNAL = "http://127.0.0.1:8081"
ADD = f"curl -fsS -H 'Content-Type: application/json' -d '{{\"id\":\"%s\",\"name\":\"x\"}}' {URL}/todos"
ROOT_SETTINGS = "-c /etc/todo-fcgi/todo.conf"


def workers(machine):
    return set(machine.run("pgrep", "-x", "todo-fcgi", check=False).stdout.split())


def status_of(machine, field):
    return machine.shell(f"curl -sSi {URL}/todos/a | sed -n 's/^{field}: //pI'").strip()


def test_it_answers_after_apt_install_and_no_other_step(bare_machine, package):
    machine = bare_machine
    assert machine.status(URL) == "000"
    machine.install(package)
    assert machine.status(f"{URL}/todos", "--retry", "9", "--retry-connrefused") == "200"
    assert machine.status(f"{INTERNAL}/metrics") == "200"
    assert '"kind":"sqlite"' in machine.shell(f"curl -fsS {INTERNAL}/readyz")
    machine.shell(ADD % "a")
    machine.until(lambda: "hit" in status_of(machine, "Cache-Status"), 30, "a hit")
    # The page, and whom it is not for.
    assert machine.status(f"{URL}/") == "200" and machine.status(f"{URL}/", "-H", "Host: other.example") == "421"
    assert "Welcome to nginx" in machine.shell("curl -fsS http://127.0.0.1/"), "the machine's own site goes on"
    # What root makes, workers can open; what workers may not do at Redis, they can't.
    machine.shell(f"todo-load {ROOT_SETTINGS} seed -n 100")
    machine.shell(f"todoctl {ROOT_SETTINGS} audit --all")
    machine.shell(f"setpriv --reuid todo --regid todo --init-groups todo-fcgi --check {ROOT_SETTINGS}")
    for command in ("flushall", "flushdb", "swapdb 0 1", "config get maxmemory", "keys x", "shutdown"):
        assert "NOPERM" in machine.shell(f"redis-cli -s /run/redis-todo/redis-server.sock {command}"), command
    # Workers and socket have users of their own.
    assert machine.shell("stat -c '%U %G %a' /run/todo-fcgi/todo.sock") == "todo todo-socket 660\n"
    assert machine.shell("ps -C todo-fcgi -o user= | sort -u") == "todo\n"
    assert machine.shell("id -Gn www-data").split() == ["www-data", "todo-socket"]


def test_todo_load_as_root_before_the_first_start_leaves_a_store_for_the_workers(machine, package):
    machine.install(package)
    machine.shell("systemctl stop todo-fcgi.socket todo-fcgi && rm /var/lib/todo-fcgi/*")
    machine.shell(f"umask 022 && todo-load {ROOT_SETTINGS} seed -n 10")
    assert set(machine.shell("stat -c %U /var/lib/todo-fcgi/*").split()) == {"todo"}
    machine.shell("systemctl start todo-fcgi")
    assert machine.shell(f"curl -fsS '{URL}/todos?limit=200' | grep -o '\"id\"' | wc -l") == "10\n"


def test_units_are_verified_and_exposed_little(machine, package):
    machine.install(package)
    words = machine.run("systemd-analyze", "verify", "todo-fcgi.service", "todo-fcgi.socket", check=False).stdout
    # The manual isn't installed on so small a machine.
    assert [line for line in words.splitlines() if "Command 'man " not in line] == []
    words = machine.run("systemd-analyze", "security", "--threshold=19", "--no-pager", "todo-fcgi.service").stdout
    assert float(re.search(r"Overall exposure level for todo-fcgi.service: ([\d.]+)", words)[1]) <= 1.9


def test_a_reload_replaces_all_workers_and_loses_no_request(machine, package):
    machine.install(package)
    machine.shell(ADD % "a")
    before = workers(machine)
    with Load(machine) as load:
        machine.run("systemctl", "reload", "todo-fcgi")
        machine.until(lambda: len(workers(machine) - before) == len(before) and not workers(machine) & before, 30, "new workers")
    assert len(before) > 1 and load.count > 20 and load.failed == []


def test_an_upgrade_replaces_the_workers_keeps_the_settings_and_loses_no_request(machine, package, package_before):
    machine.install(package_before)
    machine.shell(ADD % "a")
    machine.shell("sed -i 's/^HOSTS=.*/& todos.example.org/' /etc/todo-fcgi/nginx.env && todo-nginx && systemctl reload nginx")
    before = workers(machine)
    with Load(machine) as load:
        shutil.copy(package, machine.root / "srv")
        machine.run("dpkg", "--force-confdef", "--force-confold", "-i", f"/srv/{package.name}")
        machine.until(lambda: len(workers(machine) - before) == len(before) and not workers(machine) & before, 30, "new workers")
    assert load.count > 20 and load.failed == []
    read = lambda path: (machine.root / path).read_text()  # noqa: E731
    # A file that the operator changed stays; one as the version before had it is replaced; what is written of templates is written anew.
    assert "todos.example.org" in read("etc/todo-fcgi/nginx.env") and "before" in read("etc/todo-fcgi/nginx.env")
    assert "before" not in read("etc/todo-fcgi/todo.conf") and "before" not in read("etc/nginx/todo/site.conf")
    assert machine.status(f"{URL}/todos/a", "-H", "Host: todos.example.org") == "200"
    assert machine.shell("systemctl show -P Description todo-fcgi") == "todo workers\n"


def test_remove_keeps_the_data_and_purge_leaves_nothing(machine, package):
    before = named_todo(machine)
    machine.install(package)
    machine.shell(ADD % "a")
    machine.run("apt-get", "remove", "-y", "todo-fcgi")
    assert machine.status(f"{URL}/todos") == "000" and machine.status("http://127.0.0.1/") == "200"
    assert not workers(machine) and machine.run("systemctl", "is-active", "redis-server@todo", check=False).stdout == "inactive\n"
    machine.install(package)
    assert machine.status(f"{URL}/todos/a", "--retry", "9", "--retry-connrefused") == "200", "the data is back"
    machine.run("apt-get", "purge", "-y", "todo-fcgi")
    machine.shell("rm /srv/todo-fcgi_*.deb")
    assert named_todo(machine) == before
    assert machine.status("http://127.0.0.1/") == "200" and machine.shell("nginx -t -q") == ""


def test_a_taken_port_is_told_and_nginx_stays_as_it_was(machine, package):
    machine.shell("printf 'events {} http { server { listen 127.0.0.1:8080; } }' >/tmp/other.conf && nginx -c /tmp/other.conf -g 'pid /tmp/pid;' >/dev/null 2>&1")
    assert "another program has port 8080" in machine.install(package)
    assert not (machine.root / "etc/nginx/todo").exists()
    machine.shell("systemctl restart nginx")
    assert machine.status("http://127.0.0.1/") == "200"
    machine.shell("sed -i 's/^LISTEN=.*/LISTEN=127.0.0.1:8090/' /etc/todo-fcgi/nginx.env && todo-nginx && systemctl reload nginx")
    assert machine.status("http://127.0.0.1:8090/todos", "--retry", "9", "--retry-connrefused") == "200"


def test_todo_nginx_puts_back_what_nginx_took(machine, package):
    machine.install(package)
    machine.shell("echo TLS_LISTEN=443 >>/etc/todo-fcgi/nginx.env")
    machine.shell("printf 'TLS_CERTIFICATE=/nowhere\\nTLS_KEY=/nowhere\\n' >>/etc/todo-fcgi/nginx.env")
    refused = machine.run("todo-nginx", check=False)
    assert refused.returncode == 1 and "nginx refuses this configuration; nothing has changed" in refused.stdout
    assert not (machine.root / "etc/nginx/todo/tls.conf").exists() and machine.shell("ls -d /etc/nginx/todo*") == "/etc/nginx/todo\n"
    machine.shell("nginx -t -q")


def test_without_systemd_it_installs_upgrades_and_goes(files_alone, package, package_before):
    for file in (package_before, package):
        shutil.copy(file, files_alone.root / "srv")
    files_alone.run("apt-get", "install", "-y", f"/srv/{package_before.name}")
    files_alone.run("apt-get", "install", "-y", f"/srv/{package.name}")
    assert (files_alone.root / "etc/nginx/todo/site.conf").exists()
    files_alone.run("apt-get", "purge", "-y", "todo-fcgi")
    assert not (files_alone.root / "etc/nginx/todo").exists()


def named_todo(machine):
    """All files with todo in their names, but the kernel's; systemd and dpkg may keep a record each of what was there."""
    found = machine.shell("find / -xdev -name '*todo*' -not -path '/proc/*'").split()
    return [path for path in found if not path.startswith(("/var/log/journal", "/run/log"))]


class Load:
    """Reads and writes, one after the other, as long as the context lasts."""

    def __init__(self, machine):
        self.machine, self.count, self.failed, self.ends = machine, 0, [], False
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()

    def run(self):
        while not self.ends:
            self.note(self.machine.status(f"{URL}/todos/a"), "200")
            self.note(self.machine.status(f"{URL}/todos/b", "-X", "PUT", "-H", "Content-Type: application/json", "-d", '{"name":"y"}'),
                      "200", "201")  # fmt: skip
            time.sleep(0.01)

    def note(self, status, *wanted):
        self.count += 1
        if status not in wanted:
            self.failed.append(status)


# --- the package itself ---


def test_lintian_has_nothing_to_say():
    changes = next((BUILD_DIR / "package").glob("*.changes"))
    # An override may be for a page that is not there in this version.
    found = subprocess.run(["lintian", "--allow-root", "--pedantic", "--display-info", "--suppress-tags", "unused-override", "--fail-on", "pedantic,info,warning,error", changes],
                           capture_output=True, text=True, timeout=300)  # fmt: skip
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


def test_another_build_has_the_same_bytes(package, tmp_path):
    """In another folder, a year later, elsewhere on the globe, for another person's mask, on one core."""
    again = tmp_path / "another-folder-of-another-length"
    unpack_source(package, again)
    build = "umask 027; exec faketime -f +400d dpkg-buildpackage -b -us -uc"
    subprocess.run(["sh", "-ec", build], cwd=again, check=True, timeout=600, capture_output=True,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEB_BUILD_OPTIONS": "nocheck parallel=1", "TZ": "Pacific/Chatham",
                        "LC_ALL": "C", "HOME": "/nowhere", "NO_FAKE_STAT": "1"})  # fmt: skip
    assert (tmp_path / package.name).read_bytes() == package.read_bytes()
