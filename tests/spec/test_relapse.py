"""relapse: clinical, after a held response. The biochemical kind is in test_relapse_biochemical.py.

Everybody here has time zero on 1 March 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENT = """
    person_id | sex
    ann       | female
    """
TIME_ZERO = """
    person_id | arm  | time_zero_date
    ann       | ivig | 2020-03-01
    """
# The response is held from 1 June on.
HELD = """
    person_id | date       | tis_low | tis_high | record
    ann       | 2020-05-01 | 45.0    | 45.0     | visit.csv:2
    ann       | 2020-06-01 | 45.0    | 45.0     | visit.csv:3
    """
# Nobody here takes anything, unless a test says so.
NO_DOSE = """
    person_id    | date       | oral_mg_day
    someone else | 2020-06-01 | 5
    """
NOBODY = "person_id | relapse_date"


def _tables(visit: str, **more: str) -> dict[str, str]:
    own = {"patient": PATIENT, "time_zero": TIME_ZERO, "tis": HELD, "visit": visit, "prednisone_equivalent": NO_DOSE}
    return own | more


def test_a_visit_worse_than_the_best_one_since_the_response_was_held_is_a_relapse(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Best is the lowest physician global activity: 1 cm on 1 July. One visit is enough, and the first one counts."""
    visit = """
        person_id | date       | phga | exga
        ann       | 2020-06-01 | 2    | 3
        ann       | 2020-07-01 | 1    | 1
        ann       | 2020-08-01 | 2    | 2.9
        ann       | 2020-09-01 | 2    | 3
        ann       | 2020-10-01 | 2    | 5
        """
    assert_rows(
        derive_concept(_tables(visit), "relapse"),
        """
        person_id | response_held_date | relapse_date | kind     | record
        ann       | 2020-06-01         | 2020-09-01   | clinical | visit.csv:5
        """,
    )


