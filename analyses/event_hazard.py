"""Hazard ratios of an event: comparator against reference, with and without covariates, within centres."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.methods.survival import LEAST_DF, CoxFit, cox
from analyses.result import ALL, Check, Estimate, NotEstimable, Row, Total
from analyses.tabulate import ARMS, Table, across_arms, by_arm, count_row, number_id
from analyses.time_to_event import ANALYSED, rests_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from analyses.methods.competing import FineGrayFit
    from analyses.time_to_event import Followed, Outcome
    from registry.study import Study

ARM_TERM = "comparator"
COMPLETE = "complete covariates"
INCOMPLETE = "missing a covariate"
ADJUSTED = "adjusted, stratified by centre"
EVENTS_A_TERM = 10
"""With fewer events per term of a Cox model its intervals are not to be trusted (Peduzzi and others 1995)."""
FEWEST_DF = 2
"""Below this many the centres say next to nothing of how they differ, and the variance is that of the model."""
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


def fit(people: pd.DataFrame, formula: str, *, strata: str | None, cluster: str | None = None) -> CoxFit | NotEstimable:
    """Return a Cox model of persons followed to an event, with the variance by cluster.

    Where there are no more clusters than terms, one of them alone decides a term, or fewer than 2 degrees of freedom
    are left for the arm, the variance is the model's; see variance of the fit.
    """
    model = cox(formula, people, month="month", event="event", entry="entry", strata=strata, cluster=cluster)
    if cluster is not None and (isinstance(model, NotEstimable) or _df(model) < FEWEST_DF):
        model = cox(formula, people, month="month", event="event", entry="entry", strata=strata)
    if isinstance(model, CoxFit) and not model.converged:
        return NotEstimable(reason="the maximum of the likelihood was not reached")
    return model


def hazard_ratio(model: CoxFit | FineGrayFit | NotEstimable, term: str) -> Estimate | NotEstimable:
    """Return exp of a log hazard ratio, with its interval; df is None where the interval is normal."""
    if isinstance(model, NotEstimable):
        return model
    place = list(model.terms["term"]).index(term)
    columns = ("estimate", "low", "high", "p", "df")
    value, low, high, p, df = (float(model.terms[name].to_numpy()[place]) for name in columns)
    return Estimate(
        value=ratio(value),
        low=ratio(low),
        high=ratio(high),
        level=model.level,
        p=p,
        df=df if math.isfinite(df) else None,
        n=model.n,
        events=model.events,
    )


def _df(model: CoxFit) -> float:
    """Return the degrees of freedom of the first term, which is that of the arm."""
    return float(model.terms["df"].to_numpy()[0])


def ratio(logarithm: float) -> float:
    """Return exp of a log hazard ratio or of a limit of one, infinity where it is no number."""
    return math.exp(min(logarithm, _LARGEST))


def models(followed: Followed, chosen: Covariates) -> dict[str, CoxFit | NotEstimable]:
    """Return the models of the arm: adjusted and stratified, stratified, and crude."""
    people = followed.people
    return {
        ADJUSTED: adjusted(chosen),
        "unadjusted, stratified by centre": fit(people, ARM_TERM, strata="centre", cluster="centre"),
        "unadjusted": fit(people, ARM_TERM, strata=None, cluster="centre"),
    }


def adjusted(chosen: Covariates) -> CoxFit | NotEstimable:
    """Return the adjusted model, stratified by centre."""
    if chosen.people.empty:
        return NotEstimable(reason="nobody has a value of every covariate of the study")
    return fit(chosen.people, chosen.formula, strata="centre", cluster="centre")


def hazard_rows(outcome: Outcome, fitted: Mapping[str, CoxFit | NotEstimable]) -> tuple[Row, ...]:
    """Return the hazard ratios of the arm of each model."""
    return tuple(
        Row(
            topic=outcome.topic("Hazard ratio"),
            level=level,
            statistic="hazard ratio",
            value=hazard_ratio(model, ARM_TERM),
            rests_on=complete_ids(outcome) if level == ADJUSTED else rests_on(outcome, ALL),
        )
        for level, model in fitted.items()
    )


def covariate_rows(outcome: Outcome, chosen: Covariates, model: CoxFit | NotEstimable) -> tuple[Row, ...]:
    """Return the hazard ratio of each covariate in the adjusted model."""
    constant = NotEstimable(reason="everybody in the model has the same value")
    terms = chosen.used if isinstance(model, NotEstimable) else tuple(model.terms["term"])
    values = {term: hazard_ratio(model, term) for term in terms if term != ARM_TERM}
    return tuple(
        Row(
            topic=outcome.topic("Hazard ratio of covariate"),
            level=term,
            statistic="hazard ratio",
            value=value,
            rests_on=complete_ids(outcome),
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


def variance_notes(fitted: Mapping[str, CoxFit | NotEstimable]) -> tuple[str, ...]:
    """Return which hazard ratios have no variance by centre, and whose limits are approximate; by name of the model."""
    found = {name: model for name, model in fitted.items() if isinstance(model, CoxFit)}
    alone = [name for name, model in found.items() if model.variance == "model"]
    few = [
        name
        for name, model in found.items()
        if model.terms["df"].to_numpy()[list(model.terms["term"]).index(ARM_TERM)] < LEAST_DF
    ]
    notes = []
    if alone:
        notes.append(
            "Centres are too few for a variance by centre in these models, so that their limits do not allow for "
            f"persons of one centre being alike: {_listed(alone)}."
        )
    if few:
        notes.append(
            f"The limits of these hazard ratios of the arms have fewer than {LEAST_DF:g} degrees of freedom, for few "
            f"centres tell of them: they are wide and approximate: {_listed(few)}."
        )
    return tuple(notes)


def _listed(names: list[str]) -> str:
    return "; ".join(names)
