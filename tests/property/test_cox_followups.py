"""What holds of everything that is asked of a fitted Cox model, and of Firth's, for every registry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from coxdev import CoxDeviance
from hypothesis import given, settings
from hypothesis import strategies as st

from analyses.methods.hazards.concordance import Concordance, concordance
from analyses.methods.hazards.cox import cox
from analyses.methods.hazards.cox_baseline import ExpectedCurve, expected_curves
from analyses.methods.hazards.cox_design import CoxDesign, cox_design
from analyses.methods.hazards.cox_fit import CoxFit
from analyses.methods.hazards.cox_prediction import hazard_ratios, standardised_rows
from analyses.methods.hazards.event_steps import event_steps, relative_risk
from analyses.methods.hazards.firth import FirthMaximum, maximise_firth, profile_limits
from analyses.methods.hazards.penalised_likelihood import penalised_likelihood
from analyses.methods.hazards.proportional_hazards import ProportionalHazards, proportional_hazards
from analyses.methods.hazards.rank_sums import sums_below
from analyses.methods.hazards.smoothed_residuals import HazardRatioCurve
from analyses.result import NotEstimable
from tests.persons_drawn import registries

MODEST = settings(max_examples=30, deadline=None)
FEW = settings(max_examples=15, deadline=None)
NEW = pd.DataFrame({"group": [0, 1], "z": [0.0, 1.5]})


def design(data: pd.DataFrame, formula: str = "group + z", **roles: str) -> CoxDesign | NotEstimable:
    return cox_design(
        formula, data, month="month", event="event",
        **{"entry": "entry", **dict.fromkeys(("strata", "weight", "cluster")), **roles},
    )  # fmt: skip


def model(data: pd.DataFrame, **roles: Any) -> CoxFit | NotEstimable:
    return cox("group + z", data, month="month", event="event", entry="entry", **roles)


def numbers_of(data: pd.DataFrame, **roles: Any) -> dict[str, Any]:
    """Return everything there is to say of a fit as plain numbers, or why there is none."""
    fit = model(data, **roles)
    if isinstance(fit, NotEstimable):
        return {"fit": fit.reason}
    found: dict[str, Any] = {}
    for transform in ("km", "rank", "identity"):
        test = proportional_hazards(fit, transform=transform)
        found[transform] = test.reason if isinstance(test, NotEstimable) else test.table.drop(columns="term")
        if isinstance(test, ProportionalHazards) and transform == "km":
            curve = test.smoothed("z", points=7)
            found["curve"] = "none"
            if isinstance(curve, HazardRatioCurve):
                found["curve"] = np.concatenate([curve.months, curve.log_hazard_ratio, curve.std_error])
    pairs = concordance(fit.design, fit.maximum.coefficients)
    found["pairs"] = "none"
    if isinstance(pairs, Concordance):
        # not the error: with weights that are not whole each row is one person
        found["pairs"] = [pairs.value, pairs.concordant, pairs.discordant, pairs.tied]
        found["pairs_error"] = pairs.std_error
    covariance = np.asarray(np.linalg.inv(fit.maximum.information))
    rows = standardised_rows(fit.design, NEW)
    found["ratios"] = hazard_ratios(fit.design, fit.maximum.coefficients, covariance, rows)
    curves = expected_curves(fit.design, fit.maximum.coefficients, covariance, fit.ties, rows)
    for place, curve_of in enumerate(curve for person in curves for curve in person):
        found[f"expected {place}"] = np.concatenate(
            [curve_of.month, curve_of.cumulative_hazard, curve_of.std_error, curve_of.low, curve_of.high]
        )
    return found


def same(first: dict[str, Any], second: dict[str, Any], *, tolerance: float) -> None:
    if tolerance > 0 and ("fit" in first or "fit" in second):
        return  # whether there is a fit is the subject of test_survival
    assert first.keys() == second.keys()
    for name, value in first.items():
        if isinstance(value, str) or isinstance(second[name], str):
            assert value == second[name], name
        else:
            np.testing.assert_allclose(value, second[name], rtol=tolerance, atol=tolerance, err_msg=name)


def finite(found: dict[str, Any]) -> None:
    for name, value in found.items():
        assert isinstance(value, str) or np.all(np.isfinite(np.asarray(value, dtype=float))), name


@MODEST
@given(
    registries(least=2, most=24),
    st.integers(0, 10**6),
    st.sampled_from([None, "weight", "odd"]),
    st.sampled_from([None, "stratum"]),
)
def test_the_order_of_rows_changes_no_digit_and_there_is_no_nan(
    data: pd.DataFrame, seed: int, weight: str | None, strata: str | None
) -> None:
    roles = {"weight": weight, "strata": strata}
    first = numbers_of(data, **roles)
    same(first, numbers_of(data.sample(frac=1, random_state=seed).reset_index(drop=True), **roles), tolerance=0)
    finite(first)


@MODEST
@given(registries(least=4, most=24), st.sampled_from([None, "stratum"]))
def test_a_whole_weight_is_that_many_rows(data: pd.DataFrame, strata: str | None) -> None:
    # Efron's ties take a weight for one person's; Breslow's do not see the difference
    rows = data.loc[data.index.repeat(data["weight"])].reset_index(drop=True)
    first = numbers_of(data, weight="weight", strata=strata, ties="breslow")
    same(first, numbers_of(rows, strata=strata, ties="breslow"), tolerance=1e-6)


@MODEST
@given(registries(least=4, most=24), st.integers(1, 12))
def test_splitting_follow_up_changes_nothing_but_what_is_counted_in_rows(data: pd.DataFrame, quarter: int) -> None:
    cut = quarter / 4
    crossing = (data["entry"] < cut) & (cut < data["month"])
    before = data[crossing].assign(month=cut, event=0)
    split = pd.concat([data[~crossing], before, data[crossing].assign(entry=cut)], ignore_index=True)
    found = [numbers_of(one) for one in (data, split)]
    for numbers in found:
        # a row is a person to the error of the concordance, ranks are among rows, and the mean is one of rows
        for name in ("pairs_error", "rank", "ratios"):
            numbers.pop(name, None)
    same(*found, tolerance=1e-6)


@MODEST
@given(registries(least=2, most=24), st.sampled_from(["efron", "breslow"]), st.sampled_from([None, "odd"]))
def test_sums_over_risk_sets_are_those_of_a_loop(data: pd.DataFrame, ties: Any, weight: str | None) -> None:
    arrays = design(data, strata="stratum", **({"weight": weight} if weight else {}))
    if isinstance(arrays, NotEstimable):
        return
    assert arrays.stratum is not None
    assert arrays.entry is not None
    steps = event_steps(arrays, ties)
    values = np.column_stack((np.arange(1.0, arrays.month.size + 1), arrays.matrix))
    amounts = np.sqrt(np.arange(1.0, steps.group.size + 1))
    at_risk = np.zeros((steps.group.size, arrays.month.size))
    for step, group in enumerate(steps.group):
        here = (arrays.stratum == steps.stratum[group]) & (arrays.entry < steps.month[group])
        here &= arrays.month >= steps.month[group]
        tied = here & arrays.event & (arrays.month == steps.month[group])
        at_risk[step] = here - steps.share[step] * tied
    np.testing.assert_allclose(steps.sums(values), at_risk @ values, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(steps.at_risk(values[:, 0]), at_risk @ values[:, 0], rtol=1e-12)
    np.testing.assert_allclose(steps.collected(amounts), at_risk.T @ amounts, rtol=1e-12, atol=1e-12)
    assert steps.weight.sum() == pytest.approx(arrays.weight[arrays.event].sum())


@MODEST
@given(registries(least=2, most=24), st.sampled_from([None, "weight", "odd"]))
def test_concordance_and_its_error_are_those_of_all_pairs(data: pd.DataFrame, weight: str | None) -> None:
    arrays = design(data, strata="stratum", **({"weight": weight} if weight else {}))
    if isinstance(arrays, NotEstimable):
        return
    coefficients = np.array([0.5, 1.0]) * arrays.scale
    predictor = (arrays.matrix @ coefficients).round(9)
    assert arrays.stratum is not None
    assert arrays.entry is not None
    i, j = np.ogrid[: predictor.size, : predictor.size]
    compared = arrays.event[i] & (arrays.stratum[i] == arrays.stratum[j]) & (arrays.entry[j] < arrays.month[i])
    compared &= (arrays.month[j] > arrays.month[i]) | ((arrays.month[j] == arrays.month[i]) & ~arrays.event[j])

    def value(weights: np.ndarray[Any, np.dtype[np.float64]]) -> float:
        product = np.outer(weights, weights) * compared
        right = np.where(predictor[i] > predictor[j], 1.0, np.where(predictor[i] == predictor[j], 0.5, 0.0))
        return float((product * right).sum() / product.sum())

    found = concordance(arrays, coefficients)
    if not compared.any():
        assert isinstance(found, NotEstimable)
        return
    assert isinstance(found, Concordance)
    assert found.value == pytest.approx(value(arrays.weight), rel=1e-12)
    # the jackknife: how the value moves with each weight
    move = 1e-5
    steps = move * np.eye(predictor.size)
    slopes = np.array([(value(arrays.weight + e) - value(arrays.weight - e)) / (2 * move) for e in steps])
    each = arrays.weight * slopes**2 if arrays.weighting == "counts" else (arrays.weight * slopes) ** 2
    assert found.std_error == pytest.approx(math.sqrt(each.sum()), rel=1e-6, abs=1e-8)


@MODEST
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=30), st.data())
def test_sums_below_a_rank_are_those_of_a_loop(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    rank, weight = (np.array(column) for column in zip(*pairs, strict=True)) if pairs else (np.zeros(0, int),) * 2
    place = st.integers(0, len(pairs))
    asked = data.draw(st.lists(st.tuples(place, place, st.integers(0, 12)), max_size=8))
    first, end, limit = (np.array([question[k] for question in asked], dtype=np.int64) for k in range(3))
    first, end = np.minimum(first, end), np.maximum(first, end)
    found = sums_below(rank.astype(np.int64), weight.astype(float), first, end, limit)
    expected = [weight[a:b][rank[a:b] < c].sum() for a, b, c in zip(first, end, limit, strict=True)]
    assert found.tolist() == expected


@MODEST
@given(registries(least=2, most=24), st.sampled_from(["efron", "breslow"]), st.sampled_from([None, "odd"]))
def test_a_second_opinion_on_concordance_baseline_and_residuals(
    data: pd.DataFrame, ties: Any, weight: str | None
) -> None:
    arrays = design(data, strata="stratum", **({"weight": weight} if weight else {}))
    if isinstance(arrays, NotEstimable):
        return
    coefficients = np.array([0.5, -0.7])
    other = CoxDeviance(
        event=arrays.month,
        status=arrays.event.astype(np.int32),
        strata=arrays.stratum,
        start=arrays.entry,
        sample_weight=arrays.weight,
        tie_breaking=ties,
    )
    predictor = arrays.matrix @ coefficients
    found = concordance(arrays, coefficients)
    if isinstance(found, Concordance):
        assert found.value == pytest.approx(other.c_index(predictor.round(9), arrays.weight), rel=1e-10)
    baseline = other.baseline_hazard(predictor, arrays.weight)
    (curves,) = expected_curves(arrays, coefficients, np.eye(2), ties, np.zeros((1, 2)))
    for place, curve in enumerate(curves):
        own = (baseline.stratum == place) & np.isin(baseline.time, curve.month)
        np.testing.assert_allclose(curve.cumulative_hazard, baseline.cumulative_hazard[own], rtol=1e-9)
    steps, (risk, _) = event_steps(arrays, ties), relative_risk(arrays, coefficients)
    total = steps.at_risk(risk)
    mean = steps.sums(risk[:, None] * arrays.matrix) / total[:, None]
    score = arrays.weight[steps.row] @ arrays.matrix[steps.row] - steps.weight @ mean
    gradient = other(predictor, arrays.weight).gradient
    np.testing.assert_allclose(score, arrays.matrix.T @ (-gradient / 2), rtol=1e-9, atol=1e-9)


@MODEST
@given(registries(least=2, most=24), st.sampled_from([None, "odd"]))
def test_expected_survival_falls_within_its_limits(data: pd.DataFrame, weight: str | None) -> None:
    fit = model(data, strata="stratum", weight=weight)
    if isinstance(fit, NotEstimable):
        return
    covariance = np.asarray(np.linalg.inv(fit.maximum.information))
    for interval in ("log-log", "log"):
        for curve in expected_curves(
            fit.design, fit.maximum.coefficients, covariance, "efron", standardised_rows(fit.design, NEW),
            interval=interval,
        )[1]:  # fmt: skip
            assert isinstance(curve, ExpectedCurve)
            assert np.all(np.diff(curve.cumulative_hazard) >= 0)
            assert np.all((curve.low <= curve.survival) & (curve.survival <= curve.high))
            assert np.all((curve.low >= 0) & (curve.high <= 1))


@MODEST
@given(registries(least=4, most=24), st.sampled_from(["efron", "breslow"]), st.sampled_from([None, "odd"]))
def test_the_penalised_score_is_the_slope_and_sums_say_what_the_whole_table_says(
    data: pd.DataFrame, ties: Any, weight: str | None
) -> None:
    arrays = design(data, strata="stratum", **({"weight": weight} if weight else {}))
    if isinstance(arrays, NotEstimable):
        return
    whole, sums = (penalised_likelihood(arrays, ties, table=table) for table in (10**6, 0))
    place, move = np.array([0.3, -0.4]), 1e-5
    here, other = whole.at(place), sums.at(place)
    if not (math.isfinite(here.log_likelihood) and np.linalg.eigvalsh(here.information)[0] > 1e-3):
        return
    assert other.log_likelihood == pytest.approx(here.log_likelihood, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(other.information, here.information, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other.score, here.score, rtol=1e-7, atol=1e-8)
    ends = [[whole.at(place + sign * step).log_likelihood for sign in (1, -1)] for step in move * np.eye(2)]
    slope = [(up - down) / (2 * move) for up, down in ends]
    np.testing.assert_allclose(here.score, slope, rtol=1e-4, atol=1e-5)


def profiled(found: FirthMaximum, arrays: CoxDesign) -> np.ndarray[Any, Any]:
    rows = []
    for profile, value, scale in zip(profile_limits(found), found.coefficients, arrays.scale, strict=True):
        assert not isinstance(profile.low, NotEstimable)
        assert not isinstance(profile.high, NotEstimable)
        assert profile.low < value < profile.high
        # the limits leave 0 out exactly if the test does
        if abs(profile.p - 0.05) > 1e-6:
            assert (profile.low > 0 or profile.high < 0) == (profile.p < 0.05)
        rows.append([value / scale, profile.low / scale, profile.high / scale, profile.chi_square])
    return np.array(rows)


@FEW
@given(
    registries(least=4, most=24),
    st.sampled_from(["efron", "breslow"]),
    st.sampled_from([None, "stratum"]),
    st.integers(0, 99),
)
def test_firth_is_finite_whenever_the_data_say_something(
    data: pd.DataFrame, ties: Any, strata: str | None, seed: int
) -> None:
    roles = {"strata": strata} if strata else {}
    arrays = design(data, **roles)
    if isinstance(arrays, NotEstimable):
        return
    found = maximise_firth(arrays, ties)
    usual = cox("group + z", data, month="month", event="event", entry="entry", strata=strata, ties=ties)
    if isinstance(found, NotEstimable):
        assert found == usual
        return
    assert found.converged
    assert found.log_likelihood >= found.log_likelihood_null - 1e-10
    assert isinstance(usual, CoxFit) or "infinite" in usual.reason or "flat" in usual.reason
    numbers = profiled(found, arrays)
    assert np.all(np.isfinite(numbers))
    # order of rows, and units of a column
    other = data.sample(frac=1, random_state=seed).assign(z=lambda frame: 5 - 10 * frame["z"])
    turned = design(other, **roles)
    assert isinstance(turned, CoxDesign)
    again = maximise_firth(turned, ties)
    assert isinstance(again, FirthMaximum)
    mirrored = profiled(again, turned)
    np.testing.assert_allclose(mirrored[0], numbers[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(mirrored[1, [0, 2, 1]] * -10, numbers[1, :3], rtol=1e-5, atol=1e-6)


@FEW
@given(registries(least=4, most=12))
def test_firth_takes_a_whole_weight_for_that_many_rows_and_split_follow_up_for_one(data: pd.DataFrame) -> None:
    rows = data.loc[data.index.repeat(data["weight"])].reset_index(drop=True)
    crossing = (rows["entry"] < 1) & (rows["month"] > 1)
    split = pd.concat(
        [rows[~crossing], rows[crossing].assign(month=1.0, event=0), rows[crossing].assign(entry=1.0)],
        ignore_index=True,
    )
    designs = [design(data, weight="weight"), design(rows), design(split)]
    found = [d if isinstance(d, NotEstimable) else maximise_firth(d, "breslow") for d in designs]
    if isinstance(found[0], NotEstimable):
        assert all(isinstance(one, NotEstimable) for one in found)
        return
    numbers = [
        profiled(one, arrays)
        for one, arrays in zip(found, designs, strict=True)
        if isinstance(one, FirthMaximum) and isinstance(arrays, CoxDesign)
    ]
    for other in numbers[1:]:
        np.testing.assert_allclose(other, numbers[0], rtol=1e-5, atol=1e-6)
