# SPDX-License-Identifier: MIT
"""
A machine of its own for a test: Debian 12 with systemd, nginx and redis-server, booted in a container.

  ./dev build machine -> build/machine      the base, by mmdebstrap, with the archives of all packages that tests install
  Machine(folder)                              a copy of it (overlayfs), booted by systemd-nspawn with a network of its own

The network is a loopback and nothing else: ports are free, and apt finds its archives in the base. Commands run by nsenter. Needs
root.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

BASE = Path(os.environ["BUILD_DIR"]) / "machine/root"
CGROUPS = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
ENVIRONMENT = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
               "DEBIAN_FRONTEND=noninteractive"]  # fmt: skip
BOOT_S, STOP_S = 60, 20


class Machine:
    """A context. boots=False: no systemd and no service runs; commands find the files alone."""

    def __init__(self, folder, boots=True, over=BASE):
        self.folder, self.boots, self.over = Path(folder), boots, over
        self.layers = f"{folder}/upper:{over}"  # what another machine may stand over, while nothing changes here
        self.root = self.folder / "root"
        self.container = self.leader = None
        # Containers side by side need a place each.
        name = f"todo-test-{os.getpid()}-{time.monotonic_ns()}"
        self.cgroups = [Path(top, name) for top in CGROUPS if boots and Path(top, "cgroup.procs").exists()]

    def __enter__(self):
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        options = f"lowerdir={self.over},upperdir={self.folder}/upper,workdir={self.folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        try:
            if self.boots:
                self.boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.container:
            self.container.send_signal(signal.SIGTERM)
            try:
                self.container.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.container.kill()
                self.container.wait()
        subprocess.run(["umount", "--lazy", self.root], check=True)
        for cgroup in self.cgroups:
            for path in sorted((Path(path) for path, _, _ in os.walk(cgroup)), reverse=True):
                path.rmdir()
        shutil.rmtree(self.folder, ignore_errors=True)

    def nspawn(self, *words):
        return ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--directory", self.root, *words]

    def boot(self):
        for cgroup in self.cgroups:
            cgroup.mkdir()
        with open(self.folder / "console", "wb") as console:
            self.container = subprocess.Popen(self.nspawn("--boot"), stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                              preexec_fn=self.enter_cgroups)  # fmt: skip
        self.until(lambda: self.find_leader(), BOOT_S, "the container")
        self.until(lambda: self.run("systemctl", "is-system-running", check=False).stdout in ("running\n", "degraded\n"), BOOT_S, "systemd")

    def enter_cgroups(self):
        for cgroup in self.cgroups:
            (cgroup / "cgroup.procs").write_text("0")

    def find_leader(self):
        """systemd in the container is the one child of systemd-nspawn."""
        assert self.container.poll() is None, (self.folder / "console").read_text(errors="replace")
        found = subprocess.run(["pgrep", "-P", str(self.container.pid), "systemd"], capture_output=True, text=True).stdout.split()
        self.leader = found[0] if found else None
        return self.leader

    def until(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come; {(self.folder / 'console').read_text(errors='replace')}"
            time.sleep(0.1)

    def command(self, *words):
        if self.boots:
            return ["nsenter", "-t", self.leader, "-a", *ENVIRONMENT, *words]
        return self.nspawn("--pipe", "--", *ENVIRONMENT, *words)

    def run(self, *words, check=True, timeout=300, **options):
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=timeout, **options)  # fmt: skip
        assert not check or done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}"
        return done

    def shell(self, script, **options):
        """The output of a script that ends with its first failure."""
        return self.run("bash", "-euo", "pipefail", "-c", script, **options).stdout

    def install(self, package):
        """Takes the file under its own name."""
        shutil.copy(package, self.root / "srv")
        return self.run("apt-get", "install", "-y", f"/srv/{Path(package).name}").stdout

    def status(self, url, *options):
        """The status of an answer; 000 without one."""
        return self.run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *options, url, check=False).stdout
