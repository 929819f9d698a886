"""Firth's penalised Cox model on paper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, minimize_scalar

from analyses.methods.hazards.cox_design import CoxDesign, cox_design
from analyses.methods.hazards.firth import FirthMaximum, Profile, maximise_firth, profile_limits
from analyses.result import NotEstimable

CHI_SQUARE = 3.841458820694124  # 95 % of chi-square with 1 degree of freedom


def design(data: pd.DataFrame, formula: str = "z", **roles: str) -> CoxDesign:
    settings = {**dict.fromkeys(("entry", "strata", "weight", "cluster")), **roles}
    found = cox_design(formula, data, month="month", event="event", **settings)
    assert isinstance(found, CoxDesign)
    return found


def fitted(arrays: CoxDesign, ties: Any = "efron") -> FirthMaximum:
    found = maximise_firth(arrays, ties)
    assert isinstance(found, FirthMaximum)
    assert found.converged
    return found


def limits(profile: Profile, scale: float) -> tuple[float, float]:
    assert not isinstance(profile.low, NotEstimable)
    assert not isinstance(profile.high, NotEstimable)
    return profile.low / scale, profile.high / scale


@pytest.mark.parametrize(("ones", "zeros"), [(1, 1), (2, 1), (1, 3), (4, 4)])
def test_one_event_has_a_closed_form(ones: int, zeros: int) -> None:
    # One event, of somebody with z = 1: the likelihood is p / ones with p = ones r / (ones r + zeros), the information
    # p (1 - p). p^(3/2) (1 - p)^(1/2) is greatest at p = 3/4, where r = 3 zeros / ones; without penalty r is infinite.
    size = ones + zeros
    data = pd.DataFrame(
        {"month": [1] + [2] * (size - 1), "event": [1] + [0] * (size - 1), "z": [1] * ones + [0] * zeros}
    )
    arrays = design(data)
    found = fitted(arrays)
    assert found.coefficients[0] / arrays.scale[0] == pytest.approx(math.log(3 * zeros / ones), abs=1e-8)

    def penalised(p: float) -> float:
        return 1.5 * math.log(p) + 0.5 * math.log(1 - p) - math.log(ones)

    assert found.log_likelihood == pytest.approx(penalised(3 / 4), rel=1e-12)
    assert found.log_likelihood_null == pytest.approx(penalised(ones / size), rel=1e-12)
    (profile,) = profile_limits(found)
    assert profile.chi_square == pytest.approx(2 * (penalised(3 / 4) - penalised(ones / size)), abs=1e-10)
    assert profile.p == pytest.approx(math.erfc(math.sqrt(profile.chi_square / 2)), abs=1e-6)

    def fallen(p: float) -> float:
        return 2 * (penalised(3 / 4) - penalised(p)) - CHI_SQUARE

    ends = [brentq(fallen, 1e-9, 3 / 4, xtol=1e-15), brentq(fallen, 3 / 4, 1 - 1e-12, xtol=1e-16)]
    expected = [math.log(p / (1 - p) * zeros / ones) for p in ends]
    assert limits(profile, arrays.scale[0]) == pytest.approx(expected, abs=1e-6)


EIGHT = pd.DataFrame({"month": range(1, 9), "event": [1, 1, 1, 1, 0, 0, 1, 0], "z": [1] * 4 + [0] * 4})


def _eight(beta: float) -> float:
    """Events at 1 to 4 have z = 1 with 4, 3, 2, 1 such persons among 4 others; at 7 two with z = 0 are left."""
    likelihood, information = 0.0, 0.0
    for ones in (4, 3, 2, 1):
        share = ones * math.exp(beta) / (ones * math.exp(beta) + 4)
        likelihood += math.log(share / ones)
        information += share * (1 - share)
    return likelihood - math.log(2) + math.log(information) / 2


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_eight_patients_whose_maximum_likelihood_diverges(ties: str) -> None:
    # anchors of domain 8.2: 2.948199 (hazard ratio 19.07), likelihood ratio 6.724689
    arrays = design(EIGHT)
    found = fitted(arrays, ties)
    beta = found.coefficients[0] / arrays.scale[0]
    assert (beta, math.exp(beta)) == pytest.approx((2.948199, 19.07), abs=3e-3)
    assert beta == pytest.approx(2.948199, abs=5e-7)
    grid = np.arange(2.9, 3.0, 1e-4)
    assert beta == pytest.approx(grid[np.argmax([_eight(value) for value in grid])], abs=1e-4)
    best = minimize_scalar(lambda value: -_eight(value), bounds=(2, 4), options={"xatol": 1e-10}, method="bounded")
    assert beta == pytest.approx(best.x, abs=1e-6)
    assert found.log_likelihood == pytest.approx(_eight(beta), rel=1e-12)
    (profile,) = profile_limits(found)
    assert profile.chi_square == pytest.approx(6.724689, abs=5e-7)

    def fallen(value: float) -> float:
        return 2 * (_eight(beta) - _eight(value)) - CHI_SQUARE

    expected = (brentq(fallen, -5, beta, xtol=1e-13), brentq(fallen, beta, 30, xtol=1e-13))
    assert limits(profile, arrays.scale[0]) == pytest.approx(expected, rel=1e-8)


# Months 1, 1, 2, 3; z 1, 1, 0, 0: with Efron's ties the tied two take themselves half out of the second risk set.
def _tied(beta: float, ties: str) -> float:
    r = math.exp(beta)
    sums = [2 * r + 2, 2 * r + 2 - (r if ties == "efron" else 0)]
    shares = [2 * r / sums[0], (r if ties == "efron" else 2 * r) / sums[1]]
    information = sum(share * (1 - share) for share in shares)
    return 2 * beta - math.log(sums[0] * sums[1]) + math.log(information) / 2


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_ties_by_hand(ties: str) -> None:
    data = pd.DataFrame({"month": [1, 1, 2, 3], "event": [1, 1, 0, 0], "z": [1, 1, 0, 0]})
    arrays = design(data)
    found = fitted(arrays, ties)
    beta = found.coefficients[0] / arrays.scale[0]
    best = minimize_scalar(lambda value: -_tied(value, ties), bounds=(0, 6), options={"xatol": 1e-10}, method="bounded")
    assert beta == pytest.approx(best.x, abs=1e-6)
    assert found.log_likelihood == pytest.approx(_tied(beta, ties), rel=1e-12)


def test_two_strata_of_one_event_each() -> None:
    # p^2 (2 p (1 - p))^(1/2): 5/2 log p + 1/2 log(1 - p) is greatest at p = 5/6, r = 5
    data = pd.DataFrame({"month": [1, 2, 3, 4], "event": [1, 0, 1, 0], "z": [1, 0, 1, 0], "place": [0, 0, 1, 1]})
    arrays = design(data, strata="place")
    assert fitted(arrays).coefficients[0] / arrays.scale[0] == pytest.approx(math.log(5), abs=1e-8)


def test_who_enters_late_is_not_in_the_risk_set() -> None:
    data = pd.DataFrame({"month": [1, 2, 3], "event": [1, 0, 0], "z": [1, 0, 0], "entry": [0, 0, 1]})
    arrays = design(data, entry="entry")
    assert fitted(arrays).coefficients[0] / arrays.scale[0] == pytest.approx(math.log(3), abs=1e-8)


@pytest.mark.parametrize(
    ("formula", "reason"), [("z + twice", "collinear"), ("z + place", "those at risk together"), ("place", "place")]
)
def test_what_the_data_are_silent_about_stays_not_estimable(formula: str, reason: str) -> None:
    data = pd.DataFrame({"month": [1, 2, 3, 4], "event": [1, 0, 1, 0], "z": [1, 0, 1, 0], "place": [0, 0, 1, 1]})
    found = maximise_firth(design(data.assign(twice=2 * data["z"]), formula, strata="place"), "efron")
    assert isinstance(found, NotEstimable)
    assert reason in found.reason


def test_a_level_is_a_probability() -> None:
    with pytest.raises(ValueError, match="level"):
        profile_limits(fitted(design(EIGHT)), level=95)
