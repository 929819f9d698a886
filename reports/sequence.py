"""Tables of states over time: from first treatment to response, relapse, switch and death."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from analyses.result import Summary
from reports.event_pictures import MEAN_TIME, STATE
from reports.outcomes import INTERVAL
from reports.tables import ARM_NAMES, Draft, levels, number, one, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Result, Statistic
    from reports.comparison import Comparison
    from reports.tables import Cell, Table

STATES: Mapping[str, str] = {
    "first treatment": "First agent, no response yet",
    "in response": "In response",
    "relapse": "Relapse",
    "second treatment": "Switched to the other agent",
    "dead": "Dead",
}
"""What each state of the Result "sequence" is called, in the order in which they are stacked."""


def times_table(result: Result, comparison: Comparison) -> Table:
    """Return the mean months in each state up to the horizon by arm, with their differences."""
    draft = Draft(maximum=comparison.maximum)
    until = float(comparison.horizon)
    for state, label in STATES.items():
        draft.line(
            label,
            *_by_arm(draft, result, comparison, MEAN_TIME, state, statistic="restricted mean", month=until),
            draft.of_row(
                one(result, MEAN_TIME, statistic="difference in restricted means", month=until, starts=f"{state}, ")
            ),
        )
    return draft.table(
        "state-times",
        caption=f"Mean months in each state within the first {formats.month(until)} months ({INTERVAL})",
        head=("State", *(ARM_NAMES[arm] for arm in comparison.arms), comparison.minus),
    )


def risks_table(result: Result, comparison: Comparison, *, months: Sequence[float]) -> Table:
    """Return the probabilities of the states at some months by arm."""
    draft = Draft(maximum=comparison.maximum)
    shown = [float(month) for month in sorted(set(months))]
    for state, label in STATES.items():
        cells = (
            cell
            for month in shown
            for cell in _by_arm(draft, result, comparison, STATE, state, statistic="risk", month=month)
        )
        draft.line(label, *cells)
    heads = (
        f"{ARM_NAMES[arm]}, month {formats.month(month)}".replace(" ", "\u00a0").replace(",\u00a0", ", ")
        for month in shown
        for arm in comparison.arms
    )
    return draft.table("state-risks", caption=f"Probability of each state ({INTERVAL})", head=("State", *heads))


def counts_table(result: Result, comparison: Comparison) -> Table:
    """Return the states in which persons were last seen, and how many went from one to another.

    Changes that happened to nobody are left out.
    """
    draft = Draft(maximum=comparison.maximum)
    draft.line("Persons", *draft.counts(result, "Persons", "in the cohort", groups=comparison.groups))
    draft.group("State when last seen")
    for state in levels(result, "Last state"):
        cells = draft.counts(result, "Last state", state, groups=comparison.groups)
        draft.line(STATES[state], *cells, kind="indented")
    draft.group("Changes of state")
    for change in levels(result, "Transitions"):
        start, _, end = change.partition(" to ")
        values = [number(result, "Transitions", change, group, statistic="count") for group in comparison.groups]
        if all(isinstance(value, Summary) and value.value == 0 for value in values):
            continue
        cells = draft.counts(result, "Transitions", change, groups=comparison.groups)
        draft.line(f"{STATES[start]}, then {within(STATES[end])}", *cells, kind="indented")
    return draft.table(
        "state-counts",
        caption="States and changes of state: persons",
        head=("", *(ARM_NAMES[group] for group in comparison.groups)),
    )


def _by_arm(
    draft: Draft, result: Result, comparison: Comparison, topic: str, state: str, *, statistic: Statistic, month: float
) -> tuple[Cell, ...]:
    return tuple(draft.number(result, topic, state, arm, statistic=statistic, month=month) for arm in comparison.arms)
