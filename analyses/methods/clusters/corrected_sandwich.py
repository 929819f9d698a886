"""The bias-reduced sandwich CR2, cluster by cluster in matrices of the number of coefficients.

With V = diag(v) the working variances, W = diag(w) the weights, X the design times the slope of the means, H = X M X'W
and M = (X'WX)^-1, the adjustment of cluster j is (Bell, McCaffrey 2002, Surv Methodol 28:169; Pustejovsky, Tipton 2018,
J Bus Econ Stat 36:672, with the root that the R package clubSandwich takes)

    A_j = V^1/2 B_j^-1/2 V^1/2,   B_j = V^1/2 [(I - H) V (I - H)']_jj V^1/2,

so that M sum_j X_j'W_j A_j e_j e_j' A_j W_j X_j M has no bias if the working model holds. B_j is a diagonal and
something of low rank: what is needed of it, with Q R = W^1/2 X, is B_j^-1/2 V^1/2 W^1/2 Q_j, which is had without a
matrix of rows by rows (inverse_root.py).
A direction in which a cluster has all the information (leverage one) leaves no residual; its generalised inverse is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.clusters.inverse_root import constant_root, dense_root, varying_root

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.mixed_models.small_sample import Array

GONE = 1e-9
"""1 - leverage of a direction that one cluster alone decides."""
DENSE = 40
"""Rows of a cluster up to which its matrix is formed."""
CELLS = 4_000_000
"""Numbers that stand in memory at once for clusters of one size."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pieces:
    """What the variance and its degrees of freedom need, in coordinates g = R b in which X'WX is the identity.

    score: (J, p), X'W A e of each cluster; spread: (J, p, p), its variance if the residuals were the errors; cross:
    (J, p, r) and middle: (r, r), so that clusters i and j have the covariance d_ij spread_j + cross_i middle cross_j';
    decided: (k, p), directions that one cluster alone decides; triangle: R.
    """

    score: Array
    spread: Array
    cross: Array
    middle: Array
    decided: Array
    triangle: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scaled:
    """Q with Q'Q = I, and by row residual, working variance v, weight w; identity: whether v w is the same in all rows.

    Where it is not, v is 1: weights that say nothing of the variance. omega: Q' diag(v w) Q.
    """

    q: Array
    residual: Array
    variance: Array
    weight: Array
    identity: bool
    omega: Array

    def part(self, rows: slice | NDArray[np.intp]) -> tuple[Array, Array, Array, Array]:
        return self.q[rows], self.residual[rows], self.variance[rows], self.weight[rows]


def corrected_sandwich(
    x: Array, residual: Array, *, variance: Array, weight: Array, starts: NDArray[np.intp]
) -> Pieces:
    """Return the pieces for clusters of consecutive rows; x is the design times the slope of the means."""
    q, triangle = np.linalg.qr(x * np.sqrt(weight)[:, None])
    both = variance * weight
    scaled = _Scaled(
        q=q,
        residual=residual,
        variance=variance,
        weight=weight,
        identity=bool(np.allclose(both, both[0], rtol=1e-12)),
        omega=(q * both[:, None]).T @ q,
    )
    sizes, p = np.diff(starts), x.shape[1]
    score, spread = np.empty((len(sizes), p)), np.empty((len(sizes), p, p))
    cross = np.empty((len(sizes), p, p if scaled.identity else 2 * p))
    leverage = np.stack([q[a:b].T @ q[a:b] for a, b in pairwise(starts)])
    values, vectors = np.linalg.eigh(leverage)
    whole = values > 1 - GONE
    for size in np.unique(sizes):
        plain = np.flatnonzero((sizes == size) & ~whole.any(axis=1))
        run = max(1, CELLS // int(size) ** 2) if size <= DENSE else 1
        groups = [plain[i : i + run] for i in range(0, len(plain), run)]
        groups += [np.array([i]) for i in np.flatnonzero((sizes == size) & whole.any(axis=1))]
        for some in groups:
            rows = starts[some][:, None] + np.arange(size)
            left = vectors[some[0]][:, whole[some[0]]]
            top = float(np.where(whole[some], 0.0, values[some]).max())
            score[some], spread[some], cross[some] = _clusters(scaled, rows, left, top)
    identity = np.eye(p)
    middle = np.block([[scaled.omega, -identity], [-identity, 0 * identity]])
    return Pieces(
        score=score,
        spread=spread,
        cross=cross,
        middle=-both[0] * identity if scaled.identity else middle,
        decided=np.swapaxes(vectors, 1, 2)[whole],
        triangle=triangle,
    )


def _clusters(scaled: _Scaled, rows: NDArray[np.intp], left: Array, top: float) -> tuple[Array, Array, Array]:
    """Return score, spread and cross of clusters of one size; left: directions of leverage one, if it is one cluster.

    top: the largest leverage below one.
    """
    q, residual, variance, weight = scaled.part(rows)
    # The adjustment does not depend on the unit of the variances; without weights of another kind they are all 1.
    unit = variance.max(axis=1, keepdims=True) if scaled.identity else 1.0
    v = variance / unit
    ratio = np.sqrt(v * weight)
    empty = np.empty((len(rows), rows.shape[1], 0))
    # Where nothing is left of a residual, something is put into B and taken out of its root.
    null = np.linalg.qr((ratio / v)[..., None] * (q @ left))[0] if left.size else empty
    columns = ratio[..., None] * q
    if scaled.identity:
        factor, middle = np.concatenate([v[..., None] * q, null], axis=2), -np.eye(q.shape[2])
    else:
        first, second = np.sqrt(v / weight)[..., None] * q, (v * ratio)[..., None] * q
        factor = np.concatenate([first, second, null], axis=2)
        identity = np.eye(q.shape[2])
        middle = np.block([[scaled.omega, -identity], [-identity, 0 * identity]])
    k = null.shape[2]
    middle = np.block([[middle, np.zeros((len(middle), k))], [np.zeros((k, len(middle))), np.eye(k)]])
    root = _root(v, factor, middle, columns, top=top)
    root = root - null @ (np.swapaxes(null, 1, 2) @ root)
    half = np.sqrt(v)[..., None] * root  # A W^1/2 Q
    turned = np.swapaxes(half, 1, 2)
    score = (turned @ residual[..., None])[..., 0]
    spread = turned @ (variance[..., None] * half)
    own = turned @ (q / np.sqrt(weight)[..., None])
    if scaled.identity:
        return score, spread, own
    return score, spread, np.concatenate([own, turned @ ((variance * np.sqrt(weight))[..., None] * q)], axis=2)


def _root(v: Array, factor: Array, middle: Array, columns: Array, *, top: float) -> Array:
    """Return B^-1/2 times columns for clusters of one size."""
    size = v.shape[1]
    if size <= max(DENSE, factor.shape[2]):
        dense = factor @ middle @ np.swapaxes(factor, 1, 2)
        dense[:, np.arange(size), np.arange(size)] += v**2
        return dense_root(dense, columns)
    if np.ptp(v[0]) <= 1e-12:  # noqa: PLR2004  (largest is 1)
        return constant_root(factor[0], middle, columns[0])[None]
    # B = V (I - QQ') V: no eigenvalue is below this, nor, where a direction was put in, below its share of the rest.
    low = float(v.min()) ** 2 * (1 - top)
    if len(middle) > columns.shape[2]:
        low *= float(v.min()) ** 4
    return varying_root(v[0] ** 2, factor[0], middle, columns[0], low=low, high=1.0 + 1e-9)[None]
