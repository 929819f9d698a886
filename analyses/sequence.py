"""The way from first treatment to response, relapse, second treatment and death, by first agent.

Result "sequence". A person is in the state entered last: "first treatment" until anything else happened, "in response"
(moderate improvement, TIS >= 40), "relapse" (clinical), "second treatment" (the other of the two agents was given) or
"dead"; of several on one day the one listed last counts. Each state is entered once at most, at its first time. ARM is
"ivig" or "rituximab"; MONTH is 6, 12, 24 and the horizon; C is the comparator and R the reference of study.toml. Ids
are topic|level|group|statistic|month:

    Persons|in the cohort|ARM, all|count|
    Persons who were ever in|STATE|ARM, all|count|             not of dead: these are those whose last state it is
    Transitions|STATE to STATE|ARM, all|count|
    Last state|STATE|ARM, all|count|                           at the end of follow-up; the states add up to all persons
    Persons who were ever in|STATE|ARM|count|HORIZON           up to the horizon; of dead too
    Fewest persons in a state||ARM|count|MONTH                 behind a probability of the month that is not 0
    Probability of state|STATE|ARM|risk|MONTH                  Aalen-Johansen, unit "probability"
    Mean time in state|STATE|ARM|restricted mean|HORIZON       months up to the horizon; the states add up to it
    Mean time in state|STATE, C minus R|all|difference in restricted means|HORIZON

Curves (kind "line", unit "probability", groups ARM): "Probability of state: STATE" every three months up to the horizon
or the last whole quarter that somebody of the arm is followed to, with the persons alive and under observation. The
curves of an arm add to 1 in every month.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analyses.methods.multistate import intervals_from_marks, state_occupation
from analyses.origin import provenance
from analyses.result import ALL, Result, Row, Total
from analyses.sequence_estimates import EVER, LAST, mean_times, probabilities, state_curves
from analyses.tabulate import ARMS, COHORT, FIRST_WITH, GROUPS, Table, across_arms, count_row, join, number_id, persons
from analyses.time_to_event import DAYS_A_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.cohort import Cohort
    from registry.study import Study

FIRST, DEAD = "first treatment", "dead"
MARKS = {
    "in response": "response_40_day",
    "relapse": "relapse_day",
    "second treatment": "switch_day",
    DEAD: "death_day",
}
"""Columns of a cohort with the day on which a state was entered, in the order that decides on one day."""
STATES = (FIRST, *MARKS)
MOVES = tuple((left, to) for left in STATES for to in STATES if left not in {to, DEAD} and to != FIRST)
MOVE = "Transitions"


def answer(cohort: Cohort, study: Study) -> Result:
    """Return how the persons move between the states, and how long they are in each, by first agent."""
    patients = cohort.patients
    intervals = _intervals(patients)
    steps = _steps(intervals).assign(arm=lambda frame: frame["person"].map(patients.set_index("person_id")["arm"]))
    chosen = {arm: intervals["person"].isin(patients.loc[patients["arm"] == arm, "person_id"]) for arm in ARMS}
    found = {
        arm: state_occupation(
            intervals[own], person="person", entry="entry", month="month", state="state", to="to", states=STATES,
            absorbing=(DEAD,),
        )
        for arm, own in chosen.items()
    }  # fmt: skip
    estimates = Table(rows=(*probabilities(found, STATES, study), *mean_times(found, STATES, study)))
    table = join(
        [persons(patients["arm"]), _moves(steps), _ever(steps), _last(steps), _by_horizon(steps, study), estimates]
    )
    return Result(
        name="sequence",
        title="From first treatment to response, relapse, switch and death",
        question="What becomes of those who start with IVIG and of those who start with rituximab, and for how long?",
        rows=table.rows,
        totals=table.totals,
        curves=state_curves(found, STATES, study),
        notes=(*_notes(study), *_cautions(found)),
        provenance=provenance(cohort),
    )


def _intervals(patients: pd.DataFrame) -> pd.DataFrame:
    months = {
        name: patients[name].astype("Float64") / DAYS_A_MONTH for name in (*MARKS.values(), "entry_day", "end_day")
    }
    return intervals_from_marks(
        pd.DataFrame({"person": patients["person_id"], **months}), person="person", entry="entry_day", end="end_day",
        marks=MARKS, first=FIRST, absorbing=(DEAD,),
    )  # fmt: skip


def _steps(intervals: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each state that a person was seen to enter: person, state, month, left (missing at entry)."""
    begun = intervals.drop_duplicates("person")[["person", "state", "entry"]]
    moved = intervals.loc[intervals["to"].notna(), ["person", "to", "month", "state"]]
    parts = (
        begun.rename(columns={"entry": "month"}).assign(left=None),
        moved.rename(columns={"state": "left", "to": "state"}),
    )
    return pd.concat([part.astype({"left": object}) for part in parts], ignore_index=True)


