"""Data that break estimators: every method gives numbers, or says why not; never NaN, never a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from analyses.methods import competing, survival
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Callable

    Frame = Callable[[pd.DataFrame], pd.DataFrame]


def persons(size: int = 30) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "month": random.exponential(10, size).round(1) + 0.1,
            "event": random.integers(0, 2, size),
            "arm": np.arange(size) % 2,
            "z": random.normal(size=size),
            "stratum": np.arange(size) % 3,
            "weight": 1.0,
            "centre": np.arange(size) % 5,
            "cause": random.integers(0, 3, size),
        }
    )


CASES: dict[str, tuple[Frame, str]] = {
    "separation": (lambda d: d.assign(event=d["arm"], cause=d["arm"]), "separated by arm"),
    "no events in an arm": (lambda d: d.assign(event=d["event"] * (1 - d["arm"])), "separated by arm"),
    "a stratum without events": (lambda d: d.assign(event=d["event"] * (d["stratum"] != 0)), ""),
    "a constant covariate": (lambda d: d.assign(z=1.0), "one value only: z"),
    "collinear covariates": (lambda d: d.assign(z=2.0 * d["arm"] + 1), "collinear"),
    "weights of zero": (lambda d: d.assign(weight=0.0), ""),
    "some weights of zero": (lambda d: d.assign(weight=np.where(d["z"] > 0, 0.5, 0.0)), ""),
    "all times equal": (lambda d: d.assign(month=5.0), ""),
    "everybody at one time": (lambda d: d.assign(month=5.0, event=1, cause=1), ""),
    "ten persons": (lambda d: d.head(10), ""),
    "two persons": (lambda d: d.head(2), "collinear"),
    "one person": (lambda d: d.head(1), "one value only"),
    "no events": (lambda d: d.assign(event=0, cause=0), "nobody had the event"),
}
"""Each with what a plain Cox model says, where it has to say something."""

TIMES = {"month": "month", "event": "event"}
METHODS: dict[str, Callable[[pd.DataFrame], object]] = {
    "cox": lambda d: survival.cox("arm + z", d, **TIMES),
    "cox, strata and clusters": lambda d: survival.cox("arm + z", d, **TIMES, strata="stratum", cluster="centre"),
    "cox, weights": lambda d: survival.cox("arm + z", d, **TIMES, weight="weight"),
    "firth": lambda d: survival.cox("arm + z", d, **TIMES, penalty="firth"),
    "fine_gray": lambda d: competing.fine_gray("arm + z", d, month="month", cause="cause"),
    "gray_test": lambda d: competing.gray_test(d["month"], d["cause"], d["arm"]),
    "cumulative_incidence": lambda d: competing.cumulative_incidence(d["month"], d["cause"], weight=d["weight"]),
    "kaplan_meier": lambda d: survival.kaplan_meier(d["month"], d["event"], weight=d["weight"]),
    "restricted_mean": lambda d: survival.restricted_mean(d["month"], d["event"], d["arm"], horizon=500),
    "log_rank": lambda d: survival.log_rank(d["month"], d["event"], d["arm"], strata=d["stratum"], rho=1),
}


def has_nan(value: object) -> bool:
    if isinstance(value, pd.DataFrame):
        return bool(value.isna().any().any())
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "f" and np.isnan(value).any())
    if isinstance(value, tuple):
        return any(has_nan(one) for one in value)
    return isinstance(value, float) and np.isnan(value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES)
def test_a_method_gives_numbers_or_says_why_not(case: str, method: str) -> None:
    found = METHODS[method](CASES[case][0](persons()))
    if isinstance(found, NotEstimable):
        assert found.reason
        return
    values = vars(found)
    assert values
    assert [name for name, value in values.items() if has_nan(value)] == []


@pytest.mark.parametrize("case", CASES)
def test_a_cox_model_names_what_is_wrong_and_what_can_be_asked_of_the_others_is_a_number(case: str) -> None:
    change, reason = CASES[case]
    found = survival.cox("arm + z", change(persons()), **TIMES)
    if reason:
        assert isinstance(found, NotEstimable)
        assert reason in found.reason
        return
    assert isinstance(found, survival.CoxFit)
    assert found.converged
    tested = survival.proportional_hazards(found)
    assert isinstance(tested, NotEstimable) or not has_nan(tested.table)
    concordance = found.concordance
    assert isinstance(concordance, NotEstimable) or 0 <= concordance.value <= 1
    assert not has_nan(found.predict(persons()))
    assert not any(has_nan(curve.survival) for curve in found.baseline())
