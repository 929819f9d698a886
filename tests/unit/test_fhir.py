"""FHIR R4 into the contract: the same tables as the CSV files, and no traceback on any JSON."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from registry.checking.checks import check
from registry.contract import TABLES
from registry.intake import submission as intake
from registry.intake.fhir import read_fhir
from registry.intake.sent_files import SentFiles
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.checking.checks import CheckedSubmission
    from registry.errors import Problem
    from registry.intake.tables import TextTable

LOINC, UCUM, SNOMED = "http://loinc.org", "http://unitsofmeasure.org", "http://snomed.info/sct"
ATC, RXNORM = "http://www.whocc.no/atc", "http://www.nlm.nih.gov/research/umls/rxnorm"
OWN = "urn:myoregistry:"


def concept(system: str, code: str, **more: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, **more}]}


def extension(name: str, **value: Any) -> dict[str, Any]:
    return {"url": OWN + name, **value}


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def patient(key: str, gender: str, **more: Any) -> dict[str, Any]:
    fields = {"enrolled_date": "2019-02-01", "ild": "no", "dysphagia": "yes", "consent": "yes"}
    extensions = [
        extension(f"patient.{name}", **{"valueDate" if name.endswith("date") else "valueCode": value})
        for name, value in fields.items()
    ]
    extensions += more.pop("extension", [])
    return {
        "resourceType": "Patient",
        "id": key,
        "name": [{"family": "Verygoodname", "given": ["Zora"]}],
        "telecom": [{"system": "phone", "value": "+33 1 23 45 67 89"}],
        "address": [{"city": "Lyon", "line": ["1 rue Secrete"]}],
        "identifier": [{"system": "urn:oid:1.2.3", "value": "NATIONAL-ID-42"}],
        "gender": gender,
        "birthDate": "1970-05-17",
        "extension": extensions,
        **more,
    }


def condition(person: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "subject": {"reference": person},
        "code": concept(SNOMED, "396230008"),
        "verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        "onsetDateTime": "2018-11-01",
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate",
                "valueDateTime": "2019-01-15T10:30:00+01:00",
            }
        ],
    }


def observation(person: str, code: dict[str, Any], day: str, value: Any, **more: Any) -> dict[str, Any]:
    kind = "valueQuantity" if isinstance(value, dict) else "valueString"
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": {"reference": person},
        "effectiveDateTime": day,
        kind: value,
        **more,
    }


def good() -> dict[str, Any]:
    """Return the good rows of tests/conftest.py as a Bundle, written by hand from FHIR R4's own pages."""
    p1, p2 = "Patient/P1", "urn:uuid:11111111-2222-3333-4444-555555555555"
    seen = "2019-02-01"
    follow = [
        extension("follow_up.last_seen_date", valueDate="2026-05-02"),
        extension("follow_up.status", valueCode="active"),
    ]
    cause = [extension("follow_up.death_cause", valueCode="other")]
    mmt = observation(p1, concept(OWN + "visit", "mmt8"), seen, {"value": 120})
    mmt["extension"] = [extension("visit.mmt_maximum", valueInteger=150)]
    resources = [
        (None, patient("P1", "female", extension=follow)),
        (p2, patient("P2", "male", deceasedDateTime="2025-01-02T23:00:00Z", extension=cause)),
        (None, condition(p1)),
        (None, condition(p2)),
        (None, observation(p1, concept(OWN + "antibody", "Jo-1"), "2019-01-20", "negative")),
        (
            None,
            {
                "resourceType": "MedicationStatement",
                "status": "completed",
                "medicationCodeableConcept": concept(RXNORM, "8640"),
                "subject": {"reference": p1},
                "effectivePeriod": {"start": "2019-01-20", "end": "2019-06-30"},
                "dosage": [{"doseAndRate": [{"doseQuantity": quantity(60, "mg")}]}],
                "extension": [
                    extension("course.stop_reason", valueCode="planned"),
                    extension("course.schedule", valueCode="daily"),
                ],
            },
        ),
        (
            None,
            {
                "resourceType": "MedicationStatement",
                "status": "active",
                "medicationReference": {"reference": "#ivig"},
                "contained": [{"resourceType": "Medication", "id": "ivig", "code": concept(ATC, "J06BA02")}],
                "subject": {"reference": p2},
                "effectivePeriod": {"start": "2020-03-01"},
                "dosage": [{"doseAndRate": [{"doseQuantity": quantity(2, "g/kg")}]}],
                "extension": [
                    extension("course.intent", valueCode="immunomodulatory"),
                    extension("course.schedule", valueCode="monthly"),
                ],
            },
        ),
        (
            None,
            {
                "resourceType": "MedicationAdministration",
                "status": "completed",
                "medicationCodeableConcept": concept(ATC, "J06BA02"),
                "subject": {"reference": p2},
                "effectivePeriod": {"start": "2020-03-01T08:00:00Z", "end": "2020-03-01T13:00:00Z"},
                "dosage": {"dose": quantity(0.4, "g/kg")},
            },
        ),
        (None, observation(p1, concept(OWN + "visit", "phga"), seen, quantity(65, "mm"))),
        (None, mmt),
        (None, observation(p1, concept(OWN + "visit", "haq"), seen, quantity(1.125, "{score}"))),
        (None, observation(p2, concept(LOINC, "29463-7"), seen, quantity(60.0, "kg"))),
        (None, observation(p2, concept(LOINC, "8302-2"), seen, quantity(1.65, "m"))),
        (None, observation(p2, concept(OWN + "visit", "prednisone"), seen, quantity(7.5, "mg/d"))),
        (
            None,
            observation(
                p1, concept(LOINC, "2157-6"), seen, quantity(812.5, "U/L"), referenceRange=[{"high": {"value": 170}}]
            ),
        ),
        (
            None,
            observation(
                p1,
                concept(LOINC, "14804-9"),
                seen,
                quantity(8.6, "ukat/L"),
                referenceRange=[{"high": quantity(4.1, "ukat/L")}],
            ),
        ),
        (None, observation(p2, concept(LOINC, "2465-3"), seen, quantity(1105, "mg/dL"))),
        (
            None,
            {
                "resourceType": "AdverseEvent",
                "actuality": "actual",
                "subject": {"reference": p1},
                "event": {"text": "Pneumonia"},
                "date": "2019-05-01",
                "seriousness": concept("http://terminology.hl7.org/CodeSystem/adverse-event-seriousness", "serious"),
                "extension": [extension("event.grade", valueInteger=3)],
            },
        ),
    ]
    entries = [{"resource": one} | ({"fullUrl": url} if url else {}) for url, one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def write(folder: Path, bundle: Any, name: str = "bundle.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = 'centre = "lyon"\ndate = 2026-06-30\ncontract = "1"\nsender = "data manager"\nformat = "fhir"\n'
    (folder / "manifest.toml").write_text(manifest, encoding="utf-8")
    text = bundle if isinstance(bundle, str | bytes) else json.dumps(bundle)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return folder


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], CheckedSubmission]:
    monkeypatch.setattr(intake, "READERS", {**intake.READERS, "fhir": read_fhir})

    def run(bundle: Any, name: str = "bundle.json") -> CheckedSubmission:
        return check(read_submission(write(tmp_path / "lyon-2026-06-30", bundle, name)))

    return run


