"""What is wrong with a submission, row by row, with what identifies a person left out."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from registry.checking.keys import WAITS
from registry.errors import Problem
from reports.identity import NOT_REPEATED, hidden_columns, without_identity
from reports.problem_words import known_words, reject_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.checking.checks import CheckedSubmission
    from reports.problem_words import Words

ONLY_WAITS = rf"^[^,]*\{WAITS}$"
"""Matches the rules of a row that has no problem of its own."""
_HELD = ("line", "file", "at", "rules")


@dataclass(frozen=True, kw_only=True)
class WrongRow:
    """A row with all its problems.

    line: its number in its table. file, at: where it stands. sent: what was sent, by column. raw: the row as one text,
    if it has another number of fields than the header.
    """

    line: int
    file: str
    at: int
    sent: Mapping[str, str | None]
    raw: str
    problems: tuple[Problem, ...]

    @property
    def rejected(self) -> bool:
        """Whether the row is in quarantine."""
        return any(problem.severity == "reject" for problem in self.problems)


def questions_of(checked: CheckedSubmission, table: str) -> pa.Table:
    """Return the questions about rows of a table."""
    queries = checked.queries
    return queries.filter(pc.and_(pc.equal(queries["table_name"], table), pc.is_valid(queries["line"])))


def quarantine_of(checked: CheckedSubmission, table: str) -> pa.Table:
    """Return line, file, at and rules of the rows of a table that are in quarantine."""
    # The content of the rows is most of the table, and copying it most of the work.
    return checked.quarantine.select(_HELD).filter(pc.equal(checked.quarantine["table_name"], table))


def wrong_rows(checked: CheckedSubmission, table: str, *, most: int) -> tuple[tuple[WrongRow, ...], int]:
    """Return the rows of a table that have problems, in the order of their lines, and how many there are in all.

    Of more than `most`, rows with problems of their own come before those that only wait for their person's row.
    """
    held, asked = quarantine_of(checked, table), questions_of(checked, table)
    lines, total = _chosen(held, asked, most)
    return rows_at(checked, table, lines), total


def rows_at(checked: CheckedSubmission, table: str, lines: Sequence[int]) -> tuple[WrongRow, ...]:
    """Return some rows of a table with all their problems; each of these lines has at least one."""
    words = known_words(checked)
    rejects = {row["line"]: row for row in _only(quarantine_of(checked, table), lines)}
    questions: dict[int, list[dict[str, Any]]] = {}
    for row in _only(questions_of(checked, table), lines):
        questions.setdefault(row["line"], []).append(row)
    rows = {row.pop("line"): row for row in _only(checked.submission.tables.get(table), lines)}
    broken = {row["line"]: row["content"] for row in _only(checked.submission.broken.get(table), lines)}
    return tuple(
        _row(
            words,
            table,
            reject=rejects.get(line),
            questions=questions.get(line, []),
            sent=rows.get(line, {}),
            broken=broken.get(line),
        )
        for line in lines
    )


def _row(
    words: Words,
    table: str,
    *,
    reject: Mapping[str, Any] | None,
    questions: Sequence[Mapping[str, Any]],
    sent: Mapping[str, str | None],
    broken: str | None,
) -> WrongRow:
    place = reject or questions[0]
    file, at = place["file"], place["at"]
    rules = reject["rules"].split(",") if reject else []
    problems = [p for rule in rules for p in reject_words(words, rule, table=table, file=file, at=at, sent=sent)]
    # One line of a file may give several rows of a table, with the same problem each.
    problems = list(dict.fromkeys([*problems, *map(question_problem, questions)]))
    complete = words.more.isdisjoint(rules)
    hidden = hidden_columns(table, (problem.rule for problem in problems), problems, complete=complete)
    texts = {text for column in hidden if (text := sent.get(column))}
    return WrongRow(
        line=place["line"],
        file=file,
        at=at,
        sent={name: NOT_REPEATED if name in hidden and text is not None else text for name, text in sent.items()},
        raw="" if broken is None else NOT_REPEATED if hidden else _as_line(broken),
        problems=tuple(without_identity(problem, hidden, texts) for problem in problems),
    )


def question_problem(row: Mapping[str, Any]) -> Problem:
    """Return a question as the problem that it is."""
    return Problem(
        rule=row["rule"],
        severity="query",
        file=row["file"],
        line=row["at"],
        columns=tuple(filter(None, (row["columns"] or "").split(", "))),
        values=(row["values"],) if row["values"] else (),
        message=row["message"],
        advice=row["advice"] or "",
    )


def _chosen(held: pa.Table, asked: pa.Table, most: int) -> tuple[list[int], int]:
    waits = pc.match_substring_regex(held["rules"], ONLY_WAITS).to_numpy().astype(bool)
    lines = np.concatenate([held["line"].to_numpy(), asked["line"].to_numpy()]).astype(np.int64)
    rank = np.concatenate([np.where(waits, 1, 0), np.zeros(asked.num_rows, np.int64)])
    order = np.lexsort((rank, lines))
    lines, rank = lines[order], rank[order]
    first = np.append(True, lines[1:] != lines[:-1])[: len(lines)]
    lines, rank = lines[first], rank[first]
    chosen = lines[np.lexsort((lines, rank))[:most]]
    return sorted(chosen.tolist()), len(lines)


def _only(table: pa.Table | None, lines: Sequence[int]) -> list[dict[str, Any]]:
    if table is None:
        return []
    rows: list[dict[str, Any]] = table.filter(pc.is_in(table["line"], pa.array(lines, pa.int64()))).to_pylist()
    return rows


def _as_line(content: str) -> str:
    """Return the fields of a row (JSON) as they would stand in a CSV file."""
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(json.loads(content))
    return out.getvalue()
