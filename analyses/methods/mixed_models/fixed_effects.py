"""What is asked of the fixed effects of a fit: terms, marginal means, their differences and slopes, joint tests.

One set of functions for every model of this folder: a fit brings its design and what it knows about its coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyses.methods.mixed_models.reference_grid import Design, cells, mistake, rows_of
from analyses.methods.mixed_models.small_sample import JointTest, Uncertainty, functions
from analyses.methods.mixed_models.small_sample import joint_test as test_of_rows
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.small_sample import Array

UNKNOWN = "the data hold no information on it"


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedEffects:
    """Coefficients of a design, of which the data may not tell all apart.

    kept: positions of the terms that have a coefficient, in the order of known; aliases: (kept, others), the
    combination of kept terms that each other term is.
    """

    design: Design
    kept: tuple[int, ...]
    aliases: Array
    known: Uncertainty

    @property
    def names(self) -> tuple[str, ...]:
        """Terms that have a coefficient."""
        return tuple(self.design.terms[i] for i in self.kept)

    @property
    def aliased(self) -> tuple[str, ...]:
        """Terms that the data cannot tell from those before them."""
        return tuple(term for i, term in enumerate(self.design.terms) if i not in self.kept)


def term_table(effects: FixedEffects) -> pd.DataFrame:
    """Return term, estimate, std_error, df, low, high and p of every coefficient."""
    return functions(effects.known, np.eye(len(effects.kept))).assign(term=effects.names)[
        ["term", "estimate", "std_error", "df", "low", "high", "p"]
    ]


def covariance_table(effects: FixedEffects) -> pd.DataFrame:
    """Return the covariance of the estimates from which standard errors come, term by term."""
    return pd.DataFrame(effects.known.covariance, index=list(effects.names), columns=list(effects.names))


def marginal_means(
    effects: FixedEffects, over: str | Sequence[str], at: Mapping[str, Iterable[Level]] | None
) -> pd.DataFrame:
    """Return the marginal mean of every combination of the levels of the variables in over."""
    head, rows = cells(effects.design, _names(over), at)
    return pd.concat([head, table(effects, rows).drop(columns="p")], axis=1)


def contrasts(
    effects: FixedEffects,
    compare: str,
    by: str | Sequence[str],
    reference: Level | None,
    at: Mapping[str, Iterable[Level]] | None,
) -> pd.DataFrame:
    """Return the differences of marginal means between the levels of a variable and its reference level."""
    head, rows = cells(effects.design, (*_others(effects, by, compare), compare), at)
    return _compared(effects, head, rows, compare, reference)[0]


def slopes(
    effects: FixedEffects,
    variable: str,
    between: tuple[float, float],
    over: str | Sequence[str],
    at: Mapping[str, Iterable[Level]] | None,
) -> pd.DataFrame:
    """Return the mean change of the marginal mean per unit of a numeric variable between two of its values."""
    head, rows = _change(effects, variable, between, _names(over), at)
    return pd.concat([head, table(effects, rows)], axis=1)


def slope_contrasts(
    effects: FixedEffects,
    compare: str,
    *,
    variable: str,
    between: tuple[float, float],
    by: str | Sequence[str],
    reference: Level | None,
    at: Mapping[str, Iterable[Level]] | None,
) -> pd.DataFrame:
    """Return the differences of slopes between the levels of a variable and its reference level."""
    head, rows = _change(effects, variable, between, (*_others(effects, by, compare), compare), at)
    return _compared(effects, head, rows, compare, reference)[0]


def joint_test(effects: FixedEffects, terms: str | Sequence[str]) -> JointTest | NotEstimable:
    """Return the test that all coefficients of the terms are zero; a term is one of the formula or of its columns."""
    chosen: list[int] = []
    for term in _names(terms):
        own = effects.design.columns.get(term, ())
        if not own and term not in effects.design.terms:
            raise mistake(
                effects.design.formula, f"It has no term {term}.", f"Choose from {', '.join(effects.design.columns)}."
            )
        chosen += own or (effects.design.terms.index(term),)
    found = [effects.kept.index(i) for i in dict.fromkeys(chosen) if i in effects.kept]
    if not found:
        return NotEstimable(reason=UNKNOWN)
    return test_of_rows(effects.known, np.eye(len(effects.kept))[found])


def joint_contrasts(
    effects: FixedEffects,
    compare: str,
    by: str | Sequence[str],
    at: Mapping[str, Iterable[Level]] | None,
) -> JointTest | NotEstimable:
    """Return the test that all differences of marginal means between the levels of a variable are zero."""
    head, rows = cells(effects.design, (*_others(effects, by, compare), compare), at)
    difference = _compared(effects, head, rows, compare, None)[1]
    known = difference[_estimable(effects, difference)][:, list(effects.kept)]
    if not np.abs(known).max(initial=0.0) > 0:
        return NotEstimable(reason=UNKNOWN)
    return test_of_rows(effects.known, known)


def predictions(effects: FixedEffects, data: pd.DataFrame) -> pd.DataFrame:
    """Return the fixed part for other rows, with the uncertainty of the coefficients; reason where it is unknown."""
    return table(effects, rows_of(effects.design, data)).drop(columns="p").set_axis(data.index)


def table(effects: FixedEffects, rows: Array) -> pd.DataFrame:
    """Return linear functions of the coefficients of all terms; one that the data do not determine has a reason."""
    found = functions(effects.known, rows[:, list(effects.kept)])
    reason = found["reason"].to_numpy() if "reason" in found else ""
    out = found.drop(columns="reason", errors="ignore").astype("Float64")
    known = _estimable(effects, rows)
    out.loc[~known, :] = pd.NA
    return out.assign(reason=np.where(known, reason, UNKNOWN))


def _estimable(effects: FixedEffects, rows: Array) -> NDArray[np.bool_]:
    """Return which rows ask for nothing but what the data tell, judged in the units of each column of X."""
    left = [i for i in range(rows.shape[1]) if i not in effects.kept]
    size = np.abs(effects.design.x[:, left]).max(axis=0, initial=0.0)
    apart = np.abs(rows[:, left] - rows[:, list(effects.kept)] @ effects.aliases)
    return np.asarray((apart <= 1e-8 * np.maximum(size, np.finfo(float).tiny)).all(axis=1))


def _compared(
    effects: FixedEffects, head: pd.DataFrame, rows: Array, compare: str, reference: Level | None
) -> tuple[pd.DataFrame, Array]:
    """Return the table of the differences to the reference level, and their rows; compare is the last in head."""
    levels = list(dict.fromkeys(head[compare]))
    base = levels[0] if reference is None else reference
    if base not in levels:
        raise mistake(effects.design.formula, f"{compare} has no level {base}.", f"Choose one of {levels}.")
    block = rows.reshape(-1, len(levels), rows.shape[1])
    kept = [i for i, level in enumerate(levels) if level != base]
    difference = (block[:, kept] - block[:, [levels.index(base)]]).reshape(-1, rows.shape[1])
    out = head.loc[head[compare] != base].reset_index(drop=True).rename(columns={compare: "level"})
    return pd.concat([out.assign(reference=base), table(effects, difference)], axis=1), difference


def _change(
    effects: FixedEffects,
    variable: str,
    between: tuple[float, float],
    over: tuple[str, ...],
    at: Mapping[str, Iterable[Level]] | None,
) -> tuple[pd.DataFrame, Array]:
    if variable not in effects.design.means or variable in over:
        seen = f"{variable} is no numeric variable of it, or is asked for twice."
        raise mistake(effects.design.formula, seen, f"Choose from {', '.join(effects.design.means)}.")
    start, end = between
    if not -np.inf < start < end < np.inf:
        text = f"a slope is between two finite values, the smaller first; these are {start} and {end}"
        raise ValueError(text)
    head, rows = cells(effects.design, (variable, *over), {**(at or {}), variable: (start, end)})
    half = len(head) // 2
    return head.drop(columns=variable).iloc[:half], (rows[half:] - rows[:half]) / (end - start)


def _others(effects: FixedEffects, by: str | Sequence[str], compare: str) -> tuple[str, ...]:
    if compare in _names(by):
        raise mistake(effects.design.formula, f"{compare} is compared and in by.", "Leave it out of by.")
    return _names(by)


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
