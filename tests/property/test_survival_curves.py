"""What holds of weighted log-rank tests, restricted means and curves for every registry, small and large."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyses.methods.curves.restricted_mean import MeanDifference, MeanRatio, RestrictedMean, RestrictedMeans
from analyses.methods.ordering import codes, order_by, stable_order
from analyses.methods.survival import KaplanMeier, LogRank, kaplan_meier, log_rank, restricted_mean
from analyses.result import NotEstimable

MODEST = settings(max_examples=40, deadline=None)
LARGE = 5000
RHO = st.sampled_from([0.0, 0.5, 1.0, 3.0])


@st.composite
def registries(draw: st.DrawFn, *, groups: int = 3) -> pd.DataFrame:
    """Draw persons on a coarse grid, so that ties, empty groups and late entries are common."""
    size = draw(st.integers(2, 16))

    def column(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=size, max_size=size))

    frame = pd.DataFrame(
        {"entry": column(0, 5), "length": column(1, 8), "event": column(0, 1), "group": column(0, groups - 1),
         "stratum": column(0, 2), "weight": column(0, 3)}
    )  # fmt: skip
    return frame.assign(entry=frame["entry"] / 4, month=(frame["entry"] + frame["length"]) / 4, odd=frame["weight"] / 7)


def ranked(data: pd.DataFrame, rho: float = 0) -> LogRank | NotEstimable:
    columns = (data["month"], data["event"], data["group"])
    return log_rank(*columns, strata=data["stratum"], entry=data["entry"], rho=rho)


def means(data: pd.DataFrame, weight: str | None = None) -> RestrictedMeans:
    return restricted_mean(
        data["month"], data["event"], data["group"], horizon=1.5, entry=data["entry"],
        weight=data[weight] if weight else None,
    )  # fmt: skip


def definition(data: pd.DataFrame, rho: float) -> tuple[float, int] | None:
    """Return the chi-square and its degrees of freedom from the definition, time by time."""
    groups = np.unique(data["group"])
    excess, variance = np.zeros(groups.size), np.zeros((groups.size, groups.size))
    for _, own in data.groupby("stratum"):
        free = 1.0
        for time in np.unique(own.loc[own["event"] == 1, "month"]):
            there = own[(own["entry"] < time) | (own["entry"] <= 0)]
            there = there[there["month"] >= time]
            died = there[(there["month"] == time) & (there["event"] == 1)]
            n, d = (np.array([(x["group"] == g).sum() for g in groups]) for x in (there, died))
            share, weight = n / n.sum(), free**rho
            excess += weight * (d - d.sum() * share)
            if n.sum() > 1:
                spread = d.sum() * (n.sum() - d.sum()) / (n.sum() - 1)
                variance += weight**2 * spread * (np.diag(share) - np.outer(share, share))
            free *= 1 - d.sum() / n.sum()
    df = int(np.linalg.matrix_rank(variance, rtol=1e-10))
    return (float(excess @ np.linalg.pinv(variance, rtol=1e-10) @ excess), df) if df else None


@MODEST
@given(registries(), RHO)
def test_the_test_is_that_of_its_definition(data: pd.DataFrame, rho: float) -> None:
    found, expected = ranked(data, rho), definition(data, rho)
    if expected is None:
        assert isinstance(found, NotEstimable)
        return
    assert isinstance(found, LogRank)
    assert (found.chi_square, found.df) == pytest.approx(expected, rel=1e-8, abs=1e-10)
    assert math.fsum(found.observed) == pytest.approx(math.fsum(found.expected), rel=1e-12)


@MODEST
@given(registries(), RHO, st.randoms(use_true_random=False), st.sampled_from([None, "weight", "odd"]))
def test_the_order_of_rows_and_the_names_of_groups_change_no_digit(
    data: pd.DataFrame, rho: float, random: object, weight: str | None
) -> None:
    shuffled = data.sample(frac=1, random_state=random.randrange(10**6))  # type: ignore[attr-defined]
    assert ranked(data, rho) == ranked(shuffled, rho)
    assert means(data, weight) == means(shuffled, weight)
    named = ranked(data.assign(group=data["group"].map({0: "x", 1: "y", 2: "z"})), rho)
    first = ranked(data, rho)
    if isinstance(first, LogRank) and isinstance(named, LogRank):
        assert dataclasses.replace(named, groups=first.groups) == first
    else:
        assert named == first


@MODEST
@given(registries(), RHO, st.integers(1, 12))
def test_splitting_follow_up_changes_no_test_and_no_mean(data: pd.DataFrame, rho: float, quarter: int) -> None:
    cut = quarter / 4
    crossing = (data["entry"] < cut) & (cut < data["month"])
    before = data[crossing].assign(month=cut, event=0)
    split = pd.concat([data[~crossing], before, data[crossing].assign(entry=cut)], ignore_index=True)
    one, other = ranked(data, rho), ranked(split, rho)
    if isinstance(one, LogRank) and isinstance(other, LogRank):
        assert one.chi_square == pytest.approx(other.chi_square, rel=1e-8, abs=1e-10)
        assert one.observed == pytest.approx(other.observed)
    else:
        assert one == other
    for first, second in zip(means(data).means, means(split).means, strict=True):
        if isinstance(first, RestrictedMean) and isinstance(second, RestrictedMean):
            numbers = dataclasses.astuple(dataclasses.replace(first, n=second.n))
            assert numbers == pytest.approx(dataclasses.astuple(second), rel=1e-9)
        else:
            assert first == second


@MODEST
@given(registries(groups=2))
def test_a_whole_weight_is_that_many_rows(data: pd.DataFrame) -> None:
    rows = data.loc[data.index.repeat(data["weight"])].reset_index(drop=True)
    weighted, repeated = means(data, "weight"), means(rows)
    if set(rows["group"]) != set(data["group"]):
        return
    for one, other in zip(
        (*weighted.means, weighted.difference, weighted.ratio),
        (*repeated.means, repeated.difference, repeated.ratio), strict=True,
    ):  # fmt: skip
        if isinstance(one, NotEstimable) or isinstance(other, NotEstimable):
            assert one == other
        else:
            for name in ("value", "low", "high"):
                assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9, abs=1e-12)
    assert weighted.followed_to == repeated.followed_to


@MODEST
@given(registries(groups=2), st.sampled_from([None, "weight", "odd"]))
def test_means_are_numbers_within_their_limits_or_say_why_not(data: pd.DataFrame, weight: str | None) -> None:
    found = means(data, weight)
    for mean in found.means:
        if isinstance(mean, RestrictedMean):
            assert 0 < mean.low < mean.value < mean.high < found.horizon
            assert 0 < mean.std_error < mean.interval_error <= mean.std_error * math.sqrt(2) * (1 + 1e-12)
    both = all(isinstance(mean, RestrictedMean) for mean in found.means) and len(found.means) == 2
    assert isinstance(found.difference, MeanDifference) == isinstance(found.ratio, MeanRatio) == both
    # whoever cuts the horizon to followed_to has followed all groups
    if 0 < found.followed_to < found.horizon:
        cut = restricted_mean(
            data["month"], data["event"], data["group"], horizon=found.followed_to, entry=data["entry"],
            weight=data[weight] if weight else None,
        )  # fmt: skip
        assert not any(isinstance(x, NotEstimable) and "followed to month" in x.reason for x in cut.means)


@MODEST
@given(registries(groups=2))
def test_difference_and_ratio_turn_with_the_groups(data: pd.DataFrame) -> None:
    found, turned = means(data), means(data.assign(group=1 - data["group"]))
    if isinstance(found.difference, MeanDifference) and isinstance(turned.difference, MeanDifference):
        assert found.difference.value == pytest.approx(-turned.difference.value, abs=1e-12)
        assert found.difference.low == pytest.approx(-turned.difference.high, abs=1e-12)
        assert found.difference.p == pytest.approx(turned.difference.p)
    if isinstance(found.ratio, MeanRatio) and isinstance(turned.ratio, MeanRatio):
        assert found.ratio.low * turned.ratio.high == pytest.approx(1)
        assert found.ratio.p == pytest.approx(turned.ratio.p)


def large(kind: str, *, seed: int = 1) -> pd.DataFrame:
    """Return persons enough for the quick ways of sorting; on a grid, or with times of very different size."""
    random = np.random.default_rng(seed)
    month = random.exponential(20, LARGE)
    if kind == "grid":
        month = np.ceil(month)
    if kind == "skewed":
        month = month**9
    entry = np.where(random.random(LARGE) < 0.5, month * random.random(LARGE), 0)
    return pd.DataFrame(
        {"entry": entry, "month": month, "event": random.integers(0, 2, LARGE), "group": random.integers(0, 3, LARGE),
         "stratum": random.integers(0, 300, LARGE), "weight": random.random(LARGE)}
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["different", "grid", "skewed"])
def test_many_persons_in_any_order_have_the_same_curve_and_test_to_the_last_digit(kind: str) -> None:
    data = large(kind)
    shuffled = data.sample(frac=1, random_state=2)
    for columns in ([], ["entry"], ["weight"], ["entry", "weight"]):
        one, other = (
            kaplan_meier(x["month"], x["event"], **{name: x[name] for name in columns}) for x in (data, shuffled)
        )
        assert isinstance(one, KaplanMeier)
        assert isinstance(other, KaplanMeier)
        for name in ("month", "survival", "std_error", "low", "high", "at_risk", "at_risk_weighted", "events"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            assert np.all(np.isfinite(getattr(one, name)))
    assert ranked(data, 1) == ranked(shuffled, 1)


def test_many_persons_have_the_test_of_the_definition() -> None:
    data = large("grid")[:2500]
    found, expected = ranked(data, 1), definition(data, 1)
    assert isinstance(found, LogRank)
    assert expected == pytest.approx((found.chi_square, found.df), rel=1e-9)


VALUES = {
    "different": lambda random: random.exponential(20, LARGE),
    "grid": lambda random: np.floor(random.exponential(20, LARGE)),
    "skewed": lambda random: random.exponential(1, LARGE) ** 40,
    "with minus infinity": lambda random: np.where(random.random(LARGE) < 0.5, -np.inf, random.random(LARGE)),
    "all minus infinity": lambda random: np.full(LARGE, -np.inf),
    "all equal": lambda random: np.full(LARGE, 3.0),
    "next to each other": lambda random: 1 + np.finfo(float).eps * random.integers(0, 3, LARGE),
    "nearly nothing": lambda random: np.finfo(float).smallest_subnormal * random.integers(0, 9, LARGE),
    "as far apart as numbers can be": lambda random: np.finfo(float).max * random.choice([-1, 0.5, 1], LARGE),
    "few": lambda random: random.random(7),
    "none": lambda random: np.zeros(0),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_quick_order_is_that_of_a_stable_sort(name: str) -> None:
    random = np.random.default_rng(3)
    values = VALUES[name](random)
    np.testing.assert_array_equal(stable_order(values), np.argsort(values, kind="stable"))
    flag, third = random.random(values.size) < 0.5, random.integers(0, 4, values.size).astype(float)
    np.testing.assert_array_equal(order_by(values, flag, third), np.lexsort((third, flag, values)))


def test_codes_are_those_of_the_sorted_labels() -> None:
    for labels in (["b", "a", "b"], [3, 1, 3], [True, False, True], np.array(["b", "a", "b"])):
        code, distinct = codes(labels, "group", 3)
        assert code.tolist() == [1, 0, 1]
        assert distinct == (labels[1], labels[0])
