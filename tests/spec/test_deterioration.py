"""deterioration: worse than baseline at two consecutive visits after time zero, dated on the second.

Everybody here has time zero on 1 March 2020; a row of that day is the baseline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TIME_ZERO = """
    person_id | arm  | time_zero_date
    ann       | ivig | 2020-03-01
    """
NOBODY = "person_id | deterioration_date"


def test_two_consecutive_visits_confirm_it_on_the_day_of_the_second(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | exga
        ann       | 2020-03-01 | 2
        ann       | 2020-04-01 | 2
        ann       | 2020-05-01 | 4
        ann       | 2020-06-01 | 5
        ann       | 2020-07-01 | 6
        """
    assert_rows(
        derive_concept({"time_zero": TIME_ZERO, "visit": visit}, "deterioration"),
        """
        person_id | deterioration_date | first_date | criterion              | record
        ann       | 2020-06-01         | 2020-05-01 | extramuscular activity | visit.csv:5
        """,
    )


def test_a_visit_without_worsening_between_the_two_interrupts(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    visit = """
        person_id | date       | exga
        ann       | 2020-03-01 | 2
        ann       | 2020-04-01 | 4
        ann       | 2020-05-01 | 3
        ann       | 2020-06-01 | 4
        """
    assert_rows(derive_concept({"time_zero": TIME_ZERO, "visit": visit}, "deterioration"), NOBODY)


def test_one_visit_alone_does_not_confirm(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """Nor does the visit at time zero or one before it count as the first of two."""
    visit = """
        person_id | date       | exga
        ann       | 2020-01-01 | 9
        ann       | 2020-03-01 | 2
        ann       | 2020-04-01 | 4
        """
    assert_rows(derive_concept({"time_zero": TIME_ZERO, "visit": visit}, "deterioration"), NOBODY)


def _twice(baseline: str, later: str) -> str:
    return f"""
        person_id | date       | phga | ptga | mmt8 | mmt_maximum | haq | exga
        ann       | 2020-03-01 | {baseline}
        ann       | 2020-04-01 | {later}
        ann       | 2020-05-01 | {later}
        """


# PhGA | PtGA | MMT8 | maximum | HAQ | ExGA
WORSE = {
    "extramuscular activity, exactly 2 cm": (
        "3.1 | 3   | 100 | 150 | 1     | 2.2",
        "3.1 | 3   | 100 | 150 | 1     | 4.2",
        "extramuscular activity",
    ),
    "extramuscular activity from zero, exactly 2 cm": (
        "3.1 | 3   | 100 | 150 | 1     | 0",
        "3.1 | 3   | 100 | 150 | 1     | 2",
        "extramuscular activity",
    ),
    "physician global exactly 2 cm and MMT8 exactly 20 %": (
        "7   | 3   | 100 | 150 | 1     | 2",
        "9   | 3   | 80  | 150 | 1     | 2",
        "physician global activity and strength",
    ),
    "physician global and MMT8 of 80 points": (
        "7   | 3   | 70  | 80  | 1     | 2",
        "9   | 3   | 56  | 80  | 1     | 2",
        "physician global activity and strength",
    ),
    "three of five exactly 30 %: both globals and HAQ": (
        "4   | 5   | 100 | 150 | 1.25  | 2",
        "5.2 | 6.5 | 100 | 150 | 1.625 | 2",
        "core set measures",
    ),
    "three of five exactly 30 %: MMT8, HAQ and extramuscular activity": (
        "4   | 5   | 100 | 150 | 1.25  | 2",
        "4   | 5   | 70  | 150 | 1.625 | 2.6",
        "core set measures",
    ),
    "all criteria at once": (
        "4   | 5   | 100 | 150 | 1.25  | 2",
        "9   | 9   | 50  | 150 | 3     | 9",
        "physician global activity and strength, extramuscular activity, core set measures",
    ),
}


@pytest.mark.parametrize("case", WORSE)
def test_each_criterion_is_met_on_its_limit(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None], case: str
) -> None:
    baseline, later, criterion = WORSE[case]
    assert_rows(
        derive_concept({"time_zero": TIME_ZERO, "visit": _twice(baseline, later)}, "deterioration"),
        f"""
        person_id | deterioration_date | first_date | criterion
        ann       | 2020-05-01         | 2020-04-01 | {criterion}
        """,
    )


# PhGA | PtGA | MMT8 | maximum | HAQ | ExGA
NOT_WORSE = {
    "extramuscular activity by 1.9 cm": (
        "3.1 | 3   | 100 | 150 | 1     | 2.2",
        "3.1 | 3   | 100 | 150 | 1     | 4.1",
    ),
    "physician global 1.9 cm and MMT8 20 %": (
        "7   | 3   | 100 | 150 | 1     | 2",
        "8.9 | 3   | 80  | 150 | 1     | 2",
    ),
    "physician global 2 cm and MMT8 19 %": (
        "7   | 3   | 100 | 150 | 1     | 2",
        "9   | 3   | 81  | 150 | 1     | 2",
    ),
    "physician global alone, however much": (
        "1   | 3   | 100 | 150 | 1     | 2",
        "9   | 3   | 100 | 150 | 1     | 2",
    ),
    "MMT8 alone, however much": (
        "7   | 3   | 100 | 150 | 1     | 2",
        "7   | 3   | 10  | 150 | 1     | 2",
    ),
    "a stronger MMT8 is no worsening": (
        "7   | 3   | 100 | 150 | 1     | 2",
        "9   | 3   | 120 | 150 | 1     | 2",
    ),
    "two of five by 30 % and one by 27.5 %": (
        "4   | 5   | 100 | 150 | 1.25  | 2",
        "5.1 | 6.5 | 100 | 150 | 1.625 | 2",
    ),
    "two of five by 30 % and MMT8 by 29 %": (
        "4   | 5   | 100 | 150 | 1.25  | 2",
        "4   | 6.5 | 71  | 150 | 1.625 | 2",
    ),
    "a measure that was zero at baseline has no per cent": (
        "4   | 5   | 100 | 150 | 0     | 0",
        "5.2 | 6.5 | 100 | 150 | 1.625 | 1.9",
    ),
    "a measure that is missing is not worse": (
        "4   | 5   | 100 | 150 | 1.25  | 2",
        "5.2 | 6.5 |     |     |       |",
    ),
    "a measure that was missing at baseline is not worse": (
        "4   | 5   |     |     |       |",
        "5.2 | 6.5 | 10  | 150 | 3     | 9",
    ),
    "MMT8 on another scale is not compared": (
        "7   | 3   | 100 | 150 | 1     | 2",
        "9   | 3   | 70  | 80  | 1     | 2",
    ),
}


@pytest.mark.parametrize("case", NOT_WORSE)
def test_no_criterion_is_met_below_its_limit(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None], case: str
) -> None:
    baseline, later = NOT_WORSE[case]
    visit = _twice(baseline, later)
    assert_rows(derive_concept({"time_zero": TIME_ZERO, "visit": visit}, "deterioration"), NOBODY)


