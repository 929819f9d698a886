"""registry/sql/quality: what is counted of what centres sent, each limit on its last day inside and first outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry.concepts import derive
from registry.quality import quality_table

PERSON = """
    person_id | centre | sex    | diagnosis_date
    ann       | c      | female | 2019-01-01
    bob       | c      | male   | 2019-01-01
    """


@pytest.fixture
def counted(loaded: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Return the function that counts one table of text tables; cut 30 June 2026."""

    def count(name: str, **tables: str) -> list[dict[str, Any]]:
        with loaded(tables) as connection:
            derive(connection, only={"core_set", "lab_multiple", "enzyme_range"})
            return quality_table(connection, name).to_dict("records")

    return count


def field(rows: list[dict[str, Any]], name: str) -> tuple[int, int]:
    """Return how many have a field, of those to which it applies."""
    found = [(row["filled"], row["applies"]) for row in rows if row["field"] == name]
    return found[0] if found else (0, 0)


def test_the_core_set_is_asked_of_every_visit_and_zero_is_a_value(counted: Callable[..., Any]) -> None:
    visit = """
        person_id | date       | phga | ptga | mmt8 | mmt_maximum | haq | exga
        ann       | 2020-01-01 | 0    | 3    | 140  | 150         | 0   |
        ann       | 2020-02-01 | 1    |      | 0    | 150         |     |
        """
    rows = counted("completeness", patient=PERSON, visit=visit)
    assert field(rows, "Physician global activity") == (2, 2)
    assert field(rows, "Patient global activity") == (1, 2)
    assert field(rows, "MMT8") == (2, 2)
    assert field(rows, "HAQ") == (1, 2)
    assert field(rows, "Extramuscular global activity") == (0, 2)


def test_an_enzyme_is_near_a_visit_within_the_window_and_with_a_limit(counted: Callable[..., Any]) -> None:
    visit = """
        person_id | date       | phga
        ann       | 2020-03-15 | 5
        ann       | 2020-05-15 | 5
        bob       | 2020-03-15 | 5
        """
    lab = """
        person_id | analyte | date       | value | uln
        ann       | CK      | 2020-03-01 | 300   | 170
        ann       | CK      | 2020-04-30 | 300   | 170
        bob       | CK      | 2020-03-15 | 300   |
        bob       | IgG     | 2020-03-15 | 9     | 16
        """
    rows = counted("completeness", patient=PERSON, visit=visit, lab=lab)
    # 14 days before is near, 15 are not; a CK without a limit and an IgG are no muscle enzyme with one.
    assert field(rows, "Muscle enzyme near the visit") == (1, 3)
    assert field(rows, "ULN of a muscle enzyme") == (2, 3), "IgG is no muscle enzyme"


@pytest.mark.parametrize(
    ("day", "filled"), [("2019-09-14", 0), ("2019-09-15", 1), ("2020-03-15", 1), ("2020-03-16", 0)]
)
def test_igg_counts_in_the_six_months_up_to_the_first_rituximab(
    day: str, filled: int, counted: Callable[..., Any]
) -> None:
    infusion = """
        person_id | agent     | date
        ann       | rituximab | 2020-03-15
        ann       | rituximab | 2020-09-15
        bob       | ivig      | 2020-03-15
        """
    lab = f"""
        person_id | analyte | date  | value
        ann       | IgG     | {day} | 9
        bob       | IgG     | {day} | 9
        """
    rows = counted("completeness", patient=PERSON, infusion=infusion, lab=lab)
    assert field(rows, "IgG before rituximab") == (filled, 1)


def test_rituximab_may_be_known_from_a_course_alone(counted: Callable[..., Any]) -> None:
    course = """
        person_id | agent     | start_date
        ann       | rituximab | 2020-03-15
        """
    rows = counted("completeness", patient=PERSON, course=course)
    assert field(rows, "IgG before rituximab") == (0, 1)


def test_intent_is_asked_of_ivig_and_a_reason_of_what_was_stopped(counted: Callable[..., Any]) -> None:
    course = """
        person_id | agent        | start_date | intent      | stop_status       | stop_reason
        ann       | ivig         | 2020-01-01 | replacement | stopped           | planned
        ann       | ivig         | 2021-01-01 |             | still taken       |
        ann       | methotrexate | 2020-01-01 |             | stopped           |
        bob       | prednisone   | 2020-01-01 |             | stop date unknown |
        """
    rows = counted("completeness", patient=PERSON, course=course)
    assert field(rows, "Intent of IVIG") == (1, 2)
    assert field(rows, "Reason of a stop") == (1, 2)


