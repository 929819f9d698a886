"""A workbook for centres that enter their data by hand, made from the contract: a sheet a table, with drop-downs.

Filled in and put beside a manifest, it is a submission.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from registry.contract import contract
from registry.entry_pages import add_explanations, add_lists, explain_column, number
from registry.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from registry.contract import Column, Table

ENDING = ".xlsx"
ENTRY_ROWS = 10_000
"""Rows of a sheet that have drop-downs and limits; more may be filled in, and the checks look at all."""
_LAST = ENTRY_ROWS + 1
_CREATED = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_LARGEST = 999_999_999_999
"""What DECIMAL(18,6) holds before its point."""
_REQUIRED = PatternFill("solid", start_color="1F4E79")
_OPTIONAL = PatternFill("solid", start_color="8EA9C1")
_TO_FILL = PatternFill("solid", start_color="FCE4D6", end_color="FCE4D6")
_NARROWEST, _WIDEST = 12, 26
_WIDTH_OF_COMMENT, _HEIGHT_OF_COMMENT = 320, 150


def write_entry_template(path: Path) -> Path:
    """Write the entry workbook to a new file and return its path.

    Raises UserError if the name does not end in .xlsx, if there is such a file (it may have been filled in), or if it
    cannot be written.
    """
    if path.suffix.lower() != ENDING:
        raise _refused(path, f"The name does not end in {ENDING}.", "Choose a name such as entry.xlsx.")
    file = io.BytesIO()
    entry_workbook().save(file)
    try:
        with path.open("xb") as target:
            target.write(file.getvalue())
    except FileExistsError:
        raise _refused(path, "There is such a file, which may hold data.", "Choose another name.") from None
    except OSError as error:
        raise _refused(path, f"The file cannot be written: {error.strerror}.", "Choose another folder.") from None
    return path


def entry_workbook() -> Workbook:
    """Return the entry workbook: explanations, a sheet a table, every column explained, checks and code lists."""
    workbook = Workbook()
    workbook.properties.created = _CREATED
    workbook.properties.creator = "myoregistry"
    workbook.properties.title = "Entry workbook"
    add_explanations(workbook)
    sheets = [(table, workbook.create_sheet(table.table)) for table in contract().values()]
    lists = add_lists(workbook)
    for table, sheet in sheets:
        _fill(sheet, table, lists)
    workbook.active = 0
    return workbook


def _fill(sheet: Worksheet, table: Table, lists: Mapping[str, str]) -> None:
    """Write the header of a table, and what its cells accept."""
    end = get_column_letter(len(table.columns))
    for at, column in enumerate(table.columns, 1):
        letter = get_column_letter(at)
        head = sheet.cell(1, at, column.name)
        head.font = Font(bold=True, color="FFFFFF")
        head.fill = _REQUIRED if column.required else _OPTIONAL
        head.alignment = Alignment(vertical="center")
        head.comment = Comment(explain_column(table, column), "registry", _HEIGHT_OF_COMMENT, _WIDTH_OF_COMMENT)
        width = sheet.column_dimensions[letter]
        width.width = min(max(len(column.name) + 3, _NARROWEST), _WIDEST)
        if column.type in {"text", "date"}:
            # As text, Excel leaves the zeros before an id.
            width.number_format = "@" if column.type == "text" else "yyyy-mm-dd"
        cells = f"{letter}2:{letter}{_LAST}"
        rule = _validation(table, column, letter, lists)
        if rule is not None:
            rule.add(cells)
            sheet.add_data_validation(rule)
        if column.required:
            left_out = f"AND(COUNTA($A2:${end}2)>0,LEN(TRIM({letter}2))=0)"
            sheet.conditional_formatting.add(cells, FormulaRule(formula=[left_out], fill=_TO_FILL))
    sheet.row_dimensions[1].height = 22
    sheet.freeze_panes = "B2" if table.names[0] == "patient_id" else "A2"
    sheet.auto_filter.ref = f"A1:{end}1"


def _validation(table: Table, column: Column, letter: str, lists: Mapping[str, str]) -> DataValidation | None:
    """Return what a cell of a column accepts; None for free text."""
    length = re.fullmatch(r"\.\{(\d+),(\d+)\}", column.pattern or "")
    if column.allowed():
        rule = DataValidation(type="list", formula1=lists[f"{table.table}.{column.name}"])
        rule.error = "Choose one of the list."
    elif column.type == "date":
        rule = DataValidation(type="date", operator="between", formula1="DATE(1900,1,1)", formula2="DATE(2100,12,31)")
        rule.error = "Write a day as year-month-day, such as 2024-02-03."
    elif column.type in {"integer", "decimal"}:
        rule = _number(column)
    elif column.references:
        ids = f"{column.references}!$A$2:$A${_LAST}"
        rule = DataValidation(type="custom", formula1=f"SUMPRODUCT(--({ids}={letter}2))>0", errorStyle="warning")
        rule.error = f"The sheet {column.references} has no such {column.name} yet."
    elif table.key == (column.name,):
        same = f"SUMPRODUCT(--(${letter}$2:${letter}${_LAST}={letter}2))=1"
        rule = DataValidation(type="custom", formula1=f"AND({same},LEN({letter}2)<=40)")
        rule.error = f"Every {column.name} stands here once, with at most 40 letters, digits, - and _."
    elif length:
        rule = DataValidation(type="textLength", operator="between", formula1=length[1], formula2=length[2])
        rule.error = f"Write at most {length[2]} letters."
    else:
        return None
    rule.allow_blank = True
    rule.showErrorMessage = True
    rule.errorTitle = column.name
    return rule


def _number(column: Column) -> DataValidation:
    """Return the limits of a number; what may be declared in another unit is only warned about."""
    low, high = column.hard or (-_LARGEST, _LARGEST)
    kind = "whole" if column.type == "integer" else "decimal"
    rule = DataValidation(type=kind, operator="between", formula1=number(low), formula2=number(high))
    unit = f" ({column.unit})" if column.unit else ""
    words = "whole number" if column.type == "integer" else "number"
    rule.error = f"Expected a {words} between {number(low)} and {number(high)}{unit}."
    if not column.hard:
        rule.error = f"Expected a {words}."
    if column.accepts:
        rule.errorStyle = "warning"
        others = ", ".join(unit for unit in column.accepts if unit != column.unit)
        rule.error += f" If the column is in {others}, declare that in the manifest."
    return rule


def _refused(path: Path, seen: str, advice: str) -> UserError:
    return UserError(
        str(path),
        seen=seen,
        expected=f"Expected the name of a new file that ends in {ENDING}.",
        advice=advice,
        state="Nothing was written.",
    )
