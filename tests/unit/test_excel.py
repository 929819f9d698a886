"""Workbooks as Excel's users send them: sheets, typed cells, errors, and files that are no workbook."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

import openpyxl
import pandas as pd
import pytest

from registry.checking.checks import check
from registry.contract import contract
from registry.intake import excel
from registry.intake.excel import open_workbook, read_sheet
from registry.intake.submission import read_submission
from registry.intake.table_files import OWN_SHEETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.errors import Problem
    from registry.intake.submission import Submission
    from registry.intake.tables import TextTable

LAB, VISIT, PATIENT, EVENT = (contract()[name] for name in ("lab", "visit", "patient", "event"))


def typed(text: str, kind: str) -> object:
    """Return what a person would type into a cell."""
    if not text:
        return None
    if kind == "date":
        return dt.date.fromisoformat(text)
    return float(text) if kind in {"integer", "decimal"} else text


def workbook_of(
    rows: Mapping[str, Sequence[Mapping[str, str]]], tables: Sequence[str] | None = None
) -> openpyxl.Workbook:
    """Return the rows as a workbook with a sheet a table and typed cells."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name in tables or contract():
        sheet = workbook.create_sheet(name)
        sheet.append(list(contract()[name].names))
        for row in rows.get(name, ()):
            sheet.append([typed(row.get(c.name, ""), c.type) for c in contract()[name].columns])
    return workbook


def saved(workbook: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def lab(*rows: Sequence[Any]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active.title = "lab"
    for row in [LAB.names, *rows]:
        workbook.active.append(list(row))
    return saved(workbook)


def read(data: bytes, table: str = "lab", sheet: str = "") -> TextTable:
    workbook, problems = open_workbook("cohort.xlsx", data)
    assert workbook is not None, problems
    return read_sheet(workbook, sheet or table, contract()[table])


def column(found: TextTable, name: str) -> list[str | None]:
    assert found.rows is not None, found.problems
    values: list[str | None] = found.rows[name].to_pylist()
    return values


def rejected(submission: Submission) -> list[tuple[int | None, str, str]]:
    """Return line, columns and values of every row that is not taken in."""
    problems = [p for p in check(submission).problems if p.severity == "reject"]
    return [(p.line, ", ".join(p.columns), ", ".join(p.values)) for p in problems]


@pytest.fixture
def folder(tmp_path: Path, write_submission: Callable[..., Path]) -> Path:
    """Return a submission of which only the manifest is there."""
    path = write_submission(tmp_path / "lyon-2026-06-30")
    for file in path.glob("*.csv"):
        file.unlink()
    return path


def test_a_workbook_with_a_sheet_a_table_is_a_submission(folder: Path, good_rows: Mapping[str, Any]) -> None:
    workbook_of(good_rows).save(folder / "cohort.xlsx")
    submission = read_submission(folder)
    assert submission.problems == ()
    assert dict(submission.counts) == {name: len(rows) for name, rows in good_rows.items()}
    for name, rows in good_rows.items():
        found = submission.tables[name].drop_columns("line").to_pylist()
        assert found == [{c: row.get(c) for c in contract()[name].names} for row in rows]
    assert submission.label("lab") == "cohort.xlsx, sheet lab"
    assert rejected(submission) == []


def test_a_file_a_table_may_be_of_any_kind(folder: Path, good_rows: Mapping[str, Any]) -> None:
    for number, (name, rows) in enumerate(good_rows.items()):
        frame = pd.DataFrame(rows, columns=list(contract()[name].names))
        writers: list[tuple[str, Callable[[Path], object]]] = [
            ("xlsx", lambda path, frame=frame: frame.to_excel(path, index=False)),
            ("parquet", lambda path, frame=frame: frame.to_parquet(path, index=False)),
            ("csv", lambda path, frame=frame: frame.to_csv(path, index=False)),
            ("tsv", lambda path, frame=frame: frame.to_csv(path, index=False, sep="\t")),
        ]
        ending, write = writers[number % 4]
        write(folder / f"{name}.{ending}")
    submission = read_submission(folder)
    assert submission.problems == ()
    assert dict(submission.counts) == {name: len(rows) for name, rows in good_rows.items()}
    assert submission.label("patient") == "patient.xlsx, sheet Sheet1"


def test_the_line_is_the_row_of_the_sheet_and_empty_rows_are_none() -> None:
    found = read(lab(["P1", "CK"], [], [None] * 8, ["P2", "CK"], [""], ["P3"]))
    assert found.rows is not None
    assert list(zip(column(found, "line"), column(found, "patient_id"), strict=True)) == [
        (2, "P1"),
        (5, "P2"),
        (7, "P3"),
    ]
    assert found.count == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.1, "7.1"),
        (12.0, "12"),
        (12, "12"),
        (-0.0, "0"),
        (100, "100"),
        (1234567.25, "1234567.25"),
        (0.0000001, "0.0000001"),
        (1e20, "1E+20"),
        ("12,4", "12,4"),
        ("  12", "  12"),
        (True, "TRUE"),
        (dt.date(2024, 2, 1), "2024-02-01 00:00:00"),
        (dt.time(10, 30), "10:30:00"),
    ],
)
def test_a_number_is_what_excel_shows_and_nothing_else_becomes_one(value: object, text: str) -> None:
    assert column(read(lab(["P1", "CK", None, value])), "value") == [text]


