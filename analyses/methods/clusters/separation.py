"""Whether a maximum of the likelihood lies at infinity because terms separate the responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from analyses.methods.clusters.ordered_rows import Family
    from analyses.methods.mixed_models.small_sample import Array

SHARE = 1e-6  # of the largest coefficient, below which one is zero in the answer of a linear program


def separating_terms(x: Array, y: Array, names: tuple[str, ...], family: Family) -> tuple[str, ...]:
    """Return the terms of a combination g of columns that separates the responses; none if there is no such one.

    Binomial: x g >= 0 where y is 1 and <= 0 where y is 0 (Albert, Anderson 1984, Biometrika 71:1). Poisson: x g = 0
    where y is positive and <= 0 where y is 0. At least one row is not 0. Of all such g the one with the least sum of
    absolute standardised coefficients, which names few terms, is found by a linear program.
    """
    rows = np.unique(np.column_stack([np.where(y > 0, 1.0, 0.0), x]), axis=0)
    positive, columns = rows[:, 0] > 0, rows[:, 1:] / np.sqrt(np.mean(x**2, axis=0))
    if family == "binomial":
        above, level = np.where(positive[:, None], columns, -columns), np.empty((0, columns.shape[1]))
    else:
        above, level = -columns[~positive], columns[positive]
    total = above.sum(axis=0)[None]
    found = linprog(
        np.ones(2 * columns.shape[1]),
        A_ub=csr_array(np.hstack([-above, above])),
        b_ub=np.zeros(len(above)),
        A_eq=csr_array(np.vstack([np.hstack([level, -level]), np.hstack([total, -total])])),
        b_eq=np.append(np.zeros(len(level)), 1.0),
        method="highs",
    )
    if found.status != 0:
        return ()
    size = np.abs(found.x[: columns.shape[1]] - found.x[columns.shape[1] :])
    used = tuple(name for name, one in zip(names, size, strict=True) if one > SHARE * size.max())
    return tuple(name for name in used if name != "Intercept") or used
