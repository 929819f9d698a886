"""Every way of being wrong gets its own words: where, what was seen, what was expected, what to do."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from typing import TYPE_CHECKING

import pytest

from registry.checking.checks import check
from registry.intake.sent_files import MAXIMUM_BYTES
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission
    from registry.errors import Problem

LAB = {"analyte": "CK", "date": "2020-02-01", "value": "812", "unit": "U/L"}
VISIT = {"date": "2020-02-01", "weight": "60"}
COURSE = {"agent": "methotrexate", "start_date": "2020-02-01", "stop_status": "still taken"}
EVENT = {"term": "Sepsis", "serious": "yes", "start_date": "2020-02-01", "grade": "3"}
EVENT |= {"iv_anti_infective": "no"}
INFUSION = {"agent": "ivig", "date": "2020-02-01", "dose": "0.4", "dose_unit": "g/kg"}
COMMA = "A comma is no decimal mark: write 12.4."
FUTURE = "The date lies after the date of the submission, 2026-06-30."

# table, row, changes, severity, columns, words
ROWS: list[tuple[str, Mapping[str, str], Mapping[str, str], str, str, tuple[str, ...]]] = [
    # not of the type
    ("lab", LAB, {"value": "12,4"}, "reject", "value", ("as a number, with a point as decimal mark", COMMA)),
    ("lab", LAB, {"value": "1,234.5"}, "reject", "value", ("Write 1234.5: no thousands separators",)),
    ("lab", LAB, {"value": "1.234,5"}, "reject", "value", ("Write 1234.5: no thousands separators",)),
    ("lab", LAB, {"value": "1 234"}, "reject", "value", ("Write 1234: no thousands separators",)),
    ("lab", LAB, {"value": "8e2"}, "reject", "value", ("Write it without an exponent",)),
    ("lab", LAB, {"value": "NaN"}, "reject", "value", ("Leave the field empty if the value is missing",)),
    ("lab", LAB, {"uln": "inf"}, "reject", "uln", ("Leave the field empty if the value is missing",)),
    ("lab", LAB, {"value": "<5"}, "reject", "value", ("limit of detection is not a value",)),
    ("lab", LAB, {"value": "518 U/L"}, "reject", "value", ("Write the number alone, without its unit",)),
    ("lab", LAB, {"value": "2020-02-01"}, "reject", "value", ("columns may have been exchanged",)),
    ("lab", LAB, {"value": "100.1234567"}, "reject", "value", ("Round it to six decimals",)),
    ("lab", LAB, {"value": "1234567890123"}, "reject", "value", ("The number is too large",)),
    ("lab", LAB, {"value": "abc"}, "reject", "value", ("Correct it or leave it empty",)),
    ("lab", LAB, {"value": " 812"}, "reject", "value", ("Remove the spaces",)),
    ("visit", VISIT, {"cdasi_activity": "12.0"}, "reject", "cdasi_activity", ("as a whole number", "Write 12.")),
    ("visit", VISIT, {"cdasi_activity": "12.5"}, "reject", "cdasi_activity", ("as a whole number",)),
    ("lab", LAB, {"date": "03/02/2024"}, "reject", "date", ("can be read as 2024-02-03 or as 2024-03-02",)),
    ("lab", LAB, {"date": "15.02.24"}, "reject", "date", ("15.02.24 can be read as 2024-02-15:",)),
    ("lab", LAB, {"date": "2024-02-30"}, "reject", "date", ("There is no such day",)),
    ("lab", LAB, {"date": "2024-2-3"}, "reject", "date", ("Use two digits",)),
    ("lab", LAB, {"date": "20240203"}, "reject", "date", ("Write 2024-02-03",)),
    ("lab", LAB, {"date": "2024/02/03"}, "reject", "date", ("Write 2024-02-03",)),
    ("lab", LAB, {"date": "2024-02-03T10:00:00"}, "reject", "date", ("Leave the time away: write 2024-02-03",)),
    ("lab", LAB, {"date": "45325"}, "reject", "date", ("Excel's number of a day",)),
    ("lab", LAB, {"date": "2024"}, "reject", "date", ("Give the whole date",)),
    ("lab", LAB, {"method": "IFCC\u200b"}, "reject", "method", ("invisible characters",)),
    ("lab", LAB, {"method": "\u00a0IFCC"}, "reject", "method", ("Remove the spaces",)),
    ("lab", LAB, {"method": "IF\nCC"}, "reject", "method", ("line breaks",)),
    ("lab", LAB, {"method": "x" * 61}, "reject", "method", ("Expected assay that matches .{1,60}",)),
    # codes
    ("lab", LAB, {"analyte": "ck"}, "reject", "analyte", ("Expected one of: CK, LDH,", "Did you mean CK?")),
    ("lab", LAB, {"unit": "µkat/L"}, "reject", "unit", ("Did you mean ukat/L?",)),
    ("course", COURSE, {"agent": "Rituximb"}, "reject", "agent", ("codelists/agents.csv", "Did you mean rituximab?")),
    ("course", COURSE, {"agent": "zzz"}, "reject", "agent", ("ask for the code to be added",)),
    ("event", EVENT, {"serious": "Yes"}, "reject", "serious", ("Expected one of: yes, no", "Did you mean yes?")),
    # required
    ("lab", LAB, {"value": ""}, "reject", "value", ("the field may not be empty",)),
    ("course", COURSE, {"start_date": ""}, "reject", "start_date", ("the field may not be empty",)),
    # limits of the column
    ("visit", VISIT, {"haq": "3.125"}, "reject", "haq", ("health assessment questionnaire", "between 0 and 3")),
    ("visit", VISIT, {"haq": "-0.125"}, "reject", "haq", ("between 0 and 3",)),
    ("visit", VISIT, {"haq": "1.1"}, "query", "haq", ("multiple of 0.125",)),
    ("visit", VISIT, {"phga": "42"}, "reject", "phga", ("usual in mm (1 cm = 10 mm)", '"visit.phga" = "mm"')),
    ("visit", VISIT, {"phga": "101"}, "reject", "phga", ("in cm between 0 and 10", "Correct it")),
    ("visit", VISIT, {"prednisone": "120"}, "query", "prednisone", ("lie between 0 and 100", "Confirm the value")),
    # limits of the analyte
    ("lab", LAB, {"value": "0.001"}, "reject", "value", ("creatine kinase in U/L between 0.01 and 500000",)),
    ("lab", LAB, {"value": "9.9"}, "query", "value", ("lie between 10 and 20000", "9.9 would be usual in ukat/L")),
    ("lab", LAB, {"value": "20001"}, "query", "value", ("lie between 10 and 20000", "Confirm the value")),
    ("lab", {**LAB, "analyte": "LDH"}, {"value": "8.6"}, "reject", "value", (
        "Expected lactate dehydrogenase in U/L between 20 and 20000.",
        "8.6 would be usual in ukat/L (1 ukat/L = 60 U/L). Convert the column, or write ukat/L in its unit column.",
    )),
    # 0.5 ukat/L would be 30 U/L, which is not usual either.
    ("lab", {**LAB, "analyte": "LDH"}, {"value": "0.5"}, "reject", "value", (
        "between 20 and 20000. Correct it or leave the row out.",
    )),
    ("lab", {**LAB, "analyte": "LDH", "unit": "ukat/L"}, {"value": "518"}, "reject", "value", (
        "518 ukat/L is 31080 U/L.", "518 would be usual in U/L (1 ukat/L = 60 U/L).",
    )),
    ("lab", {**LAB, "analyte": "IgG", "unit": "g/L"}, {"value": "1105"}, "reject", "value", (
        "immunoglobulin G in g/L between 0.1 and 80.", "1105 would be usual in mg/dL (1 g/L = 100 mg/dL).",
    )),
    ("lab", {**LAB, "analyte": "IgG", "unit": "mg/dL"}, {"value": "11.05"}, "query", "value", (
        "11.05 mg/dL is 0.1105 g/L.", "11.05 would be usual in g/L",
    )),
    ("lab", {**LAB, "analyte": "IgG"}, {"unit": "U/L"}, "reject", "analyte, unit", (
        "Expected immunoglobulin G in g/L or mg/dL, not in U/L.",
    )),
    ("lab", LAB, {"unit": "g/L"}, "reject", "analyte, unit", ("creatine kinase in ukat/L or U/L, not in g/L",)),
    ("lab", LAB, {"unit": "mm"}, "reject", "analyte, unit", ("not in mm",)),
    ("lab", LAB, {"uln": "3.2"}, "query", "uln", ("upper limit of normal of creatine kinase", "usual in ukat/L")),
    ("lab", {**LAB, "date": "2021-02-01"}, {"uln": "501"}, "query", "uln", ("lie between 100 and 500",)),
    ("lab", {**LAB, "analyte": "IgG", "unit": "mg/dL"}, {"value": "1105.00001"}, "reject", "value", (
        "cannot be converted without a loss",
    )),
    # dates
    ("lab", LAB, {"date": "2026-07-01"}, "reject", "date", (FUTURE, "Day and month may have been exchanged")),
    ("event", EVENT, {"stop_date": "2026-07-01"}, "reject", "stop_date", (FUTURE,)),
    ("visit", VISIT, {"date": "1969-12-31"}, "reject", "date", ("before the year of birth, 1970",)),
    # conditions of the contract
    ("course", COURSE, {"stop_status": "stopped", "stop_date": "2020-01-31"}, "reject", "start_date, stop_date", (
        "A course cannot stop before it starts.", "Day and month may have been exchanged.",
    )),
    ("course", COURSE, {"dose": "5"}, "reject", "dose, dose_unit", ("A dose without a unit means nothing.",)),
    ("course", {**COURSE, "agent": "ivig"}, {"intent": ""}, "query", "agent, intent", ("without its intent",)),
    ("course", {**COURSE, "agent": "ivig", "intent": "other", "dose_unit": "g/kg"}, {"dose": "5"}, "reject", "dose", (
        "More than 4 g/kg of immunoglobulin in one cycle.",
    )),
    ("infusion", INFUSION, {"dose": "1.5"}, "query", "dose", ("More than 1 g/kg of immunoglobulin on one day.",)),
    ("event", EVENT, {"outcome": "fatal", "serious": "no", "grade": "5"}, "reject", "serious, outcome", (
        "A fatal event is serious.",
    )),
    ("visit", VISIT, {"mmt8": "120"}, "reject", "mmt8, mmt_maximum", ("cannot be scored",)),
    ("lab", {**LAB, "date": "2022-02-01"}, {"lln": "300", "uln": "200"}, "reject", "lln, uln", (
        "must lie above the lower",
    )),
    # rules on rows together and on identifiers
    ("infusion", {**INFUSION, "dose": "241", "dose_unit": "g"}, {"weight": "60"}, "reject", "dose, dose_unit, date", (
        "4.017 g/kg of immunoglobulin in one cycle, 2020-02-01 to 2020-02-01; more than 4 is not given.",
    )),
    ("infusion", {**INFUSION, "agent": "rituximab", "weight": "60"}, {"dose": "375"}, "query", "agent, dose_unit", (
        "Only immunoglobulin is given in g/kg. Correct the agent or the unit.",
    )),
    ("course", COURSE, {"schedule": "daily"}, "query", "agent, schedule", ("Methotrexate every day",)),
    ("course", {**COURSE, "dose_unit": "mg"}, {"dose": "31"}, "query", "dose, dose_unit", ("usual are 10 to 25 mg",)),
    ("course", COURSE, {"stop_reason": "other"}, "query", "stop_status, stop_reason", ("clear stop_reason",)),
    ("course", COURSE, {"response": "adequate"}, "query", "response, response_date", ("Fill response_date",)),
    ("visit", VISIT, {"phga": "6.251"}, "query", "phga", ("it may have been calculated",)),
    ("event", EVENT, {"grade": ""}, "query", "grade", ("Fill the CTCAE grade, 1 to 5.",)),
    ("event", EVENT, {"related_agent": "rituximab"}, "query", "related_agent", (
        "Neither course.csv nor infusion.csv says that this person was given rituximab before the event.",
    )),
    # keys
    ("lab", LAB, {"patient_id": "Nobody"}, "reject", "patient_id", ("No row of patient.csv has this patient_id.",)),
]  # fmt: skip


@pytest.fixture(scope="module")
def checked(
    tmp_path_factory: pytest.TempPathFactory, write_submission: Callable[..., Path], good_rows: Mapping[str, object]
) -> CheckedSubmission:
    """Check one submission with a wrong row, of a person of its own, for each line of the table above."""
    rows = {name: list(values) for name, values in good_rows.items()}  # type: ignore[call-overload]
    for number, (table, row, changes, *_) in enumerate(ROWS):
        person = f"B{number}"
        rows["patient"].append({**rows["patient"][0], "patient_id": person})
        rows[table].append({"patient_id": person, **row, **changes})
    folder = write_submission(tmp_path_factory.mktemp("bad") / "lyon-2026-06-30", rows)
    return check(read_submission(folder), ["lyon"])


IDS = [f"{table}-{'-'.join(changes.values())[:20]!a}" for table, _, changes, *_ in ROWS]


@pytest.mark.parametrize("number", range(len(ROWS)), ids=IDS)
def test_a_wrong_value_is_named(number: int, checked: CheckedSubmission) -> None:
    table, row, changes, severity, columns, words = ROWS[number]
    line = _line(table, number)
    found = [p for p in checked.problems if p.file == f"{table}.csv" and p.line == line]
    assert [(p.severity, ", ".join(p.columns)) for p in found] == [(severity, columns)], found
    problem = found[0]
    sent = {**row, **changes}
    clean = [sent.get(c, "") for c in problem.columns if sent.get(c, "").isprintable()]
    assert all(value[:60] in ", ".join(problem.values) for value in clean)
    text = f"{problem.message} {problem.advice}"
    assert [fragment for fragment in words if fragment not in text] == [], text
    quarantined = {(r["table_name"], r["line"]) for r in checked.quarantine.to_pylist()}
    assert ((table, line) in quarantined) == (severity == "reject")


def test_the_good_rows_beside_them_are_taken_in(
    checked: CheckedSubmission, good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    for name, rows in good_rows.items():
        if name != "patient":
            taken = checked.rows[name].column("line").to_pylist()
            assert set(range(2, len(rows) + 2)) <= set(taken)


def _line(table: str, number: int) -> int:
    """Return the physical line of a row: a quoted line break before it moves it down by one."""
    before = [changes for name, _, changes, *_ in ROWS[:number] if name == table]
    moved = sum(value.count("\n") for changes in before for value in changes.values())
    good = {"antibody": 1, "course": 2, "infusion": 1, "visit": 2, "lab": 3, "event": 1}[table]
    return 2 + good + len(before) + moved


def _edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def _zip(data: bytes, inside: str = "lab.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(inside, data)
    return file.getvalue()


LAB_HEADER = b"patient_id,analyte,date,value,unit,lln,uln,method"

FILES: dict[str, tuple[Callable[[Path], object], str, tuple[str, ...]]] = {
    "missing file": (lambda f: (f / "lab.csv").unlink(), "lab.csv", ("The file is missing.", "only its header")),
    "misnamed file": (lambda f: (f / "lab.csv").rename(f / "Labs.csv"), "lab.csv", ("missing", "Rename Labs.csv.")),
    "folder for a file": (lambda f: ((f / "lab.csv").unlink(), (f / "lab.csv").mkdir()), "lab.csv", ("missing",)),
    "empty file": (_edit("lab.csv", lambda _: b""), "lab.csv", ("The file is empty (0 bytes).",)),
    "only line ends": (_edit("lab.csv", lambda _: b"\n\n"), "lab.csv", ("The first line is not the header",)),
    "no header": (_edit("lab.csv", lambda b: b.split(b"\n", 1)[1]), "lab.csv", ("first line is not the header",)),
    "missing column": (_edit("lab.csv", lambda b: b.replace(b",method", b"", 1)), "lab.csv, column method",
                       ("The column is missing.", "A column without values is still sent.")),
    "misspelt column": (_edit("lab.csv", lambda b: b.replace(b"uln", b"ULN", 1)), "lab.csv, column uln",
                        ("The column is missing.", "Rename ULN to uln.")),
    "unknown column": (_edit("lab.csv", lambda b: b.replace(b",method", b",method,hue", 1)), "lab.csv, column hue",
                       ("no such column", "Remove it")),
    "nameless column": (_edit("lab.csv", lambda b: b.replace(b",method", b",method,", 1)), "lab.csv, column ''",
                        ("A column has no name.",)),
    "column twice": (_edit("lab.csv", lambda b: b.replace(b"method", b"method,uln", 1)), "lab.csv, column uln",
                     ("The column stands 2 times in the header.",)),
    "cp1252 behind a mark": (_edit("lab.csv", lambda b: b"\xef\xbb\xbf" + b.replace(b"LDH", b"\xe9")), "lab.csv",
                             ("byte 0xE9 in line 3",)),
    "neither": (_edit("lab.csv", lambda b: b.replace(b"LDH", b"\x81")), "lab.csv", ("byte 0x81 in line 3.",)),
    "bars": (_edit("lab.csv", lambda b: b.replace(b",", b"|")), "lab.csv", ("separated by vertical bars",)),
    "utf-8 and cp1252": (_edit("lab.csv", lambda b: b.replace(b"CK", "é".encode()).replace(b"LDH", b"\xe9")), "lab.csv",
                         ("byte 0xE9 in line 3; in Windows-1252 it would be 'é'.",)),
    "utf-16 cut": (_edit("lab.csv", lambda b: b.decode().encode("utf-16")[:-3]), "lab.csv",
                   ("in UTF-16 and damaged in line 4",)),
    "points and commas": (_edit("lab.csv", lambda b: b.replace(b",", b";").replace(b"8.6", b"8,6")), "lab.csv",
                          ("with a comma (line 3, column value: 8,6) and with a point (line 2, column value: 812.5)",)),
    "utf-32": (_edit("lab.csv", lambda b: b.decode().encode("utf-32")), "lab.csv", ("in UTF-32",)),
    "nul": (_edit("lab.csv", lambda b: b.replace(b"LDH", b"L\0H")), "lab.csv", ("Line 3 holds a NUL byte",)),
    "gzip": (_edit("lab.csv", gzip.compress), "lab.csv", ("compressed with gzip, not a CSV file",)),
    "zip": (_edit("lab.csv", _zip), "lab.csv", ("a zip archive, not a CSV file",)),
    "xlsx": (_edit("lab.csv", lambda b: _zip(b, "xl/workbook.xml")), "lab.csv", ("an Excel workbook (.xlsx)",)),
    "xls": (_edit("lab.csv", lambda _: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1..."), "lab.csv", ("Excel workbook (.xls)",)),
    "pdf": (_edit("lab.csv", lambda _: b"%PDF-1.7"), "lab.csv", ("a PDF, not a CSV file",)),
    "open quote": (_edit("lab.csv", lambda b: b + b'P1,"CK,\n\n'), "lab.csv",
                   ("A quote that opens in the row of line 5 is never closed.",)),
    "text behind a quote": (_edit("lab.csv", lambda b: b.replace(b"LDH", b'"LD"H')), "lab.csv",
                            ("In the row of line 3, text follows a closing quote.",)),
    "too large": (lambda f: os.truncate(f / "lab.csv", MAXIMUM_BYTES + 1), "lab.csv", ("at most 268,435,456",)),
    "no manifest": (lambda f: (f / "manifest.toml").unlink(), "manifest.toml", ("missing", "Write centre, date")),
    "manifest no toml": (_edit("manifest.toml", lambda _: b"centre = lyon"), "manifest.toml", ("not TOML", "line 1")),
    "manifest endless": (_edit("manifest.toml", lambda _: b"a = " + b"[" * 5000), "manifest.toml", ("not TOML",)),
    "manifest cp1252": (_edit("manifest.toml", lambda _: b'sender = "\xe9"'), "manifest.toml", ("not in UTF-8",)),
    "manifest too large": (_edit("manifest.toml", lambda b: b + b"#" * 70_000), "manifest.toml", ("at most 65,536",)),
    "no centre": (_edit("manifest.toml", lambda b: b.replace(b"centre", b"center")), "manifest.toml, column centre",
                  ("The setting is missing.",)),
    "unknown setting": (_edit("manifest.toml", lambda b: b"unit = 1\n" + b), "manifest.toml, column unit",
                        ("no such setting",)),
    "date in quotes": (_edit("manifest.toml", lambda b: b.replace(b"2026-06-30", b'"2026-06-30"')),
                       "manifest.toml, column date", ("without quotes, such as date = 2026-06-30",)),
    "date as a number": (_edit("manifest.toml", lambda b: b.replace(b"2026-06-30", b"20260630")),
                         "manifest.toml, column date", ("Expected the day of the submission.",)),
    "centre with spaces": (_edit("manifest.toml", lambda b: b.replace(b"lyon", b"Ly on")),
                           "manifest.toml, column centre", ("code of a centre", "lower case")),
    "other contract": (_edit("manifest.toml", lambda b: b.replace(b'"1"', b'"9"')), "manifest.toml, column contract: 9",
                       ("Expected the contract's version 2.",)),
    "unit of nothing": (_edit("manifest.toml", lambda b: b + b'"visit.weight" = "lb"\n'),
                        "manifest.toml, column units.visit.weight: lb", ("visit.phga, visit.ptga, visit.exga",)),
    "unknown unit": (_edit("manifest.toml", lambda b: b + b'"visit.phga" = "inch"\n'),
                     "manifest.toml, column units.visit.phga: inch", ("Expected one of: cm, mm.",)),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_named(name: str, tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    change, place, words = FILES[name]
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    change(folder)
    found = [problem for problem in read_submission(folder).problems if _place(problem) == place]
    assert [problem.severity for problem in found] == ["reject"]
    assert found[0].line is None
    text = f"{found[0].message} {found[0].advice}"
    assert [fragment for fragment in words if fragment not in text] == [], text


def _place(problem: Problem) -> str:
    return ": ".join([problem.where(), *problem.values])


def test_rows_with_too_many_or_too_few_fields_are_named(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    text = (folder / "lab.csv").read_text(encoding="utf-8")
    (folder / "lab.csv").write_text(text.replace("812.5", "812,5").replace("1105,", ""), encoding="utf-8")
    checked = check(read_submission(folder))
    assert [(p.line, p.rule, p.message, p.advice) for p in checked.problems] == [
        (
            2,
            "lab.fields",
            "Expected 8 fields, as in the header; found 9.",
            "A comma inside a value needs quotes around the value; a decimal mark is a point.",
        ),
        (
            4,
            "lab.fields",
            "Expected 8 fields, as in the header; found 7.",
            "The line may have been cut off; an empty value still needs its comma.",
        ),
    ]
    assert [row["line"] for row in checked.quarantine.to_pylist()] == [2, 4]


def test_all_problems_of_all_files_are_told_at_once(
    tmp_path: Path, write_submission: Callable[..., Path], with_row: Callable[..., object]
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30", with_row("lab", value="12,4"))
    (folder / "visit.csv").write_bytes(b"")
    (folder / "event.csv").unlink()
    (folder / "manifest.toml").write_bytes(b"date = 2026-06-30")
    checked = check(read_submission(folder), ["lyon"])
    assert checked.refused
    assert [p.where() for p in checked.problems] == [
        "event.csv",
        "lab.csv, line 2, column value",
        "manifest.toml, column centre",
        "manifest.toml, column contract",
        "visit.csv",
    ]


def test_a_first_line_that_is_a_patient_is_not_quoted(tmp_path: Path, write_submission: Callable[..., Path]) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    (folder / "patient.csv").write_text("Jane Doe,1970\n", encoding="utf-8")
    text = " ".join(f"{p.message} {p.advice} {p.values}" for p in read_submission(folder).problems)
    assert "not the header" in text
    assert "Jane" not in text
