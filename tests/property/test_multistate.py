"""What holds of probabilities of states for every registry: order, weights, split follow-up, influence, never a NaN."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyses.methods.multistate import (
    MeanTime,
    Occupation,
    StateOccupation,
    intervals_from_marks,
    mean_time_difference,
    state_occupation,
)
from analyses.methods.states.running_influence import integral_influence, running_variance
from analyses.methods.survival import KaplanMeier, kaplan_meier
from analyses.result import NotEstimable

MODEST = settings(max_examples=30, deadline=None)
STATES = ("a", "b", "c", "dead")
NAMES = ("person", "entry", "month", "state", "to")


@st.composite
def histories(draw: st.DrawFn, *, most: int = 10, late: bool = True) -> pd.DataFrame:
    """Draw persons who move on a coarse grid: ties, emptied states, late entries, returns and gaps are common."""
    rows = []
    for person in range(draw(st.integers(1, most))):
        month, state = draw(st.integers(0, 4 if late else 0)), draw(st.sampled_from("abc" if late else "a"))
        weight = draw(st.integers(1, 3))
        for _ in range(draw(st.integers(1, 4))):
            end = month + draw(st.integers(1, 4))
            to = draw(st.sampled_from([*(s for s in STATES if s != state), None]))
            rows.append((person, month / 4, end / 4, state, to, weight))
            if to == "dead" or (to is None and not late):
                break
            month, state = (end, to) if to else (end + draw(st.integers(0, 2)), state)
    data = pd.DataFrame(rows, columns=[*NAMES, "weight"])
    return data.assign(odd=data["weight"] / 7)


def fitted(data: pd.DataFrame, **more: object) -> StateOccupation:
    found = state_occupation(data, **{name: name for name in NAMES}, states=STATES, absorbing=["dead"], **more)  # type: ignore[arg-type]
    assert isinstance(found, StateOccupation)
    return found


def same(one: object, other: object, **tolerance: float) -> None:
    """Compare what at and mean_time return, whose tuples may hold NotEstimable."""
    if isinstance(one, NotEstimable) or isinstance(other, NotEstimable):
        assert one == other
    elif isinstance(one, Occupation) and isinstance(other, Occupation):
        for first, second in zip(one.shares, other.shares, strict=True):
            numbers = [dataclasses.astuple(share)[1:5] for share in (first, second)]
            assert numbers[0] == pytest.approx(numbers[1], **tolerance)
    else:
        assert isinstance(one, MeanTime)
        assert isinstance(other, MeanTime)
        assert dataclasses.astuple(one)[1:5] == pytest.approx(dataclasses.astuple(other)[1:5], **tolerance)


@MODEST
@given(histories(), st.randoms(use_true_random=False), st.sampled_from([None, "weight", "odd"]))
def test_the_order_of_rows_changes_no_digit(data: pd.DataFrame, random: object, weight: str | None) -> None:
    shuffled = data.sample(frac=1, random_state=random.randrange(10**6)).reset_index(drop=True)  # type: ignore[attr-defined]
    first, second = fitted(data, weight=weight), fitted(shuffled, weight=weight)
    for name in ("month", "probability", "std_error", "low", "high"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.mean_time(1) == second.mean_time(1)
    assert first.numbers([0, 0.5, 1]) == second.numbers([0, 0.5, 1])
    pd.testing.assert_frame_equal(first.transitions, second.transitions)


@MODEST
@given(histories())
def test_a_whole_weight_is_that_many_persons(data: pd.DataFrame) -> None:
    copies = pd.concat(
        [data[data["weight"] > copy].assign(person=lambda d, c=copy: d["person"] + 100 * c) for copy in range(3)]
    )
    first, second = fitted(data, weight="weight"), fitted(copies)
    for name in ("probability", "std_error", "low", "high"):
        np.testing.assert_allclose(getattr(first, name), getattr(second, name), rtol=1e-7, atol=1e-9)
    for one, other in zip(first.mean_time(0.75), second.mean_time(0.75), strict=True):
        same(one, other, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(first.transitions_weighted, second.transitions)


@MODEST
@given(histories(), st.integers(1, 16))
def test_splitting_follow_up_changes_nothing(data: pd.DataFrame, eighth: int) -> None:
    cut = eighth / 8
    crossing = (data["entry"] < cut) & (cut < data["month"])
    before = data[crossing].assign(month=cut, to=None)
    split = pd.concat([data[~crossing], before, data[crossing].assign(entry=cut)], ignore_index=True)
    first, second = fitted(data), fitted(split)
    months = np.arange(0, 4, 0.125)
    for one, other in zip(first.at(months), second.at(months), strict=True):
        same(one, other, rel=1e-7, abs=1e-9)
    for one, other in zip(first.mean_time(0.75), second.mean_time(0.75), strict=True):
        same(one, other, rel=1e-9, abs=1e-12)
    assert first.numbers(months) == second.numbers(months)
    assert first.n == second.n


@MODEST
@given(histories(), st.sampled_from([None, "weight", "odd"]))
def test_probabilities_add_to_1_lie_within_their_limits_and_are_never_nan(
    data: pd.DataFrame, weight: str | None
) -> None:
    found = fitted(data, weight=weight)
    for name in ("month", "probability", "std_error", "low", "high"):
        assert np.all(np.isfinite(getattr(found, name)))
    np.testing.assert_allclose(found.probability.sum(axis=1), 1, rtol=1e-12)
    assert np.all((found.low >= 0) & (found.high <= 1))
    assert np.all((found.low <= found.probability + 1e-12) & (found.probability <= found.high + 1e-12))
    assert np.all(found.high - found.low > 1e-6)
    for here in found.at([0, 0.3, 1, 2.5, 9]):
        if isinstance(here, Occupation):
            assert all(0 <= s.low <= s.probability + 1e-12 <= s.high + 2e-12 <= 1 + 3e-12 for s in here.shares)
    horizon = found.followed_to / 2
    values = [mean.value for mean in found.mean_time(horizon) if isinstance(mean, MeanTime)]
    assert all(0 <= value <= horizon for value in values)
    for mean in (*found.mean_time(horizon), *mean_time_difference(found, found, horizon=horizon)):
        assert isinstance(mean, NotEstimable) or all(math.isfinite(x) for x in dataclasses.astuple(mean)[1:5])


@MODEST
@given(histories(most=7), st.integers(0, 11))
def test_the_standard_error_is_what_small_changes_of_each_persons_weight_do(data: pd.DataFrame, quarter: int) -> None:
    # The infinitesimal jackknife without its algebra: the derivative to each person's weight, by central differences.
    found = fitted(data, weight="odd")
    width = np.diff(np.minimum(np.append(found.month, np.inf), 1.25))
    derivatives = []
    for person in data["person"].unique():
        ends = []
        for change in (1e-4, -1e-4):
            other = fitted(data.assign(odd=data["odd"] * (1 + change * (data["person"] == person))), weight="odd")
            ends.append(np.vstack([other.probability, width @ other.probability]))
        derivatives.append((ends[0] - ends[1]) / 2e-4)
    errors = np.sqrt(np.square(derivatives).sum(axis=0))
    np.testing.assert_allclose(found.std_error, errors[:-1], rtol=1e-5, atol=1e-7)
    means = np.sqrt(np.square(integral_influence(found.course, width)).sum(axis=0))
    np.testing.assert_allclose(means, errors[-1], rtol=1e-5, atol=1e-7)


@MODEST
@given(histories(), st.sampled_from([None, "weight", "odd"]))
def test_influences_followed_one_by_one_give_the_running_variance(data: pd.DataFrame, weight: str | None) -> None:
    course = fitted(data, weight=weight).course
    influence = course.initial
    slow = [np.square(influence).sum(axis=0)]
    for j in range(len(course.step)):
        influence = influence @ course.step[j]
        there = (course.start <= j) & (j < course.stop)
        pulled = course.factor[:, None] * course.pull[j, course.place] + course.jump * (course.stop == j + 1)[:, None]
        influence = influence + np.array(
            [pulled[there & (course.person == person)].sum(axis=0) for person in range(len(influence))]
        )
        slow.append(np.square(influence).sum(axis=0))
    np.testing.assert_allclose(running_variance(course), slow, rtol=1e-9, atol=1e-14)


@MODEST
@given(histories(late=False))
def test_one_state_and_its_end_are_a_kaplan_meier_curve(data: pd.DataFrame) -> None:
    first = data.drop_duplicates("person")
    rows = first.assign(to=first["to"].where(first["to"].isna(), "dead"))
    found = fitted(rows)
    curve = kaplan_meier(rows["month"], rows["to"].notna())
    assert isinstance(curve, KaplanMeier)
    places = np.searchsorted(curve.month, found.month, side="right") - 1
    for mine, theirs in ((found.probability[1:, 0], curve.survival), (found.std_error[1:, 0], curve.std_error)):
        np.testing.assert_allclose(mine, theirs[places[1:]], rtol=1e-9, atol=1e-12)
    inside = (found.probability[:, 0] < 1) & (found.probability[:, 0] > 0)
    np.testing.assert_allclose(found.low[inside, 0], curve.low[places[inside]], rtol=1e-9)
    np.testing.assert_allclose(found.high[inside, 0], curve.high[places[inside]], rtol=1e-9)
    # and dead is the rest of alive
    np.testing.assert_allclose(found.low[:, 3], 1 - found.high[:, 0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.high[:, 3], 1 - found.low[:, 0], rtol=1e-9, atol=1e-12)


@MODEST
@given(histories(), st.booleans())
def test_kaplan_meier_with_late_entries_and_odd_weights(data: pd.DataFrame, late: bool) -> None:
    first = data.drop_duplicates("person").assign(state="a")
    rows = first.assign(to=first["to"].where(first["to"].isna(), "dead"), entry=first["entry"] * late)
    found = fitted(rows, weight="odd")
    curve = kaplan_meier(rows["month"], rows["to"].notna(), entry=rows["entry"], weight=rows["odd"])
    assert isinstance(curve, KaplanMeier)
    places = np.searchsorted(curve.month, found.month, side="right") - 1
    for mine, theirs in ((found.probability[1:, 0], curve.survival), (found.std_error[1:, 0], curve.std_error)):
        np.testing.assert_allclose(mine, theirs[places[1:]], rtol=1e-7, atol=1e-9)


@MODEST
@given(histories(late=False))
def test_causes_that_compete_are_cumulative_incidences(data: pd.DataFrame) -> None:
    rows = data.drop_duplicates("person")
    found = fitted(rows)
    curve = kaplan_meier(rows["month"], rows["to"].notna())
    assert isinstance(curve, KaplanMeier)
    for cause in ("b", "c", "dead"):
        total, survival = 0.0, 1.0
        for place, month in enumerate(found.month[1:], start=1):
            at_risk, ended = rows["month"] >= month, rows["month"] == month
            total += survival * (ended & (rows["to"] == cause)).sum() / at_risk.sum()
            survival *= 1 - (ended & rows["to"].notna()).sum() / at_risk.sum()
            assert found.probability[place, STATES.index(cause)] == pytest.approx(total, rel=1e-12, abs=1e-15)


@MODEST
@given(histories(late=False))
def test_persons_who_are_all_seen_to_the_end_are_shares(data: pd.DataFrame) -> None:
    last = data.groupby("person").tail(1)
    rest = last[last["to"] != "dead"]
    more = rest.assign(
        entry=rest["month"], month=9.0, state=rest["to"].where(rest["to"].notna(), rest["state"]), to=None
    )
    rows = pd.concat([data, more], ignore_index=True)
    found = fitted(rows)
    n = found.n
    for month in (0.25, 0.5, 1.0, 2.0, 4.0):
        (numbers,) = found.numbers([month + 1e-9])
        (here,) = found.at([month])
        assert isinstance(here, Occupation)
        for share, number in zip(here.shares, numbers, strict=True):
            p = number / n
            assert (share.probability, share.std_error) == pytest.approx((p, math.sqrt(p * (1 - p) / n)), abs=1e-8)


@MODEST
@given(st.lists(st.tuples(*[st.none() | st.integers(0, 8)] * 3, st.integers(1, 8), st.integers(0, 3)), max_size=8))
def test_intervals_of_marks_cover_the_follow_up_of_each_person_once(marks: list[tuple[int | None, ...]]) -> None:
    data = pd.DataFrame(marks, columns=["b", "c", "dead", "length", "from"], dtype=object)
    data = data.assign(who=range(len(data)), end=data["from"] + data["length"], dead=None)
    rows = intervals_from_marks(
        data, person="who", end="end", entry="from", marks={"b": "b", "c": "c", "dead": "dead"}, first="a",
        absorbing=["dead"],
    )  # fmt: skip
    spent = (rows["month"] - rows["entry"]).groupby(rows["person"]).sum()
    assert spent.to_dict() == dict(enumerate(data["length"]))
    assert state_occupation(rows, **{name: name for name in NAMES}) is not None  # no history is refused
