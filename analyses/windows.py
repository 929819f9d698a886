"""Visit windows around nominal months, and the value of each person that stands for a month."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

DAYS_A_MONTH = 30.4375


@dataclass(frozen=True, kw_only=True)
class Window:
    """The days after time zero on which a value may stand for a month."""

    month: int
    first_day: int
    last_day: int

    def text(self) -> str:
        """Return the window as a phrase."""
        return f"month {self.month}: day {self.first_day} to {self.last_day}"


def windows(months: Iterable[int]) -> tuple[Window, ...]:
    """Return one window a month, from half-way to the month before to half-way to the next.

    Time zero is the month before the first; the last window reaches as far beyond its month as before it. Windows touch
    and do not overlap.
    """
    ordered = sorted(set(months))
    edges = [(left + right) / 2 for left, right in zip([0, *ordered], ordered, strict=False)]
    edges.append(2 * ordered[-1] - edges[-1])
    days = [math.ceil(edge * DAYS_A_MONTH) for edge in edges]
    return tuple(
        Window(month=month, first_day=first, last_day=after - 1)
        for month, first, after in zip(ordered, days, days[1:], strict=False)
    )


def in_windows(values: pd.DataFrame, chosen: Iterable[Window]) -> pd.DataFrame:
    """Return the rows whose day lies in a window, with its month and the distance from the nominal day.

    values: at least person_id and day. Sorted by person, month and distance; of two equally near, the earlier is first.
    """
    parts = []
    for window in chosen:
        inside = values.loc[values["day"].between(window.first_day, window.last_day)]
        distance = (inside["day"] - window.month * DAYS_A_MONTH).abs()
        parts.append(inside.assign(month=window.month, distance=distance))
    return pd.concat(parts).sort_values(["person_id", "month", "distance", "day"], kind="stable", ignore_index=True)
