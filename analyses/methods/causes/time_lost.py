"""Restricted time lost: the area under a cumulative incidence, the months that a cause takes before a horizon."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from analyses.methods.causes.competing_risks import Endings, EndingTable, ended_by, incidence
from analyses.methods.causes.incidence_influence import area_influence
from analyses.result import NotEstimable


@dataclass(frozen=True, kw_only=True)
class TimeLost:
    """Months lost to one cause up to the horizon. n: persons; events: of the cause up to the horizon."""

    cause: int
    horizon: float
    value: float
    std_error: float
    low: float
    high: float
    level: float
    n: int
    events: int


@dataclass(frozen=True, kw_only=True)
class TimeLostDifference:
    """The months lost in the first group minus those lost in the second."""

    horizon: float
    value: float
    std_error: float
    low: float
    high: float
    p: float


def time_lost(
    observed: Endings, table: EndingTable, cause: int, *, horizon: float, level: float
) -> TimeLost | NotEstimable:
    """Return the area under the cumulative incidence of a cause from 0 to the horizon (Andersen 2013).

    It is the average number of months, of those up to the horizon, that come after an ending by the cause; those of all
    causes and the restricted mean free of all add up to the horizon. Standard error: infinitesimal jackknife of the
    area; interval: normal, kept within 0 and the horizon.
    NotEstimable, with the month, if follow-up does not reach the horizon, and without an event of the cause by then.
    Raises ValueError unless the horizon is a positive number.
    Checked against R survival 3.5.3 (influence values of survfit, integrated).
    """
    if not (math.isfinite(horizon) and horizon > 0):
        raise ValueError("the horizon is a positive number of months")
    followed_to = float(table.month[-1])
    if followed_to < horizon and table.free[-1] > 0:
        return NotEstimable(
            reason=f"followed to month {math.floor(followed_to)} only, not to month {horizon:g}; a horizon up to "
            f"month {math.floor(followed_to)} would be possible"
        )
    number, ended = ended_by(observed, table, cause)
    inside = table.month <= horizon
    events = int(np.sum(number[inside]))
    if events == 0:
        return NotEstimable(
            reason=f"nobody had an event of cause {cause} by month {horizon:g}, so the time lost to it has no interval"
        )
    curve = incidence(table, ended)
    value = float(np.sum(np.diff(np.append(table.month[inside], horizon)) * curve[inside]))
    influence = area_influence(observed, table, cause, ended, curve, horizon)
    error = float(np.sqrt(np.sum(observed.square * np.square(influence))))
    reach = float(norm.isf((1 - level) / 2)) * error
    return TimeLost(
        cause=cause,
        horizon=horizon,
        value=value,
        std_error=error,
        low=max(0.0, value - reach),
        high=min(horizon, value + reach),
        level=level,
        n=int(observed.people.month.size),
        events=events,
    )


def time_lost_difference(
    first: TimeLost | NotEstimable, second: TimeLost | NotEstimable
) -> TimeLostDifference | NotEstimable:
    """Return the difference of the months lost in two independent groups, first minus second; interval and p: normal.

    NotEstimable if one of them is. Raises ValueError if their horizons or levels differ.
    """
    if isinstance(first, NotEstimable):
        return first
    if isinstance(second, NotEstimable):
        return second
    if (first.horizon, first.level) != (second.horizon, second.level):
        raise ValueError("the times lost have different horizons or intervals of different levels")
    value, error = first.value - second.value, math.hypot(first.std_error, second.std_error)
    if error == 0:
        return NotEstimable(reason="both times lost have a standard error of 0")
    reach = float(norm.isf((1 - first.level) / 2)) * error
    return TimeLostDifference(
        horizon=first.horizon,
        value=value,
        std_error=error,
        low=value - reach,
        high=value + reach,
        p=float(2 * norm.sf(abs(value) / error)),
    )
