"""switch: the first start of the other of the two agents after time zero; replacement immunoglobulin is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

IVIG_FIRST = """
    person_id | status   | arm  | time_zero_date
    ann       | assigned | ivig | 2020-01-01
    """
RITUXIMAB_FIRST = """
    person_id | status   | arm       | time_zero_date
    ann       | assigned | rituximab | 2020-01-01
    """


def test_rituximab_after_ivig_stopped_for_inefficacy_is_a_switch_for_inefficacy(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent     | intent           | start_date | stop_date  | stop_status | stop_reason
        ann       | ivig      | immunomodulatory | 2020-01-01 | 2020-06-30 | stopped     | planned
        ann       | ivig      | immunomodulatory | 2020-07-01 | 2021-12-31 | stopped     | inefficacy
        ann       | rituximab |                  | 2022-02-01 | 2022-02-22 | stopped     | planned
        ann       | rituximab |                  | 2024-02-01 | 2024-02-22 | stopped     | planned
        """
    assert_rows(
        derive_concept({"time_zero": IVIG_FIRST, "course": course}, "switch"),
        """
        person_id | switch_date | from_agent | to_agent  | reason     | record
        ann       | 2022-02-01  | ivig       | rituximab | inefficacy | course.csv:4
        """,
    )


def test_immunomodulatory_ivig_after_rituximab_is_a_switch_and_replacement_is_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    replacement = """
        person_id | agent     | intent      | start_date | stop_date  | stop_status | stop_reason | dose | dose_unit | schedule
        ann       | rituximab |             | 2020-01-01 | 2020-01-15 | stopped     | inefficacy  |      |           |
        ann       | ivig      | replacement | 2020-09-01 |            | still taken |             | 0.2  | g/kg      | every 4 weeks
        """  # noqa: E501
    assert_rows(derive_concept({"time_zero": RITUXIMAB_FIRST, "course": replacement}, "switch"), "person_id | reason")
    course = replacement + "ann | ivig | immunomodulatory | 2020-12-01 |  | still taken |  | 2 | g/kg | monthly"
    assert_rows(
        derive_concept({"time_zero": RITUXIMAB_FIRST, "course": course}, "switch"),
        """
        switch_date | from_agent | to_agent | reason     | record
        2020-12-01  | rituximab  | ivig     | inefficacy | course.csv:4
        """,
    )


@pytest.mark.parametrize("intent", ["other", ""])
def test_immunoglobulin_for_another_disease_or_of_unclear_intent_is_no_switch(
    intent: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = f"""
        person_id | agent | intent   | start_date | stop_status | dose | dose_unit | schedule
        ann       | ivig  | {intent} | 2020-09-01 | still taken | 0.8  | g/kg      | monthly
        """
    assert_rows(derive_concept({"time_zero": RITUXIMAB_FIRST, "course": course}, "switch"), "person_id | reason")


def test_infusions_without_a_course_make_a_switch_as_well(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent     | date       | dose | dose_unit
        ann       | ivig      | 2020-01-01 | 2    | g/kg
        ann       | rituximab | 2020-05-01 | 1000 | mg
        """
    assert_rows(
        derive_concept({"time_zero": IVIG_FIRST, "infusion": infusion}, "switch"),
        """
        switch_date | to_agent  | reason | record
        2020-05-01  | rituximab |        | infusion.csv:3
        """,
    )


def test_the_first_agent_must_have_stopped_by_the_day_of_the_switch_to_give_its_reason(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | status   | arm  | time_zero_date
        ann       | assigned | ivig | 2020-01-01
        bob       | assigned | ivig | 2020-01-01
        cem       | assigned | ivig | 2020-01-01
        dee       | assigned | ivig | 2020-01-01
        eva       | assigned | ivig | 2020-01-01
        fay       | assigned | ivig | 2020-01-01
        """
    course = """
        person_id | agent     | intent           | start_date | stop_date  | stop_status       | stop_reason
        ann       | ivig      | immunomodulatory | 2020-01-01 | 2020-06-30 | stopped           | intolerance
        ann       | rituximab |                  | 2020-06-30 |            | still taken       |
        bob       | ivig      | immunomodulatory | 2020-01-01 | 2020-07-01 | stopped           | intolerance
        bob       | rituximab |                  | 2020-06-30 |            | still taken       |
        cem       | ivig      | immunomodulatory | 2020-01-01 |            | still taken       |
        cem       | rituximab |                  | 2020-06-30 |            | still taken       |
        dee       | ivig      | immunomodulatory | 2020-01-01 |            | stop date unknown | inefficacy
        dee       | rituximab |                  | 2020-06-30 |            | still taken       |
        eva       | ivig      | immunomodulatory | 2020-01-01 | 2020-06-29 | stopped           | intolerance
        eva       | ivig      | immunomodulatory | 2020-06-30 |            | still taken       |
        eva       | rituximab |                  | 2020-06-30 |            | still taken       |
        fay       | ivig      | immunomodulatory | 2020-01-01 | 2020-06-01 | stopped           | intolerance
        fay       | ivig      | replacement      | 2020-06-02 |            | still taken       |
        fay       | rituximab |                  | 2020-06-30 |            | still taken       |
        """
    assert_rows(
        derive_concept({"time_zero": time_zero, "course": course}, "switch"),
        """
        person_id | switch_date | reason
        ann       | 2020-06-30  | intolerance
        bob       | 2020-06-30  |
        cem       | 2020-06-30  |
        dee       | 2020-06-30  |
        eva       | 2020-06-30  |
        fay       | 2020-06-30  | intolerance
        """,
    )


def test_a_return_to_the_first_agent_after_the_switch_does_not_change_the_reason(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    # One line of immunoglobulin, because the pause is short; the switch knows only what was before it.
    course = """
        person_id | agent     | intent           | start_date | stop_date  | stop_status | stop_reason
        ann       | ivig      | immunomodulatory | 2020-01-01 | 2020-06-30 | stopped     | inefficacy
        ann       | rituximab |                  | 2020-07-10 |            | still taken |
        ann       | ivig      | immunomodulatory | 2020-09-01 |            | still taken |
        """
    assert_rows(
        derive_concept({"time_zero": IVIG_FIRST, "course": course}, "switch"),
        """
        switch_date | reason
        2020-07-10  | inefficacy
        """,
    )


def test_people_without_time_zero_and_starts_of_the_same_or_a_third_agent_are_no_switch(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | status         | arm  | time_zero_date
        ann       | assigned       | ivig | 2020-01-01
        bob       | not refractory |      |
        """
    course = """
        person_id | agent        | intent           | start_date | stop_date  | stop_status | stop_reason
        ann       | ivig         | immunomodulatory | 2020-01-01 | 2020-02-01 | stopped     | inefficacy
        ann       | ivig         | immunomodulatory | 2021-01-01 |            | still taken |
        ann       | methotrexate |                  | 2020-05-01 |            | still taken |
        ann       | tofacitinib  |                  | 2020-05-01 |            | still taken |
        bob       | rituximab    |                  | 2020-05-01 |            | still taken |
        bob       | ivig         | immunomodulatory | 2020-06-01 |            | still taken |
        """
    assert_rows(derive_concept({"time_zero": time_zero, "course": course}, "switch"), "person_id | reason")
