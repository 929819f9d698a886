"""Means by month with intervals and the numbers of persons measured (SVG)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analyses import formats
from reports.drawing import ARM_STYLE, FAINT, GRID, drawing, svg
from reports.end_labels import End, label_ends, room_for
from reports.month_frame import RIGHT, StripRow, month_axis, panels, strip_heads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from analyses.result import Curve

_HEIGHT = 97.2
_ROOM = 0.1  # of the panel, which a name below a line needs
_MULTIPLES = (
    (0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
    (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8),
    (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4),
)


def mean_curves(
    curves: Sequence[Curve],
    *,
    name: str,
    labels: Mapping[str, str],
    y_label: str,
    log2_multiples: bool = False,
    reference: tuple[float, str] | None = None,
    least: float | None = None,
) -> bytes:
    """Return means by month with intervals and the numbers of persons measured, as SVG.

    log2_multiples: values are log2 of multiples and the axis is labelled in multiples (1, 2, 4). reference: a value
    that is drawn as a thin line, with its name. least: lowest value that the axis shows.
    """
    until = max(curve.month[-1] for curve in curves)
    rows = [
        StripRow(
            head=labels[curve.group],
            months=curve.at_risk_month,
            texts=tuple(formats.count(number) for number in curve.at_risk),
            color=ARM_STYLE[curve.group]["color"],
        )
        for curve in curves
    ]
    with drawing(name):
        names = [labels[curve.group] for curve in curves]
        figure, (panel,) = panels(height=_HEIGHT, rows=rows, right=max(RIGHT, room_for(names)))
        axes = panel.axes
        axes.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        for place, curve in enumerate(curves):
            _means(axes, curve, shift=until * 0.006 * (2 * place - len(curves) + 1))
        lowest, highest = min(min(c.low) for c in curves), max(max(c.high) for c in curves)
        if least is not None:
            axes.set_ylim(bottom=least)
        if reference is not None:
            axes.axhline(reference[0], color=FAINT, linewidth=0.7, zorder=0)
            lowest, highest = min(lowest, reference[0]), max(highest, reference[0])
        if log2_multiples:
            _multiples(axes, lowest, highest)
        axes.set_ylabel(y_label)
        month_axis(panel, rows, until=until)
        strip_heads(panel, rows, title="Measured")
        bottom, top = axes.get_ylim()
        axes.set_ylim(bottom, top)
        if reference is not None:
            under = reference[0] - bottom > _ROOM * (top - bottom)
            axes.annotate(
                reference[1], (0, reference[0]), xytext=(-4, -2 if under else 1.5), textcoords="offset points",
                va="top" if under else "bottom", fontsize=6.5,
            )  # fmt: skip
        ends = [
            End(
                label=labels[curve.group],
                color=ARM_STYLE[curve.group]["color"],
                month=curve.month,
                value=[value - bottom for value in curve.value],
            )
            for curve in curves
        ]
        label_ends(panel, ends, until=until, most=top - bottom, moved=math.inf)
        return svg(figure)


def _means(axes: Axes, curve: Curve, *, shift: float) -> None:
    month = [m + shift for m in curve.month]
    below = [v - low for v, low in zip(curve.value, curve.low, strict=True)]
    above = [high - v for v, high in zip(curve.value, curve.high, strict=True)]
    style = ARM_STYLE[curve.group]
    axes.errorbar(
        month, curve.value, yerr=[below, above], capsize=2, elinewidth=0.9, markersize=4, clip_on=False, **style
    )


def _multiples(axes: Axes, lowest: float, highest: float) -> None:
    """Label an axis of log2 values in round multiples, as few as still make a scale."""
    for scale in _MULTIPLES:
        shown = [math.log2(multiple) for multiple in scale]
        inside = [y for y in shown if lowest <= y <= highest]
        if len(inside) >= 3:  # noqa: PLR2004  (two labels do not show that the scale is logarithmic)
            break
    first = max((y for y in shown if y <= lowest), default=lowest)
    last = min((y for y in shown if y >= highest), default=highest)
    axes.set_ylim(first, last)
    axes.yaxis.set_major_locator(FixedLocator([y for y in shown if first <= y <= last]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{2**y:.3g}"))
    axes.yaxis.set_minor_locator(NullLocator())
