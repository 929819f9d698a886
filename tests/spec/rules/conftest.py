"""Text tables in, findings out: the bench on which every rule on rows is proved.

A text table has a header line and a line a row, cells divided by |, and stands in the file of its table from line 2 on.
What every row of a table must have and the rule does not look at is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pytest

from registry.checking.conditions import conditions_of
from registry.checking.harmonise import staging_sql
from registry.checking.limits_by_code import create_limit_tables
from registry.contract import contract
from registry.keeping.database import open_memory

ORDER = ("patient", "follow_up", "antibody", "visit", "course", "infusion", "lab", "event")
FILLED: Mapping[str, Mapping[str, str]] = {
    "patient": {"sex": "female", "birth_year": "1970", "diagnosis": "DM", "consent": "yes",
                "enrolled_date": "2019-02-01", "onset_date": "2018-11-01", "diagnosis_date": "2019-01-15"},
    "follow_up": {"last_seen_date": "2026-01-01", "status": "active"},
    "antibody": {"result": "positive", "date": "2020-01-01"},
    "visit": {},
    "course": {"stop_status": "still taken"},
    "infusion": {},
    "lab": {"unit": "U/L"},
    "event": {"term": "Headache", "serious": "no", "start_date": "2020-01-01"},
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one rule made of some tables: rows tested, lines found (None for the file), and the words of each."""

    tested: int
    lines: list[int | None]
    words: list[str]


Judge = Callable[..., Outcome]


def text_rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a text table; an empty cell is left out."""
    header, *rows = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return [{name: cell for name, cell in zip(header, row, strict=True) if cell} for row in rows]


def _judge(rule: str, units: Mapping[str, str] | None = None, **tables: str | Sequence[Mapping[str, str]]) -> Outcome:
    about = rule.partition(".")[0]
    with open_memory() as connection:
        create_limit_tables(connection)
        connection.execute("CREATE TABLE sent_patient AS SELECT 'nobody' AS patient_id")
        for name in ORDER:
            table, given = contract()[name], tables.get(name, ())
            sent = text_rows(given) if isinstance(given, str) else [dict(row) for row in given]
            rows = [{"line": line, **FILLED[name], **row} for line, row in enumerate(sent, start=2)]
            types = pa.schema([("line", pa.int64()), *((column, pa.string()) for column in table.names)])
            connection.register("sent", pa.Table.from_pylist(rows, types))
            own = (units or {}) if name == about else {}
            staged = staging_sql(table, own, source='(SELECT *, line AS "at" FROM sent)')
            connection.execute(f'CREATE TABLE "{name}" AS {staged}')
            connection.unregister("sent")
            if name == about:
                [condition] = [c for c in conditions_of(table, units=own) if c.rule == rule]
                count = f"SELECT coalesce(count_if({condition.applies}), 0) FROM {condition.source}"
                [(tested,)] = connection.execute(count).fetchall()
                values = ", ".join(("row.line", *condition.shown, *condition.extra))
                met = f"SELECT {values} FROM {condition.source} WHERE {condition.met} ORDER BY ALL"
                found = connection.execute(met).fetchall()
                words = [" ".join(condition.words([str(value) for value in row[1:]])) for row in found]
                return Outcome(tested=tested, lines=[row[0] for row in found], words=words)
            connection.execute(f'CREATE TABLE accepted_{name} AS FROM "{name}"')
    raise AssertionError(rule)


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Return the function that puts one rule to text tables."""
    return _judge
