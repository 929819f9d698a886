"""A centre's workbook holds every problem with the row as it was sent, acts on nothing in it, and names nobody."""

from __future__ import annotations

import json
import unicodedata
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from openpyxl import load_workbook

from registry.checking.checks import check
from registry.checking.findings import Kind
from registry.errors import Problem
from registry.intake.submission import read_submission
from registry.intake.tables import PLACES
from reports import problem_workbook
from reports.centre_problems import write_workbook
from reports.sheets import new_sheet, new_workbook, text_cell, workbook_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from registry.checking.checks import CheckedSubmission

    Rows = dict[str, list[Mapping[str, str]]]
    WithRow = Callable[..., Rows]
    Checked = Callable[..., CheckedSubmission]
    Sheets = Callable[[CheckedSubmission], dict[str, Worksheet]]

UNSEEN = "zzqx-77"
"""What no rule but that of the test sees."""
SECRET = "anna.karenina@example.org"  # noqa: S105  (an address, not a password)


@pytest.fixture
def checked(tmp_path: Path, write_submission: Callable[..., Path]) -> Checked:
    """Return the function that writes rows, reads them, checks them and keeps the questions about single values.

    Rules on rows beside each other would ask about rows that these tests make by the dozen.
    """

    def checked(*rows: Rows, **settings: Any) -> CheckedSubmission:
        result = check(read_submission(write_submission(tmp_path / "lyon-2026-06-30", *rows, **settings)))
        queries = result.queries.filter(pc.match_substring_regex(result.queries["rule"], r"\.(soft|step)$"))
        kept = (p for p in result.problems if p.severity == "reject" or p.rule.endswith((".soft", ".step")))
        return replace(result, queries=queries, questions=queries.num_rows, problems=tuple(kept))

    return checked


@pytest.fixture
def sheets(tmp_path: Path) -> Sheets:
    """Return the function that writes the workbook and reads it again, by name of the sheet."""

    def sheets(checked: CheckedSubmission) -> dict[str, Worksheet]:
        book = load_workbook(write_workbook(checked, tmp_path / "problems.xlsx"))
        return {sheet.title: sheet for sheet in book}

    return sheets


def listed(sheet: Worksheet) -> list[dict[str, Any]]:
    """Return the rows of a table's sheet, each cell by the heading of its column."""
    heads = [cell.value for cell in sheet[2]]
    return [dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=3)]


def labs(count: int, **changes: str) -> list[dict[str, str]]:
    """Return good measurements of different days."""
    row = {"patient_id": "P1", "analyte": "CK", "value": "100", "unit": "U/L"}
    return [{**row, "date": f"20{10 + n // 28:02}-02-{n % 28 + 1:02}", **changes} for n in range(count)]


def inside(path: Path) -> str:
    """Return the text of every part of a workbook."""
    with zipfile.ZipFile(path) as book:
        return "\n".join(book.read(name).decode() for name in book.namelist())


