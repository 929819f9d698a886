"""Safety counts what happens within follow-up, in the arm of time zero, events and persons apart."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest

from analyses.disclosure import check
from analyses.result import Estimate, NotEstimable, Result, Summary
from analyses.safety import answer
from registry.cohort import Cohort
from registry.study import Centre, Study

YEAR = 365.25


def study(reference: str = "ivig") -> Study:
    return Study.model_validate({
        "folder": Path("nowhere"), "name": "s", "title": "S", "centre": (Centre(code="c", name="C"),),
        "analysis": {"reference": reference},
    })  # fmt: skip


def table(columns: list[str], *rows: tuple[object, ...]) -> pd.DataFrame:
    """Return rows of a visit-level table with the arm of the person and the date of the day."""
    frame = pd.DataFrame(list(rows), columns=["person_id", "day", *columns])
    frame["day"] = frame["day"].astype(int)
    frame["arm"] = frame["person_id"].map(lambda person: "ivig" if person in "abc" else "rituximab")
    frame["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"], unit="D")
    return frame


def cohort(*, entry: dict[str, int] | None = None, **tables: pd.DataFrame) -> Cohort:
    """Return three with IVIG and three with rituximab first, each followed for 2 years."""
    people = list("abcdef")
    patients = pd.DataFrame(
        {
            "person_id": people,
            "arm": ["ivig"] * 3 + ["rituximab"] * 3,
            "entry_day": [(entry or {}).get(person, 0) for person in people],
            "end_day": [int(2 * YEAR)] * 5 + [100],
            "death_day": pd.array([None] * 5 + [100], dtype="Int64"),
            "death_cause": [None] * 5 + ["infection"],
            "igg_baseline_low": pd.array([True, False, None, False, False, False], dtype="boolean"),
            "igg_graded": [2, 1, 0, 3, 1, 0],
            "igg_grade_a": ["mild", "none", None, "severe", "none", None],
            "igg_grade_b": ["low", "none", None, "severe", "none", None],
            "igg_persistent": pd.array([True, False, None, True, False, None], dtype="boolean"),
        }
    )
    empty = {
        "serious_infection": table(["term"]),
        "event": table(["term"]),
        "infusion": table(["agent"]),
        "infusion_reaction": table(["agent", "grade"]),
    }
    return Cohort(
        name="incident", snapshot_id="0" * 16, data_cut=date(2026, 6, 30), digest="f" * 64, steps=(), patients=patients,
        tables=MappingProxyType({**empty, **tables}), centres=pd.DataFrame(), software=MappingProxyType({}),
    )  # fmt: skip


def number(result: Result, name: str) -> float:
    value = result[name]
    assert isinstance(value, Summary)
    return value.value


INFECTIONS = table(
    ["term"],
    ("a", -1, "Pneumonia"), ("a", 0, "Pneumonia"), ("a", 50, "Sepsis"), ("d", 10, "Sepsis"), ("e", 731, "Pneumonia"),
)  # fmt: skip


def test_events_count_from_time_zero_to_the_end_of_follow_up() -> None:
    # Of a: day -1 is before, days 0 and 50 count. Follow-up is 730 days: day 731 of e is after it.
    result = answer(cohort(serious_infection=INFECTIONS), study())
    assert number(result, "Serious infections||ivig|count|") == 2
    assert number(result, "Serious infections||rituximab|count|") == 1
    assert number(result, "Persons with a serious infection|yes|ivig|count|") == 1
    assert number(result, "Persons with a serious infection|no|ivig|count|") == 2
    assert number(result, "Persons with a serious infection|yes|ivig|percent|") == pytest.approx(100 / 3)


def test_a_rate_is_events_per_100_person_years() -> None:
    result = answer(cohort(serious_infection=INFECTIONS), study())
    years = 3 * 730 / YEAR
    assert number(result, "Person-years||ivig|person-years|") == pytest.approx(years)
    rate = result["Serious infections||ivig|rate|"]
    assert isinstance(rate, Estimate)
    assert rate.value == pytest.approx(100 * 2 / years)
    assert rate.low < rate.value < rate.high
    assert (rate.events, rate.unit) == (2, "per 100 person-years")


def test_the_ratio_is_comparator_against_reference() -> None:
    ratio = answer(cohort(serious_infection=INFECTIONS), study())[
        "Serious infections|rituximab against ivig|all|rate ratio|"
    ]
    turned = answer(cohort(serious_infection=INFECTIONS), study("rituximab"))[
        "Serious infections|ivig against rituximab|all|rate ratio|"
    ]
    assert isinstance(ratio, Estimate)
    assert isinstance(turned, Estimate)
    assert ratio.value == pytest.approx((1 / 1560) / (2 / 2190))
    assert ratio.value * turned.value == pytest.approx(1)
    assert ratio.p is not None


def test_prevalent_users_count_from_their_entry() -> None:
    result = answer(cohort(serious_infection=INFECTIONS, entry={"a": 30}), study())
    assert number(result, "Serious infections||ivig|count|") == 1
    assert number(result, "Person-years||ivig|person-years|") == pytest.approx((3 * 730 - 30) / YEAR)


def test_without_events_there_is_a_rate_of_zero_and_no_ratio() -> None:
    result = answer(cohort(), study())
    rate = result["Thromboembolic events||all|rate|"]
    assert isinstance(rate, Estimate)
    assert (rate.value, rate.low) == (0, 0)
    assert isinstance(result["Thromboembolic events|rituximab against ivig|all|rate ratio|"], NotEstimable)


def test_without_events_in_the_reference_the_ratio_has_no_upper_limit() -> None:
    one = table(["term"], ("d", 10, "Sepsis"))
    ratio = answer(cohort(serious_infection=one), study())["Serious infections|rituximab against ivig|all|rate ratio|"]
    assert isinstance(ratio, Estimate)
    assert (ratio.value, ratio.high) == (math.inf, math.inf)


def test_thromboembolism_is_known_by_its_term() -> None:
    events = table(["term"], ("a", 5, "Pulmonary embolism"), ("a", 9, "Headache"), ("d", 9, "Cerebrovascular accident"))
    result = answer(cohort(event=events), study())
    assert number(result, "Thromboembolic events||all|count|") == 2
    assert number(result, "Persons with a thromboembolic event|yes|ivig|count|") == 1


def test_deaths_have_causes_and_those_alive_complete_them() -> None:
    result = answer(cohort(), study())
    assert number(result, "Deaths||rituximab|count|") == 1
    assert number(result, "Cause of death|infection|rituximab|count|") == 1
    assert number(result, "Cause of death|alive|rituximab|count|") == 2
    assert number(result, "Cause of death|myositis|all|count|") == 0


def test_low_igg_is_among_those_with_a_gradable_value() -> None:
    result = answer(cohort(), study())
    before = {
        level: number(result, f"Low IgG before time zero|{level}|all|count|") for level in ("yes", "no", "not measured")
    }
    assert before == {"yes": 1, "no": 4, "not measured": 1}
    assert number(result, "IgG gradable after time zero|yes|all|count|") == 4
    assert number(result, "Lowest IgG, scheme A|severe|all|percent|") == 25
    assert number(result, "Lowest IgG, scheme B|low|ivig|percent|") == 50
    assert number(result, "Persistently low IgG|yes|all|count|") == 2


def test_infusions_with_a_reaction_are_told_from_reactions() -> None:
    infusion = table(["agent"], ("a", 0, "ivig"), ("a", 28, "ivig"), ("a", 300, "rituximab"), ("d", 0, "rituximab"))
    reaction = table(
        ["agent", "grade"], ("a", 28, "ivig", 2), ("a", 40, "ivig", None), ("d", 0, "rituximab", 3), ("e", 1, None, 1)
    )
    result = answer(cohort(infusion=infusion, infusion_reaction=reaction), study())
    assert number(result, "Infusions|ivig|ivig|count|") == 2
    assert number(result, "Infusions|rituximab|ivig|count|") == 1
    assert number(result, "Infusions with a reaction|ivig|ivig|count|") == 1
    assert number(result, "Infusions with a reaction|ivig|ivig|percent|") == 50
    assert number(result, "Infusion reactions|ivig|ivig|count|") == 2
    assert number(result, "Infusion reactions without a recorded infusion|ivig|ivig|count|") == 1
    assert number(result, "Infusion reactions by grade, ivig|grade not stated|ivig|count|") == 1
    assert number(result, "Infusion reactions by grade, rituximab|grade 3|rituximab|count|") == 1
    assert number(result, "Infusion reactions|other or not stated|rituximab|count|") == 1
    assert number(result, "Persons with an infusion reaction|yes|rituximab|count|") == 2


def test_follow_up_is_described_in_months() -> None:
    assert number(answer(cohort(), study()), "Follow-up||ivig|median|") == pytest.approx(730 / 30.4375)


def test_all_sums_hold() -> None:
    infusion = table(["agent"], ("a", 0, "ivig"), ("d", 0, "rituximab"))
    reaction = table(["agent", "grade"], ("a", 0, "ivig", 2))
    check([answer(cohort(serious_infection=INFECTIONS, infusion=infusion, infusion_reaction=reaction), study())])
