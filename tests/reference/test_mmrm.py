"""Repeated measures against the R packages mmrm (mmrm_package.json) and nlme (mmrm.R, mmrm.json)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from analyses.methods.mixed_models import fixed_effects, small_sample
from analyses.methods.mixed_models.fixed_effects import FixedEffects
from analyses.methods.mixed_models.likelihood_ratio import likelihood_ratio
from analyses.methods.mixed_models.reference_grid import Design, design
from analyses.methods.mixed_models.small_sample import Uncertainty
from analyses.methods.repeated import Covariance, Method, RepeatedFit, VisitInference, mmrm
from analyses.methods.repeated_measures import visit_covariance, visit_search
from analyses.methods.repeated_measures.visit_inference import uncertainty
from analyses.methods.repeated_measures.visit_rows import VisitRows, arrange

FOLDER = Path(__file__).parent
FULL = "log2_ldh ~ armf * C(visit) + baseline + sex"
IN_MMRM: tuple[Covariance, ...] = ("us", "toeph", "ar1h", "csh", "cs")
INFERENCES: dict[str, VisitInference] = {"kr": "kenward-roger", "satterthwaite": "satterthwaite"}


@pytest.fixture(scope="module")
def of_mmrm() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "mmrm_package.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def of_nlme() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "mmrm.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "visits.csv")
    return data.assign(armf=data["arm"].astype(str))


def fitted(
    data: pd.DataFrame,
    covariance: Covariance,
    inference: VisitInference = "kenward-roger",
    method: Method = "reml",
    *,
    formula: str = FULL,
    group: str | None = None,
) -> RepeatedFit:
    fit = mmrm(
        formula,
        data,
        patient="patient",
        visit="visit",
        covariance=covariance,
        inference=inference,
        method=method,
        group=group,
    )
    assert isinstance(fit, RepeatedFit)
    assert fit.converged
    return fit


def renamed(terms: list[str]) -> list[str]:
    """Return R's names of terms as formulaic has them."""
    plain = [t.replace("(Intercept)", "Intercept").replace("armf1", "armf[T.1]") for t in terms]
    return [re.sub(r"visit_f(\d)", r"C(visit)[T.\1]", t.replace("sexM", "sex[T.M]")) for t in plain]


def left(above: float) -> float:
    """Return by how much numbers may be off, in standard errors, where an optimiser ended above the minimum.

    A criterion that is above its minimum by d has parameters that are off by up to the root of d of their standard
    errors. mmrm ends 3.4e-6 above it with us and 1e-11 to 1e-8 with the others, gls 1e-12 to 1e-7.
    """
    assert above > -1e-9
    return float(np.sqrt(max(above, 0.0))) + 1e-6


@pytest.mark.parametrize("covariance", IN_MMRM)
@pytest.mark.parametrize("name", INFERENCES)
def test_terms_are_those_of_mmrm(
    name: str, covariance: Covariance, visits: pd.DataFrame, of_mmrm: dict[str, Any]
) -> None:
    expected = of_mmrm[f"mmrm_{covariance}_{name}"]
    fit = fitted(visits, covariance, INFERENCES[name])
    mine = fit.terms.set_index("term")
    assert sorted(mine.index) == sorted(renamed(expected["term"]))
    mine = mine.loc[renamed(expected["term"])]
    loose = left(expected["deviance"] - fit.reml_criterion)
    # An estimate that is near zero has no relative error worth naming: beside its standard error.
    np.testing.assert_allclose((mine["estimate"] - expected["estimate"]) / mine["std_error"], 0, atol=loose)
    np.testing.assert_allclose(mine["std_error"], expected["std_err"], rtol=loose)
    np.testing.assert_allclose(mine["df"], expected["df"], rtol=loose)
    np.testing.assert_allclose(mine["p"], expected["p"], rtol=20 * loose)


@pytest.mark.parametrize("covariance", IN_MMRM)
def test_criterion_is_that_of_mmrm_or_better(
    covariance: Covariance, visits: pd.DataFrame, of_mmrm: dict[str, Any]
) -> None:
    mine = fitted(visits, covariance).reml_criterion
    theirs = of_mmrm[f"mmrm_{covariance}_kr"]["deviance"]
    assert mine <= theirs + 1e-9
    assert mine == pytest.approx(theirs, abs=5e-6 if covariance == "us" else 2e-8)


