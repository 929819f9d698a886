"""serious_infection: infections that were fatal, serious, treated intravenously, or of CTCAE grade 3 or more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def test_an_infection_of_grade_3_is_serious_and_one_of_grade_2_is_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    event = """
        person_id | term           | grade | serious | start_date
        ann       | Pneumonia      | 2     | no      | 2020-01-01
        ann       | Herpes zoster  | 3     | no      | 2020-02-01
        ann       | Cellulitis     |       | no      | 2020-03-01
        """
    assert_rows(
        derive_concept({"event": event}, "serious_infection"),
        """
        person_id | term          | start_date | grade | reason | record
        ann       | Herpes zoster | 2020-02-01 | 3     | grade  | event.csv:3
        """,
    )


def test_each_ground_alone_makes_an_infection_serious_and_the_strongest_is_told(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    event = """
        person_id | term      | grade | serious | iv_anti_infective | outcome   | start_date
        ann       | Pneumonia | 2     | yes     | no                | recovered | 2020-01-01
        ann       | Sepsis    | 2     | no      | yes               | recovered | 2020-02-01
        ann       | Sepsis    | 3     | no      | no                | recovered | 2020-03-01
        ann       | Sepsis    | 4     | no      | yes               | recovered | 2020-04-01
        ann       | Sepsis    | 4     | yes     | yes               | recovered | 2020-05-01
        ann       | Sepsis    | 5     | yes     | yes               |           | 2020-06-01
        ann       | Sepsis    |       | yes     | yes               | fatal     | 2020-07-01
        """
    assert_rows(
        derive_concept({"event": event}, "serious_infection"),
        """
        start_date | grade | reason
        2020-01-01 | 2     | serious
        2020-02-01 | 2     | iv anti-infective
        2020-03-01 | 3     | grade
        2020-04-01 | 4     | iv anti-infective
        2020-05-01 | 4     | serious
        2020-06-01 | 5     | fatal
        2020-07-01 |       | fatal
        """,
    )


def test_a_serious_event_that_is_no_infection_stays_out(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    event = """
        person_id | term                 | grade | serious | start_date
        ann       | Deep vein thrombosis | 4     | yes     | 2020-01-01
        ann       | Other                | 5     | yes     | 2020-02-01
        """
    assert_rows(derive_concept({"event": event}, "serious_infection"), "person_id | term")


def test_the_grade_from_which_an_infection_is_serious_is_a_rule(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    event = """
        person_id | term      | grade | serious | start_date
        ann       | Pneumonia | 2     | no      | 2020-01-01
        """
    assert_rows(
        derive_concept({"event": event}, "serious_infection", rules={"serious_infection_grade": "2"}),
        """
        term      | reason
        Pneumonia | grade
        """,
    )
