"""Rows of persons under observation, several a person, from `entry` to `month`: read, checked and put in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

from analyses.methods.risk_sets import Weighting, check_spread


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonRows:
    """Rows in the order of person and entry, so that nothing depends on the order of the frame.

    person: 0, 1, ... in the sorted order of the persons. The row is at risk for entry < t <= month. joined: the row
    goes on where the row before it, of the same person, ended. again: it comes after a row of the same person.
    weighting: "counts" if weights are whole numbers, one a person, which stand for that many alike persons. factor:
    what the influence of the row's person on a number is multiplied by before it is squared and summed: the weight, or
    the root of a count.
    """

    person: NDArray[np.int64]
    entry: NDArray[np.float64]
    month: NDArray[np.float64]
    weight: NDArray[np.float64]
    weighting: Weighting
    factor: NDArray[np.float64]
    joined: NDArray[np.bool_]
    again: NDArray[np.bool_]

    def persons(self, rows: NDArray[np.bool_]) -> int:
        """Return how many persons have at least one of the rows."""
        return int(np.unique(self.person[rows]).size)

    def at_risk(self, months: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of the weights of those under observation just before each month (at it for month 0)."""
        start = np.where(self.entry == 0, -np.inf, self.entry)
        return sum_of_earlier(start, weight, months) - sum_of_earlier(self.month, weight, months)

    def kept(self, rows: NDArray[np.bool_]) -> PersonRows:
        """Return some of the rows, with their persons numbered anew; joined and again are those of all rows."""
        return PersonRows(
            person=np.unique(self.person[rows], return_inverse=True)[1].astype(np.int64),
            entry=self.entry[rows],
            month=self.month[rows],
            weight=self.weight[rows],
            weighting=self.weighting,
            factor=self.factor[rows],
            joined=self.joined[rows],
            again=self.again[rows],
        )


def sum_of_earlier(
    time: NDArray[np.float64], weight: NDArray[np.float64], months: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sum of the weights of those whose time is before each month."""
    order = np.argsort(time, kind="stable")
    total = np.append(0.0, np.cumsum(weight[order]))
    return np.asarray(total[np.searchsorted(time[order], months, side="left")])


def person_rows(
    data: pd.DataFrame, *, person: str, entry: str, month: str, weight: str | None, also: Sequence[str]
) -> tuple[PersonRows, pd.DataFrame]:
    """Return the rows and the frame in their order. also: columns besides that must be there, missing or not.

    An entry before time zero is 0. Raises ValueError if a column is not there, a value is missing or impossible, a
    row does not end after its entry, or rows of a person overlap; it says in how many rows or persons.
    """
    names = [person, entry, month, *([weight] if weight else [])]
    absent = sorted({name for name in (*names, *also) if name not in data.columns})
    if absent:
        text = f"the frame has no column {', '.join(absent)}"
        raise ValueError(text)
    missing = [f"{name} ({count} rows)" for name in names if (count := int(data[name].isna().sum()))]
    if missing:
        text = f"values are missing in {', '.join(missing)}"
        raise ValueError(text)
    code = np.unique(data[person].to_numpy(), return_inverse=True)[1].astype(np.int64)
    start, end = (data[name].to_numpy(dtype=np.float64) for name in (entry, month))
    weights = data[weight].to_numpy(dtype=np.float64) if weight else np.ones(len(data))
    order = np.lexsort((end, start, code))
    code, end, weights = code[order], end[order], weights[order]
    start = np.maximum(start[order], 0.0)
    again = np.append(False, code[1:] == code[:-1])[: code.size]
    before = np.append(0.0, end[:-1])[: code.size]
    counts = bool(np.all(weights == np.floor(weights))) and not np.any(
        again & (weights != np.append(0.0, weights[:-1])[: code.size])
    )
    if not counts:
        check_spread(weights)
    weighting: Weighting = "none" if weight is None else "counts" if counts else "weights"
    rows = PersonRows(
        person=code, entry=start, month=end, weight=weights, weighting=weighting,
        factor=np.sqrt(np.maximum(weights, 0.0)) if weighting == "counts" else weights,
        joined=again & (start == before), again=again,
    )  # fmt: skip
    refuse(
        rows,
        {
            "with an infinite entry, month or weight": ~(np.isfinite(start) & np.isfinite(end) & np.isfinite(weights)),
            "with a row whose entry is not before its month (or whose month is not after time zero)": start >= end,
            "with a negative weight": weights < 0,
            "with rows that overlap": again & (start < before),
        },
    )
    return rows, data.iloc[order]


def refuse(rows: PersonRows, problems: dict[str, NDArray[np.bool_]]) -> None:
    """Raise ValueError if a problem marks a row; it names every problem and the number of its persons."""
    found = [f"{rows.persons(marked)} {what}" for what, marked in problems.items() if np.any(marked)]
    if found:
        text = f"of {np.unique(rows.person).size} persons: {'; '.join(found)}"
        raise ValueError(text)
