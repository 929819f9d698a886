"""The rows, curves, checks and notes of one event, in the order in which a Result holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.covariates import covariate_name
from analyses.event_change import FEW, change
from analyses.event_curves import risk_curves, risk_notes
from analyses.event_hazard import (
    ADJUSTED,
    complete_counts,
    covariate_rows,
    covariates,
    enough_events,
    hazard_notes,
    hazard_rows,
    models,
)
from analyses.event_risk import risk_rows
from analyses.event_subdistribution import subdistribution_row
from analyses.event_tests import tests_rows
from analyses.tabulate import Table, join
from analyses.time_to_event import counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyses.event_hazard import Covariates
    from analyses.methods.survival import CoxFit
    from analyses.result import Check, Curve, NotEstimable
    from analyses.time_to_event import Followed
    from registry.cohort import Cohort
    from registry.study import Study


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a Result holds of one event, and the Cox models of it by name ("response, unadjusted")."""

    table: Table
    curves: tuple[Curve, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    models: Mapping[str, CoxFit | NotEstimable]


def whole_answer(followed: Followed, study: Study) -> Answer:
    """Return everything about an event: what short_answer has, covariates' hazard ratios and the checks."""
    chosen = covariates(followed, study)
    fitted = models(followed, chosen)
    short = _short(followed, study, chosen, fitted)
    over_time = change(followed, chosen, fitted[ADJUSTED])
    more = Table(rows=(*covariate_rows(followed.outcome, chosen, fitted[ADJUSTED]), *over_time.rows))
    return Answer(
        table=join((short.table, more)),
        curves=(*short.curves, *over_time.curves),
        checks=(over_time.check, enough_events(chosen)),
        notes=(*short.notes, *hazard_notes(chosen)),
        models=short.models,
    )


def short_answer(followed: Followed, study: Study) -> Answer:
    """Return counts, risks, differences, tests and hazard ratios of the arms, and curves."""
    chosen = covariates(followed, study)
    return _short(followed, study, chosen, models(followed, chosen))


def _short(followed: Followed, study: Study, chosen: Covariates, fitted: Mapping[str, CoxFit | NotEstimable]) -> Answer:
    outcome = followed.outcome
    rows = (
        *risk_rows(followed, study),
        *tests_rows(followed),
        *hazard_rows(outcome, fitted),
        subdistribution_row(outcome, chosen),
    )
    return Answer(
        table=join((counts(followed, study), complete_counts(followed, chosen), Table(rows=rows))),
        curves=risk_curves(followed, horizon=study.analysis.horizon_months),
        checks=(),
        notes=risk_notes(followed),
        models={f"{outcome.name}, {level}": model for level, model in fitted.items()},
    )


def shared_notes(cohort: Cohort, study: Study, event: str) -> tuple[str, ...]:
    """Return what a reader must know of every analysis of time to an event."""
    names = ", ".join(covariate_name(name) for name in study.analysis.covariates)
    notes = [
        f"Time runs from time zero to the {event}; without it, to the end of follow-up. A month is 30.4375 days.",
        "The arm is the agent at time zero, whatever was given later (treatment policy).",
        (
            f"Hazard ratios (Cox, Efron ties) compare how fast the {event} comes among those alive and still without "
            "it: death before it ends the time at risk, and the hazard ratio is cause-specific. Adjusted for "
            f"{names}, baseline hazard of each centre its own, persons with all covariates only."
        ),
        (
            "Limits of hazard ratios over all centres allow for persons of one centre being more alike than others: "
            "variance by centre, corrected for few centres (CR2), and a t distribution with as many degrees of freedom "
            "as the centres support (Satterthwaite)."
        ),
    ]
    if cohort.name == "all":
        notes.append(
            "Prevalent users are included and are at risk from their enrolment on. Those who had the event before it, "
            "or did not live to it, were never seen: this analysis checks the primary one and does not replace it."
        )
    return tuple(notes)


def competing_notes(study: Study, event: str) -> tuple[str, ...]:
    """Return how to read the numbers that count death before the event as what it is."""
    horizon = study.analysis.horizon_months
    return (
        (
            f"Death before the {event} is a competing event. Risk is the share of all persons who have had the "
            f"{event} by a month, and death first the share who have died without it (Aalen-Johansen, log-log limits); "
            "nobody who died counts as somebody who could still have it."
        ),
        (
            f"The restricted mean is the mean time without {event} up to month {horizon}; who dies first counts as "
            "without it to that month. A risk difference puts together the limits of the two risks."
        ),
        (
            "The log-rank test compares the hazards of the arms, Gray's test the risks. Risks, means and both tests "
            "are not adjusted: compare them with care."
        ),
        (
            "In the subdistribution hazard ratio (Fine and Gray) persons who died first stay at risk. Its direction "
            f"says in which arm more persons come to have the {event}; its size is no ratio of risks or of rates. It "
            "has the covariates of the adjusted model, but is not stratified and takes persons of one centre as "
            "independent, so that it also differs from the Cox model in this, and its interval may be too narrow."
        ),
        (
            "The hazard ratio over time is a smooth curve through the scaled Schoenfeld residuals of the adjusted "
            "model (4 degrees of freedom), with the model's limits for each month by itself. It needs "
            f"{FEW} events in each arm and ends where fewer than {FEW} persons of an arm are at risk."
        ),
    )
