"""Why a text is not of a column's type, in words that say how to write it."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.contract import Column

_LISTED_CODES = 12
_MISSING = {"na", "n/a", "nan", "null", "none", ".", "-", "?", "missing", "unknown", "nd", "inf", "-inf", "+inf"}


def label(column: Column) -> str:
    """Return the first words of a column's description, to stand inside a sentence."""
    words = re.split(r"[,;:.(]", column.description, maxsplit=1)[0].strip()
    abbreviation = any(letter.isupper() for letter in words.split()[0][1:])
    return words if abbreviation else words[:1].lower() + words[1:]


def explain_text(column: Column, text: str) -> tuple[str, str]:
    """Return (what was expected, what to do) for a text that is not of the column's type."""
    expected = {
        "text": f"Expected {label(column)} without spaces around it and without invisible characters.",
        "code": _expected_code(column),
        "integer": f"Expected {label(column)} as a whole number.",
        "decimal": f"Expected {label(column)} as a number, with a point as decimal mark.",
        "date": "Expected a date as year-month-day, such as 2024-02-03.",
    }[column.type]
    if column.pattern and text.strip() == text and text.isprintable():
        expected = f"Expected {label(column)} that matches {column.pattern}."
    if text.strip() != text or not text.isprintable():
        return expected, "Remove the spaces, line breaks or invisible characters."
    if column.type != "code" and text.lower() in _MISSING:
        return expected, "Leave the field empty if the value is missing."
    advise = {"code": _code, "integer": _number, "decimal": _number, "date": _date}.get(column.type)
    return expected, advise(column, text) if advise else ""


def nearest(text: str, options: Iterable[str]) -> str | None:
    """Return the option that a text probably means, upper and lower case being the same; None if none is near."""
    plain = {option.lower(): option for option in options}
    found = difflib.get_close_matches(text.lower(), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def _expected_code(column: Column) -> str:
    codes = column.allowed()
    if len(codes) <= _LISTED_CODES:
        return f"Expected one of: {', '.join(codes)}."
    return f"Expected a code of codelists/{column.codes}.csv."


def _code(column: Column, text: str) -> str:
    meant = nearest(text, column.allowed())
    return f"Did you mean {meant}?" if meant else "Correct it, or ask for the code to be added."


def _number(column: Column, text: str) -> str:
    rules: Sequence[tuple[str, str]] = (
        (r"[+-]?\d+\.0+", f"Write {text.split('.', maxsplit=1)[0]}."),
        (r"[+-]?\d{1,3}(,\d{3})+\.\d+", f"Write {text.replace(',', '')}: no thousands separators."),
        (r"[+-]?\d{1,3}(\.\d{3})+,\d+", f"Write {text.replace('.', '').replace(',', '.')}: no thousands separators."),
        (r"[+-]?\d*,\d+", f"A comma is no decimal mark: write {text.replace(',', '.')}."),
        (r"[+-]?\d{1,3}([ '\u00a0\u202f]\d{3})+", f"Write {re.sub(r'[^0-9+-]', '', text)}: no thousands separators."),
        (r"[+-]?\d*\.?\d+[eE][+-]?\d+", "Write it without an exponent."),
        (
            r"[<>≤≥]\s*=?\s*\d.*",
            "A limit of detection is not a value, and the contract has no column for it: leave the row out.",
        ),
        (r"[+-]?\d*\.\d{7,}", "Round it to six decimals at most."),
        (r"[+-]?\d+(\.\d*)?", "The number is too large." if column.type == "decimal" else "Correct the number."),
        (r"\d{4}-\d\d-\d\d|\d+/\d+/\d+", "This looks like a date: columns may have been exchanged."),
        (r"[+-]?[\d.,]+\s*[^\d\s.,].*", "Write the number alone, without its unit."),
    )
    return next((advice for pattern, advice in rules if re.fullmatch(pattern, text)), "Correct it or leave it empty.")


def _date(column: Column, text: str) -> str:
    del column
    if match := re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{2}|\d{4})", text):
        return _two_readings(int(match[1]), int(match[2]), match[3], text)
    rules: Sequence[tuple[str, str]] = (
        (r"(\d{4}-\d\d-\d\d)[T ].*", f"Leave the time away: write {text[:10]}."),
        (r"\d{8}", f"Write {text[:4]}-{text[4:6]}-{text[6:]}."),
        (r"\d{4}[/.]\d{1,2}[/.]\d{1,2}", f"Write {'-'.join(p.zfill(2) for p in re.split('[/.]', text))}."),
        (r"\d{4}-\d{1,2}-\d{1,2}", "There is no such day." if len(text) == len("2024-02-03") else "Use two digits."),
        (r"[1-6]\d{4}", "This looks like Excel's number of a day: give the column a date format, then export again."),
        (r"\d{4}(-\d\d)?", "Give the whole date."),
    )
    return next((advice for pattern, advice in rules if re.fullmatch(pattern, text)), "Write the date in this form.")


def _two_readings(first: int, second: int, year: str, text: str) -> str:
    """Say which days a text such as 03/02/2024 could mean; which one it is only the centre knows."""
    full = year if len(year) == 4 else f"20{year}"  # noqa: PLR2004
    readings = [
        f"{full}-{month:02}-{day:02}"
        for day, month in dict.fromkeys([(first, second), (second, first)])
        if 1 <= month <= 12 and 1 <= day <= 31  # noqa: PLR2004
    ]
    if not readings:
        return "There is no such day."
    return f"{text} can be read as {' or as '.join(readings)}: write the dates of this column as year-month-day."
