"""Every row ends up typed and harmonised, or in quarantine with its reasons; nothing is rounded and nothing is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from registry.checking.checks import check, check_path
from registry.checking.harmonise import EXACT, FACTOR
from registry.contract import codelist, contract, stored_columns
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission

    Rows = dict[str, list[Mapping[str, str]]]


@pytest.fixture
def checked(tmp_path: Path, write_submission: Callable[..., Path]) -> Callable[..., CheckedSubmission]:
    """Return the function that writes rows, reads them and checks them."""
    return lambda *rows, **settings: check(
        read_submission(write_submission(tmp_path / "lyon-2026-06-30", *rows, **settings))
    )


def _rows(checked: CheckedSubmission, table: str) -> list[dict[str, Any]]:
    return list(checked.rows[table].to_pylist())


def _rules(checked: CheckedSubmission) -> list[str]:
    return [problem.rule for problem in checked.problems]


def test_good_rows_meet_every_condition_and_keep_their_types(checked: Callable[..., CheckedSubmission]) -> None:
    result = checked()
    assert (result.problems, result.kinds, result.quarantine.num_rows, result.queries.num_rows) == ((), (), 0, 0)
    assert (result.accepted, result.refused) == (14, False)
    for name, table in contract().items():
        assert result.rows[name].column_names == ["line", *(column for column, _ in stored_columns(table))]
    course = _rows(result, "course")[0]
    assert (course["start_date"], course["dose"]) == (date(2019, 1, 20), Decimal(60))
    assert (course["response"], course["line"]) == (None, 2)
    assert _rows(result, "visit")[0]["mmt8"] == 120


def test_values_are_converted_exactly_and_stand_beside_what_was_sent(checked: Callable[..., CheckedSubmission]) -> None:
    ck, ldh, igg = _rows(checked(), "lab")
    assert (ck["value"], ck["value_raw"], ck["value_raw_unit"]) == (Decimal("812.5"), Decimal("812.5"), "U/L")
    assert (ldh["value"], ldh["value_raw"], ldh["value_raw_unit"]) == (Decimal(516), Decimal("8.6"), "ukat/L")
    assert (ldh["uln"], ldh["uln_raw"], ldh["uln_raw_unit"]) == (Decimal(246), Decimal("4.1"), "ukat/L")
    assert (ldh["lln"], ldh["lln_raw"], ldh["lln_raw_unit"]) == (None, None, None)
    assert (igg["value"], igg["value_raw"], igg["value_raw_unit"]) == (Decimal("11.05"), Decimal(1105), "mg/dL")
    assert igg["unit"] == "mg/dL"


@pytest.mark.parametrize(("sent", "stored"), [("6.5", "6.5"), ("10", "10"), ("0", "0"), ("1.234567", "1.234567")])
def test_a_scale_in_its_own_unit_is_kept_digit_by_digit(
    sent: str, stored: str, checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    visit = _rows(checked(with_row("visit", phga=sent)), "visit")[0]
    assert (visit["phga"], visit["phga_raw"], visit["phga_raw_unit"]) == (Decimal(stored), Decimal(stored), "cm")
    assert (visit["ptga"], visit["ptga_raw_unit"]) == (None, None)


def test_a_declared_unit_is_converted(checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]) -> None:
    visit = _rows(checked(with_row("visit", phga="65"), units={"visit.phga": "mm"}), "visit")[0]
    assert (visit["phga"], visit["phga_raw"], visit["phga_raw_unit"]) == (Decimal("6.5"), Decimal(65), "mm")


def test_an_unknown_declared_unit_is_a_problem_and_no_crash(checked: Callable[..., CheckedSubmission]) -> None:
    result = checked(units={"visit.phga": "inch"})
    assert (_rules(result), result.refused) == (["manifest.unit"], True)


def test_a_conversion_that_would_overflow_is_refused_and_not_stored_empty(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    result = checked(with_row("lab", 1, uln="999999999999"))
    assert "lab.uln.decimals" in _rules(result)
    assert [row["line"] for row in _rows(result, "lab")] == [2, 4]


def test_factors_fit_the_types_that_keep_them_exact() -> None:
    digits = int(FACTOR.split(",")[1].rstrip(")"))
    assert int(EXACT.split(",")[1].rstrip(")")) >= 6 + digits
    for row in codelist("units"):
        assert Decimal(row["factor"]) == round(Decimal(row["factor"]), digits)


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ("19.999999", ["lab.value.hard"]),
        ("20", ["lab.value.soft"]),
        ("79.999999", ["lab.value.soft"]),
        ("80", []),
        ("3000", []),
        ("3000.000001", ["lab.value.soft"]),
        ("20000", ["lab.value.soft"]),
        ("20000.000001", ["lab.value.hard"]),
    ],
)
def test_limits_of_an_analyte_hold_to_the_last_digit(
    value: str, rules: list[str], checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    assert _rules(checked(with_row("lab", 1, value=value, unit="U/L", uln=""))) == rules


def test_limits_are_compared_in_the_harmonised_unit(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    # 50 ukat/L is 3000 U/L, the upper soft limit of LDH.
    assert _rules(checked(with_row("lab", 1, value="50"))) == []
    assert _rules(checked(with_row("lab", 1, value="50.1"))) == ["lab.value.soft"]


@pytest.mark.parametrize(
    ("value", "rules"), [("10", []), ("10.000001", ["visit.phga.hard"]), ("-0.1", ["visit.phga.hard"])]
)
def test_limits_of_a_column_are_open_for_their_ends(
    value: str, rules: list[str], checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    assert _rules(checked(with_row("visit", phga=value, mmt8=""))) == rules


def test_a_question_does_not_hold_the_row_back_and_is_kept_with_its_words(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    result = checked(with_row("visit", 1, prednisone="120"))
    assert (result.accepted, result.quarantine.num_rows, result.rejects, result.questions) == (14, 0, 0, 1)
    assert result.queries.to_pylist() == [
        {
            "table_name": "visit",
            "line": 3,
            "file": "visit.csv",
            "at": 3,
            "columns": "prednisone",
            "values": "120",
            "rule": "visit.prednisone.soft",
            "message": "Usual values of oral glucocorticoid dose on this day as prednisone in mg/day "
            "lie between 0 and 100.",
            "advice": "Confirm the value.",
            "patient_id": "P2",
        }
    ]
    (problem,) = result.problems
    assert (problem.message, problem.advice) == tuple(
        result.queries.to_pylist()[0][part] for part in ("message", "advice")
    )


def test_questions_kept_say_the_same_as_questions_shown(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    result = checked(with_row("lab", value="9.5", uln="3.2"))
    kept = {(row["rule"], row["message"], row["advice"]) for row in result.queries.to_pylist()}
    assert kept == {(p.rule, p.message, p.advice) for p in result.problems}
    assert len(kept) == 2


def test_the_quarantine_keeps_the_row_as_it_was_sent_with_all_its_rules(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    result = checked(with_row("lab", value="12,4", analyte="ck", method='a "b"'))
    (row,) = result.quarantine.to_pylist()
    assert (row["table_name"], row["line"], row["rules"]) == ("lab", 2, "lab.analyte.code,lab.value.type")
    assert (row["file"], row["at"], row["patient_id"]) == ("lab.csv", 2, "P1")
    assert json.loads(row["content"]) == {
        "patient_id": "P1", "analyte": "ck", "date": "2019-02-01", "value": "12,4", "unit": "U/L", "lln": None,
        "uln": "170", "method": 'a "b"',
    }  # fmt: skip


def test_rows_that_share_a_key_are_all_held_back_and_name_each_other(
    checked: Callable[..., CheckedSubmission], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    rows = {**good_rows, "lab": [*good_rows["lab"], {**good_rows["lab"][0], "value": "900"}]}
    result = checked(rows)
    assert [(p.line, p.values) for p in result.problems] == [
        (2, ("P1", "CK", "2019-02-01")),
        (5, ("P1", "CK", "2019-02-01")),
    ]
    assert result.problems[0].message == "Lines 2, 5 have the same patient_id, analyte, date; only one row may have it."
    assert [row["line"] for row in _rows(result, "lab")] == [3, 4]


def test_an_empty_optional_part_of_a_key_counts_as_a_value_and_an_empty_required_one_does_not(
    checked: Callable[..., CheckedSubmission], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    antibody = good_rows["antibody"][0]
    other = {**antibody, "method": "ELISA"}
    assert _rules(checked({**good_rows, "antibody": [antibody, other]})) == []
    assert _rules(checked({**good_rows, "antibody": [antibody, antibody]})) == ["antibody.key"] * 2
    undated = {**antibody, "date": ""}
    assert _rules(checked({**good_rows, "antibody": [undated, undated]})) == ["antibody.date.required"] * 2


def test_many_rows_of_one_key_name_the_first_lines_only(
    checked: Callable[..., CheckedSubmission], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    result = checked({**good_rows, "event": [good_rows["event"][0]] * 7})
    assert result.problems[0].message.startswith("Lines 2, 3, 4, 5, 6, ... have the same")


def test_rows_of_a_person_in_quarantine_wait_with_it_without_a_problem_of_their_own(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    result = checked(with_row("patient", 1, sex="x"))
    assert (_rules(result), result.rejects) == (["patient.sex.code"], 1)
    assert (result.waiting, result.quarantine.num_rows, result.accepted) == (5, 6, 8)
    rules = {row["rules"] for row in result.quarantine.to_pylist() if row["table_name"] != "patient"}
    assert rules == {f"{table}.patient_id.waits" for table in ("course", "follow_up", "infusion", "lab", "visit")}


def test_without_a_readable_patient_file_nobody_is_called_unknown(
    tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    (folder / "patient.csv").write_bytes(b"")
    assert _rules(check(read_submission(folder))) == ["file.empty"]


def test_conditions_see_the_person_and_its_last_word(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    assert _rules(checked(with_row("visit", 1, date="2025-01-02"))) == []
    assert _rules(checked(with_row("visit", 1, date="2025-01-03"))) == ["visit.not_after_death"]
    assert _rules(checked(with_row("course", start_date="2018-10-31"))) == ["course.after_onset"]


def test_a_last_word_that_is_not_taken_in_is_not_held_against_other_rows(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    rows = with_row("follow_up", 1, death_date="2020-01-01")
    assert _rules(checked(rows)) == ["follow_up.seen_until_death"]


def test_a_condition_on_an_empty_value_holds(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    assert _rules(checked(with_row("patient", onset_date=""))) == []


def test_a_condition_on_a_value_that_cannot_be_read_is_not_told_as_well(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    assert _rules(checked(with_row("visit", mmt_maximum="all"))) == ["visit.mmt_maximum.type"]


def test_dates_may_be_the_day_of_the_submission_and_the_year_of_birth(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    assert _rules(checked(with_row("event", stop_date="2026-06-30"))) == []
    assert _rules(checked(with_row("patient", onset_date="1970-01-01"))) == []
    assert _rules(checked(with_row("patient", onset_date="1969-12-31"))) == ["patient.onset_date.before_birth"]


def test_an_unknown_centre_is_refused_with_the_nearest_code(
    tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    read = read_submission(write_submission(tmp_path / "lyon-2026-06-30"))
    assert not check(read, ["lyon"]).problems
    result = check(read, ["lion", "bern"])
    assert (result.refused, result.problems[0].advice) == (True, "Did you mean lion?")


def test_of_a_flood_the_first_are_shown_and_all_are_kept(
    checked: Callable[..., CheckedSubmission], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    days = [f"2020-{month:02}-{day:02}" for month in range(1, 13) for day in range(1, 29)]
    rows = {**good_rows, "lab": [{**good_rows["lab"][0], "date": day, "value": "8e2", "uln": "99"} for day in days]}
    result = checked(rows)
    assert [(kind.rule, kind.more) for kind in result.kinds] == [("lab.uln.soft", 316), ("lab.value.type", 316)]
    assert [p.line for p in result.problems if p.rule == "lab.value.type"] == list(range(2, 22))
    assert (result.rejects, result.questions) == (336, 336)
    assert (result.quarantine.num_rows, result.queries.num_rows) == (336, 336)


def test_problems_of_one_rule_with_other_words_are_one_kind(
    checked: Callable[..., CheckedSubmission], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    # 42 may be millimetres and 101 may not: the advice differs, the rule is one.
    days = [f"2020-01-{day:02}" for day in range(1, 31)]
    visits = [{"patient_id": "P1", "date": day, "phga": ("42", "101")[n % 2]} for n, day in enumerate(days)]
    result = checked({**good_rows, "visit": visits})
    problems = [p for p in result.problems if p.rule == "visit.phga.hard"]
    assert [p.line for p in problems] == list(range(2, 22))
    assert len({p.advice for p in problems}) == 2
    assert [kind.more for kind in result.kinds if kind.rule == "visit.phga.hard"] == [10]


def test_problems_are_sorted_by_file_line_and_column(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    rows = with_row("lab", 2, value="x", analyte="x")
    rows["lab"][0] = {**rows["lab"][0], "date": "x"}
    rows["course"][1] = {**rows["course"][1], "agent": "x"}
    places = [(p.file, p.line, p.columns) for p in checked(rows).problems]
    assert places == [
        ("course.csv", 3, ("agent",)),
        ("lab.csv", 2, ("date",)),
        ("lab.csv", 4, ("analyte",)),
        ("lab.csv", 4, ("value",)),
    ]


def test_endless_and_invisible_values_are_shown_short_and_visible(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    rows = with_row("lab", value="9" * 500)
    rows["lab"][1] = {**rows["lab"][1], "method": "a\u202eb\tc"}
    long, hidden = checked(rows).problems
    assert long.values == ("9" * 60 + "...",)
    assert len(long.advice) < 100
    assert hidden.values == ("a\\u202eb\\tc",)


def test_the_contracts_conditions_on_patients_speak_of_nobody_else() -> None:
    # Patients are checked first: their conditions cannot see rows of other tables.
    assert not [c.id for c in contract()["patient"].checks if "follow_up." in c.holds or "patient." in c.holds]
    assert not [c.id for c in contract()["follow_up"].checks if "follow_up." in c.holds]


def _result(checked: CheckedSubmission, rule: str) -> tuple[int, int]:
    (row,) = [row for row in checked.results.to_pylist() if row["rule"] == rule]
    return row["tested"], row["failed"]


def test_a_rule_tests_only_the_rows_that_have_what_it_compares(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    result = checked(with_row("lab", lln="200"))
    assert _result(result, "lab.uln_above_lln") == (1, 1)
    assert _result(result, "lab.lln.type") == (1, 0)
    assert _result(result, "lab.patient_id.required") == (3, 0)
    assert _result(result, "lab.value.decimals") == (2, 0)
    # P2 has died: only its rows can come after that.
    assert _result(result, "lab.not_after_death") == (1, 0)
    assert _result(result, "course.ivig_has_intent") == (1, 0)
    assert _result(result, "patient.link_key.pattern") == (0, 0)


def test_a_value_that_cannot_be_read_is_not_tested_by_rules_on_its_value(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    result = checked(with_row("visit", mmt8="all"))
    assert _result(result, "visit.mmt8.type") == (1, 1)
    assert _result(result, "visit.mmt8.hard") == (0, 0)
    assert _result(result, "visit.mmt_within_maximum") == (0, 0)


def test_rows_of_another_width_are_counted_with_all_rows(checked: Callable[..., CheckedSubmission]) -> None:
    folder = checked().submission.path
    with (folder / "lab.csv").open("a", encoding="utf-8") as file:
        file.write("P1,CK\nP1,CK,2019-03-01,5,U/L,,,,,,\n")
    result = check(read_submission(folder))
    assert _result(result, "lab.fields") == (5, 2)
    assert [row["patient_id"] for row in result.quarantine.to_pylist()] == [None, None]


def test_without_a_readable_patient_file_orphans_are_not_looked_for(
    tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    (folder / "patient.csv").write_bytes(b"")
    result = check(read_submission(folder))
    assert (_result(result, "lab.patient_id.orphan"), _result(result, "lab.patient_id.waits")) == ((0, 0), (0, 0))
    assert _result(result, "file.empty")[1] == 1


def test_rules_on_files_count_files(checked: Callable[..., CheckedSubmission], tmp_path: Path) -> None:
    result = checked(units={"visit.phga": "inch", "visit.ptga": "inch"})
    assert _result(result, "manifest.unit") == (1, 1)
    assert _result(result, "manifest.centre") == (0, 0)
    assert _result(result, "file.missing") == (9, 0)
    assert _result(checked(), "manifest.unit") == (0, 0)


def test_rows_are_named_by_the_place_that_they_were_made_from(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    rows = with_row("lab", value="x")
    rows["lab"][2] = {**rows["lab"][1]}
    submission = checked(rows).submission
    places = pa.table({"line": [2, 3, 4], "file": ["a.json", "a.json", "b.json"], "at": [17, 17, 40]})
    result = check(replace(submission, places={"lab": places}, labels={**submission.labels, "lab": "bundle"}))
    wrong = [(p.rule, p.file, p.line) for p in result.problems if p.severity == "reject"]
    assert sorted(wrong) == [("lab.key", "a.json", 17), ("lab.key", "b.json", 40), ("lab.value.type", "a.json", 17)]
    assert next(p for p in result.problems if p.rule == "lab.key").message.startswith("Lines 17, 40 have")
    assert [(r["line"], r["file"], r["at"]) for r in result.quarantine.to_pylist()] == [
        (2, "a.json", 17),
        (3, "a.json", 17),
        (4, "b.json", 40),
    ]


def test_questions_name_the_place_and_the_person(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    submission = checked(with_row("visit", 1, prednisone="120")).submission
    places = pa.table({"line": [2, 3], "file": ["r.csv", "r.csv"], "at": [7, 9]})
    result = check(replace(submission, places={"visit": places}))
    (row,) = [row for row in result.queries.to_pylist() if row["rule"] == "visit.prednisone.soft"]
    assert (row["table_name"], row["line"], row["file"], row["at"], row["patient_id"]) == ("visit", 3, "r.csv", 9, "P2")


def test_a_path_is_read_and_checked_at_once(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    shares: list[float] = []
    result = check_path(folder, centres=["bern"], progress=lambda _, share: shares.append(share))
    assert (result.submission.name, result.refused) == ("lyon-2026-06-30", True)
    assert shares == sorted(shares)
    assert 0 <= min(shares) < 0.5 < max(shares) <= 1


def test_little_memory_changes_no_finding(
    checked: Callable[..., CheckedSubmission], with_row: Callable[..., Rows]
) -> None:
    result = checked(with_row("lab", value="x"))
    again = check(result.submission, memory_mib=64)
    assert (again.results, again.quarantine) == (result.results, result.quarantine)
