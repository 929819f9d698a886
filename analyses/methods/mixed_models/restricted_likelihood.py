"""Likelihood of patients nested in centres, from sums over patients: no matrix has the size of the data.

    y = X b + Z_i u_i + U w_c + e,   u_i ~ N(0, s2 D),   w_c ~ N(0, s2 F),   e ~ N(0, s2)

i is a patient, c a centre, Z_i and U columns of ones (and of a slope variable). With M = [X y U] only Z_i'Z_i and Z_i'M
of every patient, U'M of every centre and M'M of all are kept. For a given D and F, Woodbury's identity removes the
patients and then the centres; s2 and b are profiled out. What is minimised over D and F is, with restricted likelihood,

    d = log|V| + log|X'V^-1 X| + (n - p) (1 + log(2 pi r / (n - p))),   V = I + Z D Z' + U F U',   r = y'Py

(Bates et al. 2015, J Stat Softw 67(1), eq. 42), and with full likelihood log|V| + n (1 + log(2 pi r / n)). The gradient
is exact: along a change G of V it is tr(P G) - (n - p) / r y'P G P y, or tr(V^-1 G) - n / r y'P G P y.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.mixed_models.small_sample import Array

Method = Literal["reml", "ml"]

LOG_2_PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """What the likelihood needs of the data: m patients, g centres, q and r effects of each, k columns of M.

    zz: (m, q, q); zm: (m, q, k); first: index of the first patient of every centre (empty without centres, when r is
    zero); own: (g, r, k) sums U'M over each centre; mm: (k, k); n rows, p columns of X; k = p + 1 + r.
    """

    zz: Array
    zm: Array
    first: NDArray[np.intp]
    own: Array
    mm: Array
    n: int
    p: int

    @property
    def q(self) -> int:
        """Effects of a patient."""
        return int(self.zz.shape[1])

    @property
    def r(self) -> int:
        """Effects of a centre."""
        return int(self.own.shape[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Blocks:
    """Products with V^-1, by patient and by centre; e = y - X b.

    held: (m, q, p + 1), Z'V^-1 [X e]; inner: (m, q, q), Z'B^-1 Z and link: (m, q, r), Z'B^-1 U, B being V without
    centres. fixed: (g, r, p + 1), U'V^-1 [X e]; spread: (g, r, r), U'B^-1 U; shrunk: (g, r, r), F (I + spread F)^-1.
    """

    held: Array
    inner: Array
    link: Array
    fixed: Array
    spread: Array
    shrunk: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """The criterion at one D and F, with its gradient there and the profiled parameters.

    slope_d: symmetric (q, q), the derivative along a change G of D is sum(slope_d * G); slope_f: (r, r) likewise.
    trace_d, trace_f: the parts of either that come from tr(V^-1 G). free: n - p, or n with full likelihood.
    inverse: (X'V^-1 X)^-1; rest: y'Py; sigma2 = rest / free.
    """

    criterion: float
    slope_d: Array
    slope_f: Array
    trace_d: Array
    trace_f: Array
    beta: Array
    inverse: Array
    rest: float
    free: int
    root_d: Array
    root_f: Array
    blocks: Blocks

    @property
    def sigma2(self) -> float:
        """Residual variance at which the criterion is lowest for this D and F."""
        return self.rest / self.free


def sums(x: Array, y: Array, z: Array, u: Array, *, patient: NDArray[np.intp], centre: NDArray[np.intp]) -> Sums:
    """Return the sums over patients and centres; rows are sorted by centre and patient, codes count from 0.

    x: (n, p); y: (n,); z: (n, q); u: (n, r), r = 0 without centres; patient, centre: (n,) codes.
    """
    m = np.column_stack([x, y, u])
    start = np.flatnonzero(np.r_[True, np.diff(patient) != 0])
    zz = np.add.reduceat(z[:, :, None] * z[:, None, :], start, axis=0)
    zm = np.stack([np.add.reduceat(m * z[:, [j]], start, axis=0) for j in range(z.shape[1])], axis=1)
    r = u.shape[1]
    first = np.flatnonzero(np.r_[True, np.diff(centre[start]) != 0]) if r else np.zeros(0, dtype=np.intp)
    rows = np.flatnonzero(np.r_[True, np.diff(centre) != 0])
    own = [np.add.reduceat(m * u[:, [j]], rows, axis=0) for j in range(r)]
    return Sums(
        zz=zz,
        zm=zm,
        first=first,
        own=np.stack(own, axis=1) if r else np.zeros((0, 0, m.shape[1])),
        mm=m.T @ m,
        n=len(y),
        p=x.shape[1],
    )


def evaluate(data: Sums, root_d: Array, root_f: Array, method: Method = "reml") -> Point:
    """Return the criterion and its gradient at D = root_d root_d' and F = root_f root_f'; either may be singular.

    root_d: (q, q); root_f: (r, r), in units of the residual standard deviation. Raises LinAlgError where X'V^-1 X has
    lost its digits.
    """
    p = data.p
    gain, log_d = _shrunk(data.zz, root_d)
    shift = data.zz @ gain
    held, inner = data.zm - shift @ data.zm, data.zz - shift @ data.zz
    pulled = gain @ data.zm
    k = data.mm.shape[0]
    a = data.mm - data.zm.reshape(-1, k).T @ pulled.reshape(-1, k)
    own = data.own
    if data.r:
        own = own - np.add.reduceat(np.swapaxes(data.zm[:, :, p + 1 :], 1, 2) @ pulled, data.first, axis=0)
    spread = own[:, :, p + 1 :]
    shrunk, log_f = _shrunk(spread, root_f)
    link = held[:, :, p + 1 :]
    kept = shrunk @ own
    a = a - own.reshape(-1, k).T @ kept.reshape(-1, k)
    chol = np.linalg.cholesky(a[:p, :p])
    inverse_root = np.linalg.inv(chol)
    inverse = inverse_root.T @ inverse_root
    beta = inverse @ a[:p, p]
    rest = max(float(a[p, p] - a[:p, p] @ beta), np.finfo(float).tiny)
    free = data.n - p if method == "reml" else data.n
    criterion = log_d + log_f + free * (1 + LOG_2_PI + float(np.log(rest / free)))
    if method == "reml":
        criterion += 2 * float(np.log(np.diag(chol)).sum())
    held = held[:, :, : p + 1] - link @ _by_patient(data, kept[:, :, : p + 1])
    fixed = own[:, :, : p + 1] - spread @ kept[:, :, : p + 1]
    held[:, :, p] -= held[:, :, :p] @ beta
    fixed[:, :, p] -= fixed[:, :, :p] @ beta
    trace_d = inner.sum(axis=0) - _outer(link @ _by_patient(data, shrunk), link)
    trace_f = (spread - spread @ shrunk @ spread).sum(axis=0)
    weight = np.zeros((p + 1, p + 1))  # of [X e] in the gradient
    weight[:p, :p] = inverse if method == "reml" else 0
    weight[p, p] = free / rest
    return Point(
        criterion=criterion,
        slope_d=trace_d - _outer(held @ weight, held),
        slope_f=trace_f - _outer(fixed @ weight, fixed),
        trace_d=trace_d,
        trace_f=trace_f,
        beta=beta,
        inverse=inverse,
        rest=rest,
        free=free,
        root_d=root_d,
        root_f=root_f,
        blocks=Blocks(held=held, inner=inner, link=link, fixed=fixed, spread=spread, shrunk=shrunk),
    )


def _shrunk(square: Array, root: Array) -> tuple[Array, float]:
    """Return D (I + S D)^-1 for every S in square, with D = root root', and the sum of log|I + S D|."""
    size = root.shape[0]
    if size == 0:
        return np.zeros_like(square), 0.0
    core = np.eye(size) + root.T @ square @ root
    if size == 1:
        return root * root / core, float(np.log(core).sum())
    # Elimination in closed form: a hundred thousand systems of two, and none of the digits of a determinant lost.
    first, ratio = core[:, 0, 0], core[:, 1, 0] / core[:, 0, 0]
    second = core[:, 1, 1] - core[:, 1, 0] * ratio
    inverse = np.empty_like(core)
    inverse[:, 0, 0], inverse[:, 1, 1] = 1 / first + ratio**2 / second, 1 / second
    inverse[:, 0, 1] = inverse[:, 1, 0] = -ratio / second
    return root @ inverse @ root.T, float(np.log(first).sum() + np.log(second).sum())


def _by_patient(data: Sums, centres: Array) -> Array:
    """Return at every patient what its centre has."""
    if not data.r:
        return np.zeros((len(data.zz), *centres.shape[1:]))
    return np.repeat(centres, np.diff(np.r_[data.first, len(data.zz)]), axis=0)


def _outer(left: Array, right: Array) -> Array:
    """Return the sum over the first index of left right'."""
    return np.asarray(_wide(left) @ _wide(right).T)


def _wide(matrices: Array) -> Array:
    return np.swapaxes(matrices, 0, 1).reshape(matrices.shape[1], matrices.shape[0] * matrices.shape[2])
