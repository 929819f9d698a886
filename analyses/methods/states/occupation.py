"""Probabilities of states as a value: what they are at a time, with limits, and the mean time in each state."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from analyses.methods.states.occupation_limits import occupation_limits
from analyses.methods.states.running_influence import Course, integral_influence
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from analyses.methods.states.transitions import Transitions

    Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class StateShare:
    """The probability of one state at one time. number: persons seen in it just before (see Transitions.numbers)."""

    state: str
    probability: float
    std_error: float
    low: float
    high: float
    number: int


@dataclass(frozen=True, kw_only=True)
class Occupation:
    """The probabilities of all states at one time, in the order of the states; they add to 1."""

    month: float
    shares: tuple[StateShare, ...]


@dataclass(frozen=True, kw_only=True)
class MeanTime:
    """Mean months in a state up to a horizon, or a difference of two such means (then with p)."""

    state: str
    value: float
    std_error: float
    low: float
    high: float
    p: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class StateOccupation:
    """Probabilities of states: arrays with a row for month 0 and for each transition time, a column for each state.

    They hold from their month up to the next one. transitions: numbers of transitions, from (row) to (column);
    transitions_weighted: sums of weights. n: persons; followed_to: the end of the longest follow-up.
    """

    states: tuple[str, ...]
    absorbing: tuple[str, ...]
    month: Floats
    probability: Floats
    std_error: Floats
    low: Floats
    high: Floats
    transitions: pd.DataFrame
    transitions_weighted: pd.DataFrame
    level: float
    n: int
    followed_to: float
    notes: tuple[str, ...]
    moves: Transitions = field(repr=False)
    course: Course = field(repr=False)

    def at(self, months: Iterable[float]) -> tuple[Occupation | NotEstimable, ...]:
        """Return the probabilities at each time; NotEstimable after the longest follow-up, unless all is absorbed."""
        return tuple(self._at(float(month)) for month in months)

    def numbers(self, months: Iterable[float]) -> tuple[tuple[int, ...], ...]:
        """Return how many persons are seen in each state just before each month, for a table below a figure."""
        seen = self.moves.numbers(np.asarray(list(months), dtype=np.float64))
        return tuple(tuple(int(number) for number in row) for row in seen)

    def _at(self, month: float) -> Occupation | NotEstimable:
        beyond = self._beyond(month)
        if beyond is not None:
            return beyond
        place = max(0, int(np.searchsorted(self.month, month, side="right")) - 1)
        probability, error = self.probability[place : place + 1], self.std_error[place : place + 1]
        low, high = self.low[place : place + 1], self.high[place : place + 1]
        if np.all((self.probability[: place + 1] == 0) | (self.probability[: place + 1] == 1)):
            # those at risk now, not those at the last transition
            low, high = occupation_limits(self.moves, np.array([month]), probability, error, self.level)
        (numbers,) = self.numbers([month])
        columns = (probability[0], error[0], low[0], high[0])
        return Occupation(
            month=month,
            shares=tuple(
                StateShare(state=name, probability=p, std_error=se, low=low, high=high, number=number)
                for name, p, se, low, high, number in zip(
                    self.states, *(column.tolist() for column in columns), numbers, strict=True
                )
            ),
        )

    def _beyond(self, month: float) -> NotEstimable | None:
        transient = [name not in self.absorbing for name in self.states]
        if month <= self.followed_to or not np.any(self.probability[-1, transient] > 0):
            return None
        return NotEstimable(reason=f"nobody is followed beyond month {math.floor(self.followed_to)}")

    def mean_time(self, horizon: float) -> tuple[MeanTime | NotEstimable, ...]:
        """Return the mean months in each state up to the horizon, the areas under the probabilities; they add to it.

        Standard error: infinitesimal jackknife by person. Interval: of the logit of mean / horizon, within 0 and the
        horizon; in arms of 30 it held the mean time in a rare state in 94 to 95 %, a normal one in 89 to 90 %
        (benchmarks/small_arms_states.py).
        NotEstimable for all states if nobody is followed to the horizon (it is not moved), and for a state in which
        nobody or everybody was for all that time, or all were equally long. Raises ValueError if the horizon is not a
        positive number.
        """
        if not (math.isfinite(horizon) and horizon > 0):
            raise ValueError("the horizon is a positive number of months")
        if self._beyond(horizon) is not None:
            month = math.floor(self.followed_to)
            reason = f"followed to month {month} only, not to month {horizon:g}; a horizon up to month {month} would "
            return (NotEstimable(reason=reason + "be possible"),) * len(self.states)
        width = np.diff(np.minimum(np.append(self.month, np.inf), horizon))
        value = width @ self.probability
        error = np.sqrt(np.square(integral_influence(self.course, width)).sum(axis=0))
        quantile = float(norm.isf((1 - self.level) / 2))
        columns = (value.tolist(), error.tolist())
        return tuple(_mean(name, v, se, horizon, quantile) for name, v, se in zip(self.states, *columns, strict=True))


_NO_ERROR = 1e-12  # share of the horizon: what rounding leaves of a standard error or a time of 0


def _mean(state: str, value: float, error: float, horizon: float, quantile: float) -> MeanTime | NotEstimable:
    least = _NO_ERROR * horizon
    if error <= least or not least < value < horizon - least:
        who = "nobody was" if value <= least else "everybody was" if value >= horizon - least else "all were as long"
        reason = f"state {state}: {who} in it up to month {horizon:g}, so the mean time in it has no interval"
        return NotEstimable(reason=reason)
    odds, turn = value / (horizon - value), math.exp(quantile * error * horizon / (value * (horizon - value)))
    low, high = (horizon * ratio / (1 + ratio) for ratio in (odds / turn, odds * turn))
    return MeanTime(state=state, value=value, std_error=error, low=low, high=high)


def mean_time_difference(
    first: StateOccupation, second: StateOccupation, *, horizon: float
) -> tuple[MeanTime | NotEstimable, ...]:
    """Return the mean time in each state of the second of two independent groups minus that of the first.

    Interval and p: normal. NotEstimable where one of the two is, with its reason. Raises ValueError if states or
    levels differ, or the horizon is not a positive number.
    """
    if first.states != second.states or first.level != second.level:
        raise ValueError("the two results have other states, another order of states or another level")
    quantile = float(norm.isf((1 - first.level) / 2))
    out: list[MeanTime | NotEstimable] = []
    for one, other in zip(first.mean_time(horizon), second.mean_time(horizon), strict=True):
        if isinstance(one, NotEstimable) or isinstance(other, NotEstimable):
            out.append(one if isinstance(one, NotEstimable) else other)
            continue
        value, error = other.value - one.value, math.hypot(one.std_error, other.std_error)
        low, high = value - quantile * error, value + quantile * error
        p = float(2 * norm.sf(abs(value) / error))
        out.append(MeanTime(state=one.state, value=value, std_error=error, low=low, high=high, p=p))
    return tuple(out)
