"""The trajectories: which value stands for a month, who is left out, what the rows are, and what cannot be had."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analyses import trajectory
from analyses.disclosure import check
from analyses.longitudinal import repeated
from analyses.methods.mixed import MixedFit, linear_mixed_model
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
            "prednisone": rng.choice([20.0, 40.0, 60.0], patients), **columns,
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
        for analyte in ("LDH", "CK")
    ]  # fmt: skip
    visits = [
        {
            "person_id": ids[i], "day": DAYS[month], "arm": arm[i], "centre": centre[i],
            "mmt8": 60 + month + (i % 7), "mmt_maximum": 80 if centre[i] == "porto" else 150,
        }
        for i in range(patients)
        for month in MONTHS
    ]  # fmt: skip
    tables = {"lab_multiple": pd.DataFrame(rows), "visit": pd.DataFrame(visits)}
    return Cohort(
        name="incident", snapshot_id="0123456789abcdef", data_cut=date(2026, 6, 30), digest="f" * 64, steps=(),
        patients=people, tables=MappingProxyType(tables), centres=pd.DataFrame(), software=MappingProxyType({}),
    )  # fmt: skip


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
    return ids | {f"Intraclass correlation|{level}|all|intraclass correlation|" for level in ("centre", "patient")}


@pytest.mark.parametrize(("outcome", "natural"), [("ldh", "x ULN"), ("mmt8", "")])
def test_every_promised_row_is_there_and_no_other(outcome: trajectory.Outcome, natural: str) -> None:
    result = answer(cohort(), study(), outcome=outcome)
    assert {row.id for row in result.rows} == documented(natural=natural)
    assert result.name == f"trajectory_{outcome}"


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
    result = answer(cohort(), study(), outcome="mmt8")
    assert Result.from_json(result.to_json()) == result


def test_the_reference_of_the_study_turns_the_difference_round() -> None:
    one = answer(cohort(), study(), outcome="ldh")["Difference|rituximab minus ivig|all|difference|1"]
    other = answer(cohort(), study(reference="rituximab"), outcome="ldh")[
        "Difference|ivig minus rituximab|all|difference|1"
    ]
    assert isinstance(one, Estimate)
    assert isinstance(other, Estimate)
    assert one.value == pytest.approx(-other.value, abs=1e-8)
    assert one.low == pytest.approx(-other.high, abs=1e-8)


# ---- numbers ----


def test_the_difference_is_found_where_it_is_and_nowhere_else() -> None:
    result = answer(cohort(200), study(), outcome="ldh")
    first, later = (result[f"Difference|rituximab minus ivig|all|difference|{m}"] for m in (1, 12))
    assert isinstance(first, Estimate)
    assert isinstance(later, Estimate)
    assert first.low < 0.3 < first.high
    assert first.p is not None
    assert first.p < 1e-6
    assert later.low < 0 < later.high
    assert (first.n, first.unit) == (200, "log2 x ULN")


def test_ldh_is_transformed_back_to_multiples_and_per_cent() -> None:
    result = answer(cohort(), study(), outcome="ldh")
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
    result = answer(cohort(), study(), outcome="ldh")
    for month in MONTHS:
        means = [number(result, f"Adjusted mean||{arm}|marginal mean|{month}") for arm in ("ivig", "rituximab")]
        apart = number(result, f"Difference|rituximab minus ivig|all|difference|{month}")
        assert means[1] - means[0] == pytest.approx(apart, abs=1e-10)


def test_the_model_is_the_one_that_the_notes_describe() -> None:
    result = answer(cohort(), study(), outcome="ldh")
    lab = cohort().tables["lab_multiple"].query("analyte == 'LDH'")
    data = lab[["person_id", "day", "log2_multiple"]].merge(cohort().patients, on="person_id")
    data["month"] = data["day"].map({day: month for month, day in DAYS.items()}).astype(str)
    fit = linear_mixed_model(
        "log2_multiple ~ arm * month + log2_ldh + age_decades + ild + mmt8", data, patient="person_id", centre="centre"
    )
    assert isinstance(fit, MixedFit)
    apart = fit.contrasts("arm", by="month", reference="ivig").set_index("month")
    for month in MONTHS:
        mine = result[f"Difference|rituximab minus ivig|all|difference|{month}"]
        assert isinstance(mine, Estimate)
        assert mine.value == pytest.approx(float(apart.loc[str(month), "estimate"]), abs=1e-7)
        assert mine.low == pytest.approx(float(apart.loc[str(month), "low"]), abs=1e-7)


def test_mmt8_of_the_dominant_side_is_brought_to_the_scale_of_both() -> None:
    one = pd.DataFrame({"person_id": ["p000", "p000"], "day": [30, 91], "mmt8": [60, 75], "mmt_maximum": [80, 150]})
    frame = pd.concat([cohort().tables["visit"].query("person_id != 'p000'"), one])
    data = repeated(
        cohort(), study(), trajectory._mmt8(changed(cohort(), "visit", frame)),
        baseline=cohort().patients["mmt8"], same_as="mmt8",
    )  # fmt: skip
    assert data.used.query("person_id == 'p000'")["value"].tolist() == [112.5, 75.0]


def test_the_baseline_value_is_not_also_a_covariate() -> None:
    notes = " ".join(answer(cohort(), study(), outcome="mmt8").notes)
    assert "adjusted for the value before time zero, age (per 10 years), interstitial lung disease." in notes
    assert "MMT8 (per point)." in " ".join(answer(cohort(), study(), outcome="ldh").notes)


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
    usual = answer(cohort(), study(), outcome="ldh")
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
    result = answer(cohort(), study(), outcome="ldh")
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


def test_residuals_that_spread_unlike_fail_their_check() -> None:
    lab = cohort(100).tables["lab_multiple"].copy()
    late = lab["day"] == 730
    lab.loc[late, "log2_multiple"] += np.random.default_rng(2).normal(0, 2, late.sum())
    usual = {c.name: c.outcome for c in answer(cohort(100), study(), outcome="ldh").checks}
    spread = {
        c.name: c.outcome for c in answer(changed(cohort(100), "lab_multiple", lab), study(), outcome="ldh").checks
    }
    assert usual["Spread of residuals by month"] == "passed"
    assert spread["Spread of residuals by month"] == "failed"


def test_a_variance_at_zero_is_said() -> None:
    checks = {c.name: c for c in answer(cohort(), study(), outcome="ldh").checks}
    data = repeated(
        cohort(), study(), trajectory._ldh(cohort()), baseline=cohort().patients["log2_ldh"], same_as="log2_ldh"
    )
    assert isinstance(data.fit, MixedFit)
    assert (checks["No variance is at zero"].outcome == "failed") == bool(data.fit.zero)
    assert checks["The model converged"].outcome == "passed"


def test_a_model_that_does_not_converge_gives_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def unconverged(*args: Any, **names: Any) -> MixedFit:
        fit = linear_mixed_model(*args, **names)
        assert isinstance(fit, MixedFit)
        return MixedFit(**{**{f: getattr(fit, f) for f in fit.__dataclass_fields__}, "converged": False})

    monkeypatch.setattr("analyses.longitudinal.linear_mixed_model", unconverged)
    result = answer(cohort(), study(), outcome="ldh")
    value = result["Difference|rituximab minus ivig|all|difference|6"]
    assert value == NotEstimable(reason="the mixed model did not converge")
    assert [c.outcome for c in result.checks] == ["failed", "not applicable", "not applicable"]
