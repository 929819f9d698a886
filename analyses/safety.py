"""What happens to the persons: infections, low IgG, infusion reactions, thromboembolism and deaths, by first agent.

Result "safety". Everything from time zero (or entry into the registry, if later) to the end of follow-up is counted in
the arm of time zero, whatever was given afterwards (treatment policy). Ids are topic|level|group|statistic|month; GROUP
is "ivig", "rituximab" or "all"; C is the comparator and R the reference; AGENT is the agent infused.

    Persons|in the cohort|GROUP|count|
    Person-years||GROUP|person-years|
    Follow-up||GROUP|median|     Follow-up||GROUP|quartile 1|     Follow-up||GROUP|quartile 3|      months

    EVENT is "Serious infections", "Thromboembolic events" or "Deaths":
    EVENT||GROUP|count|                                          events, several a person
    EVENT||GROUP|rate|                                           per 100 person-years, exact interval
    EVENT|C against R|all|rate ratio|                            level is e.g. "rituximab against ivig"; exact
    EVENT|C against R, robust|all|rate ratio|                    not of deaths; persons as clusters (LWYY, CR2)
    EVENT||ARM|count|MONTH                                       not of deaths; MONTH is 12, 24 and the horizon
    Mean number of EVENT||ARM|mean|MONTH                         not of deaths; "Mean number of serious infections"
    Persons with a serious infection|yes, no|GROUP|count|        beside each count: percent of all persons
    Persons with a thromboembolic event|yes, no|GROUP|count|

    Cause of death|CAUSE|GROUP|count|       myositis, infection, cancer, cardiovascular, other, unknown, alive

    Low IgG before time zero|yes, no, not measured|GROUP|count|              baseline prevalence; percent beside
    IgG gradable after time zero|yes, no|GROUP|count|                        percent beside
    Lowest IgG, scheme A|none, mild, moderate, severe|GROUP|count|           percent of the gradable beside
    Lowest IgG, scheme B|none, low, severe|GROUP|count|                      percent of the gradable beside
    Persistently low IgG|yes, no|GROUP|count|                                percent of the gradable beside

    Infusions|AGENT|GROUP|count|                                 days; AGENT: ivig, rituximab, other or not stated
    Infusions with a reaction|AGENT|GROUP|count|                 percent of the infusions beside
    Infusion reactions|AGENT|GROUP|count|                        of any grade
    Infusion reactions without a recorded infusion|AGENT|GROUP|count|
    Infusion reactions by grade, AGENT|grade 1 ... grade 5, grade not stated|GROUP|count|
    Persons with an infusion reaction|yes, no|GROUP|count|       percent beside

Curves (kind "step", unit "events per person", groups "ivig" and "rituximab"): "Mean number of serious infections" and
"Mean number of thromboembolic events", numbers at risk every three months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analyses.infusion_safety import infusion_reactions
from analyses.low_igg import low_igg
from analyses.methods.rates import Rate, RateRatio, incidence_rate, rate_ratio
from analyses.origin import provenance
from analyses.repeated_events import NOTES as REPEATED_NOTES
from analyses.repeated_events import mean_curves, repeated
from analyses.result import ALL, Estimate, NotEstimable, Result, Row, Summary, Total
from analyses.tabulate import ARMS, GROUPS, Table, across_arms, by_arm, category, count_row, join, number_id, persons
from registry.contract import codelist, contract

if TYPE_CHECKING:
    from analyses.result import Statistic
    from registry.cohort import Cohort
    from registry.study import Study

DAYS_A_YEAR = 365.25
DAYS_A_MONTH = 30.4375
PER = 100
CAUSES = contract()["follow_up"]["death_cause"].allowed()
_QUARTILES: tuple[tuple[Statistic, float], ...] = (("median", 0.5), ("quartile 1", 0.25), ("quartile 3", 0.75))
NOTES = (
    "Everything is counted in the arm of the first agent, whatever was given afterwards (treatment policy).",
    "Rates are events per 100 person-years with exact Poisson intervals; ratios have exact conditional intervals.",
    "IgG is graded by its lowest value after time zero that immunomodulatory IVIG had not raised.",
    "Infusions and their reactions are those of every agent in follow-up, replacement IVIG included.",
)


def answer(cohort: Cohort, study: Study) -> Result:
    """Return what happened to the persons from time zero to the end of follow-up, by first agent."""
    patients = cohort.patients.set_index("person_id")
    reference = study.analysis.reference
    infections, thromboses = followed(cohort, "serious_infection"), _thromboembolism(cohort)
    infected, had_thrombosis = "Persons with a serious infection", "Persons with a thromboembolic event"
    table = join(
        [
            persons(patients["arm"]),
            _follow_up(patients),
            _events("Serious infections", infections, patients, reference=reference),
            _with_event(infected, infections, patients),
            _events("Thromboembolic events", thromboses, patients, reference=reference),
            _with_event(had_thrombosis, thromboses, patients),
            _events("Deaths", _deaths(patients), patients, reference=reference),
            _causes(patients),
            low_igg(patients),
            infusion_reactions(followed(cohort, "infusion"), followed(cohort, "infusion_reaction")),
            _with_event("Persons with an infusion reaction", followed(cohort, "infusion_reaction"), patients),
            repeated("Serious infections", infected, infections, patients, study),
            repeated("Thromboembolic events", had_thrombosis, thromboses, patients, study),
        ]
    )
    return Result(
        name="safety",
        title="Safety",
        question="What harm comes to those who start with IVIG and to those who start with rituximab?",
        rows=table.rows,
        totals=table.totals,
        curves=(
            *mean_curves("Serious infections", infections, patients, horizon=study.analysis.horizon_months),
            *mean_curves("Thromboembolic events", thromboses, patients, horizon=study.analysis.horizon_months),
        ),
        notes=(*NOTES, *REPEATED_NOTES),
        provenance=provenance(cohort),
    )


def followed(cohort: Cohort, name: str) -> pd.DataFrame:
    """Return the rows of a visit-level table from time zero, or entry if later, to the end of follow-up."""
    table = cohort.tables[name]
    patients = cohort.patients.set_index("person_id")
    entry, end = table["person_id"].map(patients["entry_day"]), table["person_id"].map(patients["end_day"])
    return table[(table["day"] >= entry) & (table["day"] <= end)]


def _thromboembolism(cohort: Cohort) -> pd.DataFrame:
    terms = {row["term"] for row in codelist("terms") if row["category"] == "thromboembolism"}
    events = followed(cohort, "event")
    return events[events["term"].isin(terms)]


def _deaths(patients: pd.DataFrame) -> pd.DataFrame:
    return patients[patients["death_day"].notna()].reset_index()


def _estimate(number: Rate | RateRatio, *, events: int) -> Estimate:
    return Estimate(
        value=number.value,
        low=number.low,
        high=number.high,
        level=number.level,
        p=number.p if isinstance(number, RateRatio) else None,
        events=events,
        unit="" if isinstance(number, RateRatio) else f"per {PER} person-years",
    )


def _years(patients: pd.DataFrame) -> dict[str, float]:
    years = (patients["end_day"] - patients["entry_day"]).astype(float) / DAYS_A_YEAR
    return {group: float(years[chosen].sum()) for group, chosen in by_arm(patients["arm"]).items()}


def _follow_up(patients: pd.DataFrame) -> Table:
    rows = [
        Row(topic="Person-years", group=group, statistic="person-years", value=Summary(value=years, unit="years"))
        for group, years in _years(patients).items()
    ]
    months = patients["end_day"].astype(float) / DAYS_A_MONTH
    for group, chosen in by_arm(patients["arm"]).items():
        for statistic, q in _QUARTILES:
            known = months[chosen]
            value = (
                Summary(value=float(known.quantile(q)), unit="months")
                if len(known)
                else NotEstimable(reason="nobody in the group")
            )
            rests_on = (number_id("Persons", "in the cohort", group),)
            rows.append(Row(topic="Follow-up", group=group, statistic=statistic, value=value, rests_on=rests_on))
    return Table(rows=tuple(rows))


def _events(topic: str, events: pd.DataFrame, patients: pd.DataFrame, *, reference: str) -> Table:
    """Return counts and rates of events by arm of time zero, and the ratio of the rates."""
    years = _years(patients)
    number = {group: int(chosen.sum()) for group, chosen in by_arm(events["person_id"].map(patients["arm"])).items()}
    rows: list[Row] = []
    for group in GROUPS:
        rows.append(count_row(number[group], topic, "", group))
        rate = incidence_rate(number[group], years[group], per=PER)
        value = rate if isinstance(rate, NotEstimable) else _estimate(rate, events=number[group])
        rows.append(
            Row(topic=topic, group=group, statistic="rate", value=value, rests_on=(number_id(topic, "", group),))
        )
    comparator = next(arm for arm in ARMS if arm != reference)
    ratio = rate_ratio(number[comparator], years[comparator], number[reference], years[reference])
    value = ratio if isinstance(ratio, NotEstimable) else _estimate(ratio, events=number[ALL])
    both = tuple(number_id(topic, "", arm) for arm in ARMS)
    level = f"{comparator} against {reference}"
    rows.append(Row(topic=topic, level=level, statistic="rate ratio", value=value, rests_on=both))
    return Table(rows=tuple(rows), totals=(across_arms(topic),))


def _with_event(topic: str, events: pd.DataFrame, patients: pd.DataFrame) -> Table:
    had = pd.Series(patients.index.isin(events["person_id"]), index=patients.index)
    return category(topic, had.map({True: "yes", False: "no"}), patients["arm"], levels=("yes", "no"))


def _causes(patients: pd.DataFrame) -> Table:
    cause = patients["death_cause"].astype("object").where(patients["death_day"].notna(), "alive")
    table = category("Cause of death", cause.fillna("unknown"), patients["arm"], levels=(*CAUSES, "alive"))
    dead = tuple(
        Total(
            total=number_id("Deaths", "", group),
            parts=tuple(number_id("Cause of death", cause, group) for cause in CAUSES),
        )
        for group in GROUPS
    )
    return Table(rows=table.rows, totals=(*table.totals, *dead))
