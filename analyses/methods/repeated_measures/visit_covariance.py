"""Covariance matrices of visits by their parameters, with first and second derivatives.

    us      D L L' D          D: exp of the first parameters; L: unit lower triangle, row by row
    toeph   s_a s_b r_|a-b|   ar1h   s_a s_b r^|a-b|   csh   s_a s_b r       (a differs from b)
    toep    s^2 r_|a-b|       ar1    s^2 r^|a-b|       cs    s^2 r

s = exp(parameter); r = parameter / sqrt(1 + parameter^2), but for cs and csh r = (1 + a) / (1 + exp(-parameter)) - a
with a = 1 / (visits - 1), below which a common correlation cannot go. These are the parameters of the R package mmrm
(its vignette "Covariance structures"; those of cs and csh are of 2025), which matters: the second derivatives are part
of Kenward and Roger's covariance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import expit

if TYPE_CHECKING:
    from analyses.methods.mixed_models.small_sample import Array

Covariance = Literal["us", "toeph", "ar1h", "csh", "toep", "ar1", "cs"]

HOMOGENEOUS = ("toep", "ar1", "cs")
STRONGEST = 0.95
"""A search starts at correlations no stronger than this."""
LEAST = 1e-6
"""A search starts at variances of no less than this share of their mean."""
FLOOR = 0.05
"""A search starts at correlation matrices without a root below this."""


def parameters(kind: Covariance, visits: int) -> int:
    """Return how many parameters a covariance matrix of so many visits has."""
    if kind == "us":
        return visits * (visits + 1) // 2
    return (1 if kind in HOMOGENEOUS else visits) + (visits - 1 if kind in ("toep", "toeph") else 1)


def matrix(kind: Covariance, theta: Array, visits: int) -> Array:
    """Return the covariance matrix (visits, visits); only those of toep and toeph may not be positive definite."""
    if kind == "us":
        root = _root(theta, visits)
        return root @ root.T
    deviation, correlation = _parts(kind, theta, visits)[:2]
    return np.outer(deviation, deviation) * correlation


def slopes(kind: Covariance, theta: Array, visits: int) -> Array:
    """Return the derivative of the matrix by every parameter: (parameters, visits, visits)."""
    if kind == "us":
        root = _root(theta, visits)
        line, part = _lines(root)
        out = np.zeros((len(theta), visits, visits))
        out[np.arange(len(theta)), line] = part @ root.T
        return np.asarray(out + out.transpose(0, 2, 1))
    deviation, correlation, first, _ = _parts(kind, theta, visits)
    square = np.outer(deviation, deviation)
    raised = _raised(visits) * (square * correlation)
    return np.concatenate([_merged(kind, raised), square * first])


def curvature(kind: Covariance, theta: Array, visits: int, against: Array) -> Array:
    """Return the sum of against (visits, visits) times the second derivative by every pair of parameters."""
    if kind == "us":
        root = _root(theta, visits)
        line, part = _lines(root)
        out: Array = 2 * against[np.ix_(line, line)] * (part @ part.T)
        along = 2 * np.einsum("rv,rv->r", (against @ root)[line], part)
        out[line, np.arange(len(theta))] += along
        lower = np.arange(visits, len(theta))
        out[lower, line[lower]] += along[lower]
        return out
    return np.asarray(np.einsum("rsab,ab->rs", _second(kind, theta, visits), against))


def bend(kind: Covariance, theta: Array, visits: int, weight: Array) -> Array:
    """Return the second derivatives of the matrix, summed with a weight (parameters, parameters) for every pair."""
    if kind == "us":
        root = _root(theta, visits)
        line, part = _lines(root)
        own = np.zeros((visits, len(theta)))
        own[line, np.arange(len(theta))] = 1
        out = own @ (weight * (part @ part.T)) @ own.T
        twice = np.where(np.arange(len(theta)) < visits, 1, 2) * weight[line, np.arange(len(theta))]
        out += own @ (twice[:, None] * part) @ root.T
        return out + out.T
    return np.asarray(np.einsum("rsab,rs->ab", _second(kind, theta, visits), weight))


def start(kind: Covariance, moments: Array) -> Array:
    """Return the parameters at which a search starts, from a matrix of moments that need not be positive definite."""
    visits = len(moments)
    variance = np.diag(moments)
    # Where nobody of a group has a visit there is no moment, and a start of zero has no logarithm.
    variance = np.maximum(np.where(variance > 0, variance, variance.mean()), np.finfo(float).tiny)
    deviation = np.sqrt(np.maximum(variance, LEAST * variance.mean()))
    size, axes = np.linalg.eigh(np.clip(moments / np.outer(deviation, deviation), -STRONGEST, STRONGEST))
    near = (axes * np.maximum(size, FLOOR)) @ axes.T
    near /= np.sqrt(np.outer(np.diag(near), np.diag(near)))
    if kind == "us":
        root = np.linalg.cholesky(near) * deviation[:, None]
        sizes = np.diag(root)
        return _joined(np.log(sizes), (root / sizes[:, None])[np.tril_indices(visits, -1)])
    lags = np.array([np.diag(near, lag).mean() for lag in range(1, visits)])
    level = np.log(deviation)
    level = np.array([np.log((deviation**2).mean()) / 2]) if kind in HOMOGENEOUS else level
    if kind in ("cs", "csh"):
        lowest = 1 / (visits - 1)
        share = (max(float(lags.mean()), -STRONGEST * lowest) + lowest) / (1 + lowest)
        return _joined(level, np.log(share / (1 - share)))
    if kind in ("ar1", "ar1h"):
        return _joined(level, lags[0] / np.sqrt(1 - lags[0] ** 2))
    for share in 0.9 ** np.arange(60):
        theta = _joined(level, share * lags / np.sqrt(1 - (share * lags) ** 2))
        correlation = matrix(kind, _joined(0 * level, theta[len(level) :]), visits)
        if np.linalg.eigvalsh(correlation)[0] > FLOOR / 2:
            break
    return theta


def _joined(first: Array, second: Array) -> Array:
    return np.concatenate([first, np.atleast_1d(second)])


def _root(theta: Array, visits: int) -> Array:
    """Return the lower-triangular root D L of an unstructured covariance."""
    root = np.eye(visits)
    root[np.tril_indices(visits, -1)] = theta[visits:]
    return root * np.exp(theta[:visits])[:, None]


def _lines(root: Array) -> tuple[Array, Array]:
    """Return the one line of the root that each parameter changes, and the derivative of this line."""
    visits = len(root)
    rows, columns = np.tril_indices(visits, -1)
    below = np.zeros((len(rows), visits))
    below[np.arange(len(rows)), columns] = np.diag(root)[rows]
    return np.r_[np.arange(visits), rows], np.concatenate([root, below])


def _parts(kind: Covariance, theta: Array, visits: int) -> tuple[Array, Array, Array, Array]:
    """Return standard deviations, correlation matrix, and its first and second derivatives by its own parameters."""
    levels = 1 if kind in HOMOGENEOUS else visits
    own = theta[levels:]
    value, first, second = _common(own, visits) if kind in ("cs", "csh") else _free(own)
    lag = np.arange(1, visits)
    if kind in ("toep", "toeph"):
        by_lag, d1, d2 = value, np.diag(first), np.zeros((visits - 1,) * 3)
        d2[lag - 1, lag - 1, lag - 1] = second
    else:
        power = lag if kind in ("ar1", "ar1h") else np.ones(visits - 1)
        by_lag = value**power
        one = power * value ** (power - 1)
        two = power * (power - 1) * value ** np.maximum(power - 2, 0)
        d1, d2 = (one * first)[None], (two * first**2 + one * second)[None, None]
    distance = np.abs(np.subtract.outer(np.arange(visits), np.arange(visits)))
    deviation = np.exp(np.broadcast_to(theta[:levels], visits))
    zero = np.zeros((*d1.shape[:-1], 1)), np.zeros((*d2.shape[:-1], 1))
    spread = (np.r_[1.0, by_lag], np.concatenate([zero[0], d1], axis=-1), np.concatenate([zero[1], d2], axis=-1))
    return deviation, spread[0][distance], spread[1][..., distance], spread[2][..., distance]


def _free(own: Array) -> tuple[Array, Array, Array]:
    """Return correlations between -1 and 1 with their first and second derivatives by their parameters."""
    base = 1 + own**2
    return own / np.sqrt(base), base**-1.5, -3 * own * base**-2.5


def _common(own: Array, visits: int) -> tuple[Array, Array, Array]:
    """Return the same for a correlation that all pairs of visits share."""
    lowest, share = 1 / (visits - 1), expit(own)
    first = (1 + lowest) * share * (1 - share)
    return share * (1 + lowest) - lowest, first, first * (1 - 2 * share)


def _raised(visits: int) -> Array:
    """Return how often the logarithm of each standard deviation is in each entry of the matrix."""
    one = np.eye(visits)
    return one[:, :, None] + one[:, None, :]


def _merged(kind: Covariance, by_visit: Array) -> Array:
    """Return derivatives by one common standard deviation where all visits share it."""
    return by_visit.sum(axis=0, keepdims=True) if kind in HOMOGENEOUS else by_visit


def _second(kind: Covariance, theta: Array, visits: int) -> Array:
    """Return the second derivatives (parameters, parameters, visits, visits); not for us."""
    deviation, correlation, first, second = _parts(kind, theta, visits)
    square, raised = np.outer(deviation, deviation), _raised(visits)
    level = _merged(kind, raised)
    levels, total = len(level), len(theta)
    out = np.zeros((total, total, visits, visits))
    out[:levels, :levels] = level[:, None] * level[None, :] * (square * correlation)
    out[:levels, levels:] = level[:, None] * (square * first)[None, :]
    out[levels:, :levels] = out[:levels, levels:].transpose(1, 0, 2, 3)
    out[levels:, levels:] = square * second
    return out
