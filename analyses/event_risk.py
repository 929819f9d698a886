"""The risk of an event by arm: risks and their difference, median and restricted mean, log-rank tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from analyses.event_curves import curve_of
from analyses.methods.survival import (
    KaplanMeier,
    LogRank,
    Survival,
    log_rank,
    restricted_mean,
    survival_difference,
)
from analyses.result import ALL, Estimate, NotEstimable, Row, Summary
from analyses.tabulate import ARMS, number_id
from analyses.time_to_event import arms, contrast, rests_on, risk_months

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from analyses.time_to_event import Followed, Outcome
    from registry.study import Study


def risk_rows(followed: Followed, study: Study) -> tuple[Row, ...]:
    """Return risks, risk differences, median times, restricted means and log-rank tests."""
    curves = {arm: curve_of(own) for arm, own in arms(followed)}
    rows = [_risk(followed.outcome, arm, curve, month) for arm, curve in curves.items() for month in risk_months(study)]
    rows += [_difference(followed.outcome, study, curves, month) for month in risk_months(study)]
    rows += [_median(followed.outcome, arm, curve) for arm, curve in curves.items()]
    rows += _means(followed, study)
    rows += _tests(followed, level="unstratified", strata=None)
    rows += _tests(followed, level="stratified by centre", strata=followed.people["centre"])
    return tuple(rows)


def _by_month(outcome: Outcome, group: str, month: float) -> tuple[str, ...]:
    groups = ARMS if group == ALL else (group,)
    return (
        *rests_on(outcome, group),
        *(f"{number_id(outcome.topic('Events'), '', name)}{month:g}" for name in groups),
    )


def _risk(outcome: Outcome, arm: str, curve: KaplanMeier | NotEstimable, month: int) -> Row:
    value: Estimate | NotEstimable
    at = curve.at([month])[0] if isinstance(curve, KaplanMeier) else curve
    if isinstance(at, NotEstimable):
        value = at
    else:
        value = Estimate(
            value=1 - at.survival,
            low=1 - at.high,
            high=1 - at.low,
            n=curve.n if isinstance(curve, KaplanMeier) else None,
            events=at.events,
            unit="probability",
        )
    return Row(
        topic=outcome.topic("Risk"),
        group=arm,
        statistic="risk",
        month=month,
        value=value,
        rests_on=_by_month(outcome, arm, month),
    )


def _difference(outcome: Outcome, study: Study, curves: dict[str, KaplanMeier | NotEstimable], month: int) -> Row:
    values: dict[str, Survival | NotEstimable] = {
        arm: curve if isinstance(curve, NotEstimable) else curve.at([month])[0] for arm, curve in curves.items()
    }
    value: Estimate | NotEstimable | None = _why_not(values)
    if value is None:
        reference = study.analysis.reference
        (comparator,) = (arm for arm in curves if arm != reference)
        value = _risk_difference(curves[reference], curves[comparator], month)
    return Row(
        topic=outcome.topic("Risk difference"),
        level=contrast(study),
        statistic="risk difference",
        month=month,
        value=value,
        rests_on=_by_month(outcome, ALL, month),
    )


def _risk_difference(
    reference: KaplanMeier | NotEstimable, comparator: KaplanMeier | NotEstimable, month: int
) -> Estimate | NotEstimable:
    """Return the risk of the comparator minus that of the reference: survival of the reference minus the other's."""
    if isinstance(reference, NotEstimable):
        return reference
    if isinstance(comparator, NotEstimable):
        return comparator
    found = survival_difference(reference, comparator, month=month)
    if isinstance(found, NotEstimable):
        return found
    return Estimate(value=found.value, low=found.low, high=found.high, unit="probability")


def _why_not(values: Mapping[str, object]) -> NotEstimable | None:
    """Return the reasons of the arms that have no value, named; None if both have one."""
    reasons = [f"{arm}: {value.reason}" for arm, value in values.items() if isinstance(value, NotEstimable)]
    return NotEstimable(reason="; ".join(reasons)) if reasons else None


def _median(outcome: Outcome, arm: str, curve: KaplanMeier | NotEstimable) -> Row:
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


def _means(followed: Followed, study: Study) -> list[Row]:
    people, horizon, outcome = followed.people, study.analysis.horizon_months, followed.outcome
    # comparator is 1 for the comparator, so that the second group minus the first is comparator minus reference
    found = restricted_mean(
        people["month"], people["event"], people["comparator"], horizon=horizon, entry=people["entry"]
    )
    by_group = dict(zip(found.groups, found.means, strict=True))
    nobody = NotEstimable(reason="there is nobody to follow")
    means = {arm: by_group.get(float(arm != study.analysis.reference), nobody) for arm in ARMS}
    rows = []
    for arm, mean in means.items():
        value: Estimate | NotEstimable = mean if isinstance(mean, NotEstimable) else Estimate(
            value=mean.value, low=mean.low, high=mean.high, n=mean.n, events=mean.events, unit="months"
        )  # fmt: skip
        rows.append(
            Row(
                topic=outcome.topic("Restricted mean"),
                group=arm,
                statistic="restricted mean",
                month=horizon,
                value=value,
                rests_on=_by_month(outcome, arm, horizon),
            )
        )
    both = found.difference
    difference: Estimate | NotEstimable
    if isinstance(both, NotEstimable):
        difference = _why_not(means) or both
    else:
        difference = Estimate(value=both.value, low=both.low, high=both.high, p=both.p, unit="months")
    rows.append(
        Row(
            topic=outcome.topic("Restricted mean"),
            level=contrast(study),
            statistic="difference in restricted means",
            month=horizon,
            value=difference,
            rests_on=_by_month(outcome, ALL, horizon),
        )
    )
    return rows


def _tests(
    followed: Followed, *, level: Literal["unstratified", "stratified by centre"], strata: pd.Series[str] | None
) -> list[Row]:
    people = followed.people
    test = log_rank(people["month"], people["event"], people["arm"], strata=strata, entry=people["entry"])
    values: dict[str, Summary | NotEstimable] = {"p": test, "chi-square": test} if isinstance(test, NotEstimable) else {
        "p": Summary(value=test.p, unit="p"),
        "chi-square": Summary(value=test.chi_square, unit=_degrees(test)),
    }  # fmt: skip
    return [
        Row(
            topic=followed.outcome.topic("Log-rank test"),
            level=f"{number}, {level}",
            statistic="test",
            value=value,
            rests_on=rests_on(followed.outcome, ALL),
        )
        for number, value in values.items()
    ]


def _degrees(test: LogRank) -> str:
    return f"chi-square, {test.df} degree{'' if test.df == 1 else 's'} of freedom"