def test_an_antibody_that_was_not_tested_is_none(counted: Callable[..., Any]) -> None:
    antibody = """
        person_id | antibody | result
        ann       | Jo-1     | negative
        ann       | Mi-2     | not tested
        bob       | Jo-1     | not tested
        """
    rows = counted("completeness", patient=PERSON, antibody=antibody)
    assert field(rows, "Antibody tested") == (1, 2)


@pytest.mark.parametrize(
    ("status", "day", "expected"),
    [
        ("active", "2025-03-30", (1, 2)),
        ("active", "2025-03-29", (0, 2)),
        ("lost", "2025-03-29", (0, 2)),
        ("lost", "2026-01-01", (1, 2)),
        ("dead", "2021-01-01", (0, 1)),
        ("withdrawn", "2021-01-01", (0, 1)),
    ],
)
def test_everybody_who_has_neither_died_nor_withdrawn_should_have_been_seen_in_fifteen_months(
    status: str, day: str, expected: tuple[int, int], counted: Callable[..., Any]
) -> None:
    follow_up = f"""
        person_id | last_seen_date | status
        ann       | {day}          | {status}
        """
    # Of bob there is no last word at all.
    assert field(counted("completeness", patient=PERSON, follow_up=follow_up), "Seen lately") == expected


def submission(day: str) -> dict[str, str]:
    return {
        "submission": f"""
            submission_id | centre | date
            c-3           | c      | {day}
            """,
        "submission_past": f"""
            submission_id | centre | date
            c-1           | c      | 2025-10-01
            c-2           | c      | 2025-12-31
            c-2-2         | c      | 2025-12-31
            c-3           | c      | {day}
            """,
    }


@pytest.mark.parametrize(("day", "overdue"), [("2026-02-28", False), ("2026-02-27", True)])
def test_a_centre_is_overdue_after_four_months(day: str, overdue: bool, counted: Callable[..., Any]) -> None:
    [row] = counted("timeliness", **submission(day))
    assert row["overdue"] is overdue


def test_a_correction_of_the_same_day_is_no_new_date(counted: Callable[..., Any]) -> None:
    visit = """
        person_id | date
        ann       | 2026-03-01
        ann       | 2026-03-25
        """
    [row] = counted("timeliness", patient=PERSON, visit=visit, **submission("2026-03-31"))
    # 91 days to 31 December, 90 to 31 March.
    assert (row["submissions"], row["days_between"], row["days_old"]) == (4, 90.5, 91)
    assert row["days_from_visit"] == 6


def test_a_limit_that_comes_back_is_a_new_period_and_an_assay_has_its_own(counted: Callable[..., Any]) -> None:
    lab = """
        person_id | analyte | date       | value | uln | method
        ann       | CK      | 2020-01-10 | 90    | 170 |
        ann       | CK      | 2020-02-10 | 90    |     |
        ann       | CK      | 2020-03-10 | 90    | 170 |
        ann       | CK      | 2020-04-10 | 90    | 99  |
        ann       | CK      | 2020-05-10 | 90    | 170 |
        ann       | LDH     | 2020-05-10 | 90    | 700 | DGKC
        bob       | CK      | 2020-05-10 | 90    | 500 |
        bob       | CK      | 2020-06-10 | 90    | 501 |
        """
    rows = counted("uln_period", patient=PERSON, lab=lab)
    told = [
        (r["analyte"], r["sex"], r["method"], r["uln"], r["first_month"], r["last_month"], r["outside"]) for r in rows
    ]
    assert told == [
        ("CK", "female", "", 170.0, "2020-01", "2020-03", False),
        ("CK", "female", "", 99.0, "2020-04", "2020-04", True),
        ("CK", "female", "", 170.0, "2020-05", "2020-05", False),
        ("CK", "male", "", 500.0, "2020-05", "2020-05", False),
        ("CK", "male", "", 501.0, "2020-06", "2020-06", True),
        ("LDH", "female", "DGKC", 700.0, "2020-05", "2020-05", False),
    ]


def test_multiples_are_those_of_the_limit_in_force_and_a_missing_limit_is_counted(counted: Callable[..., Any]) -> None:
    lab = """
        person_id | analyte | date       | value | uln
        ann       | CK      | 2020-01-10 | 200   | 100
        ann       | CK      | 2020-02-10 | 800   |
        ann       | CK      | 2020-03-10 | 400   | 100
        bob       | CK      | 2020-03-10 | 400   |
        """
    rows = {row["sex"]: row for row in counted("uln_multiple", patient=PERSON, lab=lab)}
    assert rows["female"]["median_log2"] == 2.0
    assert (rows["female"]["results"], rows["female"]["without_uln"], rows["female"]["persons"]) == (3, 1, 1)
    assert (rows["male"]["results"], rows["male"]["without_uln"], rows["male"]["persons"]) == (1, 1, 0)
