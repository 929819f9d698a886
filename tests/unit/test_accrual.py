"""The flow adds up, every centre of the study has its rows, and no half-year is left out."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest

from analyses.accrual import answer
from analyses.disclosure import SMALL, WITHHELD, check, mask
from analyses.result import Result, Summary
from registry.cohort import Cohort, Step
from registry.study import Centre, Study

STUDY = Study.model_validate(
    {"folder": Path("nowhere"), "name": "s", "title": "S", "centre": (Centre(code="lyon", name="Lyon"),)}
)
STEPS = (
    Step(name="registered", label="Registered", remaining=60, lost=0, reasons={}, by_arm=None),
    Step(name="step_1", label="Consent", remaining=58, lost=2, reasons={"no consent": 2}, by_arm=None),
    Step(
        name="step_3", label="First agent", remaining=40, lost=18, reasons={"neither agent started": 12, "other": 6},
        by_arm={"ivig": 22, "rituximab": 18},
    ),
    Step(name="step_4", label="Adult", remaining=40, lost=0, reasons={}, by_arm={"ivig": 22, "rituximab": 18}),
    Step(
        name="step_7", label="Incident", remaining=30, lost=10, reasons={"prevalent": 10},
        by_arm={"ivig": 14, "rituximab": 16},
    ),
)  # fmt: skip


def cohort() -> Cohort:
    first = date(2024, 6, 30)
    dates = [first] * 8 + [date(2024, 7, 1)] * 6 + [date(2025, 12, 31)] * 16
    patients = pd.DataFrame({"arm": ["ivig"] * 14 + ["rituximab"] * 16, "time_zero_date": pd.to_datetime(dates)})
    centres = pd.DataFrame(
        {
            "code": ["lyon", "nice", "rome"],
            "name": ["Lyon", "Nice", "Rome"],
            "submission_date": pd.to_datetime(["2026-06-30", "2026-05-31", None]),
            "accepted": [500, 300, 0],
            "quarantined": [7, 0, 0],
            "registered": [40, 20, 0],
            "ivig": [10, 4, 0],
            "rituximab": [10, 6, 0],
        }
    )
    return Cohort(
        name="incident", snapshot_id="0" * 16, data_cut=date(2026, 6, 30), digest="f" * 64, steps=STEPS,
        patients=patients, tables=MappingProxyType({}), centres=centres, software=MappingProxyType({}),
    )  # fmt: skip


@pytest.fixture
def result() -> Result:
    return answer(cohort(), STUDY)


def counts(result: Result, topic: str) -> dict[tuple[str, str], float]:
    return {(r.level, r.group): r.value.value for r in result.rows if r.topic == topic and isinstance(r.value, Summary)}


def test_the_flow_has_each_step_and_the_arms_once_they_are_known(result: Result) -> None:
    assert counts(result, "Flow") == {
        ("Registered", "all"): 60, ("Consent", "all"): 58, ("First agent", "all"): 40, ("First agent", "ivig"): 22,
        ("First agent", "rituximab"): 18, ("Adult", "all"): 40, ("Adult", "ivig"): 22, ("Adult", "rituximab"): 18,
        ("Incident", "all"): 30, ("Incident", "ivig"): 14, ("Incident", "rituximab"): 16,
    }  # fmt: skip


def test_losses_stand_by_step_reason_and_arm(result: Result) -> None:
    assert counts(result, "Lost")[("First agent", "all")] == 18
    assert ("First agent", "ivig") not in counts(result, "Lost")
    assert counts(result, "Lost")[("Incident", "ivig")] == 8
    assert counts(result, "Lost at: First agent") == {("neither agent started", "all"): 12, ("other", "all"): 6}
    assert counts(result, "Lost at: Adult") == {}


def test_every_centre_has_its_rows_even_without_a_submission(result: Result) -> None:
    assert counts(result, "Persons registered") == {
        ("", "lyon"): 40,
        ("", "nice"): 20,
        ("", "rome"): 0,
        ("", "all"): 60,
    }
    assert counts(result, "Persons in the cohort")[("ivig", "nice")] == 4
    assert counts(result, "Persons not in the cohort")[("", "lyon")] == 20
    accepted = {("2026-06-30", "lyon"): 500, ("2026-05-31", "nice"): 300, ("", "rome"): 0}
    assert counts(result, "Rows accepted") == accepted
    assert counts(result, "Rows in quarantine")[("2026-06-30", "lyon")] == 7


def test_half_years_run_on_without_a_gap_and_turn_on_the_first_of_july(result: Result) -> None:
    found = counts(result, "Time zero")
    assert [level for level, group in found if group == "all"] == ["2024 H1", "2024 H2", "2025 H1", "2025 H2"]
    assert found[("2024 H1", "ivig")] == 8
    assert found[("2024 H2", "ivig")] == 6
    assert found[("2025 H1", "all")] == 0
    assert found[("2025 H2", "rituximab")] == 16


def test_all_sums_hold(result: Result) -> None:
    check([result])
    # The cohort is tied to the last step, the centres and the half-years.
    assert {t.total for t in result.totals} >= {"Persons|in the cohort|ivig|count|", "Persons|in the cohort|all|count|"}


def test_losses_of_few_are_masked_and_not_given_back(result: Result) -> None:
    masked = mask([result])[0]
    assert masked["Lost|Consent|all|count|"] == SMALL
    assert masked["Lost at: Consent|no consent|all|count|"] == SMALL
    # 60 registered less 58 would be 2: one of the two is withheld, or more where centres add up to it.
    assert WITHHELD in {masked["Flow|Registered|all|count|"], masked["Flow|Consent|all|count|"]}
    assert masked["Persons in the cohort|ivig|nice|count|"] == SMALL
