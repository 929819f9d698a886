"""Rates per person-time worked on paper, and against scipy and statsmodels."""

import math

import pytest
from scipy.stats import binomtest
from statsmodels.stats.rates import confint_poisson, test_poisson_2indep

from analyses.methods.rates import Rate, RateRatio, incidence_rate, rate_ratio
from analyses.result import NotEstimable

test_poisson_2indep.__test__ = False  # a function of statsmodels, not a test


def rate(events: int, person_years: float, **settings: float) -> Rate:
    out = incidence_rate(events, person_years, **settings)
    assert isinstance(out, Rate)
    return out


def ratio(events: int, years: float, reference: int, reference_years: float, **settings: float) -> RateRatio:
    out = rate_ratio(events, years, reference, reference_years, **settings)
    assert isinstance(out, RateRatio)
    return out


def test_rate_is_events_over_years_times_hundred() -> None:
    assert rate(3, 60).value == 5.0
    assert rate(3, 60, per=1000).value == 50.0


def test_no_event_has_low_zero_and_the_high_of_minus_log_of_a_tail() -> None:
    # P(no event) = exp(-m) = 0.025 at m = -log 0.025 = 3.6889; over 50 years that is 7.378 per 100.
    none = rate(0, 50)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(-math.log(0.025) * 2, rel=1e-12)


def test_one_event_has_the_low_limit_of_minus_log_of_a_tail_complement() -> None:
    # P(at least one) = 1 - exp(-m) = 0.025 at m = -log 0.975.
    assert rate(1, 100).low == pytest.approx(-math.log(0.975), rel=1e-12)


def test_ten_events_have_the_limits_of_garwoods_table() -> None:
    # Garwood's table for 10 events: 4.80 to 18.39 (also Ulm 1990, Table 1).
    ten = rate(10, 100)
    assert (round(ten.low, 2), round(ten.high, 2)) == (4.80, 18.39)


@pytest.mark.parametrize("events", [0, 1, 4, 57])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_rate_interval_is_that_of_statsmodels(events: int, level: float) -> None:
    low, high = confint_poisson(events, 12.5, method="exact-c", alpha=1 - level)
    mine = rate(events, 12.5, per=1, level=level)
    assert mine.low == pytest.approx(0.0 if events == 0 else low, rel=1e-10)
    assert mine.high == pytest.approx(high, rel=1e-10)


def test_no_person_years_is_not_estimable() -> None:
    assert isinstance(incidence_rate(0, 0), NotEstimable)
    assert isinstance(rate_ratio(2, 10, 0, 0), NotEstimable)


def test_two_events_against_none_in_equal_time() -> None:
    # Both events in one of two equal groups: probability 1/4 in each tail, so p = 1/2. The low limit of the probability
    # solves q^2 = 0.025, and the ratio is q / (1 - q).
    two = ratio(2, 10, 0, 10)
    q = math.sqrt(0.025)
    assert two.value == math.inf
    assert two.high == math.inf
    assert two.low == pytest.approx(q / (1 - q), rel=1e-10)
    assert two.p == pytest.approx(0.5, rel=1e-12)


def test_none_against_two_events_is_the_mirror() -> None:
    q = math.sqrt(0.025)
    none = ratio(0, 10, 2, 10)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx((1 - q) / q, rel=1e-10)


def test_equal_rates_have_ratio_one_and_p_one() -> None:
    same = ratio(4, 20, 2, 10)
    assert same.value == 1.0
    assert same.p == 1.0
    assert same.low < 1 < same.high


def test_no_event_at_all_is_not_estimable() -> None:
    assert isinstance(rate_ratio(0, 10, 0, 10), NotEstimable)


@pytest.mark.parametrize(("d1", "t1", "d0", "t0"), [(12, 80.0, 5, 95.0), (3, 10.0, 9, 4.0), (40, 311.0, 22, 290.0)])
def test_ratio_interval_is_scipys_clopper_pearson_and_p_is_statsmodels_smaller_tail_twice(
    d1: int, t1: float, d0: int, t0: float
) -> None:
    mine = ratio(d1, t1, d0, t0)
    limits = binomtest(d1, d1 + d0).proportion_ci(0.95, method="exact")
    assert mine.low == pytest.approx(limits.low / (1 - limits.low) * t0 / t1, rel=1e-9)
    assert mine.high == pytest.approx(limits.high / (1 - limits.high) * t0 / t1, rel=1e-9)
    tails = [
        test_poisson_2indep(d1, t1, d0, t0, method="exact-cond", alternative=side).pvalue
        for side in ("larger", "smaller")
    ]
    assert mine.p == pytest.approx(2 * min(tails), rel=1e-9)


def test_exchanging_the_groups_inverts_the_ratio_and_its_limits() -> None:
    one, other = ratio(7, 30, 3, 50), ratio(3, 50, 7, 30)
    assert one.value == pytest.approx(1 / other.value, rel=1e-12)
    assert one.low == pytest.approx(1 / other.high, rel=1e-9)
    assert one.p == pytest.approx(other.p, rel=1e-12)


@pytest.mark.parametrize(
    ("d1", "t1", "d0", "t0"), [(12, 80.0, 2, 95.0), (10, 50.0, 3, 50.0), (9, 50.0, 3, 50.0), (11, 50.0, 3, 50.0)]
)
def test_p_is_below_a_twentieth_just_where_the_interval_leaves_one_out(d1: int, t1: float, d0: int, t0: float) -> None:
    mine = ratio(d1, t1, d0, t0)
    assert (mine.p < 0.05) == (mine.low > 1)


@pytest.mark.parametrize(("events", "years"), [(-1, 10.0), (1, -1.0), (1, 0.0), (0, math.nan), (0, math.inf)])
def test_impossible_counts_and_times_are_refused(events: int, years: float) -> None:
    with pytest.raises(ValueError, match="person-years"):
        incidence_rate(events, years)


def test_impossible_level_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        incidence_rate(1, 10, level=95)
