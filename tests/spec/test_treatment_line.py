"""treatment_line: courses and infusions of one agent that follow each other without a long pause, at any dose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def test_phases_of_dose_are_one_line_and_its_reason_is_that_of_the_last_course(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | intent           | start_date | stop_date  | stop_status | stop_reason | dose | dose_unit | schedule
        ann       | ivig  | immunomodulatory | 2020-01-01 | 2020-06-30 | stopped     | planned     | 2    | g/kg      | monthly
        ann       | ivig  | immunomodulatory | 2020-07-01 | 2020-12-31 | stopped     | remission   | 0.4  | g/kg      | weekly
        ann       | ivig  | immunomodulatory | 2021-01-01 | 2022-01-31 | stopped     | inefficacy  | 0.2  | g/kg      | every 2 weeks
        """  # noqa: E501
    assert_rows(
        derive_concept({"course": course}, "treatment_line"),
        """
        person_id | line | agent | class | intent           | start_date | stop_date  | stop_status | stop_reason | doses | record
        ann       | 1    | ivig  | ivig  | immunomodulatory | 2020-01-01 | 2022-01-31 | stopped     | inefficacy  | 0     | course.csv:2
        """,  # noqa: E501
    )


def test_replacement_after_rituximab_is_a_line_of_its_own_beside_immunomodulation(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent     | intent           | start_date | stop_date  | stop_status | stop_reason
        ann       | ivig      | immunomodulatory | 2020-01-01 | 2020-06-30 | stopped     | inefficacy
        ann       | rituximab |                  | 2020-07-10 | 2020-07-31 | stopped     | planned
        ann       | ivig      | replacement      | 2020-08-01 |            | still taken |
        """
    assert_rows(
        derive_concept({"course": course}, "treatment_line"),
        """
        line | agent     | class     | intent           | start_date | stop_date  | stop_status | stop_reason
        1    | ivig      | ivig      | immunomodulatory | 2020-01-01 | 2020-06-30 | stopped     | inefficacy
        2    | rituximab | rituximab |                  | 2020-07-10 | 2020-07-31 | stopped     | planned
        3    | ivig      | ivig      | replacement      | 2020-08-01 |            | still taken |
        """,
    )


def test_a_pause_of_immunoglobulin_of_120_days_joins_and_one_of_121_days_parts(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # 29 July 2020 is 120 days after 31 March.
    course = """
        person_id | agent | intent           | start_date | stop_date  | stop_status | stop_reason
        ann       | ivig  | immunomodulatory | 2020-01-01 | 2020-03-31 | stopped     | remission
        ann       | ivig  | immunomodulatory | 2020-07-29 | 2020-12-31 | stopped     | planned
        bob       | ivig  | immunomodulatory | 2020-01-01 | 2020-03-31 | stopped     | remission
        bob       | ivig  | immunomodulatory | 2020-07-30 | 2020-12-31 | stopped     | planned
        cem       | ivig  | immunomodulatory | 2020-06-01 | 2020-08-31 | stopped     | remission
        cem       | ivig  | immunomodulatory | 2020-09-01 | 2020-12-31 | stopped     | planned
        """
    assert_rows(
        derive_concept({"course": course}, "treatment_line"),
        """
        person_id | line | start_date | stop_date  | stop_reason
        ann       | 1    | 2020-01-01 | 2020-12-31 | planned
        bob       | 1    | 2020-01-01 | 2020-03-31 | remission
        bob       | 2    | 2020-07-30 | 2020-12-31 | planned
        cem       | 1    | 2020-06-01 | 2020-12-31 | planned
        """,
    )


def test_a_pause_of_rituximab_of_365_days_joins_and_one_of_366_days_parts(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent     | date       | dose | dose_unit
        ann       | rituximab | 2021-01-01 | 1000 | mg
        ann       | rituximab | 2021-01-15 | 1000 | mg
        ann       | rituximab | 2022-01-15 | 1000 | mg
        bob       | rituximab | 2021-01-01 | 1000 | mg
        bob       | rituximab | 2021-01-15 | 1000 | mg
        bob       | rituximab | 2022-01-16 | 1000 | mg
        """
    assert_rows(
        derive_concept({"infusion": infusion}, "treatment_line"),
        """
        person_id | line | start_date | stop_date  | doses | record
        ann       | 1    | 2021-01-01 | 2022-01-15 | 3     | infusion.csv:2
        bob       | 1    | 2021-01-01 | 2021-01-15 | 2     | infusion.csv:5
        bob       | 2    | 2022-01-16 | 2022-01-16 | 1     | infusion.csv:7
        """,
    )


def test_a_line_of_infusions_alone_goes_on_until_the_pause_is_too_long(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # 3 March 2026 is 119 days and 2 March 120 days before 30 June; 1 March is 121 days before it.
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2026-03-02 | 2    | g/kg
        bob       | ivig  | 2026-03-01 | 2    | g/kg
        """
    assert_rows(
        derive_concept({"infusion": infusion}, "treatment_line", cut="2026-06-30"),
        """
        person_id | stop_date  | stop_status | stop_reason
        ann       |            | still taken |
        bob       | 2026-03-01 | stopped     |
        """,
    )


def test_infusion_days_inside_a_course_are_its_doses_and_a_later_infusion_prolongs_the_line(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent     | intent           | start_date | stop_date  | stop_status | stop_reason
        ann       | ivig      | immunomodulatory | 2020-01-01 | 2020-06-30 | stopped     | planned
        ann       | rituximab |                  | 2021-01-01 | 2021-01-15 | stopped     | planned
        """
    infusion = """
        person_id | agent     | date       | dose | dose_unit
        ann       | ivig      | 2020-01-01 | 1    | g/kg
        ann       | ivig      | 2020-01-02 | 1    | g/kg
        ann       | ivig      | 2020-02-01 | 1    | g/kg
        ann       | rituximab | 2021-01-01 | 1000 | mg
        ann       | rituximab | 2021-01-15 | 1000 | mg
        ann       | rituximab | 2021-07-15 | 1000 | mg
        """
    assert_rows(
        derive_concept({"course": course, "infusion": infusion}, "treatment_line"),
        """
        line | agent     | start_date | stop_date  | stop_status | stop_reason | doses | record
        1    | ivig      | 2020-01-01 | 2020-06-30 | stopped     | planned     | 3     | course.csv:2
        2    | rituximab | 2021-01-01 | 2021-07-15 | stopped     | planned     | 3     | course.csv:3
        """,
    )


def test_an_infusion_before_the_course_is_the_start_of_the_line(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent     | start_date | stop_date  | stop_status | stop_reason
        ann       | rituximab | 2021-01-15 | 2021-02-05 | stopped     | planned
        """
    infusion = """
        person_id | agent     | date       | dose | dose_unit
        ann       | rituximab | 2021-01-08 | 375  | mg/m2
        """
    assert_rows(
        derive_concept({"course": course, "infusion": infusion}, "treatment_line"),
        """
        line | start_date | stop_date  | doses | record
        1    | 2021-01-08 | 2021-02-05 | 1     | infusion.csv:2
        """,
    )


def test_a_line_with_a_course_still_taken_has_no_stop_and_no_reason(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent        | start_date | stop_date  | stop_status | stop_reason
        ann       | methotrexate | 2020-01-01 |            | still taken |
        ann       | methotrexate | 2020-03-01 | 2020-04-30 | stopped     | intolerance
        """
    assert_rows(
        derive_concept({"course": course}, "treatment_line"),
        """
        line | agent        | start_date | stop_date | stop_status | stop_reason
        1    | methotrexate | 2020-01-01 |           | still taken |
        """,
    )


def test_of_overlapping_courses_the_one_that_lasts_longest_ends_the_line(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent        | start_date | stop_date  | stop_status | stop_reason
        ann       | methotrexate | 2020-01-01 | 2020-12-31 | stopped     | inefficacy
        ann       | methotrexate | 2020-03-01 | 2020-04-30 | stopped     | planned
        ann       | methotrexate | 2021-03-01 | 2021-05-31 | stopped     | intolerance
        """
    assert_rows(
        derive_concept({"course": course}, "treatment_line"),
        """
        line | start_date | stop_date  | stop_status | stop_reason
        1    | 2020-01-01 | 2021-05-31 | stopped     | intolerance
        """,
    )
    assert_rows(
        derive_concept({"course": "\n".join(course.splitlines()[:4])}, "treatment_line"),
        """
        line | start_date | stop_date  | stop_status | stop_reason
        1    | 2020-01-01 | 2020-12-31 | stopped     | inefficacy
        """,
    )


def test_an_unknown_stop_date_stays_unknown_unless_a_later_course_of_the_line_has_one(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent        | start_date | stop_date  | stop_status       | stop_reason
        ann       | azathioprine | 2020-01-01 |            | stop date unknown | inefficacy
        bob       | azathioprine | 2020-01-01 |            | stop date unknown | planned
        bob       | azathioprine | 2020-04-30 | 2020-06-30 | stopped           | inefficacy
        cem       | azathioprine | 2020-01-01 |            | stop date unknown | planned
        cem       | azathioprine | 2020-05-01 | 2020-06-30 | stopped           | inefficacy
        """
    assert_rows(
        derive_concept({"course": course}, "treatment_line"),
        """
        person_id | line | start_date | stop_date  | stop_status       | stop_reason
        ann       | 1    | 2020-01-01 |            | stop date unknown | inefficacy
        bob       | 1    | 2020-01-01 | 2020-06-30 | stopped           | inefficacy
        cem       | 1    | 2020-01-01 |            | stop date unknown | planned
        cem       | 2    | 2020-05-01 | 2020-06-30 | stopped           | inefficacy
        """,
    )


def test_lines_are_numbered_by_start_and_then_by_agent(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent        | start_date | stop_status
        ann       | rituximab    | 2020-01-01 | still taken
        ann       | methotrexate | 2020-01-01 | still taken
        ann       | abatacept    | 2020-02-01 | still taken
        ann       | azathioprine | 2019-01-01 | still taken
        """
    assert_rows(
        derive_concept({"course": course}, "treatment_line"),
        """
        line | agent        | class
        1    | azathioprine | immunosuppressant
        2    | methotrexate | immunosuppressant
        3    | rituximab    | rituximab
        4    | abatacept    | other advanced
        """,
    )


def test_glucocorticoids_and_antimalarials_are_no_lines_and_people_without_rows_have_none(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex
        bob       | male
        """
    course = """
        person_id | agent              | start_date | stop_status
        ann       | prednisone         | 2020-01-01 | still taken
        ann       | hydroxychloroquine | 2020-01-01 | still taken
        """
    infusion = """
        person_id | agent              | date       | dose | dose_unit
        ann       | methylprednisolone | 2020-01-01 | 500  | mg
        """
    assert_rows(
        derive_concept({"patient": patient, "course": course, "infusion": infusion}, "treatment_line"),
        """
        person_id | line
        """,
    )
