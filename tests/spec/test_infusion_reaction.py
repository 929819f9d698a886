"""infusion_reaction: infusion related reactions, recorded with an infusion or as an adverse event, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def test_an_infusion_with_a_reaction_of_grade_1_counts_and_one_of_grade_0_or_not_recorded_does_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent     | date       | dose | dose_unit | reaction_grade
        ann       | rituximab | 2020-01-01 | 1000 | mg        | 1
        ann       | rituximab | 2020-01-15 | 1000 | mg        | 0
        ann       | rituximab | 2020-07-15 | 1000 | mg        |
        """
    assert_rows(
        derive_concept({"infusion": infusion}, "infusion_reaction"),
        """
        person_id | date       | agent     | grade | record
        ann       | 2020-01-01 | rituximab | 1     | infusion.csv:2
        """,
    )


def test_an_event_on_a_day_without_a_recorded_reaction_counts_with_the_agent_of_that_day(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent     | date       | dose | dose_unit | reaction_grade
        ann       | rituximab | 2020-01-01 | 1000 | mg        | 0
        ann       | ivig      | 2020-02-01 | 1    | g/kg      |
        """
    event = """
        person_id | term                      | grade | serious | start_date | related_agent
        ann       | Infusion related reaction | 2     | no      | 2020-01-01 |
        ann       | Infusion related reaction | 3     | no      | 2020-02-01 | ivig
        ann       | Infusion related reaction | 2     | no      | 2020-03-01 |
        """
    assert_rows(
        derive_concept({"infusion": infusion, "event": event}, "infusion_reaction"),
        """
        date       | agent     | grade | record
        2020-01-01 | rituximab | 2     | event.csv:2
        2020-02-01 | ivig      | 3     | event.csv:3
        2020-03-01 |           | 2     | event.csv:4
        """,
    )


def test_a_reaction_told_with_the_infusion_and_as_an_event_is_one_with_the_higher_grade(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent     | date       | dose | dose_unit | reaction_grade
        ann       | rituximab | 2020-01-01 | 1000 | mg        | 2
        ann       | rituximab | 2020-02-01 | 1000 | mg        | 2
        ann       | rituximab | 2020-03-01 | 1000 | mg        | 2
        """
    event = """
        person_id | term                      | grade | serious | start_date | related_agent
        ann       | Infusion related reaction | 2     | no      | 2020-01-01 |
        ann       | Infusion related reaction | 3     | yes     | 2020-02-01 | rituximab
        ann       | Infusion related reaction |       | no      | 2020-03-01 | rituximab
        """
    assert_rows(
        derive_concept({"infusion": infusion, "event": event}, "infusion_reaction"),
        """
        date       | agent     | grade | record
        2020-01-01 | rituximab | 2     | infusion.csv:2
        2020-02-01 | rituximab | 3     | event.csv:3
        2020-03-01 | rituximab | 2     | infusion.csv:4
        """,
    )


def test_of_two_infusions_on_one_day_an_event_belongs_to_the_agent_it_names_else_to_the_worse_one(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    infusion = """
        person_id | agent              | date       | dose | dose_unit | reaction_grade
        ann       | methylprednisolone | 2020-01-01 | 100  | mg        | 0
        ann       | rituximab          | 2020-01-01 | 1000 | mg        | 1
        bob       | ivig               | 2020-01-01 | 1    | g/kg      | 1
        bob       | rituximab          | 2020-01-01 | 1000 | mg        | 2
        """
    event = """
        person_id | term                      | grade | serious | start_date | related_agent
        ann       | Infusion related reaction | 1     | no      | 2020-01-01 |
        bob       | Infusion related reaction | 3     | no      | 2020-01-01 | ivig
        """
    assert_rows(
        derive_concept({"infusion": infusion, "event": event}, "infusion_reaction"),
        """
        person_id | agent     | grade | record
        ann       | rituximab | 1     | infusion.csv:3
        bob       | ivig      | 3     | event.csv:3
        bob       | rituximab | 2     | infusion.csv:5
        """,
    )


def test_an_anaphylactic_reaction_is_another_term_and_no_infusion_related_reaction(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    event = """
        person_id | term                  | grade | serious | start_date | related_agent
        ann       | Anaphylactic reaction | 4     | yes     | 2020-01-01 | rituximab
        """
    assert_rows(derive_concept({"event": event}, "infusion_reaction"), "person_id | agent")
