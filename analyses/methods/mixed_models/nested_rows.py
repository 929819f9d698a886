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

    from analyses.methods.mixed_models.reference_grid import Design
    from analyses.methods.mixed_models.restricted_likelihood import Array, Sums


@dataclass(frozen=True, kw_only=True)
class Nested:
    """Sums over patients of an orthonormal design, and the way back to the terms of the formula.

    kept: positions of the terms that the data can tell apart; aliases: (kept, others), the combination of kept terms
    that each other term is. With y the response, basis = X[:, kept] inverse(triangle) and least_squares = basis'y,
    the sums are those of basis and of y - basis least_squares, so that no digit is lost to cancellation. The slope
    variable is (value - middle) / width.
    """

    sums: Sums
    kept: tuple[int, ...]
    aliases: Array
    triangle: Array
    least_squares: Array
    middle: float
    width: float
    patients: int
    centres: int


def nest(
    made: Design, data: pd.DataFrame, *, patient: str, centre: str | None, slope: str | None
) -> Nested | NotEstimable:
    """Return the sums of a design, or what is missing for a mixed model; UserError if a patient is in two centres."""
    used = data.iloc[made.rows]
    person = pd.factorize(used[patient], sort=True)[0]
    site = np.zeros(len(used), dtype=np.intp) if centre is None else pd.factorize(used[centre], sort=True)[0]
    if len(np.unique(np.column_stack([person, site]), axis=0)) != person.max() + 1:
        raise mistake(made.formula, f"One {patient} is in two {centre}s.", "Name patients so that they differ.")
    time = np.zeros(len(used)) if slope is None else used[slope].to_numpy(float)
    # By what stands in the rows, so that the order of the file changes no digit.
    order = np.lexsort((*made.x.T, made.y, time, person, site))
    y, time, person, site = made.y[order], time[order], person[order], site[order]
    kept, aliases = independent_columns(made.x)
    x = made.x[order][:, kept]
    weak = _too_little(x, y, person, None if slope is None else time)
    if weak:
        return NotEstimable(reason=weak)
    basis, triangle = qr(x, mode="economic")
    least_squares = basis.T @ y
    middle, width = (0.0, 1.0) if slope is None else (float(time.mean()), float(time.std()))
    z = np.ones((len(y), 1)) if slope is None else np.column_stack([np.ones(len(y)), (time - middle) / width])
    return Nested(
        sums=sums(basis, y - basis @ least_squares, z, person, site if site.max() > 0 else None),
        kept=tuple(kept),
        aliases=aliases,
        triangle=triangle,
        least_squares=least_squares,
        middle=middle,
        width=width,
        patients=int(person.max()) + 1,
        centres=0 if centre is None else int(site.max()) + 1,
    )


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
    if time is not None and np.allclose(time, _means(time[:, None], person)[:, 0]):
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


def _means(columns: Array, person: NDArray[np.intp]) -> Array:
    """Return the mean of each column over the rows of the same person, at every row."""
    count = np.bincount(person)
    means = np.stack([np.bincount(person, weights=column) / count for column in columns.T], axis=1)
    return np.asarray(means[person])