def test_of_two_best_visits_the_earlier_one_counts(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Extramuscular activity rises by 2 cm against June, and by 1 cm against July."""
    visit = """
        person_id | date       | phga | exga
        ann       | 2020-06-01 | 1    | 1
        ann       | 2020-07-01 | 1    | 2
        ann       | 2020-08-01 | 1    | 3
        """
    assert_rows(derive_concept(_tables(visit), "relapse"), "relapse_date | record\n 2020-08-01 | visit.csv:4")


def test_what_came_before_the_response_was_held_is_not_compared(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Nor is a later visit: that December will be better does not make November a relapse."""
    visit = """
        person_id | date       | phga | exga
        ann       | 2020-05-01 | 0    | 0
        ann       | 2020-06-01 | 2    | 3
        ann       | 2020-11-01 | 2    | 3
        ann       | 2020-12-01 | 0    | 0
        """
    assert_rows(derive_concept(_tables(visit), "relapse"), NOBODY)


def test_a_visit_without_physician_global_activity_cannot_be_the_best_one(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """July is 2 cm above June, whose physician global activity is not known; August is 2 cm above July."""
    visit = """
        person_id | date       | phga | exga
        ann       | 2020-06-01 |      | 1
        ann       | 2020-07-01 | 1    | 3
        ann       | 2020-08-01 | 1    | 5
        """
    assert_rows(derive_concept(_tables(visit), "relapse"), "relapse_date | record\n 2020-08-01 | visit.csv:4")


@pytest.mark.parametrize(
    ("scores", "held"),
    [
        ("40.0 40.0, 40.0 40.0", True),
        ("40.0 40.0, 37.5 37.5", False),
        ("45.0 45.0, 0.0 0.0", False),
        ("40.0 80.0, 40.0 80.0", True),
        ("37.5 80.0, 37.5 80.0", False),
    ],
)
def test_a_response_is_held_at_40_points_at_two_consecutive_visits(
    derive_concept: Callable[..., Any], scores: str, *, held: bool
) -> None:
    """With missing components the lower bound decides."""
    first, second = (score.split() for score in scores.split(", "))
    tis = f"""
        person_id | date       | tis_low     | tis_high    | record
        ann       | 2020-05-01 | {first[0]}  | {first[1]}  | visit.csv:2
        ann       | 2020-06-01 | {second[0]} | {second[1]} | visit.csv:3
        """
    visit = """
        person_id | date       | phga | exga
        ann       | 2020-06-01 | 1    | 1
        ann       | 2020-07-01 | 1    | 3
        """
    assert len(derive_concept(_tables(visit, tis=tis), "relapse")) == held


def test_a_visit_without_response_interrupts_and_one_without_any_component_does_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Ann is first held in October, because she had no response in June; bea in July, because nothing was recorded."""
    time_zero = """
        person_id | time_zero_date
        ann       | 2020-03-01
        bea       | 2020-03-01
        """
    tis = """
        person_id | date       | tis_low | tis_high | record
        ann       | 2020-05-01 | 45.0    | 45.0     | visit.csv:2
        ann       | 2020-06-01 | 35.0    | 35.0     | visit.csv:3
        ann       | 2020-07-01 | 45.0    | 45.0     | visit.csv:4
        ann       | 2020-10-01 | 45.0    | 45.0     | visit.csv:5
        bea       | 2020-05-01 | 45.0    | 45.0     | visit.csv:6
        bea       | 2020-06-01 | 0.0     | 100.0    | visit.csv:7
        bea       | 2020-07-01 | 45.0    | 45.0     | visit.csv:8
        """
    visit = """
        person_id | date       | phga | exga
        ann       | 2020-10-01 | 1    | 1
        ann       | 2020-11-01 | 1    | 3
        bea       | 2020-10-01 | 1    | 1
        bea       | 2020-11-01 | 1    | 3
        """
    assert_rows(
        derive_concept(_tables(visit, time_zero=time_zero, tis=tis), "relapse"),
        """
        person_id | response_held_date | relapse_date
        ann       | 2020-10-01         | 2020-11-01
        bea       | 2020-07-01         | 2020-11-01
        """,
    )


# PhGA | PtGA | MMT8 | maximum | HAQ | ExGA on the best visit and on a later one.
@pytest.mark.parametrize(
    ("best", "later", "relapse"),
    [
        ("1 | 2 | 140 | 150 | 1    | 1", "1   | 2   | 140 | 150 | 1     | 3  ", True),
        ("1 | 2 | 140 | 150 | 1    | 1", "1   | 2   | 140 | 150 | 1     | 2.9", False),
        ("1 | 2 | 140 | 150 | 1    | 1", "3   | 2   | 112 | 150 | 1     | 1  ", True),
        ("1 | 2 | 140 | 150 | 1    | 1", "2.9 | 2   | 112 | 150 | 1     | 1  ", False),
        ("1 | 2 | 140 | 150 | 1    | 1", "3   | 2   | 113 | 150 | 1     | 1  ", False),
        ("1 | 2 | 140 | 150 | 1    | 1", "3   | 2   | 56  | 80  | 1     | 1  ", False),
        ("1 | 2 | 140 | 150 | 1.25 | 1", "1.3 | 2.6 | 140 | 150 | 1.625 | 1  ", True),
        ("1 | 2 | 140 | 150 | 1.25 | 1", "1.3 | 2.5 | 140 | 150 | 1.625 | 1  ", False),
        ("1 | 2 | 140 | 150 | 1.25 | 1", "1.3 | 2.6 | 140 | 150 | 1.25  | 1.3", True),
        ("1 | 2 | 140 | 150 | 1.25 | 1", "1.3 | 2.6 | 98  | 150 | 1.25  | 1  ", True),
        ("1 | 2 | 140 | 150 | 1.25 | 1", "1.3 | 2.6 | 99  | 150 | 1.25  | 1  ", False),
        ("0 | 2 | 140 | 150 | 0    | 0", "1.9 | 2.6 | 98  | 150 | 0.5   | 1.9", False),
        ("1 | 2 | 140 | 150 | 1    | 1", "    |     |     |     |       |    ", False),
    ],
)
def test_the_criteria_of_deterioration_hold_at_one_visit_against_the_best(
    derive_concept: Callable[..., Any], best: str, later: str, *, relapse: bool
) -> None:
    """Limits: 2 cm extramuscular; 2 cm physician global with 20 % of MMT8; three of five by 30 %; none of zero."""
    visit = f"""
        person_id | date       | phga | ptga | mmt8 | mmt_maximum | haq | exga
        ann       | 2020-06-01 | {best}
        ann       | 2020-07-01 | {later}
        """
    assert len(derive_concept(_tables(visit), "relapse")) == relapse


@pytest.mark.parametrize(
    ("phga", "before", "after", "relapse"),
    [
        ("3", "30", "40", True),
        ("3", "30", "39.5", False),
        ("3", "5", "10", True),
        ("3", "5", "9.5", False),
        ("2.9", "5", "60", False),
        ("3", "0", "10", True),
        ("3", "0", "7.5", False),
    ],
)
def test_physician_global_up_2_cm_is_a_relapse_if_glucocorticoids_rise_by_10_mg_or_double(
    derive_concept: Callable[..., Any], phga: str, before: str, after: str, *, relapse: bool
) -> None:
    """The best visit has 1 cm. From no dose at all only the 10 mg count."""
    visit = f"""
        person_id | date       | phga   | prednisone
        ann       | 2020-06-01 | 1      | {before}
        ann       | 2020-07-01 | {phga} | {after}
        """
    dose = f"""
        person_id | date       | oral_mg_day
        ann       | 2020-06-01 | {before}
        ann       | 2020-07-01 | {after}
        """
    assert len(derive_concept(_tables(visit, prednisone_equivalent=dose), "relapse")) == relapse


def test_the_dose_in_force_is_the_last_one_stated(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """5 mg since May, 15 mg since 20 June; a pulse states no oral dose, and what comes after July does not count."""
    visit = """
        person_id | date       | phga
        ann       | 2020-06-01 | 1
        ann       | 2020-07-01 | 3
        """
    dose = """
        person_id | date       | oral_mg_day | pulse_mg
        ann       | 2020-05-15 | 5           |
        ann       | 2020-06-20 | 15          |
        ann       | 2020-06-25 |             | 1000
        ann       | 2020-07-02 | 5           |
        """
    assert_rows(
        derive_concept(_tables(visit, prednisone_equivalent=dose), "relapse"),
        """
        relapse_date | kind     | record
        2020-07-01   | clinical | visit.csv:3
        """,
    )
