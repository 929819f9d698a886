"""Persons moving between states: intervals in a state, each with the state that was entered at its end, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyses.methods.states.person_rows import PersonRows, person_rows, refuse, sum_of_earlier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Transitions:
    """Intervals by person and time. state, to: places in states; to is -1 where the person is censored.

    absorbing: places of the states in which nobody is ever observed and from which nobody comes.
    gaps: persons who were out of sight between two intervals.
    """

    states: tuple[str, ...]
    absorbing: tuple[int, ...]
    rows: PersonRows
    state: NDArray[np.int64]
    to: NDArray[np.int64]
    gaps: int

    def count(self, weight: NDArray[np.float64] | None = None) -> pd.DataFrame:
        """Return the numbers (or the weights) of transitions, a row for each state left, a column for each entered."""
        moved = self.to >= 0
        size = len(self.states)
        place = self.state[moved] * size + self.to[moved]
        found = np.bincount(place, weights=None if weight is None else weight[moved], minlength=size * size)
        index = pd.Index(self.states, name="from")
        return pd.DataFrame(found.reshape(size, size), index=index, columns=pd.Index(self.states, name="to"))

    def numbers(self, months: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return how many persons (or the weight of those who) are seen in each state just before each month.

        In an absorbing state are those who entered it earlier; in another one those whose interval holds the month.
        A row a month, a column a state.
        """
        weights = np.ones(self.state.size) if weight is None else weight
        start = np.where(self.rows.entry == 0, -np.inf, self.rows.entry)
        out = np.empty((months.size, len(self.states)))
        for place in range(len(self.states)):
            final = place in self.absorbing
            here = (self.to if final else self.state) == place
            ended = sum_of_earlier(self.rows.month[here], weights[here], months)
            out[:, place] = ended if final else sum_of_earlier(start[here], weights[here], months) - ended
        return out


def transitions(
    data: pd.DataFrame,
    *,
    person: str,
    entry: str,
    month: str,
    state: str,
    to: str,
    weight: str | None,
    states: Sequence[str] | None,
    absorbing: Sequence[str],
) -> Transitions:
    """Return checked intervals; those of weight 0 are left out after the check.

    Raises ValueError as person_rows does, and for a state that is missing or not listed, a transition from a state to
    itself, an interval that begins where another ended but in another state than was entered (or kept), or an
    interval in or after an absorbing state; it says in how many persons.
    """
    rows, data = person_rows(data, person=person, entry=entry, month=month, weight=weight, also=(state, to))
    if data[state].isna().any():
        text = f"values are missing in {state} ({int(data[state].isna().sum())} rows)"
        raise ValueError(text)
    left, entered = data[state].astype(str).to_numpy(), data[to].astype(object)
    moved = entered.notna().to_numpy()
    seen = set(left) | set(entered[moved].astype(str)) | set(absorbing)
    names = tuple(sorted(seen)) if states is None else tuple(states)
    unlisted = sorted(seen - set(names))
    if unlisted or len(set(names)) < len(names):
        text = f"states lists {', '.join(names)}, each once, but not {', '.join(unlisted) or 'one only'}"
        raise ValueError(text)
    places = pd.Index(names)
    from_ = places.get_indexer(pd.Index(left)).astype(np.int64)
    into = np.full(from_.size, -1, dtype=np.int64)
    into[moved] = places.get_indexer(pd.Index(entered[moved].astype(str)))
    final = sorted({names.index(name) for name in absorbing} | (set(into[moved].tolist()) - set(from_.tolist())))
    went_on = np.append(-1, np.where(into >= 0, into, from_)[:-1])[: from_.size]
    before = np.append(-1, into[:-1])[: from_.size]
    was_final, was_named = np.isin(before, final), np.isin(before, [names.index(name) for name in absorbing])
    refuse(
        rows,
        {
            "with a transition from a state to the same state": moved & (into == from_),
            "with an interval in a state that was not entered where the one before ended": rows.joined
            & (from_ != went_on)
            & ~was_named,
            "with an interval in or after an absorbing state": np.isin(from_, final)
            | (rows.again & was_final & (was_named | ~rows.joined)),
        },
    )
    some = rows.weight > 0
    return Transitions(
        states=names,
        absorbing=tuple(final),
        rows=rows.kept(some),
        state=from_[some],
        to=into[some],
        gaps=rows.persons(rows.again & ~rows.joined),
    )
