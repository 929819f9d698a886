"""tis: which enzyme counts in the total improvement score, and against which limit of normal.

Ann has time zero on 1 March 2020; a row of that day is the baseline.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ANN = """
    person_id | sex
    ann       | female
    """
TIME_ZERO = """
    person_id | arm  | time_zero_date
    ann       | ivig | 2020-03-01
    """


def test_the_enzyme_furthest_above_its_limit_at_baseline_is_the_one_that_counts(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """LDH 2.6 x ULN beats CK 2.5 x ULN, and stays the enzyme although CK is the more abnormal one later."""
    visit = """
        person_id | date
        ann       | 2020-06-01
        """
    lab = """
        person_id | date       | analyte | value | uln
        ann       | 2020-03-01 | CK      | 500   | 200
        ann       | 2020-03-01 | LDH     | 650   | 250
        ann       | 2020-06-01 | CK      | 900   | 200
        ann       | 2020-06-01 | LDH     | 350   | 250
        """
    assert_rows(
        derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}, "tis"),
        """
        enzyme | points_enzyme
        LDH    | 7.5
        """,
    )


@pytest.mark.parametrize(
    ("equal", "chosen"),
    [
        ("CK 600 200, aldolase 22.8 7.6, LDH 738 246, AST 120 40, ALT 120 40", "CK"),
        ("aldolase 22.8 7.6, LDH 738 246, AST 120 40, ALT 120 40", "aldolase"),
        ("LDH 738 246, AST 120 40, ALT 120 40", "LDH"),
        ("AST 120 40, ALT 120 40", "AST"),
        ("CK 600 200, aldolase 22.8 7.6, ALT 120.000001 40", "ALT"),
    ],
)
def test_of_equally_abnormal_enzymes_ck_comes_before_aldolase_ldh_ast_and_alt(
    derive_concept: Callable[..., Any], equal: str, chosen: str
) -> None:
    """All are 3 x ULN; a millionth more decides."""
    lab = ["person_id | date | analyte | value | uln"]
    for enzyme in equal.split(", "):
        analyte, value, uln = enzyme.split()
        lab.append(f"ann | 2020-03-01 | {analyte} | {value} | {uln}")
    visit = """
        person_id | date
        ann       | 2020-06-01
        """
    tables = {"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": "\n".join(lab)}
    (row,) = derive_concept(tables, "tis")
    assert row["enzyme"] == chosen


def test_an_enzyme_from_another_laboratory_is_compared_in_multiples_of_each_limit(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """LDH 492 with a ULN of 246 and 920 with a ULN of 460 are both 2 x ULN: no change, though U/L have nearly doubled.

    From 2 x ULN to 1.55 x ULN is 0.45 of 3 x ULN: 15 %, on the cut.
    """
    visit = """
        person_id | date
        ann       | 2020-06-01
        ann       | 2020-09-01
        """
    lab = """
        person_id | date       | analyte | value | uln
        ann       | 2020-03-01 | LDH     | 492   | 246
        ann       | 2020-06-01 | LDH     | 920   | 460
        ann       | 2020-09-01 | LDH     | 713   | 460
        """
    assert_rows(
        derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}, "tis"),
        """
        date       | points_enzyme
        2020-06-01 | 0
        2020-09-01 | 2.5
        """,
    )


def test_a_sample_drawn_by_time_zero_is_no_follow_up(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """On 8 March the sample of time zero is the nearest; on 20 March the new one is."""
    visit = """
        person_id | date
        ann       | 2020-03-08
        ann       | 2020-03-20
        """
    lab = """
        person_id | date       | analyte | value | uln
        ann       | 2020-03-01 | CK      | 3000  | 200
        ann       | 2020-03-18 | CK      | 900   | 200
        """
    assert_rows(
        derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}, "tis"),
        """
        date       | points_enzyme | missing
        2020-03-08 |               | phga, ptga, mmt8, haq, enzyme, exga
        2020-03-20 | 7.5           | phga, ptga, mmt8, haq, exga
        """,
    )


def test_a_study_can_choose_another_enzyme_range(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """CK 1000 to 850 with a ULN of 200 is 5 % of 15 x ULN and 7.5 % of 10 x ULN."""
    visit = """
        person_id | date
        ann       | 2020-06-01
        """
    lab = """
        person_id | date       | analyte | value | uln
        ann       | 2020-03-01 | CK      | 1000  | 200
        ann       | 2020-06-01 | CK      | 850   | 200
        """
    tables = {"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}
    (usual,) = derive_concept(tables, "tis")
    (other,) = derive_concept(tables, "tis", rules={"tis_enzyme_range_ck": "10"})
    assert usual["points_enzyme"] == 0
    assert other["points_enzyme"] == Decimal("2.5")
