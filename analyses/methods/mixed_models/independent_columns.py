"""Which columns of a design the data can tell apart, and what combination of them each other column is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import qr

if TYPE_CHECKING:
    from analyses.methods.mixed_models.small_sample import Array

DEPENDENT = 1e-9
"""A column of X is a combination of those before it when less than this share of it is left."""


def independent_columns(x: Array) -> tuple[list[int], Array]:
    """Return the columns that are no combination of earlier ones, and the combinations that the others are."""
    triangle = qr(x, mode="r")[0][: x.shape[1]]
    kept: list[int] = []
    combinations: list[Array] = []
    for j in range(x.shape[1]):
        column = triangle[:, j]
        weight = np.linalg.lstsq(triangle[:, kept], column)[0]
        if np.linalg.norm(column - triangle[:, kept] @ weight) > DEPENDENT * np.linalg.norm(column):
            kept.append(j)
        else:
            combinations.append(weight)
    aliases = np.zeros((len(kept), len(combinations)))
    for i, weight in enumerate(combinations):
        aliases[: len(weight), i] = weight
    return kept, aliases
