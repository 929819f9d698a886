"""What is asked of a fitted Cox model, on paper: at most eight patients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses.methods.hazards.concordance import Concordance, concordance
from analyses.methods.hazards.cox import cox
from analyses.methods.hazards.cox_baseline import Expected, ExpectedCurve, expected_curves
from analyses.methods.hazards.cox_design import CoxDesign, cox_design
from analyses.methods.hazards.cox_fit import CoxFit
from analyses.methods.hazards.cox_prediction import hazard_ratios, standardised_rows
from analyses.methods.hazards.event_steps import event_steps
from analyses.methods.hazards.proportional_hazards import ProportionalHazards, proportional_hazards
from analyses.result import NotEstimable

Z = 1.959963984540054
# Months 1 (z 0), 2 (z 1), 3 (z 0, censored), 4 (z 1, censored): the hazard ratio is r = 1 / sqrt(2) (see
# test_survival). Of those at risk at 1 a weighted share p = 2 r / (2 + 2 r) has z = 1, at 2 q = 2 r / (1 + 2 r).
FOUR = pd.DataFrame({"month": [1, 2, 3, 4], "event": [1, 1, 0, 0], "z": [0, 1, 0, 1]})
R = math.sqrt(0.5)
P, Q = 2 * R / (2 + 2 * R), 2 * R / (1 + 2 * R)
# With a tie: months 1, 1, 2, 3, 4; the last censored.
TIED = pd.DataFrame({"month": [1, 1, 2, 3, 4], "event": [1, 1, 1, 1, 0], "z": [1, 0, 1, 0, 0]})


def fitted(data: pd.DataFrame, formula: str = "z", **settings: Any) -> CoxFit:
    fit = cox(formula, data, month="month", event="event", **settings)
    assert isinstance(fit, CoxFit)
    return fit


def curve_of(fit: CoxFit, z: float, **settings: Any) -> ExpectedCurve:
    covariance = np.asarray(np.linalg.inv(fit.maximum.information))
    rows = standardised_rows(fit.design, pd.DataFrame({"z": [z]}))
    ((curve,),) = expected_curves(fit.design, fit.maximum.coefficients, covariance, fit.ties, rows, **settings)
    return curve


def test_score_test_of_two_events() -> None:
    # Residuals -p and 1 - q sum to 0; Kaplan-Meier just before them is 1 and 3/4, so that g is 0 and 1/4 and, centred,
    # -1/8 and 1/8. Variances p (1 - p), q (1 - q).
    found = proportional_hazards(fitted(FOUR))
    # two events and one coefficient leave no more than one direction: it is estimable, and the last row is the first
    assert isinstance(found, ProportionalHazards)
    v, w = P * (1 - P), Q * (1 - Q)
    score = (P + 1 - Q) / 8
    variance = (v + w) / 64 - ((w - v) / 8) ** 2 / (v + w)
    assert found.table["chi_square"].tolist() == pytest.approx([score**2 / variance] * 2, rel=1e-9)
    assert found.table["p"].iloc[0] == pytest.approx(math.erfc(math.sqrt(score**2 / variance / 2)), rel=1e-9)
    assert found.table["term"].tolist() == ["z", "all terms"]
    assert found.table["df"].tolist() == [1, 1]


def test_a_small_risk_keeps_its_place_beside_a_large_one_that_enters_later() -> None:
    # the second person enters after the first event: 1e-20 + 1000 - 1000 would leave nothing at risk at it
    data = pd.DataFrame({"month": [2, 9], "event": [1, 1], "z": [0, 1], "entry": [0, 3]})
    arrays = cox_design("z", data, month="month", event="event", entry="entry", strata=None, weight=None, cluster=None)
    assert isinstance(arrays, CoxDesign)
    assert event_steps(arrays, "efron").at_risk(np.array([1e-20, 1e3])).tolist() == [1e-20, 1e3]


def test_one_event_time_tells_nothing_of_a_change_with_time() -> None:
    data = pd.DataFrame({"month": [1, 1, 2, 3], "event": [1, 1, 0, 0], "z": [0, 1, 0, 1]})
    assert isinstance(proportional_hazards(fitted(data)), NotEstimable)


def test_a_penalised_fit_is_not_tested() -> None:
    assert isinstance(proportional_hazards(fitted(FOUR, penalty="firth")), NotEstimable)


def test_a_curve_over_time_needs_five_event_times_and_a_known_term() -> None:
    found = proportional_hazards(fitted(FOUR))
    assert isinstance(found, ProportionalHazards)
    assert found.smoothed("z") == NotEstimable(reason="events at 2 times are too few for a curve over time")
    with pytest.raises(ValueError, match="no term age"):
        found.smoothed("age")
    with pytest.raises(ValueError, match="level"):
        found.smoothed("z", level=95)


def pairs(data: pd.DataFrame, **roles: str) -> Concordance | NotEstimable:
    """Compare persons by z itself."""
    settings = {**dict.fromkeys(("entry", "strata", "weight", "cluster")), **roles}
    design = cox_design("z", data, month="month", event="event", **settings)
    assert isinstance(design, CoxDesign)
    return concordance(design, np.array([1.0]))


def test_concordance_of_five_patients() -> None:
    # Events at 1 (z 3), 2 (z 1), 2 (z 2), censored at 2 (z 1), censored at 4 (z 2).
    # The first is concordant with all 4. The second: with the censored at 2 a tied predictor, with the last
    # discordant; the third: concordant with the censored at 2, tied with the last. Two events at 2: not comparable.
    data = pd.DataFrame({"month": [1, 2, 2, 2, 4], "event": [1, 1, 1, 0, 0], "z": [3, 1, 2, 1, 2]})
    found = pairs(data)
    assert isinstance(found, Concordance)
    assert (found.concordant, found.discordant, found.tied) == (5, 1, 2)
    assert found.value == pytest.approx((5 + 2 / 2) / 8)
    # Each person's concordant + tied / 2 less 3/4 of the own pairs: 4 - 3, 1 + 1/2 - 9/4, 2 + 1/2 - 9/4,
    # 2 + 1/2 - 9/4, 1 + 1/2 - 9/4; all over 8 pairs.
    parts = [1, -3 / 4, 1 / 4, 1 / 4, -3 / 4]
    assert found.std_error == pytest.approx(math.sqrt(sum(part**2 for part in parts)) / 8, rel=1e-12)


def test_concordance_compares_only_those_at_risk_together() -> None:
    # who enters at 1 is not at risk for the event at 1; in the second stratum nobody is left to compare with
    data = pd.DataFrame({"month": [1, 3, 4, 5], "event": [1, 1, 0, 1], "z": [1, 2, 1, 5], "entry": [0, 1, 0, 0]})
    found = pairs(data, entry="entry")
    assert isinstance(found, Concordance)
    # the event at 1 against z 1 (tied) and z 5 (discordant); at 3 against z 1 (concordant) and z 5 (discordant)
    assert (found.concordant, found.discordant, found.tied) == (1, 2, 1)
    apart = pairs(data.assign(place=[0, 0, 0, 1]), entry="entry", strata="place")
    assert isinstance(apart, Concordance)
    assert (apart.concordant, apart.discordant, apart.tied) == (1, 0, 1)
    nobody = pairs(data.assign(place=[0, 1, 2, 3]), strata="place")
    assert isinstance(nobody, NotEstimable)


def test_concordance_of_clusters_adds_up_their_members() -> None:
    data = pd.DataFrame({"month": [1, 2, 2, 2, 4], "event": [1, 1, 1, 0, 0], "z": [3, 1, 2, 1, 2]})
    found = pairs(data.assign(c=[1, 1, 2, 2, 3]), cluster="c")
    assert isinstance(found, Concordance)
    assert found.std_error == pytest.approx(math.sqrt((1 / 4) ** 2 + (1 / 2) ** 2 + (3 / 4) ** 2) / 8, rel=1e-12)


@pytest.mark.parametrize("z", [0, 1, 2.5])
def test_expected_survival_of_four_patients(z: float) -> None:
    # Baseline (z = 0) hazards 1 / (2 + 2 r) and 1 / (1 + 2 r); r^z times as much for others. Variance of the cumulative
    # hazard: r^2z (sum of squares + (sum of (z - share with z = 1) x hazard)^2 / information).
    curve = curve_of(fitted(FOUR), z)
    first, second = 1 / (2 + 2 * R), 1 / (1 + 2 * R)
    information = P * (1 - P) + Q * (1 - Q)
    one, two = curve.at([1, 3.5])
    assert isinstance(one, Expected)
    assert isinstance(two, Expected)
    assert one.cumulative_hazard == pytest.approx(R**z * first, rel=1e-10)
    assert two.cumulative_hazard == pytest.approx(R**z * (first + second), rel=1e-10)
    gap = (z - P) * first + (z - Q) * second
    error = R**z * math.sqrt(first**2 + second**2 + gap**2 / information)
    assert two.std_error == pytest.approx(error, rel=1e-8)
    assert two.survival == pytest.approx(math.exp(-two.cumulative_hazard))
    reach = math.exp(Z * error / two.cumulative_hazard)
    assert (two.low, two.high) == pytest.approx((two.survival**reach, two.survival ** (1 / reach)), rel=1e-8)
    (log,) = curve_of(fitted(FOUR), z, interval="log").at([3.5])
    assert isinstance(log, Expected)
    assert log.low == pytest.approx(two.survival * math.exp(-Z * error), rel=1e-8)
    assert log.high == pytest.approx(min(two.survival * math.exp(Z * error), 1), rel=1e-8)


def test_before_the_first_event_survival_is_1_and_beyond_follow_up_it_is_unknown() -> None:
    early, late = curve_of(fitted(FOUR), 0).at([0.5, 4.5])
    assert early == Expected(month=0.5, cumulative_hazard=0, std_error=0, survival=1, low=1, high=1)
    assert late == NotEstimable(reason="nobody is followed beyond month 4")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_tie_in_the_baseline(ties: str) -> None:
    # Breslow: 2 / (3 + 2 r). Efron: the second of the two sees half of the tied, 1 and r, gone.
    fit = fitted(TIED, ties=ties)
    r = math.exp(fit.terms["estimate"].item())
    expected = 2 / (3 + 2 * r)
    if ties == "efron":
        expected = 1 / (3 + 2 * r) + 1 / (3 + 2 * r - (1 + r) / 2)
    assert curve_of(fit, 0).cumulative_hazard[0] == pytest.approx(expected, rel=1e-10)


def test_every_stratum_has_its_own_curve() -> None:
    data = pd.concat([FOUR.assign(place="a"), FOUR.assign(place="b", month=FOUR["month"] * 2)], ignore_index=True)
    fit = fitted(data, strata="place")
    rows = standardised_rows(fit.design, pd.DataFrame({"z": [0]}))
    inverse = np.asarray(np.linalg.inv(fit.maximum.information))
    ((first, second),) = expected_curves(fit.design, fit.maximum.coefficients, inverse, "efron", rows)
    assert (first.stratum, second.stratum, first.last, second.last) == ("a", "b", 4, 8)
    assert first.cumulative_hazard == pytest.approx(second.cumulative_hazard, rel=1e-12)
    assert second.month.tolist() == [2, 4]


def test_hazard_ratios_against_the_mean_and_against_zero() -> None:
    fit = fitted(FOUR)
    inverse = np.asarray(np.linalg.inv(fit.maximum.information))
    rows = standardised_rows(fit.design, pd.DataFrame({"z": [0, 1, 3]}))
    error = 1 / math.sqrt(P * (1 - P) + Q * (1 - Q))
    for reference, origin in (("zero", 0), ("mean", 0.5)):
        found = hazard_ratios(fit.design, fit.maximum.coefficients, inverse, rows, reference=reference)  # type: ignore[arg-type]
        gaps = [z - origin for z in (0, 1, 3)]
        assert found["hazard_ratio"].tolist() == pytest.approx([R**gap for gap in gaps], rel=1e-9)
        assert found["std_error"].tolist() == pytest.approx([abs(gap) * error for gap in gaps], rel=1e-8)
        assert found["high"].iloc[2] == pytest.approx(R ** gaps[2] * math.exp(Z * gaps[2] * error), rel=1e-7)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"other": [1]}, "no column z"),
        ({"z": [1.0, None]}, "z is missing"),
        ({"z": [math.inf]}, "infinite"),
    ],
)
def test_new_persons_need_every_covariate(frame: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        standardised_rows(fitted(FOUR).design, pd.DataFrame(frame))


def test_a_new_level_of_a_factor_is_refused_and_not_taken_for_the_first() -> None:
    data = TIED.assign(z=["x", "y", "x", "y", "y"])
    design = fitted(data).design
    assert standardised_rows(design, pd.DataFrame({"z": ["y", "x"]})).shape == (2, 1)
    with pytest.raises(ValueError, match="level"):
        standardised_rows(design, pd.DataFrame({"z": ["q"]}))
    assert standardised_rows(design, pd.DataFrame({"z": []})).shape == (0, 1)
