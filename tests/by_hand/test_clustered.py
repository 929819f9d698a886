"""Clustered models worked on paper: balanced data, where they are tests of the means of clusters."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f, t

from analyses.methods.clustered import ClusteredFit, cr2, gee
from analyses.methods.mixed_models.small_sample import JointTest


def fitted(found: object) -> ClusteredFit:
    assert isinstance(found, ClusteredFit)
    return found


def near(value: Fraction | float) -> object:
    return pytest.approx(float(value), rel=1e-11, abs=1e-13)


def five_clusters() -> pd.DataFrame:
    # Means 2, 4 (old) and 5, 6, 10 (new), of two values each.
    values = {"a": (1, 3), "b": (4, 4), "c": (3, 7), "d": (6, 6), "e": (9, 11)}
    rows = [(k, "old" if k < "c" else "new", y) for k, pair in values.items() for y in pair]
    return pd.DataFrame(rows, columns=["cluster", "arm", "y"])


def test_arms_of_equal_clusters_differ_as_in_a_t_test_of_their_means_with_unequal_variances() -> None:
    # Old: mean 3, variance of cluster means 2 over 1 df. New: mean 7, variance (4 + 1 + 9) / 2 = 7 over 2 df.
    # The variance of the difference is 2/2 + 7/3. Under equal variances its two parts have expectations 1/2 and 1/3 of
    # one variance: df = (1/2 + 1/3)^2 / ((1/2)^2 / 1 + (1/3)^2 / 2) = 25/11.
    fit = fitted(cr2("y ~ arm", five_clusters(), cluster="cluster"))
    row = fit.contrasts("arm", reference="old").iloc[0]
    assert row["estimate"] == near(Fraction(4))
    assert row["std_error"] ** 2 == near(Fraction(1) + Fraction(7, 3))
    assert row["df"] == near(Fraction(25, 11))
    reach = t.ppf(0.975, 25 / 11) * sqrt(10 / 3)
    assert (row["low"], row["high"]) == (near(4 - reach), near(4 + reach))
    assert row["p"] == near(2 * t.sf(4 / sqrt(10 / 3), 25 / 11))


def test_each_mean_has_the_degrees_of_freedom_of_its_own_clusters() -> None:
    means = fitted(cr2("y ~ arm", five_clusters(), cluster="cluster")).marginal_means("arm").set_index("arm")
    assert (means.loc["old", "std_error"] ** 2, means.loc["old", "df"]) == (near(Fraction(2, 2)), near(1))
    assert (means.loc["new", "std_error"] ** 2, means.loc["new", "df"]) == (near(Fraction(7, 3)), near(2))


def test_as_many_clusters_in_each_arm_make_it_the_ordinary_t_test() -> None:
    data = five_clusters().query("cluster != 'e'")
    row = fitted(cr2("y ~ arm", data, cluster="cluster")).contrasts("arm", reference="old").iloc[0]
    # Means 2, 4 and 5, 6: pooled variance (2 + 1/2) / 2 over 2 df, times 2/2.
    assert (row["std_error"] ** 2, row["df"]) == (near(Fraction(5, 4)), near(2))


def test_a_joint_test_of_one_difference_is_its_t_test() -> None:
    fit = fitted(cr2("y ~ arm", five_clusters(), cluster="cluster"))
    found = fit.joint_contrasts("arm")
    assert isinstance(found, JointTest)
    assert (found.df1, found.scale) == (1, near(1.0))
    assert found.statistic == near(Fraction(16) / Fraction(10, 3))
    assert found.df2 == near(Fraction(25, 11))


def test_clusters_of_one_row_have_the_variance_of_welch() -> None:
    # HC2: 1, 3 | 2, 4, 9: variances 2 / 2 and 13 / 3.
    data = pd.DataFrame({"cluster": range(5), "arm": list("oonnn"), "y": [1, 3, 2, 4, 9]})
    row = fitted(cr2("y ~ arm", data, cluster="cluster")).contrasts("arm", reference="o").iloc[0]
    assert row["std_error"] ** 2 == near(Fraction(2, 2) + Fraction(13, 3))
    assert row["df"] == near(Fraction(25, 11))


def test_two_times_in_every_cluster_have_hotellings_exact_test() -> None:
    # Pairs (1, 2), (3, 1), (2, 6), (6, 7): means 3, 4; sums of squares 14, 26, of products 11 with 3 df.
    data = pd.DataFrame({"cluster": list("aabbccdd"), "time": ["t1", "t2"] * 4, "y": [1, 2, 3, 1, 2, 6, 6, 7]})
    fit = fitted(cr2("y ~ 0 + time", data, cluster="cluster"))
    a, b, c = Fraction(14, 12), Fraction(26, 12), Fraction(11, 12)  # of the means: over 3 df and 4 clusters
    np.testing.assert_allclose(fit.covariance, np.array([[a, c], [c, b]], dtype=float), rtol=1e-12)
    squared = (9 * b - 2 * 12 * c + 16 * a) / (a * b - c * c)
    found = fit.joint_test("time")
    assert isinstance(found, JointTest)
    assert (found.df1, found.df2, found.scale) == (2, near(2), near(Fraction(2, 3)))
    assert found.statistic == near(squared * Fraction(2, 3 * 2))
    assert found.p == near(f.sf(float(squared / 3), 2, 2))


def binary() -> pd.DataFrame:
    # Shares 1/4, 3/4 (old) and 1/4, 1/2, 3/4 (new) of four rows each.
    ones = {"a": 1, "b": 3, "c": 1, "d": 2, "e": 3}
    rows = [(k, "old" if k < "c" else "new", int(i < n)) for k, n in ones.items() for i in range(4)]
    return pd.DataFrame(rows, columns=["cluster", "arm", "y"])


def test_log_odds_of_equal_clusters_have_the_variance_of_their_mean_share_over_its_slope() -> None:
    # Old: share 1/2, variance of shares 1/8; new: share 1/2, variance 1/16. Slopes 1/4.
    fit = fitted(cr2("y ~ arm", binary(), cluster="cluster", family="binomial"))
    row = fit.contrasts("arm", reference="old").iloc[0]
    assert row["estimate"] == near(0.0)
    assert row["std_error"] ** 2 == near((Fraction(1, 8) / 2 + Fraction(1, 16) / 3) * 16)
    assert row["df"] == near(Fraction(25, 11))


def test_risks_of_arms_alone_differ_as_their_shares_in_the_linear_model() -> None:
    data = binary()
    data.loc[data["cluster"] == "d", "y"] = 1  # shares 1/4, 1, 3/4: mean 2/3, variance (25 + 16 + 1) / 144 / 2
    fit = fitted(cr2("y ~ arm", data, cluster="cluster", family="binomial"))
    row = fit.risk_difference("arm", reference="old").iloc[0]
    assert (row["level"], row["reference"], row["reason"]) == ("new", "old", "")
    assert (row["risk"], row["reference_risk"]) == (near(Fraction(2, 3)), near(Fraction(1, 2)))
    assert row["estimate"] == near(Fraction(1, 6))
    assert row["std_error"] ** 2 == near(Fraction(1, 16) + Fraction(42, 288) / 3)
    linear = fitted(cr2("y ~ arm", data, cluster="cluster")).contrasts("arm", reference="old").iloc[0]
    assert row["std_error"] == near(linear["std_error"])
    # The working variances are 1/4 and 2/9 instead of one: df = (a + b)^2 / (a^2 + b^2 / 2), a = 1/4/2, b = 2/9/3.
    a, b = Fraction(1, 8), Fraction(2, 27)
    assert row["df"] == near((a + b) ** 2 / (a**2 + b**2 / 2))


def test_rates_of_equal_clusters() -> None:
    data = pd.DataFrame({"cluster": list("aabbcc"), "y": [0, 2, 3, 1, 4, 2]})  # means 1, 2, 3 about 2
    row = fitted(cr2("y ~ 1", data, cluster="cluster", family="poisson")).terms.iloc[0]
    assert row["estimate"] == near(np.log(2))
    assert (row["std_error"] ** 2, row["df"]) == (near(Fraction(1, 3) / 4), near(2))


def test_estimating_equations_of_one_mean() -> None:
    # Clusters (1, 3), (4, 4), (3, 9) about 4: residuals -3 -1, 0 0, -1 5; sums -4, 0, 4; squares 36; products 3, 0, -5.
    data = pd.DataFrame({"cluster": list("aabbcc"), "y": [1, 3, 4, 4, 3, 9]})
    fit = fitted(gee("y ~ 1", data, cluster="cluster", family="gaussian", correlation="exchangeable"))
    assert fit.dispersion == near(Fraction(36, 6))
    assert fit.correlation == near(Fraction(-2, 3) / 6)
    assert fit.terms["estimate"].iloc[0] == near(4.0)
    assert fit.terms["std_error"].iloc[0] ** 2 == near(Fraction(32, 36))
    less = fitted(gee("y ~ 1", data, cluster="cluster", family="gaussian", standard_errors="bias-reduced"))
    assert less.terms["std_error"].iloc[0] ** 2 == near(Fraction(32, 36) * Fraction(9, 4))


def test_neighbours_of_order_one_and_two() -> None:
    # Rows at 1, 2, 3: four products at distance 1 and two at distance 2, whose means a and its square have to be near.
    data = pd.DataFrame({"cluster": list("aaabbb"), "at": [1, 2, 3] * 2, "y": [3, 2, 2, -3, -2, -2]})
    fit = fitted(gee("y ~ 1", data, cluster="cluster", family="gaussian", correlation="ar1", order="at"))
    scale = Fraction(34, 6)
    first, second = Fraction(20, 4) / scale, Fraction(12, 2) / scale
    a = fit.correlation
    assert a is not None
    assert -8 * (float(first) - a) - 8 * (float(second) - a**2) * a == pytest.approx(0, abs=1e-8)
    assert fit.dispersion == pytest.approx(float(scale), rel=1e-9)
