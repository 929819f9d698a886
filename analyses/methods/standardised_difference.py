"""Standardised difference of two groups: how far apart they are, whatever their size and unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analyses.result import NotEstimable, Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_SPREAD = NotEstimable(reason="no spread in either group")
TOO_FEW = NotEstimable(reason="fewer than two values in a group")
NOBODY = NotEstimable(reason="no values in a group")


def of_means(first: Sequence[float], second: Sequence[float]) -> Summary | NotEstimable:
    """Return the standardised difference of the means of two samples without missing values.

    d = (m1 - m2) / sqrt((s1^2 + s2^2) / 2), s with the divisor n - 1. Austin PC, Stat Med 2009;28:3083, section 2.
    """
    if min(len(first), len(second)) < 2:  # noqa: PLR2004  (a standard deviation needs two)
        return TOO_FEW
    variance = (float(np.var(first, ddof=1)) + float(np.var(second, ddof=1))) / 2
    if variance == 0:
        return NO_SPREAD
    return Summary(value=(float(np.mean(first)) - float(np.mean(second))) / math.sqrt(variance))


def of_counts(first: Sequence[int], second: Sequence[int]) -> Summary | NotEstimable:
    """Return the standardised difference of two distributions over the same levels.

    first, second: how many have each level. Two levels: d = (p1 - p2) / sqrt((p1 (1 - p1) + p2 (1 - p2)) / 2) of the
    first level, with its sign. More: d = sqrt(t' S^-1 t) with t the differences of the shares of all levels but the
    first and S the mean of the two multinomial covariance matrices (Yang D, Dalton JE, SAS Global Forum 2012, 335);
    it has no sign, and does not depend on which level is left out. Levels that nobody has are left out.
    """
    one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.sum() == 0 or two.sum() == 0:
        return NOBODY
    if len(one) > 2:  # noqa: PLR2004
        seen = one + two > 0
        one, two = one[seen], two[seen]
    p, q = (one / one.sum())[: max(len(one) - 1, 1)], (two / two.sum())[: max(len(two) - 1, 1)]
    covariance = (_multinomial(p) + _multinomial(q)) / 2
    # Singular: a level that everybody of both groups has, or groups without a level in common.
    if np.linalg.matrix_rank(covariance, tol=1e-12) < len(p):
        return NO_SPREAD
    if len(first) == 2:  # noqa: PLR2004
        return Summary(value=float((p[0] - q[0]) / math.sqrt(covariance[0, 0])))
    difference = p - q
    return Summary(value=math.sqrt(float(difference @ np.linalg.solve(covariance, difference))))


def _multinomial(p: np.ndarray) -> np.ndarray:
    matrix: np.ndarray = np.diag(p) - np.outer(p, p)
    return matrix
