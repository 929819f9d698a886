"""FHIR Patient, Condition and Consent as rows of patient and follow_up; names and identifiers stay unread."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.intake.fhir_elements import (
    codings,
    date_of,
    extensions,
    items,
    meant,
    name_of,
    part,
    patient_id,
    patient_of,
    text_of,
)
from registry.intake.made_rows import MadeRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.intake.fhir_elements import Reading
    from registry.intake.fhir_json import Resource

ASSERTED = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
"""FHIR R4's extension for the day on which a condition was diagnosed; recordedDate is only when it was written down."""
_DOUBTFUL = {"unconfirmed", "provisional", "differential"}
_YEAR = re.compile(r"(\d{4})(-\d{2}(-\d{2})?)?")


def patient_rows(reading: Reading) -> dict[str, list[MadeRow]]:
    """Return the rows of patient and follow_up, one a Patient resource."""
    conditions = _conditions(reading)
    consents = _consents(reading)
    rows: dict[str, list[MadeRow]] = {"patient": [], "follow_up": []}
    for resource in reading.resources.of("Patient"):
        person = patient_id(resource)
        values: dict[str, str | None] = {
            "patient_id": person,
            "sex": _sex(resource, reading),
            "birth_year": _birth_year(resource, reading),
            "consent": consents.get(person or ""),
            **conditions.get(person or "", {}),
            **extensions(resource.content, "patient"),
        }
        rows["patient"].append(MadeRow(values=values, place=resource.place))
        followed = _follow_up(resource)
        if followed:
            rows["follow_up"].append(MadeRow(values={"patient_id": person, **followed}, place=resource.place))
    return rows


def _sex(resource: Resource, reading: Reading) -> str | None:
    said = text_of(resource.content.get("gender"))
    return said if said is None else reading.codes.meaning("fhir", "sex", said) or said


def _birth_year(resource: Resource, reading: Reading) -> str | None:
    """Return the year of birth; nothing else of a date of birth is kept, not even where it cannot be read."""
    said = text_of(resource.content.get("birthDate"))
    match = _YEAR.fullmatch(said) if said else None
    if said and not match:
        reading.remarks.say(
            "fhir.birth_date",
            resource.place,
            "The date of birth does not begin with a year; it is not shown and was not kept.",
            advice="Write the year alone, such as 1970.",
            columns=("birthDate",),
        )
    return match[1] if match else None


def _follow_up(resource: Resource) -> dict[str, str | None]:
    """Return the last word on a person: the death that Patient tells, and what extensions say; empty if nothing."""
    found: dict[str, str | None] = {}
    died = date_of(resource.content.get("deceasedDateTime"))
    if died is not None:
        found = {"status": "dead", "death_date": died, "last_seen_date": died}
    elif resource.content.get("deceasedBoolean") is True:
        found = {"status": "dead"}
    return found | extensions(resource.content, "follow_up")


def _conditions(reading: Reading) -> Mapping[str, dict[str, str | None]]:
    """Return by person what Conditions tell: diagnosis, its dates, and the first malignancy."""
    said: dict[str, dict[str, list[str]]] = {}
    for resource in reading.resources.of("Condition"):
        found = _meaning(resource, reading)
        person = patient_of(resource, reading)
        if found is None or person is None:
            continue
        kind, meaning = found
        mine = said.setdefault(person, {})
        onset = date_of(resource.content.get("onsetDateTime")) or date_of(
            part(resource.content, "onsetPeriod", "start")
        )
        diagnosed = next(
            (
                date_of(part(extension, "valueDateTime"))
                for extension in items(resource.content, "extension")
                if part(extension, "url") == ASSERTED
            ),
            None,
        )
        if kind == "cancer":
            first = diagnosed or onset
            if first is None:
                _undated(resource, reading)
            else:
                mine.setdefault("cancer_date", []).append(first)
            continue
        own = extensions(resource.content, "patient")
        seen = {"diagnosis": meaning, "onset_date": onset, "diagnosis_date": diagnosed, **own}
        for column, value in seen.items():
            if value is not None and value not in mine.setdefault(column, []):
                mine[column].append(value)
    return {
        person: {
            # The first malignancy counts; of everything else there can be only one, and no column accepts two.
            column: min(values) if column == "cancer_date" else " | ".join(values)
            for column, values in columns.items()
        }
        for person, columns in said.items()
    }


def _meaning(resource: Resource, reading: Reading) -> tuple[str, str] | None:
    """Return what a Condition is to the registry; None, with a word about it, if it is nothing."""
    status = text_of(part(resource.content, "verificationStatus", "coding", "code"))
    found = meant(resource.content.get("code"), ("diagnosis", "cancer"), reading.codes)
    if status in {"entered-in-error", "refuted"}:
        reading.remarks.leave(
            "fhir.status", resource.place.file, status or "", "{n} Condition of this status left out."
        )
        return None
    if found is None or found == ("cancer", "no"):
        system, code = name_of(resource.content.get("code"))
        if found is None:
            reading.remarks.leave(
                "fhir.code",
                resource.place.file,
                f"{system} {code}".strip(),
                "{n} Condition of this code left out.",
                reading.codes.advice(system, code),
            )
        return None
    if status in _DOUBTFUL:
        reading.remarks.say(
            "fhir.not_final", resource.place, f"The Condition is {status}.", advice="Confirm the diagnosis."
        )
    if patient_of(resource, reading) is None:
        reading.remarks.say(
            "fhir.subject",
            resource.place,
            "The Condition names no person.",
            advice="Fill subject.",
            severity="reject",
            columns=("subject",),
        )
    return found


def _undated(resource: Resource, reading: Reading) -> None:
    reading.remarks.say(
        "fhir.cancer_date",
        resource.place,
        "A malignancy without a date: it was not taken in.",
        advice="Fill onsetDateTime, or the extension condition-assertedDate.",
    )


def _consents(reading: Reading) -> Mapping[str, str]:
    """Return by person what Consent resources for research say; one that denies counts before any that permits."""
    found: dict[str, str] = {}
    for resource in reading.resources.of("Consent"):
        research = any(code == "research" for _, code, _ in codings(resource.content.get("scope")))
        status = resource.content.get("status")
        person = patient_of(resource, reading, element="patient")
        if not research or status == "entered-in-error" or person is None:
            reading.remarks.leave(
                "fhir.consent",
                resource.place.file,
                "",
                "{n} Consent in error, or not of scope research, left out.",
            )
            continue
        permits = status == "active" and text_of(part(resource.content, "provision", "type")) in {"permit", None}
        if found.get(person) != "no":
            found[person] = "yes" if permits else "no"
    return found
