"""Survival methods on paper: at most eight patients, fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq

from analyses.methods.survival import (
    CoxFit,
    KaplanMeier,
    LogRank,
    MeanDifference,
    RestrictedMean,
    Survival,
    SurvivalDifference,
    cox,
    kaplan_meier,
    log_rank,
    restricted_mean,
    survival_difference,
)
from analyses.result import NotEstimable

Z = 1.959963984540054
# Six patients: months 1, 2, 2, 3+, 4, 5+ (+ is censored). At risk 6, 5, 3 (month 3 ends without an event), 2.
MONTH, EVENT = [1, 2, 2, 3, 4, 5], [1, 1, 1, 0, 1, 0]
SURVIVAL = {1: Fraction(5, 6), 2: Fraction(5, 6) * Fraction(3, 5), 4: Fraction(1, 2) * Fraction(1, 2)}
GREENWOOD = {
    1: Fraction(1, 30),
    2: Fraction(1, 30) + Fraction(2, 15),
    4: Fraction(1, 30) + Fraction(2, 15) + Fraction(1, 2),
}


def curve(*columns: list[float], **more: list[float]) -> KaplanMeier:
    found = kaplan_meier(*columns, **more)
    assert isinstance(found, KaplanMeier)
    return found


def at(found: KaplanMeier, month: float) -> Survival:
    (here,) = found.at([month])
    assert isinstance(here, Survival)
    return here


@pytest.mark.parametrize("month", SURVIVAL)
def test_six_patients_by_hand(month: int) -> None:
    here = at(curve(MONTH, EVENT), month)
    survival, greenwood = float(SURVIVAL[month]), float(GREENWOOD[month])
    assert here.survival == pytest.approx(survival, rel=1e-15)
    assert here.std_error == pytest.approx(survival * math.sqrt(greenwood), rel=1e-14)
    # log-log: S ^ exp(+-z sqrt(Greenwood) / |log S|)
    reach = math.exp(Z * math.sqrt(greenwood) / -math.log(survival))
    assert (here.low, here.high) == pytest.approx((survival**reach, survival ** (1 / reach)), rel=1e-12)


def test_a_curve_holds_from_an_event_up_to_the_next_one() -> None:
    found = curve(MONTH, EVENT)
    assert [at(found, month).survival for month in (0, 0.99, 1, 1.99, 3, 3.99)] == pytest.approx(
        [1, 1, 5 / 6, 5 / 6, 1 / 2, 1 / 2]
    )


def test_at_risk_counts_those_who_are_there_just_before_and_events_those_up_to_a_month() -> None:
    found = curve(MONTH, EVENT)
    assert [at(found, month).at_risk for month in (0, 1, 2, 3, 3.5, 5)] == [6, 6, 5, 3, 2, 1]
    assert [at(found, month).events for month in (0, 1, 2, 3.5, 5)] == [0, 1, 3, 3, 4]


def test_left_truncation_anchor() -> None:
    # Entry 0, 0, 2, 3, 5; exit 4, 6, 7, 8, 9; events at 4, 7, 8 (domain 8.2).
    # At 4 four are at risk (the fifth enters at 5), at 7 three, at 8 two.
    end, event, entry = [4, 6, 7, 8, 9], [1, 0, 1, 1, 0], [0, 0, 2, 3, 5]
    found = curve(end, event, entry=entry)
    assert [at(found, month).survival for month in (4, 7, 8)] == pytest.approx([0.75, 0.5, 0.25], rel=1e-15)
    assert [at(found, month).at_risk for month in (0, 4, 7, 8)] == [2, 4, 3, 2]
    ignoring = curve(end, event)
    assert [at(ignoring, month).survival for month in (4, 7, 8)] == pytest.approx([4 / 5, 8 / 15, 4 / 15], rel=1e-14)


def test_who_enters_at_the_time_of_an_event_is_not_at_risk_for_it() -> None:
    assert at(curve([3, 5], [1, 0], entry=[0, 3]), 3).survival == 0
    assert at(curve([3, 5], [1, 0], entry=[0, 2.99]), 3).survival == pytest.approx(1 / 2)


def test_a_curve_that_was_emptied_before_later_entries_says_so() -> None:
    assert curve([1, 5], [1, 0], entry=[0, 2]).notes
    assert not curve([1, 5], [1, 0], entry=[0, 0.5]).notes


def test_weights_by_hand() -> None:
    # Weights 1/2, 1, 3/2 with events at 1 and 2: S = 1 - (1/2) / 3 = 5/6, then 5/6 (1 - 1 / (5/2)) = 1/2.
    # Influences on S(2) = w3 / (w1 + w2 + w3) = 1/2 are (1/3) (1 {third} - 1/2): variance (1/4 + 1 + 9/4) / 36 = 7/72.
    found = curve([1, 2, 3], [1, 1, 0], weight=[0.5, 1, 1.5])
    assert at(found, 1).survival == pytest.approx(5 / 6)
    here = at(found, 2)
    assert here.survival == pytest.approx(1 / 2)
    assert here.std_error == pytest.approx(math.sqrt(7 / 2 / 36), rel=1e-12)
    assert at(found, 3).at_risk == 1
    assert at(found, 3).at_risk_weighted == pytest.approx(1.5)


def test_with_weights_of_one_half_the_robust_error_is_greenwoods() -> None:
    robust = curve(MONTH, EVENT, weight=[0.5] * 6)
    np.testing.assert_allclose(robust.std_error, curve(MONTH, EVENT).std_error, rtol=1e-13)


def test_before_the_first_event_the_lower_limit_is_clopper_pearsons() -> None:
    here = at(curve([5, 6, 7, 8], [1, 1, 1, 1]), 3)
    # none of 4: the probability p with (1 - risk)^4 = p^4 = 0.025
    assert (here.survival, here.low, here.high) == pytest.approx((1, 0.025 ** (1 / 4), 1))


def test_where_everybody_had_the_event_the_interval_goes_from_zero_to_the_limit_before() -> None:
    found = curve([1, 2], [1, 1])
    assert (at(found, 2).survival, at(found, 2).low) == (0, 0)
    assert at(found, 2).high == at(found, 1).high
    assert at(found, 9).survival == 0


def test_after_the_longest_follow_up_there_is_no_survival() -> None:
    (later,) = curve(MONTH, EVENT).at([5.01])
    assert later == NotEstimable(reason="nobody is followed beyond month 5")


def test_nobody_has_no_curve() -> None:
    assert kaplan_meier([], []) == NotEstimable(reason="there is nobody to follow")


def test_median_is_the_first_time_at_or_below_one_half_or_the_middle_of_a_level_stretch() -> None:
    assert curve([1, 2, 3], [1, 1, 1]).quantile().value == 2
    assert curve(MONTH, EVENT).quantile().value == (2 + 4) / 2
    assert curve([1, 2, 3], [1, 0, 0]).quantile().value == math.inf
    assert curve([1, 2, 3], [1, 1, 1]).quantile(0.9).value == 3


def test_limits_of_the_median_are_where_the_limits_of_the_curve_come_down_to_one_half() -> None:
    found = curve([1, 2, 3, 4, 5, 6, 7, 8], [1] * 8)
    low = next(month for month, limit in zip(found.month, found.low, strict=True) if limit <= 0.5)
    quantile = found.quantile()
    assert (quantile.low, quantile.value) == (low, 4.5)
    assert found.high[found.month < quantile.high].min() > 0.5


def test_restricted_mean_by_hand() -> None:
    # Areas: 1 x 1, 1 x 5/6, 2 x 1/2 up to month 4, then 1/4 up to 5 (horizon).
    found = restricted_mean(MONTH, EVENT, horizon=5)
    (mean,) = found.means
    assert isinstance(mean, RestrictedMean)
    assert mean.value == pytest.approx(float(1 + Fraction(5, 6) + 1 + Fraction(1, 4)), rel=1e-15)
    # A^2 d / (n (n - d)): areas beyond 1, 2, 4 are 25/12, 5/4, 1/4
    variance = (
        Fraction(25, 12) ** 2 * Fraction(1, 30)
        + Fraction(5, 4) ** 2 * Fraction(2, 15)
        + Fraction(1, 4) ** 2 * Fraction(1, 2)
    )
    assert mean.std_error == pytest.approx(math.sqrt(variance), rel=1e-14)
    assert (mean.n, mean.events) == (6, 4)


def test_restricted_mean_stops_at_the_horizon() -> None:
    (mean,) = restricted_mean(MONTH, EVENT, horizon=3).means
    assert isinstance(mean, RestrictedMean)
    assert mean.value == pytest.approx(1 + 5 / 6 + 1 / 2)
    assert mean.events == 3
    variance = Fraction(4, 3) ** 2 * Fraction(1, 30) + Fraction(1, 2) ** 2 * Fraction(2, 15)
    assert mean.std_error == pytest.approx(math.sqrt(variance), rel=1e-14)


def test_difference_of_restricted_means_is_the_second_group_minus_the_first() -> None:
    month, event, group = [1, 2, 3, 4, 2, 4, 4, 4], [1, 1, 1, 0, 1, 0, 0, 0], [0] * 4 + [1] * 4
    found = restricted_mean(month, event, group, horizon=4)
    # first group: 1 + 3/4 + 1/2 + 1/4; second: 2 + 2 x 3/4
    assert isinstance(found.difference, MeanDifference)
    assert found.difference.value == pytest.approx(3.5 - 2.5)
    variances = [
        Fraction(3, 2) ** 2 * Fraction(1, 12)
        + Fraction(3, 4) ** 2 * Fraction(1, 6)
        + Fraction(1, 4) ** 2 * Fraction(1, 2),
        Fraction(3, 2) ** 2 * Fraction(1, 12),
    ]
    error = math.sqrt(sum(variances))
    assert found.difference.std_error == pytest.approx(error, rel=1e-14)
    # the interval: 3 events make the first variance 3 / 2 times as large, the one event of the second counts as 2
    wide = math.sqrt(variances[0] * Fraction(3, 2) + variances[1] * 2)
    assert found.difference.low == pytest.approx(1 - Z * wide)
    assert found.difference.p == pytest.approx(math.erfc(1 / wide / math.sqrt(2)))


def test_an_arm_that_is_not_followed_to_the_horizon_has_no_restricted_mean_and_names_its_month() -> None:
    found = restricted_mean([1, 9.7, 1, 30], [1, 0, 1, 0], ["a", "a", "b", "b"], horizon=24)
    first, second = found.means
    assert isinstance(first, NotEstimable)
    assert "followed to month 9 only" in first.reason
    assert isinstance(second, RestrictedMean)
    assert found.difference == first


def test_an_arm_in_which_everybody_had_the_event_needs_no_longer_follow_up() -> None:
    (mean,) = restricted_mean([1, 2, 3], [1, 1, 1], horizon=24).means
    assert isinstance(mean, RestrictedMean)
    assert mean.value == pytest.approx(2)


def test_difference_of_curves_puts_their_limits_together() -> None:
    first, second = curve(MONTH, EVENT), curve([1, 3, 4, 5], [1, 0, 0, 0])
    a, b = at(first, 2), at(second, 2)
    found = survival_difference(first, second, month=2)
    assert isinstance(found, SurvivalDifference)
    assert found.value == pytest.approx(1 / 2 - 3 / 4)
    assert found.low == pytest.approx(found.value - math.sqrt((a.survival - a.low) ** 2 + (b.high - b.survival) ** 2))
    assert found.high == pytest.approx(found.value + math.sqrt((a.high - a.survival) ** 2 + (b.survival - b.low) ** 2))
    assert survival_difference(first, second, month=6) == NotEstimable(reason="nobody is followed beyond month 5")


def test_log_rank_by_hand() -> None:
    # Group a: 1, 3, 5+; group b: 2, 3, 6. Expected in a: 3/6 + 2/5 + 2 x 2/4 = 19/10 (at 6 only b is left).
    # Variance: 1/4 + 6/25 + 2 x 2 / 3 x (1/2 x 1/2) = 1/4 + 6/25 + 1/3.
    found = log_rank([1, 3, 5, 2, 3, 6], [1, 1, 0, 1, 1, 1], list("aaabbb"))
    assert isinstance(found, LogRank)
    expected, variance = Fraction(1, 2) + Fraction(2, 5) + 1, Fraction(1, 4) + Fraction(6, 25) + Fraction(1, 3)
    assert found.observed == (2, 3)
    assert found.expected == pytest.approx((float(expected), float(5 - expected)))
    assert found.chi_square == pytest.approx(float((2 - expected) ** 2 / variance), rel=1e-13)
    assert (found.groups, found.n, found.df) == (("a", "b"), (3, 3), 1)


def test_log_rank_with_delayed_entry_by_hand() -> None:
    # a: (0, 2] event, (0, 4] event; b: (1, 3] event, (3, 5] none. At 2: 2 and 1 at risk; at 3: 1 and 1 (who enters at
    # 3 is not yet there); at 4: 1 and 1.
    found = log_rank([2, 4, 3, 5], [1, 1, 1, 0], list("aabb"), entry=[0, 0, 1, 3])
    assert isinstance(found, LogRank)
    expected, variance = (
        Fraction(2, 3) + Fraction(1, 2) + Fraction(1, 2),
        Fraction(2, 9) + Fraction(1, 4) + Fraction(1, 4),
    )
    assert found.chi_square == pytest.approx(float((2 - expected) ** 2 / variance), rel=1e-13)


def test_log_rank_compares_within_strata() -> None:
    # In each stratum one of each group; 1/2 is expected twice, variance 1/4 twice.
    found = log_rank([1, 2, 1, 2], [1, 0, 1, 0], list("abab"), strata=[1, 1, 2, 2])
    assert isinstance(found, LogRank)
    assert found.chi_square == pytest.approx((2 - 1) ** 2 / (1 / 2))
    assert isinstance(log_rank([1, 2, 1, 2], [1, 0, 1, 0], list("aabb"), strata=[1, 1, 2, 2]), NotEstimable)


def test_log_rank_of_one_group_or_without_events_is_not_estimable() -> None:
    assert isinstance(log_rank([1, 2], [1, 1], ["a", "a"]), NotEstimable)
    assert isinstance(log_rank([1, 2], [0, 0], ["a", "b"]), NotEstimable)
    assert isinstance(log_rank([], [], []), NotEstimable)


# Five patients with a tie (months 1, 1, 2, 3, 4; z 1, 0, 1, 0, 0; the last censored). With r = exp(beta):
# Breslow: r / (3 + 2 r)^2 x r / (2 + r) x 1 / 2
# Efron:   r / ((3 + 2 r) (3 + 2 r - (1 + r) / 2)) x r / (2 + r) x 1 / 2
TIED = pd.DataFrame({"month": [1, 1, 2, 3, 4], "event": [1, 1, 1, 1, 0], "z": [1, 0, 1, 0, 0]})


def _breslow(beta: float) -> float:
    r = math.exp(beta)
    return math.log(r / (3 + 2 * r) ** 2 * r / (2 + r) / 2)


def _efron(beta: float) -> float:
    r = math.exp(beta)
    return math.log(r / ((3 + 2 * r) * (3 + 2 * r - (1 + r) / 2)) * r / (2 + r) / 2)


@pytest.mark.parametrize(("ties", "likelihood"), [("breslow", _breslow), ("efron", _efron)])
def test_ties_by_hand(ties: str, likelihood: object) -> None:
    assert callable(likelihood)
    fit = cox("z", TIED, month="month", event="event", ties=ties)  # type: ignore[arg-type]
    assert isinstance(fit, CoxFit)
    step = 1e-5
    best = brentq(lambda b: likelihood(b + step) - likelihood(b - step), -5, 5, xtol=1e-14)
    assert fit.terms["estimate"].item() == pytest.approx(best, abs=1e-6)
    assert fit.log_likelihood == pytest.approx(likelihood(best), abs=1e-10)
    assert fit.log_likelihood_null == pytest.approx(likelihood(0), abs=1e-12)
    wide = 1e-3
    information = -(likelihood(best + wide) - 2 * likelihood(best) + likelihood(best - wide)) / wide**2
    assert fit.terms["std_error"].item() == pytest.approx(1 / math.sqrt(information), rel=1e-5)


def test_four_patients_have_a_closed_form() -> None:
    # Months 1 (z 0), 2 (z 1), 3 (z 0, censored), 4 (z 1, censored): 1 / (2 + 2 r) x r / (1 + 2 r) is greatest where
    # 1 / r = 1 / (1 + r) + 2 / (1 + 2 r), that is 2 r^2 = 1.
    data = pd.DataFrame({"month": [1, 2, 3, 4], "event": [1, 1, 0, 0], "z": [0, 1, 0, 1]})
    for ties in ("efron", "breslow"):
        fit = cox("z", data, month="month", event="event", ties=ties)  # type: ignore[arg-type]
        assert isinstance(fit, CoxFit)
        assert fit.terms["estimate"].item() == pytest.approx(-math.log(2) / 2, abs=1e-12)


@pytest.mark.parametrize(
    ("event", "z"),
    [
        # r / (2 + r) rises without end
        ([1, 1, 0], [1, 0, 0]),
        # 1 / (1 + 2 r) x r / (2 r) falls without end
        ([1, 1, 0], [0, 1, 1]),
        # the eight patients of domain 8.2 whose maximum likelihood diverges
        ([1, 1, 1, 1, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0, 0, 0]),
    ],
)
def test_a_hazard_ratio_that_runs_to_infinity_or_0_is_not_estimable(event: list[int], z: list[int]) -> None:
    data = pd.DataFrame({"month": range(1, len(z) + 1), "event": event, "z": z})
    found = cox("z", data, month="month", event="event")
    expected = "the hazard ratio would be infinite or 0: events are separated by z"
    assert found == NotEstimable(reason=expected)


def test_a_search_that_comes_to_a_halt_far_out_says_so() -> None:
    data = pd.DataFrame(
        {
            "entry": [0, 0, 0, 0.25, 0, 0],
            "month": [0.5, 0.75, 0.25, 0.5, 0.25, 0.25],
            "event": [0, 1, 1, 1, 0, 1],
            "group": [0, 0, 0, 1, 0, 0],
            "stratum": [0, 0, 0, 0, 1, 1],
            "z": [0, 1, 0, 0, 0, -1],
            "weight": [1, 1, 1, 1, 1, 3],
        }
    )
    settings = {"month": "month", "event": "event", "entry": "entry", "strata": "stratum", "ties": "breslow"}
    found = cox("group + z", data, weight="weight", **settings)  # type: ignore[arg-type]
    rows = cox("group + z", data.loc[data.index.repeat(data["weight"])], **settings)  # type: ignore[arg-type]
    assert isinstance(found, NotEstimable)
    assert isinstance(rows, NotEstimable)
    assert "group, z" in found.reason


@pytest.mark.parametrize("size", [1.5, 1e-3, 1e-6])
def test_the_size_of_weights_changes_no_estimate(size: float) -> None:
    data = pd.DataFrame(
        {
            "month": [1, 2, 3, 4, 5, 6, 7, 8],
            "event": [1, 0, 1, 0, 0, 0, 0, 0],
            "x": [0.0, 1, 0.4, 0.3, 0, 0.1, 0.9, 0.2],
            "weight": size,
        }
    )
    fit = cox("x", data, month="month", event="event", weight="weight", variance="model")
    plain = cox("x", data, month="month", event="event")
    assert isinstance(fit, CoxFit)
    assert isinstance(plain, CoxFit)
    assert fit.terms["estimate"][0] == pytest.approx(plain.terms["estimate"][0], rel=1e-8)


def test_covariates_that_order_all_events_are_not_estimable() -> None:
    data = pd.DataFrame({"month": range(1, 9), "event": [1, 1, 1, 1, 0, 0, 1, 0], "age": range(8, 0, -1)})
    data["group"] = list("aabbaabb")
    found = cox("group + age", data, month="month", event="event")
    assert isinstance(found, NotEstimable)
    assert "infinite or 0" in found.reason


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("z + same", "one value only: same"),
        ("z + twice", "collinear"),
        ("z + by_stratum", "by_stratum: those at risk together"),
    ],
)
def test_a_term_about_which_the_data_are_silent_is_named(formula: str, reason: str) -> None:
    data = pd.DataFrame(
        {
            "month": [1, 2, 3, 4, 5, 6, 7, 8],
            "event": [1, 1, 0, 1, 1, 0, 1, 1],
            "z": [1, 0, 0, 1, 0, 1, 1, 0],
            "same": 3.3,
            "stratum": [0, 0, 0, 0, 1, 1, 1, 1],
        }
    ).assign(twice=lambda d: 2 * d["z"] + 1, by_stratum=lambda d: d["stratum"])
    found = cox(formula, data, month="month", event="event", strata="stratum")
    assert isinstance(found, NotEstimable)
    assert reason in found.reason


def test_cox_without_events_without_rows_or_with_too_few_clusters_is_not_estimable() -> None:
    nobody = cox("z", TIED.assign(event=0), month="month", event="event")
    assert nobody == NotEstimable(reason="nobody had the event")
    empty = cox("z", TIED.assign(z=np.nan), month="month", event="event")
    assert isinstance(empty, NotEstimable)
    one = cox("z", TIED.assign(c=1), month="month", event="event", cluster="c")
    assert isinstance(one, NotEstimable)
    assert "clusters" in one.reason


def test_rows_with_a_missing_value_are_left_out_and_counted() -> None:
    more = pd.concat([TIED, TIED.assign(z=np.nan)], ignore_index=True)
    fit, whole = (cox("z", data, month="month", event="event") for data in (more, TIED))
    assert isinstance(fit, CoxFit)
    assert isinstance(whole, CoxFit)
    assert (fit.n, fit.dropped, fit.notes) == (5, 5, ("Rows with a missing value are not in the model.",))
    pd.testing.assert_frame_equal(fit.terms, whole.terms)


def test_few_clusters_are_a_warning_in_the_notes() -> None:
    fit = cox("z", TIED.assign(c=[1, 1, 2, 3, 3]), month="month", event="event", cluster="c", variance="sandwich")
    assert isinstance(fit, CoxFit)
    assert any("3 clusters" in note for note in fit.notes)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"month": [1, 2], "event": [1]}, "length"),
        ({"month": [1, np.nan], "event": [1, 1]}, "missing"),
        ({"month": [-1, 2], "event": [1, 1]}, "negative"),
        ({"month": [1, 2], "event": [1, 2]}, "neither 0 nor 1"),
        ({"month": [1, 2], "event": [1, 1], "entry": [0, 2]}, "entry is not before"),
        ({"month": [1, 2], "event": [1, 1], "weight": [1, -1]}, "weight is negative"),
        ({"month": [[1, 2]], "event": [1, 1]}, "one-dimensional"),
        ({"month": [1, 2], "event": [1, 1], "level": 95}, "level"),
    ],
)
def test_impossible_input_is_refused(columns: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kaplan_meier(**columns)  # type: ignore[arg-type]


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="horizon"):
        restricted_mean([1], [1], horizon=0)
    with pytest.raises(ValueError, match="length"):
        restricted_mean([1], [1], [1, 2], horizon=1)
    with pytest.raises(ValueError, match="length"):
        log_rank([1, 2], [1, 1], [1])
    with pytest.raises(ValueError, match="quantile"):
        curve([1], [1]).quantile(1)
    with pytest.raises(ValueError, match="no column ph_ecog"):
        cox("ph_ecog", TIED, month="month", event="event")
    with pytest.raises(ValueError, match="no term"):
        cox("1", TIED, month="month", event="event")
    with pytest.raises(ValueError, match="infinite"):
        cox("log(z)", TIED, month="month", event="event")
    with pytest.raises(ValueError, match="different levels"):
        survival_difference(curve([1], [1]), curve([1], [1], level=0.9), month=1)  # type: ignore[arg-type]
