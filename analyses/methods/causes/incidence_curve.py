"""A cumulative incidence as a value: what it says at a time, by when a share had the event, and how two differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.causes.competing_risks import Endings, known_number
from analyses.methods.curves.survival_curve import Quantile, first_time, no_event_low, recovered_limits
from analyses.methods.risk_sets import at_risk, at_risk_weighted
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Incidence:
    """The curve at one time. at_risk: just before it; events: of the cause, up to and including it."""

    month: float
    value: float
    std_error: float
    low: float
    high: float
    at_risk: int
    at_risk_weighted: float
    events: int


@dataclass(frozen=True, kw_only=True)
class IncidenceDifference:
    """The first curve minus the second at one time."""

    month: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class IncidenceCurve:
    """The cumulative incidence of one cause: arrays over every distinct time of an event or of censoring.

    value, low and high hold from their month up to the next one; before the first month they are 0. free: of every
    cause. followed_to is the end of the longest follow-up.
    """

    cause: int
    month: NDArray[np.float64]
    value: NDArray[np.float64]
    std_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    events: NDArray[np.int64]
    at_risk_weighted: NDArray[np.float64]
    events_weighted: NDArray[np.float64]
    free: NDArray[np.float64]
    level: float
    n: int
    followed_to: float
    observed: Endings

    def at(self, months: Iterable[float]) -> tuple[Incidence | NotEstimable, ...]:
        """Return the curve at each time; NotEstimable after the longest follow-up, unless nobody is free of events."""
        return tuple(self._at(float(month)) for month in months)

    def _at(self, month: float) -> Incidence | NotEstimable:
        if month > self.followed_to and self.free[-1] > 0:
            return NotEstimable(reason=f"nobody is followed beyond month {math.floor(self.followed_to)}")
        here = np.asarray([month])
        place = int(np.searchsorted(self.month, month, side="right")) - 1
        value, error, low, high = 0.0, 0.0, 0.0, 0.0
        if place >= 0:
            value, error = float(self.value[place]), float(self.std_error[place])
            low, high = float(self.low[place]), float(self.high[place])
        if value == 0 and month > 0:  # those known now, not those known at the last end of follow-up
            high = float(no_event_high(known_number(self.observed, here), self.level)[0])
        people = self.observed.people
        return Incidence(
            month=month,
            value=value,
            std_error=error,
            low=low,
            high=high,
            at_risk=int(at_risk(people, here)[0]),
            at_risk_weighted=max(0.0, float(at_risk_weighted(people, here)[0])),
            events=int(np.sum(self.events[: place + 1])),
        )

    def quantile(self, probability: float = 0.5) -> Quantile:
        """Return the first time by which a share of all persons had an event of the cause; infinity is "not reached".

        Where the curve runs level at exactly that height it is the middle of the level stretch, as for Kaplan-Meier;
        the limits are the times at which the limits of the curve come up to it.
        Raises ValueError if probability is not between 0 and 1.
        """
        if not 0 < probability < 1:
            raise ValueError("the probability of a quantile lies between 0 and 1")
        # Before the first event and at 1 the interval does not exist; the time limits do not use what stands there.
        known = (self.value > 0) & (self.value < 1)
        high = np.where(self.value > 0, self.high, 0.0)
        return Quantile(
            probability=probability,
            # a survival curve comes down to a height, this one comes up to it
            value=first_time(self.month, -self.value, -probability),
            low=first_time(self.month, -high, -probability),
            high=first_time(self.month[known], -self.low[known], -probability),
        )


def incidence_difference(
    first: IncidenceCurve, second: IncidenceCurve, *, month: float
) -> IncidenceDifference | NotEstimable:
    """Return the difference of two independent cumulative incidences at one time, first minus second.

    The limits put together those of the two curves (method of variance estimates recovery, Zou and Donner 2008): low =
    d - sqrt((a - low a)^2 + (high b - b)^2). NotEstimable if one curve is. Raises ValueError if the levels differ.
    """
    if first.level != second.level:
        raise ValueError("the curves have intervals of different levels")
    a, b = first.at([month])[0], second.at([month])[0]
    if isinstance(a, NotEstimable):
        return a
    if isinstance(b, NotEstimable):
        return b
    value, low, high = recovered_limits((a.value, a.low, a.high), (b.value, b.low, b.high))
    return IncidenceDifference(month=month, value=value, low=low, high=high)


def no_event_high(number: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return the upper limit of a probability when nobody of a number of persons had the event (Clopper-Pearson)."""
    return 1.0 - no_event_low(number, level)
