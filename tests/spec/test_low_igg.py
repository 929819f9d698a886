"""low_igg: low IgG after time zero, graded by its lowest value in two schemes, with the baseline beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

RITUXIMAB_FIRST = """
    person_id | status   | arm       | time_zero_date
    ann       | assigned | rituximab | 2020-03-01
    """
IVIG_FIRST = """
    person_id | status   | arm  | time_zero_date
    ann       | assigned | ivig | 2020-03-01
    """


@pytest.mark.parametrize(
    ("igg", "grade_a", "grade_b"),
    [
        ("7.0", "none", "none"),
        ("6.9", "mild", "low"),
        ("5.0", "mild", "low"),
        ("4.9", "moderate", "low"),
        ("4.0", "moderate", "low"),
        ("3.9", "moderate", "severe"),
        ("3.0", "moderate", "severe"),
        ("2.9", "severe", "severe"),
    ],
)
def test_the_lowest_value_is_graded_in_both_schemes(
    igg: str,
    grade_a: str,
    grade_b: str,
    derive_concept: Callable[..., Any],
    assert_rows: Callable[[Any, str], None],
) -> None:
    lab = f"""
        person_id | analyte | date       | value
        ann       | IgG     | 2020-05-01 | 9
        ann       | IgG     | 2020-06-01 | {igg}
        ann       | IgG     | 2020-07-01 | 8
        ann       | LDH     | 2020-08-01 | 1
        """
    assert_rows(
        derive_concept({"time_zero": RITUXIMAB_FIRST, "lab": lab}, "low_igg"),
        f"""
        person_id | nadir_igg    | nadir_date | nadir_record | grade_a   | grade_b   | graded | not_graded
        ann       | {float(igg):g} | 2020-06-01 | lab.csv:3    | {grade_a} | {grade_b} | 3      | 0
        """,
    )


def test_only_values_after_time_zero_are_graded_and_the_last_one_up_to_it_is_the_baseline(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2020-02-01 | 5
        ann       | IgG     | 2020-03-01 | 6.9
        ann       | IgG     | 2020-03-02 | 7.5
        """
    assert_rows(
        derive_concept({"time_zero": RITUXIMAB_FIRST, "lab": lab}, "low_igg"),
        """
        baseline_igg | baseline_low | baseline_date | baseline_record | nadir_igg | grade_a | graded
        6.9          | true         | 2020-03-01    | lab.csv:3       | 7.5       | none    | 1
        """,
    )


def test_a_value_90_days_before_time_zero_is_a_baseline_and_one_of_91_days_is_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # 2 December 2019 is 90 days before 1 March 2020.
    time_zero = """
        person_id | status   | arm       | time_zero_date
        ann       | assigned | rituximab | 2020-03-01
        bob       | assigned | rituximab | 2020-03-01
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2019-12-02 | 7
        bob       | IgG     | 2019-12-01 | 6
        """
    assert_rows(
        derive_concept({"time_zero": time_zero, "lab": lab}, "low_igg"),
        """
        person_id | baseline_igg | baseline_low | baseline_date
        ann       | 7            | false        | 2019-12-02
        bob       |              |              |
        """,
    )


