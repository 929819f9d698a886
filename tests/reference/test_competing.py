"""Competing-risks methods against R's survival and cmprsk (competing.R, competing.json) and statsmodels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from statsmodels.duration.survfunc import CumIncidenceRight

from analyses.methods.competing import (
    CumulativeIncidence,
    FineGrayFit,
    GrayTest,
    Incidence,
    TimeLost,
    cumulative_incidence,
    fine_gray,
    gray_test,
)

FOLDER = Path(__file__).parent
R_DIGITS = 1e-12
"""R wrote 15 digits; closed forms agree to the last ones."""
MAXIMUM = 1e-8
"""Two maxima of one likelihood agree to where their searches stop."""
CRR_MAXIMUM = 1e-7
"""crr's line search gives up where the likelihood no longer changes in its last digits, a little earlier."""


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "competing.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "survival.csv")
    return data.assign(whole=1.0 + data["patient"] % 3, third=data["patient"] % 3)


@pytest.fixture(scope="module")
def mgus2() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "mgus2_competing.csv")


def curves(data: pd.DataFrame, *, variance: str = "jackknife", **columns: str) -> CumulativeIncidence:
    chosen: dict[str, Any] = {role: data[column] for role, column in columns.items()}
    found = cumulative_incidence(data["month"], data["cause"], variance=variance, **chosen)  # type: ignore[arg-type]
    assert isinstance(found, CumulativeIncidence)
    return found


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("curve", {}),
        ("curve_delayed_entry", {"entry": "entry"}),
        ("curve_weighted", {"weight": "weight"}),
        ("curve_delayed_entry_weighted", {"entry": "entry", "weight": "weight"}),
        ("curve_rows_repeated", {"entry": "entry", "weight": "whole"}),
    ],
)
def test_incidences_and_their_jackknife_errors_are_those_of_survfit(
    name: str, columns: dict[str, str], persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = pd.DataFrame(reference[name])
    for arm, rows in expected.groupby("arm"):
        found = curves(persons[persons["arm"] == arm], **columns)
        for cause in (1, 2):
            for here, (_, row) in zip(found.of(cause).at(rows["month"]), rows.iterrows(), strict=True):
                assert isinstance(here, Incidence)
                wanted = row[[f"value{cause}", f"std_err{cause}", "at_risk"]].tolist()
                # survfit of a factor counts rows at risk, not weights
                number = here.at_risk_weighted if name == "curve_rows_repeated" else here.at_risk
                np.testing.assert_allclose((here.value, here.std_error, number), wanted, rtol=R_DIGITS)
        places = np.searchsorted(found.month, rows["month"], side="right") - 1
        np.testing.assert_allclose(found.free[places], rows["free"], rtol=R_DIGITS)


def test_limits_are_symmetric_on_the_log_log_scale_of_what_is_left(persons: pd.DataFrame) -> None:
    here = curves(persons).of(1).at([12])[0]
    assert isinstance(here, Incidence)
    free = 1 - here.value
    reach = norm.isf(0.025) * here.std_error / (-free * np.log(free))
    low, high = (1 - np.exp(np.log(free) * np.exp(sign * reach)) for sign in (-1, 1))
    np.testing.assert_allclose((here.low, here.high), (low, high), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("time_lost_24", {}),
        ("time_lost_24_delayed_entry", {"entry": "entry"}),
        ("time_lost_24_weighted", {"weight": "weight"}),
        ("time_lost_24_delayed_entry_weighted", {"entry": "entry", "weight": "weight"}),
    ],
)
def test_time_lost_is_the_area_under_survfits_curve_with_the_error_of_its_influence(
    name: str, columns: dict[str, str], persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    for arm, expected in enumerate(reference[name]):
        found = curves(persons[persons["arm"] == arm], **columns).restricted_time_lost(24)
        for cause in (1, 2):
            here = found[cause]
            assert isinstance(here, TimeLost)
            wanted = (expected[f"value{cause}"], expected[f"std_err{cause}"])
            np.testing.assert_allclose((here.value, here.std_error), wanted, rtol=R_DIGITS)


def test_aalens_variance_is_that_of_cuminc(persons: pd.DataFrame, reference: dict[str, Any]) -> None:
    expected = reference["cuminc"]
    for place, name in enumerate(expected["curve"]):
        arm, cause = (int(part) for part in name.split())
        found = curves(persons[persons["arm"] == arm], variance="aalen").of(cause).at(expected["month"])
        for month, here in enumerate(found):
            assert isinstance(here, Incidence)
            wanted = (expected["estimate"][place][month], expected["variance"][place][month])
            np.testing.assert_allclose((here.value, here.std_error**2), wanted, rtol=R_DIGITS)


@pytest.mark.parametrize(
    ("name", "group", "strata", "rho"),
    [
        ("gray", "arm", None, 0),
        ("gray_rho_1", "arm", None, 1),
        ("gray_strata", "arm", "centre", 0),
        ("gray_strata_rho_half", "arm", "ild", 0.5),
        ("gray_centres", "centre", None, 0),
        ("gray_three_groups_strata", "third", "arm", -0.5),
    ],
)
def test_grays_tests_are_those_of_cuminc(  # noqa: PLR0917
    name: str, group: str, strata: str | None, rho: float, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = reference[name]
    for cause in (1, 2):
        found = gray_test(
            persons["month"], persons["cause"], persons[group], of=cause, rho=rho,
            strata=persons[strata] if strata else None,
        )  # fmt: skip
        assert isinstance(found, GrayTest)
        assert found.df == expected["df"][cause - 1]
        assert found.chi_square == pytest.approx(expected["chisq"][cause - 1], rel=1e-10)
        assert found.p == pytest.approx(expected["p"][cause - 1], rel=1e-8)


CRR = {"tied_censoring": "among"}
COXPH = {"censoring_weights": "known"}


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("crr", CRR),
        ("crr_cause_2", {**CRR, "of": 2}),
        ("crr_censoring_groups", {**CRR, "censoring_strata": "third"}),
        ("finegray_breslow", COXPH),
        ("finegray_efron", {**COXPH, "ties": "efron"}),
        ("finegray_cause_2", {**COXPH, "of": 2}),
        ("finegray_cluster_centre", {**COXPH, "cluster": "centre"}),
        ("finegray_delayed_entry", {**COXPH, "entry": "entry"}),
        ("finegray_censoring_groups", {**COXPH, "censoring_strata": "third"}),
        ("finegray_strata", {**COXPH, "strata": "third", "ties": "efron"}),
        ("finegray_delayed_entry_strata", {**COXPH, "strata": "third", "entry": "entry", "ties": "efron"}),
        ("finegray_rows_repeated", {**COXPH, "weight": "whole", "entry": "entry"}),
        ("finegray_weighted", {**COXPH, "weight": "weight"}),
    ],
)
def test_subdistribution_hazard_ratios_are_those_of_crr_and_of_coxph_after_finegray(
    name: str, settings: dict[str, Any], persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = reference[name]
    found = fine_gray("arm + age + ild", persons, month="month", cause="cause", **settings)
    assert isinstance(found, FineGrayFit)
    assert found.converged
    assert found.terms["term"].tolist() == expected["term"]
    tolerance = CRR_MAXIMUM if name.startswith("crr") else MAXIMUM
    np.testing.assert_allclose(found.terms["estimate"], expected["estimate"], rtol=tolerance)
    # With groups crr takes into the influence through a group's G the events of that group only, though G weighs those
    # whom another cause ended at the events of all groups. Ours takes all; the derivatives in tests/property say so
    # too. The entries are up to 2 % apart here (taking only the own group's events gives crr's to 3e-9).
    covariance = 0.03 if name == "crr_censoring_groups" else tolerance
    np.testing.assert_allclose(found.covariance, expected["covariance"], rtol=covariance)
    np.testing.assert_allclose(found.log_likelihood, expected["log_likelihood"], rtol=1e-11)
    np.testing.assert_allclose(found.log_likelihood_null, expected["log_likelihood_null"], rtol=1e-11)


def test_finegray_estimates_the_censoring_distribution_without_weights_and_so_differs_from_rows_repeated(
    persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    # R's finegray multiplies its weights by those of the persons, but estimates G as if everybody counted alike: then
    # a weight of 2 is not the row twice. Ours counts them in G (finegray_weighted, finegray_rows_repeated); the two
    # differ by less than a tenth of a standard error here, and by more than rounding.
    expected = reference["finegray_unweighted_censoring"]
    found = fine_gray("arm + age + ild", persons, month="month", cause="cause", weight="weight")
    assert isinstance(found, FineGrayFit)
    apart = np.abs(found.terms["estimate"] - expected["estimate"]) / found.terms["std_error"]
    assert 1e-4 < apart.max() < 0.1


def test_strata_of_finegray_without_strata_in_coxph_lose_persons(
    persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    # finegray(... + strata(g)) splits the rows of a stratum at its own event times only. Fitted without strata, those
    # whom another cause ended are missing at events of other strata: the answer is not that of censoring by group,
    # which crr (cengroup) and the expansion by hand in competing.R give.
    wrong = np.asarray(reference["finegray_strata_then_no_strata"]["estimate"])
    found = fine_gray("arm + age + ild", persons, month="month", cause="cause", censoring_strata="third")
    assert isinstance(found, FineGrayFit)
    assert np.max(np.abs(wrong / found.terms["estimate"] - 1)) > 0.05
    np.testing.assert_allclose(found.terms["estimate"], reference["crr_censoring_groups"]["estimate"], rtol=0.01)


def test_mgus2_anchors(mgus2: pd.DataFrame, reference: dict[str, Any]) -> None:
    found = fine_gray(
        "age + sex", mgus2, month="months", cause="cause", ties="efron", censoring_weights="known"
    )  # fmt: skip
    assert isinstance(found, FineGrayFit)
    expected = reference["mgus2_finegray"]
    np.testing.assert_allclose(found.terms["estimate"], expected["estimate"], rtol=MAXIMUM)
    np.testing.assert_allclose(found.covariance, expected["covariance"], rtol=MAXIMUM)
    # The anchors, seven digits. Their standard errors (0.005528135, 0.1817070) are those of coxph without id, where
    # every row of the expanded data is a person of its own; by person they are 3 % larger.
    np.testing.assert_allclose(found.terms["estimate"], [-0.01730171, -0.2597568], rtol=1e-6)
    np.testing.assert_allclose(reference["mgus2_std_error_by_row"], [0.005528135, 0.1817070], rtol=1e-6)
    np.testing.assert_allclose(found.terms["std_error"], [0.005528135, 0.1817070], rtol=0.04)
    for sex, values in (("F", (0.07388566, 0.1049407)), ("M", (0.05531024, 0.09565076))):
        part = mgus2[mgus2["sex"] == sex]
        curve = cumulative_incidence(part["months"], part["cause"])
        assert isinstance(curve, CumulativeIncidence)
        wanted = pd.DataFrame(reference["mgus2_curve"]).query("sex == @sex")
        for here, value, error, printed in zip(
            curve.of(1).at([120, 240]), wanted["value"], wanted["std_err"], values, strict=True
        ):
            assert isinstance(here, Incidence)
            np.testing.assert_allclose((here.value, here.std_error), (value, error), rtol=1e-11)
            assert here.value == pytest.approx(printed, rel=1e-6)
    test = gray_test(mgus2["months"], mgus2["cause"], mgus2["sex"])
    assert isinstance(test, GrayTest)
    assert (test.chi_square, test.p) == pytest.approx((1.194508, 0.274422), rel=1e-5)
    assert test.chi_square == pytest.approx(reference["mgus2_gray"]["chisq"][0], rel=1e-10)


def test_statsmodels_agrees_on_the_incidences_and_nearly_on_their_errors(persons: pd.DataFrame) -> None:
    other = CumIncidenceRight(persons["month"], persons["cause"])
    found = curves(persons)
    for cause in (1, 2):
        places = np.searchsorted(found.month, other.times)
        np.testing.assert_allclose(found.incidence[cause - 1][places], other.cinc[cause - 1], rtol=1e-12)
        # statsmodels has the delta method with Poisson increments, which is not the jackknife: a few per cent apart
        here = found.std_error[cause - 1][places]
        inside = here > 0
        np.testing.assert_allclose(here[inside], other.cinc_se[cause - 1][inside], rtol=0.1)
