"""From the text of a REDCap field to the text that the contract expects; what does not fit is kept to be refused."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.contract import Column
    from registry.intake.redcap_mapping import DateOrder, DecimalMark, Source

    Row = Sequence[str]
    Reader = Callable[[Row], str | None]

_DAY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_TIME = re.compile(r"[ T]\d{2}:\d{2}(:\d{2})?")
_TICKED = "1"


class Untranslated:
    """Counts the raw codes that have no translation, by export column."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}

    def add(self, field: str, code: str) -> None:
        """Count one."""
        self.counts.setdefault(field, Counter())[code] += 1


def value_reader(
    source: Source,
    column: Column,
    at: Mapping[str, int],
    *,
    missing: Sequence[str],
    dates: DateOrder,
    decimal: DecimalMark,
    untranslated: Untranslated,
) -> Reader:
    """Return what reads one column of the contract from a row of the export.

    Parameters
    ----------
    source, column
        What the mapping says and what the contract expects.
    at
        Position of each column of the export.
    missing, dates, decimal
        What the mapping says of all fields; the source may say otherwise.
    untranslated
        Where raw codes without a translation are counted.
    """
    empty = {"", *(missing if source.missing is None else source.missing)}
    if source.value is not None:
        constant = source.value
        return lambda row: constant  # noqa: ARG005  (every reader takes a row)
    if source.checkbox is not None:
        choices = [(at[name], code) for name, code in zip(source.fields, source.codes, strict=True)]
        return lambda row: _chosen([code for place, code in choices if row[place] == _TICKED], source.codes)
    field = str(source.field)
    place = at[field]
    if source.codes:
        return lambda row: (
            None if row[place] in empty else _coded(row[place], source.codes, column, field, untranslated)
        )
    if column.type == "date":
        order, cut = source.dates or dates, source.cut_time
        return lambda row: None if row[place] in empty else iso_date(row[place], order, cut_time=cut)
    if column.type in {"integer", "decimal"} and (source.decimal or decimal) == ",":
        return lambda row: None if row[place] in empty else decimal_point(row[place])
    return lambda row: None if row[place] in empty else row[place]


def is_filled(name: str, text: str, missing: Sequence[str]) -> bool:
    """Return whether a field holds something; a checkbox column (name___code) does when it is ticked."""
    return text == _TICKED if "___" in name else text != "" and text not in missing


def iso_date(text: str, order: DateOrder, *, cut_time: bool) -> str:
    """Return a date as year-month-day; what is no date in the declared order comes back as it is.

    A date that already is year-month-day has one meaning only and is taken in any order.
    """
    day = text
    if cut_time and (time := _TIME.search(text)) and time.end() == len(text):
        day = text[: time.start()]
    if order == "ymd" or not (parts := _DAY.fullmatch(day)):
        return day
    first, second, year = (int(part) for part in parts.groups())
    try:
        found = date(year, second, first) if order == "dmy" else date(year, first, second)
    except ValueError:
        return text
    return found.isoformat()


def decimal_point(text: str) -> str:
    """Return a number with a decimal comma as one with a point; a point in it has two meanings and is refused."""
    if "." in text:
        return f"{text} (decimal comma declared)"
    return text.replace(",", ".") if re.fullmatch(r"[+-]?\d*,\d+", text) else text


def _coded(text: str, codes: Mapping[str, str], column: Column, field: str, untranslated: Untranslated) -> str | None:
    if (found := codes.get(text)) is not None:
        return found or None
    untranslated.add(field, text)
    # A number could be taken for a value of the contract; a code of the contract or a pattern refuses other texts.
    return f"{text} (code without translation)" if column.type in {"integer", "decimal"} else text


def _chosen(ticked: Sequence[str], codes: Mapping[str, str]) -> str | None:
    """Return the text of the only choice; several are kept as texts side by side, which the contract refuses."""
    return " and ".join(codes[code] for code in ticked) or None
