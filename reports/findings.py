"""The key findings as plain sentences, and figures in words: every number in them comes from a Result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from analyses.result import Estimate, NotEstimable
from reports.tables import ARM_NAMES, number, one, within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyses.result import Result, Value
    from reports.comparison import Comparison


def findings(results: Mapping[str, Result], comparison: Comparison, *, month: int) -> tuple[str, ...]:
    """Return the summary of a report; month: the one at which enzyme and strength are compared."""
    return (
        _persons(results["accrual"], comparison),
        _risk(results["response"], comparison, what="at least moderate response", free_of="response"),
        _risk(results["failure"], comparison, what="treatment failure", free_of="failure"),
        _hazards(results, comparison),
        _states(results["sequence"], comparison),
        _trajectories(results, comparison, month=month),
        _infections(results["safety"], comparison),
    )


def said(value: Value, *, statistic: str = "", maximum: int = 4) -> str:
    """Return a number as it is said in a sentence; of one that cannot be had, why."""
    if isinstance(value, NotEstimable):
        return f"not estimable ({value.reason.strip().rstrip('.')})"
    text = formats.value(value, statistic=statistic, maximum=maximum)
    return "withheld" if text == formats.MASKED else text


def _persons(accrual: Result, comparison: Comparison) -> str:
    steps = [row for row in accrual.rows if row.topic == "Flow" and row.group == "all"]
    registered = said(steps[0].value, statistic="count", maximum=comparison.maximum)
    analysed, *arms = (
        said(number(accrual, "Persons", "in the cohort", group, statistic="count"), statistic="count",
             maximum=comparison.maximum)
        for group in ("all", *comparison.arms)
    )  # fmt: skip
    by_arm = " and ".join(
        f"{count} with {within(ARM_NAMES[arm])}" for arm, count in zip(comparison.arms, arms, strict=True)
    )
    return f"Of {registered} persons registered, {analysed} met every inclusion step: {by_arm}."


def _risk(result: Result, comparison: Comparison, *, what: str, free_of: str) -> str:
    month = float(comparison.horizon)
    risks = [
        f"{said(number(result, 'Risk', '', arm, statistic='risk', month=month))} with {within(ARM_NAMES[arm])}"
        for arm in comparison.arms
    ]
    difference = one(result, "Risk difference", statistic="risk difference", month=month).value
    means = one(result, "Restricted mean", statistic="difference in restricted means", month=month).value
    return (
        f"The probability of {what} by {month:g} months was {risks[0]} and {risks[1]}; "
        f"the difference ({within(comparison.minus)}) was {_points(difference)}. "
        f"Up to then the difference ({within(comparison.minus)}) in mean time without {free_of} was "
        f"{_with_unit(means, 'months')}."
    )


def _hazards(results: Mapping[str, Result], comparison: Comparison) -> str:
    ratios = [
        said(number(results[name], "Hazard ratio", "adjusted, stratified by centre", statistic="hazard ratio"),
             statistic="hazard ratio")
        for name in ("response", "failure")
    ]  # fmt: skip
    return (
        f"The adjusted hazard ratio, {within(comparison.against)}, was {ratios[0]} for response (below 1: slower "
        f"with {comparison.comparator_name}) and {ratios[1]} for failure (below 1: rarer with "
        f"{comparison.comparator_name})."
    )


def _states(sequence: Result, comparison: Comparison) -> str:
    month = float(comparison.horizon)
    topic, state = "Mean time in state", "in response"
    means = [
        f"{_with_unit(number(sequence, topic, state, arm, statistic='restricted mean', month=month), 'months')} "
        f"with {within(ARM_NAMES[arm])}"
        for arm in comparison.arms
    ]
    difference = one(
        sequence, topic, statistic="difference in restricted means", month=month, starts=f"{state}, "
    ).value
    return (
        f"Of the first {month:g} months, the mean time in response (without relapse or switch since) was {means[0]} "
        f"and {means[1]}; the difference was {_with_unit(difference, 'months')}."
    )


def _trajectories(results: Mapping[str, Result], comparison: Comparison, *, month: int) -> str:
    at = float(month)
    enzyme = one(results["trajectory_ldh"], "Difference", statistic="difference", month=at, ends=", %").value
    strength = one(results["trajectory_mmt8"], "Difference", statistic="difference", month=at).value
    return (
        f"At {month} months, with adjustment, the difference ({within(comparison.minus)}) in the LDH multiple was "
        f"{said(enzyme)} and in MMT8 {_with_unit(strength, 'points')}."
    )


def _infections(safety: Result, comparison: Comparison) -> str:
    rates = [
        f"{said(number(safety, 'Serious infections', '', arm, statistic='rate'))} with {within(ARM_NAMES[arm])}"
        for arm in comparison.arms
    ]
    ratio = one(safety, "Serious infections", statistic="rate ratio").value
    return (
        f"Serious infections per 100 person-years: {rates[0]} and {rates[1]}; "
        f"rate ratio {said(ratio, statistic='rate ratio')}."
    )


def _points(value: Value) -> str:
    """Return a difference of two percentages, which is one of percentage points."""
    return said(value).replace("\u00a0%", " percentage points")


def _with_unit(value: Value, unit: str) -> str:
    if not isinstance(value, Estimate):
        return said(value)
    text = formats.estimate(value)
    first, _, rest = text.partition(" (")
    return f"{first} {unit} ({rest}"
