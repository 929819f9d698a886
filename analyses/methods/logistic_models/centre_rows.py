"""The rows of a design ordered by centre, like rows counted once, and whether they can carry a logistic mixed model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.linalg import qr

from analyses.methods.mixed_models.independent_columns import independent_columns
from analyses.methods.mixed_models.reference_grid import mistake
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.mixed_models.reference_grid import Design
    from analyses.methods.mixed_models.small_sample import Array

    Positions = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class CentreRows:
    """m rows, those of a centre together: events among size persons, with the same x (m, p).

    first: the first row of each of c centres; site: the centre of each row.
    """

    x: Array
    events: Array
    size: Array
    first: Positions
    site: Positions

    def by_centre(self, values: Array) -> Array:
        """Return the sums over the rows of each centre."""
        return np.asarray(np.add.reduceat(values, self.first, axis=0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """Rows with an orthonormal design, and the way back to the terms of the formula.

    rows.x = X[:, kept] inverse(triangle) has columns of mean square 1 over the n persons, uncorrelated with each other,
    so that the units of a covariate change no step of a search. kept, aliases: as in independent_columns. labels: the
    centres in the order of rows.first.
    """

    rows: CentreRows
    kept: tuple[int, ...]
    aliases: Array
    triangle: Array
    labels: tuple[Any, ...]
    n: int


def prepare(made: Design, data: pd.DataFrame, *, centre: str) -> Prepared | NotEstimable:
    """Return the rows of a design, or what is missing for the model; UserError if the response is not 0 or 1."""
    if not np.isin(made.y, (0.0, 1.0)).all():
        seen = f"The response has the value {made.y[~np.isin(made.y, (0.0, 1.0))][0]:g}."
        raise mistake(made.formula, seen, "Code the response as 0 and 1.")
    codes, labels = pd.factorize(data[centre].iloc[made.rows], sort=True)
    rows = _counted(made.x + 0.0, made.y, codes)  # + 0.0: minus zero is zero
    weak = _too_little(rows, labels.size)
    if weak:
        return NotEstimable(reason=weak)
    kept, aliases = independent_columns(rows.x)
    n, p = len(made.y), len(kept)
    if n <= p:
        return NotEstimable(reason=f"{n} rows for {p} coefficients; leave terms out")
    x = rows.x[:, kept]
    triangle = np.asarray(qr(x * np.sqrt(rows.size / n)[:, None], mode="r")[0][:p])
    orthonormal = CentreRows(
        x=np.linalg.solve(triangle.T, x.T).T,
        events=rows.events,
        size=rows.size,
        first=rows.first,
        site=rows.site,
    )
    return Prepared(
        rows=orthonormal, kept=tuple(kept), aliases=aliases, triangle=triangle, labels=tuple(labels.tolist()), n=n
    )


def _counted(x: Array, y: Array, site: Positions) -> CentreRows:
    """Return one row for all persons of a centre with the same x, in an order that does not depend on theirs."""
    order = np.lexsort((*x.T, site))
    x, y, site = x[order], y[order], site[order]
    new = np.r_[True, (np.diff(site) != 0) | (np.diff(x, axis=0) != 0).any(axis=1)]
    at = np.flatnonzero(new)
    return CentreRows(
        x=np.ascontiguousarray(x[at]),
        events=np.add.reduceat(y, at),
        size=np.diff(np.r_[at, len(y)]).astype(float),
        first=np.flatnonzero(np.r_[True, np.diff(site[at]) != 0]),
        site=site[at],
    )


def _too_little(rows: CentreRows, centres: int) -> str:
    """Return what the data lack for the model, or nothing."""
    if rows.events.sum() in (0.0, rows.size.sum()):
        return "all responses are the same; there is nothing to explain"
    if centres == 1:
        return "there is only one centre; its effect cannot be told from the intercept, use a model without it"
    if rows.size.sum() == centres:
        return "every centre has one row, so that centres cannot be told from chance; use a model without them"
    return ""
