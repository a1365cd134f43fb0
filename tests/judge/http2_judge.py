# SPDX-License-Identifier: MIT
"""h2spec, run as a program against the server with TLS: one list of findings for each of its cases."""

import subprocess
import xml.etree.ElementTree

from file_judges import run
from http_judges import Finding


def make_certificate(folder):
    """For a day, of this machine, signed by itself; returns the environment that ./dev writes TLS with."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
               "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return {"TLS_CERTIFICATE": str(folder / "certificate.pem"), "TLS_KEY": str(folder / "key.pem")}


def judge_http2(tools, folder, port):
    """Yields the findings of each case: none, or the one that it failed."""
    report = folder / "h2spec.xml"
    program = tools / "bin/h2spec"
    run(folder, "h2spec", [program, "-h", "127.0.0.1", "-p", str(port), "-t", "-k", "-P", "/todos", "-j", report])
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        where = f"{case.get('package')}: {case.get('classname')}"
        wanted_and_found = case.find("error") if case.find("error") is not None else case.find("failure")
        if wanted_and_found is None:
            yield []
        else:
            yield [Finding(where, "h2spec", " / ".join((wanted_and_found.text or "").split("\n")))]
