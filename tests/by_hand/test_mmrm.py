"""Repeated measures worked on paper: complete data, where the estimates are means and mean products."""

from __future__ import annotations

from fractions import Fraction
from math import log, pi, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from analyses.methods.mixed_models.small_sample import JointTest
from analyses.methods.repeated import Covariance, RepeatedFit, VisitInference, mmrm

EXACT = 1e-9  # what an optimiser leaves; the arithmetic itself has no error


def fitted(
    formula: str,
    data: pd.DataFrame,
    covariance: Covariance = "us",
    inference: VisitInference = "satterthwaite",
    group: str | None = None,
) -> RepeatedFit:
    fit = mmrm(formula, data, patient="patient", visit="visit", covariance=covariance, inference=inference, group=group)
    assert isinstance(fit, RepeatedFit)
    assert fit.converged
    return fit


FIRST = [Fraction(v, 10) for v in (7, -16, -2, -12, -1, 34, 37, 8, 0, 20)]
SECOND = [Fraction(v, 10) for v in (19, 8, 11, 1, -1, 44, 55, 16, 46, 34)]


def product(one: list[Fraction], two: list[Fraction]) -> Fraction:
    """Return the sum of products about the means over n - 1."""
    n = len(one)
    return (sum(a * b for a, b in zip(one, two, strict=True)) - sum(one) * sum(two) / n) / (n - 1)


def sleep() -> pd.DataFrame:
    """Return Student's ten patients with two visits each (1908, Biometrika 6:1)."""
    data = {"patient": [*range(10)] * 2, "visit": [1] * 10 + [2] * 10, "y": [float(v) for v in FIRST + SECOND]}
    return pd.DataFrame(data)


def second_visit(fit: RepeatedFit) -> pd.Series[float]:
    return fit.terms.set_index("term").loc["C(visit)[T.2]"]


def test_two_visits_of_ten_patients_are_the_paired_t_test() -> None:
    differences = [b - a for a, b in zip(FIRST, SECOND, strict=True)]
    variance = product(differences, differences) / 10
    row = second_visit(fitted("y ~ C(visit)", sleep()))
    assert row["estimate"] == pytest.approx(float(sum(differences) / 10), rel=EXACT)
    assert row["std_error"] ** 2 == pytest.approx(float(variance), rel=EXACT)
    assert row["df"] == pytest.approx(9, rel=EXACT)
    t = float(sum(differences) / 10) / sqrt(variance)
    assert row["p"] == pytest.approx(2 * float(t_distribution.sf(t, 9)), rel=1e-7)
    assert row["std_error"] == pytest.approx(0.3890, abs=5e-5)


def test_covariance_of_two_visits_is_that_of_the_sample() -> None:
    variance = fitted("y ~ C(visit)", sleep()).variance
    assert list(zip(variance["visit"], variance["visit2"], strict=True)) == [(1, 1), (1, 2), (2, 2)]
    expected = [product(FIRST, FIRST), product(FIRST, SECOND), product(SECOND, SECOND)]
    assert variance["covariance"].to_list() == pytest.approx([float(v) for v in expected], rel=EXACT)
    correlation = float(expected[1]) / sqrt(expected[0] * expected[2])
    assert variance["correlation"].to_list() == pytest.approx([1, correlation, 1], rel=EXACT)


def test_kenward_and_roger_of_the_paired_visits_is_that_of_mmrm() -> None:
    # With nu = 9 and Sigma = D L L' D, twice the inverse of the second derivatives of nu (log|Sigma| + tr Sigma^-1 S)
    # is 1/(2 nu) for each log standard deviation, (1 + l^2)/nu for l and l/(2 nu), -l/(2 nu) between them. Summed with
    # the second derivatives of Sigma: 2 s11/nu, s12/nu, 4 s22 (1 - r^2)/nu. Half of it is taken from Sigma, over n.
    s11, s12, s22 = product(FIRST, FIRST), product(FIRST, SECOND), product(SECOND, SECOND)
    bent = (2 * s11 - 2 * s12 + 4 * (s22 - s12**2 / s11)) / 9
    expected = (s11 - 2 * s12 + s22 - bent / 2) / 10
    fit = fitted("y ~ C(visit)", sleep(), inference="kenward-roger")
    row = second_visit(fit)
    assert row["std_error"] ** 2 == pytest.approx(float(expected), rel=EXACT)
    assert row["df"] == pytest.approx(9, rel=EXACT)
    # What mmrm prints for these data, and what there is to say about it (github.com/openpharma/mmrm, issue 510).
    assert row["std_error"] == pytest.approx(0.3386, abs=5e-5)
    assert len(fit.notes) == 1
    assert "smaller by 13%" in fit.notes[0]


