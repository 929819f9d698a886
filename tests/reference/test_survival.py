"""Survival methods against R's survival package (survival.R, survival.json) and statsmodels as a second opinion."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from analyses.methods.hazards.proportional_hazards import ProportionalHazards
from analyses.methods.survival import (
    CoxFit,
    KaplanMeier,
    LogRank,
    MeanDifference,
    RestrictedMean,
    Survival,
    cox,
    kaplan_meier,
    log_rank,
    proportional_hazards,
    restricted_mean,
)

FOLDER = Path(__file__).parent
R_DIGITS = 1e-12
"""R wrote 15 digits; closed forms agree to the last ones."""
MAXIMUM = 1e-8
"""Two maxima of one likelihood agree to where their searches stop."""


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "survival.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "survival.csv")
    return data.assign(
        any=(data["cause"] > 0).astype(int), failure=(data["cause"] == 1).astype(int), whole=1.0 + data["patient"] % 3
    )


def curve(data: pd.DataFrame, **columns: str) -> KaplanMeier:
    found = kaplan_meier(data["month"], data["any"], **{role: data[column] for role, column in columns.items()})
    assert isinstance(found, KaplanMeier)
    return found


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("km_by_arm", {}),
        ("km_by_arm_delayed_entry", {"entry": "entry"}),
        ("km_by_arm_weighted", {"weight": "weight"}),
        ("km_by_arm_whole_weights", {"weight": "whole"}),
        ("km_by_arm_delayed_entry_weighted", {"entry": "entry", "weight": "weight"}),
    ],
)
def test_curves_with_greenwood_or_robust_errors_and_log_log_limits_are_those_of_survfit(
    name: str, columns: dict[str, str], persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = pd.DataFrame(reference[name])
    for arm, rows in expected.groupby("arm"):
        found = curve(persons[persons["arm"] == arm], **columns).at(rows["month"])
        for here, (_, row) in zip(found, rows.iterrows(), strict=True):
            assert isinstance(here, Survival)
            numbers = (here.survival, here.std_error, here.low, here.high, here.at_risk_weighted)
            wanted = row[["survival", "std_err", "low", "high", "at_risk"]].tolist()
            np.testing.assert_allclose(numbers, wanted, rtol=R_DIGITS)


def test_quantiles_with_limits_are_those_of_survfit(persons: pd.DataFrame, reference: dict[str, Any]) -> None:
    expected = reference["quantile_by_arm"]
    for arm in (0, 1):
        found = curve(persons[persons["arm"] == arm])
        for place, probability in enumerate(expected["probability"]):
            quantile = found.quantile(probability)
            for name in ("value", "low", "high"):
                wanted = expected[f"arm{arm}"][name][place]
                assert getattr(quantile, name) == (np.inf if wanted is None else wanted)


@pytest.mark.parametrize("name", ["rmst_24", "rmst_24_weighted"])
def test_restricted_means_are_those_of_survfit(name: str, persons: pd.DataFrame, reference: dict[str, Any]) -> None:
    weight = persons["weight"] if name == "rmst_24_weighted" else None
    found = restricted_mean(persons["month"], persons["any"], persons["arm"], horizon=24, weight=weight)
    for mean, value, error in zip(found.means, reference[name]["mean"], reference[name]["std_err"], strict=True):
        assert isinstance(mean, RestrictedMean)
        np.testing.assert_allclose((mean.value, mean.std_error), (value, error), rtol=R_DIGITS)


@pytest.mark.parametrize(
    ("name", "group", "strata", "entry", "rows"),
    [
        ("logrank", "arm", None, None, 300),
        ("logrank_stratified_by_centre", "arm", "centre", None, 300),
        ("logrank_by_centre", "centre", None, None, 300),
        ("logrank_delayed_entry_first_60", "arm", None, "entry", 60),
    ],
)
def test_log_rank_tests_are_those_of_survdiff(  # noqa: PLR0917
    name: str,
    group: str,
    strata: str | None,
    entry: str | None,
    rows: int,
    persons: pd.DataFrame,
    reference: dict[str, Any],
) -> None:
    data, expected = persons[:rows], reference[name]
    found = log_rank(
        data["month"], data["any"], data[group], strata=data[strata] if strata else None,
        entry=data[entry] if entry else None,
    )  # fmt: skip
    assert isinstance(found, LogRank)
    assert found.chi_square == pytest.approx(expected["chisq"], rel=1e-10)
    if "p" in expected:
        assert found.df == expected["df"]
        assert found.p == pytest.approx(expected["p"], rel=1e-10)


FULL = "arm + age + ild"
COX: dict[str, tuple[str, dict[str, str]]] = {
    "cox": (FULL, {}),
    "cox_breslow": (FULL, {"ties": "breslow"}),
    "cox_delayed_entry": (FULL, {"entry": "entry"}),
    "cox_strata_centre": (FULL, {"strata": "centre"}),
    "cox_cluster_centre": (FULL, {"cluster": "centre", "variance": "sandwich"}),
    "cox_weighted_robust": ("arm", {"weight": "weight", "cluster": "patient", "variance": "sandwich"}),
    "cox_everything": (
        FULL,
        {"entry": "entry", "strata": "centre", "weight": "weight", "cluster": "centre", "variance": "sandwich"},
    ),
    "cox_cause_specific": (FULL, {"event": "failure"}),
}


@pytest.mark.parametrize("name", COX)
def test_cox_models_are_those_of_coxph(name: str, persons: pd.DataFrame, reference: dict[str, Any]) -> None:
    formula, settings = COX[name]
    expected = reference[name]
    fit = cox(formula, persons, **{"month": "month", "event": "any", **settings})  # type: ignore[arg-type]
    assert isinstance(fit, CoxFit)
    assert fit.converged
    assert fit.terms["term"].tolist() == np.atleast_1d(expected["term"]).tolist()
    np.testing.assert_allclose(fit.terms["estimate"], np.atleast_1d(expected["estimate"]), rtol=MAXIMUM)
    np.testing.assert_allclose(fit.terms["std_error"], np.atleast_1d(expected["std_err"]), rtol=MAXIMUM)
    likelihood = (fit.log_likelihood_null, fit.log_likelihood)
    np.testing.assert_allclose(likelihood, expected["log_likelihood"], rtol=R_DIGITS)
    assert (fit.n, fit.events) == (expected["n"], expected["events"])


def test_weights_that_are_not_whole_make_the_variance_robust_without_being_asked(persons: pd.DataFrame) -> None:
    asked = cox("arm", persons, month="month", event="any", weight="weight", cluster="patient")
    unasked = cox("arm", persons, month="month", event="any", weight="weight")
    assert isinstance(asked, CoxFit)
    assert isinstance(unasked, CoxFit)
    assert asked.variance == unasked.variance == "CR2"
    pd.testing.assert_frame_equal(asked.terms, unasked.terms)


@pytest.mark.parametrize(
    ("name", "formula", "settings"),
    [
        ("cox_ph_test", FULL, {}),
        ("cox_ph_test_breslow", FULL, {"ties": "breslow"}),
        ("cox_ph_test_delayed_entry_strata", "arm + age", {"entry": "entry", "strata": "centre"}),
    ],
)
def test_the_test_of_proportional_hazards_is_that_of_cox_zph(
    name: str, formula: str, settings: dict[str, str], persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = reference[name]
    fit = cox(formula, persons, month="month", event="any", **settings)  # type: ignore[arg-type]
    assert isinstance(fit, CoxFit)
    found = proportional_hazards(fit)
    assert isinstance(found, ProportionalHazards)
    np.testing.assert_allclose(found.table["chi_square"], expected["chisq"], rtol=1e-7)
    np.testing.assert_allclose(found.table["p"], expected["p"], rtol=1e-7)
    assert found.table["df"].tolist() == expected["df"]


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "lung.csv")
    return data.assign(event=data["status"] - 1, ph_ecog=data["ph.ecog"])


def coefficients(fit: object) -> tuple[list[float], list[float]]:
    assert isinstance(fit, CoxFit)
    return fit.terms["estimate"].tolist(), fit.terms["std_error"].tolist()


def test_lung_cox_anchor_drops_the_row_without_ecog(lung: pd.DataFrame) -> None:
    fit = cox("age + sex + ph_ecog", lung, month="time", event="event")
    estimate, error = coefficients(fit)
    assert estimate == pytest.approx([0.01106676, -0.5526124, 0.4637285], rel=1e-6)
    assert error == pytest.approx([0.00926741, 0.1677391, 0.1135773], rel=1e-6)
    assert isinstance(fit, CoxFit)
    assert (fit.n, fit.dropped) == (227, 1)


def test_lung_log_rank_anchor(lung: pd.DataFrame) -> None:
    found = log_rank(lung["time"], lung["event"], lung["sex"])
    assert isinstance(found, LogRank)
    assert found.chi_square == pytest.approx(10.3, abs=0.05)
    assert found.observed == (112, 53)
    assert found.expected == pytest.approx((91.6, 73.4), abs=0.05)


def test_lung_proportional_hazards_anchor(lung: pd.DataFrame) -> None:
    fit = cox("age + sex + ph_ecog", lung, month="time", event="event")
    assert isinstance(fit, CoxFit)
    found = proportional_hazards(fit)
    assert isinstance(found, ProportionalHazards)
    assert found.table["chi_square"].iloc[-1] == pytest.approx(4.46366, abs=1e-5)
    assert found.table["p"].iloc[-1] == pytest.approx(0.21555, abs=1e-5)


def test_lung_institution_anchors(lung: pd.DataFrame) -> None:
    cluster = coefficients(cox("sex", lung, month="time", event="event", cluster="inst", variance="sandwich"))
    strata = coefficients(cox("sex", lung, month="time", event="event", strata="inst"))
    assert (*cluster[0], *cluster[1]) == pytest.approx((-0.5287316, 0.1398503), rel=1e-6)
    assert (*strata[0], *strata[1]) == pytest.approx((-0.5226938, 0.180697), rel=1e-6)


def test_ovarian_anchors() -> None:
    data = pd.read_csv(FOLDER / "ovarian.csv")
    for rx, expected in ((1, 0.6153846), (2, 0.8461538)):
        own = data[data["rx"] == rx]
        found = kaplan_meier(own["futime"], own["fustat"])
        assert isinstance(found, KaplanMeier)
        (year,) = found.at([365])
        assert isinstance(year, Survival)
        assert year.survival == pytest.approx(expected, abs=1e-7)
        assert found.quantile().value == (638 if rx == 1 else np.inf)


def test_pbc_restricted_mean_anchors_of_survrm2() -> None:
    data = pd.read_csv(FOLDER / "pbc.csv")
    found = restricted_mean(data["time"] / 365.25, data["status"] == 2, data["trt"] == 1, horizon=10)
    other, first = found.means
    assert isinstance(first, RestrictedMean)
    assert isinstance(other, RestrictedMean)
    assert (first.value, first.std_error) == pytest.approx((7.146493, 0.2827748), rel=1e-6)
    assert (other.value, other.std_error) == pytest.approx((7.283416, 0.2954781), rel=1e-6)
    difference = found.difference
    assert isinstance(difference, MeanDifference)
    value, error = difference.value, difference.std_error
    assert value == pytest.approx(-0.1369228, abs=1e-7)
    # survRM2's p and limits are those of its standard error, which is ours; our interval is a little wider on purpose
    assert 2 * norm.sf(abs(value) / error) == pytest.approx(0.73779, abs=1e-5)
    # the anchor's limits were computed with 1.96 in place of 1.959964
    assert (value - 1.96 * error, value + 1.96 * error) == pytest.approx((-0.93853, 0.66469), abs=1e-5)
    assert difference.low == pytest.approx(value - 1.959964 * error * math.sqrt(60 / 59), abs=5e-3)


@pytest.mark.parametrize("columns", [{}, {"entry": "entry"}])
def test_statsmodels_agrees_on_curves_and_greenwood(persons: pd.DataFrame, columns: dict[str, str]) -> None:
    # statsmodels counts a person who enters at the very time of an event as at risk for it; a quarter of a month
    # earlier it cannot differ, as all times stand on a grid of half months
    data = persons.assign(entry=persons["entry"] - 0.25)
    other = SurvfuncRight(data["month"], data["any"], **{role: data[column] for role, column in columns.items()})
    found = curve(data, **columns)
    steps = found.events > 0
    np.testing.assert_allclose(found.survival[steps], other.surv_prob, rtol=1e-12)
    inside = found.survival[steps] > 0
    np.testing.assert_allclose(found.std_error[steps][inside], other.surv_prob_se[inside], rtol=1e-10)


def test_statsmodels_agrees_on_the_log_rank_test_with_delayed_entry(persons: pd.DataFrame) -> None:
    entry = persons["entry"] - 0.25
    found = log_rank(persons["month"], persons["any"], persons["arm"], entry=entry)
    assert isinstance(found, LogRank)
    chi_square, p = survdiff(persons["month"], persons["any"], persons["arm"], entry=entry)
    assert (found.chi_square, found.p) == pytest.approx((chi_square, p), rel=1e-10)
