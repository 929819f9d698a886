"""From a submission to every problem in it, at once: typed rows that are good, and the others with their reasons."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from registry.checking.conditions import conditions_of
from registry.checking.explain import nearest
from registry.checking.findings import Found, find, keep_queries, sorted_problems
from registry.checking.harmonise import quoted, staging_sql
from registry.checking.keys import WAITS
from registry.checking.limits_by_code import create_limit_tables
from registry.contract import contract, stored_columns
from registry.errors import Problem
from registry.intake.tables import BROKEN
from registry.keeping.database import open_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import duckdb

    from registry.checking.findings import Kind
    from registry.contract import Table
    from registry.intake.submission import Submission

_ORDER = ("patient", "follow_up", "antibody", "course", "infusion", "visit", "lab", "event")
"""Rows are checked against their person's patient and follow_up rows, so these come first and stay."""
_STAY = _ORDER[:2]


@dataclass(frozen=True, kw_only=True)
class CheckedSubmission:
    """What became of every row.

    rows: by table, `line` and the stored columns of the contract, typed and harmonised. quarantine: table_name, line,
    rules, content (JSON) of every row that is not taken in. queries: every question, as in the table query. problems:
    those to show, at most 20 of a rule in a file, sorted by file, line and column; kinds: how many more there are.
    rejects, questions: how many problems of each severity in all. waiting: rows in quarantine for no other reason than
    that their person's row is.
    """

    submission: Submission
    rows: Mapping[str, pa.Table]
    quarantine: pa.Table
    queries: pa.Table
    problems: tuple[Problem, ...]
    kinds: tuple[Kind, ...]
    rejects: int
    questions: int
    waiting: int

    @property
    def refused(self) -> bool:
        """Whether the submission as a whole cannot be taken in."""
        return any(problem.severity == "reject" and problem.line is None for problem in self.problems)

    @property
    def accepted(self) -> int:
        """Rows of all tables that are taken in."""
        return sum(table.num_rows for table in self.rows.values())


def check(
    submission: Submission,
    centres: Collection[str] | None = None,
    *,
    progress: Callable[[str, float], None] | None = None,
) -> CheckedSubmission:
    """Check every row of a submission against the contract, in a database of its own.

    Parameters
    ----------
    submission
        As `read_submission` returned it; what that found is among the problems.
    centres
        Codes of the study's centres; None accepts any.
    progress
        Called with what is being done and the share that is done, from 0 to 1.
    """
    whole = [*submission.problems, *_centre_problems(submission, centres)]
    found: list[Found] = []
    rows = {}
    with open_memory() as connection:
        connection.execute(files("registry").joinpath("sql", "check", "results.sql").read_text(encoding="utf-8"))
        create_limit_tables(connection)
        for done, name in enumerate(_ORDER):
            if progress is not None:
                progress(f"checking {contract()[name].file}", done / len(_ORDER))
            found += _check_table(connection, contract()[name], submission)
            rows[name] = _take(connection, contract()[name])
        keep_queries(connection, whole)
        quarantine = connection.sql("FROM quarantine ORDER BY table_name, line").to_arrow_table()
        queries = connection.sql("FROM query ORDER BY ALL").to_arrow_table()
    problems, kinds = sorted_problems(whole, found)
    return CheckedSubmission(
        submission=submission,
        rows=rows,
        quarantine=quarantine,
        queries=queries,
        problems=problems,
        kinds=kinds,
        rejects=sum(p.severity == "reject" for p in whole)
        + sum(f.count for f in found if f.condition.severity == "reject"),
        questions=queries.num_rows,
        waiting=int(pc.sum(pc.match_substring_regex(quarantine["rules"], rf"^[^,]*\{WAITS}$")).as_py() or 0),
    )


def _check_table(connection: duckdb.DuckDBPyConnection, table: Table, submission: Submission) -> list[Found]:
    """Stage one table, find what is wrong in it, and put those rows into quarantine."""
    name = table.table
    declared = {column.name: submission.units.get(f"{name}.{column.name}", "") for column in table.columns}
    units = {column: unit for column, unit in declared.items() if unit in table[column].accepts}
    text = submission.tables.get(name, _no_rows(table))
    connection.register("sent", text)
    connection.execute(f'CREATE TABLE "{name}" AS {staging_sql(table, units, source="sent")}')
    connection.unregister("sent")
    broken = submission.broken.get(name, BROKEN.empty_table())
    connection.register("sent", broken)
    connection.execute(f'CREATE TABLE "{name}$broken" AS FROM sent')
    connection.unregister("sent")
    found = find(
        connection,
        conditions_of(
            table,
            units=units,
            day=submission.date,
            referable="patient" in submission.tables,
            broken=broken.num_rows > 0,
        ),
    )
    if connection.execute("SELECT 1 FROM condition WHERE severity = 'reject'").fetchone() is None:
        return found
    content = ", ".join(f'{quoted(column)}, "{column}$text"' for column in table.names)
    connection.execute(
        "INSERT INTO quarantine "
        "WITH wrong AS (SELECT line, string_agg(DISTINCT rule, ',' ORDER BY rule) AS rules "
        "FROM finding JOIN condition USING (number) WHERE severity = 'reject' GROUP BY line), "
        f'sent AS (SELECT line, json_object({content}) AS content FROM "{name}" '
        f'UNION ALL SELECT line, content FROM "{name}$broken") '
        f"SELECT {quoted(name)}, line, rules, content FROM wrong JOIN sent USING (line)"
    )
    return found


def _take(connection: duckdb.DuckDBPyConnection, table: Table) -> pa.Table:
    """Return the good rows of a table, and keep those that other tables are checked against."""
    name = table.table
    good = (
        f'SELECT * FROM "{name}" ANTI JOIN '
        f"(SELECT line FROM quarantine WHERE table_name = {quoted(name)}) AS wrong USING (line)"
    )
    columns = ", ".join(f'"{column}"' for column, _ in stored_columns(table))
    rows = connection.sql(f"SELECT line, {columns} FROM ({good}) ORDER BY line").to_arrow_table()
    if name in _STAY:
        connection.execute(f"CREATE TABLE accepted_{name} AS {good}")
        connection.execute(f'CREATE TABLE sent_{name} AS SELECT DISTINCT "patient_id$text" AS patient_id FROM "{name}"')
    else:
        connection.execute(f'DROP TABLE "{name}"')
    connection.execute(f'DROP TABLE "{name}$broken"')
    return rows


def _no_rows(table: Table) -> pa.Table:
    return pa.schema([("line", pa.int64()), *((name, pa.string()) for name in table.names)]).empty_table()


def _centre_problems(submission: Submission, centres: Collection[str] | None) -> list[Problem]:
    """Refuse a centre that the study does not have."""
    if centres is None or not submission.centre or submission.centre in centres:
        return []
    meant = nearest(submission.centre, sorted(centres))
    return [
        Problem(
            rule="manifest.centre",
            severity="reject",
            file="manifest.toml",
            columns=("centre",),
            values=(submission.centre,),
            message="The study has no centre of this code.",
            advice=f"Did you mean {meant}?" if meant else "Correct it, or add the centre to study.toml.",
        )
    ]