def test_a_value_drawn_27_days_after_an_immunomodulatory_infusion_is_not_graded_and_one_of_28_days_is(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # 28 March 2020 is 27 days after 1 March.
    time_zero = """
        person_id | status   | arm  | time_zero_date
        ann       | assigned | ivig | 2020-03-01
        bob       | assigned | ivig | 2020-03-01
        """
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-03-01 | 2    | g/kg
        bob       | ivig  | 2020-03-01 | 2    | g/kg
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2020-03-28 | 4.5
        bob       | IgG     | 2020-03-29 | 4.5
        """
    assert_rows(
        derive_concept({"time_zero": time_zero, "infusion": infusion, "lab": lab}, "low_igg"),
        """
        person_id | nadir_igg | grade_a  | grade_b | first_low_date | graded | not_graded
        ann       |           |          |         |                | 0      | 1
        bob       | 4.5       | moderate | low     | 2020-03-29     | 1      | 0
        """,
    )


def test_a_sample_of_the_first_day_of_immunoglobulin_counts_as_taken_before_it(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-03-01 | 1    | g/kg
        ann       | ivig  | 2020-03-02 | 1    | g/kg
        ann       | ivig  | 2020-04-01 | 1    | g/kg
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2020-03-01 | 9
        ann       | IgG     | 2020-03-02 | 12
        ann       | IgG     | 2020-04-01 | 11
        """
    assert_rows(
        derive_concept({"time_zero": IVIG_FIRST, "infusion": infusion, "lab": lab}, "low_igg"),
        """
        baseline_igg | baseline_date | nadir_igg | nadir_date | graded | not_graded
        9            | 2020-03-01    | 11        | 2020-04-01 | 1      | 1
        """,
    )


def test_no_value_is_graded_during_an_immunomodulatory_course_and_27_days_after_its_last_day(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # 28 June 2020 is 28 days after 31 May. The shorter course inside the longer one does not end it.
    course = """
        person_id | agent | intent           | start_date | stop_date  | stop_status
        ann       | ivig  | immunomodulatory | 2020-03-01 | 2020-05-31 | stopped
        ann       | ivig  | immunomodulatory | 2020-03-10 | 2020-03-15 | stopped
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2020-05-15 | 4
        ann       | IgG     | 2020-06-27 | 4
        ann       | IgG     | 2020-06-28 | 6
        """
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-03-01 | 2    | g/kg
        """
    assert_rows(
        derive_concept({"time_zero": IVIG_FIRST, "course": course, "infusion": infusion, "lab": lab}, "low_igg"),
        """
        nadir_igg | nadir_date | graded | not_graded
        6         | 2020-06-28 | 1      | 2
        """,
    )


def test_no_value_is_graded_while_an_immunomodulatory_course_goes_on(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | intent           | start_date | stop_status
        ann       | ivig  | immunomodulatory | 2020-03-01 | still taken
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2024-05-15 | 4
        """
    assert_rows(
        derive_concept({"time_zero": IVIG_FIRST, "course": course, "lab": lab}, "low_igg"),
        """
        nadir_igg | grade_a | grade_b | persistent | graded | not_graded
                  |         |         |            | 0      | 1
        """,
    )


def test_a_course_of_unknown_stop_date_counts_with_its_first_day_and_its_infusions(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | intent           | start_date | stop_status
        ann       | ivig  | immunomodulatory | 2020-03-01 | stop date unknown
        """
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-04-01 | 0.2  | g/kg
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2020-03-28 | 4
        ann       | IgG     | 2020-04-28 | 4
        ann       | IgG     | 2020-04-29 | 6
        """
    assert_rows(
        derive_concept({"time_zero": IVIG_FIRST, "course": course, "infusion": infusion, "lab": lab}, "low_igg"),
        """
        nadir_igg | nadir_date | graded | not_graded
        6         | 2020-04-29 | 1      | 2
        """,
    )


def test_values_during_replacement_are_graded(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent | intent      | start_date | stop_status
        ann       | ivig  | replacement | 2020-03-10 | still taken
        """
    before = "ann | ivig | immunomodulatory | 2019-03-10 | stop date unknown"
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-03-10 | 0.2  | g/kg
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2020-03-20 | 6
        """
    assert_rows(
        derive_concept(
            {"time_zero": RITUXIMAB_FIRST, "course": course + before, "infusion": infusion, "lab": lab}, "low_igg"
        ),
        """
        nadir_igg | grade_a | graded | not_graded
        6         | mild    | 1      | 0
        """,
    )


def test_two_low_values_28_days_apart_are_persistent_and_27_days_apart_are_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | status   | arm       | time_zero_date
        ann       | assigned | rituximab | 2020-03-01
        bob       | assigned | rituximab | 2020-03-01
        cem       | assigned | rituximab | 2020-03-01
        dee       | assigned | rituximab | 2020-03-01
        """
    lab = """
        person_id | analyte | date       | value
        ann       | IgG     | 2020-05-01 | 6
        ann       | IgG     | 2020-05-29 | 6.5
        bob       | IgG     | 2020-05-01 | 6
        bob       | IgG     | 2020-05-28 | 6.5
        cem       | IgG     | 2020-05-01 | 7
        cem       | IgG     | 2020-09-01 | 7
        dee       | IgG     | 2020-05-01 | 6
        dee       | IgG     | 2020-09-01 | 7
        """
    assert_rows(
        derive_concept({"time_zero": time_zero, "lab": lab}, "low_igg"),
        """
        person_id | nadir_igg | nadir_date | first_low_date | first_low_record | persistent
        ann       | 6         | 2020-05-01 | 2020-05-01     | lab.csv:2        | true
        bob       | 6         | 2020-05-01 | 2020-05-01     | lab.csv:4        | false
        cem       | 7         | 2020-05-01 |                |                  | false
        dee       | 6         | 2020-05-01 | 2020-05-01     | lab.csv:8        | false
        """,
    )


def test_someone_without_igg_has_a_row_without_a_grade_and_someone_without_time_zero_has_none(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | status         | arm       | time_zero_date
        ann       | assigned       | rituximab | 2020-03-01
        bob       | not refractory |           |
        """
    lab = """
        person_id | analyte | date       | value
        bob       | IgG     | 2020-05-01 | 2
        """
    assert_rows(
        derive_concept({"time_zero": time_zero, "lab": lab}, "low_igg"),
        """
        person_id | baseline_igg | baseline_low | nadir_igg | grade_a | grade_b | persistent | graded | not_graded
        ann       |              |              |           |         |         |            | 0      | 0
        """,
    )
