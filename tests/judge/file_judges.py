# SPDX-License-Identifier: MIT
"""The judges of data/openapi.yaml, run as programs: openapi-spec-validator, Spectral, schemathesis against a service."""

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
OPENAPI = HERE.parents[1] / "data/openapi.yaml"


def run(folder, name, command, **environment):
    """Runs a judge; what it says goes into a log under folder. Returns its status and the log."""
    log = folder / f"{name}.log"
    with open(log, "wb") as output:
        result = subprocess.run(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, timeout=600, env={**os.environ, **environment}
        )
    return result.returncode, log


def validate(tools, folder):
    """Returns the faults, as texts."""
    status, log = run(folder, "validator", [tools / "venv/bin/openapi-spec-validator", OPENAPI])
    return [] if status == 0 else log.read_text().splitlines()[-3:]


def spectral(tools, folder):
    """Returns the faults and warnings, as texts."""
    report = folder / "spectral.json"
    program = tools / "npm/node_modules/.bin/spectral"
    run(folder, "spectral", [program, "lint", OPENAPI, "-r", HERE / "spectral.yaml", "-f", "json", "-o", report])
    found = json.loads(report.read_text())
    return [f"{row['code']} at {'/'.join(map(str, row['path']))}: {row['message']}" for row in found]


def schemathesis(tools, folder, port, options, seed, examples):
    """options: which operations, which phases. Returns the number of requests made, and the faults as texts."""
    name = f"schemathesis-{port}-{seed}"
    report = folder / f"{name}.json"
    command = [
        *(tools / "venv/bin/schemathesis", "--config-file", HERE / "schemathesis.toml", "run", OPENAPI),
        *("--url", f"http://127.0.0.1:{port}", *options, "--seed", str(seed), "--max-examples", str(examples)),
        *("--checks", "all", "--generation-database", "none"),
        *("--no-color", "--report", "json", "--report-json-path", report),
    ]
    status, log = run(folder, name, command, PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1")
    if not report.exists():
        return 0, [f"no report; {log} tells why"]
    found = json.loads(report.read_text())
    faults = [f"{row['title']} ({', '.join(row['operations'])})" for row in found["failures"]]
    if not found["complete"] or (status != 0 and not faults):
        faults.append(f"it ended with status {status}")
    return found["test_cases"]["generated"], [f"{fault}; see {log}" for fault in faults]
