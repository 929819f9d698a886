"""One submission written to the registry in one transaction, once, with its rows counted before the commit."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from registry.checking.between_centres import between_centres, between_rules
from registry.contract import contract, stored_columns
from registry.keeping import audit
from registry.keeping.history import count_changes
from registry.keeping.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from registry.checking.checks import CheckedSubmission
    from registry.errors import Problem
    from registry.intake.submission import Submission
    from registry.keeping.kept_rows import KeptRows


def take_in(
    connection: duckdb.DuckDBPyConnection,
    checked: CheckedSubmission,
    kept: KeptRows,
    *,
    archive: Callable[[str], str],
    progress: Callable[[str, float], None],
) -> tuple[str, tuple[Problem, ...]]:
    """Write a checked submission with its entry in the audit trail; return its id, and what only others could tell.

    archive: seals what arrived under the id that it is given and returns the SHA-256 of the file; called before the
    commit. Raises AssertionError, and writes nothing, if a row would be lost.
    """
    submission = checked.submission
    connection.execute("BEGIN")
    try:
        submission_id, replaces = _insert_submission(connection, checked, kept)
        for done, name in enumerate(contract()):
            progress(f"storing {name}", done / (len(contract()) + 2))
            columns = ", ".join(f'"{column}"' for column, _ in stored_columns(contract()[name]))
            _insert(connection, kept.rows[name], f'"{name}"', f"record, {columns}", submission_id)
        _insert(connection, kept.quarantine, "quarantine", 'table_name, file, "at", rules, patient_id', submission_id)
        words = 'file, "at", columns, "values", rule, message, advice, patient_id'
        _insert(connection, kept.queries, "query", words, submission_id)
        results = "rule, table_name, kind, severity, tested, failed"
        between = pa.array([rule.id for rule in between_rules()], pa.string())
        own = checked.results.filter(pc.invert(pc.is_in(checked.results["rule"], between)))
        _insert(connection, own, "rule_result", results, submission_id)
        asked = tuple(p for result in between_centres(connection, submission_id) for p in result.problems)
        connection.execute(
            "UPDATE submission SET queries = queries + $more WHERE submission_id = $id",
            {"more": len(asked), "id": submission_id},
        )
        count_changes(connection, submission_id, replaces)
        _count_rows(connection, submission, kept, submission_id)
        progress("archiving", len(contract()) / (len(contract()) + 2))
        sealed = archive(submission_id)
        progress("hashing", (len(contract()) + 1) / (len(contract()) + 2))
        details: dict[str, Any] = {"sha256": submission.sha256, "archive_sha256": sealed, "kind": _kind(submission)}
        details["tables"] = audit.content_hashes(connection, submission_id)
        audit.append(connection, "added", submission_id, details)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return submission_id, asked


def earlier_receipt(connection: duckdb.DuckDBPyConnection, submission: Submission) -> Receipt | None:
    """Return the receipt of the same files of the same centre and date, if they were taken in before."""
    place = {"centre": submission.centre, "date": submission.date, "sha256": submission.sha256}
    row = connection.execute(_sql("same_submission"), place).fetchone()
    if row is None or submission.date is None:
        return None
    submission_id, accepted, quarantined, queries, left_out, latest = row
    return Receipt(
        submission_id=submission_id,
        name=submission.name,
        centre=submission.centre,
        date=submission.date,
        accepted=accepted,
        quarantined=quarantined,
        queries=queries,
        left_out=left_out,
        unchanged=True,
        latest=latest,
    )


def in_force(connection: duckdb.DuckDBPyConnection, submission: Submission) -> str | None:
    """Return the submission of the same centre that was in force on its date before it came."""
    place = {"centre": submission.centre, "date": submission.date}
    row = connection.execute(_sql("in_force"), place).fetchall()
    return str(row[0][0]) if row else None


def _insert(
    connection: duckdb.DuckDBPyConnection, rows: pa.Table, table: str, columns: str, submission_id: str
) -> None:
    connection.register("arrived", rows)
    connection.execute(f"INSERT INTO {table} SELECT $id, {columns} FROM arrived", {"id": submission_id})
    connection.unregister("arrived")


def _insert_submission(
    connection: duckdb.DuckDBPyConnection, checked: CheckedSubmission, kept: KeptRows
) -> tuple[str, str | None]:
    submission = checked.submission
    place = {"centre": submission.centre, "date": submission.date}
    [(sequence, received_at)] = connection.execute(_sql("next_sequence"), place).fetchall()
    submission_id = f"{submission.centre}-{submission.date}-{sequence}"
    values: dict[str, Any] = {
        "submission_id": submission_id,
        **place,
        "sequence": sequence,
        "sha256": submission.sha256,
        "contract": submission.manifest.contract if submission.manifest else "",
        "sender": submission.manifest.sender if submission.manifest else "",
        "received_at": max(filter(None, (audit.now(), received_at))),
        "accepted": sum(table.num_rows for table in kept.rows.values()),
        "quarantined": kept.quarantine.num_rows,
        "queries": kept.queries.num_rows,
        "kind": _kind(submission),
        "replaces": in_force(connection, submission),
        "left_out": sum(kept.left_out.values()),
        "archived": True,
    }
    names = ", ".join(values)
    connection.execute(f"INSERT INTO submission ({names}) VALUES ({', '.join(f'${n}' for n in values)})", values)
    return submission_id, values["replaces"]


def _kind(submission: Submission) -> str:
    return submission.manifest.kind if submission.manifest else "cumulative"


def _count_rows(
    connection: duckdb.DuckDBPyConnection, submission: Submission, kept: KeptRows, submission_id: str
) -> None:
    """Compare, table by table, what stands in the registry with the files' own count of rows."""
    for name, sent in submission.counts.items():
        [(stored,)] = connection.execute(
            f'SELECT (SELECT count(*) FROM "{name}" WHERE submission_id = $id) + '
            "(SELECT count(*) FROM quarantine WHERE submission_id = $id AND table_name = $name)",
            {"id": submission_id, "name": name},
        ).fetchall()
        if stored + kept.left_out.get(name, 0) != sent:
            text = f"{submission_id}: {name} has {sent} rows, {stored} would be stored"
            raise AssertionError(text)


@cache
def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "store", f"{name}.sql").read_text(encoding="utf-8")
