"""Files are read strictly: lines as an editor counts them, nothing guessed, nothing lost."""

from __future__ import annotations

import gc
from datetime import date
from typing import TYPE_CHECKING

import pytest

from registry.contract import contract
from registry.errors import ExitCode, UserError
from registry.intake import by_csv_module
from registry.intake.delimited import read_delimited
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAB = contract()["lab"]
HEADER = b"patient_id,analyte,date,value,unit,lln,uln,method\n"


def _lines(data: bytes) -> list[tuple[int, str | None]]:
    table = read_delimited(data, LAB).rows
    assert table is not None
    return [(row["line"], row["patient_id"]) for row in table.to_pylist()]


def test_the_manifest_and_every_table_are_read(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30", units={"visit.phga": "mm"})
    read = read_submission(folder)
    assert read.manifest is not None
    assert (read.name, read.centre, read.date) == ("lyon-2026-06-30", "lyon", date(2026, 6, 30))
    assert (read.manifest.contract, read.manifest.sender) == ("1", "data manager")
    assert (read.units, read.problems) == ({"visit.phga": "mm"}, ())
    assert {name: table.num_rows for name, table in read.tables.items()} == dict(read.counts)
    assert read.counts == {
        "antibody": 1, "course": 2, "event": 1, "follow_up": 2, "infusion": 1, "lab": 3, "patient": 2, "visit": 2,
    }  # fmt: skip
    first = read.tables["lab"].to_pylist()[0]
    assert first == {
        "line": 2, "patient_id": "P1", "analyte": "CK", "date": "2019-02-01", "value": "812.5", "unit": "U/L",
        "lln": None, "uln": "170", "method": None,
    }  # fmt: skip


def test_columns_may_stand_in_any_order_behind_a_byte_order_mark() -> None:
    names = b"method,uln,lln,unit,value,date,analyte,patient_id\n"
    read = read_delimited(b"\xef\xbb\xbf" + names + b"IFCC,170,,U/L,812,2019-02-01,CK,P1\n", LAB)
    assert read.rows is not None
    assert read.rows.column_names == ["line", *LAB.names]
    assert [*read.rows.to_pylist()[0].values()] == [2, "P1", "CK", "2019-02-01", "812", "U/L", None, "170", "IFCC"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_counts_as_one(end: bytes) -> None:
    data = end.join([HEADER.strip(), b"P1,,,,,,,", b"P2,,,,,,,", b""])
    assert _lines(data) == [(2, "P1"), (3, "P2")]


def test_lines_are_physical_lines_behind_blank_lines_and_quoted_line_breaks() -> None:
    rows = b'\nP1,,,,,,,"a\nb\r\nc"\n\nP2,,,,,,,\nP3,,,,,,,\n'
    assert _lines(HEADER + rows) == [(3, "P1"), (7, "P2"), (8, "P3")]


def test_lines_are_right_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_csv_module, "CHUNK_ROWS", 2)
    rows = b'P1,,,,,,,\nP2,,,,,,,"a\nb"\nP3,,,,,,,\n\nP4,,,,,,,\nP5,,,\nP6,,,,,,,\n'
    read = read_delimited(HEADER + rows, LAB)
    assert _lines(HEADER + rows) == [(2, "P1"), (3, "P2"), (5, "P3"), (7, "P4"), (9, "P6")]
    assert read.broken.to_pylist() == [{"line": 8, "fields": 4, "content": '["P5", "", "", ""]'}]
    assert read.count == 6


def test_an_open_quote_is_named_by_the_line_of_its_row_in_a_later_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_csv_module, "CHUNK_ROWS", 2)
    rows = b'P1,,,,,,,\nP2,,,,,,,"a\nb"\nP3,,,,,,,\nP4,,,,,,,"never\nclosed\n'
    (problem,) = read_delimited(HEADER + rows, LAB).problems
    assert problem.message == "A quote that opens in the row of line 6 is never closed."


def test_an_empty_field_is_null_and_quotes_hold_commas_and_quotes() -> None:
    table = read_delimited(HEADER + b'P1,"",,,,,,"a ""b"", c"', LAB).rows
    assert table is not None
    assert (table["analyte"].to_pylist(), table["method"].to_pylist()) == ([None], ['a "b", c'])


def test_a_file_of_only_its_header_is_a_table_without_rows() -> None:
    read = read_delimited(HEADER.strip(), LAB)
    assert (read.count, read.problems) == (0, ())
    assert read.rows is not None
    assert read.rows.column_names == ["line", *LAB.names]


def test_reading_leaves_the_garbage_collector_as_it_was() -> None:
    read_delimited(HEADER, LAB)
    assert gc.isenabled()


