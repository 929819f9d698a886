"""How two independent restricted means differ: their difference and their ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.stats import norm

from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class RestrictedMean:
    """Months free of the event up to the horizon. n: persons; events: up to the horizon.

    interval_error: the standard error that intervals and tests are made of, see restricted_mean.
    """

    value: float
    std_error: float
    interval_error: float
    low: float
    high: float
    n: int
    events: int


@dataclass(frozen=True, kw_only=True)
class MeanDifference:
    """The restricted mean of the second group minus that of the first, in months."""

    value: float
    std_error: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, kw_only=True)
class MeanRatio:
    """The restricted mean of the second group divided by that of the first; log_std_error is that of its logarithm."""

    value: float
    log_std_error: float
    low: float
    high: float
    p: float


def mean_difference(means: Sequence[RestrictedMean | NotEstimable], level: float) -> MeanDifference | NotEstimable:
    """Return the difference of two means, second minus first, with the normal interval of its interval error."""
    both = _two(means)
    if isinstance(both, NotEstimable):
        return both
    first, second = both
    value = second.value - first.value
    error = math.hypot(first.interval_error, second.interval_error)
    reach = float(norm.isf((1 - level) / 2)) * error
    return MeanDifference(
        value=value,
        std_error=math.hypot(first.std_error, second.std_error),
        low=value - reach,
        high=value + reach,
        p=float(2 * norm.sf(abs(value) / error)),
    )


def mean_ratio(means: Sequence[RestrictedMean | NotEstimable], level: float) -> MeanRatio | NotEstimable:
    """Return the ratio of two means, second to first, with the normal interval of its logarithm.

    By the delta method the variance of the logarithm is the sum of (standard error / mean)^2, as in survRM2.
    """
    both = _two(means)
    if isinstance(both, NotEstimable):
        return both
    first, second = both
    value = second.value / first.value
    error = math.hypot(first.interval_error / first.value, second.interval_error / second.value)
    reach = math.exp(float(norm.isf((1 - level) / 2)) * error)
    return MeanRatio(
        value=value,
        log_std_error=math.hypot(first.std_error / first.value, second.std_error / second.value),
        low=value / reach,
        high=value * reach,
        p=float(2 * norm.sf(abs(math.log(value)) / error)),
    )


def _two(
    means: Sequence[RestrictedMean | NotEstimable],
) -> tuple[RestrictedMean, RestrictedMean] | NotEstimable:
    if len(means) != 2:  # noqa: PLR2004  (a difference is between two)
        return NotEstimable(reason="a difference needs two groups")
    first, second = means
    if isinstance(first, NotEstimable):
        return first
    if isinstance(second, NotEstimable):
        return second
    return first, second
