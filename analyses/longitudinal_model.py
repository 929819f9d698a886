"""Rows, curves and checks of the mixed model of a measurement repeated over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import norm

from analyses.longitudinal import NOT_CONVERGED
from analyses.longitudinal_rows import month_id, values_of
from analyses.methods.mixed import MixedFit
from analyses.result import Check, Curve, Estimate, NotEstimable, Row, Summary
from analyses.tabulate import ARMS, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from analyses.longitudinal import Repeated
    from analyses.result import Statistic

SPREAD_LIMIT = 2.0
"""Residual standard deviations of two months may differ by this factor before the check fails."""
FEWEST_FOR_SPREAD = 10
"""Months with fewer values do not count in that check."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What the model's numbers are.

    unit: of the model. If they are logarithms to base 2 of (x + offset), natural is the unit of x. drawn: which of the
    two a curve has.
    """

    unit: str
    natural: str = ""
    offset: float = 0.0
    drawn: Literal["model", "natural"] = "model"

    def back(self, value: float) -> float:
        """Return x for a value of the model."""
        return float(2**value - self.offset)


def adjusted(data: Repeated, scale: Scale) -> Mapping[tuple[str, int], Estimate | NotEstimable]:
    """Return the adjusted mean of every arm and month, on the scale of the model."""
    found = {}
    if isinstance(data.fit, MixedFit):
        means = data.fit.marginal_means(("arm", "month"))
        found = {(str(row["arm"]), int(row["month"])): row for _, row in means.iterrows()}
    return {
        (arm, month): _value(data, scale, (arm,), month, found.get((arm, month)))
        for arm in ARMS
        for month in data.months
    }


def differences(data: Repeated, scale: Scale) -> Mapping[int, Estimate | NotEstimable]:
    """Return the difference of the arms in every month, comparator minus reference, on the scale of the model."""
    found = {}
    if isinstance(data.fit, MixedFit):
        apart = data.fit.contrasts("arm", by="month", reference=data.reference)
        found = {int(row["month"]): row for _, row in apart.iterrows()}
    return {month: _value(data, scale, ARMS, month, found.get(month)) for month in data.months}


def _value(
    data: Repeated, scale: Scale, arms: tuple[str, ...], month: int, row: pd.Series[float] | None
) -> Estimate | NotEstimable:
    numbers = [data.number_measured(arm, month) for arm in arms]
    if 0 in numbers:
        arm = arms[numbers.index(0)]
        return NotEstimable(reason=f"nobody with {arm} first was measured in the window of month {month}")
    if isinstance(data.fit, NotEstimable):
        return data.fit
    if row is None or row["reason"]:
        return NotEstimable(reason="the model cannot tell it from other effects")
    return Estimate(
        value=float(row["estimate"]), low=float(row["low"]), high=float(row["high"]), level=data.fit.level,
        p=float(row["p"]) if "p" in row else None, n=sum(numbers), unit=scale.unit,
        df=float(row["df"]) if np.isfinite(row["df"]) else None,
    )  # fmt: skip


def model_rows(data: Repeated, scale: Scale) -> Table:
    """Return the adjusted means of each arm and their differences, on the scale of the model and transformed back."""
    rows: list[Row] = []
    means, apart = adjusted(data, scale), differences(data, scale)
    for month in data.months:
        ids = {arm: month_id("Persons measured", "", arm, "count", month) for arm in ARMS}
        for arm in ARMS:
            mean = means[arm, month]
            row = Row(
                topic="Adjusted mean", group=arm, statistic="marginal mean", month=month, value=mean,
                rests_on=(ids[arm],),
            )  # fmt: skip
            rows.append(row)
            if scale.natural:
                back = _transformed(mean, scale.back, scale.natural)
                rows.append(row.model_copy(update={"level": scale.natural, "value": back}))
        row = Row(
            topic="Difference", level=data.comparison, statistic="difference", month=month, value=apart[month],
            rests_on=tuple(ids[arm] for arm in ARMS),
        )  # fmt: skip
        rows.append(row)
        if scale.natural:
            percent = _transformed(apart[month], lambda x: 100 * (2**x - 1), "%")
            rows.append(row.model_copy(update={"level": f"{data.comparison}, %", "value": percent}))
    return Table(rows=tuple(rows))


def _transformed(
    value: Estimate | NotEstimable, change: Callable[[float], float], unit: str
) -> Estimate | NotEstimable:
    """Return an estimate with its limits on another scale; p belongs to the null hypothesis of no difference still."""
    if isinstance(value, NotEstimable):
        return value
    return value.model_copy(
        update={"value": change(value.value), "low": change(value.low), "high": change(value.high), "unit": unit}
    )


def variance_rows(data: Repeated, scale: Scale) -> Table:
    """Return the variances between centres, between persons of a centre and within persons, and their shares."""
    rows: list[Row] = []
    for topic, statistic, levels in _PARTS:
        for level in levels:
            value: Summary | NotEstimable
            if isinstance(data.fit, NotEstimable):
                value = data.fit
            else:
                found = _parts(data.fit, topic)
                unit = f"({scale.unit})^2" if topic == "Variance" else ""
                value = (
                    Summary(value=found[level], unit=unit)
                    if level in found
                    else NotEstimable(reason="there is only one centre")
                )
            rows.append(Row(topic=topic, level=level, statistic=statistic, value=value))
    return Table(rows=tuple(rows))


_PARTS: tuple[tuple[str, Statistic, tuple[str, ...]], ...] = (
    ("Variance", "variance", ("centre", "patient", "residual")),
    ("Intraclass correlation", "intraclass correlation", ("centre", "patient")),
)


def _parts(fit: MixedFit, topic: str) -> Mapping[str, float]:
    if topic == "Variance":
        return {
            str(group): float(value) for group, value in zip(fit.variance["group"], fit.variance["value"], strict=True)
        }
    return fit.intraclass_correlation


def curves(data: Repeated, scale: Scale) -> tuple[Curve, ...]:
    """Return a line an arm through the observed mean at baseline and the adjusted means.

    The interval at baseline is that of a mean. A month that cannot be estimated has no point.
    """
    means = adjusted(data, scale)
    return tuple(curve for arm in ARMS if (curve := _curve(data, scale, arm, means)) is not None)


def _curve(
    data: Repeated, scale: Scale, arm: str, means: Mapping[tuple[str, int], Estimate | NotEstimable]
) -> Curve | None:
    start = values_of(data, arm, 0)
    if start.empty:
        return None
    reach = float(norm.ppf(0.975) * start.std() / np.sqrt(len(start))) if len(start) > 1 else 0.0
    points = [(0.0, float(start.mean()), float(start.mean()) - reach, float(start.mean()) + reach)]
    for month in data.months:
        mean = means[arm, month]
        if isinstance(mean, Estimate):
            points.append((float(month), mean.value, mean.low, mean.high))
    if scale.drawn == "natural":
        points = [(month, scale.back(x), scale.back(low), scale.back(high)) for month, x, low, high in points]
    when, value, low, high = zip(*points, strict=True)
    return Curve(
        name="Adjusted mean", group=arm, kind="line", unit=scale.natural if scale.drawn == "natural" else scale.unit,
        month=when, value=value, low=low, high=high,
        at_risk_month=tuple(float(m) for m in (0, *data.months)),
        at_risk=tuple(data.number_measured(arm, m) for m in (0, *data.months)),
    )  # fmt: skip


def checks(data: Repeated) -> tuple[Check, ...]:
    """Return whether the model converged, whether a variance is at zero, and whether its residuals spread alike.

    Details hold no counts of persons: they are printed as they are, without masking.
    """
    names = ("The model converged", "No variance is at zero", "Spread of residuals by month")
    if isinstance(data.fit, NotEstimable):
        converged = Check(
            name=names[0], outcome="failed" if data.fit == NOT_CONVERGED else "not applicable", detail=data.fit.reason
        )
        others = (Check(name=name, outcome="not applicable", detail=data.fit.reason) for name in names[1:])
        return (converged, *others)
    zero = " and ".join(data.fit.zero)
    boundary = f"at zero: {zero}; usual in a small registry, the other numbers hold" if zero else "all are above zero"
    return (
        Check(name=names[0], outcome="passed", detail="the restricted likelihood is at its maximum"),
        Check(name=names[1], outcome="failed" if zero else "passed", detail=boundary),
        _spread(names[2], data.fit.residuals, data.used["month"]),
    )


def _spread(name: str, residuals: pd.Series[float], month: pd.Series[int]) -> Check:
    by_month = residuals.groupby(month)
    spread = by_month.std()[by_month.size() >= FEWEST_FOR_SPREAD]
    if len(spread) < 2:  # noqa: PLR2004  (two can be compared)
        return Check(name=name, outcome="not applicable", detail="too few months with values")
    ratio = float(spread.max() / spread.min())
    detail = f"largest over smallest standard deviation of a month: {ratio:.2f} (limit {SPREAD_LIMIT:g})"
    if ratio <= SPREAD_LIMIT:
        return Check(name=name, outcome="passed", detail=detail)
    wide = "intervals are too wide for months with little spread and too narrow for the others"
    return Check(name=name, outcome="failed", detail=f"{detail}; {wide}")
