"""Cox proportional hazards: log hazard ratios with delayed entry, strata, weights and clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from analyses.methods.cox_design import CoxDesign, Ties, cox_design
from analyses.methods.cox_maximum import Maximum, maximise
from analyses.methods.risk_sets import check_level
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEW_CLUSTERS = 40
"""Below this many clusters a sandwich variance is too small on average (domain 8.2)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CoxFit:
    """A fitted Cox model.

    terms: a row a term with term, estimate (log hazard ratio), std_error, low, high, p (normal, two-sided).
    covariance: of the estimates, by term. variance: "model" (inverse information) or "robust" (sandwich).
    log_likelihood_null: with all log hazard ratios 0. n, events: rows and events in the model (not weighted).
    dropped: rows left out because a value was missing or the weight was 0.
    """

    terms: pd.DataFrame
    covariance: pd.DataFrame
    variance: Literal["model", "robust"]
    log_likelihood: float
    log_likelihood_null: float
    n: int
    events: int
    dropped: int
    level: float
    converged: bool
    iterations: int
    notes: tuple[str, ...]


def cox(
    formula: str,
    data: pd.DataFrame,
    *,
    month: str,
    event: str,
    entry: str | None = None,
    strata: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    ties: Ties = "efron",
    level: float = 0.95,
) -> CoxFit | NotEstimable:
    """Return the maximum of the partial likelihood (Cox 1972; ties: Efron 1977 or Breslow 1974).

    formula: terms without response, for example "arm + age + C(sex)"; month, event, entry, strata, weight, cluster:
    names of columns. A row is at risk for entry < t <= month. Rows with a missing value are dropped and counted.
    Variance: inverse information; with clusters, or weights that are not whole numbers, the sandwich I^-1 (sum over
    clusters of U_c U_c') I^-1 of score residuals (Lin and Wei 1989), a row being its own cluster by default.
    NotEstimable, with the reason, if nobody has the event, a term has one value only or none that varies among those
    at risk together, terms are collinear, a hazard ratio is infinite or 0 (separation), or there are no more clusters
    than terms. Raises ValueError on impossible input.
    Checked against R survival 3.5.3.
    """
    check_level(level)
    design = cox_design(
        formula, data, month=month, event=event, entry=entry, strata=strata, weight=weight, cluster=cluster
    )
    if isinstance(design, NotEstimable):
        return design
    maximum = maximise(design, ties)
    if isinstance(maximum, NotEstimable):
        return maximum
    covariance = np.asarray(np.linalg.inv(maximum.information), dtype=np.float64)
    notes = []
    robust = design.cluster is not None or design.weighting == "weights"
    if robust:
        clusters = design.month.size if design.cluster is None else int(design.cluster.max()) + 1
        if clusters <= len(design.terms):
            return NotEstimable(reason=f"{clusters} clusters are too few for a model of {len(design.terms)} terms")
        covariance = _sandwich(design, maximum, covariance, ties)
        if clusters < FEW_CLUSTERS:
            notes.append(f"The robust variance rests on {clusters} clusters and tends to be too small below 40.")
    if design.dropped:
        notes.append("Rows with a missing value are not in the model.")
    if not maximum.converged:
        notes.append("The maximum was not reached: do not use the estimates.")
    covariance = covariance / np.outer(design.scale, design.scale)
    return CoxFit(
        terms=_terms(design.terms, maximum.coefficients / design.scale, covariance, level),
        covariance=pd.DataFrame(covariance, index=list(design.terms), columns=list(design.terms)),
        variance="robust" if robust else "model",
        log_likelihood=maximum.log_likelihood,
        log_likelihood_null=maximum.log_likelihood_null,
        n=design.month.size,
        events=int(design.event.sum()),
        dropped=design.dropped,
        level=level,
        converged=maximum.converged,
        iterations=maximum.iterations,
        notes=tuple(notes),
    )


def _terms(
    names: tuple[str, ...], estimate: NDArray[np.float64], covariance: NDArray[np.float64], level: float
) -> pd.DataFrame:
    error = np.sqrt(np.diag(covariance))
    reach = norm.isf((1 - level) / 2) * error
    return pd.DataFrame(
        {
            "term": list(names),
            "estimate": estimate,
            "std_error": error,
            "low": estimate - reach,
            "high": estimate + reach,
            "p": 2 * norm.sf(np.abs(estimate) / error),
        }
    )


def _sandwich(design: CoxDesign, maximum: Maximum, inverse: NDArray[np.float64], ties: Ties) -> NDArray[np.float64]:
    predictor = design.matrix @ maximum.coefficients
    scores = design.likelihood(ties).score_residuals(predictor, design.matrix, design.weight)
    if design.cluster is not None:
        sums = np.zeros((int(design.cluster.max()) + 1, scores.shape[1]))
        np.add.at(sums, design.cluster, scores)
        scores = sums
    half = scores @ inverse
    return np.asarray(half.T @ half)
