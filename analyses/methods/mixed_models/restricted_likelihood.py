"""Restricted likelihood of patients nested in centres, from sums over patients: no matrix has the size of the data.

    y = X b + Z_i u_i + 1 w_c + e,   u_i ~ N(0, s2 D),   w_c ~ N(0, s2 f),   e ~ N(0, s2)

i is a patient, c a centre, Z_i the patient's column of ones (and of the slope variable). With M = [X y 1] only
Z_i'Z_i and Z_i'M of every patient, 1'M of every centre and M'M of all are kept. For a given D and f, Woodbury's
identity removes the patients and then the centres; s2 and b are profiled out. What is minimised over D and f is

    d = log|V| + log|X'V^-1 X| + (n - p) (1 + log(2 pi r / (n - p))),   V = I + Z D Z' + f J,   r = y'Py

(Bates et al. 2015, J Stat Softw 67(1), eq. 42). Its gradient is exact: tr(V^-1 dV) - tr(C X'V^-1 dV V^-1 X)
- (n - p)/r y'P dV P y with C = (X'V^-1 X)^-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LOG_2_PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What the likelihood needs of the data. m patients, g centres, q patient effects, k = p + 2 columns of M.

    zz: (m, q, q); zm: (m, q, k); first: index of the first patient of every centre, None without centres;
    own: (g, k) sums of M over each centre; mm: (k, k); n rows, p columns of X.
    """

    zz: Array
    zm: Array
    first: NDArray[np.intp] | None
    own: Array
    mm: Array
    n: int
    p: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """The criterion at one D and f, with its gradient there and the profiled parameters.

    slope_d: symmetric (q, q), the derivative along a change dD is sum(slope_d * dD); slope_f: derivative along f.
    scale_d, scale_f: size of the positive part of either, against which "zero" is judged.
    """

    criterion: float
    slope_d: Array
    slope_f: float
    scale_d: float
    scale_f: float
    beta: Array
    inverse: Array
    sigma2: float


def sums(x: Array, y: Array, z: Array, patient: NDArray[np.intp], centre: NDArray[np.intp] | None) -> Sums:
    """Return the sums over patients and centres; rows are sorted by centre and patient, codes count from 0.

    x: (n, p); y: (n,); z: (n, q); patient: (n,) codes; centre: (n,) codes, constant in a patient.
    """
    m = np.column_stack([x, y, np.ones(len(y))])
    start = np.flatnonzero(np.r_[True, np.diff(patient) != 0])
    zz = np.add.reduceat(z[:, :, None] * z[:, None, :], start, axis=0)
    zm = np.stack([np.add.reduceat(m * z[:, [j]], start, axis=0) for j in range(z.shape[1])], axis=1)
    if centre is None:
        return Sums(zz=zz, zm=zm, first=None, own=np.zeros((0, m.shape[1])), mm=m.T @ m, n=len(y), p=x.shape[1])
    first = np.flatnonzero(np.r_[True, np.diff(centre[start]) != 0])
    rows = np.flatnonzero(np.r_[True, np.diff(centre) != 0])
    own = np.add.reduceat(m, rows, axis=0)
    return Sums(zz=zz, zm=zm, first=first, own=own, mm=m.T @ m, n=len(y), p=x.shape[1])


def evaluate(data: Sums, root: Array, f: float) -> Point:
    """Return the criterion and its gradient at D = root root' and f; both may be zero.

    root: lower-triangular (q, q), in units of the residual standard deviation; f: variance of centres over s2.
    """
    p, q = data.p, root.shape[0]
    core = np.eye(q) + root.T @ data.zz @ root
    inner = root @ np.linalg.solve(core, np.broadcast_to(root.T, core.shape))
    gain = inner @ data.zm
    k = data.mm.shape[0]
    a = data.mm - data.zm.reshape(-1, k).T @ gain.reshape(-1, k)
    log_v = float(np.linalg.slogdet(core)[1].sum())
    held = data.zm - data.zz @ gain
    total = (data.zz - data.zz @ inner @ data.zz).sum(axis=0)
    v, weight = np.zeros((0, k)), np.zeros(0)
    if data.first is not None:
        v = data.own - np.add.reduceat(np.einsum("iq,iqk->ik", data.zm[:, :, -1], gain), data.first, axis=0)
        weight = f / (1 + f * v[:, -1])
        a = a - (v * weight[:, None]).T @ v
        log_v += float(np.log1p(f * v[:, -1]).sum())
        size = np.diff(np.r_[data.first, len(data.zz)])
        h = held[:, :, -1]
        total = total - (h * np.repeat(weight, size)[:, None]).T @ h
        held = held - h[:, :, None] * np.repeat(v * weight[:, None], size, axis=0)[:, None, :]
    chol = np.linalg.cholesky(a[:p, :p])
    beta = cho_solve((chol, True), a[:p, p])
    rest = max(float(a[p, p] - a[:p, p] @ beta), np.finfo(float).tiny)
    free = data.n - p
    criterion = log_v + 2 * float(np.log(np.diag(chol)).sum()) + free * (1 + LOG_2_PI + float(np.log(rest / free)))
    inverse_root = solve_triangular(chol, np.eye(p), lower=True)
    left = (held[:, :, :p] @ inverse_root.T).transpose(0, 2, 1).reshape(-1, q)
    error = held[:, :, p] - held[:, :, :p] @ beta
    slope_f = scale_f = 0.0
    if data.first is not None:
        shrink = 1 / (1 + f * v[:, -1])
        scale_f = float((v[:, -1] * shrink).sum())
        fixed = (((v[:, :p] @ inverse_root.T) * shrink[:, None]) ** 2).sum()
        slope_f = scale_f - float(fixed) - free / rest * float((((v[:, p] - v[:, :p] @ beta) * shrink) ** 2).sum())
    return Point(
        criterion=criterion,
        slope_d=total - left.T @ left - free / rest * error.T @ error,
        slope_f=slope_f,
        scale_d=float(np.trace(total)),
        scale_f=scale_f,
        beta=beta,
        inverse=inverse_root.T @ inverse_root,
        sigma2=rest / free,
    )
