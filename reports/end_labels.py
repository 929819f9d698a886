"""Names behind the ends of curves: beside each other never over each other, and not over a curve that goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING

from reports.lettering import spread, text_height, text_width, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reports.month_frame import Panel

SIZE = 8
_MOST = 112.0
_BEHIND = 9.0
_MOVED = 3.0
_NEAR = 30.0


@dataclass(frozen=True, kw_only=True)
class End:
    """A curve by its months and values, and the name that stands behind its end.

    edges: of its band, which the names of others keep clear of where there is room.
    """

    label: str
    color: str
    month: Sequence[float]
    value: Sequence[float]
    edges: tuple[Sequence[float], ...] = ()


@dataclass(frozen=True)
class _Box:
    """Where a text stands, in points from the lower left corner of the panel."""

    left: float
    right: float
    low: float
    high: float

    def covers(self, other: _Box) -> bool:
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2

    def raised(self, by: float) -> _Box:
        return _Box(self.left, self.right, self.low + by, self.high + by)


def room_for(labels: Sequence[str]) -> float:
    """Return how many points the names take behind a panel."""
    return max(_width(_broken(label)) for label in labels) + _BEHIND + 3


def label_ends(panel: Panel, ends: Sequence[End], *, until: float, most: float, moved: float = _MOVED) -> None:
    """Write each name behind the end of its curve; where names were moved apart, a thin line leads to the end.

    until, most: month and value at the ends of the axes. moved: by how many points a name must have moved for a line.
    """

    def in_points(month: Sequence[float], value: Sequence[float]) -> list[tuple[float, float]]:
        return [(x / until * panel.width, y / most * panel.height) for x, y in zip(month, value, strict=True)]

    points = [in_points(end.month, end.value) for end in ends]
    edges = [[in_points(end.month, edge) for edge in end.edges] for end in ends]
    labels = [_broken(end.label) for end in ends]
    taken: list[_Box] = []
    order = sorted(range(len(ends)), key=lambda i: (-points[i][-1][0], -i))
    for _, members in groupby(order, key=lambda i: points[i][-1][0]):
        together = list(members)
        wanted = [points[i][-1][1] for i in together]
        heights = [text_height(labels[i], size=SIZE) for i in together]
        places = spread(wanted, heights, low=-4.0, high=panel.height + 4)
        boxes = [
            _Box(points[i][-1][0] + _BEHIND - 3, points[i][-1][0] + _BEHIND + _width(labels[i]), y - h / 2, y + h / 2)
            for i, y, h in zip(together, places, heights, strict=True)
        ]
        others = [i for i in range(len(ends)) if i not in together]
        curves = [points[i] for i in others]
        by = _free(boxes, taken, curves + [edge for i in others for edge in edges[i]], high=panel.height, most=_NEAR)
        if by is None:
            by = _free(boxes, taken, curves, high=panel.height, most=panel.height) or 0.0
        stand = [box.raised(by) for box in boxes]
        taken += stand
        apart = any(abs(box.middle - points[i][-1][1]) > moved for i, box in zip(together, stand, strict=True))
        for i, box in zip(together, stand, strict=True):
            _write(panel, labels[i], ends[i].color, points[i][-1], box.middle, led=apart)


def _write(panel: Panel, label: str, color: str, end: tuple[float, float], y: float, *, led: bool) -> None:
    across, up = end
    panel.axes.annotate(
        label, (0, 0), xycoords="axes fraction", xytext=(across + _BEHIND, y), textcoords="offset points",
        va="center_baseline" if "\n" not in label else "center", ha="left", color=color, fontweight="bold",
        fontsize=SIZE, linespacing=1.1, annotation_clip=False,
    )  # fmt: skip
    if led:
        x = [(across + 1.5) / panel.width, (across + _BEHIND - 1.5) / panel.width]
        panel.axes.plot(
            x, [up / panel.height, y / panel.height], transform=panel.axes.transAxes, color=color, linewidth=0.5,
            clip_on=False,
        )  # fmt: skip


def _free(
    boxes: Sequence[_Box],
    taken: Sequence[_Box],
    lines: Sequence[list[tuple[float, float]]],
    *,
    high: float,
    most: float,
) -> float | None:
    """Return by how many points, at most so many, the boxes must be raised (lowered below 0) to stand free; or None."""
    for by in chain.from_iterable((step, -step) for step in range(int(most) + 1)):
        moved = [box.raised(by) for box in boxes]
        if (
            all(box.low >= -_BEHIND and box.high <= high + _BEHIND for box in moved)
            and not any(box.covers(other) for box in moved for other in taken)
            and not any(_crosses(box, line) for box in moved for line in lines)
        ):
            return float(by)
    return None


def _crosses(box: _Box, curve: list[tuple[float, float]]) -> bool:
    """Return whether a step curve passes through a box."""
    for (left, y), (right, after) in zip(curve, [*curve[1:], (math.nan, math.nan)], strict=True):
        end = left if math.isnan(right) else right
        top = y if math.isnan(after) else after
        if box.covers(_Box(left, end, y - 1, y + 1)) or box.covers(_Box(end - 1, end + 1, min(y, top), max(y, top))):
            return True
    return False


def _broken(label: str) -> str:
    return wrapped(label, most=_MOST, size=SIZE, bold=True)


def _width(label: str) -> float:
    return text_width(label, size=SIZE, bold=True)
