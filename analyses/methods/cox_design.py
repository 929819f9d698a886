"""From a formula and a frame to the arrays of a Cox model, complete rows only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from coxdev import CoxDeviance
from formulaic import Formula

from analyses.methods.risk_sets import Weighting, observations
from analyses.result import NotEstimable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Ties = Literal["efron", "breslow"]


@dataclass(frozen=True, kw_only=True, eq=False)
class CoxDesign:
    """Arrays of a Cox model, in an order that does not depend on the order of the frame's rows.

    matrix is standardised: (column - centre) / scale. dropped: rows left out because a value was missing.
    """

    terms: tuple[str, ...]
    matrix: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    month: NDArray[np.float64]
    event: NDArray[np.bool_]
    weight: NDArray[np.float64]
    weighting: Weighting
    entry: NDArray[np.float64] | None
    stratum: NDArray[np.int64] | None
    cluster: NDArray[np.int64] | None
    dropped: int

    def likelihood(self, ties: Ties) -> CoxDeviance:
        """Return the partial likelihood of the linear predictor."""
        return CoxDeviance(
            event=self.month,
            status=self.event.astype(np.int32),
            strata=self.stratum,
            start=self.entry,
            sample_weight=self.weight,
            tie_breaking=ties,
        )


def cox_design(
    formula: str,
    data: pd.DataFrame,
    *,
    month: str,
    event: str,
    entry: str | None,
    strata: str | None,
    weight: str | None,
    cluster: str | None,
) -> CoxDesign | NotEstimable:
    """Return the arrays; NotEstimable if no row is complete, nobody has the event, or a term has one value only.

    month, event, entry, strata, weight, cluster: names of columns. The intercept is left out after coding, because the
    baseline hazard takes its place. Raises ValueError if a column is missing from the frame or its values are
    impossible.
    """
    roles = [name for name in (month, event, entry, strata, weight, cluster) if name is not None]
    parsed = Formula(formula)
    needed = sorted({*roles, *(str(name) for name in parsed.required_variables)})
    absent = [name for name in needed if name not in data.columns]
    if absent:
        text = f"the frame has no column {', '.join(absent)}"
        raise ValueError(text)
    complete = data.loc[data[needed].notna().all(axis=1), needed]
    if weight is not None:
        complete = complete.loc[complete[weight] != 0]
    dropped = len(data) - len(complete)
    if complete.empty:
        return NotEstimable(reason="no row has a value in every column of the model")
    people = observations(
        complete[month], complete[event], entry=complete[entry] if entry else None,
        weight=complete[weight] if weight else None,
    )  # fmt: skip
    if not people.event.any():
        return NotEstimable(reason="nobody had the event")
    columns, matrix = _matrix(parsed, complete)
    labels = [_codes(complete, name) for name in (cluster, strata) if name is not None]
    numbers = [_numbers(complete, name) for name in (weight, entry, event, month) if name is not None]
    order = np.lexsort((*matrix.T, *labels, *numbers))
    complete, matrix = complete.iloc[order], matrix[order]
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    constant = [name for name, c, s in zip(columns, centre, scale, strict=True) if s <= 1e-12 * max(1.0, abs(c))]
    if constant:
        return NotEstimable(reason=f"one value only: {', '.join(constant)}")
    return CoxDesign(
        terms=tuple(columns),
        matrix=np.ascontiguousarray((matrix - centre) / scale),
        centre=centre,
        scale=scale,
        month=_numbers(complete, month),
        event=_numbers(complete, event) == 1,
        weight=_numbers(complete, weight) if weight else np.ones(len(complete)),
        weighting=people.weighting,
        entry=_numbers(complete, entry) if entry else None,
        stratum=_codes(complete, strata) if strata else None,
        cluster=_codes(complete, cluster) if cluster else None,
        dropped=dropped,
    )


def _matrix(formula: Formula, data: pd.DataFrame) -> tuple[list[str], NDArray[np.float64]]:
    """Return the terms but the intercept, and their columns."""
    with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is refused below
        frame = formula.get_model_matrix(data, na_action="raise")
    columns = [name for name in frame.columns if name != "Intercept"]
    if not columns:
        raise ValueError("the formula has no term besides the intercept")
    matrix = frame[columns].to_numpy(dtype=np.float64)
    if not np.all(np.isfinite(matrix)):
        raise ValueError("a term of the formula has an infinite value")
    return columns, matrix


def _numbers(data: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return data[name].to_numpy(dtype=np.float64)


def _codes(data: pd.DataFrame, name: str) -> NDArray[np.int64]:
    """Return the place of each label among the sorted ones."""
    codes: NDArray[np.int64] = np.unique(data[name].to_numpy(), return_inverse=True)[1].astype(np.int64)
    return codes
