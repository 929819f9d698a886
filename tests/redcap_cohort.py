"""The small cohort of conftest.GOOD as it would stand in a REDCap project: data dictionary, events and rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from importlib.resources import files

MAPPING = files("registry").joinpath("redcap_mapping_template.toml").read_text(encoding="utf-8")
"""The template that the registry ships fits this project."""

RECORD_ID = "record_id"
ENROLMENT, VISIT = "enrolment_arm_1", "visit_arm_1"
STRUCTURE = ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")

FORMS: Mapping[str, Sequence[str]] = {
    "enrolment": (
        "record_id", "surname", "sex", "birth_year", "diagnosis", "onset_date", "diagnosis_date", "enrolled_date",
        "ild", "dysphagia", "cancer_date", "consent", "ab_date", "ab_jo1", "ab_mda5", "last_seen", "status",
        "death_date",
        "death_cause",
    ),
    "drug_course": (
        "drug", "drug_intent", "drug_start", "drug_stop", "drug_status", "drug_reason", "drug_dose", "drug_unit",
        "drug_schedule",
    ),
    "infusion": ("inf_drug", "inf_date", "inf_dose", "inf_unit", "inf_weight", "inf_reaction"),
    "adverse_event": ("ae_term", "ae_grade", "ae_serious", "ae_start", "ae_stop"),
    "visit": (
        "visit_date", "phga", "ptga", "mmt8", "mmt_scale", "haq", "weight", "height", "prednisone", "ck", "ck_uln",
        "ldh", "ldh_uln", "aldolase", "aldolase_uln", "igg", "visit_notes",
    ),
}  # fmt: skip
CHECKBOXES: Mapping[str, Sequence[str]] = {"diagnosis": ("1", "2", "3", "4", "5", "6")}
EVENT_FORMS = {ENROLMENT: ("enrolment", "drug_course", "infusion", "adverse_event"), VISIT: ("visit",)}

Row = Mapping[str, str]


def _row(record: str, event: str, instrument: str = "", instance: str = "", **fields: str) -> Row:
    return {RECORD_ID: record, **dict(zip(STRUCTURE, (event, instrument, instance), strict=True)), **fields}


_PERSON = {
    "surname": "Dupont", "birth_year": "1970", "diagnosis___1": "1", "onset_date": "2018-11-01",
    "diagnosis_date": "2019-01-15", "enrolled_date": "2019-02-01", "ild": "0", "dysphagia": "1", "consent": "1",
    "enrolment_complete": "2",
}  # fmt: skip
_TICKS = {f"diagnosis___{code}": "0" for code in CHECKBOXES["diagnosis"]}

ROWS: Sequence[Row] = (
    _row("P1", ENROLMENT, **{**_TICKS, **_PERSON}, sex="1", cancer_date="-99", ab_jo1="0", ab_date="2019-01-20",
         last_seen="2026-05-02", status="1"),
    _row("P1", ENROLMENT, "drug_course", "1", drug="1", drug_start="2019-01-20", drug_stop="2019-06-30",
         drug_status="1", drug_reason="4", drug_dose="60", drug_unit="1", drug_schedule="1", drug_course_complete="2"),
    _row("P1", ENROLMENT, "adverse_event", "1", ae_term="1", ae_serious="1", ae_start="2019-05-01", ae_grade="3"),
    _row("P1", VISIT, "", "1", visit_date="2019-02-01", phga="6,5", mmt8="120", mmt_scale="1", haq="1.125", ck="812.5",
         ck_uln="170", ldh="8.6", ldh_uln="4.1", visit_notes='tired,\n"weak" arms', visit_complete="2"),
    _row("P2", ENROLMENT, **{**_TICKS, **_PERSON}, sex="2", last_seen="2025-01-02", status="4",
         death_date="2025-01-02", death_cause="5"),
    _row("P2", ENROLMENT, "drug_course", "1", drug="3", drug_intent="1", drug_start="2020-03-01", drug_status="0",
         drug_dose="2", drug_unit="2", drug_schedule="4"),
    _row("P2", ENROLMENT, "infusion", "1", inf_drug="3", inf_date="2020-03-01 09:30", inf_dose="0.4", inf_unit="2"),
    _row("P2", VISIT, "", "1", visit_date="2019-02-01", weight="60", height="165", prednisone="7.5", igg="1105"),
)  # fmt: skip


def column_names(variable: str) -> tuple[str, ...]:
    """Return the columns of a variable in a flat export."""
    return tuple(f"{variable}___{code}" for code in CHECKBOXES[variable]) if variable in CHECKBOXES else (variable,)


def columns() -> list[str]:
    """Return the header of a full flat export: record, structure, then form by form with its status."""
    names = [RECORD_ID, *STRUCTURE]
    for form, fields in FORMS.items():
        names += [name for field in fields if field != RECORD_ID for name in column_names(field)]
        names.append(f"{form}_complete")
    return names


def used_columns() -> list[str]:
    """Return the columns without those that the mapping does not read."""
    return [name for name in columns() if name not in {"surname", "visit_notes"} and not name.endswith("_complete")]


def as_csv(rows: Sequence[Row] = ROWS, names: Sequence[str] | None = None) -> str:
    """Return rows as REDCap writes them: commas, quotes where needed, line feeds."""
    text = io.StringIO()
    writer = csv.DictWriter(text, names or columns(), restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def persons(number: int) -> list[Row]:
    """Return the rows of that many persons, each like P1 or P2 in turn."""
    first = {record: [row for row in ROWS if row[RECORD_ID] == record] for record in ("P1", "P2")}
    return [{**row, RECORD_ID: f"P{n}"} for n in range(1, number + 1) for row in first["P1" if n % 2 else "P2"]]
