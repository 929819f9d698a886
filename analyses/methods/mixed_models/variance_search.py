"""The variance parameters at which the restricted likelihood is highest, at a boundary or inside.

The search runs over the patient's variance itself (intercept only) or its Cholesky factor (intercept and slope), and
over the centre's variance, all relative to the residual variance. A factor of zero has a zero gradient although the
likelihood may rise from there; the conditions of an optimum are therefore judged on the covariance, never on its
factor.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from analyses.methods.mixed_models.restricted_likelihood import evaluate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.mixed_models.restricted_likelihood import Array, Point, Sums

DECREMENT = 1e-8
"""An optimum is reached when a Newton step would lower the criterion by less than this."""
ESCAPES = 10
"""How often the search may go on from a false end."""
FINE = 1e-15
"""Newton steps go on until this: the criterion is flat, and its square root is the error of a variance."""
ROUNDING = 1e-13
"""Share of the criterion that may be rounding."""
SIGN = 1e-6
"""A negative slope at a boundary counts when it is larger than this share of its positive part."""


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """Where the search ended: D = root root' and f, relative to the residual variance."""

    root: Array
    f: float
    point: Point
    converged: bool
    optimiser: str


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """The criterion as a function of one vector of parameters, with their lower bounds."""

    data: Sums
    q: int
    centres: bool

    @property
    def lower(self) -> Array:
        patient = [0.0] if self.q == 1 else [0.0, -np.inf, 0.0]
        return np.array([*patient, 0.0] if self.centres else patient)

    @property
    def start(self) -> Array:
        patient = [1.0] if self.q == 1 else [1.0, 0.0, 1.0]
        return np.array([*patient, 0.1] if self.centres else patient)

    def unpack(self, theta: Array) -> tuple[Array, float]:
        root = np.zeros((self.q, self.q))
        root[np.tril_indices(self.q)] = np.sqrt(theta[:1]) if self.q == 1 else theta[:3]
        return root, float(theta[-1]) if self.centres else 0.0

    def pack(self, root: Array, f: float) -> Array:
        patient = root[0] ** 2 if self.q == 1 else root[np.tril_indices(2)]
        return np.r_[patient, f] if self.centres else patient

    def value(self, theta: Array) -> tuple[float, Array]:
        root, f = self.unpack(theta)
        try:
            point = evaluate(self.data, root, f)
        except np.linalg.LinAlgError:
            # X'V^-1 X has lost its digits: variances as large as these are out of reach.
            return np.inf, np.zeros_like(theta)
        patient = point.slope_d[0] if self.q == 1 else (2 * point.slope_d @ root)[np.tril_indices(self.q)]
        return point.criterion, np.r_[patient, point.slope_f] if self.centres else patient


def search(data: Sums, *, centres: bool) -> Optimum | None:
    """Return the optimum; other starts and a second optimiser are tried before converged is False.

    None: no search got anywhere, because the variances differ by more than the digits of a double can hold.
    """
    problem = _Problem(data=data, q=data.zz.shape[1], centres=centres)
    ends: list[Optimum] = []
    for optimiser, scale in product(("L-BFGS-B", "Nelder-Mead"), (1.0, 0.05)):
        # An optimiser may try what overflows; where it ends, every number must be finite for it to count.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"), suppress(np.linalg.LinAlgError):
            ends.append(_descend(problem, optimiser, problem.start * scale))
            if ends[-1].converged:
                return ends[-1]
    return min(ends, key=lambda end: end.point.criterion, default=None)


