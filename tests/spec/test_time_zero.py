"""time_zero: first immunomodulatory IVIG or first rituximab from refractory onset on, in someone naive to both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ANN = """
    person_id | sex
    ann       | female
    """
REFRACTORY = """
    person_id | refractory_date
    ann       | 2020-03-01
    """


def test_the_first_of_the_two_agents_is_the_arm_whatever_comes_later(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex
        ann       | female
        bob       | male
        """
    onset = """
        person_id | refractory_date
        ann       | 2020-03-01
        bob       | 2020-03-01
        """
    course = """
        person_id | agent     | intent           | start_date | stop_status
        ann       | ivig      | immunomodulatory | 2020-04-01 | still taken
        ann       | rituximab |                  | 2020-04-02 | still taken
        bob       | ivig      | immunomodulatory | 2020-04-03 | still taken
        bob       | rituximab |                  | 2020-04-02 | still taken
        """
    assert_rows(
        derive_concept({"patient": patient, "refractory_onset": onset, "course": course}, "time_zero"),
        """
        person_id | status   | arm       | time_zero_date | record
        ann       | assigned | ivig      | 2020-04-01     | course.csv:2
        bob       | assigned | rituximab | 2020-04-02     | course.csv:5
        """,
    )


@pytest.mark.parametrize("agent", ["ivig", "rituximab"])
def test_a_start_on_the_day_of_refractory_onset_is_time_zero_and_one_on_the_day_before_is_prior_exposure(
    agent: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex
        ann       | female
        bob       | male
        """
    onset = """
        person_id | refractory_date
        ann       | 2020-03-01
        bob       | 2020-03-01
        """
    course = f"""
        person_id | agent     | intent           | start_date | stop_status
        ann       | {agent}   | immunomodulatory | 2020-03-01 | still taken
        bob       | {agent}   | immunomodulatory | 2020-02-29 | still taken
        bob       | rituximab |                  | 2020-05-01 | still taken
        """
    assert_rows(
        derive_concept({"patient": patient, "refractory_onset": onset, "course": course}, "time_zero"),
        f"""
        person_id | status         | arm     | time_zero_date | record
        ann       | assigned       | {agent} | 2020-03-01     | course.csv:2
        bob       | prior exposure |         |                | course.csv:3
        """,
    )


def test_an_infusion_before_the_course_row_is_the_first_day(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex
        ann       | female
        bob       | male
        """
    onset = """
        person_id | refractory_date
        ann       | 2020-03-01
        bob       | 2020-03-01
        """
    course = """
        person_id | agent     | intent           | start_date | stop_status
        ann       | rituximab |                  | 2020-05-08 | still taken
        bob       | ivig      | immunomodulatory | 2020-05-02 | still taken
        """
    infusion = """
        person_id | agent     | date       | dose | dose_unit
        ann       | rituximab | 2020-05-01 | 1000 | mg
        bob       | ivig      | 2020-05-01 | 1    | g/kg
        bob       | ivig      | 2020-05-02 | 1    | g/kg
        """
    assert_rows(
        derive_concept(
            {"patient": patient, "refractory_onset": onset, "course": course, "infusion": infusion}, "time_zero"
        ),
        """
        person_id | arm       | time_zero_date | record
        ann       | rituximab | 2020-05-01     | infusion.csv:2
        bob       | ivig      | 2020-05-01     | infusion.csv:3
        """,
    )


def test_both_agents_on_one_day_assign_nothing(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent     | intent           | start_date | stop_status
        ann       | ivig      | immunomodulatory | 2020-04-01 | still taken
        ann       | rituximab |                  | 2020-04-01 | still taken
        """
    assert_rows(
        derive_concept({"patient": ANN, "refractory_onset": REFRACTORY, "course": course}, "time_zero"),
        """
        person_id | status          | arm | time_zero_date | record
        ann       | both on one day |     |                | course.csv:2
        """,
    )


@pytest.mark.parametrize("intent", ["replacement", "other"])
def test_immunoglobulin_of_another_intent_is_neither_prior_exposure_nor_time_zero(
    intent: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    before = f"""
        person_id | agent     | intent   | start_date | stop_status
        ann       | ivig      | {intent} | 2019-01-01 | still taken
        ann       | rituximab |          | 2020-04-01 | still taken
        """
    assert_rows(
        derive_concept({"patient": ANN, "refractory_onset": REFRACTORY, "course": before}, "time_zero"),
        """
        status   | arm       | time_zero_date
        assigned | rituximab | 2020-04-01
        """,
    )
    alone = f"""
        person_id | agent | intent   | start_date | stop_status
        ann       | ivig  | {intent} | 2020-04-01 | still taken
        """
    assert_rows(
        derive_concept({"patient": ANN, "refractory_onset": REFRACTORY, "course": alone}, "time_zero"),
        """
        status        | arm | time_zero_date | record
        neither agent |     |                |
        """,
    )


@pytest.mark.parametrize("unclear_date", ["2019-01-01", "2020-03-15", "2020-04-01"])
def test_immunoglobulin_of_unclear_intent_up_to_the_would_be_time_zero_leaves_the_arm_open(
    unclear_date: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = f"""
        person_id | agent     | start_date     | stop_status | dose | dose_unit | schedule
        ann       | ivig      | {unclear_date} | still taken | 0.8  | g/kg      | every 4 weeks
        ann       | rituximab | 2020-04-01     | still taken |      |           |
        ann       | ivig      | 2020-05-01     | still taken | 0.8  | g/kg      | every 4 weeks
        """
    assert_rows(
        derive_concept({"patient": ANN, "refractory_onset": REFRACTORY, "course": course}, "time_zero"),
        """
        status         | arm | time_zero_date | record
        intent unclear |     |                | course.csv:2
        """,
    )


def test_immunoglobulin_of_unclear_intent_on_the_day_after_time_zero_changes_nothing(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent     | start_date | stop_status | dose | dose_unit | schedule
        ann       | ivig      | 2020-04-02 | still taken | 0.8  | g/kg      | every 4 weeks
        ann       | rituximab | 2020-04-01 | still taken |      |           |
        ann       | ivig      | 2020-06-01 | still taken | 2    | g/kg      | every 4 weeks
        """
    assert_rows(
        derive_concept({"patient": ANN, "refractory_onset": REFRACTORY, "course": course}, "time_zero"),
        """
        status   | arm       | time_zero_date
        assigned | rituximab | 2020-04-01
        """,
    )


def test_immunoglobulin_of_unclear_intent_alone_is_a_question_and_not_neither_agent(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent | date       | dose | dose_unit
        ann       | ivig  | 2020-04-01 | 48   | g
        """
    assert_rows(
        derive_concept({"patient": ANN, "refractory_onset": REFRACTORY, "infusion": infusion}, "time_zero"),
        """
        status         | arm | record
        intent unclear |     | infusion.csv:2
        """,
    )


def test_a_clear_prior_exposure_goes_before_an_unclear_one_and_the_first_is_named(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent     | start_date | stop_status | dose | dose_unit | schedule
        ann       | ivig      | 2018-04-02 | still taken | 0.8  | g/kg      | every 4 weeks
        ann       | rituximab | 2019-04-01 | still taken |      |           |
        ann       | rituximab | 2019-10-01 | still taken |      |           |
        """
    assert_rows(
        derive_concept({"patient": ANN, "refractory_onset": REFRACTORY, "course": course}, "time_zero"),
        """
        status         | record
        prior exposure | course.csv:3
        """,
    )


def test_every_person_has_one_row_also_without_any_treatment(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex
        ann       | female
        bob       | male
        cem       | male
        """
    course = """
        person_id | agent     | start_date | stop_status
        bob       | rituximab | 2020-04-01 | still taken
        """
    assert_rows(
        derive_concept({"patient": patient, "refractory_onset": REFRACTORY, "course": course}, "time_zero"),
        """
        person_id | status         | arm | time_zero_date | record
        ann       | neither agent  |     |                |
        bob       | not refractory |     |                |
        cem       | not refractory |     |                |
        """,
    )
