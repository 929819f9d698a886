"""Tables as plain values: cells made of the numbers of Results, with what cannot be had explained in footnotes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analyses import formats
from analyses.result import ALL, Estimate, Masked, NotEstimable
from analyses.tabulate import FIRST_WITH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyses.result import Result, Row, Statistic, Value

    Kind = Literal["row", "indented", "group"]

ARM_NAMES = {**FIRST_WITH, ALL: "All"}
NOTHING = "\u2013"
"""What stands in a cell that has no number because none belongs there."""
MASKING = "Numbers are masked where they are, rest on, or would give back a small count (see Masking)."
_LETTERS = 26


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell: its text, the letters of its footnotes, and whether it is set as a number or as words."""

    text: str
    marks: str = ""
    kind: Literal["number", "text", "strong"] = "number"


BLANK = Cell(text="")
NO_NUMBER = Cell(text=NOTHING)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of a table; a group line has a heading and no cells."""

    head: str
    cells: tuple[Cell, ...] = ()
    kind: Kind = "row"


@dataclass(frozen=True, kw_only=True)
class Note:
    """A footnote; one without a letter belongs to the whole table."""

    mark: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as a template prints it. head: the column headings, the first of them above the row headings.

    whole: kept on one page. text_columns: places (from 0) of columns that hold words and are set to the left.
    withheld: masking left no number, so that a page says so instead.
    """

    identifier: str
    caption: str
    head: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[Note, ...] = ()
    whole: bool = True
    text_columns: tuple[int, ...] = ()
    withheld: bool = False


class Draft:
    """A table in the making: its lines, and its footnotes lettered in the order in which they are first needed.

    maximum: largest count that is masked as a small one.
    """

    def __init__(self, *, maximum: int) -> None:
        self._maximum = maximum
        self._marks: dict[str, str] = {}
        self._masked = False
        self._lines: list[Line] = []

    def group(self, head: str) -> None:
        """Add a heading within the table."""
        self._lines.append(Line(head=head, kind="group"))

    def line(self, head: str, *cells: Cell, kind: Kind = "row") -> None:
        """Add a line of cells."""
        self._lines.append(Line(head=head, cells=cells, kind=kind))

    def cell(self, value: Value, *, statistic: str = "", text: str | None = None) -> Cell:
        """Return the cell of a value: its text by analyses.formats (or the text given) and the letter of its reason."""
        shown = formats.value(value, statistic=statistic, maximum=self._maximum) if text is None else text
        if isinstance(value, Masked):
            self._masked = True
        if isinstance(value, NotEstimable):
            return Cell(text=shown, marks=self._marks.setdefault(value.reason, _letter(len(self._marks))))
        return Cell(text=shown)

    def number(
        self, result: Result, topic: str, level: str = "", group: str = ALL, *, statistic: Statistic,
        month: float | None = None,
    ) -> Cell:  # fmt: skip
        """Return the cell of one number of a Result."""
        return self.cell(number(result, topic, level, group, statistic=statistic, month=month), statistic=statistic)

    def of_row(self, row: Row) -> Cell:
        """Return the cell of a row of a Result."""
        return self.cell(row.value, text=formats.row(row, maximum=self._maximum))

    def p_value(self, value: Value) -> Cell:
        """Return the cell of the p value of an estimate; nothing where there is none."""
        if isinstance(value, Estimate) and value.p is not None:
            return Cell(text=formats.p_value(value.p))
        return NO_NUMBER

    def counts(
        self, result: Result, topic: str, level: str = "", *, groups: Sequence[str], month: float | None = None
    ) -> tuple[Cell, ...]:
        """Return the cells of a count in several groups."""
        return tuple(self.number(result, topic, level, group, statistic="count", month=month) for group in groups)

    def shares(self, result: Result, topic: str, level: str, *, groups: Sequence[str]) -> tuple[Cell, ...]:
        """Return the cells of a count with its percentage in several groups."""
        pairs = (
            (
                number(result, topic, level, group, statistic="count"),
                number(result, topic, level, group, statistic="percent"),
            )
            for group in groups
        )
        return tuple(
            self.cell(count, text=formats.count_percent(count, share, maximum=self._maximum)) for count, share in pairs
        )

    def quartiles(self, result: Result, topic: str, group: str, *, month: float | None = None) -> Cell:
        """Return the cell of a median with its quartiles."""
        median, low, high = (
            number(result, topic, "", group, statistic=statistic, month=month)
            for statistic in ("median", "quartile 1", "quartile 3")
        )
        return self.cell(median, text=formats.median_quartiles(median, low, high))

    def table(self, identifier: str, *, caption: str, head: Sequence[str], whole: bool = True) -> Table:
        """Return the table; one of which masking left no number is withheld."""
        notes = [Note(mark=mark, text=_sentence(reason)) for reason, mark in self._marks.items()]
        if self._masked:
            notes.append(Note(mark="", text=MASKING))
        texts = {cell.text for line in self._lines for cell in line.cells if cell.text}
        return Table(
            identifier=identifier,
            caption=caption,
            head=tuple(head),
            lines=tuple(self._lines),
            notes=tuple(notes),
            whole=whole,
            withheld=texts == {formats.MASKED},
        )


