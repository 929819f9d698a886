"""Whether the hazard ratio of the arms changes with time: a test, its meaning for the reader, and a smooth curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.event_hazard import ARM_TERM, EVENTS_A_TERM, complete_ids, ratio
from analyses.methods.survival import CoxFit, ProportionalHazards, proportional_hazards
from analyses.result import ALL, Check, Curve, Estimate, NotEstimable, Row, Summary
from analyses.tabulate import ARMS

if TYPE_CHECKING:
    import pandas as pd

    from analyses.event_hazard import Covariates
    from analyses.time_to_event import Followed

OVER_TIME = "Hazard ratio over time"
MONTHS = (3, 6, 12, 24)
"""Months at which the curve is given as numbers."""
SIGNIFICANT = 0.05
FEW = EVENTS_A_TERM
"""With fewer events in an arm there is no curve, and it ends where fewer persons of an arm are at risk."""
ENDS = 5
"""The curve runs from the month of the event of this number to that of the event of this number from the end."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a Result holds of a hazard ratio that changes with time."""

    rows: tuple[Row, ...]
    check: Check
    curves: tuple[Curve, ...]


def change(followed: Followed, chosen: Covariates, model: CoxFit | NotEstimable) -> Change:
    """Return the test of a change of the arm's hazard ratio in the adjusted model, and the curve over time."""
    outcome = followed.outcome
    found = model if isinstance(model, NotEstimable) else proportional_hazards(model)
    value, check = _test(found)
    test = Row(
        topic=outcome.topic("Proportional hazards"),
        level="p, adjusted model",
        statistic="test",
        value=value,
        rests_on=complete_ids(outcome),
    )
    curve = found if isinstance(found, NotEstimable) else _smooth(found, chosen.people)
    rows = tuple(
        Row(
            topic=outcome.topic(OVER_TIME),
            statistic="hazard ratio",
            month=month,
            value=_at(curve, month),
            rests_on=complete_ids(outcome),
        )
        for month in MONTHS
    )
    return Change(rows=(test, *rows), check=check, curves=() if isinstance(curve, NotEstimable) else (curve,))


def _test(found: ProportionalHazards | NotEstimable) -> tuple[Summary | NotEstimable, Check]:
    name = "Proportional hazards"
    if isinstance(found, NotEstimable):
        return found, Check(name=name, outcome="not applicable", detail=f"Not estimable: {found.reason}.")
    p = float(found.table["p"].to_numpy()[list(found.table["term"]).index(ARM_TERM)])
    changes = p < SIGNIFICANT
    check = Check(name=name, outcome="failed" if changes else "passed", detail=_CAUTION[changes])
    return Summary(value=p, unit="p"), check


_CAUTION = {
    True: "The hazard ratio of the arms changes with time; it is an average over follow-up that depends on how long "
    "people were followed. Read risk differences and restricted means.",
    False: "No change of the arms' hazard ratio with time was seen; with few events the test sees little. "
    "Risk differences and restricted means come first.",
}


def _smooth(found: ProportionalHazards, people: pd.DataFrame) -> Curve | NotEstimable:
    """Return the curve over whole months, from that of the fifth event to that of the fifth from the end.

    The month of the first or the last event would be that of one person.
    """
    events = [int(people.loc[people["arm"] == arm, "event"].sum()) for arm in ARMS]
    if min(events) < FEW:
        return NotEstimable(reason=f"fewer than {FEW} events in an arm are too few for a curve over time")
    smooth = found.smoothed(ARM_TERM)
    if isinstance(smooth, NotEstimable):
        return smooth
    happened = np.sort(people.loc[people["event"] == 1, "month"].to_numpy())
    months = _followed(people, math.ceil(happened[ENDS - 1]), math.floor(happened[-ENDS]))
    if len(months) <= 1:
        return NotEstimable(reason=f"no two months have events around them and {FEW} persons of each arm at risk")
    value, low, high = (
        tuple(ratio(float(number)) for number in np.interp(months, smooth.months, logarithm))
        for logarithm in (smooth.log_hazard_ratio, smooth.low, smooth.high)
    )
    return Curve(
        name=OVER_TIME,
        group=ALL,
        kind="line",
        unit="hazard ratio",
        month=tuple(float(month) for month in months),
        value=value,
        low=low,
        high=high,
    )


def _followed(people: pd.DataFrame, first: int, last: int) -> list[int]:
    """Return the months, one after another, at which enough persons of each arm are at risk."""
    entry, end = people["entry"].to_numpy(), people["month"].to_numpy()
    own = [(people["arm"] == arm).to_numpy() for arm in ARMS]
    months: list[int] = []
    for month in range(first, last + 1):
        here = (entry < month) & (end >= month)
        if min(int((here & arm).sum()) for arm in own) >= FEW:
            months.append(month)
        elif months:
            break
    return months


def _at(curve: Curve | NotEstimable, month: int) -> Estimate | NotEstimable:
    if isinstance(curve, NotEstimable):
        return curve
    if month not in curve.month:
        return NotEstimable(
            reason=f"the curve runs from month {curve.month[0]:g} to month {curve.month[-1]:g}, where there are events "
            "and persons enough"
        )
    place = curve.month.index(month)
    return Estimate(value=curve.value[place], low=curve.low[place], high=curve.high[place])
