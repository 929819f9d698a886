"""From a formula to a design matrix, and back to estimated marginal means on a reference grid.

The grid is that of the R package emmeans (Searle, Speed, Milliken 1980, Am Stat 34:216): every combination of the
levels of the factors, numeric variables at the mean of the rows used; a marginal mean averages over the factors not
asked for with equal weights.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from formulaic import Formula, SimpleFormula
from formulaic.errors import FormulaicError

from analyses.result import NotEstimable
from registry.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from analyses.methods.mixed_models.small_sample import Array

    Level = str | float | int | bool


UNREADABLE = (FormulaicError, ArithmeticError, LookupError, SyntaxError, TypeError, ValueError)
"""What formulaic, and the functions in a formula, raise for a formula or data that do not go together."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """A formula made numbers: X and y of the rows used, and what is needed to make rows of X anew.

    rows: positions of the rows used; dropped: how many had a missing value; levels: of every factor variable, in
    order; coded: factor variables that are no numbers in the data; means: of every numeric variable over the rows used;
    loose: variables that are neither, as a text inside a function; columns: the columns of X, by position, that each
    term of the formula has.
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
    loose: tuple[str, ...]
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
    right = _names(formula, parsed.rhs)
    needed = list(dict.fromkeys([*right, *_names(formula, parsed.lhs), *also]))
    unknown = [name for name in needed if name not in data.columns]
    if unknown:
        raise mistake(formula, f"No column {', '.join(unknown)}.", "Correct the name or add the column.")
    twice = [name for name in needed if list(data.columns).count(name) > 1]
    if twice:
        raise mistake(formula, f"Two columns are called {', '.join(twice)}.", "Give each a name of its own.")
    present = data[needed].notna().all(axis=1).to_numpy()
    used = _plain(formula, data.loc[present, needed].reset_index(drop=True))
    numeric = used.select_dtypes("number")
    infinite = [name for name in numeric if not np.isfinite(numeric[name].to_numpy(float)).all()]
    if infinite:
        raise mistake(formula, f"Infinite values in {', '.join(map(str, infinite))}.", "Remove or correct them.")
    if used.empty:
        return NotEstimable(reason="no row has all values")
    with np.errstate(all="ignore"):  # what is not finite is refused below
        try:
            made = parsed.get_model_matrix(used, na_action="raise", context={"np": np})
        except UNREADABLE as error:
            raise mistake(formula, _first_line(error), "Correct the formula.") from None
    if made.lhs.shape[1] != 1:
        raise mistake(formula, "The response is not one number a row.", "Put a numeric column left of the ~.")
    x, y = made.rhs.to_numpy(float), made.lhs.to_numpy(float)[:, 0]
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        seen = "A function in it gives values that are not finite, as the logarithm of zero."
        raise mistake(formula, seen, "Correct the values or the function.")
    spec, terms = made.rhs.model_spec, tuple(str(name) for name in made.rhs.columns)
    factors = _factors(spec, right)
    means = {name: float(used[name].mean()) for name in right if name in numeric and name not in factors}
    return Design(
        formula=formula,
        terms=terms,
        x=x,
        y=y,
        rows=np.flatnonzero(present),
        dropped=len(data) - len(used),
        levels={name: _levels(used[name]) for name in factors},
        coded=tuple(name for name in factors if name not in numeric),
        means=means,
        loose=tuple(name for name in right if name not in factors and name not in means),
        columns={str(term): tuple(range(len(terms))[own]) for term, own in spec.term_slices.items()},
        spec=spec,
    )


def _plain(formula: str, data: pd.DataFrame) -> pd.DataFrame:
    """Return the columns in types that a formula can read: true and false as 1 and 0, text as objects.

    Raises UserError for dates and other things that are neither numbers nor names.
    """
    out = {}
    for name, column in data.items():
        if pd.api.types.is_bool_dtype(column):
            out[name] = column.astype(float)
        elif isinstance(column.dtype, pd.StringDtype):
            out[name] = column.astype(object)
        elif column.dtype.kind in "mMc":
            seen = f"{name} is neither a number nor a name ({column.dtype})."
            raise mistake(formula, seen, "Make it a number, for instance days since the first treatment.")
        elif column.dtype == object and len({type(value) for value in column}) > 1:
            raise mistake(formula, f"{name} mixes types, as numbers and text.", "Make all of its values one type.")
        else:
            out[name] = column
    return pd.DataFrame(out, index=data.index)


