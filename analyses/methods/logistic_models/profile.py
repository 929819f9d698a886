"""Where the likelihood, maximised over everything else, has fallen by so much: limits of a coefficient or of the sd."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import null_space
from scipy.stats import chi2

from analyses.methods.logistic_models.logistic_search import Infinite, search
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Callable

    from analyses.methods.logistic_models.adaptive_quadrature import Place, Rule
    from analyses.methods.logistic_models.centre_rows import CentreRows
    from analyses.methods.mixed_models.small_sample import Array

    Profile = Callable[[float], tuple[float, float] | None]  # root of twice the fall, and slope of the likelihood

_CLOSE = 1e-8  # of the root of the fall
_ITERATIONS = 60
_LEVEL = 0.5  # an sd to start from beside a maximum at zero, where the likelihood is level
_FARTHEST = 20.0  # no limit of an sd is looked for above this


@dataclass(frozen=True, kw_only=True)
class ProfileInterval:
    """Limits of a coefficient from the profile of the likelihood, and the likelihood-ratio test that it is zero.

    A limit that was not found is a NotEstimable. statistic: of the test, chi-squared with one degree of freedom.
    """

    term: str
    estimate: float
    low: float | NotEstimable
    high: float | NotEstimable
    statistic: float
    p: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Profiled:
    """A likelihood and its maximum; without: the log-likelihood without a centre effect."""

    rows: CentreRows
    rule: Rule
    best: Place
    without: float


def coefficient_limits(
    profiled: Profiled, weights: Array, error: float, level: float
) -> tuple[float | NotEstimable, float | NotEstimable, float]:
    """Return limits of weights'coefficients, with a standard error near, and twice the fall where it is zero."""
    best = profiled.best
    top = float(weights @ best.coefficients)
    unit = weights / float(weights @ weights)
    sides = np.zeros((len(weights) + 1, len(weights)))
    sides[:-1, :-1], sides[-1, -1] = null_space(weights[None, :]), 1.0

    def at(value: float) -> tuple[float, float] | None:
        start = best.coefficients + (value - top) * unit, max(best.sd, _LEVEL)
        found = search(profiled.rows, profiled.rule, start, along=sides, near=best.mode)
        if isinstance(found, Infinite):
            return None
        return _root(profiled, found, value - top), float(unit @ found.score[:-1])

    reach = math.sqrt(float(chi2.ppf(level, 1)))
    low, high = (_limit(at, top, top + side * reach * error, side * reach) for side in (-1.0, 1.0))
    nothing = at(0.0)
    return low, high, math.inf if nothing is None else nothing[0] ** 2


def sd_limits(profiled: Profiled, error: float, level: float) -> tuple[float, float]:
    """Return limits of the sd: low is 0 where the likelihood at zero is high enough, high infinite if not reached."""
    best = profiled.best
    p = len(best.coefficients)
    coefficients = np.eye(p + 1)[:, :p]

    def at(value: float) -> tuple[float, float] | None:
        if value > _FARTHEST:
            return None
        found = search(profiled.rows, profiled.rule, (best.coefficients, value), along=coefficients, near=best.mode)
        if isinstance(found, Infinite):
            return None
        return _root(profiled, found, value - best.sd), float(found.score[-1])

    reach = math.sqrt(float(chi2.ppf(level, 1)))
    high = _limit(at, best.sd, best.sd + max(reach * error, _LEVEL), reach)
    low: float | NotEstimable = 0.0
    if 2 * (best.log_likelihood - profiled.without) > reach**2:
        low = _limit(at, best.sd, best.sd / 2, -reach)
    return (
        0.0 if isinstance(low, NotEstimable) else low,
        math.inf if isinstance(high, NotEstimable) else high,
    )


def _root(profiled: Profiled, found: Place, side: float) -> float:
    fall = 2 * (profiled.best.log_likelihood - found.log_likelihood)
    return math.copysign(math.sqrt(max(fall, 0.0)), side)


def _limit(at: Profile, top: float, value: float, target: float) -> float | NotEstimable:
    """Return the value at which the root is the target: Newton's steps, kept inside what is known by bisection.

    The slope of the profile is the score of what is held, so that the root r has the slope -score / r.
    """
    inside, outside = top, math.copysign(math.inf, target)
    for _ in range(_ITERATIONS):
        found = at(value)
        if found is None:
            break
        root, score = found
        if abs(root - target) < _CLOSE or abs(outside - inside) < _CLOSE * (1 + abs(value)):
            return value
        if abs(root) < abs(target):
            inside = value
        else:
            outside = value
        slope = -score / root if root != 0 else 0.0
        ahead = value + (target - root) / slope if slope > 0 else math.inf
        if not min(inside, outside) < ahead < max(inside, outside):
            ahead = (inside + outside) / 2 if math.isfinite(outside) else top + 2 * (value - top)
        value = ahead
    return NotEstimable(reason="the profile of the likelihood does not fall far enough")
