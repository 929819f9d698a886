"""Variances of a linear mixed model in the units of the data, which of them are zero, and intraclass correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from analyses.methods.mixed_models.nested_rows import Effects, Nested
    from analyses.methods.mixed_models.restricted_likelihood import Point
    from analyses.methods.mixed_models.small_sample import Array

ZERO = 1e-8
"""A variance below this share of the residual variance is called zero, as in lme4 (standard deviation below 1e-4)."""


def variance_table(nested: Nested, point: Point) -> pd.DataFrame:
    """Return group, effect and value: variances, and the covariance of intercept and slope."""
    rows = []
    if nested.sums.r:
        rows += _rows_of("centre", nested.centre, point.sigma2, point.root_f)
    rows += _rows_of("patient", nested.patient, point.sigma2, point.root_d)
    rows.append(("residual", "", point.sigma2))
    return pd.DataFrame(rows, columns=["group", "effect", "value"])


def zero_variances(point: Point) -> tuple[str, ...]:
    """Return the groups whose covariance, in units of the residual variance, is singular."""
    roots = {"centre": point.root_f, "patient": point.root_d}
    return tuple(name for name, root in roots.items() if len(root) and np.linalg.eigvalsh(root @ root.T)[0] < ZERO)


def correlation(variance: pd.DataFrame) -> dict[str, float]:
    """Return the intraclass correlations of values of one centre and of one patient, where slopes are zero."""
    intercept = variance.loc[variance["effect"].isin(["intercept", ""])].set_index("group")["value"]
    total = float(intercept.sum())
    between = float(intercept.get("centre", 0.0))
    patient = {"patient": (between + float(intercept["patient"])) / total}
    return {"centre": between / total, **patient} if "centre" in intercept else patient


def _rows_of(group: str, effects: Effects, sigma2: float, root: Array) -> list[tuple[str, str, float]]:
    factor = effects.back @ root
    value = sigma2 * factor @ factor.T
    rows = [(group, "intercept", float(value[0, 0]))]
    if effects.variable is not None:
        rows.append((group, effects.variable, float(value[1, 1])))
        rows.append((group, f"intercept, {effects.variable}", float(value[0, 1])))
    return rows
