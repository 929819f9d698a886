"""Aalen-Johansen: the probability of being in each of several states, with delayed entry and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.risk_sets import check_level, positive
from analyses.methods.states.occupation import StateOccupation
from analyses.methods.states.occupation_limits import occupation_limits
from analyses.methods.states.running_influence import Course, at_risk_by_place, running_variance
from analyses.methods.states.transitions import Transitions, transitions
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray


def state_occupation(
    data: pd.DataFrame,
    *,
    person: str,
    entry: str,
    month: str,
    state: str,
    to: str,
    weight: str | None = None,
    states: Sequence[str] | None = None,
    absorbing: Sequence[str] = (),
    level: float = 0.95,
) -> StateOccupation | NotEstimable:
    """Return the Aalen-Johansen estimate p(t) = p(0) product over transition times of (I + dA).

    A row of data is an interval of a person: in `state` from `entry` (not at risk at it) to `month`; `to` is the state
    that was entered at `month`, missing if the person was censored there. All are names of columns. A person may begin
    late, in any state, come back to a state, and be out of sight for a while (censored at one month, coming under
    observation again at a later one, in whatever state). weight: of each interval. states: all states in the order of
    the answer (default: those seen, sorted); absorbing: states that cannot be left (those that nobody is ever observed
    in are taken as such).
    dA: weighted transitions / weighted number at risk in the state left. p(0): shares of the states among those at risk
    at the first transition (at the first end of follow-up if there is none), so that with delayed entry persons
    who come under observation before anything happens count; as in R's survfit.
    Standard error: infinitesimal jackknife by person, the root of the sum of squared weighted influences, p(0)
    included. Weights that are whole numbers, the same in all intervals of a person, stand for that many alike
    persons. Interval: see occupation_limits.
    NotEstimable if there is nobody (of positive weight). Raises ValueError on impossible input and says in how many
    persons: see transitions.
    Reference: Aalen, Johansen 1978; Andersen et al. 1993, IV.4. Checked against R survival 3.5.3.
    """
    check_level(level)
    moves = transitions(
        data, person=person, entry=entry, month=month, state=state, to=to, weight=weight,
        states=states, absorbing=absorbing,
    )  # fmt: skip
    rows = moves.rows
    if rows.person.size == 0:
        return NotEstimable(reason="there is nobody to follow")
    moved = moves.to >= 0
    times = np.unique(rows.month[moved])
    start, stop = np.searchsorted(times, rows.entry, side="right"), np.searchsorted(times, rows.month, side="right")
    shape = (times.size, len(moves.states))
    at_risk = at_risk_by_place(start, stop, moves.state, np.ones(start.size), shape=shape)
    step, weighed = _steps(at_risk, start, stop, moves)
    beginning = times[0] if times.size else _first_end(moves)
    there = (rows.entry < beginning) & (beginning <= rows.month)
    here = np.bincount(moves.state[there], weights=rows.weight[there], minlength=len(moves.states))
    probability = np.empty((times.size + 1, here.size))
    probability[0] = here / here.sum()
    for j in range(times.size):
        probability[j + 1] = probability[j] @ step[j]
    gain = np.where(at_risk > 0, probability[:-1] / positive(weighed), 0.0)
    unit = np.eye(here.size)
    jump = np.zeros((start.size, here.size))
    own = (rows.factor[moved] * gain[stop[moved] - 1, moves.state[moved]])[:, None]
    jump[moved] = own * (unit[moves.to[moved]] - unit[moves.state[moved]])
    initial = np.zeros((int(rows.person.max()) + 1, here.size))
    initial[rows.person[there]] = rows.factor[there, None] * (unit[moves.state[there]] - probability[0]) / here.sum()
    course = Course(
        step=step, gain=gain, person=rows.person, start=start, stop=stop, place=moves.state,
        factor=rows.factor, jump=jump, initial=initial,
    )  # fmt: skip
    variance = running_variance(course)
    alone = (probability == 0) | (probability.sum(axis=1, keepdims=True) == probability)
    std_error = np.where(alone, 0.0, np.sqrt(variance))
    months = np.append(0.0, times)
    low, high = occupation_limits(moves, months, probability, std_error, level)
    return StateOccupation(
        states=moves.states,
        absorbing=tuple(moves.states[place] for place in moves.absorbing),
        month=months,
        probability=probability,
        std_error=std_error,
        low=low,
        high=high,
        transitions=moves.count(),
        transitions_weighted=moves.count(rows.weight),
        level=level,
        n=int(rows.person.max()) + 1,
        followed_to=float(rows.month.max()),
        notes=_notes(moves, at_risk, probability),
        moves=moves,
        course=course,
    )


def _steps(
    at_risk: NDArray[np.float64], start: NDArray[np.int64], stop: NDArray[np.int64], moves: Transitions
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return I + dA at each time, and the weight at risk; a state that everybody left keeps exactly nothing."""
    times, size = at_risk.shape
    weighed = at_risk_by_place(start, stop, moves.state, moves.rows.weight, shape=at_risk.shape)
    moved = moves.to >= 0
    place = (stop[moved] - 1, moves.state[moved], moves.to[moved])
    events, numbers = np.zeros((times, size, size)), np.zeros((times, size))
    np.add.at(events, place, moves.rows.weight[moved])
    np.add.at(numbers, place[:2], 1.0)
    left = events.sum(axis=2)
    emptied = (numbers > 0) & (numbers == at_risk)
    weighed = np.where(emptied, left, weighed)
    step = events / positive(weighed)[:, :, None]
    step[:, range(size), range(size)] = np.where(emptied, 0.0, 1 - left / positive(weighed))
    return step, weighed


def _first_end(moves: Transitions) -> float:
    """Return the first time at which a person's follow-up ends and does not go on in a joined row."""
    goes_on = np.append(moves.rows.joined[1:], False)
    return float(moves.rows.month[~goes_on].min())


def _notes(moves: Transitions, at_risk: NDArray[np.float64], probability: NDArray[np.float64]) -> tuple[str, ...]:
    notes = []
    if moves.gaps:
        notes.append("Some persons were out of sight for a time: what happened then is not counted.")
    unseen = (at_risk == 0) & (probability[:-1] > 0)
    for place, name in enumerate(moves.states):
        if place not in moves.absorbing and np.any(unseen[:, place]):
            # the month would be that on which one person left
            notes.append(
                f"From some month on nobody under observation was in state {name}, which had a probability above 0: "
                "from then on it changes only by what enters it."
            )
    return tuple(notes)
