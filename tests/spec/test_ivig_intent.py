"""ivig_intent: what immunoglobulin was given for, declared by the centre or derived from dose, IgG and infections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# An infection, so that a low dose given soon after it can be replacement.
INFECTION = """
    person_id | term      | start_date | serious
    ann       | Pneumonia | 2019-12-15 | no
    """


def test_a_declared_intent_stands_whatever_the_dose(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | intent           | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | ivig  | immunomodulatory | 2020-01-01 | 2020-06-30 | stopped     | 2    | g/kg      | monthly
        ann       | ivig  | immunomodulatory | 2020-07-01 | 2020-12-31 | stopped     | 0.4  | g/kg      | weekly
        ann       | ivig  | immunomodulatory | 2021-01-01 | 2022-01-31 | stopped     | 0.2  | g/kg      | every 2 weeks
        ann       | ivig  | replacement      | 2023-01-01 |            | still taken | 0.2  | g/kg      | every 4 weeks
        ann       | ivig  | other            | 2024-01-01 | 2024-01-05 | stopped     | 2    | g/kg      | once
        """
    assert_rows(
        derive_concept({"course": course, "event": INFECTION}, "ivig_intent"),
        """
        start_date | stop_date  | g_per_kg_4wk | intent           | origin   | record
        2020-01-01 | 2020-06-30 | 2            | immunomodulatory | declared | course.csv:2
        2020-07-01 | 2020-12-31 | 1.6          | immunomodulatory | declared | course.csv:3
        2021-01-01 | 2022-01-31 | 0.4          | immunomodulatory | declared | course.csv:4
        2023-01-01 |            | 0.2          | replacement      | declared | course.csv:5
        2024-01-01 | 2024-01-05 | 2            | other            | declared | course.csv:6
        """,
    )