def _first_line(error: Exception) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", (str(error).splitlines() or [type(error).__name__])[0])


def _parse(formula: str) -> Any:  # noqa: ANN401  (formulaic's formula)
    try:
        parsed = Formula(formula)
    except UNREADABLE as error:
        raise mistake(formula, _first_line(error), "Correct the formula.") from None
    if not (hasattr(parsed, "lhs") and hasattr(parsed, "rhs")):
        raise mistake(formula, "There is no ~ in it.", "Write response ~ terms.")
    if not all(isinstance(side, SimpleFormula) for side in (parsed.lhs, parsed.rhs)):
        raise mistake(formula, "It has several parts.", "Write response ~ terms, without |.")
    if not len(parsed.rhs):
        raise mistake(formula, "It has no terms.", "Write response ~ 1 for a mean alone.")
    return parsed


def _names(formula: str, side: Any) -> list[str]:  # noqa: ANN401  (a part of formulaic's formula)
    """Return the variables of one side of a formula."""
    out: set[str] = set()
    for factor in {factor for term in side for factor in term.factors}:
        if factor.eval_method.value == "lookup":
            out.add(str(factor.expr))
        elif factor.eval_method.value == "python":
            out |= set(re.findall(r"`([^`]*)`", factor.expr))
            try:
                tree = ast.walk(ast.parse(re.sub(r"`[^`]*`", "_", factor.expr), mode="eval"))
            except SyntaxError:
                raise mistake(formula, f"{factor.expr} cannot be read.", "Correct the formula.") from None
            calls: set[str] = set()
            found: set[str] = set()
            for node in tree:
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    calls.add(node.func.id)
                if isinstance(node, ast.Name):
                    found.add(node.id)
            out |= found - calls - {"np", "contr", "_"}
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
    chosen = {name: _points(points) for name, points in (at or {}).items()}
    if made.loose:
        seen = f"It reads {', '.join(made.loose)} in a function, so that there are no levels to average over."
        raise mistake(made.formula, seen, "Make a column of what the function gives.")
    unknown = sorted({*over, *chosen} - set(values))
    if unknown:
        raise mistake(made.formula, f"It has no variable {', '.join(unknown)}.", "Correct the name.")
    empty = sorted(name for name, points in chosen.items() if not points)
    if empty:
        raise mistake(made.formula, f"No value is given for {', '.join(empty)}.", "Give at least one.")
    over = tuple(dict.fromkeys(over))
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


def _points(points: Iterable[Level] | Level) -> tuple[Level, ...]:
    several = (points,) if isinstance(points, (str, int, float)) else points
    return tuple(dict.fromkeys(several))


def rows_of(made: Design, data: pd.DataFrame) -> Array:
    """Return the rows of X of other data; UserError if a variable is missing or has a level that the design has not."""
    needed = [*made.levels, *made.means, *made.loose]
    unknown = [name for name in needed if name not in data.columns]
    if unknown:
        raise mistake(made.formula, f"No column {', '.join(unknown)}.", "Add the column.")
    if data[needed].isna().to_numpy().any():
        raise mistake(made.formula, "Missing values in the rows to predict.", "Leave these rows out.")
    strange = [name for name, levels in made.levels.items() if not data[name].isin(levels).all()]
    if strange:
        raise mistake(made.formula, f"Unknown levels of {', '.join(strange)}.", "Name levels that the data have.")
    return _rows(made, _plain(made.formula, data[needed].reset_index(drop=True)))


def _rows(made: Design, data: pd.DataFrame) -> Array:
    typed = data.assign(
        **{n: pd.Categorical(data[n].astype(object), categories=list(made.levels[n])) for n in made.coded}
    )
    with np.errstate(all="ignore"):  # what is not finite is refused below
        try:
            rows = made.spec.get_model_matrix(typed, na_action="raise", context={"np": np}).to_numpy(float)
        except UNREADABLE as error:
            raise mistake(made.formula, _first_line(error), "Give values like those of the data.") from None
    if not np.isfinite(rows).all():
        seen = "The values asked for give something that is not finite, as the logarithm of zero."
        raise mistake(made.formula, seen, "Ask for other values.")
    return np.asarray(rows)
