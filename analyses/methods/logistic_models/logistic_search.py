"""The highest likelihood of a logistic model with or without an intercept of the centre, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import expit

from analyses.methods.logistic_models.adaptive_quadrature import Place, evaluate, rule
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from analyses.methods.logistic_models.adaptive_quadrature import Rule
    from analyses.methods.logistic_models.centre_rows import CentreRows
    from analyses.methods.mixed_models.small_sample import Array

ZERO = 1e-4
"""A standard deviation of centres below this is called zero, as in lme4."""
MOST = 20.0
"""No standard deviation of centres is above this: log odds that differ by it differ beyond any data."""
ENOUGH = 1e-6
"""A log-likelihood that changes by more with twice the points needs more of them."""
_STARTS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
_LARGE = 3.0  # an sd with which the integrand of a centre may be too far from a normal density for the quadrature
_FEW = 9  # points, to compare starts
_DONE = 1e-7  # root mean square change of the linear predictor, or of sd: the step is taken, and its square is left
_STILL_MOVING = 1e-2
_NO_GAIN = 1e-6  # with _STILL_MOVING: a standard error above 10 that grows, on the way to infinity
_LEVEL = 1e-11  # gain in log-likelihood that is none
_REACH = 4.0  # root mean square change of the linear predictor in one step
_SPREAD = 40.0  # of linear predictors
_ITERATIONS = 60
_HALVINGS = 12
_ROUNDING = 1e-10  # share of the log-likelihood that the quadrature may lose between two places
_NAMED = 1e-2  # share of the largest part of a direction from which a term is named
_FLAT = 1e-8  # smallest share of the largest curvature in a step


@dataclass(frozen=True, kw_only=True, eq=False)
class Ordinary:
    """The logistic model without centres: coefficients, log-likelihood and information at its maximum.

    slope: of the log-likelihood with centres by the variance of their effects, at zero. At or below zero the maximum
    of this model is a maximum of the one with centres.
    """

    coefficients: Array
    log_likelihood: float
    information: Array
    slope: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Refined:
    """A maximum with and without centres, the rule it was found with, and what twice the points would change."""

    best: Place
    base: Ordinary
    rule: Rule
    change: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Infinite:
    """A search that ran away with a direction of the coefficients or the sd of the centres, or found no way up."""

    direction: Array
    along: Literal["coefficients", "sd", "nothing"]


def ordinary(rows: CentreRows) -> Ordinary | Infinite:
    """Return the maximum without centres, by Newton's method with step halving; Infinite if responses are separated."""
    step = beta = np.zeros(rows.x.shape[1])
    before = -np.inf
    for _ in range(_ITERATIONS):
        eta = rows.x @ beta
        value = float(np.sum(rows.events * eta - rows.size * np.logaddexp(0, eta)))
        if value < before - _ROUNDING * (1 + abs(before)):
            step = step / 2
            beta = beta - step
            continue
        chance = expit(eta)
        left, weight = rows.events - rows.size * chance, rows.size * chance * (1 - chance)
        information, score = (rows.x * weight[:, None]).T @ rows.x, rows.x.T @ left
        step = _ascent(information, score)
        moved = float(np.linalg.norm(step))
        if moved < _DONE**1.5:
            slope = float(np.sum(rows.by_centre(left) ** 2 - rows.by_centre(weight))) / 2
            return Ordinary(coefficients=beta, log_likelihood=value, information=information, slope=slope)
        if float(np.ptp(eta)) > _SPREAD or (float(score @ step) < _NO_GAIN and moved > _STILL_MOVING):
            break
        before, beta = value, beta + step
    return Infinite(direction=step, along="coefficients")


def search(
    rows: CentreRows, chosen: Rule, start: tuple[Array, float], *, along: Array, near: Array | None = None
) -> Place | Infinite:
    """Return a maximum near a start, by Newton's method with step halving, over some directions (p + 1, k).

    The steps are in the sd itself, where the likelihood is even and has no boundary: a maximum at zero is one like
    any other. Where the information is not positive definite its eigenvalues are taken positive.
    """
    p = rows.x.shape[1]
    here = evaluate(rows, chosen, *start, near)
    for _ in range(_ITERATIONS):
        step = along @ _ascent(along.T @ here.information @ along, along.T @ here.score)
        moved, by, wider = float(np.linalg.norm(step)), float(np.linalg.norm(step[:p])), float(step[p])
        gain = float(here.score @ step)
        if gain < _NO_GAIN and max(by, wider) > _STILL_MOVING:  # sd may go to zero like this
            return Infinite(direction=step[:p], along="sd" if wider > by else "coefficients")
        step /= max(1.0, by / _REACH, abs(wider) / max(1.0, here.sd))
        there = _advance(rows, chosen, here, step)
        if there is None:
            break
        here = there
        # where slope and curvature by sd are both zero at zero, Newton's steps shrink by thirds only
        if moved < _DONE or (gain < _LEVEL and here.sd < _STILL_MOVING):
            return here
        if here.sd > MOST and along[p].any():
            return Infinite(direction=step[:p], along="sd")
        if np.ptp(rows.x @ here.coefficients) > _SPREAD * (1 + here.sd):
            return Infinite(direction=step[:p], along="coefficients")
    return Infinite(direction=step[:p], along="sd" if here.sd > _LARGE else "nothing")


