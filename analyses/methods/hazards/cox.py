"""Cox proportional hazards: log hazard ratios with delayed entry, strata, weights, clusters and Firth's penalty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import t as student

from analyses.methods.hazards.cox_design import CoxDesign, Ties, cox_design
from analyses.methods.hazards.cox_fit import CoxFit, Penalty, Variance
from analyses.methods.hazards.cox_maximum import maximise
from analyses.methods.hazards.cox_robust import corrected_sandwich, sandwich
from analyses.methods.hazards.firth import FirthMaximum, maximise_firth, profile_limits
from analyses.methods.risk_sets import check_level
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analyses.methods.hazards.likelihood_search import Maximum

    Floats = NDArray[np.float64]

FEW_CLUSTERS = 40
"""Below this many clusters a plain sandwich variance is too small on average (domain 8.2)."""
LEAST_DF = 4.0
"""Below this many degrees of freedom Satterthwaite's approximation is poor (Tipton 2015)."""

_NO_ERROR = 1e-9  # of a log hazard ratio of one standard deviation of the covariate: rounding


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
    penalty: Penalty | None = None,
    variance: Variance | None = None,
    level: float = 0.95,
) -> CoxFit | NotEstimable:
    """Return the maximum of the partial likelihood (Cox 1972; ties: Efron 1977 or Breslow 1974).

    formula: terms without response, for example "arm + age + C(sex)"; month, event, entry, strata, weight, cluster:
    names of columns. A row is at risk for entry < t <= month. Rows with a missing value are dropped and counted.
    Variance: inverse information; with clusters, or weights that are not whole numbers, the sandwich with the
    correction CR2 and Satterthwaite's degrees of freedom (cox_robust), a row being its own cluster by default.
    variance="sandwich" gives the plain one with normal intervals, as R does. CR2 with t is the default because in 2,000
    simulated studies a line of benchmarks/few_clusters.py (6, 12 and 30 centres, 120 persons) it holds the truth in 95
    to 98 %, the plain one in 77 to 94 %, and the information in 58 to 95 %.
    penalty="firth": for few events, where a hazard ratio would be far off or infinite; the maximum of log L + 1/2 log
    |I| with limits and p from its profile (Firth 1993, Heinze and Schemper 2001), without clusters or weights that are
    not whole. In arms of 30 these limits hold 95 % however few the events (benchmarks/small_arms_cox.py).
    NotEstimable, with the reason, if nobody has the event, a term has one value only or none that varies among those
    at risk together, terms are collinear, a hazard ratio is infinite or 0 (separation; not with the penalty), or
    clusters are too few for the terms. Raises ValueError on impossible input.
    Checked against R survival 3.5.3.
    """
    check_level(level)
    design = cox_design(
        formula, data, month=month, event=event, entry=entry, strata=strata, weight=weight, cluster=cluster
    )
    if isinstance(design, NotEstimable):
        return design
    robust = design.cluster is not None or design.weighting == "weights"
    if penalty is not None:
        if robust or variance not in {None, "model"}:
            raise ValueError("a penalty goes with the variance of the model: without clusters, or weights not whole")
        penalised = maximise_firth(design, ties)
        return penalised if isinstance(penalised, NotEstimable) else _penalised_fit(design, penalised, ties, level)
    maximum = maximise(design, ties)
    if isinstance(maximum, NotEstimable):
        return maximum
    return _fit(design, maximum, ties, variance or ("CR2" if robust else "model"), level)


