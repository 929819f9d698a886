"""refractory_onset: inadequate response to, or intolerance of, glucocorticoids and one other immunosuppressant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_onset_is_the_later_of_the_two_first_occasions(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent        | start_date | stop_date  | stop_status | stop_reason | response   | response_date
        ann       | methotrexate | 2018-01-01 | 2018-09-30 | stopped     | intolerance |            |
        ann       | azathioprine | 2018-11-01 | 2019-06-30 | stopped     | intolerance |            |
        ann       | prednisone   | 2019-01-01 |            | still taken |             | inadequate | 2019-04-15
        """
    assert_rows(
        derive_concept({"course": course}, "refractory_onset"),
        """
        person_id | refractory_date | glucocorticoid_reason | glucocorticoid_date | glucocorticoid_record
        ann       | 2019-04-15      | inefficacy            | 2019-04-15          | course.csv:4
        """,
    )
    assert_rows(
        derive_concept({"course": course}, "refractory_onset"),
        """
        immunosuppressant | immunosuppressant_reason | immunosuppressant_date | immunosuppressant_record
        methotrexate      | intolerance              | 2018-09-30             | course.csv:2
        """,
    )


@pytest.mark.parametrize("reason", ["inefficacy", "intolerance"])
def test_a_stop_for_inefficacy_or_intolerance_counts_on_its_day(
    reason: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = f"""
        person_id | agent        | start_date | stop_date  | stop_status | stop_reason
        ann       | prednisone   | 2018-01-01 | 2019-03-31 | stopped     | {reason}
        ann       | azathioprine | 2018-01-01 | 2019-06-30 | stopped     | {reason}
        """
    assert_rows(
        derive_concept({"course": course}, "refractory_onset"),
        f"""
        refractory_date | glucocorticoid_reason | glucocorticoid_date | immunosuppressant_reason
        2019-06-30      | {reason}              | 2019-03-31          | {reason}
        """,
    )


@pytest.mark.parametrize("reason", ["remission", "planned", "other"])
def test_a_stop_for_another_reason_does_not_count(
    reason: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = f"""
        person_id | agent        | start_date | stop_date  | stop_status | stop_reason | response
        ann       | prednisone   | 2018-01-01 | 2019-03-31 | stopped     | {reason}    | adequate
        ann       | azathioprine | 2018-01-01 | 2019-06-30 | stopped     | inefficacy  |
        """
    assert_rows(derive_concept({"course": course}, "refractory_onset"), "person_id | refractory_date")


def test_one_of_the_two_is_not_enough(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent              | start_date | stop_date  | stop_status | stop_reason
        ann       | prednisone         | 2018-01-01 | 2019-03-31 | stopped     | inefficacy
        ann       | methylprednisolone | 2018-01-01 | 2019-03-31 | stopped     | inefficacy
        bob       | methotrexate       | 2018-01-01 | 2019-03-31 | stopped     | inefficacy
        bob       | azathioprine       | 2018-01-01 | 2019-03-31 | stopped     | intolerance
        """
    assert_rows(derive_concept({"course": course}, "refractory_onset"), "person_id | refractory_date")


@pytest.mark.parametrize("agent", ["hydroxychloroquine", "ivig", "rituximab", "abatacept", "other"])
def test_antimalarials_immunoglobulin_and_biologics_do_not_make_someone_refractory(
    agent: str, derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = f"""
        person_id | agent      | start_date | stop_date  | stop_status | stop_reason
        ann       | prednisone | 2018-01-01 | 2019-03-31 | stopped     | inefficacy
        ann       | {agent}    | 2018-01-01 | 2019-03-31 | stopped     | inefficacy
        """
    assert_rows(derive_concept({"course": course}, "refractory_onset"), "person_id | refractory_date")


def test_an_inadequate_response_without_a_day_counts_from_the_stop_of_its_course_and_else_nowhere(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent        | start_date | stop_date  | stop_status       | stop_reason | response
        ann       | prednisone   | 2018-01-01 | 2019-03-31 | stopped           | planned     | inadequate
        ann       | azathioprine | 2018-01-01 | 2018-06-30 | stopped           | inefficacy  |
        bob       | prednisone   | 2018-01-01 |            | still taken       |             | inadequate
        bob       | azathioprine | 2018-01-01 | 2018-06-30 | stopped           | inefficacy  |
        cem       | prednisone   | 2018-01-01 | 2019-03-31 | stopped           | inefficacy  |
        cem       | azathioprine | 2018-01-01 |            | stop date unknown | inefficacy  |
        """
    assert_rows(
        derive_concept({"course": course}, "refractory_onset"),
        """
        person_id | refractory_date | glucocorticoid_date
        ann       | 2019-03-31      | 2019-03-31
        """,
    )


def test_the_day_of_judgement_comes_before_the_later_stop_of_the_same_course(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    course = """
        person_id | agent        | start_date | stop_date  | stop_status | stop_reason | response   | response_date
        ann       | prednisone   | 2018-01-01 | 2019-03-31 | stopped     | inefficacy  | inadequate | 2018-07-01
        ann       | azathioprine | 2018-01-01 | 2019-06-30 | stopped     | intolerance | inadequate | 2018-08-01
        bob       | prednisone   | 2018-01-01 | 2019-03-31 | stopped     | inefficacy  |            |
        bob       | azathioprine | 2018-01-01 | 2019-06-30 | stopped     | intolerance |            |
        """
    assert_rows(
        derive_concept({"course": course}, "refractory_onset"),
        """
        person_id | refractory_date | glucocorticoid_date | immunosuppressant_reason | immunosuppressant_date
        ann       | 2018-08-01      | 2018-07-01          | inefficacy               | 2018-08-01
        bob       | 2019-06-30      | 2019-03-31          | intolerance              | 2019-06-30
        """,
    )
