"""Who is at risk when: checked follow-up times and the counts at every distinct time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Weighting = Literal["none", "counts", "weights"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Observations:
    """Follow-up of persons, in an order that does not depend on the order in which they were given.

    A person is at risk at time t if entry < t <= month; an entry at or before 0 is minus infinity, so that everybody
    who is there at the origin is at risk at it. weighting: "counts" if all weights are whole numbers (a row stands for
    that many alike persons), "weights" otherwise (weights of inverse probability or overlap).
    """

    entry: NDArray[np.float64]
    month: NDArray[np.float64]
    event: NDArray[np.bool_]
    weight: NDArray[np.float64]
    weighting: Weighting


@dataclass(frozen=True, kw_only=True, eq=False)
class RiskTable:
    """Counts at every distinct time at which somebody had the event or was censored; at risk means just before it."""

    month: NDArray[np.float64]
    at_risk: NDArray[np.int64]
    events: NDArray[np.int64]
    at_risk_weighted: NDArray[np.float64]
    events_weighted: NDArray[np.float64]


def observations(
    month: ArrayLike, event: ArrayLike, *, entry: ArrayLike | None = None, weight: ArrayLike | None = None
) -> Observations:
    """Return checked follow-up times. Rows of weight 0 are left out: they belong to no population.

    month: end of follow-up since time zero, >= 0. event: 1 or True if the event ended it. entry: when the person came
    under observation, < month. weight: >= 0.
    Raises ValueError if lengths differ or a value is missing or impossible.
    """
    end = _column(month, "month")
    happened = _column(event, "event")
    start = np.full(end.size, -np.inf) if entry is None else _column(entry, "entry")
    weights = np.ones(end.size) if weight is None else _column(weight, "weight")
    if not end.size == happened.size == start.size == weights.size:
        raise ValueError("month, event, entry and weight differ in length")
    if np.any(end < 0):
        raise ValueError("month is negative: follow-up cannot end before time zero")
    if not np.all((happened == 0) | (happened == 1)):
        raise ValueError("event is neither 0 nor 1")
    if np.any(weights < 0):
        raise ValueError("a weight is negative")
    if np.any(start >= end):
        raise ValueError("entry is not before month: a person who enters at or after the end is never at risk")
    start = np.where(start <= 0, -np.inf, start)
    order = np.lexsort((weights, happened, start, end))
    order = order[weights[order] > 0]
    weighting: Weighting = "none"
    if weight is not None:
        weighting = "counts" if bool(np.all(weights == np.floor(weights))) else "weights"
    return Observations(
        entry=start[order], month=end[order], event=happened[order] == 1, weight=weights[order], weighting=weighting
    )


def _column(values: ArrayLike, name: str) -> NDArray[np.float64]:
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        text = f"{name} is not one-dimensional"
        raise ValueError(text)
    if not np.all(np.isfinite(column)):
        text = f"{name} has a missing or infinite value"
        raise ValueError(text)
    return column


def risk_table(people: Observations) -> RiskTable:
    """Return the counts at every distinct end of follow-up."""
    times, first = np.unique(people.month, return_index=True)
    events = np.add.reduceat(people.event.astype(np.int64), first)
    return RiskTable(
        month=times,
        at_risk=at_risk(people, times),
        events=events,
        at_risk_weighted=at_risk_weighted(people, times),
        events_weighted=np.add.reduceat(np.where(people.event, people.weight, 0.0), first),
    )


def at_risk(people: Observations, months: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many persons are at risk just before each time: entry < t <= month."""
    still = people.month.size - np.searchsorted(people.month, months, side="left")
    entries = np.sort(people.entry)
    later = entries.size - np.searchsorted(entries, months, side="left")
    return np.asarray(still - later, dtype=np.int64)


def at_risk_weighted(people: Observations, months: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the weights of those at risk just before each time."""
    return _weight_from(people.month, people.weight, months) - _weight_from(people.entry, people.weight, months)


def _weight_from(
    time: NDArray[np.float64], weight: NDArray[np.float64], months: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sum of the weights of those whose time is at or after each month."""
    order = np.lexsort((weight, time))
    tail = np.append(np.cumsum(weight[order][::-1])[::-1], 0.0)
    return np.asarray(tail[np.searchsorted(time[order], months, side="left")])


def effective_number(people: Observations, months: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many persons of equal weight those at risk are worth: the number, or Kish's (sum w)^2 / sum w^2."""
    total = at_risk_weighted(people, months)
    if people.weighting != "weights":
        return total
    squares = Observations(
        entry=people.entry,
        month=people.month,
        event=people.event,
        weight=np.square(people.weight),
        weighting="weights",
    )
    return np.square(total) / positive(at_risk_weighted(squares, months))


def positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values with 1 in place of what a division must not see; such places are overwritten after it."""
    return np.where(values > 0, values, 1.0)


def check_level(level: float) -> None:
    """Raise ValueError unless the level of an interval lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError("the level of an interval lies between 0 and 1")
