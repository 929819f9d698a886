"""death: the day and main cause of death as the centre states them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def test_only_the_dead_have_a_row_and_a_cause_that_is_not_stated_is_unknown(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    follow_up = """
        person_id | last_seen_date | status | death_date | death_cause
        ann       | 2024-05-01     | dead   | 2024-05-03 | myositis
        bob       | 2024-05-01     | dead   | 2024-05-01 |
        cem       | 2024-05-01     | lost   |            |
        """
    assert_rows(
        derive_concept({"follow_up": follow_up}, "death"),
        """
        person_id | death_date | cause    | record
        ann       | 2024-05-03 | myositis | follow_up.csv:2
        bob       | 2024-05-01 | unknown  | follow_up.csv:3
        """,
    )


def test_a_death_on_the_day_of_the_data_cut_counts_and_one_on_the_next_day_does_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    follow_up = """
        person_id | last_seen_date | status | death_date | death_cause
        ann       | 2026-06-30     | dead   | 2026-06-30 | other
        bob       | 2026-06-30     | dead   | 2026-07-01 | other
        """
    assert_rows(
        derive_concept({"follow_up": follow_up}, "death", cut="2026-06-30"),
        """
        person_id | death_date
        ann       | 2026-06-30
        """,
    )
