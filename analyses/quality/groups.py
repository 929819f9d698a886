"""Whom the numbers of data quality are about: every centre and all together, or one centre and the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.result import ALL, Row, Summary, Total
from analyses.tabulate import number_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from analyses.result import Statistic, Value

OTHERS = "other centres"
"""Name of the group of all centres but one; no code of a centre has a blank in it."""


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Groups of centres.

    members: the centres of each group, in the order of the rows. single: groups that are a centre. together: those for
    which details are given (rules, tables).
    """

    members: Mapping[str, tuple[str, ...]]
    single: tuple[str, ...]
    together: tuple[str, ...]

    def summed(self, frame: pd.DataFrame, column: str, group: str) -> int:
        """Return the sum of a column of whole numbers over the centres of a group."""
        return int(frame.loc[frame["centre"].isin(self.members[group]), column].sum())

    def totals(self, ids: Sequence[tuple[str, str]]) -> list[Total]:
        """Return that each count (topic, level) over all centres is the sum of those of the centres."""
        if ALL not in self.members:
            return []
        return [
            Total(total=number_id(topic, level), parts=tuple(number_id(topic, level, centre) for centre in self.single))
            for topic, level in ids
        ]


def every_centre(codes: Sequence[str]) -> Groups:
    """Return each centre by itself, and all together."""
    members = {code: (code,) for code in codes} | {ALL: tuple(codes)}
    return Groups(members=members, single=tuple(codes), together=(ALL,))


def against_others(codes: Sequence[str], own: str) -> Groups:
    """Return one centre, and all others together."""
    members = {own: (own,), OTHERS: tuple(code for code in codes if code != own)}
    return Groups(members=members, single=(own,), together=(own, OTHERS))


def plain_row(
    number: float | Value,
    topic: str,
    level: str,
    group: str,
    *,
    statistic: Statistic = "number",
    unit: str = "",
    rests_on: tuple[str, ...] = (),
) -> Row:
    """Return a row of any statistic; a bare number becomes a Summary."""
    value = Summary(value=number, unit=unit) if isinstance(number, int | float) else number
    return Row(topic=topic, level=level, group=group, statistic=statistic, value=value, rests_on=rests_on)
