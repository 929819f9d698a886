"""The data dictionary that centres send by, as Markdown made from the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.contract import Column, Table, contract
from registry.errors import UserError

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

BEGIN = "<!-- data dictionary: made by 'make dictionary' -->"
END = "<!-- end of the data dictionary -->"


def data_dictionary() -> str:
    """Return the eight tables as Markdown: a heading, what a row is, its key, and a line a column."""
    return "\n\n".join(_table(table) for table in contract().values())


def insert_dictionary(path: Path) -> None:
    """Replace what stands between the two marks of a file by the data dictionary of this version."""
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise UserError(
            str(path),
            seen="The marks of the data dictionary are not there.",
            expected=f"Expected the lines {BEGIN} and {END}.",
            advice="Put both lines where the dictionary is to stand.",
            state="The file was not changed.",
        )
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n\n{data_dictionary()}\n\n{END}{after}", encoding="utf-8")


def _table(table: Table) -> str:
    lines = [
        f"### {table.file}",
        "",
        f"{table.title}: a row is {table.row}. Key: {', '.join(table.key)}.",
        "",
        "| column | type | required | unit, codes or limits | what |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {c.name} | {c.type} | {'yes' if c.required else ''} | {_values(c)} | {c.description} |"
        for c in table.columns
    ]
    if table.checks:
        lines += ["", "Checked across columns:", ""]
        lines += [f"- {'rejected' if c.severity == 'reject' else 'asked'}: {c.message}" for c in table.checks]
    return "\n".join(lines)


def _values(column: Column) -> str:
    other_units = ", ".join(unit for unit in column.accepts if unit != column.unit)
    parts = (
        f"codelists/{column.codes}.csv" if isinstance(column.codes, str) else ", ".join(column.codes),
        column.unit or "",
        f"or {other_units} if the manifest says so" if other_units else "",
        f"in the unit of {column.unit_column}" if column.unit_column else "",
        f"{_number(column.hard[0])} to {_number(column.hard[1])}" if column.hard else "",
        f"asked outside {_number(column.soft[0])} to {_number(column.soft[1])}" if column.soft else "",
        f"steps of {_number(column.step)}" if column.step else "",
        f"limits by {column.limits_by}" if column.limits_by else "",
        f"stands in {column.references}.csv" if column.references else "",
        "YYYY-MM-DD" if column.type == "date" else "",
    )
    return "; ".join(part for part in parts if part)


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"
