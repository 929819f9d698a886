"""Logistic mixed models worked on paper: tables whose logits are known, and two centres summed in thin slices."""

from math import exp, log, pi, sqrt

import numpy as np
import pandas as pd
import pytest

from analyses.methods.logistic_mixed import LogisticMixedFit, logistic_mixed_model
from analyses.methods.logistic_models.logistic_search import Ordinary, ordinary

SLICES = np.linspace(-10, 10, 20001)
DENSITY = np.exp(-(SLICES**2) / 2) / sqrt(2 * pi) * (SLICES[1] - SLICES[0])


def fitted(formula: str, data: pd.DataFrame) -> LogisticMixedFit:
    fit = logistic_mixed_model(formula, data, centre="centre")
    assert isinstance(fit, LogisticMixedFit)
    return fit


def people(*table: tuple[str, int, int, int]) -> pd.DataFrame:
    """Return one row a person from centre, arm, responders and others."""
    rows = [(centre, arm, y) for centre, arm, yes, no in table for y in [1] * yes + [0] * no]
    return pd.DataFrame(rows, columns=["centre", "arm", "y"])


def in_slices(intercept: float, sd: float, table: tuple[tuple[int, int], ...]) -> float:
    """Return the log-likelihood of centres with so many responders and others, as a sum of thin slices."""
    chance = 1 / (1 + np.exp(-intercept - sd * SLICES))
    return sum(log(float((chance**yes * (1 - chance) ** no * DENSITY).sum())) for yes, no in table)


def test_two_centres_that_are_mirror_images_have_an_even_chance() -> None:
    fit = fitted("y ~ 1", people(("a", 0, 8, 2), ("b", 0, 2, 8)))
    assert fit.terms["estimate"][0] == pytest.approx(0, abs=1e-12)
    effects = fit.random_effects()
    assert effects["mode"].sum() == pytest.approx(0, abs=1e-10)
    assert effects["mean"].sum() == pytest.approx(0, abs=1e-10)
    assert effects["std_dev"][0] == pytest.approx(effects["std_dev"][1], rel=1e-10)
    # The mode solves 8 - 10 p(b) = b / sd^2.
    b = effects["mode"][0]
    assert 8 - 10 / (1 + exp(-b)) == pytest.approx(b / fit.sd**2, abs=1e-9)


def test_two_centres_summed_in_thin_slices() -> None:
    table = ((7, 1), (2, 5))
    fit = fitted("y ~ 1", people(("a", 0, *table[0]), ("b", 0, *table[1])))
    at, h = (float(fit.terms["estimate"][0]), fit.sd), 1e-3
    assert fit.zero == ()
    assert fit.log_likelihood == pytest.approx(in_slices(*at, table), abs=1e-9)
    up, down = in_slices(at[0] + h, at[1], table), in_slices(at[0] - h, at[1], table)
    wide, narrow = in_slices(at[0], at[1] + h, table), in_slices(at[0], at[1] - h, table)
    assert (up - down) / (2 * h) == pytest.approx(0, abs=1e-6)
    assert (wide - narrow) / (2 * h) == pytest.approx(0, abs=1e-6)
    # Its standard error is that with the sd unknown too.
    top = in_slices(*at, table)
    both = in_slices(at[0] + h, at[1] + h, table) + in_slices(at[0] - h, at[1] - h, table)
    cross = (both - in_slices(at[0] + h, at[1] - h, table) - in_slices(at[0] - h, at[1] + h, table)) / (4 * h * h)
    information = -np.array([[(up + down - 2 * top) / h**2, cross], [cross, (wide + narrow - 2 * top) / h**2]])
    assert fit.terms["std_error"][0] == pytest.approx(sqrt(np.linalg.inv(information)[0, 0]), rel=1e-5)
    # What is known of the first centre.
    effect = at[1] * SLICES
    chance = 1 / (1 + np.exp(-at[0] - effect))
    share = chance**7 * (1 - chance) * DENSITY
    share /= share.sum()
    mean = float((share * effect).sum())
    first = fit.random_effects().iloc[0]
    assert first["mean"] == pytest.approx(mean, abs=1e-8)
    assert first["std_dev"] == pytest.approx(sqrt(float((share * (effect - mean) ** 2).sum())), abs=1e-8)
    assert effect[share.argmax()] == pytest.approx(first["mode"], abs=1e-3)