@pytest.mark.parametrize(
    ("dose", "intent"),
    [
        ("1.0", "immunomodulatory"),
        ("0.99", "query"),
        ("0.61", "query"),
        ("0.6", "replacement"),
    ],
)
def test_undeclared_1_g_per_kg_in_4_weeks_is_immunomodulation_and_0_6_after_an_infection_is_replacement(
    dose: str, intent: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = f"""
        person_id | agent | start_date | stop_status | dose   | dose_unit | schedule
        ann       | ivig  | 2020-01-01 | still taken | {dose} | g/kg      | every 4 weeks
        """
    assert_rows(
        derive_concept({"course": course, "event": INFECTION}, "ivig_intent"),
        f"""
        person_id | start_date | intent   | origin
        ann       | 2020-01-01 | {intent} | derived
        """,
    )


@pytest.mark.parametrize(
    ("schedule", "g_per_kg_4wk"),
    [
        ("weekly", "1.2"),
        ("every 2 weeks", "0.6"),
        ("every 4 weeks", "0.3"),
        ("monthly", "0.3"),
        ("once", "0.3"),
        ("daily", "1.5"),
        ("other", ""),
    ],
)
def test_the_stated_dose_is_counted_over_4_weeks(
    schedule: str, g_per_kg_4wk: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = f"""
        person_id | agent | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | ivig  | 2020-01-01 | 2020-01-05 | stopped     | 0.3  | g/kg      | {schedule}
        """
    assert_rows(
        derive_concept({"course": course}, "ivig_intent"),
        f"""
        person_id | g_per_kg_4wk
        ann       | {g_per_kg_4wk}
        """,
    )


def test_a_low_dose_without_low_igg_or_infection_before_it_is_a_question(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | start_date | stop_status | dose | dose_unit | schedule
        ann       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        bob       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        cem       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        dee       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        eva       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2020-01-01 | 6.9
        bob       | IgG     | 2020-01-01 | 7.0
        cem       | IgG     | 2020-01-02 | 4
        """
    event = """
        person_id | term     | start_date | serious
        dee       | Headache | 2019-12-15 | no
        eva       | Sepsis   | 2020-01-02 | yes
        """
    assert_rows(
        derive_concept({"course": course, "lab": lab, "event": event}, "ivig_intent"),
        """
        person_id | intent
        ann       | replacement
        bob       | query
        cem       | query
        dee       | query
        eva       | query
        """,
    )


def test_low_igg_or_an_infection_180_days_before_the_first_dose_supports_replacement_and_181_days_do_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # 5 July 2019 is 180 days before 1 January 2020.
    course = """
        person_id | agent | start_date | stop_status | dose | dose_unit | schedule
        ann       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        bob       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        cem       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        dee       | ivig  | 2020-01-01 | still taken | 0.2  | g/kg      | every 4 weeks
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2019-07-05 | 5
        bob       | IgG     | 2019-07-04 | 5
        """
    event = """
        person_id | term                              | start_date | serious
        cem       | Upper respiratory tract infection | 2019-07-05 | no
        dee       | Upper respiratory tract infection | 2019-07-04 | no
        """
    assert_rows(
        derive_concept({"course": course, "lab": lab, "event": event}, "ivig_intent"),
        """
        person_id | intent
        ann       | replacement
        bob       | query
        cem       | replacement
        dee       | query
        """,
    )


def test_infusions_without_a_course_are_one_row_with_the_dose_of_their_first_28_days(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # Weekly: the fifth infusion is on day 28, after the first four weeks.
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-01-01 | 0.25 | g/kg
        ann       | ivig  | 2020-01-08 | 0.25 | g/kg
        ann       | ivig  | 2020-01-15 | 0.25 | g/kg
        ann       | ivig  | 2020-01-28 | 0.25 | g/kg
        bob       | ivig  | 2020-01-01 | 250  | mg/kg
        bob       | ivig  | 2020-01-08 | 250  | mg/kg
        bob       | ivig  | 2020-01-15 | 250  | mg/kg
        bob       | ivig  | 2020-01-29 | 250  | mg/kg
        """
    assert_rows(
        derive_concept({"infusion": infusion}, "ivig_intent"),
        """
        person_id | start_date | stop_date  | g_per_kg_4wk | intent           | origin  | record
        ann       | 2020-01-01 | 2020-01-28 | 1            | immunomodulatory | derived | infusion.csv:2
        bob       | 2020-01-01 | 2020-01-29 | 0.75         | query            | derived | infusion.csv:6
        """,
    )


def test_a_pause_of_120_days_keeps_infusions_together_and_one_of_121_days_parts_them(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # 30 April 2020 is 120 days after 1 January.
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-01-01 | 2    | g/kg
        ann       | ivig  | 2020-04-30 | 2    | g/kg
        bob       | ivig  | 2020-01-01 | 2    | g/kg
        bob       | ivig  | 2020-05-01 | 2    | g/kg
        """
    assert_rows(
        derive_concept({"infusion": infusion}, "ivig_intent"),
        """
        person_id | start_date | stop_date  | record
        ann       | 2020-01-01 | 2020-04-30 | infusion.csv:2
        bob       | 2020-01-01 | 2020-01-01 | infusion.csv:4
        bob       | 2020-05-01 | 2020-05-01 | infusion.csv:5
        """,
    )


def test_infusions_inside_a_course_belong_to_it_up_to_its_last_day(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | intent      | start_date | stop_date  | stop_status
        ann       | ivig  | replacement | 2020-01-01 | 2020-06-30 | stopped
        ann       | ivig  | replacement | 2020-02-01 | 2020-02-28 | stopped
        """
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-01-01 | 0.2  | g/kg
        ann       | ivig  | 2020-05-01 | 0.2  | g/kg
        ann       | ivig  | 2020-06-30 | 0.2  | g/kg
        ann       | ivig  | 2020-07-01 | 0.2  | g/kg
        """
    assert_rows(
        derive_concept({"course": course, "infusion": infusion}, "ivig_intent"),
        """
        start_date | stop_date  | intent      | record
        2020-01-01 | 2020-06-30 | replacement | course.csv:2
        2020-02-01 | 2020-02-28 | replacement | course.csv:3
        2020-07-01 | 2020-07-01 | query       | infusion.csv:5
        """,
    )


def test_infusions_inside_an_open_course_belong_to_it_for_ever(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | intent           | start_date | stop_status
        ann       | ivig  | immunomodulatory | 2020-01-01 | still taken
        """
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2024-01-01 | 0.2  | g/kg
        """
    assert_rows(
        derive_concept({"course": course, "infusion": infusion}, "ivig_intent"),
        """
        start_date | stop_date | intent           | record
        2020-01-01 |           | immunomodulatory | course.csv:2
        """,
    )


def test_infusions_that_follow_a_course_of_unknown_stop_within_120_days_are_its_infusions(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | intent           | start_date | stop_status
        ann       | ivig  | immunomodulatory | 2020-01-01 | stop date unknown
        bob       | ivig  | immunomodulatory | 2020-01-01 | stop date unknown
        """
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-04-30 | 0.2  | g/kg
        ann       | ivig  | 2020-07-01 | 0.2  | g/kg
        bob       | ivig  | 2020-05-01 | 0.2  | g/kg
        bob       | ivig  | 2020-07-01 | 0.2  | g/kg
        cem       | ivig  | 2020-04-30 | 0.2  | g/kg
        """
    assert_rows(
        derive_concept({"course": course, "infusion": infusion}, "ivig_intent"),
        """
        person_id | start_date | stop_date  | intent           | record
        ann       | 2020-01-01 |            | immunomodulatory | course.csv:2
        bob       | 2020-01-01 |            | immunomodulatory | course.csv:3
        bob       | 2020-05-01 | 2020-07-01 | query            | infusion.csv:4
        cem       | 2020-04-30 | 2020-04-30 | query            | infusion.csv:6
        """,
    )


def test_a_dose_in_grams_takes_the_weight_of_the_infusion_else_the_last_weight_before_it(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # Three times 25 g at 75 kg is 1 g/kg, although a third of a gram has no end in decimals.
    infusion = """
        person_id | agent | date       | dose  | dose_unit | weight
        ann       | ivig  | 2020-01-01 | 25    | g         | 75
        ann       | ivig  | 2020-01-02 | 25    | g         | 75
        ann       | ivig  | 2020-01-03 | 25    | g         | 75
        bob       | ivig  | 2020-01-01 | 60000 | mg        |
        cem       | ivig  | 2020-01-01 | 60    | g         |
        dee       | ivig  | 2020-01-01 | 60    | g         |
        """
    visit = """
        person_id | date       | weight
        ann       | 2019-12-01 | 90
        bob       | 2019-11-01 | 90
        bob       | 2019-12-01 | 60
        bob       | 2020-01-02 | 30
        cem       | 2020-01-02 | 60
        dee       | 2020-01-01 | 60
        """
    assert_rows(
        derive_concept({"infusion": infusion, "visit": visit}, "ivig_intent"),
        """
        person_id | g_per_kg_4wk | intent
        ann       | 1            | immunomodulatory
        bob       | 1            | immunomodulatory
        cem       |              | query
        dee       | 1            | immunomodulatory
        """,
    )


def test_a_course_in_grams_takes_the_last_weight_up_to_its_start(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | start_date | stop_status | dose  | dose_unit | schedule
        ann       | ivig  | 2020-01-01 | still taken | 120   | g         | monthly
        bob       | ivig  | 2020-01-01 | still taken | 12000 | mg        | weekly
        cem       | ivig  | 2020-01-01 | still taken | 400   | mg/kg     | weekly
        dee       | ivig  | 2020-01-01 | still taken | 120   | g         | monthly
        """
    visit = """
        person_id | date       | weight
        ann       | 2019-06-01 | 75
        ann       | 2020-01-01 | 60
        bob       | 2019-12-01 | 80
        dee       | 2020-01-02 | 60
        """
    assert_rows(
        derive_concept({"course": course, "visit": visit}, "ivig_intent"),
        """
        person_id | g_per_kg_4wk | intent
        ann       | 2            | immunomodulatory
        bob       | 0.6          | query
        cem       | 1.6          | immunomodulatory
        dee       |              | query
        """,
    )


def test_days_without_an_end_have_no_dose_in_4_weeks(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | start_date | stop_date  | stop_status       | dose | dose_unit | schedule
        ann       | ivig  | 2020-01-01 |            | stop date unknown | 0.1  | g/kg      | daily
        bob       | ivig  | 2020-01-01 | 2020-01-28 | stopped           | 0.1  | g/kg      | daily
        cem       | ivig  | 2020-01-01 | 2020-01-29 | stopped           | 0.1  | g/kg      | daily
        """
    assert_rows(
        derive_concept({"course": course}, "ivig_intent"),
        """
        person_id | g_per_kg_4wk | intent
        ann       |              | query
        bob       | 2.8          | immunomodulatory
        cem       | 2.8          | immunomodulatory
        """,
    )


def test_one_infusion_without_a_usable_dose_leaves_the_dose_of_its_weeks_unknown(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-01-01 | 0.3  | g/kg
        ann       | ivig  | 2020-01-02 | 24   | g
        """
    assert_rows(
        derive_concept({"infusion": infusion, "event": INFECTION}, "ivig_intent"),
        """
        person_id | g_per_kg_4wk | intent
        ann       |              | query
        """,
    )


def test_a_course_that_states_less_than_its_infusions_show_is_judged_by_the_infusions(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # The centre wrote the dose of one day of a five-day cycle.
    course = """
        person_id | agent | start_date | stop_date  | stop_status | dose | dose_unit | schedule
        ann       | ivig  | 2020-01-01 | 2020-06-30 | stopped     | 0.4  | g/kg      | monthly
        """
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-01-01 | 0.4  | g/kg
        ann       | ivig  | 2020-01-02 | 0.4  | g/kg
        ann       | ivig  | 2020-01-03 | 0.4  | g/kg
        ann       | ivig  | 2020-01-04 | 0.4  | g/kg
        ann       | ivig  | 2020-01-05 | 0.4  | g/kg
        """
    assert_rows(
        derive_concept({"course": course, "infusion": infusion, "event": INFECTION}, "ivig_intent"),
        """
        person_id | g_per_kg_4wk | intent           | origin
        ann       | 2            | immunomodulatory | derived
        """,
    )


def test_other_agents_and_people_without_immunoglobulin_have_no_row(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex
        ann       | female
        """
    course = """
        person_id | agent     | start_date | stop_status
        bob       | rituximab | 2020-01-01 | still taken
        """
    infusion = """
        person_id | agent     | date       | dose | dose_unit
        bob       | rituximab | 2020-01-01 | 1000 | mg
        """
    assert_rows(
        derive_concept({"patient": patient, "course": course, "infusion": infusion}, "ivig_intent"),
        """
        person_id | intent
        """,
    )
