"""Probabilities of states, mean times in them and their curves, from the Aalen-Johansen estimates of the arms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analyses.methods.multistate import StateOccupation, mean_time_difference
from analyses.result import Curve, Estimate, NotEstimable, Row, Summary
from analyses.tabulate import ARMS, number_id
from analyses.time_to_event import contrast, risk_months

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.methods.multistate import MeanTime
    from registry.study import Study

    Found = Mapping[str, StateOccupation | NotEstimable]

GRID_MONTHS = 3
PROBABILITY, MEAN_TIME = "Probability of state", "Mean time in state"
EVER, LAST = "Persons who were ever in", "Last state"


def probabilities(found: Found, states: Sequence[str], study: Study) -> list[Row]:
    """Return the probability of each state at each month, and how few persons one of them speaks of.

    The probabilities of a month add to 1, and without censoring each is a number of persons over all: what is withheld
    of one is withheld of all. They rest on the fewest persons in a state, and, because each says how many persons were
    in a state at least, on the numbers of those who ever were.
    """
    rows = []
    for arm in ARMS:
        ever = [number_id(EVER, state, arm) for state in states[:-1]]
        ever += [f"{number_id(EVER, state, arm)}{study.analysis.horizon_months:g}" for state in states]
        ever += [number_id(LAST, state, arm) for state in (states[0], states[-1])]
        for month in risk_months(study):
            few = Row(
                topic="Fewest persons in a state", group=arm, statistic="count", month=month,
                value=_fewest(found[arm], month),
            )  # fmt: skip
            rows.append(few)
            rows += [
                Row(
                    topic=PROBABILITY, level=state, group=arm, statistic="risk", month=month,
                    value=_probability(found[arm], place, month), rests_on=(few.id, *ever),
                )
                for place, state in enumerate(states)
            ]  # fmt: skip
    return rows


def _fewest(curve: StateOccupation | NotEstimable, month: float) -> Summary | NotEstimable:
    """Return the fewest persons in a state that has a probability above 0, 1 where its last ones are out of sight."""
    if isinstance(curve, NotEstimable):
        return curve
    at = curve.at([month])[0]
    if isinstance(at, NotEstimable):
        return at
    # numbers() looks just before a month: a day's hair after it, so that what happened at the month is counted
    (seen,) = curve.numbers([math.nextafter(month, math.inf)])
    return Summary(value=min(max(n, 1) for n, share in zip(seen, at.shares, strict=True) if share.probability > 0))


def _probability(curve: StateOccupation | NotEstimable, place: int, month: float) -> Estimate | NotEstimable:
    if isinstance(curve, NotEstimable):
        return curve
    at = curve.at([month])[0]
    if isinstance(at, NotEstimable):
        return at
    share = at.shares[place]
    return Estimate(
        value=share.probability, low=share.low, high=share.high, level=curve.level, n=curve.n, unit="probability"
    )


def mean_times(found: Found, states: Sequence[str], study: Study) -> list[Row]:
    """Return the mean months in each state up to the horizon by arm, and comparator minus reference."""
    horizon = study.analysis.horizon_months
    rows = []
    for arm in ARMS:
        curve = found[arm]
        means = (curve,) * len(states) if isinstance(curve, NotEstimable) else curve.mean_time(horizon)
        for state, mean in zip(states, means, strict=True):
            rows.append(
                Row(
                    topic=MEAN_TIME, level=state, group=arm, statistic="restricted mean", month=horizon,
                    value=_months(mean), rests_on=(f"{number_id(EVER, state, arm)}{horizon:g}",),
                )
            )  # fmt: skip
    for state, value in zip(states, _differences(found, states, study), strict=True):
        rows.append(
            Row(
                topic=MEAN_TIME, level=f"{state}, {contrast(study)}", statistic="difference in restricted means",
                month=horizon, value=_months(value),
                rests_on=tuple(f"{number_id(MEAN_TIME, state, arm, 'restricted mean')}{horizon:g}" for arm in ARMS),
            )
        )  # fmt: skip
    return rows


def _differences(found: Found, states: Sequence[str], study: Study) -> Sequence[MeanTime | NotEstimable]:
    reference = study.analysis.reference
    (comparator,) = (arm for arm in ARMS if arm != reference)
    first, second = found[reference], found[comparator]
    if isinstance(first, NotEstimable) or isinstance(second, NotEstimable):
        return (first if isinstance(first, NotEstimable) else second,) * len(states)  # type: ignore[return-value]
    return mean_time_difference(first, second, horizon=study.analysis.horizon_months)


def _months(mean: MeanTime | NotEstimable) -> Estimate | NotEstimable:
    if isinstance(mean, NotEstimable):
        return mean
    return Estimate(value=mean.value, low=mean.low, high=mean.high, p=mean.p, unit="months")


def state_curves(found: Found, states: Sequence[str], study: Study) -> tuple[Curve, ...]:
    """Return the probability of each state over time by arm, on a grid that the states of an arm share."""
    curves: list[Curve] = []
    for arm in ARMS:
        curve = found[arm]
        if isinstance(curve, NotEstimable):
            continue
        end = math.floor(min(curve.followed_to, study.analysis.horizon_months) / GRID_MONTHS) * GRID_MONTHS
        months = tuple(float(month) for month in range(0, end + 1, GRID_MONTHS))
        at = [found for found in curve.at(months) if not isinstance(found, NotEstimable)]
        alive = [place for place, state in enumerate(states) if state not in curve.absorbing]
        at_risk = tuple(sum(numbers[place] for place in alive) for numbers in curve.numbers(months))
        for place, state in enumerate(states):
            shares = [point.shares[place] for point in at]
            curves.append(
                Curve(
                    name=f"{PROBABILITY}: {state}", group=arm, kind="line", unit="probability", month=months,
                    value=tuple(share.probability for share in shares), low=tuple(share.low for share in shares),
                    high=tuple(share.high for share in shares), at_risk_month=months, at_risk=at_risk,
                )
            )  # fmt: skip
    return tuple(curves)
