"""How much each person moves a survival curve: Greenwood's terms and the infinitesimal jackknife."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.risk_sets import Observations, positive

if TYPE_CHECKING:
    from numpy.typing import NDArray


def hazard_variance(
    events: NDArray[np.float64], at_risk: NDArray[np.float64], left: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return events / (at risk x left) at each time, 0 where nobody is left: Greenwood's terms."""
    product = at_risk * left
    return np.divide(events, product, out=np.zeros(events.size), where=product > 0)


def influence_terms(
    people: Observations, month: NDArray[np.float64], terms: NDArray[np.float64], jump: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return for each person the jump at the own event minus the sum of terms over the times at risk.

    terms and jump belong to the sorted times month.
    """
    total = np.append(0.0, np.cumsum(terms))
    own = np.searchsorted(month, people.month, side="left")
    lived = total[np.minimum(own + 1, month.size)] - total[np.searchsorted(month, people.entry, side="right")]
    inside = np.minimum(own, month.size - 1)
    return np.asarray(np.where(people.event & (own < month.size), jump[inside], 0.0) - lived)


def log_survival_jackknife(
    people: Observations,
    month: NDArray[np.float64],
    events: NDArray[np.float64],
    at_risk: NDArray[np.float64],
    left: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the standard error of log S(t): root of the sum over persons of (weight x influence on log S(t))^2.

    The influence of a person whose follow-up ended by t no longer changes with t. That of a person still at risk is
    minus what Greenwood's sum C gained since the entry, so that sums of w^2, w^2 C(entry) and w^2 C(entry)^2 suffice.
    """
    terms = hazard_variance(events, at_risk, left)
    cumulative = np.append(0.0, np.cumsum(terms))
    jump = np.where(left > 0, 1.0 / positive(left), 0.0)
    ended = np.square(people.weight * influence_terms(people, month, terms, jump))
    done = _sum_of_first(ended, np.searchsorted(people.month, month, side="right"))
    at_entry = cumulative[np.searchsorted(month, people.entry, side="right")]
    square = np.square(people.weight)
    reached = cumulative[1:]

    def still(values: NDArray[np.float64]) -> NDArray[np.float64]:
        order = np.argsort(people.entry, kind="stable")
        entered = _sum_of_first(values[order], np.searchsorted(people.entry[order], month, side="left"))
        return entered - _sum_of_first(values, np.searchsorted(people.month, month, side="right"))

    open_ = (
        still(square) * np.square(reached)
        - 2 * still(square * at_entry) * reached
        + still(square * np.square(at_entry))
    )
    return np.asarray(np.sqrt(done + np.maximum(open_, 0.0)))


def _sum_of_first(values: NDArray[np.float64], number: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(np.append(0.0, np.cumsum(values))[number])
