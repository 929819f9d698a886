"""Cox models whose hazard ratios stay finite with few events: Firth's penalty, with profile limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from analyses.methods.hazards.likelihood_search import uninformed
from analyses.methods.hazards.penalised_likelihood import PenalisedLikelihood, penalised_likelihood
from analyses.methods.hazards.penalised_search import Found, search
from analyses.methods.hazards.profile_limits import Profiled
from analyses.methods.risk_sets import check_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign, Ties
    from analyses.result import NotEstimable

    Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class FirthMaximum:
    """Coefficients and information for the standardised matrix of a design, as those of Maximum.

    log_likelihood, log_likelihood_null: penalised, at the maximum and with all coefficients 0, with the information of
    the unstandardised columns.
    """

    coefficients: Floats
    information: Floats
    log_likelihood: float
    log_likelihood_null: float
    converged: bool
    iterations: int
    _likelihood: PenalisedLikelihood = field(repr=False)
    _found: Found = field(repr=False)


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile:
    """What the profile of the penalised likelihood says of a term, on the standardised scale.

    low, high: a limit that was not found is a NotEstimable. chi_square, p: penalised likelihood ratio against 0.
    """

    low: float | NotEstimable
    high: float | NotEstimable
    chi_square: float
    p: float


def maximise_firth(design: CoxDesign, ties: Ties) -> FirthMaximum | NotEstimable:
    """Return the maximum of log L + 1/2 log |I|, finite also where events are separated by a term.

    The penalty takes away the first-order bias of the estimates. The inverse information is their covariance; limits
    by profile_limits, because the likelihood is far from a parabola where the penalty is needed.
    NotEstimable if those at risk together have the same value of a term, or terms are collinear.
    Firth 1993; Heinze and Schemper 2001. Checked against a search by R's optim with the likelihood and information of
    coxph, and on paper.
    """
    likelihood = penalised_likelihood(design, ties)
    null = likelihood.at(np.zeros(len(design.terms)))
    nothing = uninformed(design, null.information)
    if nothing is not None:
        return nothing
    found = search(likelihood, null.coefficients)
    size = float(np.sum(np.log(design.scale)))  # of the columns' units in the determinant
    return FirthMaximum(
        coefficients=found.point.coefficients,
        information=found.point.information,
        log_likelihood=found.point.log_likelihood + size,
        log_likelihood_null=null.log_likelihood + size,
        converged=found.converged,
        iterations=found.iterations,
        _likelihood=likelihood,
        _found=found,
    )


def profile_limits(maximum: FirthMaximum, *, level: float = 0.95) -> tuple[Profile, ...]:
    """Return limits and p of each term from the profile of the penalised likelihood.

    The limits are where twice the fall of the likelihood, maximised over the other terms, reaches the quantile of
    chi-square with 1 degree of freedom; the penalty is that of all terms throughout (Heinze and Schemper 2001).
    """
    check_level(level)
    fall = math.sqrt(float(chi2.ppf(level, 1)))
    return tuple(_profile(maximum, term, fall) for term in range(maximum.coefficients.size))


def _profile(maximum: FirthMaximum, term: int, fall: float) -> Profile:
    found = maximum._found  # noqa: SLF001  # the search's own end, kept out of sight
    profiled = Profiled(likelihood=maximum._likelihood, maximum=found, term=term)  # noqa: SLF001
    chi_square = profiled.root(profiled.at(0.0, found)) ** 2
    return Profile(
        low=profiled.limit(-fall), high=profiled.limit(fall), chi_square=chi_square, p=float(chi2.sf(chi_square, 1))
    )
