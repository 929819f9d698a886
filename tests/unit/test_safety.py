"""Safety counts what happens within follow-up, in the arm of time zero, events and persons apart."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest

from analyses.disclosure import check, mask
from analyses.repeated_events import stretches
from analyses.result import Estimate, Masked, NotEstimable, Result, Summary
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


AGAIN = table(
    ["term"],
    ("a", 0, "Sepsis"), ("a", 0, "Pneumonia"), ("a", 300, "Sepsis"), ("b", 400, "Sepsis"),
    ("d", 20, "Sepsis"), ("e", 30, "Sepsis"), ("f", 100, "Sepsis"),
)  # fmt: skip


def test_persons_are_in_stretches_from_one_event_to_the_next() -> None:
    patients = cohort().patients.set_index("person_id")
    rows = stretches(AGAIN, patients)
    own = rows[rows["person"] == "a"]
    # two on the day of entry come half a day later, a thousandth of a day apart
    assert (own["month"] * 30.4375).tolist() == pytest.approx([0.499, 0.5, 300, 730])
    assert own["event"].tolist() == [1, 1, 1, 0]
    assert own["entry"].tolist() == pytest.approx([0, *own["month"].tolist()[:-1]])
    # f dies of the infection of day 100: one stretch that ends with both
    assert rows.loc[rows["person"] == "f", ["event", "terminal"]].to_numpy().tolist() == [[1, 1]]
    assert rows["terminal"].sum() == 1
    assert rows["event"].sum() == len(AGAIN)


def test_the_robust_ratio_has_the_persons_as_clusters() -> None:
    name = "Serious infections|rituximab against ivig, robust|all|rate ratio|"
    ratio = answer(cohort(serious_infection=AGAIN), study())[name]
    assert isinstance(ratio, Estimate)
    assert ratio.low < ratio.value < ratio.high
    assert ratio.df is not None
    assert (ratio.df < 6, ratio.events) == (True, 7)
    assert isinstance(answer(cohort(serious_infection=INFECTIONS[:4]), study())[name], Estimate | NotEstimable)
    none = answer(cohort(), study())[name]
    assert none == NotEstimable(reason="no events in an arm")


def test_the_mean_number_counts_events_of_a_person_who_began() -> None:
    # ivig: 3 by month 12 and 4 by month 24 of 3 persons; nobody dies. rituximab: d, e and f, and then f dies.
    result = answer(cohort(serious_infection=AGAIN), study())
    for arm, month, mean, events in (("ivig", 12, 3 / 3, 3), ("rituximab", 12, 3 / 3, 3)):
        found = result[f"Mean number of serious infections||{arm}|mean|{month}"]
        assert isinstance(found, Estimate)
        assert found.value == pytest.approx(mean)
        assert number(result, f"Serious infections||{arm}|count|{month}") == events
    # followed for 730 days, which is month 23.98
    assert isinstance(result["Mean number of serious infections||ivig|mean|24"], NotEstimable)
    curve = next(c for c in result.curves if c.name == "Mean number of serious infections" and c.group == "ivig")
    assert (curve.kind, curve.unit) == ("step", "events per person")
    assert curve.value == pytest.approx((0, 1 / 3, 2 / 3, 1, 4 / 3, 4 / 3))
    assert curve.month[-1] == curve.at_risk_month[-1] == 21


def test_nobody_has_events_after_death() -> None:
    # f, one of three, dies on day 100: the event of d on day 200 is one of 2 alive, of 2/3 of those who began.
    one = table(["term"], ("d", 200, "Sepsis"))
    found = answer(cohort(serious_infection=one), study())["Mean number of serious infections||rituximab|mean|12"]
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(2 / 3 * 1 / 2)


def test_the_mean_number_of_few_persons_is_not_drawn_nor_printed() -> None:
    masked = mask([answer(cohort(serious_infection=AGAIN), study())])[0]
    assert [c.name for c in masked.curves if "serious" in c.name] == []
    assert isinstance(masked["Mean number of serious infections||ivig|mean|12"], Masked)
    assert isinstance(masked["Serious infections|rituximab against ivig, robust|all|rate ratio|"], Masked)


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
