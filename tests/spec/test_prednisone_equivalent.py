"""prednisone_equivalent: the glucocorticoid dose on every day on which one is stated, oral dose and pulses apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_visit_states_the_oral_dose_of_its_day_and_says_nothing_when_the_field_is_empty(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | prednisone
        ann       | 2020-01-10 | 12.5
        ann       | 2020-02-10 |
        ann       | 2020-03-10 | 0
        """
    assert_rows(
        derive_concept({"visit": visit}, "prednisone_equivalent"),
        """
        person_id | date       | oral_mg_day | pulse_mg | origin | record
        ann       | 2020-01-10 | 12.5        |          | visit  | visit.csv:2
        ann       | 2020-03-10 | 0           |          | visit  | visit.csv:4
        """,
    )


@pytest.mark.parametrize(
    ("agent", "dose", "prednisone"),
    [
        ("prednisone", "5", "5"),
        ("prednisolone", "5", "5"),
        ("methylprednisolone", "4", "5"),
        ("triamcinolone", "4", "5"),
        ("hydrocortisone", "20", "5"),
        ("dexamethasone", "0.75", "5"),
        ("betamethasone", "0.75", "5"),
        ("cortisone", "75", "15"),
        ("deflazacort", "6", "5"),
        ("dexamethasone", "1", "6.666667"),
    ],
)
def test_every_agent_counts_by_its_equivalent_of_prednisone(
    agent: str,
    dose: str,
    prednisone: str,
    derive_concept: Callable[..., Any],
    assert_rows: Callable[[Any, str], None],
) -> None:
    course = f"""
        person_id | agent   | start_date | stop_status | dose   | dose_unit | schedule
        ann       | {agent} | 2020-01-10 | still taken | {dose} | mg        | daily
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        f"""
        date       | oral_mg_day
        2020-01-10 | {prednisone}
        """,
    )


def test_a_study_may_change_an_equivalent(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent         | start_date | stop_status | dose | dose_unit | schedule
        ann       | betamethasone | 2020-01-10 | still taken | 0.6  | mg        | daily
        """
    rules = {"mg_equal_to_5_mg_prednisone_betamethasone": "0.6"}
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent", rules=rules),
        """
        date       | oral_mg_day
        2020-01-10 | 5
        """,
    )


def test_a_taper_has_a_row_a_step_and_zero_on_the_day_after_its_last(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent      | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | prednisone | 2020-01-01 | 2020-01-31 | stopped     | 60   | mg        | daily
        ann       | prednisone | 2020-02-01 | 2020-02-29 | stopped     | 40   | mg        | daily
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        """
        date       | oral_mg_day | origin | record
        2020-01-01 | 60          | course | course.csv:2
        2020-02-01 | 40          | course | course.csv:3
        2020-03-01 | 0           | course | course.csv:3
        """,
    )


def test_a_step_that_shares_a_day_with_the_one_before_or_finds_it_open_replaces_it(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent      | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | prednisone | 2020-01-01 | 2020-02-01 | stopped     | 60   | mg        | daily
        ann       | prednisone | 2020-02-01 |            | still taken | 40   | mg        | daily
        ann       | prednisone | 2020-03-01 |            | still taken | 20   | mg        | daily
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        """
        date       | oral_mg_day | record
        2020-01-01 | 60          | course.csv:2
        2020-02-01 | 40          | course.csv:3
        2020-03-01 | 20          | course.csv:4
        """,
    )


def test_after_a_short_burst_the_dose_that_is_still_taken_counts_again(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent      | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | prednisone | 2020-01-01 |            | still taken | 5    | mg        | daily
        ann       | prednisone | 2020-03-01 | 2020-03-10 | stopped     | 30   | mg        | daily
        bob       | prednisone | 2020-01-02 | 2020-03-11 | stopped     | 10   | mg        | daily
        bob       | prednisone | 2020-03-01 | 2020-03-10 | stopped     | 30   | mg        | daily
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        """
        person_id | date       | oral_mg_day | record
        ann       | 2020-01-01 | 5           | course.csv:2
        ann       | 2020-03-01 | 30          | course.csv:3
        ann       | 2020-03-11 | 5           | course.csv:3
        bob       | 2020-01-02 | 10          | course.csv:4
        bob       | 2020-03-01 | 30          | course.csv:5
        bob       | 2020-03-11 | 10          | course.csv:5
        bob       | 2020-03-12 | 0           | course.csv:4
        """,
    )


