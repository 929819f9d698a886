"""From a formula to a design matrix, and back to estimated marginal means on a reference grid.

The grid is that of the R package emmeans (Searle, Speed, Milliken 1980, Am Stat 34:216): every combination of the
levels of the factors, numeric variables at the mean of the rows used; a marginal mean averages over the factors not
asked for with equal weights.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError

from analyses.result import NotEstimable
from registry.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from analyses.methods.mixed_models.small_sample import Array

    Level = str | float | int | bool


@dataclass(frozen=True, kw_only=True)
class Design:
    """A formula made numbers: X and y of the rows used, and what is needed to make rows of X anew.

    rows: positions of the rows used; dropped: how many had a missing value; levels: of every factor variable, in
    order; coded: factor variables that are no numbers in the data; means: of every numeric variable over the rows
    used; columns: the columns of X, by position, that each term of the formula has.
    """

    formula: str
    terms: tuple[str, ...]
    x: Array
    y: Array
    rows: np.ndarray[Any, np.dtype[np.intp]]
    dropped: int
    levels: Mapping[str, tuple[Level, ...]]
    coded: tuple[str, ...]
    means: Mapping[str, float]
    columns: Mapping[str, tuple[int, ...]]
    spec: Any  # formulaic's description of the columns of X, which also makes rows of X for other data


def mistake(where: str, seen: str, advice: str) -> UserError:
    """Return the error for a call that names or combines columns wrongly."""
    expected = "Expected a formula and columns that the data have."
    return UserError(where, seen=seen, expected=expected, advice=advice, state="Nothing was fitted.")


def design(formula: str, data: pd.DataFrame, *, also: Iterable[str] = ()) -> Design | NotEstimable:
    """Return the design of a formula over the rows in which none of its variables, nor of the columns also, is missing.

    A numeric variable in C(...) is a factor; text and categorical variables are factors. The levels of a categorical
    variable count even if nobody has one: its columns are zero and what rests on them is not estimable.
    Returns NotEstimable if no row is complete. Raises UserError on a formula that cannot be read, a column that is
    not there, a response that is no number or an infinite value.
    """
    parsed = _parse(formula)
    right = _names(parsed.rhs)
    needed = list(dict.fromkeys([*right, *_names(parsed.lhs), *also]))
    unknown = [name for name in needed if name not in data.columns]
    if unknown:
        raise mistake(formula, f"No column {', '.join(unknown)}.", "Correct the name or add the column.")
    present = data[needed].notna().all(axis=1).to_numpy()
    used = data.loc[present, needed].reset_index(drop=True)
    numeric = used.select_dtypes("number")
    infinite = [name for name in numeric if not np.isfinite(numeric[name].to_numpy(float)).all()]
    if infinite:
        raise mistake(formula, f"Infinite values in {', '.join(map(str, infinite))}.", "Remove or correct them.")
    if used.empty:
        return NotEstimable(reason="no row has all values")
    try:
        made = parsed.get_model_matrix(used, na_action="raise", context={"np": np})
    except FormulaicError as error:
        raise mistake(formula, str(error).splitlines()[0], "Correct the formula.") from None
    if made.lhs.shape[1] != 1:
        raise mistake(formula, "The response is not one number a row.", "Put a numeric column left of the ~.")
    spec, terms = made.rhs.model_spec, tuple(str(name) for name in made.rhs.columns)
    factors = _factors(spec, right)
    return Design(
        formula=formula,
        terms=terms,
        x=made.rhs.to_numpy(float),
        y=made.lhs.to_numpy(float)[:, 0],
        rows=np.flatnonzero(present),
        dropped=len(data) - len(used),
        levels={name: _levels(used[name]) for name in factors},
        coded=tuple(name for name in factors if name not in numeric),
        means={name: float(used[name].mean()) for name in right if name in numeric and name not in factors},
        columns={str(term): tuple(range(len(terms))[own]) for term, own in spec.term_slices.items()},
        spec=spec,
    )


def _parse(formula: str) -> Any:  # noqa: ANN401  (formulaic's formula)
    try:
        parsed = Formula(formula)
    except FormulaicError as error:
        raise mistake(formula, str(error).splitlines()[0], "Correct the formula.") from None
    if not (hasattr(parsed, "lhs") and hasattr(parsed, "rhs")):
        raise mistake(formula, "There is no ~ in it.", "Write response ~ terms.")
    return parsed


def _names(side: Any) -> list[str]:  # noqa: ANN401  (a part of formulaic's formula)
    """Return the variables of one side of a formula."""
    out: set[str] = set()
    for factor in {factor for term in side for factor in term.factors}:
        if factor.eval_method.value == "lookup":
            out.add(str(factor.expr))
        elif factor.eval_method.value == "python":
            tree = ast.walk(ast.parse(factor.expr, mode="eval"))
            calls: set[str] = set()
            found: set[str] = set()
            for node in tree:
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    calls.add(node.func.id)
                if isinstance(node, ast.Name):
                    found.add(node.id)
            out |= found - calls - {"np", "contr"}
    return sorted(out)


def _factors(spec: Any, names: list[str]) -> list[str]:  # noqa: ANN401  (formulaic's description of X)
    """Return the variables that the formula treats as categories."""
    found = set()
    for factor in spec.factors:
        if factor.expr in spec.encoder_state and spec.encoder_state[factor.expr][0].value == "categorical":
            found |= {str(variable) for variable in spec.factor_variables[factor]}
    return sorted(found & set(names))


def _levels(column: pd.Series[Any]) -> tuple[Level, ...]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(column.cat.categories)
    return tuple(sorted(column.unique().tolist()))


def cells(
    made: Design, over: tuple[str, ...], at: Mapping[str, Iterable[Level]] | None = None
) -> tuple[pd.DataFrame, Array]:
    """Return one row for every combination of the variables in over, and the row of X that is its marginal mean.

    at: values for numeric variables in over. Raises UserError for a variable that the formula does not have.
    """
    values: dict[str, tuple[Level, ...]] = {**made.levels, **{name: (mean,) for name, mean in made.means.items()}}
    chosen = {name: tuple(points) for name, points in (at or {}).items()}
    unknown = sorted({*over, *chosen} - set(values))
    if unknown:
        raise mistake(made.formula, f"It has no variable {', '.join(unknown)}.", "Correct the name.")
    asked = [(name, level) for name in chosen if name in made.levels for level in chosen[name]]
    strange = [f"{name} = {level}" for name, level in asked if level not in values[name]]
    if strange:
        raise mistake(made.formula, f"No such level: {', '.join(strange)}.", "Name levels that the data have.")
    values |= chosen
    others = tuple(name for name in values if name not in over)
    grid = pd.DataFrame(list(product(*(values[name] for name in (*over, *others)))), columns=[*over, *others])
    rows = _rows(made, grid)
    each = int(np.prod([len(values[name]) for name in others], dtype=int))
    head = grid[list(over)].iloc[::each].reset_index(drop=True)
    return head, rows.reshape(len(head), each, -1).mean(axis=1)


def rows_of(made: Design, data: pd.DataFrame) -> Array:
    """Return the rows of X of other data; UserError if a variable is missing or has a level that the design has not."""
    needed = [*made.levels, *made.means]
    unknown = [name for name in needed if name not in data.columns]
    if unknown:
        raise mistake(made.formula, f"No column {', '.join(unknown)}.", "Add the column.")
    if data[needed].isna().to_numpy().any():
        raise mistake(made.formula, "Missing values in the rows to predict.", "Leave these rows out.")
    strange = [name for name, levels in made.levels.items() if not data[name].isin(levels).all()]
    if strange:
        raise mistake(made.formula, f"Unknown levels of {', '.join(strange)}.", "Name levels that the data have.")
    return _rows(made, data[needed].reset_index(drop=True))


def _rows(made: Design, data: pd.DataFrame) -> Array:
    typed = data.assign(**{n: pd.Categorical(data[n], categories=list(made.levels[n])) for n in made.coded})
    rows = made.spec.get_model_matrix(typed, na_action="raise", context={"np": np})
    return np.asarray(rows.to_numpy(float))
