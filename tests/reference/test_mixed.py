"""Mixed models against lme4, pbkrtest, lmerTest and emmeans (mixed.R, mixed.json), and against statsmodels."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.optimize import least_squares

from analyses.methods.mixed import Inference, MixedFit, linear_mixed_model
from analyses.methods.mixed_models.reference_grid import cells
from analyses.methods.mixed_models.restricted_likelihood import Point, evaluate

FOLDER = Path(__file__).parent
FULL = "log2_ldh ~ arm * years + baseline + sex"
BY_VISIT = "log2_ldh ~ armf * C(visit) + baseline + sex"
SETTINGS: dict[str, tuple[str, dict[str, str]]] = {
    "lmm_slope_nested": (FULL, {"centre": "centre", "slope": "years"}),
    "lmm_intercept": (FULL, {}),
    "lmm_small": ("log2_ldh ~ arm * years", {"slope": "years"}),
}
SMALL = 25


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "mixed.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "visits.csv")
    return data.assign(years=data["actual_month"] / 12, armf=data["arm"].astype(str))


def fitted(formula: str, data: pd.DataFrame, inference: Inference = "kenward-roger", **settings: str) -> MixedFit:
    fit = linear_mixed_model(formula, data, patient="patient", inference=inference, **settings)
    assert isinstance(fit, MixedFit)
    return fit


def of_case(name: str, visits: pd.DataFrame, inference: Inference = "kenward-roger") -> MixedFit:
    formula, settings = SETTINGS[name]
    chosen = visits[visits["patient"] < SMALL] if name == "lmm_small" else visits
    return fitted(formula, chosen, inference, **settings)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("inference", ["kenward-roger", "satterthwaite", "normal"])
def test_terms_are_those_of_lme4_with_the_inference_of_pbkrtest_and_lmertest(
    name: str, inference: Inference, visits: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = reference[name]
    error = "std_err_kr" if inference == "kenward-roger" else "std_err_model"
    df = {"kenward-roger": "df_kr", "satterthwaite": "df_satterthwaite"}.get(inference)
    terms = of_case(name, visits, inference).terms.set_index("term")
    renamed = [term.replace("(Intercept)", "Intercept").replace("sexM", "sex[T.M]") for term in expected["term"]]
    assert sorted(terms.index) == sorted(renamed)
    mine = terms.loc[renamed]
    np.testing.assert_allclose(mine["estimate"], expected["estimate"], rtol=1e-6)
    np.testing.assert_allclose(mine["std_error"], expected[error], rtol=1e-6)
    np.testing.assert_allclose(mine["df"], np.inf if df is None else expected[df], rtol=1e-6)
    if inference == "kenward-roger":
        np.testing.assert_allclose(mine["p"], expected["p_kr"], rtol=1e-5)


@pytest.mark.parametrize("name", SETTINGS)
def test_criterion_is_that_of_lme4(name: str, visits: pd.DataFrame, reference: dict[str, Any]) -> None:
    fit = of_case(name, visits)
    assert fit.converged
    assert fit.reml_criterion == pytest.approx(reference[name]["reml_criterion"], abs=1e-8)


@pytest.mark.parametrize("name", SETTINGS)
def test_variances_are_those_of_lme4(name: str, visits: pd.DataFrame, reference: dict[str, Any]) -> None:
    expected = reference[name]["variance"]
    names = {"Residual": "residual"}
    effects = {("(Intercept)", None): "intercept", ("years", None): "years", (None, None): ""}
    effects["(Intercept)", "years"] = "intercept, years"
    mine = of_case(name, visits).variance.set_index(["group", "effect"])["value"]
    assert len(mine) == len(expected["value"])
    for group, one, two, value in zip(*(expected[k] for k in ("group", "var1", "var2", "value")), strict=True):
        assert mine[names.get(group, group), effects[one, two]] == pytest.approx(value, rel=1e-5)


def test_marginal_means_by_visit_are_those_of_emmeans(visits: pd.DataFrame, reference: dict[str, Any]) -> None:
    expected = reference["emm_by_visit"]
    means = fitted(BY_VISIT, visits, centre="centre").marginal_means(["visit", "armf"])
    assert means["armf"].tolist() == expected["arm"]
    assert means["visit"].astype(str).tolist() == expected["visit"]
    # lme4 stopped a little before the top there: see the next test but one. With its optimiser driven to the end,
    # coefficients, standard errors and degrees of freedom of this model agree to seven digits (by_visit in
    # test_mixed_small_sample.py).
    np.testing.assert_allclose(means["estimate"].astype(float), expected["mean"], atol=1e-5)
    np.testing.assert_allclose(means["std_error"].astype(float), expected["std_err"], rtol=1e-4)
    np.testing.assert_allclose(means["df"].astype(float), expected["df"], rtol=1e-3)
    np.testing.assert_allclose(means["low"].astype(float), expected["low"], atol=1e-4)


def test_differences_by_visit_are_those_of_emmeans(visits: pd.DataFrame, reference: dict[str, Any]) -> None:
    expected = reference["emm_difference_by_visit"]
    differences = fitted(BY_VISIT, visits, centre="centre").contrasts("armf", by="visit", reference="0")
    assert differences["visit"].astype(str).tolist() == expected["visit"]
    np.testing.assert_allclose(differences["estimate"].astype(float), expected["estimate"], atol=1e-5)
    np.testing.assert_allclose(differences["std_error"].astype(float), expected["std_err"], rtol=1e-5)
    np.testing.assert_allclose(differences["df"].astype(float), expected["df"], rtol=1e-4)
    np.testing.assert_allclose(differences["low"].astype(float), expected["low"], atol=1e-5)
    np.testing.assert_allclose(differences["high"].astype(float), expected["high"], atol=1e-5)
    np.testing.assert_allclose(differences["p"].astype(float), expected["p"], rtol=1e-3)


def test_where_emmeans_differs_in_the_sixth_decimal_lme4_had_not_reached_the_top(
    visits: pd.DataFrame, reference: dict[str, Any]
) -> None:
    # Our own engine at other variances gives exactly the means of R, and its criterion is higher (worse) there.
    fit = fitted(BY_VISIT, visits, centre="centre")
    _, rows = cells(fit._effects.design, ("visit", "armf"))
    nested, wanted = fit._nested, np.array(reference["emm_by_visit"]["mean"])
    back = np.linalg.inv(nested.triangle)
    variance = fit.variance.set_index("group")["value"]
    best = np.array([variance["patient"], variance["centre"]]) / variance["residual"]

    def at(ratios: np.ndarray) -> Point:
        return evaluate(nested.sums, *(np.sqrt(ratio).reshape(1, 1) for ratio in ratios))

    def off(ratios: np.ndarray) -> np.ndarray:
        point = at(ratios)
        return 1e6 * (rows @ back @ (point.beta + nested.least_squares) - wanted)

    theirs = least_squares(off, best, xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    assert np.abs(off(theirs)).max() < 1e-4  # 1e-10 on the scale of the means
    here, there = (at(ratios).criterion for ratios in (best, theirs))
    assert 0 < there - here < 1e-6


def test_statsmodels_finds_the_same_patients_in_centres(visits: pd.DataFrame) -> None:
    mine = fitted(FULL, visits, "normal", centre="centre")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its optimiser complains on the way
        theirs = smf.mixedlm(
            FULL, visits, groups="centre", re_formula="1", vc_formula={"patient": "0 + C(patient)"}
        ).fit(reml=True)
    terms = mine.terms.set_index("term")
    for term in terms.index:
        assert terms.loc[term, "estimate"] == pytest.approx(theirs.fe_params[term], rel=1e-3)
        assert terms.loc[term, "std_error"] == pytest.approx(theirs.bse_fe[term], rel=5e-3)
    # Its standard errors come from its own second derivatives and are 0.3 % larger; lme4 decides (see above).
    # Its restricted log-likelihood is -1/2 of this criterion.
    assert mine.reml_criterion <= -2 * theirs.llf + 1e-6
    assert mine.reml_criterion == pytest.approx(-2 * theirs.llf, abs=1e-3)


def test_statsmodels_finds_the_same_slopes(visits: pd.DataFrame) -> None:
    mine = fitted(FULL, visits, "normal", slope="years")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = smf.mixedlm(FULL, visits, groups="patient", re_formula="1 + years").fit(reml=True)
    terms = mine.terms.set_index("term")
    for term in terms.index:
        assert terms.loc[term, "estimate"] == pytest.approx(theirs.fe_params[term], rel=1e-3)
        assert terms.loc[term, "std_error"] == pytest.approx(theirs.bse_fe[term], rel=5e-3)
    assert mine.reml_criterion == pytest.approx(-2 * theirs.llf, abs=1e-3)
