"""mapping.toml is checked whole before a row is read: every mistake at once, each with its place."""

from __future__ import annotations

from importlib.resources import files

import pytest

from registry.contract import TABLES
from registry.intake.redcap_mapping import Mapping, checkbox_column, read_mapping

TEMPLATE = files("registry").joinpath("redcap_mapping_template.toml").read_text(encoding="utf-8")
PATIENT = """
record_id = "record_id"
[[patient]]
[patient.columns]
sex = { field = "sex", codes = { 1 = "female", 2 = "male" } }
birth_year = { field = "birth_year" }
diagnosis = { value = "DM" }
diagnosis_date = { field = "diagnosis_date" }
enrolled_date = { field = "enrolled_date" }
consent = { value = "yes" }
"""


def told(text: str) -> list[tuple[str, str, str]]:
    mapping, problems = read_mapping(text.encode(), "mapping.toml")
    assert (mapping is None) == bool(problems)
    assert {(p.file, p.severity, p.line) for p in problems} <= {("mapping.toml", "reject", None)}
    return [(", ".join(p.columns), p.message, p.advice) for p in problems]


def good(text: str) -> Mapping:
    mapping, problems = read_mapping(text.encode(), "mapping.toml")
    assert problems == ()
    assert mapping is not None
    return mapping


def test_the_template_feeds_every_table() -> None:
    mapping = good(TEMPLATE)
    assert set(mapping.blocks) == set(TABLES)
    assert [len(mapping.blocks[name]) for name in ("antibody", "lab")] == [2, 4]
    assert mapping.events == ("enrolment_arm_1", "visit_arm_1")
    assert mapping.instruments == ("drug_course", "infusion", "adverse_event")


def test_the_fields_of_a_mapping_are_what_an_export_must_hold() -> None:
    text = PATIENT + '\n[[visit]]\nfilled = ["seen___1"]\nwhen = { visit_complete = ["2"] }\n'
    text += '[visit.columns]\ndate = { field = "visit_date" }\n'
    assert good(text).fields == (
        "record_id", "sex", "birth_year", "diagnosis_date", "enrolled_date", "seen___1", "visit_complete", "visit_date",
    )  # fmt: skip


def test_numbers_may_be_written_without_quotes() -> None:
    columns = 'date = { field = "d" }\nmmt_maximum = { value = 150 }\nweight = { value = 60.50 }\n'
    mapping = good("missing = [-99, 999]\n" + PATIENT + "[[visit]]\n[visit.columns]\n" + columns)
    (block,) = mapping.blocks["visit"]
    assert mapping.missing == ("-99", "999")
    assert (block.columns["mmt_maximum"].value, block.columns["weight"].value) == ("150", "60.50")


@pytest.mark.parametrize(
    ("code", "column"), [("1", "dx___1"), ("Other", "dx___other"), ("-1", "dx____1"), ("2a", "dx___2a")]
)
def test_a_checkbox_choice_has_the_column_that_redcap_gives_it(code: str, column: str) -> None:
    assert checkbox_column("dx", code) == column


def test_all_mistakes_are_told_at_once_each_with_its_place() -> None:
    text = """
record_id = "Record ID"
dates = "iso"
colour = "red"
[[patients]]
[[lab]]
event = ["visit_arm_1"]
[lab.columns]
analyte = { value = "CK", field = "ck" }
value = { fields = "ck" }
[[lab]]
events = ["Visit 1"]
"""
    assert {place for place, _, _ in told(text)} == {
        "record_id", "dates", "colour", "patients", "lab[1].columns.analyte", "lab[1].columns.value.fields",
        "lab[1].event", "lab[2].events[1]", "lab[2].columns",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "message", "advice"),
    [
        ('[[labs]]\n[labs.columns]\ndate = { field = "d" }', "labs", "There is no such setting.", "Did you mean lab?"),
        (
            '[[visit]]\nevnts = ["a"]\n[visit.columns]\ndate = { field = "d" }',
            "visit[1].evnts",
            "There is no such setting.",
            "Did you mean events?",
        ),
        (
            '[[visit]]\n[visit.columns]\ndate = { field = "d" }\nphaga = { field = "phga" }',
            "visit[1].columns.phaga",
            "The table visit has no such column.",
            "Did you mean phga?",
        ),
        (
            '[[visit]]\n[visit.columns]\nphga = { field = "phga" }',
            "visit[1].columns.date",
            "A required column has no source.",
            "Name its field, or give a constant value.",
        ),
        (
            '[[visit]]\n[visit.columns]\ndate = { field = "d" }\npatient_id = { field = "id" }',
            "visit[1].columns.patient_id",
            "It is the record ID of every row.",
            "Remove it; record_id says which field that is.",
        ),
        (
            '[[visit]]\n[visit.columns]\ndate = { field = "d" }\nphga = { field = "phga", value = "1" }',
            "visit[1].columns.phga",
            "Expected one of field, checkbox and value.",
            "Correct it.",
        ),
        (
            '[[visit]]\n[visit.columns]\ndate = { value = "" }',
            "visit[1].columns.date.value",
            "String should have at least 1 character.",
            "Correct it.",
        ),
        (
            '[[visit]]\n[visit.columns]\ndate = { checkbox = "d" }',
            "visit[1].columns.date",
            "A checkbox needs codes: which contract text each of its choices means.",
            "Correct it.",
        ),
        (
            '[[visit]]\n[visit.columns]\ndate = { field = "Visit date" }',
            "visit[1].columns.date.field",
            "Expected a name as REDCap's raw export writes it: lower case letters, digits and underscores.",
            "Take variable names from the data dictionary and event names from Define My Events, not the labels.",
        ),
        (
            '[[visit]]\n[visit.columns]\ndate = { field = "d" }\nphga = { field = "phga", cut_time = true }',
            "visit[1].columns.phga",
            "Only a date column has dates and cut_time.",
            "Remove them.",
        ),
        (
            '[[visit]]\n[visit.columns]\ndate = { field = "d", decimal = "," }',
            "visit[1].columns.date",
            "Only a number has a decimal mark.",
            "Remove decimal.",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, place: str, message: str, advice: str) -> None:
    assert told(f"{PATIENT}\n{text}\n") == [(place, message, advice)]


@pytest.mark.parametrize("source", ['{ value = "femal" }', '{ field = "sex", codes = { 1 = "femal", 2 = "male" } }'])
def test_a_code_that_the_contract_does_not_have_is_found_before_a_row_is_read(source: str) -> None:
    text = PATIENT.replace('{ field = "sex", codes = { 1 = "female", 2 = "male" } }', source)
    assert told(text) == [("patient[1].columns.sex", "The contract has no code 'femal' here.", "Did you mean female?")]


def test_a_mapping_without_patients_is_refused() -> None:
    text = 'record_id = "record_id"\n[[visit]]\n[visit.columns]\ndate = { field = "d" }\n'
    message = "No block feeds the table patient, to which every other row belongs."
    assert told(text) == [("patient", message, "Correct it.")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"record_id = 'a\n", "The file is not TOML"),
        (b"record_id = '\xe9'\n", "The file is not in UTF-8."),
        (b"a = " + b"[" * 5000, "The file is not TOML"),
        (b"", "The setting is missing."),
    ],
)
def test_what_is_no_mapping_is_told_and_no_crash(data: bytes, message: str) -> None:
    mapping, problems = read_mapping(data, "mapping.toml")
    assert mapping is None
    assert problems[0].message.startswith(message)
