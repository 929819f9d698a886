"""The long version of tests/faults: every step of every command, 50 kills of an ingest and a freeze, little memory.

python benchmarks/faults.py [steps] [kills] [damage] [memory]    without a word: all of it, an hour on two cores

steps: each command of tests/faults/studies.py goes wrong at each of its steps, in three ways. kills: 50 times each, at
random moments. damage: 100 flipped bits of the database and 50 of a write-ahead log. memory: a submission of 1,000,000
laboratory rows and 200,000 visits added by a process that may not use more than a gigabyte.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

KILLS = 50
FLIPS = 100
LOG_FLIPS = 50
LAB_ROWS = 1_000_000
LIMIT_BYTES = 3 * 1024**3
"""Of addresses, of which DuckDB and Arrow reserve more than they use: the command may fail, and must say so."""


def main() -> None:
    """Run what is named on the command line."""
    parts = {"steps": steps, "kills": kills, "damage": damage, "memory": memory}
    if sys.argv[1:2] == ["--child"]:
        _child(Path(sys.argv[2]), int(sys.argv[3]))
        return
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or list(parts):
            start = time.perf_counter()
            found = parts[name](Path(folder) / name)
            print(f"{name}: {len(found)} things wrong, {time.perf_counter() - start:.0f} s", flush=True)
            wrong += found
    print("\n".join(wrong))
    sys.exit(bool(wrong))


def steps(folder: Path) -> list[str]:
    """Let every step of every command go wrong in every way."""
    from tests.faults.experiments import Laboratory  # noqa: PLC0415  (not needed by the others)
    from tests.faults.studies import COMMANDS  # noqa: PLC0415

    folder.mkdir()
    laboratory, wrong = Laboratory(folder), []
    for command in COMMANDS:
        if "large" not in command:
            number = len(laboratory.known(command)[2])
            for how in ("kill", "full", "late"):
                found = [w for at in range(1, number + 1) for w in laboratory.fault(command, how, at)]
                print(f"  {command}, {how}: {number} steps, {len(found)} things wrong", flush=True)
                wrong += found
    return wrong


def kills(folder: Path) -> list[str]:
    """Kill an ingest and a freeze at random moments, from outside."""
    from tests.faults.experiments import Laboratory  # noqa: PLC0415

    folder.mkdir()
    laboratory, chance, wrong = Laboratory(folder), random.Random(1), []  # noqa: S311  (no cryptography)
    for command in ("add large", "freeze large"):
        found = []
        for number in range(KILLS):
            if number % 5 == 0:
                laboratory.measure(command)
            found += laboratory.at_moment(command, chance.uniform(0, 1.3))
        ended = laboratory.ended[command]
        print(f"  {command}: {KILLS} kills, {len(found)} things wrong; found afterwards: {ended}", flush=True)
        wrong += found
    return wrong


def damage(folder: Path) -> list[str]:
    """Flip bits of a database, and of the write-ahead log of a command that was killed after its commit."""
    from tests.faults.experiments import DONE, TOLD, Laboratory  # noqa: PLC0415

    folder.mkdir()
    laboratory, chance, wrong = Laboratory(folder), random.Random(1), []  # noqa: S311  (no cryptography)
    commit = laboratory.known("add")[2].index("COMMIT") + 2
    for file, number in (("registry.duckdb", FLIPS), ("registry.duckdb.wal", LOG_FLIPS)):
        tally: dict[str, int] = {}
        killed = file.endswith("wal")
        for _ in range(number):
            study = Path(laboratory.leave("add", commit)) if killed else laboratory.fresh("history").folder
            content = bytearray((study / file).read_bytes())
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            (study / file).write_bytes(content)
            status, said = laboratory.look("add" if killed else "history", str(study))
            what = "refused" if status == TOLD else str(said)
            tally[what] = tally.get(what, 0) + 1
            if status not in (DONE, TOLD) or what.startswith("neither"):
                wrong.append(f"{file}: {said}")
            shutil.rmtree(study.parent)
        print(f"  {file}: {number} flips: {tally}", flush=True)
    return wrong


def memory(folder: Path) -> list[str]:
    """Add a submission of full size, with a limit on memory and without one."""
    from benchmarks.checking import write_submission  # noqa: PLC0415

    folder.mkdir()
    write_submission(folder / "lyon-2026-06-30", LAB_ROWS)
    wrong = []
    for limit in (0, LIMIT_BYTES):
        study = folder / f"study-{limit}"
        study.mkdir()
        (study / "study.toml").write_text(
            'name = "study"\ntitle = "A study"\n[[centre]]\ncode = "lyon"\nname = "Lyon"\n', encoding="utf-8"
        )
        command = [sys.executable, __file__, "--child", str(study), str(limit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (this very file)
        if done.returncode:
            wrong.append(f"memory, address space of {limit:,} bytes: {done.stderr.strip().splitlines()[-1]}")
            continue
        answer = json.loads(done.stdout)
        if "told" in answer and limit:
            print(f"  limit {limit:,}: told: {answer.pop('told').splitlines()[2].strip()}", flush=True)
        for what, (seconds, peak) in answer.items():
            print(f"  limit {limit:,}: {what}: {seconds:.1f} s, peak so far {peak / 1e9:.2f} GB", flush=True)
            if peak > 1.1e9 and what != "freeze":
                wrong.append(f"memory: {what} took {peak:,} bytes")
    return wrong


def _child(folder: Path, limit: int) -> None:
    from registry import load_study  # noqa: PLC0415
    from registry.errors import UserError  # noqa: PLC0415
    from registry.keeping.store import add  # noqa: PLC0415
    from registry.keeping.verify import verify  # noqa: PLC0415
    from registry.snapshot import freeze  # noqa: PLC0415

    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    study = load_study(folder)
    found: dict[str, object] = {}
    verbs = {"add": lambda: add(study, folder.parent / "lyon-2026-06-30"), "verify": lambda: verify(study)}
    try:
        for name, verb in {**verbs, "freeze": lambda: freeze(study)}.items():
            start = time.perf_counter()
            verb()
            # ru_maxrss is in kilobytes.
            found[name] = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    except UserError as error:
        found["told"] = error.text()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
