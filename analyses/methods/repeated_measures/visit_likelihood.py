"""Likelihood of repeated measures with its derivatives, from sums over patients with the same visits.

    y_i = X_i b + e_i,   e_i ~ N(0, S),   S the rows and columns of Sigma of the visits that patient i has

With A = inverse(S), C = inverse(X'V^-1 X), e = y - X b and, over the patients of a pattern, B = sum (A X_i) C (A X_i)',
E = sum (A e_i)(A e_i)', the restricted criterion and its derivatives along G_r, G_s, changes of Sigma, are

    d     = log|V| + log|X'V^-1 X| + e'V^-1 e + (n - p) log(2 pi)
    d_r   = sum over patterns of tr G_r (count A - B - E)
    d_rs  = sum over patterns of tr G_r A G_s (2 B + 2 E - count A) - tr(C P_r C P_s) - 2 h_r'C h_s  (and d along G_rs)
    P_r   = X'V^-1 G_r V^-1 X,   h_r = X'V^-1 G_r V^-1 e

(Lindstrom, Bates 1988, J Am Stat Assoc 83:1014; Wolfinger, Tobias, Sall 1994, SIAM J Sci Comput 15:1294). Of the
unrestricted likelihood log|X'V^-1 X|, B and the term with P are absent, and n stands for n - p. All are bilinear
in the entries of Sigma, so that patients are summed once and parameters come last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

if TYPE_CHECKING:
    from analyses.methods.mixed_models.small_sample import Array
    from analyses.methods.repeated_measures.visit_rows import VisitRows

LOG_2_PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """The criterion at one Sigma of every group, and what its derivatives need.

    inverse: (m, T, T), A, zero where a visit is absent; weighted: A times rows; root: lower triangle with
    root root' = C in terms of the basis; beta: coefficients of the basis.
    """

    criterion: float
    inverse: Array
    weighted: Array
    root: Array
    beta: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Derivatives:
    """Derivatives of the criterion, for g groups and s parameters of each.

    entries: (g, T, T) by the entries of Sigma; gradient: (g s,); linear: (g s, g s) second derivatives but for the
    curvature of Sigma; expected: their expectation; information: (g s, p, p), the root' P_r root.
    products: (g, T, p, T, p) sums of root' (A X)_a' (A X)_b root over patients.
    """

    entries: Array
    gradient: Array
    linear: Array
    expected: Array
    information: Array
    products: Array


def evaluate(data: VisitRows, sigma: Array, *, restricted: bool) -> Point:
    """Return the criterion of the rows at sigma (g, T, T), in units of their scale; LinAlgError if it is not positive.

    The whole of sigma is asked to be positive definite, also where no patient has all visits.
    """
    np.linalg.cholesky(sigma)
    both = data.present[:, :, None] & data.present[:, None, :]
    padded = np.where(both, sigma[data.owner], np.eye(data.present.shape[1]))
    root = np.linalg.cholesky(padded)
    log_v = 2 * float(data.count @ np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1))
    half = np.linalg.inv(root)
    inverse = np.where(both, half.transpose(0, 2, 1) @ half, 0.0)
    weighted = inverse[data.pattern] @ data.rows
    k, p = data.p + 1, data.p
    products = data.rows.reshape(-1, k).T @ weighted.reshape(-1, k)
    lower = np.linalg.cholesky((products[:p, :p] + products[:p, :p].T) / 2)
    beta = cho_solve((lower, True), products[:p, p])
    criterion = log_v + float(products[p, p] - products[:p, p] @ beta) + (data.n - p * restricted) * LOG_2_PI
    if restricted:
        criterion += 2 * float(np.log(np.diag(lower)).sum())
    back = solve_triangular(lower, np.eye(p), lower=True).T
    return Point(criterion=criterion, inverse=inverse, weighted=weighted, root=back, beta=beta)


def derivatives(data: VisitRows, point: Point, slopes: Array, *, restricted: bool) -> Derivatives:
    """Return the derivatives at a point by parameters along which Sigma changes by slopes (g, s, T, T)."""
    groups, each, visits = slopes.shape[:3]
    p = data.p
    fixed = point.weighted[:, :, :p] @ point.root
    error = point.weighted[:, :, p] - point.weighted[:, :, :p] @ point.beta
    spread = np.add.reduceat(fixed @ fixed.transpose(0, 2, 1), data.first, axis=0) * restricted
    square = np.add.reduceat(error[:, :, None] * error[:, None, :], data.first, axis=0)
    counted = data.count[:, None, None] * point.inverse
    total = groups * each
    entries, products = np.zeros((groups, visits, visits)), np.zeros((groups, visits, p, visits, p))
    linear, expected = np.zeros((total, total)), np.zeros((total, total))
    information, held = np.zeros((total, p, p)), np.zeros((total, p))
    for g in range(groups):
        mine, rows = data.owner == g, (data.owner == g)[data.pattern]
        place, along = slice(g * each, (g + 1) * each), slopes[g].reshape(each, -1)
        entries[g] = (counted - spread - square)[mine].sum(axis=0)
        observed = (2 * (spread + square) - counted)[mine]
        foreseen = (counted - 2 * spread)[mine]
        linear[place, place] = _bilinear(along, point.inverse[mine], observed)
        expected[place, place] = _bilinear(along, point.inverse[mine], foreseen)
        flat = fixed[rows].reshape(-1, visits * p)
        products[g] = (flat.T @ flat).reshape(visits, p, visits, p)
        cross = (flat.T @ error[rows]).reshape(visits, p, visits).transpose(0, 2, 1)
        information[place] = (along @ products[g].transpose(0, 2, 1, 3).reshape(-1, p * p)).reshape(each, p, p)
        held[place] = along @ cross.reshape(-1, p)
    trace = information.reshape(total, -1) @ information.reshape(total, -1).T * restricted
    return Derivatives(
        entries=entries,
        gradient=np.einsum("gsab,gab->gs", slopes, entries).ravel(),
        linear=linear - trace - 2 * held @ held.T,
        expected=expected + trace,
        information=information,
        products=products,
    )


def _bilinear(along: Array, first: Array, second: Array) -> Array:
    """Return the sum over patterns of tr G_r first G_s second, for symmetric matrices (m, T, T)."""
    visits = first.shape[1]
    # tr G first H second = sum of G_ab first_bc H_cd second_da
    tensor = (first.reshape(len(first), -1).T @ second.reshape(len(first), -1)).reshape((visits,) * 4)
    out = along @ tensor.transpose(3, 0, 1, 2).reshape(visits**2, -1) @ along.T
    return np.asarray((out + out.T) / 2)
