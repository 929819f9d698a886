"""The risk of an event by arm, with death before it as competing: risks, differences, median and restricted mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analyses.event_curves import curve_of
from analyses.methods.competing import (
    CumulativeIncidence,
    Incidence,
    IncidenceCurve,
    TimeLost,
    incidence_difference,
    time_lost_difference,
)
from analyses.result import Estimate, NotEstimable, Row
from analyses.tabulate import ARMS
from analyses.time_to_event import DEATH, DEATH_FIRST, EVENT, arms, contrast, ended_id, rests_on, risk_months

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from analyses.time_to_event import Followed, Outcome
    from registry.study import Study

    Curves = Mapping[str, CumulativeIncidence | NotEstimable]

_COUNTED = {EVENT: "Events", DEATH: DEATH_FIRST}


def risk_rows(followed: Followed, study: Study) -> tuple[Row, ...]:
    """Return risks of the event and of death before it, risk differences, median times and restricted means."""
    outcome, months = followed.outcome, risk_months(study)
    curves = {arm: curve_of(own) for arm, own in arms(followed)}
    rows = [_risk(outcome, curves, arm, month, cause=EVENT) for arm in ARMS for month in months]
    rows += [_difference(outcome, study, curves, month) for month in months]
    rows += [_risk(outcome, curves, arm, month, cause=DEATH) for arm in ARMS for month in months]
    rows += [_median(outcome, arm, curve) for arm, curve in curves.items()]
    rows += _means(outcome, study, curves)
    return tuple(rows)


def _of(curve: CumulativeIncidence | NotEstimable, cause: int) -> IncidenceCurve | NotEstimable:
    return curve if isinstance(curve, NotEstimable) else curve.of(cause)


def _at(curve: IncidenceCurve | NotEstimable, month: float) -> Incidence | NotEstimable:
    return curve if isinstance(curve, NotEstimable) else curve.at([month])[0]


def _rests_on(outcome: Outcome, curves: Curves, groups: Iterable[str], month: float, cause: int) -> tuple[str, ...]:
    """Return the counts from which risks by a month could be worked back.

    The upper limit of a risk of 0 tells how many are known then: those at risk and those who ended by the other cause.
    """
    other = DEATH if cause == EVENT else EVENT
    ids: list[str] = []
    for arm in groups:
        ids += [*rests_on(outcome, arm), ended_id(outcome, _COUNTED[cause], arm, month)]
        here = _at(_of(curves[arm], cause), month)
        if isinstance(here, Incidence) and here.value == 0:
            ids.append(ended_id(outcome, _COUNTED[other], arm, month))
    return tuple(ids)


def _risk(outcome: Outcome, curves: Curves, arm: str, month: int, *, cause: int) -> Row:
    curve = _of(curves[arm], cause)
    at = _at(curve, month)
    value: Estimate | NotEstimable
    if isinstance(at, NotEstimable):
        value = at
    else:
        value = Estimate(
            value=at.value,
            low=at.low,
            high=at.high,
            n=curve.n if isinstance(curve, IncidenceCurve) else None,
            events=at.events,
            unit="probability",
        )
    return Row(
        topic=outcome.topic("Risk" if cause == EVENT else DEATH_FIRST),
        group=arm,
        statistic="risk",
        month=month,
        value=value,
        rests_on=_rests_on(outcome, curves, (arm,), month, cause),
    )


def _difference(outcome: Outcome, study: Study, curves: Curves, month: int) -> Row:
    risks = {arm: _of(curve, EVENT) for arm, curve in curves.items()}
    value: Estimate | NotEstimable | None = _why_not({arm: _at(curve, month) for arm, curve in risks.items()})
    if value is None:
        value = _risk_difference(risks[_comparator(study)], risks[study.analysis.reference], month)
    return Row(
        topic=outcome.topic("Risk difference"),
        level=contrast(study),
        statistic="risk difference",
        month=month,
        value=value,
        rests_on=_rests_on(outcome, curves, ARMS, month, EVENT),
    )


def _risk_difference(
    comparator: IncidenceCurve | NotEstimable, reference: IncidenceCurve | NotEstimable, month: int
) -> Estimate | NotEstimable:
    if isinstance(comparator, NotEstimable):
        return comparator
    if isinstance(reference, NotEstimable):
        return reference
    found = incidence_difference(comparator, reference, month=month)
    if isinstance(found, NotEstimable):
        return found
    return Estimate(value=found.value, low=found.low, high=found.high, unit="probability")


def _comparator(study: Study) -> str:
    (comparator,) = (arm for arm in ARMS if arm != study.analysis.reference)
    return comparator


def _why_not(values: Mapping[str, object]) -> NotEstimable | None:
    """Return the reasons of the arms that have no value, named; None if both have one."""
    reasons = [f"{arm}: {value.reason}" for arm, value in values.items() if isinstance(value, NotEstimable)]
    return NotEstimable(reason="; ".join(reasons)) if reasons else None


def _median(outcome: Outcome, arm: str, both: CumulativeIncidence | NotEstimable) -> Row:
    curve = _of(both, EVENT)
    value: Estimate | NotEstimable
    if isinstance(curve, NotEstimable):
        value = curve
    else:
        median = curve.quantile()
        value = Estimate(
            value=median.value,
            low=median.low,
            high=median.high,
            n=curve.n,
            events=int(np.sum(curve.events)),
            unit="months",
        )
    return Row(
        topic=outcome.topic("Median time"),
        group=arm,
        statistic="median time",
        value=value,
        rests_on=rests_on(outcome, arm),
    )


def _means(outcome: Outcome, study: Study, curves: Curves) -> list[Row]:
    horizon = study.analysis.horizon_months
    lost = {arm: _time_lost(curve, horizon) for arm, curve in curves.items()}
    values: dict[str, Estimate | NotEstimable] = {arm: _mean(found) for arm, found in lost.items()}
    rows = [
        Row(
            topic=outcome.topic("Restricted mean"),
            group=arm,
            statistic="restricted mean",
            month=horizon,
            value=value,
            rests_on=(*rests_on(outcome, arm), ended_id(outcome, "Events", arm, horizon)),
        )
        for arm, value in values.items()
    ]
    # months lost by the reference minus those of the comparator: months without the event the other way round
    both = time_lost_difference(lost[study.analysis.reference], lost[_comparator(study)])
    difference: Estimate | NotEstimable
    if isinstance(both, NotEstimable):
        difference = _why_not(values) or both
    else:
        difference = Estimate(value=both.value, low=both.low, high=both.high, p=both.p, unit="months")
    rows.append(
        Row(
            topic=outcome.topic("Restricted mean"),
            level=contrast(study),
            statistic="difference in restricted means",
            month=horizon,
            value=difference,
            rests_on=tuple(i for row in rows for i in row.rests_on),
        )
    )
    return rows


def _time_lost(both: CumulativeIncidence | NotEstimable, horizon: int) -> TimeLost | NotEstimable:
    """Return the months lost to the event; a NotEstimable says so in words that need no number of a cause."""
    if isinstance(both, NotEstimable):
        return both
    end = math.floor(both.followed_to)
    if both.followed_to < horizon and both.free[-1] > 0:
        return NotEstimable(
            reason=f"followed to month {end} only, not to month {horizon}; a horizon up to month {end} would be "
            "possible"
        )
    if both.of(EVENT).at([horizon])[0].events == 0:  # type: ignore[union-attr]
        return NotEstimable(reason=f"nobody had the event by month {horizon}, so the mean has no interval")
    found = both.restricted_time_lost(horizon)[EVENT]
    if isinstance(found, TimeLost) and found.std_error == 0:
        return NotEstimable(reason="everybody had the event at once, so the mean has no interval")
    return found


def _mean(lost: TimeLost | NotEstimable) -> Estimate | NotEstimable:
    """Return the mean months without the event: the horizon less those lost to it, the limits exchanged."""
    if isinstance(lost, NotEstimable):
        return lost
    return Estimate(
        value=lost.horizon - lost.value,
        low=lost.horizon - lost.high,
        high=lost.horizon - lost.low,
        n=lost.n,
        events=lost.events,
        unit="months",
    )