def test_enzymes_do_not_count(derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]) -> None:
    """Both globals are worse by 30 %, and so is CK: two of five, not three."""
    patient = """
        person_id | sex
        ann       | female
        """
    visit = """
        person_id | date       | phga | ptga
        ann       | 2020-03-01 | 4    | 5
        ann       | 2020-04-01 | 5.2  | 6.5
        ann       | 2020-05-01 | 5.2  | 6.5
        """
    lab = """
        person_id | date       | analyte | value | uln
        ann       | 2020-03-01 | CK      | 500   | 200
        ann       | 2020-04-01 | CK      | 5000  | 200
        ann       | 2020-05-01 | CK      | 5000  | 200
        """
    tables = {"patient": patient, "time_zero": TIME_ZERO, "visit": visit, "lab": lab}
    assert_rows(derive_concept(tables, "deterioration"), NOBODY)


def test_the_two_visits_may_meet_different_criteria(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """The criterion named is that of the confirming visit."""
    visit = """
        person_id | date       | phga | mmt8 | mmt_maximum | exga
        ann       | 2020-03-01 | 5    | 100  | 150         | 2
        ann       | 2020-04-01 | 5    | 100  | 150         | 4
        ann       | 2020-05-01 | 7    | 80   | 150         | 2
        """
    assert_rows(
        derive_concept({"time_zero": TIME_ZERO, "visit": visit}, "deterioration"),
        """
        deterioration_date | first_date | criterion                              | record
        2020-05-01         | 2020-04-01 | physician global activity and strength | visit.csv:4
        """,
    )


def test_a_visit_at_which_none_of_the_five_was_recorded_does_not_interrupt(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    """In May ann was only weighed. Of bea and cleo something was recorded that is not worse, or has no baseline."""
    time_zero = """
        person_id | time_zero_date
        ann       | 2020-03-01
        bea       | 2020-03-01
        cleo      | 2020-03-01
        """
    visit = """
        person_id | date       | ptga | exga | weight
        ann       | 2020-03-01 | 3    | 2    | 60
        ann       | 2020-04-01 | 3    | 4    | 60
        ann       | 2020-05-01 |      |      | 60
        ann       | 2020-06-01 | 3    | 4    | 60
        bea       | 2020-03-01 | 3    | 2    | 60
        bea       | 2020-04-01 | 3    | 4    | 60
        bea       | 2020-05-01 | 3    |      | 60
        bea       | 2020-06-01 | 3    | 4    | 60
        cleo      | 2020-03-01 |      | 2    | 60
        cleo      | 2020-04-01 |      | 4    | 60
        cleo      | 2020-05-01 | 9    |      | 60
        cleo      | 2020-06-01 |      | 4    | 60
        """
    assert_rows(
        derive_concept({"time_zero": time_zero, "visit": visit}, "deterioration"),
        """
        person_id | deterioration_date | first_date
        ann       | 2020-06-01         | 2020-04-01
        """,
    )


def test_a_person_without_time_zero_cannot_deteriorate(
    derive_concept: Callable[..., Any], assert_rows: Callable[[Any, str], None]
) -> None:
    time_zero = """
        person_id | status        | time_zero_date
        ann       | neither agent |
        """
    visit = """
        person_id | date       | exga
        ann       | 2020-03-01 | 2
        ann       | 2020-04-01 | 4
        ann       | 2020-05-01 | 4
        """
    assert_rows(derive_concept({"time_zero": time_zero, "visit": visit}, "deterioration"), NOBODY)
