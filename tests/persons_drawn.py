"""Persons drawn by hypothesis, for properties that hold for every registry: of survival methods and competing risks."""

from __future__ import annotations

import pandas as pd
from hypothesis import strategies as st


@st.composite
def registries(draw: st.DrawFn, *, least: int = 1, most: int = 14, causes: int = 1) -> pd.DataFrame:
    """Draw persons on a coarse grid, so that ties, empty groups, separation and late entries are common.

    causes: how many ways follow-up can end; with one the column is event, with more it is cause.
    """
    size = draw(st.integers(least, most))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=size, max_size=size))

    frame = pd.DataFrame(
        {"entry": column(0, 5), "length": column(1, 8), "event" if causes == 1 else "cause": column(0, causes),
         "group": column(0, 1), "stratum": column(0, 2), "z": column(-2, 2), "weight": column(1, 3)}
    )  # fmt: skip
    return frame.assign(entry=frame["entry"] / 4, month=(frame["entry"] + frame["length"]) / 4, odd=frame["weight"] / 7)
