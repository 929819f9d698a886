"""From a formula and a frame to the arrays of a Cox model, complete rows only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from formulaic import Formula

from analyses.methods.ordering import codes, order_by
from analyses.methods.risk_sets import Weighting, observations
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from formulaic import ModelSpec
    from numpy.typing import NDArray

Ties = Literal["efron", "breslow"]
Column: TypeAlias = "NDArray[np.intp] | NDArray[np.float64]"


@dataclass(frozen=True, kw_only=True, eq=False)
class CoxDesign:
    """Arrays of a Cox model, by stratum and month, in an order that does not depend on that of the frame's rows.

    matrix is standardised: (column - centre) / scale. stratum, cluster: places among stratum_labels, cluster_labels
    (empty without them). spec: what turns a frame into the unstandardised columns. dropped: rows left out because a
    value was missing or the weight was 0.
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
    stratum: NDArray[np.intp] | None
    stratum_labels: tuple[object, ...]
    cluster: NDArray[np.intp] | None
    cluster_labels: tuple[object, ...]
    spec: ModelSpec
    dropped: int


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
        return NotEstimable(reason="no row has a weight above 0 and a value in every column of the model")
    people = observations(
        complete[month], complete[event], entry=complete[entry] if entry else None,
        weight=complete[weight] if weight else None,
    )  # fmt: skip
    if not people.event.any():
        return NotEstimable(reason="nobody had the event")
    columns, matrix, spec = _matrix(parsed, complete)
    numbers = {name: _numbers(complete, name) for name in (month, event, entry, weight) if name is not None}
    labels = {name: codes(complete[name], name, len(complete)) for name in (strata, cluster) if name is not None}
    leading: list[Column] = [*(labels[name][0] for name in (strata,) if name is not None), numbers[month]]
    order = canonical_order(leading, [*numbers.values(), *(code for code, _ in labels.values()), *matrix.T])
    matrix = matrix[order]
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    constant = [name for name, c, s in zip(columns, centre, scale, strict=True) if s <= 1e-12 * max(1.0, abs(c))]
    if constant:
        return NotEstimable(reason=f"one value only: {', '.join(constant)}")
    stratum, cluster_of = labels.get(strata or ""), labels.get(cluster or "")
    return CoxDesign(
        terms=tuple(columns),
        matrix=np.ascontiguousarray((matrix - centre) / scale),
        centre=centre,
        scale=scale,
        month=numbers[month][order],
        event=numbers[event][order] == 1,
        weight=numbers[weight][order] if weight else np.ones(len(order)),
        weighting=people.weighting,
        entry=numbers[entry][order] if entry else None,
        stratum=stratum[0][order] if stratum else None,
        stratum_labels=stratum[1] if stratum else (),
        cluster=cluster_of[0][order] if cluster_of else None,
        cluster_labels=cluster_of[1] if cluster_of else (),
        spec=spec,
        dropped=dropped,
    )


def canonical_order(leading: Sequence[Column], others: Sequence[Column]) -> NDArray[np.intp]:
    """Return an order of rows that does not depend on the order in which they come: by the leading columns first.

    One sum of the other columns with irrational factors stands for all of them, because sorting by each of them costs
    more than fitting the model. Where that sum cannot tell different rows apart, every column is a key.
    """
    mixed = np.zeros(len(leading[0]))
    for place, column in enumerate(others, start=2):
        numbers = column.astype(np.float64)
        largest = float(np.max(np.abs(numbers), initial=0.0))
        if largest > 0:
            # the exponent only: dividing by it changes no digit of the numbers
            mixed += np.ldexp(numbers, -int(np.frexp(largest)[1])) * math.sqrt(math.sqrt(2) + place)
    keys = (*leading, mixed)
    order = order_by(*leading, mixed)
    alike = np.flatnonzero(np.all([key[order[1:]] == key[order[:-1]] for key in keys], axis=0))
    if any(np.any(column[order[alike]] != column[order[alike + 1]]) for column in others):
        order = np.lexsort((*others[::-1], *leading[::-1]))
    return order


def covariate_matrix(spec: Formula | ModelSpec, data: pd.DataFrame) -> tuple[NDArray[np.float64], ModelSpec, list[str]]:
    """Return the columns of a formula without its intercept, the spec that makes the same of other data, their names.

    Raises ValueError if a column has an infinite value.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # what comes of it is refused below
        frame = spec.get_model_matrix(data, na_action="raise")
    columns = [name for name in frame.columns if name != "Intercept"]
    matrix = frame[columns].to_numpy(dtype=np.float64)
    if not np.all(np.isfinite(matrix)):
        raise ValueError("a term of the formula has an infinite value")
    return matrix, frame.model_spec, columns


def _matrix(formula: Formula, data: pd.DataFrame) -> tuple[list[str], NDArray[np.float64], ModelSpec]:
    """Return the terms but the intercept, their columns and the spec."""
    matrix, spec, columns = covariate_matrix(formula, data)
    if not columns:
        raise ValueError("the formula has no term besides the intercept")
    return columns, matrix, spec


def _numbers(data: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return data[name].to_numpy(dtype=np.float64)
