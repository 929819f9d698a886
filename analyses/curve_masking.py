"""Curves without single persons: small numbers below them masked, ends cut, steps of several events each."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyses.result import Curve

    Counts = tuple[int | None, ...]
    Ranges = Sequence[tuple[int, int]]


def mask_counts(curve: Curve, persons: Ranges, events: Ranges, *, maximum: int) -> Curve:
    """Return a curve whose numbers at risk and events give no small or withheld count back.

    persons, events: what a reader thinks possible of each withheld count of persons, and of events, in the same group.
    A number at risk within one of the first could be that count, or bound it, and is left out; so are events.
    """
    happened = _shown(curve.events, events, maximum=maximum)
    at_risk = _loosen(_shown(curve.at_risk, persons, maximum=maximum), happened, maximum=maximum)
    return curve.model_copy(update={"at_risk": at_risk, "events": happened})


def _shown(numbers: Counts, ranges: Ranges, *, maximum: int) -> Counts:
    def tells(number: int) -> bool:
        return 1 <= number <= maximum or any(low <= number <= high for low, high in ranges)

    return tuple(None if number is None or tells(number) else number for number in numbers)


def _loosen(at_risk: Counts, events: Counts, *, maximum: int) -> Counts:
    """Leave out a number at risk that, with those before and after it, pins the masked events of its month.

    Events between two months are at most as many as left the risk set between them.
    """
    shown = list(at_risk)
    for i in range(min(len(at_risk), len(events))):
        here = shown[i]
        if events[i] is not None or here is None:
            continue
        low, high = 0.0, math.inf
        for there, known, after in zip(shown, events, range(-i, len(shown) - i), strict=False):
            if there is not None and known is not None:
                low = max(low, known - (here - there) if after > 0 else known)
                high = min(high, known if after > 0 else known + (there - here))
        if high - low + 1 < maximum:
            shown[i] = None
    return tuple(shown)


def cut(curve: Curve, *, maximum: int) -> Curve | None:
    """Return a curve up to the last month with more than `maximum` at risk; None if there is none.

    A curve without numbers at risk comes back whole.
    """
    if not curve.at_risk:
        return curve
    enough = [m for m, n in zip(curve.at_risk_month, curve.at_risk, strict=True) if n is not None and n > maximum]
    if not enough:
        return None
    return _points(curve, [i for i, month in enumerate(curve.month) if month <= enough[-1]])


def coarsen(curve: Curve, *, least: int) -> Curve | None:
    """Return a step curve in which every step stands for at least `least` of its own steps, at their mean month.

    A step is one event or several at once. The last, incomplete run joins the one before it. None if the curve has
    steps but fewer than `least`: they could be counted.
    """
    steps = [i for i in range(1, len(curve.value)) if curve.value[i] != curve.value[i - 1]]
    if not steps:
        return curve
    if len(steps) < least:
        return None
    runs = [steps[i : i + least] for i in range(0, len(steps) - len(steps) % least, least)]
    runs[-1] += steps[len(runs) * least :]
    thin = _points(curve, [0, *(run[-1] for run in runs), len(curve.month) - 1])
    months = [sum(curve.month[i] for i in run) / len(run) for run in runs]
    return thin.model_copy(update={"month": (curve.month[0], *months, curve.month[-1])})


def hide_leavers(curve: Curve, *, most: int) -> Curve:
    """Return a curve without the numbers at risk that are 1 to `most` below the first: at most so many have died."""
    first = curve.at_risk[0] if curve.at_risk else None
    shown = tuple(
        None if first is None or number is None or 1 <= first - number <= most else number for number in curve.at_risk
    )
    return curve.model_copy(update={"at_risk": shown})


def coarsen_repeated(curve: Curve, persons: int | None, *, least: int) -> Curve | None:
    """Return a step curve of events that come again in steps that stand for `least` persons on average.

    persons: who had an event at all; None: withheld. Several steps may be of one person, so that a run of `least` steps
    is not enough: the runs are so long that there are at most persons / least of them. None if persons are withheld, or
    some but fewer than `least`.
    """
    steps = sum(1 for before, after in pairwise(curve.value) if before != after)
    if persons is None or 0 < persons < least or (steps and not persons):
        return None
    runs = persons // least if persons else 1
    # nobody at risk has died: the numbers at risk tell of deaths, and not of the events of the curve
    return coarsen(hide_leavers(curve, most=least - 1), least=max(least, math.ceil(steps / runs)))


def _points(curve: Curve, places: Sequence[int]) -> Curve:
    chosen = {name: tuple(getattr(curve, name)[i] for i in places) for name in ("month", "value", "low", "high")}
    return curve.model_copy(update=chosen)
