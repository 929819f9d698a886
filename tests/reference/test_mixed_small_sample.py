"""Small-sample inference of mixed models against lmerTest and pbkrtest (mixed_small_sample.R, .json)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses.methods.mixed import Inference, MixedFit, linear_mixed_model
from analyses.methods.mixed_models.small_sample import JointTest

FOLDER = Path(__file__).parent
BY_VISIT = "log2_ldh ~ armf * C(visit)"
CASES: dict[str, tuple[str, dict[str, str]]] = {
    "by_visit": (f"{BY_VISIT} + baseline + sex", {"centre": "centre"}),
    "few_patients": (BY_VISIT, {"slope": "years"}),
    "centre_slope": (
        "log2_ldh ~ arm * years + baseline",
        {"slope": "years", "centre": "centre", "centre_slope": "arm"},
    ),
    "zero_centre": ("flat ~ arm * years + baseline", {"centre": "centre"}),
    "weighted": ("log2_ldh ~ arm * years + baseline", {"centre": "centre", "weight": "precision"}),
    "sleepstudy": ("Reaction ~ Days", {"patient": "Subject", "slope": "Days"}),
    "orthodont": ("distance ~ Sex * age", {"patient": "Subject"}),
}
HYPOTHESES: dict[str, str | list[str]] = {
    "interaction": "armf:C(visit)",
    "visit": "C(visit)",
    "sex_and_baseline": ["sex", "baseline"],
    "everything": ["1", "armf", "C(visit)", "armf:C(visit)"],
}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "mixed_small_sample.json").read_text(encoding="utf-8")))


def data_of(case: str, reference: dict[str, Any]) -> pd.DataFrame:
    if case in {"sleepstudy", "orthodont"}:
        return pd.read_csv(FOLDER / f"{case}.csv")
    visits = pd.read_csv(FOLDER / "visits.csv")
    visits = visits.assign(
        years=visits["actual_month"] / 12,
        armf=visits["arm"].astype(str),
        precision=0.5 + (np.arange(1, len(visits) + 1) % 4) / 2,
        flat=reference["zero_centre"]["flat"],
    )
    return visits[visits["patient"] < 25] if case == "few_patients" else visits


def fitted(case: str, reference: dict[str, Any], inference: Inference) -> MixedFit:
    formula, settings = CASES[case]
    fit = linear_mixed_model(
        formula, data_of(case, reference), inference=inference, **{"patient": "patient", **settings}
    )
    assert isinstance(fit, MixedFit)
    assert fit.converged
    return fit


def renamed(term: str) -> str:
    for theirs, mine in (("(Intercept)", "Intercept"), ("sexM", "sex[T.M]"), ("armf1", "armf[T.1]")):
        term = term.replace(theirs, mine)
    return re.sub(r"visit_f(\d)", r"C(visit)[T.\1]", term.replace("SexMale", "Sex[T.Male]"))


def terms_in_the_order_of(expected: dict[str, Any], fit: MixedFit) -> pd.DataFrame:
    return fit.terms.set_index("term").loc[[renamed(term) for term in expected["term"]]]


@pytest.mark.parametrize("case", [case for case in CASES if case != "weighted"])
def test_kenward_and_roger_as_in_pbkrtest_at_a_boundary_too(case: str, reference: dict[str, Any]) -> None:
    expected = reference[case]
    fit = fitted(case, reference, "kenward-roger")
    terms = terms_in_the_order_of(expected, fit)
    np.testing.assert_allclose(terms["estimate"], expected["estimate"], rtol=1e-6)
    np.testing.assert_allclose(terms["std_error"], expected["std_err_kr"], rtol=2e-7)
    np.testing.assert_allclose(terms["df"], expected["df_kr"], rtol=1e-6)
    np.testing.assert_allclose(terms["p"], expected["p_kr"], rtol=2e-5)
    assert fit.reml_criterion == pytest.approx(expected["reml_criterion"], abs=1e-9)
    assert bool(fit.zero) == expected["singular"]


@pytest.mark.parametrize("case", CASES)
def test_satterthwaite_as_in_lmertest_at_a_boundary_too(case: str, reference: dict[str, Any]) -> None:
    expected = reference[case]
    terms = terms_in_the_order_of(expected, fitted(case, reference, "satterthwaite"))
    np.testing.assert_allclose(terms["std_error"], expected["std_err_model"], rtol=2e-7)
    # lmerTest differentiates numerically, which costs it digits.
    np.testing.assert_allclose(terms["df"], expected["df_satterthwaite"], rtol=1e-6)


def test_weights_count_in_kenward_and_roger_though_not_in_pbkrtest(reference: dict[str, Any]) -> None:
    # pbkrtest takes the residual covariance for a multiple of the identity whatever the weights: its 895 degrees of
    # freedom of a slope are far from Satterthwaite's 576. Ours agree with matrices of the size of the data
    # (test_kenward_and_roger_are_those_of_dense_matrices), and like Satterthwaite's are a function of V.
    expected = reference["weighted"]
    fit = fitted("weighted", reference, "kenward-roger")
    assert fit.reml_criterion == pytest.approx(expected["reml_criterion"], abs=1e-9)
    terms = terms_in_the_order_of(expected, fit)
    np.testing.assert_allclose(terms["std_error"], expected["std_err_kr"], rtol=2e-3)
    np.testing.assert_allclose(terms["df"], expected["df_satterthwaite"], rtol=0.09)


@pytest.mark.parametrize(
    ("case", "hypothesis"),
    [
        ("by_visit", "interaction"),
        ("by_visit", "visit"),
        ("by_visit", "sex_and_baseline"),
        ("few_patients", "interaction"),
        ("few_patients", "everything"),
    ],
)
def test_joint_tests_are_those_of_pbkrtest_and_lmertest(case: str, hypothesis: str, reference: dict[str, Any]) -> None:
    expected = reference[case][hypothesis]
    mine = fitted(case, reference, "kenward-roger").joint_test(HYPOTHESES[hypothesis])
    assert isinstance(mine, JointTest)
    assert mine.df1 == expected["kr_df1"]
    assert mine.statistic == pytest.approx(expected["kr_statistic"], rel=1e-6)
    assert mine.df2 == pytest.approx(expected["kr_df2"], rel=1e-6)
    assert mine.scale == pytest.approx(expected["kr_scale"], rel=1e-8)
    assert mine.p == pytest.approx(expected["kr_p"], rel=1e-5)
    other = fitted(case, reference, "satterthwaite").joint_test(HYPOTHESES[hypothesis])
    assert isinstance(other, JointTest)
    assert other.statistic == pytest.approx(expected["satterthwaite_statistic"], rel=1e-6)
    assert other.df2 == pytest.approx(expected["satterthwaite_df2"], rel=1e-6)


def test_full_likelihood_is_that_of_lme4(reference: dict[str, Any]) -> None:
    expected = reference["ml"]
    fit = linear_mixed_model(
        "log2_ldh ~ arm * years + baseline + sex", data_of("by_visit", reference), patient="patient", centre="centre",
        slope="years", method="ml", inference="satterthwaite",
    )  # fmt: skip
    assert isinstance(fit, MixedFit)
    terms = terms_in_the_order_of(expected, fit)
    np.testing.assert_allclose(terms["estimate"], expected["estimate"], rtol=1e-6)
    np.testing.assert_allclose(terms["std_error"], expected["std_err_model"], rtol=1e-6)
    np.testing.assert_allclose(terms["df"], expected["df_satterthwaite"], rtol=1e-5)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-9)
    np.testing.assert_allclose(sorted(fit.variance["value"]), sorted(expected["variance"]), rtol=1e-5)


def test_random_effects_are_those_of_lme4(reference: dict[str, Any]) -> None:
    expected = reference["random_effects"]
    found = fitted("by_visit", reference, "kenward-roger").random_effects()
    mine = found.assign(level=found["level"].astype(str)).set_index(["group", "level"])["estimate"]
    assert len(mine) == len(expected["value"])
    for group, level, value in zip(expected["group"], expected["level"], expected["value"], strict=True):
        assert mine[group, level] == pytest.approx(value, abs=1e-7)


def test_published_numbers_of_sleepstudy_and_orthodont(reference: dict[str, Any]) -> None:
    sleep = fitted("sleepstudy", reference, "kenward-roger")
    days = sleep.terms.set_index("term").loc["Days"]
    assert days["estimate"] == pytest.approx(10.46729, abs=1e-5)
    # The published 1.545790 is where lme4's optimiser ended. In balanced data the error is known exactly: it is that of
    # the mean of the patients' own least-squares slopes.
    data = data_of("sleepstudy", reference)
    own = [np.polyfit(one["Days"], one["Reaction"], 1)[0] for _, one in data.groupby("Subject")]
    assert days["std_error"] == pytest.approx(np.std(own, ddof=1) / np.sqrt(len(own)), rel=1e-9)
    assert days["std_error"] == pytest.approx(1.545790, abs=2e-6)
    assert days["df"] == pytest.approx(17, abs=1e-6)
    assert days["p"] == pytest.approx(3.263808e-06, rel=2e-5)
    root = np.sqrt(sleep.variance.set_index("effect")["value"].loc[["intercept", "Days", ""]])
    np.testing.assert_allclose(root, [24.7407, 5.9221, 25.5918], rtol=2e-5)
    growth = fitted("orthodont", reference, "kenward-roger").contrasts("Sex", reference="Male", at={"age": [0]}).iloc[0]
    assert growth["estimate"] == pytest.approx(1.0321023, abs=1e-6)
    assert growth["std_error"] == pytest.approx(1.5374208, abs=1e-6)
    assert growth["df"] == pytest.approx(103.986, abs=1e-3)
    slope = fitted("orthodont", reference, "kenward-roger").slope_contrasts(
        "Sex", variable="age", between=(8, 14), reference="Male"
    )
    assert float(slope["estimate"].iloc[0]) == pytest.approx(-0.3048295, abs=1e-6)
    assert float(slope["std_error"].iloc[0]) == pytest.approx(0.1214209, abs=1e-6)
    assert float(slope["df"].iloc[0]) == pytest.approx(79, abs=1e-6)
    assert float(slope["p"].iloc[0]) == pytest.approx(0.014097, abs=1e-6)
