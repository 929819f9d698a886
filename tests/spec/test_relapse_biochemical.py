"""relapse: biochemical, when LDH rises again after a normal value; it needs no response and is kept apart.

Everybody here has time zero on 1 March 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENT = """
    person_id | sex
    ann       | female
    """
TIME_ZERO = """
    person_id | arm  | time_zero_date
    ann       | ivig | 2020-03-01
    """
# The response is held from 1 June on.
HELD = """
    person_id | date       | tis_low | tis_high | record
    ann       | 2020-05-01 | 45.0    | 45.0     | visit.csv:2
    ann       | 2020-06-01 | 45.0    | 45.0     | visit.csv:3
    """
# Nobody here takes anything, unless a test says so.
NO_DOSE = """
    person_id    | date       | oral_mg_day
    someone else | 2020-06-01 | 5
    """
NOBODY = "person_id | relapse_date"


def _tables(visit: str, **more: str) -> dict[str, str]:
    own = {"patient": PATIENT, "time_zero": TIME_ZERO, "tis": HELD, "visit": visit, "prednisone_equivalent": NO_DOSE}
    return own | more


def test_ldh_above_its_limit_after_a_normal_value_is_a_biochemical_relapse(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """A value at the limit, a multiple of exactly 1.0, is normal and no relapse; it needs no response."""
    tis = """
        person_id | date       | tis_low | tis_high | record
        ann       | 2020-05-01 | 0.0     | 0.0      | visit.csv:2
        """
    lab = """
        person_id | analyte | date       | value   | uln
        ann       | LDH     | 2020-03-15 | 518     | 246
        ann       | LDH     | 2020-04-01 | 246     | 246
        ann       | LDH     | 2020-05-01 | 246     | 246
        ann       | LDH     | 2020-06-01 | 246.001 | 246
        ann       | LDH     | 2020-07-01 | 500     | 246
        """
    assert_rows(
        derive_concept(_tables("person_id | date", tis=tis, lab=lab), "relapse"),
        """
        person_id | response_held_date | relapse_date | kind        | record
        ann       |                    | 2020-06-01   | biochemical | lab.csv:5
        """,
    )


@pytest.mark.parametrize(
    "lab",
    [
        "LDH | 2020-03-15 | 247 | 246, LDH | 2020-06-01 | 518 | 246",
        "LDH | 2020-03-01 | 200 | 246, LDH | 2020-06-01 | 518 | 246",
        "LDH | 2020-03-15 | 200 |    , LDH | 2020-06-01 | 518 |    ",
        "LDH | 2020-03-15 | 200 | 246, CK  | 2020-06-01 | 900 | 200",
        "LDH | 2020-03-15 | 518 | 246, LDH | 2020-06-01 | 200 | 246",
    ],
)
def test_without_a_normal_ldh_after_time_zero_and_a_high_one_later_there_is_none(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None], lab: str
) -> None:
    """Never normal; normal only by time zero; no limit known; another enzyme; normal only at the end."""
    rows = "\n".join(f"ann | {row}" for row in lab.split(", "))
    lab = f"person_id | analyte | date | value | uln\n{rows}"
    assert_rows(derive_concept(_tables("person_id | date", lab=lab), "relapse"), NOBODY)


def test_both_kinds_are_kept_apart(derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]) -> None:
    visit = """
        person_id | date       | phga | exga
        ann       | 2020-06-01 | 1    | 1
        ann       | 2020-09-01 | 1    | 4
        """
    lab = """
        person_id | analyte | date       | value | uln
        ann       | LDH     | 2020-06-01 | 200   | 246
        ann       | LDH     | 2020-07-01 | 300   | 246
        """
    assert_rows(
        derive_concept(_tables(visit, lab=lab), "relapse"),
        """
        person_id | response_held_date | relapse_date | kind        | record
        ann       |                    | 2020-07-01   | biochemical | lab.csv:3
        ann       | 2020-06-01         | 2020-09-01   | clinical    | visit.csv:3
        """,
    )
