"""Rules on one centre beside the others, asked once its submission stands in the registry: registry/sql/between.

Each file opens as those of registry/sql/rules do. Its SELECT gives every row that the rule tests: wrong, record,
patient_id and the values of the words; it reads the registry's tables and in_force (centre, submission_id).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from registry.checking.rows_together import RuleFile, read_rule
from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

_IN_FORCE = "in_force.sql"


@dataclass(frozen=True, kw_only=True)
class BetweenResult:
    """How many rows one of these rules tested, how many of them were asked about, and the questions."""

    rule: str
    tested: int
    failed: int
    problems: tuple[Problem, ...]


def between_centres(connection: duckdb.DuckDBPyConnection, submission_id: str) -> tuple[BetweenResult, ...]:
    """Ask about a stored submission what only the other centres can tell, and return what became of each rule.

    The questions go into the table query and the counts into rule_result, inside the transaction of the caller. They
    name the other centre, and nothing of its patients.

    Parameters
    ----------
    connection
        The registry, open for writing.
    submission_id
        A submission in it. The other centres are taken as their latest submissions say.

    Raises ValueError if there is no such submission.
    """
    row = connection.execute("SELECT centre FROM submission WHERE submission_id = ?", [submission_id]).fetchone()
    if row is None:
        message = f"There is no submission {submission_id}."
        raise ValueError(message)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE in_force AS {_folder()[_IN_FORCE]}",
        {"centre": row[0], "submission_id": submission_id},
    )
    results = tuple(_ask(connection, rule, row[0], submission_id) for rule in between_rules())
    connection.execute("DROP TABLE temp.in_force")
    return results


@cache
def between_rules() -> tuple[RuleFile, ...]:
    """Return every rule on one centre beside the others, sorted by id."""
    found = [read_rule(content) for name, content in _folder().items() if name != _IN_FORCE]
    return tuple(sorted(found, key=lambda rule: rule.id))


@cache
def _folder() -> dict[str, str]:
    folder = files("registry").joinpath("sql", "between")
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".sql")}


def _ask(connection: duckdb.DuckDBPyConnection, rule: RuleFile, centre: str, submission_id: str) -> BetweenResult:
    result = connection.execute(rule.sql, {"centre": centre})
    names = [column[0] for column in result.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    wrong = [row for row in rows if row["wrong"]]
    problems = []
    for row in wrong:
        file, line = _place(row["record"], rule)
        words = (_filled(rule.message, row), _filled(rule.advice, row))
        problems.append(
            Problem(
                rule=rule.id, severity=rule.severity, file=file, line=line, columns=rule.columns,
                message=words[0], advice=words[1],
            )
        )  # fmt: skip
        connection.execute(
            'INSERT INTO query (submission_id, file, line, columns, "values", rule, message, advice, patient_id) '
            "VALUES (?, ?, ?, ?, '', ?, ?, ?, ?)",
            [submission_id, file, line, ", ".join(rule.columns), rule.id, *words, row["patient_id"]],
        )
    connection.execute(
        "INSERT INTO rule_result (submission_id, rule, table_name, kind, severity, tested, failed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [submission_id, rule.id, rule.table, rule.kind, rule.severity, len(rows), len(wrong)],
    )
    return BetweenResult(rule=rule.id, tested=len(rows), failed=len(wrong), problems=tuple(problems))


def _place(record: str | None, rule: RuleFile) -> tuple[str, int | None]:
    """Return file and line of a record, '<file>:<line>'."""
    if record is None:
        return f"{rule.table}.csv", None
    file, _, line = record.rpartition(":")
    return file, int(line)


def _filled(words: str, row: Mapping[str, Any]) -> str:
    for name, value in row.items():
        words = words.replace(f"{{{name}}}", str(value))
    return words
