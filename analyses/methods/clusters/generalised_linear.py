"""Linear and generalised linear models with the canonical link by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, xlogy

from analyses.methods.clusters.separation import separating_terms
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from analyses.methods.clusters.ordered_rows import ClusteredRows, Family
    from analyses.methods.mixed_models.small_sample import Array

STEPS = 60
SMALL = 1e-18  # of the log likelihood, that one more step would still gain
FAR = 1e-6  # a fitted mean or distance from one below this may be on its way to infinity


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedModel:
    """Coefficients of the kept terms, fitted means and their variances, the weights of the rows left out."""

    coefficients: Array
    mean: Array
    variance: Array


def fit(rows: ClusteredRows, family: Family) -> FittedModel | NotEstimable:
    """Return the maximum of the likelihood by Newton's method, or why there is none."""
    triangle = np.linalg.qr(rows.x * np.sqrt(rows.weight)[:, None], mode="r")
    basis = rows.x @ np.linalg.inv(triangle)
    if family == "gaussian":
        coefficients = basis.T @ (rows.weight * rows.y)
        mean, variance = basis @ coefficients, np.ones(len(rows.y))
    else:
        coefficients, done = _climb(basis, rows.y, rows.weight, family)
        mean, variance = moments(basis @ coefficients, family)
        if not done or variance.min() < FAR:
            cause = separating_terms(rows.x, rows.y, rows.names, family)
            if cause:
                seen = "separate the responses" if len(cause) > 1 else "separates the responses"
                return NotEstimable(reason=f"{', '.join(cause)} {seen}: no finite estimate is the best")
        if not done:
            return NotEstimable(reason="the maximum of the likelihood was not reached")
    return FittedModel(coefficients=np.linalg.solve(triangle, coefficients), mean=mean, variance=variance)


def moments(predictor: Array, family: Family) -> tuple[Array, Array]:
    """Return mean and variance of the response; with a canonical link the variance is the slope of the mean."""
    if family == "gaussian":
        return predictor, np.ones(len(predictor))
    if family == "binomial":
        return expit(predictor), expit(predictor) * expit(-predictor)
    mean = np.exp(np.minimum(predictor, 700.0))
    return mean, mean


def _log_likelihood(predictor: Array, y: Array, weight: Array, family: Family) -> float:
    if family == "binomial":
        return float(weight @ (y * predictor - np.logaddexp(0, predictor)))
    return float(weight @ (y * predictor - np.exp(np.minimum(predictor, 700.0))))


def _climb(basis: Array, y: Array, weight: Array, family: Family) -> tuple[Array, bool]:
    """Return coefficients of an orthonormal basis and whether they are at the maximum."""
    # One step of weighted least squares from means between each response and the mean of all, as for any such model.
    middle = (y + np.average(y, weights=weight)) / 2
    slope = middle * (1 - middle) if family == "binomial" else middle
    predictor = (np.log(middle) - np.log1p(-middle)) if family == "binomial" else np.log(middle)
    root = np.sqrt(weight * slope)
    first = np.linalg.lstsq(basis * root[:, None], root * (predictor + (y - middle) / slope))[0]
    here = np.asarray(first, dtype=float)
    value = _log_likelihood(basis @ here, y, weight, family)
    scale = 1 + abs(float(weight @ xlogy(y, np.maximum(y, 1))))
    for _ in range(STEPS):
        mean, variance = moments(basis @ here, family)
        score = basis.T @ (weight * (y - mean))
        information = (basis * (weight * variance)[:, None]).T @ basis
        try:
            step = np.asarray(np.linalg.solve(information, score), dtype=float)
        except np.linalg.LinAlgError:
            return here, False
        if float(score @ step) < SMALL * scale:
            # On the way to infinity the information vanishes, and with it the sense of a last step.
            last = _log_likelihood(basis @ (here + step), y, weight, family)
            return (here + step if last >= value - 1e-13 * abs(value) else here), True
        for share in 0.5 ** np.arange(30):
            trial = here + share * step
            new = _log_likelihood(basis @ trial, y, weight, family)
            if new >= value - 1e-13 * abs(value):
                here, value = trial, new
                break
        else:
            return here, False
    return here, False
