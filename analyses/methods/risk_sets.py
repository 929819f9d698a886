"""Who is at risk when: checked follow-up times and the counts at every distinct time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from analyses.methods.ordering import order_by, stable_order

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Weighting = Literal["none", "counts", "weights"]
_Number = TypeVar("_Number", np.int64, np.float64)


WIDEST = 1000.0
"""See check_spread."""


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
    end, happened, start = follow_up(month, event, entry=entry)
    weighting: Weighting = "none"
    keys: tuple[NDArray[np.float64] | NDArray[np.bool_], ...] = (end, happened)
    weights = np.broadcast_to(1.0, end.size)
    if entry is not None:
        keys = (end, start, happened)
    if weight is not None:
        weights = _column(weight, "weight")
        if weights.size != end.size:
            raise ValueError("month, event, entry and weight differ in length")
        if np.any(weights < 0):
            raise ValueError("a weight is negative")
        weighting = "counts" if bool(np.all(weights == np.floor(weights))) else "weights"
        keys = (*keys, weights)
    order = order_by(*keys)
    if weight is not None:
        order = order[weights[order] > 0]
    number = order.size
    return Observations(
        entry=np.broadcast_to(-np.inf, number) if entry is None else start[order],
        month=end[order],
        event=happened[order],
        weight=np.broadcast_to(1.0, number) if weight is None else weights[order],
        weighting=weighting,
    )


def follow_up(
    month: ArrayLike, event: ArrayLike, *, entry: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return checked month, event and entry in the order given; an entry at or before 0 is minus infinity.

    Raises ValueError as observations does.
    """
    end = _column(month, "month")
    happened = _happened(event)
    start = np.broadcast_to(-np.inf, end.size) if entry is None else _column(entry, "entry")
    if not end.size == happened.size == start.size:
        raise ValueError("month, event, entry and weight differ in length")
    if np.any(end < 0):
        raise ValueError("month is negative: follow-up cannot end before time zero")
    if entry is not None:
        if np.any(start >= end):
            raise ValueError("entry is not before month: a person who enters at or after the end is never at risk")
        start = np.where(start <= 0, -np.inf, start)
    return end, happened, start


def _happened(event: ArrayLike) -> NDArray[np.bool_]:
    column = np.asarray(event)
    if column.dtype.kind not in "biu" or column.ndim != 1:
        column = _column(event, "event")
    happened: NDArray[np.bool_] = column != 0
    if not np.all(column == happened):
        raise ValueError("event is neither 0 nor 1")
    return happened


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
    first = first_of_equal(people.month)
    times = people.month if first.size == people.month.size else people.month[first]
    risk = at_risk(people, times, first)
    events = sums_from(people.event.astype(np.int64), first)
    if people.weighting == "none":
        weighted, events_weighted = risk.astype(np.float64), events.astype(np.float64)
    else:
        weighted = at_risk_weighted(people, times)
        events_weighted = sums_from(np.where(people.event, people.weight, 0.0), first)
    return RiskTable(
        month=times, at_risk=risk, events=events, at_risk_weighted=weighted, events_weighted=events_weighted
    )


def first_of_equal(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the places at which sorted values change, the first of all among them."""
    changed = np.ones(values.size, dtype=bool)
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return np.flatnonzero(changed)


def sums_from(values: NDArray[_Number], first: NDArray[np.intp]) -> NDArray[_Number]:
    """Return the sums of the stretches that begin at the given places."""
    if first.size == values.size:
        return values
    return np.asarray(np.add.reduceat(values, first))


def at_risk(
    people: Observations, months: NDArray[np.float64], first: NDArray[np.intp] | None = None
) -> NDArray[np.int64]:
    """Return how many persons are at risk just before each time: entry < t <= month.

    first: how many had an earlier end of follow-up, where that is known.
    """
    ended = np.searchsorted(people.month, months, side="left") if first is None else first
    number = people.month.size - ended
    late = people.entry[people.entry > -np.inf]
    if late.size:
        number -= late.size - np.searchsorted(late[stable_order(late)], months, side="left")
    return np.asarray(number, dtype=np.int64)


def at_risk_weighted(people: Observations, months: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the weights of those at risk just before each time; exactly 0 where nobody is."""
    if people.weighting == "none":
        return at_risk(people, months).astype(np.float64)
    total = _weight_from(people.month, people.weight, months)
    late = people.entry > -np.inf
    if np.any(late):
        entry, weight = people.entry[late], people.weight[late]
        order = stable_order(entry)
        total -= _weight_from(entry[order], weight[order], months)
        # The difference of two sums keeps their rounding errors: those at risk weigh at least what the lightest does.
        total = np.where(at_risk(people, months) > 0, np.maximum(total, people.weight.min()), 0.0)
    return total


def _weight_from(
    time: NDArray[np.float64], weight: NDArray[np.float64], months: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sum of the weights of those whose time, of sorted times, is at or after each month."""
    tail = np.append(np.cumsum(weight[::-1])[::-1], 0.0)
    return np.asarray(tail[np.searchsorted(time, months, side="left")])


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


def check_spread(weights: NDArray[np.float64]) -> None:
    """Raise ValueError if positive weights differ more than 1,000-fold.

    Influences on several curves at once are differences of cumulative sums, whose digits are those of the largest
    weight: at 1,000-fold a standard error is right to a hundred-thousandth, at 10,000-fold no longer to a hundredth.
    """
    known = weights[weights > 0]
    if known.size and float(known.max()) > WIDEST * float(known.min()):
        raise ValueError("weights differ more than 1,000-fold: truncate them, a standard error would lose its digits")


def check_level(level: float) -> None:
    """Raise ValueError unless the level of an interval lies between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError("the level of an interval lies between 0 and 1")
