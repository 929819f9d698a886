"""core_set: the core set measures at every visit, the enzymes by way of the sample nearest to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ANN = """
    person_id | sex
    ann       | female
    """


def test_each_measure_that_was_recorded_is_a_row_with_its_scale(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | phga | ptga | mmt8 | mmt_maximum | haq   | exga
        ann       | 2020-01-10 | 6.5  | 7    | 120  | 150         | 1.625 | 2.5
        """
    assert_rows(
        derive_concept({"visit": visit}, "core_set"),
        """
        person_id | date       | measure | value | scale | uln | higher_is_better | measured_date | record
        ann       | 2020-01-10 | exga    | 2.5   | 10    |     | false            | 2020-01-10    | visit.csv:2
        ann       | 2020-01-10 | haq     | 1.625 | 3     |     | false            | 2020-01-10    | visit.csv:2
        ann       | 2020-01-10 | mmt8    | 120   | 150   |     | true             | 2020-01-10    | visit.csv:2
        ann       | 2020-01-10 | phga    | 6.5   | 10    |     | false            | 2020-01-10    | visit.csv:2
        ann       | 2020-01-10 | ptga    | 7     | 10    |     | false            | 2020-01-10    | visit.csv:2
        """,
    )


def test_a_measure_that_was_not_recorded_has_no_row(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | phga | mmt8 | mmt_maximum | haq
        ann       | 2020-01-10 | 0    |      | 150         |
        ann       | 2020-02-10 |      | 0    | 150         |
        ann       | 2020-03-10 |      |      |             |
        """
    assert_rows(
        derive_concept({"visit": visit}, "core_set"),
        """
        date       | measure | value
        2020-01-10 | phga    | 0
        2020-02-10 | mmt8    | 0
        """,
    )


def test_mmt8_of_the_dominant_side_has_a_scale_of_80(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | mmt8 | mmt_maximum
        ann       | 2020-01-10 | 64   | 80
        """
    assert_rows(
        derive_concept({"visit": visit}, "core_set"),
        """
        measure | value | scale
        mmt8    | 64    | 80
        """,
    )


def test_the_scale_of_an_enzyme_is_its_range_times_the_limit_of_its_laboratory(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """IgG is no muscle enzyme."""
    visit = """
        person_id | date
        ann       | 2020-01-10
        """
    lab = """
        person_id | analyte  | date       | value | uln
        ann       | ALT      | 2020-01-10 | 90    | 45
        ann       | AST      | 2020-01-10 | 80    | 40
        ann       | CK       | 2020-01-10 | 3000  | 192
        ann       | IgG      | 2020-01-10 | 9     | 16
        ann       | LDH      | 2020-01-10 | 518   | 246
        ann       | aldolase | 2020-01-10 | 8     | 7.5
        """
    assert_rows(
        derive_concept({"patient": ANN, "visit": visit, "lab": lab}, "core_set"),
        """
        measure  | value | scale | uln | higher_is_better | record
        ALT      | 90    | 135   | 45  | false            | lab.csv:2
        AST      | 80    | 120   | 40  | false            | lab.csv:3
        CK       | 3000  | 2880  | 192 | false            | lab.csv:4
        LDH      | 518   | 738   | 246 | false            | lab.csv:6
        aldolase | 8     | 45    | 7.5 | false            | lab.csv:7
        """,
    )


def test_an_enzyme_belongs_to_a_visit_up_to_14_days_before_and_after(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Visit on 31 January; 17 January and 14 February are 14 days away."""
    patient = """
        person_id | sex
        a         | female
        b         | female
        c         | female
        d         | female
        """
    visit = """
        person_id | date
        a         | 2020-01-31
        b         | 2020-01-31
        c         | 2020-01-31
        d         | 2020-01-31
        """
    lab = """
        person_id | analyte | date       | value | uln
        a         | CK      | 2020-01-17 | 300   | 200
        b         | CK      | 2020-01-16 | 300   | 200
        c         | CK      | 2020-02-14 | 300   | 200
        d         | CK      | 2020-02-15 | 300   | 200
        """
    assert_rows(
        derive_concept({"patient": patient, "visit": visit, "lab": lab}, "core_set"),
        """
        person_id | date       | measure | measured_date
        a         | 2020-01-31 | CK      | 2020-01-17
        c         | 2020-01-31 | CK      | 2020-02-14
        """,
    )


def test_the_nearest_sample_counts_and_the_earlier_one_on_a_tie(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date
        ann       | 2020-01-31
        """
    lab = """
        person_id | analyte | date       | value | uln
        ann       | CK      | 2020-01-26 | 1     | 200
        ann       | CK      | 2020-02-05 | 2     | 200
        ann       | LDH     | 2020-01-26 | 3     | 200
        ann       | LDH     | 2020-02-04 | 4     | 200
        """
    assert_rows(
        derive_concept({"patient": ANN, "visit": visit, "lab": lab}, "core_set"),
        """
        measure | value | measured_date
        CK      | 1     | 2020-01-26
        LDH     | 4     | 2020-02-04
        """,
    )


def test_a_nearer_sample_without_a_limit_gives_way_to_one_that_has_it(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """The assays differ, so that the limit is not taken over."""
    visit = """
        person_id | date
        ann       | 2020-01-31
        """
    lab = """
        person_id | analyte | date       | value | uln | method
        ann       | CK      | 2020-01-31 | 900   |     | Abbott
        ann       | CK      | 2020-02-03 | 300   | 200 | Roche
        ann       | LDH     | 2020-01-31 | 900   |     | Abbott
        """
    assert_rows(
        derive_concept({"patient": ANN, "visit": visit, "lab": lab}, "core_set"),
        """
        measure | value | measured_date
        CK      | 300   | 2020-02-03
        """,
    )


def test_one_sample_can_belong_to_two_visits(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date
        ann       | 2020-01-05
        ann       | 2020-01-15
        """
    lab = """
        person_id | analyte | date       | value | uln
        ann       | CK      | 2020-01-10 | 300   | 200
        """
    assert_rows(
        derive_concept({"patient": ANN, "visit": visit, "lab": lab}, "core_set"),
        """
        date       | measure | measured_date
        2020-01-05 | CK      | 2020-01-10
        2020-01-15 | CK      | 2020-01-10
        """,
    )
