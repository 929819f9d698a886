"""The rows that meet a condition: all counted, the first of a kind shown, questions kept with their words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from registry.checking.condition import rows_alone
from registry.checking.explain import explain_text
from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from registry.checking.condition import Condition

SHOWN_OF_A_KIND = 20
"""How many problems of one rule in one file are shown; all of them count, and all are kept."""

_LONGEST_VALUE = 60


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Problems of one rule in one file: how many there are beyond those that are shown."""

    file: str
    rule: str
    more: int


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many rows one condition tested, and on how many it was met. table_name: None for rules about files."""

    rule: str
    table_name: str | None
    kind: str
    severity: str
    tested: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one condition found: how many rows, and the problems of the first of them."""

    condition: Condition
    count: int
    problems: tuple[Problem, ...]


def find(
    connection: duckdb.DuckDBPyConnection, conditions: Sequence[Condition], *, table: str, file: str
) -> tuple[list[Found], list[Tally]]:
    """Fill the tables condition, finding and query for the table at hand, and return what was found and all counts.

    Parameters
    ----------
    connection
        With the table staged, and its view person (line, patient_id).
    conditions
        Those of one table.
    table
        Its name.
    file
        What it is called in messages.
    """
    connection.execute("DELETE FROM condition")
    connection.execute("DELETE FROM finding")
    [(rows,)] = connection.execute(f'SELECT count(*) FROM "{table}"').fetchall()
    # Conditions on the same rows are looked for together, in one pass that only counts: most are met nowhere.
    together: dict[str, list[int]] = {}
    for number, condition in enumerate(conditions):
        together.setdefault(condition.source, []).append(number)
    counts: dict[int, int] = {}
    tallies: list[Tally] = []
    for source, numbers in together.items():
        asked = {number: conditions[number] for number in numbers}
        # Planning a statement takes longer than a small table: rows that are not there need none.
        nothing = rows == 0 and source.startswith(rows_alone(table))
        tested, failed = ({}, {}) if nothing else _count(connection, source, asked)
        tallies += [
            Tally(
                rule=c.rule, table_name=c.table, kind=c.kind, severity=c.severity,
                tested=tested.get(number, 0), failed=failed.get(number, 0),
            )
            for number, c in asked.items()
        ]  # fmt: skip
        if failed:
            connection.execute(_findings(source, {number: conditions[number] for number in failed}))
        counts |= failed
    _name(connection, {number: conditions[number] for number in counts})
    if any(conditions[number].severity == "query" for number in counts):
        connection.execute(check_sql("keep_queries"), {"table_name": table, "file": file})
    problems: dict[int, list[Problem]] = {}
    if counts:
        first = connection.execute(check_sql("first_of_a_kind"), {"file": file, "shown": SHOWN_OF_A_KIND}).fetchall()
        for number, place, at, said in first:
            problems.setdefault(number, []).append(_problem(conditions[number], place, at, said))
    found = [
        Found(condition=conditions[number], count=count, problems=tuple(problems[number]))
        for number, count in sorted(counts.items())
        if not conditions[number].silent
    ]
    return found, tallies


def keep_queries(connection: duckdb.DuckDBPyConnection, problems: Iterable[Problem]) -> None:
    """Add questions about whole files to the table query."""
    for problem in problems:
        if problem.severity == "query":
            connection.execute(
                "INSERT INTO query VALUES (NULL, NULL, ?, ?, ?, ?, ?, ?, ?, NULL)",
                [
                    problem.file,
                    problem.line,
                    ", ".join(problem.columns),
                    ", ".join(problem.values),
                    problem.rule,
                    problem.message,
                    problem.advice,
                ],
            )


