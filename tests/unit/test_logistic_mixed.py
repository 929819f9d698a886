"""What a logistic mixed model refuses, leaves out and says about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.methods.logistic_mixed import LogisticMixedFit, logistic_mixed_model
from analyses.methods.mixed_models.small_sample import JointTest
from analyses.result import NotEstimable
from registry.errors import UserError


def people() -> pd.DataFrame:
    rng = np.random.default_rng(20)
    centre = np.repeat(list("abcdefgh"), 12)
    arm, x, group = rng.integers(0, 2, 96), rng.normal(size=96).round(3), rng.choice(["p", "q", "r"], 96)
    effect = np.repeat(rng.normal(0, 1, 8), 12)
    y = (rng.random(96) < 1 / (1 + np.exp(-effect - arm + 0.5 * x))).astype(int)
    return pd.DataFrame({"centre": centre, "arm": arm, "x": x, "group": group, "y": y})


def fitted(formula: str = "y ~ arm + x", data: pd.DataFrame | None = None) -> LogisticMixedFit:
    fit = logistic_mixed_model(formula, people() if data is None else data, centre="centre")
    assert isinstance(fit, LogisticMixedFit), fit
    return fit


DATA = people()
ALONE = DATA.assign(y=(DATA["x"] > 0).astype(int))


@pytest.mark.parametrize(
    ("formula", "data", "reason"),
    [
        ("y ~ x", DATA.iloc[:0], "no row has all values"),
        ("y ~ x", DATA.assign(x=np.nan), "no row has all values"),
        ("y ~ x", DATA.assign(y=1), "all responses are the same"),
        ("y ~ x", DATA.assign(y=0), "all responses are the same"),
        ("y ~ x", DATA.assign(centre="a"), "only one centre"),
        ("y ~ x", DATA.assign(centre=range(96)), "every centre has one row"),
        ("y ~ x + arm + group", DATA.iloc[[0, 20, 40, 41]].assign(y=[0, 1, 1, 0]), "leave terms out"),
        ("y ~ x", ALONE, "separated, or nearly so, by x;"),
        ("y ~ group", DATA.assign(y=np.where(DATA["group"] == "q", 1, DATA["y"])), r"separated.* by group\[T.q\];"),
        ("y ~ x + arm", DATA.assign(y=np.where(DATA["arm"] == 1, 1, DATA["y"])), "separated, or nearly so, by arm;"),
        ("y ~ x", DATA.assign(y=DATA["centre"].isin(["a", "c"]).astype(int)), "variance of the centre effect would be"),
        ("y ~ 1", DATA.assign(y=DATA["centre"].isin(["a", "c"]).astype(int)), "variance of the centre effect would be"),
    ],
)
def test_data_that_cannot_carry_the_model_are_a_reason(formula: str, data: pd.DataFrame, reason: str) -> None:
    found = logistic_mixed_model(formula, data, centre="centre")
    assert isinstance(found, NotEstimable)
    assert pd.Series([found.reason]).str.contains(reason)[0], found.reason


@pytest.mark.parametrize(
    ("formula", "data", "seen"),
    [
        ("y ~ z", DATA, "No column z"),
        ("y", DATA, "There is no ~"),
        ("y ~ x", DATA.drop(columns="centre"), "No column centre"),
        ("y ~ x", DATA.assign(x=DATA["x"].where(DATA["x"] < 1, np.inf)), "Infinite values in x"),
        ("y ~ x", DATA.assign(y=DATA["y"] * 2), "The response has the value 2"),
        ("y ~ x", DATA.assign(y=DATA["y"] - 0.5), "The response has the value"),
        ("y ~ x", DATA.assign(y=np.where(DATA["y"] == 1, "yes", "no")), "not one number a row"),
    ],
)
def test_wrong_columns_are_errors_of_the_user(formula: str, data: pd.DataFrame, seen: str) -> None:
    with pytest.raises(UserError) as caught:
        logistic_mixed_model(formula, data, centre="centre")
    assert seen in str(caught.value)


@pytest.mark.parametrize("setting", [{"level": 1.0}, {"points": 8}, {"points": 100}, {"inference": "kenward-roger"}])
def test_impossible_settings_are_value_errors(setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        logistic_mixed_model("y ~ x", DATA, centre="centre", **setting)  # type: ignore[arg-type]


def test_missing_values_are_dropped_and_counted() -> None:
    holes = DATA.assign(x=DATA["x"].where(DATA.index >= 3), centre=DATA["centre"].where(DATA.index != 50))
    fit, whole = fitted(data=holes), fitted(data=DATA.drop(index=[0, 1, 2, 50]))
    assert (fit.n, fit.dropped) == (92, 4)
    assert "4 rows with a missing value were left out." in fit.notes
    pd.testing.assert_frame_equal(fit.terms, whole.terms)


def test_a_boolean_response_is_one_of_ones_and_zeros() -> None:
    pd.testing.assert_frame_equal(fitted(data=DATA.assign(y=DATA["y"] == 1)).terms, fitted().terms)


def test_terms_that_cannot_be_told_apart_are_left_out_and_named() -> None:
    fit = fitted("y ~ arm + x + I(2 * x)")
    assert fit.aliased == ("I(2 * x)",)
    assert any("I(2 * x)" in note for note in fit.notes)
    assert fit.log_likelihood == pytest.approx(fitted().log_likelihood, abs=1e-9)


def test_a_level_that_nobody_has_is_a_reason_and_not_a_number() -> None:
    fit = fitted("y ~ group + x", DATA.assign(group=pd.Categorical(DATA["group"], list("pqrs"))))
    found = fit.marginal_probabilities("group")
    assert found.risks["reason"].tolist() == ["", "", "", "the data hold no information on it"]
    assert found.risks["estimate"].isna().tolist() == [False, False, False, True]
    assert found.differences["level"].tolist() == ["q", "r", "s"]
    assert found.differences["p"].isna().tolist() == [False, False, True]


def test_centres_as_fixed_terms_leave_nothing_to_their_variance() -> None:
    fit = fitted("y ~ centre + arm")
    assert fit.zero == ("centre",)


def test_what_is_asked_of_the_coefficients_goes_to_one_set_of_functions() -> None:
    fit = fitted("y ~ C(arm) * x")
    row = fit.contrasts("arm", at={"x": (0.0,)}).iloc[0]
    term = fit.terms.set_index("term").loc["C(arm)[T.1]"]
    for column in ("estimate", "std_error", "low", "high", "p"):
        assert row[column] == pytest.approx(term[column])
    assert fit.marginal_means("arm")["reason"].tolist() == ["", ""]
    slopes = fit.slopes("x", between=(0, 1), over="arm")["estimate"].astype(float)
    difference = fit.slope_contrasts("arm", variable="x", between=(0, 1))["estimate"][0]
    assert slopes[1] - slopes[0] == pytest.approx(difference)
    assert isinstance(fit.joint_test("C(arm):x"), JointTest)
    assert isinstance(fit.joint_contrasts("arm"), JointTest)
    assert fit.covariance.loc["x", "x"] == pytest.approx(float(fit.terms["std_error"][2]) ** 2)
    assert np.isinf(fit.terms["df"]).all()
    assert len(fit.predict(DATA[:5])) == 5


def test_risks_can_be_asked_for_values_of_a_number_and_for_another_reference() -> None:
    fit = fitted("y ~ arm + x + group")
    assert fit.marginal_probabilities("arm").risks["level"].tolist() == [0, 1]
    found = fit.marginal_probabilities("x", levels=(-1.0, 0.0, 1.0), reference=0.0).differences
    assert found["reference"].tolist() == [0.0, 0.0]
    assert found["estimate"][0] > 0 > found["estimate"][1]
    for settings, seen in (
        ({"compare": "x"}, "Name the levels"),
        ({"compare": "z"}, "no variable z"),
        ({"compare": "arm", "reference": 3}, "no level 3"),
    ):
        with pytest.raises(UserError) as caught:
            fit.marginal_probabilities(**settings)  # type: ignore[arg-type]
        assert seen in str(caught.value)


def test_the_interval_of_a_coefficient_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UserError):
        fitted().profile_interval("z")


def test_levels_make_intervals_wider() -> None:
    wide = logistic_mixed_model("y ~ arm + x", DATA, centre="centre", level=0.99)
    assert isinstance(wide, LogisticMixedFit)
    narrow = fitted()
    assert wide.profile_interval("arm").high > narrow.profile_interval("arm").high
    assert wide.between_centres()["high"][1] > narrow.between_centres()["high"][1]
    risk = [fit.marginal_probabilities("arm").risks["high"][0] for fit in (wide, narrow)]
    assert risk[0] > risk[1]


def test_an_upper_limit_that_is_not_reached_is_infinite() -> None:
    # Two mixed centres among ten that are all alike: the likelihood hardly falls with the sd.
    rows = [(name, y) for name, y in zip("abcdefghij", [1, 0] * 5, strict=True) for _ in range(3)]
    rows += [("m", 0), ("m", 1), ("n", 1), ("n", 0)]
    data = pd.DataFrame(rows, columns=["centre", "y"])
    fit = logistic_mixed_model("y ~ 1", data, centre="centre")
    assert isinstance(fit, LogisticMixedFit)
    limits = fit.between_centres().set_index("measure")
    assert np.isinf(limits.loc["sd", "high"])
    assert limits.loc["intraclass correlation", "high"] == 1


def test_a_registry_of_many_rows_is_read_in_blocks_that_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fitted()
    monkeypatch.setattr("analyses.methods.logistic_models.adaptive_quadrature._BLOCK", 300)
    np.testing.assert_allclose(fitted().terms["estimate"], whole.terms["estimate"], rtol=1e-10)
    assert fitted().log_likelihood == pytest.approx(whole.log_likelihood, abs=1e-10)
