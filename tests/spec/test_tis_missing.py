"""tis: what a total improvement score with missing components says.

Everybody here has time zero on 1 March 2020; a row of that day is the baseline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def _everybody(persons: list[str]) -> dict[str, str]:
    patient = "\n".join(["person_id | sex"] + [f"{person} | female" for person in persons])
    time_zero = "\n".join(["person_id | time_zero_date"] + [f"{person} | 2020-03-01" for person in persons])
    return {"patient": patient, "time_zero": time_zero}


def test_a_missing_component_leaves_the_score_missing_and_gives_its_bounds(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Patient A without HAQ (0 to 10 points), then without MMT8 (0 to 32.5 points) too."""
    visit = """
        person_id | date       | phga | ptga | mmt8 | mmt_maximum | haq | exga
        ann       | 2020-03-01 | 6.0  | 6.5  | 120  | 150         | 1.5 | 4.0
        ann       | 2020-06-01 | 3.5  | 5.0  | 132  | 150         |     | 2.5
        ann       | 2020-09-01 | 3.5  | 5.0  |      |             |     | 2.5
        """
    lab = """
        person_id | date       | analyte | value | uln
        ann       | 2020-03-01 | CK      | 3000  | 200
        ann       | 2020-06-01 | CK      | 900   | 200
        ann       | 2020-09-01 | CK      | 900   | 200
        """
    assert_rows(
        derive_concept({"patient": ANN, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}, "tis"),
        """
        date       | tis | tis_low | tis_high | missing
        2020-06-01 |     | 42.5    | 52.5     | haq
        2020-09-01 |     | 32.5    | 75       | mmt8, haq
        """,
    )


def test_the_reason_says_for_each_component_where_it_is_missing(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Bea has nothing at all: her score can be anything. Cleo's CK comes 15 days after her visit."""
    visit = """
        person_id | date       | phga | ptga | mmt8 | mmt_maximum | haq | exga
        ann       | 2020-03-01 | 6.0  |      |      |             |     | 4.0
        ann       | 2020-06-01 |      | 5.0  | 132  | 150         |     | 2.5
        bea       | 2020-06-01 |      |      |      |             |     |
        cleo      | 2020-03-01 | 6.0  | 6.0  | 120  | 150         | 1.5 | 6.0
        cleo      | 2020-06-01 | 6.0  | 6.0  | 120  | 150         | 1.5 | 6.0
        """
    lab = """
        person_id | date       | analyte | value | uln
        ann       | 2020-03-01 | LDH     | 518   |
        cleo      | 2020-03-01 | CK      | 518   | 200
        cleo      | 2020-06-16 | CK      | 518   | 200
        """
    scores = derive_concept(_everybody(["ann", "bea", "cleo"]) | {"visit": visit, "lab": lab}, "tis")
    assert_rows(
        scores,
        """
        person_id | tis | tis_low | tis_high | missing
        ann       |     | 7.5     | 87.5     | phga, ptga, mmt8, haq, enzyme
        bea       |     | 0       | 100      | phga, ptga, mmt8, haq, enzyme, exga
        cleo      |     | 0       | 7.5      | enzyme
        """,
    )
    assert [row["missing_reason"].split("; ") for row in scores] == [
        [
            "PhGA not recorded at this visit",
            "PtGA not recorded at baseline",
            "MMT8 not recorded at baseline",
            "HAQ not recorded",
            "no enzyme with an upper limit of normal at baseline",
        ],
        [
            "PhGA not recorded",
            "PtGA not recorded",
            "MMT8 not recorded",
            "HAQ not recorded",
            "no enzyme with an upper limit of normal at baseline",
            "ExGA not recorded",
        ],
        ["no CK with an upper limit of normal after time zero within 14 days of this visit"],
    ]
