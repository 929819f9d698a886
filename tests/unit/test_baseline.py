"""The baseline table counts everybody, missing values too, and compares the arms."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest

from analyses.baseline import TOPICS, answer
from analyses.disclosure import RESTS, check, mask
from analyses.methods.standardised_difference import of_counts, of_means
from analyses.result import Masked, NotEstimable, Result, Summary
from registry.cohort import Cohort
from registry.study import Centre, Study

NAN = math.nan
NUMERIC = (
    "disease_years", "phga", "ptga", "mmt8", "haq", "exga", "cdasi_activity", "prednisone", "ldh_multiple",
    "ck_multiple", "aldolase_multiple", "igg",
)  # fmt: skip


def study(reference: str = "ivig") -> Study:
    return Study.model_validate({
        "folder": Path("nowhere"), "name": "s", "title": "S", "centre": (Centre(code="lyon", name="Lyon"),),
        "analysis": {"reference": reference},
    })  # fmt: skip


def cohort(**columns: list[object]) -> Cohort:
    """Return a cohort of three with IVIG and three with rituximab first, with these columns in place of the rest."""
    frame = {
        "arm": ["ivig"] * 3 + ["rituximab"] * 3,
        "age": [40, 50, 60, 50, 60, 70],
        "female": [1.0, 1.0, 0.0, 1.0, 0.0, NAN],
        "diagnosis": ["DM", "PM", "DM", "ASyS", "DM", "DM"],
        "ild": [1.0, 0.0, NAN, 1.0, 1.0, 0.0],
        "dysphagia": [0.0] * 6,
        "prior_immunosuppressants": [1, 2, 5, 3, 1, 2],
        "infection_before": [0, 0, 1, 1, 0, 1],
        "incident": [True] * 6,
        **{name: [1.0, 2.0, 3.0, 4.0, 5.0, NAN] for name in NUMERIC},
        **columns,
    }
    patients = pd.DataFrame({"person_id": [f"lyon/{i}" for i in range(len(frame["arm"]))], **frame})
    return Cohort(
        name="incident", snapshot_id="0" * 16, data_cut=date(2026, 6, 30), digest="f" * 64, steps=(), patients=patients,
        tables=MappingProxyType({}), centres=pd.DataFrame(), software=MappingProxyType({}),
    )  # fmt: skip


@pytest.fixture
def result() -> Result:
    return answer(cohort(), study())


def found(value: object) -> float:
    assert isinstance(value, Summary)
    return value.value


def number(result: Result, name: str) -> float:
    return found(result[name])


def test_every_topic_has_its_rows_in_the_order_of_the_table(result: Result) -> None:
    topics = list(dict.fromkeys(row.topic for row in result.rows))
    assert topics == ["Persons", *TOPICS]
    assert len(TOPICS) == 20


def test_numbers_are_described_among_those_who_have_them(result: Result) -> None:
    # Rituximab: 4, 5 and one missing.
    assert number(result, "HAQ||rituximab|mean|") == 4.5
    assert number(result, "HAQ||rituximab|sd|") == pytest.approx(math.sqrt(0.5))
    assert number(result, "HAQ|measured|rituximab|count|") == 2
    assert number(result, "HAQ|missing|rituximab|count|") == 1
    assert number(result, "HAQ|missing|rituximab|percent|") == pytest.approx(100 / 3)


def test_quartiles_are_interpolated_linearly(result: Result) -> None:
    # 1, 2, 3, 4, 5: quartiles 2 and 4. Type 7 of Hyndman and Fan, as R's default.
    assert [number(result, f"HAQ||all|{s}|") for s in ("quartile 1", "median", "quartile 3")] == [2, 3, 4]
    assert [number(result, f"HAQ||ivig|{s}|") for s in ("quartile 1", "median", "quartile 3")] == [1.5, 2, 2.5]


def test_percentages_are_of_everybody_with_missing_as_a_level(result: Result) -> None:
    shares = [number(result, f"Sex|{level}|rituximab|percent|") for level in ("female", "male", "missing")]
    assert shares == pytest.approx([100 / 3] * 3)
    assert number(result, "Sex|missing|ivig|count|") == 0


def test_many_prior_immunosuppressants_are_one_level(result: Result) -> None:
    levels = ("0", "1", "2", "3 or more", "missing")
    counts = {level: number(result, f"Prior immunosuppressants|{level}|all|count|") for level in levels}
    assert counts == {"0": 0, "1": 2, "2": 2, "3 or more": 2, "missing": 0}


def test_an_unknown_level_is_a_bug_and_is_not_swallowed() -> None:
    with pytest.raises(ValueError, match="Diagnosis: 'IBM' not among"):
        answer(cohort(diagnosis=["IBM"] + ["DM"] * 5), study())


def test_the_standardised_difference_of_a_number_is_by_hand(result: Result) -> None:
    # Age 50, 60, 70 against 40, 50, 60: difference 10, both variances 100.
    assert number(result, "Age||all|standardised difference|") == 1.0


def test_the_reference_decides_the_sign() -> None:
    assert number(answer(cohort(), study("rituximab")), "Age||all|standardised difference|") == -1.0


def test_the_standardised_difference_of_two_levels_is_by_hand(result: Result) -> None:
    # Known sexes: female 1 of 2 with rituximab, 2 of 3 with IVIG: (1/2 - 2/3) / sqrt((1/4 + 2/9) / 2).
    expected = (1 / 2 - 2 / 3) / math.sqrt((1 / 4 + 2 / 9) / 2)
    assert number(result, "Sex||all|standardised difference|") == pytest.approx(expected)


def test_the_standardised_difference_of_many_levels_is_by_hand() -> None:
    # Shares (1/2, 1/4, 1/4) and (1/4, 1/4, 1/2). Of the first two: t = (1/4, 0), the covariances are
    # (1/4, -1/8; -1/8, 3/16) and (3/16, -1/16; -1/16, 3/16), their mean S = (7/32, -3/32; -3/32, 6/32),
    # det S = (42 - 9) / 1024, (S^-1)_11 = (6/32) / (33/1024) = 64/11, d^2 = 64/11/16 = 4/11.
    assert found(of_counts([2, 1, 1], [1, 1, 2])) == pytest.approx(math.sqrt(4 / 11))
    # A level that nobody has changes nothing, nor does the order.
    assert found(of_counts([1, 0, 2, 1], [2, 0, 1, 1])) == pytest.approx(math.sqrt(4 / 11))


def test_a_standardised_difference_that_cannot_be_had_says_why(result: Result) -> None:
    assert result["Dysphagia||all|standardised difference|"] == NotEstimable(reason="no spread in either group")
    assert of_means([1.0], [2.0, 3.0]) == NotEstimable(reason="fewer than two values in a group")
    assert of_means([1.0, 1.0], [1.0, 1.0]) == NotEstimable(reason="no spread in either group")
    assert of_counts([0, 0], [1, 1]) == NotEstimable(reason="no values in a group")
    assert of_counts([3, 0, 0], [0, 2, 1]) == NotEstimable(reason="no spread in either group")


def test_a_number_that_nobody_has_is_not_estimable() -> None:
    result = answer(cohort(igg=[NAN] * 6), study())
    assert result["IgG||ivig|mean|"] == NotEstimable(reason="no values")
    assert number(result, "IgG|missing|all|count|") == 6


def test_one_value_has_a_mean_and_no_standard_deviation() -> None:
    result = answer(cohort(igg=[7.0] + [NAN] * 5), study())
    assert number(result, "IgG||ivig|mean|") == 7
    assert result["IgG||ivig|sd|"] == NotEstimable(reason="a single value")


def test_an_empty_arm_has_no_percentages() -> None:
    result = answer(cohort(arm=["ivig"] * 6), study())
    assert result["Sex|female|rituximab|percent|"] == NotEstimable(reason="nobody in the group")
    assert number(result, "Persons|in the cohort|rituximab|count|") == 0


def test_all_sums_hold_and_masking_finds_the_small_groups(result: Result) -> None:
    check([result])
    masked = mask([result])[0]
    assert isinstance(masked["Persons|in the cohort|ivig|count|"], Masked)
    assert masked["HAQ||ivig|mean|"] == RESTS
    assert masked["Age||all|standardised difference|"] == RESTS
    assert not [
        r.id for r in masked.rows if r.statistic == "count" and isinstance(r.value, Summary) and 1 <= r.value.value <= 4
    ]
