# SPDX-License-Identifier: MIT
"""Every variant of what "./dev nginx DIR" writes: nginx takes it without a warning, and gixy has nothing to say about it."""

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from source import ROOT

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
GIXY = Path(os.environ.get("BUILD_DIR", ROOT / "build"), "lint/bin/gixy")
BROTLI_MODULE = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")

SWITCHES = {
    "limits": {"LIMIT_RATE": "50r/s", "LIMIT_CONNECTIONS": "40"},
    "tls": {"TLS_LISTEN": "127.0.0.1:8443", "TLS_CERTIFICATE": "certificate.pem", "TLS_KEY": "key.pem"},
    "brotli": {"BROTLI": "on"},
    "hosts": {"HOSTS": "todos.example.org *.todos.example.net [::1]", "INTERNAL_HOSTS": "*",
              "CORS_ORIGINS": "https://app.example.org http://[::1]:3000"},
}
VARIANTS = [names for count in range(len(SWITCHES) + 1) for names in itertools.combinations(SWITCHES, count)]
FRAME = """
{modules}
pid pid;
error_log stderr notice;
events {{}}
http {{
    include todo/http.conf;
    include todo/site.conf;
}}
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
               "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def written(request, tmp_path, certificate):
    """A folder with nginx.conf around a variant."""
    environment = {"LISTEN": "127.0.0.1:8080", "ACCESS_LOG": "access.log", "SOCKET": "todo.sock"}
    for name in request.param:
        environment.update(SWITCHES[name])
    subprocess.run([ROOT / "dev", "nginx", tmp_path / "todo"], env={**os.environ, **environment}, check=True, timeout=60)
    modules = f"load_module {BROTLI_MODULE};" if "brotli" in request.param else ""
    (tmp_path / "nginx.conf").write_text(FRAME.format(modules=modules))
    for name in ("certificate.pem", "key.pem"):
        shutil.copy(certificate / name, tmp_path)
    return tmp_path


def named(variants):
    return [pytest.param(names, id="+".join(names) or "plain") for names in variants]


@pytest.mark.parametrize("written", named(VARIANTS), indirect=True)
def test_nginx_takes_every_variant(written):
    command = [NGINX, "-t", "-p", written, "-c", "nginx.conf", "-e", "stderr"]
    tested = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr and "[emerg]" not in tested.stderr, tested.stderr


@pytest.mark.parametrize("written", named([(), tuple(SWITCHES)]), indirect=True)
def test_gixy_finds_nothing(written):
    if not GIXY.exists():
        pytest.skip("gixy could not be installed from PyPI: build/lint.log")
    result = subprocess.run([GIXY, "nginx.conf"], cwd=written, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 and "No issues found" in result.stdout, result.stdout + result.stderr


def test_gixy_would_find_something(tmp_path):
    """It does look: at a server that tells its version, for instance."""
    if not GIXY.exists():
        pytest.skip("gixy could not be installed from PyPI: build/lint.log")
    (tmp_path / "nginx.conf").write_text("events {} http { server { listen 80; } }")
    result = subprocess.run([GIXY, "nginx.conf"], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert "version_disclosure" in result.stdout, result.stdout
