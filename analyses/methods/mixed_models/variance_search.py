"""The variance parameters at which the likelihood of a mixed model is highest, at a boundary or inside.

The search runs over lower-triangular roots of the covariances of patients and of centres, relative to the residual
variance, by Newton steps with exact second derivatives. A root of zero has a zero gradient although the likelihood may
rise from there; the conditions of an optimum are therefore judged on the covariances, never on their roots.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from analyses.methods.mixed_models.restricted_likelihood import evaluate
from analyses.methods.mixed_models.second_order import entries, information, lower, second_order

if TYPE_CHECKING:
    from analyses.methods.mixed_models.restricted_likelihood import Method, Point, Sums
    from analyses.methods.mixed_models.small_sample import Array

ALIKE = 1e-7
"""Ends whose criteria differ by less than this are one; that of a search that converged counts."""
CORNERS = ((3, 0.3, 0.9), (3, 0.3, -0.9), (0.05, 1, 0.9), (0.05, 1, -0.9), (1e-3, 3, 0), (1, 1e-3, 0), (1e-3, 0.05, 0))
"""Further starts: standard deviations of patients' and centres' effects, and the correlation of either."""
USUAL, FEW = 2, 400
"""So many starts for all; more with slopes and fewer patients than this, where a covariance can have several optima."""
DECREMENT = 1e-8
"""An optimum is reached when a Newton step would lower the criterion by less than this."""
ESCAPES = 10
"""How often the search may go on from a false end."""
FINE = 1e-15
"""Newton steps go on until this: the criterion is flat, and its square root is the error of a variance."""
KEPT, NEAR = 0.2, 0.05
"""A step leaves this share of a diagonal of a root, unless the diagonal is this near to zero already."""
REACH = 2.0
"""Farthest Newton step of a root, in residual standard deviations or as a multiple of its own size."""
ROUNDING = 1e-13
"""Share of the criterion that may be rounding."""
SIGN = 1e-6
"""A negative slope at a boundary counts when it is larger than this share of its positive part."""
STEPS = 60


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """Where the search ended: the roots of both covariances, relative to the residual variance, are in point."""

    point: Point
    converged: bool
    optimiser: str


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """The criterion as a function of one vector: the entries of the two roots on and below their diagonals."""

    data: Sums
    method: Method

    @property
    def places(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        return entries(self.data.q), entries(self.data.r)

    @property
    def starts(self) -> list[Array]:
        """Return where searches begin: two for all, and more where a covariance can have several optima."""
        usual = self.pack(np.eye(self.data.q), 0.3 * np.eye(self.data.r))
        out = [usual, 0.05 * usual]
        if max(self.data.q, self.data.r) > 1 and len(self.data.zz) < FEW:
            out += [self.pack(_start(self.data.q, a, c), _start(self.data.r, b, c)) for a, b, c in CORNERS]
        return out

    def unpack(self, theta: Array) -> tuple[Array, Array]:
        root_d, root_f = np.zeros((self.data.q, self.data.q)), np.zeros((self.data.r, self.data.r))
        inner = len(self.places[0])
        root_d[lower(self.data.q)] = theta[:inner]
        root_f[lower(self.data.r)] = theta[inner:]
        return root_d, root_f

    def pack(self, root_d: Array, root_f: Array) -> Array:
        return np.concatenate([root_d[lower(self.data.q)], root_f[lower(self.data.r)]])

    def at(self, theta: Array) -> Point | None:
        """Return the criterion, or None where it has lost its digits: such variances are out of reach."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"), suppress(np.linalg.LinAlgError):
            point = evaluate(self.data, *self.unpack(theta), self.method)
            if np.isfinite(point.criterion):
                return point
        return None

    def gradient(self, point: Point) -> Array:
        pairs = zip((point.slope_d, point.slope_f), (point.root_d, point.root_f), strict=True)
        return np.concatenate([(2 * slope @ root)[lower(len(root))] for slope, root in pairs])

    def curvature(self, point: Point) -> Array:
        """Return the second derivatives of the criterion, s2 profiled out, by the entries of the roots."""
        made = second_order(self.data, point.blocks)
        expected, errors = information(made, point.inverse, self.method)
        scale = point.free / point.rest
        single = made.slopes[:, -1, -1]
        linear = -expected + scale * (2 * errors - np.outer(single, single) / point.rest)
        jacobian = np.zeros((len(linear), len(linear)))
        curved = np.zeros_like(jacobian)
        begin = 0
        for slope, root in zip((point.slope_d, point.slope_f), (point.root_d, point.root_f), strict=True):
            places = entries(len(root))
            for i, (a, b) in enumerate(places):
                change = np.zeros_like(root)
                change[a] += root[:, b]
                change[:, a] += root[:, b]
                jacobian[begin : begin + len(places), begin + i] = [change[c, d] for c, d in places]
                for j, (c, d) in enumerate(places):
                    curved[begin + i, begin + j] = 2 * slope[a, c] * (b == d)
            begin += len(places)
        return np.asarray(jacobian.T @ linear @ jacobian + curved)