def test_a_row_stands_as_it_was_sent_with_its_line_first_and_the_offending_cell_marked(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    found = sheets(checked(with_row("visit", phga="65")))
    assert list(found) == ["Summary", "visit"]
    (row,) = listed(found["visit"])
    assert found["visit"]["A2"].value == "Line"
    assert (row["Line"].value, row["Result"].value) == (2, "Rejected")
    assert row["Problem"].value.startswith("phga: Expected physician global activity in cm between 0 and 10. 65 would")
    assert (row["phga"].value, row["mmt8"].value, row["haq"].value) == ("65", "120", "1.125")
    assert {name for name, cell in row.items() if cell.style == "rejected"} == {"Result", "phga"}


def test_marks_differ_in_colour_and_can_be_told_apart_in_grey(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    (row,) = listed(sheets(checked(with_row("visit", phga="65", haq="1.1")))["visit"])
    rejected, asked, plain = row["phga"], row["haq"], row["mmt8"]
    assert len({cell.fill.fgColor.rgb for cell in (rejected, asked, plain)}) == 3
    assert [cell.font.bold for cell in (rejected, asked, plain)] == [True, True, False]
    assert [cell.font.italic for cell in (rejected, asked, plain)] == [False, True, False]
    assert [cell.border.left.style for cell in (rejected, asked)] == ["medium", "mediumDashed"]


def test_a_row_with_several_problems_stands_once_and_what_rejects_is_stronger(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    result = checked(with_row("visit", phga="65", haq="1.1"))
    doubt = Problem(rule="visit.x", severity="query", file="visit.csv", line=2, columns=("phga",), message="Odd.")
    query = {**result.queries.to_pylist()[0], "columns": "phga", "rule": doubt.rule, "message": "Odd.", "advice": ""}
    both = pa.concat_tables([pa.Table.from_pylist([query], schema=result.queries.schema), result.queries])
    (row,) = listed(sheets(replace(result, queries=both))["visit"])
    assert row["phga"].style == "rejected"
    assert [line.partition(" ")[0] for line in row["Problem"].value.split("\n")] == ["phga:", "Question:", "Question:"]
    assert "Question: phga: Odd." in row["Problem"].value


def test_a_row_with_a_question_only_is_not_called_rejected(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    (row,) = listed(sheets(checked(with_row("visit", 1, prednisone="120")))["visit"])
    assert (row["Result"].value, row["prednisone"].style) == ("Question", "question")


def test_an_empty_field_that_may_not_be_empty_is_marked_and_named(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    (row,) = listed(sheets(checked(with_row("event", term="")))["event"])
    assert (row["term"].value, row["term"].style) == ("(empty)", "rejected")
    assert row["meddra_code"].value in {None, ""}


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t=", "\r=", "\uff1d", "\uff0b", "\uff0d", "\uff20", "#N/A", "'"]
)
def test_what_was_sent_is_text_and_never_a_formula(
    start: str, checked: Checked, with_row: WithRow, tmp_path: Path
) -> None:
    result = checked(with_row("event", grade=f"{start}1+1", term=f"{start}cmd"))
    path = write_workbook(result, tmp_path / "problems.xlsx")
    (row,) = listed(load_workbook(path)["event"])
    shown = {"\t=": "\\t=", "\r=": "\\r="}.get(start, start)
    assert (row["grade"].value, row["grade"].data_type, row["grade"].quotePrefix) == (f"{shown}1+1", "s", True)
    assert (row["term"].value, row["term"].data_type, row["term"].quotePrefix) == (f"{shown}cmd", "s", True)
    text = inside(path)
    assert "<f>" not in text
    assert 't="e"' not in text


def test_no_character_breaks_the_file_or_is_hidden_in_it(tmp_path: Path) -> None:
    # Every character that is not a plain letter, mark or sign, and some of the others.
    odd = [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) in {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}]
    odd += ["\ufffe", "\uffff", "\U0010ffff", "<", "&", '"', "]]>", "_x0009_", "_x003D_1", "\u6771", "\U0001f600"]
    book = new_workbook(title="odd \x00\ud800")
    sheet = new_sheet(book, "odd", widths=[20])
    for text in odd:
        sheet.append([text_cell(sheet, text, "sent")])
    path = tmp_path / "odd.xlsx"
    path.write_bytes(workbook_bytes(book))
    values = [row[0].value for row in load_workbook(path)["odd"].iter_rows()]
    assert len(values) == len(odd)
    for text, value in zip(odd, values, strict=True):
        assert value == (text if text.isprintable() and not text.startswith("_x") else value)
        assert all(letter.isprintable() for letter in value)
    assert values[odd.index("_x003D_1")] == "_x005F_x003D_1"
    assert values[0] == "\\x00"


def test_long_text_is_cut(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    (row,) = listed(sheets(checked(with_row("lab", method="x" * 40_000)))["lab"])
    assert row["method"].value == "x" * 197 + "..."


def test_every_reject_is_listed_with_the_words_of_its_own_value(
    checked: Checked, good_rows: Rows, sheets: Sheets
) -> None:
    wrong = [{**row, "value": f"{n},5"} for n, row in enumerate(labs(30))]
    rows = listed(sheets(checked({**good_rows, "lab": wrong}))["lab"])
    assert [row["Line"].value for row in rows] == list(range(2, 32))
    for n, row in enumerate(rows):
        assert f"A comma is no decimal mark: write {n}.5." in row["Problem"].value
        assert row["value"].style == "rejected"


def test_beyond_the_problems_that_are_shown_no_words_of_another_row_are_used(
    checked: Checked, good_rows: Rows, sheets: Sheets
) -> None:
    twice = [row for row in labs(15) for _ in range(2)]
    rows = listed(sheets(checked({**good_rows, "lab": twice}))["lab"])
    assert len(rows) == 30
    assert "Lines 2, 3 have the same patient_id, analyte, date" in rows[0]["Problem"].value
    last = rows[-1]
    assert "have the same patient_id, analyte, date" in last["Problem"].value
    assert "Lines 2" not in last["Problem"].value
    assert "Lines 30" not in last["Problem"].value
    assert [last[name].style for name in ("patient_id", "analyte", "date", "value")] == ["rejected"] * 3 + ["sent"]


def test_every_question_is_listed(checked: Checked, good_rows: Rows, sheets: Sheets) -> None:
    rows = listed(sheets(checked({**good_rows, "lab": labs(30, value="9")}))["lab"])
    assert len(rows) == 30
    assert all("9 would be usual in ukat/L" in row["Problem"].value for row in rows)
    assert {row["value"].style for row in rows} == {"question"}


def test_rows_that_wait_say_what_for_and_are_the_first_to_be_left_out(
    checked: Checked,
    good_rows: Rows,
    sheets: Sheets,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patients = [good_rows["patient"][0], {**good_rows["patient"][1], "sex": "m"}]
    waiting = [{**row, "patient_id": "P2"} for row in labs(5)]
    rows = {**good_rows, "patient": patients, "lab": [*waiting, *labs(3, value="x")]}
    result = checked(rows)
    found = listed(sheets(result)["lab"])
    assert "The person's own row in patient.csv is in quarantine." in found[0]["Problem"].value
    assert [row["Line"].value for row in found] == list(range(2, 10))
    monkeypatch.setattr(problem_workbook, "MOST_ROWS", 4)
    cut = sheets(result)["lab"]
    assert [row["Line"].value for row in listed(cut)] == [2, 7, 8, 9]
    assert "8 rows have problems; 4 of them are listed here" in cut["A1"].value


def test_a_row_with_another_number_of_fields_is_shown_as_it_was_sent(
    checked: Checked, tmp_path: Path, sheets: Sheets
) -> None:
    checked()
    with (tmp_path / "lyon-2026-06-30" / "event.csv").open("a", encoding="utf-8") as file:
        file.write('=P1,"a,b",c\n')
    (row,) = listed(sheets(check(read_submission(tmp_path / "lyon-2026-06-30")))["event"])
    cell = row["Row as it was sent"]
    assert (row["Line"].value, cell.value, cell.data_type) == (3, '=P1,"a,b",c', "s")


@pytest.mark.parametrize("rule", ["identifier.email", "lab.method.identifier", "lab.identifier"])
def test_what_identifies_a_person_is_nowhere_in_the_file(
    rule: str, checked: Checked, with_row: WithRow, tmp_path: Path
) -> None:
    result = checked(with_row("lab", method=f" {SECRET}", unit="x"))
    (held,) = result.quarantine.to_pylist()
    held["rules"] = ",".join(sorted([*held["rules"].split(","), rule]))
    telling = Problem(
        rule=rule, severity="reject", file="lab.csv", line=2, columns=("method",), message=f"{SECRET} is an address."
    )
    quarantine = pa.Table.from_pylist([held], schema=result.quarantine.schema)
    result = replace(result, quarantine=quarantine, problems=(*result.problems, telling))
    path = write_workbook(result, tmp_path / "problems.xlsx")
    assert SECRET not in inside(path)
    (row,) = listed(load_workbook(path)["lab"])
    assert (row["method"].value, row["method"].style) == ("(not repeated)", "rejected")
    assert row["unit"].value == "x"


def test_where_the_column_of_an_identifier_is_not_known_the_whole_row_is_left_out(
    checked: Checked, with_row: WithRow, tmp_path: Path
) -> None:
    result = checked(with_row("lab", method=UNSEEN, value="abc"))
    (held,) = result.quarantine.to_pylist()
    held["rules"] = f"identifier.email,{held['rules']}"
    result = replace(result, quarantine=pa.Table.from_pylist([held], schema=result.quarantine.schema))
    path = write_workbook(result, tmp_path / "problems.xlsx")
    assert UNSEEN not in inside(path)
    (row,) = listed(load_workbook(path)["lab"])
    assert {row[name].value for name in ("patient_id", "value", "method")} == {"(not repeated)"}
    assert row["Line"].value == 2


def test_where_not_every_column_of_an_identifier_is_known_the_whole_row_is_left_out(
    checked: Checked, with_row: WithRow, tmp_path: Path
) -> None:
    result = checked(with_row("lab", method=UNSEEN, value="abc"))
    (held,) = result.quarantine.to_pylist()
    held["rules"] = f"identifier.email,{held['rules']}"
    known = Problem(rule="identifier.email", severity="reject", file="lab.csv", line=2, columns=("unit",), message="x")
    result = replace(
        result,
        quarantine=pa.Table.from_pylist([held], schema=result.quarantine.schema),
        problems=(*result.problems, known),
        kinds=(Kind(file="lab.csv", rule="identifier.email", more=1),),
    )
    assert UNSEEN not in inside(write_workbook(result, tmp_path / "problems.xlsx"))


def test_a_broken_row_that_tells_who_somebody_is_is_not_repeated(checked: Checked, tmp_path: Path) -> None:
    checked()
    with (tmp_path / "lyon-2026-06-30" / "event.csv").open("a", encoding="utf-8") as file:
        file.write(f"P1,{SECRET},c\n")
    result = check(read_submission(tmp_path / "lyon-2026-06-30"))
    held = [{**row, "rules": f"{row['rules']},identifier.email"} for row in result.quarantine.to_pylist()]
    quarantine = pa.Table.from_pylist(held, schema=result.quarantine.schema)
    path = write_workbook(replace(result, quarantine=quarantine), tmp_path / "problems.xlsx")
    assert SECRET not in inside(path)
    assert listed(load_workbook(path)["event"])[-1]["Row as it was sent"].value == "(not repeated)"


def test_rows_made_from_several_files_name_file_and_place(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    result = checked(with_row("lab", value="abc"))
    (held,) = result.quarantine.to_pylist()
    held |= {"file": "redcap.csv", "at": 77}
    places = pa.Table.from_pylist([{"line": 2, "file": "redcap.csv", "at": 77}], schema=PLACES)
    result = replace(
        result,
        quarantine=pa.Table.from_pylist([held], schema=result.quarantine.schema),
        submission=replace(result.submission, places={"lab": places}),
        problems=tuple(replace(problem, file="redcap.csv", line=77) for problem in result.problems),
    )
    (row,) = listed(sheets(result)["lab"])
    assert (row["Line"].value, row["File"].value, row["value"].value) == (77, "redcap.csv", "abc")
    assert "Expected result as a number" in row["Problem"].value


def test_sheets_can_be_filtered_scrolled_and_printed(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    found = sheets(checked(with_row("visit", phga="65")))
    sheet = found["visit"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref, sheet.print_title_rows) == ("B3", "A2:O3", "$1:$2")
    for one in found.values():
        assert (one.page_setup.orientation, one.page_setup.fitToWidth, one.page_setup.fitToHeight) == (
            "landscape",
            1,
            0,
        )
        assert one.sheet_properties.pageSetUpPr.fitToPage
    assert sheet.column_dimensions["C"].width > 50


def test_the_summary_counts_every_row_and_every_rule_with_its_words(
    checked: Checked, good_rows: Rows, sheets: Sheets
) -> None:
    result = checked({**good_rows, "lab": [*labs(30, value="9"), *labs(1, analyte="LDH", value="x")]})
    rows = [[cell.value for cell in row] for row in sheets(result)["Summary"].iter_rows()]
    assert rows[0][0] == "What became of lyon-2026-06-30"
    assert rows[1][0] == "41 of 42 rows are taken in; 1 is in quarantine. 30 questions to you."
    assert ["lab", 31, 30, 1, 30] in [row[:5] for row in rows]
    start = next(n for n, row in enumerate(rows) if row[0] == "Severity")
    assert rows[start + 1][:6] == ["Question", "lab.csv", 30, 2, "value", "9"]
    assert rows[start + 1][6] == "Usual values of creatine kinase in U/L lie between 10 and 20000."
    assert rows[start + 1][8] == "lab.value.soft"
    assert rows[start + 2][:6] == ["Rejected", "lab.csv", 1, 32, "value", "x"]
    assert len(rows) == start + 3


def test_a_good_submission_has_a_summary_only(checked: Checked, sheets: Sheets) -> None:
    found = sheets(checked())
    assert list(found) == ["Summary"]
    text = [cell.value for row in found["Summary"].iter_rows() for cell in row]
    assert "Nothing needs to be done." in text
    assert "Problems by rule" not in text


def test_a_refused_submission_names_the_file_and_takes_nothing_in(
    checked: Checked, tmp_path: Path, sheets: Sheets
) -> None:
    checked()
    (tmp_path / "lyon-2026-06-30" / "lab.csv").write_text("nonsense\n1\n")
    rows = [[c.value for c in row] for row in sheets(check(read_submission(tmp_path / "lyon-2026-06-30")))["Summary"]]
    assert "so nothing of this submission is taken in" in rows[1][0]
    assert ["lab", "not read", 0, 0, 0] in [row[:5] for row in rows]
    assert any(row[:2] == ["Rejected", "lab.csv"] and row[3] == "file" for row in rows)


def test_the_same_submission_gives_the_same_bytes_for_its_owner_only(
    checked: Checked, with_row: WithRow, tmp_path: Path
) -> None:
    result = checked(with_row("visit", phga="65"))
    first, second = (write_workbook(result, tmp_path / name) for name in ("a.xlsx", "b.xlsx"))
    assert first.read_bytes() == second.read_bytes()
    assert "2000-01-01T00:00:00Z" in inside(first)
    with zipfile.ZipFile(first) as book:
        assert {entry.date_time for entry in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert first.stat().st_mode & 0o777 == 0o600


def test_the_content_of_the_quarantine_is_not_needed(
    checked: Checked,
    with_row: WithRow,
    sheets: Sheets,
) -> None:
    # It holds typed and sent values side by side; the sheet shows what was sent.
    result = checked(with_row("lab", value="0x1F"))
    column = result.quarantine.column_names.index("content")
    blank = result.quarantine.set_column(column, "content", pa.array([json.dumps({})], pa.string()))
    (row,) = listed(sheets(replace(result, quarantine=blank))["lab"])
    assert row["value"].value == "0x1F"
