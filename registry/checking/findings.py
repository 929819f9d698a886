"""The rows that meet a condition: all counted, the first of a kind shown, questions kept with their words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.checking.explain import explain_text
from registry.checking.harmonise import quoted
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
class Found:
    """What one condition found: how many rows, and the problems of the first of them."""

    condition: Condition
    count: int
    problems: tuple[Problem, ...]


def find(connection: duckdb.DuckDBPyConnection, conditions: Sequence[Condition]) -> list[Found]:
    """Fill the tables condition, finding and query for the table at hand, and return what was found."""
    connection.execute("DELETE FROM condition")
    connection.execute("DELETE FROM finding")
    # Conditions on the same rows are looked for together: planning a statement for each takes longer than small files.
    together: dict[str, list[int]] = {}
    for number, condition in enumerate(conditions):
        together.setdefault(condition.source, []).append(number)
    for source, numbers in together.items():
        met = " OR ".join(f"({conditions[number].where})" for number in numbers)
        listed = ", ".join(f"if({conditions[number].where}, {number}, NULL)" for number in numbers)
        if connection.execute(f"SELECT 1 FROM {source} WHERE {met} LIMIT 1").fetchone() is None:
            continue
        connection.execute(
            "INSERT INTO finding FROM (SELECT line, unnest(numbers) AS number FROM "
            f"(SELECT row.line, [{listed}] AS numbers FROM {source} WHERE {met})) WHERE number IS NOT NULL"
        )
    found = []
    counts = "SELECT number, count(*) FROM finding GROUP BY number ORDER BY number"
    for number, count in connection.execute(counts).fetchall():
        condition = conditions[number]
        connection.execute("INSERT INTO condition VALUES (?, ?, ?)", [number, condition.rule, condition.severity])
        if condition.severity == "query":
            connection.execute(_keep(condition))
        if not condition.silent:
            found.append(Found(condition=condition, count=count, problems=_first(connection, condition)))
    return found


def keep_queries(connection: duckdb.DuckDBPyConnection, problems: Iterable[Problem]) -> None:
    """Add questions about whole files to the table query."""
    for problem in problems:
        if problem.severity == "query":
            connection.execute(
                "INSERT INTO query VALUES (?, ?, ?, ?, ?, ?, ?)",
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
    """Return the problems to show, sorted by file, line and column, and how many more there are of each kind."""
    counts: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], list[Problem]] = {}
    for one in found:
        kind = (one.condition.file, one.condition.rule)
        counts[kind] = counts.get(kind, 0) + one.count
        first.setdefault(kind, []).extend(one.problems)
    shown = list(whole)
    for problems in first.values():
        shown += sorted(problems, key=_place)[:SHOWN_OF_A_KIND]
    more = {kind: count - SHOWN_OF_A_KIND for kind, count in counts.items() if count > SHOWN_OF_A_KIND}
    kinds = tuple(Kind(file=file, rule=rule, more=count) for (file, rule), count in sorted(more.items()))
    return tuple(sorted(shown, key=_place)), kinds


def _place(problem: Problem) -> tuple[str, int, tuple[str, ...], str, tuple[str, ...]]:
    return (problem.file, problem.line or 0, problem.columns, problem.rule, problem.values)


def _first(connection: duckdb.DuckDBPyConnection, condition: Condition) -> tuple[Problem, ...]:
    values = "".join(f", CAST({value} AS VARCHAR)" for value in (*condition.shown, *condition.extra))
    rows = connection.execute(
        f"SELECT row.line{values} FROM {condition.source} WHERE {condition.where} "
        f"ORDER BY row.line LIMIT {SHOWN_OF_A_KIND}"
    ).fetchall()
    return tuple(_problem(condition, line, values) for line, *values in rows)


def _problem(condition: Condition, line: int, sent: Sequence[str | None]) -> Problem:
    shown = len(condition.shown)
    values = [_readable(value) for value in sent[:shown]]
    if condition.text_of is not None:
        message, advice = explain_text(condition.text_of, str(sent[0])[:_LONGEST_VALUE])
    else:
        message, advice = condition.words([*values, *(value or "" for value in sent[shown:])])
    return Problem(
        rule=condition.rule,
        severity=condition.severity,
        file=condition.file,
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


def _keep(condition: Condition) -> str:
    """Return the INSERT of every row that a condition asks about, with its words."""
    shown = ", ".join(f"coalesce({value}, '')" for value in condition.shown)
    message, advice = quoted(condition.message), quoted(condition.advice)
    for number, value in enumerate((*condition.shown, *condition.extra)):
        filled = f"coalesce(CAST({value} AS VARCHAR), '')"
        message, advice = (f"replace({words}, '{{{number}}}', {filled})" for words in (message, advice))
    return (
        f"INSERT INTO query SELECT {quoted(condition.file)}, row.line, {quoted(', '.join(condition.columns))}, "
        f"concat_ws(', ', {shown}), {quoted(condition.rule)}, {message}, {advice} "
        f"FROM {condition.source} WHERE {condition.where}"
    )
