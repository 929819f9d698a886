"""Curves of a Result as SVG: Kaplan-Meier steps with bands and numbers at risk, and means by month with intervals."""

from __future__ import annotations

import io
import math
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from analyses import formats
from reports.render import FONTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

    from analyses.result import Curve

FAMILY = "Open Sans"
WIDTH_INCHES = 170 / 25.4
INK = "#1f2933"
FAINT = "#8a949e"
GRID = "#e4e8ec"
# Okabe-Ito blue and vermilion, the second a little darker so that small labels keep a contrast of 4.5 to 1 on paper.
# Line style and marker tell the arms apart in grey and in every kind of colour blindness.
ARM_STYLE: Mapping[str, Mapping[str, Any]] = {
    "ivig": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "rituximab": {"color": "#B94E00", "linestyle": (0, (5, 1.6)), "marker": "s"},
}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": FAMILY,
    "font.size": 8,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "axes.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.5,
}


_LABEL_POINTS = 11
_MULTIPLES = (
    (0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64),
    (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8),
    (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2, 2.25, 2.5, 3, 3.5, 4),
)


@cache
def _fonts_are_known() -> None:
    for name in FONTS:
        with as_file(files("reports").joinpath("templates", "fonts", name)) as path:
            fontManager.addfont(str(path))


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """Use the settings of this report; name salts the identifiers in the SVG, so that they are the same every time."""
    _fonts_are_known()
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        yield


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG without a date; call it within drawing."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    return buffer.getvalue()


def step_curves(curves: Sequence[Curve], *, name: str, labels: Mapping[str, str], y_label: str, until: float) -> bytes:
    """Return Kaplan-Meier or cumulative-incidence curves of probabilities with bands and numbers at risk, as SVG.

    curves: one a group. labels: the name of each group. until: last month shown. The numbers at risk stand exactly
    under the months that they belong to; masked ones say so.
    """
    with drawing(name):
        figure, axes, strip = _axes_with_strip(rows=len(curves), height_inches=2.7)
        for curve in curves:
            style = ARM_STYLE[curve.group]
            month, value, low, high = _cut(curve, until)
            axes.fill_between(month, low, high, step="post", color=style["color"], alpha=0.14, linewidth=0)
            axes.step(month, value, where="post", color=style["color"], linestyle=style["linestyle"])
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_locator(FixedLocator([0, 0.2, 0.4, 0.6, 0.8, 1]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:.0f} %"))
        axes.set_ylabel(y_label)
        shown = {curve.group: _cut(curve, until) for curve in curves}
        ends = {group: (month[-1], value[-1]) for group, (month, value, *_) in shown.items()}
        _label_ends(figure, axes, ends, labels=labels)
        _months(axes, curves[0].at_risk_month, until=until)
        _numbers_at_risk(axes, strip, curves, labels=labels, until=until, title="At risk")
        return svg(figure)


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
    with drawing(name):
        figure, axes, strip = _axes_with_strip(rows=len(curves), height_inches=1.35)
        for place, curve in enumerate(curves):
            style = ARM_STYLE[curve.group]
            shift = until * 0.006 * (2 * place - len(curves) + 1)
            month = [m + shift for m in curve.month]
            below = [v - low for v, low in zip(curve.value, curve.low, strict=True)]
            above = [high - v for v, high in zip(curve.value, curve.high, strict=True)]
            axes.errorbar(
                month, curve.value, yerr=[below, above], capsize=2, elinewidth=0.9, markersize=4, clip_on=False, **style
            )
        lowest, highest = min(min(c.low) for c in curves), max(max(c.high) for c in curves)
        if least is not None:
            axes.set_ylim(bottom=least)
        if reference is not None:
            axes.axhline(reference[0], color=FAINT, linewidth=0.7, zorder=0)
            axes.annotate(
                reference[1], (0, reference[0]), xytext=(-4, -2), textcoords="offset points", va="top", fontsize=6.5
            )
            lowest, highest = min(lowest, reference[0]), max(highest, reference[0])
        if log2_multiples:
            _multiples(axes, lowest, highest)
        axes.set_ylabel(y_label)
        _label_ends(figure, axes, {c.group: (c.month[-1], c.value[-1]) for c in curves}, labels=labels)
        _months(axes, curves[0].at_risk_month, until=until)
        _numbers_at_risk(axes, strip, curves, labels=labels, until=until, title="Measured")
        return svg(figure)


def _axes_with_strip(*, rows: int, height_inches: float) -> tuple[Figure, Axes, Axes]:
    """Return a figure, the axes of its curves and, with the same months below them, those of the numbers at risk."""
    strip = 0.16 * rows
    below = 0.44
    total = height_inches + below + strip + 0.1
    figure = Figure(figsize=(WIDTH_INCHES, total))
    left, width = 0.145, 0.70
    axes = figure.add_axes((left, (strip + below) / total, width, height_inches / total))
    table = figure.add_axes((left, 0.02 / total, width, strip / total), sharex=axes)
    table.set_axis_off()
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes, table


def _cut(curve: Curve, until: float) -> tuple[list[float], list[float], list[float], list[float]]:
    """Return month, value, low and high of a curve up to a month.

    It is drawn to its own end and no further: masking may have cut it.
    """
    kept = sum(month <= until for month in curve.month)
    last = [min(until, curve.month[-1])]
    value, low, high = ([*column[:kept], column[kept - 1]] for column in (curve.value, curve.low, curve.high))
    return [*curve.month[:kept], *last], value, low, high


def _months(axes: Axes, months: Sequence[float], *, until: float) -> None:
    shown = [month for month in months if month <= until]
    axes.set_xlim(0, until)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlabel("Months since time zero", labelpad=2)
    axes.spines["left"].set_position(("outward", 8))
    axes.spines["bottom"].set_position(("outward", 2))


def _label_ends(
    figure: Figure, axes: Axes, ends: Mapping[str, tuple[float, float]], *, labels: Mapping[str, str]
) -> None:
    """Write each group's name behind the end (month, value) of its curve, moved apart where the ends are close."""
    low, high = axes.get_ylim()
    apart = (high - low) * _LABEL_POINTS / 72 / (axes.get_position().height * figure.get_size_inches()[1])
    order = sorted(ends, key=lambda group: ends[group][1])
    places = [ends[group][1] for group in order]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + apart)
    moved = sum(places) - sum(value for _, value in ends.values())
    places = [place - moved / len(places) for place in places]
    last = max(month for month, _ in ends.values())
    for group, place in zip(order, places, strict=True):
        axes.annotate(
            labels[group], (last, place), xytext=(9, 0), textcoords="offset points", va="center", ha="left",
            color=ARM_STYLE[group]["color"], fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def _numbers_at_risk(
    axes: Axes, strip: Axes, curves: Sequence[Curve], *, labels: Mapping[str, str], until: float, title: str
) -> None:
    """Write the numbers of every curve under the months that they belong to, and their title beside the axis label."""
    beside: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "center", "fontsize": 7}
    axes.annotate(title, (0, 0), xycoords="axes fraction", xytext=(-15, -25), **beside)
    strip.set_ylim(len(curves) - 0.5, -0.5)
    for row, curve in enumerate(curves):
        strip.annotate(
            labels[curve.group], (0, row), xycoords=strip.get_yaxis_transform(), xytext=(-15, 0),
            color=ARM_STYLE[curve.group]["color"], fontweight="bold", **beside,
        )  # fmt: skip
        for month, number in zip(curve.at_risk_month, curve.at_risk, strict=True):
            if month <= until:
                strip.text(month, row, formats.count(number), ha="center", va="center", fontsize=7)


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
