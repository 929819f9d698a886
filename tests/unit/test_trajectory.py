"""The trajectories: which value stands for a month, who is left out, what the rows are, and what cannot be had."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix

from analyses.disclosure import check, mask
from analyses.longitudinal import repeated
from analyses.longitudinal_fit import NO_COVARIANCE, STRUCTURES, TOO_FEW, fitted, spline
from analyses.longitudinal_measures import MEASURES, OUTCOMES, Outcome, values_in
from analyses.longitudinal_model import estimate, power
from analyses.longitudinal_sensitivity import periods
from analyses.methods.mixed import MixedFit, linear_mixed_model
from analyses.methods.repeated import Covariance, RepeatedFit, mmrm
from analyses.result import Estimate, NotEstimable, Result, Summary
from analyses.trajectory import answer
from analyses.windows import in_windows, windows
from registry.cohort import Cohort
from registry.errors import UserError
from registry.study import Study

MONTHS = (1, 3, 6, 12, 24)
DAYS = {1: 30, 3: 91, 6: 183, 12: 365, 24: 730}


def study(**analysis: Any) -> Study:
    return Study.model_validate(
        {
            "folder": Path("nowhere"), "name": "s", "title": "S", "centre": [{"code": "lyon", "name": "Lyon"}],
            "analysis": {"covariates": ("age_decades", "ild", "mmt8"), **analysis},
        }
    )  # fmt: skip


def cohort(patients: int = 60, *, seed: int = 1, **columns: Any) -> Cohort:
    """Return a cohort in which rituximab lowers log2 LDH by 0.3 less than IVIG at month 1 and as much at month 12."""
    rng = np.random.default_rng(seed)
    ids = [f"p{i:03}" for i in range(patients)]
    arm = np.where(np.arange(patients) % 2 == 0, "ivig", "rituximab")
    centre = np.array(["leuven", "lyon", "porto"])[rng.integers(0, 3, patients)]
    base = rng.normal(0.9, 0.5, patients).round(3)
    people = pd.DataFrame(
        {
            "person_id": ids, "centre": centre, "arm": arm, "entry_day": 0, "end_day": 740,
            "age_decades": rng.normal(5, 1, patients).round(1), "ild": rng.integers(0, 2, patients).astype(float),
            "log2_ldh": base, "mmt8": rng.integers(90, 140, patients).astype(float),
            "prednisone": rng.choice([20.0, 40.0, 60.0], patients), "log2_ck": base + 1, "log2_aldolase": base - 0.5,
            "haq": 1.5, "phga": (3 + base).round(1), **columns,
        }
    )  # fmt: skip
    level = rng.normal(0, 0.2, patients)
    rows = [
        {
            "person_id": ids[i], "analyte": analyte, "day": DAYS[month], "arm": arm[i], "centre": centre[i],
            "log2_multiple": round(
                0.6 * base[i] - 0.9 + level[i] + 0.3 * (arm[i] == "rituximab") * (month == 1) + rng.normal(0, 0.1), 4
            ),
        }
        for i in range(patients)
        for month in MONTHS
        for analyte in ("LDH", "CK", "aldolase")
    ]  # fmt: skip
    visits = [
        {
            "person_id": ids[i], "day": DAYS[month], "arm": arm[i], "centre": centre[i],
            "mmt8": 60 + month // 3 + (i % 7) + (i * 13 + month * i) % 5,
            "mmt_maximum": 80 if centre[i] == "porto" else 150,
            "haq": (i * month) % 9 / 8, "phga": (i * 7 + month * (i % 5)) % 50 / 10,
        }
        for i in range(patients)
        for month in MONTHS
    ]  # fmt: skip
    tables = {"lab_multiple": pd.DataFrame(rows), "visit": pd.DataFrame(visits)}
    return Cohort(
        name="incident", snapshot_id="0123456789abcdef", data_cut=date(2026, 6, 30), digest="f" * 64, steps=(),
        patients=people, tables=MappingProxyType(tables), centres=pd.DataFrame(), software=MappingProxyType({}),
    )  # fmt: skip


@cache
def answered(outcome: Outcome, patients: int = 60) -> Result:
    """Return the answer for the usual cohort."""
    return answer(cohort(patients), study(), outcome=outcome)


def number(result: Result, identifier: str) -> float:
    value = result[identifier]
    assert isinstance(value, Summary | Estimate), value
    return value.value


def changed(usual: Cohort, table: str, frame: pd.DataFrame) -> Cohort:
    tables = MappingProxyType({**usual.tables, table: frame})
    return Cohort(**{**{f: getattr(usual, f) for f in usual.__dataclass_fields__}, "tables": tables})


# ---- windows ----


def test_windows_meet_half_way_and_the_last_reaches_as_far_beyond() -> None:
    found = windows((1, 3, 6, 12, 24))
    assert [(w.first_day, w.last_day) for w in found] == [(16, 60), (61, 136), (137, 273), (274, 547), (548, 913)]


def test_the_order_of_months_does_not_matter_and_one_month_is_enough() -> None:
    assert windows((12, 1, 3, 3)) == windows((1, 3, 12))
    assert [(w.first_day, w.last_day) for w in windows((12,))] == [(183, 547)]


@pytest.mark.parametrize(("day", "month"), [(15, None), (16, 1), (60, 1), (61, 3), (913, 24), (914, None)])
def test_a_value_belongs_to_the_window_of_its_day(day: int, month: int | None) -> None:
    found = in_windows(pd.DataFrame({"person_id": ["a"], "day": [day]}), windows(MONTHS))
    assert found["month"].tolist() == ([] if month is None else [month])


def test_the_nearest_value_counts_and_of_two_equally_near_the_earlier() -> None:
    # Month 6 is day 182.625.
    values = pd.DataFrame({"person_id": "a", "day": [184, 150, 182], "value": [1.0, 2.0, 3.0]})
    assert in_windows(values, windows(MONTHS))["value"].tolist() == [3.0, 1.0, 2.0]
    # Month 8 is day 243.5, as far from 243 as from 244.
    tie = pd.DataFrame({"person_id": "a", "day": [244, 243], "value": [1.0, 2.0]})
    assert in_windows(tie, windows((8,)))["value"].tolist() == [2.0, 1.0]


# ---- rows ----

BESIDE = (
    "Difference, centres as fixed effects", "Difference, random effects of persons and centres",
    "Difference, continuous time",
)  # fmt: skip
"""Topics of the differences by the models beside the primary one."""


def documented(comparison: str = "rituximab minus ivig", *, natural: str) -> set[str]:
    """Return the ids that the first lines of the module promise."""
    arms, groups = ("ivig", "rituximab"), ("ivig", "rituximab", "all")
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
    ids |= {f"Observed value||{a}|{s}|{m}" for m in (0, *MONTHS) for a in arms for s in ("mean", "sd")}
    levels = ("", natural) if natural else ("",)
    ends = ("", ", %") if natural else ("",)
    ids |= {f"Adjusted mean|{level}|{a}|marginal mean|{m}" for m in MONTHS for a in arms for level in levels}
    ids |= {f"Difference|{comparison}{end}|all|difference|{m}" for m in MONTHS for end in ends}
    ids |= {f"Variance|{level}|all|variance|" for level in ("centre", "patient", "residual")}
    ids |= {f"Intraclass correlation|{level}|all|intraclass correlation|" for level in ("centre", "patient")}
    ids |= {f"Variance||all|variance|{m}" for m in MONTHS}
    ids |= {f"{topic}|{comparison}{end}|all|difference|{m}" for topic in BESIDE for m in MONTHS for end in ends}
    spans = [f"month {start} to {end}" for start, end in ((1, 6), (6, 24))]
    ids |= {f"Slope|{span}{end}|{a}|slope|" for span in spans for a in arms for end in ends}
    return ids | {f"Slope|{comparison}, {span}{end}|all|difference|" for span in spans for end in ends}


NATURAL: dict[Outcome, str] = {"ldh": "x ULN", "ck": "x ULN", "aldolase": "x ULN", "mmt8": "", "haq": "", "phga": ""}
UNITS = {"mmt8": "points", "haq": "points", "phga": "cm"}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_promised_row_is_there_and_no_other(outcome: Outcome) -> None:
    result = answered(outcome)
    assert {row.id for row in result.rows} == documented(natural=NATURAL[outcome])
    assert result.name == f"trajectory_{outcome}"
    apart = result["Difference|rituximab minus ivig|all|difference|12"]
    assert isinstance(apart, Estimate)
    assert (apart.unit, apart.n) == (UNITS.get(outcome, "log2 x ULN"), 60)


def test_each_measure_reads_its_own_values_and_its_own_baseline() -> None:
    usual = cohort()
    lab, visit = usual.tables["lab_multiple"], usual.tables["visit"]
    for outcome in OUTCOMES:
        measure = MEASURES[outcome]
        own = (
            lab.query(f"analyte == '{measure.analyte}'")["log2_multiple"] if measure.analyte else visit[measure.column]
        )
        if outcome == "mmt8":
            own = own * 150 / visit["mmt_maximum"]
        assert values_in(usual, measure)["value"].tolist() == pytest.approx(own.tolist()), outcome
        result = answered(outcome)
        arm = usual.patients.query("arm == 'ivig'")
        assert number(result, "Observed value||ivig|mean|0") == pytest.approx(arm[measure.baseline].mean()), outcome


def test_the_questions_of_all_measures_differ() -> None:
    for part in ("title", "question", "name"):
        assert len({getattr(measure, part) for measure in MEASURES.values()}) == len(OUTCOMES)


def test_every_promised_row_is_there_when_nobody_was_measured() -> None:
    empty = cohort().tables["lab_multiple"].iloc[:0]
    result = answer(changed(cohort(), "lab_multiple", empty), study(), outcome="ldh")
    assert {row.id for row in result.rows} == documented(natural="x ULN")
    assert number(result, "Persons|without a later value|all|count|") == 60
    assert isinstance(result["Difference|rituximab minus ivig|all|difference|6"], NotEstimable)
    assert isinstance(result["Variance|patient|all|variance|"], NotEstimable)
    assert isinstance(result["Observed value||ivig|mean|0"], NotEstimable)
    assert result.curves == ()
    assert {c.outcome for c in result.checks} == {"not applicable"}


def test_sums_hold_for_the_masking() -> None:
    check([answer(cohort(ild=[math.nan] * 7 + [1.0, 0.0] * 26 + [1.0]), study(), outcome="ldh")])


def test_a_result_survives_json() -> None:
    result = answered("mmt8")
    assert Result.from_json(result.to_json()) == result


def test_the_reference_of_the_study_turns_the_difference_round() -> None:
    one = answered("ldh")["Difference|rituximab minus ivig|all|difference|1"]
    other = answer(cohort(), study(reference="rituximab"), outcome="ldh")[
        "Difference|ivig minus rituximab|all|difference|1"
    ]
    assert isinstance(one, Estimate)
    assert isinstance(other, Estimate)
    assert one.value == pytest.approx(-other.value, abs=1e-8)
    assert one.low == pytest.approx(-other.high, abs=1e-8)


# ---- numbers ----


def test_the_difference_is_found_where_it_is_and_nowhere_else() -> None:
    result = answered("ldh", 200)
    first, later = (result[f"Difference|rituximab minus ivig|all|difference|{m}"] for m in (1, 12))
    assert isinstance(first, Estimate)
    assert isinstance(later, Estimate)
    assert first.low < 0.3 < first.high
    assert first.p is not None
    assert first.p < 1e-6
    assert later.low < 0 < later.high
    assert (first.n, first.unit) == (200, "log2 x ULN")


def test_ldh_is_transformed_back_to_multiples_and_per_cent() -> None:
    result = answered("ldh")
    for arm in ("ivig", "rituximab"):
        log, multiple = (result[f"Adjusted mean|{level}|{arm}|marginal mean|3"] for level in ("", "x ULN"))
        assert isinstance(log, Estimate)
        assert isinstance(multiple, Estimate)
        assert (multiple.value, multiple.low, multiple.high) == (2**log.value, 2**log.low, 2**log.high)
    log, percent = (result[f"Difference|rituximab minus ivig{end}|all|difference|1"] for end in ("", ", %"))
    assert isinstance(log, Estimate)
    assert isinstance(percent, Estimate)
    assert percent.value == pytest.approx(100 * (2**log.value - 1))
    assert (percent.unit, percent.p) == ("%", log.p)


def test_the_difference_of_the_arms_is_that_of_their_adjusted_means() -> None:
    result = answered("ldh")
    for month in MONTHS:
        means = [number(result, f"Adjusted mean||{arm}|marginal mean|{month}") for arm in ("ivig", "rituximab")]
        apart = number(result, f"Difference|rituximab minus ivig|all|difference|{month}")
        assert means[1] - means[0] == pytest.approx(apart, abs=1e-10)


def rows_of_ldh() -> pd.DataFrame:
    """Return what the models read: one value a person and month, on its own day."""
    lab = cohort().tables["lab_multiple"].query("analyte == 'LDH'")
    data = lab[["person_id", "day", "log2_multiple"]].merge(cohort().patients, on="person_id")
    data["month"] = pd.Categorical(data["day"].map({day: month for month, day in DAYS.items()}), categories=MONTHS)
    return data.assign(years=data["day"] / 365.25)


TERMS = "age_decades + ild + mmt8"


def same(mine: Any, theirs: pd.Series[Any]) -> None:
    """Assert that a number of a Result is that of a fit."""
    assert isinstance(mine, Estimate)
    assert mine.value == pytest.approx(float(theirs["estimate"]), abs=1e-7)
    assert mine.low == pytest.approx(float(theirs["low"]), abs=1e-7)
    assert mine.df == pytest.approx(float(theirs["df"]), rel=1e-5)
    assert mine.p == pytest.approx(float(theirs["p"]), abs=1e-7)


@pytest.mark.parametrize(("topic", "more"), [("Difference", ""), (BESIDE[0], " + centre")])
def test_the_models_by_window_are_those_that_the_notes_describe(topic: str, more: str) -> None:
    result = answered("ldh")
    fit = mmrm(
        f"log2_multiple ~ (arm + log2_ldh) * month + {TERMS}{more}",
        rows_of_ldh(),
        patient="person_id",
        visit="month",
        inference="kenward-roger-linear",
    )
    assert isinstance(fit, RepeatedFit)
    own = fit.variance.set_index(["visit", "visit2"])["covariance"]
    for month in MONTHS if not more else ():
        assert number(result, f"Variance||all|variance|{month}") == pytest.approx(own[month, month], rel=1e-6)
    for month, (_, row) in zip(MONTHS, fit.contrasts("arm", by="month", reference="ivig").iterrows(), strict=True):
        same(result[f"{topic}|rituximab minus ivig|all|difference|{month}"], row)


def test_the_model_with_random_effects_is_the_one_that_the_notes_describe() -> None:
    result = answered("ldh")
    fit = linear_mixed_model(
        f"log2_multiple ~ (arm + log2_ldh) * month + {TERMS}", rows_of_ldh(), patient="person_id", centre="centre"
    )
    assert isinstance(fit, MixedFit)
    for month, (_, row) in zip(MONTHS, fit.contrasts("arm", by="month", reference="ivig").iterrows(), strict=True):
        same(result[f"{BESIDE[1]}|rituximab minus ivig|all|difference|{month}"], row)
    assert number(result, "Variance|patient|all|variance|") == pytest.approx(
        fit.variance.set_index("group").loc["patient", "value"], rel=1e-6
    )


def test_the_model_in_continuous_time_is_the_one_that_the_notes_describe() -> None:
    result = answered("ldh")
    # Restricted cubic spline after Harrell: another basis of the same curves.
    knots = [month / 12 for month in MONTHS]
    data = rows_of_ldh()
    names = []
    for place, knot in enumerate(knots[:-2]):
        last = (knots[-1] - knot) / (knots[-1] - knots[-2])
        before = (knots[-2] - knot) / (knots[-1] - knots[-2])
        names.append(f"s{place}")
        data[f"s{place}"] = (
            (data["years"] - knot).clip(lower=0) ** 3
            - last * (data["years"] - knots[-2]).clip(lower=0) ** 3
            + before * (data["years"] - knots[-1]).clip(lower=0) ** 3
        )
    fit = linear_mixed_model(
        f"log2_multiple ~ (arm + log2_ldh) * ({' + '.join(['years', *names])}) + {TERMS}", data, patient="person_id",
        centre="centre", slope="years",
    )  # fmt: skip
    assert isinstance(fit, MixedFit)

    def at(month: float, arm: str) -> dict[str, list[Any]]:
        year = month / 12
        here = {"years": [year], "arm": [arm]}
        for place, knot in enumerate(knots[:-2]):
            last = (knots[-1] - knot) / (knots[-1] - knots[-2])
            before = (knots[-2] - knot) / (knots[-1] - knots[-2])
            here[f"s{place}"] = [
                max(year - knot, 0) ** 3 - last * max(year - knots[-2], 0) ** 3 + before * max(year - knots[-1], 0) ** 3
            ]
        return here

    def mean(month: float, arm: str) -> float:
        return float(fit.marginal_means("arm", at=at(month, arm))["estimate"].iloc[0])

    for month in MONTHS:
        apart = result[f"{BESIDE[2]}|rituximab minus ivig|all|difference|{month}"]
        assert isinstance(apart, Estimate)
        assert apart.value == pytest.approx(mean(month, "rituximab") - mean(month, "ivig"), abs=1e-6)
        assert (apart.n, apart.unit) == (60, "log2 x ULN")
    for start, end in ((1, 6), (6, 24)):
        change = {arm: (mean(end, arm) - mean(start, arm)) / ((end - start) / 12) for arm in ("ivig", "rituximab")}
        for arm, slope in change.items():
            mine = result[f"Slope|month {start} to {end}|{arm}|slope|"]
            assert isinstance(mine, Estimate)
            assert mine.value == pytest.approx(slope, abs=1e-6)
            assert (mine.n, mine.unit) == (30, "log2 x ULN a year")
        apart = number(result, f"Slope|rituximab minus ivig, month {start} to {end}|all|difference|")
        assert apart == pytest.approx(change["rituximab"] - change["ivig"], abs=1e-6)


def test_slopes_of_logarithms_are_also_in_per_cent_a_year() -> None:
    result = answered("ldh")
    for level, group, statistic in (("", "ivig", "slope"), ("rituximab minus ivig, ", "all", "difference")):
        log, percent = (result[f"Slope|{level}month 1 to 6{end}|{group}|{statistic}|"] for end in ("", ", %"))
        assert isinstance(log, Estimate)
        assert isinstance(percent, Estimate)
        assert percent.high == pytest.approx(100 * (2**log.high - 1))
        assert percent.unit == "% a year"


@pytest.mark.parametrize(
    ("months", "expected"),
    [
        ((1, 3, 6, 12, 24), ((1, 6), (6, 24))), ((3, 12), ((3, 6), (6, 12))), ((6, 12), ((6, 12),)),
        ((1, 3), ((1, 3),)), ((12,), ()),
    ],
)  # fmt: skip
def test_slopes_turn_at_month_six(months: tuple[int, ...], expected: tuple[tuple[int, int], ...]) -> None:
    assert periods(months) == expected


@pytest.mark.parametrize("months", [(12,), (3, 12), (3, 6, 12), (1, 2, 3, 6, 12, 24)])
def test_the_spline_goes_through_any_months_and_is_straight_outside(months: tuple[int, ...]) -> None:
    made = model_matrix(spline(months), pd.DataFrame({"years": np.linspace(0.02, 2.5, 40)}))
    assert made.shape[1] == max(len(months), 2)
    assert np.linalg.matrix_rank(made.to_numpy()) == made.shape[1]
    for years in ([0, months[0] / 24, months[0] / 12], [months[-1] / 12, months[-1] / 12 + 1, months[-1] / 12 + 2]):
        rows = made.model_spec.get_model_matrix(pd.DataFrame({"years": years})).to_numpy()
        np.testing.assert_allclose(rows[0] - 2 * rows[1] + rows[2], 0, atol=1e-9)


def test_mmt8_of_the_dominant_side_is_brought_to_the_scale_of_both() -> None:
    one = pd.DataFrame({"person_id": ["p000", "p000"], "day": [30, 91], "mmt8": [60, 75], "mmt_maximum": [80, 150]})
    frame = pd.concat([cohort().tables["visit"].query("person_id != 'p000'"), one])
    data = repeated(
        cohort(), study(), values_in(changed(cohort(), "visit", frame), MEASURES["mmt8"]),
        baseline=cohort().patients["mmt8"], same_as="mmt8",
    )  # fmt: skip
    assert data.used.query("person_id == 'p000'")["value"].tolist() == [112.5, 75.0]


def test_the_baseline_value_is_not_also_a_covariate() -> None:
    notes = " ".join(answered("mmt8").notes)
    assert "adjusted for the value before time zero, age (per 10 years), interstitial lung disease." in notes
    assert "MMT8 (per point)." in " ".join(answered("ldh").notes)


# ---- who and what counts ----


def test_those_left_out_are_counted_by_the_first_reason() -> None:
    base = cohort().patients["log2_ldh"].copy()
    ild = cohort().patients["ild"].copy()
    base.iloc[:3] = np.nan
    ild.iloc[2:7] = np.nan
    lab = cohort().tables["lab_multiple"].query("person_id not in ['p006', 'p007', 'p008', 'p009']")
    result = answer(changed(cohort(log2_ldh=base, ild=ild), "lab_multiple", lab), study(), outcome="ldh")
    got = [
        number(result, f"Persons|{level}|all|count|")
        for level in ("in the cohort", "without a baseline value", "without a covariate", "without a later value")
    ]
    assert got == [60, 3, 4, 3]
    assert number(result, "Persons|in the model|all|count|") == 50
    assert number(result, "Persons measured||all|count|0") == 50


def test_values_without_an_upper_limit_are_not_used() -> None:
    lab = cohort().tables["lab_multiple"].copy()
    lab.loc[lab["person_id"] == "p000", "log2_multiple"] = np.nan
    result = answer(changed(cohort(), "lab_multiple", lab), study(), outcome="ldh")
    assert number(result, "Persons|without a later value|ivig|count|") == 1


def test_all_values_in_a_window_are_counted_and_one_a_person_is_used() -> None:
    lab = cohort().tables["lab_multiple"]
    flare = lab.query("person_id == 'p001' and day == 183 and analyte == 'LDH'").assign(day=200, log2_multiple=9.0)
    usual = answered("ldh")
    result = answer(changed(cohort(), "lab_multiple", pd.concat([lab, flare])), study(), outcome="ldh")
    assert number(result, "Measurements||rituximab|count|6") == 31
    assert number(result, "Persons measured||rituximab|count|6") == 30
    assert result["Adjusted mean||rituximab|marginal mean|6"] == usual["Adjusted mean||rituximab|marginal mean|6"]


def test_values_before_time_zero_and_before_entry_are_not_used() -> None:
    lab = cohort().tables["lab_multiple"]
    early = lab.query("day == 30").assign(day=0, log2_multiple=9.0)
    entry = np.zeros(60)
    entry[4] = 100
    result = answer(changed(cohort(entry_day=entry), "lab_multiple", pd.concat([lab, early])), study(), outcome="ldh")
    assert number(result, "Measurements||ivig|count|1") == 29
    assert number(result, "Persons measured||ivig|count|3") == 29
    assert number(result, "Persons measured||ivig|count|6") == 30


def test_a_month_in_which_nobody_of_an_arm_was_measured_has_reasons_and_the_others_numbers() -> None:
    lab = cohort().tables["lab_multiple"].query("not (arm == 'rituximab' and day == 730)")
    result = answer(changed(cohort(), "lab_multiple", lab), study(), outcome="ldh")
    for identifier in (
        "Adjusted mean||rituximab|marginal mean|24",
        "Adjusted mean|x ULN|rituximab|marginal mean|24",
        "Difference|rituximab minus ivig|all|difference|24",
        "Difference|rituximab minus ivig, %|all|difference|24",
    ):
        value = result[identifier]
        assert isinstance(value, NotEstimable)
        assert value.reason == "nobody with rituximab first was measured in the window of month 24"
    assert isinstance(result["Adjusted mean||ivig|marginal mean|24"], Estimate)
    assert isinstance(result["Difference|rituximab minus ivig|all|difference|12"], Estimate)
    by_arm = {curve.group: curve for curve in result.curves}
    assert by_arm["ivig"].month == (0, 1, 3, 6, 12, 24)
    assert by_arm["rituximab"].month == (0, 1, 3, 6, 12)
    assert by_arm["rituximab"].at_risk == (30, 30, 30, 30, 30, 0)


def test_a_cohort_of_one_arm_has_means_and_no_differences() -> None:
    result = answer(cohort(arm=["ivig"] * 60), study(), outcome="ldh")
    assert isinstance(result["Adjusted mean||ivig|marginal mean|6"], Estimate)
    assert isinstance(result["Difference|rituximab minus ivig|all|difference|6"], NotEstimable)
    assert [curve.group for curve in result.curves] == ["ivig"]


def test_one_centre_has_no_variance_between_centres() -> None:
    result = answer(cohort(centre=["lyon"] * 60), study(), outcome="ldh")
    value = result["Variance|centre|all|variance|"]
    assert isinstance(value, NotEstimable)
    assert value.reason == "there is only one centre"
    assert isinstance(result["Variance|patient|all|variance|"], Summary)


@pytest.mark.parametrize(
    ("columns", "covariates", "said"),
    [
        ({"ild": [1.0] * 60}, ("age_decades", "ild"), "Left out because all persons have the same value: ild."),
        ({"ild": [math.nan] * 60}, ("age_decades", "ild"), "Left out because nobody has a value: ild."),
        (
            {"twin": list(range(60)), "twice": list(range(0, 120, 2))},
            ("twin", "twice"),
            "from other covariates: twice.",
        ),
    ],
)
def test_covariates_that_cannot_be_used_are_left_out_and_named(
    columns: dict[str, list[float]], covariates: tuple[str, ...], said: str
) -> None:
    result = answer(cohort(**columns), study(covariates=covariates), outcome="ldh")
    assert any(said in note for note in result.notes)
    assert isinstance(result["Difference|rituximab minus ivig|all|difference|6"], Estimate)
    assert number(result, "Persons|without a covariate|all|count|") == 0


def test_a_covariate_that_does_not_exist_is_a_mistake_of_the_study() -> None:
    with pytest.raises(UserError, match="Unknown: shoe_size"):
        answer(cohort(), study(covariates=("shoe_size",)), outcome="ldh")


def test_curves_begin_with_the_observed_mean_and_go_through_the_adjusted_ones() -> None:
    result = answered("ldh")
    assert [(c.group, c.kind, c.unit) for c in result.curves] == [
        ("ivig", "line", "log2 x ULN"), ("rituximab", "line", "log2 x ULN"),
    ]  # fmt: skip
    for curve in result.curves:
        assert curve.month == (0.0, 1.0, 3.0, 6.0, 12.0, 24.0)
        assert curve.value[0] == pytest.approx(number(result, f"Observed value||{curve.group}|mean|0"))
        assert curve.value[1:] == tuple(
            number(result, f"Adjusted mean||{curve.group}|marginal mean|{m}") for m in MONTHS
        )
        assert all(low <= value <= high for low, value, high in zip(curve.low, curve.value, curve.high, strict=True))


def outcomes_of(checked: Result) -> dict[str, str]:
    return {check.name: check.outcome for check in checked.checks}


def test_an_arm_whose_values_spread_more_fails_its_check() -> None:
    lab = cohort(100).tables["lab_multiple"].copy()
    noise = np.random.default_rng(2).normal(0, 2, len(lab))
    lab["log2_multiple"] += np.where(lab["arm"] == "ivig", noise, 0)
    usual = outcomes_of(answered("ldh", 100))
    spread = outcomes_of(answer(changed(cohort(100), "lab_multiple", lab), study(), outcome="ldh"))
    assert usual["Spread of residuals by month and arm"] == "passed"
    assert spread["Spread of residuals by month and arm"] == "failed"


def test_months_that_spread_unlike_are_what_the_covariance_is_for() -> None:
    lab = cohort(100).tables["lab_multiple"].copy()
    late = lab["day"] == 730
    lab.loc[late, "log2_multiple"] += np.random.default_rng(2).normal(0, 2, late.sum())
    result = answer(changed(cohort(100), "lab_multiple", lab), study(), outcome="ldh")
    assert set(outcomes_of(result).values()) <= {"passed", "failed"}
    assert outcomes_of(result)["Spread of residuals by month and arm"] == "passed"
    usual = answered("ldh", 100)

    def width(of: Result, month: int) -> float:
        apart = of[f"Difference|rituximab minus ivig|all|difference|{month}"]
        assert isinstance(apart, Estimate)
        return apart.high - apart.low

    assert width(result, 24) > 5 * width(usual, 24)
    assert width(result, 1) == pytest.approx(width(usual, 1), rel=0.1)
    assert number(result, "Variance||all|variance|24") > 10 * number(result, "Variance||all|variance|1")


def test_a_variance_at_zero_is_said() -> None:
    result = answered("ldh")
    data = repeated(
        cohort(), study(), values_in(cohort(), MEASURES["ldh"]), baseline=cohort().patients["log2_ldh"],
        same_as="log2_ldh",
    )  # fmt: skip
    fit = fitted(data).centre_random
    assert isinstance(fit, MixedFit)
    assert (outcomes_of(result)["No variance is at zero"] == "failed") == bool(fit.zero)
    assert outcomes_of(result)["The model converged"] == "passed"
    assert outcomes_of(result)["The covariance of the months is unstructured"] == "passed"


def test_a_model_that_does_not_converge_gives_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def unconverged(*args: Any, **names: Any) -> RepeatedFit:
        fit = mmrm(*args, **names)
        assert isinstance(fit, RepeatedFit)
        return replace(fit, converged=False)

    monkeypatch.setattr("analyses.longitudinal_fit.mmrm", unconverged)
    result = answer(cohort(), study(), outcome="ldh")
    value = result["Difference|rituximab minus ivig|all|difference|6"]
    assert value == NotEstimable(reason="the model did not converge")
    assert isinstance(result[f"{BESIDE[1]}|rituximab minus ivig|all|difference|6"], Estimate)
    assert [c.outcome for c in result.checks[:3]] == ["failed", "not applicable", "not applicable"]
    assert result.curves[0].month == (0.0,)


@pytest.mark.parametrize(
    ("refused", "used"), [({"us"}, "toeph"), ({"us", "toeph"}, "csh"), ({"us", "toeph", "csh"}, "cs")]
)
def test_a_simpler_covariance_stands_in_and_is_named(
    refused: set[str], used: Covariance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choosy(*args: Any, covariance: Covariance, **names: Any) -> RepeatedFit | NotEstimable:
        if covariance in refused:
            return NotEstimable(reason="3 rows for 7 parameters")
        return mmrm(*args, covariance=covariance, **names)

    monkeypatch.setattr("analyses.longitudinal_fit.mmrm", choosy)
    result = answer(cohort(), study(), outcome="ldh")
    fit = mmrm(
        f"log2_multiple ~ (arm + log2_ldh) * month + {TERMS}",
        rows_of_ldh(),
        patient="person_id",
        visit="month",
        covariance=used,
        inference="kenward-roger-linear",
    )
    assert isinstance(fit, RepeatedFit)
    first = fit.contrasts("arm", by="month", reference="ivig").iloc[0]
    same(result["Difference|rituximab minus ivig|all|difference|1"], first)
    check = next(c for c in result.checks if c.name == "The covariance of the months is unstructured")
    assert check.outcome == "failed"
    assert STRUCTURES[used] in check.detail
    assert f"Covariance of the months: {STRUCTURES[used]}." in " ".join(result.notes)


@pytest.mark.parametrize("persons", [2, 4, 6])
def test_with_few_persons_no_number_and_no_reason_tells_how_many(persons: int) -> None:
    result = answer(cohort(persons), study(), outcome="ldh")
    assert {row.id for row in result.rows} == documented(natural="x ULN")
    reasons = {row.value.reason for row in result.rows if isinstance(row.value, NotEstimable)}
    assert reasons
    assert reasons <= {
        NO_COVARIANCE.reason,
        TOO_FEW.reason,
        "the model did not converge",
        "too few persons for an interval",
        "the model cannot tell it from other effects",
        "only one person was measured",
        "there is only one centre",
    }
    assert not re.search(r"\d (rows|patients|persons)", " ".join(one.detail for one in result.checks))


def test_centres_that_give_one_agent_only_are_compared_without_their_effects_and_not_with_them() -> None:
    arm = cohort().patients["arm"]
    centre = np.where(arm == "ivig", np.where(np.arange(60) % 4 == 0, "lyon", "porto"), "leuven")
    result = answer(cohort(centre=centre), study(), outcome="ldh")
    # The cohort puts the centre of a person in its tables, too; the models read that of the person.
    apart = result[f"{BESIDE[0]}|rituximab minus ivig|all|difference|6"]
    assert apart == NotEstimable(reason="the model cannot tell it from other effects")
    assert isinstance(result["Difference|rituximab minus ivig|all|difference|6"], Estimate)


def test_one_centre_has_no_effects_of_centres() -> None:
    result = answer(cohort(centre=["lyon"] * 60), study(), outcome="ldh")
    assert result[f"{BESIDE[0]}|rituximab minus ivig|all|difference|6"] == NotEstimable(
        reason="there is only one centre"
    )
    for topic in ("Difference", *BESIDE[1:]):
        assert isinstance(result[f"{topic}|rituximab minus ivig|all|difference|6"], Estimate), topic


def test_what_begins_or_ends_where_nobody_was_measured_has_no_slope() -> None:
    lab = cohort().tables["lab_multiple"].query("not (arm == 'rituximab' and day == 730)")
    result = answer(changed(cohort(), "lab_multiple", lab), study(), outcome="ldh")
    reason = NotEstimable(reason="nobody with rituximab first was measured in the window of month 24")
    for identifier in (
        "Slope|month 6 to 24|rituximab|slope|",
        "Slope|rituximab minus ivig, month 6 to 24, %|all|difference|",
        f"{BESIDE[2]}|rituximab minus ivig|all|difference|24",
    ):
        assert result[identifier] == reason
    assert isinstance(result["Slope|month 6 to 24|ivig|slope|"], Estimate)


def test_an_interval_without_a_degree_of_freedom_is_not_printed() -> None:
    row = pd.Series({"estimate": 1.0, "low": -1e9, "high": 1e9, "p": 0.9, "df": 0.4, "reason": ""})
    assert estimate(row, 0.95, unit="", n=7) == NotEstimable(reason="too few persons for an interval")
    assert isinstance(estimate(row.replace({0.4: 1.0}), 0.95, unit="", n=7), Estimate)
    assert power(5000.0) == math.inf
    assert power(3.0) == 8


def test_one_value_a_person_is_no_repeated_measurement() -> None:
    lab = cohort().tables["lab_multiple"].query("day == 365")
    result = answer(changed(cohort(), "lab_multiple", lab), study(), outcome="ldh")
    assert result["Difference|rituximab minus ivig|all|difference|12"] == NO_COVARIANCE
    assert number(result, "Observed value||ivig|mean|12") < 1


def test_one_month_has_no_slope_and_two_have_one() -> None:
    one = answer(cohort(), study(trajectory_months=(12,)), outcome="ldh")
    assert not [row for row in one.rows if row.topic == "Slope"]
    two = answer(cohort(), study(trajectory_months=(3, 12)), outcome="ldh")
    assert {row.level for row in two.rows if row.topic == "Slope" and row.group == "ivig"} == {
        f"month {span}{end}" for span in ("3 to 6", "6 to 12") for end in ("", ", %")
    }


def test_small_arms_are_masked_in_every_row_of_the_models() -> None:
    # Four persons with rituximab: too few to publish anything that rests on them.
    arm = ["rituximab"] * 4 + ["ivig"] * 56
    patients = cohort().patients.assign(arm=arm)
    lab = cohort().tables["lab_multiple"].drop(columns="arm").merge(patients[["person_id", "arm"]], on="person_id")
    (masked,) = mask([answer(changed(cohort(arm=arm), "lab_multiple", lab), study(), outcome="ldh")])
    shown = {row.topic for row in masked.rows if isinstance(row.value, Estimate) and row.group != "ivig"}
    assert shown == set()
    assert isinstance(masked["Adjusted mean||ivig|marginal mean|6"], Estimate)


def test_the_order_of_rows_changes_nothing() -> None:
    usual = cohort()
    lab = usual.tables["lab_multiple"].sample(frac=1, random_state=3)
    shuffled = changed(cohort(), "lab_multiple", lab)
    assert answer(shuffled, study(), outcome="ldh").rows == answered("ldh").rows
