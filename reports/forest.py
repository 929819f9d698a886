"""Hazard ratios by centre as a forest figure, and persons by half-year as bars (SVG)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from reports.drawing import ARM_STYLE, FAINT, GRID, INK, WIDTH_INCHES, drawing, svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

TICKS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)
BAR = "#5b7083"
_ROW_INCHES = 0.215


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """One line of a forest figure. values: ratio, low and high; None where it is not estimable or masked.

    persons, text: what stands to the left and right of the drawing.
    """

    name: str
    persons: str
    values: tuple[float, float, float] | None
    text: str
    overall: bool = False


def forest(rows: Sequence[ForestRow], *, name: str, persons: str, ratio: str, below: str, above: str) -> bytes:
    """Return ratios with intervals on a logarithmic axis, one line a centre and the overall estimates under them.

    persons, ratio: column headings. below, above: what a ratio to the left and to the right of 1 means. An interval
    that leaves the axis (0.1 to 10) ends in an arrow head.
    """
    with drawing(name):
        height = _ROW_INCHES * (len(rows) + 1)
        total = height + 0.62
        figure = Figure(figsize=(WIDTH_INCHES, total))
        axes = figure.add_axes((0.35, 0.6 / total, 0.38, height / total))
        axes.set_xscale("log")
        axes.set_xlim(TICKS[0], TICKS[-1])
        axes.set_ylim(len(rows) + 0.5, -0.6)
        axes.axvline(1, color=FAINT, linewidth=0.8)
        axes.xaxis.set_major_locator(FixedLocator(TICKS))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        _words(axes, 0, ("Centre", persons, ratio), weight="bold")
        for place, row in enumerate(rows, start=1):
            if row.overall and not rows[place - 2].overall:
                axes.plot([-0.92, 1.71], [place - 0.5] * 2, color=FAINT, linewidth=0.6, clip_on=False,
                          transform=axes.get_yaxis_transform())  # fmt: skip
            _words(axes, place, (row.name, row.persons, row.text), weight="bold" if row.overall else "normal")
            if row.values is not None:
                _interval(axes, place, row)
        for x, text, side in ((0.0, below, "left"), (1.0, above, "right")):
            axes.annotate(text, (x, 0), xycoords="axes fraction", xytext=(0, -24), textcoords="offset points",
                          ha=side, va="top", fontsize=7)  # fmt: skip
        return svg(figure)


def _words(axes: Axes, place: int, texts: tuple[str, str, str], *, weight: str) -> None:
    for x, text, side in zip((-0.92, -0.06, 1.71), texts, ("left", "right", "right"), strict=True):
        axes.annotate(text, (x, place), xycoords=axes.get_yaxis_transform(), ha=side, va="center", fontsize=7.5,
                      fontweight=weight, annotation_clip=False)  # fmt: skip


def _interval(axes: Axes, place: int, row: ForestRow) -> None:
    value, low, high = row.values or (1.0, 1.0, 1.0)
    color = INK if row.overall else ARM_STYLE["ivig"]["color"]
    left, right = max(low, TICKS[0]), min(high, TICKS[-1])
    axes.plot([left, right], [place, place], color=color, linewidth=1.1, solid_capstyle="butt")
    for limit, edge, marker in ((low, TICKS[0], "<"), (high, TICKS[-1], ">")):
        if (limit < edge and marker == "<") or (limit > edge and marker == ">"):
            axes.plot([edge], [place], marker=marker, markersize=4, color=color, clip_on=False)
    if TICKS[0] <= value <= TICKS[-1]:
        axes.plot([value], [place], marker="D" if row.overall else "s", markersize=5 if row.overall else 4, color=color)


def half_years(names: Sequence[str], numbers: Sequence[int | None], *, name: str, texts: Sequence[str]) -> bytes:
    """Return bars of persons by half-year.

    names: "2024 H1". numbers: persons; None is a masked count, which has no bar. texts: what stands above each bar.
    """
    with drawing(name):
        figure = Figure(figsize=(WIDTH_INCHES, 1.7))
        axes = figure.add_axes((0.06, 0.2, 0.93, 0.74))
        axes.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        for place, (number, text) in enumerate(zip(numbers, texts, strict=True)):
            axes.bar(place, number or 0, width=0.62, color=BAR, linewidth=0)
            axes.annotate(text, (place, number or 0), xytext=(0, 1.5), textcoords="offset points", ha="center",
                          va="bottom", fontsize=7 if number is not None else 6)  # fmt: skip
        axes.set_xlim(-0.6, max(len(names), 8) - 0.4)
        axes.set_ylim(0, max(5, math.ceil(1.15 * max((number or 0 for number in numbers), default=0))))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.xaxis.set_major_locator(FixedLocator(list(range(len(names)))))
        axes.set_xticklabels([_two_lines(text) for text in names], fontsize=7)
        axes.tick_params(axis="x", length=0)
        return svg(figure)


def _two_lines(half_year: str) -> str:
    year, _, half = half_year.partition(" ")
    return f"{half}\n{year}" if half == "H1" else half
