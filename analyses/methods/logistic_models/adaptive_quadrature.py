"""The likelihood of a logistic model with a normal intercept of the centre, by adaptive Gauss-Hermite quadrature.

With b = sd z and h(z) the log-likelihood of a centre given z, its likelihood is the integral of exp(h(z)) times the
standard normal density. The points are those of Gauss and Hermite moved to the mode of the integrand and stretched by
its curvature there (Liu, Pierce 1994, Biometrika 81:624; Pinheiro, Bates 1995, J Comput Graph Stat 4:12).

The derivatives are those of the sum over points that stay where they are: with E and V the mean and covariance over the
points, each with its share of the sum, the score is E h' and the observed information -(E h'' + V h') (Louis 1982,
J R Stat Soc B 44:226). They are also the quadrature of the derivatives of the true likelihood. What is left out, the
movement of points with the parameters, would vanish if the quadrature were exact, and is of the size of its error:
with 75 points the tests see none of it beside differences of the sum with its points moving. With 50 points the
log-likelihood of centres with a few rows is right to 1e-7 for an sd up to 3 and to 1e-4 up to 6; beyond, where the
responses of nearly every centre are alike, the integrand is too far from a normal density.
The likelihood is the same for sd and -sd: its score at sd = 0 is zero and the coefficients there are those of the
ordinary logistic model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyses.methods.logistic_models.centre_rows import CentreRows
    from analyses.methods.mixed_models.small_sample import Array

_BLOCK = 200_000  # numbers in an array of rows by points: fits a processor's cache, and bounds the memory
_MODE = 1e-12
_ITERATIONS = 200  # bisection alone would need 60


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """Points and log weights for integrals of a function times the standard normal density, before they are moved."""

    points: Array
    log_weights: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """The log-likelihood at coefficients (p) and an sd, with its score and observed information (p + 1, sd last).

    mode, mean, spread: of the centre effects on the logit scale given the responses (c): mode of their density, mean
    and standard deviation.
    """

    coefficients: Array
    sd: float
    log_likelihood: float
    score: Array
    information: Array
    mode: Array
    mean: Array
    spread: Array


def rule(points: int) -> Rule:
    """Return the rule of Gauss and Hermite with so many points."""
    at, weights = np.polynomial.hermite_e.hermegauss(points)
    return Rule(points=at, log_weights=np.log(weights) + at**2 / 2)


def evaluate(rows: CentreRows, chosen: Rule, coefficients: Array, sd: float, near: Array | None = None) -> Place:
    """Return the likelihood with its derivatives; near: modes of the centre effects at parameters not far away."""
    eta = rows.x @ coefficients
    mode, width = _mode(rows, eta, sd, near)
    centres, p = len(rows.first), rows.x.shape[1]
    information = np.zeros((p + 1, p + 1))
    log_likelihood, mean, spread = np.empty(centres), np.empty(centres), np.empty(centres)
    residual = np.empty(len(eta))
    by_sd = 0.0
    for block, own in _blocks(rows, len(chosen.points)):
        first = rows.first[block] - own.start
        site = rows.site[own] - block.start
        z = mode[block, None] + width[block, None] * chosen.points
        events, size, x = rows.events[own, None], rows.size[own, None], rows.x[own]
        value, chance, variance = _given(eta[own, None] + sd * z[site])
        height = np.add.reduceat(events * (eta[own, None] + sd * z[site]) - size * value, first) - z**2 / 2
        height += np.log(width[block])[:, None] + chosen.log_weights - np.log(2 * np.pi) / 2
        top = height.max(axis=1, keepdims=True)
        share = np.exp(height - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        log_likelihood[block] = (top + np.log(total))[:, 0]
        mean[block] = sd * (share * z).sum(axis=1)
        spread[block] = abs(sd) * np.sqrt((share * (z - (share * z).sum(axis=1, keepdims=True)) ** 2).sum(axis=1))
        left = events - size * chance
        residual[own] = (left * share[site]).sum(axis=1)
        # h'' by coefficients, by both and by sd
        bent = size * variance * share[site]
        once = (bent * z[site]).sum(axis=1)
        information[:p, :p] += (x * bent.sum(axis=1)[:, None]).T @ x
        information[:p, p] += x.T @ once
        information[p, p] += float((bent * z[site] ** 2).sum())
        # h' by coefficients, point by point, and by sd
        slope = np.empty((p + 1, len(first), len(chosen.points)))
        for j in range(p):
            slope[j] = np.add.reduceat(left * x[:, j, None], first)
        slope[p] = z * np.add.reduceat(left, first)
        by_sd += float((share * slope[p]).sum())
        slope -= (slope * share).sum(axis=2, keepdims=True)
        flat = (slope * np.sqrt(share)).reshape(p + 1, -1)
        information -= flat @ flat.T
    information[p, :p] = information[:p, p]
    return Place(
        coefficients=coefficients,
        sd=sd,
        log_likelihood=float(log_likelihood.sum()),
        score=np.r_[rows.x.T @ residual, by_sd],
        information=information,
        mode=sd * mode,
        mean=mean,
        spread=spread,
    )


def _given(predictor: Array) -> tuple[Array, Array, Array]:
    """Return log(1 + e^t), the probability e^t / (1 + e^t) and its variance, without overflow."""
    small = np.exp(-np.abs(predictor))
    larger = 1 / (1 + small)
    chance = np.where(predictor > 0, larger, small * larger)
    return np.maximum(predictor, 0) - np.log(larger), chance, small * larger**2


def _mode(rows: CentreRows, eta: Array, sd: float, near: Array | None) -> tuple[Array, Array]:
    """Return where the integrand of each centre is highest, and one over the root of its curvature there.

    The slope falls throughout, so that Newton's steps can be kept between points known to lie on either side; a step
    that leaves them, or that brings the slope down too slowly, is replaced by their middle.
    """
    low = -abs(sd) * rows.by_centre(rows.size - rows.events) - 1
    high = abs(sd) * rows.by_centre(rows.events) + 1
    z = np.zeros(len(rows.first)) if near is None or sd == 0 else np.clip(near / sd, low, high)
    before = np.full(len(z), np.inf)
    for _ in range(_ITERATIONS):
        _, chance, variance = _given(eta + sd * z[rows.site])
        slope = sd * rows.by_centre(rows.events - rows.size * chance) - z
        curvature = 1 + sd**2 * rows.by_centre(rows.size * variance)
        step = slope / curvature
        done = np.abs(step) * np.sqrt(curvature) < _MODE * np.maximum(1.0, np.abs(z))
        if done.all():
            break
        low, high = np.where(slope > 0, z, low), np.where(slope < 0, z, high)
        ahead = z + step
        slow = (np.abs(slope) > before / 2) | (ahead < low) | (ahead > high)
        z, before = np.where(done, z, np.where(slow, (low + high) / 2, ahead)), np.abs(slope)
    return z, 1 / np.sqrt(curvature)


def _blocks(rows: CentreRows, points: int) -> Iterator[tuple[slice, slice]]:
    """Yield the centres and the rows of one part of the data after another; a centre is never divided."""
    ends = np.r_[rows.first[1:], len(rows.site)]
    start = 0
    while start < len(ends):
        most = int(rows.first[start]) + _BLOCK // points
        stop = max(start + 1, int(np.searchsorted(ends, most, side="right")))
        yield slice(start, stop), slice(int(rows.first[start]), int(ends[stop - 1]))
        start = stop
