"""How many of each group are at risk, and how many have the event, at every event time of every stratum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.ordering import by_code, small, stable_order
from analyses.methods.risk_sets import sums_from

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class StratifiedCounts:
    """Counts at the event times of the strata, one stratum after the other.

    at_risk: a row a group, a column an event time; events: of all groups at a time; first: where the times of each
    stratum that has an event begin; event_group: the group of each person who had the event, by stratum and time.
    """

    at_risk: NDArray[np.int32]
    events: NDArray[np.int64]
    first: tuple[int, ...]
    event_group: NDArray[np.unsignedinteger]


def stratified_counts(
    month: NDArray[np.float64],
    event: NDArray[np.bool_],
    entry: NDArray[np.float64],
    *,
    group: NDArray[np.intp],
    groups: int,
    stratum: NDArray[np.intp],
) -> StratifiedCounts:
    """Return the counts; group and stratum are codes from 0, entry is minus infinity for who is there from the start.

    Everything is counted in one order of the persons, by stratum and month: those at risk at a time are those from its
    first person to the end of the stratum, less those who enter later. No loop runs over strata.
    """
    strata = int(stratum.max(initial=-1)) + 1
    order = stable_order(month)
    if strata > 1:
        order = order[by_code(stratum[order], strata)]
    time, code, layer = month[order], small(group, groups)[order], small(stratum, strata)[order]
    changed = np.ones(time.size, dtype=bool)
    np.not_equal(time[1:], time[:-1], out=changed[1:])
    if strata > 1:
        changed[1:] |= layer[1:] != layer[:-1]
    start = np.flatnonzero(changed)  # the first person of every distinct time
    happened = event[order]
    every = sums_from(happened.astype(np.int64), start)
    kept = np.flatnonzero(every)
    start, events = start[kept], every[kept]
    at = layer[start]
    end = np.cumsum(np.bincount(stratum, minlength=strata))[at]
    number = end - start
    late = np.flatnonzero(entry > -np.inf)
    entered: NDArray[np.intp] | None = None
    if late.size:
        late, entered = _entered(entry, stratum, late, time[start], at)
        late_end = np.cumsum(np.bincount(stratum[late], minlength=strata))[at]
        number = number - (late_end - entered)
    at_risk = np.empty((groups, start.size), dtype=np.int32)
    for own in range(groups - 1):
        before = _running(code == own)
        at_risk[own] = before[end] - before[start]
        if entered is not None:
            before = _running(group[late] == own)
            at_risk[own] -= before[late_end] - before[entered]
    if groups:
        at_risk[-1] = number - at_risk[:-1].sum(axis=0)
    first = np.flatnonzero(np.diff(at, prepend=-1))
    return StratifiedCounts(
        at_risk=at_risk,
        events=events,
        first=tuple(first.tolist()),
        event_group=code[happened],
    )


def _running(there: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return how many are there among the first 0, 1, 2, ... rows."""
    out = np.zeros(there.size + 1, dtype=np.int32)
    np.cumsum(there, out=out[1:])
    return out


def _entered(
    entry: NDArray[np.float64],
    stratum: NDArray[np.intp],
    late: NDArray[np.intp],
    time: NDArray[np.float64],
    layer: NDArray[np.unsignedinteger],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the late entries in order of stratum and entry, and how many of them stand before each event time.

    Event times and entries are sorted together, a time before the entries that equal it: who enters at the very time
    of an event is not at risk for it.
    """
    both, layers = np.concatenate([time, entry[late]]), np.concatenate([layer, stratum[late]])
    order = stable_order(both)
    order = order[by_code(layers[order], int(layers.max()) + 1)]
    is_entry = order >= time.size
    before = np.empty(time.size, dtype=np.intp)
    before[order[~is_entry]] = (np.cumsum(is_entry))[~is_entry]
    return late[order[is_entry] - time.size], before