def _of(steps: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for group in GROUPS:
        yield group, steps if group == ALL else steps[steps["arm"] == group]


def _moves(steps: pd.DataFrame) -> Table:
    rows: list[Row] = []
    for group, own in _of(steps):
        seen = own.groupby(["left", "state"]).size().to_dict()
        rows += [count_row(seen.get(move, 0), MOVE, " to ".join(move), group) for move in MOVES]
    return Table(rows=tuple(rows), totals=tuple(across_arms(MOVE, " to ".join(move)) for move in MOVES))


def _ever(steps: pd.DataFrame) -> Table:
    """Return who was ever in a state: those who came to it, and those who stayed in it or left it."""
    states = STATES[:-1]
    rows: list[Row] = []
    totals = [across_arms(EVER, state) for state in states]
    for group, own in _of(steps):
        began = set(own.loc[own["left"].isna(), "state"])
        for state in states:
            ever = number_id(EVER, state, group)
            rows.append(count_row(int((own["state"] == state).sum()), EVER, state, group))
            away = tuple(number_id(MOVE, f"{a} to {b}", group) for a, b in MOVES if a == state)
            totals.append(Total(total=ever, parts=(number_id(LAST, state, group), *away)))
            if state != FIRST and state not in began:
                totals.append(Total(total=ever, parts=_into(state, group)))
        if began <= {FIRST}:
            totals.append(Total(total=number_id("Persons", COHORT, group), parts=(number_id(EVER, FIRST, group),)))
        totals.append(Total(total=number_id(LAST, DEAD, group), parts=_into(DEAD, group)))
    return Table(rows=tuple(rows), totals=tuple(totals))


def _into(state: str, group: str) -> tuple[str, ...]:
    return tuple(number_id(MOVE, f"{a} to {b}", group) for a, b in MOVES if b == state)


def _last(steps: pd.DataFrame) -> Table:
    rows: list[Row] = []
    totals = [across_arms(LAST, state) for state in STATES]
    for group, own in _of(steps):
        last = own.sort_values("month", kind="stable").drop_duplicates("person", keep="last")["state"]
        rows += [count_row(int((last == state).sum()), LAST, state, group) for state in STATES]
        parts = tuple(number_id(LAST, state, group) for state in STATES)
        totals.append(Total(total=number_id("Persons", COHORT, group), parts=parts))
    return Table(rows=tuple(rows), totals=tuple(totals))


def _by_horizon(steps: pd.DataFrame, study: Study) -> Table:
    """Return who was ever in a state up to the horizon: whose time a mean time is."""
    horizon = study.analysis.horizon_months
    rows = []
    for arm in ARMS:
        own = steps.loc[(steps["arm"] == arm) & (steps["month"] <= horizon), "state"]
        rows += [
            count_row(int((own == state).sum()), EVER, state, arm).model_copy(update={"month": float(horizon)})
            for state in STATES
        ]
    return Table(rows=tuple(rows))


def _cautions(found: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"{FIRST_WITH[arm]}: {note}" for arm, curve in found.items() for note in getattr(curve, "notes", ()))


def _notes(study: Study) -> tuple[str, ...]:
    return (
        (
            "A person is in the state entered last: in response from the first visit with moderate improvement, in "
            "relapse from the first clinical relapse, on second treatment from the first dose of the other of the two "
            "agents. Each state is entered once at most; of several on one day the last in this order counts."
        ),
        "A response after a switch is in response: the state does not say which agent was being given.",
        (
            "Probabilities are Aalen-Johansen estimates, not adjusted; who is no longer followed is censored. Mean "
            f"times are the areas under them up to month {study.analysis.horizon_months} and add up to it."
        ),
        "Numbers below a curve are of persons alive and under observation.",
    )