def test_daily_doses_of_two_agents_add_up_while_both_are_taken(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent          | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | hydrocortisone | 2020-01-01 | 2020-03-31 | stopped     | 20   | mg        | daily
        ann       | prednisone     | 2020-02-01 | 2020-02-29 | stopped     | 10   | mg        | daily
        bob       | hydrocortisone | 2020-01-01 | 2020-01-31 | stopped     | 20   | mg        | daily
        bob       | prednisone     | 2020-01-01 | 2020-01-31 | stopped     | 10   | mg        | daily
        bob       | prednisolone   | 2020-02-01 |            | still taken | 30   | mg        | daily
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        """
        person_id | date       | oral_mg_day | record
        ann       | 2020-01-01 | 5           | course.csv:2
        ann       | 2020-02-01 | 15          | course.csv:3
        ann       | 2020-03-01 | 5           | course.csv:3
        ann       | 2020-04-01 | 0           | course.csv:2
        bob       | 2020-01-01 | 15          | course.csv:4
        bob       | 2020-02-01 | 30          | course.csv:6
        """,
    )


def test_a_course_of_unknown_stop_date_is_known_on_its_first_day_only(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent          | start_date | stop_date | stop_status       | dose | dose_unit | schedule
        ann       | prednisone     | 2020-01-01 |           | stop date unknown | 40   | mg        | daily
        ann       | hydrocortisone | 2021-01-01 |           | still taken       | 20   | mg        | daily
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        """
        date       | oral_mg_day
        2020-01-01 | 40
        2021-01-01 | 5
        """,
    )


