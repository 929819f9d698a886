"""Rows of the contract that are made from something else than lines of a file, and what is said about that."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from registry.contract import contract
from registry.errors import Problem
from registry.intake.tables import BROKEN, PLACES, TextTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.errors import Severity

SHOWN_OF_A_KIND = 20
"""How many problems of one rule in one file are shown; the others are counted."""


_LONGEST = 300
_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something stands: the entry or line `at`, from 1, of a file."""

    file: str
    at: int


@dataclass(frozen=True, kw_only=True)
class MadeRow:
    """A row of the contract as text by column, and the place that it was made from."""

    values: Mapping[str, str | None]
    place: Place


@dataclass(kw_only=True)
class Remarks:
    """Problems as they are found, and what was left out, which is only counted.

    left: how many were left out by (file, rule, value, message, advice).
    """

    found: list[Problem] = field(default_factory=list)
    left: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)

    def say(
        self,
        rule: str,
        place: Place,
        message: str,
        *,
        advice: str = "",
        severity: Severity = "query",
        columns: Sequence[str] = (),
    ) -> None:
        """Add a problem of one place."""
        self.found.append(
            Problem(
                rule=rule,
                severity=severity,
                file=place.file,
                line=place.at,
                columns=tuple(columns),
                message=_readable(message),
                advice=advice,
            )
        )

    def refuse(self, rule: str, file: str, message: str, *, advice: str = "") -> None:
        """Add a problem of a whole file: the submission cannot be taken in."""
        self.found.append(Problem(rule=rule, severity="reject", file=file, message=message, advice=advice))

    def leave(self, rule: str, file: str, value: str, message: str, advice: str = "", *, times: int = 1) -> None:
        """Count something that is left out; {n} in the message becomes how many there are of the same."""
        self.left[file, rule, _readable(value), message, advice] += times

    def problems(self) -> tuple[Problem, ...]:
        """Return all of it: the first of a kind in full, then how many more there are."""
        counts: Counter[tuple[str, str, Severity]] = Counter()
        shown = []
        for problem in self.found:
            kind = (problem.file, problem.rule, problem.severity)
            counts[kind] += 1
            if counts[kind] <= SHOWN_OF_A_KIND:
                shown.append(problem)
        left: Counter[tuple[str, str]] = Counter()
        rest: Counter[tuple[str, str]] = Counter()
        for (file, rule, value, message, advice), n in sorted(self.left.items(), key=lambda one: (-one[1], one[0])):
            left[file, rule] += 1
            if left[file, rule] > SHOWN_OF_A_KIND:
                rest[file, rule] += n
                continue
            text = message.replace("{n}", f"{n:,}")
            values = (value,) if value else ()
            shown.append(Problem(rule=rule, severity="query", file=file, values=values, message=text, advice=advice))
        for (file, rule, _), n in sorted(counts.items()):
            if n > SHOWN_OF_A_KIND:
                shown.append(_more(file, rule, f"There are {n - SHOWN_OF_A_KIND:,} more of this kind."))
        for (file, rule), n in sorted(rest.items()):
            kinds = left[file, rule] - SHOWN_OF_A_KIND
            shown.append(_more(file, rule, f"{kinds:,} more codes or values stand {n:,} times and were left out."))
        return tuple(shown)


def text_tables(rows: Mapping[str, Sequence[MadeRow]], *, label: str) -> dict[str, TextTable]:
    """Return the eight tables of the contract, numbered 1 to n in the order given; a table without rows is empty.

    Parameters
    ----------
    rows
        Rows by table; a column that a row does not have is empty.
    label
        What the source is called in messages.
    """
    return {name: _text_table(name, rows.get(name, ()), label) for name in contract()}


def _text_table(name: str, rows: Sequence[MadeRow], label: str) -> TextTable:
    lines = pa.array(range(1, len(rows) + 1), pa.int64())
    arrays: dict[str, Any] = {"line": lines}
    for column in contract()[name].names:
        arrays[column] = pa.array([_clean(row.values.get(column)) for row in rows], pa.string())
    files, ats = [row.place.file for row in rows], [row.place.at for row in rows]
    places = [lines, pa.array(files, pa.string()), pa.array(ats, pa.int64())]
    return TextTable(
        rows=pa.table(arrays),
        broken=BROKEN.empty_table(),
        count=len(rows),
        problems=(),
        label=label,
        places=pa.Table.from_arrays(places, schema=PLACES),
    )


def _clean(text: str | None) -> str | None:
    """Return text that Arrow can hold; half a surrogate pair becomes the mark that the checks refuse."""
    return _HALF_PAIR.sub("\ufffd", text) if text else None


def _more(file: str, rule: str, message: str) -> Problem:
    return Problem(rule=rule, severity="query", file=file, message=message)


def _readable(text: str) -> str:
    """Return text from outside as it can stand in a line: without control characters, and not endless."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:_LONGEST])
    return shown if len(text) <= _LONGEST else f"{shown}..."
