"""end_of_follow_up: death, or the day last seen, and never after the data cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def test_follow_up_ends_with_death_loss_withdrawal_or_the_day_last_seen(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex
        ann       | female
        bob       | male
        cem       | male
        dee       | female
        """
    follow_up = """
        person_id | last_seen_date | status    | death_date
        ann       | 2024-04-01     | dead      | 2024-05-03
        bob       | 2024-05-01     | lost      |
        cem       | 2024-05-01     | withdrawn |
        dee       | 2024-05-01     | active    |
        """
    assert_rows(
        derive_concept({"patient": patient, "follow_up": follow_up}, "end_of_follow_up"),
        """
        person_id | end_date   | reason    | record
        ann       | 2024-05-03 | death     | follow_up.csv:2
        bob       | 2024-05-01 | lost      | follow_up.csv:3
        cem       | 2024-05-01 | withdrawn | follow_up.csv:4
        dee       | 2024-05-01 | last seen | follow_up.csv:5
        """,
    )


def test_the_data_cut_ends_follow_up_of_those_seen_on_its_day_or_later(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex
        ann       | female
        bob       | male
        cem       | male
        dee       | female
        eva       | female
        """
    follow_up = """
        person_id | last_seen_date | status | death_date
        ann       | 2026-06-29     | active |
        bob       | 2026-06-30     | active |
        cem       | 2026-07-01     | lost   |
        dee       | 2026-06-01     | dead   | 2026-06-30
        eva       | 2026-06-01     | dead   | 2026-07-01
        """
    assert_rows(
        derive_concept({"patient": patient, "follow_up": follow_up}, "end_of_follow_up", cut="2026-06-30"),
        """
        person_id | end_date   | reason
        ann       | 2026-06-29 | last seen
        bob       | 2026-06-30 | data cut
        cem       | 2026-06-30 | data cut
        dee       | 2026-06-30 | death
        eva       | 2026-06-30 | data cut
        """,
    )


def test_someone_without_a_follow_up_row_was_last_seen_with_the_last_record(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    patient = """
        person_id | sex    | enrolled_date
        ann       | female | 2020-01-01
        bob       | male   | 2020-01-01
        cem       | male   | 2020-01-01
        dee       | female | 2020-01-01
        """
    visit = """
        person_id | date
        ann       | 2021-01-01
        ann       | 2021-06-01
        dee       | 2021-06-01
        """
    follow_up = """
        person_id | last_seen_date | status
        dee       | 2021-03-01     | withdrawn
        """
    lab = """
        person_id | analyte | date       | value
        ann       | LDH     | 2021-05-01 | 200
        bob       | LDH     | 2021-05-01 | 200
        """
    assert_rows(
        derive_concept({"patient": patient, "visit": visit, "lab": lab, "follow_up": follow_up}, "end_of_follow_up"),
        """
        person_id | end_date   | reason    | record
        ann       | 2021-06-01 | last seen | visit.csv:3
        bob       | 2021-05-01 | last seen | lab.csv:3
        cem       | 2020-01-01 | last seen | patient.csv:4
        dee       | 2021-03-01 | withdrawn | follow_up.csv:2
        """,
    )
