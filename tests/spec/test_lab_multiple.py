"""lab_multiple: a laboratory value as a multiple of the upper limit of normal (ULN) of its own laboratory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

WOMEN = """
    person_id | sex
    ann       | female
    bea       | female
    """


def test_a_value_is_divided_by_the_limit_of_its_own_row(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    lab = """
        person_id | analyte  | date       | value | uln
        ann       | LDH      | 2020-01-10 | 518   | 246
        ann       | LDH      | 2020-02-10 | 123   | 246
        ann       | aldolase | 2020-01-10 | 8     | 7.5
        """
    assert_rows(
        derive_concept({"patient": WOMEN, "lab": lab}, "lab_multiple"),
        """
        person_id | analyte  | date       | value | uln | uln_origin | multiple | log2_multiple | record
        ann       | LDH      | 2020-01-10 | 518   | 246 | row        | 2.10569  | 1.07429       | lab.csv:2
        ann       | LDH      | 2020-02-10 | 123   | 246 | row        | 0.5      | -1            | lab.csv:3
        ann       | aldolase | 2020-01-10 | 8     | 7.5 | row        | 1.06667  | 0.0931094     | lab.csv:4
        """,
    )


def test_a_value_at_the_limit_is_exactly_one_time_the_limit(derive_concept: Callable[..., Any]) -> None:
    lab = """
        person_id | analyte | date       | value | uln
        ann       | LDH     | 2020-01-10 | 246.3 | 246.3
        """
    (row,) = derive_concept({"patient": WOMEN, "lab": lab}, "lab_multiple")
    assert row["multiple"] == 1.0
    assert row["log2_multiple"] == 0.0


def test_a_row_without_limit_takes_the_one_in_force_at_its_centre(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """The latest one stated on or before the day; the first one after it if there is none before."""
    lab = """
        person_id | analyte | date       | value | uln
        ann       | LDH     | 2020-01-10 | 500   |
        ann       | LDH     | 2020-02-01 | 500   |
        ann       | LDH     | 2020-05-31 | 500   |
        ann       | LDH     | 2020-06-01 | 500   |
        bea       | LDH     | 2020-02-01 | 300   | 200
        bea       | LDH     | 2020-06-01 | 300   | 250
        """
    assert_rows(
        derive_concept({"patient": WOMEN, "lab": lab}, "lab_multiple"),
        """
        person_id | date       | uln | uln_origin | multiple
        ann       | 2020-01-10 | 200 | centre     | 2.5
        ann       | 2020-02-01 | 200 | centre     | 2.5
        ann       | 2020-05-31 | 200 | centre     | 2.5
        ann       | 2020-06-01 | 250 | centre     | 2
        bea       | 2020-02-01 | 200 | row        | 1.5
        bea       | 2020-06-01 | 250 | row        | 1.2
        """,
    )


def test_a_limit_is_never_borrowed_from_another_centre_sex_analyte_or_assay(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Neither one stated before the sample nor one stated after it."""
    patient = """
        person_id | centre | sex
        ann       | lyon   | female
        bob       | lyon   | male
        cleo      | paris  | female
        """
    lab = """
        person_id | centre | analyte | date       | value | uln | method
        ann       | lyon   | CK      | 2020-02-10 | 500   |     | Roche
        bob       | lyon   | CK      | 2020-01-10 | 500   | 308 | Roche
        bob       | lyon   | CK      | 2020-03-10 | 500   | 308 | Roche
        cleo      | paris  | CK      | 2020-01-10 | 500   | 192 | Roche
        cleo      | paris  | CK      | 2020-03-10 | 500   | 192 | Roche
        ann       | lyon   | LDH     | 2020-01-10 | 500   | 246 | Roche
        ann       | lyon   | LDH     | 2020-03-10 | 500   | 246 | Roche
        ann       | lyon   | CK      | 2020-01-10 | 500   | 170 | Abbott
        ann       | lyon   | CK      | 2020-03-10 | 500   | 170 | Abbott
        ann       | lyon   | CK      | 2020-01-11 | 500   | 180 |
        ann       | lyon   | CK      | 2020-03-11 | 500   | 180 |
        """
    rows = derive_concept({"patient": patient, "lab": lab}, "lab_multiple")
    assert_rows(
        [row for row in rows if row["record"] == "lab.csv:2"],
        """
        person_id | analyte | value | uln | uln_origin | multiple | log2_multiple
        ann       | CK      | 500   |     | missing    |          |
        """,
    )


def test_assays_that_are_not_named_share_their_limit(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    lab = """
        person_id | analyte | date       | value | uln | method
        ann       | CK      | 2020-01-10 | 500   |     |
        bea       | CK      | 2020-01-01 | 100   | 250 |
        """
    assert_rows(
        derive_concept({"patient": WOMEN, "lab": lab}, "lab_multiple"),
        """
        person_id | uln | uln_origin
        ann       | 250 | centre
        bea       | 250 | row
        """,
    )


def test_of_two_limits_stated_for_one_day_the_higher_counts(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """So that the choice calls nothing abnormal."""
    patient = """
        person_id | sex
        ann       | female
        bea       | female
        cleo      | female
        """
    lab = """
        person_id | analyte | date       | value | uln
        ann       | LDH     | 2020-01-10 | 480   |
        bea       | LDH     | 2020-01-10 | 480   | 200
        cleo      | LDH     | 2020-01-10 | 480   | 240
        """
    rows = derive_concept({"patient": patient, "lab": lab}, "lab_multiple")
    assert_rows(
        rows[:1],
        """
        person_id | uln | multiple
        ann       | 240 | 2
        """,
    )


def test_a_value_of_zero_has_a_multiple_and_no_logarithm(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    lab = """
        person_id | analyte | date       | value | uln
        ann       | LDH     | 2020-01-10 | 0     | 246
        """
    assert_rows(
        derive_concept({"patient": WOMEN, "lab": lab}, "lab_multiple"),
        """
        person_id | multiple | log2_multiple
        ann       | 0        |
        """,
    )
