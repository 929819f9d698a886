"""The maximum of a penalised partial likelihood, over all coefficients or with one of them held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.penalised_likelihood import PenalisedLikelihood, Point

    Floats = NDArray[np.float64]

_STEP = 1e-9  # standard deviations of a covariate: smaller steps change no printed digit
_ITERATIONS = 100
_HALVINGS = 30
_REACH = 4.0  # a step changes no linear predictor by more
_GAIN = 1e-17
_NO_GAIN = 1e-10  # what a step that does not raise the likelihood may have promised: the rest is rounding
_ROUNDING = 1e-13


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Where a search ended; curvature is the approximate negative Hessian there."""

    point: Point
    curvature: Floats
    converged: bool
    iterations: int


def search(
    likelihood: PenalisedLikelihood, start: Floats, *, held: int | None = None, curvature: Floats | None = None
) -> Found:
    """Return the maximum from a start, with the coefficient `held` as it is there.

    Newton's steps with the information in place of the Hessian, which leaves out how the penalty bends; what the
    score shows of the rest is added from step to step (Broyden, Fletcher, Goldfarb and Shanno). Steps are halved until
    the likelihood does not fall.
    """
    free = np.arange(start.size) != (-1 if held is None else held)
    here = likelihood.at(start)
    bend = here.information.copy() if curvature is None else curvature.copy()
    converged, iteration = not free.any(), 0
    while not converged and iteration < _ITERATIONS:
        iteration += 1
        step = np.zeros(start.size)
        step[free] = _solved(bend[np.ix_(free, free)], here.score[free])
        step /= max(1.0, float(np.max(np.abs(likelihood.design.matrix @ step))) / _REACH)
        gain = float(here.score @ step)
        converged = bool(np.max(np.abs(step)) < _STEP) or abs(gain) < _GAIN
        there = _advance(likelihood, here, step)
        if there is here:
            if np.array_equal(bend, here.information):
                converged = abs(gain) < _NO_GAIN
                break
            bend, converged = here.information.copy(), False
            continue
        bend = _bent(bend, there.coefficients - here.coefficients, here.score - there.score, free)
        here = there
    return Found(point=here, curvature=bend, converged=converged, iterations=iteration)


def _solved(bend: Floats, score: Floats) -> Floats:
    """Return bend^-1 score; far out, where rounding has left no curvature in a direction, no step goes that way."""
    try:
        return np.asarray(np.linalg.solve(bend, score))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(bend, hermitian=True) @ score)


def _advance(likelihood: PenalisedLikelihood, here: Point, step: Floats) -> Point:
    """Return the place after a step, halved until the likelihood does not fall; the same place if it always does."""
    for _ in range(_HALVINGS):
        there = likelihood.at(here.coefficients + step)
        if there.log_likelihood >= here.log_likelihood - _ROUNDING * abs(here.log_likelihood):
            return there
        step = step / 2
    return here


def _bent(bend: Floats, step: Floats, change: Floats, free: NDArray[np.bool_]) -> Floats:
    """Return the curvature that explains the last change of the score, if the likelihood bends down there."""
    step, change = np.where(free, step, 0.0), np.where(free, change, 0.0)
    along, product = bend @ step, float(step @ change)
    square = float(step @ along)
    if product <= 1e-8 * square or square <= 0:
        return bend
    found = bend + np.outer(change, change) / product - np.outer(along, along) / square
    return np.asarray((found + found.T) / 2)
