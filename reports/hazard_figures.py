"""The hazard ratio over time with its band on a logarithmic axis, beside the constant one (SVG)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analyses import formats
from reports.drawing import FAINT, GRID, INK, drawing, svg
from reports.lettering import spread, text_height, text_width, wrapped
from reports.month_frame import RIGHT, StripRow, month_axis, panels, strip_heads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from analyses.result import Curve, Estimate
    from reports.month_frame import Panel

_HEIGHT = 165.0
_COLOR = "#4A3A85"
_CONSTANT = INK
_SPANS = (4.0, 10.0, 20.0)
_TICKS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0)
_MOST_WORDS = 104.0
_BEHIND = 9.0
_SIZE = 7.5


def hazard_over_time(
    curve: Curve,
    constant: Estimate | None,
    *,
    name: str,
    below: str,
    above: str,
    constant_label: str,
    until: float,
) -> bytes:
    """Return a hazard ratio by month with its band, as SVG.

    curve: ratios (kind "line", unit "hazard ratio"). constant: the one ratio of a model without change over time; None
    leaves it out. below, above: what a ratio below and above 1 means ("slower with rituximab"), beside the axis.
    constant_label: stands behind the dashed line of the constant ratio. until: last month shown.
    The axis reaches as far on both sides of 1, to 4, 10 or at most 20; what lies beyond is cut off there.
    Raises ValueError if the curve is of another kind or unit, has no month up to until, or has a ratio that is not
    above 0 or a limit below 0.
    """
    month, value, low, high = _ratios(curve, until)
    span = _span(value, low, high, np.array([] if constant is None else [constant.value]))
    rows = _rows(curve)
    words = [wrapped(text, most=_MOST_WORDS, size=_SIZE) for text in (below, above, constant_label)]
    right = max(RIGHT, max(text_width(text, size=_SIZE) for text in words) + _BEHIND + 3)
    with drawing(name):
        figure, (panel,) = panels(height=_HEIGHT, rows=rows, right=right)
        axes = panel.axes
        _ratio_axis(axes, span)
        axes.fill_between(month, np.maximum(low, 1 / span), np.minimum(high, span), color=_COLOR, alpha=0.13,
                          linewidth=0, zorder=1)  # fmt: skip
        for edge in (low, high):
            axes.plot(month, np.clip(edge, 1 / (2 * span), 2 * span), color=_COLOR, linewidth=0.6, zorder=2)
        axes.plot(month, value, color=_COLOR, zorder=4)
        shown = constant if constant is not None and 1 / span <= constant.value <= span else None
        if shown is not None:
            axes.plot([0, until], [shown.value] * 2, color=_CONSTANT, linewidth=0.9, linestyle=(0, (4, 2)), zorder=3)
        axes.set_ylabel("Hazard ratio")
        month_axis(panel, rows, until=until)
        strip_heads(panel, rows, title="")
        _words(panel, words, constant=shown, span=span)
        return svg(figure)


def _ratios(curve: Curve, until: float) -> tuple[NDArray[np.float64], ...]:
    if curve.kind != "line" or curve.unit != "hazard ratio":
        text = f"the curve {curve.name!r} is a {curve.kind} of {curve.unit!r}, expected a line of 'hazard ratio'"
        raise ValueError(text)
    month, value, low, high = (np.array(column) for column in (curve.month, curve.value, curve.low, curve.high))
    if not (np.all(value > 0) and np.all(np.isfinite(value)) and np.all(low >= 0) and np.all(high >= value)):
        text = f"the curve {curve.name!r} has ratios or limits that a hazard ratio cannot have"
        raise ValueError(text)
    kept = month <= until
    if not kept.any():
        text = f"the curve {curve.name!r} has no month up to {until:g}"
        raise ValueError(text)
    return month[kept], value[kept], low[kept], high[kept]


def _span(*ratios: NDArray[np.float64]) -> float:
    """Return how far the axis reaches above 1 (and its inverse below): a round ratio that holds line and band."""
    every = np.concatenate(ratios)
    every = every[(every > 0) & np.isfinite(every)]
    furthest = math.exp(float(np.max(np.abs(np.log(every)))))
    return next((span for span in _SPANS if furthest <= span), _SPANS[-1])


def _ratio_axis(axes: Axes, span: float) -> None:
    axes.set_yscale("log")
    axes.set_ylim(1 / span, span)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if 1 / span <= tick <= span]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.axhline(1, color=FAINT, linewidth=1.0, zorder=1.5)


def _rows(curve: Curve) -> list[StripRow]:
    rows = []
    for head, numbers in (("At risk", curve.at_risk), ("Events so far", curve.events)):
        if numbers:
            texts = tuple(formats.count(number) for number in numbers)
            rows.append(StripRow(head=head, months=curve.at_risk_month, texts=texts, bold=False))
    return rows


def _words(panel: Panel, words: Sequence[str], *, constant: Estimate | None, span: float) -> None:
    """Write what ratios below and above 1 mean and, at its own height, the constant one; the first two give way."""
    half = panel.height / 2
    below, above, label = words
    wanted = [(half / 2, below, INK), (1.5 * half, above, INK)]
    if constant is not None:
        y = half * (1 + math.log(constant.value) / math.log(span))
        wanted.append((y, label, _CONSTANT))
    heights = [text_height(text, size=_SIZE) for _, text, _ in wanted]
    places = spread([y for y, _, _ in wanted], heights, low=0.0, high=panel.height)
    for place, (y, (at, text, color)) in enumerate(zip(places, wanted, strict=True)):
        own = place > 1
        panel.axes.annotate(
            text, (0, 0), xycoords="axes fraction", xytext=(panel.width + _BEHIND, y), textcoords="offset points",
            va="center", ha="left", color=color, fontsize=_SIZE, linespacing=1.1,
            fontstyle="normal" if own else "italic", annotation_clip=False,
        )  # fmt: skip
        if own:
            x = [1 + 1 / panel.width, 1 + (_BEHIND - 2.5) / panel.width]
            panel.axes.plot(
                x, [at / panel.height, y / panel.height], transform=panel.axes.transAxes, color=color, linewidth=0.5,
                clip_on=False,
            )  # fmt: skip
