"""Every problem of a submission as a workbook: an overview, then one sheet a table with the rows as they were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.contract import TABLES, contract
from registry.keeping.publish import write_file
from reports.advice import SEVERITIES
from reports.problem_counts import failures, table_counts
from reports.problem_list import wrong_rows
from reports.problem_summary import add_summary
from reports.sheets import column_letter, lines_cell, new_sheet, new_workbook, number_cell, text_cell, workbook_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpyxl import Workbook

    from registry.checking.checks import CheckedSubmission
    from registry.errors import Problem
    from reports.problem_list import WrongRow

MOST_ROWS = 5_000
"""How many rows a sheet lists."""
MOST_PROBLEMS = 12
"""How many problems of one row are told; a row with more is not looked at one by one."""
EMPTY = "(empty)"
_FIRST_WIDTHS = {"File": 16, "Line": 9, "Result": 12, "Problem": 70}
_RAW = "Row as it was sent"


def write_workbook(checked: CheckedSubmission, path: Path) -> Path:
    """Write every problem of a submission into a workbook (.xlsx) and return its path.

    The first sheet sums up; then comes one sheet a table that has problems, with the rows as they were sent, at most
    MOST_ROWS. What was sent is text in every cell and never a formula; values that identify a person are left out. The
    same submission gives the same bytes. The file holds data of persons: only its owner may read it.
    """
    book = new_workbook(title=f"Problems of {checked.submission.name}")
    add_summary(book, checked, table_counts(checked), failures(checked))
    for table in TABLES:
        rows, total = wrong_rows(checked, table, most=MOST_ROWS)
        if rows:
            _add_table(book, table, rows, total=total, label=checked.submission.label(table))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, workbook_bytes(book))
    return path


def _add_table(book: Workbook, table: str, rows: Sequence[WrongRow], *, total: int, label: str) -> None:
    columns = contract()[table].names
    first = ["Line", "Result", "Problem"]
    # Where rows were made from several files, a line number alone says nothing.
    if {row.file for row in rows} != {label}:
        first.insert(1, "File")
    raw = any(row.raw for row in rows)
    heads = [*first, *columns, *([_RAW] if raw else [])]
    widths = [*(_FIRST_WIDTHS[head] for head in first), *(_width(rows, name) for name in columns), *([60] * raw)]
    sheet = new_sheet(book, table, widths=widths, frozen="B3", repeated="1:2")
    sheet.auto_filter.ref = f"A2:{column_letter(len(heads) - 1)}{len(rows) + 2}"
    sheet.append([text_cell(sheet, _caption(label, len(rows), total), "heading")])
    sheet.append([text_cell(sheet, head, "head") for head in heads])
    for row in rows:
        sheet.append(_cells(sheet, row, first, columns, raw=raw))


def _caption(label: str, listed: int, total: int) -> str:
    if listed < total:
        return (
            f"{label}: {total:,} rows have problems; {listed:,} of them are listed here "
            "(of rows that only wait for their person, the fewest). The sheet Summary counts all."
        )
    return f"{label}: {total:,} {'row has' if total == 1 else 'rows have'} problems."


def _cells(sheet: Any, row: WrongRow, first: Sequence[str], columns: Sequence[str], *, raw: bool) -> list[Any]:  # noqa: ANN401
    verdict = "reject" if row.rejected else "query"
    told = [_words(problem) for problem in row.problems[:MOST_PROBLEMS]]
    if len(row.problems) > MOST_PROBLEMS:
        told.append(f"... and {len(row.problems) - MOST_PROBLEMS} more.")
    opening = {
        "Line": number_cell(sheet, row.at),
        "File": text_cell(sheet, row.file, "words"),
        "Result": text_cell(sheet, SEVERITIES[verdict], "rejected" if row.rejected else "question"),
        "Problem": lines_cell(sheet, told, "words"),
    }
    marks = _marks(row.problems)
    cells = [opening[head] for head in first]
    for name in columns:
        text = row.sent.get(name) or (EMPTY if name in marks and row.sent else "")
        cells.append(text_cell(sheet, text, marks.get(name, "sent")))
    if raw:
        cells.append(text_cell(sheet, row.raw, "rejected" if row.raw else "sent"))
    return cells


def _marks(problems: Sequence[Problem]) -> dict[str, str]:
    """Return the style of every offending cell; what rejects a row is stronger than a question."""
    marks: dict[str, str] = {}
    for problem in problems:
        for column in problem.columns:
            if problem.severity == "reject":
                marks[column] = "rejected"
            else:
                marks.setdefault(column, "question")
    return marks


def _words(problem: Problem) -> str:
    start = "" if problem.severity == "reject" else "Question: "
    columns = f"{', '.join(problem.columns)}: " if problem.columns else ""
    return " ".join(filter(None, (f"{start}{columns}{problem.message}", problem.advice)))


def _width(rows: Sequence[WrongRow], column: str) -> int:
    longest = max((len(row.sent.get(column) or "") for row in rows), default=0)
    return min(max(longest, len(column) + 3, 9), 30) + 2
