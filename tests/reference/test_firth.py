"""Firth's penalised Cox models against a search by R with coxph's own likelihood (firth.R, firth.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses.methods.hazards.cox_design import CoxDesign, cox_design
from analyses.methods.hazards.firth import FirthMaximum, maximise_firth, profile_limits
from analyses.result import NotEstimable

FOLDER = Path(__file__).parent
SEARCH = 1e-7
"""R's search has differences of a likelihood of 13 digits to go by."""


def design(name: str) -> tuple[CoxDesign, Any]:
    data = pd.read_csv(FOLDER / "survival.csv")
    data = data.assign(
        any=(data["cause"] > 0).astype(int), place=data["patient"] % 3, whole=1.0 + data["patient"] % 3,
        only=((data["cause"] > 0) & (data["arm"] == 1)).astype(int), month5=5 * np.ceil(data["month"] / 5),
    )  # fmt: skip
    data = data.assign(entry5=data["entry"].where(data["entry"] < data["month5"], 0))
    eight = pd.DataFrame({"month5": range(1, 9), "only": [1, 1, 1, 1, 0, 0, 1, 0], "z": [1] * 4 + [0] * 4})
    roles = dict.fromkeys(("entry", "strata", "weight", "cluster"))
    cases: dict[str, tuple[str, pd.DataFrame, str, dict[str, str], str]] = {
        "eight": ("z", eight, "only", {}, "efron"),
        "separated_efron": ("arm + age", data[:40], "only", {}, "efron"),
        "separated_breslow": ("arm + age", data[:40], "only", {}, "breslow"),
        "late_strata": ("arm + ild", data[:60], "any", {"entry": "entry5", "strata": "place"}, "efron"),
        "whole": ("arm + ild", data[:40], "only", {"weight": "whole"}, "breslow"),
    }
    formula, frame, event, more, ties = cases[name]
    found = cox_design(formula, frame, month="month5", event=event, **{**roles, **more})
    assert isinstance(found, CoxDesign)
    return found, ties


@pytest.mark.parametrize("name", ["eight", "separated_efron", "separated_breslow", "late_strata", "whole"])
def test_estimates_limits_and_likelihood_ratios_are_those_of_a_search_without_a_score(name: str) -> None:
    expected = json.loads((FOLDER / "firth.json").read_text(encoding="utf-8"))[name]
    arrays, ties = design(name)
    found = maximise_firth(arrays, ties)
    assert isinstance(found, FirthMaximum)
    assert found.converged
    error = np.sqrt(np.diag(np.linalg.inv(found.information))) / arrays.scale
    np.testing.assert_allclose(found.coefficients / arrays.scale, np.atleast_1d(expected["estimate"]), rtol=SEARCH)
    np.testing.assert_allclose(error, np.atleast_1d(expected["std_err"]), rtol=SEARCH)
    likelihood = (found.log_likelihood_null, found.log_likelihood)
    np.testing.assert_allclose(likelihood, expected["log_likelihood"], rtol=1e-11)
    profiles = profile_limits(found)
    assert not any(isinstance(limit, NotEstimable) for profile in profiles for limit in (profile.low, profile.high))
    for column, values in (
        ("low", [profile.low for profile in profiles]),
        ("high", [profile.high for profile in profiles]),
    ):
        np.testing.assert_allclose(
            np.array(values, dtype=float) / arrays.scale, np.atleast_1d(expected[column]), rtol=SEARCH
        )
    np.testing.assert_allclose([p.chi_square for p in profiles], np.atleast_1d(expected["chisq"]), rtol=1e-9)
