"""The rows of a clustered design in an order of their own, and whether they can carry a model at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from analyses.methods.mixed_models.independent_columns import DEPENDENT, independent_columns
from analyses.methods.mixed_models.reference_grid import design, mistake
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.mixed_models.reference_grid import Design
    from analyses.methods.mixed_models.small_sample import Array

Family = Literal["gaussian", "binomial", "poisson"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusteredRows:
    """The rows used, cluster after cluster.

    x: columns of the kept terms; aliases: (kept, others), the combination of kept terms that each other term is;
    weight: 1 without weights; cluster: its number, ascending; time: the order within it (zeros without one); data:
    the variables of the formula, row by row as x.
    """

    design: Design
    x: Array
    y: Array
    weight: Array
    cluster: NDArray[np.intp]
    time: Array
    kept: tuple[int, ...]
    aliases: Array
    data: pd.DataFrame
    weightless: int

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.cluster[-1]) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """Terms that have a coefficient."""
        return tuple(self.design.terms[i] for i in self.kept)

    @property
    def starts(self) -> NDArray[np.intp]:
        """Where each cluster begins, and the number of rows."""
        return np.append(np.flatnonzero(np.diff(self.cluster, prepend=-1)), len(self.y)).astype(np.intp)


def ordered_rows(
    formula: str,
    data: pd.DataFrame,
    *,
    cluster: str,
    family: Family,
    weight: str | None = None,
    order: str | None = None,
) -> ClusteredRows | NotEstimable:
    """Return the rows of a formula, or why they cannot carry it; UserError for values that the family cannot have."""
    made = design(formula, data, also=[name for name in (cluster, weight, order) if name is not None])
    if isinstance(made, NotEstimable):
        return made
    weights = _numbers(made, data, weight, 1.0)
    if (weights < 0).any():
        raise mistake(formula, f"Negative weights in {weight}.", "Correct them.")
    _check(made, family)
    use = np.flatnonzero(weights > 0)
    if not use.size:
        return NotEstimable(reason="all weights are zero")
    code = pd.factorize(data[cluster].iloc[made.rows[use]], sort=True)[0]
    time = _numbers(made, data, order, 0.0)[use]
    # By what stands in the rows, so that the order of the file changes no digit.
    sort = np.lexsort((*made.x[use].T, weights[use], made.y[use], time, code))
    rows = use[sort]
    kept, aliases = independent_columns(made.x[rows])
    out = ClusteredRows(
        design=made,
        x=made.x[rows][:, kept],
        y=made.y[rows],
        weight=weights[rows],
        cluster=code[sort],
        time=time[sort],
        kept=tuple(kept),
        aliases=aliases,
        data=data[[*made.levels, *made.means]].iloc[made.rows[rows]].reset_index(drop=True),
        weightless=len(weights) - len(use),
    )
    weak = _too_little(out, family)
    return NotEstimable(reason=weak) if weak else out


def _numbers(made: Design, data: pd.DataFrame, name: str | None, otherwise: float) -> Array:
    if name is None:
        return np.full(len(made.y), otherwise)
    column: pd.Series[Any] = data[name].iloc[made.rows]
    if not pd.api.types.is_numeric_dtype(column):
        raise mistake(made.formula, f"{name} is no number.", "Name a numeric column.")
    return column.to_numpy(float)


def _check(made: Design, family: Family) -> None:
    if family == "binomial" and not np.isin(made.y, (0, 1)).all():
        raise mistake(made.formula, "The response is not 0 or 1 in every row.", "Code it so, or choose another family.")
    if family == "poisson" and ((made.y < 0) | (made.y != np.round(made.y))).any():
        raise mistake(made.formula, "The response is no count in every row.", "Give whole numbers from 0 on.")


def _too_little(rows: ClusteredRows, family: Family) -> str:
    """Return what the data lack for the model, or nothing."""
    n, p = rows.x.shape
    if rows.clusters == 1:
        return "there is only one cluster"
    if n <= p:
        return f"{n} rows for {p} coefficients; leave terms out"
    if float(np.ptp(rows.y)) == 0:
        return f"the response is {rows.y[0]:g} in every row"
    if family == "gaussian":
        root = np.sqrt(rows.weight)
        size, x, y = float(rows.weight @ rows.y**2), rows.x * root[:, None], rows.y * root
        rest = y - x @ np.linalg.lstsq(x, y)[0]
        if float(rest @ rest) < DEPENDENT**2 * size:
            return "the terms leave nothing of the response"
    return ""
