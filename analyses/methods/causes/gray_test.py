"""Gray's test: whether groups differ in the cumulative incidence of one cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from analyses.methods.causes.competing_risks import whole_causes
from analyses.methods.risk_sets import observations, positive
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class GrayTest:
    """The test; score (observed minus expected, weighted) and events by group, in the sorted order of the groups."""

    chi_square: float
    df: int
    p: float
    cause: int
    rho: float
    groups: tuple[object, ...]
    n: tuple[int, ...]
    events: tuple[int, ...]
    score: tuple[float, ...]


def gray_test(
    month: ArrayLike,
    cause: ArrayLike,
    group: ArrayLike,
    *,
    of: int = 1,
    strata: ArrayLike | None = None,
    rho: float = 0,
    entry: ArrayLike | None = None,
) -> GrayTest | NotEstimable:
    """Return the test of Gray 1988 of equal subdistribution hazards of one cause, compared within strata.

    month, cause: as for cumulative_incidence; group: label of each person; of: the cause. A person's share in the risk
    set is that of the group, R_g = n_g (1 - F_g) / S_g just before t; the score of a group sums (1 - F)^rho (d_g - d
    R_g / R) over the times and strata, F being the incidence of all groups together. rho: 0 weighs all times alike, a
    positive one the early ones. chi-square = score' V^- score, V as Gray's, with hypergeometric corrections for ties.
    Delayed entry raises ValueError: the shares R_g assume that a group is complete at time zero. The test to use is
    that of the group's term in fine_gray with entry, which weights for it.
    NotEstimable if nobody had an event of the cause, or fewer than two groups are at risk together at one.
    Checked against R cmprsk 2.2.11 (cuminc).
    """
    end, code, label = np.asarray(month, dtype=np.float64), whole_causes(cause), np.asarray(group)
    stratum = np.zeros(label.shape, dtype=np.int64) if strata is None else np.asarray(strata)
    if not end.shape == code.shape == label.shape == stratum.shape:
        raise ValueError("month, cause, group and strata differ in length")
    observations(end, code > 0, entry=entry)
    if of < 1:
        raise ValueError("a cause is 1, 2, ...: 0 is censored")
    if entry is not None and np.any(np.asarray(entry, dtype=np.float64) > 0):
        raise ValueError(
            "Gray's test knows no delayed entry: use the test of the group's term in fine_gray, which takes entry"
        )
    groups, own = np.unique(label, return_inverse=True)
    events = np.bincount(own[code == of], minlength=groups.size)
    if not np.any(events):
        return NotEstimable(reason=f"nobody had an event of cause {of}")
    kind = np.where(code == of, 1, np.where(code > 0, 2, 0))
    score, variance = np.zeros(groups.size), np.zeros((groups.size, groups.size))
    for name in np.unique(stratum):
        inside = stratum == name
        part, spread = _stratum(end[inside], kind[inside], own[inside], groups.size, float(rho))
        score += part
        variance += spread
    df = int(np.linalg.matrix_rank(variance, rtol=1e-10, hermitian=True)) if groups.size > 1 else 0
    if df == 0:
        return NotEstimable(reason=f"no two groups are at risk together at the time of an event of cause {of}")
    chi_square = float(score @ np.linalg.pinv(variance, rtol=1e-10, hermitian=True) @ score)
    return GrayTest(
        chi_square=chi_square,
        df=df,
        p=float(chi2.sf(chi_square, df)),
        cause=of,
        rho=float(rho),
        groups=tuple(groups.tolist()),
        n=tuple(np.bincount(own, minlength=groups.size).tolist()),
        events=tuple(events.tolist()),
        score=tuple(score.tolist()),
    )


def _stratum(
    month: NDArray[np.float64], kind: NDArray[np.int64], own: NDArray[np.int64], groups: int, rho: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return score and variance of one stratum; arrays have a row a group and a column a time of any event."""
    times = np.unique(month[kind > 0])
    if times.size == 0:
        return np.zeros(groups), np.zeros((groups, groups))
    place = np.searchsorted(times, month, side="right")
    stays = np.bincount(own * (times.size + 1) + place, minlength=groups * (times.size + 1))
    risk = np.cumsum(stays.reshape(groups, -1)[:, ::-1], axis=1)[:, ::-1][:, 1:].astype(np.float64)
    first, other = (_counts(own[kind == k], place[kind == k] - 1, groups, times.size) for k in (1, 2))
    there = risk > 0
    free = np.cumprod(np.where(there, 1.0 - (first + other) / positive(risk), 1.0), axis=1, dtype=np.float64)
    # where everybody in a group had an event it is at 0 from then on, and no longer there
    free_before = np.hstack([np.ones((groups, 1)), free[:, :-1]])
    incidence = np.cumsum(np.where(there, free_before * first / positive(risk), 0.0), axis=1)
    incidence_before = np.hstack([np.zeros((groups, 1)), incidence[:, :-1]])
    share = np.where(there, risk / positive(free_before), 0.0)
    total, failed = share.sum(axis=0), first.sum(axis=0)
    pooled = np.cumsum(np.where(total > 0, failed / positive(total), 0.0))
    pooled_before = np.append(0.0, pooled[:-1])
    weight = (1.0 - pooled_before) ** rho
    expected = share * (1.0 - incidence_before)
    score = (weight * (first - failed * expected / positive(expected.sum(axis=0)))).sum(axis=1)
    return score, _variance(
        share=share, total=total, weight=weight, hazard=failed / positive(total * (1.0 - pooled_before)),
        ahead=1.0 - pooled, free=free, free_before=free_before, risk=risk, failed=failed, other=other,
    )  # fmt: skip


def _variance(
    *,
    share: NDArray[np.float64],
    total: NDArray[np.float64],
    weight: NDArray[np.float64],
    hazard: NDArray[np.float64],
    ahead: NDArray[np.float64],
    free: NDArray[np.float64],
    free_before: NDArray[np.float64],
    risk: NDArray[np.float64],
    failed: NDArray[np.float64],
    other: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return V: in each group k the score of group i moves by a_ik at an event, and by c_ik through later shares.

    c is the sum of a against the pooled hazard up to the time; C, its end, is what all later shares carry.
    """
    groups = share.shape[0]
    variance = np.zeros((groups, groups))
    for k in range(groups):
        there, alive = risk[k] > 0, free[k] > 0
        a = -weight * share * share[k] / positive(total)
        a[k] += weight * share[k]
        c = np.cumsum(a * hazard, axis=1)
        later = np.where(alive, ahead / positive(free[k]), 0.0)
        tied = np.where(failed > 1, 1.0 - (failed - 1.0) / positive(total * free_before[k] - 1.0), 1.0)
        size = np.where(there, tied * free_before[k] * failed / positive(total * risk[k]), 0.0)
        move = a - (1.0 - later) * c + (1.0 - later) * c[:, -1:]
        variance += (move * size) @ move.T
        tied = np.where(other[k] > 1, 1.0 - (other[k] - 1.0) / positive(risk[k] - 1.0), 1.0)
        size = np.where(alive, tied * np.square(free_before[k]) * other[k] / positive(np.square(risk[k])), 0.0)
        move = later * (c - c[:, -1:])
        variance += (move * size) @ move.T
    return variance


def _counts(own: NDArray[np.int64], place: NDArray[np.int64], groups: int, times: int) -> NDArray[np.float64]:
    return np.bincount(own * times + place, minlength=groups * times).reshape(groups, times).astype(np.float64)
