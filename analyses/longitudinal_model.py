"""Rows and curves of the models by window of a measurement repeated over time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import norm

from analyses.longitudinal_rows import month_id, values_of
from analyses.result import Curve, Estimate, NotEstimable, Row, Summary
from analyses.tabulate import ARMS, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from analyses.longitudinal import Repeated
    from analyses.longitudinal_fit import Models
    from analyses.methods.mixed import MixedFit
    from analyses.methods.repeated import RepeatedFit
    from analyses.result import Statistic

    Means = Mapping[tuple[str, int], Estimate | NotEstimable]


FEWEST_DF = 1.0
"""With fewer degrees of freedom an interval has no end that means anything."""


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
        return power(value) - self.offset


def power(value: float) -> float:
    """Return 2 to the power of a number; infinity where that is no double."""
    return math.inf if value >= _LARGEST else 2.0**value


_LARGEST = 1024.0


def adjusted(data: Repeated, models: Models, scale: Scale) -> Means:
    """Return the adjusted mean of every arm and month, on the scale of the model."""
    fit, found = models.by_window, {}
    if not isinstance(fit, NotEstimable):
        means = fit.marginal_means(("arm", "month"))
        found = {(str(row["arm"]), int(row["month"])): row for _, row in means.iterrows()}
    return {
        (arm, month): _value(data, fit, scale, (arm,), month, found.get((arm, month)))
        for arm in ARMS
        for month in data.months
    }


def differences(
    data: Repeated, fit: RepeatedFit | MixedFit | NotEstimable, scale: Scale
) -> Mapping[int, Estimate | NotEstimable]:
    """Return the difference of the arms in every month by one of the models, comparator minus reference."""
    found = {}
    if not isinstance(fit, NotEstimable):
        apart = fit.contrasts("arm", by="month", reference=data.reference)
        found = {int(row["month"]): row for _, row in apart.iterrows()}
    return {month: _value(data, fit, scale, ARMS, month, found.get(month)) for month in data.months}


def _value(  # noqa: PLR0917  (a model, its scale, and what of it)
    data: Repeated,
    fit: RepeatedFit | MixedFit | NotEstimable,
    scale: Scale,
    arms: tuple[str, ...],
    month: int,
    row: pd.Series[float] | None,
) -> Estimate | NotEstimable:
    nobody = unmeasured(data, arms, (month,))
    if nobody is not None:
        return nobody
    if isinstance(fit, NotEstimable):
        return fit
    return estimate(row, fit.level, unit=scale.unit, n=sum(data.number_measured(arm, month) for arm in arms))


def unmeasured(data: Repeated, arms: tuple[str, ...], months: tuple[int, ...]) -> NotEstimable | None:
    """Return that nobody of an arm was measured in a month, of the first for which it is so; None if all were."""
    for month in months:
        for arm in arms:
            if not data.number_measured(arm, month):
                return NotEstimable(reason=f"nobody with {arm} first was measured in the window of month {month}")
    return None


def estimate(row: pd.Series[float] | None, level: float, *, unit: str, n: int) -> Estimate | NotEstimable:
    """Return a row of what a fit says of its fixed effects as a number of a Result."""
    if row is None or row["reason"]:
        return NotEstimable(reason="the model cannot tell it from other effects")
    if row["df"] < FEWEST_DF:
        return NotEstimable(reason="too few persons for an interval")
    return Estimate(
        value=float(row["estimate"]), low=float(row["low"]), high=float(row["high"]), level=level,
        p=float(row["p"]) if "p" in row else None, n=n, unit=unit,
        df=float(row["df"]) if np.isfinite(row["df"]) else None,
    )  # fmt: skip


def model_rows(data: Repeated, models: Models, scale: Scale, means: Means) -> Table:
    """Return the adjusted means of each arm and their differences, on the scale of the model and transformed back."""
    rows: list[Row] = []
    apart = differences(data, models.by_window, scale)
    for month in data.months:
        for arm in ARMS:
            mean = means[arm, month]
            row = Row(
                topic="Adjusted mean", group=arm, statistic="marginal mean", month=month, value=mean,
                rests_on=(month_id("Persons measured", "", arm, "count", month),),
            )  # fmt: skip
            rows.append(row)
            if scale.natural:
                back = _transformed(mean, scale.back, scale.natural)
                rows.append(row.model_copy(update={"level": scale.natural, "value": back}))
    rows += [row for month in data.months for row in difference_rows(data, scale, "Difference", month, apart[month])]
    return Table(rows=tuple(rows))


def difference_rows(
    data: Repeated, scale: Scale, topic: str, month: int, value: Estimate | NotEstimable
) -> tuple[Row, ...]:
    """Return the difference of the arms in a month on the scale of the model and, if that is of logarithms, in %."""
    row = Row(
        topic=topic, level=data.comparison, statistic="difference", month=month, value=value,
        rests_on=tuple(month_id("Persons measured", "", arm, "count", month) for arm in ARMS),
    )  # fmt: skip
    return with_percent(row, scale)


def with_percent(row: Row, scale: Scale, unit: str = "%") -> tuple[Row, ...]:
    """Return a row with a difference d of logarithms, and the same as 100 (2^d - 1) per cent; without them the row."""
    if not scale.natural:
        return (row,)
    assert isinstance(row.value, Estimate | NotEstimable)  # noqa: S101  (so are all rows of a model)
    percent = _transformed(row.value, lambda x: 100 * (power(x) - 1), unit)
    return row, row.model_copy(update={"level": f"{row.level}, %", "value": percent})


def _transformed(
    value: Estimate | NotEstimable, change: Callable[[float], float], unit: str
) -> Estimate | NotEstimable:
    """Return an estimate with its limits on another scale; p belongs to the null hypothesis of no difference still."""
    if isinstance(value, NotEstimable):
        return value
    return value.model_copy(
        update={"value": change(value.value), "low": change(value.low), "high": change(value.high), "unit": unit}
    )


def variance_rows(data: Repeated, models: Models, scale: Scale) -> Table:
    """Return the variance of each month, those between centres, persons and measurements, and the shares of these."""
    rows: list[Row] = []
    unit = f"({scale.unit})^2"
    fit, split = models.by_window, models.centre_random
    found: Mapping[str, float]
    for topic, statistic, levels in _PARTS:
        for level in levels:
            value: Summary | NotEstimable
            if isinstance(split, NotEstimable):
                value = split
            else:
                found = _parts(split, topic)
                value = (
                    Summary(value=found[level], unit=unit if topic == "Variance" else "")
                    if level in found
                    else NotEstimable(reason="there is only one centre")
                )
            rows.append(Row(topic=topic, level=level, statistic=statistic, value=value))
    by_month = {} if isinstance(fit, NotEstimable) else _by_month(fit)
    for month in data.months:
        missing = fit if isinstance(fit, NotEstimable) else NotEstimable(reason=f"nobody was measured in month {month}")
        spread = Summary(value=by_month[month], unit=unit) if month in by_month else missing
        rests_on = tuple(month_id("Persons measured", "", arm, "count", month) for arm in ARMS)
        rows.append(Row(topic="Variance", statistic="variance", month=month, value=spread, rests_on=rests_on))
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


def _by_month(fit: RepeatedFit) -> Mapping[int, float]:
    own = fit.variance.loc[fit.variance["visit"] == fit.variance["visit2"]]
    return {int(month): float(value) for month, value in zip(own["visit"], own["covariance"], strict=True)}


def curves(data: Repeated, scale: Scale, means: Means) -> tuple[Curve, ...]:
    """Return a line an arm through the observed mean at baseline and the adjusted means.

    The interval at baseline is that of a mean. A month that cannot be estimated has no point.
    """
    return tuple(curve for arm in ARMS if (curve := _curve(data, scale, arm, means)) is not None)


def _curve(data: Repeated, scale: Scale, arm: str, means: Means) -> Curve | None:
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
