"""What holds of events that come again for every registry: order, weights, split follow-up, influence, never a NaN."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyses.methods.rates import (
    MeanNumber,
    MeanNumberAt,
    incidence_rate,
    mean_cumulative_number,
    recurrent_rate_ratio,
)
from analyses.methods.survival import CoxFit, KaplanMeier, cox, kaplan_meier
from analyses.result import NotEstimable

MODEST = settings(max_examples=25, deadline=None)
NAMES = ("person", "entry", "month", "event")


@st.composite
def histories(draw: st.DrawFn, *, most: int = 8) -> pd.DataFrame:
    """Draw persons with events on a coarse grid, late entries, gaps and deaths; all have events in one row or none."""
    rows = []
    for person in range(draw(st.integers(1, most))):
        month, weight, z = draw(st.integers(0, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 1))
        for _ in range(draw(st.integers(1, 4))):
            end = month + draw(st.integers(1, 4))
            dead = draw(st.integers(0, 3)) == 0
            rows.append((person, month / 4, end / 4, draw(st.integers(0, 1)), int(dead), weight, z))
            if dead:
                break
            month = end + draw(st.sampled_from([0, 0, 1]))
    data = pd.DataFrame(rows, columns=[*NAMES, "dead", "weight", "z"])
    return data.assign(odd=data["weight"] / 7)


def fitted(data: pd.DataFrame, **roles: str | None) -> MeanNumber:
    found = mean_cumulative_number(data, **{name: name for name in NAMES}, **roles)  # type: ignore[arg-type]
    assert isinstance(found, MeanNumber)
    return found


def model(data: pd.DataFrame, **roles: str) -> CoxFit | NotEstimable:
    return recurrent_rate_ratio("z", data, **{name: name for name in NAMES}, **{"variance": "sandwich", **roles})  # type: ignore[arg-type]


def same_model(first: CoxFit | NotEstimable, second: CoxFit | NotEstimable, tolerance: float) -> None:
    if isinstance(first, NotEstimable) or isinstance(second, NotEstimable):
        assert isinstance(first, NotEstimable)
        assert isinstance(second, NotEstimable)
        return
    pd.testing.assert_frame_equal(first.terms, second.terms, rtol=tolerance, atol=tolerance)


TERMINAL = st.sampled_from([None, "dead"])


@MODEST
@given(histories(), st.randoms(use_true_random=False), st.sampled_from([None, "weight", "odd"]), TERMINAL)
def test_the_order_of_rows_changes_no_digit(
    data: pd.DataFrame, random: object, weight: str | None, terminal: str | None
) -> None:
    shuffled = data.sample(frac=1, random_state=random.randrange(10**6)).reset_index(drop=True)  # type: ignore[attr-defined]
    first, second = (fitted(rows, weight=weight, terminal=terminal) for rows in (data, shuffled))
    for name in ("month", "mean", "std_error", "low", "high", "survival"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    same_model(model(data), model(shuffled), tolerance=0)


@MODEST
@given(histories(), TERMINAL)
def test_a_whole_weight_is_that_many_persons(data: pd.DataFrame, terminal: str | None) -> None:
    copies = pd.concat(
        [data[data["weight"] > copy].assign(person=lambda d, c=copy: d["person"] + 100 * c) for copy in range(3)]
    )
    first, second = fitted(data, weight="weight", terminal=terminal), fitted(copies, terminal=terminal)
    for name in ("mean", "std_error"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-7, atol=1e-9)


@MODEST
@given(histories(), st.integers(1, 16), TERMINAL)
def test_splitting_follow_up_changes_nothing(data: pd.DataFrame, eighth: int, terminal: str | None) -> None:
    cut = eighth / 8
    crossing = (data["entry"] < cut) & (cut < data["month"])
    before = data[crossing].assign(month=cut, event=0, dead=0)
    split = pd.concat([data[~crossing], before, data[crossing].assign(entry=cut)], ignore_index=True)
    first, second = fitted(data, terminal=terminal), fitted(split, terminal=terminal)
    months = np.arange(0, 4, 0.125)
    for one, other in zip(first.at(months), second.at(months), strict=True):
        if isinstance(one, NotEstimable) or isinstance(other, NotEstimable):
            assert one == other
        else:
            assert dataclasses.astuple(one) == pytest.approx(dataclasses.astuple(other), rel=1e-7, abs=1e-9)
    same_model(model(data), model(split), tolerance=1e-6)


@MODEST
@given(histories(), st.sampled_from([None, "weight", "odd"]), TERMINAL)
def test_means_rise_within_their_limits_and_are_never_nan(
    data: pd.DataFrame, weight: str | None, terminal: str | None
) -> None:
    found = fitted(data, weight=weight, terminal=terminal)
    for name in ("month", "mean", "std_error", "low", "survival"):
        assert np.all(np.isfinite(getattr(found, name)))
    assert not np.any(np.isnan(found.high))
    assert np.all(np.diff(found.mean) >= 0)
    assert np.all((found.low <= found.mean) & (found.mean <= found.high))
    assert np.all(found.high > found.low)
    for here in found.at([0, 0.3, 1, 9]):
        assert isinstance(here, NotEstimable) or not any(math.isnan(x) for x in dataclasses.astuple(here))
    fit = model(data)
    assert isinstance(fit, NotEstimable) or np.all(
        np.isfinite(fit.terms[["estimate", "std_error", "low", "high", "p"]])
    )


@MODEST
@given(histories(most=6), TERMINAL)
def test_the_standard_error_is_what_small_changes_of_each_persons_weight_do(
    data: pd.DataFrame, terminal: str | None
) -> None:
    found = fitted(data, weight="odd", terminal=terminal)
    derivatives = []
    for person in data["person"].unique():
        ends = [
            fitted(
                data.assign(odd=data["odd"] * (1 + change * (data["person"] == person))),
                weight="odd",
                terminal=terminal,
            ).mean
            for change in (1e-4, -1e-4)
        ]
        derivatives.append((ends[0] - ends[1]) / 2e-4)
    np.testing.assert_allclose(found.std_error, np.sqrt(np.square(derivatives).sum(axis=0)), rtol=1e-5, atol=1e-7)


@MODEST
@given(histories())
def test_a_death_that_is_the_only_event_has_its_cumulative_incidence_as_mean(data: pd.DataFrame) -> None:
    # E[number] = P(dead): the sum of S(t-) d / n is 1 - S(t), and the two have one standard error.
    found = fitted(data.assign(event=data["dead"]), terminal="dead")
    first = data.drop_duplicates("person", keep="first")
    if len(first) < len(data):
        return
    curve = kaplan_meier(data["month"], data["dead"], entry=data["entry"], weight=np.full(len(data), 0.5))
    assert isinstance(curve, KaplanMeier)
    places = np.searchsorted(curve.month, found.month[1:], side="right") - 1
    np.testing.assert_allclose(found.mean[1:], 1 - curve.survival[places], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.std_error[1:], curve.std_error[places], rtol=1e-7, atol=1e-9)


@MODEST
@given(histories())
def test_death_only_lowers_the_mean(data: pd.DataFrame) -> None:
    plain, stopped = fitted(data), fitted(data, terminal="dead")
    places = np.searchsorted(stopped.month, plain.month, side="right") - 1
    assert np.all(stopped.mean[places] <= plain.mean + 1e-12)


@MODEST
@given(histories())
def test_with_one_row_a_person_it_is_a_cox_model(data: pd.DataFrame) -> None:
    first = data.drop_duplicates("person")
    found = model(first)
    if isinstance(found, CoxFit):
        plain = cox("z", first, month="month", event="event", entry="entry", cluster="person", variance="sandwich")
        same_model(found, plain, tolerance=0)


def test_persons_who_are_too_alike_for_a_robust_error_are_not_estimable() -> None:
    # One of each kind with the event at 2, two without z who left at 1: both scores are 0, whatever the weights.
    data = pd.DataFrame([(0, 0, 2, 1, 1), (1, 0, 1, 0, 0), (2, 0, 1, 0, 0), (3, 0, 2, 1, 0)], columns=[*NAMES, "z"])
    found = model(data)
    assert isinstance(found, NotEstimable)
    assert "do not differ" in found.reason


def test_the_jackknife_agrees_and_deaths_are_not_censoring() -> None:
    # Simulated: deaths at a rate of 0.03 and events at 0.1 a month: the mean at 24 is 0.1 (1 - exp(-0.72)) / 0.03.
    rng = np.random.default_rng(20261124)
    rows = []
    for person in range(400):
        death, last, month = rng.exponential(1 / 0.03), rng.uniform(12, 48), 0.0
        end = min(death, last)
        while month < end:
            after = month + rng.exponential(10)
            rows.append((person, month, min(after, end), int(after <= end), int(after > end == death)))
            month = after
    data = pd.DataFrame(rows, columns=[*NAMES, "dead"])
    (here,) = fitted(data, terminal="dead").at([24])
    assert isinstance(here, MeanNumberAt)
    truth = 0.1 * (1 - math.exp(-0.72)) / 0.03
    assert abs(here.mean - truth) < 2 * here.std_error
    (without,) = fitted(data).at([24])
    assert isinstance(without, MeanNumberAt)
    assert without.mean > truth + 4 * without.std_error
    left_out = []
    for person in range(60):  # leave out groups of persons: the delete-a-group jackknife
        rest = fitted(data[data["person"] % 60 != person], terminal="dead").at([24])[0]
        assert isinstance(rest, MeanNumberAt)
        left_out.append(rest.mean)
    jackknife = math.sqrt(59 / 60 * np.square(np.array(left_out) - np.mean(left_out)).sum())
    assert here.std_error == pytest.approx(jackknife, rel=0.25)


def test_a_constant_rate_is_events_over_person_time() -> None:
    # All seen to month 12: the mean number is the rate times the months.
    rows = [(p, e, m, v) for p in range(6) for e, m, v in ((0, p + 1, 1), (p + 1, 12, 0))]
    data = pd.DataFrame(rows, columns=list(NAMES))
    (here,) = fitted(data).at([12])
    rate = incidence_rate(6, 6, per=1)
    assert isinstance(here, MeanNumberAt)
    assert not isinstance(rate, NotEstimable)
    assert here.mean == pytest.approx(rate.value)
