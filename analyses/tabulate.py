"""Persons counted by level and group as rows of a Result, with the sums that masking must know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analyses.result import ALL, NotEstimable, Row, Summary, Total

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ARMS = ("ivig", "rituximab")
GROUPS = (*ARMS, ALL)
FIRST_WITH = {"ivig": "IVIG first", "rituximab": "Rituximab first"}
"""Names of the arms in sentences."""
MISSING = "missing"
COHORT = "in the cohort"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows that belong together, and the sums among them."""

    rows: tuple[Row, ...]
    totals: tuple[Total, ...] = ()


def join(tables: Iterable[Table]) -> Table:
    """Return the rows and sums of several tables as one."""
    parts = tuple(tables)
    return Table(rows=tuple(r for t in parts for r in t.rows), totals=tuple(s for t in parts for s in t.totals))


def number_id(topic: str, level: str = "", group: str = ALL, statistic: str = "count") -> str:
    """Return the id of a row that has no month."""
    return f"{topic}|{level}|{group}|{statistic}|"


def count_row(number: int, topic: str, level: str = "", group: str = ALL) -> Row:
    """Return a count as a row."""
    return Row(topic=topic, level=level, group=group, statistic="count", value=Summary(value=number))


def percent_row(part: int, whole: int, topic: str, level: str, group: str, *, whole_id: str) -> Row:
    """Return the share of the count with the same topic, level and group in another count, in per cent.

    NotEstimable if the whole is empty. It rests on both counts.
    """
    value = Summary(value=100 * part / whole, unit="%") if whole else NotEstimable(reason="nobody in the group")
    return Row(
        topic=topic,
        level=level,
        group=group,
        statistic="percent",
        value=value,
        rests_on=(number_id(topic, level, group), whole_id),
    )


def by_arm(arm: pd.Series[str]) -> dict[str, pd.Series[bool]]:
    """Return which rows belong to each group: the arms, and all."""
    chosen = {name: arm == name for name in ARMS}
    return {**chosen, ALL: arm.isin(ARMS)}


def persons(arm: pd.Series[str]) -> Table:
    """Return the size of the cohort and of its arms. arm: one entry a person."""
    rows = tuple(count_row(int(chosen.sum()), "Persons", COHORT, group) for group, chosen in by_arm(arm).items())
    return Table(rows=rows, totals=(across_arms("Persons", COHORT),))


def across_arms(topic: str, level: str = "") -> Total:
    """Return that a count over all is the sum of those of the arms."""
    return Total(total=number_id(topic, level), parts=tuple(number_id(topic, level, arm) for arm in ARMS))


def category(
    topic: str,
    values: pd.Series[str],
    arm: pd.Series[str],
    *,
    levels: Sequence[str],
    whole: tuple[str, str] = ("Persons", COHORT),
) -> Table:
    """Return how many persons have each level, with the percentage of a whole that the levels add up to.

    values, arm: one entry a person of the whole, with the same index. whole: topic and level of the count that the
    levels add up to; its rows must stand in the same Result. Raises ValueError for a value that is no level.
    """
    unknown = sorted(set(values) - set(levels))
    if unknown:
        text = f"{topic}: {', '.join(map(repr, unknown))} not among {', '.join(levels)}"
        raise ValueError(text)
    rows: list[Row] = []
    totals = [across_arms(topic, level) for level in levels]
    for group, chosen in by_arm(arm).items():
        whole_id = number_id(*whole, group)
        totals.append(Total(total=whole_id, parts=tuple(number_id(topic, level, group) for level in levels)))
        for level in levels:
            part = int((values[chosen] == level).sum())
            rows.append(count_row(part, topic, level, group))
            rows.append(percent_row(part, int(chosen.sum()), topic, level, group, whole_id=whole_id))
    return Table(rows=tuple(rows), totals=tuple(totals))


def named(
    values: pd.Series[float], names: Mapping[float, str] | Mapping[str, str], *, missing: str = MISSING
) -> pd.Series[str]:
    """Return the level of each value; a missing value is missing, and one that has no name keeps its own."""
    return values.map(lambda value: missing if pd.isna(value) else names.get(value, str(value))).astype("object")
