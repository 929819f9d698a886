"""Rules on laboratory values: units, upper limits of normal, copies and IgG, each at its limit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Judge = Callable[..., Any]

DAY = date(2020, 3, 1)
PEOPLE = "patient_id | sex\nP1 | female\nP2 | male"


def _after(days: int) -> str:
    return (DAY + timedelta(days)).isoformat()


def _values(*values: str, analyte: str = "CK", **more: str) -> list[dict[str, str]]:
    row = {"patient_id": "P1", "analyte": analyte, **more}
    return [{**row, "date": _after(7 * i), "value": value} for i, value in enumerate(values)]


@pytest.mark.parametrize(("highest", "lines"), [("1000", []), ("1000.1", [2])])
def test_creatine_kinase_above_5_times_normal_alone_is_asked_about(
    highest: str, lines: list[int], judge: Judge
) -> None:
    text = f"""
        patient_id | analyte | date | value | uln
        P1 | CK | {DAY} | {highest} | 200
        P1 | LDH | {DAY} | {{ldh}} | 240
        P1 | AST | {DAY} | 40 | 40
        """
    assert judge("lab.ck_alone", lab=text.format(ldh=240)).lines == lines
    assert judge("lab.ck_alone", lab=text.format(ldh=241)).tested == 0


@pytest.mark.parametrize(("median", "lines"), [("9.9", [None]), ("10", [])])
def test_a_column_whose_median_is_usual_in_another_unit_is_asked_about(
    median: str, lines: list[None], judge: Judge
) -> None:
    outcome = judge("lab.column_unit", lab=_values(*["3"] * 4, median, median, *["900"] * 4))
    assert outcome.lines == lines
    assert judge("lab.column_unit", lab=_values(*["3"] * 9)).tested == 0
    if lines:
        assert outcome.words[0].startswith(
            "The median of the 10 values of creatine kinase in U/L is 9.9, which would be usual in ukat/L."
        )


@pytest.mark.parametrize(("values", "tested", "lines"), [("55555", 1, [2]), ("55556", 1, []), ("5555", 0, [])])
def test_five_values_that_are_all_the_same_may_be_copies(
    values: str, tested: int, lines: list[int], judge: Judge
) -> None:
    outcome = judge("lab.copied_forward", lab=_values(*values))
    assert (outcome.tested, outcome.lines) == (tested, lines)


def test_several_limits_of_one_assay_in_a_quarter_are_asked_about_once(judge: Judge) -> None:
    text = """
        patient_id | analyte | date | value | uln | method
        P1 | CK | 2020-01-01 | 100 | 170 | A
        P1 | CK | 2020-02-01 | 100 | 170 | A
        P1 | CK | 2020-03-31 | 100 | {uln} | {method}
        P1 | CK | {next} | 100 | 180 | A
        P2 | CK | 2020-02-01 | 100 | 200 | A
        """
    rule = "lab.several_uln"
    assert judge(rule, patient=PEOPLE, lab=text.format(uln=170, method="A", next="2020-04-01")).lines == []
    assert judge(rule, patient=PEOPLE, lab=text.format(uln=171, method="B", next="2020-04-01")).lines == []
    outcome = judge(rule, patient=PEOPLE, lab=text.format(uln=171, method="A", next="2020-04-01"))
    assert outcome.lines == [4]
    assert outcome.words[0].startswith(
        "2 upper limits of normal of CK in one quarter, 2020 Q1, for female persons and one assay: 170, 171 U/L."
    )
    assert judge(rule, patient=PEOPLE, lab=text.format(uln=170, method="A", next="2020-03-30")).lines == [5]


@pytest.mark.parametrize(("limits", "lines"), [("170 180 170", [3]), ("170 180 190", []), ("170 180 180", [])])
def test_a_limit_that_changes_and_goes_back_is_asked_about(limits: str, lines: list[int], judge: Judge) -> None:
    row = {"patient_id": "P1", "analyte": "CK", "value": "100"}
    rows = [{**row, "date": f"2020-{3 * i + 1:02}-01", "uln": uln} for i, uln in enumerate(limits.split())]
    assert judge("lab.uln_back", patient=PEOPLE, lab=rows).lines == lines


@pytest.mark.parametrize(("uln", "number", "lines"), [("", 5, [2]), ("170", 5, []), ("", 4, [])])
def test_an_enzyme_without_any_limit_in_a_year_is_asked_about(
    uln: str, number: int, lines: list[int], judge: Judge
) -> None:
    rows = _values(*["100"] * number)
    rows[-1] |= {"uln": uln} if uln else {}
    assert judge("lab.uln_missing", patient=PEOPLE, lab=rows).lines == lines
    assert judge("lab.uln_missing", patient=PEOPLE, lab=_values(*["8"] * 9, analyte="IgG", unit="g/L")).tested == 0


@pytest.mark.parametrize(("missing", "lines"), [(4, []), (5, [None])])
def test_an_enzyme_that_mostly_lacks_its_limit_is_asked_about_once(
    missing: int, lines: list[None], judge: Judge
) -> None:
    rows = [*_values(*["100"] * missing), *_values(*["100"] * (20 - missing), uln="170")]
    assert judge("lab.uln_mostly_missing", lab=rows).lines == lines
    assert judge("lab.uln_mostly_missing", lab=rows[1:]).tested == 0


@pytest.mark.parametrize(
    ("dose", "days", "lines"), [("1", 27, [2]), ("1", 28, []), ("0.99", 27, []), ("1", 0, []), ("1", -1, [])]
)
def test_igg_less_than_28_days_after_1_g_per_kg_is_not_the_persons_own(
    dose: str, days: int, lines: list[int], judge: Judge
) -> None:
    given = [{"patient_id": "P1", "agent": "ivig", "date": str(DAY), "dose": dose, "dose_unit": "g/kg"}]
    sample = [{"patient_id": "P1", "analyte": "IgG", "date": _after(days), "value": "8", "unit": "g/L"}]
    assert judge("lab.igg_after_ivig", infusion=given, lab=sample).lines == lines
    course = [{"patient_id": "P1", "agent": "ivig", "start_date": str(DAY), "stop_date": str(DAY), "dose": dose}]
    course[0] |= {"dose_unit": "g/kg", "stop_status": "stopped"}
    assert judge("lab.igg_after_ivig", course=course, lab=sample).lines == lines
    course[0]["intent"] = "replacement"
    assert judge("lab.igg_after_ivig", course=course, lab=sample).tested == 0


def test_the_words_on_igg_count_the_samples_of_the_person(judge: Judge) -> None:
    given = [{"patient_id": "P1", "agent": "ivig", "date": _after(1), "dose": "2", "dose_unit": "g/kg"}]
    rows = _values("8", "9", "9", analyte="IgG", unit="g/L")
    outcome = judge("lab.igg_after_ivig", infusion=given, lab=rows)
    assert (outcome.lines, outcome.tested) == ([3], 1)
    assert outcome.words[0].startswith("2 of 3 IgG values of this person were sampled less than 28 days after")
    assert "this one after 6 days" in outcome.words[0]
