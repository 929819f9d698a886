"""OMOP CDM 5.4 into the contract, from tables that a hospital has made: concepts, units, and what is left out."""

from __future__ import annotations

import csv
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import registry
from myoregistry.export import export as export_verb
from registry.checking.checks import check
from registry.contract import codelist, contract
from registry.export_omop import export_omop
from registry.intake import submission as intake
from registry.intake.omop import omop_table, read_omop
from registry.intake.standard_codes import KINDS, built_in_codes, visit_items
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission
    from registry.study import Study

    Rows = Mapping[str, list[dict[str, str]]]

OWN = "myoregistry:"
PERSON = {"person_id": "7", "gender_concept_id": "8532", "year_of_birth": "1970", "month_of_birth": "5"}
PERSON |= {"day_of_birth": "17", "birth_datetime": "1970-05-17 00:00:00", "person_source_value": "MRN-4711"}
DERMATOMYOSITIS = {"condition_concept_id": "80182", "person_id": "7"}
SAID = {
    "patient.consent": "yes",
    "patient.enrolled_date": "2019-02-01",
    "follow_up.last_seen_date": "2026-05-02",
    "follow_up.status": "active",
}
CK = {"person_id": "7", "measurement_concept_id": "3007220", "measurement_date": "2019-02-01"}
CK |= {"value_as_number": "812.5", "unit_concept_id": "8645", "range_high": "170.0"}
GOOD: Rows = {
    "person": [PERSON],
    "condition_occurrence": [
        DERMATOMYOSITIS | {"condition_occurrence_id": "1", "condition_start_date": "2019-01-15"},
        DERMATOMYOSITIS | {"condition_occurrence_id": "2", "condition_start_date": "2020-01-15"},
    ],
    "drug_exposure": [
        {"drug_exposure_id": "1", "person_id": "7", "drug_concept_id": "1551099",
         "drug_exposure_start_date": "2019-01-20", "drug_exposure_end_date": "2019-06-30", "quantity": "30"},
        {"drug_exposure_id": "2", "person_id": "7", "drug_concept_id": "1314273",
         "drug_exposure_start_date": "2020-01-20", "drug_exposure_end_date": "2020-01-20", "quantity": "1000",
         "dose_unit_source_value": "mg"},
    ],
    "measurement": [
        {"measurement_id": "1", **CK},
        {"measurement_id": "2", "person_id": "7", "measurement_concept_id": "3025315",
         "measurement_date": "2019-02-01", "value_as_number": "60.0", "unit_concept_id": "9529"},
    ],
    "observation": [
        {"observation_id": str(number), "person_id": "7", "observation_concept_id": "0",
         "observation_date": "2019-02-01", "observation_source_value": OWN + name, "value_as_string": value}
        for number, (name, value) in enumerate(SAID.items())
    ],
}  # fmt: skip
"""One person, as an export of a hospital has them; the project's own fields stand in observation."""


def write(folder: Path, rows: Rows, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = 'centre = "lyon"\ndate = 2026-06-30\ncontract = "1"\nformat = "omop"\n'
    (folder / "manifest.toml").write_text(manifest, encoding="utf-8")
    for table, listed in rows.items():
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, omop_table(table).names, restval="")
            writer.writeheader()
            writer.writerows(listed)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CheckedSubmission]:
    monkeypatch.setattr(intake, "READERS", {**intake.READERS, "omop": read_omop})
    return lambda rows, **files: check(read_submission(write(tmp_path / "lyon-2026-06-30", rows, **files)))


def with_row(table: str, number: int = 0, **changes: str) -> Rows:
    rows = {name: [dict(row) for row in listed] for name, listed in GOOD.items()}
    rows[table][number] |= changes
    return rows


def filled(found: CheckedSubmission, table: str) -> list[dict[str, Any]]:
    """Return the accepted rows with their filled columns, without lines and raw values."""
    return [
        {k: str(v) for k, v in row.items() if v is not None and k != "line" and "_raw" not in k}
        for row in found.rows[table].to_pylist()
    ]


