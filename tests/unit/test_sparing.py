"""Glucocorticoid sparing: doses over time, the share at a low dose, and the dose of the first year added up by hand."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from analyses.disclosure import check
from analyses.dose_burden import _share, year_dose
from analyses.result import Estimate, NotEstimable, Result, Summary
from analyses.sparing import answer
from registry.cohort import Cohort
from registry.study import Study

if TYPE_CHECKING:
    from collections.abc import Sequence

MONTHS = (1, 3, 6, 12, 24)
DAYS = {1: 30, 3: 91, 6: 183, 12: 365, 24: 730}
YEAR = 365.25  # twelve months of 30.4375 days


def study(**settings: Any) -> Study:
    return Study.model_validate(
        {
            "folder": Path("nowhere"), "name": "s", "title": "S", "centre": [{"code": "lyon", "name": "Lyon"}],
            "analysis": {"covariates": ("age_decades",)}, **settings,
        }
    )  # fmt: skip


def cohort(patients: pd.DataFrame, doses: pd.DataFrame) -> Cohort:
    return Cohort(
        name="incident", snapshot_id="0123456789abcdef", data_cut=date(2026, 6, 30), digest="f" * 64, steps=(),
        patients=patients, tables=MappingProxyType({"prednisone_equivalent": doses}), centres=pd.DataFrame(),
        software=MappingProxyType({}),
    )  # fmt: skip


def one(baseline: float, stated: Sequence[tuple[float, float]], **columns: Any) -> Cohort:
    """Return a cohort of one person with a baseline dose and doses stated on days."""
    person = {"person_id": "a", "centre": "lyon", "arm": "ivig", "entry_day": 0, "age_decades": 5.0}
    doses = pd.DataFrame(stated, columns=["day", "oral_mg_day"]).assign(person_id="a")
    return cohort(pd.DataFrame([{**person, "prednisone": baseline, **columns}]), doses)


def drawn(size: int = 80) -> Cohort:
    """Return a cohort whose doses fall, faster with IVIG; the last person has no baseline dose, three have a pulse."""
    rng = np.random.default_rng(1)
    ids = [f"p{i:03}" for i in range(size)]
    arm = np.where(np.arange(size) % 2 == 0, "ivig", "rituximab")
    start = rng.choice([20.0, 40.0, 60.0], size)
    patients = pd.DataFrame(
        {
            "person_id": ids, "centre": rng.choice(["lyon", "porto"], size), "arm": arm, "entry_day": 0,
            "age_decades": rng.normal(5, 1, size).round(1), "prednisone": start,
        }
    )  # fmt: skip
    patients.loc[size - 1, "prednisone"] = math.nan
    share = {1: 0.8, 3: 0.5, 6: 0.3, 12: 0.12, 24: 0.1}
    rate = np.where(arm == "ivig", 1.0, 1.3)
    rows = [
        (ids[i], DAYS[m], round(start[i] * share[m] * rate[i] * rng.uniform(0.8, 1.2) / 2.5) * 2.5)
        for i in range(size)
        for m in MONTHS
    ]
    pulses = pd.DataFrame({"person_id": ids[:3], "day": 40, "oral_mg_day": None, "pulse_mg": 1250.0})
    doses = pd.DataFrame(rows, columns=["person_id", "day", "oral_mg_day"])
    return cohort(patients, pd.concat([doses.astype({"oral_mg_day": object}), pulses], ignore_index=True))


def number(result: Result, identifier: str) -> float:
    value = result[identifier]
    assert isinstance(value, Summary | Estimate), value
    return value.value


def added_up(person: Cohort) -> float | None:
    total = year_dose(person, person.tables["prednisone_equivalent"].rename(columns={"oral_mg_day": "value"}), study())
    return None if total.empty else float(total["a"])


# ---- the dose of the first year ----


def test_a_constant_dose_is_added_up_over_the_year() -> None:
    assert added_up(one(10, [(100, 10), (365, 10), (400, 10)])) == pytest.approx(10 * YEAR)


def test_between_two_doses_the_line_is_straight() -> None:
    # 40 to 10 over 100 days, 10 for the rest: a trapezoid of 2500 mg and a rectangle.
    assert added_up(one(40, [(100, 10), (400, 10)])) == pytest.approx(2500 + 10 * (YEAR - 100))


def test_a_line_that_crosses_month_twelve_counts_up_to_there() -> None:
    # From 20 at time zero to 0 at day 730.5: half-way down, 10, at month 12.
    assert added_up(one(20, [(300, 20 * (1 - 300 / 730.5)), (730.5, 0)])) == pytest.approx(15 * YEAR)


def test_the_last_dose_before_month_twelve_is_carried_forward() -> None:
    assert added_up(one(20, [(300, 0)])) == pytest.approx(3000)
    assert added_up(one(20, [(300, 20)])) == pytest.approx(20 * YEAR)


def test_doses_before_time_zero_do_not_count() -> None:
    assert added_up(one(10, [(-50, 90), (0, 80), (360, 10)])) == pytest.approx(10 * YEAR)


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert added_up(one(40, [(400, 10), (100, 10)])) == pytest.approx(2500 + 10 * (YEAR - 100))


@pytest.mark.parametrize(
    "person",
    [
        one(math.nan, [(300, 10), (400, 10)]),
        one(10, [(100, 10), (250, 10)]),
        one(10, [(100, 10), (600, 10)]),
        one(10, [(300, 10)], entry_day=40),
    ],
    ids=["no baseline", "nothing in the window of month 12", "nothing in it, but later", "prevalent"],
)
def test_without_enough_doses_there_is_no_sum(person: Cohort) -> None:
    assert added_up(person) is None


def test_those_with_and_without_a_sum_are_the_cohort() -> None:
    result = answer(drawn(), study())
    for group, size in (("ivig", 40), ("rituximab", 40), ("all", 80)):
        parts = [
            number(result, f"Cumulative dose|{level}|{group}|count|12") for level in ("persons", "without enough doses")
        ]
        assert sum(parts) == size
    assert number(result, "Cumulative dose|without enough doses|rituximab|count|12") == 1
    low, middle, high = (
        number(result, f"Cumulative dose||ivig|{s}|12") for s in ("quartile 1", "median", "quartile 3")
    )
    assert 0 < low <= middle <= high


# ---- the share at a low dose ----


def test_the_share_counts_those_at_or_below_the_rule() -> None:
    patients = pd.DataFrame(
        {
            "person_id": list("abcdef"), "centre": "lyon", "arm": ["ivig"] * 4 + ["rituximab"] * 2, "entry_day": 0,
            "age_decades": 5.0, "prednisone": [5.0, 5.5, math.nan, 60, 4, 5],
        }
    )  # fmt: skip
    doses = pd.DataFrame(
        {"person_id": list("abcd"), "day": [183, 183, 140, 183], "oral_mg_day": [5.0, 5.001, 0.0, 20.0]}
    )
    result = answer(cohort(patients, doses), study())
    assert number(result, "Low dose|persons with a dose|ivig|count|6") == 4
    assert number(result, "Low dose|at most 5 mg/day|ivig|count|6") == 2
    assert number(result, "Low dose|more than 5 mg/day|ivig|count|6") == 2
    share = result["Low dose|at most 5 mg/day|ivig|percent|6"]
    assert isinstance(share, Estimate)
    # Wilson, 2 of 4: centre 1/2, half-width z / (2 sqrt(4 + z^2)).
    z = 1.959963984540054
    assert share.value == 50
    assert share.high - 50 == pytest.approx(100 * z / (2 * math.sqrt(4 + z**2)))
    assert (share.n, share.events) == (4, 2)
    assert isinstance(result["Low dose|at most 5 mg/day|rituximab|percent|6"], NotEstimable)
    # Month 0 is the baseline dose of the cohort.
    assert number(result, "Low dose|persons with a dose|ivig|count|0") == 3
    assert number(result, "Low dose|at most 5 mg/day|rituximab|count|0") == 2
    all_low = result["Low dose|at most 5 mg/day|rituximab|percent|0"]
    assert isinstance(all_low, Estimate)
    assert all_low.high == 100


@pytest.mark.parametrize("whole", [1, 2, 3, 56, 63, 119])
def test_none_and_all_have_limits_of_exactly_zero_and_hundred(whole: int) -> None:
    none, everybody = _share(0, whole), _share(whole, whole)
    assert isinstance(none, Estimate)
    assert isinstance(everybody, Estimate)
    assert none.low == 0
    assert everybody.high == 100
    assert none.high == pytest.approx(100 - everybody.low)


def test_the_rule_of_the_study_decides_what_is_low() -> None:
    result = answer(drawn(), study(rules={"low_glucocorticoid_mg": 7.5}))
    assert number(result, "Low dose|at most 7.5 mg/day|all|count|12") > 0
    with pytest.raises(KeyError):
        result["Low dose|at most 5 mg/day|all|count|12"]


# ---- the model ----


def documented(low: str = "5") -> set[str]:
    """Return the ids that the first lines of the module promise."""
    arms, groups, comparison = ("ivig", "rituximab"), ("ivig", "rituximab", "all"), "rituximab minus ivig"
    places = (
        "in the cohort",
        "without a baseline value",
        "without a covariate",
        "without a later value",
        "in the model",
    )
    ids = {f"Persons|{level}|{g}|count|" for level in places for g in groups}
    ids |= {f"Persons measured||{g}|count|{m}" for m in (0, *MONTHS) for g in groups}
    ids |= {f"Measurements||{g}|count|{m}" for m in MONTHS for g in groups}
    statistics = ("mean", "sd", "median", "quartile 1", "quartile 3")
    ids |= {f"Observed value||{a}|{s}|{m}" for m in (0, *MONTHS) for a in arms for s in statistics}
    ids |= {f"Adjusted mean|{lv}|{a}|marginal mean|{m}" for m in MONTHS for a in arms for lv in ("", "mg/day")}
    ids |= {f"Difference|{comparison}{end}|all|difference|{m}" for m in MONTHS for end in ("", ", %")}
    ids |= {f"Variance|{level}|all|variance|" for level in ("centre", "patient", "residual")}
    ids |= {f"Intraclass correlation|{level}|all|intraclass correlation|" for level in ("centre", "patient")}
    ids |= {f"Variance||all|variance|{m}" for m in MONTHS}
    beside = ("centres as fixed effects", "random effects of persons and centres", "continuous time")
    ids |= {f"Difference, {b}|{comparison}{e}|all|difference|{m}" for b in beside for m in MONTHS for e in ("", ", %")}
    for span in ("month 1 to 6", "month 6 to 24"):
        ids |= {f"Slope|{span}{end}|{a}|slope|" for a in arms for end in ("", ", %")}
        ids |= {f"Slope|{comparison}, {span}{end}|all|difference|" for end in ("", ", %")}
    levels = ("persons with a dose", f"at most {low} mg/day", f"more than {low} mg/day")
    ids |= {f"Low dose|{level}|{g}|count|{m}" for level in levels for g in groups for m in (0, 6, 12, 24)}
    ids |= {f"Low dose|at most {low} mg/day|{g}|percent|{m}" for g in groups for m in (0, 6, 12, 24)}
    ids |= {f"Cumulative dose|{lv}|{g}|count|12" for lv in ("persons", "without enough doses") for g in groups}
    return ids | {f"Cumulative dose||{a}|{s}|12" for a in arms for s in statistics[2:]}


def test_every_promised_row_is_there_and_no_other() -> None:
    assert {row.id for row in answer(drawn(), study()).rows} == documented()


def test_every_promised_row_is_there_when_no_dose_is_known() -> None:
    result = answer(one(math.nan, []), study())
    assert {row.id for row in result.rows} == documented()
    assert result.curves == ()
    assert isinstance(result["Cumulative dose||ivig|median|12"], NotEstimable)
    assert isinstance(result["Adjusted mean|mg/day|ivig|marginal mean|6"], NotEstimable)


def test_sums_hold_for_the_masking_and_json_keeps_everything() -> None:
    result = answer(drawn(), study())
    check([result])
    assert Result.from_json(result.to_json()) == result


def test_pulses_are_no_oral_dose() -> None:
    # Three persons have a pulse on day 40 without an oral dose; it is neither a measurement nor a zero.
    result = answer(drawn(), study())
    assert number(result, "Measurements||all|count|1") == 79


def test_observed_doses_come_back_from_their_logarithms_as_they_were() -> None:
    drawn_doses = drawn().tables["prednisone_equivalent"].dropna(subset="oral_mg_day")
    at = drawn_doses[(drawn_doses["day"] == 365) & (drawn_doses["person_id"] != "p079")]
    arm = drawn().patients.set_index("person_id")["arm"]
    own = at[at["person_id"].map(arm) == "ivig"]["oral_mg_day"].astype(float)
    result = answer(drawn(), study())
    assert number(result, "Observed value||ivig|mean|12") == pytest.approx(own.mean(), abs=1e-9)
    assert number(result, "Observed value||ivig|median|12") == own.median()


def test_the_mean_is_shown_in_mg_and_the_difference_in_per_cent_of_dose_plus_one() -> None:
    result = answer(drawn(), study())
    log, dose = (number(result, f"Adjusted mean|{level}|ivig|marginal mean|3") for level in ("", "mg/day"))
    assert dose == 2**log - 1
    apart, percent = (number(result, f"Difference|rituximab minus ivig{end}|all|difference|3") for end in ("", ", %"))
    assert percent == pytest.approx(100 * (2**apart - 1))
    assert 10 < percent < 45


def test_curves_are_in_mg_and_begin_at_the_typical_dose_before_time_zero() -> None:
    result = answer(drawn(), study())
    start = drawn().patients.query("arm == 'ivig'")["prednisone"]
    curve = next(c for c in result.curves if c.group == "ivig")
    assert curve.unit == "mg/day"
    assert curve.value[0] == pytest.approx(2 ** np.log2(start + 1).mean() - 1)
    assert curve.value[1:] == tuple(number(result, f"Adjusted mean|mg/day|ivig|marginal mean|{m}") for m in MONTHS)
