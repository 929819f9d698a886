"""Follow-up that ends by one of several causes: checked times, and how often each cause ended it at every time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.risk_sets import Observations, at_risk, at_risk_weighted, check_spread, observations, positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_ROUNDING = 1e-12  # an incidence that falls short of 1 by less is 1: everybody had the event


@dataclass(frozen=True, kw_only=True, eq=False)
class Endings:
    """Follow-up of persons in canonical order. cause: 0 censored, 1.. what ended it; people.event is any cause."""

    people: Observations
    cause: NDArray[np.int64]

    @property
    def square(self) -> NDArray[np.float64]:
        """What the square of a person's influence counts: the weight of alike persons, else the weight squared."""
        weight = self.people.weight
        return np.square(weight) if self.people.weighting == "weights" else weight


@dataclass(frozen=True, kw_only=True, eq=False)
class EndingTable:
    """Counts at every distinct end of follow-up; at risk means just before it. free: of every cause, just after it.

    first: the first person of each time, and last the number of persons; place: of each person, that of the time at
    which the follow-up ended; entered: of each person, the first time at which the person is at risk.
    """

    month: NDArray[np.float64]
    first: NDArray[np.int64]
    place: NDArray[np.int64]
    entered: NDArray[np.int64]
    at_risk: NDArray[np.int64]
    at_risk_weighted: NDArray[np.float64]
    ended: NDArray[np.float64]
    left: NDArray[np.float64]
    free: NDArray[np.float64]
    free_before: NDArray[np.float64]


def endings(
    month: ArrayLike, cause: ArrayLike, *, entry: ArrayLike | None = None, weight: ArrayLike | None = None
) -> Endings:
    """Return checked follow-up; rows of weight 0 are left out. Raises ValueError if a value is missing or impossible.

    month, entry, weight: as for risk_sets.observations. cause: 0 censored, 1, 2, ... the cause that ended it.
    """
    code = whole_causes(cause)
    if code.ndim != 1 or code.shape != np.shape(np.asarray(month)):
        raise ValueError("month and cause differ in length")
    checked = observations(month, code > 0, entry=entry, weight=weight)
    if checked.weighting == "weights":
        check_spread(checked.weight)
    end = np.asarray(month, dtype=np.float64)
    start = np.full(end.size, -np.inf) if entry is None else np.asarray(entry, dtype=np.float64)
    start = np.where(start <= 0, -np.inf, start)
    share = np.ones(end.size) if weight is None else np.asarray(weight, dtype=np.float64)
    keys = [share] * (weight is not None) + [code] + [start] * (entry is not None) + [end]
    order = np.lexsort(keys)
    order = order[share[order] > 0]
    people = Observations(
        entry=start[order], month=end[order], event=code[order] > 0, weight=share[order], weighting=checked.weighting
    )
    return Endings(people=people, cause=code[order])


def whole_causes(cause: ArrayLike) -> NDArray[np.int64]:
    """Return causes as integers; ValueError unless each is 0, 1, 2, ..."""
    values = np.asarray(cause, dtype=np.float64)
    if not np.all(np.isfinite(values)) or np.any(values < 0) or np.any(values != np.floor(values)):
        raise ValueError("a cause is not a whole number: 0 is censored, 1, 2, ... are causes")
    return values.astype(np.int64)


def ending_table(observed: Endings) -> EndingTable:
    """Return the counts of all causes together at every distinct end of follow-up, and the share free of all."""
    people = observed.people
    starts = np.append(True, people.month[1:] != people.month[:-1])
    first = np.flatnonzero(starts)
    times = people.month[first]
    number, total = at_risk(people, times), at_risk_weighted(people, times)
    ended = np.add.reduceat(np.where(people.event, people.weight, 0.0), first)
    emptied = number == np.add.reduceat(people.event.astype(np.int64), first)
    left = np.where(emptied, 0.0, total - ended)
    free: NDArray[np.float64] = np.cumprod(np.where(emptied, 0.0, 1.0 - ended / positive(total)), dtype=np.float64)
    return EndingTable(
        month=times,
        first=np.append(first, people.month.size),
        place=np.cumsum(starts) - 1,
        entered=np.searchsorted(times, people.entry, side="right"),
        at_risk=number,
        at_risk_weighted=total,
        ended=ended,
        left=left,
        free=free,
        free_before=np.append(1.0, free[:-1]),
    )


def ended_by(observed: Endings, table: EndingTable, cause: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many persons a cause ended at every distinct end of follow-up, and their weight."""
    own = observed.cause == cause
    place, size = table.place[own], table.month.size
    number = np.bincount(place, minlength=size).astype(np.int64)
    return number, np.bincount(place, observed.people.weight[own], minlength=size).astype(np.float64)


def incidence(table: EndingTable, ended: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cumulative incidence of a cause at every time: the sum of S(u-) ended(u) / at risk(u)."""
    value: NDArray[np.float64] = np.cumsum(table.free_before * ended / positive(table.at_risk_weighted))
    return np.where(value > 1.0 - _ROUNDING, 1.0, value)


def known_number(observed: Endings, months: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many persons of equal weight those are worth whose state at a month is known.

    They are those at risk just before it and those whom a cause ended before it; Kish's (sum w)^2 / sum w^2.
    """
    people = observed.people
    before = np.searchsorted(people.month, months, side="left")

    def total(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        shares = Observations(
            entry=people.entry, month=people.month, event=people.event, weight=weight, weighting=people.weighting
        )
        gone = np.append(0.0, np.cumsum(np.where(people.event, weight, 0.0)))[before]
        return np.asarray(at_risk_weighted(shares, months) + gone)

    if people.weighting != "weights":
        return total(people.weight)
    return np.square(total(people.weight)) / positive(total(np.square(people.weight)))