def parameters_of(kind: Covariance, sigma: np.ndarray) -> np.ndarray:
    """Return the parameters whose matrix is sigma."""
    deviation = np.sqrt(np.diag(sigma))
    correlation = sigma / np.outer(deviation, deviation)
    if kind == "us":
        root = np.linalg.cholesky(sigma)
        sizes = np.diag(root)
        return np.concatenate([np.log(sizes), (root / sizes[:, None])[np.tril_indices(len(sigma), -1)]])
    level = np.log(deviation[:1] if kind in visit_covariance.HOMOGENEOUS else deviation)
    if kind in ("cs", "csh"):
        lowest = 1 / (len(sigma) - 1)
        share = (correlation[0, 1] + lowest) / (1 + lowest)
        return np.append(level, np.log(share / (1 - share)))
    lags = correlation[0, 1:] if kind in ("toep", "toeph") else correlation[0, 1:2]
    return np.concatenate([level, lags / np.sqrt(1 - lags**2)])


def at(
    kind: Covariance, sigma: list[list[float]], visits: pd.DataFrame, inference: VisitInference
) -> tuple[Design, VisitRows, Uncertainty, float]:
    """Return what is known, and the criterion, at a covariance of the visits that another program found."""
    made = design(FULL, visits, also=["patient", "visit"])
    assert isinstance(made, Design)
    rows = arrange(made, visits, patient="patient", visit="visit", group=None)
    assert isinstance(rows, VisitRows)
    problem = visit_search._Problem(data=rows, kind=kind, restricted=True)
    theta = parameters_of(kind, np.array(sigma) / rows.scale**2)[None]
    point = problem.point(theta)
    assert point is not None
    slopes, made_of, hessian = problem.derive(theta, point)
    there = visit_search.Optimum(
        theta=theta,
        sigma=problem.sigma(theta),
        slopes=slopes,
        point=point,
        derivatives=made_of,
        hessian=hessian,
        converged=True,
        singular=False,
    )
    known = uncertainty(rows, there, kind, inference=inference, level=0.95)
    assert isinstance(known, Uncertainty)
    shift = 2 * (rows.n - rows.p) * np.log(rows.scale) + 2 * np.log(np.abs(np.diag(rows.triangle))).sum()
    return made, rows, known, point.criterion + shift


@pytest.mark.parametrize("covariance", IN_MMRM)
@pytest.mark.parametrize("name", INFERENCES)
def test_at_the_covariance_where_mmrm_ended_all_its_numbers_come_out(
    name: str, covariance: Covariance, visits: pd.DataFrame, of_mmrm: dict[str, Any]
) -> None:
    expected = of_mmrm[f"mmrm_{covariance}_{name}"]
    made, rows, known, criterion = at(covariance, expected["covariance"], visits, INFERENCES[name])
    order = [[made.terms[i] for i in rows.kept].index(term) for term in renamed(expected["term"])]
    mine = small_sample.functions(known, np.eye(rows.p)).iloc[order]
    np.testing.assert_allclose(mine["estimate"], expected["estimate"], rtol=1e-11)
    np.testing.assert_allclose(mine["std_error"], expected["std_err"], rtol=1e-12)
    np.testing.assert_allclose(mine["df"], expected["df"], rtol=1e-11)
    np.testing.assert_allclose(mine["p"], expected["p"], rtol=1e-9)
    assert criterion == pytest.approx(expected["deviance"], abs=1e-10)


def test_differences_of_arms_by_visit_are_those_of_emmeans(visits: pd.DataFrame, of_mmrm: dict[str, Any]) -> None:
    expected = of_mmrm["mmrm_us_kr_difference_by_visit"]
    made, rows, known, _ = at("us", of_mmrm["mmrm_us_kr"]["covariance"], visits, "kenward-roger")
    effects = FixedEffects(design=made, kept=rows.kept, aliases=rows.aliases, known=known)
    there = fixed_effects.contrasts(effects, "armf", "visit", None, None)
    for column in ("estimate", "df", "low", "high", "p"):
        np.testing.assert_allclose(there[column].to_numpy(float), expected[column], rtol=1e-9)
    np.testing.assert_allclose(there["std_error"].to_numpy(float), expected["std_err"], rtol=1e-11)
    mine = fitted(visits, "us").contrasts("armf", by="visit")
    np.testing.assert_allclose(mine["estimate"].to_numpy(float), expected["estimate"], rtol=1e-4)
    np.testing.assert_allclose(mine["std_error"].to_numpy(float), expected["std_err"], rtol=1e-4)
    np.testing.assert_allclose(mine["df"].to_numpy(float), expected["df"], rtol=1e-3)


