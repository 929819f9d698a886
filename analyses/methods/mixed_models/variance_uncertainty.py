"""How uncertain the variances of a mixed model are, and what that does to inference about its coefficients.

Kenward and Roger (1997), with V linear in its parameters as in pbkrtest: W = 2 I^-1 with the expected information
I_rs = tr(PG_r PG_s), and

    adjusted covariance = C + 2 C { sum over r, s of W_rs (Q_rs - P_r C P_s) } C

Satterthwaite, as in lmerTest: W from the observed information. A covariance on its boundary (a variance of zero, a
correlation of one) has fewer parameters there: l in D = l l', or none; what is at its limit counts as known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.mixed_models.second_order import entries, information, second_order, with_residual
from analyses.methods.mixed_models.small_sample import Uncertainty
from analyses.methods.mixed_models.variance_table import ZERO
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from analyses.methods.mixed_models.nested_rows import Nested
    from analyses.methods.mixed_models.restricted_likelihood import Method, Point
    from analyses.methods.mixed_models.second_order import SecondOrder
    from analyses.methods.mixed_models.small_sample import Array, Inference

FLAT = 1e-10
"""Directions with less than this share of the largest information say nothing; they count as known."""


def uncertainty(
    nested: Nested, point: Point, *, method: Method, inference: Inference, level: float
) -> Uncertainty | NotEstimable:
    """Return what is known about the coefficients of the terms kept, at the optimum of a search."""
    back = np.linalg.inv(nested.triangle)
    inverse = point.sigma2 * point.inverse
    model = back @ inverse @ back.T
    estimate = back @ (point.beta + nested.least_squares)
    p = len(estimate)
    covariance, slopes, parameters = model, np.zeros((0, p, p)), np.zeros((0, 0))
    if inference != "normal":
        _, made = with_residual(nested.sums, point, second_order(nested.sums, point.blocks))
        expected, errors = information(made, inverse, method)
        own = made.slopes[:, :p, :p]
        if inference == "kenward-roger":
            parameters = 2 * _inverse(expected)
            covariance = back @ _adjusted(made, inverse, parameters) @ back.T
        else:
            jacobian, curved = _free(point)
            parameters = 2 * _inverse(jacobian.T @ (2 * errors - expected) @ jacobian + curved)
            own = np.tensordot(jacobian.T, own, 1)
        slopes = nested.triangle.T @ own @ nested.triangle
    if not (np.diag(covariance) > 0).all():
        return NotEstimable(
            reason="the covariance adjusted after Kenward and Roger is not positive; take Satterthwaite's inference"
        )
    return Uncertainty(
        inference=inference,
        level=level,
        estimate=estimate,
        covariance=covariance,
        model=model,
        slopes=slopes,
        parameters=parameters,
    )


def _adjusted(made: SecondOrder, inverse: Array, parameters: Array) -> Array:
    p = len(inverse)
    own = made.slopes[:, :p, :p]
    middle = np.einsum("rs,rsab->ab", parameters, made.squares[:, :, :p, :p])
    weighted = np.tensordot(parameters, own @ inverse, 1)
    middle -= np.einsum("rab,rbc->ac", weighted, own)
    return np.asarray(inverse + 2 * inverse @ (middle + middle.T) / 2 @ inverse)


def _free(point: Point) -> tuple[Array, Array]:
    """Return the derivatives of all variance parameters by those off a boundary, and the curvature of that map.

    The curvature is weighted with the gradient of the criterion, as it enters second derivatives.
    """
    blocks, curves = [], []
    for root, slope in ((point.root_d, point.slope_d), (point.root_f, point.slope_f)):
        places = entries(len(root))
        size, axes = np.linalg.eigh(root @ root.T) if len(root) else (np.zeros(0), root)
        positive = size >= ZERO
        if positive.all():
            blocks.append(np.eye(len(places)))
            curves.append(np.zeros((len(places), len(places))))
        elif not positive.any():
            blocks.append(np.zeros((len(places), 0)))
            curves.append(np.zeros((0, 0)))
        else:
            line = axes[:, -1] * np.sqrt(size[-1] * point.sigma2)
            unit = np.eye(len(root))
            blocks.append(
                np.array([[unit[a, j] * line[b] + line[a] * unit[b, j] for j in range(len(root))] for a, b in places])
            )
            curves.append(2 * slope / point.sigma2)
    sizes = [(len(block), block.shape[1]) for block in blocks]
    jacobian = np.zeros((sizes[0][0] + sizes[1][0] + 1, sizes[0][1] + sizes[1][1] + 1))
    jacobian[: sizes[0][0], : sizes[0][1]] = blocks[0]
    jacobian[sizes[0][0] : -1, sizes[0][1] : -1] = blocks[1]
    jacobian[-1, -1] = 1.0
    curved = np.zeros((jacobian.shape[1], jacobian.shape[1]))
    curved[: sizes[0][1], : sizes[0][1]] = curves[0]
    curved[sizes[0][1] : -1, sizes[0][1] : -1] = curves[1]
    return jacobian, curved


def _inverse(matrix: Array) -> Array:
    """Return the inverse on the directions in which a symmetric matrix is positive, whatever the units."""
    known = np.diag(matrix) > 0
    scale = np.where(known, 1 / np.sqrt(np.where(known, np.diag(matrix), 1.0)), 0.0)
    size, axes = np.linalg.eigh((matrix + matrix.T) / 2 * np.outer(scale, scale))
    good = size > FLAT * size[-1]
    half = (axes[:, good] / np.sqrt(size[good])) * scale[:, None]
    return np.asarray(half @ half.T)
