"""Every rule has a name of its own, words without a row, a class and a source; and a check counts every one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import registry.intake
from registry.checking.catalogue import catalogue, status
from registry.checking.checks import check
from registry.checking.conditions import conditions_of
from registry.contract import contract
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = catalogue()
FEWEST = 120


def test_there_are_at_least_120_rules_and_no_two_of_one_name() -> None:
    assert len(RULES) >= FEWEST
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_every_rule_has_words_a_class_and_a_source() -> None:
    assert [rule.id for rule in RULES if not (rule.message and rule.advice and rule.source)] == []
    assert {rule.kind for rule in RULES} == {"conformance", "completeness", "plausibility"}
    assert {rule.severity for rule in RULES} == {"reject", "query"}


def test_no_words_of_the_catalogue_have_a_place_for_a_value() -> None:
    assert [rule.id for rule in RULES if re.search(r"\{\d?\}|\{\w*[a-z]\w*\}", rule.message + rule.advice)] == []
    key = next(rule for rule in RULES if rule.id == "lab.key")
    assert key.message == "Several rows have the same patient_id, analyte, date; only one row may have it."


def test_sentences_of_the_catalogue_are_whole() -> None:
    assert [rule.id for rule in RULES if not re.search(r"[.?]$", rule.message)] == []
    assert [rule.id for rule in RULES if not re.search(r"[.?]$", rule.advice)] == []


def test_every_rule_on_rows_is_named_after_its_table_and_speaks_of_its_columns() -> None:
    for rule in RULES:
        if rule.table:
            assert rule.id.startswith(f"{rule.table}.")
            assert set(rule.columns) <= set(contract()[rule.table].names), rule.id
        else:
            assert not set(rule.columns)


@pytest.mark.parametrize("table", sorted(contract()))
def test_conditions_of_one_rule_have_one_severity_and_one_class(table: str) -> None:
    seen: dict[str, tuple[str, str]] = {}
    for condition in conditions_of(contract()[table]):
        assert seen.setdefault(condition.rule, (condition.severity, condition.kind)) == (
            condition.severity,
            condition.kind,
        )


def test_what_a_rule_asks_for_decides_its_class() -> None:
    kinds = {rule.id: rule.kind for rule in RULES}
    assert kinds["lab.value.required"] == "completeness"
    assert kinds["lab.value.type"] == "conformance"
    assert kinds["lab.value.hard"] == "plausibility"
    assert kinds["course.stopped_has_stop"] == "completeness"
    assert kinds["visit.date.after_submission"] == "plausibility"
    assert kinds["event.patient_id.orphan"] == "conformance"


def test_a_check_counts_exactly_the_rules_of_the_catalogue(
    tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    checked = check(read_submission(write_submission(tmp_path / "lyon-2026-06-30")))
    found = checked.results.to_pylist()
    assert checked.results.column_names == ["rule", "table_name", "kind", "severity", "tested", "failed"]
    assert [row["rule"] for row in found] == sorted(rule.id for rule in RULES)
    named = {rule.id: (rule.table or None, rule.kind, rule.severity) for rule in RULES}
    assert {row["rule"]: (row["table_name"], row["kind"], row["severity"]) for row in found} == named


def test_a_submission_without_one_readable_file_counts_the_same_rules_and_tests_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "lyon-2026-06-30"
    folder.mkdir()
    found = check(read_submission(folder)).results.to_pylist()
    assert [row["rule"] for row in found] == sorted(rule.id for rule in RULES)
    assert {(row["rule"], row["tested"], row["failed"]) for row in found if row["tested"]} == {
        ("file.missing", 9, 9)
    } | {("file.unknown", 9, 0)}


def test_a_rule_that_tested_nothing_has_not_passed() -> None:
    assert (status(0, 0), status(3, 0), status(3, 1)) == ("not applicable", "passed", "failed")


def test_every_rule_on_files_that_a_reader_can_raise_is_listed() -> None:
    listed = {rule.id for rule in RULES}
    raised = set()
    for path in Path(registry.intake.__path__[0]).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        raised |= set(re.findall(r'"((?:file|archive|fhir|omop)\.[a-z_]+)"', text))
        raised |= {f"redcap.{name}" for name in re.findall(r'export_problem\([\w.]+, "([a-z_]+)"', text)}
        if path.name == "manifest.py":
            raised |= {f"manifest.{name}" for name in re.findall(r'_problem\(\s*"([a-z]+)"', text)}
    assert {"file.missing", "file.encoding", "manifest.unit", "manifest.unreadable", "redcap.unmapped"} <= raised
    assert raised - listed == set()
