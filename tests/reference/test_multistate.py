"""Probabilities of states against R's survfit (multistate.R, multistate.json), with two of its published data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses.methods.multistate import MeanTime, Occupation, StateOccupation, state_occupation

FOLDER = Path(__file__).parent
R_DIGITS = 1e-9
EXACT = 1e-12
"""Absolute, for what is 0 in theory."""


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "multistate.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def persons() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "states.csv")


def fitted(data: pd.DataFrame, **settings: Any) -> StateOccupation:
    names = {name: name for name in ("person", "entry", "month", "state", "to")}
    found = state_occupation(data, **names, **settings)
    assert isinstance(found, StateOccupation)
    return found


def columns(found: StateOccupation, months: list[float]) -> tuple[np.ndarray, np.ndarray]:
    here = found.at(months)
    assert all(isinstance(x, Occupation) for x in here)
    shares = [x.shares for x in here if isinstance(x, Occupation)]
    return (
        np.array([[share.probability for share in row] for row in shares]),
        np.array([[share.std_error for share in row] for row in shares]),
    )


def same_means(found: StateOccupation, horizon: float, mean: list[float], std_error: list[float]) -> None:
    for mine, value, error in zip(found.mean_time(horizon), mean, std_error, strict=True):
        assert isinstance(mine, MeanTime)
        np.testing.assert_allclose((mine.value, mine.std_error), (value, error), rtol=R_DIGITS)


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("delayed_entry", None),
        ("delayed_entry_weighted", "weight"),
        ("arm_0_weighted", "weight"),
        ("from_the_origin", None),
    ],
)
def test_probabilities_mean_times_and_their_robust_errors_are_those_of_survfit(
    name: str, weight: str | None, persons: pd.DataFrame, reference: dict[str, Any]
) -> None:
    expected = reference[name]
    rows = {
        "arm_0_weighted": persons["arm"] == 0,
        "from_the_origin": persons.groupby("person")["entry"].transform("min") == 0,
    }.get(name, persons["arm"] >= 0)
    found = fitted(persons[rows], weight=weight)
    assert list(found.states) == expected["states"]
    probability, error = columns(found, expected["months"])
    np.testing.assert_allclose(probability, expected["pstate"], rtol=R_DIGITS, atol=EXACT)
    np.testing.assert_allclose(error, expected["std_err"], rtol=R_DIGITS, atol=EXACT)
    # survfit 3.5.3: the standard error of p(0) is kept as sp0
    np.testing.assert_allclose(found.probability[0], expected["p0"], rtol=R_DIGITS, atol=EXACT)
    np.testing.assert_allclose(found.std_error[0], expected["sp0"], rtol=R_DIGITS, atol=EXACT)
    for mean in expected["mean_time"]:
        # R's own se(rmean) does not multiply influences by the weights, unlike its standard errors of probabilities
        # (they differ by a factor of about 1 / weight); unweighted, the two agree.
        same_means(found, mean["horizon"], mean["mean"], mean["weighted_std_err"])
        if weight is None:
            np.testing.assert_allclose(mean["std_err"], mean["weighted_std_err"], rtol=R_DIGITS)
    left = [state for state in found.states if state != "dead"]
    assert found.transitions.loc[left].to_numpy().sum() == np.sum(expected["transitions"])


@pytest.mark.parametrize("sex", ["F", "M"])
def test_plasma_cell_malignancy_and_death_of_mgus2(sex: str, reference: dict[str, Any]) -> None:
    data = pd.read_csv(FOLDER / "mgus2.csv")
    data = data[(data["sex"] == sex) & (data["etime"] > 0)]
    rows = pd.DataFrame(
        {"person": data["id"], "entry": 0.0, "month": data["etime"], "state": "(s0)",
         "to": data["cause"].map({1: "pcm", 2: "death"})}
    )  # fmt: skip
    expected = reference["mgus2"][sex]
    found = fitted(rows, states=expected["states"])
    probability, error = columns(found, expected["months"])
    np.testing.assert_allclose(probability, expected["pstate"], rtol=R_DIGITS)
    np.testing.assert_allclose(error, expected["std_err"], rtol=R_DIGITS)
    same_means(found, 240, expected["mean"], expected["mean_std_err"])
    # the cumulative incidence that is printed for this data set (domain 8.2)
    printed = {"F": [0.07388566, 0.1049407], "M": [0.05531024, 0.09565076]}
    assert probability[2:, 1] == pytest.approx(printed[sex], rel=1e-6)


@pytest.mark.parametrize("arm", ["A", "B"])
def test_remission_transplant_relapse_and_death_of_myeloid(arm: str, reference: dict[str, Any]) -> None:
    data = pd.read_csv(FOLDER / "myeloid.csv")
    data = data[data["trt"] == arm].sort_values(["id", "tstart"])
    before = data.groupby("id")["event"].shift()
    # A row without an event goes on in the state of the row before.
    state = before.where(before.notna()).groupby(data["id"]).ffill().fillna("(s0)")
    rows = pd.DataFrame(
        {"person": data["id"], "entry": data["tstart"], "month": data["tstop"], "state": state, "to": data["event"]}
    )
    expected = reference["myeloid"][arm]
    found = fitted(rows, states=expected["states"])
    probability, error = columns(found, expected["days"])
    np.testing.assert_allclose(probability, expected["pstate"], rtol=R_DIGITS)
    np.testing.assert_allclose(error, expected["std_err"], rtol=R_DIGITS)
    same_means(found, 1461, expected["mean"], expected["mean_std_err"])
