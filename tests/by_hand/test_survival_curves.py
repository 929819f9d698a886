"""Weighted log-rank tests, restricted means and hard cases of curves on paper: at most eight patients, fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import chi2

from analyses.methods.curves.restricted_mean import MeanDifference, MeanRatio, RestrictedMean, RestrictedMeans
from analyses.methods.survival import KaplanMeier, LogRank, Survival, kaplan_meier, log_rank, restricted_mean
from analyses.result import NotEstimable

Z = 1.959963984540054


def ranked(*columns: object, **settings: object) -> LogRank:
    found = log_rank(*columns, **settings)  # type: ignore[arg-type]
    assert isinstance(found, LogRank)
    return found


def curve(*columns: object, **settings: object) -> KaplanMeier:
    found = kaplan_meier(*columns, **settings)  # type: ignore[arg-type]
    assert isinstance(found, KaplanMeier)
    return found


def only(found: RestrictedMeans) -> RestrictedMean:
    (mean,) = found.means
    assert isinstance(mean, RestrictedMean)
    return mean


# --- log-rank with weights ---------------------------------------------------------------------------------------


def test_rho_weighs_a_time_by_the_curve_just_before_it() -> None:
    # Group a: 1, 3, 5+; group b: 2, 3, 6. At risk (a, b): 3, 3 at 1; 2, 3 at 2; 2, 2 at 3 (two events); 0, 1 at 6.
    # S just before: 1, 5/6, 5/6 x 4/5 = 2/3, 2/3 x 1/2 = 1/3.
    found = ranked([1, 3, 5, 2, 3, 6], [1, 1, 0, 1, 1, 1], list("aaabbb"), rho=1)
    w = [Fraction(1), Fraction(5, 6), Fraction(2, 3), Fraction(1, 3)]
    observed = (w[0] + w[2], w[1] + w[2] + w[3])
    expected = w[0] / 2 + w[1] * Fraction(2, 5) + w[2] * 2 / 2
    variance = w[0] ** 2 / 4 + w[1] ** 2 * Fraction(6, 25) + w[2] ** 2 * 2 * Fraction(2, 3) / 4
    assert found.observed == pytest.approx([float(x) for x in observed], rel=1e-14)
    assert found.expected == pytest.approx((float(expected), float(sum(observed) - expected)), rel=1e-14)
    assert found.chi_square == pytest.approx(float((observed[0] - expected) ** 2 / variance), rel=1e-13)
    assert (found.events, found.n, found.rho) == ((2, 3), (3, 3), 1)


def test_each_stratum_has_its_own_curve_of_weights() -> None:
    # Stratum 1: a 1, b 2 (S before: 1, 1/2). Stratum 2: b 3, a 4+, b 5+ (1). At 2 only b is left: nothing to compare.
    found = ranked([1, 2, 3, 4, 5], [1, 1, 1, 0, 0], list("abbab"), strata=[1, 1, 2, 2, 2], rho=2)
    expected = Fraction(1, 2) + Fraction(1, 3)
    variance = Fraction(1, 4) + Fraction(2, 9)
    assert found.observed == pytest.approx((1, 1 + 1 / 4))
    assert found.chi_square == pytest.approx(float((1 - expected) ** 2 / variance), rel=1e-13)


def test_rho_with_delayed_entry() -> None:
    # a: (0, 2] event, (0, 4] event; b: (1, 3] event, (3, 5] none. At 2: a 2, b 1; at 3: a 1, b 1; at 4: a 1, b 1.
    # S just before: 1, 2/3, 1/3.
    found = ranked([2, 4, 3, 5], [1, 1, 1, 0], list("aabb"), entry=[0, 0, 1, 3], rho=1)
    expected = Fraction(2, 3) + Fraction(2, 3) / 2 + Fraction(1, 3) / 2
    variance = Fraction(2, 9) + Fraction(4, 9) / 4 + Fraction(1, 9) / 4
    assert found.chi_square == pytest.approx(float((1 + Fraction(1, 3) - expected) ** 2 / variance), rel=1e-13)


def test_three_groups_by_hand() -> None:
    # c has the event at 1, a at 2, b is censored at 3. Of a and b: E = 1/3 + 1/2 each, V = sum of diag(p) - p p'.
    found = ranked([1, 2, 3], [1, 1, 0], ["c", "a", "b"], rho=0)
    first = np.array([[2, -1], [-1, 2]]) / 9
    second = np.array([[1, -1], [-1, 1]]) / 4
    excess = np.array([1 - 1 / 3 - 1 / 2, -1 / 3 - 1 / 2])
    chi_square = float(excess @ np.linalg.solve(first + second, excess))
    assert (found.groups, found.df) == (("a", "b", "c"), 2)
    assert found.chi_square == pytest.approx(chi_square, rel=1e-12)
    assert found.p == pytest.approx(float(chi2.sf(chi_square, 2)))


def test_a_stratum_without_events_or_with_one_group_adds_nothing() -> None:
    alone = ranked([1, 2, 3], [1, 1, 0], list("aba"))
    silent = ranked([1, 2, 3, 4, 5, 6], [1, 1, 0, 0, 0, 1], list("abaabb"), strata=[1, 1, 1, 2, 2, 3])
    assert (silent.chi_square, silent.df, silent.p) == (alone.chi_square, alone.df, alone.p)
    assert silent.events == (1, 2)


def test_a_negative_or_missing_rho_and_a_missing_group_or_stratum_are_refused() -> None:
    for rho in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="rho is a number from 0 upwards"):
            log_rank([1, 2], [1, 1], [0, 1], rho=rho)
    with pytest.raises(ValueError, match="group has a missing value"):
        log_rank([1, 2, 3], [1, 1, 1], ["a", None, "b"])
    with pytest.raises(ValueError, match="strata has a missing value"):
        log_rank([1, 2, 3], [1, 1, 1], [0, 1, 1], strata=[1, 1, math.nan])
    with pytest.raises(ValueError, match="group has a missing value"):
        restricted_mean([1, 2, 3], [1, 1, 1], [0, 1, math.nan], horizon=2)
    with pytest.raises(ValueError, match="month and strata differ in length"):
        log_rank([1, 2, 3], [1, 1, 1], [0, 1, 1], strata=[1, 1])


# --- restricted means --------------------------------------------------------------------------------------------


def test_without_censoring_the_interval_has_the_error_of_an_ordinary_mean() -> None:
    month = [1, 2, 3, 4, 6, 8, 9, 10]
    mean = only(restricted_mean(month, [1] * 8, horizon=12))
    assert mean.value == pytest.approx(43 / 8)
    assert mean.std_error == pytest.approx(np.std(month) / math.sqrt(8), rel=1e-13)
    assert mean.interval_error == pytest.approx(np.std(month, ddof=1) / math.sqrt(8), rel=1e-13)


def test_the_limits_of_a_mean_are_on_the_scale_of_the_logit_of_its_share_of_the_horizon() -> None:
    # Six patients: mean 23/6 - ... = 1 + 5/6 + 1/2 = 7/3 up to month 3; three events before it (1, 2, 2).
    mean = only(restricted_mean([1, 2, 2, 3, 4, 5], [1, 1, 1, 0, 1, 0], horizon=3))
    share = Fraction(7, 9)
    variance = Fraction(16, 9) / 30 + Fraction(1, 4) * Fraction(2, 15)
    wide = math.sqrt(variance * Fraction(3, 2))
    assert mean.interval_error == pytest.approx(wide, rel=1e-13)
    reach = Z * wide / 3 / float(share * (1 - share))
    odds = math.log(share / (1 - share))
    limits = tuple(3 / (1 + math.exp(-x)) for x in (odds - reach, odds + reach))
    assert (mean.low, mean.high) == pytest.approx(limits, rel=1e-12)


def test_difference_and_ratio_by_hand() -> None:
    # First group 1 + 3/4 + 1/2 + 1/4 = 5/2, second 2 + 2 x 3/4 = 7/2; events before month 4: three, and one.
    found = restricted_mean([1, 2, 3, 4, 2, 4, 4, 4], [1, 1, 1, 0, 1, 0, 0, 0], [0] * 4 + [1] * 4, horizon=4)
    first = Fraction(9, 4) / 12 + Fraction(9, 16) / 6 + Fraction(1, 16) / 2
    second = Fraction(9, 4) / 12
    assert isinstance(found.ratio, MeanRatio)
    assert isinstance(found.difference, MeanDifference)
    assert found.ratio.value == pytest.approx(7 / 5, rel=1e-14)
    plain = first / Fraction(5, 2) ** 2 + second / Fraction(7, 2) ** 2
    assert found.ratio.log_std_error == pytest.approx(math.sqrt(plain), rel=1e-13)
    wide = math.sqrt(first * Fraction(3, 2) / Fraction(5, 2) ** 2 + second * 2 / Fraction(7, 2) ** 2)
    limits = (1.4 * math.exp(-Z * wide), 1.4 * math.exp(Z * wide))
    assert (found.ratio.low, found.ratio.high) == pytest.approx(limits, rel=1e-12)
    assert found.ratio.p == pytest.approx(math.erfc(math.log(1.4) / wide / math.sqrt(2)), rel=1e-12)
    assert found.difference.std_error == pytest.approx(math.sqrt(first + second), rel=1e-13)


def test_events_of_unequal_weight_count_as_fewer() -> None:
    # Weights 1/2 and 1 of the two events: (3/2)^2 / (5/4) = 9/5 events, raised to 2.
    mean = only(restricted_mean([1, 2, 3], [1, 1, 0], weight=[0.5, 1, 1.5], horizon=3))
    assert mean.interval_error == pytest.approx(mean.std_error * math.sqrt(2), rel=1e-13)
    # Weights 1/2, 1, 1/2: 4 / (3/2) = 8/3 events
    mean = only(restricted_mean([1, 2, 2.5, 3], [1, 1, 1, 0], weight=[0.5, 1, 0.5, 1.5], horizon=3))
    assert mean.interval_error == pytest.approx(mean.std_error * math.sqrt((8 / 3) / (5 / 3)), rel=1e-13)


def test_an_event_at_the_very_horizon_moves_no_area_and_counts_for_no_error() -> None:
    # Two events before month 4 and one at it: 2 / (2 - 1), not 3 / (3 - 1).
    mean = only(restricted_mean([1, 2, 4, 5], [1, 1, 1, 0], horizon=4))
    assert mean.value == pytest.approx(1 + 3 / 4 + 2 / 2)
    assert mean.interval_error == pytest.approx(mean.std_error * math.sqrt(2), rel=1e-13)
    assert mean.events == 3


@pytest.mark.parametrize(
    ("month", "event", "followed_to"),
    [
        ([1, 9.7, 1, 30], [1, 0, 1, 0], 9.7),
        ([1, 9.7, 1, 30], [1, 1, 1, 0], 30),  # nobody of the first group is left: it needs no longer follow-up
        ([1, 9.7, 1, 30], [1, 1, 1, 1], math.inf),
    ],
)
def test_the_largest_horizon_that_all_groups_are_followed_to(
    month: list[float], event: list[int], followed_to: float
) -> None:
    found = restricted_mean(month, event, list("aabb"), horizon=24)
    assert found.followed_to == followed_to
    assert isinstance(found.difference, NotEstimable) == (followed_to < 24)
    again = restricted_mean(month, event, list("aabb"), horizon=min(24, followed_to))
    assert isinstance(again.difference, MeanDifference)


def test_a_group_of_weight_0_is_followed_to_no_month() -> None:
    found = restricted_mean([1, 2, 3, 4], [1, 0, 1, 0], list("aabb"), weight=[1, 1, 0, 0], horizon=2)
    assert found.followed_to == 0
    assert found.means[1] == NotEstimable(reason="there is nobody to follow")
    assert restricted_mean([], [], horizon=2).followed_to == 0


def test_a_mean_of_which_the_data_show_no_error_is_not_estimable() -> None:
    def reason(month: list[float], event: list[int]) -> str:
        (found,) = restricted_mean(month, event, horizon=12).means
        assert isinstance(found, NotEstimable)
        return found.reason

    assert reason([12, 14], [1, 0]) == "nobody had the event before month 12, so the mean has no interval"
    expected = "all who were at risk had the event at month 3, so the mean has no interval"
    assert reason([3, 3, 3], [1, 1, 1]) == expected
    assert reason([3, 2], [1, 0]) == expected
    assert "month 0," in reason([0, 0], [1, 1])


def test_a_mean_of_a_curve_that_was_emptied_before_later_entries_says_so() -> None:
    found = restricted_mean([1, 2, 5, 6], [1, 1, 1, 0], entry=[0, 0, 3, 3], horizon=6)
    assert found.means[0] != NotEstimable(reason="")
    assert "others had not yet come under observation" in found.notes[0]
    assert restricted_mean([1, 2, 5, 6], [1, 1, 1, 0], horizon=6).notes == ()


# --- curves ------------------------------------------------------------------------------------------------------


def test_numbers_at_risk_with_and_without_weights_and_delayed_entry() -> None:
    # Entry 0, 1, 3; end 2, 4, 5. In the gap before an entry nobody is there: exactly 0, of whatever weights.
    found = curve([2, 4, 5], [0, 1, 0], entry=[0, 1, 3], weight=[0.1, 0.2, 0.3])
    here = found.at([1, 2, 3, 4, 5])
    assert [getattr(x, "at_risk", None) for x in here] == [1, 2, 1, 2, 1]
    weighted = [x.at_risk_weighted for x in here if isinstance(x, Survival)]
    assert weighted == pytest.approx([0.1, 0.3, 0.2, 0.5, 0.3], rel=1e-14)
    assert [getattr(x, "events", None) for x in here] == [0, 0, 0, 1, 1]
    assert [getattr(x, "at_risk", None) for x in found.at([0])] == [1]  # who is there from 0 on, is there at 0
    # (0.3 + 0.2) + 0.1 and (0.1 + 0.2) + 0.3 differ in the last digit
    (gap,) = curve([2, 5, 6, 7], [0, 1, 1, 1], entry=[0, 4.5, 4, 3.5], weight=[0.5, 0.1, 0.2, 0.3]).at([2.5])
    assert isinstance(gap, Survival)
    assert (gap.at_risk, gap.at_risk_weighted) == (0, 0)


def test_who_is_left_counts_however_small_the_weight() -> None:
    # 1e-20 beside 1 is lost in a sum; the curve must not come down to 0 while somebody is left.
    found = curve([1, 2], [1, 0], weight=[1.0, 1e-20])
    assert 0 < found.survival[-1] < 1e-19
    assert np.all(np.isfinite([found.std_error, found.low, found.high]))


def test_a_missing_month_is_refused() -> None:
    with pytest.raises(ValueError, match="a month is missing"):
        curve([1, 2], [1, 0]).at([math.nan])


HARD: dict[str, dict[str, list[float]]] = {
    "one person with the event": {"month": [3], "event": [1], "group": [0]},
    "one person without": {"month": [3], "event": [0], "group": [0]},
    "one person at month 0": {"month": [0], "event": [1], "group": [0]},
    "all times equal": {"month": [3] * 6, "event": [1, 0, 1, 0, 1, 0], "group": [0, 0, 0, 1, 1, 1]},
    "everybody at one time": {"month": [3] * 6, "event": [1] * 6, "group": [0, 0, 0, 1, 1, 1]},
    "no events": {"month": [1, 2, 3, 4], "event": [0] * 4, "group": [0, 0, 1, 1]},
    "no events in an arm": {"month": [1, 2, 13, 4, 5, 14], "event": [1, 1, 0, 0, 0, 0], "group": [0, 0, 0, 1, 1, 1]},
    "no follow-up to the horizon": {"month": [1, 2, 3, 4], "event": [1, 0, 1, 0], "group": [0, 0, 1, 1]},
    "an arm that never meets the other": {
        "month": [1, 2, 13, 14], "event": [1, 1, 1, 0], "group": [0, 0, 1, 1], "entry": [0, 0, 5, 5],
    },
    "weights of zero": {
        "month": [1, 2, 13, 4, 5, 14], "event": [1, 1, 0, 1, 0, 0], "group": [0, 0, 0, 1, 1, 1], "weight": [0] * 6,
    },
    "weights of zero in an arm": {
        "month": [1, 2, 13, 4, 5, 14], "event": [1, 1, 0, 1, 0, 0], "group": [0, 0, 0, 1, 1, 1],
        "weight": [1, 1, 1, 0, 0, 0],
    },
    "weights of zero for all who had the event": {
        "month": [1, 2, 13, 4, 5, 14], "event": [1, 1, 0, 1, 0, 0], "group": [0, 0, 0, 1, 1, 1],
        "weight": [0, 0, 0.5, 0, 0.5, 0.5],
    },
    "very unequal weights": {
        "month": [1, 2, 13, 4, 5, 14], "event": [1, 1, 0, 1, 1, 0], "group": [0, 0, 0, 1, 1, 1],
        "weight": [1e-9, 1e9, 1e-9, 1, 1e-12, 1e12], "entry": [0, 0.5, 0, 3, 0, 0],
    },
    "eight patients": {
        "month": [1, 2, 3, 13, 2, 5, 12, 14], "event": [1, 1, 0, 0, 1, 0, 1, 0], "group": [0, 0, 0, 0, 1, 1, 1, 1],
    },
    "nobody": {"month": [], "event": [], "group": []},
}  # fmt: skip


@pytest.mark.parametrize("name", HARD)
def test_hard_cases_give_a_number_or_say_why_not_and_no_warning(name: str) -> None:
    data = HARD[name]
    month, event, group = data["month"], data["event"], data["group"]
    more = {role: data[role] for role in ("entry", "weight") if role in data}
    found = kaplan_meier(month, event, **more)
    if isinstance(found, KaplanMeier):
        for values in (found.survival, found.std_error, found.low, found.high, found.at_risk_weighted):
            assert np.all(np.isfinite(values))
        assert np.all((found.low <= found.survival) & (found.survival <= found.high))
        for probability in (0.1, 0.5, 0.9):
            quantile = found.quantile(probability)
            assert 0 <= quantile.low <= quantile.value <= quantile.high
        for here in found.at([0, 1, 3, 12, 20]):
            assert isinstance(here, NotEstimable) or 0 <= here.low <= here.survival <= here.high <= 1
    means = restricted_mean(month, event, group, horizon=12, **more)
    for mean in means.means:
        assert isinstance(mean, NotEstimable) or 0 < mean.low <= mean.value <= mean.high < 12
    for contrast in (means.difference, means.ratio):
        assert isinstance(contrast, NotEstimable) or contrast.low < contrast.value < contrast.high
        assert isinstance(contrast, NotEstimable) or 0 <= contrast.p <= 1
    for rho in (0, 1):
        test = log_rank(month, event, group, strata=group, entry=more.get("entry"), rho=rho)
        assert isinstance(test, NotEstimable)
        test = log_rank(month, event, group, entry=more.get("entry"), rho=rho)
        assert isinstance(test, NotEstimable) or (math.isfinite(test.chi_square) and 0 <= test.p <= 1)


def test_a_time_lost_that_rounding_swallows_is_not_estimable() -> None:
    for month, event, weight in (([2.3 - 0.3, 3.0], [1, 0], [1, 1]), ([1.0, 3, 3], [1, 0, 0], [1e-17, 1, 1])):
        (mean,) = restricted_mean(month, event, horizon=2.0, weight=weight).means
        assert isinstance(mean, NotEstimable)