def test_fifteen_digits_count() -> None:
    data = lab(["P1", "CK", None, 7.25])
    longer = _changed(data, rb"<v>7.25</v>", b"<v>7.2499999999999996447</v>")
    assert column(read(longer), "value") == ["7.25"]
    assert column(read(_changed(data, rb"<v>7.25</v>", b"<v>0.30000000000000004</v>")), "value") == ["0.3"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.date(2024, 2, 3), "2024-02-03"),
        (dt.datetime(2024, 2, 3), "2024-02-03"),  # noqa: DTZ001
        (dt.datetime(2024, 2, 3, 10, 30), "2024-02-03 10:30:00"),  # noqa: DTZ001
        ("03/02/2024", "03/02/2024"),
        ("2024-02-03", "2024-02-03"),
        (45325, "45325"),
    ],
)
def test_a_day_is_written_as_a_day_and_a_text_is_not_guessed(value: object, text: str) -> None:
    assert column(read(lab(["P1", "CK", value])), "date") == [text]


def test_a_code_that_excel_took_for_a_date_does_not_pass_as_a_patient(
    tmp_path: Path, folder: Path, good_rows: Mapping[str, Any]
) -> None:
    workbook = workbook_of(good_rows)
    workbook["antibody"]["A2"] = dt.date(2024, 5, 1)
    workbook.save(folder / "cohort.xlsx")
    submission = read_submission(folder)
    assert submission.tables["antibody"]["patient_id"].to_pylist() == ["2024-05-01 00:00:00"]
    assert {(line, column) for line, column, _ in rejected(submission)} >= {(2, "patient_id")}


def test_true_and_false_are_yes_and_no_only_where_these_are_the_codes() -> None:
    workbook = openpyxl.Workbook()
    workbook.active.title = "event"
    workbook.active.append(list(EVENT.names))
    workbook.active.append([True if name in {"serious", "outcome"} else None for name in EVENT.names])
    workbook.active.append([False if name == "serious" else None for name in EVENT.names])
    found = read(saved(workbook), "event")
    assert (column(found, "serious"), column(found, "outcome")) == (["yes", "no"], ["TRUE", None])


def test_errors_and_uncalculated_formulas_are_rejected_in_their_rows_and_not_taken_as_empty(
    folder: Path, good_rows: Mapping[str, Any]
) -> None:
    workbook = workbook_of(good_rows)
    sheet = workbook["lab"]
    sheet["D2"], sheet["H2"], sheet["G3"], sheet["C4"] = "#DIV/0!", "#N/A", "=F3*2", "#REF!"
    workbook.save(folder / "cohort.xlsx")
    assert rejected(read_submission(folder)) == [
        (2, "method", "#N/A "),
        (2, "value", "#DIV/0!"),
        (3, "uln", "(formula without a value)"),
        (4, "date", "#REF!"),
    ]


def test_a_formula_counts_by_its_stored_value() -> None:
    data = lab(["P1", "CK", None, "=1+1"], ["P2", "CK", None, "=A1"])
    stored = _changed(data, rb"<f>1\+1</f><v\s*/?>(</v>)?", b"<f>1+1</f><v>2</v>")
    stored = _changed(stored, rb'r="D3"><f>A1</f><v\s*/?>(</v>)?', b'r="D3" t="str"><f>A1</f><v></v>')
    assert column(read(stored), "value") == ["2", None]


def test_a_value_beyond_the_header_breaks_the_row_and_is_not_lost() -> None:
    found = read(lab(["P1", "CK", None, 812], ["P2", "CK", None, 8.5, None, None, None, None, None, "ask Mia"]))
    assert column(found, "patient_id") == ["P1"]
    assert found.broken.to_pylist() == [
        {"line": 3, "fields": 10, "content": '["P2", "CK", "", "8.5", "", "", "", "", "", "ask Mia"]'}
    ]
    assert found.count == 2


def test_columns_may_stand_in_any_order_and_one_that_is_optional_may_be_missing(good_rows: Mapping[str, Any]) -> None:
    frame = pd.DataFrame(good_rows["patient"])
    file = io.BytesIO()
    frame[["consent", *[name for name in frame.columns if name != "consent"]]].assign(cancer_date=None).to_excel(
        file, index=False, sheet_name="x"
    )
    found = read(file.getvalue(), "patient", "x")
    assert found.rows is not None
    assert found.rows.column_names == ["line", *PATIENT.names]
    assert column(found, "link_key") == [None, None]
    assert column(found, "consent") == ["yes", "yes"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (["P1", "CK"], "not the header"),
        ([], "not the header"),
        ([*LAB.names[:-1], "methd"], "The column is missing"),
        ([*LAB.names, None, "note"], "A column has no name"),
    ],
)
def test_a_header_that_is_not_the_contracts_is_told_with_its_sheet(row: list[Any], words: str) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.title = "lab"
    workbook.active.append(row)
    workbook.active["A2"] = "P1"
    found = read(saved(workbook))
    assert found.rows is None
    assert found.problems[0].file == "cohort.xlsx, sheet lab"
    assert any(words in problem.message for problem in found.problems)


