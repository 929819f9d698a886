"""The rows, curves, checks and notes of one event, in the order in which a Result holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.covariates import covariate_name
from analyses.event_curves import risk_curves, risk_notes
from analyses.event_hazard import (
    complete_counts,
    covariate_rows,
    covariates,
    enough_events,
    hazard_notes,
    hazard_rows,
    proportionality,
)
from analyses.event_risk import risk_rows
from analyses.tabulate import Table, join
from analyses.time_to_event import counts

if TYPE_CHECKING:
    from analyses.result import Check, Curve
    from analyses.time_to_event import Followed
    from registry.cohort import Cohort
    from registry.study import Study


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a Result holds of one event."""

    table: Table
    curves: tuple[Curve, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]


def whole_answer(followed: Followed, study: Study) -> Answer:
    """Return everything about an event: what short_answer has, covariates' hazard ratios and the checks."""
    chosen = covariates(followed, study)
    short = short_answer(followed, study)
    row, check = proportionality(followed, chosen)
    more = Table(rows=(*covariate_rows(followed, chosen), row))
    return Answer(
        table=join((short.table, more)),
        curves=short.curves,
        checks=(check, enough_events(chosen)),
        notes=(*short.notes, *hazard_notes(chosen)),
    )


def short_answer(followed: Followed, study: Study) -> Answer:
    """Return counts, risks, differences and hazard ratios of the arms, and curves."""
    chosen = covariates(followed, study)
    estimates = Table(rows=(*risk_rows(followed, study), *hazard_rows(followed, chosen)))
    return Answer(
        table=join((counts(followed, study), complete_counts(followed, chosen), estimates)),
        curves=risk_curves(followed),
        checks=(),
        notes=risk_notes(followed),
    )


def shared_notes(cohort: Cohort, study: Study, event: str) -> tuple[str, ...]:
    """Return what a reader must know of every analysis of time to an event."""
    names = ", ".join(covariate_name(name) for name in study.analysis.covariates)
    notes = [
        f"Time runs from time zero to the {event}; without it, to the end of follow-up. A month is 30.4375 days.",
        "The arm is the agent at time zero, whatever was given later (treatment policy).",
        (
            f"Death before the {event} is a competing event. Here it ends follow-up as censoring does: the hazard "
            "ratio is cause-specific, and the risk is the one that would be seen if nobody died first."
        ),
        (
            "Risk is 1 - Kaplan-Meier with log-log limits; a risk difference puts together the limits of the two "
            f"risks. The restricted mean is the mean time without {event} up to month {study.analysis.horizon_months}."
        ),
        (
            f"Hazard ratios: Cox, Efron ties. Adjusted for {names}, baseline hazard of each centre its own, persons "
            "with all covariates only. Risks, means and the log-rank test are not adjusted: compare them with care."
        ),
    ]
    if cohort.name == "all":
        notes.append(
            "Prevalent users are included and are at risk from their enrolment on. Those who had the event before it, "
            "or did not live to it, were never seen: this analysis checks the primary one and does not replace it."
        )
    return tuple(notes)
