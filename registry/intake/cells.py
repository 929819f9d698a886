"""Typed values of workbooks and Parquet files as the text that the contract wants, or that its checks refuse."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from registry.contract import Column

_DIGITS = 15
"""Excel keeps and shows that many; what a double has beyond them comes from its binary form."""
_LONGEST_PLAIN = 15
_SMALLEST_PLAIN = -20
_YES_NO = {"yes", "no"}


class Unusable(str):
    """What stands in a cell without a value: an error of Excel, or a formula that was never calculated."""

    __slots__ = ()


def cell_text(value: object, column: Column) -> str | None:
    """Return the text of a value in a column of the contract; None if there is none.

    A whole day is written YYYY-MM-DD; a time of day stays, so that the check asks for it to be left away. A date in a
    column of something else keeps its time too: Excel makes dates of codes such as 1-5, and they must not pass.
    """
    text: str | None
    if value is None or value == "":
        text = None
    elif isinstance(value, Unusable):
        # Free text would pass as it is; the space at its end does not.
        text = f"{value} " if column.type == "text" else str(value)
    elif isinstance(value, bool):
        text = truth_text(column, value=value)
    elif isinstance(value, int | float | Decimal):
        text = number_text(value)
    elif isinstance(value, date):
        text = moment_text(value, column)
    elif isinstance(value, str | timedelta | time):
        text = str(value)
    else:
        kind = f"{type(value).__name__} has no text in the contract"
        raise TypeError(kind)
    return text


def number_text(value: float | Decimal) -> str:
    """Return a number as the shortest decimal text of at most 15 significant digits, whole ones without a point.

    Numbers too large or too small for a plain text keep an exponent, which the check refuses; so are NaN and inf.
    """
    if isinstance(value, float):
        if not isfinite(value):
            return {"nan": "NaN"}.get(str(value), str(value))
        value = Decimal(f"{value:.{_DIGITS}g}")
    exact = Decimal(value)
    if not exact:
        return "0"
    if not exact.is_finite():
        return str(exact)
    if not _SMALLEST_PLAIN < exact.adjusted() < _LONGEST_PLAIN:
        return str(exact.normalize())
    text = f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def truth_text(column: Column, *, value: bool) -> str:
    """Return yes or no in a column of these two codes, and elsewhere what Excel shows."""
    if set(column.allowed()) == _YES_NO:
        return "yes" if value else "no"
    return "TRUE" if value else "FALSE"


def moment_text(value: date | datetime, column: Column) -> str:
    """Return a day as YYYY-MM-DD; with its time if it is not midnight or the column does not hold dates."""
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001
    if column.type == "date" and moment.tzinfo is None and moment.time() == time.min:
        return moment.date().isoformat()
    return moment.isoformat(sep=" ")
