"""What is asked of a fitted Cox model against R's survival package (cox_followups.R, cox_followups.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from analyses.methods.hazards.concordance import Concordance, concordance
from analyses.methods.hazards.cox import cox
from analyses.methods.hazards.cox_baseline import Expected, Interval, expected_curves
from analyses.methods.hazards.cox_fit import CoxFit
from analyses.methods.hazards.cox_prediction import hazard_ratios, standardised_rows
from analyses.methods.hazards.proportional_hazards import ProportionalHazards, Transform, proportional_hazards
from analyses.methods.hazards.smoothed_residuals import HazardRatioCurve
from analyses.result import NotEstimable

FOLDER = Path(__file__).parent
R_DIGITS = 1e-11
MAXIMUM = 1e-8
"""R's variances are those of the last but one step of its search."""
FULL = "arm + age + ild"
MODELS: dict[str, dict[str, str]] = {
    "plain": {},
    "breslow": {"ties": "breslow"},
    "late": {"entry": "entry"},
    "strata": {"strata": "centre"},
    "late_strata_breslow": {"entry": "entry", "strata": "centre", "ties": "breslow"},
    "weighted": {"entry": "entry", "weight": "weight", "cluster": "patient"},
    "whole": {"weight": "whole", "ties": "breslow"},
    "everything": {"entry": "entry", "strata": "place", "weight": "weight", "cluster": "centre"},
}
NEW = pd.DataFrame({"arm": [0, 1, 1], "age": [0, 55, 71.3], "ild": [0, 0, 1]})


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "cox_followups.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "survival.csv")
    place = data["patient"] % 3
    return data.assign(
        any=(data["cause"] > 0).astype(int), whole=1.0 + place, place=place, sole=data["ild"].where(place != 1, 0),
        kind=(data["patient"] % 4).map({0: "a", 1: "b", 2: "c", 3: "d"}),
    )  # fmt: skip


def fitted(persons: pd.DataFrame, formula: str = FULL, **settings: str) -> CoxFit:
    fit = cox(formula, persons, month="month", event="any", **settings)  # type: ignore[arg-type]
    assert isinstance(fit, CoxFit)
    return fit


def inverse(fit: CoxFit) -> Any:
    return np.linalg.inv(fit.maximum.information)


def ph_test(fit: CoxFit, transform: Transform = "km") -> ProportionalHazards:
    found = proportional_hazards(fit, transform=transform)
    assert isinstance(found, ProportionalHazards)
    return found


def same_test(found: ProportionalHazards, expected: dict[str, Any]) -> None:
    np.testing.assert_allclose(found.table["chi_square"], expected["chisq"], rtol=MAXIMUM)
    np.testing.assert_allclose(found.table["p"], expected["p"], rtol=MAXIMUM)
    assert found.table["df"].tolist() == expected["df"]


