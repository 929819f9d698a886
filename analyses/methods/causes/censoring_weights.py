"""How probable it is to be under observation: censoring and late entry by product limits, for inverse weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from analyses.methods.risk_sets import Observations, at_risk_weighted, positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

TiedCensoring = Literal["after", "among"]
"""Whether censoring at the time of an event comes after it, or counts the one who has the event as still at risk."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Limit:
    """A product limit: at each time the weight of those at risk of a change and of those to whom it came."""

    month: NDArray[np.float64]
    at_risk: NDArray[np.float64]
    changed: NDArray[np.float64]

    @property
    def stays(self) -> NDArray[np.float64]:
        """Return 1 - changed / at risk, 0 where everybody changed."""
        share = 1.0 - self.changed / positive(self.at_risk)
        return np.asarray(np.where(share > np.sqrt(np.finfo(float).eps), share, 0.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Observability:
    """Of one group: G, not yet censored (forward in time), and H, already entered (backward in time)."""

    people: Observations
    tied: TiedCensoring
    censored: Limit
    entered: Limit

    def before(self, months: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return G(t-) H(t-) at each time: the product of what stays at censoring before t and entries from t on."""
        still = np.append(1.0, np.cumprod(self.censored.stays))
        come = np.append(np.cumprod(self.entered.stays[::-1])[::-1], 1.0)
        forward = still[np.searchsorted(self.censored.month, months, side="left")]
        return np.asarray(forward * come[np.searchsorted(self.entered.month, months, side="left")])

    def influence(self, at_censoring: NDArray[np.float64], at_entries: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how each person moves a sum through the estimated G and H; rows in the order of people.

        at_censoring and at_entries: a row a time of the limits, by how much log G, or minus log H, stepping up by one
        there would lower the sum; a column a sum. tied "after": the exact derivative with respect to a person's weight;
        "among": with 1 / at risk in place of 1 / (at risk - changed), as Fine and Gray 1999 (their psi).
        """
        people = self.people
        ends_last = people.event & (self.tied == "after")
        month = self.censored.month
        upto = np.searchsorted(month, people.month, side="right")
        upto = np.where(ends_last, np.searchsorted(month, people.month, side="left"), upto)
        lived = (np.searchsorted(month, people.entry, side="right"), upto)
        own = np.where(people.event, -1, upto - 1)
        total = _moved(self.censored, at_censoring, lived, own, exact=self.tied == "after")
        month = self.entered.month
        if month.size:
            lived = (
                np.searchsorted(month, people.entry, side="left"),
                np.searchsorted(month, people.month, side="left"),
            )
            own = np.where(np.isfinite(people.entry), lived[0], -1)
            total -= _moved(self.entered, at_entries, lived, own, exact=True)
        return total


def observability(people: Observations, tied: TiedCensoring) -> Observability:
    """Return the product limits of censoring and of entry; people.event is an ending by any cause."""
    censored = np.unique(people.month[~people.event])
    number = at_risk_weighted(people, censored)
    if tied == "after":
        number = number - _sum_at(people.month[people.event], people.weight[people.event], censored)
    late = np.isfinite(people.entry)
    entries = np.unique(people.entry[late])
    # backward in time a person is at risk of entering at s if entry <= s < month
    order = np.argsort(people.entry, kind="stable")
    before = np.append(0.0, np.cumsum(people.weight[order]))[
        np.searchsorted(people.entry[order], entries, side="right")
    ]
    gone = np.append(0.0, np.cumsum(people.weight))[np.searchsorted(people.month, entries, side="right")]
    return Observability(
        people=people,
        tied=tied,
        censored=Limit(
            month=censored,
            at_risk=number,
            changed=_sum_at(people.month[~people.event], people.weight[~people.event], censored),
        ),
        entered=Limit(
            month=entries,
            at_risk=before - gone,
            changed=_sum_at(people.entry[late], people.weight[late], entries),
        ),
    )


def _sum_at(time: NDArray[np.float64], weight: NDArray[np.float64], months: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of the weights of those whose time is one of the months, by month."""
    if months.size == 0:
        return np.zeros(0)
    place = np.minimum(np.searchsorted(months, time), months.size - 1)
    same = months[place] == time
    return np.bincount(place[same], weight[same], minlength=months.size).astype(np.float64)


def _moved(
    limit: Limit,
    effect: NDArray[np.float64],
    lived: tuple[NDArray[np.int64], ...],
    own: NDArray[np.int64],
    *,
    exact: bool,
) -> NDArray[np.float64]:
    """Return effect / left at the own change less the sum of effect x changed / (at risk x left) over times at risk."""
    left = np.where(limit.stays > 0, limit.at_risk - limit.changed, 0.0) if exact else limit.at_risk
    unit = np.where(left > 0, 1.0 / positive(left), 0.0)[:, None] * effect
    zero = np.zeros((1, effect.shape[1]))
    total = np.concatenate([zero, np.cumsum(unit * (limit.changed / positive(limit.at_risk))[:, None], axis=0)])
    jump = np.concatenate([unit, zero])[own]  # -1 is the row of zeros
    return np.asarray(jump - (total[lived[1]] - total[lived[0]]))