def tables(found: CheckedSubmission) -> dict[str, list[dict[str, Any]]]:
    """Return the accepted rows without their lines, in one order."""
    return {
        name: sorted(({k: v for k, v in row.items() if k != "line"} for row in table.to_pylist()), key=str)
        for name, table in found.rows.items()
    }


def noted(found: CheckedSubmission) -> list[Problem]:
    """Return what the reader said and what was refused, without the questions that any good submission may raise."""
    return [p for p in found.problems if p.severity == "reject" or p.rule.startswith(("fhir", "codes", "file"))]


def rules(found: CheckedSubmission) -> list[str]:
    return [problem.rule for problem in noted(found)]


def read(folder: Path) -> tuple[Mapping[str, TextTable], SentFiles]:
    files = SentFiles(folder)
    return read_fhir(files, None, lambda what, share: None), files


def everything(found: CheckedSubmission) -> str:
    """Return all text that is kept of a submission."""
    return str([table.to_pylist() for table in (*found.rows.values(), found.quarantine, found.queries)]) + str(
        found.problems
    )


def same_as_csv(found: CheckedSubmission, sent: CheckedSubmission) -> None:
    mine, theirs = tables(found), tables(sent)
    for name in TABLES:
        assert [drop_raw(row) for row in mine[name]] == [drop_raw(row) for row in theirs[name]], name


