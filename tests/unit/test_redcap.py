"""A flat export of REDCap becomes the tables of the contract: nothing guessed and nothing lost."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from registry.checking.checks import check
from registry.contract import TABLES, VERSION
from registry.errors import Problem
from registry.intake import submission
from registry.intake.manifest import Csv, Manifest
from registry.intake.redcap import read_redcap
from registry.intake.redcap_values import decimal_point, iso_date
from registry.intake.sent_files import SentFiles
from registry.intake.submission import read_submission
from registry.intake.tables import TextTable
from tests.redcap_cohort import ENROLMENT, MAPPING, ROWS, VISIT, as_csv, columns, used_columns

MANIFEST = 'centre = "lyon"\ndate = 2026-06-30\ncontract = "'
MANIFEST += f'{VERSION}"\nsender = "data manager"\nformat = "redcap"\n'
SMALL = """
record_id = "record_id"
[[patient]]
[patient.columns]
sex = { field = "sex", codes = { 1 = "female", 2 = "male" } }
birth_year = { field = "birth_year" }
diagnosis = { checkbox = "dx", codes = { 1 = "DM", 2 = "PM" } }
diagnosis_date = { field = "diagnosed" }
enrolled_date = { field = "enrolled" }
consent = { value = "yes" }
"""
SMALL_HEADER = "record_id,sex,birth_year,dx___1,dx___2,diagnosed,enrolled"
PERSON = "1,1970,1,0,2019-01-15,2019-02-01"


def sent(folder: Path, export: str | bytes, mapping: str = MAPPING) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.toml").write_text(MANIFEST, encoding="utf-8")
    (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    (folder / "redcap.csv").write_bytes(export if isinstance(export, bytes) else export.encode())
    return folder


def read(
    folder: Path, export: str | bytes, mapping: str = MAPPING, **settings: Csv
) -> tuple[Mapping[str, TextTable], list[Problem]]:
    files = SentFiles(sent(folder, export, mapping))
    manifest = Manifest.model_validate(
        {
            "centre": "lyon",
            "date": pd.Timestamp("2026-06-30").date(),
            "contract": VERSION,
            "format": "redcap",
            **settings,
        }
    )
    return read_redcap(files, manifest, lambda what, share: None), files.problems


def rows(found: Mapping[str, TextTable], name: str) -> list[dict[str, str]]:
    table = found[name].rows
    assert table is not None
    return [{key: value for key, value in row.items() if value is not None} for row in table.to_pylist()]


def told(problems: Sequence[Problem]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(p.rule, p.severity, p.columns) for p in problems]


def _found(problem: Problem) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return problem.severity, problem.columns, problem.values  # noqa: PD011  (no frame)


def small(*people: str) -> str:
    return "\n".join([SMALL_HEADER, *people]) + "\n"


def with_row(number: int, **changes: str) -> str:
    return as_csv([{**row, **changes} if at == number else row for at, row in enumerate(ROWS)], used_columns())


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(submission.READERS, "redcap", read_redcap)


def _by_pandas(folder: Path) -> str:
    """Write the export with pandas: a writer that is not ours and quotes in its own way."""
    frame = pd.DataFrame([dict(row) for row in ROWS], columns=used_columns())
    return frame.to_csv(index=False, na_rep="", quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")


@pytest.mark.parametrize("write", [lambda folder: as_csv(names=used_columns()), _by_pandas], ids=["redcap", "pandas"])
def test_a_redcap_project_gives_the_same_tables_as_the_same_cohort_in_contract_files(
    write: Callable[[Path], str], tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    ours = check(read_submission(write_submission(tmp_path / "csv" / "lyon-2026-06-30")))
    theirs = check(read_submission(sent(tmp_path / "redcap" / "lyon-2026-06-30", write(tmp_path))))
    assert (ours.rejects, theirs.rejects, theirs.quarantine.num_rows) == (0, 0, 0)
    assert sum(table.num_rows for table in ours.rows.values()) == 14
    for name in TABLES:
        assert theirs.rows[name].drop_columns("line").equals(ours.rows[name].drop_columns("line")), name


def test_one_row_of_a_visit_form_gives_a_row_of_every_measurement_that_was_made(tmp_path: Path) -> None:
    found, _ = read(tmp_path, with_row(3, aldolase="7.1", aldolase_uln="7.6"))
    assert [(row["analyte"], row["value"], row["unit"]) for row in rows(found, "lab")] == [
        ("CK", "812.5", "U/L"),
        ("LDH", "8.6", "ukat/L"),
        ("aldolase", "7.1", "U/L"),
        ("IgG", "1105", "mg/dL"),
    ]


def test_every_row_knows_its_physical_line_behind_quoted_line_breaks(tmp_path: Path) -> None:
    found, _ = read(tmp_path, as_csv())
    lab = found["lab"]
    assert lab.rows is not None
    assert lab.places is not None
    assert lab.rows["line"].to_pylist() == [1, 2, 3]
    # The notes of the first visit go over two lines, so that the last row of the export stands on line 10.
    assert lab.places.to_pylist() == [
        {"line": 1, "file": "redcap.csv", "at": 5},
        {"line": 2, "file": "redcap.csv", "at": 5},
        {"line": 3, "file": "redcap.csv", "at": 10},
    ]
    assert (lab.label, lab.count) == ("redcap.csv", 3)


def test_a_table_that_no_block_feeds_is_empty(tmp_path: Path) -> None:
    found, problems = read(tmp_path, small(f"P1,{PERSON}"), SMALL)
    assert problems == []
    assert set(found) == set(TABLES)
    assert {name: found[name].count for name in TABLES} == {**dict.fromkeys(TABLES, 0), "patient": 1}
    lab = found["lab"].rows
    assert lab is not None
    assert lab.column_names[:3] == ["line", "patient_id", "analyte"]


def test_columns_stand_in_any_order_and_a_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    names = list(reversed(used_columns()))
    found, problems = read(tmp_path, b"\xef\xbb\xbf" + as_csv(names=names).encode())
    assert told(problems) == []
    assert rows(found, "patient")[0]["patient_id"] == "P1"


def test_missing_data_codes_are_empty_and_fill_no_condition(tmp_path: Path) -> None:
    found, _ = read(tmp_path, with_row(3, ldh="-99", ck="UNK"))
    assert [row["analyte"] for row in rows(found, "lab")] == ["IgG"]
    assert "cancer_date" not in rows(found, "patient")[0]


def test_a_code_without_translation_is_kept_for_the_contract_to_refuse_with_line_and_value(tmp_path: Path) -> None:
    folder = sent(tmp_path / "lyon-2026-06-30", with_row(4, sex="3"))
    checked = check(read_submission(folder))
    (problem,) = [p for p in checked.problems if p.columns == ("sex",) and p.line is not None]
    assert _found(problem) == ("reject", ("sex",), ("3",))
    (question,) = [p for p in checked.problems if p.rule == "redcap.code"]
    assert _found(question) == ("query", ("sex",), ("3",))
    assert question.message == "A code without a translation stands in 1 row. Different codes: 1."


def test_a_code_without_translation_is_never_taken_for_a_number(tmp_path: Path) -> None:
    mapping = MAPPING.replace("{ 1 = 150, 2 = 80 }", "{ 1 = 150 }")
    found, _ = read(tmp_path, with_row(3, mmt_scale="80"), mapping)
    assert rows(found, "visit")[0]["mmt_maximum"] == "80 (code without translation)"


def test_a_code_can_mean_that_the_field_is_empty(tmp_path: Path) -> None:
    mapping = MAPPING.replace('ild = { field = "ild", codes = { 1 = "yes", 0 = "no" } }',
                              'ild = { field = "ild", codes = { 1 = "yes", 0 = "" } }')  # fmt: skip
    found, problems = read(tmp_path, as_csv(names=used_columns()), mapping)
    assert problems == []
    assert "ild" not in rows(found, "patient")[0]


@pytest.mark.parametrize(
    ("ticks", "text"), [("1,0", "DM"), ("0,1", "PM"), ("0,0", None), ("1,1", "DM and PM"), ("-99,1", "PM")]
)
def test_a_checkbox_gives_its_only_tick_and_two_are_refused(ticks: str, text: str | None, tmp_path: Path) -> None:
    found, _ = read(tmp_path, small(f"P1,1,1970,{ticks},2019-01-15,2019-02-01"), SMALL)
    assert rows(found, "patient")[0].get("diagnosis") == text


def test_a_ticked_checkbox_can_be_the_condition_of_a_row(tmp_path: Path) -> None:
    block = """
