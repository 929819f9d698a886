"""How well a Cox model orders persons by risk: Harrell's concordance and its standard error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.hazards.rank_sums import sums_below
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]


_NOTHING = 1e-13  # share of the product of all weights that rounding may leave where there is no pair


@dataclass(frozen=True, kw_only=True, eq=False)
class Concordance:
    """value: probability that of two persons the one with the higher predictor has the event first.

    std_error: of the value. concordant, discordant, tied: weighted numbers of comparable pairs; those tied have the
    same predictor and count half.
    """

    value: float
    std_error: float
    concordant: float
    discordant: float
    tied: float


def concordance(design: CoxDesign, coefficients: Floats) -> Concordance | NotEstimable:
    """Return the concordance of the linear predictor: (concordant + tied / 2) / comparable pairs.

    coefficients: on the standardised scale. A person with an event at t and one at risk at t without an event at t are
    a comparable pair, in the same stratum; its weight is the product of both weights. Variance: infinitesimal
    jackknife, by cluster where the design has clusters; whole weights are numbers of persons.
    NotEstimable if no pair is comparable. In the order of n log n steps.
    Harrell et al. 1996; Therneau and Atkinson, survival::concordance 3.5.3, against which it was checked. With whole
    weights its standard error takes a row for one person; this one takes it for as many as the weight says.
    """
    predictor = design.matrix @ coefficients
    rank = _ranks(predictor)
    stratum = np.zeros(design.month.size, dtype=np.int64) if design.stratum is None else design.stratum
    times = np.unique(np.append(design.month, [] if design.entry is None else design.entry))
    when = stratum * times.size + np.searchsorted(times, design.month)
    start = None if design.entry is None else stratum * times.size + np.searchsorted(times, design.entry)
    as_event = _at_risk_with(design, rank, when, start, (stratum + 1) * times.size)
    as_other = _events_before(design, rank, when, stratum * times.size - 1 if start is None else start)
    weight = design.weight
    # of each row: weights of the others in its concordant, discordant and tied pairs
    pairs = as_event + np.array([as_other[1], as_other[0], as_other[2]])
    concordant, discordant, tied = (math.fsum(weight[design.event] * row[design.event]) for row in as_event)
    total = concordant + discordant + tied
    if total <= _NOTHING * float(weight.sum()) ** 2:
        return NotEstimable(reason="no two persons of whom one is known to have had the event first")
    value = (concordant + tied / 2) / total
    influence = (pairs[0] + pairs[2] / 2 - value * pairs.sum(axis=0)) / total
    if design.cluster is not None:
        variance = float(np.sum(np.bincount(design.cluster, weight * influence) ** 2))
    elif design.weighting == "counts":
        variance = float(np.sum(weight * influence**2))
    else:
        variance = float(np.sum((weight * influence) ** 2))
    return Concordance(
        value=value, std_error=math.sqrt(variance), concordant=concordant, discordant=discordant, tied=tied
    )


def _ranks(predictor: Floats) -> Places:
    """Return the place of each predictor among the distinct ones; what rounding alone tells apart is one value."""
    order = np.argsort(predictor, kind="stable")
    steps = np.diff(predictor[order], prepend=predictor[order[:1]])
    near = 1e-12 * max(1.0, float(np.max(np.abs(predictor))))
    rank = np.zeros(predictor.size, dtype=np.int64)
    rank[order] = np.cumsum(steps > near)
    return rank


def _at_risk_with(design: CoxDesign, rank: Places, when: Places, start: Places | None, beyond: Places) -> Floats:
    """Return for each event the weights of those at risk with it who have a lower, a higher and the same predictor.

    Those with an event at the same time are left out: neither is known to have been first. Zero for other rows.
    """
    died = np.flatnonzero(design.event)
    # censored ones come after the events of their month: a stretch that starts with them
    key = 2 * when + (~design.event)
    found = _compare(rank, design.weight, key, rank[died], (2 * when[died] + 1, 2 * beyond[died]))
    if start is not None:
        found -= _compare(rank, design.weight, start, rank[died], (when[died], beyond[died]))
    every = np.zeros((3, rank.size))
    every[:, died] = found
    return every


def _events_before(design: CoxDesign, rank: Places, when: Places, start: Places) -> Floats:
    """Return for each row the weights of events while it was at risk, of a lower, a higher and the same predictor."""
    died = design.event
    return _compare(rank[died], design.weight[died], when[died], rank, (start + 1, when + np.where(died, 0, 1)))


def _compare(rank: Places, weight: Floats, key: Places, own: Places, between: tuple[Places, Places]) -> Floats:
    """Return the weights of rows with low <= key < high whose rank is below, above and the same as one's own."""
    order = np.argsort(key, kind="stable")
    low, high = between
    first, end = np.searchsorted(key[order], low), np.searchsorted(key[order], high)
    first, end = first.astype(np.int64), np.maximum(first, end).astype(np.int64)
    below = sums_below(rank[order], weight[order], first, end, own)
    up_to = sums_below(rank[order], weight[order], first, end, own + 1)
    total = np.append(0.0, np.cumsum(weight[order]))
    return np.array([below, total[end] - total[first] - up_to, up_to - below])
