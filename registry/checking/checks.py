"""From a submission to every problem in it, at once: typed rows that are good, and the others with their reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from registry.checking.between_centres import between_rules
from registry.checking.conditions import conditions_of
from registry.checking.explain import nearest
from registry.checking.file_rules import file_results
from registry.checking.findings import Found, Tally, check_sql, find, keep_queries, sorted_problems
from registry.checking.harmonise import quoted, staging_sql
from registry.checking.keys import WAITS
from registry.checking.limits_by_code import create_limit_tables
from registry.contract import contract, stored_columns
from registry.errors import Problem
from registry.intake.submission import read_submission
from registry.intake.tables import BROKEN, PLACES
from registry.keeping.database import open_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    import duckdb

    from registry.checking.findings import Kind
    from registry.contract import Table
    from registry.intake.submission import Submission

_ORDER = ("patient", "follow_up", "antibody", "visit", "course", "infusion", "lab", "event")
"""Rows are checked against their person's patient and follow_up rows, and against doses and weights before them."""
_STAY = ("patient", "follow_up", "visit", "course", "infusion")
"""Tables whose good rows stay as accepted_<table>, for rules on later tables."""
MEMORY_MIB, ROWS_IN_IT = 400, 1_000_000
"""What DuckDB may take for tables of so many rows; beside it stand the text that was sent and the good rows."""
SMALL_ROWS = 15_000
"""Below this a submission is checked in two thirds of the time if its statements are not optimised."""
_READ = 0.5
_RESULT = pa.schema(
    [
        *((name, pa.string()) for name in ("rule", "table_name", "kind", "severity")),
        *((name, pa.int64()) for name in ("tested", "failed")),
    ]
)


