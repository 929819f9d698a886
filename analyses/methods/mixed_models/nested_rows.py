"""The rows of a design ordered by centre and patient, and whether they can carry a mixed model at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.linalg import qr

from analyses.methods.mixed_models.independent_columns import DEPENDENT, independent_columns
from analyses.methods.mixed_models.reference_grid import mistake
from analyses.methods.mixed_models.restricted_likelihood import sums
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.mixed_models.reference_grid import Design, Level
    from analyses.methods.mixed_models.restricted_likelihood import Sums
    from analyses.methods.mixed_models.small_sample import Array


@dataclass(frozen=True, kw_only=True)
class Effects:
    """The random effects of a patient or a centre: an intercept and perhaps a slope.

    variable: of the slope, if any, which enters as (value - middle) / width.
    """

    variable: str | None
    middle: float = 0.0
    width: float = 1.0

    @property
    def back(self) -> Array:
        """Matrix from intercept and slope of the scaled variable to those of the variable."""
        shift = np.array([[1.0, -self.middle / self.width], [0.0, 1 / self.width]])
        return shift if self.variable is not None else shift[:1, :1]

    def columns(self, value: Array) -> Array:
        """Return the columns that the effects multiply, before weights."""
        if self.variable is None:
            return np.ones((len(value), 1))
        return np.column_stack([np.ones(len(value)), (value - self.middle) / self.width])


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Rows sorted by centre and patient and multiplied by the root of their weight.

    order: their positions among the rows of the design; basis: orthonormal columns of X; z, u: columns of the random
    effects; person, site: codes of patients and centres, whose labels are people and sites.
    """

    order: NDArray[np.intp]
    basis: Array
    y: Array
    z: Array
    u: Array
    root_weight: Array
    person: NDArray[np.intp]
    site: NDArray[np.intp]
    people: tuple[Level, ...]
    sites: tuple[Level, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Nested:
    """Sums over patients of an orthonormal design, and the way back to the terms of the formula.

    kept: positions of the terms that the data can tell apart; aliases: (kept, others), the combination of kept terms
    that each other term is. With y the response, basis = X[:, kept] inverse(triangle) and least_squares = basis'y,
    the sums are those of basis and of y - basis least_squares, so that no digit is lost to cancellation. log_weight:
    sum of the logarithms of the weights. centres: in the data; with one, there is no centre effect.
    """

    sums: Sums
    rows: Rows
    kept: tuple[int, ...]
    aliases: Array
    triangle: Array
    least_squares: Array
    patient: Effects
    centre: Effects
    log_weight: float
    centres: int


def nest(
    made: Design,
    data: pd.DataFrame,
    *,
    patient: str,
    centre: str | None,
    slope: str | None,
    centre_slope: str | None,
    weight: str | None,
) -> Nested | NotEstimable:
    """Return the sums of a design, or what is missing for a mixed model; UserError if a patient is in two centres."""
    used = data.iloc[made.rows]
    person, people = pd.factorize(used[patient], sort=True)
    site, sites = (
        (np.zeros(len(used), dtype=np.intp), [""]) if centre is None else pd.factorize(used[centre], sort=True)
    )
    if len(np.unique(np.column_stack([person, site]), axis=0)) != len(people):
        raise mistake(made.formula, f"One {patient} is in two {centre}s.", "Name patients so that they differ.")
    values = {name: _numbers(made, used, name) for name in (slope, centre_slope, weight) if name is not None}
    nothing = np.zeros(len(used))
    time, arm = values.get(slope or "", nothing), values.get(centre_slope or "", nothing)
    weights = values.get(weight or "", np.ones(len(used)))
    if not (weights > 0).all():
        raise mistake(made.formula, f"A weight in {weight} is not above zero.", "Leave such rows out or correct them.")
    # By what stands in the rows, so that the order of the file changes no digit.
    order = np.lexsort((*made.x.T, made.y, weights, arm, time, person, site))
    person, site, time, arm = person[order], site[order], time[order], arm[order]
    several = len(sites) > 1
    kept, aliases = independent_columns(made.x)
    x, y = made.x[order][:, kept], made.y[order]
    weak = _too_little(x, y, person, None if slope is None else time)
    weak = weak or (_too_little_in_centres(arm, site) if centre_slope is not None and several else "")
    if weak:
        return NotEstimable(reason=weak)
    root = np.sqrt(weights[order])
    basis, triangle = qr(x * root[:, None], mode="economic")
    least_squares = basis.T @ (y * root)
    inner, outer = _effects(slope, time), _effects(centre_slope, arm)
    z = inner.columns(time) * root[:, None]
    u = outer.columns(arm) * root[:, None] if several else np.zeros((len(y), 0))
    made_sums = sums(basis, y * root - basis @ least_squares, z, u, patient=person, centre=site)
    told_apart = _told_apart(made_sums)
    if told_apart:
        return NotEstimable(reason=told_apart)
    return Nested(
        sums=made_sums,
        rows=Rows(
            order=order, basis=basis, y=y * root, z=z, u=u, root_weight=root, person=person, site=site,
            people=tuple(people), sites=tuple(sites),
        ),
        kept=tuple(kept),
        aliases=aliases,
        triangle=triangle,
        least_squares=least_squares,
        patient=inner,
        centre=outer,
        log_weight=float(np.log(weights).sum()),
        centres=0 if centre is None else len(sites),
    )  # fmt: skip


def _numbers(made: Design, used: pd.DataFrame, name: str) -> Array:
    if not pd.api.types.is_numeric_dtype(used[name]):
        raise mistake(made.formula, f"{name} is no number.", "Code it as a number, for instance 0 and 1.")
    return np.asarray(used[name].to_numpy(float))


def _effects(variable: str | None, value: Array) -> Effects:
    if variable is None:
        return Effects(variable=None)
    return Effects(variable=variable, middle=float(value.mean()), width=float(value.std()) or 1.0)


def _too_little(  # noqa: PLR0911  (one return for each thing that can be missing)
    x: Array, y: Array, person: NDArray[np.intp], time: Array | None
) -> str:
    """Return what the data lack for the model, or nothing; time is the slope variable."""
    n, p = x.shape
    patients = int(person.max()) + 1
    if n <= p:
        return f"{n} rows for {p} coefficients; leave terms out"
    if patients == 1:
        return "there is only one patient"
    if patients == n:
        return "every patient has one row, so that the variance of patients cannot be told from the residual one"
    if time is not None and _constant(time, person):
        return "the slope variable does not change within any patient; leave the slope out"
    if time is not None and patients * 2 >= n:
        return f"{n} rows for an intercept and a slope of each of {patients} patients; leave the slope out"
    size = max(float(y @ y), np.finfo(float).tiny)
    rest = y - x @ np.linalg.lstsq(x, y)[0]
    if float(rest @ rest) < DEPENDENT**2 * size:
        return "the fixed effects leave nothing of the response; it may be constant"
    inside, left = x - _means(x, person), y - _means(y[:, None], person)[:, 0]
    left = left - inside @ np.linalg.lstsq(inside, left)[0]
    if float(left @ left) < DEPENDENT**2 * size:
        return "the response does not vary within any patient"
    return ""


def _too_little_in_centres(value: Array, site: NDArray[np.intp]) -> str:
    """Return what the data lack for a slope of centres, or nothing."""
    apart = np.abs(value - _means(value[:, None], site)[:, 0]) > DEPENDENT * float(np.abs(value).max(initial=0.0))
    centres = len(np.unique(site[apart]))
    if centres < 2:  # noqa: PLR2004  (a variance needs two)
        return "the slope variable of centres changes within fewer than two centres; leave the slope of centres out"
    return ""


def _told_apart(made: Sums) -> str:
    """Return whose random effects the fixed effects take up, so that the likelihood says nothing on their variance."""
    p = made.p
    size = np.einsum("mqq->q", made.zz)
    if (size - np.square(made.zm[:, :, :p]).sum(axis=(0, 2)) < DEPENDENT * size).any():
        return "the fixed effects tell every patient apart, so that patients have no variance beside them"
    if not made.r:
        return ""
    size = np.einsum("grr->r", made.own[:, :, p + 1 :])
    if (size - np.square(made.own[:, :, :p]).sum(axis=(0, 2)) < DEPENDENT * size).any():
        return (
            "the fixed effects tell the centres apart (each may have one treatment only), so that centres have no "
            "variance beside them; leave the centre out of one of the two"
        )
    if len(made.first) == len(made.zz):
        return "every centre has one patient, so that their variances cannot be told apart; leave the centre out"
    return ""


def _constant(value: Array, person: NDArray[np.intp]) -> bool:
    """Return whether a variable is the same in all rows of each person, but for rounding."""
    inside, spread = value - _means(value[:, None], person)[:, 0], value - value.mean()
    rounding = np.finfo(float).eps * float(np.abs(value).max(initial=0.0))
    return bool(inside @ inside <= DEPENDENT**2 * (spread @ spread) + len(value) * (4 * rounding) ** 2)


def _means(columns: Array, person: NDArray[np.intp]) -> Array:
    """Return the mean of each column over the rows of the same person, at every row."""
    count = np.bincount(person)
    means = np.stack([np.bincount(person, weights=column) / count for column in columns.T], axis=1)
    return np.asarray(means[person])
