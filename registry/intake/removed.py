"""The keys of rows that are gone since the submission before: only a delta has them, in files of their own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from registry.contract import contract
from registry.errors import Problem
from registry.intake.tables import unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.contract import Table
    from registry.intake.tables import TextTable

REMOVED = "removed."
"""Begins the name of a file or sheet of removed rows, such as removed.lab.csv."""
_NAMED = 5


@cache
def removed_tables() -> Mapping[str, Table]:
    """Return for each table of the contract what names its removed rows: the columns of its key, by removed.<table>."""
    found = {}
    for name, table in sorted(contract().items()):
        columns = tuple(column for column in table.columns if column.name in table.key)
        own = {"table": f"{REMOVED}{name}", "columns": columns, "checks": ()}
        found[f"{REMOVED}{name}"] = table.model_copy(update=own)
    return found


def refuse_removed(read: TextTable, table: Table, *, delta: bool, known: bool) -> TextTable:
    """Return removed rows as they were read, or the reason why they cannot be used: no row of them may be passed over.

    Parameters
    ----------
    read
        What the file holds.
    table
        One of `removed_tables`.
    delta
        Whether the manifest says that the submission is a delta.
    known
        Whether there is a manifest that can be read.
    """
    if known and not delta:
        message = "Only a delta names rows that are gone; the manifest says that the submission is cumulative."
        advice = 'Leave the file out, or write kind = "delta" and base = the date of the submission before.'
        return unreadable(read.label, _problem("file.removed", read.label, message, advice))
    if read.rows is None:
        return read
    if read.broken.num_rows:
        lines = ", ".join(map(str, read.broken["line"].to_pylist()[:_NAMED]))
        more = ", ..." if read.broken.num_rows > _NAMED else ""
        message = f"Rows have more or fewer fields than the header: lines {lines}{more}."
        return unreadable(read.label, _problem("file.removed_fields", read.label, message, "Correct these rows."))
    empty = [column.name for column in table.columns if column.required and read.rows[column.name].null_count]
    if empty:
        message = "A field is empty, so that it cannot be told which row is gone."
        problem = replace(_problem("file.removed_key", read.label, message, "Fill it."), columns=tuple(empty))
        return unreadable(read.label, problem)
    return read


def _problem(rule: str, label: str, message: str, advice: str) -> Problem:
    return Problem(rule=rule, severity="reject", file=label, message=message, advice=advice)
