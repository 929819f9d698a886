"""A text file of the contract as text columns in Arrow, with the physical line of every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from registry.intake.by_csv_module import read_rows
from registry.intake.dialect import decimal_points, separator_of
from registry.intake.encoding import read_text
from registry.intake.header import header_problems
from registry.intake.manifest import Csv
from registry.intake.tables import TextTable, unreadable
from registry.intake.unquoted import read_unquoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.contract import Table

_AS_FOUND = Csv()


def read_delimited(
    data: bytes,
    table: Table,
    *,
    label: str = "",
    settings: Csv = _AS_FOUND,
    progress: Callable[[float], None] | None = None,
) -> TextTable:
    """Return the content of a text file with a header: commas, semicolons or tabs, and RFC 4180 quotes.

    The columns may stand in any order. Blank lines are no rows. What is not certain is a problem: one that refuses the
    file, or a question beside its rows.

    Parameters
    ----------
    data
        The bytes of the file.
    table
        What it holds.
    label
        What it is called in messages; the table's CSV file if empty.
    settings
        What the manifest says of encoding, separator and decimal mark.
    progress
        Called with the share that is done, from 0 to 1.
    """
    label = label or table.file
    text, questions = read_text(label, data, settings.encoding)
    if text is None:
        return unreadable(label, *questions)
    separator, wrong = separator_of(text, table, label, settings.separator)
    if wrong:
        return unreadable(label, *questions, *wrong)
    # Most files hold no quotes, and then a parser in C++ may read them; the other one defines what is right.
    found = read_unquoted(text, separator, progress) or read_rows(text, separator, label, progress)
    if found.problems:
        return unreadable(label, *questions, *found.problems)
    wrong = header_problems(found.header, table, label=label)
    if wrong:
        return unreadable(label, *questions, *wrong)
    columns = found.rows
    for name in table.names:
        if name not in found.header:
            columns = columns.append_column(name, pa.nulls(columns.num_rows, pa.string()))
    columns, decided = decimal_points(columns.select(["line", *table.names]), table, label, separator, settings)
    if any(problem.severity == "reject" for problem in decided):
        return unreadable(label, *questions, *decided)
    return TextTable(
        rows=columns,
        broken=found.broken,
        count=columns.num_rows + found.broken.num_rows,
        problems=(*questions, *decided),
        label=label,
    )
