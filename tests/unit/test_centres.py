"""Response by centre: one hazard ratio a centre, why some have none, and whether they differ."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from analyses import centres, response
from analyses.disclosure import check
from analyses.methods.survival import CoxFit, cox
from analyses.result import Estimate, NotEstimable, Result, Summary
from tests.unit.small_cohort import cohort, cohort_of, documented_ids, drawn, study

ARMS = ("ivig", "rituximab")
CODES = ("leuven", "lyon", "porto")


@pytest.fixture(scope="module")
def result() -> Result:
    return centres.answer(drawn(), study())


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    patients = drawn().patients
    event = patients["response_40_day"].notna()
    days = patients["response_40_day"].fillna(patients["end_day"])
    return patients.assign(event=event.astype(int), month=days / 30.4375)


def number(result: Result, identifier: str) -> float:
    value = result[identifier]
    assert isinstance(value, Summary | Estimate)
    return value.value


def fitted(formula: str, data: pd.DataFrame, strata: str | None = None) -> CoxFit:
    fit = cox(formula, data, month="month", event="event", strata=strata)
    assert isinstance(fit, CoxFit)
    return fit


def test_every_promised_id_is_there_and_nothing_else(result: Result) -> None:
    promised = documented_ids(centres.__doc__ or "", {"ARM": ARMS, "CENTRE": CODES})
    twins = {identifier.replace("|p, ", "|chi-square, ") for identifier in promised}
    assert {row.id for row in result.rows} == promised | twins


def test_persons_and_events_add_up_over_arms_and_centres_and_are_those_of_response(result: Result) -> None:
    check([result, response.answer(drawn(), study())])
    assert number(result, "Persons|all|all|count|") == 300
    assert sum(number(result, f"Events|rituximab|{code}|count|") for code in CODES) == number(
        result, "Events|rituximab|all|count|"
    )


@pytest.mark.parametrize("code", CODES)
def test_the_unadjusted_ratio_is_that_of_the_centre_alone(code: str, result: Result, frame: pd.DataFrame) -> None:
    term = fitted("comparator", frame[frame["centre"] == code]).terms.iloc[0]
    value = result[f"Hazard ratio|unadjusted|{code}|hazard ratio|"]
    assert isinstance(value, Estimate)
    numbers = (value.value, value.low, value.high)
    assert numbers == pytest.approx(tuple(np.exp([term["estimate"], term["low"], term["high"]])), rel=1e-9)
    assert value.n == number(result, f"Persons|all|{code}|count|")


def test_the_adjusted_ratios_share_the_effects_of_the_covariates(result: Result, frame: pd.DataFrame) -> None:
    interaction = fitted("comparator:C(centre) + age_decades + ild", frame, strata="centre").terms
    for code in CODES:
        value = result[f"Hazard ratio|adjusted|{code}|hazard ratio|"]
        assert isinstance(value, Estimate)
        estimate = interaction.loc[interaction["term"].str.contains(code), "estimate"].item()
        assert math.log(value.value) == pytest.approx(estimate, rel=1e-7)
        # n and events of the model would be those of all centres
        assert (value.n, value.events) == (None, None)


def test_the_overall_ratios_are_those_of_response(result: Result) -> None:
    other = response.answer(drawn(), study())
    for level in ("unadjusted, stratified by centre", "adjusted, stratified by centre"):
        assert result[f"Hazard ratio|{level}|all|hazard ratio|"] == other[f"Hazard ratio|{level}|all|hazard ratio|"]


def test_unadjusted_heterogeneity_is_cochrans_q(result: Result, frame: pd.DataFrame) -> None:
    terms = [fitted("comparator", frame[frame["centre"] == code]).terms.iloc[0] for code in CODES]
    estimate = np.array([term["estimate"] for term in terms])
    weight = np.array([term["std_error"] for term in terms]) ** -2.0
    q = float(np.sum(weight * (estimate - np.average(estimate, weights=weight)) ** 2))
    assert number(result, "Heterogeneity|chi-square, unadjusted|all|test|") == pytest.approx(q, rel=1e-9)
    assert number(result, "Heterogeneity|p, unadjusted|all|test|") == pytest.approx(chi2.sf(q, 2), rel=1e-9)


def test_adjusted_heterogeneity_is_zero_where_all_centres_are_one_another() -> None:
    base = drawn(120, seed=5).patients
    copies = [base.assign(centre=code, person_id=base["person_id"] + code) for code in CODES]
    found = centres.answer(cohort_of(pd.concat(copies, ignore_index=True)), study())
    assert number(found, "Heterogeneity|chi-square, adjusted|all|test|") == pytest.approx(0, abs=1e-9)
    ratios = [number(found, f"Hazard ratio|adjusted|{code}|hazard ratio|") for code in CODES]
    assert ratios == pytest.approx([ratios[0]] * 3)


def test_a_centre_below_the_minimum_says_so_without_its_number() -> None:
    # porto has 17 persons in this cohort
    found = centres.answer(drawn(), study(minimum_centre_size=18))
    for level in ("unadjusted", "adjusted"):
        value = found[f"Hazard ratio|{level}|porto|hazard ratio|"]
        assert value == NotEstimable(reason="fewer than 18 persons")
    edge = centres.answer(drawn(), study(minimum_centre_size=17))
    assert isinstance(edge["Hazard ratio|unadjusted|porto|hazard ratio|"], Estimate)


def test_a_centre_without_events_in_an_arm_or_with_an_infinite_ratio_says_so() -> None:
    here = [{"centre": "lyon", "arm": arm, "response_40_day": float(day)} for day in (30, 60, 90) for arm in ARMS]
    none = [{"centre": "porto", "response_40_day": 50.0}] * 3 + [{"centre": "porto", "arm": "rituximab"}] * 3
    first = [{"centre": "leuven", "response_40_day": 10.0}] * 3
    later = [{"centre": "leuven", "arm": "rituximab", "response_40_day": 20.0}] * 3
    found = centres.answer(cohort([*here, *none, *first, *later]), study(covariates=()))
    values = [found[f"Hazard ratio|unadjusted|{code}|hazard ratio|"] for code in CODES]
    assert values[0] == NotEstimable(reason="the hazard ratio would be infinite or 0")
    assert isinstance(values[1], Estimate)
    assert values[2] == NotEstimable(reason="no event in rituximab")
    one = found["Heterogeneity|p, adjusted|all|test|"]
    assert one == NotEstimable(reason="fewer than two centres have a hazard ratio")


def test_a_centre_whose_persons_lack_covariates_has_an_unadjusted_ratio_only() -> None:
    patients = drawn().patients
    bare = patients.assign(ild=patients["ild"].mask(patients["centre"] == "porto"))
    found = centres.answer(cohort_of(bare), study())
    assert isinstance(found["Hazard ratio|unadjusted|porto|hazard ratio|"], Estimate)
    value = found["Hazard ratio|adjusted|porto|hazard ratio|"]
    assert value == NotEstimable(reason="among persons with all covariates: fewer than 5 persons")
    assert isinstance(found["Hazard ratio|adjusted|lyon|hazard ratio|"], Estimate)


def test_a_centre_of_the_study_without_anybody_has_its_rows() -> None:
    patients = drawn().patients
    found = centres.answer(cohort_of(patients[patients["centre"] != "porto"].reset_index(drop=True)), study())
    assert number(found, "Persons|all|porto|count|") == 0
    assert isinstance(found["Hazard ratio|adjusted|porto|hazard ratio|"], NotEstimable)
    check([found])


def test_ratios_rest_on_the_counts_of_their_centre(result: Result) -> None:
    for row in result.rows:
        if row.statistic == "hazard ratio":
            expected = {f"{topic}|{arm}|{row.group}|count|" for topic in ("Persons", "Events") for arm in ARMS}
            assert set(row.rests_on) == expected


def test_the_order_of_persons_changes_no_byte(result: Result) -> None:
    shuffled = drawn().patients.sample(frac=1, random_state=3).reset_index(drop=True)
    assert centres.answer(cohort_of(shuffled), study()).to_json() == result.to_json()
