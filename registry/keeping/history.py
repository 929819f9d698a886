"""Who changed what, when, from which file and line: each submission against the one that it replaced."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from registry.contract import contract
from registry.errors import ExitCode, UserError
from registry.keeping.change import changing
from registry.keeping.pseudonyms import person_pseudonym
from registry.keeping.trouble import tells_of_trouble
from registry.keeping.writer import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    import duckdb

    from registry.contract import Column, Table
    from registry.study import Study


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A submission as it came. replaces: the one of its centre that was in force on its date before."""

    submission_id: str
    centre: str
    date: date
    received_at: datetime
    sender: str
    kind: str
    replaces: str | None
    accepted: int
    quarantined: int
    queries: int
    left_out: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One row that came or went, or one value that changed, with the submission that brought it.

    person: pseudonym. key: the rest of the row's key. column, old_value, new_value: None for a row that came or went.
    old_record, new_record: file and line where each stood.
    """

    sent: Sent
    table_name: str
    person: str
    key: str
    change: str
    column: str | None
    old_value: str | None
    new_value: str | None
    old_record: str | None
    new_record: str | None


@tells_of_trouble
def submissions(study: Study, centre: str | None = None, *, wait_seconds: float = WAIT_SECONDS) -> tuple[Sent, ...]:
    """Return every submission of a centre, or of all, in the order in which they came."""
    _need_registry(study)
    with changing(study, "history", wait_seconds=wait_seconds) as change:
        return _submissions(change.connection, centre)


@tells_of_trouble
def changes(study: Study, submission_id: str, *, wait_seconds: float = WAIT_SECONDS) -> tuple[Difference, ...]:
    """Return what a submission changed, sorted by table and person. UserError if there is no such submission."""
    _need_registry(study)
    with changing(study, "history", wait_seconds=wait_seconds) as change:
        every = _submissions(change.connection, None)
        sent = next((one for one in every if one.submission_id == submission_id), None)
        if sent is None:
            known = ", ".join(one.submission_id for one in every[-5:])
            raise _nothing(study, f"There is no submission {submission_id}.", f"Expected one such as {known}.")
        return _differences(change.connection, sent, None)


@tells_of_trouble
def person_history(
    study: Study, centre: str, patient_id: str, *, wait_seconds: float = WAIT_SECONDS
) -> tuple[Difference, ...]:
    """Return every change of a person's rows, oldest first. patient_id: as the centre writes it.

    Raises UserError if the registry does not know the person.
    """
    _need_registry(study)
    with changing(study, "history", wait_seconds=wait_seconds) as change:
        person = person_pseudonym(change.keys, centre, patient_id)
        found = [
            difference
            for sent in _submissions(change.connection, centre)
            for difference in _differences(change.connection, sent, person)
        ]
    if not found:
        raise _nothing(study, f"The registry has no rows of this person of {centre}.", "Expected the centre's own id.")
    return tuple(found)


def count_changes(connection: duckdb.DuckDBPyConnection, submission_id: str, replaces: str | None) -> None:
    """Write how many rows of each table a submission added, removed, changed and left as they were."""
    for table in contract().values():
        values = [name for name in table.names if name not in table.key]
        same_values = " AND ".join(f'before."{name}" IS NOT DISTINCT FROM after."{name}"' for name in values)
        query = _sql("counts").replace("{table}", table.table).replace("{same_values}", same_values)
        both = {"before": replaces or "", "after": submission_id}
        connection.execute(query.replace("{same}", _same_key(table)), both)


def _submissions(connection: duckdb.DuckDBPyConnection, centre: str | None) -> tuple[Sent, ...]:
    rows = connection.execute(_sql("submissions"), {"centre": centre}).fetchall()
    names = list(Sent.__dataclass_fields__)
    return tuple(Sent(**dict(zip(names, row, strict=True))) for row in rows)


def _differences(connection: duckdb.DuckDBPyConnection, sent: Sent, person: str | None) -> tuple[Difference, ...]:
    names = list(Difference.__dataclass_fields__)[1:]
    found = []
    for table in contract().values():
        query = f"FROM ({_query(table)}) WHERE $person IS NULL OR patient_id = $person ORDER BY ALL"
        both = {"before": sent.replaces or "", "after": sent.submission_id, "person": person}
        rows: Sequence[tuple[str | None, ...]] = connection.execute(query, both).fetchall()
        found += [Difference(sent=sent, **dict(zip(names, row, strict=True))) for row in rows]  # type: ignore[arg-type]
    return tuple(found)


@cache
def _query(table: Table) -> str:
    key = [f'CAST(coalesce(after."{name}", before."{name}") AS VARCHAR)' for name in table.key if name != "patient_id"]
    values = ", ".join(
        f"{{'column': '{column.name}', 'old': {_text(column, 'before')}, 'new': {_text(column, 'after')}}}"
        for column in table.columns
        if column.name not in table.key
    )
    same = _same_key(table)
    query = _sql("changes").replace("{table}", table.table).replace("{values}", values).replace("{same}", same)
    return query.replace("{key}", ", ".join(key) or "''")


def _same_key(table: Table) -> str:
    return " AND ".join(f'before."{name}" IS NOT DISTINCT FROM after."{name}"' for name in table.key)


def _text(column: Column, alias: str) -> str:
    """Return the SQL of a value as it would be written: decimals without zeros at their end."""
    text = f'CAST({alias}."{column.name}" AS VARCHAR)'
    return rf"regexp_replace({text}, '\.?0+$', '')" if column.type == "decimal" else text


def _need_registry(study: Study) -> None:
    if not study.database.is_file() and not study.head.is_file():
        raise _nothing(study, "There is no registry yet.", "Expected at least one submission in it.")


def _nothing(study: Study, seen: str, expected: str) -> UserError:
    return UserError(
        str(study.database),
        seen=seen,
        expected=expected,
        advice="'myoregistry history' lists what has come.",
        state="Nothing was changed.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )


@cache
def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "history", f"{name}.sql").read_text(encoding="utf-8")
