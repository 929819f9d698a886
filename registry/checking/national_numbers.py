"""National numbers of persons, told by their shape and their check digits.

Each test takes a text of its shape; how often a random text of that shape passes is measured in
tests/unit/test_identifiers.py and stands beside it as `chance`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FIRST_YEAR, LAST_YEAR = 1900, 2025
"""Years of a plausible full date of a living person, its diagnosis included."""

_CENTURY, _CUTOFF = 100, 26
_ODD = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12,
                 14, 16, 10, 22, 25, 24, 23), strict=True))  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Number:
    """One kind of number: what it is called, its shape, its test, and how often a random text of its shape passes.

    odd: nobody numbers patients in this shape, so that one such text is enough.
    """

    what: str
    shape: re.Pattern[str]
    passes: Callable[[str], bool]
    chance: float
    odd: bool = False


def is_day(year: int, month: int, day: int) -> bool:
    """Return whether there is such a day in a plausible year."""
    try:
        return FIRST_YEAR <= date(year, month, day).year <= LAST_YEAR
    except ValueError:
        return False


def _short_day(year: str, month: str, day: str) -> bool:
    """Return whether two-digit year, month and day are a date; the century is not known."""
    century = 2000 if int(year) < _CUTOFF else 1900
    return is_day(century + int(year), int(month), int(day))


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (2 - at % 2) for at, digit in enumerate(digits))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0  # noqa: PLR2004


def _french(text: str) -> bool:
    body = text[:13].upper().replace("2A", "19").replace("2B", "18")
    month = int(text[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42) and 97 - int(body) % 97 == int(text[13:])  # noqa: PLR2004


def _belgian(text: str) -> bool:
    key = int(text[9:])
    in_century = (97 - int(text[:9]) % 97 == key, 97 - int(f"2{text[:9]}") % 97 == key)
    return _short_day(text[:2], text[2:4], text[4:6]) and any(in_century)


def _dutch(text: str) -> bool:
    return int(text) > 0 and _weighted(text, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _german_insurance(text: str) -> bool:
    digits = f"{ord(text[0].upper()) - ord('A') + 1:02}{text[1:9]}"
    products = (int(digit) * (1 + at % 2) for at, digit in enumerate(digits))
    return sum(number // 10 + number % 10 for number in products) % 10 == int(text[9])


def _german_tax(text: str) -> bool:
    counts = sorted(text[:10].count(digit) for digit in set(text[:10]))
    if text[0] == "0" or counts[-1] not in {2, 3} or counts.count(1) != len(counts) - 1:
        return False
    product = 10
    for digit in text[:10]:
        product = (((int(digit) + product) % 10 or 10) * 2) % 11
    return (11 - product) % 10 == int(text[10])


def _italian(text: str) -> bool:
    text = text.upper()
    even = (int(letter) if letter.isdigit() else ord(letter) - ord("A") for letter in text[1:15:2])
    return chr((sum(_ODD[letter] for letter in text[0:15:2]) + sum(even)) % 26 + ord("A")) == text[15]


def _spanish(text: str) -> bool:
    number = text[:-1].upper().replace("X", "0").replace("Y", "1").replace("Z", "2")
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1].upper()


def _british(text: str) -> bool:
    return (11 - _weighted(text, range(10, 1, -1)) % 11) % 11 == int(text[9])


def _swiss(text: str) -> bool:
    return (10 - _weighted(text, (1, 3) * 6) % 10) % 10 == int(text[12])


def _swedish(text: str) -> bool:
    digits = re.sub(r"\D", "", text)[-10:]
    day = is_day(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) > 11 else _short_day(  # noqa: PLR2004
        digits[:2], digits[2:4], digits[4:6])  # fmt: skip
    return day and _luhn(digits)


def _danish(text: str) -> bool:
    return _short_day(text[4:6], text[2:4], text[:2])


def _norwegian(text: str) -> bool:
    first = (11 - _weighted(text, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11) % 11
    second = (11 - _weighted(text, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11
    return _short_day(text[4:6], text[2:4], text[:2]) and (first, second) == (int(text[9]), int(text[10]))


def _finnish(text: str) -> bool:
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(text[:6] + text[7:10]) % 31]
    return _short_day(text[4:6], text[2:4], text[:2]) and check == text[10].upper()


def _american(text: str) -> bool:
    return text[:3] not in {"000", "666"} and text[0] != "9" and text[4:6] != "00" and text[7:] != "0000"


def _polish(text: str) -> bool:
    month = int(text[2:4])
    year = int(text[:2]) + (2000 if month > 20 else 1900)  # noqa: PLR2004
    day = is_day(year, month - (20 if month > 20 else 0), int(text[4:6]))  # noqa: PLR2004
    return day and _weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _number(what: str, shape: str, passes: Callable[[str], bool], chance: float, *, odd: bool = False) -> Number:
    return Number(what=what, shape=re.compile(shape, re.IGNORECASE), passes=passes, chance=chance, odd=odd)


NUMBERS = (
    _number("a French social security number", r"[12]\d{4}(?:\d\d|2A|2B)\d{8}", _french, 4e-3, odd=True),
    _number("a Belgian national number", r"\d{11}", _belgian, 8e-4),
    _number("a Dutch citizen service number", r"\d{9}", _dutch, 0.091),
    _number("a German health insurance number", r"[A-Z]\d{9}", _german_insurance, 0.1),
    _number("a German tax number", r"\d{11}", _german_tax, 0.03),
    _number("an Italian tax code", r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", _italian, 0.039, odd=True),
    _number("a Spanish identity number", r"(?:\d{8}|[XYZ]\d{7})[A-Z]", _spanish, 0.044),
    _number("a British health service number", r"\d{10}", _british, 0.091),
    _number("a Swiss insurance number", r"756\d{10}", _swiss, 0.1, odd=True),
    _number("a Swedish personal number", r"\d{6}[-+]\d{4}|\d{12}|\d{8}-\d{4}", _swedish, 3.7e-3, odd=True),
    _number("a Swedish personal number", r"\d{10}", _swedish, 3.7e-3),
    _number("a Danish personal number", r"\d{6}-\d{4}", _danish, 0.037),
    _number("a Norwegian national number", r"\d{11}", _norwegian, 3e-4),
    _number("a Finnish personal code", r"\d{6}[-+A]\d{3}[0-9A-Y]", _finnish, 1.3e-3, odd=True),
    _number("an American social security number", r"\d{3}-\d\d-\d{4}", _american, 0.88, odd=True),
    _number("a Polish personal number", r"\d{11}", _polish, 4.6e-3),
)
