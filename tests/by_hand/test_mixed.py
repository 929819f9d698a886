"""Mixed models worked on paper: balanced data, where restricted likelihood and the analysis of variance agree."""

from fractions import Fraction
from math import log, pi

import pandas as pd
import pytest

from analyses.methods.mixed import MixedFit, linear_mixed_model
from analyses.methods.mixed_models.small_sample import JointTest

EXACT = 1e-6  # what an optimiser leaves; the arithmetic itself has no error


def fitted(formula: str, data: pd.DataFrame, **settings: str) -> MixedFit:
    fit = linear_mixed_model(formula, data, patient="patient", **settings)
    assert isinstance(fit, MixedFit)
    assert fit.converged
    return fit


def variance(fit: MixedFit, group: str, effect: str | None = None) -> float:
    rows = fit.variance[fit.variance["group"] == group]
    return float((rows if effect is None else rows[rows["effect"] == effect])["value"].iloc[0])


def near(value: Fraction) -> object:
    return pytest.approx(float(value), rel=EXACT, abs=EXACT)


def three_patients() -> pd.DataFrame:
    return pd.DataFrame({"patient": list("aabbcc"), "y": [1, 3, 5, 7, 6, 8]})


def test_three_patients_with_two_values_each_have_the_variances_of_the_analysis_of_variance() -> None:
    # Within: 1, -1 about each mean, 6 over 3 degrees of freedom = 2. Means 2, 6, 7 about 5: 2 (9 + 1 + 4) over 2 = 14.
    within, between = Fraction(6, 3), Fraction(28, 2)
    fit = fitted("y ~ 1", three_patients())
    assert variance(fit, "residual") == near(within)
    assert variance(fit, "patient") == near((between - within) / 2)
    assert fit.intraclass_correlation["patient"] == near(Fraction(6, 8))
    assert fit.zero == ()


def test_their_mean_has_the_standard_error_of_three_patient_means() -> None:
    term = fitted("y ~ 1", three_patients()).terms.iloc[0]
    assert term["estimate"] == near(Fraction(5))
    assert term["std_error"] ** 2 == near(Fraction(14, 6))
    assert term["df"] == near(Fraction(2))  # three means of patients, one of them all


def test_their_criterion_is_the_one_on_paper() -> None:
    # |V| = (2 * 14)^3, as each pair has the roots 2 and 2 + 2 * 6 = 14; X'V^-1 X = 6 / 14; y'Py = n - p = 5.
    by_hand = 3 * log(2) + 3 * log(14) + log(6 / 14) + 5 * log(2 * pi) + 5
    assert fitted("y ~ 1", three_patients()).reml_criterion == pytest.approx(by_hand, abs=1e-9)


def test_patients_who_differ_less_than_chance_have_a_variance_of_zero() -> None:
    # Means 5, 5, 6 about 16/3: 2 (1/9 + 1/9 + 4/9) / 2 = 2/3 between, 64 / 3 within. Then the six values count alike.
    data = pd.DataFrame({"patient": list("aabbcc"), "y": [1, 9, 1, 9, 6, 6]})
    mean = Fraction(32, 6)
    total = sum((Fraction(value) - mean) ** 2 for value in (1, 9, 1, 9, 6, 6)) / 5
    fit = fitted("y ~ 1", data)
    assert fit.zero == ("patient",)
    assert variance(fit, "patient") == pytest.approx(0, abs=1e-6)
    assert variance(fit, "residual") == near(total)
    assert fit.terms["std_error"].iloc[0] ** 2 == near(total / 6)
    assert "zero" in " ".join(fit.notes)


def two_centres() -> pd.DataFrame:
    return pd.DataFrame({"centre": list("AAAABBBB"), "patient": list("aabbccdd"), "y": [1, 3, 5, 7, 20, 22, 26, 28]})


def test_two_centres_of_two_patients_of_two_values() -> None:
    # Values: 8 over 4 = 2. Patients: means 2, 6 | 21, 27 about 4 | 24, 2 (4 + 4 + 9 + 9) / 2 = 26.
    # Centres: 4 and 24 about 14, 4 (100 + 100) / 1 = 800.
    value, patient, centre = Fraction(2), Fraction(26), Fraction(800)
    fit = fitted("y ~ 1", two_centres(), centre="centre")
    assert variance(fit, "residual") == near(value)
    assert variance(fit, "patient") == near((patient - value) / 2)
    assert variance(fit, "centre") == near((centre - patient) / 4)
    assert fit.terms["estimate"].iloc[0] == near(Fraction(14))
    assert fit.terms["std_error"].iloc[0] ** 2 == near(centre / 8)
    total = (centre - patient) / 4 + (patient - value) / 2 + value
    assert fit.intraclass_correlation["centre"] == near((centre - patient) / 4 / total)
    assert fit.intraclass_correlation["patient"] == near(1 - value / total)
    assert (fit.n, fit.patients, fit.centres) == (8, 4, 2)


