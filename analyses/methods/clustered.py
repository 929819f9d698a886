"""Models of clustered rows: CR2 standard errors with Satterthwaite's degrees of freedom, and estimating equations."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np

from analyses.methods.clusters.cluster_inference import ClusterUncertainty
from analyses.methods.clusters.clustered_fit import ClusteredFit, clustered_fit
from analyses.methods.clusters.corrected_sandwich import corrected_sandwich
from analyses.methods.clusters.estimating_equations import Correlation, StandardErrors, estimating_equations
from analyses.methods.clusters.generalised_linear import fit
from analyses.methods.clusters.ordered_rows import Family, ordered_rows
from analyses.methods.mixed_models.reference_grid import mistake
from analyses.methods.mixed_models.small_sample import Uncertainty
from analyses.result import NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    from analyses.methods.mixed_models.small_sample import Array, OwnInference

__all__ = ["ClusteredFit", "cr2", "gee"]


def cr2(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str,
    family: Family = "gaussian",
    weight: str | None = None,
    level: float = 0.95,
) -> ClusteredFit | NotEstimable:
    """Fit a linear or generalised linear model as if rows were independent, with CR2 cluster-robust inference.

    Parameters
    ----------
    formula
        "response ~ terms", as formulaic reads it. Binomial: 0 or 1. Poisson: whole numbers from 0.
    data
        One row a unit of observation. Rows with a missing value in a variable used are dropped and counted.
    cluster
        Column that names the cluster. Rows of different clusters are independent.
    family
        "gaussian", "binomial" with logit, "poisson" with log. Marginal means, contrasts and predictions are those of
        the linear predictor: the exponential of a contrast and its limits is an odds ratio or a rate ratio.
    weight
        Column of prior weights; rows with weight 0 are left out. Gaussian: the working model keeps one variance for
        all rows whatever the weights, as clubSandwich's for lm. Otherwise the variance is that of the family divided
        by the weight.
    level
        Of the intervals.

    Returns
    -------
    ClusteredFit or NotEstimable
        NotEstimable where the data cannot carry the model or its maximum is at infinity (separation); the reason says
        what to change.

    Raises
    ------
    UserError
        A column that is not there, a formula that cannot be read, a response that the family cannot have, a negative
        weight.
    ValueError
        A level outside 0 to 1, or a family that is not offered.

    Notes
    -----
    Bell, McCaffrey 2002, Surv Methodol 28:169; Pustejovsky, Tipton 2018, J Bus Econ Stat 36:672; joint tests: Tipton,
    Pustejovsky 2015, J Educ Behav Stat 40:604 (AHT). Where one cluster alone decides a function of the coefficients,
    its standard error is missing with a reason; clubSandwich reports what the other clusters add to it. Checked against
    clubSandwich 0.5.8 (1e-8 relative) and matrices of rows by rows.
    """
    _check(level, family=(family, Family))
    rows = ordered_rows(formula, data, cluster=cluster, family=family, weight=weight)
    if isinstance(rows, NotEstimable):
        return rows
    model = fit(rows, family)
    if isinstance(model, NotEstimable):
        return model
    gaussian = family == "gaussian"
    pieces = corrected_sandwich(
        rows.x if gaussian else rows.x * model.variance[:, None],
        rows.y - model.mean,
        variance=model.variance if gaussian else model.variance / rows.weight,
        weight=rows.weight if gaussian else rows.weight / model.variance,
        starts=rows.starts,
    )
    half = np.linalg.solve(pieces.triangle, pieces.score.T)
    squares = rows.weight * (rows.y - model.mean) ** 2 / model.variance
    dispersion = float(squares.sum()) / (len(rows.y) - len(rows.kept))
    covariance = np.asarray(half @ half.T)
    own = ClusterUncertainty(level=level, estimate=model.coefficients, pieces=pieces, dispersion=dispersion)
    return clustered_fit(
        rows, _known(model.coefficients, covariance, level, own), family=family, dispersion=dispersion, correlation=None
    )


def gee(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str,
    family: Family,
    correlation: Correlation = "independence",
    order: str | None = None,
    standard_errors: StandardErrors = "robust",
    level: float = 0.95,
) -> ClusteredFit | NotEstimable:
    """Fit generalised estimating equations with normal inference (df is infinite); with few clusters prefer cr2.

    Parameters
    ----------
    formula, data, cluster, family, level
        As for cr2.
    correlation
        Of the rows of a cluster: "independence"; "exchangeable", one for all pairs; "ar1", a^|s - t| for rows at s and
        t. As in geepack it is fitted to products of Pearson residuals by least squares, these being divided by the
        root of their mean square: neither that nor the correlation has a correction for the number of coefficients
        (statsmodels has one unless told otherwise).
    order
        Numeric column that says when in its cluster a row stands; needed for "ar1", where it differs between rows of a
        cluster and may have gaps.
    standard_errors
        "robust": the sandwich of Liang and Zeger (1986), which few clusters make too small. "bias-reduced": that of
        Mancl and DeRouen (2001), which inflates residuals by their leverage. Both hold whatever the true correlation
        and dispersion are; the dispersion (mean square of Pearson residuals) is reported and changes neither.

    Returns
    -------
    ClusteredFit or NotEstimable
        NotEstimable also where no correlation is found that a covariance can have.

    Raises
    ------
    UserError
        As for cr2; or two rows of a cluster that stand at the same place of its order.
    ValueError
        A level, family, correlation or kind of standard error that is not offered; "ar1" without order.

    Notes
    -----
    Liang, Zeger 1986, Biometrika 73:13; Mancl, DeRouen 2001, Biometrics 57:126. Coefficients and robust standard errors
    checked against geepack 1.3.9 iterated to the end (1e-7 relative; by default it stops at 1e-4).
    """
    _check(
        level,
        family=(family, Family),
        correlation=(correlation, Correlation),
        standard_errors=(standard_errors, StandardErrors),
    )
    if correlation == "ar1" and order is None:
        raise ValueError("correlation ar1 needs order, the column that says when in its cluster a row stands")
    rows = ordered_rows(formula, data, cluster=cluster, family=family, order=order)
    if isinstance(rows, NotEstimable):
        return rows
    if correlation == "ar1" and ((np.diff(rows.time) == 0) & (np.diff(rows.cluster) == 0)).any():
        raise mistake(formula, f"Two rows of one {cluster} have the same {order}.", "Make them differ.")
    start = fit(rows, family)
    if isinstance(start, NotEstimable):
        return start
    found = estimating_equations(rows, start, family=family, correlation=correlation, standard_errors=standard_errors)
    if isinstance(found, NotEstimable):
        return found
    known = _known(found.coefficients, found.covariance, level, None)
    return clustered_fit(rows, known, family=family, dispersion=found.dispersion, correlation=found.correlation)


def _known(estimate: Array, covariance: Array, level: float, own: OwnInference | None) -> Uncertainty:
    p = len(estimate)
    return Uncertainty(
        inference="normal",
        level=level,
        estimate=estimate,
        covariance=covariance,
        model=covariance,
        slopes=np.empty((0, p, p)),
        parameters=np.empty((0, 0)),
        own=own,
    )


def _check(level: float, **chosen: tuple[str, object]) -> None:
    for name, (value, offered) in chosen.items():
        if value not in get_args(offered):
            text = f"{name} is {value!r}; it can be one of {get_args(offered)}"
            raise ValueError(text)
    if not 0 < level < 1:
        text = f"level is {level}; it lies between 0 and 1"
        raise ValueError(text)
