"""Rules on infusions: doses by cycle, weight and body surface, each with its last value inside and first outside."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Judge = Callable[..., Any]

DAY = date(2020, 3, 1)


def _after(days: int) -> str:
    return (DAY + timedelta(days)).isoformat()


def _ivig(*days: tuple[int, str], unit: str = "g/kg", weight: str = "") -> list[dict[str, str]]:
    more = {"dose_unit": unit, **({"weight": weight} if weight else {})}
    return [{"patient_id": "P1", "agent": "ivig", "date": _after(day), "dose": dose, **more} for day, dose in days]


@pytest.mark.parametrize(
    ("days", "lines"),
    [
        ([(0, "2"), (1, "2")], []),
        ([(0, "2"), (1, "2.001")], [2, 3]),
        ([(0, "2"), (6, "2.001")], [2, 3]),
        ([(0, "2"), (7, "2.001")], []),
        ([(7 * week, "0.4") for week in range(26)], []),
    ],
)
def test_a_cycle_of_more_than_4_g_per_kg_is_rejected_with_all_its_days(
    days: Sequence[tuple[int, str]], lines: list[int], judge: Judge
) -> None:
    assert judge("infusion.ivig_cycle_dose", infusion=_ivig(*days)).lines == lines


@pytest.mark.parametrize(("dose", "unit"), [("120.06", "g"), ("2001", "mg/kg"), ("120060", "mg")])
def test_every_unit_is_counted_in_g_per_kg(dose: str, unit: str, judge: Judge) -> None:
    two = _ivig((0, dose), (1, dose), unit=unit, weight="60" if unit in {"g", "mg"} else "")
    assert judge("infusion.ivig_cycle_dose", infusion=two).lines == [2, 3]


@pytest.mark.parametrize(("distance", "tested"), [(180, 1), (181, 0)])
def test_grams_take_the_nearest_weight_within_180_days(distance: int, tested: int, judge: Judge) -> None:
    seen = [{"patient_id": "P1", "date": _after(-distance), "weight": "60"}]
    outcome = judge("infusion.ivig_cycle_dose", visit=seen, infusion=_ivig((0, "241"), unit="g"))
    assert (outcome.tested, outcome.lines) == (tested, [2] * tested)


@pytest.mark.parametrize(
    ("dose", "lines"), [("2.2", []), ("2.201", [2]), ("0.1", []), ("0.099", [2]), ("4", [2]), ("4.001", [])]
)
def test_a_cycle_outside_0_1_to_2_2_g_per_kg_is_asked_about(dose: str, lines: list[int], judge: Judge) -> None:
    assert judge("infusion.ivig_cycle_unusual", infusion=_ivig((0, dose))).lines == lines


def test_the_words_name_the_cycle(judge: Judge) -> None:
    words = judge("infusion.ivig_cycle_unusual", infusion=_ivig((0, "1.2"), (1, "1.3"))).words
    assert words[0].startswith(
        f"2.5 g/kg of immunoglobulin in the cycle {DAY} to {_after(1)} (2 infusion days); usual are 0.1 to 2.2."
    )


@pytest.mark.parametrize(
    ("start", "dose", "lines"), [(6, "2", [3]), (7, "2", []), (6, "1.999", []), (3, "2", [3]), (2, "2", [])]
)
def test_two_cycles_of_2_g_per_kg_lie_at_least_7_days_apart(
    start: int, dose: str, lines: list[int], judge: Judge
) -> None:
    assert judge("infusion.ivig_cycles_close", infusion=_ivig((0, "2"), (start, dose))).lines == lines


@pytest.mark.parametrize(
    ("dose", "lines"), [("559.8", []), ("559.5", [2]), ("684", []), ("684.2", [2]), ("500", []), ("399", [])]
)
def test_rituximab_is_375_mg_per_m2_within_a_tenth_or_500_or_1000_mg(dose: str, lines: list[int], judge: Judge) -> None:
    # 60 kg and 165 cm are 1.6583 m2: 337.5 mg/m2 is 559.7 mg, 412.5 mg/m2 is 684.1 mg.
    given = [{"patient_id": "P1", "agent": "rituximab", "date": str(DAY), "dose": dose, "dose_unit": "mg"}]
    seen = [{"patient_id": "P1", "date": _after(-100), "weight": "60", "height": "165"}]
    assert judge("infusion.rituximab_body_surface", visit=seen, infusion=given).lines == lines
    assert judge("infusion.rituximab_body_surface", infusion=given).tested == 0


@pytest.mark.parametrize(("weight", "days", "lines"), [("66", 90, []), ("66.1", 90, [2]), ("66.1", 91, [])])
def test_the_weight_of_an_infusion_is_within_a_tenth_of_the_visit(
    weight: str, days: int, lines: list[int], judge: Judge
) -> None:
    seen = [{"patient_id": "P1", "date": _after(days), "weight": "60"}]
    assert judge("infusion.weight_differs", visit=seen, infusion=_ivig((0, "2"), weight=weight)).lines == lines


@pytest.mark.parametrize(("day", "lines"), [(10, []), (11, [3]), (-1, [3])])
def test_an_infusion_outside_every_course_of_its_person_is_asked_about(
    day: int, lines: list[int], judge: Judge
) -> None:
    course = [{"patient_id": "P1", "agent": "ivig", "start_date": _after(0), "stop_date": _after(10)}]
    course[0]["stop_status"] = "stopped"
    given = _ivig((0, "2"), (day, "2"))
    assert judge("infusion.ivig_outside_courses", course=course, infusion=given).lines == lines
    assert judge("infusion.ivig_outside_courses", infusion=given).tested == 0


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("agent_is_infused", {"agent": "methotrexate"}, {"agent": "prednisone"}),
        ("ivig_dose_in_mg", {"dose": "4000", "dose_unit": "mg/kg"}, {"dose": "4000.1", "dose_unit": "mg/kg"}),
        ("weight_for_grams", {"dose_unit": "g", "weight": "60"}, {"dose_unit": "g"}),
        ("grams_per_kg", {"dose_unit": "g/kg"}, {"agent": "rituximab", "dose_unit": "g/kg"}),
        ("ivig_by_surface", {"dose_unit": "g"}, {"dose_unit": "mg/m2"}),
        ("not_after_withdrawal", {"patient_id": "W", "date": "2026-01-01"}, {"patient_id": "W", "date": "2026-01-02"}),
        ("seen_until", {"date": "2026-01-01"}, {"date": "2026-01-02"}),
        ("fatal_reaction", {"reaction_grade": "4"}, {"reaction_grade": "5"}),
        ("fatal_reaction", {"patient_id": "D", "reaction_grade": "5"}, {"reaction_grade": "5"}),
    ],
)
def test_checks_on_one_infusion(rule: str, good: dict[str, str], bad: dict[str, str], judge: Judge) -> None:
    row = {"patient_id": "P1", "agent": "ivig", "date": str(DAY), "dose": "1"}
    people = [{"patient_id": name} for name in ("P1", "W", "D")]
    last = "patient_id | status | death_date\nP1 | active |\nW | withdrawn |\nD | dead | 2026-01-01"
    for changes, lines in ((good, []), (bad, [2])):
        outcome = judge(f"infusion.{rule}", patient=people, follow_up=last, infusion=[{**row, **changes}])
        assert (outcome.tested, outcome.lines) == (1, lines)