@pytest.mark.parametrize("covariance", get_args(Covariance))
@pytest.mark.parametrize("method", get_args(Method))
def test_all_covariances_are_those_of_gls(
    method: Method, covariance: Covariance, visits: pd.DataFrame, of_nlme: dict[str, Any]
) -> None:
    expected = of_nlme[f"{covariance}_{method}"]
    fit = fitted(visits, covariance, "normal", method)
    above = 2 * (fit.log_likelihood - expected["log_likelihood"])
    assert above < 2e-7
    mine = fit.terms.set_index("term").loc[renamed(expected["term"])]
    np.testing.assert_allclose((mine["estimate"] - expected["estimate"]) / mine["std_error"], 0, atol=left(above))
    # With method ML, gls multiplies the covariance of its estimates by n / (n - p).
    factor = np.sqrt(fit.n / (fit.n - len(mine))) if method == "ml" else 1.0
    np.testing.assert_allclose(mine["std_error"] * factor, expected["std_error"], rtol=left(above))


@pytest.mark.parametrize("covariance", get_args(Covariance))
def test_one_covariance_for_each_arm_is_that_of_gls_on_the_arms_alone(
    covariance: Covariance, visits: pd.DataFrame, of_nlme: dict[str, Any]
) -> None:
    arms = of_nlme[f"{covariance}_by_arm"]
    formula = "log2_ldh ~ 0 + armf + armf:C(visit) + armf:baseline"
    fit = fitted(visits, covariance, "normal", formula=formula, group="armf")
    above = 2 * (fit.log_likelihood - sum(own["log_likelihood"] for own in arms.values()))
    assert above < 2e-7
    mine = fit.terms.set_index("term")
    for arm, own in arms.items():
        for term, estimate, error in zip(own["term"], own["estimate"], own["std_error"], strict=True):
            name = renamed([term])[0]
            row = mine.loc[f"armf[{arm}]" if name == "Intercept" else f"armf[{arm}]:{name}"]
            assert row["estimate"] == pytest.approx(estimate, abs=left(above) * error)
            assert row["std_error"] == pytest.approx(error, rel=left(above))


def test_squares_of_standardised_residuals_sum_to_those_of_gls(visits: pd.DataFrame, of_nlme: dict[str, Any]) -> None:
    fit = fitted(visits, "cs", "normal")
    assert float((fit.standardised_residuals**2).sum()) == pytest.approx(of_nlme["cs_normalized_sum"], rel=1e-7)


def test_likelihood_ratios_are_those_of_anova(visits: pd.DataFrame, of_nlme: dict[str, Any]) -> None:
    got = likelihood_ratio(fitted(visits, "cs"), fitted(visits, "us"))
    less = fitted(visits, "us", "normal", "ml", formula="log2_ldh ~ C(visit) + baseline + sex")
    arm = likelihood_ratio(less, fitted(visits, "us", "normal", "ml"))
    for mine, name in ((got, "ratio_cs_us"), (arm, "ratio_arm")):
        assert mine.df == of_nlme[name]["df"]
        assert mine.chi_square == pytest.approx(of_nlme[name]["chi_square"], abs=1e-6)
        assert mine.p == pytest.approx(of_nlme[name]["p"], rel=1e-5)


def test_orthodont_is_that_of_gls(of_nlme: dict[str, Any]) -> None:
    data = pd.read_csv(FOLDER / "orthodont.csv").assign(Sex=lambda d: pd.Categorical(d["Sex"], ["Male", "Female"]))
    fit = mmrm("distance ~ Sex * C(age)", data, patient="Subject", visit="age", inference="satterthwaite")
    assert isinstance(fit, RepeatedFit)
    assert fit.log_likelihood == pytest.approx(-207.0174, abs=5e-5)
    expected = of_nlme["orthodont"]
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-8)
    row = fit.terms.set_index("term").loc["Sex[T.Female]:C(age)[T.14]"]
    assert row["estimate"] == pytest.approx(-1.6846591, abs=5e-8)
    assert row["std_error"] == pytest.approx(0.8741224, abs=5e-7)
    # Complete data: the two-sample t-test of the change from 8 to 14 years, to which gls comes within 5e-7.
    wide = data.pivot_table(index=["Sex", "Subject"], columns="age", values="distance", observed=True)
    change = wide[14] - wide[8]
    squares = change.groupby("Sex", observed=True).var() * (change.groupby("Sex", observed=True).size() - 1)
    assert row["std_error"] == pytest.approx(np.sqrt(squares.sum() / 25 * (1 / 11 + 1 / 16)), rel=1e-9)
    assert row["df"] == pytest.approx(25, rel=1e-9)  # 27 children in two groups, complete
