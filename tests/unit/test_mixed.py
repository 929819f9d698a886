"""What the mixed model says of data and calls that it cannot use, and of what it left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analyses.methods.mixed import MixedFit, linear_mixed_model
from analyses.methods.mixed_models import variance_search
from analyses.result import NotEstimable
from registry.errors import UserError


def data(patients: int = 12, visits: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    person = np.repeat(np.arange(patients), visits)
    level = rng.normal(0, 1, patients)
    return pd.DataFrame(
        {
            "patient": [f"p{i:02}" for i in person],
            "centre": [f"c{i % 3}" for i in person],
            "arm": np.where(person % 2 == 0, "ivig", "rituximab"),
            "month": np.tile(np.arange(visits), patients),
            "y": level[person] + rng.normal(0, 0.5, len(person)),
        }
    )


def reason(frame: pd.DataFrame, formula: str = "y ~ arm", **names: str) -> str:
    fit = linear_mixed_model(formula, frame, patient="patient", **names)
    assert isinstance(fit, NotEstimable)
    return fit.reason


def fitted(frame: pd.DataFrame, formula: str = "y ~ arm", **names: str) -> MixedFit:
    fit = linear_mixed_model(formula, frame, patient="patient", **names)
    assert isinstance(fit, MixedFit)
    return fit


def test_no_rows_and_no_complete_row_are_not_estimable() -> None:
    assert "no row" in reason(data().iloc[:0])
    assert "no row" in reason(data().assign(y=np.nan))


def test_fewer_rows_than_coefficients_are_not_estimable() -> None:
    assert "leave terms out" in reason(data().iloc[:4], "y ~ C(month)")


def test_one_patient_is_not_enough() -> None:
    assert "one patient" in reason(data(1), "y ~ month")


def test_one_value_a_patient_cannot_tell_patients_from_residuals() -> None:
    assert "one row" in reason(data().drop_duplicates("patient"))


def test_slopes_need_more_values_than_two_a_patient() -> None:
    assert "leave the slope out" in reason(data(visits=2), slope="month")


def test_slopes_need_a_variable_that_changes() -> None:
    assert "does not change" in reason(data().assign(dose=1.0), slope="dose")


def test_a_constant_response_is_not_estimable() -> None:
    assert "constant" in reason(data().assign(y=3.0))


def test_a_response_that_only_differs_between_patients_is_not_estimable() -> None:
    frame = data()
    assert "within any patient" in reason(frame.assign(y=frame["patient"].factorize()[0] ** 1.5))


@pytest.mark.parametrize("names", [{}, {"slope": "month"}, {"centre": "centre"}])
def test_patients_that_differ_a_hundred_million_times_more_than_their_values_end_in_words(
    names: dict[str, str],
) -> None:
    rng = np.random.default_rng(0)
    frame = data(30, 5).assign(y=rng.normal(0, 1, 150))
    frame["y"] += rng.normal(0, 1e8, 30)[frame["patient"].factorize()[0]]
    fit = linear_mixed_model("y ~ arm * month", frame, patient="patient", **names)
    assert isinstance(fit, NotEstimable) or fit.converged or "do not use" in " ".join(fit.notes)


def test_slopes_that_go_perfectly_with_intercepts_are_a_boundary_and_named_as_such() -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(0, 1, 20)
    frame = data(20, 5)
    frame["y"] = level[frame["patient"].factorize()[0]] * (1 + frame["month"]) + rng.normal(0, 0.5, 100)
    fit = fitted(frame, "y ~ month", slope="month")
    assert fit.converged
    assert fit.zero == ("patient",)
    assert "correlation" in " ".join(fit.notes)


def test_missing_values_are_dropped_and_counted() -> None:
    frame = data()
    frame.loc[[1, 7], "y"] = np.nan
    frame.loc[9, "arm"] = None
    fit = fitted(frame)
    assert (fit.dropped, fit.n) == (3, len(frame) - 3)
    assert any("3 rows" in note for note in fit.notes)
    assert list(fit.residuals.index) == [i for i in frame.index if i not in {1, 7, 9}]


def test_residuals_are_the_response_minus_the_fixed_effects() -> None:
    frame = data()
    fit = fitted(frame)
    estimate = fit.terms.set_index("term")["estimate"]
    expected = frame["y"] - estimate["Intercept"] - estimate["arm[T.rituximab]"] * (frame["arm"] == "rituximab")
    np.testing.assert_allclose(fit.residuals, expected)


def test_a_level_that_nobody_has_leaves_its_means_without_number_and_the_others_as_they_were() -> None:
    frame = data()
    frame = frame[~((frame["arm"] == "rituximab") & (frame["month"] == 3))]
    fit = fitted(frame, "y ~ arm * C(month)")
    assert fit.aliased == ("arm[T.rituximab]:C(month)[T.3]",)
    means = fit.marginal_means(["month", "arm"])
    lost = means[means["reason"] != ""]
    assert lost[["month", "arm"]].to_numpy().tolist() == [[3, "rituximab"]]
    assert lost[["estimate", "std_error", "low", "high"]].isna().all(axis=None)
    assert means.drop(index=lost.index)["estimate"].notna().all()
    differences = fit.contrasts("arm", by="month").set_index("month")
    assert list(differences.index[differences["reason"] != ""]) == [3]
    ivig = frame[(frame["arm"] == "ivig") & (frame["month"] == 3)]["y"].mean()
    assert float(means.set_index(["month", "arm"]).loc[(3, "ivig"), "estimate"]) == pytest.approx(ivig, abs=1e-6)


def test_columns_that_say_the_same_are_left_out_and_named() -> None:
    frame = data()
    fit = fitted(frame.assign(twice=2.0 * frame["month"]), "y ~ month + twice")
    assert fit.aliased == ("twice",)
    assert "twice" in " ".join(fit.notes)
    assert fit.terms["term"].tolist() == ["Intercept", "month"]


def test_one_centre_has_no_variance_of_its_own() -> None:
    fit = fitted(data().assign(centre="c"), centre="centre")
    assert "centre" not in set(fit.variance["group"])
    assert "one centre" in " ".join(fit.notes)
    alone = fitted(data())
    np.testing.assert_allclose(fit.terms["estimate"], alone.terms["estimate"])


def test_a_patient_in_two_centres_is_a_mistake() -> None:
    frame = data()
    frame.loc[0, "centre"] = "elsewhere"
    with pytest.raises(UserError, match="two centres"):
        linear_mixed_model("y ~ arm", frame, patient="patient", centre="centre")


@pytest.mark.parametrize("formula", ["y ~ age", "y ~ log(age)", "height ~ arm"])
def test_a_column_that_is_not_there_is_a_mistake(formula: str) -> None:
    with pytest.raises(UserError, match="No column"):
        linear_mixed_model(formula, data(), patient="patient")


@pytest.mark.parametrize(("formula", "said"), [("y", "no ~"), ("y ~ arm +", "misplaced"), ("arm ~ month", "response")])
def test_a_formula_that_cannot_be_used_is_a_mistake(formula: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        linear_mixed_model(formula, data(), patient="patient")
    assert "\x1b" not in str(caught.value)


def test_an_infinite_value_is_a_mistake() -> None:
    frame = data()
    frame.loc[3, "y"] = -np.inf
    with pytest.raises(UserError, match="Infinite values in y"):
        linear_mixed_model("y ~ arm", frame, patient="patient")


def test_a_level_or_an_inference_that_is_not_offered_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        linear_mixed_model("y ~ arm", data(), patient="patient", level=95)
    with pytest.raises(ValueError, match="normal"):
        linear_mixed_model("y ~ arm", data(), patient="patient", inference="kenward-roger")  # type: ignore[arg-type]


def test_means_and_contrasts_of_what_the_formula_does_not_have_are_mistakes() -> None:
    fit = fitted(data())
    with pytest.raises(UserError, match="no variable month"):
        fit.marginal_means("month")
    with pytest.raises(UserError, match="No such level: arm = placebo"):
        fit.marginal_means("arm", at={"arm": ["placebo"]})
    with pytest.raises(UserError, match="no level placebo"):
        fit.contrasts("arm", reference="placebo")


def test_a_wider_level_gives_a_wider_interval_about_the_same_value() -> None:
    narrow = fitted(data()).terms
    wide = linear_mixed_model("y ~ arm", data(), patient="patient", level=0.99)
    assert isinstance(wide, MixedFit)
    assert (wide.terms["low"] < narrow["low"]).all()
    np.testing.assert_array_equal(wide.terms["estimate"], narrow["estimate"])


def test_the_second_optimiser_takes_over_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = variance_search._descend
    expected = fitted(data(), centre="centre")

    def descend(problem: variance_search._Problem, optimiser: str, start: np.ndarray) -> variance_search.Optimum:
        end = usual(problem, optimiser, start)
        return replace(end, converged=False) if optimiser == "L-BFGS-B" else end

    monkeypatch.setattr(variance_search, "_descend", descend)
    fit = fitted(data(), centre="centre")
    assert fit.converged
    assert "Nelder-Mead" in " ".join(fit.notes)
    np.testing.assert_allclose(fit.terms["estimate"], expected.terms["estimate"], rtol=1e-5)


def test_a_search_that_ends_nowhere_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variance_search, "_minimum", lambda _problem, _optimiser, start: start)
    monkeypatch.setattr(variance_search, "_polish", lambda _problem, theta: (theta, 1.0))
    fit = fitted(data())
    assert not fit.converged
    assert "do not use" in " ".join(fit.notes)
