"""Where the profile of a penalised likelihood has fallen by so much: limits of one coefficient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.hazards.penalised_search import Found, search
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from analyses.methods.hazards.penalised_likelihood import PenalisedLikelihood

_ILL = 1e14  # condition of a matrix whose inverse has no digit left
_TOLERANCE = 1e-9  # of the root of the fall, and of standard errors
_ITERATIONS = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class Profiled:
    """The likelihood maximised over all coefficients but one, as a function of that one."""

    likelihood: PenalisedLikelihood
    maximum: Found
    term: int

    def at(self, value: float, near: Found) -> Found:
        """Return the maximum with the coefficient held at a value, searched from a place found before."""
        start = near.point.coefficients.copy()
        # far out the sums over risk sets keep too few digits for a curvature: the search then starts where it is
        if np.linalg.cond(near.curvature) < _ILL:
            shift = np.linalg.inv(near.curvature)[:, self.term]
            start += (value - start[self.term]) * shift / shift[self.term]
        start[self.term] = value
        return search(self.likelihood, start, held=self.term)

    def root(self, found: Found) -> float:
        """Return the root of twice the fall of the likelihood, negative below the maximum."""
        fall = 2 * (self.maximum.point.log_likelihood - found.point.log_likelihood)
        side = found.point.coefficients[self.term] - self.maximum.point.coefficients[self.term]
        return math.copysign(math.sqrt(max(fall, 0.0)), side)

    def limit(self, target: float) -> float | NotEstimable:
        """Return the value at which the root is the target: Newton's steps, kept inside what is known by bisection.

        The slope of the profile is the score of the held coefficient, so that the root r has the slope -score / r; it
        is nearly a straight line.
        """
        top = float(self.maximum.point.coefficients[self.term])
        error = math.sqrt(float(np.linalg.inv(self.maximum.curvature)[self.term, self.term]))
        inside, outside = top, math.copysign(math.inf, target)
        value, near = top + target * error, self.maximum
        for _ in range(_ITERATIONS):
            found = self.at(value, near)
            root = self.root(found) if found.converged else math.copysign(math.inf, target)
            if abs(root - target) < _TOLERANCE or abs(outside - inside) < _TOLERANCE * error:
                return value
            if abs(root) < abs(target):
                inside = value
            else:
                outside = value
            near = found if found.converged else near
            value = self._next(value, target, root, found, (inside, outside))
        return NotEstimable(reason="the profile of the likelihood does not fall far enough")

    def _next(self, value: float, target: float, root: float, found: Found, known: tuple[float, float]) -> float:
        inside, outside = known
        slope = -float(found.point.score[self.term]) / root if math.isfinite(root) and root != 0 else 0.0
        step = value + (target - root) / slope if slope > 0 else math.inf
        if min(inside, outside) < step < max(inside, outside):
            return step
        if math.isfinite(outside):
            return (inside + outside) / 2
        return value + (value - float(self.maximum.point.coefficients[self.term]))
