"""What holds of competing-risks methods for every registry: order, weights, split follow-up, sums, never a NaN."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyses.methods.competing import (
    CumulativeIncidence,
    FineGrayFit,
    GrayTest,
    cumulative_incidence,
    fine_gray,
    gray_test,
    incidence_difference,
    time_lost_difference,
)
from analyses.methods.survival import KaplanMeier, cox, kaplan_meier, restricted_mean
from analyses.result import NotEstimable
from tests.persons_drawn import registries

HORIZON = 3.0
MODEST = settings(max_examples=20, deadline=None)
ARRAYS = ("month", "incidence", "std_error", "low", "high", "free", "at_risk", "events", "at_risk_weighted")
WEIGHTS = st.sampled_from([None, "weight", "odd"])


def curves(data: pd.DataFrame, weight: str | None = None, *, late: bool = True) -> CumulativeIncidence:
    found = cumulative_incidence(
        data["month"], data["cause"], entry=data["entry"] if late else None, weight=data[weight] if weight else None
    )
    assert isinstance(found, CumulativeIncidence)
    return found


def model(data: pd.DataFrame, **roles: str) -> FineGrayFit | NotEstimable:
    return fine_gray("group + z", data, month="month", cause="cause", **roles)  # type: ignore[arg-type]


def same_model(first: FineGrayFit | NotEstimable, second: FineGrayFit | NotEstimable, *, tolerance: float) -> None:
    if isinstance(first, NotEstimable) or isinstance(second, NotEstimable):
        assert first == second
        return
    pd.testing.assert_frame_equal(first.terms, second.terms, rtol=tolerance, atol=tolerance)
    assert first.log_likelihood == pytest.approx(second.log_likelihood, rel=1e-9, abs=1e-9)


@MODEST
@given(registries(causes=2), st.randoms(use_true_random=False), WEIGHTS)
def test_the_order_of_rows_changes_no_digit(data: pd.DataFrame, random: object, weight: str | None) -> None:
    shuffled = data.sample(frac=1, random_state=random.randrange(10**6)).reset_index(drop=True)  # type: ignore[attr-defined]
    first, second = curves(data, weight), curves(shuffled, weight)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.restricted_time_lost(HORIZON) == second.restricted_time_lost(HORIZON)
    tests = [gray_test(d["month"], d["cause"], d["group"], strata=d["stratum"]) for d in (data, shuffled)]
    assert tests[0] == tests[1]
    roles = {"strata": "stratum", "entry": "entry", **({"weight": weight} if weight else {})}
    same_model(model(data, **roles), model(shuffled, **roles), tolerance=0)


@MODEST
@given(
    registries(causes=2),
    st.sampled_from([{}, {"strata": "stratum"}, {"censoring_strata": "stratum", "entry": "entry"}]),
)
def test_a_whole_weight_is_that_many_rows(data: pd.DataFrame, roles: dict[str, str]) -> None:
    rows = data.loc[data.index.repeat(data["weight"])].reset_index(drop=True)
    first, second = curves(data, "weight"), curves(rows)
    for name in ("month", "incidence", "std_error", "low", "high", "free"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(first.at_risk_weighted, second.at_risk)
    lost, again = first.restricted_time_lost(HORIZON), second.restricted_time_lost(HORIZON)
    for cause, one in lost.items():
        other = again[cause]
        if isinstance(one, NotEstimable) or isinstance(other, NotEstimable):
            assert one == other
        else:
            assert (one.value, one.std_error) == pytest.approx((other.value, other.std_error), rel=1e-9, abs=1e-9)
    fit, refit = model(data, weight="weight", **roles), model(rows, **roles)
    if isinstance(fit, FineGrayFit) and isinstance(refit, FineGrayFit):
        same_model(fit, refit, tolerance=1e-6)
    else:
        assert isinstance(fit, NotEstimable)
        assert isinstance(refit, NotEstimable)


@MODEST
@given(registries(causes=2), st.integers(1, 12))
def test_splitting_follow_up_changes_no_incidence(data: pd.DataFrame, quarter: int) -> None:
    cut = quarter / 4
    crossing = (data["entry"] < cut) & (cut < data["month"])
    before = data[crossing].assign(month=cut, cause=0)
    split = pd.concat([data[~crossing], before, data[crossing].assign(entry=cut)], ignore_index=True)
    first, second = curves(data), curves(split)
    months = np.arange(0, 4, 0.125)
    for cause in (1, 2):
        for one, other in zip(first.of(cause).at(months), second.of(cause).at(months), strict=True):
            if isinstance(one, NotEstimable) or isinstance(other, NotEstimable):
                assert one == other
            else:
                # not the error: two rows of a person count as two persons in it
                same = ("value", "at_risk", "at_risk_weighted", "events")
                assert [getattr(one, name) for name in same] == pytest.approx([getattr(other, name) for name in same])


@MODEST
@given(registries(causes=2), WEIGHTS)
def test_incidences_and_what_is_free_add_up_to_1_within_limits_and_without_nan(
    data: pd.DataFrame, weight: str | None
) -> None:
    found = curves(data, weight)
    for name in ARRAYS:
        assert np.all(np.isfinite(getattr(found, name)))
    np.testing.assert_allclose(found.incidence.sum(axis=0) + found.free, 1, rtol=0, atol=4e-16 * len(data) + 1e-12)
    assert np.all(np.diff(found.incidence, axis=1) >= 0)
    assert np.all((found.low <= found.incidence) & (found.incidence <= found.high))
    assert np.all((found.low >= 0) & (found.high <= 1))
    later = found.month > 0
    assert np.all(found.low[:, later] < found.high[:, later])
    for cause in (1, 2, 3):
        curve = found.of(cause)
        quantile = curve.quantile(0.3)
        assert quantile.low <= quantile.value <= quantile.high
        for here in curve.at([0, 1, 2.5]):
            assert isinstance(here, NotEstimable) or (0 <= here.low <= here.value <= here.high <= 1)


@MODEST
@given(registries(causes=2), WEIGHTS)
def test_times_lost_to_all_causes_and_the_restricted_mean_add_up_to_the_horizon(
    data: pd.DataFrame, weight: str | None
) -> None:
    lost = curves(data, weight).restricted_time_lost(HORIZON)
    (free,) = restricted_mean(
        data["month"], data["cause"] > 0, horizon=HORIZON, entry=data["entry"],
        weight=data[weight] if weight else None,
    ).means  # fmt: skip
    values = [found.value for found in lost.values() if not isinstance(found, NotEstimable)]
    if len(values) == len(lost) and not isinstance(free, NotEstimable):
        assert sum(values) + free.value == pytest.approx(HORIZON, rel=1e-12)


@MODEST
@given(registries(causes=2), WEIGHTS)
def test_with_one_cause_it_is_kaplan_meier(data: pd.DataFrame, weight: str | None) -> None:
    single = data.assign(cause=(data["cause"] > 0).astype(int), entry=0.0)
    other = kaplan_meier(single["month"], single["cause"], weight=single[weight] if weight else None)
    assert isinstance(other, KaplanMeier)
    found = curves(single, weight).of(1)
    np.testing.assert_allclose(found.value, 1 - other.survival, rtol=0, atol=1e-12)
    inside = (found.value > 0) & (found.value < 1)
    np.testing.assert_allclose(found.std_error[inside], other.std_error[inside], rtol=1e-9)
    np.testing.assert_allclose(found.low[inside], 1 - other.high[inside], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.high[inside], 1 - other.low[inside], rtol=0, atol=1e-9)
    ours, theirs = found.quantile(0.4), other.quantile(0.4)
    assert (ours.value, ours.low) == (theirs.value, theirs.low)


@MODEST
@given(registries(causes=2), WEIGHTS)
def test_without_a_competing_event_fine_gray_is_cox(data: pd.DataFrame, weight: str | None) -> None:
    single = data.assign(cause=(data["cause"] == 1).astype(int))
    roles = {"entry": "entry", "strata": "stratum", **({"weight": weight} if weight else {})}
    found = model(single, **roles)
    other = cox("group + z", single, month="month", event="cause", ties="breslow", **roles)  # type: ignore[arg-type]
    if isinstance(found, NotEstimable) or isinstance(other, NotEstimable):
        assert isinstance(found, NotEstimable)
        return
    np.testing.assert_allclose(found.terms["estimate"], other.terms["estimate"], rtol=1e-7, atol=1e-7)


@MODEST
@given(
    registries(causes=2, least=2), st.sampled_from(["after", "among"]), st.sampled_from(["estimated", "known"]), WEIGHTS
)
def test_every_number_is_a_number_or_says_why_not(
    data: pd.DataFrame, tied: str, weights: str, weight: str | None
) -> None:
    for rho in (0, 1, -0.5):
        test = gray_test(data["month"], data["cause"], data["group"], rho=rho)
        assert isinstance(test, NotEstimable) or (math.isfinite(test.chi_square) and 0 <= test.p <= 1)
    roles = {"weight": weight} if weight else {}
    fit = model(data, tied_censoring=tied, censoring_weights=weights, entry="entry", **roles)
    if isinstance(fit, FineGrayFit):
        assert np.all(np.isfinite(fit.terms.drop(columns=["term", "df"]).to_numpy()))
        assert fit.converged
        assert fit.log_likelihood >= fit.log_likelihood_null - 1e-9
    parts = [data[data["group"] == group] for group in (0, 1)]
    if any(part.empty for part in parts):
        return
    first, second = (curves(part, weight) for part in parts)
    found, turned = (incidence_difference(a.of(1), b.of(1), month=1) for a, b in ((first, second), (second, first)))
    if isinstance(found, NotEstimable) or isinstance(turned, NotEstimable):
        assert found == turned
    else:
        assert -1 - 1e-12 <= found.low <= found.value <= found.high <= 1 + 1e-12
        assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low))
    lost = [part.restricted_time_lost(HORIZON).get(1, NotEstimable(reason="none")) for part in (first, second)]
    difference = time_lost_difference(*lost)
    assert isinstance(difference, NotEstimable) or all(math.isfinite(x) for x in dataclasses.astuple(difference))


@MODEST
@given(registries(causes=2, least=3), st.floats(0.1, 30))
def test_a_ratio_does_not_depend_on_the_unit_of_time_nor_a_test_on_the_names_of_groups(
    data: pd.DataFrame, factor: float
) -> None:
    other = data.assign(entry=data["entry"] * factor, month=data["month"] * factor)
    same_model(model(data, entry="entry"), model(other, entry="entry"), tolerance=1e-9)
    one = gray_test(data["month"], data["cause"], data["stratum"])
    turned = gray_test(data["month"], data["cause"], -data["stratum"])
    if isinstance(one, GrayTest) and isinstance(turned, GrayTest):
        assert one.chi_square == pytest.approx(turned.chi_square, rel=1e-7, abs=1e-9)
    else:
        assert one == turned


def registry(size: int, seed: int) -> pd.DataFrame:
    """Return a larger registry on a grid of quarters, with late entries and two causes."""
    rng = np.random.default_rng(seed)
    month = np.ceil(rng.exponential(6, size) * 4) / 4 + 0.25
    entry = np.where(rng.random(size) < 0.4, np.floor(month * rng.random(size) * 2) / 4, 0.0)
    return pd.DataFrame(
        {"month": month, "entry": np.minimum(entry, month - 0.25), "group": rng.integers(0, 2, size),
         "cause": rng.choice([0, 1, 2], size, p=[0.4, 0.35, 0.25]), "z": rng.normal(size=size),
         "stratum": rng.integers(0, 2, size), "weight": rng.uniform(0.5, 1.5, size), "centre": rng.integers(0, 8, size)}
    )  # fmt: skip


@pytest.mark.parametrize(
    "roles",
    [
        {},
        {"entry": "entry"},
        {"entry": "entry", "strata": "stratum", "ties": "efron"},
        {"censoring_strata": "stratum"},
        {"entry": "entry", "strata": "centre", "censoring_strata": "stratum"},
    ],
)
def test_the_variance_is_that_of_the_derivatives_of_the_estimates_with_respect_to_each_weight(
    roles: dict[str, str],
) -> None:
    # infinitesimal jackknife by definition: refit with each weight a little larger and a little smaller
    data, step = registry(36, seed=5), 1e-4
    found = model(data, weight="weight", **roles)
    assert isinstance(found, FineGrayFit)
    total = np.zeros((2, 2))
    for row in range(len(data)):
        moved = []
        for sign in (1, -1):
            other = data.assign(weight=data["weight"] + sign * step * (np.arange(len(data)) == row))
            fit = model(other, weight="weight", **roles)
            assert isinstance(fit, FineGrayFit)
            moved.append(fit.terms["estimate"].to_numpy())
        influence = data["weight"].iloc[row] * (moved[0] - moved[1]) / (2 * step)
        total += np.outer(influence, influence)
    np.testing.assert_allclose(found.covariance, total, rtol=1e-5, atol=1e-8)


def test_the_jackknife_of_an_incidence_and_of_its_area_is_that_of_numerical_derivatives() -> None:
    data, step, month = registry(40, seed=11), 1e-5, 5.0
    values: dict[str, list[float]] = {"incidence": [], "area": []}
    for row in range(len(data)):
        ends = []
        for sign in (1, -1):
            weight = data["weight"] + sign * step * (np.arange(len(data)) == row)
            found = cumulative_incidence(data["month"], data["cause"], entry=data["entry"], weight=weight)
            assert isinstance(found, CumulativeIncidence)
            ends.append((found.of(1).at([month])[0].value, found.restricted_time_lost(month)[1].value))  # type: ignore[union-attr]
        for place, name in enumerate(values):
            values[name].append(data["weight"].iloc[row] * (ends[0][place] - ends[1][place]) / (2 * step))
    found = curves(data, "weight")
    here, lost = found.of(1).at([month])[0], found.restricted_time_lost(month)[1]
    assert not isinstance(here, NotEstimable)
    assert not isinstance(lost, NotEstimable)
    assert here.std_error == pytest.approx(np.linalg.norm(values["incidence"]), rel=1e-7)
    assert lost.std_error == pytest.approx(np.linalg.norm(values["area"]), rel=1e-7)
