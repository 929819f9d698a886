"""Logistic mixed models against lme4's glmer (logistic_mixed.R, logistic_mixed.json) and integration by force.

Where glmer stopped short of the maximum, "better" is where Newton's steps on its own deviance end; its standard errors
come from a Hessian by differences of one step, up to 4e-6 from those of extrapolated differences of the same function.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import expit

from analyses.methods.logistic_mixed import LogisticMixedFit, logistic_mixed_model

FOLDER = Path(__file__).parent
SETTINGS = {
    "visits": ("response ~ arm + baseline + sex", "centre"),
    "cbpp": ("case ~ C(period)", "herd"),
    "zero": ("response ~ arm + baseline", "level"),
    "patients": ("response ~ arm * year", "patient"),
    "few": ("response ~ arm", "centre"),
}
POINTS = {"patients": 75}


def expected(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / "logistic_mixed.json").read_text(encoding="utf-8"))[name])


def data_of(name: str) -> pd.DataFrame:
    if name == "cbpp":
        return pd.read_csv(FOLDER / "cbpp.csv")
    every = pd.read_csv(FOLDER / "visits.csv")
    every = every.assign(response=(every["log2_ldh"] < 0.5).astype(int), year=every["month"] / 12)
    third = every[every["visit"] == 3].sort_values("patient")
    if name == "patients":
        return every[every["patient"] < 120]
    if name == "few":
        return third[third["centre"].isin([3, 4, 6, 7])]
    third = third.sort_values(["response", "arm", "patient"])
    return third.assign(level=np.arange(1, len(third) + 1) % 10)


def fitted(name: str, points: int | None = None) -> LogisticMixedFit:
    formula, centre = SETTINGS[name]
    fit = logistic_mixed_model(formula, data_of(name), centre=centre, points=points or POINTS.get(name, 25))
    assert isinstance(fit, LogisticMixedFit)
    return fit


@pytest.mark.parametrize("name", SETTINGS)
def test_estimates_standard_errors_and_likelihood_are_those_of_glmer(name: str) -> None:
    r, fit = expected(name), fitted(name)
    np.testing.assert_allclose(fit.terms["estimate"], r["estimate"], rtol=1e-6, atol=5e-7)
    np.testing.assert_allclose(fit.terms["std_error"], r["std_err"], rtol=5e-6)
    assert fit.sd == pytest.approx(r["sd"], abs=1e-6)
    assert fit.log_likelihood == pytest.approx(r["log_likelihood"], abs=1e-8)
    assert fit.log_likelihood_without_centres == pytest.approx(r["ordinary"], abs=1e-9)
    np.testing.assert_allclose(fit.random_effects()["mode"], r["mode"], atol=1e-6)
    assert (fit.zero == ("centre",)) == (name == "zero")


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "zero"])
def test_they_are_closer_still_to_the_maximum_that_newton_finds_from_there(name: str) -> None:
    r, fit = expected(name)["better"], fitted(name)
    np.testing.assert_allclose(fit.terms["estimate"], r["estimate"], rtol=1e-7)
    np.testing.assert_allclose(fit.terms["std_error"], r["std_err"], rtol=3e-8)
    assert fit.sd == pytest.approx(r["sd"], rel=1e-7)
    assert fit.log_likelihood >= r["log_likelihood"] - 1e-9


@pytest.mark.parametrize("name", ["visits", "cbpp", "few"])
def test_profile_limits_are_those_of_lme4(name: str) -> None:
    # lme4 reads its limits from a spline through the profile, we from the profile: hence 3e-5 of them at the most.
    r, fit = expected(name), fitted(name)
    sd = fit.between_centres().set_index("measure").loc["sd"]
    found = [fit.profile_interval(term) for term in fit.terms["term"]]
    np.testing.assert_allclose([sd["low"], *(p.low for p in found)], r["low"], atol=3e-5)
    np.testing.assert_allclose([sd["high"], *(p.high for p in found)], r["high"], atol=3e-5)
    assert (sd["low"] == 0) == (name == "few")


def test_twenty_five_points_are_made_fifty_where_they_are_too_few() -> None:
    # Groups of one to five rows with an sd of 2.5: with 25 points the log-likelihood is wrong by 4e-6, and so is
    # glmer's with nAGQ = 25; the standard error of the arm is 0.67.
    few, many = fitted("patients", 25), fitted("patients", 99)
    assert (few.points, many.points) == (50, 99)
    assert few.log_likelihood == pytest.approx(many.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(few.terms["estimate"], many.terms["estimate"], atol=1e-6)


@pytest.mark.parametrize("name", ["visits", "cbpp", "few", "patients"])
def test_the_likelihood_is_the_one_that_adaptive_integration_gives(name: str) -> None:
    fit, data = fitted(name), data_of(name)
    formula, centre = SETTINGS[name]
    response = formula.split(" ~ ", maxsplit=1)[0]
    eta = fit.predict(data)["estimate"].to_numpy(float)
    total = 0.0
    for row in fit.random_effects().itertuples():
        own = (data[centre] == row.centre).to_numpy()
        sign = np.where(data[response].to_numpy()[own] == 1, 1.0, -1.0)

        def height(b: float, own: Any = own, sign: Any = sign) -> float:
            return float(-np.logaddexp(0, -sign * (eta[own] + b)).sum() - b * b / (2 * fit.sd**2))

        top = height(row.mode)
        width = 14 * max(row.std_dev, 0.05)
        parts = [
            quad(lambda b: np.exp(height(b) - top), start, stop, epsabs=0, epsrel=1e-12, limit=200)[0]  # noqa: B023
            for start, stop in ((row.mode - width, row.mode), (row.mode, row.mode + width))
        ]
        total += top + float(np.log(sum(parts) / (fit.sd * np.sqrt(2 * np.pi))))
    assert fit.log_likelihood == pytest.approx(total, abs=1e-9 if name == "patients" else 1e-10)


def test_population_risks_are_integrals_of_probabilities_and_their_errors_follow_the_delta_method() -> None:
    fit, data = fitted("visits"), data_of("visits")
    beta = fit.terms["estimate"].to_numpy()

    def risk(arm: int, parameters: Any) -> float:
        male = (data["sex"] == "M").to_numpy(float)
        eta = np.column_stack([np.ones(len(data)), np.full(len(data), arm), data["baseline"], male]) @ parameters[:4]

        def mean(b: float) -> float:
            return float(expit(eta + b * parameters[4]).mean() * np.exp(-b * b / 2) / np.sqrt(2 * np.pi))

        return quad(mean, -9, 9, epsabs=1e-13, epsrel=1e-12, limit=200)[0]

    found = fit.marginal_probabilities("arm")
    at, h = np.r_[beta, fit.sd], 1e-4
    slope = np.array([[(risk(a, at + h * e) - risk(a, at - h * e)) / (2 * h) for e in np.eye(5)] for a in (0, 1)])
    np.testing.assert_allclose(found.risks["estimate"].astype(float), [risk(0, at), risk(1, at)], rtol=1e-10)
    error = np.sqrt(np.einsum("kp,pq,kq->k", slope, fit._joint, slope))
    np.testing.assert_allclose(found.risks["std_error"].astype(float), error, rtol=1e-7)
    both = slope[1] - slope[0]
    assert found.differences["estimate"][0] == pytest.approx(risk(1, at) - risk(0, at), rel=1e-9)
    assert found.differences["std_error"][0] == pytest.approx(np.sqrt(both @ fit._joint @ both), rel=1e-7)
