"""baseline_core_set: the last value of each core set measure in the 90 days that end with time zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# 2 December 2019 is 90 days before 1 March 2020.
TIME_ZERO = """
    person_id | arm  | time_zero_date
    ann       | ivig | 2020-03-01
    """
ANN = """
    person_id | sex
    ann       | female
    """


def test_a_value_90_days_before_time_zero_counts_and_one_of_91_days_does_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | phga | ptga
        ann       | 2019-12-01 |      | 7
        ann       | 2019-12-02 | 6    |
        """
    lab = """
        person_id | analyte | date       | value | uln
        ann       | CK      | 2019-12-02 | 900   | 200
        ann       | LDH     | 2019-12-01 | 500   | 250
        """
    assert_rows(
        derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}, "baseline_core_set"),
        """
        person_id | measure | value | scale | uln | date       | record
        ann       | CK      | 900   | 3000  | 200 | 2019-12-02 | lab.csv:2
        ann       | phga    | 6     | 10    |     | 2019-12-02 | visit.csv:3
        """,
    )


def test_the_day_of_time_zero_counts_and_the_next_day_does_not(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | phga | ptga
        ann       | 2020-03-01 | 6    |
        ann       | 2020-03-02 |      | 7
        """
    lab = """
        person_id | analyte | date       | value | uln
        ann       | CK      | 2020-03-01 | 900   | 200
        ann       | LDH     | 2020-03-02 | 500   | 250
        """
    assert_rows(
        derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}, "baseline_core_set"),
        """
        measure | date
        CK      | 2020-03-01
        phga    | 2020-03-01
        """,
    )


def test_the_last_value_of_each_measure_counts_even_if_they_come_from_different_visits(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | phga | ptga | haq   | mmt8 | mmt_maximum
        ann       | 2020-01-01 | 8    | 9    | 2.125 | 60   | 80
        ann       | 2020-02-01 | 7    | 8    |       | 110  | 150
        ann       | 2020-03-01 | 6    |      |       |      |
        """
    assert_rows(
        derive_concept({"time_zero": TIME_ZERO, "visit": visit}, "baseline_core_set"),
        """
        measure | value | scale | date       | record
        haq     | 2.125 | 3     | 2020-01-01 | visit.csv:2
        mmt8    | 110   | 150   | 2020-02-01 | visit.csv:3
        phga    | 6     | 10    | 2020-03-01 | visit.csv:4
        ptga    | 8     | 10    | 2020-02-01 | visit.csv:3
        """,
    )


def test_an_enzyme_needs_no_visit(derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]) -> None:
    lab = """
        person_id | analyte | date       | value | uln
        ann       | LDH     | 2020-01-20 | 700   | 246
        ann       | LDH     | 2020-02-10 | 518   | 246
        """
    assert_rows(
        derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "lab": lab}, "baseline_core_set"),
        """
        measure | value | scale | uln | date       | record
        LDH     | 518   | 738   | 246 | 2020-02-10 | lab.csv:3
        """,
    )


def test_a_sample_drawn_after_time_zero_is_no_baseline_even_if_nearest_to_the_baseline_visit(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | phga
        ann       | 2020-02-28 | 6
        """
    lab = """
        person_id | analyte | date       | value | uln
        ann       | CK      | 2020-02-20 | 900   | 200
        ann       | CK      | 2020-03-02 | 300   | 200
        """
    assert_rows(
        derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}, "baseline_core_set"),
        """
        measure | value | date
        CK      | 900   | 2020-02-20
        phga    | 6     | 2020-02-28
        """,
    )


def test_an_enzyme_without_a_limit_of_normal_is_no_baseline(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    lab = """
        person_id | analyte | date       | value | uln
        ann       | LDH     | 2020-02-10 | 518   |
        """
    rows = derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "lab": lab}, "baseline_core_set")
    assert_rows(rows, "measure | value")


def test_a_person_without_time_zero_has_no_baseline(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | status        | arm | time_zero_date
        ann       | neither agent |     |
        """
    visit = """
        person_id | date       | phga
        ann       | 2020-02-28 | 6
        """
    assert_rows(derive_concept({"time_zero": time_zero, "visit": visit}, "baseline_core_set"), "measure | value")