def test_kenward_and_roger_without_second_derivatives_is_the_paired_t_test() -> None:
    row = second_visit(fitted("y ~ C(visit)", sleep(), inference="kenward-roger-linear"))
    differences = [b - a for a, b in zip(FIRST, SECOND, strict=True)]
    assert row["std_error"] ** 2 == pytest.approx(float(product(differences, differences) / 10), rel=EXACT)
    assert row["df"] == pytest.approx(9, rel=EXACT)


def test_criterion_of_two_visits() -> None:
    # Nine independent vectors with the sample covariance: nu (log|S| + 2 log 2 pi + 2), and 2 log 10 for the means.
    s11, s12, s22 = product(FIRST, FIRST), product(FIRST, SECOND), product(SECOND, SECOND)
    determinant = float(s11 * s22 - s12**2)
    # X has the rows (1, 0) and (1, 1): log|X'V^-1 X| = 2 log 10 - log|S|; log|V| = 10 log|S|; the rest is 18.
    by_hand = 10 * log(determinant) + 2 * log(10) - log(determinant) + 18 + 18 * log(2 * pi)
    fit = fitted("y ~ C(visit)", sleep())
    assert fit.reml_criterion == pytest.approx(by_hand, abs=1e-9)
    assert fit.log_likelihood == pytest.approx(-by_hand / 2, abs=1e-9)


def test_standardised_residuals_of_a_pair() -> None:
    s11, s12, s22 = product(FIRST, FIRST), product(FIRST, SECOND), product(SECOND, SECOND)
    first, second = float(FIRST[0] - sum(FIRST) / 10), float(SECOND[0] - sum(SECOND) / 10)
    fit = fitted("y ~ C(visit)", sleep())
    assert fit.residuals[0] == pytest.approx(first)
    assert fit.residuals[10] == pytest.approx(second)
    assert fit.standardised_residuals[0] == pytest.approx(first / sqrt(s11))
    left = (second - float(s12 / s11) * first) / sqrt(s22 - s12**2 / s11)
    assert fit.standardised_residuals[10] == pytest.approx(left)


def test_maximum_likelihood_divides_by_the_number_of_patients() -> None:
    fit = mmrm("y ~ C(visit)", sleep(), patient="patient", visit="visit", method="ml", inference="normal")
    assert isinstance(fit, RepeatedFit)
    expected = [float(product(FIRST, FIRST)) * 0.9, float(product(FIRST, SECOND)) * 0.9]
    assert fit.variance["covariance"].to_list()[:2] == pytest.approx(expected, rel=EXACT)
    s = np.cov([float(v) for v in FIRST], [float(v) for v in SECOND]) * 0.9
    assert -2 * fit.log_likelihood == pytest.approx(10 * log(np.linalg.det(s)) + 20 + 20 * log(2 * pi), abs=1e-9)
    with pytest.raises(ValueError, match="no REML criterion"):
        _ = fit.reml_criterion


def two_arms(patients: int = 9, visits: int = 3) -> pd.DataFrame:
    """Return complete data; the first five patients are in arm a."""
    rng = np.random.default_rng(3)
    y = rng.normal(0, 1, (patients, 1)) + rng.normal(0, [1, 0.7, 1.6], (patients, visits))
    arm = np.where(np.arange(patients) < 5, "a", "b")
    person = np.repeat(np.arange(patients), visits)
    return pd.DataFrame(
        {
            "patient": person,
            "visit": np.tile(np.arange(visits), patients),
            "arm": arm[person],
            "y": y.ravel(),
        }
    )


