"""Restricted mean: the average time free of an event up to a horizon, by group, with difference and ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from analyses.methods.curves.influence import hazard_variance, influence_terms
from analyses.methods.curves.kaplan_meier import kaplan_meier
from analyses.methods.curves.mean_contrast import MeanDifference, MeanRatio, RestrictedMean, mean_difference, mean_ratio
from analyses.methods.ordering import codes
from analyses.methods.risk_sets import check_level, positive
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from analyses.methods.curves.survival_curve import KaplanMeier

__all__ = ["MeanDifference", "MeanRatio", "RestrictedMean", "RestrictedMeans", "restricted_mean"]


@dataclass(frozen=True, kw_only=True)
class RestrictedMeans:
    """Restricted means by group, in the sorted order of the groups, and for two groups their difference and ratio.

    followed_to: the largest horizon that all groups are followed to, in months; infinity if every curve has come down
    to 0, and 0 if a group has nobody. A caller who must cut the horizon to it can say so.
    """

    horizon: float
    level: float
    groups: tuple[object, ...]
    means: tuple[RestrictedMean | NotEstimable, ...]
    difference: MeanDifference | NotEstimable
    ratio: MeanRatio | NotEstimable
    followed_to: float
    notes: tuple[str, ...]


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
    infinitesimal jackknife.
    Intervals and p: normal, with a variance m / (m - 1) times as large, m being the events before the horizon (at
    least 2; with weights their effective number), which Kaplan and Meier (1958) proposed and which without censoring
    gives the variance of an ordinary mean. The limits of a mean are on the scale of logit(mean / horizon), those of a
    ratio on that of its logarithm. In simulated arms of 30 (benchmarks/small_arms.py) a mean +- 1.96 standard errors
    covered the truth in 82 to 94 % of replicates, by scenario, and this interval in 94 to 97 %; of a difference, the
    one in 92 to 94 % where events are not rare, and this one in 93 to 97 %.
    NotEstimable for a group that is not followed to the horizon, and says to which month it is: the horizon is
    declared before the data are seen, so it is not moved here. NotEstimable, too, where the data say nothing of the
    error: without an event before the horizon, or if all had it at one time. Raises ValueError on impossible input.
    Checked against R survival 3.5.3 (unweighted, and weighted through its influence values) and survRM2's pbc example.
    """
    check_level(level)
    if not (math.isfinite(horizon) and horizon > 0):
        raise ValueError("the horizon is a positive number of months")
    size = np.asarray(month).size
    code, groups = codes(np.full(size, "all") if group is None else group, "group", size)
    columns = {"month": month, "event": event, "entry": entry, "weight": weight}
    arrays = {name: np.asarray(values) for name, values in columns.items() if values is not None}
    if any(values.shape != (size,) for values in arrays.values()):
        raise ValueError("month, event, entry and weight differ in length")
    means: list[RestrictedMean | NotEstimable] = []
    followed, notes = math.inf, dict[str, None]()
    for own in range(len(groups)):
        curve = kaplan_meier(**{column: values[code == own] for column, values in arrays.items()}, level=level)
        if isinstance(curve, NotEstimable):
            means.append(curve)
            followed = 0.0
            continue
        means.append(_mean(curve, horizon))
        if curve.survival[-1] > 0:
            followed = min(followed, curve.followed_to)
        notes.update(dict.fromkeys(curve.notes))
    return RestrictedMeans(
        horizon=horizon,
        level=level,
        groups=groups,
        means=tuple(means),
        difference=mean_difference(means, level),
        ratio=mean_ratio(means, level),
        followed_to=followed if groups else 0.0,
        notes=tuple(notes),
    )


def _mean(curve: KaplanMeier, horizon: float) -> RestrictedMean | NotEstimable:
    if curve.followed_to < horizon and curve.survival[-1] > 0:
        return NotEstimable(
            reason=f"followed to month {math.floor(curve.followed_to)} only, not to month {horizon:g}; a horizon up to "
            f"month {math.floor(curve.followed_to)} would be possible"
        )
    inside = curve.month <= horizon
    before = (curve.month < horizon) & (curve.events > 0)
    if not np.any(before):
        return NotEstimable(reason=f"nobody had the event before month {horizon:g}, so the mean has no interval")
    if curve.survival[before][0] == 0:
        when = f"month {curve.month[before][0]:g}"
        return NotEstimable(reason=f"all who were at risk had the event at {when}, so the mean has no interval")
    month = curve.month[inside]
    area = np.diff(np.append(month, horizon)) * curve.survival[inside]
    beyond = np.cumsum(area[::-1])[::-1]
    value = float(month[0] + np.sum(area))
    if not 0 < value < horizon:
        return NotEstimable(reason=f"the time lost by month {horizon:g} is too small to be told from none")
    error = _std_error(curve, inside, beyond)
    number = max(_effective_events(curve, horizon), 2.0)
    wide = error * math.sqrt(number / (number - 1))
    odds = math.log(value / (horizon - value))
    reach = float(norm.isf((1 - curve.level) / 2)) * wide * horizon / (value * (horizon - value))
    return RestrictedMean(
        value=value,
        std_error=error,
        interval_error=wide,
        low=horizon * float(expit(odds - reach)),
        high=horizon * float(expit(odds + reach)),
        n=curve.n,
        events=int(np.sum(curve.events[inside])),
    )


def _effective_events(curve: KaplanMeier, horizon: float) -> float:
    """Return how many events of equal weight those before the horizon are worth: the number, or Kish's."""
    people = curve.people
    weight = people.weight[people.event & (people.month < horizon)]
    total = float(np.sum(weight))
    return total**2 / float(np.sum(np.square(weight))) if people.weighting == "weights" else total


def _std_error(curve: KaplanMeier, inside: NDArray[np.bool_], beyond: NDArray[np.float64]) -> float:
    at_risk, events = curve.at_risk_weighted[inside], curve.events_weighted[inside]
    left = np.where(curve.at_risk[inside] == curve.events[inside], 0.0, at_risk - events)
    terms = hazard_variance(events, at_risk, left)
    if curve.people.weighting != "weights":
        return float(np.sqrt(np.sum(np.square(beyond) * terms)))
    jump = np.where(left > 0, beyond / positive(left), 0.0)
    influence = influence_terms(curve.people, curve.month[inside], beyond * terms, jump)
    return float(np.sqrt(np.sum(np.square(curve.people.weight * influence))))
