"""The maximum of a Cox partial likelihood, by Newton's method with step halving; or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.result import NotEstimable

if TYPE_CHECKING:
    from coxdev import CoxDeviance
    from numpy.typing import NDArray

    from analyses.methods.cox_design import CoxDesign, Ties

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
_SPREAD = 28.0  # between two persons; coxdev cuts exp(predictor) at exp(30), and no hazard ratio is 10^12


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
class _Place:
    log_likelihood: float
    score: NDArray[np.float64]
    information: NDArray[np.float64]


def maximise(design: CoxDesign, ties: Ties) -> Maximum | NotEstimable:
    """Return the maximum; NotEstimable if the data say nothing about a term, or a coefficient runs to infinity."""
    likelihood = design.likelihood(ties)
    coefficients = np.zeros(len(design.terms))
    here = _evaluate(likelihood, design, coefficients)
    null = here.log_likelihood
    nothing = _uninformed(design, here.information)
    if nothing is not None:
        return nothing
    moved, iteration = np.inf, 0
    while moved >= _STEP and iteration < _ITERATIONS:
        iteration += 1
        step = np.asarray(np.linalg.solve(here.information, here.score), dtype=np.float64)
        moved = float(np.max(np.abs(step)))
        if here.score @ step < _NO_GAIN and moved > _STILL_MOVING:
            return _infinite(design, step)
        coefficients, here = _advance(likelihood, design, coefficients, here, step)
        if np.ptp(design.matrix @ coefficients) > _SPREAD:
            return _infinite(design, step)
    return Maximum(
        coefficients=coefficients,
        information=here.information,
        log_likelihood=here.log_likelihood,
        log_likelihood_null=null,
        converged=moved < _STEP,
        iterations=iteration,
    )


def _advance(
    likelihood: CoxDeviance,
    design: CoxDesign,
    coefficients: NDArray[np.float64],
    here: _Place,
    step: NDArray[np.float64],
) -> tuple[NDArray[np.float64], _Place]:
    """Return the place after a step, halved until the likelihood does not fall."""
    step = step / max(1.0, float(np.max(np.abs(design.matrix @ step))) / _REACH)
    there = here
    for _ in range(_HALVINGS):
        there = _evaluate(likelihood, design, coefficients + step)
        if there.log_likelihood >= here.log_likelihood - 1e-12 * abs(here.log_likelihood):
            return coefficients + step, there
        step = step / 2
    return coefficients, here


def _evaluate(likelihood: CoxDeviance, design: CoxDesign, coefficients: NDArray[np.float64]) -> _Place:
    predictor = design.matrix @ coefficients
    result = likelihood(predictor, design.weight)
    information = design.matrix.T @ (likelihood.information(predictor, design.weight) @ design.matrix)
    return _Place(
        log_likelihood=float(result.loglik_sat - result.deviance / 2),
        score=design.matrix.T @ (-result.gradient / 2),
        information=(information + information.T) / 2,
    )


def _uninformed(design: CoxDesign, information: NDArray[np.float64]) -> NotEstimable | None:
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
