"""The verb check says what add would say, without a registry, and what every rule tested."""

from __future__ import annotations

import csv
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import reports
from myoregistry.checking import check
from registry.checking.catalogue import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.testing import Result

    Rows = dict[str, list[Mapping[str, str]]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Return the function that runs the verb in a folder without a study."""
    return lambda *arguments, study=tmp_path: CliRunner().invoke(check, list(map(str, arguments)), obj=study)


@pytest.fixture
def wrong(tmp_path: Path, write_submission: Callable[..., Path], with_row: Callable[..., Rows]) -> Path:
    """Return a submission with a row that cannot be taken in and a question."""
    rows = with_row("lab", value="12,4")
    rows["visit"][1] = {**rows["visit"][1], "prednisone": "120"}
    return write_submission(tmp_path / "lyon-2026-06-30", rows)


def test_a_submission_with_a_refused_row_is_told_and_gives_status_3(run: Callable[..., Result], wrong: Path) -> None:
    result = run(wrong)
    assert result.exit_code == 3
    assert "lab.csv, line 2, column value: 12,4" in result.output
    assert "Question: Usual values of oral glucocorticoid" in result.output
    assert "1 row would be held back; 13 rows would be taken in." in result.output
    assert "in quarantine" not in result.output


def test_a_submission_without_a_refused_row_gives_status_0(
    run: Callable[..., Result], tmp_path: Path, write_submission: Callable[..., Path], with_row: Callable[..., Rows]
) -> None:
    result = run(write_submission(tmp_path / "lyon-2026-06-30", with_row("visit", 1, prednisone="120")))
    assert (result.exit_code, "14 rows would be taken in." in result.output) == (0, True)
    assert "held back" not in result.output


def test_a_submission_that_would_be_refused_whole_says_so(run: Callable[..., Result], wrong: Path) -> None:
    (wrong / "lab.csv").unlink()
    result = run(wrong)
    assert result.exit_code == 3
    assert "As it stands, nothing of it would be taken in." in result.output
    assert "registry is as it was" not in result.output


def test_nothing_is_written_where_nothing_was_asked_for(
    run: Callable[..., Result], wrong: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    run(wrong)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_summary_counts_every_rule_once_by_class(run: Callable[..., Result], wrong: Path) -> None:
    rows = [line.split() for line in run(wrong).output.splitlines()]
    counts = {row[0]: list(map(int, row[1:])) for row in rows if row[:1] and row[0] in {
        "conformance", "completeness", "plausibility", "all"}}  # fmt: skip
    assert [sum(column) for column in zip(*(counts[kind] for kind in list(counts)[:3]), strict=True)] == counts["all"]
    assert sum(counts["all"]) == len(catalogue())
    assert counts["conformance"][1] >= 1


def test_every_rule_can_be_shown_and_written_with_its_status(
    run: Callable[..., Result], wrong: Path, tmp_path: Path
) -> None:
    target = tmp_path / "results.csv"
    result = run(wrong, "--rules", "--results", target)
    assert "lab.value.type" in result.output
    with target.open(encoding="utf-8", newline="") as file:
        rows = {row["rule"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {rule.id for rule in catalogue()}
    assert rows["lab.value.type"] == {
        "submission": "lyon-2026-06-30", "rule": "lab.value.type", "table": "lab", "class": "conformance",
        "severity": "reject", "tested": "3", "failed": "1", "status": "failed",
    }  # fmt: skip
    assert (rows["patient.link_key.pattern"]["tested"], rows["patient.link_key.pattern"]["status"]) == (
        "0",
        "not applicable",
    )
    assert rows["lab.key"]["status"] == "passed"


def test_results_that_cannot_be_written_are_a_mistake_and_no_traceback(
    run: Callable[..., Result], wrong: Path, tmp_path: Path
) -> None:
    result = run(wrong, "--results", tmp_path / "nowhere" / "results.csv")
    assert "The file cannot be written" in str(result.exception)


def test_the_catalogue_is_listed_in_100_columns_with_every_rule(run: Callable[..., Result]) -> None:
    result = run("--list-rules")
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= 100
    first = {line.split(" ")[0] for line in result.output.splitlines()}
    assert {rule.id for rule in catalogue()} <= first
    # A pattern in words is no mark-up of the terminal.
    assert "[A-Za-z0-9]" in result.output


def test_the_centres_of_the_study_are_known_in_its_folder(run: Callable[..., Result], study: Any, wrong: Path) -> None:
    assert "The study has no centre" not in run(wrong, study=study.folder).output
    manifest = (wrong / "manifest.toml").read_text(encoding="utf-8")
    (wrong / "manifest.toml").write_text(manifest.replace('"lyon"', '"lion"'), encoding="utf-8")
    assert "Did you mean lyon?" in run(wrong, study=study.folder).output
    assert "The study has no centre" not in run(wrong).output


def test_without_a_submission_or_with_too_many_for_a_workbook_it_says_how_to_ask(
    run: Callable[..., Result], wrong: Path
) -> None:
    assert run().exit_code == 2
    assert run(wrong, wrong, "--workbook", "x.xlsx").exit_code == 2


def test_the_workbook_and_the_page_are_made_from_what_was_checked(
    run: Callable[..., Result], wrong: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[str, str, int]] = []
    stand_in = types.ModuleType("reports.centre_problems")
    for name in ("write_workbook", "write_page"):

        def write(checked: Any, path: Path, name: str = name) -> Path:
            made.append((name, path.name, checked.rejects))
            return path

        setattr(stand_in, name, write)
    monkeypatch.setitem(sys.modules, "reports.centre_problems", stand_in)
    monkeypatch.setattr(reports, "centre_problems", stand_in, raising=False)
    run(wrong, "--workbook", tmp_path / "p.xlsx", "--pdf", tmp_path / "p.pdf")
    assert made == [("write_workbook", "p.xlsx", 1), ("write_page", "p.pdf", 1)]
