"""Rules on visits: each with its last value inside and its first outside."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Judge = Callable[..., object]

DAY = date(2020, 3, 1)
STRENGTH = "haq | mmt8 | mmt_maximum"


def _after(days: int) -> str:
    return (DAY + timedelta(days)).isoformat()


@pytest.mark.parametrize(
    ("change", "days", "lines"), [(40, 27, []), (41, 27, [3]), (41, 28, []), (41, 1, [3]), (-41, 27, [3])]
)
def test_mmt8_changes_by_at_most_40_points_in_less_than_28_days(
    change: int, days: int, lines: list[int], judge: Judge
) -> None:
    outcome = judge("visit.mmt8_jump", visit=f"""
        patient_id | date | mmt8 | mmt_maximum
        P1 | {DAY} | 90 | 150
        P1 | {_after(days)} | {90 + change} | 150
        P2 | {_after(1)} | 10 | 150
        P1 | {_after(2)} | 20 | 80
        """)  # fmt: skip
    assert outcome.lines == lines
    assert all(f"MMT8 is 41 points away from that of {DAY}, {days} days earlier." in words for words in outcome.words)


@pytest.mark.parametrize(
    ("weight", "days", "lines"), [("66", 90, []), ("66.1", 90, [3]), ("66.1", 91, []), ("53.9", 1, [3])]
)
def test_weight_changes_by_at_most_a_tenth_in_90_days(weight: str, days: int, lines: list[int], judge: Judge) -> None:
    rows = f"patient_id | date | weight\nP1 | {DAY} | 60\nP1 | {_after(days)} | {weight}\nP2 | {_after(1)} | 90"
    outcome = judge("visit.weight_change", visit=rows)
    assert outcome.lines == lines
    assert all(f"% away from the 60 kg of {DAY}" in words for words in outcome.words)


@pytest.mark.parametrize(("height", "lines"), [("168", []), ("168.1", [3]), ("162", []), ("161.9", [3])])
def test_height_changes_by_at_most_3_cm(height: str, lines: list[int], judge: Judge) -> None:
    rows = f"patient_id | date | height\nP1 | {DAY} | 165\nP1 | {_after(700)} | {height}\nP2 | {_after(1)} | 190"
    assert judge("visit.height_change", visit=rows).lines == lines


@pytest.mark.parametrize(
    ("highest", "number", "tested", "lines"), [(80, 10, 1, [None]), (81, 10, 1, []), (80, 9, 0, [])]
)
def test_a_centre_whose_mmt8_never_exceeds_80_of_150_is_asked_for_its_scale(
    highest: int, number: int, tested: int, lines: list[None], judge: Judge
) -> None:
    rows = [{"patient_id": f"P{i}", "date": str(DAY), "mmt8": "70", "mmt_maximum": "150"} for i in range(number)]
    rows[0]["mmt8"] = str(highest)
    one_side = {"patient_id": "Q", "date": str(DAY), "mmt8": "80", "mmt_maximum": "80"}
    outcome = judge("visit.mmt8_of_one_side", visit=[*rows, one_side])
    assert (outcome.tested, outcome.lines) == (tested, lines)


@pytest.mark.parametrize(
    ("column", "highest", "lines"), [("phga", "10", [None]), ("exga", "11", []), ("ptga", "10", [None])]
)
def test_scales_declared_in_mm_that_never_exceed_10_are_in_cm(
    column: str, highest: str, lines: list[None], judge: Judge
) -> None:
    rows = [{"patient_id": f"P{i}", "date": str(DAY), column: "4"} for i in range(9)]
    last = {"patient_id": "P9", "date": str(DAY), column: highest}
    rule = f"visit.{column}_in_cm"
    assert judge(rule, {column: "mm"}, visit=[*rows, last]).lines == lines
    assert judge(rule, {column: "mm"}, visit=rows).tested == 0
    assert judge(rule, visit=[*rows, last]).tested == 0


@pytest.mark.parametrize(
    ("dose", "days", "tested", "lines"), [("120", 180, 1, []), ("120.1", 180, 1, [2]), ("120.1", 181, 0, [])]
)
def test_prednisone_is_at_most_2_mg_per_kg_of_the_nearest_weight(
    dose: str, days: int, tested: int, lines: list[int], judge: Judge
) -> None:
    outcome = judge("visit.prednisone_per_weight", visit=f"""
        patient_id | date | prednisone | weight
        P1 | {DAY} | {dose} |
        P1 | {_after(days)} | | 60
        P1 | {_after(-days - 1)} | | 30
        P2 | {DAY} | | 20
        """)  # fmt: skip
    assert (outcome.tested, outcome.lines) == (tested, lines)
    course = (
        f"patient_id | agent | start_date | dose | dose_unit | schedule\nP1 | prednisone | {DAY} | {dose} | mg | daily"
    )
    seen = f"patient_id | date | weight\nP1 | {_after(days)} | 60\nP1 | {_after(-days - 1)} | 30"
    outcome = judge("course.prednisone_per_weight", visit=seen, course=course)
    assert (outcome.tested, outcome.lines) == (tested, lines)


@pytest.mark.parametrize("column", ["phga", "ptga", "exga", "mmt8", "haq"])
def test_a_measure_that_most_visits_lack_is_asked_for_once(column: str, judge: Judge) -> None:
    full = [{"patient_id": f"P{i}", "date": str(DAY), column: "1", "mmt_maximum": "150"} for i in range(10)]
    empty = [{"patient_id": f"Q{i}", "date": str(DAY)} for i in range(11)]
    rule = f"visit.{column}_mostly_missing"
    assert judge(rule, visit=[*full, *empty[:10]]).lines == []
    outcome = judge(rule, visit=[*full, *empty])
    assert (outcome.tested, outcome.lines) == (1, [None])
    assert outcome.words[0].startswith(f"11 of 21 visits (52.4 %) are without {column}.")
    assert judge(rule, visit=empty).tested == 0


@pytest.mark.parametrize(("number", "phga", "lines"), [(4, "3", []), (5, "3", [2]), (5, "0", [])])
def test_the_same_scores_at_five_visits_in_a_row_may_be_copies(
    number: int, phga: str, lines: list[int], judge: Judge
) -> None:
    scores = {"patient_id": "P1", "phga": phga, "mmt8": "120", "mmt_maximum": "150", "haq": "1"}
    rows = [{**scores, "date": _after(30 * i)} for i in range(number)]
    other = {**scores, "date": _after(400), "haq": "2"}
    assert judge("visit.copied_forward", visit=[*rows, other]).lines == lines


@pytest.mark.parametrize("table", ["visit", "infusion", "lab"])
def test_dates_that_are_mostly_the_first_of_a_month_were_made_up(table: str, judge: Judge) -> None:
    more = {"analyte": "CK", "value": "100"} if table == "lab" else {"agent": "ivig"} if table == "infusion" else {}
    first = [{"patient_id": f"P{i}", "date": "2020-03-01", **more} for i in range(11)]
    other = [{"patient_id": f"Q{i}", "date": "2020-03-02", **more} for i in range(10)]
    rule = f"{table}.first_of_month"
    assert judge(rule, **{table: [*first[:10], *other]}).lines == []
    assert judge(rule, **{table: [*first, *other]}).lines == [None]
    assert judge(rule, **{table: [*first, *other[:8]]}).tested == 0


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("phga_decimals", "phga\n6.25", "phga\n6.251"),
        ("ptga_decimals", "ptga\n6.25", "ptga\n6.251"),
        ("exga_decimals", "exga\n6.25", "exga\n6.251"),
        (
            "strength_without_disability",
            "haq | mmt8 | mmt_maximum\n0 | 100 | 150",
            "haq | mmt8 | mmt_maximum\n0 | 99 | 150",
        ),
        ("has_a_value", "weight\n60", "mmt_maximum\n150"),
    ],
)
def test_checks_on_one_visit(rule: str, good: str, bad: str, judge: Judge) -> None:
    for text, lines in ((good, []), (bad, [2])):
        header, values = text.split("\n")
        rows = f"patient_id | date | {header}\nP1 | {DAY} | {values}"
        outcome = judge(f"visit.{rule}", visit=rows)
        assert (outcome.tested, outcome.lines) == (1, lines)