def sorted_problems(whole: Iterable[Problem], found: Iterable[Found]) -> tuple[tuple[Problem, ...], tuple[Kind, ...]]:
    """Return the problems to show, sorted by file, line and column, and how many more there are of each kind.

    Where the rows of a table stand in several files, what is not shown is counted with the first of them.
    """
    counts: dict[str, int] = {}
    first: dict[str, list[Problem]] = {}
    for one in found:
        counts[one.condition.rule] = counts.get(one.condition.rule, 0) + one.count
        first.setdefault(one.condition.rule, []).extend(one.problems)
    shown, kinds = list(whole), []
    for rule, problems in first.items():
        of_rule = sorted(problems, key=_place)[:SHOWN_OF_A_KIND]
        shown += of_rule
        if (more := counts[rule] - len(of_rule)) > 0:
            kinds.append(Kind(file=of_rule[0].file, rule=rule, more=more))
    return tuple(sorted(shown, key=_place)), tuple(sorted(kinds, key=lambda kind: (kind.file, kind.rule)))


@cache
def check_sql(name: str) -> str:
    """Return the statement or script registry/sql/check/<name>.sql."""
    return files("registry").joinpath("sql", "check", f"{name}.sql").read_text(encoding="utf-8")


def _name(connection: duckdb.DuckDBPyConnection, conditions: dict[int, Condition]) -> None:
    """Fill the table condition with those that are met."""
    if not conditions:
        return
    values = [
        value
        for number, c in conditions.items()
        for value in (number, c.rule, c.severity, ", ".join(c.columns), len(c.shown), c.message, c.advice)
    ]
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(conditions))
    connection.execute(f"INSERT INTO condition VALUES {rows}", values)


def _count(
    connection: duckdb.DuckDBPyConnection, source: str, conditions: dict[int, Condition]
) -> tuple[dict[int, int], dict[int, int]]:
    """Return by number how many rows each condition tested, and on how many those that are met are met."""
    asked = list(dict.fromkeys(sql for one in conditions.values() for sql in (one.applies, one.met) if sql != "false"))
    listed = ", ".join(f"count_if({sql})" for sql in asked)
    row = connection.execute(f"SELECT {listed} FROM {source}").fetchone() if asked else ()
    # DuckDB counts NULL where there are no rows at all.
    counts = {sql: int(number or 0) for sql, number in zip(asked, row or (), strict=True)}
    tested = {number: counts.get(condition.applies, 0) for number, condition in conditions.items()}
    failed = {number: counts.get(condition.met, 0) for number, condition in conditions.items()}
    return tested, {number: rows for number, rows in failed.items() if rows}


def _findings(source: str, conditions: dict[int, Condition]) -> str:
    """Return the INSERT of every row that meets one of the conditions, with the values that they quote."""
    met = " OR ".join(f"({condition.met})" for condition in conditions.values())
    listed = []
    for number, condition in conditions.items():
        said = ", ".join(f"CAST({value} AS VARCHAR)" for value in (*condition.shown, *condition.extra))
        listed.append(f"if({condition.met}, {{'number': {number}, 'said': CAST([{said}] AS VARCHAR[])}}, NULL)")
    return (
        "INSERT INTO finding SELECT line, one.number, one.said FROM "
        f"(SELECT row.line, unnest([{', '.join(listed)}]) AS one FROM {source} WHERE {met}) WHERE one IS NOT NULL"
    )


def _place(problem: Problem) -> tuple[str, int, tuple[str, ...], str, tuple[str, ...]]:
    return (problem.file, problem.line or 0, problem.columns, problem.rule, problem.values)


def _problem(condition: Condition, file: str, line: int | None, said: Sequence[str | None]) -> Problem:
    shown = len(condition.shown)
    values = [_readable(value) for value in said[:shown]]
    if condition.text_of is not None:
        message, advice = explain_text(condition.text_of, str(said[0])[:_LONGEST_VALUE])
    else:
        message, advice = condition.words([*values, *(value or "" for value in said[shown:])])
    return Problem(
        rule=condition.rule,
        severity=condition.severity,
        file=file,
        line=line,
        columns=condition.columns,
        values=tuple(values),
        message=message,
        advice=advice,
    )


def _readable(value: str | None) -> str:
    """Return a value as it can stand in a line of text: no control characters, not endless, empty named."""
    if value is None:
        return "(empty)"
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in value[: _LONGEST_VALUE + 1])
    return text if len(value) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
