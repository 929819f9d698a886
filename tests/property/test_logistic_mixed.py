"""What holds for logistic mixed models whatever the data: order, mirror images, units, points, derivatives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analyses.methods.logistic_mixed import LogisticMixedFit, logistic_mixed_model
from analyses.methods.logistic_models.adaptive_quadrature import evaluate, rule
from analyses.methods.logistic_models.centre_rows import Prepared, prepare
from analyses.methods.mixed_models.reference_grid import Design, design
from analyses.result import NotEstimable

FORMULA = "y ~ arm + age"
seeds = st.integers(0, 2**32 - 1)


def registry(seed: int) -> pd.DataFrame:
    """Return an unbalanced registry: one centre with about half of the people, some with a handful."""
    rng = np.random.default_rng(seed)
    n, centres = int(rng.integers(60, 160)), int(rng.integers(3, 9))
    centre = rng.choice(centres, n, p=np.r_[0.5, np.full(centres - 1, 0.5 / (centres - 1))])
    effect = rng.normal(0, rng.choice([0.0, 0.5, 1.5]), centres)[centre]
    arm, age = rng.integers(0, 2, n), rng.integers(20, 80, n)
    chance = 1 / (1 + np.exp(0.3 - 0.8 * arm - effect + 0.02 * (age - 50)))
    y = (rng.random(n) < chance).astype(int)
    names = [f"c{c}" for c in centre]
    return pd.DataFrame({"centre": names, "arm": np.where(arm == 1, "b", "a"), "age": age, "y": y})


def fitted(data: pd.DataFrame, formula: str = FORMULA, points: int = 25) -> LogisticMixedFit:
    fit = logistic_mixed_model(formula, data, centre="centre", points=points)
    assume(not isinstance(fit, NotEstimable))
    assert isinstance(fit, LogisticMixedFit)
    assert np.isfinite(fit.terms.drop(columns=["term", "df"]).to_numpy(float)).all()
    return fit


def prepared(data: pd.DataFrame) -> Prepared:
    made = design(FORMULA, data, also=["centre"])
    assert isinstance(made, Design)
    rows = prepare(made, data, centre="centre")
    assert isinstance(rows, Prepared)
    return rows


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_rows_changes_no_digit(seed: int) -> None:
    data = registry(seed)
    first, second = fitted(data), fitted(data.sample(frac=1, random_state=seed % 1000))
    pd.testing.assert_frame_equal(first.terms, second.terms, check_exact=True)
    pd.testing.assert_frame_equal(first.random_effects(), second.random_effects(), check_exact=True)
    assert first.log_likelihood == second.log_likelihood
    one, two = first.marginal_probabilities("arm"), second.marginal_probabilities("arm")
    pd.testing.assert_frame_equal(one.risks, two.risks, check_exact=True)


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_the_other_response_has_the_other_signs(seed: int) -> None:
    data = registry(seed)
    first, second = fitted(data), fitted(data.assign(y=1 - data["y"]))
    np.testing.assert_allclose(second.terms["estimate"], -first.terms["estimate"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(second.terms["std_error"], first.terms["std_error"], rtol=1e-6)
    np.testing.assert_allclose(second.random_effects()["mean"], -first.random_effects()["mean"], atol=1e-6)
    assert second.sd == pytest.approx(first.sd, abs=1e-6)
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-8)


@given(seed=seeds, shift=st.floats(-1e4, 1e4), unit=st.sampled_from([1e-5, 0.1, 7.0, 1e5]))
@settings(max_examples=10, deadline=None)
def test_the_unit_of_a_covariate_changes_nothing_but_its_own_coefficient(seed: int, shift: float, unit: float) -> None:
    data = registry(seed)
    first = fitted(data)
    second = fitted(data.assign(age=(data["age"] + round(shift)) * unit))
    one, two = first.terms.set_index("term"), second.terms.set_index("term")
    assert second.log_likelihood == pytest.approx(first.log_likelihood, abs=1e-8)
    np.testing.assert_allclose(two.loc["arm[T.b]"].astype(float), one.loc["arm[T.b]"].astype(float), rtol=1e-5)
    assert two.loc["age", "estimate"] * unit == pytest.approx(one.loc["age", "estimate"], rel=1e-5, abs=1e-8)
    mine, other = first.marginal_probabilities("arm").risks, second.marginal_probabilities("arm").risks
    np.testing.assert_allclose(other["estimate"].astype(float), mine["estimate"].astype(float), rtol=1e-6)


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_fifteen_points_and_forty_one_agree(seed: int) -> None:
    data = registry(seed)
    few, many = fitted(data, points=15), fitted(data, points=41)
    assert few.log_likelihood == pytest.approx(many.log_likelihood, abs=2e-6)
    np.testing.assert_allclose(few.terms["estimate"], many.terms["estimate"], rtol=1e-4, atol=1e-4)
    assert few.sd == pytest.approx(many.sd, rel=1e-3, abs=1e-4)


@given(seed=seeds, sd=st.floats(0.05, 2.0), shift=st.floats(-0.5, 0.5))
@settings(max_examples=15, deadline=None)
def test_score_and_information_are_the_slopes_of_a_likelihood_whose_points_move(
    seed: int, sd: float, shift: float
) -> None:
    # Seventy-five points: what the movement of the points adds is then below the error of the differences.
    rows, chosen, h = prepared(registry(seed)).rows, rule(75), 1e-4
    at = np.r_[np.full(rows.x.shape[1], shift), sd]
    here = evaluate(rows, chosen, at[:-1], sd)
    ends = [[evaluate(rows, chosen, *split(at + s * h * e)) for s in (1, -1)] for e in np.eye(len(at))]
    score = [(up.log_likelihood - down.log_likelihood) / (2 * h) for up, down in ends]
    information = [-(up.score - down.score) / (2 * h) for up, down in ends]
    np.testing.assert_allclose(here.score, score, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(here.information, information, rtol=1e-5, atol=1e-5)


def split(parameters: np.ndarray) -> tuple[np.ndarray, float]:
    return parameters[:-1], float(parameters[-1])


@given(seed=seeds)
@settings(max_examples=8, deadline=None)
def test_no_sd_on_a_grid_has_a_higher_likelihood(seed: int) -> None:
    data = registry(seed)
    fit = fitted(data)
    rows, chosen, best = fit._prepared.rows, rule(50), fit._profiled.best
    assert fit.log_likelihood >= fit.log_likelihood_without_centres - 1e-9
    for sd in (0.0, 0.2, 0.5, 1.0, 1.5, 2.5, 4.0):
        beta = best.coefficients
        for _ in range(6):
            here = evaluate(rows, chosen, beta, sd)
            beta = beta + np.linalg.solve(here.information[:-1, :-1], here.score[:-1])
        assert evaluate(rows, chosen, beta, sd).log_likelihood <= fit.log_likelihood + 1e-6


@given(seed=seeds)
@settings(max_examples=6, deadline=None)
def test_the_limits_of_a_profile_are_where_the_likelihood_has_fallen_enough(seed: int) -> None:
    # The response of a term held at its limit is that of an offset; at the limit the test of that value has p = 0.05.
    data = registry(seed)
    fit = fitted(data)
    found = fit.profile_interval("arm[T.b]")
    assert isinstance(found.low, float)
    assert isinstance(found.high, float)
    assert found.low < found.estimate < found.high
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    without = fitted(data, "y ~ age")
    assert found.statistic == pytest.approx(2 * (fit.log_likelihood - without.log_likelihood), abs=1e-5)
