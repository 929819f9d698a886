"""What in a text may identify a person: e-mail, phone, full date, national number, name.

An id is told from its whole column: 9 of 100 random numbers of nine digits pass the Dutch test, but not thirty of
thirty. A kind is certain if so many of the texts of its shape would pass by chance less often than once in 1,000
columns (in 1,000,000 where more than one text of 1,000 passes by chance).

Measured with 200,000 random numbers of each length, in columns of 200 (a test does it with fewer). Rejected: none of
6 to 11 digits, 0.5 in 10,000 of 12 digits, 1.4 in 10,000 of 13. Asked about: 9 in 10,000 of 8 digits (a date), 10 in
10,000 of 11 digits (a Belgian or Norwegian number), none of the others. Running numbers such as P001, lyon-0001,
MYO-2020-17 and A000000001: none; of a year and four digits (20200117), those that are a date are asked about.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.checking.national_numbers import NUMBERS, is_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_RARE, _CERTAIN_IF_RARE, _CERTAIN = 1e-3, 1e-3, 1e-6
_MOST = 0.5
_FEW, _SPOKEN_SHARE = 3, 0.8
_BARE_DATE = 9.2e-4
"""How many random numbers of eight digits are a day from 1900 to 2025, either way around."""

_SPOKEN = re.compile(
    r"(?=.*[aeiouy\u00e0-\u00ff])(?!.*[bcdfghjklmnpqrstvwxz]{5})(?!.*[^aeiouy]{3}$)[^\W\d_]{3,}", re.IGNORECASE
)
FULL_DATE = "a full date"
_EMAIL = re.compile(r"[^\s@,;]+@[^\s@,;]+\.[a-z]{2,}", re.IGNORECASE)
_PHONE = re.compile(
    r"(?<![\w+])(?:(?:\+|00)[1-9]\d{0,2}[ ./-]?(?:\(0\))?\d(?:[ ./-]?\d){6,11}|0\d(?:[ ./-]\d\d){4}"
    r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?!\w)"
)
_TITLE = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Mme|Mlle|Herr|Frau|Prof|Sig|Sra?)\b\.? +[A-Z]\w+")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})([-./_])(\d\d)\2(\d\d)(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d\d)([-./_])(\d\d)\2(\d{4})(?!\d)")
_EIGHT = re.compile(r"(?<!\d)\d{8}(?!\d)")
_WORD = re.compile(r"[^\W\d_]{2,}(?:[ _'-][^\W\d_]{2,})*")


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """What one text holds that may identify a person: what it is called, and whether it is certain."""

    text: str
    what: str
    certain: bool


def identifiers_in(texts: Iterable[str]) -> tuple[Identifier, ...]:
    """Return what is a direct identifier wherever it stands: e-mail, phone, date, national number, Dr and a name."""
    found = []
    for one in texts:
        if what := _plain(one):
            found.append(Identifier(text=one, what=what, certain=True))
        elif _TITLE.search(one):
            found.append(Identifier(text=one, what="a name", certain=False))
    return tuple(found)


def identifiers_in_ids(ids: Sequence[str], birth_years: Sequence[str] = ()) -> tuple[Identifier, ...]:
    """Return which ids of a column are no pseudonyms.

    Parameters
    ----------
    ids
        Distinct ids of one column.
    birth_years
        The year of birth beside each, as sent; a full date of that year in an id is certain. Empty if not known.
    """
    found: dict[str, Identifier] = {one.text: one for one in identifiers_in(ids) if one.certain}
    for one in (*_bare_dates(ids, birth_years), *_numbers(ids), *_names(ids)):
        if one.text not in found or (one.certain and not found[one.text].certain):
            found[one.text] = one
    return tuple(found.values())


def _plain(one: str) -> str:
    """Return what a text certainly holds, wherever it stands; empty for nothing."""
    if _EMAIL.search(one):
        return "an e-mail address"
    if any(is_day(int(m[1]), int(m[3]), int(m[4])) for m in _YEAR_FIRST.finditer(one)):
        return FULL_DATE
    last = [(int(m[4]), int(m[3]), int(m[1])) for m in _YEAR_LAST.finditer(one)]
    if any(is_day(year, a, b) or is_day(year, b, a) for year, a, b in last):
        return FULL_DATE
    if _PHONE.search(one):
        return "a phone number"
    parts = _parts(one)
    return next((n.what for n in NUMBERS if n.odd and any(n.shape.fullmatch(p) and n.passes(p) for p in parts)), "")


def _parts(one: str) -> tuple[str, ...]:
    """Return a text without spaces and points, and its words: numbers are written in groups, and behind a prefix."""
    return tuple(dict.fromkeys((re.sub(r"[ .]", "", one), *re.split(r"[\s_-]+", one))))


def _numbers(ids: Sequence[str]) -> Iterator[Identifier]:
    parts = [(one, part) for one in ids for part in _parts(one)]
    for number in (n for n in NUMBERS if not n.odd):
        shaped = [(one, part) for one, part in parts if number.shape.fullmatch(part)]
        hits = [one for one, part in shaped if number.passes(part)]
        certain = _beyond_chance(len(hits), len(shaped), number.chance)
        if certain or number.chance <= _RARE:
            yield from (Identifier(text=one, what=number.what, certain=certain) for one in hits)


def _bare_dates(ids: Sequence[str], birth_years: Sequence[str]) -> Iterator[Identifier]:
    """Tell dates without separators; most numbers that begin with a year are that year and a running number."""
    shaped = [(at, digits) for at, one in enumerate(ids) for digits in _EIGHT.findall(one)]
    hits = [(at, years) for at, digits in shaped if (years := _years(digits))]
    many = len(hits) >= _MOST * len(shaped) and _beyond_chance(len(hits), len(shaped), _BARE_DATE)
    for at, years in hits:
        born = bool(birth_years) and birth_years[at] in years
        yield Identifier(text=ids[at], what=FULL_DATE, certain=many or born)


def _years(digits: str) -> set[str]:
    """Return the years of the days that eight digits can mean."""
    readings = [(digits[:4], digits[4:6], digits[6:]), (digits[4:], digits[2:4], digits[:2])]
    return {year for year, month, day in readings if is_day(int(year), int(month), int(day))}


def _names(ids: Sequence[str]) -> Iterator[Identifier]:
    """Tell names: letters only. Where all ids are letters they may be random ones, which seldom can be spoken."""
    letters = [one for one in ids if _WORD.fullmatch(one)]
    spoken = [one for one in letters if all(_SPOKEN.fullmatch(word) for word in re.split(r"[ _'-]", one))]
    with_digits = len(ids) - len(letters)
    # Three words among numbers are asked about, and so are those of which every first word is another.
    many = len(spoken) >= _FEW and len(spoken) >= _SPOKEN_SHARE * len(letters)
    if many or with_digits >= _FEW:
        yield from (Identifier(text=one, what="a name", certain=many) for one in spoken)


def _beyond_chance(hits: int, of: int, chance: float) -> bool:
    """Return whether at least so many of them pass by chance too seldom to be believed."""
    if hits == 0:
        return False
    if hits <= of * chance:
        return False
    # Terms by their logarithms: the binomial coefficients of large columns are no floating point numbers.
    tail = sum(
        math.exp(
            math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
            + k * math.log(chance) + (of - k) * math.log1p(-chance)
        )
        for k in range(hits, of + 1)
    )  # fmt: skip
    return tail < (_CERTAIN_IF_RARE if chance <= _RARE else _CERTAIN)
