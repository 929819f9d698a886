"""The inverse root of a large matrix that is a diagonal and something of low rank, applied to a few columns.

B = diag(d) + F K F' is never formed for many rows. Where d is constant its root is found in the space of F. Otherwise

    B^-1/2 = 2/pi integral from 0 to infinity of (t^2 + B)^-1 dt

by the rule of Hale, Higham, Trefethen (2008, SIAM J Numer Anal 46:2505, method 3), whose error falls by the same factor
with every point, and the inverse of a diagonal with something of low rank (Woodbury) at each of its points.
"""

from __future__ import annotations

from math import ceil, log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ellipj, ellipkm1

if TYPE_CHECKING:
    from analyses.methods.mixed_models.small_sample import Array

NARROWEST = 1e-30  # ratio of the limits of the spectrum below which a smaller one is taken for this


def dense_root(matrices: Array, columns: Array) -> Array:
    """Return B^-1/2 times columns for a stack of small positive definite B."""
    values, vectors = np.linalg.eigh(matrices)
    turned = np.swapaxes(vectors, 1, 2) @ columns
    return np.asarray(vectors @ (turned / np.sqrt(np.maximum(values, np.finfo(float).tiny))[..., None]))


def constant_root(factor: Array, middle: Array, columns: Array) -> Array:
    """Return (I + F K F')^-1/2 times columns; F has more rows than columns."""
    basis, triangle = np.linalg.qr(factor)
    values, vectors = np.linalg.eigh(np.eye(len(middle)) + triangle @ middle @ triangle.T)
    turned = basis @ vectors
    return np.asarray(columns + turned @ ((1 / np.sqrt(values) - 1)[:, None] * (turned.T @ columns)))


def varying_root(diagonal: Array, factor: Array, middle: Array, columns: Array, *, low: float, high: float) -> Array:
    """Return (diag(d) + F K F')^-1/2 times columns; all eigenvalues lie between low and high."""
    out = np.zeros_like(columns)
    both = np.hstack([factor, columns])
    width = factor.shape[1]
    for point, share in zip(*_rule(low, high), strict=True):
        scaled = both / (diagonal + point)[:, None]
        inner = factor.T @ scaled
        left = np.linalg.solve(np.eye(width) + middle @ inner[:, :width], middle @ inner[:, width:])
        out += share * (scaled[:, width:] - scaled[:, :width] @ left)
    return out


def _rule(low: float, high: float) -> tuple[Array, Array]:
    """Return points t and weights such that the sum of weight / (t + b) is b^-1/2 for every b from low to high."""
    ratio = max(low / high, NARROWEST)
    half = ceil((log(1 / ratio) + 6) * 0.9)  # half of the points; the error is exp(-2 pi^2 points / (log + 6))
    period = float(ellipkm1(ratio))
    sine, cosine, delta, _ = ellipj(np.arange(0.5, half) * period / (2 * half), 1 - ratio)
    tangent, slope = sine / cosine, delta / cosine**2
    scale = period * sqrt(ratio * high) / (pi * half)
    # The upper half of the points mirrors the lower, which loses no digits in 1 - ratio.
    points = high * np.concatenate([ratio * tangent**2, tangent**-2])
    return points, scale * np.concatenate([slope, slope / (sqrt(ratio) * tangent**2)])
