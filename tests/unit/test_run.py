"""Every question is asked, every Result is written whole or not at all, and read back as it was."""

from __future__ import annotations

import importlib
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analyses import load_results, run
from analyses.result import Provenance, Result, Row, Summary, Total
from registry.errors import ExitCode, UserError
from registry.study import Centre, Study

MODULE = sys.modules["analyses.run"]
SNAPSHOT: Any = SimpleNamespace(id="0123456789abcdef", cut=date(2026, 6, 30))


def answer(name: str, number: int = 7, *totals: Total) -> Result:
    origin = Provenance(snapshot=SNAPSHOT.id, data_cut="2026-06-30", cohort="incident 0", software={})
    rows = (Row(topic="n", statistic="count", value=Summary(value=number)),)
    return Result(name=name, title=name.title(), question="?", rows=rows, totals=totals, provenance=origin)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Return a study whose questions are answered at once; a cohort is the name of its users."""
    monkeypatch.setattr(MODULE, "select_cohort", lambda _snapshot, _study, *, users: users)
    monkeypatch.setattr(MODULE, "open_snapshot", lambda _study: SNAPSHOT)
    for questions in ("INCIDENT", "SENSITIVITY", "REGISTRY"):
        named = {name: lambda _cohort, _study, name=name: answer(name) for name in getattr(MODULE, questions)}
        monkeypatch.setattr(MODULE, questions, named)
    return Study.model_validate(
        {"folder": tmp_path, "name": "s", "title": "S", "centre": (Centre(code="lyon", name="Lyon"),)}
    )


def files(study: Study) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(study.results.rglob("*")) if path.is_file()}


def test_every_question_is_asked_in_order_and_twice_of_all_users(study: Study) -> None:
    assert [result.name for result in run(study)] == [
        "accrual", "baseline", "response", "failure", "sequence", "trajectory_ldh", "trajectory_ck",
        "trajectory_aldolase", "trajectory_mmt8", "trajectory_haq", "trajectory_phga", "sparing",
        "safety", "centres", "response_all_users", "failure_all_users", "quality",
    ]  # fmt: skip


def test_all_users_are_asked_for_with_their_own_cohort(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def ask(cohort: str, _study: Study) -> Result:
        asked.append(("response", cohort))
        return answer("response")

    monkeypatch.setitem(MODULE.INCIDENT, "response", ask)
    monkeypatch.setitem(MODULE.SENSITIVITY, "response", ask)
    results = {result.name: result for result in run(study)}
    assert asked == [("response", "incident"), ("response", "all")]
    assert results["response_all_users"].title == "Response, all users"


def test_results_are_written_by_name_in_the_folder_of_the_snapshot(study: Study) -> None:
    results = run(study, SNAPSHOT)
    assert {path.parent.name for path in study.results.rglob("*.json")} == {SNAPSHOT.id}
    assert files(study) == {f"{result.name}.json": result.to_json().encode() for result in results}


def test_a_second_run_writes_the_same_bytes(study: Study) -> None:
    run(study)
    first = files(study)
    run(study)
    assert files(study) == first


def test_results_are_read_back_as_they_were(study: Study) -> None:
    results = run(study)
    assert load_results(study) == results
    assert load_results(study, SNAPSHOT.id) == results


def test_a_bug_is_not_swallowed_and_nothing_is_written(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_cohort: object, _study: Study) -> Result:
        raise ZeroDivisionError

    monkeypatch.setitem(MODULE.SENSITIVITY, "failure", broken)
    with pytest.raises(ZeroDivisionError):
        run(study)
    assert files(study) == {}


def test_counts_that_contradict_each_other_are_a_bug(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    doubled = Total(total="n||all|count|", parts=("n||all|count|", "n||all|count|"))
    monkeypatch.setitem(MODULE.INCIDENT, "safety", lambda _cohort, _study: answer("safety", 7, doubled))
    with pytest.raises(ValueError, match="is not the sum of"):
        run(study)
    assert files(study) == {}


def test_progress_runs_from_nothing_to_all(study: Study) -> None:
    told: list[tuple[str, float]] = []
    run(study, progress=lambda what, share: told.append((what, share)))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert (told[0], told[-1]) == (("accrual", 0.0), ("written", 1.0))


def test_a_file_is_replaced_whole_and_no_other_is_left(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    run(study)
    before = files(study)

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        run(study)
    assert files(study) == before


def test_missing_results_are_named(study: Study) -> None:
    run(study)
    (study.results / SNAPSHOT.id / "safety.json").unlink()
    with pytest.raises(UserError, match=r"Not there: safety\.") as error:
        load_results(study)
    assert error.value.exit_code == ExitCode.NOTHING_TO_READ
    assert "myoregistry run" in error.value.text()


def test_damaged_results_are_named(study: Study) -> None:
    run(study)
    (study.results / SNAPSHOT.id / "safety.json").write_text("{}", encoding="utf-8")
    (study.results / SNAPSHOT.id / "centres.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"Not a Result of this version: safety, centres\."):
        load_results(study)


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("response", "Persons|in the cohort|"), ("response", "Persons|analysed|"), ("response", "Events||"),
        ("response", ", minimal response"), ("response", ", major response"), ("centres", "Persons|ARM, all|CENTRE"),
        ("centres", "Events|ARM, all|CENTRE"), ("accrual", "Persons in the cohort|ARM|CENTRE"),
        ("safety", "Serious infections"), ("safety", "Persons with a serious infection|yes"),
        ("safety", "Thromboembolic events"), ("safety", "Persons with a thromboembolic event|yes"),
        ("safety", "Mean number of serious infections"), ("safety", "Mean number of thromboembolic events"),
        ("sequence", "Persons who were ever in|STATE|"), ("sequence", "Last state|STATE|"), ("safety", "Deaths"),
        ("sequence", "Mean time in state|STATE|"), ("sequence", "Probability of state: STATE"),
    ],
)  # fmt: skip
def test_the_names_by_which_masking_ties_counts_are_those_of_the_questions(question: str, name: str) -> None:
    # See analyses/relations.py: a question that renames one must tell it.
    assert name in str(importlib.import_module(f"analyses.{question}").__doc__)
