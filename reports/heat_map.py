"""Shares by row and column as a heat map (SVG), readable in grey: the darker, the less; each share is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.drawing import FAINT, INK, WIDTH_INCHES, drawing, svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

BANDS = (
    (95.0, "95 to 100 %", "#eef4f9"), (90.0, "90 to 95", "#bcd4e8"), (75.0, "75 to 90", "#8fbbd9"),
    (50.0, "50 to 75", "#3f7fb5"), (0.0, "below 50", "#0b3c6f"),
)  # fmt: skip
"""From which per cent on a band holds, its name, its colour: one hue, so that lightness alone tells the bands apart."""
_DARK_FROM = 75.0
_ROW_INCHES = 0.2
_LEFT, _WIDTH = 0.19, 0.805


@dataclass(frozen=True, kw_only=True)
class HeatCell:
    """One cell. share: per cent; None if masked or if there is nothing to share. text: what stands in it.

    masked: hatched, to be told from a cell without a number.
    """

    share: float | None
    text: str
    masked: bool = False


@dataclass(frozen=True, kw_only=True)
class HeatRow:
    """One line of cells. apart: a line is drawn above it."""

    name: str
    cells: tuple[HeatCell, ...]
    apart: bool = False


def heat_map(rows: Sequence[HeatRow], columns: Sequence[str], *, name: str) -> bytes:
    """Return shares as coloured cells with their numbers, and a legend of the colours.

    columns: headings, of up to two lines each.
    """
    with drawing(name):
        height, head, legend = _ROW_INCHES * len(rows), 0.32, 0.34
        total = height + head + legend
        figure = Figure(figsize=(WIDTH_INCHES, total))
        axes = figure.add_axes((_LEFT, legend / total, _WIDTH, height / total))
        axes.set_xlim(0, len(columns))
        axes.set_ylim(len(rows), 0)
        axes.set_axis_off()
        for place, text in enumerate(columns):
            axes.annotate(text, (place + 0.5, 0), xytext=(0, 3), textcoords="offset points", ha="center", va="bottom",
                          fontsize=6.3, linespacing=1.1, annotation_clip=False)  # fmt: skip
        for line, row in enumerate(rows):
            axes.annotate(row.name, (0, line + 0.5), xytext=(-4, 0), textcoords="offset points", ha="right",
                          va="center", fontsize=7, fontweight="bold" if row.apart else "normal",
                          annotation_clip=False)  # fmt: skip
            for place, cell in enumerate(row.cells):
                _cell(axes, place, line, cell)
            if row.apart:
                axes.plot([0, len(columns)], [line, line], color=INK, linewidth=1.2, clip_on=False)
        _legend(figure.add_axes((_LEFT, 0, _WIDTH, 0.2 / total)))
        return svg(figure)


def _cell(axes: Axes, place: float, line: float, cell: HeatCell) -> None:
    colour = "white" if cell.share is None else _colour(cell.share)
    axes.add_patch(
        Rectangle((place, line), 1, 1, facecolor=colour, edgecolor=FAINT if cell.masked else "white", linewidth=0.8,
                  hatch="//////" if cell.masked else None)
    )  # fmt: skip
    if not cell.masked:
        dark = cell.share is not None and cell.share < _DARK_FROM
        axes.text(place + 0.5, line + 0.52, cell.text, ha="center", va="center", fontsize=7,
                  color="white" if dark else INK)  # fmt: skip


def _colour(share: float) -> str:
    return next(colour for least, _, colour in BANDS if share >= least)


def _legend(axes: Axes) -> None:
    axes.set_xlim(0, 100)
    axes.set_ylim(1, 0)
    axes.set_axis_off()
    entries: list[tuple[str, dict[str, Any]]] = [
        (text, {"facecolor": colour, "edgecolor": FAINT}) for _, text, colour in BANDS
    ]
    entries.append(("masked", {"facecolor": "white", "edgecolor": FAINT, "hatch": "//////"}))
    for place, (text, look) in enumerate(entries):
        left = place * 15
        axes.add_patch(Rectangle((left, 0.1), 3, 0.8, linewidth=0.6, **look))
        axes.text(left + 3.8, 0.52, text, va="center", fontsize=6.5)
    axes.text(len(entries) * 15 - 2.5, 0.52, "\u2013 not applicable", va="center", fontsize=6.5)
