"""Likelihood-ratio test between two fits of the same rows, one of which contains the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from scipy.stats import chi2

if TYPE_CHECKING:
    import pandas as pd

    from analyses.methods.mixed_models.fixed_effects import FixedEffects

WORSE = 1e-6
"""A larger model whose likelihood is lower by more than this does not contain the smaller one."""


class Fitted(Protocol):
    """What a fit must tell to be compared: parameters are those of variances and covariances."""

    @property
    def log_likelihood(self) -> float: ...  # noqa: D102
    @property
    def method(self) -> str: ...  # noqa: D102
    @property
    def parameters(self) -> int: ...  # noqa: D102
    @property
    def converged(self) -> bool: ...  # noqa: D102
    @property
    def terms(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def _effects(self) -> FixedEffects: ...


@dataclass(frozen=True, kw_only=True)
class LikelihoodRatio:
    """Twice the difference of log likelihoods, chi-squared with df under the smaller model."""

    chi_square: float
    df: int
    p: float


def likelihood_ratio(smaller: Fitted, larger: Fitted) -> LikelihoodRatio:
    """Return the test of a model against a larger one that contains it.

    Fits by restricted likelihood can differ in their variances and covariances only, as their likelihoods are of
    what the fixed effects leave. Where the smaller model has a variance at zero, the limit of what it can be, p is too
    large (Self, Liang 1987, J Am Stat Assoc 82:605). Checked against nlme's anova.
    Raises ValueError for fits of different rows, responses or methods, of different fixed effects by restricted
    likelihood, that have not converged, or of which the larger does not contain the smaller.
    """
    reason = _incomparable(smaller, larger)
    if reason:
        raise ValueError(reason)
    df = larger.parameters - smaller.parameters
    if smaller.method == "ml":
        df += len(larger.terms) - len(smaller.terms)
    change = 2 * (larger.log_likelihood - smaller.log_likelihood)
    if df <= 0:
        raise ValueError("the second model has no more parameters than the first; give the smaller one first")
    if change < -WORSE:
        raise ValueError("the second model has the lower likelihood, so that it does not contain the first")
    change = max(change, 0.0)
    return LikelihoodRatio(chi_square=change, df=df, p=float(chi2.sf(change, df)))


def _incomparable(smaller: Fitted, larger: Fitted) -> str:
    """Return why two likelihoods are not of the same data, or nothing."""
    one, two = smaller._effects.design, larger._effects.design  # noqa: SLF001  (both are fits of this floor)
    if smaller.method != larger.method:
        return f"one fit is by {smaller.method}, the other by {larger.method}; fit both by one method"
    if not (np.array_equal(one.rows, two.rows) and np.array_equal(one.y, two.y)):
        return "the fits have different rows or responses; leave rows with a missing value out of both"
    if smaller.method == "reml" and not np.array_equal(one.x, two.x):
        return "restricted likelihoods of different fixed effects cannot be compared; fit both with method 'ml'"
    if not (smaller.converged and larger.converged):
        return "a fit has not converged"
    return ""
