"""Log-rank test: whether groups differ in when they have an event."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from analyses.methods.curves.stratified_counts import StratifiedCounts, stratified_counts
from analyses.methods.ordering import codes
from analyses.methods.risk_sets import follow_up
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_BLOCK = 1 << 15
"""So many event times at once, to keep what 1,000,000 persons in 30 groups take small."""


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """The test, by group in the sorted order of the groups.

    n: persons; events: how many had it; observed and expected: events times the weight of their time, which is 1 in
    the log-rank test itself.
    """

    chi_square: float
    df: int
    p: float
    groups: tuple[object, ...]
    n: tuple[int, ...]
    events: tuple[int, ...]
    observed: tuple[float, ...]
    expected: tuple[float, ...]
    rho: float


def log_rank(
    month: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    rho: float = 0,
) -> LogRank | NotEstimable:
    """Return the log-rank test of equal hazards in all groups, compared within strata.

    month, event, entry: as for kaplan_meier. At each event time of a stratum the events of a group are hypergeometric
    given those at risk: E = w d n_g / n, V = w^2 d (n - d) / (n - 1) (n_g / n) (1 - n_g / n), summed over times and
    strata (Mantel 1966); chi-square = (O - E)' V^- (O - E). A group that is never at risk together with another one
    contributes no degree of freedom.
    rho: the weight w of a time is S(t-)^rho, S the Kaplan-Meier curve of all groups of the stratum together (Harrington
    and Fleming 1982). 0 is the log-rank test; 1, the Peto-Peto modification of Wilcoxon's, looks at early differences.
    NotEstimable if fewer than two groups are ever at risk together at an event. Raises ValueError on impossible input.
    Checked against R survival 3.5.3 (with delayed entry: the exact score test of coxph) and statsmodels survdiff.
    """
    if not (math.isfinite(rho) and rho >= 0):
        raise ValueError("rho is a number from 0 upwards")
    end, happened, start = follow_up(month, event, entry=entry)
    code, groups = codes(group, "group", end.size)
    stratum = np.zeros(end.size, dtype=np.intp) if strata is None else codes(strata, "strata", end.size)[0]
    counts = stratified_counts(end, happened, start, group=code, groups=len(groups), stratum=stratum)
    weight = _weights(counts, rho)
    expected, variance = _moments(counts, weight)
    df = int(np.linalg.matrix_rank(variance, rtol=1e-10, hermitian=True)) if len(groups) > 1 else 0
    if df == 0:
        return NotEstimable(reason="no two groups are at risk together at the time of an event")
    observed = np.bincount(counts.event_group, weights=np.repeat(weight, counts.events), minlength=len(groups))
    excess = observed - expected
    chi_square = max(0.0, float(excess @ np.linalg.pinv(variance, rtol=1e-10, hermitian=True) @ excess))
    return LogRank(
        chi_square=chi_square,
        df=df,
        p=float(chi2.sf(chi_square, df)),
        groups=groups,
        n=tuple(np.bincount(code, minlength=len(groups)).tolist()),
        events=tuple(np.bincount(counts.event_group, minlength=len(groups)).tolist()),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
        rho=float(rho),
    )


def _weights(counts: StratifiedCounts, rho: float) -> NDArray[np.float64]:
    """Return S(t-)^rho at each event time, S the Kaplan-Meier curve of its stratum."""
    weight = np.ones(counts.events.size)
    if rho == 0 or counts.events.size == 0:
        return weight
    free = 1.0 - counts.events / counts.at_risk.sum(axis=0)
    for first, last in zip(counts.first, (*counts.first[1:], free.size), strict=True):
        weight[first + 1 : last] = np.cumprod(free[first : last - 1])
    return np.asarray(weight**rho)


def _moments(counts: StratifiedCounts, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the expected events by group and their covariance."""
    number = counts.at_risk.shape[0]
    expected, variance = np.zeros(number), np.zeros((number, number))
    for first in range(0, counts.events.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        died, w = counts.events[block], weight[block]
        at_risk = counts.at_risk[:, block].astype(np.float64)
        total = at_risk.sum(axis=0)
        at_risk /= total
        spread = np.square(w) * died * (total - died) / np.maximum(total - 1, 1)
        expected += at_risk @ (w * died)
        variance += np.diag(at_risk @ spread) - (at_risk * spread) @ at_risk.T
    return expected, variance
