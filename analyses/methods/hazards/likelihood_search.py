"""The maximum of a likelihood with a linear predictor, by Newton's method with step halving; or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign

    Evaluate = Callable[[NDArray[np.float64]], "Place"]

_STEP = 1e-9  # standard deviations of a covariate: smaller steps change no printed digit
# A step of a hundredth that gains a millionth in log-likelihood: the standard error is above 10 and grows, on the way
# to infinity. Further out the sums over risk sets lose their digits.
_STILL_MOVING = 1e-2
_NO_GAIN = 1e-6
_NAMED = 1e-3  # share of the largest part of a direction from which a term is named
_SINGULAR = 1e-10  # smallest eigenvalue of an information scaled to ones on its diagonal
_ITERATIONS = 60  # a hazard ratio that runs to infinity shows itself in about 15
_HALVINGS = 30
_REACH = 8.0  # a step changes no linear predictor by more: far away the likelihood is flat and its digits are lost
_SPREAD = 28.0  # between two persons: no hazard ratio is 10^12


@dataclass(frozen=True, kw_only=True, eq=False)
class Maximum:
    """Coefficients and information for the standardised matrix of a design."""

    coefficients: NDArray[np.float64]
    information: NDArray[np.float64]
    log_likelihood: float
    log_likelihood_null: float
    converged: bool
    iterations: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """The likelihood at some coefficients, with its first and its negative second derivatives."""

    log_likelihood: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]


def climb(design: CoxDesign, evaluate: Evaluate, *, start: NDArray[np.float64] | None = None) -> Maximum | NotEstimable:
    """Return the maximum; NotEstimable if the data say nothing about a term, or a coefficient runs to infinity.

    evaluate: the likelihood at coefficients of the standardised matrix. start: coefficients near the maximum; 0 if
    there are none.
    """
    coefficients = np.zeros(len(design.terms))
    here = evaluate(coefficients)
    null = here.log_likelihood
    nothing = uninformed(design, here.information)
    if nothing is not None:
        return nothing
    if start is not None:
        coefficients, here = start, evaluate(start)
    iteration, converged = 0, False
    # the log-likelihood is in units of the weights, which may be far below 1
    no_gain = _NO_GAIN * min(1.0, float(design.weight[design.event].mean()))
    while iteration < _ITERATIONS:
        step = np.asarray(np.linalg.solve(here.information, here.score), dtype=np.float64)
        moved = float(np.max(np.abs(step)))
        converged = moved < _STEP
        if converged:  # the step is taken, but changes nothing else any more
            coefficients = coefficients + step
            break
        if here.score @ step < no_gain and moved > _STILL_MOVING:
            return _infinite(design, step)
        iteration += 1
        before, (coefficients, here) = coefficients, _advance(design, evaluate, coefficients, here, step)
        if moved > _STILL_MOVING and np.array_equal(before, coefficients):
            # flat beyond the digits of the sums over risk sets, mostly on the way to infinity
            return NotEstimable(reason=f"no maximum was found: the likelihood is flat along {_named(design, step)}")
        if np.ptp(design.matrix @ coefficients) > _SPREAD:
            return _infinite(design, step)
    return Maximum(
        coefficients=coefficients,
        information=here.information,
        log_likelihood=here.log_likelihood,
        log_likelihood_null=null,
        converged=converged,
        iterations=iteration,
    )


def _advance(
    design: CoxDesign,
    evaluate: Evaluate,
    coefficients: NDArray[np.float64],
    here: Place,
    step: NDArray[np.float64],
) -> tuple[NDArray[np.float64], Place]:
    """Return the place after a step, halved until the likelihood does not fall."""
    step = step / max(1.0, float(np.max(np.abs(design.matrix @ step))) / _REACH)
    for _ in range(_HALVINGS):
        there = evaluate(coefficients + step)
        if there.log_likelihood >= here.log_likelihood - 1e-12 * abs(here.log_likelihood):
            return coefficients + step, there
        step = step / 2
    return coefficients, here


def uninformed(design: CoxDesign, information: NDArray[np.float64]) -> NotEstimable | None:
    """Return why the data say nothing about a term, from the information at the start of a search; None if they do."""
    diagonal = np.diag(information)
    weight = float(np.sum(design.weight[design.event]))
    silent = [term for term, value in zip(design.terms, diagonal, strict=True) if value <= _SINGULAR * weight]
    if silent:
        return NotEstimable(reason=f"{', '.join(silent)}: those at risk together at an event have the same value of it")
    value, vector = _smallest_eigenvalue(information / np.sqrt(np.outer(diagonal, diagonal)))
    if value < _SINGULAR:
        return NotEstimable(reason=f"collinear, so that their effects cannot be told apart: {_named(design, vector)}")
    return None


def _infinite(design: CoxDesign, direction: NDArray[np.float64]) -> NotEstimable:
    return NotEstimable(
        reason=f"the hazard ratio would be infinite or 0: events are separated by {_named(design, direction)}"
    )


def _named(design: CoxDesign, direction: NDArray[np.float64]) -> str:
    large = np.abs(direction) > _NAMED * np.max(np.abs(direction))
    return ", ".join(term for term, named in zip(design.terms, large, strict=True) if named)


def _smallest_eigenvalue(matrix: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    values, vectors = np.linalg.eigh(matrix)
    return float(values[0]), vectors[:, 0]
