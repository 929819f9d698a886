"""Who is followed to which event: exclusions, time at risk and how it ended, as what response and failure share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.result import ALL, Row, Summary, Total
from analyses.tabulate import ARMS, COHORT, Table, across_arms, by_arm, count_row, number_id
from registry.errors import ExitCode, UserError

if TYPE_CHECKING:
    import pandas as pd

    from registry.cohort import Cohort
    from registry.study import Study

DAYS_A_MONTH = 30.4375
DAYS_A_YEAR = 365.25
ANALYSED = "analysed"
EVENT, DEATH = 1, 2
"""Causes that end the time at risk: the event, and death before it. 0 is censored."""
RISK_MONTHS = (6, 12, 24)
"""Months at which risks are given, besides the horizon."""
DEATH_FIRST = "Death first"

_ENDINGS = {"death": "death", "lost": "lost or withdrawn", "withdrawn": "lost or withdrawn"}
_STILL = "still followed"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An event and where a cohort keeps it.

    day: column of patients with the day of the event. name: of the event in the name of a curve ("response"). suffix:
    what follows the topic of a row (", major response"). seen: column of patients that says whether the event could
    be seen at all; a person for whom it is false and who has no day in column seen_day is excluded.
    """

    day: str
    name: str
    suffix: str = ""
    seen: str | None = None
    seen_day: str | None = None

    def topic(self, topic: str) -> str:
        """Return the topic of a row."""
        return f"{topic}{self.suffix}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """Persons of a cohort on their way to an event.

    people: who is analysed, with person_id, centre, arm, comparator (1 or 0), entry, month (months since time zero),
    event (1 or 0), cause (EVENT, DEATH or 0), ending (how the follow-up ended without the event) and the covariates.
    everybody: the whole cohort with arm and excluded ("" if analysed). reasons: of exclusion, in the order in which
    they are applied.
    """

    outcome: Outcome
    people: pd.DataFrame
    everybody: pd.DataFrame
    reasons: tuple[str, ...]


def follow(cohort: Cohort, study: Study, outcome: Outcome) -> Followed:
    """Return the persons of a cohort with their time at risk.

    The clock starts at time zero; a person is at risk from entry_day (0 for incident users) and until the event or
    end_day. Excluded, in this order: never scorable (the event can never be seen), event before entry (on or before
    the day of entry), no follow-up (end_day on or before the day of entry).
    Raises UserError if a covariate of the study is no column of the cohort.
    """
    patients = cohort.patients
    _known(patients, study)
    happened = patients[outcome.day].to_numpy(dtype=float)
    entry = patients["entry_day"].to_numpy(dtype=float)
    end = patients["end_day"].to_numpy(dtype=float)
    event = happened <= end
    conditions = {"event before entry": event & (happened <= entry), "no follow-up": end <= entry}
    if outcome.seen is not None:
        known = patients[outcome.seen].isin([True]).to_numpy()
        decided = patients[outcome.seen_day or outcome.day].notna().to_numpy()
        conditions = {"never scorable": ~(known | decided), **conditions}
    excluded = np.select(list(conditions.values()), list(conditions), default="")
    ending = [_ENDINGS.get(str(reason), _STILL) for reason in patients["end_reason"]]
    died = np.asarray(ending) == _ENDINGS["death"]
    columns = ["person_id", "centre", "arm", "comparator", *study.analysis.covariates]
    people = patients[list(dict.fromkeys(columns))].assign(
        entry=entry / DAYS_A_MONTH,
        month=np.where(event, happened, end) / DAYS_A_MONTH,
        event=event.astype(int),
        cause=np.where(event, EVENT, np.where(died, DEATH, 0)),
        days=np.where(event, happened, end) - entry,
        ending=ending,
    )
    return Followed(
        outcome=outcome,
        people=people.loc[excluded == ""].reset_index(drop=True),
        everybody=patients[["arm"]].assign(excluded=excluded),
        reasons=tuple(conditions),
    )


def _known(patients: pd.DataFrame, study: Study) -> None:
    unknown = sorted(set(study.analysis.covariates) - set(patients.columns))
    if unknown:
        raise UserError(
            str(study.folder / "study.toml"),
            seen=f"Unknown covariates: {', '.join(unknown)}.",
            expected="Expected names of baseline columns of the cohort, such as age_decades or phga.",
            advice="Correct covariates in [analysis].",
            state="Nothing was analysed.",
            exit_code=ExitCode.BAD_STUDY,
        )


def risk_months(study: Study) -> tuple[int, ...]:
    """Return the months at which risks are given."""
    return tuple(sorted({*RISK_MONTHS, study.analysis.horizon_months}))


def counts(followed: Followed, study: Study) -> Table:
    """Return persons, events, endings and person-years by arm, and the sums among them."""
    topic, people = followed.outcome.topic, followed.people
    persons, events, censored = topic("Persons"), topic("Events"), topic("Censored")
    endings = (*dict.fromkeys(_ENDINGS.values()), _STILL)
    rows: list[Row] = []
    totals = [across_arms(persons, level) for level in (COHORT, *followed.reasons, ANALYSED)]
    totals += [across_arms(events), *(across_arms(censored, ending) for ending in endings)]
    for group, chosen in by_arm(followed.everybody["arm"]).items():
        excluded = followed.everybody.loc[chosen, "excluded"]
        own = people if group == ALL else people[people["arm"] == group]
        rows.append(count_row(len(excluded), persons, COHORT, group))
        rows += [count_row(int((excluded == reason).sum()), persons, reason, group) for reason in followed.reasons]
        rows.append(count_row(len(own), persons, ANALYSED, group))
        rows.append(count_row(int(own["event"].sum()), events, "", group))
        free = own.loc[own["event"] == 0, "ending"]
        rows += [count_row(int((free == ending).sum()), censored, ending, group) for ending in endings]
        rows.append(
            Row(
                topic=topic("Person-years"),
                group=group,
                statistic="person-years",
                value=Summary(value=float(own["days"].sum()) / DAYS_A_YEAR, unit="years"),
                rests_on=(number_id(persons, ANALYSED, group),),
            )
        )
        parts = [number_id(persons, reason, group) for reason in (*followed.reasons, ANALYSED)]
        totals.append(Total(total=number_id(persons, COHORT, group), parts=tuple(parts)))
        parts = [number_id(events, "", group), *(number_id(censored, ending, group) for ending in endings)]
        totals.append(Total(total=number_id(persons, ANALYSED, group), parts=tuple(parts)))
    for name, cause in ((events, EVENT), (topic(DEATH_FIRST), DEATH)):
        rows += [_ended_by(own, arm, month, name, cause) for arm, own in arms(followed) for month in risk_months(study)]
    return Table(rows=tuple(rows), totals=tuple(totals))


def arms(followed: Followed) -> tuple[tuple[str, pd.DataFrame], ...]:
    """Return the analysed persons of each arm."""
    return tuple((arm, followed.people[followed.people["arm"] == arm]) for arm in ARMS)


def contrast(study: Study) -> str:
    """Return how a difference is named: "rituximab minus ivig", comparator minus reference."""
    reference = study.analysis.reference
    (comparator,) = (arm for arm in ARMS if arm != reference)
    return f"{comparator} minus {reference}"


def rests_on(outcome: Outcome, group: str) -> tuple[str, ...]:
    """Return the ids of the counts from which an estimate of a group could be worked back."""
    groups = ARMS if group == ALL else (group,)
    persons = [number_id(outcome.topic("Persons"), ANALYSED, name) for name in groups]
    return (*persons, *(number_id(outcome.topic("Events"), "", name) for name in groups))


def ended_id(outcome: Outcome, topic: str, arm: str, month: float) -> str:
    """Return the id of the count of those who had the event ("Events") or died first (DEATH_FIRST) by a month."""
    return f"{number_id(outcome.topic(topic), '', arm)}{month:g}"


def _ended_by(own: pd.DataFrame, arm: str, month: int, topic: str, cause: int) -> Row:
    number = int(((own["cause"] == cause) & (own["month"] <= month)).sum())
    return Row(topic=topic, group=arm, statistic="count", month=month, value=Summary(value=number))
