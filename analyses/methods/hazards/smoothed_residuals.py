"""The log hazard ratio of a Cox model over time: a spline through its scaled Schoenfeld residuals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from analyses.methods.risk_sets import check_level
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign
    from analyses.methods.hazards.likelihood_search import Maximum

    Floats = NDArray[np.float64]

_DEGREES = 4  # of freedom of the spline, its constant among them, as in cox.zph
_SINGULAR = 1e-10
_CLOSE = 1e-6  # distance of two knots, as a share of all of them
_TOO_CLOSE = NotEstimable(reason="events are too close together for a curve over time")


@dataclass(frozen=True, kw_only=True, eq=False)
class HazardRatioCurve:
    """The log hazard ratio of a term over time, with pointwise limits, and the residuals through which it goes.

    months: from the first event to the last, evenly spaced in g(t). event_month, residual: a point an event, the
    scaled residual plus the estimate of the model.
    """

    term: str
    months: Floats
    log_hazard_ratio: Floats
    std_error: Floats
    low: Floats
    high: Floats
    event_month: Floats
    residual: Floats
    level: float


def smoothed(
    design: CoxDesign,
    maximum: Maximum,
    residuals: Floats,
    time: Floats,
    *,
    term: str,
    points: int = 40,
    level: float = 0.95,
) -> HazardRatioCurve | NotEstimable:
    """Return the curve of a term.

    residuals: Schoenfeld's, a row a person, standardised columns. time: g(t) of each row. points: of the grid.
    Residuals r are scaled to V^-1 r + estimate, where V is the information per event (by stratum, with the terms that
    vary in it), and regressed on a natural cubic spline of g(t) with 4 degrees of freedom; a weight counts as that
    many events. Variance: that of the regression with residual variance V^-1.
    Grid and knots are those of the events that tell of the term: those of a stratum in which it has one value do not.
    NotEstimable if the events have fewer than 5 times. Raises ValueError if the model has no such term.
    Grambsch and Therneau 1994; checked against plot.cox.zph of R survival 3.5.3, whose band is twice the error wide
    where this one has the limits of the level, and whose grid and knots are those of all events.
    """
    check_level(level)
    if term not in design.terms:
        text = f"the model has no term {term}; it has {', '.join(design.terms)}"
        raise ValueError(text)
    place = design.terms.index(term)
    died, value, variance = _scaled(design, maximum, residuals, place)
    x, month, weight = time[died], design.month[died], design.weight[died]
    distinct, first = np.unique(x, return_index=True)
    if distinct.size <= _DEGREES:
        return NotEstimable(reason=f"events at {distinct.size} times are too few for a curve over time")
    grid = np.linspace(distinct[0], distinct[-1], points)
    each = np.repeat(x, weight.astype(np.int64)) if design.weighting == "counts" else x
    knots = np.quantile(np.append(grid, each), np.arange(_DEGREES) / (_DEGREES - 1))
    if np.min(np.diff(knots)) <= _CLOSE * (knots[-1] - knots[0]):
        return _TOO_CLOSE
    basis, wanted = _natural_spline(x, knots), _natural_spline(grid, knots)
    gram = basis.T @ (basis * weight[:, None])
    size = np.sqrt(np.diag(gram))
    if np.any(size == 0) or np.linalg.eigvalsh(gram / np.outer(size, size))[0] < _SINGULAR:
        return _TOO_CLOSE
    curve = wanted @ np.linalg.solve(gram, basis.T @ (weight * value))
    # a weight that is not whole is no number of events: its square is in the variance
    own = np.square(weight) if design.weighting == "weights" else weight
    turned = np.linalg.solve(gram, wanted.T).T
    error = np.sqrt(variance * np.sum(turned @ (basis.T @ (basis * own[:, None])) * turned, axis=1))
    scale, reach = design.scale[place], norm.isf((1 - level) / 2)
    return HazardRatioCurve(
        term=term,
        months=np.interp(grid, distinct, month[first]),
        log_hazard_ratio=curve / scale,
        std_error=error / scale,
        low=(curve - reach * error) / scale,
        high=(curve + reach * error) / scale,
        event_month=month,
        residual=value / scale,
        level=level,
    )


def _scaled(
    design: CoxDesign, maximum: Maximum, residuals: Floats, place: int
) -> tuple[NDArray[np.int64], Floats, float]:
    """Return the events in strata in which the term varies, their scaled residuals plus the estimate, and [V^-1].

    The weight of the events that tell of two terms together divides their information, as cox.zph counts them.
    """
    died = np.flatnonzero(design.event)
    stratum = np.zeros(design.month.size, dtype=np.int64) if design.stratum is None else design.stratum
    lowest = np.full((int(stratum.max()) + 1, len(design.terms)), np.inf)
    highest = -lowest
    np.minimum.at(lowest, stratum, design.matrix)
    np.maximum.at(highest, stratum, design.matrix)
    varies = highest > lowest
    weight = np.bincount(stratum[died], design.weight[died], minlength=len(varies))
    together = varies.T @ (varies * weight[:, None])
    per_event = maximum.information / np.where(together > 0, together, 1.0)
    value = np.zeros(died.size)
    for kind in np.unique(varies[stratum[died]], axis=0):
        if kind[place]:
            some = np.flatnonzero(np.all(varies[stratum[died]] == kind, axis=1))
            row = np.linalg.inv(per_event[np.ix_(kind, kind)])[int(kind[:place].sum())]
            value[some] = residuals[np.ix_(died[some], kind)] @ row
    told = varies[stratum[died], place]
    return died[told], value[told] + maximum.coefficients[place], float(np.linalg.inv(per_event)[place, place])


def _natural_spline(x: Floats, knots: Floats) -> Floats:
    """Return a basis of the cubic splines that are straight beyond the first and the last knot."""
    low, high = knots[0], knots[-1]
    at, at_knots = (x - low) / (high - low), (knots - low) / (high - low)
    last = np.maximum(at - 1, 0) ** 3
    bends = [(np.maximum(at - knot, 0) ** 3 - last) / (1 - knot) for knot in at_knots[:-1]]
    return np.column_stack((np.ones_like(at), at, *(bend - bends[-1] for bend in bends[:-1])))