def drop_raw(row: dict[str, Any]) -> dict[str, Any]:
    # The visual analogue scale of the bundle is in mm, which the reader converts: only the raw value differs.
    return {k: v for k, v in row.items() if not k.startswith("phga_raw")}


def test_a_bundle_gives_the_same_tables_as_the_csv_files(
    checked: Callable[..., CheckedSubmission], write_submission: Callable[..., Path], tmp_path: Path
) -> None:
    found = checked(good())
    sent = check(read_submission(write_submission(tmp_path / "csv" / "lyon-2026-06-30")))
    assert rules(found) == []
    same_as_csv(found, sent)


def test_the_same_resources_one_a_line_give_the_same_tables(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    for entry in bundle["entry"]:
        if "fullUrl" in entry:
            entry["resource"]["id"] = "11111111-2222-3333-4444-555555555555"
    lines = "\n".join(json.dumps(entry["resource"]) for entry in bundle["entry"])
    lines = lines.replace("urn:uuid:1111", "Patient/1111")
    found = checked(lines, "export.ndjson")
    assert rules(found) == []
    assert found.accepted == 14


def test_the_same_resource_on_two_pages_counts_once_and_another_version_does_not(
    checked: Callable[..., CheckedSubmission], tmp_path: Path
) -> None:
    page = {"resourceType": "Bundle", "entry": [copy.deepcopy(good()["entry"][0])]}
    checked(page, "page-2.json")
    found = checked(good())
    assert noted(found) == []
    assert found.rows["patient"].num_rows == 2
    page["entry"][0]["resource"]["gender"] = "male"
    checked(page, "page-2.json")
    assert {p.rule for p in noted(checked(good()))} >= {"patient.key"}


def test_nothing_that_names_a_person_is_kept(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    bundle["entry"][0]["resource"]["birthDate"] = "17.05.1970"
    found = checked(bundle)
    text = everything(found)
    planted = ("Verygoodname", "Zora", "Secrete", "NATIONAL", "05-17", "17.05", "+33")
    assert [word for word in planted if word in text] == []
    assert "fhir.birth_date" in rules(found)


def test_a_full_date_of_birth_becomes_its_year(checked: Callable[..., CheckedSubmission]) -> None:
    assert {row["birth_year"] for row in tables(checked(good()))["patient"]} == {1970}


def test_rows_say_in_which_entry_they_stand(tmp_path: Path) -> None:
    found, _ = read(write(tmp_path, good()))
    assert found["lab"].places is not None
    assert found["lab"].places.to_pylist() == [
        {"line": 1, "file": "bundle.json", "at": 15},
        {"line": 2, "file": "bundle.json", "at": 16},
        {"line": 3, "file": "bundle.json", "at": 17},
    ]
    assert found["visit"].places is not None
    assert found["visit"].places["at"].to_pylist() == [9, 12]


def test_decimals_stay_exact(tmp_path: Path) -> None:
    text = json.dumps(good()).replace("812.5", "812.123456").replace('"value": 1105', '"value": 0.1000000000000000055')
    found, _ = read(write(tmp_path, text))
    assert found["lab"].rows is not None
    assert found["lab"].rows["value"].to_pylist() == ["812.123456", "8.6", "0.1000000000000000055"]


def test_what_was_entered_in_error_is_left_out_and_counted(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    bundle["entry"][14]["resource"]["status"] = "entered-in-error"
    bundle["entry"][7]["resource"]["status"] = "not-done"
    found = checked(bundle)
    assert (found.rows["lab"].num_rows, found.rows["infusion"].num_rows) == (2, 0)
    assert [p.message for p in found.problems if p.rule == "fhir.status"] == [
        "1 Observation of this status left out.",
        "1 MedicationAdministration of this status left out.",
    ]


def test_what_is_not_final_is_taken_in_and_asked_about(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    bundle["entry"][14]["resource"]["status"] = "preliminary"
    found = checked(bundle)
    assert found.rows["lab"].num_rows == 3
    assert [(p.rule, p.severity, p.line) for p in noted(found)] == [("fhir.not_final", "query", 15)]


@pytest.mark.parametrize("said", ["2019", "2019-02", "2019-02-30", "yesterday"])
def test_a_date_that_is_no_day_is_refused_by_the_checks(said: str, checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    bundle["entry"][14]["resource"]["effectiveDateTime"] = said
    found = checked(bundle)
    assert found.rows["lab"].num_rows == 2
    assert [(p.severity, p.values) for p in noted(found)] == [("reject", (said,))]


def test_an_unknown_code_is_counted_and_its_rows_are_left_out(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    for at in (14, 15):
        bundle["entry"][at]["resource"]["code"] = concept(LOINC, "99999-9")
    found = checked(bundle)
    assert [(p.severity, p.values, p.message) for p in noted(found)] == [
        ("query", ("loinc 99999-9",), "2 Observation of this code left out.")
    ]


def test_an_unverified_code_waits_for_the_studys_own_list(
    checked: Callable[..., CheckedSubmission], tmp_path: Path
) -> None:
    bundle = good()
    bundle["entry"][5]["resource"]["medicationCodeableConcept"] = concept(ATC, "H02AB07")
    found = checked(bundle)
    assert found.rows["course"].num_rows == 1
    assert "unverified" in noted(found)[0].advice
    own = "system,code,kind,meaning\natc,H02AB07,agent,prednisone\n"
    (tmp_path / "lyon-2026-06-30" / "codes.csv").write_text(own, encoding="utf-8")
    assert checked(bundle).rows["course"].num_rows == 2


def test_a_meaning_that_the_contract_does_not_have_refuses_the_list(
    checked: Callable[..., CheckedSubmission], tmp_path: Path
) -> None:
    checked(good())
    own = "system,code,kind,meaning\natc,H02AB07,agent,prednison\n"
    (tmp_path / "lyon-2026-06-30" / "codes.csv").write_text(own, encoding="utf-8")
    found = checked(good())
    assert found.refused
    assert [(p.rule, p.file) for p in noted(found)] == [("codes.row", "codes.csv")]


def test_two_values_of_one_measure_on_one_day_are_refused_together(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    twin = copy.deepcopy(bundle["entry"][8])
    twin["resource"]["valueQuantity"]["value"] = 70
    bundle["entry"].append(twin)
    found = checked(bundle)
    assert {p.rule for p in noted(found)} == {"visit.key"}
    assert found.rows["visit"].num_rows == 1


def test_two_diagnoses_of_one_person_are_refused(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    twin = copy.deepcopy(bundle["entry"][2])
    twin["resource"]["code"] = concept(SNOMED, "31384009")
    bundle["entry"].append(twin)
    found = checked(bundle)
    assert ("DM | PM",) in [p.values for p in noted(found)]


def test_a_limit_of_detection_is_no_value(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    bundle["entry"][14]["resource"]["valueQuantity"]["comparator"] = "<"
    found = checked(bundle)
    assert [p.values for p in noted(found)] == [("<812.5",)]


def test_limits_in_another_unit_are_not_taken_in(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    bundle["entry"][15]["resource"]["referenceRange"] = [{"high": quantity(246, "U/L")}]
    found = checked(bundle)
    assert "fhir.range" in rules(found)
    assert [row["uln"] for row in tables(found)["lab"] if row["analyte"] == "LDH"] == [None]


def test_a_measure_in_an_unknown_unit_is_refused_with_its_unit(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    bundle["entry"][11]["resource"]["valueQuantity"] = quantity(132, "[lb_av]")
    assert [p.values for p in noted(checked(bundle))] == [("132 [lb_av]",)]


def test_a_consent_resource_gives_consent_and_a_denial_counts(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    scope = concept("http://terminology.hl7.org/CodeSystem/consentscope", "research")
    for at, kind in ((0, "permit"), (1, "deny")):
        person = bundle["entry"][at]["resource"]
        person["extension"] = [one for one in person["extension"] if not one["url"].endswith("consent")]
        consent = {"resourceType": "Consent", "status": "active", "scope": scope, "provision": {"type": kind}}
        reference = bundle["entry"][at].get("fullUrl", "Patient/P1")
        bundle["entry"].append({"resource": consent | {"patient": {"reference": reference}}})
    said = {row["patient_id"]: row["consent"] for row in tables(checked(bundle))["patient"]}
    assert said == {"P1": "yes", "P2": "no"}


def test_other_kinds_of_resources_and_misspelt_extensions_are_named(checked: Callable[..., CheckedSubmission]) -> None:
    bundle = good()
    bundle["entry"].append({"resource": {"resourceType": "Encounter"}})
    bundle["entry"][0]["resource"]["extension"].append(extension("patient.consnt", valueCode="yes"))
    found = checked(bundle)
    assert sorted((p.rule, p.values) for p in noted(found)) == [
        ("fhir.extension", ("patient.consnt",)),
        ("fhir.kind", ("Encounter",)),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1, 2]", "not a FHIR Bundle"),
        ('{"resourceType": "Patient"}', "not a FHIR Bundle"),
        ('{"resourceType": "Bundle", "entry": {"a": 1}}', "not a FHIR Bundle"),
        ('{"resourceType": "Bundle", "entry": [], "entry": []}', "same name twice"),
        ('{"resourceType": "Bundle", "total": NaN}', "NaN is no number"),
        ('{"resourceType": "Bundle", "total": -Infinity}', "is no number"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 200 + "1" + "}" * 200, "nested too deeply"),
        (b"\xff\xfe{\x00}\x00", "not in UTF-8"),
        (b'{"resourceType": "Bundle\xe9"}', "not in UTF-8"),
        ("null", "not a FHIR Bundle"),
    ],
)
def test_a_file_that_is_no_bundle_refuses_the_submission(
    text: str | bytes, says: str, checked: Callable[..., CheckedSubmission]
) -> None:
    found = checked(text)
    assert found.refused
    assert says in noted(found)[0].message


def test_no_fhir_file_at_all_refuses_the_submission(checked: Callable[..., CheckedSubmission]) -> None:
    assert checked("hello", "notes.txt").refused


def test_a_file_beyond_the_limit_is_refused(
    checked: Callable[..., CheckedSubmission], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.intake.fhir_json.MAXIMUM_BYTES", 1000)
    found = checked(good())
    assert found.refused
    assert noted(found)[0].rule == "file.size"


NASTY = [None, True, 7, -1.5, "", "x", "\u0000", "\ud800", "=1+1", [], {}, [[]], [None], [{}], {"a": {"b": [1]}}]


def paths(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every element inside a JSON value."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(deeper for name, value in inside for deeper in paths(value, (*path, name)))]


def test_any_element_may_be_anything_without_a_traceback(tmp_path: Path) -> None:
    bundle = good()
    folder = write(tmp_path, bundle)
    for number, way in enumerate(paths(bundle["entry"])[1:]):
        # Every element takes one of the nasty values; each of these is seen at many elements.
        broken = copy.deepcopy(bundle["entry"])
        inside = broken
        for name in way[:-1]:
            inside = inside[name]
        inside[way[-1]] = NASTY[number * 7 % len(NASTY)]
        found, files = read(write(folder, {"resourceType": "Bundle", "entry": broken}))
        assert set(found) == set(TABLES)
        assert all(problem.message.isprintable() for problem in files.problems)


@pytest.mark.parametrize("number", ["1e999999999", "9" * 5000, "1e-400", "-0.0", "123456789012345678901234567890.5"])
def test_huge_numbers_are_refused_row_by_row(number: str, checked: Callable[..., CheckedSubmission]) -> None:
    text = json.dumps(good()).replace("812.5", number)
    found = checked(text)
    assert not found.refused
    assert found.rows["lab"].num_rows == 2


def test_a_bundle_made_by_another_library_gives_the_same_tables(
    checked: Callable[..., CheckedSubmission], write_submission: Callable[..., Path], tmp_path: Path
) -> None:
    # fhir.resources checks every element against the definitions of R4B, whose resources used here are those of R4:
    # it proves that the bundle written by hand is FHIR, and it writes JSON in its own way.
    peer = pytest.importorskip("fhir.resources.R4B.bundle", reason="fhir.resources is an optional test dependency")
    bundle = good()
    for entry in bundle["entry"]:
        entry["resource"].pop("contained", None)
        if entry["resource"].get("medicationReference"):
            del entry["resource"]["medicationReference"]
            entry["resource"]["medicationCodeableConcept"] = concept(ATC, "J06BA02")
    made = peer.Bundle.model_validate(bundle).model_dump_json()
    sent = check(read_submission(write_submission(tmp_path / "csv" / "lyon-2026-06-30")))
    same_as_csv(checked(made), sent)
