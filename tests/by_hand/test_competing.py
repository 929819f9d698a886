"""Competing-risks methods on paper: at most eight persons, fractions."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike

from analyses.methods.causes.censoring_weights import observability
from analyses.methods.causes.competing_risks import endings
from analyses.methods.competing import (
    CumulativeIncidence,
    FineGrayFit,
    GrayTest,
    Incidence,
    IncidenceDifference,
    TimeLost,
    TimeLostDifference,
    cumulative_incidence,
    fine_gray,
    gray_test,
    incidence_difference,
    time_lost_difference,
)
from analyses.result import NotEstimable

# The anchor of five persons: months 1 to 5, causes 1, 2, censored, 1, 2.
MONTH, CAUSE = [1, 2, 3, 4, 5], [1, 2, 0, 1, 2]


def curves(*columns: ArrayLike, **more: object) -> CumulativeIncidence:
    found = cumulative_incidence(*columns, **more)  # type: ignore[arg-type]
    assert isinstance(found, CumulativeIncidence)
    return found


def at(found: CumulativeIncidence, cause: int, month: float) -> Incidence:
    (here,) = found.of(cause).at([month])
    assert isinstance(here, Incidence)
    return here


def lost(found: CumulativeIncidence, cause: int, horizon: float) -> TimeLost:
    here = found.restricted_time_lost(horizon)[cause]
    assert isinstance(here, TimeLost)
    return here


def fit(data: pd.DataFrame, **settings: object) -> FineGrayFit:
    found = fine_gray("z", data, month="month", cause="cause", **settings)  # type: ignore[arg-type]
    assert isinstance(found, FineGrayFit)
    return found


def test_five_persons_by_hand() -> None:
    # S(u-) d / n: 1/5, then 4/5 x 1/4, at month 4 of two at risk 3/5 x 1/2 = 3/10, and 3/10 x 1
    found = curves(MONTH, CAUSE)
    np.testing.assert_allclose(found.incidence, [[0.2, 0.2, 0.2, 0.5, 0.5], [0, 0.2, 0.2, 0.2, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(found.free, [0.8, 0.6, 0.6, 0.3, 0], rtol=1e-15)
    assert found.causes == (1, 2)
    # 1 - Kaplan-Meier, with the other cause as censoring, would say 1 - 4/5 x 1/2 = 0.6
    assert at(found, 1, 5).value == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize("variance", ["jackknife", "aalen"])
def test_without_censoring_the_error_is_the_binomial_one(variance: str) -> None:
    found = curves([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 1, 1, 2, 1, 2], variance=variance)
    for month, events in ((1, 1), (4, 2), (5, 3), (7, 4)):
        here = at(found, 1, month)
        share = events / 8
        assert here.value == pytest.approx(share, rel=1e-14)
        if variance == "jackknife":
            assert here.std_error == pytest.approx(math.sqrt(share * (1 - share) / 8), rel=1e-13)
    if variance == "aalen":  # at the first event Aalen's takes the increment for Poisson: (1 + F / S)^2 / 64 ...
        # v1 = (1 + 1/7)^2 / 64, v2 = (8/7) (8/7) / 64, v3 = (8/7)^2 / 64: v1 - 2 v2 / 8 + v3 / 64 = 1/64
        assert at(found, 1, 1).std_error == pytest.approx(1 / 8, rel=1e-14)


def test_delayed_entry_by_hand() -> None:
    # Entry 0, 0, 2, 3, 5; exit 4, 6, 7, 8, 9. At risk at 4: four, at 7: three, at 8: two.
    found = curves([4, 6, 7, 8, 9], [1, 0, 2, 1, 0], entry=[0, 0, 2, 3, 5])
    assert [at(found, 1, month).value for month in (3, 4, 7, 8, 9)] == pytest.approx([0, 1 / 4, 1 / 4, 1 / 2, 1 / 2])
    assert [at(found, 2, month).value for month in (4, 7, 9)] == pytest.approx([0, 1 / 4, 1 / 4])
    assert [at(found, 1, month).at_risk for month in (0, 4, 7, 8)] == [2, 4, 3, 2]


def test_weights_by_hand() -> None:
    # Weights 1/2, 1, 3/2: F1(1) = (1/2) / 3, F2(2) = 5/6 x 1 / (5/2) = 1/3; influences on F2(2) = w2 / (w1 + w2 + w3)
    # are (1/3) (1 {second} - 1/3): variance (1/9) (1/9 x 1/4 + 4/9 + 1/9 x 9/4) = 13/162
    found = curves([1, 2, 3], [1, 2, 0], weight=[0.5, 1, 1.5])
    assert at(found, 1, 1).value == pytest.approx(1 / 6)
    assert at(found, 2, 2).value == pytest.approx(1 / 3)
    assert at(found, 2, 2).std_error == pytest.approx(math.sqrt((1 / 36 + 4 / 9 + 1 / 4) / 9), rel=1e-12)
    assert at(found, 1, 3).at_risk == 1
    assert at(found, 1, 3).at_risk_weighted == pytest.approx(1.5)


def test_before_the_first_event_of_a_cause_the_limit_is_clopper_pearsons_of_all_whose_state_is_known() -> None:
    found = curves([1, 2, 3, 4], [1, 1, 0, 2])
    # at 2.5 two are at risk and two ended by cause 1: none of four; at 3.5 one at risk and two: none of three
    for month, number in ((0.5, 4), (2.5, 4), (3.5, 3)):
        here = at(found, 2, month)
        assert (here.value, here.low, here.high) == pytest.approx((0, 0, 1 - 0.025 ** (1 / number)))
    never = at(found, 3, 2.5)
    assert (never.value, never.events, never.high) == pytest.approx((0, 0, 1 - 0.025 ** (1 / 4)))
    assert at(found, 2, 0).high == 0


def test_where_a_cause_ended_everybody_the_interval_goes_from_the_limit_before_to_1() -> None:
    found = curves([1, 2, 3], [1, 1, 1])
    assert (at(found, 1, 3).value, at(found, 1, 3).high) == (1, 1)
    assert at(found, 1, 3).low == at(found, 1, 2).low > 0
    assert at(found, 1, 9).value == 1


def test_after_the_longest_follow_up_there_is_no_incidence_unless_nobody_is_free() -> None:
    (later,) = curves([1, 2, 3], [1, 2, 0]).of(1).at([3.01])
    assert later == NotEstimable(reason="nobody is followed beyond month 3")
    assert at(curves(MONTH, CAUSE), 1, 60).value == pytest.approx(0.5)


def test_nobody_has_no_curve_and_an_emptied_risk_set_is_noted() -> None:
    assert cumulative_incidence([], []) == NotEstimable(reason="there is nobody to follow")
    assert curves([1, 5], [1, 2], entry=[0, 2]).notes
    assert not curves([1, 5], [1, 2]).notes


def test_a_quantile_is_of_all_persons_and_may_not_be_reached() -> None:
    found = curves(MONTH, CAUSE)
    assert found.of(1).quantile(0.3).value == 4
    assert found.of(1).quantile(0.2).value == (1 + 4) / 2  # the curve runs level at 0.2 from 1 to 4
    assert found.of(1).quantile(0.6).value == math.inf
    with pytest.raises(ValueError, match="between 0 and 1"):
        found.of(1).quantile(1)


def test_time_lost_by_hand() -> None:
    # 1/5 for the months 1 to 4 and 1/2 for 4 to 5; 1/5 for 2 to 5. Free: 1 + 0.8 + 0.6 + 0.6 + 0.3 = 3.3.
    found = curves(MONTH, CAUSE)
    assert (lost(found, 1, 5).value, lost(found, 2, 5).value) == pytest.approx((1.1, 0.6))
    assert lost(found, 1, 4.5).value == pytest.approx(0.85)


def test_without_censoring_the_time_lost_is_an_average_with_its_standard_error() -> None:
    month, cause = np.arange(1.0, 9.0), np.array([1, 2, 2, 1, 1, 2, 1, 2])
    months = np.where(cause == 1, np.maximum(6 - month, 0), 0)
    here = lost(curves(month, cause), 1, 6)
    assert here.value == pytest.approx(months.mean(), rel=1e-14)
    assert here.std_error == pytest.approx(months.std() / math.sqrt(8), rel=1e-13)
    assert (here.n, here.events) == (8, 3)


def test_time_lost_says_to_which_month_persons_are_followed_and_which_cause_nobody_had() -> None:
    found = curves([1, 2.5], [1, 0]).restricted_time_lost(6)[1]
    assert isinstance(found, NotEstimable)
    assert found.reason.startswith("followed to month 2 only, not to month 6")
    (early,) = (curves([1, 2, 3], [1, 2, 0]).restricted_time_lost(1.5)[cause] for cause in (2,))
    assert isinstance(early, NotEstimable)
    with pytest.raises(ValueError, match="positive number"):
        curves(MONTH, CAUSE).restricted_time_lost(math.inf)


def test_differences_by_hand() -> None:
    first, second = curves(MONTH, CAUSE), curves([1, 2, 3, 4, 5], [2, 2, 0, 1, 0])
    found = incidence_difference(first.of(1), second.of(1), month=4)
    assert isinstance(found, IncidenceDifference)
    a, b = at(first, 1, 4), at(second, 1, 4)
    assert found.value == pytest.approx(0.5 - 0.3)
    assert found.low == pytest.approx(found.value - math.hypot(a.value - a.low, b.high - b.value))
    assert found.high == pytest.approx(found.value + math.hypot(a.high - a.value, b.value - b.low))
    months = time_lost_difference(lost(first, 1, 5), lost(second, 1, 5))
    assert isinstance(months, TimeLostDifference)
    assert months.value == pytest.approx(1.1 - 0.3)
    assert months.std_error == pytest.approx(math.hypot(lost(first, 1, 5).std_error, lost(second, 1, 5).std_error))
    with pytest.raises(ValueError, match="different horizons"):
        time_lost_difference(lost(first, 1, 5), lost(first, 1, 4))
    with pytest.raises(ValueError, match="different levels"):
        incidence_difference(first.of(1), curves(MONTH, CAUSE, level=0.9).of(1), month=4)


@pytest.mark.parametrize("cause", [[1, -1], [1, 0.5], [1, math.nan]])
def test_a_cause_is_a_whole_number(cause: list[float]) -> None:
    with pytest.raises(ValueError, match="whole number"):
        cumulative_incidence([1, 2], cause)


def test_aalens_variance_is_refused_for_weights_that_are_not_numbers_of_persons() -> None:
    with pytest.raises(ValueError, match="use the jackknife"):
        cumulative_incidence([1, 2], [1, 2], weight=[0.5, 1], variance="aalen")
    doubled = curves([1, 2, 3], [1, 2, 0], weight=[2, 2, 2], variance="aalen")
    rows = curves([1, 1, 2, 2, 3, 3], [1, 1, 2, 2, 0, 0], variance="aalen")
    np.testing.assert_allclose(doubled.std_error, rows.std_error, rtol=1e-14)


# --- Gray's test ---------------------------------------------------------------------------------------------------


def test_grays_score_by_hand() -> None:
    # a: 1 (cause 1), 3 (cause 2); b: 2, 4 (cause 1). R = n (1 - F) / S. At 1: 2 and 2, so 1 - 2/4. At 2: a has one
    # left, 1 x (1/2) / (1/2) = 1, b has 2: 0 - 1/3. At 4 only b is there.
    found = gray_test([1, 3, 2, 4], [1, 2, 1, 1], ["a", "a", "b", "b"])
    assert isinstance(found, GrayTest)
    assert found.score == pytest.approx((1 / 6, -1 / 6), rel=1e-13)
    assert (found.groups, found.n, found.events, found.df) == (("a", "b"), (2, 2), (1, 2), 1)
    # rho 1 weighs with 1 - F of both together before the time: F = 1/4 after the first event
    early = gray_test([1, 3, 2, 4], [1, 2, 1, 1], ["a", "a", "b", "b"], rho=1)
    assert isinstance(early, GrayTest)
    assert early.score[0] == pytest.approx(1 / 2 - 3 / 4 / 3, rel=1e-13)


def test_grays_test_takes_no_delayed_entry_and_says_what_does() -> None:
    columns = ([1, 3, 2, 4], [1, 2, 1, 1], ["a", "a", "b", "b"])
    with pytest.raises(ValueError, match="fine_gray, which takes entry"):
        gray_test(*columns, entry=[0, 0, 1, 0])
    assert gray_test(*columns, entry=[0, 0, 0, 0]) == gray_test(*columns)


def test_grays_test_needs_the_cause_and_two_groups_that_meet() -> None:
    assert gray_test([1, 2], [2, 2], [0, 1]) == NotEstimable(reason="nobody had an event of cause 1")
    assert isinstance(gray_test([1, 2], [1, 2], [0, 0]), NotEstimable)
    assert isinstance(gray_test([1, 2, 3, 4], [1, 1, 1, 2], [0, 0, 1, 1], strata=[0, 0, 1, 1]), NotEstimable)
    with pytest.raises(ValueError, match="length"):
        gray_test([1, 2], [1, 2], [0])


# --- Fine-Gray -------------------------------------------------------------------------------------------------------


def test_without_censoring_those_whom_another_cause_ended_stay_for_ever() -> None:
    # z = 1, 0, 0, 1 with causes 1, 2, 1, 1 at 1, 2, 3, 4. Score with r = exp(beta): 1 - 2r / (2r + 2) - r / (r + 2) + 1
    # - r / (r + 1) = 0, so r^2 - r - 4 = 0.
    data = pd.DataFrame({"month": [1, 2, 3, 4], "cause": [1, 2, 1, 1], "z": [1, 0, 0, 1]})
    found = fit(data)
    assert found.terms["estimate"][0] == pytest.approx(math.log((1 + math.sqrt(17)) / 2), rel=1e-12)
    assert found.log_likelihood_null == pytest.approx(-math.log(4 * 3 * 2), rel=1e-14)
    assert (found.n, found.events, found.competing, found.dropped) == (4, 3, 1, 0)
    assert found.terms["df"][0] == math.inf


def test_with_censoring_they_count_as_many_as_are_still_followed() -> None:
    # z = 0, 0, 1, 1, 0; causes 1, 2, censored, 1, 1 at 1 to 5. Of three at risk at 3 two are followed on: the second
    # person counts 2/3 from there. Score: -2r / (2r + 3) + 1 - r / (r + 5/3) = 0, so r^2 = 5/2.
    data = pd.DataFrame({"month": [1, 2, 3, 4, 5], "cause": [1, 2, 0, 1, 1], "z": [0, 0, 1, 1, 0]})
    found = fit(data)
    assert found.terms["estimate"][0] == pytest.approx(math.log(5 / 2) / 2, rel=1e-12)
    # the null: risk sets of 5, 2 + 2/3 and 1 + 2/3
    assert found.log_likelihood_null == pytest.approx(-math.log(5 * 8 / 3 * 5 / 3), rel=1e-14)


def test_censoring_at_the_time_of_an_event_comes_after_it_unless_asked_otherwise() -> None:
    people = endings([4, 4, 5], [1, 0, 1]).people
    # the one who has the event at 4 has left: one of two is censored; or is still there: one of three
    assert observability(people, "after").before(np.array([4.0, 4.5])) == pytest.approx([1, 1 / 2])
    assert observability(people, "among").before(np.array([4.0, 4.5])) == pytest.approx([1, 2 / 3])


def test_late_entry_is_weighted_for_backward_in_time() -> None:
    # One of the three there just after 2 entered at 2: before, two thirds of those to come could be seen. One whom
    # another cause ended at 1 counts 3/2 from 2 on, for the half who would have come had it not ended earlier.
    people = endings([1, 3, 4, 5], [2, 1, 1, 1], entry=[0, 0, 0, 2]).people
    assert observability(people, "after").before(np.array([1.0, 2.0, 2.5])) == pytest.approx([2 / 3, 2 / 3, 1])
    data = pd.DataFrame({"month": [1, 3, 4, 5], "cause": [2, 1, 1, 1], "entry": [0, 0, 0, 2], "z": [0, 1, 0, 1]})
    # risk sets: 3 + 3/2 at 3, 2 + 3/2 at 4, 1 + 3/2 at 5
    assert fit(data, entry="entry").log_likelihood_null == pytest.approx(-math.log(9 / 2 * 7 / 2 * 5 / 2), rel=1e-13)


def test_who_enters_at_or_before_time_zero_is_there_from_the_beginning() -> None:
    # nobody enters late: the one whom another cause ended at once counts 1 in the risk sets of 3 + 1 and 2 + 1
    data = pd.DataFrame({"month": [0, 1, 2, 3], "cause": [2, 1, 1, 0], "entry": [-1, 0, 0, -1], "z": [0, 1, 0, 1]})
    assert fit(data, entry="entry").log_likelihood_null == pytest.approx(-math.log(4 * 3), rel=1e-14)


def test_efrons_ties_by_hand() -> None:
    # two events at 1 of three persons, and one whom another cause ended before: 4 x (4 - 1) and Breslow 4 x 4
    data = pd.DataFrame({"month": [1, 2, 2, 3], "cause": [2, 1, 1, 0], "z": [1, 0, 1, 0]})
    assert fit(data, ties="efron").log_likelihood_null == pytest.approx(-math.log(4 * 3), rel=1e-14)
    assert fit(data).log_likelihood_null == pytest.approx(-math.log(4 * 4), rel=1e-14)


def refusal(data: pd.DataFrame, formula: str = "z", **settings: object) -> str:
    found = fine_gray(formula, data, month="month", cause="cause", **settings)  # type: ignore[arg-type]
    assert isinstance(found, NotEstimable)
    return found.reason


def test_what_cannot_be_had_says_why() -> None:
    data = pd.DataFrame(
        {"month": [1, 2, 3, 4, 5, 6], "cause": [1, 1, 1, 2, 2, 0], "z": [1, 0, 1, 0, 0, 1], "one": 1, "twice": 0,
         "late": [1, 1, 1, 0, 0, 0], "centre": [0, 0, 0, 0, 1, 1]}
    )  # fmt: skip
    data["twice"] = 2 * data["z"]
    assert refusal(data, of=3) == "nobody had an event of cause 3"
    assert refusal(data, "one + z") == "one value only: one"
    assert "collinear" in refusal(data, "z + twice")
    assert "infinite" in refusal(data, "late")
    assert refusal(data, cluster="one") == "1 clusters are too few for a model of 1 terms"
    assert "a value in every column" in refusal(data.assign(z=math.nan))
    dropped = fit(data.assign(z=data["z"].astype(float).where(data["month"] != 6)))
    assert (dropped.dropped, dropped.n, len(dropped.notes)) == (1, 5, 1)


def test_weights_that_nothing_supports_are_refused() -> None:
    # Both who were there at 1 are gone when the next enter: what the second stands for at 5 cannot be known.
    data = pd.DataFrame(
        {"month": [1, 1.5, 5, 6, 7], "cause": [1, 2, 1, 1, 0], "entry": [0, 0, 2, 2, 2], "z": [0, 1, 1, 0, 1]}
    )
    assert "cannot be had" in refusal(data, entry="entry")


def test_impossible_input_is_an_error() -> None:
    data = pd.DataFrame({"month": [1, 2, 3], "cause": [1, 2, 0], "z": [1, 0, 1]})
    with pytest.raises(ValueError, match="no column arm"):
        fine_gray("arm", data, month="month", cause="cause")
    with pytest.raises(ValueError, match="whole number"):
        fine_gray("z", data.assign(cause=[1, 0.5, 0]), month="month", cause="cause")
    with pytest.raises(ValueError, match="0 is censored"):
        fine_gray("z", data, month="month", cause="cause", of=0)
    with pytest.raises(ValueError, match="level"):
        fine_gray("z", data, month="month", cause="cause", level=1)


def test_weights_that_would_cost_a_standard_error_its_digits_are_refused() -> None:
    assert cumulative_incidence([1, 2, 3], [1, 2, 0], weight=[0.001, 0.5, 1.0])
    with pytest.raises(ValueError, match="1,000-fold"):
        cumulative_incidence([1, 2, 3], [1, 2, 0], weight=[0.0009, 0.5, 1.0])