def test_the_tables_of_a_hospital_become_those_of_the_contract(checked: Callable[..., CheckedSubmission]) -> None:
    found = checked(GOOD)
    assert found.problems == ()
    assert filled(found, "patient") == [
        {"patient_id": "7", "sex": "female", "birth_year": "1970", "diagnosis": "DM", "diagnosis_date": "2019-01-15",
         "enrolled_date": "2019-02-01", "consent": "yes"}
    ]  # fmt: skip
    assert filled(found, "course") == [
        {"patient_id": "7", "agent": "prednisone", "start_date": "2019-01-20", "stop_date": "2019-06-30",
         "stop_status": "stopped"}
    ]  # fmt: skip
    assert [(row["agent"], row["date"], Decimal(row["dose"])) for row in filled(found, "infusion")] == [
        ("rituximab", "2020-01-20", 1000)
    ]
    lab = filled(found, "lab")[0]
    assert (lab["analyte"], Decimal(lab["value"]), lab["unit"], Decimal(lab["uln"])) == ("CK", 812.5, "U/L", 170)
    assert [Decimal(row["weight"]) for row in filled(found, "visit")] == [60]
    assert [row["status"] for row in filled(found, "follow_up")] == ["active"]


def test_the_hospitals_number_and_the_day_of_birth_are_never_read(checked: Callable[..., CheckedSubmission]) -> None:
    found = checked(with_row("person", year_of_birth="1870"))
    text = str([table.to_pylist() for table in (*found.rows.values(), found.quarantine, found.queries)])
    assert [word for word in ("MRN-4711", "05-17") if word in text + str(found.problems)] == []
    assert found.rows["patient"].num_rows == 0


def test_rows_say_from_which_line_of_which_file_they_were_made(tmp_path: Path) -> None:
    from registry.intake.sent_files import SentFiles  # noqa: PLC0415  (only here is the reader called directly)

    found = read_omop(SentFiles(write(tmp_path, GOOD)), None, lambda what, share: None)
    places = {name: table.places.to_pylist()[0] for name, table in found.items() if table.places and table.count}
    assert {name: (place["file"], place["at"]) for name, place in places.items()} == {
        "patient": ("person.csv", 2),
        "course": ("drug_exposure.csv", 2),
        "infusion": ("drug_exposure.csv", 3),
        "visit": ("measurement.csv", 3),
        "lab": ("measurement.csv", 2),
        "follow_up": ("observation.csv", 4),
    }


def test_unknown_concepts_are_counted_and_left_out(checked: Callable[..., CheckedSubmission]) -> None:
    rows = with_row("measurement", 0, measurement_concept_id="3000001")
    rows["measurement"].append(rows["measurement"][0] | {"measurement_id": "3"})
    found = checked(rows)
    assert found.rows["lab"].num_rows == 0
    assert [(p.rule, p.severity, p.values, p.message) for p in found.problems] == [
        ("omop.concept", "query", ("3000001",), "2 rows of this concept left out.")
    ]


def test_an_unverified_concept_waits_for_the_studys_own_list(checked: Callable[..., CheckedSubmission]) -> None:
    rows = with_row("measurement", 0, measurement_concept_id="3016436")
    found = checked(rows)
    assert "unverified" in found.problems[0].advice
    again = checked(rows, codes="system,code,kind,meaning\nomop,3016436,analyte,LDH\n")
    assert [row["analyte"] for row in filled(again, "lab")] == ["LDH"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"operator_concept_id": "4171756"}, "operator 4171756: 812.5"),
        ({"measurement_date": "2019-02"}, "2019-02"),
        ({"measurement_date": "2019-02-01 00:00:00"}, "2019-02-01 00:00:00"),
        ({"value_as_number": "NaN"}, "NaN"),
        ({"value_as_number": "1e3"}, "1e3"),
        ({"unit_concept_id": "9999"}, "9999"),
        ({"unit_concept_id": "0", "unit_source_value": "U/ml"}, "U/ml"),
    ],
)
def test_a_measurement_that_cannot_be_read_is_refused_at_its_line(
    changes: dict[str, str], problem: str, checked: Callable[..., CheckedSubmission]
) -> None:
    found = checked(with_row("measurement", 0, **changes))
    assert found.rows["lab"].num_rows == 0
    # What looks like an identifier is refused all the same, and not shown.
    shown = {value for p in found.problems if p.severity == "reject" for value in p.values}
    assert shown & {problem, "(withheld)"}


