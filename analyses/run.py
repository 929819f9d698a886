"""Ask every question of a snapshot and write one Result a question.

run(study, snapshot=None, *, progress=None) -> tuple[Result, ...], in this order:
"accrual", "baseline", "response", "failure", "sequence", "trajectory_ldh", "trajectory_ck", "trajectory_aldolase",
"trajectory_mmt8", "trajectory_haq", "trajectory_phga", "sparing", "safety", "centres", with all users (prevalent ones
from their enrolment) "response_all_users", "failure_all_users", and "quality".
write_result(study, result) -> Path writes one of them.
load_results(study, snapshot_id=None) -> tuple[Result, ...] reads them back from results/<snapshot id>/<name>.json.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from pydantic import ValidationError

from analyses import accrual, baseline, centres, failure, response, safety, sequence, sparing, trajectory
from analyses.disclosure import check
from analyses.longitudinal_measures import OUTCOMES
from analyses.quality import answer as quality
from analyses.result import Result
from registry.cohort import select_cohort
from registry.errors import ExitCode, UserError
from registry.snapshot import open_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.cohort import Cohort, Users
    from registry.snapshot import Snapshot
    from registry.study import Study

    Progress = Callable[[str, float], None]
    Question = Callable[[Cohort, Study], Result]
    RegistryQuestion = Callable[[Snapshot, Study], Result]

ALL_USERS = "_all_users"
INCIDENT: Mapping[str, Question] = {
    "accrual": accrual.answer,
    "baseline": baseline.answer,
    "response": response.answer,
    "failure": failure.answer,
    "sequence": sequence.answer,
    **{f"trajectory_{name}": partial(trajectory.answer, outcome=name) for name in OUTCOMES},
    "sparing": sparing.answer,
    "safety": safety.answer,
    "centres": centres.answer,
}
SENSITIVITY: Mapping[str, Question] = {"response": response.answer, "failure": failure.answer}
REGISTRY: Mapping[str, RegistryQuestion] = {"quality": quality.answer}
"""Questions about everybody registered, whatever the cohort."""
NAMES = (*INCIDENT, *(f"{name}{ALL_USERS}" for name in SENSITIVITY), *REGISTRY)


def run(study: Study, snapshot: Snapshot | None = None, *, progress: Progress | None = None) -> tuple[Result, ...]:
    """Answer every question from a snapshot (the one frozen last, if None), write the Results and return them.

    progress: called with what is being done and the share that is done. The same snapshot gives the same bytes. Nothing
    is written unless every question was answered. Raises UserError if there is no snapshot or nobody to compare, and
    ValueError if the counts of the Results contradict each other.
    """
    snapshot = snapshot or open_snapshot(study)
    results: list[Result] = []
    for users, questions in _plan():
        cohort = select_cohort(snapshot, study, users=users)
        for name, question in questions.items():
            full = name if users == "incident" else f"{name}{ALL_USERS}"
            if progress is not None:
                progress(full.replace("_", " "), len(results) / len(NAMES))
            results.append(_named(question(cohort, study), full, users=users))
    for name, of_registry in REGISTRY.items():
        if progress is not None:
            progress(name, len(results) / len(NAMES))
        results.append(of_registry(snapshot, study))
    check(results)
    for result in results:
        write_result(study, result)
    if progress is not None:
        progress("written", 1.0)
    return tuple(results)


def write_result(study: Study, result: Result) -> Path:
    """Write a Result as results/<snapshot id>/<name>.json in the study's folder, and return the path."""
    folder = study.results / result.provenance.snapshot
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    _write(path, result.to_json())
    return path


def _plan() -> tuple[tuple[Users, Mapping[str, Question]], ...]:
    return ("incident", INCIDENT), ("all", SENSITIVITY)


def _named(result: Result, name: str, *, users: Users) -> Result:
    if users == "incident":
        return result
    return result.model_copy(update={"name": name, "title": f"{result.title}, all users"})


def _write(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load_results(study: Study, snapshot_id: str | None = None) -> tuple[Result, ...]:
    """Return the Results of a snapshot (the one frozen last, if None), in the order of run().

    Raises UserError if one is not there or cannot be read.
    """
    folder = study.results / (snapshot_id or open_snapshot(study).id)
    missing = [name for name in NAMES if not (folder / f"{name}.json").is_file()]
    if missing:
        raise _unreadable(folder, f"Not there: {', '.join(missing)}.")
    results, damaged = [], []
    for name in NAMES:
        try:
            results.append(Result.load(folder / f"{name}.json"))
        except (ValidationError, UnicodeDecodeError):
            damaged.append(name)
    if damaged:
        raise _unreadable(folder, f"Not a Result of this version: {', '.join(damaged)}.")
    return tuple(results)


def load_centre_result(study: Study, snapshot_id: str, centre: str) -> Result:
    """Return the Result of one centre's data quality that write_result wrote for a snapshot.

    Raises UserError if it is not there or cannot be read.
    """
    path = study.results / snapshot_id / f"quality_{centre}.json"
    if not path.is_file():
        raise _unreadable(path.parent, f"Not there: {path.stem}.")
    try:
        return Result.load(path)
    except (ValidationError, UnicodeDecodeError):
        raise _unreadable(path.parent, f"Not a Result of this version: {path.stem}.") from None


def _unreadable(folder: Path, seen: str) -> UserError:
    return UserError(
        str(folder),
        seen=seen,
        expected=f"Expected {len(NAMES)} Results, one a question.",
        advice="Analyse the snapshot with 'myoregistry run'; the same snapshot gives the same Results.",
        state="Nothing was changed.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )
