"""One submission written to the registry in one transaction, once, with its rows counted before the commit."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from registry.contract import contract, stored_columns
from registry.keeping.receipt import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    import pyarrow as pa

    from registry.checking.checks import CheckedSubmission
    from registry.intake.submission import Submission


def take_in(
    connection: duckdb.DuckDBPyConnection, checked: CheckedSubmission, *, progress: Callable[[str, float], None] | None
) -> Receipt:
    """Write a checked submission and return its receipt; the receipt of the earlier one if its files are there already.

    Raises AssertionError, and writes nothing, if a row would be lost.
    """
    submission = checked.submission
    connection.execute("BEGIN")
    try:
        # Another process may have been faster since the first look.
        earlier = earlier_receipt(connection, submission)
        if earlier is not None:
            connection.execute("ROLLBACK")
            return earlier
        submission_id = _insert_submission(connection, checked)
        for done, (name, table) in enumerate(contract().items()):
            if progress is not None:
                progress(f"storing {table.file}", done / len(contract()))
            columns = ", ".join(f'"{column}"' for column, _ in stored_columns(table))
            _insert(
                connection,
                checked.rows[name],
                f"INSERT INTO \"{name}\" SELECT $id, '{table.file}:' || line, {columns} FROM arrived ORDER BY line",
                submission_id,
            )
        _insert(
            connection,
            checked.quarantine,
            "INSERT INTO quarantine SELECT $id, * FROM arrived ORDER BY table_name, line",
            submission_id,
        )
        _insert(connection, checked.queries, "INSERT INTO query SELECT $id, * FROM arrived ORDER BY ALL", submission_id)
        _count_rows(connection, submission, submission_id)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return receipt_of(checked, submission_id)


def earlier_receipt(connection: duckdb.DuckDBPyConnection, submission: Submission) -> Receipt | None:
    """Return the receipt of the same files of the same centre and date, if they were taken in before."""
    place = {"centre": submission.centre, "date": submission.date, "sha256": submission.sha256}
    row = connection.execute(_sql("same_submission"), place).fetchone()
    if row is None or submission.date is None:
        return None
    submission_id, accepted, quarantined, queries, latest = row
    return Receipt(
        submission_id=submission_id,
        name=submission.name,
        centre=submission.centre,
        date=submission.date,
        accepted=accepted,
        quarantined=quarantined,
        queries=queries,
        unchanged=True,
        latest=latest,
    )


def receipt_of(checked: CheckedSubmission, submission_id: str) -> Receipt:
    """Return the receipt of a submission that has just been stored."""
    submission = checked.submission
    if submission.date is None:
        text = "a submission without a date was stored"
        raise AssertionError(text)
    return Receipt(
        submission_id=submission_id,
        name=submission.name,
        centre=submission.centre,
        date=submission.date,
        accepted=checked.accepted,
        quarantined=checked.quarantine.num_rows,
        waiting=checked.waiting,
        queries=checked.questions,
        rejects=checked.rejects,
        problems=checked.problems,
        kinds=checked.kinds,
        latest=submission_id,
    )


def _insert(connection: duckdb.DuckDBPyConnection, rows: pa.Table, statement: str, submission_id: str) -> None:
    connection.register("arrived", rows)
    connection.execute(statement, {"id": submission_id})
    connection.unregister("arrived")


def _insert_submission(connection: duckdb.DuckDBPyConnection, checked: CheckedSubmission) -> str:
    submission = checked.submission
    place = {"centre": submission.centre, "date": submission.date}
    row = connection.execute(_sql("next_sequence"), place).fetchone()
    sequence = row[0] if row else 1
    submission_id = f"{submission.centre}-{submission.date}-{sequence}"
    connection.execute(
        "INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            submission_id,
            submission.centre,
            submission.date,
            sequence,
            submission.sha256,
            submission.manifest.contract if submission.manifest else "",
            submission.manifest.sender if submission.manifest else "",
            # The one reading of the clock: when it arrived is a fact about the registry, and no snapshot holds it.
            datetime.now(UTC).replace(tzinfo=None, microsecond=0),
            checked.accepted,
            checked.quarantine.num_rows,
            checked.queries.num_rows,
        ],
    )
    return submission_id


def _count_rows(connection: duckdb.DuckDBPyConnection, submission: Submission, submission_id: str) -> None:
    """Compare, table by table, what stands in the registry with the files' own count of rows."""
    for name, sent in submission.counts.items():
        row = connection.execute(
            f'SELECT (SELECT count(*) FROM "{name}" WHERE submission_id = $id) + '
            "(SELECT count(*) FROM quarantine WHERE submission_id = $id AND table_name = $name)",
            {"id": submission_id, "name": name},
        ).fetchone()
        stored = row[0] if row else 0
        if stored != sent:
            text = f"{submission_id}: {name}.csv has {sent} rows, {stored} would be stored"
            raise AssertionError(text)


@cache
def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "store", f"{name}.sql").read_text(encoding="utf-8")