@pytest.mark.parametrize(
    ("concept", "source", "unit"),
    [("8645", "ukat/L", "U/L"), ("0", "ukat/L", "ukat/L"), ("8645", "UI/L", "UI/L"), ("8645", "", "U/L")],
)
def test_the_unit_is_that_of_the_number_not_that_of_the_source(
    concept: str, source: str, unit: str, checked: Callable[..., CheckedSubmission]
) -> None:
    rows = with_row("measurement", 0, unit_concept_id=concept, unit_source_value=source)
    assert [row["unit"] for row in filled(checked(rows), "lab")] == [unit]


def test_two_values_of_one_field_are_refused(checked: Callable[..., CheckedSubmission]) -> None:
    rows = with_row("observation")
    rows["observation"].append(rows["observation"][0] | {"observation_id": "9", "value_as_string": "no"})
    assert ("no | yes",) in [p.values for p in checked(rows).problems]


def test_two_diagnoses_of_one_person_are_refused(checked: Callable[..., CheckedSubmission]) -> None:
    found = checked(with_row("condition_occurrence", 1, condition_concept_id="80800"))
    assert ("DM | PM",) in [p.values for p in found.problems]


def test_a_death_is_a_last_word(checked: Callable[..., CheckedSubmission]) -> None:
    rows = {**GOOD, "observation": GOOD["observation"][:2], "death": [{"person_id": "7", "death_date": "2024-03-01"}]}
    assert filled(checked(rows), "follow_up") == [
        {"patient_id": "7", "last_seen_date": "2024-03-01", "status": "dead", "death_date": "2024-03-01"}
    ]


def test_observations_that_belong_to_nothing_and_names_that_do_not_exist_are_named(
    checked: Callable[..., CheckedSubmission],
) -> None:
    rows = with_row("observation")
    extra = {"course.intent": "99", "course.intnt": "1"}
    for name, event in extra.items():
        said = {"observation_source_value": OWN + name, "observation_event_id": event, "value_as_string": "other"}
        rows["observation"].append(rows["observation"][0] | said)
    assert sorted((p.rule, p.values) for p in checked(rows).problems) == [
        ("omop.field", ("course.intnt",)),
        ("omop.loose", ("course.intent",)),
    ]


def test_a_missing_table_refuses_the_submission(checked: Callable[..., CheckedSubmission]) -> None:
    found = checked({name: rows for name, rows in GOOD.items() if name != "drug_exposure"})
    assert found.refused
    assert [(p.rule, p.file) for p in found.problems] == [("file.missing", "drug_exposure.csv")]


@pytest.mark.parametrize(
    "text", ["", "\x00", "person_id\n1", "a;b\n1;2\n", '"person_id', "person_id,person_id\n", "\ufffe", "=1+1\n"]
)
def test_a_damaged_table_is_a_problem_and_no_traceback(text: str, checked: Callable[..., CheckedSubmission]) -> None:
    rows = {name: listed for name, listed in GOOD.items() if name != "measurement"}
    assert checked(rows, measurement=text).refused


def test_a_row_with_a_field_too_many_is_refused_alone(
    checked: Callable[..., CheckedSubmission], tmp_path: Path
) -> None:
    checked(GOOD)
    path = tmp_path / "lyon-2026-06-30" / "measurement.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join([lines[0], lines[1] + ",more", lines[2]]) + "\n"
    found = checked({name: rows for name, rows in GOOD.items() if name != "measurement"}, measurement=text)
    assert [(p.rule, p.severity, p.line) for p in found.problems] == [("omop.fields", "reject", 2)]
    assert not found.refused