def wide(data: pd.DataFrame, arm: str) -> np.ndarray:
    return data[data["arm"] == arm].pivot_table(index="patient", columns="visit", values="y").to_numpy()


def test_difference_of_arms_at_a_visit_is_the_two_sample_t_test_of_that_visit() -> None:
    data = two_arms()
    a, b = wide(data, "a"), wide(data, "b")
    pooled = (np.cov(a.T) * 4 + np.cov(b.T) * 3) / 7
    got = fitted("y ~ arm * C(visit)", data).contrasts("arm", by="visit")
    np.testing.assert_allclose(got["estimate"].to_numpy(float), b.mean(0) - a.mean(0), rtol=1e-10)
    np.testing.assert_allclose(got["std_error"].to_numpy(float) ** 2, np.diag(pooled) * (1 / 5 + 1 / 4), rtol=1e-8)
    np.testing.assert_allclose(got["df"].to_numpy(float), 7, rtol=1e-8)


def test_one_covariance_for_each_arm_is_welch_t_test_of_a_visit() -> None:
    data = two_arms()
    a, b = wide(data, "a"), wide(data, "b")
    fit = fitted("y ~ arm * C(visit)", data, group="arm")
    own = {arm: np.cov(values.T) for arm, values in (("a", a), ("b", b))}
    for arm, expected in own.items():
        rows = fit.variance[fit.variance["group"] == arm]
        np.testing.assert_allclose(rows["covariance"], expected[np.triu_indices(3)], rtol=1e-8)
    one, two = np.diag(own["a"]) / 5, np.diag(own["b"]) / 4
    got = fit.contrasts("arm", by="visit")
    np.testing.assert_allclose(got["std_error"].to_numpy(float) ** 2, one + two, rtol=1e-8)
    np.testing.assert_allclose(got["df"].to_numpy(float), (one + two) ** 2 / (one**2 / 4 + two**2 / 3), rtol=1e-8)


def test_without_second_derivatives_kenward_and_roger_s_joint_test_of_the_arms_is_hotelling_s() -> None:
    data = two_arms()
    a, b = wide(data, "a"), wide(data, "b")
    pooled, shift = (np.cov(a.T) * 4 + np.cov(b.T) * 3) / 7, b.mean(0) - a.mean(0)
    hotelling = float(shift @ np.linalg.solve(pooled, shift)) / (1 / 5 + 1 / 4) * 5 / (7 * 3)
    test = fitted("y ~ 0 + C(visit) + arm:C(visit)", data, inference="kenward-roger-linear").joint_test("arm:C(visit)")
    assert isinstance(test, JointTest)
    assert test.statistic == pytest.approx(hotelling, rel=1e-7)
    assert test.df2 == pytest.approx(5, rel=1e-6)
    assert test.p == pytest.approx(float(f_distribution.sf(hotelling, 3, 5)), rel=1e-6)


@pytest.mark.parametrize("covariance", ["cs", "us"])
def test_compound_symmetry_of_complete_data_is_the_analysis_of_variance(covariance: Covariance) -> None:
    data = two_arms()
    fit = fitted("y ~ C(visit)", data, covariance)
    table = data.pivot_table(index="patient", columns="visit", values="y").to_numpy()
    within = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    mean_square = float((within**2).sum()) / (8 * 2)
    row = fit.terms.set_index("term").loc["C(visit)[T.1]"]
    difference = table[:, 1] - table[:, 0]
    expected, df = (2 * mean_square / 9, 16) if covariance == "cs" else (float(difference.var(ddof=1)) / 9, 8)
    assert row["std_error"] ** 2 == pytest.approx(expected, rel=EXACT)
    assert row["df"] == pytest.approx(df, rel=1e-7)
    assert fit.parameters == (2 if covariance == "cs" else 6)
