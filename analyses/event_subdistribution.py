"""The subdistribution hazard ratio of an event: how the arms differ in its risk, with death before it as competing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.event_hazard import ARM_TERM, complete_ids, hazard_ratio
from analyses.methods.competing import FineGrayFit, fine_gray
from analyses.result import NotEstimable, Row
from analyses.time_to_event import EVENT

if TYPE_CHECKING:
    from analyses.event_hazard import Covariates
    from analyses.time_to_event import Outcome


def subdistribution_row(outcome: Outcome, chosen: Covariates) -> Row:
    """Return the hazard ratio of the arm in the model of Fine and Gray, with the covariates of the adjusted model."""
    return Row(
        topic=outcome.topic("Subdistribution hazard ratio"),
        level="adjusted",
        statistic="hazard ratio",
        value=hazard_ratio(_fit(chosen), ARM_TERM),
        rests_on=complete_ids(outcome),
    )


def _fit(chosen: Covariates) -> FineGrayFit | NotEstimable:
    """Return the model, not stratified: of a centre of ten nobody can tell how long its persons are followed."""
    people = chosen.people
    if people.empty:
        return NotEstimable(reason="nobody has a value of every covariate of the study")
    if not (people["cause"] == EVENT).any():
        return NotEstimable(reason="nobody had the event")
    model = fine_gray(chosen.formula, people, month="month", cause="cause", of=EVENT, entry="entry", ties="efron")
    if isinstance(model, FineGrayFit) and not model.converged:
        return NotEstimable(reason="the maximum of the likelihood was not reached")
    return model
