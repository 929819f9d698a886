"""The first line of a table against the columns of the contract, compared as sets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from registry.checking.explain import nearest
from registry.checking.identifiers import identifier_header
from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.contract import Table

_LONGEST = 40


def header_problems(header: Sequence[str], table: Table, *, label: str = "") -> tuple[Problem, ...]:
    """Return what is wrong with a header: none at all, missing, unknown and repeated columns.

    label: what the file is called in messages; the table's CSV file if it is empty.
    """
    label = label or table.file
    if not set(header) & set(table.names):
        # The first line is not quoted: it may be a patient.
        expected = f"Expected the columns {', '.join(c.name for c in table.columns if not c.optional)}."
        message = "The first line is not the header: it holds no column of the contract."
        return (_problem(label, "file.header", None, message, f"Write the header into the first line. {expected}"),)
    missing = [c.name for c in table.columns if c.name not in header and not c.optional]
    unknown = [name for name in dict.fromkeys(header) if name not in table.names]
    meant = {name: nearest(name, missing) for name in unknown}
    problems = [
        _problem(label, "file.column_twice", name, f"The column stands {times} times in the header.", "Keep one.")
        for name, times in Counter(header).items()
        if times > 1 and name in table.names
    ]
    for name in missing:
        written = [other for other, near in meant.items() if near == name]
        advice = f"Rename {_shown(written[0])} to {name}." if written else "A column without values is still sent."
        problems.append(_problem(label, "file.column_missing", name, "The column is missing.", advice))
    for name in unknown:
        near = meant[name]
        identifies = None if near else identifier_header(name)
        if identifies is not None:
            advice = "Remove the column: who a person is may not be sent, here or in any other column."
            message = f"The column seems to hold {identifies}."
            problems.append(_problem(label, "file.column_identifier", _shown(name), message, advice))
            continue
        advice = f"Rename it to {near}." if near else "Remove it; what is not in the contract is not read."
        message = "The contract has no such column." if name else "A column has no name."
        problems.append(_problem(label, "file.column_unknown", _shown(name), message, advice))
    return tuple(problems)


def _shown(name: str) -> str:
    return name if name.isidentifier() and name.isascii() else ascii(name[:_LONGEST])


def _problem(label: str, rule: str, column: str | None, message: str, advice: str) -> Problem:
    return Problem(
        rule=rule,
        severity="reject",
        file=label,
        columns=() if column is None else (column,),
        message=message,
        advice=advice,
    )
