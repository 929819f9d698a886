"""Log-rank test: whether groups differ in when they have an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from analyses.methods.risk_sets import at_risk, observations
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """The test, with persons, observed and expected events by group, in the sorted order of the groups."""

    chi_square: float
    df: int
    p: float
    groups: tuple[object, ...]
    n: tuple[int, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]


def log_rank(
    month: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> LogRank | NotEstimable:
    """Return the log-rank test of equal hazards in all groups, compared within strata.

    month, event, entry: as for kaplan_meier. At each event time of a stratum the events of a group are hypergeometric
    given those at risk: E = d n_g / n, V = d (n - d) / (n - 1) (n_g / n) (1 - n_g / n), summed over times and strata
    (Mantel 1966); chi-square = (O - E)' V^- (O - E). A group that is never at risk together with another one
    contributes no degree of freedom.
    NotEstimable if fewer than two groups are ever at risk together at an event. Raises ValueError on impossible input.
    Checked against R survival 3.5.3 (with delayed entry: the exact score test of coxph) and statsmodels survdiff.
    """
    label = np.asarray(group)
    stratum = np.zeros(label.shape, dtype=int) if strata is None else np.asarray(strata)
    end, happened = np.asarray(month, dtype=float), np.asarray(event, dtype=float)
    start = np.zeros(end.shape) - 1 if entry is None else np.asarray(entry, dtype=float)
    observations(end, happened, entry=start)
    if not label.shape == stratum.shape == end.shape:
        raise ValueError("month, group and strata differ in length")
    groups, code = np.unique(label, return_inverse=True)
    observed, expected = np.zeros(groups.size, dtype=int), np.zeros(groups.size)
    variance = np.zeros((groups.size, groups.size))
    for name in np.unique(stratum):
        inside = stratum == name
        risk, events = _counts(end[inside], happened[inside] == 1, start[inside], code[inside], groups.size)
        share = risk / risk.sum(axis=0)
        total, died = risk.sum(axis=0), events.sum(axis=0)
        spread = died * (total - died) / np.maximum(total - 1, 1)
        observed += events.sum(axis=1)
        expected += share @ died
        variance += np.diag(share @ spread) - (share * spread) @ share.T
    df = int(np.linalg.matrix_rank(variance, rtol=1e-10, hermitian=True)) if groups.size > 1 else 0
    if df == 0:
        return NotEstimable(reason="no two groups are at risk together at the time of an event")
    excess = observed - expected
    chi_square = float(excess @ np.linalg.pinv(variance, rtol=1e-10, hermitian=True) @ excess)
    return LogRank(
        chi_square=chi_square,
        df=df,
        p=float(chi2.sf(chi_square, df)),
        groups=tuple(groups.tolist()),
        n=tuple(np.bincount(code, minlength=groups.size).tolist()),
        observed=tuple(observed.tolist()),
        expected=tuple(expected.tolist()),
    )


def _counts(
    month: NDArray[np.float64],
    event: NDArray[np.bool_],
    entry: NDArray[np.float64],
    code: NDArray[np.int64],
    groups: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return numbers at risk and events of one stratum: a row a group, a column an event time."""
    times = np.unique(month[event])
    risk, events = np.zeros((groups, times.size), dtype=int), np.zeros((groups, times.size), dtype=int)
    for group in range(groups):
        own = code == group
        risk[group] = at_risk(observations(month[own], event[own], entry=entry[own]), times)
        place = np.searchsorted(times, month[own & event])
        events[group] = np.bincount(place, minlength=times.size)
    return risk, events
