"""Several processes at once: one writes, the others wait and are told for whom, and who only reads is never blocked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.keeping import history
from registry.keeping.store import add
from registry.keeping.verify import verify
from registry.keeping.writer import writer
from registry.snapshot import freeze, open_snapshot
from registry.study import Study, load_study
from tests.conftest import write_submission
from tests.faults.studies import PLANTED, rows, unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
START = """
import sys, time
from pathlib import Path
from registry import load_study
from registry.keeping.erase import erase
from registry.keeping.store import add
from registry.snapshot import freeze
study = load_study(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    {do}
except Exception as error:
    print(error, flush=True)
    sys.exit(getattr(error, "exit_code", 1))
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a study of one submission, frozen, and more to be sent."""
    root = tmp_path_factory.mktemp("first")
    centres = "".join(f'[[centre]]\ncode = "{code}"\nname = "{code.title()}"\n' for code in ("lyon", "bern"))
    (root / "study").mkdir()
    (root / "study" / "study.toml").write_text(f'name = "study"\ntitle = "A study"\n{centres}', encoding="utf-8")
    study = load_study(root / "study")
    add(study, write_submission(root / "lyon-2026-03-31", rows(), date="2026-03-31"))
    freeze(study)
    write_submission(root / "lyon-2026-06-30", rows("3.5"))
    write_submission(root / "bern-2026-06-30", centre="bern")
    return root


@pytest.fixture
def study(first: Path, tmp_path: Path) -> Study:
    shutil.copytree(first / "study", tmp_path / "study")
    return load_study(tmp_path / "study")


@contextmanager
def _started(study: Study, *commands: str) -> Iterator[Sequence[subprocess.Popen[str]]]:
    """Start processes that wait for a line to do something with the study."""
    started = [
        subprocess.Popen(  # noqa: S603  (this very interpreter)
            [sys.executable, "-c", START.format(do=do), str(study.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        )
        for do in commands
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _at_once(study: Study, *commands: str) -> list[tuple[int, str]]:
    """Let processes do something at the same moment; return how each ended and what it said."""
    with _started(study, *commands) as processes:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        return [(process.wait(120), process.stdout.read() if process.stdout else "") for process in processes]


def test_submissions_that_are_added_while_others_add_and_freeze_are_all_taken_in_once(
    study: Study, first: Path
) -> None:
    names = ("bern-2026-06-30", "lyon-2026-06-30")
    other, same = (f"add(study, Path({str(first / name)!r}), wait_seconds=60)" for name in names)
    frozen = "print(freeze(study, wait_seconds=60).id)"
    ended = _at_once(study, other, same, same, frozen, frozen)
    assert [status for status, _ in ended] == [0] * 5, ended
    sent = [one.submission_id for one in history.submissions(study)]
    assert sorted(sent) == ["bern-2026-06-30-1", "lyon-2026-03-31-1", "lyon-2026-06-30-1"]
    last = freeze(study)
    assert last.id == open_snapshot(study).id
    assert verify(study).findings == ()
    assert unfinished(study) == []


def test_a_snapshot_that_was_being_frozen_while_a_person_was_erased_does_not_hold_the_person(
    study: Study, first: Path
) -> None:
    add(study, first / "lyon-2026-06-30")
    erased = f"erase(study, 'lyon', [{PLANTED!r}], wait_seconds=60)"
    ended = _at_once(study, "print(freeze(study, wait_seconds=60).id)", erased)
    assert [status for status, _ in ended] == [0, 0], ended
    history.submissions(study)
    folders = [path for path in study.snapshots.iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        snapshot = open_snapshot(study, folder.name)
        assert len(snapshot.table("patient")) == 1
        assert "planted-method" not in set(snapshot.table("lab")["method"])
    assert verify(study).findings == ()


def test_who_waits_in_vain_is_told_who_holds_the_registry_what_for_and_for_how_long(study: Study, first: Path) -> None:
    command = [sys.executable, "-m", "myoregistry", "--study", str(study.folder), "add", "--wait", "1.5"]
    command.append(str(first / "bern-2026-06-30"))
    hold = """from registry.keeping.writer import writer
    with writer(study.lock, 'add'):
        print('held', flush=True)
        time.sleep(60)"""
    with _started(study, hold) as (holder,):
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        start = time.monotonic()
        snapshot = open_snapshot(study)
        assert len(snapshot.table("patient")) == 2
        assert time.monotonic() - start < 5
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
        waited = time.monotonic() - start
    assert ended.returncode == 75, ended.stderr
    assert f"The registry is in use by process {holder.pid} (add, for " in ended.stderr
    assert "waited 1.5 s" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert 1.5 <= waited < 55
    # Its holder was killed, and nobody waits for the dead.
    with writer(study.lock, "test", wait_seconds=0):
        pass
