"""From the month of first entry into each of several states to intervals in a state, a row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


def intervals_from_marks(
    data: pd.DataFrame,
    *,
    person: str,
    end: str,
    marks: Mapping[str, str],
    first: str,
    entry: str | None = None,
    absorbing: Sequence[str] = (),
) -> pd.DataFrame:
    """Return a row for each interval of a person in a state: person, entry, month, state, to (None if censored).

    data: a row a person. end: column with the end of follow-up; entry: with its begin (default: month 0). marks: for
    each state the column with the month at which it was first entered, missing if it never was; before any mark a
    person is in the state `first`. Of several marks in one month the one listed last counts, because no time was spent
    in the others. Marks at or before the entry say in which state a person comes under observation; marks after the
    end are not seen. A mark of an absorbing state ends the follow-up of a person.
    The rows are what state_occupation asks for. Raises ValueError, saying in how many persons, if a person stands in
    two rows, the end is missing or not after the entry, an absorbing state was entered at or before the entry, or a
    mark is later than one of an absorbing state.
    """
    names = [person, end, *([entry] if entry else []), *marks.values()]
    absent = sorted({name for name in names if name not in data.columns})
    unknown = sorted(set(absorbing) - set(marks))
    if absent or unknown or first in marks:
        what = f"the frame has no column {', '.join(absent)}" if absent else f"no mark for {', '.join(unknown)}"
        text = what if absent or unknown else f"{first} is the state before any mark and has none itself"
        raise ValueError(text)
    data = data.sort_values(person, kind="stable")
    span = np.zeros((len(data), 2))
    span[:, 1] = data[end].to_numpy(dtype=np.float64, na_value=np.nan)
    if entry:
        span[:, 0] = np.maximum(data[entry].to_numpy(dtype=np.float64, na_value=np.nan), 0.0)
    month = np.full((len(data), len(marks) + 1), -np.inf)
    for place, column in enumerate(marks.values()):
        values = data[column].to_numpy(dtype=np.float64, na_value=np.nan)
        month[:, place + 1] = np.where(np.isnan(values), np.inf, values)
    final = np.isin([first, *marks], list(absorbing))
    over = np.where(final, month, np.inf).min(axis=1)
    problems = {
        "in several rows or without a name": (data[person].duplicated() | data[person].isna()).to_numpy(),
        "with an end that is missing or not after the entry": ~(np.isfinite(span[:, 1]) & (span[:, 0] < span[:, 1])),
        "in an absorbing state at or before the entry": over <= span[:, 0],
        "with a mark later than one of an absorbing state": np.any(
            np.isfinite(month) & (month > over[:, None]), axis=1
        ),
    }
    found = [f"{int(marked.sum())} {what}" for what, marked in problems.items() if np.any(marked)]
    if found:
        text = f"of {len(data)} persons: {'; '.join(found)}"
        raise ValueError(text)
    span[:, 1] = np.minimum(span[:, 1], over)
    return _rows(data[person].to_numpy(), span, month, np.array([first, *marks], dtype=object))


def _rows(
    person: NDArray[np.generic], span: NDArray[np.float64], month: NDArray[np.float64], states: NDArray[np.object_]
) -> pd.DataFrame:
    """Return the intervals of persons between the two months of span; month: of each mark, in the order of states."""
    who, what = np.nonzero(month <= span[:, 1:])
    time = month[who, what]
    sequence = np.lexsort((what, time, who))
    who, what = who[sequence], what[sequence]
    time = np.maximum(time[sequence], span[who, 0])  # a mark at or before the entry is entered at the entry
    later = np.append((who[1:] == who[:-1]) & (time[1:] == time[:-1]), np.zeros(min(who.size, 1), dtype=bool))
    who, what, time = who[~later], what[~later], time[~later]
    goes_on = np.flatnonzero(who[1:] == who[:-1])
    until, entered = span[who, 1], np.full(who.size, None, dtype=object)
    until[goes_on], entered[goes_on] = time[goes_on + 1], states[what[goes_on + 1]]
    columns = {"person": person[who], "entry": time, "month": until, "state": states[what], "to": entered}
    lasts = time < until  # what is entered at the very end is only gone to
    return pd.DataFrame({name: values[lasts] for name, values in columns.items()})
