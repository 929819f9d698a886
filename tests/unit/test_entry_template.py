"""The entry workbook is the contract as a form: filled in, it is a submission without a problem."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from click.testing import CliRunner

from myoregistry.template import template
from registry.checking.checks import check
from registry.contract import TABLES, contract
from registry.entry_template import ENTRY_ROWS, write_entry_template
from registry.errors import UserError
from registry.intake.submission import read_submission
from registry.intake.table_files import OWN_SHEETS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.datavalidation import DataValidation

MANIFEST = 'centre = "lyon"\ndate = 2026-06-30\ncontract = "2"\n'


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    return openpyxl.load_workbook(write_entry_template(tmp_path_factory.mktemp("entry") / "entry.xlsx"))


def validation(workbook: Workbook, place: str) -> DataValidation | None:
    """Return what the cells of table.column accept."""
    table, name = place.split(".")
    sheet = workbook[table]
    letter = next(cell.column_letter for cell in sheet[1] if cell.value == name)
    found = [v for v in sheet.data_validations.dataValidation if f"{letter}2" in v.sqref]
    assert len(found) <= 1
    assert all(f"{letter}{ENTRY_ROWS + 1}" in v.sqref for v in found)
    return found[0] if found else None


def test_it_has_explanations_first_and_a_sheet_a_table(workbook: Workbook) -> None:
    first, *others = OWN_SHEETS
    assert workbook.sheetnames == [first, *TABLES, *others]
    for name, table in contract().items():
        assert [cell.value for cell in workbook[name][1]] == list(table.names)
        assert workbook[name].max_row == 1
        assert workbook[name].freeze_panes == "B2"


def test_every_coded_column_has_the_list_of_its_codes(workbook: Workbook) -> None:
    for table in contract().values():
        for column in table.columns:
            rule = validation(workbook, f"{table.table}.{column.name}")
            if not column.allowed():
                assert rule is None or rule.type != "list"
                continue
            assert rule is not None
            assert (rule.type, rule.errorStyle or "stop", rule.showErrorMessage) == ("list", "stop", True)
            ((sheet, cells),) = workbook.defined_names[rule.formula1].destinations
            assert tuple(cell.value for (cell,) in workbook[sheet][cells]) == column.allowed()


@pytest.mark.parametrize(
    ("place", "limits"),
    [
        ("patient.birth_year", ("whole", "1900", "2100", None)),
        ("visit.haq", ("decimal", "0", "3", None)),
        ("visit.phga", ("decimal", "0", "10", "warning")),
        ("visit.weight", ("decimal", "25", "300", None)),
        ("lab.value", ("decimal", "-999999999999", "999999999999", None)),
        ("lab.date", ("date", "DATE(1900,1,1)", "DATE(2100,12,31)", None)),
        ("lab.method", ("textLength", "1", "60", None)),
    ],
)
def test_numbers_dates_and_texts_have_their_limits(
    place: str, limits: tuple[str, str, str, str | None], workbook: Workbook
) -> None:
    rule = validation(workbook, place)
    assert rule is not None
    assert (rule.type, rule.formula1, rule.formula2, rule.errorStyle) == limits
    assert (rule.operator or "between") == "between"
    assert rule.errorTitle == place.split(".")[1]
    assert 0 < len(rule.error) <= 225


def test_a_patient_stands_once_and_another_table_only_warns_of_an_unknown_one(workbook: Workbook) -> None:
    own, other = validation(workbook, "patient.patient_id"), validation(workbook, "lab.patient_id")
    assert own is not None
    assert other is not None
    assert own.formula1 == "AND(SUMPRODUCT(--($A$2:$A$10001=A2))=1,LEN(A2)<=40)"
    assert (other.formula1, other.errorStyle) == ("SUMPRODUCT(--(patient!$A$2:$A$10001=A2))>0", "warning")


def test_ids_are_text_and_days_are_days_in_every_new_cell(workbook: Workbook) -> None:
    assert workbook["lab"].column_dimensions["A"].number_format == "@"
    assert workbook["lab"].column_dimensions["C"].number_format == "yyyy-mm-dd"


def test_every_heading_is_explained_with_unit_limits_and_need(workbook: Workbook) -> None:
    comments = {
        f"{table}.{cell.value}": cell.comment.text for table in TABLES for cell in workbook[table][1] if cell.comment
    }
    assert len(comments) == sum(len(table.columns) for table in contract().values())
    assert "in steps of 0.125" in comments["visit.haq"]
    assert "Form: number, in mg/day, from 0 to 2000, asked outside 0 to 100." in comments["visit.prednisone"]
    assert "Must be filled in every row." in comments["lab.value"]
    assert "Leave it empty if it is not known." in comments["lab.uln"]
    assert "No two rows may have the same patient_id, analyte, date." in comments["lab.analyte"]
    written = {(row[0], row[1]) for row in workbook["Columns"].iter_rows(min_row=2, values_only=True)}
    assert written == {(table.table, column.name) for table in contract().values() for column in table.columns}


def test_the_explanations_hold_a_manifest_that_can_be_read(
    workbook: Workbook, tmp_path: Path, good_rows: Mapping[str, Any]
) -> None:
    lines = [str(b) for a, b in workbook["Explanations"].iter_rows(values_only=True) if a == "manifest.toml"]
    folder = tmp_path / "lyon-2026-06-30"
    folder.mkdir()
    (folder / "manifest.toml").write_text("\n".join(lines), encoding="utf-8")
    manifest = read_submission(folder).manifest
    assert manifest is not None
    assert (manifest.centre, manifest.date, manifest.units["visit.phga"]) == ("lyon", dt.date(2026, 6, 30), "mm")
    text = " ".join(str(v) for row in workbook["Explanations"].iter_rows(values_only=True) for v in row if v)
    assert all(f"A row is {table.row}." in text for table in contract().values())


def test_an_empty_workbook_is_read_as_tables_without_rows(tmp_path: Path) -> None:
    folder = tmp_path / "lyon-2026-06-30"
    folder.mkdir()
    (folder / "manifest.toml").write_text(MANIFEST, encoding="utf-8")
    write_entry_template(folder / "entry.xlsx")
    read = read_submission(folder)
    assert (read.problems, dict(read.counts)) == ((), dict.fromkeys(TABLES, 0))


def test_filled_in_it_is_a_submission_without_a_problem(tmp_path: Path, good_rows: Mapping[str, Any]) -> None:
    folder = tmp_path / "lyon-2026-06-30"
    folder.mkdir()
    (folder / "manifest.toml").write_text(MANIFEST, encoding="utf-8")
    path = write_entry_template(folder / "entry.xlsx")
    form = openpyxl.load_workbook(path)
    for name, rows in good_rows.items():
        for row in rows:
            form[name].append([_typed(row.get(c.name), c.type) for c in contract()[name].columns])
    form.save(path)
    read = read_submission(folder)
    assert read.problems == ()
    for name, rows in good_rows.items():
        found = read.tables[name].drop_columns("line").to_pylist()
        assert found == [{c: row.get(c) for c in contract()[name].names} for row in rows]
    checked = check(read, ["lyon"])
    assert not [problem for problem in checked.problems if problem.severity == "reject"]
    assert checked.accepted == sum(len(rows) for rows in good_rows.values())


def test_a_workbook_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    path = write_entry_template(tmp_path / "entry.xlsx")
    before = path.read_bytes()
    with pytest.raises(UserError, match="There is such a file, which may hold data"):
        write_entry_template(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "words"), [("entry.xls", "does not end in .xlsx"), ("no/entry.xlsx", "cannot be written")]
)
def test_a_place_where_it_cannot_be_written_is_told(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        write_entry_template(tmp_path / name)


def test_the_verb_writes_it_and_says_where(tmp_path: Path) -> None:
    result = CliRunner().invoke(template, ["excel", "--output", str(tmp_path / "entry.xlsx")])
    assert (result.exit_code, result.output) == (0, f"{tmp_path / 'entry.xlsx'}\n")
    assert (tmp_path / "entry.xlsx").is_file()


def _typed(text: str | None, kind: str) -> object:
    if text is None:
        return None
    if kind == "date":
        return dt.date.fromisoformat(text)
    return float(text) if kind in {"integer", "decimal"} else text
