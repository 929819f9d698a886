"""Second derivatives of the likelihood of a mixed model, and what small-sample inference needs of them.

V = s2 (I + Z D Z' + U F U') is linear in the variance parameters, the entries of s2 D and s2 F on and below the
diagonal and s2 itself. With A = V^-1 and G_r the derivative of V by parameter r,

    P_r = [X e]'A G_r A [X e],   Q_rs = [X e]'A G_r A G_s A [X e],   T_rs = tr(A G_r A G_s)

follow from sums over patients and centres, because Z_i'A Z_j is Z_i'B^-1 Z_i (if i = j) minus L_i S L_j' within a
centre, and zero otherwise. What belongs to s2 needs no further sums: s2 A = I - sum over the others of theta_r A G_r.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.mixed_models.restricted_likelihood import Blocks, Method, Point, Sums
    from analyses.methods.mixed_models.small_sample import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class SecondOrder:
    """Derivatives by s variance parameters: entries of D, then of F, then (if complete) the residual variance.

    slopes: (s, p + 1, p + 1), the P_r; squares: (s, s, p + 1, p + 1), the Q_rs; traces: (s, s), the T_rs.
    """

    slopes: Array
    squares: Array
    traces: Array


@cache
def lower(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns of the entries on and below the diagonal, row by row."""
    return np.tril_indices(size)


def basis(size: int) -> Array:
    """Return the symmetric matrices (s, size, size) that the entries on and below the diagonal multiply."""
    out = []
    for a, b in entries(size):
        unit = np.zeros((size, size))
        unit[a, b] = unit[b, a] = 1.0
        out.append(unit)
    return np.stack(out) if out else np.zeros((0, size, size))


def entries(size: int) -> list[tuple[int, int]]:
    """Return the same positions as pairs."""
    return [(int(a), int(b)) for a, b in zip(*lower(size), strict=True)]


def second_order(data: Sums, at: Blocks) -> SecondOrder:
    """Return the derivatives by the entries of D and F at s2 = 1."""
    patient, centre = basis(data.q), basis(data.r)
    width, s = at.held.shape[2], len(patient) + len(centre)
    own, shared = range(len(patient)), range(len(patient), s)
    through = np.eye(data.r) - at.shrunk @ at.spread  # what is left of a centre's effect, (g, r, r)
    left = np.swapaxes(through, 1, 2) @ at.spread
    moved = [unit @ at.held for unit in patient]
    spun = [at.inner @ each for each in moved]
    linked = np.swapaxes(at.link, 1, 2)
    sums = [_by_centre(data, linked @ each) for each in moved]
    sizes = [_by_centre(data, linked @ (unit @ at.link)) for unit in patient]
    turned = [unit @ at.fixed for unit in centre]
    direct = at.inner - 2 * at.link @ _spread(data, at.shrunk) @ linked
    slopes = np.zeros((s, width, width))
    squares, traces = np.zeros((s, s, width, width)), np.zeros((s, s))
    for r in own:
        slopes[r] = _inner(at.held, moved[r])
    for r in shared:
        slopes[r] = _inner(at.fixed, turned[r - len(patient)])
    for r in own:
        for t in range(r + 1):
            squares[r, t] = _inner(moved[r], spun[t]) - _inner(sums[r], at.shrunk @ sums[t])
            pair = np.einsum("iab,iba->", patient[r] @ at.inner @ patient[t], direct)
            traces[r, t] = float(pair) + _trace(sizes[r] @ at.shrunk @ sizes[t] @ at.shrunk)
    for r in shared:
        unit = centre[r - len(patient)]
        for t in own:
            squares[r, t] = _inner(turned[r - len(patient)], np.swapaxes(through, 1, 2) @ sums[t])
            traces[r, t] = _trace(unit @ np.swapaxes(through, 1, 2) @ sizes[t] @ through)
        for t in range(len(patient), r + 1):
            squares[r, t] = _inner(turned[r - len(patient)], left @ turned[t - len(patient)])
            traces[r, t] = _trace(unit @ left @ centre[t - len(patient)] @ left)
    for r in range(s):
        for t in range(r):
            squares[t, r], traces[t, r] = squares[r, t].T, traces[r, t]
    return SecondOrder(slopes=slopes, squares=squares, traces=traces)


def with_residual(data: Sums, point: Point, relative: SecondOrder) -> tuple[Array, SecondOrder]:
    """Return the variance parameters in the units of the response and the derivatives by them, s2 the last."""
    patient, centre = point.root_d @ point.root_d.T, point.root_f @ point.root_f.T
    theta = np.array([patient[a, b] for a, b in entries(data.q)] + [centre[a, b] for a, b in entries(data.r)])
    width = data.p + 1
    whole = np.zeros((width, width))
    whole[:-1, :-1] = np.linalg.inv(point.inverse)
    whole[-1, -1] = point.rest
    single = np.r_[
        np.einsum("rab,ab->r", basis(data.q), point.trace_d), np.einsum("rab,ab->r", basis(data.r), point.trace_f)
    ]
    s = len(theta)
    slopes = np.zeros((s + 1, width, width))
    squares, traces = np.zeros((s + 1, s + 1, width, width)), np.zeros((s + 1, s + 1))
    slopes[:s], squares[:s, :s], traces[:s, :s] = relative.slopes, relative.squares, relative.traces
    slopes[s] = whole - np.tensordot(theta, slopes[:s], 1)
    squares[s, :s] = slopes[:s] - np.tensordot(theta, squares[:s, :s], 1)
    squares[:s, s] = np.swapaxes(squares[s, :s], 1, 2)
    squares[s, s] = slopes[s] - np.tensordot(theta, squares[:s, s], 1)
    traces[s, :s] = traces[:s, s] = single - theta @ traces[:s, :s]
    traces[s, s] = data.n - theta @ single - theta @ traces[:s, s]
    s2 = point.sigma2
    absolute = SecondOrder(slopes=slopes / s2**2, squares=squares / s2**3, traces=traces / s2**2)
    return s2 * np.r_[theta, 1.0], absolute


def information(made: SecondOrder, inverse: Array, method: Method) -> tuple[Array, Array]:
    """Return tr(PG_r PG_s) (of A instead of P with full likelihood) and y'PG_r PG_s P y, both (s, s).

    Of twice the negative logarithm of the likelihood the first is the expected, and twice the second minus the first
    the observed matrix of second derivatives. inverse: (X'AX)^-1.
    """
    p = len(inverse)
    half = made.slopes[:, :p, :p] @ inverse
    cross = made.slopes[:, :p, p]
    errors = made.squares[:, :, p, p] - cross @ inverse @ cross.T
    if method == "ml":
        return made.traces, errors
    fixed = np.einsum("rsab,ba->rs", made.squares[:, :, :p, :p], inverse)
    return made.traces - 2 * fixed + np.einsum("rab,sba->rs", half, half), errors


def _by_centre(data: Sums, patients: Array) -> Array:
    if not data.r:
        return np.zeros((0, *patients.shape[1:]))
    return np.add.reduceat(patients, data.first, axis=0)


def _spread(data: Sums, centres: Array) -> Array:
    if not data.r:
        return np.zeros((1, 0, 0))
    return np.repeat(centres, np.diff(np.r_[data.first, len(data.zz)]), axis=0)


def _inner(left: Array, right: Array) -> Array:
    """Return the sum over the first index of left'right."""
    return np.asarray(left.reshape(-1, left.shape[2]).T @ right.reshape(-1, right.shape[2]))


def _trace(matrices: Array) -> float:
    return float(np.einsum("iaa->", matrices))