def test_a_sheet_without_any_cell_is_empty_and_one_of_only_its_header_has_no_rows() -> None:
    workbook = openpyxl.Workbook()
    workbook.active.title = "lab"
    (problem,) = read(saved(workbook)).problems
    assert (problem.rule, problem.message) == ("file.empty", "The sheet is empty.")
    found = read(lab())
    assert (found.count, found.problems) == (0, ())


def test_a_missing_sheet_and_a_strange_one_are_named(folder: Path, good_rows: Mapping[str, Any]) -> None:
    workbook = workbook_of(good_rows)
    workbook["lab"].title = "labs"
    for name in OWN_SHEETS:
        workbook.create_sheet(name).append(["x"])
    workbook.create_sheet("Sheet9")
    workbook.save(folder / "cohort.xlsx")
    strange, missing = sorted(read_submission(folder).problems, key=lambda p: p.severity)
    assert (strange.severity, strange.rule, strange.file) == ("query", "file.unknown", "cohort.xlsx, sheet labs")
    assert (missing.severity, missing.rule, missing.file) == ("reject", "file.missing", "lab.csv")
    assert "nor a sheet called lab" in missing.message


def test_a_table_in_a_workbook_and_in_a_file_is_refused_by_both_names(
    folder: Path, good_rows: Mapping[str, Any]
) -> None:
    workbook_of(good_rows).save(folder / "cohort.xlsx")
    workbook_of(good_rows, ["lab"]).save(folder / "lab.xlsx")
    (problem,) = read_submission(folder).problems
    assert problem.rule == "file.twice"
    assert "cohort.xlsx, sheet lab and lab.xlsx, sheet lab" in problem.message


def test_a_workbook_without_a_table_is_only_asked_about(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    workbook = openpyxl.Workbook()
    workbook.active.append(["Jane"])
    workbook.save(folder / "names.xlsx")
    (problem,) = read_submission(folder).problems
    assert (problem.rule, problem.severity, problem.file) == ("file.unknown", "query", "names.xlsx")


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("change", "rule", "words"),
    [
        (lambda data: OLD, "file.format", "the old format (.xls)"),
        (lambda data: OLD + "EncryptedPackage".encode("utf-16-le"), "file.password", "protected by a password"),
        (lambda data: b"", "file.empty", "0 bytes"),
        (lambda data: b"patient_id,x\n", "file.format", "not an Excel workbook"),
        (lambda data: data[: len(data) // 2], "archive.damaged", "cannot be opened"),
        (lambda data: _changed(data, rb"(?s)^.*$", b"<broken"), "file.damaged", "cannot be read"),
        (lambda data: _without(data, "xl/workbook.xml"), "file.damaged", "cannot be read"),
    ],
)
def test_what_is_no_workbook_is_told(
    change: Callable[[bytes], bytes], rule: str, words: str, folder: Path, good_rows: Mapping[str, Any]
) -> None:
    (folder / "cohort.xlsx").write_bytes(change(saved(workbook_of(good_rows))))
    problems: list[Problem] = [p for p in read_submission(folder).problems if p.rule == rule]
    assert problems
    assert {p.severity for p in problems} == {"reject"}
    assert all(p.file.startswith("cohort.xlsx") and words in p.message for p in problems)
    assert check(read_submission(folder)).refused


def test_a_cell_at_the_end_of_the_sheet_does_not_take_the_memory() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(lab(["P1"])))
    workbook["lab"]["XFD1048576"] = "x"
    (problem,) = read(saved(workbook)).problems
    assert (problem.rule, problem.severity) == ("file.size", "reject")
    assert "goes to row 1,048,576 and column 16,384" in problem.message


def test_a_workbook_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    workbook, (problem,) = open_workbook("cohort.xlsx", _added(lab(["P1"]), "xl/media/x", b"0" * 100_000_000))
    assert (workbook, problem.rule) == (None, "archive.ratio")
    monkeypatch.setattr(excel, "MAXIMUM_CELLS", 25)
    assert read(lab(["P1"])).problems[0].rule == "file.size"


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(members: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _changed(data: bytes, pattern: bytes, new: bytes) -> bytes:
    """Return a workbook with something else in its sheets."""
    members = _members(data)
    changed = {
        n: re.sub(pattern, lambda _: new, c) if n.startswith("xl/worksheets/s") else c for n, c in members.items()
    }
    assert changed != members
    return _packed(changed)


def _without(data: bytes, member: str) -> bytes:
    return _packed({name: content for name, content in _members(data).items() if name != member})


def _added(data: bytes, member: str, content: bytes) -> bytes:
    return _packed({**_members(data), member: content})
