"""response: the first visit at which the total improvement score reached 20, 40 and 60 points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TIME_ZERO = """
    person_id | arm  | time_zero_date
    ann       | ivig | 2020-03-01
    """


def test_the_response_begins_on_the_cut(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """17.5, 37.5 and 57.5 points are the last ones below 20, 40 and 60; the first visit that reaches a cut counts."""
    tis = """
        person_id | date       | tis_low | tis_high | record
        ann       | 2020-04-01 | 17.5    | 17.5     | visit.csv:2
        ann       | 2020-05-01 | 20.0    | 20.0     | visit.csv:3
        ann       | 2020-06-01 | 37.5    | 37.5     | visit.csv:4
        ann       | 2020-07-01 | 40.0    | 40.0     | visit.csv:5
        ann       | 2020-08-01 | 57.5    | 57.5     | visit.csv:6
        ann       | 2020-09-01 | 60.0    | 60.0     | visit.csv:7
        ann       | 2020-10-01 | 80.0    | 80.0     | visit.csv:8
        """
    response = derive_concept({"time_zero": TIME_ZERO, "tis": tis}, "response")
    assert_rows(
        response,
        """
        person_id | scorable | response_20_date | response_40_date | response_60_date
        ann       | true     | 2020-05-01       | 2020-07-01       | 2020-09-01
        """,
    )
    assert_rows(
        response,
        """
        response_20_record | response_40_record | response_60_record
        visit.csv:3        | visit.csv:5        | visit.csv:7
        """,
    )


def test_a_response_that_is_lost_later_was_still_one(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    tis = """
        person_id | date       | tis_low | tis_high | record
        ann       | 2020-04-01 | 45.0    | 45.0     | visit.csv:2
        ann       | 2020-05-01 | 0.0     | 0.0      | visit.csv:3
        """
    assert_rows(
        derive_concept({"time_zero": TIME_ZERO, "tis": tis}, "response"),
        """
        response_20_date | response_40_date | response_60_date | response_60_record
        2020-04-01       | 2020-04-01       |                  |
        """,
    )


def test_with_missing_components_the_lower_bound_decides(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    tis = """
        person_id | date       | tis_low | tis_high | record
        ann       | 2020-04-01 | 17.5    | 57.5     | visit.csv:2
        ann       | 2020-05-01 | 22.5    | 62.5     | visit.csv:3
        """
    assert_rows(
        derive_concept({"time_zero": TIME_ZERO, "tis": tis}, "response"),
        """
        response_20_date | response_40_date | response_60_date
        2020-05-01       |                  |
        """,
    )


def test_a_person_is_scorable_if_at_some_visit_less_than_40_points_are_missing(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Cleo was never seen after time zero."""
    time_zero = """
        person_id | time_zero_date
        ann       | 2020-03-01
        bea       | 2020-03-01
        cleo      | 2020-03-01
        """
    tis = """
        person_id | date       | tis_low | tis_high | record
        ann       | 2020-04-01 | 0.0     | 100.0    | visit.csv:2
        ann       | 2020-05-01 | 0.0     | 37.5     | visit.csv:3
        bea       | 2020-04-01 | 0.0     | 40.0     | visit.csv:4
        """
    assert_rows(
        derive_concept({"time_zero": time_zero, "tis": tis}, "response"),
        """
        person_id | scorable | response_20_date
        ann       | true     |
        bea       | false    |
        cleo      | false    |
        """,
    )


def test_a_person_without_time_zero_has_no_row(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | status        | time_zero_date
        ann       | neither agent |
        """
    assert_rows(derive_concept({"time_zero": time_zero}, "response"), "person_id | scorable")