def _descend(problem: _Problem, optimiser: str, start: Array) -> Optimum:
    """Return where an optimiser and Newton steps end; they leave a false end in the direction that leads down."""
    theta, before = start, np.inf
    for _ in range(ESCAPES):
        theta, decrement = _polish(problem, np.maximum(problem.lower, _minimum(problem, optimiser, theta)))
        root, f = problem.unpack(theta)
        point = evaluate(problem.data, root, f)
        # On the covariance: no change that keeps it non-negative may lower the criterion.
        size, axes = np.linalg.eigh(point.slope_d)
        lowest, inside = float(size[0]), f > 0 or point.slope_f >= -SIGN * point.scale_f
        if lowest >= -SIGN * point.scale_d or point.criterion >= before - ROUNDING * abs(before):
            break  # a true end, or a direction that led nowhere
        before = point.criterion
        away = np.outer(axes[:, 0], axes[:, 0])
        scales = 10.0 ** np.arange(0, -7, -1)
        tried = [_factor(root @ root.T + scale * away) for scale in scales]
        theta = problem.pack(min(tried, key=lambda other: evaluate(problem.data, other, f).criterion), f)
    converged = decrement < DECREMENT and inside and lowest >= -SIGN * point.scale_d
    return Optimum(root=root, f=f, point=point, converged=converged, optimiser=optimiser)


def _minimum(problem: _Problem, optimiser: str, start: Array) -> Array:
    bounds = [(low if np.isfinite(low) else None, None) for low in problem.lower]
    if optimiser == "L-BFGS-B":
        options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-6 * problem.data.n}
        end = minimize(problem.value, start, jac=True, method=optimiser, bounds=bounds, options=options).x
    else:
        options = {"maxfev": 4000, "xatol": 1e-7, "fatol": 1e-10}
        end = minimize(lambda t: problem.value(t)[0], start, method=optimiser, bounds=bounds, options=options).x
    return np.asarray(end)


def _factor(covariance: Array) -> Array:
    """Return the lower-triangular root of a covariance that may be singular."""
    root = np.zeros_like(covariance)
    root[0, 0] = np.sqrt(covariance[0, 0])
    if len(root) > 1:
        root[1, 0] = covariance[1, 0] / root[0, 0] if root[0, 0] > 0 else 0.0
        root[1, 1] = np.sqrt(max(0.0, covariance[1, 1] - root[1, 0] ** 2))
    return root


def _polish(problem: _Problem, theta: Array) -> tuple[Array, float]:
    """Return theta after at most eight safeguarded Newton steps, and what one more step would still lower."""
    value, slope = problem.value(theta)
    decrement = np.inf
    for _ in range(8):
        free = (theta > problem.lower) | (slope < 0)
        if not free.any():
            return theta, 0.0
        size, axes = np.linalg.eigh(_curvature(problem, theta, free))
        along = axes.T @ slope[free]
        # Along a direction without curvature nothing changes (a factor whose column is zero); a negative one is
        # walked downhill.
        bent = np.abs(size) > 1e-10 * np.abs(size).max()
        step = np.zeros_like(theta)
        step[free] = -axes[:, bent] @ (along[bent] / np.abs(size[bent]))
        decrement = float((along[bent] ** 2 / np.abs(size[bent])).sum() / 2)
        if decrement < FINE:
            break
        for share in (1.0, 0.5, 0.1, 0.01):
            trial = np.maximum(problem.lower, theta + share * step)
            new_value, new_slope = problem.value(trial)
            if new_value <= value + ROUNDING * abs(value):
                theta, value, slope = trial, new_value, new_slope
                break
        else:
            break
    return theta, decrement


def _curvature(problem: _Problem, theta: Array, free: NDArray[np.bool_]) -> Array:
    """Return the second derivatives of the free parameters, as differences of the exact gradient."""
    columns = []
    for j in np.flatnonzero(free):
        width = 1e-5 * max(1e-2, abs(theta[j]))
        ahead, behind = theta.copy(), theta.copy()
        ahead[j] += width
        behind[j] = max(problem.lower[j], behind[j] - width)
        change = problem.value(ahead)[1] - problem.value(behind)[1]
        columns.append((change / (ahead[j] - behind[j]))[free])
    matrix = np.stack(columns)
    return np.asarray((matrix + matrix.T) / 2)
