"""Cumulative incidence of an event by arm as curves, with the numbers at risk below them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.competing import CumulativeIncidence, IncidenceCurve, cumulative_incidence
from analyses.result import Curve, NotEstimable
from analyses.tabulate import FIRST_WITH
from analyses.time_to_event import EVENT, arms

if TYPE_CHECKING:
    import pandas as pd

    from analyses.time_to_event import Followed

GRID_MONTHS = 3
"""Numbers at risk stand below a curve every this many months."""


def risk_curves(followed: Followed, *, horizon: float) -> tuple[Curve, ...]:
    """Return the cumulative incidence by arm, in quarters from month 0 to the horizon or the longer follow-up.

    Steps that masking draws together must not reach beyond what is drawn: the curve would end below its own table.
    """
    found = {arm: curve_of(own) for arm, own in arms(followed)}
    curves = {arm: both.of(EVENT) for arm, both in found.items() if isinstance(both, CumulativeIncidence)}
    longest = max((_quarter(curve.followed_to) for curve in curves.values()), default=0)
    longest = min(longest, math.ceil(horizon / GRID_MONTHS) * GRID_MONTHS)
    name = f"Cumulative incidence of {followed.outcome.name}"
    return tuple(_drawn(name, arm, curve, max(longest, GRID_MONTHS)) for arm, curve in curves.items())


def risk_notes(followed: Followed) -> tuple[str, ...]:
    """Return what the curves say about themselves."""
    found = ((arm, curve_of(own)) for arm, own in arms(followed))
    return tuple(
        f"{FIRST_WITH[arm]}: {note}"
        for arm, both in found
        if isinstance(both, CumulativeIncidence)
        for note in both.notes
    )


def curve_of(own: pd.DataFrame) -> CumulativeIncidence | NotEstimable:
    """Return the cumulative incidences of the event and of death before it, of some of the persons followed."""
    return cumulative_incidence(own["month"], own["cause"], entry=own["entry"])


def _drawn(name: str, arm: str, curve: IncidenceCurve, longest: int) -> Curve:
    grid = np.arange(0, longest + GRID_MONTHS, GRID_MONTHS, dtype=float)
    end = min(_quarter(curve.followed_to), longest)
    steps = (curve.events > 0) & (curve.month <= longest)
    chosen = (values[steps] for values in (curve.month, curve.value, curve.low, curve.high))
    month, value, low, high = (np.append(0.0, values) for values in chosen)
    if end > month[-1]:
        month = np.append(month, end)
        value, low, high = (np.append(values, values[-1]) for values in (value, low, high))
    at_risk = [number.at_risk if not isinstance(number, NotEstimable) else 0 for number in curve.at(grid)]
    events = [int(np.sum(curve.events[curve.month <= place])) for place in grid]
    return Curve(
        name=name,
        group=arm,
        kind="step",
        unit="probability",
        month=tuple(month.tolist()),
        value=tuple(value.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        at_risk_month=tuple(grid.tolist()),
        at_risk=tuple(at_risk),
        events=tuple(events),
    )


def _quarter(month: float) -> int:
    return math.floor(month / GRID_MONTHS) * GRID_MONTHS
