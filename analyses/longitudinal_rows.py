"""Rows of a Result about a measurement repeated over time: who was measured when, and what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.longitudinal import IN_MODEL, PLACES
from analyses.result import ALL, NotEstimable, Row, Summary, Total
from analyses.tabulate import ARMS, COHORT, GROUPS, Table, across_arms, count_row, join, number_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from analyses.longitudinal import Repeated
    from analyses.result import Statistic


def month_id(topic: str, level: str, group: str, statistic: str, month: float) -> str:
    """Return the id of a row that has a month."""
    return f"{topic}|{level}|{group}|{statistic}|{month:g}"


def count_by_month(topic: str, level: str, month: float, number: dict[str, int]) -> Table:
    """Return a count of each arm and of both, with their sum. number: by arm."""
    rows = tuple(
        Row(
            topic=topic, level=level, group=group, statistic="count", month=month,
            value=Summary(value=sum(number.values()) if group == ALL else number[group]),
        )
        for group in GROUPS
    )  # fmt: skip
    ids = [month_id(topic, level, group, "count", month) for group in GROUPS]
    return Table(rows=rows, totals=(Total(total=ids[-1], parts=tuple(ids[:-1])),))


def person_rows(data: Repeated) -> Table:
    """Return how many persons are in the model and why the others are not, and who was measured when."""
    places = (COHORT, *PLACES)
    rows = []
    for group in GROUPS:
        place = data.persons.loc[data.persons["arm"].isin(ARMS if group == ALL else [group]), "place"]
        rows += [
            count_row(len(place) if name == COHORT else int((place == name).sum()), "Persons", name, group)
            for name in places
        ]
    totals = [across_arms("Persons", name) for name in places]
    totals += [
        Total(
            total=number_id("Persons", COHORT, group), parts=tuple(number_id("Persons", name, group) for name in PLACES)
        )
        for group in GROUPS
    ]
    # Who is in the model has a baseline value: the two counts are one.
    totals += [
        Total(total=number_id("Persons", IN_MODEL, group), parts=(month_id("Persons measured", "", group, "count", 0),))
        for group in GROUPS
    ]
    tables = [Table(rows=tuple(rows), totals=tuple(totals))]
    for month in (0, *data.months):
        measured = {arm: data.number_measured(arm, month) for arm in ARMS}
        tables.append(count_by_month("Persons measured", "", month, measured))
        if month:
            rows_in = data.measured.loc[data.measured["month"] == month, "arm"]
            tables.append(count_by_month("Measurements", "", month, {arm: int((rows_in == arm).sum()) for arm in ARMS}))
    return join(tables)


def values_of(data: Repeated, arm: str, month: int) -> pd.Series[float]:
    """Return the values of the persons of an arm in the model at a month; month 0 is baseline."""
    if month == 0:
        chosen = (data.persons["arm"] == arm) & (data.persons["place"] == IN_MODEL)
        return data.persons.loc[chosen, "baseline"]
    return data.used.loc[(data.used["arm"] == arm) & (data.used["month"] == month), "value"]


def describe(values: pd.Series[float], statistics: Sequence[Statistic], like: Row) -> Table:
    """Return describing numbers as rows like a given one, in its unit; a standard deviation needs two values."""
    number: Mapping[str, Callable[[], float]] = {
        "mean": values.mean,
        "sd": values.std,
        "median": values.median,
        "quartile 1": lambda: float(values.quantile(0.25)),
        "quartile 3": lambda: float(values.quantile(0.75)),
    }
    unit = getattr(like.value, "unit", "")
    rows = []
    for statistic in statistics:
        value: Summary | NotEstimable
        if len(values) < (2 if statistic == "sd" else 1):
            value = NotEstimable(reason="nobody was measured" if values.empty else "only one person was measured")
        else:
            value = Summary(value=float(number[statistic]()), unit=unit)
        rows.append(like.model_copy(update={"statistic": statistic, "value": value}))
    return Table(rows=tuple(rows))
