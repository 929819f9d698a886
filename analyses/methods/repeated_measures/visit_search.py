"""The covariance of visits at which the likelihood is highest, or where it has no highest value.

Newton steps with exact second derivatives, measured by the expected information so that the scale of a parameter does
not matter; where the criterion bends downwards they go down its slope, and a step that does not lower it is halved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from analyses.methods.repeated_measures import visit_covariance
from analyses.methods.repeated_measures.visit_likelihood import Derivatives, Point, derivatives, evaluate

if TYPE_CHECKING:
    from analyses.methods.mixed_models.small_sample import Array
    from analyses.methods.repeated_measures.visit_covariance import Covariance
    from analyses.methods.repeated_measures.visit_rows import VisitRows

DECREMENT = 1e-9
"""The search has converged when a Newton step would lower the criterion by less than this."""
FINE = 1e-20
"""Newton steps go on until this: the criterion is flat, and its square root is the error of a parameter."""
STEPS = 100
HALVINGS = 40
BENT = 1e-3
"""A direction with less curvature than this share of the expected one is taken to have this share."""
SINGULAR = 1e-8
"""A correlation matrix with a smaller root than this is singular; so is a variance of this share of the mean one."""
NEARLY, PATIENCE = 1e-4, 30
"""The same, where the search could not end; a tenth of it after so many steps, as a maximum inside takes about ten."""
SMALL = 1e-100
"""Stands for zero where something is divided by it."""
ROUNDING = 1e-13
"""Share of the criterion that may be rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Optimum:
    """Where the search ended. theta: (g, s); sigma: (g, T, T) and slopes: (g, s, T, T) in units of the rows.

    hessian: (g s, g s), second derivatives of the criterion by all parameters. singular: Sigma has no inverse there.
    """

    theta: Array
    sigma: Array
    slopes: Array
    point: Point
    derivatives: Derivatives
    hessian: Array
    converged: bool
    singular: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class _Problem:
    data: VisitRows
    kind: Covariance
    restricted: bool

    @property
    def visits(self) -> int:
        return len(self.data.visits)

    def sigma(self, theta: Array) -> Array:
        return np.stack([visit_covariance.matrix(self.kind, own, self.visits) for own in theta])

    def point(self, theta: Array) -> Point | None:
        """Return the point at theta; None where Sigma is not positive definite or a number is too large."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            try:
                found = evaluate(self.data, self.sigma(theta), restricted=self.restricted)
            except np.linalg.LinAlgError:
                return None
        return found if np.isfinite(found.criterion) else None

    def derive(self, theta: Array, point: Point) -> tuple[Array, Derivatives, Array]:
        """Return slopes of Sigma, the derivatives and the whole second derivatives of the criterion."""
        slopes = np.stack([visit_covariance.slopes(self.kind, own, self.visits) for own in theta])
        made = derivatives(self.data, point, slopes, restricted=self.restricted)
        hessian = made.linear.copy()
        each = theta.shape[1]
        for g, own in enumerate(theta):
            place = slice(g * each, (g + 1) * each)
            hessian[place, place] += visit_covariance.curvature(self.kind, own, self.visits, made.entries[g])
        return slopes, made, hessian


def search(data: VisitRows, kind: Covariance, *, restricted: bool) -> Optimum | None:
    """Return where the criterion is lowest, or where the search gave up; None if it could not even begin."""
    problem = _Problem(data=data, kind=kind, restricted=restricted)
    theta = np.stack([visit_covariance.start(kind, own) for own in data.moments])
    best = _newton(problem, theta)
    if best is None or best.converged or best.singular:
        return best
    other = _newton(problem, _quasi_newton(problem, best.theta))
    if other is None or (not other.converged and other.point.criterion > best.point.criterion):
        return best
    return other


def _newton(problem: _Problem, theta: Array) -> Optimum | None:
    point = problem.point(theta)
    if point is None:
        return None
    for taken in range(STEPS):
        slopes, made, hessian = problem.derive(theta, point)
        step, decrement, convex = _step(made, hessian)
        singular = _smallest(problem.sigma(theta)) < (SINGULAR if taken < PATIENCE else NEARLY / 10)
        if singular or decrement < FINE:
            break
        ahead = _descend(problem, theta, point, step.reshape(theta.shape), decrement)
        if ahead is None:
            break
        theta, point = ahead
    converged = decrement < DECREMENT and convex and not singular
    sigma = problem.sigma(theta)
    if not converged:
        singular = _smallest(sigma) < NEARLY
    return Optimum(
        theta=theta,
        sigma=sigma,
        slopes=slopes,
        point=point,
        derivatives=made,
        hessian=hessian,
        converged=converged,
        singular=singular,
    )


def _step(made: Derivatives, hessian: Array) -> tuple[Array, float, bool]:
    """Return the Newton step, half of what it promises to lower the criterion by, and whether it bends upwards."""
    size = np.sqrt(np.maximum(np.diag(made.expected), SMALL))
    metric = made.expected / np.outer(size, size) + 1e-12 * np.eye(len(size))
    try:
        lower = np.linalg.cholesky(metric)
    except np.linalg.LinAlgError:
        lower = np.eye(len(size))
    inward = solve_triangular(lower, np.diag(1 / size), lower=True)
    bent, axes = np.linalg.eigh(inward @ hessian @ inward.T)
    along = axes.T @ (inward @ made.gradient)
    step = -inward.T @ axes @ (along / np.maximum(np.abs(bent), BENT))
    promised = float((along**2 / np.maximum(np.abs(bent), SMALL)).sum() / 2)
    return step, promised, bool(bent[0] > 0)


def _descend(
    problem: _Problem, theta: Array, point: Point, step: Array, decrement: float
) -> tuple[Array, Point] | None:
    """Return where a step, or the largest half of it that lowers the criterion, leads."""
    step = step / max(1.0, float(np.abs(step / np.maximum(1.0, np.abs(theta))).max()) / 2)
    slack = ROUNDING * max(abs(point.criterion), problem.data.n)
    for share in 0.5 ** np.arange(HALVINGS):
        ahead = problem.point(theta + share * step)
        if ahead is not None and ahead.criterion <= point.criterion + (slack if decrement < slack else 0.0):
            return theta + share * step, ahead
    return None


def _quasi_newton(problem: _Problem, theta: Array) -> Array:
    """Return where L-BFGS-B ends, with the exact gradient."""

    def value(flat: Array) -> tuple[float, Array]:
        own = flat.reshape(theta.shape)
        point = problem.point(own)
        if point is None:
            return np.inf, np.zeros_like(flat)
        return point.criterion, problem.derive(own, point)[1].gradient

    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7}
    end = minimize(value, theta.ravel(), jac=True, method="L-BFGS-B", options=options).x
    return np.asarray(end).reshape(theta.shape)


def _smallest(sigma: Array) -> float:
    """Return the smallest root of a correlation matrix, or the smallest variance; the mean variance is about one."""
    variance = np.diagonal(sigma, axis1=1, axis2=2)
    deviation = np.sqrt(variance)
    correlation = sigma / (deviation[:, :, None] * deviation[:, None, :])
    return float(min(np.linalg.eigvalsh(correlation).min(), variance.min()))
