"""One true number behind a simulated study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from registry.simulation.arrays import Floats

ARMS = ("ivig", "rituximab")
MONTHS = (1, 3, 6, 12, 24)
HORIZON = 24


@dataclass(frozen=True, kw_only=True)
class Truth:
    """One true number; standard_error is that of the Monte Carlo draw, 0 when exact."""

    name: str
    value: float
    unit: str
    method: Literal["exact", "monte carlo"]
    standard_error: float
    estimand: str


def exact(name: str, value: float, unit: str, estimand: str) -> Truth:
    """Return a number that has a formula."""
    return Truth(name=name, value=float(value), unit=unit, method="exact", standard_error=0.0, estimand=estimand)


def mean(name: str, values: Floats, unit: str, estimand: str, shift: float = 0.0) -> Truth:
    """Return the mean of a draw, plus an exact part, with its standard error."""
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    return Truth(
        name=name, value=float(values.mean()) + shift, unit=unit, method="monte carlo", standard_error=error,
        estimand=estimand,
    )  # fmt: skip