@pytest.mark.parametrize("transform", get_args(Transform))
def test_the_test_is_that_of_cox_zph_on_every_scale_of_time(
    transform: Transform, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    same_test(ph_test(fitted(persons), transform), reference[f"zph_{transform}"])


def test_with_weights_the_test_is_that_of_cox_zph_given_the_weighted_curve(
    persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    # cox.zph leaves the weights out of its Kaplan-Meier curve, so that a weight of 2 is not the row twice
    same_test(ph_test(fitted(persons, **MODELS["everything"])), reference["zph_weighted"])


def test_columns_of_a_factor_are_tested_together(persons: pd.DataFrame, reference: dict[str, Any]) -> None:
    found = ph_test(fitted(persons, "arm + kind + age"))
    same_test(found, reference["zph_terms"])
    assert found.table["term"].tolist() == ["arm", "kind", "age", "all terms"]


@pytest.mark.parametrize(
    ("name", "formula", "settings"),
    [
        ("plain", FULL, {}),
        ("breslow", FULL, {"ties": "breslow"}),
        ("late_strata", FULL, {"entry": "entry", "strata": "centre", "ties": "breslow"}),
        # a term that has one value in one of the strata: its curve rests on the others, also its grid and its knots,
        # so that it does not go on beyond them as R's does
        ("sole", "arm + age + sole", {"strata": "place"}),
    ],
)
def test_smoothed_curves_are_those_of_plot_cox_zph(
    name: str, formula: str, settings: dict[str, str], persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = reference[f"smooth_{name}"]
    fit = fitted(persons, formula, **settings)
    for term in fit.design.terms:
        found, wanted = ph_test(fit).smoothed(term), expected[term]
        assert isinstance(found, HazardRatioCurve)
        if term != "sole":
            np.testing.assert_allclose(found.months, expected["month"], rtol=1e-10)
            np.testing.assert_allclose(found.log_hazard_ratio, wanted["curve"], rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(found.std_error, wanted["std_err"], rtol=1e-7)
        np.testing.assert_allclose(found.high - found.log_hazard_ratio, 1.959963984540054 * found.std_error, rtol=1e-9)
        assert found.residual.size == wanted["events"]
        assert found.residual.sum() == pytest.approx(wanted["residual_sum"], rel=1e-7)
        assert (found.residual**2).sum() == pytest.approx(wanted["residual_squares"], rel=1e-7)


def test_a_weight_that_all_have_changes_no_curve_over_time(persons: pd.DataFrame) -> None:
    # cox.zph divides the weighted information by a number of events without weights, so that its curve shrinks
    first, second = (
        ph_test(fitted(data, weight="w")).smoothed("age") for data in (persons.assign(w=1), persons.assign(w=0.5))
    )
    assert isinstance(first, HazardRatioCurve)
    assert isinstance(second, HazardRatioCurve)
    np.testing.assert_allclose(second.log_hazard_ratio, first.log_hazard_ratio, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(second.std_error, first.std_error, rtol=1e-8)


@pytest.mark.parametrize("name", MODELS)
def test_concordance_is_that_of_r(name: str, persons: pd.DataFrame, reference: dict[str, Any]) -> None:
    fit, expected = fitted(persons, **MODELS[name]), reference[f"concordance_{name}"]
    found = concordance(fit.design, fit.maximum.coefficients)
    assert isinstance(found, Concordance)
    assert found.value == pytest.approx(expected["value"], rel=R_DIGITS)
    assert (found.concordant, found.discordant, found.tied) == pytest.approx(tuple(expected["count"][:3]), rel=1e-10)
    if name != "whole":  # R's error of whole weights takes a row for one person; the property tests say what ours is
        assert found.std_error == pytest.approx(expected["std_err"], rel=R_DIGITS)


def test_concordance_of_a_predictor_with_four_values(persons: pd.DataFrame, reference: dict[str, Any]) -> None:
    fit, expected = fitted(persons, "arm + ild", entry="entry"), reference["concordance_tied"]
    found = concordance(fit.design, fit.maximum.coefficients)
    assert isinstance(found, Concordance)
    assert (found.value, found.std_error) == pytest.approx((expected["value"], expected["std_err"]), rel=R_DIGITS)
    assert (found.concordant, found.discordant, found.tied) == tuple(expected["count"][:3])


def test_concordance_anchor(persons: pd.DataFrame) -> None:
    fit = fitted(persons)
    found = concordance(fit.design, fit.maximum.coefficients)
    assert getattr(found, "value", None) == pytest.approx(0.615639679469467, rel=1e-12)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("interval", get_args(Interval))
def test_expected_curves_are_those_of_survfit(
    name: str, interval: Interval, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    fit, expected = fitted(persons, **MODELS[name]), reference[f"curves_{name}"]
    design = fit.design
    covariance = np.array(expected["covariance"]) * np.outer(design.scale, design.scale)
    curves = expected_curves(
        design, fit.maximum.coefficients, covariance, fit.ties, standardised_rows(design, NEW), interval=interval
    )
    prefix = "log_" if interval == "log" else ""
    columns = {"cumulative_hazard": "hazard", "std_error": "std_err", "survival": "survival"}
    columns |= {"low": f"{prefix}low", "high": f"{prefix}high"}
    for wanted in expected["curves"]:
        curve = curves[wanted["person"] - 1][wanted["stratum"]]
        assert curve.stratum == (wanted["stratum"] if design.stratum is not None else None)
        for place, here in enumerate(curve.at(expected["month"])):
            if isinstance(here, NotEstimable):  # R draws the curve on to the months that were asked for
                assert expected["month"][place] > curve.last
                continue
            assert isinstance(here, Expected)
            for ours, theirs in columns.items():
                assert getattr(here, ours) == pytest.approx(wanted[theirs][place], rel=MAXIMUM, abs=1e-12)


def test_baseline_anchor(persons: pd.DataFrame) -> None:
    fit = fitted(persons)
    zero = standardised_rows(fit.design, pd.DataFrame({"arm": [0], "age": [0.0], "ild": [0]}))
    covariance = inverse(fit)
    ((curve,),) = expected_curves(fit.design, fit.maximum.coefficients, covariance, "efron", zero)
    found = [getattr(here, "cumulative_hazard", None) for here in curve.at([12, 24])]
    # the anchor is of a search that stopped a digit earlier
    assert found == pytest.approx([0.157585698207625, 0.350258811458611], rel=1e-8)


def test_the_baseline_is_that_of_basehaz_at_every_event(persons: pd.DataFrame, reference: dict[str, Any]) -> None:
    fit, expected = fitted(persons), pd.DataFrame(reference["basehaz_plain"])
    zero = standardised_rows(fit.design, NEW[:1])
    covariance = inverse(fit)
    ((curve,),) = expected_curves(fit.design, fit.maximum.coefficients, covariance, "efron", zero)
    steps = expected[expected["month"].isin(curve.month)]
    np.testing.assert_allclose(curve.cumulative_hazard, steps["hazard"], rtol=R_DIGITS)


@pytest.mark.parametrize("name", ["plain", "weighted"])
@pytest.mark.parametrize("against", ["mean", "zero"])
def test_predicted_hazard_ratios_are_those_of_predict(
    name: str, against: Any, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    fit, expected = fitted(persons, **MODELS[name]), reference[f"predict_{name}"]
    design = fit.design
    covariance = np.array(reference[f"curves_{name}"]["covariance"]) * np.outer(design.scale, design.scale)
    found = hazard_ratios(
        design, fit.maximum.coefficients, covariance, standardised_rows(design, NEW), reference=against
    )
    np.testing.assert_allclose(found["log_hazard_ratio"], expected[against], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found["std_error"], expected[f"{against}_se"], rtol=MAXIMUM, atol=1e-12)
    reach = 1.959963984540054 * found["std_error"]
    np.testing.assert_allclose(np.log(found["high"]), found["log_hazard_ratio"] + reach, rtol=1e-10, atol=1e-12)