def test_progress_goes_up_to_one(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    seen: list[tuple[str, float]] = []
    read_submission(
        write_submission(tmp_path / "lyon-2026-06-30"), progress=lambda what, share: seen.append((what, share))
    )
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert ("reading lab.csv", 0.75) in seen


def test_the_hash_is_of_every_file_and_of_nothing_else(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    one, two = (write_submission(tmp_path / name / "lyon-2026-06-30") for name in ("a", "b"))
    (two / ".DS_Store").write_bytes(b"x")
    (two / "notes.txt").write_bytes(b"x")
    first = read_submission(one).sha256
    assert read_submission(two).sha256 == first
    # The same bytes, divided in another way between two files that follow each other, are another submission.
    for folder, course, event in ((one, b"xy", b"z"), (two, b"x", b"yz")):
        (folder / "course.csv").write_bytes(course)
        (folder / "event.csv").write_bytes(event)
    assert read_submission(two).sha256 != read_submission(one).sha256


def test_a_stranger_among_the_files_is_asked_about_and_systems_own_files_are_not(
    tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    for name in (".DS_Store", "~$lab.xlsx", "Thumbs.db", "names.xlsx"):
        (folder / name).write_bytes(b"x")
    assert [(p.file, p.severity, p.line) for p in read_submission(folder).problems] == [("names.xlsx", "query", None)]


def test_a_folder_of_another_name_is_only_a_question(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    (problem,) = read_submission(write_submission(tmp_path / "upload")).problems
    assert (problem.severity, problem.rule) == ("query", "manifest.folder")
    assert "The manifest says lyon-2026-06-30, the folder is called upload." in problem.message


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere", "There is no such folder or archive"), ("lab.csv", "This is a file, and not a zip archive")],
)
def test_what_is_neither_folder_nor_archive_is_refused(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "lab.csv").write_bytes(HEADER)
    with pytest.raises(UserError, match=words) as caught:
        read_submission(tmp_path / name)
    assert caught.value.exit_code == ExitCode.BAD_SUBMISSION
    assert "Expected a folder or a .zip with manifest.toml and the tables." in caught.value.text()


def test_a_file_that_cannot_be_read_is_a_problem_and_no_crash(
    tmp_path: Path, write_submission: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    read_bytes = type(folder).read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "lab.csv":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(type(folder), "read_bytes", refuse)
    (problem,) = read_submission(folder).problems
    assert (problem.file, problem.message) == ("lab.csv", "The file cannot be read: Permission denied.")


def test_a_folder_that_cannot_be_read_is_one_problem_and_no_crash(
    tmp_path: Path, write_submission: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(folder), "iterdir", refuse)
    (problem,) = read_submission(folder).problems
    assert (problem.file, problem.message) == ("lyon-2026-06-30", "The folder cannot be read: Permission denied.")


@pytest.fixture
def delta(tmp_path: Path, write_submission: Callable[..., Path]) -> Path:
    """Return a delta without any table."""
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    for name in contract():
        (folder / f"{name}.csv").unlink()
    manifest = (folder / "manifest.toml").read_text(encoding="utf-8")
    (folder / "manifest.toml").write_text('kind = "delta"\nbase = 2026-03-31\n' + manifest, encoding="utf-8")
    return folder


def test_a_delta_need_not_hold_every_table_and_names_rows_that_are_gone(delta: Path) -> None:
    (delta / "lab.csv").write_bytes(HEADER + b"P1,CK,2020-02-01,812,U/L,,,\n")
    (delta / "removed.antibody.csv").write_bytes(
        b"method,patient_id,antibody,date\n\nELISA,P1,Jo-1,2019-01-20\n,P2,Mi-2,2019-01-20\n"
    )
    (delta / "removed.patient.tsv").write_bytes(b"patient_id\nP9\n")
    read = read_submission(delta)
    assert read.problems == ()
    assert (set(read.tables), dict(read.counts)) == ({"lab"}, {"lab": 1})
    assert {name: rows.to_pylist() for name, rows in read.removed.items()} == {
        "antibody": [
            {"line": 3, "patient_id": "P1", "antibody": "Jo-1", "method": "ELISA", "date": "2019-01-20"},
            {"line": 4, "patient_id": "P2", "antibody": "Mi-2", "method": None, "date": "2019-01-20"},
        ],
        "patient": [{"line": 2, "patient_id": "P9"}],
    }
    assert read.removed["antibody"].schema.field("line").type == "int64"


def test_only_a_delta_may_say_that_rows_are_gone(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    (folder / "removed.lab.csv").write_bytes(b"patient_id,analyte,date\nP1,CK,2020-02-01\n")
    read = read_submission(folder)
    assert [(p.rule, p.severity, p.file) for p in read.problems] == [("file.removed", "reject", "removed.lab.csv")]
    assert read.removed == {}


@pytest.mark.parametrize(
    ("content", "rule", "words"),
    [
        (b"patient_id,analyte,date\nP1,CK\n", "file.removed_fields", "lines 2."),
        (b"patient_id,analyte,date\nP1,,2020-02-01\n", "file.removed_key", "which row is gone"),
        (b"patient_id,analyte,date,value\nP1,CK,2020-02-01,3\n", "file.column_unknown", "no such column"),
        (b"patient_id,analyte\nP1,CK\n", "file.column_missing", "The column is missing"),
    ],
)
def test_a_row_that_is_gone_and_cannot_be_told_refuses_the_delta(
    content: bytes, rule: str, words: str, delta: Path
) -> None:
    (delta / "removed.lab.csv").write_bytes(content)
    (problem,) = read_submission(delta).problems
    assert (problem.rule, problem.severity, problem.file, problem.line) == (rule, "reject", "removed.lab.csv", None)
    assert words in problem.message


def test_a_misspelt_file_of_a_delta_is_asked_about_by_the_name_that_it_may_mean(delta: Path) -> None:
    (delta / "Labs.csv").write_bytes(HEADER)
    (problem,) = read_submission(delta).problems
    assert (problem.file, problem.severity) == ("Labs.csv", "query")
    assert "If it is meant as lab.csv, rename it" in problem.advice


@pytest.mark.parametrize("other", ["lab.tsv", "lab.parquet", "lab.txt"])
def test_two_files_for_one_table_are_refused_by_both_names(
    other: str, tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    (folder / other).write_bytes((folder / "lab.csv").read_bytes())
    (problem,) = read_submission(folder).problems
    assert (problem.rule, problem.severity) == ("file.twice", "reject")
    assert f"lab.csv and {other}" in problem.message


def test_a_missing_table_is_not_taken_for_another_that_is_there(
    tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    (folder / "event.csv").unlink()
    (problem,) = read_submission(folder).problems
    assert (problem.file, problem.advice) == ("event.csv", "A table without rows is a file with only its header.")
