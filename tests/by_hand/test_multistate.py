"""Probabilities of states and times in them on paper: at most eight persons, fractions."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses.methods.multistate import (
    MeanTime,
    Occupation,
    StateOccupation,
    intervals_from_marks,
    mean_time_difference,
    state_occupation,
)
from analyses.result import NotEstimable

Z = 1.959963984540054
COLUMNS = ["person", "entry", "month", "state", "to"]
# Four persons: 1 goes a -> b at 1 and dies at 3; 2 goes a -> b at 2 and back at 4, and is seen until 6; 3 dies from a
# at 3; 4 stays in a and is seen until 5.
FOUR = [
    (1, 0, 1, "a", "b"), (1, 1, 3, "b", "dead"),
    (2, 0, 2, "a", "b"), (2, 2, 4, "b", "a"), (2, 4, 6, "a", None),
    (3, 0, 3, "a", "dead"),
    (4, 0, 5, "a", None),
]  # fmt: skip
PATH = {0: (4, 0, 0), 1: (3, 1, 0), 2: (2, 2, 0), 3: (1, 1, 2), 4: (2, 0, 2)}
"""How many of the four are in a, b and dead from each month on: nobody is censored before 5."""


def frame(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*COLUMNS, "weight"][: len(rows[0])] if rows else COLUMNS)


def fitted(rows: list[tuple[object, ...]], **settings: object) -> StateOccupation:
    found = state_occupation(frame(rows), **{name: name for name in COLUMNS}, **settings)  # type: ignore[arg-type]
    assert isinstance(found, StateOccupation)
    return found


def at(found: StateOccupation, month: float) -> Occupation:
    (here,) = found.at([month])
    assert isinstance(here, Occupation)
    return here


def refused(rows: list[tuple[object, ...]], match: str, **settings: object) -> None:
    with pytest.raises(ValueError, match=match):
        fitted(rows, **settings)


def paper(rows: list[tuple[object, ...]], until: float) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
    """Return p and the sum of squared influences after a month, person by person and time by time in fractions."""
    data: list[Any] = [(*row, *([] if len(row) > 5 else [ONE])) for row in rows]
    states = sorted({row[3] for row in data} | {row[4] for row in data if row[4]})
    times = sorted({row[2] for row in data if row[4]})
    there = [row for row in data if row[1] < times[0] <= row[2]]
    total = sum(row[5] for row in there)
    p = {s: sum((row[5] for row in there if row[3] == s), Fraction(0)) / total for s in states}
    influence = {row[0]: dict.fromkeys(states, Fraction(0)) for row in data}
    for row in there:
        influence[row[0]] = {s: row[5] * ((s == row[3]) - p[s]) / total for s in states}
    for time in times:
        if time > until:
            break
        risk = [row for row in data if row[1] < time <= row[2]]
        weight = {s: sum((row[5] for row in risk if row[3] == s), Fraction(0)) for s in states}
        step = {s: {k: Fraction(int(s == k)) for k in states} for s in states}
        for row in risk:
            if row[2] == time and row[4]:
                step[row[3]][row[4]] += row[5] / weight[row[3]]
                step[row[3]][row[3]] -= row[5] / weight[row[3]]
        moved = {q: {k: sum(u[s] * step[s][k] for s in states) for k in states} for q, u in influence.items()}
        for row in risk:
            went = row[4] if row[2] == time and row[4] else row[3]
            for k in states:
                moved[row[0]][k] += row[5] * p[row[3]] / weight[row[3]] * ((k == went) - step[row[3]][k])
        influence = moved
        p = {k: sum((p[s] * step[s][k] for s in states), Fraction(0)) for k in states}
    return p, {s: sum((u[s] ** 2 for u in influence.values()), Fraction(0)) for s in states}


@pytest.mark.parametrize("month", PATH)
def test_four_persons_who_are_all_seen_are_shares_of_four(month: int) -> None:
    here = at(fitted(FOUR), month)
    assert [share.state for share in here.shares] == ["a", "b", "dead"]
    for share, number in zip(here.shares, PATH[month], strict=True):
        p = number / 4
        assert share.probability == pytest.approx(p, abs=1e-15)
        assert share.std_error == pytest.approx(math.sqrt(p * (1 - p) / 4), rel=1e-13)


def test_numbers_seen_in_a_state_are_those_just_before_and_the_dead_are_still_counted() -> None:
    found = fitted(FOUR)
    assert found.absorbing == ("dead",)
    assert found.numbers([0, 1, 1.5, 3, 3.5, 5, 6, 6.5]) == (
        (4, 0, 0), (4, 0, 0), (3, 1, 0), (2, 2, 0), (1, 1, 2), (2, 0, 2), (1, 0, 2), (0, 0, 2),
    )  # fmt: skip


def test_transitions_are_counted_from_row_to_column() -> None:
    found = fitted(FOUR)
    assert found.transitions.to_numpy().tolist() == [[0, 2, 1], [1, 0, 1], [0, 0, 0]]
    assert found.transitions.loc["b", "dead"] == 1
    assert (found.n, found.followed_to) == (4, 6)


# Late entries (persons 5, 6), censoring, a gap (person 7), a tie at month 3, and weights.
ONE, HALF = Fraction(1), Fraction(1, 2)
HARDER = [
    (1, 0, 1, "a", "b", HALF), (1, 1, 3, "b", "c", HALF), (1, 3, 7, "c", None, HALF),
    (2, 0, 3, "a", "c", ONE), (2, 3, 5, "c", "a", ONE), (2, 5, 8, "a", None, ONE),
    (3, 0, 4, "a", None, Fraction(2, 3)),
    (4, 0, 2, "b", "a", ONE), (4, 2, 3, "a", "b", ONE), (4, 3, 4, "b", None, ONE),
    (5, HALF, 3, "b", "a", Fraction(3, 4)), (5, 3, 6, "a", "c", Fraction(3, 4)),
    (6, 2, 6, "c", None, Fraction(1, 3)),
    (7, 0, 2, "a", None, ONE), (7, 4, 6, "b", "c", ONE), (7, 6, 7, "c", "a", ONE),
]  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("month", [0, 1, 2, 3, 4, 5, 6, 7, 8])
def test_seven_persons_with_late_entries_gaps_and_returns(weighted: bool, month: int) -> None:
    rows = [row if weighted else row[:5] for row in HARDER]
    p, variance = paper(rows, month)
    here = at(fitted(rows, **({"weight": "weight"} if weighted else {})), month)
    for share in here.shares:
        assert share.probability == pytest.approx(float(p[share.state]), rel=1e-13, abs=1e-15)
        assert share.std_error == pytest.approx(math.sqrt(variance[share.state]), rel=1e-12, abs=1e-15)


def test_who_is_at_risk_at_the_first_transition_says_where_persons_begin() -> None:
    # At month 2, the first transition, are 1 (a), 2 (b, since 1) and 3 (a); 4 was censored at 1, 5 comes at 2.
    rows = [(1, 0, 2, "a", "b"), (2, 1, 4, "b", None), (3, 0, 4, "a", None), (4, 0, 1, "b", None), (5, 2, 4, "b", None)]
    found = fitted(rows)
    assert found.probability[0].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert found.std_error[0] == pytest.approx([math.sqrt(2 / 9 / 3)] * 2)
    assert at(found, 2).shares[0].probability == pytest.approx(1 / 3)


def test_without_a_transition_the_states_stay_as_they_are_at_the_first_end_of_follow_up() -> None:
    # That is month 5, because the rows of 1 go on at 3: there are 1 (a), 2 (b) and 4 (b, since 4).
    rows = [(1, 0, 3, "a", None), (1, 3, 9, "a", None), (2, 0, 5, "b", None), (3, 6, 8, "b", None)]
    found = fitted([*rows, (4, 4, 9, "b", None)])
    assert found.month.tolist() == [0]
    assert [share.probability for share in at(found, 7).shares] == pytest.approx([1 / 3, 2 / 3])
    first, second = found.mean_time(4)
    assert isinstance(first, MeanTime)
    assert isinstance(second, MeanTime)
    assert (first.value, first.std_error) == pytest.approx((4 / 3, 4 * math.sqrt(2 / 27)))


def test_mean_times_are_areas_and_add_to_the_horizon() -> None:
    # Persons were in a for 1, 2 + 1, 3 and 5 of five months, in b for 2, 2, 0, 0 and dead for 2, 0, 2, 0: with nobody
    # censored the means are those of the four, with the root of their mean square deviation over 4.
    for mean, times in zip(fitted(FOUR).mean_time(5), [(1, 3, 3, 5), (2, 2, 0, 0), (2, 0, 2, 0)], strict=True):
        assert isinstance(mean, MeanTime)
        assert mean.value == pytest.approx(np.mean(times), rel=1e-14)
        assert mean.std_error == pytest.approx(np.std(times) / 2, rel=1e-13)
        # limits on the logit of mean / horizon
        odds, turn = mean.value / (5 - mean.value), math.exp(Z * mean.std_error * 5 / mean.value / (5 - mean.value))
        assert (mean.low, mean.high) == pytest.approx((5 * odds / (turn + odds), 5 * odds * turn / (1 + odds * turn)))


def test_a_horizon_between_two_transitions_cuts_the_area_there() -> None:
    means = fitted(FOUR).mean_time(2.5)
    assert [mean.value for mean in means[:2] if isinstance(mean, MeanTime)] == pytest.approx([1 + 3 / 4 + 1 / 4, 1 / 2])
    assert means[2] == NotEstimable(
        reason="state dead: nobody was in it up to month 2.5, so the mean time in it has no interval"
    )


def test_a_horizon_beyond_the_follow_up_names_the_month_to_which_persons_are_followed() -> None:
    found = fitted(FOUR)
    means = found.mean_time(12)
    assert len(means) == 3
    assert all("followed to month 6 only, not to month 12" in m.reason for m in means if isinstance(m, NotEstimable))
    assert found.at([6.5]) == (NotEstimable(reason="nobody is followed beyond month 6"),)
    with pytest.raises(ValueError, match="positive number"):
        found.mean_time(0)


def test_where_everybody_is_dead_no_longer_follow_up_is_needed() -> None:
    found = fitted([(1, 0, 1, "a", "dead"), (2, 0, 2, "a", "dead")])
    assert [share.probability for share in at(found, 30).shares] == [0, 1]
    alive, _ = found.mean_time(30)
    assert isinstance(alive, MeanTime)
    assert (alive.value, alive.std_error) == pytest.approx((1.5, 0.5 / math.sqrt(2)))


def test_the_difference_of_mean_times_is_the_second_group_minus_the_first() -> None:
    rows = [(1, 0, 2, "a", "b"), (1, 2, 5, "b", "dead"), (2, 0, 5, "a", None), (3, 0, 1, "a", "dead")]
    first, second = fitted(FOUR), fitted(rows)
    found = mean_time_difference(first, second, horizon=5)
    for mean, one, other in zip(found, [(1, 3, 3, 5), (2, 2, 0, 0)], [(2, 5, 1), (3, 0, 0)], strict=False):
        assert isinstance(mean, MeanTime)
        value, error = np.mean(other) - np.mean(one), math.hypot(np.std(one) / 2, np.std(other) / math.sqrt(3))
        assert (mean.value, mean.std_error) == pytest.approx((value, error))
        assert (mean.low, mean.high) == pytest.approx((value - Z * error, value + Z * error))
        assert mean.p == pytest.approx(math.erfc(abs(value) / error / math.sqrt(2)))
    with pytest.raises(ValueError, match="other states"):
        mean_time_difference(first, fitted(rows, states=["b", "a", "dead"]), horizon=5)
    none = mean_time_difference(first, second, horizon=6)
    assert all(isinstance(mean, NotEstimable) for mean in none)


def test_limits_are_log_log_and_clopper_pearson_where_nobody_or_everybody_is() -> None:
    found = fitted(FOUR)
    a, b, dead = at(found, 2).shares
    turn = math.exp(Z * math.sqrt(1 / 16) / (0.5 * math.log(2)))
    assert (a.low, a.high) == pytest.approx((0.5**turn, 0.5 ** (1 / turn)))
    assert (b.low, b.high) == pytest.approx((a.low, a.high))
    # p (1 - p) / se^2 = 4 persons, none of them dead
    assert (dead.low, dead.high) == pytest.approx((0, 1 - 0.025 ** (1 / 4)))
    before = at(found, 0.5).shares
    assert (before[0].low, before[0].high) == pytest.approx((0.025 ** (1 / 4), 1))
    assert (before[1].low, before[1].high) == pytest.approx((0, 1 - 0.025 ** (1 / 4)))


def test_before_anything_happens_the_limits_rest_on_those_seen_at_that_time() -> None:
    rows = [(person, 0, month, "a", None) for person, month in enumerate([2, 3, 4, 5])]
    found = fitted([*rows, (9, 0, 6, "a", "b")])
    assert at(found, 2.5).shares[0].low == pytest.approx(0.025 ** (1 / 4))
    assert at(found, 5).shares[0].low == pytest.approx(0.025 ** (1 / 2))


def test_limits_of_a_state_in_which_nobody_is_rest_on_what_the_least_certain_of_the_others_is_worth() -> None:
    # One of five goes to b at 1, one is censored at 2, one of the three left goes to c at 3.
    rows = [(1, 0, 1, "a", "b"), (1, 1, 9, "b", None), (2, 0, 2, "a", None), (3, 0, 3, "a", "c"), (3, 3, 9, "c", None),
            (4, 0, 9, "a", None), (5, 0, 9, "a", None)]  # fmt: skip
    p, variance = paper(rows, 3)
    assert p == {"a": Fraction(8, 15), "b": Fraction(1, 5), "c": Fraction(4, 15)}
    worth = {state: p[state] * (1 - p[state]) / variance[state] for state in p}
    assert worth["b"] == 5
    assert min(worth.values()) < 4.5
    none = at(fitted(rows, states=["a", "b", "c", "dead"]), 3).shares[3]
    assert (none.low, none.high) == pytest.approx((0, 1 - 0.025 ** (1 / float(min(worth.values())))))


def test_one_person_has_wide_limits_and_no_standard_error() -> None:
    found = fitted([(1, 0, 2, "a", "b"), (1, 2, 4, "b", None)])
    for month, low in ((1, (0.025, 0)), (3, (0, 0.025))):
        here = at(found, month).shares
        assert [share.std_error for share in here] == [0, 0]
        assert tuple(share.low for share in here) == pytest.approx(low)
    for month, reasons in ((4, ("all were as long", "all were as long")), (1.5, ("everybody was", "nobody was"))):
        for mean, reason in zip(found.mean_time(month), reasons, strict=True):
            assert isinstance(mean, NotEstimable)
            assert reason in mean.reason


def test_all_transitions_at_one_time() -> None:
    found = fitted([(person, 0, 3, "a", to) for person, to in enumerate(["b", "b", "dead", None])])
    assert [share.probability for share in at(found, 3).shares] == [0.25, 0.5, 0.25]
    assert at(found, 3).shares[1].std_error == pytest.approx(0.25)


def test_nobody_and_weights_of_zero() -> None:
    empty = state_occupation(frame([]), **{name: name for name in COLUMNS})
    assert empty == NotEstimable(reason="there is nobody to follow")
    rows = [(1, 0, 2, "a", "b", 0), (2, 0, 3, "a", "b", 0)]
    assert state_occupation(frame(rows), **{name: name for name in COLUMNS}, weight="weight") == empty
    found = fitted([(1, 0, 2, "a", "b", 0), (2, 0, 3, "a", "c", 1)], weight="weight")
    assert found.states == ("a", "b", "c")
    assert [share.probability for share in at(found, 3).shares] == [0, 0, 1]
    assert found.n == 1


def test_states_may_be_listed_in_an_order_with_one_that_nobody_is_in() -> None:
    found = fitted([(1, 0, 2, "b", "a"), (2, 0, 3, "b", None)], states=["z", "b", "a"])
    assert [share.probability for share in at(found, 2).shares] == [0, 0.5, 0.5]
    refused([(1, 0, 2, "b", "a")], "not a", states=["b", "z"])
    refused([(1, 0, 2, "b", "a")], "each once", states=["b", "a", "b"])


def test_a_state_in_which_nobody_is_seen_any_more_is_noted() -> None:
    rows = [(1, 0, 2, "a", "b"), (1, 2, 3, "b", None), (2, 0, 4, "a", "dead"), (3, 0, 5, "a", None)]
    (note,) = fitted(rows).notes
    assert note.startswith("From some month on nobody under observation was in state b")


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([(1, 0, 4, "a", None), (1, 3, 5, "a", None), (2, 0, 1, "a", None)], "of 2 persons: 1 with rows that overlap"),
        ([(1, 0, 4, "a", None), (1, 0, 4, "b", None)], "1 with rows that overlap"),
        ([(1, 0, 3, "a", "b"), (1, 3, 5, "a", None)], "1 with an interval in a state that was not entered"),
        ([(1, 0, 3, "a", None), (1, 3, 5, "b", None)], "1 with an interval in a state that was not entered"),
        ([(1, 0, 3, "a", "a"), (1, 3, 5, "a", None)], "1 with a transition from a state to the same state"),
        ([(1, 0, 3, "a", "dead"), (1, 4, 5, "a", None)], "1 with an interval in or after an absorbing state"),
        ([(1, 0, 3, "a", "dead"), (1, 3, 5, "a", None)], "1 with an interval in or after an absorbing state"),
        ([(1, 0, 3, "dead", None)], "1 with an interval in or after an absorbing state"),
        ([(1, 3, 3, "a", None), (2, 5, 4, "a", None)], "2 with a row whose entry is not before its month"),
        ([(1, -2, 0, "a", None)], "1 with a row whose entry is not before its month"),
        ([(1, 0, math.inf, "a", None)], "1 with an infinite"),
        ([(1, 0, None, "a", None)], r"missing in month \(1 rows\)"),
        ([(1, 0, 3, None, None)], r"missing in state \(1 rows\)"),
    ],
)
def test_impossible_histories_are_refused_with_the_number_of_persons(
    rows: list[tuple[object, ...]], match: str
) -> None:
    refused(rows, match, absorbing=["dead"])


def test_a_state_in_which_nobody_is_seen_is_absorbing_without_being_named() -> None:
    assert fitted([(1, 0, 3, "a", "b"), (2, 0, 4, "a", None)]).absorbing == ("b",)
    refused([(1, 0, 3, "a", "b"), (1, 4, 5, "a", None)], "1 with an interval in or after an absorbing state")


def test_all_problems_are_told_at_once_and_no_row_is_shown() -> None:
    rows = [("anna", 0, 4, "a", None), ("anna", 3, 5, "a", None), ("ben", 4, 4, "a", None)]
    with pytest.raises(ValueError, match="overlap") as told:
        fitted(rows)
    assert "entry is not before" in str(told.value)
    assert "anna" not in str(told.value)
    with pytest.raises(ValueError, match="no column weight"):
        fitted(rows, weight="weight")
    with pytest.raises(ValueError, match="negative weight"):
        fitted([(1, 0, 3, "a", None, -1)], weight="weight")


def test_a_person_out_of_sight_is_noted_and_may_come_back_in_another_state() -> None:
    found = fitted([(1, 0, 2, "a", None), (1, 3, 5, "b", "c"), (2, 0, 4, "a", "b"), (2, 4, 5, "b", None)])
    assert found.notes[0].startswith("Some persons were out of sight")


# --- marks -----------------------------------------------------------------------------------------------------------
MARKS = pd.DataFrame(
    {
        "who": [3, 1, 2, 4, 5, 6],
        "from": [0, 0, 0, 2, 0, 1],
        "end": [10, 10, 10, 10, 5, 6],
        "response": [3, None, 4, 1, 5, 6],
        "relapse": [7, None, 4, None, 9, 6],
        "death": [9, 8, None, None, None, None],
    }
)


def intervals(data: pd.DataFrame, **settings: object) -> list[tuple[object, ...]]:
    marks = {"response": "response", "relapse": "relapse", "dead": "death"}
    rows = intervals_from_marks(
        data, person="who", end="end", entry="from", marks=marks, first="active", absorbing=["dead"], **settings
    )  # type: ignore[arg-type]
    assert list(rows.columns) == COLUMNS
    rows = rows.astype(object).where(rows.notna(), None)
    return list(rows.itertuples(index=False, name=None))


def test_marks_become_intervals() -> None:
    assert intervals(MARKS) == [
        (1, 0, 8, "active", "dead"),
        # response and relapse in one month: the one listed last
        (2, 0, 4, "active", "relapse"), (2, 4, 10, "relapse", None),
        (3, 0, 3, "active", "response"), (3, 3, 7, "response", "relapse"), (3, 7, 9, "relapse", "dead"),
        # a mark before the entry is where a person comes in
        (4, 2, 10, "response", None),
        # a mark at the end is gone to, one after it is not seen
        (5, 0, 5, "active", "response"),
        (6, 1, 6, "active", "relapse"),
    ]  # fmt: skip


def test_intervals_of_marks_are_what_state_occupation_asks_for() -> None:
    rows = pd.DataFrame(intervals(MARKS), columns=COLUMNS)
    assert isinstance(state_occupation(rows, **{name: name for name in COLUMNS}, absorbing=["dead"]), StateOccupation)
    empty = intervals_from_marks(MARKS.iloc[:0], person="who", end="end", marks={"dead": "death"}, first="active")
    assert list(empty.columns) == COLUMNS
    assert empty.empty


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"who": [1, 1, 2, 4, 5, 6]}, "1 in several rows"),
        ({"end": [10, 10, None, 2, 5, 6]}, "2 with an end that is missing or not after the entry"),
        ({"death": [9, 8, None, 2, None, None]}, "1 in an absorbing state at or before the entry"),
        ({"death": [6, 8, 3, None, None, None]}, "2 with a mark later than one of an absorbing state"),
    ],
)
def test_impossible_marks_are_refused_with_the_number_of_persons(change: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=f"of 6 persons: {match}"):
        intervals(MARKS.assign(**change))


def test_marks_that_are_not_there_are_named() -> None:
    with pytest.raises(ValueError, match="no column cure"):
        intervals_from_marks(MARKS, person="who", end="end", marks={"cured": "cure"}, first="active")
    with pytest.raises(ValueError, match="no mark for lost"):
        intervals_from_marks(MARKS, person="who", end="end", marks={"d": "death"}, first="active", absorbing=["lost"])
    with pytest.raises(ValueError, match="active is the state before any mark"):
        intervals_from_marks(MARKS, person="who", end="end", marks={"active": "death"}, first="active")


def test_weights_that_would_cost_a_standard_error_its_digits_are_refused() -> None:
    rows = [(1, 0, 2, "a", "b"), (2, 0, 3, "a", None), (3, 0, 4, "a", "b")]
    data = pd.DataFrame(rows, columns=["person", "entry", "month", "state", "to"]).assign(weight=[0.0009, 0.5, 1.0])
    names = {name: name for name in ("person", "entry", "month", "state", "to", "weight")}
    with pytest.raises(ValueError, match="1,000-fold"):
        state_occupation(data, **names)
    assert state_occupation(data.assign(weight=[0.001, 0.5, 1.0]), **names)
