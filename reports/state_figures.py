"""Probabilities of ordered states, stacked to 100 %, one panel a group, with the numbers followed (SVG)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle

from analyses import formats
from reports.drawing import ARM_STYLE, INK, POINTS, WIDTH_INCHES, drawing, svg
from reports.lettering import spread, text_height, text_width, wrapped
from reports.month_frame import LEFT, SMALL, Panel, StripRow, month_axis, panels, percent_axis, strip_heads
from reports.state_colours import state_looks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from analyses.result import Curve
    from reports.state_colours import StateLook

    Numbers = NDArray[np.float64]

PREFIX = "Probability of state: "
"""What the names of the curves begin with; the state follows."""
TOLERANCE = 1e-6
_HEIGHT = 165.0
_TITLE = 8.0
_GAP = 24.0
_MOST_PANELS = 2
_MOST_LABEL = 98.0
_LEADER, _SWATCH, _AIR = 13.0, 8.0, 4.0


def stacked_states(
    panels_of: Mapping[str, Sequence[Curve]],
    *,
    name: str,
    labels: Mapping[str, str],
    states: Mapping[str, str],
    until: float,
    y_label: str = "Probability of each state",
) -> bytes:
    """Return the probabilities of states over time as bands that fill the panel of each group, as SVG.

    panels_of: by group, one or two of them side by side, the curves of all its states, named PREFIX and the state.
    labels: the names of the groups. states: what each state is called, in order from below. until: last month shown.
    Raises ValueError if there are no or too many groups or states, if a group's curves are not exactly those of the
    states, do not share months and kind, do not add to 1 within TOLERANCE, or are negative.
    """
    if not 1 <= len(panels_of) <= _MOST_PANELS:
        text = f"{len(panels_of)} groups; a figure of states has 1 to {_MOST_PANELS}"
        raise ValueError(text)
    ordered = {group: in_order(curves, list(states), group=group) for group, curves in panels_of.items()}
    looks = state_looks(len(states))
    names = [wrapped(text, most=_MOST_LABEL, size=SMALL) for text in states.values()]
    beside = max(text_width(text, size=SMALL) for text in names) + _LEADER + _SWATCH + _AIR + 3
    needed = sum(_label_height(text) for text in names)
    rows = {group: _followed(curves[0]) for group, curves in ordered.items()}
    widest = max((text_width(text, size=SMALL) for group in rows for text in rows[group][0].texts), default=0.0)
    gap = max(_GAP, widest + 12)
    wide = (WIDTH_INCHES * POINTS - LEFT - beside - gap * (len(ordered) - 1)) / len(ordered)
    titles = {group: wrapped(labels[group], most=wide, size=_TITLE, bold=True) for group in ordered}
    with drawing(name):
        figure, made = panels(
            count=len(ordered), height=max(_HEIGHT, needed + 4), rows=next(iter(rows.values())), right=beside,
            gap=gap, top=max(text_height(title, size=_TITLE) for title in titles.values()) + 8,
        )  # fmt: skip
        for place, (panel, (group, curves)) in enumerate(zip(made, ordered.items(), strict=True)):
            month, edges = _edges(curves, until)
            _fill(panel, month, edges, looks)
            percent_axis(panel.axes)
            panel.axes.grid(visible=False)
            month_axis(panel, rows[group], until=until)
            panel.axes.set_title(
                titles[group],
                fontsize=_TITLE,
                fontweight="bold",
                color=ARM_STYLE[group]["color"],
                loc="left",
                pad=5,
                linespacing=1.1,
            )
            if place:
                panel.axes.tick_params(axis="y", labelleft=False)
            else:
                panel.axes.set_ylabel(y_label)
                strip_heads(panel, rows[group], title="")
            if place < len(made) - 1:
                _names_inside(panel, month, edges, names=list(states.values()), looks=looks, until=until)
            else:
                _names_beside(panel, edges[:, -1], end=month[-1] / until, names=names, looks=looks)
        return svg(figure)


def _label_height(text: str) -> float:
    return max(text_height(text, size=SMALL), _SWATCH + 3)


def in_order(curves: Sequence[Curve], states: Sequence[str], *, group: str) -> list[Curve]:
    """Return a group's curves in the order of the states; ValueError unless they are what a stack needs."""
    found = {curve.name.removeprefix(PREFIX): curve for curve in curves}
    if sorted(found) != sorted(states) or len(curves) != len(states):
        text = f"{group}: curves of the states {sorted(found)}, expected one of each of {sorted(states)}"
        raise ValueError(text)
    ordered = [found[state] for state in states]
    first = ordered[0]
    if any(curve.month != first.month or curve.kind != first.kind for curve in ordered):
        text = f"{group}: the curves of the states do not share their months and kind"
        raise ValueError(text)
    values = np.array([curve.value for curve in ordered])
    wrong = np.flatnonzero((np.abs(values.sum(axis=0) - 1) > TOLERANCE) | (values < -TOLERANCE).any(axis=0))
    if wrong.size or not first.month:
        month = f" at month {first.month[wrong[0]]:g}" if wrong.size else ": there are none"
        text = f"{group}: the probabilities of the states are not shares of 1{month}"
        raise ValueError(text)
    return ordered


def _followed(curve: Curve) -> list[StripRow]:
    texts = tuple(formats.count(number) for number in curve.at_risk)
    return [StripRow(head="Followed", months=curve.at_risk_month, texts=texts, bold=False)]


