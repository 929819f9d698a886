"""Events that come again against R's coxph and survfit (recurrent.R, recurrent.json), with R's data set cgd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses.methods.rates import MeanNumber, MeanNumberAt, mean_cumulative_number, recurrent_rate_ratio
from analyses.methods.survival import CoxFit

FOLDER = Path(__file__).parent
R_DIGITS = 1e-11
MAXIMUM = 1e-8
"""Two maxima of one likelihood agree to where their searches stop."""
CGD = {"person": "id", "entry": "tstart", "month": "tstop", "event": "status"}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "recurrent.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "recurrent.csv")


def rows(found: object, months: list[float]) -> list[MeanNumberAt]:
    assert isinstance(found, MeanNumber)
    here = [row for row in found.at(months) if isinstance(row, MeanNumberAt)]
    assert len(here) == len(months)
    return here


def same_model(found: object, expected: dict[str, Any]) -> None:
    assert isinstance(found, CoxFit)
    np.testing.assert_allclose(found.terms["estimate"], np.atleast_1d(expected["estimate"]), rtol=MAXIMUM)
    np.testing.assert_allclose(found.terms["std_error"], np.atleast_1d(expected["std_err"]), rtol=MAXIMUM)
    np.testing.assert_allclose(found.log_likelihood, expected["log_likelihood"][-1], rtol=R_DIGITS)
    assert (found.n, found.events) == (expected["n"], expected["events"])


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("rate_ratio", {}),
        ("rate_ratio_strata", {"strata": "centre"}),
        ("rate_ratio_weighted", {"weight": "weight"}),
    ],
)
def test_rate_ratios_with_errors_by_person_are_those_of_coxph(
    name: str, roles: dict[str, str], persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    names = {name: name for name in ("person", "entry", "month", "event")}
    same_model(recurrent_rate_ratio("arm", persons, **names, **roles, variance="sandwich"), reference[name])


def test_infections_of_cgd(reference: dict[str, Any]) -> None:
    data = pd.read_csv(FOLDER / "cgd.csv")
    formula = "C(treat, contr.treatment('placebo')) + age"
    same_model(recurrent_rate_ratio(formula, data, **CGD, variance="sandwich"), reference["cgd"])
    for arm, name in (("placebo", "placebo"), ("rIFN-g", "rIFN_g")):
        expected = reference["cgd_mean"][name]
        here = rows(mean_cumulative_number(data[data["treat"] == arm], **CGD), expected["day"])
        np.testing.assert_allclose([row.mean for row in here], expected["mean"], rtol=R_DIGITS)
        np.testing.assert_allclose([row.std_error for row in here], expected["std_err"], rtol=R_DIGITS)


@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize("weight", [None, "weight"])
def test_mean_numbers_and_their_robust_errors_are_those_of_survfit(
    arm: int, weight: str | None, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = reference[f"mean_number_{'weighted_' if weight else ''}{arm}"]
    data = persons[persons["arm"] == arm]
    names = {name: name for name in ("person", "entry", "month", "event")}
    here = rows(mean_cumulative_number(data, **names, weight=weight), expected["month"])
    np.testing.assert_allclose([row.mean for row in here], expected["mean"], rtol=R_DIGITS, atol=1e-14)
    np.testing.assert_allclose([row.std_error for row in here], expected["std_err"], rtol=R_DIGITS, atol=1e-14)
    # With death: R has no function for Ghosh and Lin's estimate, but its parts.
    stopped = rows(mean_cumulative_number(data, **names, weight=weight, terminal="dead"), expected["month"])
    np.testing.assert_allclose([row.mean for row in stopped], expected["ghosh_lin"], rtol=R_DIGITS, atol=1e-14)
