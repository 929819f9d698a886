"""Survival and cumulative incidence as steps with interval bands and the numbers at risk (SVG)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analyses import formats
from reports.drawing import ARM_STYLE, CAUSE_STYLE, drawing, svg
from reports.end_labels import End, label_ends, room_for
from reports.month_frame import RIGHT, Panel, StripRow, cut, month_axis, number_axis, panels, percent_axis, strip_heads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Curve

    Style = Mapping[str, Any]

_HEIGHT = 194.4
_ENDS = {"probability": (0.1, 0.25, 0.5, 1.0), "number": (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)}


def axis_end(curves: Sequence[Curve], *, until: float) -> float:
    """Return where the axis of incidences ends: at 10, 25, 50 or 100 %, the least that holds the bands to a month.

    That of numbers goes on beyond 1: to 2, 5, 10 and so on.
    """
    highest = max(max(cut(curve, until)[3]) for curve in curves)
    ends = _ENDS["probability" if _in_per_cent(curves) else "number"]
    return next((end for end in ends if highest <= end), max(ends[-1], highest))


def step_curves(
    curves: Sequence[Curve],
    *,
    name: str,
    labels: Mapping[str, str],
    y_label: str,
    until: float,
    weighted: Mapping[str, Sequence[float | None]] | None = None,
    most: float = 1.0,
) -> bytes:
    """Return curves of probabilities (survival, incidence) or mean numbers with bands and numbers at risk, as SVG.

    curves: one a group, or several of one group (one a cause). labels: the name of each group and, where one group has
    several curves, of each of those by its name. until: last month shown. weighted: by group, numbers at risk after
    weighting at the months of the others; None is a masked one. most: where the axis ends; that of curves of unit
    "probability" is in per cent.
    The edges of a band have the dashes of its curve, so that bands that lie over each other are told apart in grey.
    Nothing marks single persons. The numbers at risk stand exactly under the months that they belong to; masked ones
    say so. Raises ValueError without curves, if they are neither one a group nor of one group, if one leaves the axis
    or begins after the last month, or if weighted numbers do not fit the months.
    """
    looks = _looks(curves)
    by_cause = len({curve.group for curve in curves}) < len(curves)
    names = [labels[curve.name if by_cause else curve.group] for curve in curves]
    rows = _rows(curves, looks, labels=labels, weighted=weighted or {}, by_cause=by_cause)
    if any(max(curve.value) > most for curve in curves):
        text = f"a curve rises above {most:g}, where the axis would end"
        raise ValueError(text)
    with drawing(name):
        figure, (panel,) = panels(height=_HEIGHT, rows=rows, right=max(RIGHT, room_for(names)))
        ends = []
        for curve, look, label in zip(curves, looks, names, strict=True):
            month, value, low, high = cut(curve, until)
            _band(panel, month, low, high, look)
            panel.axes.step(month, value, where="post", color=look["color"], linestyle=look["linestyle"], zorder=3)
            ends.append(End(label=label, color=look["color"], month=month, value=value, edges=(low, high)))
        (percent_axis if _in_per_cent(curves) else number_axis)(panel.axes, most=most)
        panel.axes.set_ylabel(y_label)
        month_axis(panel, rows, until=until)
        strip_heads(panel, rows, title="At risk")
        label_ends(panel, ends, until=until, most=most)
        return svg(figure)


def _in_per_cent(curves: Sequence[Curve]) -> bool:
    return curves[0].unit == "probability"


def _looks(curves: Sequence[Curve]) -> list[Style]:
    groups, names = {curve.group for curve in curves}, {curve.name for curve in curves}
    if not curves or len(curves) not in {len(groups), len(names) if len(groups) == 1 else 0}:
        raise ValueError("curves of steps are one a group, or several of one group")
    if len(groups) == len(curves):
        return [ARM_STYLE[curve.group] for curve in curves]
    if len(curves) > len(CAUSE_STYLE):
        text = f"{len(curves)} causes, but no more than {len(CAUSE_STYLE)} can be told apart in one figure"
        raise ValueError(text)
    return list(CAUSE_STYLE[: len(curves)])


def _band(panel: Panel, month: Sequence[float], low: Sequence[float], high: Sequence[float], look: Style) -> None:
    panel.axes.fill_between(month, low, high, step="post", color=look["color"], alpha=0.11, linewidth=0, zorder=1)
    for edge in (low, high):
        panel.axes.step(
            month, edge, where="post", color=look["color"], linestyle=look["linestyle"], linewidth=0.55, alpha=0.75,
            zorder=2,
        )  # fmt: skip


def _rows(
    curves: Sequence[Curve],
    looks: Sequence[Style],
    *,
    labels: Mapping[str, str],
    weighted: Mapping[str, Sequence[float | None]],
    by_cause: bool,
) -> list[StripRow]:
    """Return the numbers at risk by group, each with the weighted ones below it; causes share those of their group."""
    rows = []
    for curve, look in list(zip(curves, looks, strict=True))[: 1 if by_cause else None]:
        texts = tuple(formats.count(number) for number in curve.at_risk)
        rows.append(StripRow(head=labels[curve.group], months=curve.at_risk_month, texts=texts, color=look["color"]))
        if curve.group in weighted:
            numbers = weighted[curve.group]
            if len(numbers) != len(curve.at_risk_month):
                text = f"{len(numbers)} weighted numbers at risk for {len(curve.at_risk_month)} months"
                raise ValueError(text)
            said = tuple(formats.MASKED if number is None else formats.decimal(number, 1) for number in numbers)
            rows.append(
                StripRow(head="weighted", months=curve.at_risk_month, texts=said, color=look["color"], bold=False)
            )
    return rows
