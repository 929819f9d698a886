"""Seconds and peak memory of reading and checking one submission with every rule, beside pandera with some of them.

python benchmarks/checking.py [--rows 10000 100000 1000000]

--rows is the number of laboratory rows; a fifth as many visits and a fiftieth as many persons come with them. One cell
in a thousand of the columns below is wrong. Every figure is that of a process of its own; the two tools read the same
files. pandera (pip install myoregistry[bench]; left out if it is not there) is given the rules that it can
express, see checking_pandera.py; "same rules" is ours without those that it is not given.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

LABS_OF_A_VISIT = ("CK", "LDH", "aldolase", "AST", "IgG")
USUAL = {"CK": (400, 0.8), "LDH": (280, 0.3), "aldolase": (6, 0.3), "AST": (35, 0.4), "IgG": (11, 0.2)}
LIMITS = {"CK": ("", "170"), "LDH": ("", "250"), "aldolase": ("", "7.6"), "AST": ("", "40"), "IgG": ("7", "16")}
VISITS = 10
OURS, SAME = "myoregistry", "same rules"
WRONG = 1e-3
ORDER = ("patient", "follow_up", "antibody", "course", "infusion", "visit", "lab", "event")


def write_submission(folder: Path, lab_rows: int, *, seed: int = 1) -> Path:
    """Write a submission of lab_rows laboratory rows, a fifth as many visits and a fiftieth as many persons."""
    from registry.contract import contract  # noqa: PLC0415  (the pandera child has no need of it)

    folder.mkdir()
    manifest = 'centre = "lyon"\ndate = 2026-06-30\ncontract = "2"\n'
    (folder / "manifest.toml").write_text(manifest, encoding="utf-8")
    columns = _columns(np.random.default_rng(seed), lab_rows // (VISITS * len(LABS_OF_A_VISIT)))
    for name, table in contract().items():
        have = columns.get(name, {})
        rows = len(next(iter(have.values()), ()))
        text = {c: pa.array(have.get(c, [""] * rows), pa.string()) for c in table.names if c != "link_key"}
        csv.write_csv(pa.table(text), folder / table.file, csv.WriteOptions(quoting_style="none"))
    return folder


def _columns(random: np.random.Generator, persons: int) -> dict[str, dict[str, Any]]:
    """Return the text columns of each table; those that are left out are empty."""
    ids = np.array([f"P{number:06}" for number in range(persons)])
    onset = np.datetime64("2012-01-01") + random.integers(0, 2500, persons)
    start = onset + random.integers(100, 400, persons)
    seen = start + 60 * VISITS + 90
    dead = random.random(persons) < 0.05
    each = np.repeat(ids, VISITS)
    day = np.repeat(start, VISITS) + np.tile(np.arange(VISITS) * 60, persons) + random.integers(0, 20, persons * VISITS)
    analyte = np.tile(LABS_OF_A_VISIT, persons * VISITS)
    usual = np.array([USUAL[name] for name in LABS_OF_A_VISIT])
    mean, spread = np.tile(usual[:, 0], len(each)), np.tile(usual[:, 1], len(each))
    value = np.round(mean * np.exp(spread * random.standard_normal(len(analyte))), 2)
    visits = len(each)
    return {
        "patient": {
            "patient_id": ids,
            "sex": np.where(random.random(persons) < 0.67, "female", "male"),
            "birth_year": _wrong(random, random.integers(1935, 1990, persons).astype(str), "1835"),
            "diagnosis": _wrong(random, random.choice(["DM", "PM", "ASyS", "IMNM"], persons), "dermatomyositis"),
            "onset_date": onset.astype(str),
            "diagnosis_date": (onset + 90).astype(str),
            "enrolled_date": start.astype(str),
            "ild": random.choice(["yes", "no"], persons),
            "dysphagia": random.choice(["yes", "no"], persons),
            "consent": np.full(persons, "yes"),
        },
        "follow_up": {
            "patient_id": ids,
            "last_seen_date": seen.astype(str),
            "status": np.where(dead, "dead", "active"),
            "death_date": np.where(dead, seen.astype(str), ""),
        },
        "course": {
            "patient_id": ids,
            "agent": np.full(persons, "prednisone"),
            "start_date": start.astype(str),
            "stop_date": _wrong(random, (start + 300).astype(str), "2001-01-01"),
            "stop_status": np.full(persons, "stopped"),
            "dose": random.integers(5, 60, persons).astype(str),
            "dose_unit": np.full(persons, "mg"),
            "schedule": np.full(persons, "daily"),
        },
        "infusion": {
            "patient_id": ids,
            "agent": np.full(persons, "rituximab"),
            "date": start.astype(str),
            "dose": _wrong(random, np.full(persons, "1000"), "10000"),
            "dose_unit": np.full(persons, "mg"),
        },
        "visit": {
            "patient_id": each,
            "date": _wrong(random, day.astype(str), "03/02/2024"),
            "phga": _wrong(random, _tenths(random, visits, 70), "64"),
            "ptga": _tenths(random, visits, 80),
            "exga": _tenths(random, visits, 60),
            "mmt8": _wrong(random, random.integers(90, 150, visits).astype(str), "151"),
            "mmt_maximum": np.full(visits, "150"),
            "haq": _wrong(random, (random.integers(0, 24, visits) / 8).astype(str), "1.3"),
            "cdasi_activity": np.full(visits, "0"),
            "weight": np.repeat(np.round(random.normal(72, 12, persons).clip(45, 120), 1), VISITS).astype(str),
            "height": np.repeat(random.integers(150, 195, persons), VISITS).astype(str),
            "prednisone": _wrong(random, random.choice(["0", "5", "7.5", "20"], visits), "7.5mg"),
        },
        "lab": {
            "patient_id": _wrong(random, np.repeat(each, len(LABS_OF_A_VISIT)), "P999999"),
            "analyte": _wrong(random, analyte, "ck"),
            "date": _wrong(random, np.repeat(day, len(LABS_OF_A_VISIT)).astype(str), "2031-01-01"),
            "value": _wrong(random, value.astype(str), "9999999"),
            "unit": np.where(analyte == "IgG", "g/L", "U/L"),
            "lln": np.tile([LIMITS[name][0] for name in LABS_OF_A_VISIT], visits),
            "uln": np.tile([LIMITS[name][1] for name in LABS_OF_A_VISIT], visits),
            "method": np.full(len(analyte), "IFCC 37 C"),
        },
    }


def _tenths(random: np.random.Generator, rows: int, most: int) -> Any:  # noqa: ANN401  (an array of text)
    return (random.integers(0, most, rows) / 10).astype(str)


def _wrong(random: np.random.Generator, texts: Any, wrong: str) -> Any:  # noqa: ANN401  (arrays of text)
    """Put a wrong text in place of one in a thousand, and of at least one."""
    hit = random.random(len(texts)) < WRONG
    hit[0] = True
    return np.where(hit, wrong, texts)


def child(tool: str, folder: Path) -> dict[str, float]:
    """Read and check a submission in this process; return seconds, rows refused and peak memory in GB."""
    if tool == "pandera":
        import checking_pandera  # noqa: PLC0415  (an extra of its own)

        figures = checking_pandera.run(folder)
    else:
        if tool == SAME:
            _leave_to_us()
        figures = ours(folder)
    return {**figures, "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2}


def _leave_to_us() -> None:
    """Leave out what pandera is not asked: rules on rows together, and the search for identifiers."""
    from registry.checking import conditions  # noqa: PLC0415

    for name in ("conditions_together", "identifier_conditions"):
        setattr(conditions, name, lambda *_, **__: ())


def ours(folder: Path) -> dict[str, float]:
    """Read and check with this project."""
    from registry.checking.checks import check  # noqa: PLC0415  (nor has pandera of this)
    from registry.intake.submission import read_submission  # noqa: PLC0415

    start = time.perf_counter()
    submission = read_submission(folder)
    read, processor = time.perf_counter(), time.process_time()
    checked = check(submission, ["lyon"])
    stop, cpu = time.perf_counter(), time.process_time() - processor
    tested = sum(row > 0 for row in checked.results["tested"].to_pylist())
    return {
        "read": read - start,
        "check": stop - read,
        "cpu": cpu,
        "rules": checked.results.num_rows,
        "tested": tested,
        "refused": checked.quarantine.num_rows,
    }


def measure(tool: str, folder: Path) -> dict[str, float]:
    """Run one tool on one submission in a process of its own."""
    command = [sys.executable, __file__, "--child", tool, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  (our own file)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print the figures of each size, and the ratio of the two tools."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--child", nargs=2)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options.child[0], Path(options.child[1]))))
        return
    tools = (OURS, SAME, "pandera") if find_spec("pandera") else (OURS, SAME)
    print(
        f"{'lab rows':>10}  {'tool':<12}{'rules':>6}{'tested':>8}{'read s':>9}{'check s':>9}{'cpu s':>8}{'both s':>9}"
        f"{'us a row':>10}{'peak GB':>9}{'refused':>9}"
    )
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as temporary:
            folder = write_submission(Path(temporary) / "lyon-2026-06-30", rows)
            figures = {tool: measure(tool, folder) for tool in tools}
        for tool, one in figures.items():
            both = one["read"] + one["check"]
            print(
                f"{rows:>10,}  {tool:<12}{one['rules']:>6}{one['tested']:>8}{one['read']:>9.2f}{one['check']:>9.2f}"
                f"{one['cpu']:>8.2f}{both:>9.2f}{both / (1.24 * rows) * 1e6:>10.2f}{one['peak_gb']:>9.2f}"
                f"{one['refused']:>9,}"
            )
        if "pandera" in figures:
            for name in (OURS, SAME):
                ratio = figures["pandera"]["check"] / figures[name]["check"]
                cpu = figures["pandera"]["cpu"] / figures[name]["cpu"]
                print(f"{'':>10}  pandera / {name}: {ratio:.1f} of the time to check, {cpu:.1f} of the processor")


if __name__ == "__main__":
    main()
