"""Text files as Excel, pandas and others write them: what separates columns, decimal marks and encodings."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from registry.contract import contract
from registry.intake.delimited import read_delimited
from registry.intake.encoding import read_text
from registry.intake.manifest import Csv
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.errors import Problem
    from registry.intake.tables import TextTable

LAB, VISIT = contract()["lab"], contract()["visit"]
HEADER = ",".join(LAB.names) + "\n"
ROW = {"patient_id": "P1", "analyte": "CK", "date": "2020-02-01", "unit": "U/L"}


def lab(*rows: Mapping[str, object], sep: str = ",", decimal: str = ".", encoding: str = "utf-8") -> bytes:
    """Write rows as pandas does."""
    frame = pd.DataFrame([{**ROW, **row} for row in rows], columns=list(LAB.names))
    file = io.BytesIO()
    frame.to_csv(file, sep=sep, decimal=decimal, encoding=encoding, index=False)
    return file.getvalue()


def values(read: TextTable, column: str = "value") -> list[str | None]:
    assert read.rows is not None, read.problems
    found: list[str | None] = read.rows[column].to_pylist()
    return found


def only(read: TextTable) -> Problem:
    (problem,) = read.problems
    return problem


@pytest.mark.parametrize("sep", [",", ";", "\t"])
def test_the_separator_is_told_from_the_header(sep: str) -> None:
    read = read_delimited(lab({"value": 812.5, "uln": 170}, {"value": 8.6}, sep=sep), LAB)
    assert (values(read), values(read, "uln"), read.problems) == (["812.5", "8.6"], ["170.0", None], ())


def test_a_quoted_header_and_other_separators_in_values_change_nothing() -> None:
    data = '"patient_id";"analyte";"date";"value";"unit";"lln";"uln";"method"\nP1;CK;;;;;;a,b,c,d,e,f,g,h\n'
    assert values(read_delimited(data.encode(), LAB), "method") == ["a,b,c,d,e,f,g,h"]


def test_vertical_bars_are_refused_by_their_name() -> None:
    problem = only(read_delimited(lab({"value": 1}, sep="|"), LAB))
    assert (problem.rule, problem.severity) == ("file.separator", "reject")
    assert "separated by vertical bars" in problem.message


def test_a_declared_separator_that_is_not_the_files_is_refused() -> None:
    problem = only(read_delimited(lab({"value": 1}), LAB, settings=Csv(separator=";")))
    assert problem.message == "The manifest declares semicolons, but the columns are separated by commas."
    assert read_delimited(lab({"value": 1}, sep="\t"), LAB, settings=Csv(separator="tab")).problems == ()


def test_a_decimal_comma_is_taken_with_a_question() -> None:
    read = read_delimited(lab({"value": 812.5}, {"value": 8.25, "lln": 0.5}, sep=";", decimal=","), LAB)
    assert (values(read), values(read, "lln")) == (["812.5", "8.25"], [None, "0.5"])
    problem = only(read)
    assert (problem.rule, problem.severity, problem.line) == ("file.decimal_taken", "query", None)
    assert problem.message.endswith("The first stands in line 2, column value: 812,5.")
    assert 'decimal = "," under [csv] in manifest.toml' in problem.advice


def test_a_declared_decimal_comma_needs_no_question() -> None:
    for sep in (";", ","):
        read = read_delimited(lab({"value": 1234.5}, sep=sep, decimal=","), LAB, settings=Csv(decimal=","))
        assert (values(read), read.problems) == (["1234.5"], ())


def test_points_and_commas_in_one_file_are_refused_with_both_places() -> None:
    data = lab({"value": "812,5"}, {"value": "1", "uln": "170.5"}, sep=";")
    problem = only(read_delimited(data, LAB))
    assert (problem.rule, problem.severity) == ("file.decimal", "reject")
    assert "with a comma (line 2, column value: 812,5) and with a point (line 3, column uln: 170.5)" in problem.message
    assert 'with commas and decimal = "," under [csv]' in problem.advice


def test_a_point_where_a_decimal_comma_is_declared_is_refused() -> None:
    problem = only(read_delimited(lab({"value": "1.234"}, sep=";"), LAB, settings=Csv(decimal=",")))
    assert problem.severity == "reject"
    assert problem.message.endswith("written with a point. The first stands in line 2, column value: 1.234.")


def test_a_comma_that_may_separate_thousands_is_not_guessed() -> None:
    problem = only(read_delimited(lab({"value": "1,234"}, {"value": "12,500"}, sep=";"), LAB))
    assert (problem.rule, problem.severity) == ("file.decimal", "reject")
    assert "decimal mark or separates thousands" in problem.message
    read = read_delimited(lab({"value": "1,234"}, {"value": "0,500"}, sep=";"), LAB)
    assert values(read) == ["1.234", "0.500"]


@pytest.mark.parametrize("text", ["1.234,5", "<5,2", "1,2,3", "12,", ",", "."])
def test_what_is_no_number_with_one_comma_is_left_for_the_check(text: str) -> None:
    read = read_delimited(lab({"value": "0,5", "method": "a,5"}, {"value": text}, sep=";"), LAB)
    assert (values(read), values(read, "method")) == (["0.5", text], ["a,5", None])


def test_a_comma_in_a_file_with_commas_or_in_another_column_stays() -> None:
    assert values(read_delimited(lab({"value": "8,5"}), LAB)) == ["8,5"]
    assert values(read_delimited(lab({"value": "8,5"}, sep=";"), LAB, settings=Csv(decimal="."))) == ["8,5"]
    header = ";".join(VISIT.names)
    row = ";".join({"mmt8": "120,5", "phga": "6,5"}.get(name, "") for name in VISIT.names)
    read = read_delimited(f"{header}\n{row}\n".encode(), VISIT)
    assert (values(read, "mmt8"), values(read, "phga")) == (["120,5"], ["6.5"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_unicode_that_excel_and_others_write_is_read(encoding: str) -> None:
    read = read_delimited(lab({"value": 1, "method": "Prüfung €"}, {"value": 2}, encoding=encoding), LAB)
    assert (values(read, "method"), read.problems) == (["Prüfung €", None], ())


def test_windows_1252_is_read_with_a_question_unless_it_is_declared() -> None:
    data = lab({"value": 1}, {"value": 2, "method": "Prüfung €"}, encoding="cp1252")
    read = read_delimited(data, LAB)
    assert values(read, "method") == [None, "Prüfung €"]
    problem = only(read)
    assert (problem.rule, problem.severity) == ("file.encoding_taken", "query")
    assert "read as Windows-1252: byte 0xFC in line 3 as 'ü'." in problem.message
    declared = read_delimited(data, LAB, settings=Csv(encoding="windows-1252"))
    assert (values(declared, "method"), declared.problems) == ([None, "Prüfung €"], ())


@pytest.mark.parametrize(
    ("data", "declared", "words"),
    [
        (b"a\xe9b", "utf-8", "byte 0xE9 in line 1"),
        (b"\xef\xbb\xbfa\n\xe9b", None, "byte 0xE9 in line 2"),
        ("é".encode() + b"\n\xe9", None, "byte 0xE9 in line 2"),
        (b"a\n\x81", None, "byte 0x81 in line 2."),
        (b"a\n\x81", "windows-1252", "declares Windows-1252, where byte 0x81 in line 2 has no meaning"),
        (b"abc", "utf-16", "declares UTF-16, but the file is not"),
        (b"\xff\xfea\x00\n\x00\x00\xd8", None, "in UTF-16 and damaged in line 2"),
        ("a\n\0".encode("utf-16"), None, "Line 2 holds a NUL byte"),
        ("abc".encode("utf-32"), None, "UTF-32"),
    ],
)
def test_what_cannot_be_decoded_is_told_with_its_line(data: bytes, declared: str | None, words: str) -> None:
    text, (problem,) = read_text("lab.csv", data, declared)
    assert (text, problem.severity) == (None, "reject")
    assert words in problem.message


@pytest.mark.parametrize("declared", ["utf-8", "utf-16", "windows-1252"])
def test_a_byte_order_mark_decides_over_what_is_declared(declared: str) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        assert read_text("lab.csv", "é\n".encode(encoding), declared) == ("é\n".encode(), ())


def test_the_manifests_settings_reach_every_text_file(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    with (folder / "manifest.toml").open("a", encoding="utf-8") as file:
        file.write('[csv]\nencoding = "windows-1252"\nseparator = ";"\ndecimal = ","\n')
    for path in folder.glob("*.csv"):
        pd.read_csv(path, dtype=str).map(lambda v: v.replace(".", ",") if isinstance(v, str) else v).to_csv(
            path.with_suffix(".txt"), sep=";", encoding="cp1252", index=False
        )
        path.unlink()
    read = read_submission(folder)
    assert read.problems == ()
    assert read.tables["lab"]["value"].to_pylist() == ["812.5", "8.6", "1105"]
    assert read.label("lab") == "lab.txt"
