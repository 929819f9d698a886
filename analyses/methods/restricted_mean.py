"""Restricted mean: the average time free of an event up to a horizon, by group, and its difference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from analyses.methods.influence import hazard_variance, influence_terms
from analyses.methods.kaplan_meier import kaplan_meier
from analyses.methods.risk_sets import check_level, positive
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from analyses.methods.survival_curve import KaplanMeier


@dataclass(frozen=True, kw_only=True)
class RestrictedMean:
    """Months free of the event up to the horizon. n: persons; events: up to the horizon."""

    value: float
    std_error: float
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
class RestrictedMeans:
    """Restricted means by group, in the sorted order of the groups, and for two groups their difference."""

    horizon: float
    level: float
    groups: tuple[object, ...]
    means: tuple[RestrictedMean | NotEstimable, ...]
    difference: MeanDifference | NotEstimable


def restricted_mean(
    month: ArrayLike,
    event: ArrayLike,
    group: ArrayLike | None = None,
    *,
    horizon: float,
    entry: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    level: float = 0.95,
) -> RestrictedMeans:
    """Return the area under the Kaplan-Meier curve from 0 to the horizon, by group.

    month, event, entry, weight: as for kaplan_meier. group: None for one group (named "all").
    Standard error: root of the sum over event times t up to the horizon of A(t)^2 d / (n (n - d)), where A(t) is the
    area from t to the horizon (Klein and Moeschberger 2003, 4.5); with weights that are not whole numbers the
    infinitesimal jackknife. Interval and p: normal; the interval of a mean is kept within 0 and the horizon.
    NotEstimable for a group that is not followed to the horizon, and says to which month it is: the horizon is
    declared before the data are seen, so it is not moved here. NotEstimable without an event up to the horizon.
    Raises ValueError on impossible input.
    Checked against R survival 3.5.3 (unweighted, and weighted through its influence values) and survRM2's pbc example.
    """
    check_level(level)
    if not (math.isfinite(horizon) and horizon > 0):
        raise ValueError("the horizon is a positive number of months")
    size = np.asarray(month).size
    label = np.full(size, "all") if group is None else np.asarray(group)
    if label.shape != (size,):
        raise ValueError("month and group differ in length")
    columns = {"month": month, "event": event, "entry": entry, "weight": weight}
    arrays = {name: np.asarray(values) for name, values in columns.items() if values is not None}
    groups = tuple(np.unique(label).tolist())
    means = []
    for name in groups:
        curve = kaplan_meier(**{column: values[label == name] for column, values in arrays.items()}, level=level)
        means.append(curve if isinstance(curve, NotEstimable) else _mean(curve, horizon))
    return RestrictedMeans(
        horizon=horizon, level=level, groups=groups, means=tuple(means), difference=_difference(means, level)
    )


def _mean(curve: KaplanMeier, horizon: float) -> RestrictedMean | NotEstimable:
    if curve.followed_to < horizon and curve.survival[-1] > 0:
        return NotEstimable(
            reason=f"followed to month {math.floor(curve.followed_to)} only, not to month {horizon:g}; a horizon up to "
            f"month {math.floor(curve.followed_to)} would be possible"
        )
    inside = curve.month <= horizon
    month = curve.month[inside]
    events = int(np.sum(curve.events[inside]))
    if events == 0:
        return NotEstimable(reason=f"nobody had the event by month {horizon:g}, so the mean has no interval")
    area = np.diff(np.append(month, horizon)) * curve.survival[inside]
    beyond = np.cumsum(area[::-1])[::-1]
    value = float(month[0] + np.sum(area))
    error = _std_error(curve, inside, beyond)
    reach = float(norm.isf((1 - curve.level) / 2)) * error
    return RestrictedMean(
        value=value,
        std_error=error,
        low=max(0.0, value - reach),
        high=min(horizon, value + reach),
        n=curve.n,
        events=events,
    )


def _std_error(curve: KaplanMeier, inside: NDArray[np.bool_], beyond: NDArray[np.float64]) -> float:
    at_risk, events = curve.at_risk_weighted[inside], curve.events_weighted[inside]
    left = np.where(curve.at_risk[inside] == curve.events[inside], 0.0, at_risk - events)
    terms = hazard_variance(events, at_risk, left)
    if curve.people.weighting != "weights":
        return float(np.sqrt(np.sum(np.square(beyond) * terms)))
    jump = np.where(left > 0, beyond / positive(left), 0.0)
    influence = influence_terms(curve.people, curve.month[inside], beyond * terms, jump)
    return float(np.sqrt(np.sum(np.square(curve.people.weight * influence))))


def _difference(means: list[RestrictedMean | NotEstimable], level: float) -> MeanDifference | NotEstimable:
    if len(means) != 2:  # noqa: PLR2004  (a difference is between two)
        return NotEstimable(reason="a difference needs two groups")
    first, second = means
    if isinstance(first, NotEstimable):
        return first
    if isinstance(second, NotEstimable):
        return second
    value = second.value - first.value
    error = math.hypot(first.std_error, second.std_error)
    if error == 0:
        return NotEstimable(reason="both means have a standard error of 0")
    reach = float(norm.isf((1 - level) / 2)) * error
    return MeanDifference(
        value=value,
        std_error=error,
        low=value - reach,
        high=value + reach,
        p=float(2 * norm.sf(abs(value) / error)),
    )
