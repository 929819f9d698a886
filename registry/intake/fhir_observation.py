"""FHIR Observation as rows of lab, visit and antibody: LOINC or the project's own codes, UCUM units."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING, Any

from registry.contract import codelist
from registry.intake.fhir_elements import date_of, extensions, items, meant, name_of, part, patient_of, text_of
from registry.intake.made_rows import MadeRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.intake.fhir_elements import Reading
    from registry.intake.fhir_json import Json, Resource

KINDS = ("analyte", "visit", "antibody")
_LEFT_OUT = {"entered-in-error", "cancelled"}
_FINAL = {"final", "amended", "corrected"}


def observation_rows(reading: Reading) -> dict[str, list[MadeRow]]:
    """Return the rows that Observations, and the components of a panel, make; visits are grouped by person and day."""
    rows: dict[str, list[MadeRow]] = {"lab": [], "antibody": []}
    measures: list[tuple[Resource, str, str | None]] = []
    for resource in reading.resources.of("Observation"):
        if not _counts(resource, reading):
            continue
        for content in _with_components(resource.content):
            found = meant(content.get("code"), KINDS, reading.codes)
            if found is None:
                _unknown(resource, content, reading)
            elif found[0] == "visit":
                measures.append((resource, found[1], _measure(found[1], content)))
                measures += [(resource, item, value) for item, value in extensions(content, "visit").items()]
            elif found[0] == "analyte":
                rows["lab"].append(MadeRow(values=_lab(resource, content, found[1], reading), place=resource.place))
            else:
                values = _antibody(resource, content, found[1], reading)
                rows["antibody"].append(MadeRow(values=values, place=resource.place))
    return rows | {"visit": _visits(measures, reading)}


def _counts(resource: Resource, reading: Reading) -> bool:
    """Say whether an Observation is taken in; one that is not final is taken in and asked about."""
    status = text_of(resource.content.get("status")) or "without"
    if status in _LEFT_OUT:
        reading.remarks.leave("fhir.status", resource.place.file, status, "{n} Observation of this status left out.")
        return False
    if status not in _FINAL and any(
        meant(content.get("code"), KINDS, reading.codes) for content in _with_components(resource.content)
    ):
        message = f"The Observation is not final: its status is {status[:20]}."
        reading.remarks.say("fhir.not_final", resource.place, message, advice="Confirm it, or send it when it is.")
    return True


def _with_components(content: Json) -> Iterator[Json]:
    """Return an Observation itself if it has a value or no components, then its components."""
    inside = [one for one in items(content, "component") if isinstance(one, dict)]
    if not inside or any(name.startswith("value") for name in content):
        yield content
    yield from inside


def _unknown(resource: Resource, content: Json, reading: Reading) -> None:
    system, code = name_of(content.get("code"))
    reading.remarks.leave(
        "fhir.code",
        resource.place.file,
        f"{system} {code}".strip(),
        "{n} Observation of this code left out.",
        reading.codes.advice(system, code),
    )


def _day(content: Json) -> str | None:
    return date_of(content.get("effectiveDateTime")) or date_of(part(content, "effectivePeriod", "start"))


def _lab(resource: Resource, content: Json, analyte: str, reading: Reading) -> dict[str, str | None]:
    quantity = content.get("valueQuantity")
    unit = _unit(quantity, reading)
    low, high = _limits(resource, content, quantity, reading)
    return {
        "patient_id": patient_of(resource, reading),
        "analyte": analyte,
        "date": _day(resource.content),
        "value": _value(content),
        "unit": unit,
        "lln": low,
        "uln": high,
        "method": text_of(part(content, "method", "text")) or text_of(part(content, "method", "coding", "display")),
        **extensions(content, "lab"),
    }


def _value(content: Json) -> str | None:
    """Return the number; one with a comparator keeps it, because a limit of detection is no value."""
    quantity = content.get("valueQuantity")
    if not isinstance(quantity, dict):
        others = [value for name, value in content.items() if name.startswith("value")]
        return text_of(others[0]) if others else None
    comparator = text_of(quantity.get("comparator")) or ""
    value = text_of(quantity.get("value"))
    return f"{comparator}{value}" if comparator and value else value


def _unit(quantity: Any, reading: Reading) -> str | None:  # noqa: ANN401  (any JSON)
    """Return the unit as the contract writes it: from the UCUM code, or from a text that is one already."""
    code, said = text_of(part(quantity, "code")), text_of(part(quantity, "unit"))
    return (reading.codes.meaning("ucum", "unit", code) or code) if code else said


def _limits(resource: Resource, content: Json, quantity: object, reading: Reading) -> tuple[str | None, str | None]:
    """Return the lower and upper limit of normal, if there is one range and it is in the unit of the value."""
    ranges = [
        one
        for one in items(content, "referenceRange")
        if part(one, "type") is None or part(one, "type", "coding", "code") == "normal"
    ]
    if not ranges:
        return None, None
    unit = _unit(quantity, reading)
    units = {_unit(part(ranges[0], side), reading) for side in ("low", "high")} - {None, unit}
    if len(ranges) > 1 or units:
        message = "several ranges" if len(ranges) > 1 else "a range in another unit than the value"
        reading.remarks.say(
            "fhir.range",
            resource.place,
            f"The limits of normal were not taken in: {message}.",
            advice="Send the one range that holds for this person, in the unit of the value.",
            columns=("referenceRange",),
        )
        return None, None
    return text_of(part(ranges[0], "low", "value")), text_of(part(ranges[0], "high", "value"))


def _antibody(resource: Resource, content: Json, antibody: str, reading: Reading) -> dict[str, str | None]:
    concept = content.get("valueCodeableConcept")
    found = meant(concept, ("result",), reading.codes)
    others = [text_of(content.get(name)) for name in ("valueString", "valueCode")] + [text_of(part(concept, "text"))]
    return {
        "patient_id": patient_of(resource, reading),
        "antibody": antibody,
        "result": found[1] if found else next((said for said in others if said), None) or name_of(concept)[1] or None,
        "method": text_of(part(content, "method", "text")),
        "date": _day(resource.content),
        **extensions(content, "antibody"),
    }


def _measure(item: str, content: Json) -> str | None:
    """Return a measure of a visit in the unit of the contract; one in an unknown unit keeps it, and is refused."""
    value = _value(content)
    quantity = content.get("valueQuantity")
    code = part(quantity, "code")
    unit = text_of(code if code is not None else part(quantity, "unit")) or ""
    return in_contract_unit(item, value, unit)


def in_contract_unit(item: str, value: str | None, unit: str) -> str | None:
    """Return a measure of a visit converted exactly to the contract's unit, or with its unit if that is not known."""
    factor = _factors().get((item, unit))
    if value is None or factor == 1:
        return value
    if factor is None:
        return f"{value} {unit or '(no unit)'}"
    try:
        return text_of(Decimal(value) * factor)
    except InvalidOperation:
        return value


@cache
def _factors() -> dict[tuple[str, str], Decimal]:
    return {(row["item"], row["unit"]): Decimal(row["factor"]) for row in codelist("visit_units")}


def _visits(measures: list[tuple[Resource, str, str | None]], reading: Reading) -> list[MadeRow]:
    """Return a row for every person and day, at the place of its first measure.

    Two values of one measure on one day make a second row of the same key: the checks refuse both and name them.
    """
    rows: dict[tuple[str | None, str | None], list[tuple[Resource, dict[str, str | None]]]] = {}
    for resource, item, value in measures:
        person, day = patient_of(resource, reading), _day(resource.content)
        mine = rows.setdefault((person, day), [])
        free = [values for _, values in mine if values.get(item) is None or values[item] == value]
        if not free:
            mine.append((resource, {"patient_id": person, "date": day}))
            free = [mine[-1][1]]
        free[0][item] = value
    return [MadeRow(values=values, place=resource.place) for made in rows.values() for resource, values in made]