def test_centres_that_do_not_differ_leave_the_table_of_the_ordinary_model() -> None:
    # Both centres: 6 of 10 with arm 1, 3 of 10 with arm 0. The variance of the centres is zero.
    data = people(("a", 1, 6, 4), ("a", 0, 3, 7), ("b", 1, 6, 4), ("b", 0, 3, 7))
    fit = fitted("y ~ arm", data)
    assert fit.zero == ("centre",)
    assert fit.sd == 0
    assert fit.variance["value"][0] == 0
    assert "zero" in " ".join(fit.notes)
    assert fit.terms["estimate"].tolist() == pytest.approx([log(6 / 14), log((12 / 8) / (6 / 14))], rel=1e-10)
    assert fit.terms["std_error"][1] == pytest.approx(sqrt(1 / 12 + 1 / 8 + 1 / 6 + 1 / 14), rel=1e-10)
    full = 12 * log(0.6) + 8 * log(0.4) + 6 * log(0.3) + 14 * log(0.7)
    assert fit.log_likelihood == pytest.approx(full, abs=1e-10)
    assert fit.log_likelihood_without_centres == pytest.approx(full, abs=1e-10)
    assert (fit.intraclass_correlation["centre"], fit.median_odds_ratio) == (0, 1)
    assert (fit.variance_test().statistic, fit.variance_test().p) == (0, 1)
    assert (fit.random_effects()[["mode", "mean", "std_dev"]] == 0).all(axis=None)
    # Likelihood ratio against one chance of 18 in 40 for both arms, where the centres do not differ either.
    alone = 18 * log(18 / 40) + 22 * log(22 / 40)
    assert fit.profile_interval("arm").statistic == pytest.approx(2 * (full - alone), abs=1e-8)
    found = fit.marginal_probabilities("arm")
    assert found.risks["estimate"].tolist() == pytest.approx([0.3, 0.6])
    assert found.risks["std_error"].tolist() == pytest.approx([sqrt(0.3 * 0.7 / 20), sqrt(0.6 * 0.4 / 20)])
    assert found.differences["estimate"].tolist() == pytest.approx([0.3])
    assert found.differences["std_error"].tolist() == pytest.approx([sqrt((0.21 + 0.24) / 20)])
    # Limits of a risk on the logit scale: 1 / (n p q) is the variance of a logit.
    low = 1 / (1 + exp(-(log(0.3 / 0.7) - 1.959963984540054 * sqrt(1 / 4.2))))
    assert found.risks["low"][0] == pytest.approx(low)


def test_the_variance_of_centres_is_zero_up_to_the_scatter_of_chance() -> None:
    # With chance 1/2 and n persons in each of two centres, half the sum of S^2 - I is half of 2 (d^2 - n / 4), with d
    # responders more than half in one centre: at or below zero for d^2 <= n / 4. n = 16: d = 2 is the limit.
    at_most = fitted("y ~ 1", people(("a", 0, 10, 6), ("b", 0, 6, 10)))
    more = fitted("y ~ 1", people(("a", 0, 11, 5), ("b", 0, 5, 11)))
    assert at_most.zero == ("centre",)
    assert more.zero == ()
    assert more.log_likelihood > more.log_likelihood_without_centres
    assert more.log_likelihood_without_centres == pytest.approx(32 * log(0.5), abs=1e-10)
    base = ordinary(more._prepared.rows)
    assert isinstance(base, Ordinary)
    assert base.slope == pytest.approx(9 - 4)


def test_what_differs_between_centres_is_made_of_the_sd_alone() -> None:
    fit = fitted("y ~ 1", people(("a", 0, 18, 2), ("b", 0, 9, 11), ("c", 0, 2, 18)))
    table = fit.between_centres().set_index("measure")
    assert table.loc["variance"].tolist() == pytest.approx([sd**2 for sd in table.loc["sd"]])
    correlation = [sd**2 / (sd**2 + pi**2 / 3) for sd in table.loc["sd"]]
    assert table.loc["intraclass correlation"].tolist() == pytest.approx(correlation)
    # Larsen, Merlo 2005: exp(0.95 sd), 0.95 being sqrt(2) times the third quartile of the normal distribution.
    assert table.loc["median odds ratio"].tolist() == pytest.approx([exp(0.9538725524) ** sd for sd in table.loc["sd"]])
    # The limits of the sd are where the likelihood has fallen by 1.92 with the best intercept, found in steps of 0.01.
    for limit in ("low", "high"):
        sd = float(table.loc["sd", limit])
        best = max(in_slices(m, sd, ((18, 2), (9, 11), (2, 18))) for m in np.arange(-1, 1, 0.01))
        assert fit.log_likelihood - best == pytest.approx(3.841458820694124 / 2, abs=1e-4)


def test_half_of_the_chi_squared_p_belongs_to_a_variance_at_its_limit() -> None:
    test = fitted("y ~ 1", people(("a", 0, 8, 2), ("b", 0, 2, 8))).variance_test()
    from scipy.stats import norm  # noqa: PLC0415  (the square of a normal is chi-squared(1): one side of it)

    assert test.p == pytest.approx(float(norm.sf(sqrt(test.statistic))))
