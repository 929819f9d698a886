"""What is wrong with a submission, rule by rule and table by table, each rule with one example."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from registry.checking.catalogue import status
from registry.contract import TABLES
from reports.identity import IDENTIFYING_RULES, without_identity
from reports.problem_list import quarantine_of, questions_of, rows_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from registry.checking.checks import CheckedSubmission
    from registry.errors import Problem, Severity

CLASSES = ("conformance", "completeness", "plausibility")
"""The classes of rules (Kahn et al. 2016)."""
EXAMPLES_TRIED = 200
"""In how many rows an example is looked for that does not tell who somebody is."""


@dataclass(frozen=True, kw_only=True)
class TableCount:
    """Rows of one table; sent is None if its file could not be read or is not there."""

    table: str
    file: str
    sent: int | None
    taken_in: int
    quarantined: int
    questions: int


@dataclass(frozen=True, kw_only=True)
class ClassCount:
    """Rules of one class: that found nothing, that found something, and that had nothing to test."""

    kind: str
    passed: int
    failed: int
    not_applicable: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A rule that was not met in a file: how often, and one example with its words."""

    rule: str
    severity: Severity
    file: str
    count: int
    example: Problem


def table_counts(checked: CheckedSubmission) -> tuple[TableCount, ...]:
    """Return the counts of every table, in the order of the contract; of a refused submission nothing is taken in."""
    return tuple(
        TableCount(
            table=name,
            file=checked.submission.label(name),
            sent=checked.submission.counts.get(name),
            taken_in=0 if checked.refused else checked.rows[name].num_rows,
            quarantined=quarantine_of(checked, name).num_rows,
            questions=questions_of(checked, name).num_rows,
        )
        for name in TABLES
    )


def class_counts(checked: CheckedSubmission) -> tuple[ClassCount, ...]:
    """Return how many rules of each class passed, failed and had nothing to test; each rule counts once."""
    counted = Counter(
        (row["kind"], status(row["tested"], row["failed"]))
        for row in checked.results.select(["kind", "tested", "failed"]).to_pylist()
    )
    return tuple(
        ClassCount(
            kind=kind,
            passed=counted[kind, "passed"],
            failed=counted[kind, "failed"],
            not_applicable=counted[kind, "not applicable"],
        )
        for kind in CLASSES
    )


def failures(checked: CheckedSubmission) -> tuple[Failure, ...]:
    """Return the rules that were not met: problems of whole files first, then those not met most often.

    A rule counts the rows that it rejects, or its questions; a problem of a file as a whole counts one.
    """
    found = list(_of_files(checked.problems))
    for table in TABLES:
        found += _of_rows(checked, table)
    return tuple(sorted(found, key=lambda one: (one.example.line is not None, -one.count, one.file, one.rule)))


def _of_rows(checked: CheckedSubmission, table: str) -> Iterable[Failure]:
    held, asked = quarantine_of(checked, table), questions_of(checked, table)
    kinds: list[tuple[str, Severity, int, int]] = []
    for rule, count in _counts(pc.list_flatten(pc.split_pattern(held["rules"], ","))):
        mine = held.filter(pc.match_substring(_comma(held["rules"]), f",{rule},"))
        kinds.append((rule, "reject", count, _example(mine, held)))
    for rule, count in _counts(asked["rule"]):
        kinds.append((rule, "query", count, _example(asked.filter(pc.equal(asked["rule"], rule)), held)))
    rows = {row.line: row for row in rows_at(checked, table, sorted({line for *_, line in kinds}))}
    for rule, severity, count, line in kinds:
        example = next(problem for problem in rows[line].problems if problem.rule == rule)
        yield Failure(rule=rule, severity=severity, file=rows[line].file, count=count, example=example)


def _example(rows: pa.Table, held: pa.Table) -> int:
    """Return the line of the first of some rows that does not tell who somebody is; the first if all do."""
    lines = rows.take(pc.sort_indices(rows, [("line", "ascending")])[:EXAMPLES_TRIED])["line"]
    telling = held.filter(
        pc.and_(pc.is_in(held["line"], lines), pc.match_substring_regex(held["rules"], IDENTIFYING_RULES))
    )
    left = lines.filter(pc.invert(pc.is_in(lines, telling["line"])))
    return int((left if len(left) else lines)[0].as_py())


def _comma(rules: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return lists of rules with a comma around each rule, so that no rule is found inside another."""
    return pc.binary_join_element_wise("", rules, "", ",")


def _counts(values: pa.Array | pa.ChunkedArray) -> list[tuple[str, int]]:
    return sorted((row["values"], row["counts"]) for row in pc.value_counts(values).to_pylist())


def _of_files(problems: Iterable[Problem]) -> Iterable[Failure]:
    kinds: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        if problem.line is None:
            kinds.setdefault((problem.file, problem.rule), []).append(problem)
    for (file, rule), same in kinds.items():
        example = without_identity(same[0], frozenset())
        yield Failure(rule=rule, severity=same[0].severity, file=file, count=len(same), example=example)
