"""The first sheet of the workbook: what became of a submission, what to do, and which rules were not met how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.advice import NOT_KNOWN, SEVERITIES, next_steps, verdict
from reports.sheets import column_letter, lines_cell, new_sheet, number_cell, text_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openpyxl import Workbook

    from registry.checking.checks import CheckedSubmission
    from reports.problem_counts import Failure, TableCount

_WIDTHS = (13, 16, 12, 14, 24, 26, 52, 46, 38)
_READING = (
    ("rejected", "Rejected", "Bold, thick frame: this value, or that it is not there, keeps the row out."),
    ("question", "Question", "Bold italic, dashed frame: the row is taken in, but the value is unusual."),
)
_TABLE_HEADS = ("Table", "Sent", "Taken in", "In quarantine", "Questions")
_RULE_HEADS = (
    "Severity", "File", "Rows", "Line of an example", "Column", "Value", "What is wrong", "What to do", "Rule",
)  # fmt: skip


def add_summary(
    book: Workbook, checked: CheckedSubmission, counts: Sequence[TableCount], found: Sequence[Failure]
) -> None:
    """Add the sheet Summary to a workbook."""
    sheet = new_sheet(book, "Summary", widths=_WIDTHS)
    rows = [*_opening(sheet, checked, counts), *_tables(sheet, counts)]
    if found:
        rows += [[], [text_cell(sheet, "Problems by rule", "heading")]]
        rows.append([text_cell(sheet, head, "head") for head in _RULE_HEADS])
        last = column_letter(len(_RULE_HEADS) - 1)
        sheet.auto_filter.ref = f"A{len(rows)}:{last}{len(rows) + len(found)}"
        rows += [_rule(sheet, failure) for failure in found]
    for row in rows:
        sheet.append(row)


def _opening(sheet: Any, checked: CheckedSubmission, counts: Sequence[TableCount]) -> Iterator[list[Any]]:  # noqa: ANN401
    submission = checked.submission
    yield [text_cell(sheet, f"What became of {submission.name}", "title")]
    yield [text_cell(sheet, verdict(checked, counts), "lead")]
    yield []
    day = submission.date.isoformat() if submission.date else NOT_KNOWN
    for name, value in (("Centre", submission.centre or NOT_KNOWN), ("Date", day), ("Submission", submission.name)):
        yield [text_cell(sheet, name, "label"), text_cell(sheet, value, "lead")]
    yield []
    yield [text_cell(sheet, "What to do next", "heading")]
    for place, step in enumerate(next_steps(checked), start=1):
        yield [text_cell(sheet, f"{place}.", "label"), text_cell(sheet, step, "lead")]
    yield []
    yield [text_cell(sheet, "How to read the other sheets", "heading")]
    for style, name, meaning in _READING:
        yield [text_cell(sheet, name, style), text_cell(sheet, meaning, "lead")]


def _tables(sheet: Any, counts: Sequence[TableCount]) -> Iterator[list[Any]]:  # noqa: ANN401
    yield []
    yield [text_cell(sheet, "Rows by table", "heading")]
    yield [text_cell(sheet, head, "head") for head in _TABLE_HEADS]
    for count in counts:
        sent = text_cell(sheet, "not read", "words") if count.sent is None else number_cell(sheet, count.sent)
        numbers = (count.taken_in, count.quarantined, count.questions)
        yield [text_cell(sheet, count.table, "words"), sent, *(number_cell(sheet, number) for number in numbers)]


def _rule(sheet: Any, failure: Failure) -> list[Any]:  # noqa: ANN401
    example = failure.example
    line = text_cell(sheet, "file", "words") if example.line is None else number_cell(sheet, example.line)
    style = {"reject": "rejected", "query": "question"}[failure.severity]
    return [
        text_cell(sheet, SEVERITIES[failure.severity], style),
        text_cell(sheet, failure.file, "words"),
        number_cell(sheet, failure.count),
        line,
        text_cell(sheet, ", ".join(example.columns), "words"),
        text_cell(sheet, ", ".join(example.values), "words"),
        lines_cell(sheet, [example.message], "words"),
        lines_cell(sheet, [example.advice], "words"),
        text_cell(sheet, failure.rule, "words"),
    ]
