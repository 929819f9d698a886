"""Array types of the simulator, its mark for what never happens, and the draws that numpy does not have."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
Rows: TypeAlias = dict[str, NDArray[Any]]

# A day that is never reached and a date or code that is empty.
NEVER = 10**7
EMPTY = -(10**7)

DAYS_A_MONTH = 30.4375
DAYS_A_YEAR = 365.25


def truncated_normal(rng: np.random.Generator, mean: Floats | float, spread: tuple[float, ...], size: int) -> Floats:
    """Return normal draws of that mean, redrawn where they fall outside; spread is (SD, lower limit, upper limit)."""
    sd, low, high = spread
    centre = np.broadcast_to(np.asarray(mean, dtype=np.float64), (size,))
    out = rng.normal(centre, sd)
    for _ in range(50):
        outside = (out < low) | (out > high)
        if not outside.any():
            break
        out[outside] = rng.normal(centre[outside], sd)
    return np.clip(out, low, high)


def whole(values: Floats) -> Ints:
    """Return values rounded to whole numbers, halves upwards, so that platforms agree."""
    return np.floor(values + 0.5).astype(np.int64)


def choice(rng: np.random.Generator, probabilities: tuple[float, ...], size: int) -> Ints:
    """Return indices drawn with the given probabilities; what they lack of 1 goes to the last."""
    edges = np.cumsum(probabilities)[:-1]
    return np.searchsorted(edges, rng.random(size), side="right").astype(np.int64)


def stack(parts: list[Rows]) -> Rows:
    """Return the rows of several parts one after the other; a column that a part lacks is empty there."""
    names = dict.fromkeys(name for part in parts for name in part)
    out: Rows = {}
    for name in names:
        sample = next(part[name] for part in parts if name in part)
        empty: Any = np.nan if sample.dtype.kind == "f" else EMPTY
        pieces = [part.get(name, np.full(len(part["person"]), empty, dtype=sample.dtype)) for part in parts]
        out[name] = np.concatenate(pieces)
    return out


def keep(rows: Rows, which: Flags | Ints) -> Rows:
    """Return the rows that are flagged, or those at some places in their order."""
    return {name: values[which] for name, values in rows.items()}
