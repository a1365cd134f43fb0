# SPDX-License-Identifier: MIT
"""
Which branches of a room the simulator has reached: coverage.py BUILD_DIR ROOM. It prints the share, and what was missed without a
reason. Reasons are in tests/sim/unreached: a file, a colon and a piece of the line, then why no schedule gets there.
"""

import gzip
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REASONS = Path(__file__).parent / "unreached"


def reasons():
    """Pairs of file and piece of a line."""
    for line in REASONS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            place, _, _ = line.partition("  ")
            file, _, piece = place.partition(":")
            yield file, piece


def lines_of(build_dir, room):
    """(file, number, text, branches taken, branches) of each line that has branches."""
    for notes in sorted((build_dir / "src" / room).glob("*.gcno")):
        shown = subprocess.run(["gcov", "--json-format", "--stdout", "-b", notes.name], cwd=notes.parent, capture_output=True, check=False)
        for report in shown.stdout.splitlines():
            data = json.loads(gzip.decompress(report) if report[:2] == b"\x1f\x8b" else report)
            for file in data["files"]:
                name = file["file"].removeprefix("../").split("src/")[-1]
                if not name.startswith(f"{room}/") or not name.endswith(".c"):
                    continue
                source = (ROOT / "src" / name).read_text(encoding="utf-8").splitlines()
                for line in file["lines"]:
                    if line["branches"]:
                        taken = sum(branch["count"] > 0 for branch in line["branches"])
                        yield name, line["line_number"], source[line["line_number"] - 1].strip(), taken, len(line["branches"])


def main():
    build_dir, room = Path(sys.argv[1]), sys.argv[2]
    known = list(reasons())
    taken = total = excused = 0
    missed = []
    for name, number, text, line_taken, branches in lines_of(build_dir, room):
        taken, total = taken + line_taken, total + branches
        if line_taken == branches:
            continue
        if any(file in (name, "*") and piece in text for file, piece in known):
            excused += branches - line_taken
        else:
            missed.append(f"    {name}:{number}: {branches - line_taken} of {branches}: {text}")
    share = 100 * taken / total if total else 100.0
    wanted = 100 * taken / (total - excused) if total > excused else 100.0
    print(f"{room}: {share:.1f} % of {total} branches; {wanted:.1f} % of those that a schedule can reach")
    print("\n".join(missed))


if __name__ == "__main__":
    main()
