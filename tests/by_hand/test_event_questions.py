"""Risks of response and failure with death as competing event, on paper: at most eight persons, fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from analyses import failure, response
from analyses.disclosure import mask
from analyses.methods.competing import FineGrayFit, GrayTest, fine_gray, gray_test
from analyses.methods.survival import CoxFit, cox, restricted_mean
from analyses.result import Estimate, Masked, NotEstimable, Result, Summary
from tests.unit.small_cohort import cohort, cohort_of, drawn, study

MONTH = 30.4375
RITUXIMAB: dict[str, Any] = {"arm": "rituximab"}
# ivig: a response, a death, a loss, a response and one who is followed to the end
FIVE: list[dict[str, Any]] = [
    {"response_40_day": 90.0},
    {"end_day": 100, "end_reason": "death"},
    {"end_day": 150, "end_reason": "lost"},
    {"response_40_day": 200.0},
    {},
]
TWO: list[dict[str, Any]] = [{"response_40_day": 60.0, **RITUXIMAB}, RITUXIMAB]


@pytest.fixture(scope="module")
def result() -> Result:
    return response.answer(cohort([*FIVE, *TWO]), study())


def number(result: Result, identifier: str) -> float:
    value = result[identifier]
    assert isinstance(value, Summary | Estimate)
    return value.value


def test_who_died_first_cannot_respond_any_more(result: Result) -> None:
    # month 6: one of five. Day 200: 3/5 are free of both, one of the two still followed responds. Were the death a
    # censoring, it would be 1 - 4/5 x 1/2 = 3/5.
    later = Fraction(1, 5) + Fraction(3, 5) * Fraction(1, 2)
    assert number(result, "Risk||ivig|risk|6") == pytest.approx(1 / 5)
    assert number(result, "Risk||ivig|risk|12") == pytest.approx(float(later))
    assert number(result, "Risk difference|rituximab minus ivig|all|risk difference|12") == pytest.approx(0)
    assert number(result, "Risk difference|rituximab minus ivig|all|risk difference|6") == pytest.approx(3 / 10)


def test_death_first_is_the_share_that_died_without_a_response(result: Result) -> None:
    # day 100: 4/5 are free, one of four dies
    assert [number(result, f"Death first||ivig|risk|{month}") for month in (6, 12, 24)] == pytest.approx([1 / 5] * 3)
    assert [number(result, f"Death first||ivig|count|{month}") for month in (6, 12, 24)] == [1, 1, 1]
    value = result["Death first||ivig|risk|12"]
    assert isinstance(value, Estimate)
    assert (value.n, value.events, value.unit) == (5, 1, "probability")
    assert number(result, "Death first||rituximab|risk|12") == 0


def test_deaths_are_counted_by_the_month_and_after_a_response_they_are_no_first_ones() -> None:
    people: list[dict[str, Any]] = [{"end_day": day, "end_reason": "death"} for day in (100, 365, 366, 700)]
    people += [{"response_40_day": 50.0, "end_day": 60, "end_reason": "death"}, RITUXIMAB]
    found = response.answer(cohort(people), study())
    # 12 months are 365.25 days
    assert [number(found, f"Death first||ivig|count|{month}") for month in (6, 12, 24)] == [1, 2, 4]
    assert number(found, "Censored|death|ivig|count|") == 4


def test_a_death_on_the_day_of_the_response_comes_after_it() -> None:
    both = {"response_40_day": 60.0, "end_day": 60, "end_reason": "death"}
    found = response.answer(cohort([both, {}, RITUXIMAB]), study())
    assert number(found, "Risk||ivig|risk|6") == 1 / 2
    assert number(found, "Death first||ivig|risk|6") == 0


def test_the_median_is_the_month_by_which_half_of_all_had_it_and_death_may_keep_it_away() -> None:
    people: list[dict[str, Any]] = [{"response_40_day": 40.0}] * 2 + [{"end_day": 30, "end_reason": "death"}] * 3
    people += [{}, RITUXIMAB]
    found = response.answer(cohort(people), study())
    # among the survivors two of three respond; of all, two of six
    assert number(found, "Risk||ivig|risk|6") == pytest.approx(1 / 3)
    assert number(found, "Median time||ivig|median time|") == np.inf


def test_the_restricted_mean_is_the_horizon_less_the_area_under_the_risk(result: Result) -> None:
    horizon = Fraction(24) * Fraction(487, 16)  # days: a month is 30.4375
    lost = (200 - 90) * Fraction(1, 5) + (horizon - 200) * Fraction(1, 2)
    ivig = number(result, "Restricted mean||ivig|restricted mean|24")
    assert ivig == pytest.approx(24 - float(lost) / MONTH)
    rituximab = number(result, "Restricted mean||rituximab|restricted mean|24")
    assert rituximab == pytest.approx(24 - float((horizon - 60) * Fraction(1, 2)) / MONTH)
    difference = "Restricted mean|rituximab minus ivig|all|difference in restricted means|24"
    assert number(result, difference) == pytest.approx(rituximab - ivig)


def test_without_deaths_the_restricted_mean_is_that_of_kaplan_meier() -> None:
    frame = drawn().patients.assign(end_reason="data cut")
    found = response.answer(cohort_of(frame), study())
    month = frame["response_40_day"].fillna(frame["end_day"]) / MONTH
    event = frame["response_40_day"].notna()
    expected = restricted_mean(month, event, frame["comparator"], horizon=24)
    for arm, mean in zip(("ivig", "rituximab"), expected.means, strict=True):
        value = found[f"Restricted mean||{arm}|restricted mean|24"]
        assert isinstance(value, Estimate)
        assert not isinstance(mean, NotEstimable)
        assert value.value == pytest.approx(mean.value, rel=1e-12)
        assert (value.n, value.events) == (mean.n, mean.events)
        assert value.low < value.value < value.high
        assert value.high - value.value == pytest.approx(value.value - value.low)
    assert not isinstance(expected.difference, NotEstimable)
    value = found["Restricted mean|rituximab minus ivig|all|difference in restricted means|24"]
    assert isinstance(value, Estimate)
    assert value.value == pytest.approx(expected.difference.value, rel=1e-12)


def test_a_restricted_mean_without_events_or_of_one_moment_says_so() -> None:
    once: list[dict[str, Any]] = [{"response_40_day": 60.0, **RITUXIMAB}] * 2
    found = response.answer(cohort([{}, {"end_day": 90, "end_reason": "death"}, *once]), study())
    assert found["Restricted mean||ivig|restricted mean|24"] == NotEstimable(
        reason="nobody had the event by month 24, so the mean has no interval"
    )
    assert found["Restricted mean||rituximab|restricted mean|24"] == NotEstimable(
        reason="everybody had the event at once, so the mean has no interval"
    )


def test_where_everybody_ended_risk_and_death_first_add_up_to_1() -> None:
    people: list[dict[str, Any]] = [{"response_40_day": day} for day in (30.0, 80.0, 400.0)] + [
        {"end_day": 200, "end_reason": "death"}
    ]
    found = response.answer(cohort([*people, RITUXIMAB]), study())
    for month, risk, death in ((6, 1 / 2, 0), (12, 1 / 2, 1 / 4), (24, 3 / 4, 1 / 4)):
        assert number(found, f"Risk||ivig|risk|{month}") == pytest.approx(risk)
        assert number(found, f"Death first||ivig|risk|{month}") == pytest.approx(death)
    curve = found.curves[0]
    assert curve.value == pytest.approx((0, 1 / 4, 1 / 2, 3 / 4))


def test_other_deaths_compete_with_failure_and_death_from_myositis_does_not() -> None:
    myositis = {"failure_day": 50.0, "failure_component": "death from myositis", "end_day": 50, "end_reason": "death"}
    found = failure.answer(
        cohort([myositis, {"end_day": 60, "end_reason": "death"}, {}, {}, RITUXIMAB]), study(covariates=())
    )
    assert [number(found, f"{topic}||ivig|risk|6") for topic in ("Risk", "Death first")] == [1 / 4, 1 / 4]


def test_grays_test_is_of_the_risks_and_needs_time_zero(result: Result) -> None:
    days = [90, 100, 150, 200, 740, 60, 740]
    arm = ["ivig"] * 5 + ["rituximab"] * 2
    test = gray_test(np.array(days) / MONTH, [1, 2, 0, 1, 0, 1, 0], arm)
    assert isinstance(test, GrayTest)
    assert number(result, "Gray's test|chi-square, unstratified|all|test|") == pytest.approx(test.chi_square, rel=1e-12)
    assert number(result, "Gray's test|p, unstratified|all|test|") == pytest.approx(test.p, rel=1e-12)
    late = response.answer(cohort([*FIVE, *TWO, {"entry_day": 5}], users="all"), study())
    value = late["Gray's test|p, unstratified|all|test|"]
    assert isinstance(value, NotEstimable)
    assert "from time zero" in value.reason
    assert isinstance(late["Log-rank test|p, unstratified|all|test|"], Summary)


def test_grays_test_without_responses_or_without_an_arm_says_why() -> None:
    nobody = response.answer(cohort([{}, RITUXIMAB]), study())
    assert nobody["Gray's test|p, unstratified|all|test|"] == NotEstimable(reason="nobody had the event")
    alone = response.answer(cohort([{"response_40_day": 9.0}, {}]), study())
    reason = "the arms are not at risk together at the time of an event"
    assert alone["Gray's test|p, stratified by centre|all|test|"] == NotEstimable(reason=reason)


@pytest.mark.parametrize("deaths", [True, False])
def test_the_subdistribution_hazard_ratio_is_that_of_fine_and_gray(*, deaths: bool) -> None:
    frame = drawn().patients
    if not deaths:
        frame = frame.assign(end_reason="data cut")
    found = response.answer(cohort_of(frame), study())["Subdistribution hazard ratio|adjusted|all|hazard ratio|"]
    event = frame["response_40_day"].notna()
    cause = np.where(event, 1, np.where(frame["end_reason"] == "death", 2, 0))
    month = frame["response_40_day"].fillna(frame["end_day"]) / MONTH
    people = frame.assign(cause=cause, event=event.astype(int), month=month).dropna(subset="ild")
    formula = "comparator + age_decades + ild"
    model = fine_gray(formula, people, month="month", cause="cause", ties="efron")
    assert isinstance(model, FineGrayFit)
    assert isinstance(found, Estimate)
    term = model.terms.iloc[0]
    expected = tuple(float(x) for x in np.exp([term["estimate"], term["low"], term["high"]]))
    assert (found.value, found.low, found.high) == pytest.approx(expected, rel=1e-9)
    assert (found.n, found.events, found.df) == (297, model.events, None)
    crude = cox(formula, people, month="month", event="event")
    assert isinstance(crude, CoxFit)
    same = np.exp(crude.terms["estimate"].iloc[0])
    # without deaths it is the cause-specific one of the same model
    assert (found.value == pytest.approx(same, rel=1e-7)) is not deaths


def test_a_risk_of_0_rests_on_the_deaths_too_for_its_limit_tells_how_many_are_known() -> None:
    late, soon = (
        [{"response_20_day": day + i, "response_40_day": day + i} for i in range(20)] for day in (300.0, 20.0)
    )
    people: list[dict[str, Any]] = [*late, *[{"end_day": 100, "end_reason": "death"}] * 2]
    people += [{**person, **RITUXIMAB} for person in soon]
    found = response.answer(cohort(people), study())
    rests = {row.id: row.rests_on for row in found.rows}
    deaths, events = "Death first||ivig|count|6", "Events||ivig|count|6"
    assert {deaths, events} <= set(rests["Risk||ivig|risk|6"])
    assert deaths not in rests["Risk||ivig|risk|24"]
    assert deaths in rests["Death first||ivig|risk|6"]
    assert "Events||rituximab|count|6" in rests["Death first||rituximab|risk|6"]
    assert deaths in rests["Risk difference|rituximab minus ivig|all|risk difference|6"]
    (masked,) = mask([found])
    assert masked[deaths] == Masked()
    for identifier in (
        "Death first||ivig|risk|6",
        "Risk||ivig|risk|6",
        "Risk difference|rituximab minus ivig|all|risk difference|6",
    ):
        assert isinstance(masked[identifier], Masked)