@pytest.mark.parametrize("value", ["'; DROP TABLE said; --", "=HYPERLINK(1)", "\u202e", "x" * 5000, "{n}"])
def test_text_of_any_kind_is_data(value: str, checked: Callable[..., CheckedSubmission]) -> None:
    rows = with_row("condition_occurrence", 1, condition_concept_id=value)
    rows["observation"][0] |= {"value_as_string": value, "observation_source_value": f"{OWN}patient.{value}"}
    rows["measurement"][1] |= {"measurement_source_value": f"{OWN}visit.{value}", "person_id": value}
    found = checked(rows)
    assert found.rows["lab"].num_rows == 0  # consent is gone, and the person with it
    assert not found.refused


def test_every_code_of_the_built_in_list_means_something_that_the_contract_has() -> None:
    for row in codelist("standard_codes"):
        assert row["verified"] in {"yes", "no"}
        assert row["source"]
        if row["kind"] == "visit":
            assert row["meaning"] in visit_items()
        elif row["kind"] != "cancer" and row["meaning"] not in {"kg", "cm"}:
            table, column = KINDS[row["kind"]]
            assert row["meaning"] in contract()[table][column].allowed(), row


def test_only_verified_concepts_are_read_and_written() -> None:
    unverified = {row["code"] for row in codelist("standard_codes") if row["verified"] == "no"}
    codes = built_in_codes()
    assert {code for _, _, code in codes.meanings} & unverified == set()
    assert set(codes.written.values()) & unverified == set()


def test_every_measure_of_a_visit_has_its_unit_and_is_exported() -> None:
    units = {row["item"] for row in codelist("visit_units")}
    assert units == set(visit_items())


FORMULA = ("=cmd|' /C calc'!A0", "+1 assay", "-1 assay", "@sum", "＝1")  # noqa: RUF001  (a full-width form)


@pytest.mark.parametrize("method", FORMULA)
def test_a_formula_is_written_as_text(
    method: str, study: Study, tmp_path: Path, with_row: Any, write_submission: Callable[..., Path]
) -> None:
    registry.add(study, write_submission(tmp_path / "lyon-2026-06-30", with_row("lab", method=method)))
    done = export_omop(registry.freeze(study), tmp_path / "omop")
    with (done.folder / "observation.csv").open(encoding="utf-8", newline="") as file:
        values = [row["value_as_string"] for row in csv.DictReader(file)]
    assert f"'{method}" in values
    assert method not in values


def test_the_verb_writes_an_export_and_says_what_it_wrote(
    study: Study, tmp_path: Path, good_rows: Any, write_submission: Callable[..., Path]
) -> None:
    registry.add(study, write_submission(tmp_path / "lyon-2026-06-30", good_rows))
    registry.freeze(study)
    codes = tmp_path / "codes.csv"
    codes.write_text("system,code,kind,meaning\nomop,3016436,analyte,LDH\n", encoding="utf-8")
    given = ["omop", "--output", str(tmp_path / "omop"), "--codes", str(codes)]
    told = CliRunner().invoke(export_verb, given, obj=study.folder)
    assert told.exit_code == 0, told.output
    assert "in 9 tables" in told.output
    text = (tmp_path / "omop" / "measurement.csv").read_text(encoding="utf-8")
    assert ",3016436," in text
    assert "| analyte | LDH | 3016436 |" in (tmp_path / "omop" / "README.md").read_text(encoding="utf-8")


def test_codes_that_mean_nothing_are_refused_before_anything_is_written(
    study: Study, tmp_path: Path, good_rows: Any, write_submission: Callable[..., Path]
) -> None:
    registry.add(study, write_submission(tmp_path / "lyon-2026-06-30", good_rows))
    with pytest.raises(registry.UserError, match=r"line 2"):
        export_omop(registry.freeze(study), tmp_path / "omop", codes=b"system,code,kind,meaning\nomop,1,analyte,gold\n")
    assert not (tmp_path / "omop").exists()


def test_all_statements_run_on_empty_tables(tmp_path: Path, checked: Callable[..., CheckedSubmission]) -> None:
    found = checked({name: [] for name in GOOD})
    assert found.accepted == 0
    assert not found.refused
