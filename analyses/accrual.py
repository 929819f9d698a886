"""Who is in the registry and in the cohort: attrition, centres, and accrual by half-year.

Result "accrual". Ids are topic|level|group|statistic|month. STEP is the label of an inclusion step, REASON why persons
were lost at it, CENTRE the code of a centre, ARM "ivig" or "rituximab", DATE the day of the centre's last submission
("" if it sent nothing), HALF-YEAR "2024 H1" (January to June) or "2024 H2". Rows come in the order of the steps, of
the centres' codes and of time.

    Flow|STEP|all|count|                            persons left after the step; the first is "Registered"
    Flow|STEP|ARM|count|                            by arm, from the step at which the arm is known
    Lost|STEP|all|count|                            persons lost at the step (every step but the first)
    Lost|STEP|ARM|count|                            by arm, where the step before knew the arm
    Lost at: STEP|REASON|all|count|                 by reason
    Persons|in the cohort|ARM, all|count|           the last step again
    Persons registered||CENTRE, all|count|
    Persons in the cohort|ARM|CENTRE, all|count|
    Persons in the cohort||CENTRE, all|count|
    Persons not in the cohort||CENTRE, all|count|   registered less in the cohort
    Rows accepted|DATE|CENTRE|count|                rows of the centre's last submission
    Rows in quarantine|DATE|CENTRE|count|
    Time zero|HALF-YEAR|ARM, all|count|             first agent started in that half-year, every half-year in between
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analyses.origin import provenance
from analyses.result import ALL, Result, Row, Total
from analyses.tabulate import ARMS, COHORT, GROUPS, Table, across_arms, by_arm, count_row, join, number_id, persons

if TYPE_CHECKING:
    from registry.cohort import Cohort, Step
    from registry.study import Study

JULY = 7


def answer(cohort: Cohort, study: Study) -> Result:  # noqa: ARG001  (every question takes both)
    """Return who was registered, who was left after each step and why, by centre and over time."""
    flow = _flow(cohort.steps)
    table = join([flow, persons(cohort.patients["arm"]), _centres(cohort), _half_years(cohort.patients)])
    first, last = cohort.steps[0].label, cohort.steps[-1].label
    same = [Total(total=number_id("Flow", first), parts=(number_id("Persons registered"),))]
    # The last step and the cohort are the same persons, whatever they are called.
    groups = GROUPS if cohort.steps[-1].by_arm is not None else (ALL,)
    same += [
        Total(total=number_id("Persons", COHORT, group), parts=(number_id("Flow", last, group),)) for group in groups
    ]
    return Result(
        name="accrual",
        title="Centres, inclusion and accrual",
        question="Who is in the registry, who is compared, and why are the others not?",
        rows=table.rows,
        totals=(*table.totals, *same),
        notes=(
            "A half-year is that of time zero.",
            "Rows in quarantine are those that broke a rule of the contract; the centre was told.",
        ),
        provenance=provenance(cohort),
    )


def _flow(steps: tuple[Step, ...]) -> Table:
    rows: list[Row] = []
    totals: list[Total] = []
    before: Step | None = None
    for step in steps:
        if before is not None:
            rows += _lost(step, before)
            totals += _lost_totals(step, before)
        rows.append(count_row(step.remaining, "Flow", step.label))
        if step.by_arm is not None:
            rows += [count_row(step.by_arm[arm], "Flow", step.label, arm) for arm in ARMS]
            totals.append(across_arms("Flow", step.label))
        before = step
    return Table(rows=tuple(rows), totals=tuple(totals))


def _lost(step: Step, before: Step) -> list[Row]:
    rows = [count_row(step.lost, "Lost", step.label)]
    if before.by_arm is not None and step.by_arm is not None:
        rows += [count_row(before.by_arm[arm] - step.by_arm[arm], "Lost", step.label, arm) for arm in ARMS]
    rows += [count_row(number, _lost_at(step), reason) for reason, number in step.reasons.items()]
    return rows


def _lost_totals(step: Step, before: Step) -> list[Total]:
    lost = number_id("Lost", step.label)
    totals = [Total(total=number_id("Flow", before.label), parts=(number_id("Flow", step.label), lost))]
    if before.by_arm is not None and step.by_arm is not None:
        totals += [
            Total(
                total=number_id("Flow", before.label, arm),
                parts=(number_id("Flow", step.label, arm), number_id("Lost", step.label, arm)),
            )
            for arm in ARMS
        ]
        totals.append(across_arms("Lost", step.label))
    if step.reasons:
        totals.append(Total(total=lost, parts=tuple(number_id(_lost_at(step), reason) for reason in step.reasons)))
    return totals


def _lost_at(step: Step) -> str:
    return f"Lost at: {step.label}"


def _centres(cohort: Cohort) -> Table:
    centres = cohort.centres
    rows: list[Row] = []
    totals: list[Total] = []
    for centre in centres.to_dict("records"):
        code, inside = str(centre["code"]), {arm: int(centre[arm]) for arm in ARMS}
        number, sent = int(centre["registered"]), centre["submission_date"]
        day = "" if pd.isna(sent) else pd.Timestamp(sent).date().isoformat()
        rows += _of_centre(code, number, inside)
        rows.append(count_row(int(centre["accepted"]), "Rows accepted", day, code))
        rows.append(count_row(int(centre["quarantined"]), "Rows in quarantine", day, code))
    inside = {arm: int(centres[arm].sum()) for arm in ARMS}
    rows += _of_centre(ALL, int(centres["registered"].sum()), inside)
    codes = [str(code) for code in centres["code"]]
    named = [
        ("Persons registered", ""), ("Persons in the cohort", ""), ("Persons not in the cohort", ""),
        *(("Persons in the cohort", arm) for arm in ARMS),
    ]  # fmt: skip
    totals += [
        Total(total=number_id(topic, level), parts=tuple(number_id(topic, level, code) for code in codes))
        for topic, level in named
    ]
    for code in (*codes, ALL):
        whole, rest = number_id("Persons in the cohort", "", code), number_id("Persons not in the cohort", "", code)
        totals.append(Total(total=number_id("Persons registered", "", code), parts=(whole, rest)))
        arms = tuple(number_id("Persons in the cohort", arm, code) for arm in ARMS)
        totals.append(Total(total=whole, parts=arms))
    totals += [
        Total(total=number_id("Persons", COHORT, arm), parts=(number_id("Persons in the cohort", arm),)) for arm in ARMS
    ]
    return Table(rows=tuple(rows), totals=tuple(totals))


def _of_centre(code: str, registered: int, inside: dict[str, int]) -> list[Row]:
    both = sum(inside.values())
    return [
        count_row(registered, "Persons registered", "", code),
        *(count_row(number, "Persons in the cohort", arm, code) for arm, number in inside.items()),
        count_row(both, "Persons in the cohort", "", code),
        count_row(registered - both, "Persons not in the cohort", "", code),
    ]


def _half_years(patients: pd.DataFrame) -> Table:
    dates = pd.to_datetime(patients["time_zero_date"])
    half = 2 * dates.dt.year + (dates.dt.month >= JULY).astype(int)
    labels = {number: f"{number // 2} H{number % 2 + 1}" for number in range(int(half.min()), int(half.max()) + 1)}
    rows: list[Row] = []
    totals: list[Total] = [across_arms("Time zero", label) for label in labels.values()]
    for group, chosen in by_arm(patients["arm"]).items():
        rows += [count_row(int((half[chosen] == n).sum()), "Time zero", label, group) for n, label in labels.items()]
        parts = tuple(number_id("Time zero", label, group) for label in labels.values())
        totals.append(Total(total=number_id("Persons", COHORT, group), parts=parts))
    return Table(rows=tuple(rows), totals=tuple(totals))
