"""Cumulative hazard and survival that a Cox model expects of persons with given covariates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import norm

from analyses.methods.hazards.event_steps import event_steps, relative_risk
from analyses.methods.risk_sets import check_level, positive
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from analyses.methods.hazards.cox_design import CoxDesign, Ties

    Floats = NDArray[np.float64]

Interval = Literal["log-log", "log"]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What is expected at a month. std_error is of the cumulative hazard; low and high are limits of the survival."""

    month: float
    cumulative_hazard: float
    std_error: float
    survival: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ExpectedCurve:
    """Expected curve of one person in one stratum; it steps at the months of events and holds up to the next one.

    stratum: its label, None in a model without strata. last: month up to which somebody of the stratum was followed.
    """

    stratum: object
    month: Floats
    cumulative_hazard: Floats
    std_error: Floats
    survival: Floats
    low: Floats
    high: Floats
    last: float
    level: float

    def at(self, months: ArrayLike) -> tuple[Expected | NotEstimable, ...]:
        """Return what is expected at each month; NotEstimable beyond the last follow-up of the stratum."""
        asked = np.atleast_1d(np.asarray(months, dtype=np.float64))
        return tuple(self._one(float(month)) for month in asked)

    def _one(self, month: float) -> Expected | NotEstimable:
        if not month <= self.last:
            return NotEstimable(reason=f"nobody is followed beyond month {self.last:g}")
        place = int(np.searchsorted(self.month, month, side="right")) - 1
        if place < 0:
            return Expected(month=month, cumulative_hazard=0.0, std_error=0.0, survival=1.0, low=1.0, high=1.0)
        numbers = {name: float(getattr(self, name)[place]) for name in _NUMBERS}
        return Expected(month=month, **numbers)


_NUMBERS = ("cumulative_hazard", "std_error", "survival", "low", "high")


def expected_curves(
    design: CoxDesign,
    coefficients: Floats,
    covariance: Floats,
    ties: Ties,
    rows: Floats,
    *,
    interval: Interval = "log-log",
    level: float = 0.95,
) -> tuple[tuple[ExpectedCurve, ...], ...]:
    """Return for each row of covariates a curve for each stratum.

    coefficients, covariance, rows: on the standardised scale of the design.
    Cumulative hazard: exp(z b) sum d / S0, Breslow's, or with Efron's ties the sum over the tied risk sets; survival
    is exp(-cumulative hazard). Variance: exp(2 z b) sum d / S0^2 + q' V q, where q = sum (z - zbar) dH and V is the
    covariance of the coefficients; limits on the log(-log) or the log scale of the survival. Beside weights that are
    not whole, the first term takes a weight for a number of persons; V is what the fit says.
    Tsiatis 1981; Therneau and Grambsch 2000, 10.2. Checked against survfit of a coxph model, R survival 3.5.3.
    """
    check_level(level)
    steps = event_steps(design, ties)
    risk, greatest = relative_risk(design, coefficients)
    total = steps.at_risk(risk)
    hazard = steps.by_group(steps.weight / total)
    spread = steps.by_group(steps.weight / total**2)
    mean = steps.by_group(steps.sums(risk[:, None] * design.matrix) * (steps.weight / total**2)[:, None])
    strata = np.zeros(design.month.size, dtype=np.int64) if design.stratum is None else design.stratum
    last = np.zeros(greatest.size)
    np.maximum.at(last, strata, design.month)
    parts = [np.flatnonzero(steps.stratum == stratum) for stratum in range(greatest.size)]
    labels = design.stratum_labels if design.stratum is not None else (None,)
    reach = float(norm.isf((1 - level) / 2))

    def curve(row: Floats, stratum: int) -> ExpectedCurve:
        own = parts[stratum]
        factor = np.exp(row @ coefficients - greatest[stratum])
        base = np.cumsum(hazard[own])
        gap = np.outer(base, row) - np.cumsum(mean[own], axis=0)
        variance = np.cumsum(spread[own]) + np.sum((gap @ covariance) * gap, axis=1)
        cumulative, error = base * factor, np.sqrt(variance) * factor
        low, high = _limits(cumulative, reach * error, interval)
        return ExpectedCurve(
            stratum=labels[stratum], month=steps.month[own], cumulative_hazard=cumulative, std_error=error,
            survival=np.exp(-cumulative), low=low, high=high, last=float(last[stratum]), level=level,
        )  # fmt: skip

    return tuple(tuple(curve(row, stratum) for stratum in range(greatest.size)) for row in rows)


def _limits(cumulative: Floats, reach: Floats, interval: Interval) -> tuple[Floats, Floats]:
    if interval == "log":
        return np.exp(-cumulative - reach), np.exp(np.minimum(reach - cumulative, 0.0))
    with np.errstate(over="ignore", under="ignore"):  # beyond the largest double the limits are 0 and 1
        times = np.exp(np.minimum(reach / positive(cumulative), 700.0))
        return np.exp(-cumulative * times), np.exp(-cumulative / times)
