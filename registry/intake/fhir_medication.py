"""FHIR MedicationAdministration, MedicationStatement and AdverseEvent as rows of infusion, course and event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.intake.fhir_elements import (
    OWN,
    codings,
    date_of,
    extensions,
    items,
    meant,
    name_of,
    part,
    patient_of,
    text_of,
)
from registry.intake.made_rows import MadeRow

if TYPE_CHECKING:
    from registry.intake.fhir_elements import Reading
    from registry.intake.fhir_json import Resource

_NOT_GIVEN = {"entered-in-error", "not-done", "not-taken", "intended"}
_SURE = {"completed", "active", "stopped"}
_STOPPED = {"completed", "stopped"}


def medication_rows(reading: Reading) -> dict[str, list[MadeRow]]:
    """Return the rows of infusion (a MedicationAdministration each) and course (a MedicationStatement each)."""
    rows: dict[str, list[MadeRow]] = {"infusion": [], "course": []}
    for table, kind in (("infusion", "MedicationAdministration"), ("course", "MedicationStatement")):
        for resource in reading.resources.of(kind):
            agent = _agent(resource, reading)
            if agent is not None and _counts(resource, reading):
                make = _infusion if table == "infusion" else _course
                values = {"patient_id": patient_of(resource, reading), "agent": agent, **make(resource, reading)}
                values |= extensions(resource.content, table)
                rows[table].append(MadeRow(values=values, place=resource.place))
    return rows


def event_rows(reading: Reading) -> dict[str, list[MadeRow]]:
    """Return the rows of event, one an AdverseEvent that happened."""
    rows = []
    for resource in reading.resources.of("AdverseEvent"):
        content = resource.content
        actuality = text_of(content.get("actuality"))
        if actuality == "potential":
            reading.remarks.leave("fhir.status", resource.place.file, actuality, "{n} potential AdverseEvent left out.")
            continue
        term, number = _term(resource, reading)
        serious = meant(content.get("seriousness"), ("seriousness",), reading.codes)
        outcome = meant(content.get("outcome"), ("outcome",), reading.codes)
        values: dict[str, str | None] = {
            "patient_id": patient_of(resource, reading),
            "term": term,
            "meddra_code": number,
            "serious": serious[1] if serious else name_of(content.get("seriousness"))[1] or None,
            "start_date": date_of(content.get("date")),
            "related_agent": _suspect(resource, reading),
            "outcome": outcome[1] if outcome else name_of(content.get("outcome"))[1] or None,
            **extensions(content, "event"),
        }
        rows.append(MadeRow(values=values, place=resource.place))
    return {"event": rows}


def _counts(resource: Resource, reading: Reading) -> bool:
    """Say whether a drug was given; a status that leaves it open is taken in and asked about."""
    status = text_of(resource.content.get("status")) or "without"
    if status in _NOT_GIVEN:
        message = f"{{n}} {resource.kind} of this status left out."
        reading.remarks.leave("fhir.status", resource.place.file, status, message)
        return False
    if status not in _SURE or (resource.kind == "MedicationAdministration" and status != "completed"):
        message = f"The {resource.kind} is not completed: its status is {status[:20]}."
        reading.remarks.say("fhir.not_final", resource.place, message, advice="Confirm what was given.")
    return True


def _agent(resource: Resource, reading: Reading) -> str | None:
    """Return the agent; None, with a count, if its code is not in the lists."""
    concept = _medication(resource, reading)
    found = meant(concept, ("agent",), reading.codes)
    if found is None:
        system, code = name_of(concept)
        reading.remarks.leave(
            "fhir.code",
            resource.place.file,
            f"{system} {code}".strip(),
            f"{{n}} {resource.kind} of this code left out.",
            reading.codes.advice(system, code),
        )
        return None
    return found[1]


def _medication(resource: Resource, reading: Reading) -> object:
    """Return the CodeableConcept of a drug, directly or behind a reference to a Medication."""
    if resource.kind == "Medication":
        return resource.content.get("code")
    concept = resource.content.get("medicationCodeableConcept")
    if concept is None:
        medication = reading.resources.find(resource.content.get("medicationReference"), resource)
        concept = None if medication is None else medication.content.get("code")
    return concept


def _infusion(resource: Resource, reading: Reading) -> dict[str, str | None]:
    content = resource.content
    start, stop = (date_of(part(content, "effectivePeriod", side)) for side in ("start", "end"))
    if start and stop and start != stop:
        reading.remarks.say(
            "fhir.infusion_days",
            resource.place,
            "The administration goes over several days; it was taken in as one on its first day.",
            advice="Send one MedicationAdministration a day, with the dose of that day.",
            columns=("effectivePeriod",),
        )
    dose, unit = _dose(part(content, "dosage", "dose"), reading)
    return {"date": date_of(content.get("effectiveDateTime")) or start, "dose": dose, "dose_unit": unit}


def _course(resource: Resource, reading: Reading) -> dict[str, str | None]:
    content = resource.content
    start, stop = (date_of(part(content, "effectivePeriod", side)) for side in ("start", "end"))
    status = text_of(content.get("status"))
    stopped = "stopped" if stop else "stop date unknown"
    dose, unit = _dose(part(content, "dosage", "doseAndRate", "doseQuantity"), reading)
    return {
        "start_date": start or date_of(content.get("effectiveDateTime")),
        "stop_date": stop,
        "stop_status": "still taken" if status == "active" else stopped if status in _STOPPED else None,
        "dose": dose,
        "dose_unit": unit,
    }


def _dose(quantity: object, reading: Reading) -> tuple[str | None, str | None]:
    code, said = text_of(part(quantity, "code")), text_of(part(quantity, "unit"))
    unit = (reading.codes.meaning("ucum", "dose_unit", code) or code) if code else said
    return text_of(part(quantity, "value")), unit


def _term(resource: Resource, reading: Reading) -> tuple[str | None, str | None]:
    """Return (term, MedDRA code): the project's own code, a listed one, or the preferred term as MedDRA writes it."""
    concept = resource.content.get("event")
    found = meant(concept, ("term",), reading.codes)
    meddra = [(code, display) for system, code, display in codings(concept) if system == "meddra"]
    shown = next((display for _, display in meddra if display), None) or text_of(part(concept, "text"))
    number = next((code for code, _ in meddra), None)
    return (found[1] if found else shown or name_of(concept)[1] or None), number


def _suspect(resource: Resource, reading: Reading) -> str | None:
    """Return the agent of the one suspect drug; several are asked about and none is taken."""
    agents = set()
    for entity in items(resource.content, "suspectEntity"):
        suspect = reading.resources.find(part(entity, "instance"), resource)
        found = meant(_medication(suspect, reading), ("agent",), reading.codes) if suspect else None
        agents |= {found[1]} if found else set()
    if len(agents) > 1:
        reading.remarks.say(
            "fhir.suspects",
            resource.place,
            "Several agents are suspected; related_agent was left empty.",
            advice=f"Name one in the extension {OWN}event.related_agent.",
            columns=("suspectEntity",),
        )
    return agents.pop() if len(agents) == 1 else None
