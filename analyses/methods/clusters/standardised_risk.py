"""Differences of mean predicted risk between the levels of a variable (standardisation)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from analyses.methods.clusters.cluster_inference import ClusterUncertainty
from analyses.methods.mixed_models.fixed_effects import UNKNOWN
from analyses.methods.mixed_models.reference_grid import mistake, rows_of

if TYPE_CHECKING:
    from analyses.methods.mixed_models.fixed_effects import FixedEffects
    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.small_sample import Array

COLUMNS = ["estimate", "std_error", "df", "low", "high", "p"]


def risk_differences(
    effects: FixedEffects, data: pd.DataFrame, weight: Array, compare: str, reference: Level | None
) -> pd.DataFrame:
    """Return the differences of the mean risk if all rows of data had a level and if all had the reference level."""
    levels = _levels(effects, data, compare)
    base = levels[0] if reference is None else reference
    if base not in levels:
        raise mistake(effects.design.formula, f"{compare} has no level {base}.", f"Choose one of {levels}.")
    found = {level: _risk(effects, data.assign(**{compare: level}), weight) for level in levels}
    others = [level for level in levels if level != base]
    value = np.array([found[level][0] - found[base][0] for level in others])
    gradient = np.stack([found[level][1] - found[base][1] for level in others])
    own = effects.known.own
    out = own.inference(value, gradient) if isinstance(own, ClusterUncertainty) else _normal(effects, value, gradient)
    lost = np.array([not (found[level][2] and found[base][2]) for level in others])
    out.loc[lost, COLUMNS] = pd.NA
    out.loc[lost, "reason"] = UNKNOWN
    head = pd.DataFrame({"level": others, "reference": base})
    risks = {"risk": [found[level][0] for level in others], "reference_risk": [found[base][0]] * len(others)}
    shown = pd.DataFrame(risks, dtype="Float64")
    shown.loc[lost, :] = pd.NA
    return pd.concat([head, shown, out], axis=1)


def _levels(effects: FixedEffects, data: pd.DataFrame, compare: str) -> list[Level]:
    """Return the levels of a factor, or of a numeric variable with two values."""
    made = effects.design
    if compare in made.levels:
        return list(made.levels[compare])
    values: list[Level] = sorted(data[compare].unique().tolist()) if compare in made.means else []
    if len(values) != 2:  # noqa: PLR2004  (two values are two groups)
        seen = f"{compare} is no variable of it that divides the rows into groups."
        raise mistake(made.formula, seen, "Name a factor, or a number with two values.")
    return values


def _risk(effects: FixedEffects, data: pd.DataFrame, weight: Array) -> tuple[float, Array, bool]:
    """Return the mean risk, its slope by the coefficients, and whether the data determine it."""
    rows = rows_of(effects.design, data)
    kept = list(effects.kept)
    left = [i for i in range(rows.shape[1]) if i not in effects.kept]
    x = rows[:, kept]
    known = bool(np.isclose(rows[:, left], x @ effects.aliases, atol=1e-8).all())
    predictor, share = x @ effects.known.estimate, weight / weight.sum()
    slope = (share * expit(predictor) * expit(-predictor)) @ x
    return float(share @ expit(predictor)), slope, known


def _normal(effects: FixedEffects, value: Array, gradient: Array) -> pd.DataFrame:
    error = np.sqrt(np.einsum("kp,pq,kq->k", gradient, effects.known.covariance, gradient))
    reach = norm.ppf((1 + effects.known.level) / 2) * error
    p = 2 * norm.sf(np.abs(value) / np.where(error > 0, error, 1.0))
    numbers = (value, error, np.full(len(value), np.inf), value - reach, value + reach, p)
    return pd.DataFrame(dict(zip(COLUMNS, numbers, strict=True))).astype("Float64").assign(reason="")
