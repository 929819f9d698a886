"""Time to treatment failure: deterioration, no response, stop or switch for inefficacy, death from myositis.

Result "failure". Rows have the same ids as those of analyses/response.py without minimal and major response and
without Persons|never scorable (everybody can fail), and

    Component|deterioration|ARM, all|count|
    Component|no response|ARM, all|count|
    Component|inefficacy|ARM, all|count|
    Component|death from myositis|ARM, all|count|               the four add up to Events||ARM, all|count|

Death from myositis is a failure; "Death first" and "Censored|death" are of other deaths, which compete with it.
Curves: "Cumulative incidence of failure" (groups ARM), "Hazard ratio over time" (group "all").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.event_answer import competing_notes, shared_notes, whole_answer
from analyses.event_hazard import variance_notes
from analyses.origin import provenance
from analyses.result import Result, Total
from analyses.tabulate import Table, across_arms, by_arm, count_row, join, number_id
from analyses.time_to_event import Outcome, follow

if TYPE_CHECKING:
    from analyses.time_to_event import Followed
    from registry.cohort import Cohort
    from registry.study import Study

FAILURE = Outcome(day="failure_day", name="failure")
COMPONENTS = ("deterioration", "no response", "inefficacy", "death from myositis")


def answer(cohort: Cohort, study: Study) -> Result:
    """Return when the first treatment fails, by first agent.

    Raises UserError if a covariate of the study is no column of the cohort, and ValueError if a failure has none of
    the known components.
    """
    followed = follow(cohort, study, FAILURE)
    whole = whole_answer(followed, study)
    table = join((whole.table, _components(followed, cohort)))
    return Result(
        name="failure",
        title="Time to treatment failure",
        question="How long does the first treatment hold: IVIG first or rituximab first?",
        rows=table.rows,
        totals=table.totals,
        curves=whole.curves,
        checks=whole.checks,
        notes=(
            *_notes(study),
            *shared_notes(cohort, study, "failure"),
            *competing_notes(study, "failure"),
            *variance_notes(whole.models),
            *whole.notes,
        ),
        provenance=provenance(cohort),
    )


def _components(followed: Followed, cohort: Cohort) -> Table:
    failed = followed.people[followed.people["event"] == 1]
    component = cohort.patients.set_index("person_id")["failure_component"].reindex(failed["person_id"])
    unknown = sorted(set(component.dropna()) - set(COMPONENTS)) or (["none"] if component.isna().any() else [])
    if unknown:
        text = f"failures with an unknown component: {', '.join(unknown)}"
        raise ValueError(text)
    rows, totals = [], [across_arms("Component", name) for name in COMPONENTS]
    for group, chosen in by_arm(failed["arm"]).items():
        own = component.to_numpy()[chosen.to_numpy()]
        rows += [count_row(int((own == name).sum()), "Component", name, group) for name in COMPONENTS]
        parts = tuple(number_id("Component", name, group) for name in COMPONENTS)
        totals.append(Total(total=number_id("Events", "", group), parts=parts))
    return Table(rows=tuple(rows), totals=tuple(totals))


def _notes(study: Study) -> tuple[str, ...]:
    weeks = int(study.rules["failure_no_response_days"] / 7)
    return (
        (
            f"Failure is the first of: confirmed deterioration; no minimal response (TIS below "
            f"{study.rules['tis_minimal']:f}) at a visit from week {weeks} on; stop or switch of the first agent for "
            "inefficacy; death from myositis. Of components on one day death comes first, then inefficacy, then "
            "deterioration."
        ),
        (
            "A stop for intolerance or remission is no failure and does not end follow-up. Death from another cause "
            "than myositis is the competing death before failure."
        ),
    )
