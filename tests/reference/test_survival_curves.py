"""Log-rank tests with rho, quantiles and restricted means against R (survival_curves.R, survival_curves.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses.methods.curves.restricted_mean import MeanRatio, RestrictedMean
from analyses.methods.survival import KaplanMeier, LogRank, kaplan_meier, log_rank, restricted_mean

FOLDER = Path(__file__).parent
R_DIGITS = 1e-11
"""R wrote 15 digits; closed forms agree to the last ones, and less in a chi-square of nearly 0."""
GROUPS = {
    "arm": ("arm", None),
    "centre": ("centre", None),
    "arm_within_centre": ("arm", "centre"),
    "centre_within_ild": ("centre", "ild"),
}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "survival_curves.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    data = pd.read_csv(FOLDER / "survival.csv")
    return data.assign(any=(data["cause"] > 0).astype(int))


def same(found: object, expected: dict[str, Any]) -> None:
    assert isinstance(found, LogRank)
    assert found.df == expected["df"]
    np.testing.assert_allclose((found.chi_square, found.p), (expected["chisq"], expected["p"]), rtol=R_DIGITS)
    np.testing.assert_allclose(found.observed, expected["observed"], rtol=R_DIGITS)
    np.testing.assert_allclose(found.expected, expected["expected"], rtol=R_DIGITS)


@pytest.mark.parametrize("rho", [0, 0.5, 1, 2])
@pytest.mark.parametrize("name", GROUPS)
def test_tests_with_rho_are_those_of_survdiff(
    name: str, rho: float, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    group, strata = GROUPS[name]
    columns = (persons["month"], persons["any"], persons[group])
    found = log_rank(*columns, strata=persons[strata] if strata else None, rho=rho)
    same(found, reference[f"rho_{rho:g}_{name}"])


@pytest.mark.parametrize("rho", [0, 0.5, 1, 2])
def test_tests_of_lung_with_rho_are_those_of_survdiff(rho: float, reference: dict[str, Any]) -> None:
    lung = pd.read_csv(FOLDER / "lung.csv")
    found = log_rank(lung["time"], lung["status"] - 1, lung["sex"], rho=rho)
    same(found, reference[f"rho_{rho:g}_lung_sex"])


@pytest.mark.parametrize("rho", [0, 1])
@pytest.mark.parametrize("name", ["arm", "arm_within_centre", "centre_within_ild"])
def test_tests_with_delayed_entry_are_those_of_the_definition(
    name: str, rho: float, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    group, strata = GROUPS[name]
    columns = (persons["month"], persons["any"], persons[group])
    found = log_rank(*columns, strata=persons[strata] if strata else None, entry=persons["entry"], rho=rho)
    same(found, reference[f"late_rho_{rho:g}_{name}"])


@pytest.mark.parametrize("arm", [0, 1])
def test_quantiles_with_delayed_entry_and_weights_are_those_of_survfit(
    arm: int, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    own, expected = persons[persons["arm"] == arm], reference[f"quantile_late_weighted_{arm}"]
    found = kaplan_meier(own["month"], own["any"], entry=own["entry"], weight=own["weight"])
    assert isinstance(found, KaplanMeier)
    for place, probability in enumerate(expected["probability"]):
        quantile = found.quantile(probability)
        for name in ("value", "low", "high"):
            wanted = expected[name][place]
            assert getattr(quantile, name) == (np.inf if wanted is None else wanted)


@pytest.mark.parametrize("name", ["rmst_late", "rmst_late_weighted"])
def test_restricted_means_with_delayed_entry_and_their_ratio(
    name: str, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = reference[name]
    weight = persons["weight"] if "weighted" in name else None
    found = restricted_mean(
        persons["month"], persons["any"], persons["arm"], horizon=24, entry=persons["entry"], weight=weight
    )
    for mean, value, error in zip(found.means, expected["mean"], expected["std_err"], strict=True):
        assert isinstance(mean, RestrictedMean)
        np.testing.assert_allclose((mean.value, mean.std_error), (value, error), rtol=R_DIGITS)
    assert isinstance(found.ratio, MeanRatio)
    numbers = (found.ratio.value, found.ratio.log_std_error)
    np.testing.assert_allclose(numbers, (expected["ratio"], expected["log_ratio_std_err"]), rtol=R_DIGITS)