[[antibody]]
filled = ["dx___2"]
[antibody.columns]
antibody = { value = "Jo-1" }
result = { value = "positive" }
date = { field = "diagnosed" }
"""
    export = small(f"P1,{PERSON}", "P2,1,1970,0,1,2019-01-15,2019-02-01")
    found, _ = read(tmp_path, export, SMALL + block)
    assert [row["patient_id"] for row in rows(found, "antibody")] == ["P2"]


def test_a_row_of_which_nothing_was_filled_in_gives_nothing_and_is_asked_about(tmp_path: Path) -> None:
    found, problems = read(tmp_path, small(f"P1,{PERSON}", "P2,,,0,0,,"), SMALL)
    assert [row["patient_id"] for row in rows(found, "patient")] == ["P1"]
    assert told(problems) == [("redcap.nothing_filled", "query", ())]


def test_a_row_can_depend_on_the_value_of_a_field(tmp_path: Path) -> None:
    mapping = SMALL.replace("[patient.columns]", 'when = { sex = ["2"] }\n[patient.columns]')
    found, problems = read(tmp_path, small(f"P1,{PERSON}", "P2,2,1970,1,0,2019-01-15,2019-02-01"), mapping)
    assert [row["patient_id"] for row in rows(found, "patient")] == ["P2"]
    assert told(problems) == [("redcap.nothing_filled", "query", ())]
    assert problems[0].message.startswith("1 row of no repeating instrument gave no row of any table")


@pytest.mark.parametrize(
    ("order", "text", "day"),
    [
        ("ymd", "2024-02-03", "2024-02-03"),
        ("dmy", "03/02/2024", "2024-02-03"),
        ("dmy", "3.2.2024", "2024-02-03"),
        ("mdy", "02-03-2024", "2024-02-03"),
        ("dmy", "2024-02-03", "2024-02-03"),
        ("dmy", "31/02/2024", "31/02/2024"),
        ("mdy", "13/02/2024", "13/02/2024"),
        ("dmy", "03/02/24", "03/02/24"),
        ("ymd", "03/02/2024", "03/02/2024"),
        ("dmy", "03/02/2024 09:30", "03/02/2024 09:30"),
    ],
)
def test_only_dates_of_the_declared_order_are_turned(order: str, text: str, day: str) -> None:
    assert iso_date(text, order, cut_time=False) == day  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-02-03 09:30", "2024-02-03"),
        ("2024-02-03T09:30:59", "2024-02-03"),
        ("2024-02-03", "2024-02-03"),
        ("2024-02-03 late", "2024-02-03 late"),
        ("2024-02-03 09:30 late", "2024-02-03 09:30 late"),
    ],
)
def test_a_time_is_left_away_only_where_it_is_one(text: str, day: str) -> None:
    assert iso_date(text, "ymd", cut_time=True) == day


@pytest.mark.parametrize(
    ("text", "number"),
    [("6,5", "6.5"), ("-6,5", "-6.5"), ("65", "65"), ("1.234", "1.234 (decimal comma declared)"), ("1,2,3", "1,2,3")],
)
def test_a_point_where_a_comma_is_declared_has_two_meanings_and_is_refused(text: str, number: str) -> None:
    assert decimal_point(text) == number


def test_the_decimal_mark_of_the_manifest_holds_unless_a_column_says_otherwise(tmp_path: Path) -> None:
    export = with_row(3, ck="812,5", ldh="8,6", haq="1,125", ck_uln="170", ldh_uln="4,1")
    found, _ = read(tmp_path, export, csv=Csv(decimal=","))
    assert rows(found, "lab")[0]["value"] == "812.5"
    mapping = MAPPING.replace('value = { field = "ck" }', 'value = { field = "ck", decimal = "." }')
    found, _ = read(tmp_path, export, mapping, csv=Csv(decimal=","))
    assert rows(found, "lab")[0]["value"] == "812,5"


def test_semicolons_are_read_where_the_manifest_declares_them(tmp_path: Path) -> None:
    export = small(f"P1,{PERSON}").replace(",", ";")
    found, problems = read(tmp_path, export, SMALL, csv=Csv(separator=";"))
    assert (problems, found["patient"].count) == ([], 1)
    found, problems = read(tmp_path, export, SMALL)
    assert (found, told(problems)) == ({}, [("redcap.separator", "reject", ())])
    assert "semicolons" in problems[0].message


def test_rows_that_feed_nothing_are_counted_by_event_and_instrument(tmp_path: Path) -> None:
    pain = {"redcap_event_name": VISIT, "redcap_repeat_instrument": "pain", "redcap_repeat_instance": "1"}
    extra = [{"record_id": record, **pain} for record in ("P1", "P2", "P3")]
    blank = {"record_id": "P1", "redcap_event_name": VISIT, "redcap_repeat_instance": "2"}
    found, problems = read(tmp_path, as_csv([*ROWS, *extra, blank], used_columns()))
    gave = "gave no row of any table:"
    assert [(p.rule, p.severity, p.message) for p in problems] == [
        (
            "redcap.nothing_filled",
            "query",
            f"1 row of the event visit_arm_1, no repeating instrument {gave} the fields that are read are empty.",
        ),
        (
            "redcap.unmapped",
            "query",
            f"3 rows of the event visit_arm_1, the instrument pain {gave} no block of the mapping reads them.",
        ),
    ]
    assert found["visit"].count == 2


def test_many_strange_events_are_told_in_few_words(tmp_path: Path) -> None:
    strange = [{"record_id": "P1", "redcap_event_name": f"event_{n}_arm_1"} for n in range(100)]
    _, problems = read(tmp_path, as_csv([*ROWS, *strange], used_columns()))
    assert len(problems) == 21
    assert problems[-1].message == "80 rows of 80 other events and instruments gave none either."


def test_fields_that_nobody_reads_are_asked_about_because_they_need_not_be_sent(tmp_path: Path) -> None:
    _, problems = read(tmp_path, as_csv())
    assert told(problems) == [("redcap.fields_unused", "query", ())]
    assert problems[0].message == "The export holds fields that the mapping does not read (2): surname, visit_notes."
    assert "Dupont" not in str(problems)


def test_a_field_that_the_export_lacks_refuses_it_and_every_one_is_named(tmp_path: Path) -> None:
    names = [name for name in used_columns() if name not in {"ck", "birth_year"}]
    found, problems = read(tmp_path, as_csv(names=[*names, "birthyear"]))
    assert found == {}
    refused = [p for p in problems if p.severity == "reject"]
    assert told(refused) == [
        ("redcap.field_missing", "reject", ("birth_year",)),
        ("redcap.field_missing", "reject", ("ck",)),
    ]
    assert refused[0].advice == "Did you mean birthyear?"


@pytest.mark.parametrize(
    ("old", "new", "rule", "column"),
    [
        (VISIT, "vist_arm_1", "redcap.event_unknown", "vist_arm_1"),
        ('"drug_course"', '"drug_curse"', "redcap.instrument_unknown", "drug_curse"),
    ],
)
def test_a_misspelt_event_or_instrument_does_not_empty_a_table(
    old: str, new: str, rule: str, column: str, tmp_path: Path
) -> None:
    found, problems = read(tmp_path, as_csv(names=used_columns()), MAPPING.replace(old, new))
    assert found == {}
    assert (rule, "reject", (column,)) in told(problems)
    (problem,) = [p for p in problems if p.rule == rule]
    assert problem.advice.startswith("Did you mean")


def test_an_instrument_that_nobody_has_reached_is_declared(tmp_path: Path) -> None:
    export = as_csv([row for row in ROWS if row["redcap_repeat_instrument"] != "adverse_event"], used_columns())
    found, problems = read(tmp_path, export)
    assert (problems, found["event"].count) == ([], 0)
    found, problems = read(tmp_path, export, MAPPING.replace('no_rows_yet = ["adverse_event"]', ""))
    assert found == {}
    assert told(problems) == [("redcap.instrument_unknown", "reject", ("adverse_event",))]


def test_events_and_instruments_must_stand_on_both_sides(tmp_path: Path) -> None:
    names = [name for name in used_columns() if not name.startswith("redcap_")]
    _, problems = read(tmp_path, as_csv(names=names))
    assert told(problems) == [
        ("redcap.event_missing", "reject", ("redcap_event_name",)),
        ("redcap.instrument_missing", "reject", ("redcap_repeat_instrument",)),
    ]
    _, problems = read(tmp_path, as_csv(names=used_columns()), MAPPING.replace(f'events = ["{ENROLMENT}"]\n', "", 1))
    assert told(problems) == [("redcap.event_missing", "reject", ())]
    assert "patient[1] of the mapping names none" in problems[0].message


@pytest.mark.parametrize(
    ("export", "rule", "message"),
    [
        ("", "file.empty", "The file is empty (0 bytes)."),
        ("PK\x03\x04", "file.format", "The file is a zip archive, not a CSV file."),
        (small(), "redcap.no_records", "The export holds no record."),
        ("\n", "redcap.header", "The first line does not hold record_id"),
        ("Record ID,Sex\nP1,Female\n", "redcap.header", "The first line does not hold record_id"),
        (
            small(f"P1,{PERSON}", "P2,1", "P3,1"),
            "redcap.fields",
            "The row of line 3 has 2 fields, the header has 7. So",
        ),
        (small(f'"P1,{PERSON}'), "redcap.quotes", "The quotes of the row that starts on line 2 do not match."),
        (small(f'"P1"x,{PERSON}'), "redcap.quotes", "The quotes of the row that starts on line 2 do not match."),
        (small(f"P1\x00,{PERSON}"), "file.nul", "Line 2 holds a NUL byte"),
        (small(f"P1,{PERSON}", f"P\x0b2,{PERSON}"), "redcap.control", "Line 3 holds the control character 0x0B."),
        (small().replace("sex", "sex,sex"), "redcap.column_twice", "The column stands 2 times in the header."),
    ],
)
def test_a_damaged_export_is_refused_whole(export: str, rule: str, message: str, tmp_path: Path) -> None:
    found, problems = read(tmp_path, export, SMALL)
    assert found == {}
    refused = [p for p in problems if p.severity == "reject"]
    assert [(p.rule, p.file, p.line) for p in refused] == [(rule, "redcap.csv", None)]
    assert refused[0].message.startswith(message)


def test_both_files_are_missed_at_once(tmp_path: Path) -> None:
    folder = sent(tmp_path, "")
    (folder / "redcap.csv").unlink()
    (folder / "mapping.toml").unlink()
    files = SentFiles(folder)
    assert read_redcap(files, None, lambda what, share: None) == {}
    assert [(p.rule, p.file) for p in files.problems] == [
        ("file.missing", "mapping.toml"),
        ("file.missing", "redcap.csv"),
    ]


def test_the_manifest_says_what_the_files_are_called(tmp_path: Path) -> None:
    folder = sent(tmp_path / "lyon-2026-06-30", "")
    (folder / "mapping.toml").unlink()
    (folder / "redcap.csv").rename(folder / "export.csv").write_text(small(f"P1,{PERSON}"), encoding="utf-8")
    (folder / "ours.toml").write_text(SMALL, encoding="utf-8")
    (folder / "manifest.toml").write_text(
        MANIFEST + '[redcap]\ndata = "export.csv"\nmapping = "ours.toml"\n', encoding="utf-8"
    )
    found = read_submission(folder)
    assert found.problems == ()
    assert (found.counts["patient"], found.label("patient")) == (1, "export.csv")


def test_the_same_export_gives_the_same_rows_in_the_order_of_export_and_mapping(tmp_path: Path) -> None:
    first, _ = read(tmp_path, as_csv())
    again, _ = read(tmp_path, as_csv())
    turned, _ = read(tmp_path, as_csv(list(reversed(ROWS))))
    for name in TABLES:
        assert first[name].rows.equals(again[name].rows)  # type: ignore[union-attr]
    assert [row["analyte"] for row in rows(turned, "lab")] == ["IgG", "CK", "LDH"]


def test_the_export_of_the_cohort_has_the_columns_of_redcap_in_its_order() -> None:
    header = next(csv.reader(io.StringIO(as_csv())))
    assert header == columns()
    assert header[:4] == ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"]