def test_the_dose_of_a_visit_wins_over_courses_on_the_same_day(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent      | start_date | stop_status | dose | dose_unit | schedule
        ann       | prednisone | 2020-01-01 | still taken | 60   | mg        | daily
        """
    visit = """
        person_id | date       | prednisone
        ann       | 2020-01-01 | 55
        """
    assert_rows(
        derive_concept({"course": course, "visit": visit}, "prednisone_equivalent"),
        """
        date       | oral_mg_day | origin | record
        2020-01-01 | 55          | visit  | visit.csv:2
        """,
    )


def test_a_pulse_course_of_250_mg_prednisone_is_a_pulse_and_one_of_249_mg_is_nothing(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent              | start_date | stop_status | dose  | dose_unit | schedule
        ann       | methylprednisolone | 2020-01-01 | still taken | 200   | mg        | monthly
        bob       | methylprednisolone | 2020-01-01 | still taken | 199.2 | mg        | monthly
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        """
        person_id | date       | oral_mg_day | pulse_mg | origin | record
        ann       | 2020-01-01 |             | 250      | course | course.csv:2
        """,
    )


def test_three_days_of_one_gram_are_a_pulse_even_if_the_schedule_says_daily_and_249_mg_daily_is_an_oral_dose(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent              | start_date | stop_date  | stop_status | dose  | dose_unit | schedule
        ann       | methylprednisolone | 2020-01-01 | 2020-01-03 | stopped     | 1000  | mg        | daily
        bob       | methylprednisolone | 2020-01-01 |            | still taken | 199.2 | mg        | daily
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        """
        person_id | date       | oral_mg_day | pulse_mg | origin | record
        ann       | 2020-01-01 |             | 1250     | course | course.csv:2
        bob       | 2020-01-01 | 249         |          | course | course.csv:3
        """,
    )


def test_an_infusion_of_250_mg_prednisone_is_a_pulse_and_one_of_249_mg_is_a_premedication(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent              | date       | dose | dose_unit
        ann       | prednisolone       | 2020-01-01 | 250  | mg
        ann       | prednisolone       | 2020-02-01 | 249  | mg
        ann       | methylprednisolone | 2020-03-01 | 0.5  | g
        """
    assert_rows(
        derive_concept({"infusion": infusion}, "prednisone_equivalent"),
        """
        date       | oral_mg_day | pulse_mg | origin   | record
        2020-01-01 |             | 250      | infusion | infusion.csv:2
        2020-03-01 |             | 625      | infusion | infusion.csv:4
        """,
    )


def test_a_pulse_stands_beside_the_oral_dose_in_force_and_is_not_part_of_it(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent              | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | methylprednisolone | 2020-01-01 | 2020-01-31 | stopped     | 16   | mg        | daily
        """
    infusion = """
        person_id | agent              | date       | dose | dose_unit
        ann       | methylprednisolone | 2020-01-15 | 500  | mg
        ann       | methylprednisolone | 2020-02-15 | 500  | mg
        ann       | methylprednisolone | 2020-03-15 | 500  | mg
        ann       | dexamethasone      | 2020-03-15 | 37.5 | mg
        """
    visit = """
        person_id | date       | prednisone
        ann       | 2020-02-15 | 10
        """
    assert_rows(
        derive_concept({"course": course, "infusion": infusion, "visit": visit}, "prednisone_equivalent"),
        """
        date       | oral_mg_day | pulse_mg | origin   | record
        2020-01-01 | 20          |          | course   | course.csv:2
        2020-01-15 | 20          | 625      | infusion | infusion.csv:2
        2020-02-01 | 0           |          | course   | course.csv:2
        2020-02-15 | 10          | 625      | visit    | visit.csv:2
        2020-03-15 |             | 875      | infusion | infusion.csv:4
        """,
    )


def test_a_pulse_told_twice_on_its_day_as_course_and_as_infusion_counts_once(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent              | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | methylprednisolone | 2020-01-01 | 2020-06-30 | stopped     | 500  | mg        | monthly
        """
    infusion = """
        person_id | agent              | date       | dose | dose_unit
        ann       | methylprednisolone | 2020-01-01 | 500  | mg
        """
    assert_rows(
        derive_concept({"course": course, "infusion": infusion}, "prednisone_equivalent"),
        """
        date       | pulse_mg | origin   | record
        2020-01-01 | 625      | infusion | infusion.csv:2
        """,
    )


def test_a_dose_per_kg_takes_the_last_weight_and_is_nothing_without_one(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent      | start_date | stop_status | dose | dose_unit | schedule
        ann       | prednisone | 2020-03-01 | still taken | 1.5  | mg/kg     | daily
        bob       | prednisone | 2020-03-01 | still taken | 1.5  | mg/kg     | daily
        """
    visit = """
        person_id | date       | weight
        ann       | 2020-01-01 | 58
        ann       | 2020-03-01 | 60
        bob       | 2020-03-02 | 80
        """
    assert_rows(
        derive_concept({"course": course, "visit": visit}, "prednisone_equivalent"),
        """
        person_id | date       | oral_mg_day
        ann       | 2020-03-01 | 90
        """,
    )


def test_a_course_without_dose_without_schedule_or_of_another_drug_states_nothing(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent        | start_date | stop_status | dose | dose_unit | schedule
        ann       | prednisone   | 2020-01-01 | still taken |      |           | daily
        bob       | prednisone   | 2020-01-01 | still taken | 20   | mg        |
        cem       | methotrexate | 2020-01-01 | still taken | 15   | mg        | weekly
        """
    assert_rows(
        derive_concept({"course": course}, "prednisone_equivalent"),
        """
        person_id | date | oral_mg_day
        """,
    )


def test_the_day_after_the_last_dose_is_left_out_when_it_lies_after_death_or_after_the_data_cut(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent      | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | prednisone | 2020-01-01 | 2020-03-10 | stopped     | 20   | mg        | daily
        bob       | prednisone | 2020-01-01 | 2020-06-30 | stopped     | 20   | mg        | daily
        cem       | prednisone | 2020-01-01 | 2020-06-29 | stopped     | 20   | mg        | daily
        """
    follow_up = """
        person_id | last_seen_date | status | death_date
        ann       | 2020-03-10     | dead   | 2020-03-10
        bob       | 2020-06-30     | active |
        """
    assert_rows(
        derive_concept({"course": course, "follow_up": follow_up}, "prednisone_equivalent", cut="2020-06-30"),
        """
        person_id | date       | oral_mg_day
        ann       | 2020-01-01 | 20
        bob       | 2020-01-01 | 20
        cem       | 2020-01-01 | 20
        cem       | 2020-06-30 | 0
        """,
    )
