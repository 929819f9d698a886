"""Risks of the population by level of a variable: probabilities averaged over the centres and over the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm

from analyses.methods.mixed_models.fixed_effects import UNKNOWN, table
from analyses.methods.mixed_models.reference_grid import mistake, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analyses.methods.mixed_models.fixed_effects import FixedEffects
    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.small_sample import Array

_BLOCK = 200_000


@dataclass(frozen=True, kw_only=True)
class MarginalProbabilities:
    """Standardised risks and their differences.

    risks: level, estimate, std_error, low, high, reason; the limits are made on the logit scale. differences: level,
    reference, estimate, std_error, low, high, p, reason. Where the data do not determine a number it is missing
    (pandas.NA) and reason says so.
    """

    risks: pd.DataFrame
    differences: pd.DataFrame


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimated:
    """Coefficients and their design, the sd of the centres, the covariance of all, and the variables of the rows."""

    effects: FixedEffects
    sd: float
    joint: Array
    rows: pd.DataFrame


def marginal_probabilities(
    known: Estimated, compare: str, *, levels: Sequence[Level] | None, reference: Level | None
) -> MarginalProbabilities:
    """Return the risks if all rows had each level of compare, and their differences to the reference level."""
    chosen = _levels(known, compare, levels)
    base = chosen[0] if reference is None else reference
    if base not in chosen:
        raise mistake(known.effects.design.formula, f"{compare} has no level {base}.", f"Choose one of {chosen}.")
    risk, slope, lost = _risks(known, compare, chosen)
    at = chosen.index(base)
    others = [i for i in range(len(chosen)) if i != at]
    reach = float(norm.ppf((1 + known.effects.known.level) / 2))
    error = _error(slope, known.joint)
    odds = reach * error / (risk * (1 - risk))
    risks = pd.DataFrame({"estimate": risk, "std_error": error})
    risks = risks.assign(low=expit(logit(risk) - odds), high=expit(logit(risk) + odds))
    difference, far = risk[others] - risk[at], _error(slope[others] - slope[at], known.joint)
    differences = pd.DataFrame({"estimate": difference, "std_error": far})
    differences = differences.assign(low=difference - reach * far, high=difference + reach * far)
    differences["p"] = 2 * norm.sf(np.abs(difference) / np.where(far > 0, far, 1.0))
    first = pd.DataFrame({"level": chosen})
    second = pd.DataFrame({"level": [chosen[i] for i in others]}).assign(reference=base)
    return MarginalProbabilities(
        risks=_reported(first, risks, lost), differences=_reported(second, differences, lost[others] | lost[at])
    )


def _risks(known: Estimated, compare: str, levels: list[Level]) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return the risk of every level, its slope by coefficients and sd, and whether the data do not determine it."""
    effects = known.effects
    variables = [*effects.design.levels, *effects.design.means]
    counted = known.rows.groupby(variables, observed=True).size().rename("rows").reset_index()
    weight = counted["rows"].to_numpy(float) / len(known.rows)
    each = []
    for level in levels:
        x = rows_of(effects.design, counted.assign(**{compare: level}))
        lost = bool((table(effects, x)["reason"] != "").any())
        each.append((*_risk(x[:, list(effects.kept)], weight, effects.known.estimate, known.sd), lost))
    value, slope, lack = zip(*each, strict=True)
    return np.array(value), np.array(slope), np.array(lack)


def _levels(known: Estimated, compare: str, levels: Sequence[Level] | None) -> list[Level]:
    made = known.effects.design
    if compare not in made.levels and compare not in made.means:
        raise mistake(made.formula, f"It has no variable {compare}.", "Correct the name.")
    if levels:
        return list(dict.fromkeys(levels))
    if compare in made.levels:
        return list(made.levels[compare])
    found: list[Level] = sorted(known.rows[compare].unique().tolist())
    if len(found) > 2:  # noqa: PLR2004  (two values are two groups)
        raise mistake(made.formula, f"{compare} has {len(found)} values.", "Name the levels to compare.")
    return found


def _risk(x: Array, weight: Array, coefficients: Array, sd: float) -> tuple[float, Array]:
    """Return the mean of the probabilities over rows and normal centre effects, and its slope by coefficients and sd.

    The integral over centres is a sum at equal distances, whose error is of the order of exp(-2 pi^2 / (sd distance)):
    the poles of the probability lie pi / sd from the real line.
    """
    distance = min(0.4, 0.5 / sd) if sd > 0 else 0.4
    half = int(np.ceil(9 / distance))
    z = distance * np.arange(-half, half + 1)
    density = norm.pdf(z)
    density /= density.sum()
    total, slope = 0.0, np.zeros(x.shape[1] + 1)
    each = max(1, _BLOCK // len(z))
    for start in range(0, len(x), each):
        own, share = x[start : start + each], weight[start : start + each]
        chance = expit((own @ coefficients)[:, None] + sd * z)
        steep = chance * (1 - chance)
        total += float(share @ (chance @ density))
        slope[:-1] += own.T @ (share * (steep @ density))
        slope[-1] += float(share @ (steep @ (density * z)))
    return total, slope


def _error(slope: Array, covariance: Array) -> Array:
    return np.asarray(np.sqrt(np.maximum(np.einsum("kp,pq,kq->k", slope, covariance, slope), 0)))


def _reported(head: pd.DataFrame, numbers: pd.DataFrame, lost: NDArray[np.bool_]) -> pd.DataFrame:
    out = numbers.astype("Float64")
    out.loc[lost, :] = pd.NA
    return pd.concat([head, out], axis=1).assign(reason=np.where(lost, UNKNOWN, ""))