def _fit(design: CoxDesign, maximum: Maximum, ties: Ties, variance: Variance, level: float) -> CoxFit | NotEstimable:
    size = len(design.terms)
    clusters: int | None = None
    if variance == "model":
        covariance, df = np.asarray(np.linalg.inv(maximum.information)), np.full(size, np.inf)
    else:
        clusters = design.month.size if design.cluster is None else len(design.cluster_labels)
        if clusters <= size:
            return NotEstimable(reason=f"{clusters} clusters are too few for a model of {size} terms")
        robust = (sandwich if variance == "sandwich" else corrected_sandwich)(design, maximum, ties)
        covariance, df = robust.covariance, robust.df
        silent = [term for term, number in zip(design.terms, df, strict=True) if number == 0]
        if silent:
            return NotEstimable(reason=f"one cluster alone decides the effect of {', '.join(silent)}")
    error = np.sqrt(np.diag(covariance))
    certain = [term for term, number in zip(design.terms, error, strict=True) if not number > _NO_ERROR]
    if certain:
        return NotEstimable(reason=f"the clusters do not differ, so that {', '.join(certain)} would have no error")
    reach = student.isf((1 - level) / 2, df) * error
    terms = pd.DataFrame(
        {
            "term": list(design.terms),
            "estimate": maximum.coefficients / design.scale,
            "std_error": error / design.scale,
            "df": df,
            "low": (maximum.coefficients - reach) / design.scale,
            "high": (maximum.coefficients + reach) / design.scale,
            "p": 2 * student.sf(np.abs(maximum.coefficients) / error, df),
        }
    )
    notes = []
    if variance == "sandwich" and clusters is not None and clusters < FEW_CLUSTERS:
        notes.append(f"The robust variance rests on {clusters} clusters and tends to be too small below 40.")
    few = [term for term, number in zip(design.terms, df, strict=True) if number < LEAST_DF]
    if few:
        notes.append(f"Fewer than 4 degrees of freedom, so that the interval is approximate: {', '.join(few)}.")
    return _value(
        design,
        maximum,
        ties,
        level,
        terms=terms,
        covariance=covariance,
        notes=notes,
        variance=variance,
        clusters=clusters,
    )


def _penalised_fit(design: CoxDesign, maximum: FirthMaximum, ties: Ties, level: float) -> CoxFit | NotEstimable:
    profiles = profile_limits(maximum, level=level)
    limits: list[list[float]] = [[], []]
    for term, profile in zip(design.terms, profiles, strict=True):
        for side, limit in zip(limits, (profile.low, profile.high), strict=True):
            if isinstance(limit, NotEstimable):
                return NotEstimable(reason=f"{term}: {limit.reason}")
            side.append(limit)
    covariance = np.asarray(np.linalg.inv(maximum.information))
    terms = pd.DataFrame(
        {
            "term": list(design.terms),
            "estimate": maximum.coefficients / design.scale,
            "std_error": np.sqrt(np.diag(covariance)) / design.scale,
            "df": np.full(len(design.terms), np.inf),
            "low": np.asarray(limits[0]) / design.scale,
            "high": np.asarray(limits[1]) / design.scale,
            "p": [profile.p for profile in profiles],
        }
    )
    return _value(
        design, maximum, ties, level, terms=terms, covariance=covariance, notes=[], variance="model", clusters=None
    )


def _value(
    design: CoxDesign,
    maximum: Maximum | FirthMaximum,
    ties: Ties,
    level: float,
    *,
    terms: pd.DataFrame,
    covariance: Floats,
    notes: Sequence[str],
    variance: Variance,
    clusters: int | None,
) -> CoxFit:
    """Return the fit; covariance is on the standardised scale."""
    told = [*notes]
    if design.dropped:
        told.append("Rows with a missing value are not in the model.")
    if not maximum.converged:
        told.append("The maximum was not reached: do not use the estimates.")
    names = list(design.terms)
    return CoxFit(
        terms=terms,
        covariance=pd.DataFrame(covariance / np.outer(design.scale, design.scale), index=names, columns=names),
        variance=variance,
        penalty="firth" if isinstance(maximum, FirthMaximum) else None,
        log_likelihood=maximum.log_likelihood,
        log_likelihood_null=maximum.log_likelihood_null,
        n=design.month.size,
        events=int(design.event.sum()),
        clusters=clusters,
        dropped=design.dropped,
        level=level,
        converged=maximum.converged,
        iterations=maximum.iterations,
        notes=tuple(told),
        design=design,
        maximum=maximum,
        ties=ties,
    )
