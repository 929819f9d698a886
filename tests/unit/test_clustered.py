"""What clustered models say of data and calls that they cannot use, and of what they left out."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses.methods.clustered import ClusteredFit, cr2, gee
from analyses.methods.clusters.estimating_equations import decay
from analyses.methods.clusters.generalised_linear import moments
from analyses.methods.mixed_models.small_sample import JointTest
from analyses.result import NotEstimable
from registry.errors import UserError


def data(clusters: int = 6, rows: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    cluster = np.repeat(np.arange(clusters), rows)
    n = len(cluster)
    arm, x = np.where(np.arange(n) % 2 == 0, "new", "old"), rng.normal(size=n)
    level = 0.3 * x + rng.normal(0, 0.5, clusters)[cluster]
    return pd.DataFrame(
        {
            "centre": [f"c{i}" for i in cluster],
            "arm": arm,
            "x": x,
            "visit": np.tile(np.arange(rows), clusters),
            "y": level + rng.normal(0, 1, n),
            "response": (rng.random(n) < 1 / (1 + np.exp(-level))).astype(int),
            "events": rng.poisson(np.exp(level)),
        }
    )


def fitted(frame: pd.DataFrame, formula: str = "y ~ arm + x", **settings: Any) -> ClusteredFit:
    fit = cr2(formula, frame, cluster="centre", **settings)
    assert isinstance(fit, ClusteredFit), fit
    return fit


def reason(frame: pd.DataFrame, formula: str = "y ~ arm + x", **settings: Any) -> str:
    fit = cr2(formula, frame, cluster="centre", **settings)
    assert isinstance(fit, NotEstimable)
    return fit.reason


def test_no_rows_and_no_complete_row_are_not_estimable() -> None:
    assert "no row" in reason(data().iloc[:0])
    assert "no row" in reason(data().assign(x=np.nan))


def test_one_cluster_is_not_enough() -> None:
    assert "one cluster" in reason(data().assign(centre="c"))
    found = gee("y ~ arm", data().assign(centre="c"), cluster="centre", family="gaussian")
    assert isinstance(found, NotEstimable)


def test_fewer_rows_than_coefficients_are_not_estimable() -> None:
    assert "leave terms out" in reason(data(2, 2), "y ~ C(visit) + centre + x")


@pytest.mark.parametrize(("name", "family"), [("y", "gaussian"), ("response", "binomial"), ("events", "poisson")])
def test_a_constant_response_is_not_estimable(name: str, family: str) -> None:
    assert "in every row" in reason(data().assign(**{name: 1}), f"{name} ~ arm", family=family)


def test_a_response_that_the_terms_give_exactly_is_not_estimable() -> None:
    assert "leave nothing" in reason(data().assign(y=lambda d: 1 + 2 * d["x"]))


def test_fewer_clusters_than_coefficients_are_computed_with_a_note() -> None:
    fit = fitted(data(3), "y ~ x + C(visit)")
    assert "fewer clusters (3) than coefficients (9)" in " ".join(fit.notes)
    row = fit.terms.set_index("term").loc["x"]
    assert row["std_error"] > 0
    assert 0 < row["df"] < 3
    assert "Fewer than four degrees of freedom" in " ".join(fit.notes)


def test_too_few_clusters_for_a_joint_test_are_said() -> None:
    found = fitted(data(3), "y ~ x + C(visit)").joint_test("C(visit)")
    assert isinstance(found, NotEstimable)
    assert "too few for a test of 7" in found.reason


def test_a_response_that_the_family_cannot_have_is_a_mistake() -> None:
    with pytest.raises(UserError, match="not 0 or 1"):
        cr2("y ~ arm", data(), cluster="centre", family="binomial")
    with pytest.raises(UserError, match="no count"):
        cr2("y ~ arm", data(), cluster="centre", family="poisson")


def test_aliased_terms_are_left_out_and_named() -> None:
    frame = data().assign(twice=lambda d: 2 * d["x"])
    fit = fitted(frame, "y ~ arm + x + twice")
    assert fit.aliased == ("twice",)
    assert "twice" in " ".join(fit.notes)
    pd.testing.assert_frame_equal(fit.terms, fitted(frame).terms)
    apart = fit.slopes("x", between=(0, 1), at={"twice": [0.0]})
    assert apart["estimate"].isna().all()
    assert "no information" in apart["reason"].iloc[0]


def test_missing_values_are_dropped_and_counted() -> None:
    frame = data()
    frame.loc[[3, 10], "x"] = np.nan
    frame.loc[5, "centre"] = None
    fit = fitted(frame)
    assert (fit.dropped, fit.n) == (3, len(frame) - 3)
    assert "3 rows with a missing value" in " ".join(fit.notes)
    pd.testing.assert_frame_equal(fit.terms, fitted(frame.dropna()).terms)


@pytest.mark.parametrize(("formula", "family"), [("y ~ arm + x", "gaussian"), ("response ~ arm + x", "binomial")])
def test_rows_of_weight_zero_are_as_if_they_were_not_there(formula: str, family: str) -> None:
    frame = data().assign(w=lambda d: 1.0 + (d["visit"] % 3))
    frame.loc[frame["visit"] == 2, "w"] = 0.0
    fit = fitted(frame, formula, weight="w", family=family)
    assert "6 rows with weight zero" in " ".join(fit.notes)
    assert fit.n == 42
    pd.testing.assert_frame_equal(fit.terms, fitted(frame[frame["w"] > 0], formula, weight="w", family=family).terms)
    assert "weights are zero" in reason(frame.assign(w=0), formula, weight="w", family=family)


def test_negative_weights_and_words_for_weights_are_mistakes() -> None:
    with pytest.raises(UserError, match="Negative"):
        cr2("y ~ arm", data().assign(w=-1.0), cluster="centre", weight="w")
    with pytest.raises(UserError, match="no number"):
        cr2("y ~ arm", data().assign(w="a"), cluster="centre", weight="w")


def test_terms_that_separate_the_responses_are_named() -> None:
    frame = data().assign(sure=lambda d: (d["visit"] == 3).astype(int))
    frame.loc[frame["visit"] == 3, "response"] = 1
    said = reason(frame, "response ~ arm + x + sure", family="binomial")
    assert said == "sure separates the responses: no finite estimate is the best"
    complete = data().assign(response=lambda d: (d["x"] > 0).astype(int))
    assert "x separates" in reason(complete, "response ~ arm + x", family="binomial")
    none = data().assign(events=lambda d: np.where(d["arm"] == "old", 0, d["events"] + 1))
    assert "arm[T.old] separates" in reason(none, "events ~ arm + x", family="poisson")
    found = gee("response ~ arm + x", complete, cluster="centre", family="binomial")
    assert isinstance(found, NotEstimable)


def test_probabilities_near_zero_are_no_separation() -> None:
    # 1 of 200,000 rows: fitted probabilities below the limit at which separation is looked for.
    rare = np.zeros(200_000)
    rare[[0, 150_000]] = 1
    frame = pd.DataFrame({"response": rare, "centre": np.arange(200_000) % 10, "x": np.arange(200_000) % 7 * 2.0})
    frame.loc[0, "x"] = 3.0
    fit = fitted(frame, "response ~ 1", family="binomial")
    assert float(fit.terms["estimate"].iloc[0]) == pytest.approx(np.log(2 / 199_998), rel=1e-10)


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_a_term_that_one_cluster_decides_has_a_reason_and_no_number(family: str) -> None:
    frame = data().assign(first=lambda d: (d["centre"] == "c1").astype(int))
    fit = fitted(frame, f"{'y' if family == 'gaussian' else 'response'} ~ arm + first", family=family)
    terms = fit.terms.set_index("term")
    assert "one cluster alone" in terms.loc["first", "reason"]
    assert terms.loc["first", "std_error"] is pd.NA
    assert terms.loc["arm[T.old]", "reason"] == ""
    assert not any(isinstance(value, float) and np.isnan(value) for value in fit.terms.to_numpy().ravel())
    means = fit.marginal_means("first", at={"first": [0, 1]}).set_index("first")
    assert means.loc[1, "std_error"] is pd.NA
    assert means.loc[0, "std_error"] > 0
    assert isinstance(fit.joint_test("first"), NotEstimable)


def test_an_arm_of_a_single_cluster_has_no_standard_error() -> None:
    frame = data().assign(arm=lambda d: np.where(d["centre"] == "c0", "new", "old"))
    row = fitted(frame, "y ~ arm").contrasts("arm").iloc[0]
    assert row["std_error"] is pd.NA
    assert "one cluster alone" in row["reason"]


def test_clusters_whose_residuals_cancel_out_have_a_reason() -> None:
    frame = pd.DataFrame({"centre": list("aabbcc"), "y": [1.0, 3, 0, 4, 2, 2]})
    row = fitted(frame, "y ~ 1").terms.iloc[0]
    assert row["estimate"] == pytest.approx(2)
    assert row["std_error"] is pd.NA
    assert "cancel out" in row["reason"]


def test_impossible_arguments_are_value_errors() -> None:
    for settings in ({"family": "gamma"}, {"level": 95.0}):
        with pytest.raises(ValueError, match=r"it can be one of|lies between"):
            cr2("y ~ arm", data(), cluster="centre", **settings)
    for settings in ({"correlation": "toeplitz"}, {"standard_errors": "naive"}, {"correlation": "ar1"}):
        with pytest.raises(ValueError, match=r"it can be one of|needs order"):
            gee("y ~ arm", data(), cluster="centre", family="gaussian", **settings)
    with pytest.raises(ValueError, match="binomial"):
        fitted(data()).risk_difference("arm")


def test_columns_that_are_not_there_are_mistakes() -> None:
    with pytest.raises(UserError, match="No column site"):
        cr2("y ~ arm", data(), cluster="site")
    with pytest.raises(UserError, match="No column w"):
        cr2("y ~ arm", data(), cluster="centre", weight="w")
    with pytest.raises(UserError, match="no level"):
        fitted(data()).contrasts("arm", reference="other")
    with pytest.raises(UserError, match="no term"):
        fitted(data()).joint_test("other")


def test_two_rows_at_the_same_place_of_an_order_are_a_mistake() -> None:
    with pytest.raises(UserError, match="have the same visit"):
        gee(
            "y ~ arm",
            data().assign(visit=1),
            cluster="centre",
            family="gaussian",
            correlation="ar1",
            order="visit",
        )


def test_risk_differences_of_factors_and_of_numbers_with_two_values() -> None:
    frame = data().assign(treated=lambda d: (d["arm"] == "new").astype(int))
    named = fitted(frame, "response ~ arm + x", family="binomial").risk_difference("arm", reference="old").iloc[0]
    coded = fitted(frame, "response ~ treated + x", family="binomial").risk_difference("treated").iloc[0]
    for column in ("risk", "reference_risk", "estimate", "std_error", "df", "p"):
        assert named[column] == pytest.approx(coded[column], rel=1e-9), column
    fit = fitted(frame, "response ~ arm + x", family="binomial")
    with pytest.raises(UserError, match="divides"):
        fit.risk_difference("x")
    with pytest.raises(UserError, match="no level"):
        fit.risk_difference("arm", reference="other")


def test_the_risk_of_a_level_that_nobody_has_is_missing_with_a_reason() -> None:
    frame = data().assign(arm=lambda d: pd.Categorical(d["arm"], categories=["old", "new", "third"]))
    rows = fitted(frame, "response ~ arm + x", family="binomial").risk_difference("arm").set_index("level")
    assert rows.loc["third", "estimate"] is pd.NA
    assert rows.loc["third", "risk"] is pd.NA
    assert "no information" in rows.loc["third", "reason"]
    assert rows.loc["new", "reason"] == ""


def test_risk_differences_of_estimating_equations_have_infinite_degrees_of_freedom() -> None:
    fit = gee("response ~ arm + x", data(), cluster="centre", family="binomial", correlation="exchangeable")
    assert isinstance(fit, ClusteredFit)
    row = fit.risk_difference("arm").iloc[0]
    assert np.isinf(row["df"])
    assert row["low"] < row["estimate"] < row["high"]
    assert isinstance(fit.joint_test(["arm", "x"]), JointTest)


def test_a_bias_that_cannot_be_reduced_is_not_estimable() -> None:
    frame = data().assign(first=lambda d: (d["centre"] == "c1").astype(int))
    found = gee("y ~ first", frame, cluster="centre", family="gaussian", standard_errors="bias-reduced")
    assert isinstance(found, NotEstimable)
    assert "alone" in found.reason


def test_a_correlation_that_no_covariance_can_have_is_not_estimable() -> None:
    # Pairs that go apart, and one cluster of four in which all cannot go apart from each other.
    frame = pd.DataFrame({"centre": list("aabbccdddd"), "y": [3.0, -3, 2, -2, 4, -4, 0.5, 0.2, -0.4, -0.3]})
    found = gee("y ~ 1", frame, cluster="centre", family="gaussian", correlation="exchangeable")
    assert isinstance(found, NotEstimable)
    assert "cannot be that of all of 4 rows" in found.reason


def test_prediction_is_the_linear_predictor_with_its_own_degrees_of_freedom() -> None:
    frame = data()
    fit = fitted(frame, "response ~ arm + x", family="binomial")
    shown = fit.predict(frame.iloc[:3])
    beta = fit.terms["estimate"].to_numpy(float)
    x = np.column_stack([np.ones(3), frame["arm"].iloc[:3] == "old", frame["x"].iloc[:3]]).astype(float)
    np.testing.assert_allclose(shown["estimate"].to_numpy(float), x @ beta, rtol=1e-12)
    assert shown["df"].nunique() == 3


def test_an_interval_of_another_level_is_as_wide_as_its_t() -> None:
    narrow, wide = (fitted(data(), level=level).terms for level in (0.5, 0.99))
    assert (wide["high"] - wide["low"] > narrow["high"] - narrow["low"]).all()


def test_a_mean_of_counts_that_would_overflow_stays_finite() -> None:
    assert np.isfinite(moments(np.array([1e4]), "poisson")[0]).all()


@pytest.mark.parametrize("true", [-0.6, 0.0, 0.4, 0.95])
def test_a_decay_is_found_where_the_products_follow_it(true: float) -> None:
    lags = np.array([1.0, 2.0, 3.0])
    assert decay(lags, true**lags, np.array([5, 4, 3])) == pytest.approx(true, abs=1e-6)


def test_a_decay_over_fractions_of_time_is_not_negative() -> None:
    lags = np.array([0.5, 1.0, 1.5])
    assert decay(lags, np.array([-0.5, -0.2, 0.1]), np.array([5, 4, 3])) == pytest.approx(0, abs=1e-3)
    assert decay(lags, 0.3**lags, np.array([5, 4, 3])) == pytest.approx(0.3, abs=1e-9)


def test_clusters_of_ten_thousand_rows_are_fast_and_small() -> None:
    rng = np.random.default_rng(3)
    n = 40_000
    x, centre = rng.normal(size=n), np.arange(n) % 4
    frame = pd.DataFrame({"centre": centre, "x": x, "y": (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)})
    tracemalloc.start()
    start = time.perf_counter()
    fit = fitted(frame, "y ~ x", family="binomial")
    seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fit.clusters == 4
    assert peak < 100e6  # a matrix of rows by rows of one cluster would have 800 million bytes
    assert seconds < 10
