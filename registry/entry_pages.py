"""The sheets of the entry workbook without data: how to fill it in and send it, every column, checks, code lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName

from registry.contract import VERSION, codelist, contract
from registry.intake.manifest import MANIFEST
from registry.intake.table_files import OWN_SHEETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

    from registry.contract import Column, Table

EXPLANATIONS, COLUMNS, CHECKS, LISTS = OWN_SHEETS
_HEAD = PatternFill("solid", start_color="1F4E79")
_FORMS = {
    "text": "text",
    "code": "one of the list",
    "integer": "whole number",
    "decimal": "number",
    "date": "date, YYYY-MM-DD",
}
_WRAP = Alignment(wrap_text=True, vertical="top")
_WIDEST = 70
_NO_NAMES = "Give each a number that means nothing elsewhere: no names, initials, birth dates or record numbers."


def add_explanations(workbook: Workbook) -> None:
    """Write the first sheet: what the workbook is for, how it is filled in, and how it is sent."""
    sheet = workbook.active or workbook.create_sheet()
    sheet.title = EXPLANATIONS
    sheet.column_dimensions["A"].width = 22
    sheet.column_dimensions["B"].width = 100
    for first, second in _explanations():
        sheet.append([first, second])
        row = sheet.max_row
        heading = bool(first) and not second
        sheet.cell(row, 1).font = Font(bold=True, size=14 if heading else 11, color="1F4E79")
        for cell in sheet[row]:
            cell.alignment = Alignment(vertical="top") if heading else _WRAP
        if first == MANIFEST:
            sheet.cell(row, 2).font = Font(name="Courier New")
    sheet.sheet_view.showGridLines = False


def add_lists(workbook: Workbook) -> Mapping[str, str]:
    """Write the sheets of columns, checks and code lists; return the name of the list of each coded table.column."""
    _table(workbook.create_sheet(COLUMNS), ("sheet", "column", "must be filled", "form", "explanation"), _columns())
    _table(workbook.create_sheet(CHECKS), ("sheet", "columns", "then", "what was found", "what to do"), _checks())
    sheet = workbook.create_sheet(LISTS)
    names: dict[str, str] = {}
    written: dict[object, str] = {}
    at = 1
    for table in contract().values():
        for column in table.columns:
            if not column.codes:
                continue
            if column.codes not in written:
                name, title, rows = _codes(table, column)
                for shift, heading in enumerate(rows[0]):
                    _heading(sheet, 1, at + shift, heading if shift else title)
                    for down, row in enumerate(rows, 2):
                        sheet.cell(down, at + shift, _plain(row[heading]) if shift else row[heading])
                    sheet.column_dimensions[get_column_letter(at + shift)].width = 24 if shift == 0 else 16
                letter = get_column_letter(at)
                place = f"{LISTS}!${letter}$2:${letter}${len(rows) + 1}"
                workbook.defined_names[name] = DefinedName(name, attr_text=place)
                written[column.codes] = name
                at += len(rows[0]) + 1
            names[f"{table.table}.{column.name}"] = written[column.codes]
    sheet.freeze_panes = "A2"
    return names


def explain_column(table: Table, column: Column) -> str:
    """Return what a column holds in a few lines: whether it must be filled, its form, unit, limits and meaning."""
    lines = [column.description, "", f"Form: {_form(column)}."]
    lines.append("Must be filled in every row." if column.required else "Leave it empty if it is not known.")
    if column.name in table.key:
        lines.append(f"No two rows may have the same {', '.join(table.key)}.")
    return "\n".join(lines)


def number(value: Decimal | int) -> str:
    """Return a limit as it is written, without an exponent and without zeros at its end."""
    text = f"{value:f}" if not isinstance(value, int) else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _explanations() -> Iterator[tuple[str, str]]:
    day = "2026-06-30"
    yield "Entry workbook", ""
    yield "", f"For one centre and all its patients; made for version {VERSION} of the contract with the centres."
    yield "", ""
    yield "What goes where", ""
    for table in contract().values():
        keys = ", ".join(table.key)
        yield table.table, f"A row is {table.row}. No two rows have the same {keys}."
    yield "", ""
    yield "How to fill it in", ""
    yield "Headings", "Leave the names of the sheets and the first row as they are. Dark headings must be filled in."
    yield "Explanations", f"Point at a heading to see what it means; the sheet {COLUMNS} has the same as a table."
    yield "Codes", f"Choose from the list in the cell. What the codes mean stands in the sheet {LISTS}."
    yield "Dates", "Enter whole days, as Excel understands them on your computer; they are shown as year-month-day."
    yield "Missing values", "Leave the cell empty. Do not write NA, 999, a dash or 0."
    yield (
        "Patients",
        "Use a number of your own that means nothing elsewhere: no names, initials, birth dates or record numbers.",
    )
    yield "Notes", "Do not write beside or below the tables: a row with more cells than the heading is not taken in."
    yield "Orange cells", "Still to be filled in: the row has other values."
    yield "Checks", f"What is looked at across columns stands in the sheet {CHECKS}."
    yield "", ""
    yield "How to send it", ""
    yield "1", f"Make a folder named after the centre and the date of the data, such as lyon-{day}."
    yield "2", "Save this workbook in it, under any name. Sheets without rows stay in it."
    yield "3", "Beside it, write a text file with the name manifest.toml and these lines:"
    yield MANIFEST, 'centre = "lyon"'
    yield MANIFEST, f"date = {day}"
    yield MANIFEST, f'contract = "{VERSION}"'
    yield MANIFEST, 'sender = "who can be asked"'
    for (unit, other), places in _other_units().items():
        yield "", f"If {' or '.join(places)} is in {other} and not in {unit}, add [units] and the line of that column:"
        yield MANIFEST, "[units]"
        for place in places:
            yield MANIFEST, f'"{place}" = "{other}"'
    yield "4", "Send the folder, or pack it as a zip file of the same name. Each file holds the whole cohort again."


def _other_units() -> Mapping[tuple[str, str], Sequence[str]]:
    """Return the columns that may be sent in another unit, as table.column, by the contract's unit and the other."""
    found: dict[tuple[str, str], list[str]] = {}
    for table in contract().values():
        for column in table.columns:
            for other in column.accepts:
                if other != column.unit:
                    found.setdefault((str(column.unit), other), []).append(f"{table.table}.{column.name}")
    return found