def search(data: Sums, method: Method = "reml", *, near: Point | None = None) -> Optimum | None:
    """Return the optimum; other starts and a second optimiser are tried before converged is False.

    Few patients with slopes can have several optima: searches then begin at several places, and the lowest end counts.
    near: where to start first; if that search converges, it is the only one. None: no search got anywhere, because the
    variances differ by more than the digits of a double can hold.
    """
    problem = _Problem(data=data, method=method)
    ends: list[Optimum] = []
    starts = problem.starts
    if near is not None:
        end = _descend(problem, "Newton", problem.pack(near.root_d, near.root_f))
        if end is not None and end.converged:
            return end
    for optimiser, start in product(("Newton", "L-BFGS-B"), starts):
        end = _descend(problem, optimiser, start)
        if end is not None:
            ends.append(end)
        enough = start is starts[-1] or len(starts) == USUAL
        if enough and any(end.converged for end in ends):
            break
    if not ends:
        return None
    lowest = min(end.point.criterion for end in ends) + ALIKE
    return min((e for e in ends if e.point.criterion <= lowest), key=lambda e: (not e.converged, e.point.criterion))


def _start(size: int, deviation: float, correlation: float) -> Array:
    root = deviation * np.eye(size)
    if size > 1:
        root[1] = [correlation * deviation, np.sqrt(1 - correlation**2) * deviation]
    return root


def _descend(problem: _Problem, optimiser: str, start: Array) -> Optimum | None:
    """Return where the steps end; they leave a false end in the direction that leads down."""
    theta, before, point, decrement, true = start, np.inf, None, np.inf, False
    for _ in range(ESCAPES):
        if optimiser == "L-BFGS-B":
            theta = _minimum(problem, theta)
        point, decrement = _newton(problem, theta)
        if point is None:
            return None
        leaks = [
            (root, slope, trace)
            for root, slope, trace in (
                (point.root_d, point.slope_d, point.trace_d),
                (point.root_f, point.slope_f, point.trace_f),
            )
            if len(root) and np.linalg.eigvalsh(slope)[0] < -SIGN * np.trace(trace)
        ]
        true = not leaks
        if true or point.criterion >= before - ROUNDING * abs(before):
            break  # a true end, or a direction that led nowhere
        before = point.criterion
        theta = _escape(problem, point)
    if point is None:
        return None
    return Optimum(point=point, converged=decrement < DECREMENT and true, optimiser=optimiser)


def _escape(problem: _Problem, point: Point) -> Array:
    """Return the best of several lengths along the directions of the covariances in which the criterion falls."""
    tried = []
    for scale in 10.0 ** np.arange(0, -7, -1):
        roots = []
        for root, slope in ((point.root_d, point.slope_d), (point.root_f, point.slope_f)):
            size, axes = np.linalg.eigh(slope) if len(root) else (np.zeros(0), root)
            away = axes[:, size < 0]
            roots.append(_factor(root @ root.T + scale * away @ away.T))
        tried.append(problem.pack(*roots))
    found = [(other.criterion, i) for i, theta in enumerate(tried) if (other := problem.at(theta)) is not None]
    return tried[min(found)[1]] if found else problem.pack(point.root_d, point.root_f)


