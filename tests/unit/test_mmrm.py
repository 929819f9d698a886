"""What repeated measures say of data and calls that they cannot use, and of what they left out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from analyses.methods.mixed_models.likelihood_ratio import likelihood_ratio
from analyses.methods.mixed_models.small_sample import JointTest
from analyses.methods.repeated import Covariance, RepeatedFit, mmrm
from analyses.methods.repeated_measures import visit_search
from analyses.result import NotEstimable
from registry.errors import UserError

KINDS = get_args(Covariance)


def data(patients: int = 20, visits: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    person = np.repeat(np.arange(patients), visits)
    level = rng.normal(0, 1, patients)
    return pd.DataFrame(
        {
            "patient": [f"p{i:02}" for i in person],
            "person": person,
            "visit": np.tile(np.arange(1, visits + 1), patients),
            "arm": np.where(person % 2 == 0, "a", "b"),
            "y": level[person] + rng.normal(0, 1, len(person)),
        }
    )


def tried(frame: pd.DataFrame, formula: str = "y ~ arm * C(visit)", **names: Any) -> RepeatedFit | NotEstimable:
    return mmrm(formula, frame, patient="patient", visit="visit", **names)


def reason(frame: pd.DataFrame, formula: str = "y ~ arm * C(visit)", **names: Any) -> str:
    fit = tried(frame, formula, **names)
    assert isinstance(fit, NotEstimable)
    return fit.reason


def fitted(frame: pd.DataFrame, formula: str = "y ~ arm * C(visit)", **names: Any) -> RepeatedFit:
    fit = tried(frame, formula, **names)
    assert isinstance(fit, RepeatedFit)
    return fit


def test_no_rows_and_no_complete_row_are_not_estimable() -> None:
    assert "no row" in reason(data().iloc[:0])
    assert "no row" in reason(data().assign(y=np.nan))


def test_fewer_rows_than_coefficients_or_than_all_parameters_are_not_estimable() -> None:
    assert "leave terms out" in reason(data().iloc[:6])
    assert "10 parameters of the covariance; choose toeph or csh" in reason(data(3), "y ~ C(visit)")


def test_one_patient_and_one_visit_are_not_enough() -> None:
    assert "only one patient" in reason(data(1), "y ~ 1")
    assert "only one visit" in reason(data(visits=1), "y ~ arm")


@pytest.mark.parametrize("covariance", KINDS)
def test_one_visit_of_each_patient_has_no_covariance(covariance: Covariance) -> None:
    frame = data()
    assert "no patient has two visits" in reason(
        frame[frame["visit"] == frame["person"] % 4 + 1], covariance=covariance
    )


def test_one_visit_of_each_patient_of_one_group_has_no_covariance_of_this_group() -> None:
    frame = data()
    frame = frame[(frame["arm"] == "b") | (frame["visit"] == frame["person"] // 2 % 4 + 1)]
    assert "no patient of group a has two visits" in reason(frame, "y ~ C(visit)", covariance="cs", group="arm")


def test_a_constant_response_is_not_estimable() -> None:
    assert "constant" in reason(data().assign(y=3.0))


def test_two_visits_that_nobody_has_both_of_are_named_and_a_simpler_covariance_fits() -> None:
    frame = data()
    third = frame["person"] % 3 == 0
    frame = frame[~(third & (frame["visit"] == 2)) & ~(~third & (frame["visit"] == 4))]
    said = reason(frame)
    assert "nobody has both visit 2 and visit 4" in said
    assert "choose toeph or csh" in said
    assert fitted(frame, covariance="csh").converged
    assert fitted(frame, covariance="toeph", inference="satterthwaite").converged


def test_a_distance_of_visits_that_nobody_has_is_not_estimable() -> None:
    frame = data()
    frame = frame[
        ~((frame["person"] % 2 == 0) & (frame["visit"] == 1)) & ~((frame["person"] % 2 == 1) & (frame["visit"] == 4))
    ]
    assert "3 apart" in reason(frame, "y ~ C(visit)", covariance="toep")
    assert fitted(frame, "y ~ C(visit)", covariance="ar1").converged


def test_a_visit_that_nobody_in_one_arm_has_leaves_a_reason_in_the_means() -> None:
    frame = data()
    fit = fitted(frame[~((frame["arm"] == "a") & (frame["visit"] == 4))])
    assert fit.aliased == ("arm[T.b]:C(visit)[T.4]",)
    assert any("cannot tell" in note for note in fit.notes)
    means = fit.marginal_means(["arm", "visit"]).set_index(["arm", "visit"])
    assert means.loc[("a", 4), "estimate"] is pd.NA
    assert "no information" in means.loc[("a", 4), "reason"]
    assert (means.drop(index=("a", 4))["reason"] == "").all()
    assert fit.contrasts("arm", by="visit")["reason"].to_list()[:3] == ["", "", ""]


@pytest.mark.parametrize("covariance", ["us", "csh", "ar1h", "toeph"])
def test_a_visit_that_nobody_in_one_group_has_has_no_variance_of_this_group(covariance: Covariance) -> None:
    frame = data()
    said = reason(frame[~((frame["arm"] == "a") & (frame["visit"] == 4))], covariance=covariance, group="arm")
    assert "nobody of group a has visit 4" in said
    assert "leave group out" in said


@pytest.mark.parametrize("covariance", ["ar1", "cs"])
def test_one_variance_for_all_visits_needs_no_visit_of_a_group(covariance: Covariance) -> None:
    frame = data()
    assert fitted(frame[~((frame["arm"] == "a") & (frame["visit"] == 4))], covariance=covariance, group="arm").converged


def test_a_rank_deficient_design_leaves_terms_out() -> None:
    fit = fitted(data().assign(same=lambda d: (d["arm"] == "a") * 1.0), "y ~ arm + same + C(visit)")
    assert fit.aliased == ("same",)


def test_missing_values_are_dropped_and_counted() -> None:
    frame = data()
    frame.loc[[3, 17, 40], "y"] = np.nan
    frame.loc[5, "visit"] = np.nan
    fit = fitted(frame)
    assert (fit.n, fit.dropped, fit.patients) == (76, 4, 20)
    assert fit.notes[0] == "4 rows with a missing value were left out."
    assert fit.residuals.index.equals(frame.drop(index=[3, 17, 40, 5]).index)


def test_a_visit_twice_is_an_error() -> None:
    frame = data()
    with pytest.raises(UserError, match="1 of 20 patients have two rows of one visit"):
        tried(pd.concat([frame, frame.iloc[:1]]))


def test_a_patient_in_two_groups_is_an_error() -> None:
    with pytest.raises(UserError, match="two levels of arm"):
        tried(data().assign(arm=lambda d: np.where(d.index == 1, "b", d["arm"])), "y ~ C(visit)", group="arm")


def test_columns_that_are_not_there_and_infinite_values_are_errors() -> None:
    with pytest.raises(UserError, match="No column other"):
        tried(data(), "y ~ other")
    with pytest.raises(UserError, match="No column country"):
        tried(data(), group="country")
    with pytest.raises(UserError, match="Infinite"):
        tried(data().assign(y=np.inf))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"covariance": "un"}, "covariance is 'un'"),
        ({"method": "mle"}, "method is 'mle'"),
        ({"inference": "t"}, "inference is 't'"),
        ({"level": 1.0}, "level is 1.0"),
        ({"method": "ml"}, "choose satterthwaite"),
    ],
)
def test_settings_that_are_not_offered_are_errors(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        tried(data(), **settings)


@pytest.mark.parametrize("covariance", KINDS)
def test_a_response_that_does_not_vary_within_patients_has_no_covariance_inside(covariance: Covariance) -> None:
    said = reason(data().assign(y=lambda d: d["person"] ** 2 % 7 + 0.0), "y ~ arm", covariance=covariance)
    assert "no maximum" in said


@pytest.mark.parametrize("covariance", ["us", "toeph", "ar1h", "csh"])
def test_a_visit_without_variance_is_named(covariance: Covariance) -> None:
    frame = data()
    frame.loc[frame["visit"] == 3, "y"] = 2.0
    assert "visit 3 has hardly any variance" in reason(frame, covariance=covariance)
    assert "visit 3 of group" in reason(frame, covariance=covariance, group="arm")


def test_two_visits_with_the_same_values_are_named() -> None:
    frame = data()
    frame.loc[frame["visit"] == 3, "y"] = frame.loc[frame["visit"] == 2, "y"].to_numpy()
    assert "correlation of visits 2 and 3 goes to 1" in reason(frame)


def test_visits_that_sum_to_zero_have_no_unstructured_covariance() -> None:
    frame = data().assign(y=lambda d: d["y"] - d.groupby("patient")["y"].transform("mean"))
    assert "a combination of the visits has no variance" in reason(frame)


@pytest.mark.parametrize("covariance", ["us", "toep"])
def test_correlations_that_no_three_visits_can_have_together_are_not_estimable(covariance: Covariance) -> None:
    # Each patient has two of three visits: 1 and 2 go together, 2 and 3 go together, 1 and 3 against each other.
    rng = np.random.default_rng(2)
    frame = data(60, 3)
    frame = frame[frame["visit"] != frame["person"] % 3 + 1].reset_index(drop=True)
    level = np.repeat(rng.normal(0, 1, 60), 2)
    sign = np.where((frame["person"] % 3 == 1) & (frame["visit"] == 3), -1, 1)
    frame["y"] = sign * level + rng.normal(0, 0.3, 120)
    assert "no maximum" in reason(frame, "y ~ C(visit)", covariance=covariance)


def test_too_few_patients_for_kenward_and_roger_are_not_estimable_and_satterthwaite_is() -> None:
    assert "choose a simpler covariance or inference kenward-roger-linear" in reason(data(5), "y ~ C(visit)")
    fit = fitted(data(5), "y ~ C(visit)", inference="satterthwaite")
    assert fit.converged
    assert fit.terms.notna().all(axis=None)


@pytest.mark.parametrize("covariance", KINDS)
def test_numbers_of_any_size_fit(covariance: Covariance) -> None:
    for frame in (data().assign(y=lambda d: 1e8 * d["y"] + 1e11), data().assign(y=lambda d: 1e-9 * d["y"])):
        fit = fitted(frame, covariance=covariance, inference="satterthwaite")
        assert fit.converged
        assert fit.terms.notna().all(axis=None)


def test_visits_are_in_the_order_of_their_categories_and_categories_without_rows_do_not_count() -> None:
    names = {1: "start", 2: "later", 3: "end", 4: "after"}
    frame = data().assign(visit=lambda d: pd.Categorical(d["visit"].map(names), ["never", *names.values()]))
    fit = fitted(frame, "y ~ arm", covariance="ar1")
    assert fit.variance["visit"].drop_duplicates().to_list() == list(names.values())
    assert fit.notes == ("Visits count as equally far apart, in this order: start, later, end, after.",)
    assert fit.reml_criterion == pytest.approx(fitted(data(), "y ~ arm", covariance="ar1").reml_criterion, abs=1e-10)


def test_normal_inference_has_infinite_degrees_of_freedom() -> None:
    fit = fitted(data(), inference="normal")
    assert np.isinf(fit.terms["df"]).all()
    assert fit.terms["std_error"].equals(fitted(data(), inference="satterthwaite").terms["std_error"])


def test_a_search_without_an_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visit_search, "STEPS", 1)
    monkeypatch.setattr(visit_search, "_quasi_newton", lambda problem, theta: theta)
    fit = fitted(data(), inference="satterthwaite")
    assert not fit.converged
    assert any("do not use" in note for note in fit.notes)


def test_a_second_optimiser_helps_where_the_first_ends_early(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fitted(data(), inference="satterthwaite").log_likelihood
    monkeypatch.setattr(visit_search, "STEPS", 3)
    fit = fitted(data(), inference="satterthwaite")
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(whole, abs=1e-8)


def test_a_fit_answers_the_questions_of_every_model() -> None:
    frame = data().assign(x=lambda d: np.sin(d["person"]), month=lambda d: d["visit"] * 3.0)
    fit = fitted(frame, "y ~ arm * C(visit) + x")
    assert isinstance(fit.joint_test("arm:C(visit)"), JointTest)
    assert isinstance(fit.joint_contrasts("arm", by="visit"), JointTest)
    assert fit.predict(frame)["estimate"].to_numpy(float) == pytest.approx((frame["y"] - fit.residuals).to_numpy())
    line = fitted(frame, "y ~ arm * month")
    assert line.slopes("month", between=(3, 12), over="arm")["estimate"].notna().all()
    change = line.slope_contrasts("arm", variable="month", between=(3, 12)).iloc[0]
    interaction = line.terms.set_index("term").loc["arm[T.b]:month"]
    for name in ("estimate", "std_error", "df", "p"):
        assert float(change[name]) == pytest.approx(interaction[name], rel=1e-9)


def test_a_fit_is_frozen() -> None:
    fit = fitted(data())
    with pytest.raises(FrozenInstanceError):
        fit.n = 3  # type: ignore[misc]


def test_likelihoods_of_different_fits_are_not_compared() -> None:
    small, large = fitted(data(), covariance="cs"), fitted(data())
    assert likelihood_ratio(small, large).df == 8
    with pytest.raises(ValueError, match="no more parameters"):
        likelihood_ratio(large, small)
    with pytest.raises(ValueError, match="method 'ml'"):
        likelihood_ratio(fitted(data(), "y ~ C(visit)", covariance="cs"), large)
    with pytest.raises(ValueError, match="different rows"):
        likelihood_ratio(fitted(data().iloc[1:], covariance="cs"), large)
    with pytest.raises(ValueError, match="different rows"):
        likelihood_ratio(fitted(data().assign(y=lambda d: d["y"] + 1), covariance="cs"), large)
    with pytest.raises(ValueError, match="not converged"):
        likelihood_ratio(small, replace(large, converged=False))
    full = fitted(data(), method="ml", inference="normal")
    with pytest.raises(ValueError, match="fit both by one method"):
        likelihood_ratio(small, full)
    fewer = fitted(data(), "y ~ C(visit)", method="ml", inference="normal")
    assert likelihood_ratio(fewer, full).df == 4
    # Not nested: more parameters, and yet less likely.
    slow = fitted(data(), "y ~ C(visit)", covariance="us", method="ml", inference="normal")
    shift = data().assign(z=lambda d: d["y"])
    fast = mmrm(
        "y ~ z",
        shift.assign(z=lambda d: d["y"] + np.cos(d.index)),
        patient="patient",
        visit="visit",
        covariance="cs",
        method="ml",
        inference="normal",
    )
    assert isinstance(fast, RepeatedFit)
    with pytest.raises(ValueError, match="lower likelihood"):
        likelihood_ratio(fast, slow)