def _columns() -> Iterator[Sequence[str]]:
    for table in contract().values():
        for column in table.columns:
            yield table.table, column.name, "yes" if column.required else "", _form(column), column.description


def _checks() -> Iterator[Sequence[str]]:
    for table in contract().values():
        for check in table.checks:
            result = "row not taken in" if check.severity == "reject" else "you are asked"
            yield table.table, ", ".join(check.columns), result, check.message, check.advice


def _form(column: Column) -> str:
    parts = [_FORMS[column.type]]
    if column.unit:
        parts.append("a year" if column.unit == "year" else f"in {column.unit}")
    if column.unit_column:
        parts.append(f"in the unit of the column {column.unit_column}")
    if column.hard:
        parts.append(f"from {number(column.hard[0])} to {number(column.hard[1])}")
    if column.soft:
        parts.append(f"asked outside {number(column.soft[0])} to {number(column.soft[1])}")
    if column.step:
        parts.append(f"in steps of {number(column.step)}")
    if column.limits_by:
        parts.append(f"limits by {column.limits_by} in the sheet {LISTS}")
    if column.references:
        parts.append(f"stands in the sheet {column.references}")
    if column.pattern and not column.pattern.startswith("."):
        parts.append("letters, digits, - and _")
    return ", ".join(parts)


def _codes(table: Table, column: Column) -> tuple[str, str, Sequence[Mapping[str, str]]]:
    """Return name, heading and rows of a code list; the first column of it holds the codes."""
    if isinstance(column.codes, str):
        return f"list_{column.codes}", column.codes, codelist(column.codes)
    title = f"{table.table}.{column.name}"
    return f"list_{table.table}_{column.name}", title, [{"code": code} for code in column.codes]


def _plain(text: str) -> str | float:
    """Return what explains a code; a number as one, so that no spreadsheet marks it as a text that looks like one."""
    return float(text) if text.replace(".", "", 1).isdigit() else text


def _table(sheet: Worksheet, headings: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    widths = [len(heading) for heading in headings]
    for at, heading in enumerate(headings, 1):
        _heading(sheet, 1, at, heading)
    for row in rows:
        sheet.append(list(row))
        for cell in sheet[sheet.max_row]:
            cell.alignment = _WRAP
        widths = [max(width, len(text)) for width, text in zip(widths, row, strict=True)]
    for at, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(at)].width = min(width + 3, _WIDEST)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions


def _heading(sheet: Worksheet, row: int, at: int, text: str) -> None:
    cell = sheet.cell(row, at, text)
    cell.font, cell.fill = Font(bold=True, color="FFFFFF"), _HEAD
