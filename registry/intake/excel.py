"""Sheets of an Excel workbook as text tables of the contract, with the row of the sheet as the line."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from registry.errors import Problem
from registry.intake.cells import cell_text
from registry.intake.encoding import EMPTY_TABLE
from registry.intake.header import header_problems
from registry.intake.sheet_xml import sheet_files, size_and_marks, unusable_cells
from registry.intake.tables import BROKEN, TextTable, unreadable
from registry.intake.zip_archive import DAMAGED, open_archive

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Mapping, Sequence

    from registry.contract import Column, Table

MAXIMUM_CELLS = 30_000_000
"""Most cells of a sheet, empty ones included, that memory is used for: a full sheet of 26 columns."""
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_ZIP = b"PK"
_SAVE = "Open it in Excel or LibreOffice and save it as .xlsx."
_WRONG = (CalamineError, ExpatError, KeyError, *DAMAGED)


@dataclass(frozen=True, kw_only=True)
class Workbook:
    """A workbook that can be read.

    file: its name. sheets: names of its sheets in their order. empty: the sheets without any value, as far as they were
    small enough to look.
    """

    file: str
    sheets: tuple[str, ...]
    archive: zipfile.ZipFile = field(repr=False)
    calamine: CalamineWorkbook = field(repr=False)
    members: Mapping[str, str] = field(repr=False)

    def label(self, sheet: str) -> str:
        """Return what a sheet is called in messages."""
        return f"{self.file}, sheet {sheet}"


def open_workbook(file: str, data: bytes) -> tuple[Workbook | None, tuple[Problem, ...]]:
    """Return the workbook in these bytes, None if it cannot be read, and why: old format, password, damage, size."""
    refused = _refuse_bytes(file, data)
    if refused is not None:
        return None, (refused,)
    archive, problems = open_archive(file, data)
    if archive is None:
        return None, problems
    try:
        calamine = CalamineWorkbook.from_filelike(io.BytesIO(data))
        names, members = tuple(calamine.sheet_names), sheet_files(archive)
        if any(members.get(name) not in archive.namelist() for name in names):
            return None, (_damaged(file, "a sheet is missing inside it"),)
    except _WRONG as error:
        return None, (_damaged(file, str(error)),)
    return Workbook(file=file, sheets=names, archive=archive, calamine=calamine, members=members), ()


def read_sheet(workbook: Workbook, sheet: str, table: Table) -> TextTable:
    """Return one sheet as a table of the contract: the header in its first row, empty rows left out.

    A formula counts by its stored value. A row with a value beyond the header's last column is broken.
    """
    label = workbook.label(sheet)
    try:
        rows = _values(workbook, sheet)
    except _WRONG as error:
        return unreadable(label, _damaged(label, str(error)))
    if isinstance(rows, Problem):
        return unreadable(label, rows)
    if not rows:
        return unreadable(label, _problem("file.empty", label, "The sheet is empty.", EMPTY_TABLE))
    header = _header(rows[0])
    wrong = header_problems(header, table, label=label)
    if wrong:
        return unreadable(label, *wrong)
    width = len(header)
    filled = [(line, row) for line, row in enumerate(rows[1:], 2) if any(value != "" for value in row)]
    whole = [(line, row) for line, row in filled if all(value == "" for value in row[width:])]
    beyond = [(line, row) for line, row in filled if any(value != "" for value in row[width:])]
    columns = [pa.array([line for line, _ in whole], pa.int64())]
    for column in table.columns:
        at = header.index(column.name) if column.name in header else None
        columns.append(_texts([] if at is None else [row[at] for _, row in whole], column, len(whole)))
    broken = _broken(beyond, table)
    return TextTable(
        rows=pa.table(columns, names=["line", *table.names]),
        broken=broken,
        count=len(filled),
        problems=(),
        label=label,
    )


def is_empty(workbook: Workbook, sheet: str) -> bool:
    """Return whether a sheet has no value at all; False if it cannot be read."""
    try:
        return not _values(workbook, sheet)
    except _WRONG:
        return False


def _values(workbook: Workbook, sheet: str) -> list[list[Any]] | Problem:
    """Return the values of a sheet from its first cell on, with what calamine leaves out; or why there are none."""
    member = workbook.members[sheet]
    rows, columns, marked = size_and_marks(workbook.archive, member)
    if rows * columns > MAXIMUM_CELLS:
        message = f"The sheet goes to row {rows:,} and column {columns:,}; at most {MAXIMUM_CELLS:,} cells are read."
        return _problem("file.size", workbook.label(sheet), message, "Delete what stands far from the table; save it.")
    values: list[list[Any]] = workbook.calamine.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    if marked:
        for (row, column), found in unusable_cells(workbook.archive, member).items():
            while len(values) <= row:
                values.append([])
            values[row] += [""] * (column + 1 - len(values[row]))
            values[row][column] = found
    return values


def _header(row: Sequence[object]) -> list[str]:
    names = ["" if value == "" else str(value) for value in row]
    while names and not names[-1]:
        names.pop()
    return names


def _texts(values: Sequence[object], column: Column, count: int) -> pa.Array:
    if not values:
        return pa.nulls(count, pa.string())
    # Most cells hold text that is right as it is.
    plain = [value if type(value) is str and value else cell_text(value, column) for value in values]
    return pa.array(plain, pa.string())


def _broken(rows: Sequence[tuple[int, Sequence[object]]], table: Table) -> pa.Table:
    any_column = table.columns[0]
    lines, fields, contents = [], [], []
    for line, row in rows:
        last = max(at for at, value in enumerate(row) if value != "")
        lines.append(line)
        fields.append(last + 1)
        contents.append(json.dumps([cell_text(v, any_column) or "" for v in row[: last + 1]], ensure_ascii=False))
    columns = zip((lines, fields, contents), BROKEN.types, strict=True)
    return pa.Table.from_arrays([pa.array(c, t) for c, t in columns], schema=BROKEN)


def _refuse_bytes(file: str, data: bytes) -> Problem | None:
    if not data:
        return _problem("file.empty", file, "The file is empty (0 bytes).", "Export it again.")
    if data.startswith(_OLD):
        if _LOCKED in data:
            message = "The workbook is protected by a password."
            advice = "Save it without a password; the way that it is sent must keep it secret."
            return _problem("file.password", file, message, advice)
        return _problem("file.format", file, "The file is an Excel workbook of the old format (.xls).", _SAVE)
    if not data.startswith(_ZIP):
        return _problem("file.format", file, "The file is not an Excel workbook, whatever its name says.", _SAVE)
    return None


def _damaged(label: str, reason: str) -> Problem:
    # The reader's own words may quote the file: only their first line, and not endless.
    message = f"The workbook cannot be read: {(reason.splitlines() or ['no reason given'])[0][:100]}."
    return _problem("file.damaged", label, message, _SAVE)


def _problem(rule: str, label: str, message: str, advice: str) -> Problem:
    return Problem(rule=rule, severity="reject", file=label, message=message, advice=advice)
