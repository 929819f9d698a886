"""tis: the 2016 ACR/EULAR total improvement score of every visit after time zero.

Everybody here has time zero on 1 March 2020; a row of that day is the baseline. The choice of the enzyme is in
test_tis_enzyme.py, and what happens to missing components in test_tis_missing.py.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TIME_ZERO = """
    person_id | arm  | time_zero_date
    ann       | ivig | 2020-03-01
    """


def _everybody(persons: list[str]) -> dict[str, str]:
    patient = "\n".join(["person_id | sex"] + [f"{person} | female" for person in persons])
    time_zero = "\n".join(["person_id | time_zero_date"] + [f"{person} | 2020-03-01" for person in persons])
    return {"patient": patient, "time_zero": time_zero}


def test_the_six_worked_patients(derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]) -> None:
    """A moderate, B major, C minimal exactly on the cut, D on all lower edges, E on all upper edges, F worse in all.

    The HAQ of 1.35 (D) and 1.3 (E) do not exist on the questionnaire; they are there to lie on an edge.
    """
    visit = """
        person_id | date       | phga | ptga | mmt8 | mmt_maximum | haq   | exga
        A         | 2020-03-01 | 6.0  | 6.5  | 120  | 150         | 1.5   | 4.0
        A         | 2020-06-01 | 3.5  | 5.0  | 132  | 150         | 1.125 | 2.5
        B         | 2020-03-01 | 7.0  | 8.0  | 95   | 150         | 2.25  | 5.0
        B         | 2020-06-01 | 1.5  | 3.0  | 142  | 150         | 0.75  | 0.5
        C         | 2020-03-01 | 5.0  | 5.0  | 130  | 150         | 1.0   | 3.0
        C         | 2020-06-01 | 4.0  | 5.5  | 138  | 150         | 1.0   | 3.0
        D         | 2020-03-01 | 6.0  | 6.0  | 120  | 150         | 1.5   | 6.0
        D         | 2020-06-01 | 5.5  | 5.5  | 123  | 150         | 1.35  | 5.5
        E         | 2020-03-01 | 8.0  | 8.0  | 100  | 150         | 2.5   | 8.0
        E         | 2020-06-01 | 4.0  | 4.0  | 145  | 150         | 1.3   | 4.0
        F         | 2020-03-01 | 2.0  | 2.0  | 145  | 150         | 0.5   | 1.0
        F         | 2020-06-01 | 6.0  | 6.0  | 120  | 150         | 1.5   | 3.0
        """
    lab = """
        person_id | date       | analyte  | value | uln
        A         | 2020-03-01 | CK       | 3000  | 200
        A         | 2020-06-01 | CK       | 900   | 200
        B         | 2020-03-01 | LDH      | 518   | 246
        B         | 2020-06-01 | LDH      | 200   | 246
        C         | 2020-03-01 | aldolase | 14    | 7.5
        C         | 2020-06-01 | aldolase | 10    | 7.5
        D         | 2020-03-01 | CK       | 1000  | 200
        D         | 2020-06-01 | CK       | 850   | 200
        E         | 2020-03-01 | CK       | 3000  | 200
        E         | 2020-06-01 | CK       | 1800  | 200
        F         | 2020-03-01 | CK       | 200   | 200
        F         | 2020-06-01 | CK       | 900   | 200
        """
    scores = derive_concept(_everybody(list("ABCDEF")) | {"visit": visit, "lab": lab}, "tis")
    assert_rows(
        scores,
        """
        person_id | points_phga | points_ptga | points_mmt8 | points_haq | points_enzyme | points_exga | tis
        A         | 15          | 2.5         | 10          | 5          | 7.5           | 7.5         | 47.5
        B         | 20          | 10          | 32.5        | 10         | 7.5           | 20          | 100
        C         | 7.5         | 0           | 10          | 0          | 2.5           | 0           | 20
        D         | 0           | 0           | 0           | 0          | 0             | 0           | 0
        E         | 17.5        | 7.5         | 27.5        | 7.5        | 7.5           | 15          | 82.5
        F         | 0           | 0           | 0           | 0          | 0             | 0           | 0
        """,
    )
    assert_rows(
        scores,
        """
        person_id | day | tis_low | tis_high | enzyme   | missing | missing_reason | record
        A         | 92  | 47.5    | 47.5     | CK       |         |                | visit.csv:3
        B         | 92  | 100     | 100      | LDH      |         |                | visit.csv:5
        C         | 92  | 20      | 20       | aldolase |         |                | visit.csv:7
        D         | 92  | 0       | 0        | CK       |         |                | visit.csv:9
        E         | 92  | 82.5    | 82.5     | CK       |         |                | visit.csv:11
        F         | 92  | 0       | 0        | CK       |         |                | visit.csv:13
        """,
    )


def test_a_change_on_the_cut_gets_the_points_below_it_and_one_step_more_those_above(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """2.2 to 0.7 cm is 15 %, 1.1 to 0.6 cm is 5 %; binary floating point takes both for more."""
    visit = """
        person_id | date       | phga | mmt8 | mmt_maximum
        ann       | 2020-03-01 | 2.2  | 100  | 150
        ann       | 2020-04-01 | 0.7  | 103  | 150
        ann       | 2020-05-01 | 0.6  | 104  | 150
        bea       | 2020-03-01 | 1.1  | 100  | 150
        bea       | 2020-04-01 | 0.6  | 115  | 150
        bea       | 2020-05-01 | 0.5  | 116  | 150
        """
    assert_rows(
        derive_concept(_everybody(["ann", "bea"]) | {"visit": visit}, "tis"),
        """
        person_id | date       | points_phga | points_mmt8
        ann       | 2020-04-01 | 7.5         | 0
        ann       | 2020-05-01 | 15          | 10
        bea       | 2020-04-01 | 0           | 10
        bea       | 2020-05-01 | 7.5         | 20
        """,
    )


def test_all_319_pairs_on_a_cut_get_the_points_below_it(derive_concept: Callable[..., Any]) -> None:
    """Physician global activity in steps of 0.1 cm; 26 of the pairs lie above the cut in binary floating point."""
    below = {Decimal("0.5"): 0, Decimal("1.5"): Decimal("7.5"), Decimal("2.5"): 15, Decimal("4.0"): Decimal("17.5")}
    tenths = [Decimal(i) / 10 for i in range(101)]
    pairs = [(before, after) for before in tenths for after in tenths if before - after in below]
    assert len(pairs) == 319
    binary = [(float(b) - float(a)) / 10 * 100 > float(b - a) * 10 for b, a in pairs]
    assert sum(binary) == 26
    visit = ["person_id | date | phga"]
    for i, (before, after) in enumerate(pairs):
        visit += [f"p{i:03} | 2020-03-01 | {before}", f"p{i:03} | 2020-06-01 | {after}"]
    tables = _everybody([f"p{i:03}" for i in range(len(pairs))]) | {"visit": "\n".join(visit)}
    scores = derive_concept(tables, "tis")
    assert [row["points_phga"] for row in scores] == [below[before - after] for before, after in pairs]


def test_the_first_band_has_no_lower_end_and_the_last_no_upper_end(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """A CK of half a million against a ULN of 0.1 is an error of the centre, and must still not lose the visit."""
    lab = """
        person_id | date       | analyte | value  | uln
        ann       | 2020-03-01 | CK      | 10     | 0.1
        ann       | 2020-06-01 | CK      | 500000 | 0.1
        bea       | 2020-03-01 | CK      | 500000 | 0.1
        bea       | 2020-06-01 | CK      | 10     | 0.1
        """
    visit = """
        person_id | date
        ann       | 2020-06-01
        bea       | 2020-06-01
        """
    assert_rows(
        derive_concept(_everybody(["ann", "bea"]) | {"visit": visit, "lab": lab}, "tis"),
        """
        person_id | points_enzyme
        ann       | 0
        bea       | 7.5
        """,
    )


def test_every_visit_after_time_zero_is_scored_and_none_before(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | phga
        ann       | 2020-02-01 | 8
        ann       | 2020-03-01 | 6
        ann       | 2020-03-02 | 5
        ann       | 2021-03-01 | 1
        """
    assert_rows(
        derive_concept({"time_zero": TIME_ZERO, "visit": visit}, "tis"),
        """
        person_id | date       | day | points_phga
        ann       | 2020-03-02 | 1   | 7.5
        ann       | 2021-03-01 | 365 | 20
        """,
    )


def test_a_person_without_time_zero_has_no_score(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | status         | time_zero_date
        ann       | prior exposure |
        """
    visit = """
        person_id | date       | phga
        ann       | 2020-03-01 | 6
        ann       | 2020-06-01 | 1
        """
    assert_rows(derive_concept({"time_zero": time_zero, "visit": visit}, "tis"), "person_id | tis")


def test_mmt8_of_two_scales_cannot_be_compared(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """The dominant side alone (80 points) leaves muscles out; 40 to 41 of 80 points is 1.25 %, to 42 is 2.5 %."""
    visit = """
        person_id | date       | mmt8 | mmt_maximum
        ann       | 2020-03-01 | 40   | 80
        ann       | 2020-04-01 | 120  | 150
        ann       | 2020-05-01 | 41   | 80
        ann       | 2020-06-01 | 42   | 80
        """
    scores = derive_concept({"time_zero": TIME_ZERO, "visit": visit}, "tis")
    assert_rows(
        scores,
        """
        date       | points_mmt8
        2020-04-01 |
        2020-05-01 | 0
        2020-06-01 | 10
        """,
    )
    assert "MMT8 of 80 points at baseline and of 150 at this visit" in scores[0]["missing_reason"]