def _minimum(problem: _Problem, start: Array) -> Array:
    def value(theta: Array) -> tuple[float, Array]:
        point = problem.at(theta)
        return (np.inf, np.zeros_like(theta)) if point is None else (point.criterion, problem.gradient(point))

    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-6 * problem.data.n}
    return np.asarray(minimize(value, start, jac=True, method="L-BFGS-B", options=options).x)


def _factor(covariance: Array) -> Array:
    """Return the lower-triangular root of a covariance that may be singular."""
    root = np.zeros_like(covariance)
    if len(root):
        root[0, 0] = np.sqrt(covariance[0, 0])
    if len(root) > 1:
        root[1, 0] = covariance[1, 0] / root[0, 0] if root[0, 0] > 0 else 0.0
        root[1, 1] = np.sqrt(max(0.0, covariance[1, 1] - root[1, 0] ** 2))
    return root


def _newton(problem: _Problem, theta: Array) -> tuple[Point | None, float]:
    """Return the end of safeguarded Newton steps from theta, and what one more step would still lower."""
    point, decrement = problem.at(theta), np.inf
    for _ in range(STEPS):
        if point is None:
            return None, np.inf
        slope = problem.gradient(point)
        size, axes = np.linalg.eigh(problem.curvature(point))
        along = axes.T @ slope
        # Along a direction without curvature nothing changes (a column of a root that is zero); a negative one is
        # walked downhill.
        bent = np.abs(size) > 1e-10 * np.abs(size).max()
        step = -axes[:, bent] @ (along[bent] / np.abs(size[bent]))
        decrement = float((along[bent] ** 2 / np.abs(size[bent])).sum() / 2)
        step *= _share(problem, theta, step)
        better = None
        for share in (1.0, 0.5, 0.25, 0.1, 0.03, 0.01):
            other = problem.at(theta + share * step)
            if other is not None and other.criterion <= point.criterion + ROUNDING * abs(point.criterion):
                better, theta = other, theta + share * step
                break
        if better is None:
            break
        # The last step is taken although the criterion no longer shows it: the variances do.
        last = decrement < FINE or (decrement < DECREMENT and better.criterion >= point.criterion)
        point = better
        if last:
            break
    return _snapped(problem, point), decrement


def _share(problem: _Problem, theta: Array, step: Array) -> float:
    """Return how much of a step is safe: not farther than REACH, and not onto a diagonal of zero from far away.

    From zero there is no way back but an escape, and one step from a start as good as any must not lead there.
    """
    share = 1 / max(1.0, float((np.abs(step) / (REACH * np.maximum(1, np.abs(theta)))).max(initial=0.0)))
    places = [a == b for block in problem.places for a, b in block]
    shrinks = np.array(places) & (np.abs(theta) > NEAR) & (step * theta < -(1 - KEPT) * theta**2)
    return float(((1 - KEPT) * np.abs(theta[shrinks] / step[shrinks])).min(initial=share))


def _snapped(problem: _Problem, point: Point | None) -> Point | None:
    """Return the point with diagonals of the roots that are as good as zero set to zero, and the others positive."""
    if point is None:
        return None
    roots = []
    for root in (point.root_d, point.root_f):
        clean = root * np.where(np.diag(root) < 0, -1.0, 1.0)
        tiny = np.abs(np.diag(clean)) < 1e-5 * max(1.0, float(np.abs(clean).max(initial=0.0)))
        clean[tiny, tiny] = 0.0
        roots.append(clean)
    other = problem.at(problem.pack(*roots))
    worse = other is None or other.criterion > point.criterion + ROUNDING * abs(point.criterion)
    return point if worse else other
