"""Rows of the models beside the primary one: with centres, and in continuous time with slopes."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from analyses.longitudinal import IN_MODEL
from analyses.longitudinal_fit import MONTHS_A_YEAR
from analyses.longitudinal_model import difference_rows, differences, estimate, unmeasured, with_percent
from analyses.result import ALL, NotEstimable, Row
from analyses.tabulate import ARMS, Table, number_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from analyses.longitudinal import Repeated
    from analyses.longitudinal_fit import Models
    from analyses.longitudinal_model import Scale
    from analyses.methods.mixed import MixedFit
    from analyses.result import Estimate

FIXED = "Difference, centres as fixed effects"
RANDOM = "Difference, random effects of persons and centres"
CONTINUOUS = "Difference, continuous time"
SLOPE = "Slope"
TURN = 6
"""Month at which early change ends and late change begins."""


def periods(months: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the spans of months over which slopes are means: from the first month to 6, and from there to the last.

    What happens before the first month has no measurement at its beginning that the model reads. A study whose months
    do not lie on both sides of month 6 has one span, or none if it has one month.
    """
    first, last = months[0], months[-1]
    edges = (first, TURN, last) if first < TURN < last else (first, last)
    return tuple((start, end) for start, end in pairwise(edges) if start < end)


def sensitivity_rows(data: Repeated, models: Models, scale: Scale) -> Table:
    """Return the differences of the arms by the other models, and the slopes of each arm and their differences."""
    rows: list[Row] = []
    for topic, apart in (
        (FIXED, differences(data, models.centre_fixed, scale)),
        (RANDOM, differences(data, models.centre_random, scale)),
        (CONTINUOUS, _continuous(data, models.continuous, scale)),
    ):
        rows += [row for month in data.months for row in difference_rows(data, scale, topic, month, apart[month])]
    for start, end in periods(data.months):
        rows += _slopes(data, models.continuous, scale, start, end)
    return Table(rows=tuple(rows))


def _continuous(data: Repeated, fit: MixedFit | NotEstimable, scale: Scale) -> Mapping[int, Estimate | NotEstimable]:
    if isinstance(fit, NotEstimable):
        return {month: unmeasured(data, ARMS, (month,)) or fit for month in data.months}
    years = [month / MONTHS_A_YEAR for month in data.months]
    found = fit.contrasts("arm", by="years", reference=data.reference, at={"years": years})
    return {
        month: unmeasured(data, ARMS, (month,)) or estimate(row, fit.level, unit=scale.unit, n=_persons(data, ARMS))
        for month, (_, row) in zip(data.months, found.iterrows(), strict=True)
    }


def _slopes(data: Repeated, fit: MixedFit | NotEstimable, scale: Scale, start: int, end: int) -> list[Row]:
    """Return the mean change a year of each arm between two months, and the difference of the arms."""
    found: dict[str, pd.Series[float]] = {}
    if not isinstance(fit, NotEstimable):
        between = (start / MONTHS_A_YEAR, end / MONTHS_A_YEAR)
        by_arm = fit.slopes("years", between=between, over="arm")
        apart = fit.slope_contrasts("arm", variable="years", between=between, reference=data.reference)
        found = {str(row["arm"]): row for _, row in by_arm.iterrows()}
        found[ALL] = apart.iloc[0]
    rows: list[Row] = []
    for group in (*ARMS, ALL):
        arms = ARMS if group == ALL else (group,)
        value: Estimate | NotEstimable | None = unmeasured(data, arms, (start, end))
        if value is None:
            value = (
                fit
                if isinstance(fit, NotEstimable)
                else estimate(found.get(group), fit.level, unit=f"{scale.unit} a year", n=_persons(data, arms))
            )
        span = f"month {start} to {end}"
        row = Row(
            topic=SLOPE,
            level=f"{data.comparison}, {span}" if group == ALL else span,
            group=group,
            statistic="difference" if group == ALL else "slope",
            value=value,
            rests_on=tuple(number_id("Persons", IN_MODEL, arm) for arm in arms),
        )
        rows += with_percent(row, scale, "% a year")
    return rows


def _persons(data: Repeated, arms: tuple[str, ...]) -> int:
    return int((data.persons["arm"].isin(arms) & (data.persons["place"] == IN_MODEL)).sum())
