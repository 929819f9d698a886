"""Panels over months since time zero with numbers exactly under the months that they belong to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from reports.drawing import GRID, INK, POINTS, WIDTH_INCHES
from reports.lettering import text_height, text_width, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes

    from analyses.result import Curve

LEFT, RIGHT = 70.0, 74.7
"""Margins beside a panel in points; wider where longer names need it, so that most figures of a report are aligned."""
SMALL = 7
_MOST_HEAD = 118.0
_BESIDE = 15
_BELOW = 31.0
_TOP = 7.2
_AIR = 4.0
_BASELINE = 2.5
_EVERY = (1, 2, 3, 4, 6, 9, 12, 15, 18, 24, 30, 36, 48, 60, 120)


@dataclass(frozen=True, kw_only=True)
class StripRow:
    """Numbers by month below a panel. texts: of each month (of the curve's at_risk_month)."""

    head: str
    months: tuple[float, ...]
    texts: tuple[str, ...]
    color: str = INK
    bold: bool = True


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Axes of curves and, with the same months below them, those of the numbers; width and height in points."""

    axes: Axes
    strip: Axes
    width: float
    height: float


def panels(
    *,
    count: int = 1,
    height: float,
    rows: Sequence[StripRow],
    right: float = RIGHT,
    gap: float = 0.0,
    top: float = _TOP,
) -> tuple[Figure, tuple[Panel, ...]]:
    """Return a figure with panels side by side, of which the first leaves room for the heads of the rows of numbers.

    height: of the panels. rows: those below one panel. right: room behind the last panel. gap: between two. All in
    points.
    """
    heads, beside = [_head(row) for row in rows], _beside(rows)
    left = max([LEFT, *(text_width(head, size=SMALL, bold=True) + beside + 2 for head in heads)])
    strip = sum(_row_height(head) for head in heads)
    total, whole = top + height + _BELOW + strip + 2, WIDTH_INCHES * POINTS
    width = (whole - left - right - gap * (count - 1)) / count
    figure = Figure(figsize=(WIDTH_INCHES, total / POINTS))
    made: list[Panel] = []
    for place in range(count):
        start = (left + place * (width + gap)) / whole
        axes = figure.add_axes((start, (strip + _BELOW + 2) / total, width / whole, height / total))
        below = figure.add_axes((start, 2 / total, width / whole, max(strip, 1) / total), sharex=axes)
        below.set_axis_off()
        below.set_ylim(max(strip, 1), 0)
        made.append(Panel(axes=axes, strip=below, width=width, height=height))
    return figure, tuple(made)


def percent_axis(axes: Axes, *, most: float = 1.0) -> None:
    """Label probabilities from 0 to most in per cent, with faint lines."""
    number_axis(axes, most=most)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.3g} %"))


def number_axis(axes: Axes, *, most: float) -> None:
    """Label numbers from 0 to most, with faint lines."""
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_ylim(0, most)
    axes.yaxis.set_major_locator(FixedLocator([most * i / 5 for i in range(6)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.3g}"))


def month_axis(panel: Panel, rows: Sequence[StripRow], *, until: float) -> None:
    """Label the months and write the numbers under them: as many months as there is room for.

    Where there are no numbers, every third month may be labelled.
    """
    thirds = [float(month) for month in range(0, math.floor(until) + 1, 3)]
    every = sorted({month for row in rows for month in row.months} or set(thirds))
    every = [month for month in every if month <= until]
    shown = _with_room(every, rows, points=panel.width / until, until=until)
    axes, strip = panel.axes, panel.strip
    axes.set_xlim(0, until)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlabel("Months since time zero", labelpad=2)
    axes.spines["left"].set_position(("outward", 8))
    axes.spines["bottom"].set_position(("outward", 2))
    for row, y in zip(rows, _middles(rows), strict=True):
        for month, text in zip(row.months, row.texts, strict=True):
            if month in shown:
                strip.text(month, y + _BASELINE, text, ha="center", va="baseline", fontsize=SMALL)


def strip_heads(panel: Panel, rows: Sequence[StripRow], *, title: str) -> None:
    """Write what the rows of numbers are, to their left, and their title beside the axis label."""
    beside: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "fontsize": SMALL}
    panel.axes.annotate(title, (0, 0), xycoords="axes fraction", xytext=(-_BESIDE, -27.5), va="baseline", **beside)
    for row, middle in zip(rows, _middles(rows), strict=True):
        head = _head(row)
        one = "\n" not in head  # one line stands on that of its numbers, several stand around it
        panel.strip.annotate(
            head, (0, middle + _BASELINE if one else middle), xycoords=panel.strip.get_yaxis_transform(),
            xytext=(-_beside(rows), 0), va="baseline" if one else "center", color=row.color,
            fontweight="bold" if row.bold else "normal", linespacing=1.1, **beside,
        )  # fmt: skip


def cut(curve: Curve, until: float) -> tuple[list[float], list[float], list[float], list[float]]:
    """Return month, value, low and high of a step curve up to a month.

    It is drawn to its own end and no further: masking may have cut it. Raises ValueError if it begins later.
    """
    kept = sum(month <= until for month in curve.month)
    if not kept:
        text = f"the curve {curve.name!r} of {curve.group!r} has no month up to {until:g}"
        raise ValueError(text)
    last = [min(until, curve.month[-1])]
    value, low, high = ([*column[:kept], column[kept - 1]] for column in (curve.value, curve.low, curve.high))
    return [*curve.month[:kept], *last], value, low, high


def _head(row: StripRow) -> str:
    return wrapped(row.head, most=_MOST_HEAD, size=SMALL, bold=row.bold)


def _row_height(head: str) -> float:
    return max(11.5, text_height(head, size=SMALL) + 1)


def _middles(rows: Sequence[StripRow]) -> Iterable[float]:
    y = 0.0
    for row in rows:
        height = _row_height(_head(row))
        yield y + height / 2
        y += height


def _beside(rows: Sequence[StripRow]) -> float:
    """Return how far from month 0 the heads of the rows end: clear of the axis and of the first numbers."""
    first = max((text_width(row.texts[0], size=SMALL) for row in rows if row.texts), default=0.0)
    return max(_BESIDE, first / 2 + 6)


def _with_room(months: Sequence[float], rows: Sequence[StripRow], *, points: float, until: float) -> list[float]:
    """Return the months whose texts do not touch: all, else every so many, else as many as fit from the first on.

    points: a month is wide. Of two round steps the wider one is taken if only with it the last month has its numbers.
    """
    widths = {month: text_width(f"{month:g}", size=8) for month in months}
    for row in rows:
        for month, text in zip(row.months, row.texts, strict=True):
            if month in widths:
                widths[month] = max(widths[month], text_width(text, size=SMALL))

    def fits(first: float, second: float) -> bool:
        return (second - first) * points >= (widths[first] + widths[second]) / 2 + _AIR

    def regular(step: int) -> list[float]:
        shown = [month for month in months if month % step == 0]
        whole = shown == [float(month) for month in range(0, math.floor(until) + 1, step)][: len(shown)]
        return shown if len(shown) > 1 and whole and all(fits(*pair) for pair in pairwise(shown)) else []

    if all(fits(*pair) for pair in pairwise(months)):
        return list(months)
    steps = [step for step in _EVERY if regular(step)]
    if steps:
        ending = [step for step in steps if step <= 2 * steps[0] and until % step == 0]
        return regular((ending or steps)[0])
    kept = list(months[:1])
    for month in months[1:]:
        if fits(kept[-1], month):
            kept.append(month)
    return kept
