"""The maximum of a Cox partial likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.hazards.cox_contributions import at_coefficients
from analyses.methods.hazards.event_steps import EventSteps, event_steps
from analyses.methods.hazards.likelihood_search import Maximum, Place, climb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign, Ties
    from analyses.result import NotEstimable


def maximise(design: CoxDesign, ties: Ties, *, start: NDArray[np.float64] | None = None) -> Maximum | NotEstimable:
    """Return the maximum; NotEstimable if the data say nothing about a term, or a coefficient runs to infinity.

    start: coefficients of the standardised matrix near the maximum; 0 if there are none.
    """
    steps = event_steps(design, ties)
    return climb(design, lambda coefficients: _evaluate(design, steps, coefficients), start=start)


def _evaluate(design: CoxDesign, steps: EventSteps, coefficients: NDArray[np.float64]) -> Place:
    here = at_coefficients(design, steps, coefficients)
    lived = here.relative * steps.collected(here.hazard)
    # sum over events of the covariance in their risk sets, each mean square taken person by person
    information = design.matrix.T @ (design.matrix * lived[:, None]) - here.mean.T @ (here.mean * steps.weight[:, None])
    died = steps.row
    return Place(
        log_likelihood=float(design.weight[died] @ here.predictor[died] - steps.weight @ np.log(here.total)),
        score=design.weight[died] @ design.matrix[died] - steps.weight @ here.mean,
        information=(information + information.T) / 2,
    )
