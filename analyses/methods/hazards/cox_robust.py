"""Cluster-robust variance of a Cox model: the plain sandwich, and CR2 with Satterthwaite's degrees of freedom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.hazards.cox_contributions import FEW, at_maximum, information_contributions, score_contributions
from analyses.methods.hazards.cox_time_leverage import time_covariance, time_leverage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_contributions import AtCoefficients
    from analyses.methods.hazards.cox_design import CoxDesign, Ties
    from analyses.methods.hazards.likelihood_search import Maximum

    Floats = NDArray[np.float64]

_CHUNK = 20_000  # clusters whose matrices stand in memory at once
_SMALL = 0.1  # leverage up to which a power series is exact to the last digit in _POWERS terms
_POWERS = 15
_DECIDES = 1e-6  # share of a term's direction that lies where a cluster has all the information
_GONE = 1e-9  # 1 - leverage of a direction that one cluster alone decides: it tells nothing about the variance


@dataclass(frozen=True, kw_only=True, eq=False)
class RobustVariance:
    """Covariance of the estimates on the standardised scale, degrees of freedom by term, and how many clusters.

    df is 0 for a term about whose variance the clusters say nothing: one of them alone decides its estimate.
    """

    covariance: Floats
    df: Floats
    clusters: int


def sandwich(design: CoxDesign, maximum: Maximum, ties: Ties) -> RobustVariance:
    """Return I^-1 (sum over clusters of U U') I^-1 of the score residuals (Lin and Wei 1989); df are infinite.

    A row is its own cluster if the design has none.
    """
    cluster, clusters = _clusters(design)
    scores = score_contributions(at_maximum(design, maximum.coefficients, ties))
    half = _by_cluster(scores, cluster, clusters) @ np.linalg.inv(maximum.information)
    return RobustVariance(
        covariance=np.asarray(half.T @ half), df=np.full(len(design.terms), np.inf), clusters=clusters
    )


def corrected_sandwich(design: CoxDesign, maximum: Maximum, ties: Ties) -> RobustVariance:
    """Return the bias-corrected sandwich CR2 with Satterthwaite's degrees of freedom of each term.

    L L' = I^-1. Of cluster i, u = L' U is the score, B = L' K L the leverage (K: its part of the information) and Q_ij
    = L' (integral of z_i z_j' dN) L, z_i being the sum over its rows at risk of their share of the hazard times (z -
    zbar). If the model holds, residual scores have covariance d_ij B_i - Q_ij - B_i B_j: the last term because the
    coefficients were estimated, the middle one because the baseline hazard was. V = L (sum of A u u' A) L' is without
    bias if A_i turns its own covariance B - Q - B^2 into B: for linear models this is CR2 of Bell and McCaffrey (2002);
    here it is applied to the Poisson model with a parameter a time whose likelihood is Cox's. A variance is a sum of
    squares with covariance G_ij = a_i' (...) a_j, a = A L' c, and df = (tr G)^2 / tr G^2 (Pustejovsky and Tipton 2018).
    Q is neglected with more than 100 clusters, whose share of those at risk is then about a hundredth. Checked against
    the same computed event by event, and by simulation (benchmarks/few_clusters.py).
    """
    cluster, clusters = _clusters(design)
    at = at_maximum(design, maximum.coefficients, ties)
    root = np.linalg.cholesky(np.linalg.inv(maximum.information))
    scores = _by_cluster(score_contributions(at), cluster, clusters) @ root
    packed = information_contributions(at, cluster, clusters)
    sums = _few if clusters <= FEW and _shared(design, cluster) else _many
    meat, trace, squares = sums(at, cluster, scores, packed, root)
    silent = _decided_by_one(packed, root) | (squares <= 0)
    df = np.where(silent, 0.0, trace**2 / np.where(silent, 1.0, squares))
    return RobustVariance(covariance=root @ meat @ root.T, df=df, clusters=clusters)


def _many(
    _at: AtCoefficients, _cluster: NDArray[np.intp], scores: Floats, packed: Floats, root: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return sum of A u u' A, tr G and tr G^2 by term without Q: A = (I - B)^-1/2, in runs of clusters."""
    clusters, size = scores.shape
    meat, trace, squares, across = np.zeros((size, size)), np.zeros(size), np.zeros(size), np.zeros((size, size, size))
    for start in range(0, clusters, _CHUNK):
        some = slice(start, start + _CHUNK)
        leverage = root.T @ _unpacked(packed[some], size) @ root
        # the first column is u, the others are L'c of each term
        columns = np.concatenate((scores[some, None, :], np.broadcast_to(root, leverage.shape)), axis=1)
        corrected = _inverse_root(leverage, columns.transpose(0, 2, 1))
        residual, contrast = corrected[:, :, 0], corrected[:, :, 1:]
        meat += residual.T @ residual
        spread = leverage @ contrast
        own = np.einsum("ijk,ijk->ik", contrast, spread)
        shared = np.einsum("ijk,ijk->ik", spread, spread)
        trace += np.sum(own - shared, axis=0)
        squares += np.sum(own**2 - 2 * own * shared, axis=0)
        across += np.einsum("ijk,ilk->kjl", spread, spread)
    return meat, trace, squares + np.einsum("kjl,kjl->k", across, across)


def _few(
    at: AtCoefficients, cluster: NDArray[np.intp], scores: Floats, packed: Floats, root: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the same with Q."""
    clusters, size = scores.shape
    leverage = root.T @ _unpacked(packed, size) @ root
    left = leverage - leverage @ leverage - root.T @ time_leverage(at, cluster, clusters) @ root
    half = _root(leverage)
    corrected = half @ _root(half @ left @ half, inverse=True) @ half
    residual = np.einsum("ijk,ik->ij", corrected, scores)
    contrast = corrected @ root.T  # a of each cluster, a column a term
    spread = leverage @ contrast
    covariance = -np.einsum("ikt,jkt->tij", spread, spread) - time_covariance(
        at, cluster, clusters, contrast.transpose(0, 2, 1) @ root.T
    )
    diagonal = np.arange(clusters)
    covariance[:, diagonal, diagonal] += np.einsum("ikt,ikt->ti", contrast, spread)
    return residual.T @ residual, np.trace(covariance, axis1=1, axis2=2), np.sum(covariance**2, axis=(1, 2))


def _clusters(design: CoxDesign) -> tuple[NDArray[np.intp], int]:
    if design.cluster is None:
        return np.arange(design.month.size), design.month.size
    return design.cluster, len(design.cluster_labels)


def _shared(design: CoxDesign, cluster: NDArray[np.intp]) -> bool:
    """Return whether a stratum holds rows of more than one cluster; otherwise each z_i is 0."""
    if design.stratum is None:
        return True
    return bool(np.any((np.diff(design.stratum) == 0) & (np.diff(cluster) != 0)))


def _by_cluster(scores: Floats, cluster: NDArray[np.intp], clusters: int) -> Floats:
    return np.column_stack([np.bincount(cluster, weights=column, minlength=clusters) for column in scores.T])


def _decided_by_one(packed: Floats, root: Floats) -> NDArray[np.bool_]:
    """Return for each term whether a cluster has all the information on it: its leverage is 1 in that direction."""
    size = len(root)
    leverage = root.T @ _unpacked(packed[(packed @ _unpacked_trace(root)) > 1 - _DECIDES], size) @ root
    values, vectors = np.linalg.eigh(leverage)
    along = np.square(root @ vectors) / np.sum(np.square(root), axis=1)[:, None]
    return np.asarray(np.any((along > _DECIDES) & (values[:, None, :] > 1 - _GONE), axis=(0, 2)))


def _unpacked_trace(root: Floats) -> Floats:
    """Return the vector whose product with a packed K is the trace of L' K L."""
    whole = root @ root.T
    upper = np.triu_indices(len(root))
    return np.where(upper[0] == upper[1], 1.0, 2.0) * whole[upper]


def _unpacked(packed: Floats, size: int) -> Floats:
    upper = np.triu_indices(size)
    out = np.zeros((len(packed), size, size))
    out[:, upper[0], upper[1]] = out[:, upper[1], upper[0]] = packed
    return out


def _inverse_root(leverage: Floats, columns: Floats) -> Floats:
    """Return (I - B)^-1/2 times columns for a stack of B; directions in which B is 1 become 0."""
    out = np.empty_like(columns)
    small = np.trace(leverage, axis1=1, axis2=2) < _SMALL
    if np.any(small):
        power = columns[small]
        total = power.copy()
        factor = 1.0
        for k in range(1, _POWERS):
            factor *= (2 * k - 1) / (2 * k)
            power = leverage[small] @ power
            total += factor * power
        out[small] = total
    if not np.all(small):
        identity = np.eye(leverage.shape[1])
        out[~small] = _root(identity - leverage[~small], inverse=True) @ columns[~small]
    return out


def _root(stack: Floats, *, inverse: bool = False) -> Floats:
    """Return the symmetric root of each matrix, or its inverse on the directions that are not 0."""
    values, vectors = np.linalg.eigh(stack)
    known = values > _GONE
    if inverse:
        roots = np.where(known, 1 / np.sqrt(np.where(known, values, 1.0)), 0.0)
    else:
        roots = np.sqrt(np.maximum(values, 0.0))
    return np.asarray((vectors * roots[:, None, :]) @ vectors.transpose(0, 2, 1))
