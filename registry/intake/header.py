"""The first line of a CSV file against the columns of the contract, compared as sets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from registry.checking.explain import nearest
from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.contract import Table

_LONGEST = 40
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def header_problems(header: Sequence[str], table: Table) -> tuple[Problem, ...]:
    """Return what is wrong with a header: none at all, another separator, missing, unknown and repeated columns."""
    expected = f"Expected the columns {', '.join(c.name for c in table.columns if not c.optional)}."
    if not set(header) & set(table.names):
        return (_no_header(header, table, expected),)
    missing = [c.name for c in table.columns if c.name not in header and not c.optional]
    unknown = [name for name in dict.fromkeys(header) if name not in table.names]
    meant = {name: nearest(name, missing) for name in unknown}
    problems = [
        _problem(table, "file.column_twice", name, f"The column stands {times} times in the header.", "Keep one.")
        for name, times in Counter(header).items()
        if times > 1 and name in table.names
    ]
    for name in missing:
        written = [other for other, near in meant.items() if near == name]
        advice = f"Rename {_shown(written[0])} to {name}." if written else "A column without values is still sent."
        problems.append(_problem(table, "file.column_missing", name, "The column is missing.", advice))
    for name in unknown:
        near = meant[name]
        advice = f"Rename it to {near}." if near else "Remove it; what is not in the contract is not read."
        message = "The contract has no such column." if name else "A column has no name."
        problems.append(_problem(table, "file.column_unknown", _shown(name), message, advice))
    return tuple(problems)


def _no_header(header: Sequence[str], table: Table, expected: str) -> Problem:
    """Explain a first line without any column of the contract, without quoting it: it may be a patient."""
    line = ",".join(header)
    separator = next((s for s in _SEPARATORS if s in line and set(line.split(s)) & set(table.names)), None)
    if separator is not None:
        message = f"The columns are separated by {_SEPARATORS[separator]}, not by commas."
        return _problem(table, "file.separator", None, message, "Save it as CSV UTF-8 with commas.")
    message = "The first line is not the header: it holds no column of the contract."
    return _problem(table, "file.header", None, message, f"Write the header into the first line. {expected}")


def _shown(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else ascii(name[:_LONGEST])


def _problem(table: Table, rule: str, column: str | None, message: str, advice: str) -> Problem:
    return Problem(
        rule=rule,
        severity="reject",
        file=table.file,
        columns=() if column is None else (column,),
        message=message,
        advice=advice,
    )
