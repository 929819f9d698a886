"""What every reader of a format gives: one table of the contract as text, and where each of its rows stands."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from registry.errors import Problem  # noqa: TC001

BROKEN = pa.schema([("line", pa.int64()), ("fields", pa.int64()), ("content", pa.string())])
"""Rows with more or fewer fields than the header."""

PLACES = pa.schema([("line", pa.int64()), ("file", pa.string()), ("at", pa.int64())])
"""For rows that were made from something else than line `line` of the file `label`: file and line, row or entry."""


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """What a submission holds of one table of the contract, as text.

    rows: `line` (int64, its own for every row) and the contract's columns as strings, null where a field is empty; None
    if the file cannot be read as that table. broken: the rows with more or fewer fields than the header (line, fields,
    content as JSON). count: how many rows there are by the file's own count. problems: what is wrong with the file as a
    whole. label: what the file is called in messages, such as "lab.csv". places: where rows stand (schema PLACES) if
    their line is not a line of that file; None if every one is.
    """

    rows: pa.Table | None
    broken: pa.Table
    count: int
    problems: tuple[Problem, ...]
    label: str
    places: pa.Table | None = None


def unreadable(label: str, *problems: Problem) -> TextTable:
    """Return the table of a file that cannot be read, with the reasons."""
    return TextTable(rows=None, broken=BROKEN.empty_table(), count=0, problems=problems, label=label)
