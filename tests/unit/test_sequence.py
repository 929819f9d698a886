"""Persons are in the state entered last, once in each, and the numbers of who moved where add up."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest

from analyses.disclosure import check, mask
from analyses.result import Estimate, Masked, NotEstimable, Result, Summary
from analyses.sequence import STATES, answer
from registry.cohort import Cohort
from registry.study import Centre, Study

DAYS = ("response_40_day", "relapse_day", "switch_day", "death_day")
YEARS_3 = 1096


def study(reference: str = "ivig") -> Study:
    return Study.model_validate({
        "folder": Path("nowhere"), "name": "s", "title": "S", "centre": (Centre(code="c", name="C"),),
        "analysis": {"reference": reference, "horizon_months": 24},
    })  # fmt: skip


def cohort(*people: tuple[str, int | None, int | None, int | None, int | None, int]) -> Cohort:
    """Return persons: arm, days of response, relapse, switch and death (None: never), and of the end of follow-up."""
    patients = pd.DataFrame(
        {
            "person_id": [f"p{i:03d}" for i in range(len(people))],
            "arm": [person[0] for person in people],
            "entry_day": [0] * len(people),
            "end_day": [person[5] for person in people],
            **{
                name: pd.array([person[place] for person in people], dtype="Int64")
                for place, name in enumerate(DAYS, start=1)
            },
        }
    )
    return Cohort(
        name="incident", snapshot_id="0" * 16, data_cut=date(2026, 6, 30), digest="f" * 64, steps=(), patients=patients,
        tables=MappingProxyType({}), centres=pd.DataFrame(), software=MappingProxyType({}),
    )  # fmt: skip


FOUR = cohort(
    ("ivig", 100, 300, 400, None, YEARS_3),  # response, relapse, second treatment
    ("ivig", None, None, 50, None, YEARS_3),  # second treatment
    ("ivig", None, None, 200, 200, 200),  # of two on one day the last counts: dead
    ("ivig", 100, None, None, None, YEARS_3),  # in response
    ("rituximab", 100, None, None, 500, 500),
    ("rituximab", None, None, None, None, YEARS_3),
)


def number(result: Result, name: str) -> float:
    value = result[name]
    assert isinstance(value, Summary | Estimate)
    return value.value


def test_who_moved_where_and_who_is_where_at_the_end() -> None:
    result = answer(FOUR, study())
    moves = {
        row.level: row.value.value
        for row in result.rows
        if row.topic == "Transitions" and row.group == "ivig" and isinstance(row.value, Summary) and row.value.value
    }
    assert moves == {
        "first treatment to in response": 2, "first treatment to second treatment": 1, "first treatment to dead": 1,
        "in response to relapse": 1, "relapse to second treatment": 1,
    }  # fmt: skip
    assert [number(result, f"Last state|{state}|ivig|count|") for state in STATES] == [0, 1, 0, 2, 1]
    assert number(result, "Persons who were ever in|second treatment|ivig|count|") == 2
    assert number(result, "Persons who were ever in|relapse|all|count|") == 1
    check([result])


def test_without_censoring_a_probability_is_a_share_and_the_states_add_to_1() -> None:
    # Day 365 is before month 12 (365.25): of four one is in response, one in relapse ... by 400 in second treatment.
    result = answer(FOUR, study())
    at_12 = [number(result, f"Probability of state|{state}|ivig|risk|12") for state in STATES]
    assert at_12 == pytest.approx([0, 1 / 4, 1 / 4, 1 / 4, 1 / 4])
    at_24 = [number(result, f"Probability of state|{state}|ivig|risk|24") for state in STATES]
    assert at_24 == pytest.approx([0, 1 / 4, 0, 2 / 4, 1 / 4])
    assert number(result, "Fewest persons in a state||ivig|count|24") == 1


def test_mean_times_are_areas_and_add_up_to_the_horizon() -> None:
    result = answer(FOUR, study())
    month = 30.4375
    mean = {state: result[f"Mean time in state|{state}|ivig|restricted mean|24"] for state in STATES}
    relapse = mean["relapse"]
    assert isinstance(relapse, Estimate)
    assert relapse.value == pytest.approx(100 / month / 4)
    assert sum(m.value for m in mean.values() if isinstance(m, Estimate)) == pytest.approx(24)
    turned = answer(FOUR, study("rituximab"))
    one = result["Mean time in state|dead, rituximab minus ivig|all|difference in restricted means|24"]
    other = turned["Mean time in state|dead, ivig minus rituximab|all|difference in restricted means|24"]
    assert isinstance(one, Estimate)
    assert isinstance(other, Estimate)
    assert one.value == pytest.approx(-other.value)


def test_the_curves_of_an_arm_share_their_months_and_add_to_1() -> None:
    own = [curve for curve in answer(FOUR, study()).curves if curve.group == "ivig"]
    assert [curve.name for curve in own] == [f"Probability of state: {state}" for state in STATES]
    assert {curve.month for curve in own} == {tuple(float(month) for month in range(0, 25, 3))}
    for shares in zip(*(curve.value for curve in own), strict=True):
        assert sum(shares) == pytest.approx(1)
    # the one who dies on day 200 (month 6.6) is no longer under observation at month 9
    assert own[0].at_risk == (4, 4, 4, 3, 3, 3, 3, 3, 3)


def test_an_arm_that_is_not_followed_far_enough_has_no_number_there() -> None:
    result = answer(
        cohort(*[("ivig", 10, None, None, None, 200)] * 3, *[("rituximab", 10, None, None, None, YEARS_3)] * 3), study()
    )
    assert isinstance(result["Probability of state|in response|ivig|risk|12"], NotEstimable)
    assert isinstance(result["Fewest persons in a state||ivig|count|12"], NotEstimable)
    assert isinstance(result["Mean time in state|in response|ivig|restricted mean|24"], NotEstimable)
    assert {curve.month[-1] for curve in result.curves if curve.group == "ivig"} == {6}


def test_an_arm_without_persons_has_no_numbers_and_no_curves() -> None:
    result = answer(cohort(*[("ivig", 10, None, None, None, YEARS_3)] * 3), study())
    assert isinstance(result["Probability of state|dead|rituximab|risk|12"], NotEstimable)
    assert {curve.group for curve in result.curves} == {"ivig"}


def many(*, dead: int) -> Cohort:
    """Return 60 persons an arm, so many of whom die after half a year; none is censored within the horizon."""
    arm: list[tuple[int | None, int | None, int | None, int | None]]
    arm = [(100, None, None, 180)] * dead + [(100, None, None, None)] * 20 + [(100, 300, None, None)] * 10
    arm += [(None, None, 60, None)] * 12
    arm += [(None, None, None, None)] * (60 - len(arm))
    return cohort(
        *((name, *days, days[3] if days[3] is not None else YEARS_3) for name in ("ivig", "rituximab") for days in arm)
    )


def test_one_small_state_withholds_the_probabilities_of_its_month_but_not_those_of_a_month_without_one() -> None:
    few = mask([answer(many(dead=3), study())])[0]
    assert all(isinstance(r.value, Masked) for r in few.rows if r.topic == "Probability of state" and r.month != 6)
    enough = mask([answer(many(dead=8), study())])[0]
    shown = [number(enough, f"Probability of state|{state}|ivig|risk|12") for state in STATES]
    assert shown == pytest.approx([10 / 60, 20 / 60, 10 / 60, 12 / 60, 8 / 60])


def test_with_a_mean_time_one_more_is_masked_or_it_would_be_the_rest() -> None:
    masked = mask([answer(many(dead=3), study())])[0]
    gone = {
        row.level for row in masked.rows
        if row.topic == "Mean time in state" and row.group == "ivig" and isinstance(row.value, Masked)
    }  # fmt: skip
    assert len(gone) == 2
    assert "dead" in gone
    difference = masked["Mean time in state|dead, rituximab minus ivig|all|difference in restricted means|24"]
    assert isinstance(difference, Masked)


def test_masked_curves_are_in_parts_share_their_months_add_to_1_and_stay_as_they_are() -> None:
    once = mask([answer(many(dead=3), study())])
    own = [curve for curve in once[0].curves if curve.group == "ivig"]
    assert len(own) == len(STATES)
    assert len({curve.month for curve in own}) == 1
    for shares in zip(*(curve.value for curve in own), strict=True):
        assert sum(shares) == pytest.approx(1)
    # 57 under observation at the end: 11 parts of 1/11, drawn at their middle
    parts = {round(2 * 11 * value, 6) for curve in own for value in curve.value}
    assert all(part == int(part) for part in parts)
    assert own[-1].value[-1] == 0
    # 3 of 60 died before month 6: 57 would tell
    assert own[-1].at_risk == (60, 60, *(None,) * 7)
    assert mask(once) == once


def test_the_dead_are_those_of_the_safety_result() -> None:
    # One count under two names: where one is withheld, so is the other, and they cannot differ.
    sequence = answer(many(dead=8), study())
    name = "Deaths||ivig|count|"

    def safety(number: int) -> Result:
        row = sequence.rows[0].model_copy(update={"topic": "Deaths", "level": "", "value": Summary(value=number)})
        return sequence.model_copy(update={"name": "safety", "rows": (row,), "totals": (), "curves": ()})

    assert isinstance(mask([sequence, safety(8)])[1][name], Summary)
    with pytest.raises(ValueError, match="is one count, and its value is 7 or 8"):
        mask([sequence, safety(7)])
