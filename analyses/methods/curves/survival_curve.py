"""A survival curve as a value: what it says at a time, by when a share had the event, and how two differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.risk_sets import Observations, at_risk, at_risk_weighted, effective_number, positive
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_TOLERANCE = math.sqrt(np.finfo(float).eps)  # of a survival probability that should equal a quantile


@dataclass(frozen=True, kw_only=True)
class Survival:
    """The curve at one time. at_risk: just before it; events: up to and including it."""

    month: float
    survival: float
    std_error: float
    low: float
    high: float
    at_risk: int
    at_risk_weighted: float
    events: int


@dataclass(frozen=True, kw_only=True)
class Quantile:
    """The time by which a share of persons had the event, in months; infinity is "not reached"."""

    probability: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class SurvivalDifference:
    """The first curve minus the second at one time."""

    month: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class KaplanMeier:
    """A survival curve: arrays over every distinct time of an event or of censoring.

    survival, low and high hold from their month up to the next one; before the first month they are 1. followed_to is
    the end of the longest follow-up.
    """

    month: NDArray[np.float64]
    survival: NDArray[np.float64]
    std_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    events: NDArray[np.int64]
    at_risk_weighted: NDArray[np.float64]
    events_weighted: NDArray[np.float64]
    level: float
    n: int
    followed_to: float
    notes: tuple[str, ...]
    people: Observations

    def at(self, months: Iterable[float]) -> tuple[Survival | NotEstimable, ...]:
        """Return the curve at each time; NotEstimable after the longest follow-up, unless the curve is at 0.

        Raises ValueError if a time is missing.
        """
        times = np.asarray([float(month) for month in months], dtype=np.float64)
        if np.any(np.isnan(times)):
            raise ValueError("a month is missing")
        number, weighted = at_risk(self.people, times), at_risk_weighted(self.people, times)
        place = np.searchsorted(self.month, times, side="right")
        events = np.append(0, np.cumsum(self.events))[place]
        return tuple(
            self._at(float(times[i]), int(place[i]) - 1, int(number[i]), float(weighted[i]), int(events[i]))
            for i in range(times.size)
        )

    def _at(self, month: float, place: int, number: int, weighted: float, events: int) -> Survival | NotEstimable:
        if month > self.followed_to and self.survival[-1] > 0:
            return NotEstimable(reason=f"nobody is followed beyond month {math.floor(self.followed_to)}")
        survival, error, low, high = 1.0, 0.0, 1.0, 1.0
        if place >= 0:
            survival, error = float(self.survival[place]), float(self.std_error[place])
            low, high = float(self.low[place]), float(self.high[place])
        if survival == 1 and month > 0:  # those at risk now, not those at the last end of follow-up
            low = float(no_event_low(effective_number(self.people, np.asarray([month])), self.level)[0])
        return Survival(
            month=month,
            survival=survival,
            std_error=error,
            low=low,
            high=high,
            at_risk=number,
            at_risk_weighted=weighted,
            events=events,
        )

    def quantile(self, probability: float = 0.5) -> Quantile:
        """Return the first time at which at most 1 - probability are free of the event.

        Where the curve runs level at exactly that height it is the middle of the level stretch, and the limits are the
        times at which the limits of the curve come down to it (Brookmeyer and Crowley 1982), as in R's survfit.
        Raises ValueError if probability is not between 0 and 1.
        """
        if not 0 < probability < 1:
            raise ValueError("the probability of a quantile lies between 0 and 1")
        # Before the first event and at 0 the log-log interval does not exist; the time limits do not use what stands
        # in its place there.
        known = (self.survival > 0) & (self.survival < 1)
        low = np.where(self.survival < 1, self.low, 1.0)
        return Quantile(
            probability=probability,
            value=first_time(self.month, self.survival, 1 - probability),
            low=first_time(self.month, low, 1 - probability),
            high=first_time(self.month[known], self.high[known], 1 - probability),
        )


def survival_difference(first: KaplanMeier, second: KaplanMeier, *, month: float) -> SurvivalDifference | NotEstimable:
    """Return the difference of two independent curves at one time, first minus second.

    The limits put together those of the two curves (method of variance estimates recovery, Zou and Donner 2008), so
    that they stay between -1 and 1 and exist where one curve has no event yet: low = d - sqrt((a - low a)^2 + (high b
    - b)^2). NotEstimable if one curve is. Raises ValueError if the levels differ.
    """
    if first.level != second.level:
        raise ValueError("the curves have intervals of different levels")
    a, b = first.at([month])[0], second.at([month])[0]
    if isinstance(a, NotEstimable):
        return a
    if isinstance(b, NotEstimable):
        return b
    value, low, high = recovered_limits((a.survival, a.low, a.high), (b.survival, b.low, b.high))
    return SurvivalDifference(month=month, value=value, low=low, high=high)


def recovered_limits(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return first minus second with limits, each given as (value, low, high), independent of the other."""
    (a, low_a, high_a), (b, low_b, high_b) = first, second
    return a - b, a - b - math.hypot(a - low_a, high_b - b), a - b + math.hypot(high_a - a, b - low_b)


def no_event_low(number: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return the lower limit of a survival probability when nobody of a number at risk had the event."""
    return np.where(number > 0, ((1 - level) / 2) ** (1 / positive(number)), 0.0)


def first_time(month: NDArray[np.float64], curve: NDArray[np.float64], height: float) -> float:
    """Return the first time at or below a height, or the middle of a stretch that runs level at it."""
    reached = np.flatnonzero(curve <= height + _TOLERANCE)
    if reached.size == 0:
        return math.inf
    start = reached[0]
    if curve[start] < height - _TOLERANCE:
        return float(month[start])
    below = np.flatnonzero(curve < height - _TOLERANCE)
    end = below[0] if below.size else month.size - 1
    return float(month[start] + month[end]) / 2
