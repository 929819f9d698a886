"""How a text file is written where the contract leaves it open: what separates its columns, and its decimal mark."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.contract import Table
    from registry.errors import Severity
    from registry.intake.manifest import Csv

    _Place = tuple[int, str, str]

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_OTHER = {"|": "vertical bars"}
_LINE_END = re.compile(rb"[\r\n]")
_LONGEST_HEADER = 64 * 1024

_WITH_COMMA = r"^[+-]?[0-9]*,[0-9]+$"
_WITH_POINT = r"^[+-]?([0-9]+\.[0-9]*|\.[0-9]+)$"
_MAYBE_THOUSANDS = r"^[+-]?[1-9][0-9]{0,2},[0-9]{3}$"
"""1,234 is one thousand and more in one country and less than two in the next."""

_SHOWN = 40
_DECLARE = 'decimal = "," under [csv] in manifest.toml'


def separator_of(data: bytes, table: Table, label: str, declared: str | None) -> tuple[str, tuple[Problem, ...]]:
    """Return what separates the columns, told from the first line: only one separator makes it the contract's names.

    Parameters
    ----------
    data
        The file in UTF-8 without a mark.
    table
        What the file holds.
    label
        Name of the file in messages.
    declared
        The manifest's setting csv.separator: ",", ";", "tab" or None.
    """
    line = _LINE_END.split(data[:_LONGEST_HEADER], maxsplit=1)[0].decode(errors="replace")
    found = {mark: _named(line, mark, table) for mark in (*SEPARATORS, *_OTHER)}
    best = max(found, key=lambda mark: found[mark])
    if best in _OTHER and found[best]:
        message = f"The columns are separated by {_OTHER[best]}; expected commas, semicolons or tabs."
        return ",", (_problem("file.separator", label, message, "Save it as CSV UTF-8."),)
    if declared is None:
        return best, ()
    mark = "\t" if declared == "tab" else declared
    if found[mark] < found[best]:
        message = f"The manifest declares {SEPARATORS[mark]}, but the columns are separated by {SEPARATORS[best]}."
        return mark, (_problem("file.separator", label, message, "Correct csv.separator in manifest.toml."),)
    return mark, ()


def decimal_points(
    rows: pa.Table, table: Table, label: str, separator: str, settings: Csv
) -> tuple[pa.Table, tuple[Problem, ...]]:
    """Return the rows with a point where numbers of decimal columns have a comma, and what is wrong or in question.

    Nothing is changed if the manifest declares a point, nor in a file with commas between its columns that declares
    nothing. What is not plainly a number with one comma stays as it is, for the checks to refuse.

    Parameters
    ----------
    rows
        `line` and the columns of the table as text.
    table
        What the file holds.
    label
        Name of the file in messages.
    separator
        What separates its columns.
    settings
        The manifest's settings for text files.
    """
    names = [c.name for c in table.columns if c.type == "decimal"]
    if settings.decimal == "." or (settings.decimal is None and separator == ",") or not names:
        return rows, ()
    with_comma = {name: pc.match_substring_regex(rows[name], _WITH_COMMA) for name in names}
    comma = _first(rows, with_comma)
    point = _first(rows, {name: pc.match_substring_regex(rows[name], _WITH_POINT) for name in names})
    if comma is None and (point is None or settings.decimal is None):
        return rows, ()
    problem = _decimal_problem([rows[name] for name in names], label, (comma, point), settings)
    if problem is not None and problem.severity == "reject":
        return rows, (problem,)
    for name in names:
        number = pc.fill_null(with_comma[name], fill_value=False)
        changed = pc.if_else(number, pc.replace_substring(rows[name], ",", "."), rows[name])
        rows = rows.set_column(rows.column_names.index(name), name, changed)
    return rows, () if problem is None else (problem,)


def _decimal_problem(
    columns: Sequence[pa.ChunkedArray], label: str, first: tuple[_Place | None, _Place | None], settings: Csv
) -> Problem | None:
    """Return why commas cannot be decimal marks, or the question whether they are; None if the manifest says it.

    first: where the first number with a comma stands, and the first with a point.
    """
    comma, point = first
    severity: Severity = "reject"
    place = comma
    if comma is not None and point is not None and settings.decimal is None:
        place = None
        message = (
            f"Numbers are written with a comma (line {comma[0]}, column {comma[1]}: {comma[2][:_SHOWN]}) and with a "
            f"point (line {point[0]}, column {point[1]}: {point[2][:_SHOWN]})."
        )
        advice = f"Write every number in one way: with points, or with commas and {_DECLARE}."
    elif point is not None:
        place = point
        message = "The manifest declares a decimal comma, but numbers are written with a point."
        advice = "Write every number of the file with a comma, or correct csv.decimal in manifest.toml."
    elif settings.decimal is not None:
        return None
    elif not any(pc.any(_certain(values)).as_py() for values in columns):
        message = "It cannot be told whether the comma is a decimal mark or separates thousands."
        advice = f"If it is a decimal mark, write {_DECLARE}. If not, leave it away."
    else:
        severity = "query"
        message = "Numbers are written with a comma, which was taken as the decimal mark."
        advice = f"Confirm it: write {_DECLARE}."
    rule = "file.decimal" if severity == "reject" else "file.decimal_taken"
    return _problem(rule, label, message, advice, severity=severity, place=place)


def _certain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return which values have a comma that cannot separate thousands."""
    number = pc.match_substring_regex(values, _WITH_COMMA)
    return pc.and_(number, pc.invert(pc.match_substring_regex(values, _MAYBE_THOUSANDS)))


def _named(line: str, mark: str, table: Table) -> int:
    """Return how many columns of the table a line names if this mark separates them."""
    try:
        return len(set(next(csv.reader([line], delimiter=mark), [])) & set(table.names))
    except csv.Error:
        return 0


def _first(rows: pa.Table, where: dict[str, pa.ChunkedArray]) -> _Place | None:
    """Return line, column and text of the first value of all columns for which the condition is true."""
    found = []
    for name, met in where.items():
        at = pc.index(met, value=True).as_py()
        if at >= 0:
            found.append((rows["line"][at].as_py(), name, rows[name][at].as_py()))
    return min(found, default=None)


def _problem(
    rule: str, label: str, message: str, advice: str, *, severity: Severity = "reject", place: _Place | None = None
) -> Problem:
    if place is not None:
        message = f"{message} The first stands in line {place[0]}, column {place[1]}: {place[2][:_SHOWN]}."
    return Problem(rule=rule, severity=severity, file=label, message=message, advice=advice)