def pair(cells: Sequence[Cell]) -> Cell:
    """Return several cells as one: "60 / 44"."""
    return Cell(text=" / ".join(cell.text for cell in cells), marks="".join(cell.marks for cell in cells))


def words(text: str) -> Cell:
    """Return a cell of words."""
    return Cell(text=text or NOTHING, kind="text")


def number(
    result: Result, topic: str, level: str = "", group: str = ALL, *, statistic: Statistic, month: float | None = None
) -> Value:
    """Return one number of a Result by what it is the number of; KeyError if the Result does not have it."""
    at = "" if month is None else f"{month:g}"
    return result[f"{topic}|{level}|{group}|{statistic}|{at}"]


def rows(
    result: Result, topic: str, *, statistic: Statistic, group: str | None = None, month: float | None = None
) -> tuple[Row, ...]:
    """Return the rows of a topic in the order of the Result; group None is any, month None is a row without a month."""
    return tuple(
        row
        for row in result.rows
        if row.topic == topic and row.statistic == statistic and row.month == month and group in {None, row.group}
    )


def levels(result: Result, topic: str, *, statistic: Statistic = "count") -> tuple[str, ...]:
    """Return the levels of a topic in the order of the Result, each once, whatever the group and the month."""
    found = (row.level for row in result.rows if row.topic == topic and row.statistic == statistic)
    return tuple(dict.fromkeys(found))


def one(
    result: Result, topic: str, *, statistic: Statistic, month: float | None = None, starts: str = "", ends: str = ""
) -> Row:
    """Return the only row of a topic whose level starts and ends so (without ends: not with ", %" or ", robust").

    Raises ValueError if there is none or more than one.
    """
    found = [
        row
        for row in rows(result, topic, statistic=statistic, month=month)
        if row.level.startswith(starts)
        and (row.level.endswith(ends) if ends else not row.level.endswith((", %", ", robust")))
    ]
    if len(found) != 1:
        text = f"{result.name}: {len(found)} numbers of {topic!r}, {statistic}, month {month}, ending {ends!r}"
        raise ValueError(text)
    return found[0]


def within(name: str) -> str:
    """Return a name or heading as it stands within a sentence; IVIG keeps its capitals."""
    return name if name.startswith("IVIG") else name[:1].lower() + name[1:]


def _letter(index: int) -> str:
    more, last = divmod(index, _LETTERS)
    return (chr(ord("a") + more - 1) if more else "") + chr(ord("a") + last)


def _sentence(text: str) -> str:
    text = text.strip()
    return (text[:1].upper() + text[1:]).rstrip(".") + "."