def _advance(rows: CentreRows, chosen: Rule, here: Place, step: Array) -> Place | None:
    """Return the place after a step, halved until the likelihood does not fall; None if it falls however small."""
    slack = _ROUNDING * (1 + abs(here.log_likelihood))
    for _ in range(_HALVINGS):
        there = evaluate(rows, chosen, here.coefficients + step[:-1], abs(here.sd + float(step[-1])), here.mode)
        if there.log_likelihood >= here.log_likelihood - slack:
            return there
        step = step / 2
    return None


def maximise(rows: CentreRows, chosen: Rule) -> tuple[Place, Ordinary] | Infinite:
    """Return the maximum over coefficients and sd, with the one without centres.

    The search starts from the best of several standard deviations, so that a second maximum beside the one at zero is
    not overlooked.
    """
    base = ordinary(rows)
    if isinstance(base, Infinite):
        return base
    rough = rule(_FEW)
    starts = [evaluate(rows, rough, base.coefficients * np.sqrt(1 + 0.35 * sd**2), sd) for sd in _STARTS]
    best = max(starts, key=lambda place: place.log_likelihood)
    found = search(rows, chosen, (best.coefficients, best.sd), along=np.eye(len(base.coefficients) + 1), near=best.mode)
    if isinstance(found, Infinite):
        return found
    level = found.log_likelihood <= base.log_likelihood + _ROUNDING * (1 + abs(base.log_likelihood))
    if found.sd < ZERO or (level and base.slope <= _ROUNDING * float(rows.size.sum())):
        found = evaluate(rows, chosen, base.coefficients, 0.0)
    return found, base


def refined(rows: CentreRows, points: int, most: int) -> Refined | Infinite:
    """Return the maximum with so many points, or with twice as many while that changes the log-likelihood."""
    while True:
        chosen = rule(points)
        found = maximise(rows, chosen)
        change = np.inf
        if not isinstance(found, Infinite):
            best, base = found
            finer = evaluate(rows, rule(2 * points), best.coefficients, best.sd, best.mode)
            change = finer.log_likelihood - best.log_likelihood
        elif found.along == "coefficients":
            return found
        if abs(change) < ENOUGH or points == most:
            break
        points = min(2 * points, most)
    return found if isinstance(found, Infinite) else Refined(best=best, base=base, rule=chosen, change=change)


def no_maximum(found: Infinite, names: tuple[str, ...], triangle: Array) -> NotEstimable:
    """Return why there is no maximum, naming the terms along which the search ran away, and what to change."""
    if found.along == "nothing":
        return NotEstimable(reason="no maximum of the likelihood was found; leave terms out or pool small centres")
    if found.along == "sd":
        return NotEstimable(
            reason="the variance of the centre effect would be infinite, or nearly so: the responses of nearly every "
            "centre are all alike; pool small centres, or use a model without them"
        )
    shift = np.linalg.solve(triangle, found.direction) * np.linalg.norm(triangle, axis=0)  # of the linear predictor
    large = np.abs(shift) > _NAMED * np.max(np.abs(shift))
    named = [name for name, own in zip(names, large, strict=True) if own]
    terms = ", ".join(name for name in named if name != "Intercept") or "Intercept"
    return NotEstimable(
        reason=f"no maximum of the likelihood: responses are separated, or nearly so, by {terms}; "
        "leave such a term out, pool its levels or use a penalised model"
    )


def _ascent(information: Array, score: Array) -> Array:
    """Return Newton's step, or where the likelihood is not concave one that climbs."""
    values, axes = np.linalg.eigh(information)
    values = np.maximum(np.abs(values), _FLAT * np.abs(values).max())
    return np.asarray(axes @ ((axes.T @ score) / values))