@dataclass(frozen=True, kw_only=True)
class CheckedSubmission:
    """What became of every row, and of every rule.

    rows: by table, `line` and the stored columns of the contract, typed and harmonised. quarantine: table_name, line,
    file, at, rules, patient_id, content (JSON) of every row that is not taken in; file and at are where it stands.
    queries: every question, table_name, line, file, at, columns, values, rule, message, advice, patient_id; those about
    whole files have no table and no line. results: rule, table_name, kind, severity, tested, failed of every rule of
    the catalogue, sorted by rule; rows, or files for a rule on files, which has no table. problems: those to show, at
    most 20 of a rule, sorted by file, line and column; kinds: how many more there are. rejects, questions: how many
    problems of each severity in all. waiting: rows in quarantine for no other reason than that their person's row is.
    """

    submission: Submission
    rows: Mapping[str, pa.Table]
    quarantine: pa.Table
    queries: pa.Table
    results: pa.Table
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
    memory_mib: int | None = None,
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
    memory_mib
        MiB of memory that DuckDB may take; what does not fit is spilled to a private folder. None chooses by the number
        of rows.
    """
    whole = [*submission.problems, *_centre_problems(submission, centres)]
    found: list[Found] = []
    tallies: list[Tally] = []
    rows = {}
    small = sum(submission.counts.values()) < SMALL_ROWS
    with open_memory(memory=f"{memory_mib or _memory_mib(submission)}MiB", small=small) as connection:
        connection.execute(check_sql("results"))
        create_limit_tables(connection)
        for done, name in enumerate(_ORDER):
            if progress is not None:
                progress(f"checking {submission.label(name)}", done / len(_ORDER))
            of_table, counted = _check_table(connection, contract()[name], submission)
            found += of_table
            tallies += counted
            rows[name] = _take(connection, contract()[name])
        keep_queries(connection, whole)
        # What only the other centres can tell has nothing to test here.
        tallies += [
            Tally(rule=r.id, table_name=r.table, kind=r.kind, severity=r.severity, tested=0, failed=0)
            for r in between_rules()
        ]
        tallies += file_results(submission, whole, centres_known=centres is not None)
        connection.register("result", pa.Table.from_pylist(list(map(vars, tallies)), schema=_RESULT))
        results = connection.sql(check_sql("whole_results")).to_arrow_table()
        quarantine = connection.sql("FROM quarantine ORDER BY table_name, line").to_arrow_table()
        queries = connection.sql("FROM query ORDER BY ALL").to_arrow_table()
    problems, kinds = sorted_problems(whole, found)
    return CheckedSubmission(
        submission=submission,
        rows=rows,
        quarantine=quarantine,
        queries=queries,
        results=results,
        problems=problems,
        kinds=kinds,
        rejects=sum(p.severity == "reject" for p in whole)
        + sum(f.count for f in found if f.condition.severity == "reject"),
        questions=queries.num_rows,
        waiting=int(pc.sum(pc.match_substring_regex(quarantine["rules"], rf"^[^,]*\{WAITS}$")).as_py() or 0),
    )


def check_path(
    path: Path,
    *,
    centres: Collection[str] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> CheckedSubmission:
    """Read a submission and check it, without a registry.

    Raises UserError if there is nothing to read.
    """

    def part(start: float, stop: float) -> Callable[[str, float], None] | None:
        if progress is None:
            return None
        return lambda what, share: progress(what, start + (stop - start) * share)

    return check(read_submission(path, progress=part(0, _READ)), centres, progress=part(_READ, 1))


def _check_table(
    connection: duckdb.DuckDBPyConnection, table: Table, submission: Submission
) -> tuple[list[Found], list[Tally]]:
    """Stage one table, find what is wrong in it, and put those rows into quarantine."""
    name, file = table.table, submission.label(table.table)
    declared = {column.name: submission.units.get(f"{name}.{column.name}", "") for column in table.columns}
    units = {column: unit for column, unit in declared.items() if unit in table[column].accepts}
    _stage(connection, table, units, submission)
    conditions = conditions_of(
        table, units=units, day=submission.date, referable="patient" in submission.tables, connection=connection
    )
    found, tallies = find(connection, conditions, table=name, file=file)
    if not connection.execute("SELECT 1 FROM condition WHERE severity = 'reject' LIMIT 1").fetchall():
        return found, tallies
    content = ", ".join(f'{quoted(column)}, "{column}$text"' for column in table.names)
    connection.execute(
        "INSERT INTO quarantine "
        "WITH wrong AS (SELECT line, string_agg(DISTINCT rule, ',' ORDER BY rule) AS rules "
        "FROM finding JOIN condition USING (number) WHERE severity = 'reject' GROUP BY line), "
        f'sent AS (SELECT line, "patient_id$text" AS patient_id, json_object({content}) AS content FROM "{name}" '
        f'WHERE line IN (SELECT line FROM wrong) UNION ALL SELECT line, NULL, content FROM "{name}$broken") '
        'SELECT $name, line, coalesce(file, $file), coalesce("at", line), rules, patient_id, content '
        "FROM wrong JOIN sent USING (line) LEFT JOIN place USING (line)",
        {"name": name, "file": file},
    )
    return found, tallies


def _stage(
    connection: duckdb.DuckDBPyConnection, table: Table, units: Mapping[str, str], submission: Submission
) -> None:
    """Create the table with its typed columns, <table>$broken, place and the view person."""
    name = table.table
    connection.execute("DELETE FROM place")
    _register(connection, "sent", submission.places.get(name, PLACES.empty_table()))
    connection.execute('INSERT INTO place SELECT line, file, "at" FROM sent')
    _register(connection, "sent", submission.broken.get(name, BROKEN.empty_table()))
    connection.execute(f'CREATE TABLE "{name}$broken" AS FROM sent')
    _register(connection, "sent", submission.tables.get(name, _no_rows(table)))
    source = '(SELECT *, line AS "at" FROM sent)'
    if name in submission.places:
        source = '(SELECT sent.*, coalesce(place."at", line) AS "at" FROM sent LEFT JOIN place USING (line))'
    connection.execute(f'CREATE TABLE "{name}" AS {staging_sql(table, units, source=source)}')
    connection.unregister("sent")
    connection.execute(f'CREATE OR REPLACE VIEW person AS SELECT line, "patient_id$text" AS patient_id FROM "{name}"')


def _take(connection: duckdb.DuckDBPyConnection, table: Table) -> pa.Table:
    """Return the good rows of a table, and keep those that other tables are checked against."""
    name = table.table
    columns = ", ".join(f'"{column}"' for column, _ in stored_columns(table))
    good = (
        f'SELECT line, {columns} FROM "{name}" ANTI JOIN '
        f"(SELECT line FROM quarantine WHERE table_name = {quoted(name)}) AS wrong USING (line)"
    )
    rows = connection.sql(f"{good} ORDER BY line").to_arrow_table()
    if name in _STAY:
        connection.execute(f"CREATE TABLE accepted_{name} AS {good}")
    if name == "patient":
        connection.execute('CREATE TABLE sent_patient AS SELECT DISTINCT "patient_id$text" AS patient_id FROM patient')
    connection.execute("DROP VIEW person")
    connection.execute(f'DROP TABLE "{name}"')
    connection.execute(f'DROP TABLE "{name}$broken"')
    return rows


def _memory_mib(submission: Submission) -> int:
    """Return the MiB that are enough: lists of a person's rows, which some rules make, cannot be spilled."""
    rows = max((table.num_rows for table in submission.tables.values()), default=0)
    return max(MEMORY_MIB, MEMORY_MIB * rows // ROWS_IN_IT)


def _register(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.unregister(name)
    connection.register(name, table)


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
