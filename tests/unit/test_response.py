"""Time to response: who is counted, which numbers come out, and that they are those of the methods."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from analyses import response
from analyses.disclosure import check, mask
from analyses.methods.survival import CoxFit, ProportionalHazards, cox, kaplan_meier, proportional_hazards
from analyses.result import Estimate, NotEstimable, Result, Summary
from registry.errors import ExitCode, UserError
from tests.unit.small_cohort import COVARIATES, cohort, cohort_of, documented_ids, drawn, study

ARMS = ("ivig", "rituximab")
RITUXIMAB = {"arm": "rituximab"}
LOG_RANK = ("unstratified", "stratified by centre")


@pytest.fixture(scope="module")
def result() -> Result:
    return response.answer(drawn(), study())


def number(result: Result, identifier: str) -> float:
    value = result[identifier]
    assert isinstance(value, Summary | Estimate)
    return value.value


def persons(result: Result, level: str, group: str = "all", suffix: str = "") -> float:
    return number(result, f"Persons{suffix}|{level}|{group}|count|")


def test_every_promised_id_is_there_and_nothing_else(result: Result) -> None:
    names = {
        "ARM": ARMS, "MONTH": ("6", "12", "24"), "HORIZON": ("24",), "C minus R": ("rituximab minus ivig",),
        "COVARIATE": COVARIATES, "WHEN": ("3", "6", "12", "24"),
    }  # fmt: skip
    promised = documented_ids(response.__doc__ or "", names)
    not_for_others = ("Hazard ratio of covariate", "Proportional hazards", "Hazard ratio over time")
    own = {i for i in promised if not i.startswith(not_for_others)}
    others = {
        identifier.replace("|", f"{suffix}|", 1)
        for identifier in own
        for suffix in (", minimal response", ", major response")
    }
    assert {row.id for row in result.rows} == promised | others


def test_the_sums_hold_and_masking_takes_the_result(result: Result) -> None:
    check([result])
    (masked,) = mask([result])
    assert Result.from_json(masked.to_json()) == masked


def test_who_is_excluded_and_in_which_order() -> None:
    made = cohort(
        [
            {},
            RITUXIMAB,
            {"scorable": False},
            {"scorable": False, "end_day": 0},
            {"scorable": False, "response_20_day": 50.0, "response_40_day": 50.0},
            {"entry_day": 100, "response_40_day": 100.0},
            {"entry_day": 100, "response_40_day": 101.0},
            {"entry_day": 100, "end_day": 100},
            {"entry_day": 100, "end_day": 101},
            {"end_day": 0, **RITUXIMAB},
        ],
        users="all",
    )
    found = response.answer(made, study())
    levels = ("in the cohort", "never scorable", "event before entry", "no follow-up", "analysed")
    assert [persons(found, level) for level in levels] == [10, 2, 1, 2, 5]
    assert [persons(found, level, "rituximab") for level in levels] == [2, 0, 0, 1, 1]
    assert number(found, "Events||all|count|") == 2
    assert number(found, "Person-years||all|person-years|") == pytest.approx((740 + 740 + 50 + 1 + 1) / 365.25)


def test_without_the_event_the_end_is_death_loss_or_still_followed() -> None:
    reasons = ["death", "lost", "withdrawn", "last seen", "data cut"]
    made = cohort([{"end_reason": reason} for reason in reasons] + [{"end_reason": "death", "response_40_day": 9.0}])
    found = response.answer(made, study())
    ends = ("death", "lost or withdrawn", "still followed")
    assert [number(found, f"Censored|{end}|ivig|count|") for end in ends] == [1, 2, 2]


def test_an_event_after_the_end_of_follow_up_does_not_count() -> None:
    found = response.answer(cohort([{"end_day": 100, "response_40_day": 101.0}, RITUXIMAB]), study())
    assert number(found, "Events||ivig|count|") == 0


def test_without_deaths_risk_is_1_minus_kaplan_meier_by_hand() -> None:
    # responses at days 90 and 200 of four, one lost at day 100: risk 1/4 at month 6, 1 - 3/4 x 1/2 at month 12
    found = response.answer(
        cohort([{"response_40_day": 90.0}, {"end_day": 100}, {"response_40_day": 200.0}, {}, RITUXIMAB]), study()
    )
    assert number(found, "Risk||ivig|risk|6") == pytest.approx(1 / 4)
    assert number(found, "Risk||ivig|risk|12") == pytest.approx(1 - 3 / 8)
    assert [number(found, f"Events||ivig|count|{month}") for month in (6, 12, 24)] == [1, 2, 2]
    assert number(found, "Risk||rituximab|risk|6") == 0
    assert number(found, "Risk difference|rituximab minus ivig|all|risk difference|6") == pytest.approx(-1 / 4)
    assert number(found, "Median time||ivig|median time|") == pytest.approx(200 / 30.4375)
    assert math.isinf(number(found, "Median time||rituximab|median time|"))


def test_limits_of_a_risk_are_those_of_survival_turned_round() -> None:
    made = cohort([{"response_40_day": day} for day in (30.0, 90.0, 300.0)] + [{}, {}, RITUXIMAB])
    found = response.answer(made, study())["Risk||ivig|risk|6"]
    curve = kaplan_meier(np.array([30, 90, 300, 740, 740]) / 30.4375, [1, 1, 1, 0, 0])
    assert not isinstance(curve, NotEstimable)
    (here,) = curve.at([6])
    assert isinstance(found, Estimate)
    assert not isinstance(here, NotEstimable)
    assert (found.low, found.high) == pytest.approx((1 - here.high, 1 - here.low))
    assert (found.n, found.events, found.unit) == (5, 2, "probability")


def test_a_horizon_that_an_arm_does_not_reach_is_said_and_not_moved() -> None:
    people = [{"response_40_day": 90.0}, {}, {"response_40_day": 60.0, **RITUXIMAB}, {"end_day": 400, **RITUXIMAB}]
    found = response.answer(cohort(people), study())
    reason = found["Restricted mean||rituximab|restricted mean|24"]
    assert isinstance(reason, NotEstimable)
    assert "month 13" in reason.reason
    difference = found["Restricted mean|rituximab minus ivig|all|difference in restricted means|24"]
    assert difference == NotEstimable(reason=f"rituximab: {reason.reason}")
    risk = found["Risk difference|rituximab minus ivig|all|risk difference|24"]
    assert risk == NotEstimable(reason="rituximab: nobody is followed beyond month 13")
    assert isinstance(found["Risk difference|rituximab minus ivig|all|risk difference|12"], Estimate)


def test_the_horizon_of_the_study_is_one_of_the_months() -> None:
    found = response.answer(drawn(), study(horizon_months=18))
    assert isinstance(found["Risk||ivig|risk|18"], Estimate)
    assert isinstance(found["Restricted mean||ivig|restricted mean|18"], Estimate)


def test_the_restricted_mean_is_time_without_response(result: Result) -> None:
    means = [number(result, f"Restricted mean||{arm}|restricted mean|24") for arm in ARMS]
    difference = number(result, "Restricted mean|rituximab minus ivig|all|difference in restricted means|24")
    assert difference == pytest.approx(means[1] - means[0])
    # the true hazard is lower with rituximab: longer without response
    assert difference > 0


def months(frame: pd.DataFrame) -> pd.DataFrame:
    event = frame["response_40_day"].notna()
    days = frame["response_40_day"].fillna(frame["end_day"])
    return frame.assign(event=event.astype(int), month=days / 30.4375, start=frame["entry_day"] / 30.4375)


@pytest.mark.parametrize("prevalent", [False, True])
@pytest.mark.parametrize("centres", [3, 8])
@pytest.mark.parametrize(
    ("level", "formula", "strata"),
    [
        ("unadjusted", "comparator", None),
        ("unadjusted, stratified by centre", "comparator", "centre"),
        ("adjusted, stratified by centre", "comparator + age_decades + ild", "centre"),
    ],
)
def test_hazard_ratios_are_those_of_the_named_model(
    level: str, formula: str, strata: str | None, centres: int, *, prevalent: bool
) -> None:
    frame = drawn(prevalent=prevalent).patients
    if centres == 8:
        frame = frame.assign(centre=[f"centre {i % 8}" for i in range(len(frame))])
    made = cohort_of(frame, users="all" if prevalent else "incident")
    # three centres are too few for three terms, and leave fewer than two degrees of freedom for one
    cluster = None if centres == 3 else "centre"
    value = response.answer(made, study())[f"Hazard ratio|{level}|all|hazard ratio|"]
    frame = months(made.patients)
    frame = frame[~(frame["response_40_day"] <= frame["entry_day"])]
    fit = cox(formula, frame, month="month", event="event", entry="start", strata=strata, cluster=cluster)
    assert isinstance(fit, CoxFit)
    assert isinstance(value, Estimate)
    term = fit.terms.iloc[0]
    assert term["term"] == "comparator"
    expected = np.exp([term["estimate"], term["low"], term["high"]])
    assert (value.value, value.low, value.high) == pytest.approx(tuple(expected), rel=1e-9)
    assert (value.n, value.events) == (fit.n, fit.events)
    assert value.p == pytest.approx(term["p"], rel=1e-6)
    assert value.df == (None if cluster is None else pytest.approx(term["df"], rel=1e-6))


def eight_centres(size: int = 300) -> pd.DataFrame:
    frame = drawn(size).patients
    return frame.assign(centre=[f"centre {i % 8}" for i in range(len(frame))])


def test_with_centres_enough_every_hazard_ratio_has_its_variance_by_centre() -> None:
    frame = eight_centres()
    found = response.answer(cohort_of(frame), study())
    fit = cox(
        "comparator + age_decades + ild", months(frame), month="month", event="event", strata="centre", cluster="centre"
    )
    assert isinstance(fit, CoxFit)
    terms = fit.terms.set_index("term")
    names = {
        "comparator": "Hazard ratio|adjusted, stratified by centre|all|hazard ratio|",
        **{name: f"Hazard ratio of covariate|{name}|all|hazard ratio|" for name in COVARIATES},
    }
    for term, identifier in names.items():
        value = found[identifier]
        assert isinstance(value, Estimate)
        assert (value.low, value.high) == pytest.approx(tuple(np.exp(terms.loc[term, ["low", "high"]].to_numpy(float))))
        assert value.df == pytest.approx(terms.loc[term, "df"])
        assert value.df is not None
        assert 3 < value.df <= 7
    assert not any("too few for a variance by centre" in note for note in found.notes)


def test_hazard_ratios_without_a_variance_by_centre_are_named_once(result: Result) -> None:
    (note,) = [note for note in result.notes if "too few for a variance by centre" in note]
    level = "adjusted, stratified by centre"
    levels = (level, "unadjusted, stratified by centre", "unadjusted")
    outcomes = ("response", "minimal response", "major response")
    assert note.endswith(": " + "; ".join(f"{name}, {one}" for name in outcomes for one in levels) + ".")
    assert not any("fewer than 4 degrees of freedom" in note for note in result.notes)
    found = result[f"Hazard ratio|{level}|all|hazard ratio|"]
    assert isinstance(found, Estimate)
    assert found.df is None


def test_a_term_that_one_centre_alone_decides_has_the_variance_of_the_model() -> None:
    frame = eight_centres()
    frame["ild"] = frame["ild"].where(frame["centre"] == "centre 0", 0.0).fillna(0.0)
    found = response.answer(cohort_of(frame), study())
    value = found["Hazard ratio|adjusted, stratified by centre|all|hazard ratio|"]
    assert isinstance(value, Estimate)
    assert value.df is None
    assert any("too few for a variance by centre" in note for note in found.notes)


def test_the_hazard_ratio_over_time_is_the_smooth_one_at_whole_months() -> None:
    frame = drawn().patients
    found = response.answer(cohort_of(frame), study())
    (curve,) = [curve for curve in found.curves if curve.kind == "line"]
    assert (curve.name, curve.group, curve.unit, curve.at_risk) == ("Hazard ratio over time", "all", "hazard ratio", ())
    own = months(frame)
    own = own[own["ild"].notna()]
    when = own.loc[own["event"] == 1, "month"]
    assert list(curve.month) == list(np.arange(curve.month[0], curve.month[-1] + 1))
    # five events up to the first month and from the last one on: fewer would be single persons
    assert (when <= curve.month[0]).sum() >= 5 > (when <= curve.month[0] - 1).sum()
    assert (when >= curve.month[-1]).sum() >= 5
    at_risk = [(own.loc[own["arm"] == arm, "month"] >= curve.month[-1]).sum() for arm in ARMS]
    after = [(own.loc[own["arm"] == arm, "month"] >= curve.month[-1] + 1).sum() for arm in ARMS]
    assert min(at_risk) >= 10 > min(after)
    fit = cox("comparator + age_decades + ild", own, month="month", event="event", strata="centre")
    assert isinstance(fit, CoxFit)
    test = proportional_hazards(fit)
    assert isinstance(test, ProportionalHazards)
    smooth = test.smoothed("comparator")
    assert not isinstance(smooth, NotEstimable)
    for month in (3, 6):
        value = found[f"Hazard ratio over time||all|hazard ratio|{month}"]
        assert isinstance(value, Estimate)
        expected = [
            math.exp(np.interp(month, smooth.months, line))
            for line in (smooth.log_hazard_ratio, smooth.low, smooth.high)
        ]
        assert (value.value, value.low, value.high) == pytest.approx(tuple(expected), rel=1e-7)
        assert value.value == curve.value[curve.month.index(month)]


def test_outside_the_curve_over_time_a_month_says_where_it_runs() -> None:
    found = response.answer(cohort_of(drawn(120).patients), study())
    (curve,) = [curve for curve in found.curves if curve.kind == "line"]
    assert curve.month[-1] < 24
    value = found["Hazard ratio over time||all|hazard ratio|24"]
    assert isinstance(value, NotEstimable)
    assert f"from month {curve.month[0]:g} to month {curve.month[-1]:g}" in value.reason


def test_the_curve_over_time_starts_in_the_first_whole_month_after_the_first_event() -> None:
    frame = drawn().patients
    shifted = frame.assign(**{name: frame[name] + 76 for name in ("response_20_day", "response_40_day", "end_day")})
    found = response.answer(cohort_of(shifted), study())
    (curve,) = [curve for curve in found.curves if curve.kind == "line"]
    first = shifted.loc[shifted["ild"].notna(), "response_40_day"].min() / 30.4375
    assert first % 1 > 0
    assert curve.month[0] == math.ceil(first)
    assert curve.month[0] > 1


def test_with_few_events_in_an_arm_there_is_no_curve_over_time() -> None:
    frame = drawn().patients
    rare = frame[frame["response_40_day"].isna() | (frame["arm"] == "ivig")]
    some = frame[frame["response_40_day"].notna() & (frame["arm"] == "rituximab")]
    for number_of_events, there in ((9, False), (10, True)):
        chosen = pd.concat([rare, some[some["ild"].notna()].head(number_of_events)], ignore_index=True)
        found = response.answer(cohort_of(chosen), study())
        assert any(curve.kind == "line" for curve in found.curves) == there
        value = found["Hazard ratio over time||all|hazard ratio|3"]
        assert there or value == NotEstimable(reason="fewer than 10 events in an arm are too few for a curve over time")


def test_the_comparison_turns_with_the_reference(result: Result) -> None:
    frame = drawn().patients
    turned = response.answer(
        cohort_of(frame.assign(comparator=(frame["arm"] == "ivig").astype(float))), study(reference="rituximab")
    )
    level = "|adjusted, stratified by centre|all|hazard ratio|"
    assert number(turned, f"Hazard ratio{level}") == pytest.approx(1 / number(result, f"Hazard ratio{level}"))
    first = number(result, "Risk difference|rituximab minus ivig|all|risk difference|12")
    assert number(turned, "Risk difference|ivig minus rituximab|all|risk difference|12") == pytest.approx(-first)
    means = "|all|difference in restricted means|24"
    first = number(result, f"Restricted mean|rituximab minus ivig{means}")
    assert number(turned, f"Restricted mean|ivig minus rituximab{means}") == pytest.approx(-first)
    assert number(turned, "Risk||ivig|risk|12") == number(result, "Risk||ivig|risk|12")


def test_the_log_rank_test_within_centres_is_not_the_one_over_all(result: Result) -> None:
    both = [
        number(result, f"Log-rank test|chi-square, {how}|all|test|") for how in ("unstratified", "stratified by centre")
    ]
    assert both[0] != both[1]
    assert (
        result["Log-rank test|p, unstratified|all|test|"] != result["Log-rank test|p, stratified by centre|all|test|"]
    )


def test_persons_without_a_covariate_are_counted_and_only_missing_from_the_adjusted_model(result: Result) -> None:
    # three persons without ild
    assert persons(result, "missing a covariate") == 3
    assert persons(result, "complete covariates") == 297
    adjusted = result["Hazard ratio|adjusted, stratified by centre|all|hazard ratio|"]
    crude = result["Hazard ratio|unadjusted|all|hazard ratio|"]
    assert isinstance(adjusted, Estimate)
    assert isinstance(crude, Estimate)
    assert (adjusted.n, crude.n) == (297, 300)


def test_a_covariate_with_one_value_is_left_out_and_said() -> None:
    frame = drawn().patients.assign(ild=1.0)
    found = response.answer(cohort_of(frame), study())
    without = response.answer(cohort_of(frame), study(covariates=("age_decades",)))
    level = "Hazard ratio|adjusted, stratified by centre|all|hazard ratio|"
    assert found[level] == without[level]
    assert isinstance(found["Hazard ratio of covariate|ild|all|hazard ratio|"], NotEstimable)
    assert any(note.startswith("ild is not in the adjusted model") for note in found.notes)
    assert not any(note.startswith("ild is not") for note in without.notes)


def test_a_covariate_that_nobody_has_leaves_no_adjusted_hazard_ratio() -> None:
    found = response.answer(cohort_of(drawn().patients.assign(ild=np.nan)), study())
    value = found["Hazard ratio|adjusted, stratified by centre|all|hazard ratio|"]
    assert value == NotEstimable(reason="nobody has a value of every covariate of the study")
    assert isinstance(found["Hazard ratio of covariate|ild|all|hazard ratio|"], NotEstimable)
    assert isinstance(found["Hazard ratio|unadjusted|all|hazard ratio|"], Estimate)


def test_a_study_without_covariates_has_an_adjusted_ratio_that_equals_the_unadjusted_one() -> None:
    found = response.answer(drawn(), study(covariates=()))
    levels = ("adjusted, stratified by centre", "unadjusted, stratified by centre")
    assert len({number(found, f"Hazard ratio|{level}|all|hazard ratio|") for level in levels}) == 1


def test_an_unknown_covariate_is_the_users_error() -> None:
    with pytest.raises(UserError, match="Unknown covariates: weather") as caught:
        response.answer(drawn(50), study(covariates=("weather", "ild")))
    assert caught.value.exit_code == ExitCode.BAD_STUDY


def test_non_proportional_hazards_are_found_and_said() -> None:
    # ivig responds within three months or not; rituximab from month four on
    days = {"ivig": np.arange(20, 80), "rituximab": np.arange(120, 180)}
    people = [{"arm": arm, "response_40_day": float(day)} for arm in ARMS for day in days[arm]]
    people += [{"arm": "ivig"}] * 40 + [{"arm": "rituximab", "end_day": 100}] * 5
    found = response.answer(cohort(people), study(covariates=()))
    outcome = {check.name: check for check in found.checks}["Proportional hazards"]
    assert outcome.outcome == "failed"
    assert "changes with time" in outcome.detail
    assert number(found, "Proportional hazards|p, adjusted model|all|test|") < 0.05


def test_proportional_hazards_pass_where_they_hold(result: Result) -> None:
    assert {check.name: check.outcome for check in result.checks} == {
        "Proportional hazards": "passed",
        "Events per term": "passed",
    }


def test_too_few_events_for_the_terms_fail_a_check() -> None:
    found = response.answer(drawn(40, seed=2), study())
    assert number(found, "Events|complete covariates|all|count|") >= 30
    assert {check.name: check.outcome for check in found.checks}["Events per term"] == "passed"
    fewer = response.answer(drawn(30, seed=2), study())
    assert number(fewer, "Events|complete covariates|all|count|") < 30
    assert {check.name: check.outcome for check in fewer.checks}["Events per term"] == "failed"


def test_minimal_and_major_response_are_other_events_of_the_same_kind(result: Result) -> None:
    risks = [number(result, f"Risk{suffix}||ivig|risk|12") for suffix in (", major response", "", ", minimal response")]
    assert risks == sorted(risks)
    assert len(set(risks)) == 3


def test_curves_start_at_0_rise_and_have_numbers_below_them(result: Result) -> None:
    steps = [curve for curve in result.curves if curve.kind == "step"]
    assert [(curve.name, curve.group) for curve in steps] == [
        (f"Cumulative incidence of {name}", arm)
        for name in ("response", "minimal response", "major response")
        for arm in ARMS
    ]
    for curve in steps:
        assert (curve.kind, curve.unit) == ("step", "probability")
        assert (curve.month[0], curve.value[0], curve.low[0], curve.high[0]) == (0, 0, 0, 0)
        assert list(curve.month) == sorted(set(curve.month))
        assert list(curve.value) == sorted(curve.value)
        assert all(low <= value <= high for low, value, high in zip(curve.low, curve.value, curve.high, strict=True))
        assert curve.at_risk_month == tuple(np.arange(0, curve.at_risk_month[-1] + 1, 3))
    first = result.curves[0]
    assert first.at_risk[0] == persons(result, "analysed", "ivig")
    assert first.events[0] == 0
    assert first.events[first.at_risk_month.index(12)] == number(result, "Events||ivig|count|12")
    step = max(i for i, month in enumerate(first.month) if month <= 12)
    assert first.value[step] == pytest.approx(number(result, "Risk||ivig|risk|12"))


def test_events_below_a_curve_are_those_up_to_and_including_the_month() -> None:
    # 1,461 days are 48 months, the first month of the grid that ends with a day
    first = {"response_40_day": 1461.0, "end_day": 1600}
    curve = response.answer(cohort([first, {"end_day": 1600}, RITUXIMAB]), study(horizon_months=48)).curves[0]
    place = curve.at_risk_month.index(48)
    assert (curve.at_risk[place], curve.events[place]) == (2, 1)


def test_with_delayed_entry_numbers_at_risk_rise_and_the_note_says_why(result: Result) -> None:
    found = response.answer(drawn(prevalent=True), study())
    first = found.curves[0]
    assert first.at_risk[0] is not None
    assert first.at_risk[0] < persons(found, "analysed", "ivig")
    assert persons(found, "event before entry") > 0
    assert any("Prevalent users" in note for note in found.notes)
    assert not any("Prevalent users" in note for note in result.notes)
    assert found.provenance.cohort.startswith("all ")


def test_notes_and_checks_hold_no_count() -> None:
    first, second = (response.answer(drawn(size), study()) for size in (300, 211))
    assert first.notes == second.notes
    assert first.checks == second.checks


def test_the_thresholds_in_the_notes_are_those_of_the_study() -> None:
    changed = study().model_copy(update={"overrides": {"tis_moderate": Decimal(45)}})
    assert any("at least 45." in note for note in response.answer(drawn(60), changed).notes)


def test_the_order_of_persons_changes_no_byte(result: Result) -> None:
    frame = drawn().patients.sample(frac=1, random_state=3).reset_index(drop=True)
    assert response.answer(cohort_of(frame), study()).to_json() == result.to_json()


@pytest.mark.parametrize(
    "people",
    [
        pytest.param([{"response_40_day": 90.0}, {}], id="one arm is empty"),
        pytest.param([{"scorable": False}], id="nobody is analysed"),
        pytest.param([{}, RITUXIMAB], id="nobody responds"),
    ],
)
def test_what_cannot_be_had_says_why_and_the_result_still_comes(people: list[dict[str, object]]) -> None:
    found = response.answer(cohort(people), study())
    assert found.from_json(found.to_json()) == found
    value = found["Hazard ratio|adjusted, stratified by centre|all|hazard ratio|"]
    assert isinstance(value, NotEstimable)
    assert value.reason


def test_every_estimate_rests_on_counts_of_its_own_groups(result: Result) -> None:
    known = {row.id for row in result.rows if row.statistic == "count"}
    for row in result.rows:
        if row.statistic == "count":
            continue
        assert row.rests_on, row.id
        assert set(row.rests_on) <= known
        groups = {identifier.split("|")[2] for identifier in row.rests_on}
        assert groups == ({row.group} if row.group in ARMS or row.statistic == "person-years" else set(ARMS))
