"""What holds of survival methods for every registry: order, weights, split follow-up, never a NaN."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from analyses.methods.survival import (
    CoxFit,
    KaplanMeier,
    LogRank,
    RestrictedMeans,
    Survival,
    cox,
    kaplan_meier,
    log_rank,
    proportional_hazards,
    restricted_mean,
    survival_difference,
)
from analyses.result import NotEstimable
from tests.persons_drawn import registries

HORIZON = 3.0
MODEST = settings(max_examples=40, deadline=None)
ARRAYS = ("month", "survival", "std_error", "low", "high", "at_risk", "events", "at_risk_weighted", "events_weighted")


def curve(data: pd.DataFrame, weight: str | None = None) -> KaplanMeier:
    found = kaplan_meier(data["month"], data["event"], entry=data["entry"], weight=data[weight] if weight else None)
    assert isinstance(found, KaplanMeier)
    return found


def means(data: pd.DataFrame, weight: str | None = None) -> RestrictedMeans:
    return restricted_mean(
        data["month"], data["event"], data["group"], horizon=HORIZON, entry=data["entry"],
        weight=data[weight] if weight else None,
    )  # fmt: skip


def test_of(data: pd.DataFrame) -> LogRank | NotEstimable:
    return log_rank(data["month"], data["event"], data["group"], strata=data["stratum"], entry=data["entry"])


test_of.__test__ = False  # type: ignore[attr-defined]


def model(data: pd.DataFrame, **roles: str) -> CoxFit | NotEstimable:
    return cox("group + z", data, month="month", event="event", entry="entry", **roles)  # type: ignore[arg-type]


def same_model(first: CoxFit | NotEstimable, second: CoxFit | NotEstimable, *, tolerance: float) -> None:
    if isinstance(first, NotEstimable) or isinstance(second, NotEstimable):
        assert first == second
        return
    pd.testing.assert_frame_equal(first.terms, second.terms, rtol=tolerance, atol=tolerance)
    assert first.log_likelihood == pytest.approx(second.log_likelihood, rel=1e-9, abs=1e-9)


@MODEST
@given(registries(), st.randoms(use_true_random=False), st.sampled_from([None, "weight", "odd"]))
def test_the_order_of_rows_changes_no_digit(data: pd.DataFrame, random: object, weight: str | None) -> None:
    shuffled = data.sample(frac=1, random_state=random.randrange(10**6)).reset_index(drop=True)  # type: ignore[attr-defined]
    first, second = curve(data, weight), curve(shuffled, weight)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert means(data, weight) == means(shuffled, weight)
    assert test_of(data) == test_of(shuffled)
    roles = {"strata": "stratum", **({"weight": weight} if weight else {})}
    same_model(model(data, **roles), model(shuffled, **roles), tolerance=0)


@MODEST
@given(registries())
def test_a_whole_weight_is_that_many_rows(data: pd.DataFrame) -> None:
    rows = data.loc[data.index.repeat(data["weight"])].reset_index(drop=True)
    first, second = curve(data, "weight"), curve(rows)
    for name in ("month", "survival", "std_error", "low", "high"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(first.at_risk_weighted, second.at_risk)
    for one, other in zip(means(data, "weight").means, means(rows).means, strict=True):
        if isinstance(one, NotEstimable) or isinstance(other, NotEstimable):
            assert one == other
        else:
            assert (one.value, one.std_error) == pytest.approx((other.value, other.std_error), rel=1e-9, abs=1e-12)
    # Efron's ties take a weight for one person's; Breslow's do not see the difference
    same_model(model(data, weight="weight", ties="breslow"), model(rows, ties="breslow"), tolerance=1e-6)


@MODEST
@given(registries(), st.integers(1, 12))
def test_splitting_follow_up_changes_nothing(data: pd.DataFrame, quarter: int) -> None:
    cut = quarter / 4
    crossing = (data["entry"] < cut) & (cut < data["month"])
    before = data[crossing].assign(month=cut, event=0)
    split = pd.concat([data[~crossing], before, data[crossing].assign(entry=cut)], ignore_index=True)
    first, second = curve(data), curve(split)
    months = np.arange(0, 4, 0.125)
    for one, other in zip(first.at(months), second.at(months), strict=True):
        if isinstance(one, NotEstimable) or isinstance(other, NotEstimable):
            assert one == other
        else:
            assert dataclasses.astuple(one) == pytest.approx(dataclasses.astuple(other), rel=1e-12, abs=1e-12)
    assert first.quantile() == second.quantile()
    one, other = test_of(data), test_of(split)
    if isinstance(one, LogRank) and isinstance(other, LogRank):
        assert one.chi_square == pytest.approx(other.chi_square, rel=1e-9, abs=1e-12)
    else:
        assert one == other
    same_model(model(data), model(split), tolerance=1e-6)


@MODEST
@given(registries(), st.sampled_from([None, "weight", "odd"]))
def test_a_curve_falls_within_its_limits_and_has_no_nan(data: pd.DataFrame, weight: str | None) -> None:
    found = curve(data, weight)
    for name in ARRAYS:
        assert np.all(np.isfinite(getattr(found, name)))
    assert np.all(np.diff(found.survival) <= 0)
    assert np.all((found.low <= found.survival) & (found.survival <= found.high))
    assert np.all((found.low >= 0) & (found.high <= 1))
    quantile = found.quantile()
    assert quantile.low <= quantile.value <= quantile.high
    for here in found.at([0, 1, 2.5]):
        assert isinstance(here, NotEstimable) or (0 <= here.low <= here.survival <= here.high <= 1)


@MODEST
@given(registries(least=2), st.sampled_from([None, "odd"]))
def test_every_number_is_a_number_or_says_why_not(data: pd.DataFrame, weight: str | None) -> None:
    for mean in (*means(data, weight).means, means(data, weight).difference):
        assert isinstance(mean, NotEstimable) or all(math.isfinite(x) for x in dataclasses.astuple(mean))
    test = test_of(data)
    assert isinstance(test, NotEstimable) or (math.isfinite(test.chi_square) and 0 <= test.p <= 1)
    fit = model(data, **({"weight": weight} if weight else {}))
    if isinstance(fit, CoxFit):
        assert fit.terms["df"].gt(0).all()  # infinite: normal
        numbers = fit.terms.drop(columns=["term", "df"]).to_numpy()
        assert np.all(np.isfinite(numbers))
        assert fit.converged
        assert fit.log_likelihood >= fit.log_likelihood_null - 1e-9
    proportional = proportional_hazards(fit) if isinstance(fit, CoxFit) else fit
    assert isinstance(proportional, NotEstimable) or proportional.table["p"].between(0, 1).all()


@MODEST
@given(registries(least=2))
def test_a_difference_of_curves_lies_between_minus_1_and_1_and_turns_with_them(data: pd.DataFrame) -> None:
    parts = [data[data["group"] == group] for group in (0, 1)]
    if any(part.empty for part in parts):
        return
    first, second = (curve(part) for part in parts)
    found, turned = survival_difference(first, second, month=1), survival_difference(second, first, month=1)
    if isinstance(found, NotEstimable) or isinstance(turned, NotEstimable):
        assert found == turned
        return
    assert -1 - 1e-12 <= found.low <= found.value <= found.high <= 1 + 1e-12
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low))


@MODEST
@given(registries())
def test_equal_weights_give_greenwoods_error_where_nobody_enters_late(data: pd.DataFrame) -> None:
    plain = kaplan_meier(data["month"], data["event"])
    weighted = kaplan_meier(data["month"], data["event"], weight=np.full(len(data), 0.3))
    assert isinstance(plain, KaplanMeier)
    assert isinstance(weighted, KaplanMeier)
    np.testing.assert_allclose(weighted.std_error, plain.std_error, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.low, plain.low, rtol=1e-9, atol=1e-12)


@MODEST
@given(registries(least=3), st.randoms(use_true_random=False))
def test_a_hazard_ratio_is_called_infinite_exactly_where_a_linear_program_finds_no_maximum(
    data: pd.DataFrame, random: object
) -> None:
    # Without ties the likelihood rises for ever in a direction d exactly if d (x_i - x_j) >= 0 for every event i and
    # every j at risk with it, and > 0 for one of them (Albert and Anderson 1984, for risk sets).
    untied = data.assign(month=data["month"] + [random.random() for _ in range(len(data))])  # type: ignore[attr-defined]
    found = model(untied, strata="stratum")
    if isinstance(found, NotEstimable) and "infinite" not in found.reason:
        return
    values = untied[["group", "z"]].to_numpy(dtype=float)
    gaps = []
    for i in np.flatnonzero(untied["event"]):
        one = untied.iloc[i]
        there = (untied["entry"] < one["month"]) & (untied["month"] >= one["month"])
        gaps += [values[i] - values[j] for j in np.flatnonzero(there & (untied["stratum"] == one["stratum"]))]
    rows = np.asarray(gaps)
    program = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=[(-1, 1)] * 2)
    assert isinstance(found, NotEstimable) == (-program.fun > 1e-9)


@MODEST
@given(registries(), st.floats(0.1, 30))
def test_a_hazard_ratio_does_not_depend_on_the_unit_of_time(data: pd.DataFrame, factor: float) -> None:
    other = data.assign(entry=data["entry"] * factor, month=data["month"] * factor)
    same_model(model(data), model(other), tolerance=1e-9)


def test_at_a_month_a_person_at_risk_is_counted_by_entry_and_exit() -> None:
    data = pd.DataFrame({"entry": [0.0, 1.0, 2.0], "month": [2.0, 3.0, 4.0], "event": [1, 0, 1]})
    found = curve(data)
    for month in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0):
        (here,) = found.at([month])
        assert isinstance(here, Survival)
        there = (data["entry"] < month) | ((month == 0) & (data["entry"] == 0))
        assert here.at_risk == int((there & (month <= data["month"])).sum())
