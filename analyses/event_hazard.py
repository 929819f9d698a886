"""Hazard ratios of an event: comparator against reference, with and without covariates, within centres."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.methods.survival import CoxFit, cox, proportional_hazards
from analyses.result import ALL, Check, Estimate, NotEstimable, Row, Summary, Total
from analyses.tabulate import ARMS, Table, across_arms, by_arm, count_row, number_id
from analyses.time_to_event import ANALYSED, rests_on

if TYPE_CHECKING:
    import pandas as pd

    from analyses.time_to_event import Followed, Outcome
    from registry.study import Study

ARM_TERM = "comparator"
COMPLETE = "complete covariates"
INCOMPLETE = "missing a covariate"
ADJUSTED = "adjusted, stratified by centre"
EVENTS_A_TERM = 10
"""With fewer events per term of a Cox model its intervals are not to be trusted (Peduzzi and others 1995)."""
SIGNIFICANT = 0.05
_LARGEST = 700.0  # exp of more is no double; an upper limit that large means none


@dataclass(frozen=True, kw_only=True, eq=False)
class Covariates:
    """The covariates of the adjusted model: those used, those left out (they have one value), and who has all."""

    used: tuple[str, ...]
    left_out: tuple[str, ...]
    people: pd.DataFrame

    @property
    def formula(self) -> str:
        """Return the terms of the adjusted model."""
        return " + ".join((ARM_TERM, *self.used))


def covariates(followed: Followed, study: Study) -> Covariates:
    """Return who has a value of every covariate of the study, and which of them differ among those."""
    names = study.analysis.covariates
    people = followed.people
    complete = people[people[list(names)].notna().all(axis=1)] if names else people
    left_out = tuple(name for name in names if len(complete) and (complete[name] == complete[name].iloc[0]).all())
    return Covariates(used=tuple(name for name in names if name not in left_out), left_out=left_out, people=complete)


def fit(people: pd.DataFrame, formula: str, *, strata: str | None) -> CoxFit | NotEstimable:
    """Return a Cox model of persons followed to an event."""
    model = cox(formula, people, month="month", event="event", entry="entry", strata=strata)
    if isinstance(model, CoxFit) and not model.converged:
        return NotEstimable(reason="the maximum of the likelihood was not reached")
    return model


def hazard_ratio(model: CoxFit | NotEstimable, term: str) -> Estimate | NotEstimable:
    """Return exp of a log hazard ratio, with its interval."""
    if isinstance(model, NotEstimable):
        return model
    place = list(model.terms["term"]).index(term)
    columns = ("estimate", "low", "high", "p")
    value, low, high, p = (float(model.terms[name].to_numpy()[place]) for name in columns)
    value, low, high = (math.exp(min(number, _LARGEST)) for number in (value, low, high))
    return Estimate(value=value, low=low, high=high, level=model.level, p=p, n=model.n, events=model.events)


def hazard_rows(followed: Followed, chosen: Covariates) -> tuple[Row, ...]:
    """Return the hazard ratios of the arm: adjusted and stratified, stratified, and crude."""
    outcome = followed.outcome
    models = {
        ADJUSTED: adjusted(chosen),
        "unadjusted, stratified by centre": fit(followed.people, ARM_TERM, strata="centre"),
        "unadjusted": fit(followed.people, ARM_TERM, strata=None),
    }
    return tuple(
        Row(
            topic=outcome.topic("Hazard ratio"),
            level=level,
            statistic="hazard ratio",
            value=hazard_ratio(model, ARM_TERM),
            rests_on=complete_ids(outcome) if level == ADJUSTED else rests_on(outcome, ALL),
        )
        for level, model in models.items()
    )


def adjusted(chosen: Covariates) -> CoxFit | NotEstimable:
    """Return the adjusted model, stratified by centre."""
    if chosen.people.empty:
        return NotEstimable(reason="nobody has a value of every covariate of the study")
    return fit(chosen.people, chosen.formula, strata="centre")


def covariate_rows(followed: Followed, chosen: Covariates) -> tuple[Row, ...]:
    """Return the hazard ratio of each covariate in the adjusted model."""
    model = adjusted(chosen)
    constant = NotEstimable(reason="everybody in the model has the same value")
    terms = chosen.used if isinstance(model, NotEstimable) else tuple(model.terms["term"])
    values = {term: hazard_ratio(model, term) for term in terms if term != ARM_TERM}
    return tuple(
        Row(
            topic=followed.outcome.topic("Hazard ratio of covariate"),
            level=term,
            statistic="hazard ratio",
            value=value,
            rests_on=complete_ids(followed.outcome),
        )
        for term, value in {**values, **dict.fromkeys(chosen.left_out, constant)}.items()
    )


def complete_counts(followed: Followed, chosen: Covariates) -> Table:
    """Return persons and events with and without a value of every covariate."""
    persons, events = followed.outcome.topic("Persons"), followed.outcome.topic("Events")
    people = followed.people.assign(complete=followed.people.index.isin(chosen.people.index))
    rows: list[Row] = []
    totals = [across_arms(topic, level) for topic in (persons, events) for level in (COMPLETE, INCOMPLETE)]
    for group, own in by_arm(people["arm"]).items():
        for level, inside in ((COMPLETE, people["complete"]), (INCOMPLETE, ~people["complete"])):
            rows.append(count_row(int((own & inside).sum()), persons, level, group))
            rows.append(count_row(int(people.loc[own & inside, "event"].sum()), events, level, group))
        for topic, whole in ((persons, ANALYSED), (events, "")):
            parts = tuple(number_id(topic, level, group) for level in (COMPLETE, INCOMPLETE))
            totals.append(Total(total=number_id(topic, whole, group), parts=parts))
    return Table(rows=tuple(rows), totals=tuple(totals))


def complete_ids(outcome: Outcome) -> tuple[str, ...]:
    """Return the ids of the counts on which an adjusted number rests."""
    topics = (outcome.topic("Persons"), outcome.topic("Events"))
    return tuple(number_id(topic, COMPLETE, arm) for topic in topics for arm in ARMS)


def proportionality(followed: Followed, chosen: Covariates) -> tuple[Row, Check]:
    """Return the p value of a change of the arm's hazard ratio with time, and what it means for the reader."""
    name = "Proportional hazards"
    found: pd.DataFrame | NotEstimable = NotEstimable(reason="nobody has a value of every covariate of the study")
    if not chosen.people.empty:
        found = proportional_hazards(
            chosen.formula, chosen.people, month="month", event="event", entry="entry", strata="centre"
        )
    value: Summary | NotEstimable
    if isinstance(found, NotEstimable):
        value = found
        check = Check(name=name, outcome="not applicable", detail=f"Not estimable: {found.reason}.")
    else:
        p = float(found["p"].to_numpy()[list(found["term"]).index(ARM_TERM)])
        value = Summary(value=p, unit="p")
        check = Check(name=name, outcome="failed" if p < SIGNIFICANT else "passed", detail=_CAUTION[p < SIGNIFICANT])
    row = Row(
        topic=followed.outcome.topic(name),
        level="p, adjusted model",
        statistic="test",
        value=value,
        rests_on=complete_ids(followed.outcome),
    )
    return row, check


_CAUTION = {
    True: "The hazard ratio of the arms changes with time; it is an average over follow-up that depends on how long "
    "people were followed. Read risk differences and restricted means.",
    False: "No change of the arms' hazard ratio with time was seen; with few events the test sees little. "
    "Risk differences and restricted means come first.",
}


def enough_events(chosen: Covariates) -> Check:
    """Return whether the adjusted model has enough events for its terms."""
    enough = int(chosen.people["event"].sum()) >= EVENTS_A_TERM * (len(chosen.used) + 1)
    detail = (
        f"The adjusted model has at least {EVENTS_A_TERM} events a term."
        if enough
        else f"The adjusted model has fewer than {EVENTS_A_TERM} events a term: its intervals may be too narrow."
    )
    return Check(name="Events per term", outcome="passed" if enough else "failed", detail=detail)


def hazard_notes(chosen: Covariates) -> tuple[str, ...]:
    """Return what the adjusted model leaves out."""
    return tuple(
        f"{name} is not in the adjusted model: everybody in it has the same value." for name in chosen.left_out
    )