def test_arms_within_centres_differ_with_the_error_of_patients_not_of_centres() -> None:
    # Both arms in both centres. Means of patients: 2 (old) and 6 (new) in A, 21 and 30 in B; differences 4 and 9,
    # on average 13/2. Centre and arm leave 5/4 of each of the four means: 2 * 4 * 25/16 over 1 df = 25/2.
    data = two_centres().assign(arm=["old", "old", "new", "new"] * 2, y=[1, 3, 5, 7, 20, 22, 29, 31])
    fit = fitted("y ~ arm", data, centre="centre")
    difference = fit.contrasts("arm", reference="old").iloc[0]
    assert difference["estimate"] == near(Fraction(13, 2))
    assert difference["std_error"] ** 2 == near(Fraction(25, 2) * (Fraction(1, 4) + Fraction(1, 4)))
    assert difference["df"] == near(Fraction(1))  # four means of patients less two centres, less one difference
    assert variance(fit, "patient") == near((Fraction(25, 2) - 2) / 2)
    means = fit.marginal_means("arm").set_index("arm")["estimate"]
    assert float(means["old"]) == near(Fraction(23, 2))
    assert float(means["new"]) == near(Fraction(36, 2))


def test_slopes_of_three_patients_at_three_times() -> None:
    # Times -1, 0, 1, so that Z'Z = diag(3, 2). Lines: intercepts 0, 4, 11 and slopes 1, -2, 7; about each of them the
    # residuals are r, -2r, r with r = 1/10: 6/100 a patient, 18/100 over 9 - 6 = 3 degrees of freedom.
    intercepts, slopes, r = [0, 4, 11], [1, -2, 7], Fraction(1, 10)
    rows = [
        (p, t, float(a + b * t + e))
        for p, (a, b) in enumerate(zip(intercepts, slopes, strict=True))
        for t, e in ((-1, r), (0, -2 * r), (1, r))
    ]
    fit = fitted("y ~ time", pd.DataFrame(rows, columns=["patient", "time", "y"]), slope="time")
    error = 18 * r**2 / 3
    ma, mb = Fraction(sum(intercepts), 3), Fraction(sum(slopes), 3)
    va = sum((a - ma) ** 2 for a in intercepts) / 2
    vb = sum((b - mb) ** 2 for b in slopes) / 2
    ab = sum((a - ma) * (b - mb) for a, b in zip(intercepts, slopes, strict=True)) / 2
    assert variance(fit, "residual") == near(error)
    assert variance(fit, "patient", "intercept") == near(va - error / 3)
    assert variance(fit, "patient", "time") == near(vb - error / 2)
    assert variance(fit, "patient", "intercept, time") == near(ab)
    slope = fit.terms.set_index("term").loc["time"]
    assert slope["estimate"] == near(mb)
    assert slope["std_error"] ** 2 == near(vb / 3)
    assert slope["df"] == near(Fraction(2))  # three slopes less their mean


def test_a_joint_test_of_three_treatments_in_blocks_is_the_f_test_of_the_analysis_of_variance() -> None:
    # Patients as blocks: 1 2 6 | 3 5 10 | 2 5 5 | 6 8 11. Treatment means 3, 5, 8 about 16/3: 4 (49 + 1 + 64) / 9,
    # 152/3 over 2 = 76/3. Patient means 3, 6, 4, 25/3. All 12 values about 16/3: 450 - 12 (16/3)^2 = 326/3; patients
    # take 3 (9 + 36 + 16 + 625/9) - 1024/3 = 50: left 326/3 - 50 - 152/3 = 8 over 6 = 4/3. F = 19.
    values = [[1, 2, 6], [3, 5, 10], [2, 5, 5], [6, 8, 11]]
    rows = [(p, "abc"[t], y) for p, block in enumerate(values) for t, y in enumerate(block)]
    data = pd.DataFrame(rows, columns=["patient", "treatment", "y"])
    for inference in ("kenward-roger", "satterthwaite"):
        fit = linear_mixed_model("y ~ treatment", data, patient="patient", inference=inference)
        assert isinstance(fit, MixedFit)
        for joint in (fit.joint_test("treatment"), fit.joint_contrasts("treatment")):
            assert isinstance(joint, JointTest)
            assert joint.df1 == 2
            assert joint.df2 == near(Fraction(6))
            assert joint.statistic == near(Fraction(19))
            assert joint.scale == near(Fraction(1))