def _edges(curves: Sequence[Curve], until: float) -> tuple[Numbers, Numbers]:
    """Return months up to until and, by month, the lower edge of each state and the upper edge of the last.

    Steps are drawn out, so that one polygon a state is right for both kinds of curves.
    """
    month = np.array(curves[0].month)
    values = np.clip([curve.value for curve in curves], 0, None)
    end = min(until, float(month[-1]))
    if curves[0].kind == "step":
        inside = month <= end
        month, values = np.append(month[inside], end), np.c_[values[:, inside], values[:, inside][:, -1]]
        month, values = np.repeat(month, 2)[1:], np.repeat(values, 2, axis=1)[:, :-1]
    else:
        last = [[np.interp(end, month, own)] for own in values]
        inside = month < end
        month, values = np.append(month[inside], end), np.c_[values[:, inside], last]
    edges = np.vstack([np.zeros(month.size), np.cumsum(values, axis=0)])
    return month, np.asarray(edges / edges[-1])


def _fill(panel: Panel, month: Numbers, edges: Numbers, looks: Sequence[StateLook]) -> None:
    for low, high, look in zip(edges[:-1], edges[1:], looks, strict=True):
        panel.axes.fill_between(
            month, low, high, facecolor=look.color, edgecolor=look.line, hatch=look.hatch, linewidth=0, zorder=1
        )
    for edge in edges[1:-1]:
        # White between two states, but only where both have some width: a line over nothing would look like a state.
        panel.axes.plot(month, edge, color="white", linewidth=0.7, zorder=2, solid_joinstyle="miter")
    panel.axes.plot(month, edges[-1], color=INK, linewidth=0.5, zorder=2)


def _names_beside(
    panel: Panel, edges: Numbers, *, end: float, names: Sequence[str], looks: Sequence[StateLook]
) -> None:
    """Write the names at the right, each led to from the middle of its band, with a swatch of it."""
    heights = [_label_height(text) for text in names]
    middles = [(low + high) / 2 * panel.height for low, high in pairwise(edges)]
    # spread keeps the order only where wishes differ: a state without width lies on its neighbour's edge.
    wanted = [middle + 1e-6 * place for place, middle in enumerate(middles)]
    places = spread(wanted, heights, low=-2.0, high=panel.height + 2)
    for text, look, middle, y in zip(names, looks, middles, places, strict=True):
        left = end + _LEADER / panel.width
        panel.axes.plot(
            [end + 1.5 / panel.width, left - 1.5 / panel.width], [middle / panel.height, y / panel.height], color=INK,
            linewidth=0.5, transform=panel.axes.transAxes, clip_on=False,
        )  # fmt: skip
        panel.axes.add_patch(
            Rectangle(
                (left, (y - _SWATCH / 2) / panel.height), _SWATCH / panel.width, _SWATCH / panel.height,
                transform=panel.axes.transAxes, clip_on=False, facecolor=look.color, edgecolor=look.line,
                hatch=look.hatch and look.hatch * 2, linewidth=0,
            )
        )  # fmt: skip
        panel.axes.add_patch(
            Rectangle(
                (left, (y - _SWATCH / 2) / panel.height), _SWATCH / panel.width, _SWATCH / panel.height,
                transform=panel.axes.transAxes, clip_on=False, fill=False, edgecolor=INK, linewidth=0.4,
            )
        )  # fmt: skip
        panel.axes.annotate(
            text, (0, 0), xycoords="axes fraction", xytext=(end * panel.width + _LEADER + _SWATCH + _AIR, y),
            textcoords="offset points", va="center", ha="left", fontsize=SMALL, linespacing=1.1,
            annotation_clip=False,
        )  # fmt: skip


def _names_inside(
    panel: Panel, month: Numbers, edges: Numbers, *, names: Sequence[str], looks: Sequence[StateLook], until: float
) -> None:
    """Write into each band its name, where the band is widest, if it has the room; the next panel names them all."""
    fine = np.linspace(0, month[-1], 240)
    lower, upper = ([np.interp(fine, month, edge) * panel.height for edge in part] for part in (edges[:-1], edges[1:]))
    for name, look, low, high in zip(names, looks, lower, upper, strict=True):
        paper: dict[str, Any] = {"facecolor": look.color, "edgecolor": "none", "pad": 1.0}
        for text in dict.fromkeys((name, wrapped(name, most=0.62 * text_width(name, size=SMALL), size=SMALL))):
            place = _widest(fine, low, high, width=(text_width(text, size=SMALL) + 2 * _AIR) / panel.width * until)
            if place is not None and place[1] - place[0] >= text_height(text, size=SMALL) + 1:
                panel.axes.text(
                    place[2], (place[0] + place[1]) / 2 / panel.height, text, ha="center", va="center", fontsize=SMALL,
                    color=look.ink, bbox=paper if look.hatch else None, linespacing=1.1, zorder=4,
                )  # fmt: skip
                break


def _widest(month: Numbers, low: Numbers, high: Numbers, *, width: float) -> tuple[float, float, float] | None:
    """Return lower and upper limit and middle month of the highest box of a width that fits between two edges."""
    span = int(np.ceil(width / month[1]))
    if span >= month.size:
        return None
    boxes = [
        (float(low[i : i + span + 1].max()), float(high[i : i + span + 1].min()), float(month[i] + month[i + span]) / 2)
        for i in range(month.size - span)
    ]
    # Within a pixel as high as the highest, the one nearest the middle of the panel.
    highest = max(top - bottom for bottom, top, _ in boxes)
    near = [box for box in boxes if box[1] - box[0] >= highest - 1]
    return min(near, key=lambda box: abs(box[2] - month[-1] / 2))
