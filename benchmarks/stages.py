"""Time and peak memory of each command from simulated files to the PDF.

python benchmarks/stages.py [--patients 240] [--centres 12]

Each stage is a process of its own, as a user runs it; the figures are those of the operating system for that process.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path


def stage(name: str, *arguments: str) -> tuple[str, float, float, float]:
    """Run one command and return its name, wall and processor seconds, and peak memory in GB."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "myoregistry", *arguments]
    child = os.posix_spawn(
        sys.executable, command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, 1, 0)]
    )
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"{name} ended with status {os.waitstatus_to_exitcode(status)}")
    return name, time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024**2


def main() -> None:
    """Print a table of the stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=240)
    parser.add_argument("--centres", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = ("--study", folder)
        size = ("--patients", str(options.patients), "--centres", str(options.centres), "--seed", str(options.seed))
        rows = [stage("simulate", "simulate", folder, *size)]
        submissions = sorted(str(path) for path in (Path(folder) / "submissions").iterdir())
        lines = sum(
            text.count(b"\n") - 1 for text in (p.read_bytes() for p in Path(folder).glob("submissions/*/lab.csv"))
        )
        rows += [
            stage("add", *study, "add", *submissions),
            stage("freeze", *study, "freeze"),
            stage("run", *study, "run"),
            stage("report", *study, "report", "committee"),
        ]
        size_mb = sum(p.stat().st_size for p in Path(folder).rglob("*.csv")) / 1e6
    print(f"{options.patients} patients, {options.centres} centres, {lines} lab rows, {size_mb:.0f} MB of CSV")
    print(f"{'stage':<10}{'wall s':>10}{'cpu s':>10}{'peak GB':>10}{'share':>8}")
    total = sum(row[1] for row in rows)
    for name, wall, cpu, memory in rows:
        print(f"{name:<10}{wall:>10.1f}{cpu:>10.1f}{memory:>10.2f}{wall / total:>8.0%}")
    print(f"{'all':<10}{total:>10.1f}{sum(r[2] for r in rows):>10.1f}{max(r[3] for r in rows):>10.2f}")
    print(f"before the PDF: {sum(row[1] for row in rows[:-1]):.1f} s")


if __name__ == "__main__":
    main()
