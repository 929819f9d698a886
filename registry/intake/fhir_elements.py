"""Elements of FHIR resources as the text of the contract: dates, quantities, codes, and the project's extensions.

Nothing is repaired: what is not of the expected kind is handed on as text, so that the checks refuse the row and name
the place.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from registry.contract import codelist, contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.intake.fhir_json import Json, Resource, Resources
    from registry.intake.made_rows import Remarks
    from registry.intake.standard_codes import Codes

OWN = "urn:myoregistry:"
"""Base of the project's own names: extensions are OWN + table.column, code systems OWN + kind (visit, agent, ...)."""
_LONGEST = 60
_DIGITS = 30
_DATE_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What every reader of a kind of resources needs."""

    resources: Resources
    codes: Codes
    remarks: Remarks


def text_of(value: object) -> str | None:
    """Return a JSON value as the text that it would be in a CSV file; None if there is none."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number(value) if isinstance(value, Decimal) else json.dumps(value, default=str)[:_LONGEST]


def _number(value: Decimal) -> str:
    """Return a number without an exponent; one that is too long for any column keeps it, and is refused."""
    if abs(value.adjusted()) > _DIGITS or len(value.as_tuple().digits) > _DIGITS:
        return f"{value:.6E}"
    # 120.0 is a whole number in JSON; only zeros after the point are taken off.
    written = f"{value:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def date_of(value: object) -> str | None:
    """Return the day of a date or dateTime as it was written there; a partial date stays partial and is refused."""
    text = text_of(value)
    match = _DATE_TIME.fullmatch(text) if text else None
    return match[1] if match else text


def part(content: object, *names: str) -> Any:  # noqa: ANN401  (any JSON)
    """Return an element inside elements; the first of a list; None where there is none."""
    for name in names:
        if isinstance(content, list):
            content = content[0] if content else None
        content = content.get(name) if isinstance(content, dict) else None
    return content


def items(content: object, name: str) -> list[Any]:
    """Return a repeating element as a list, which it may not be."""
    found = content.get(name) if isinstance(content, dict) else None
    return found if isinstance(found, list) else [] if found is None else [found]


def codings(concept: object) -> Iterator[tuple[str, str, str]]:
    """Return (system, code, display) of a CodeableConcept; own systems as OWN + kind, unknown ones as they are."""
    systems = _systems()
    for coding in items(concept, "coding"):
        system, code = text_of(part(coding, "system")) or "", text_of(part(coding, "code")) or ""
        if code:
            yield systems.get(system, system), code, text_of(part(coding, "display")) or ""


@cache
def _systems() -> dict[str, str]:
    return {row["uri"]: row["system"] for row in codelist("code_systems")}


def meant(concept: object, kinds: Sequence[str], codes: Codes) -> tuple[str, str] | None:
    """Return (kind, meaning) of the first coding that is the project's own or in the code lists; None if none is."""
    for system, code, _ in codings(concept):
        for kind in kinds:
            if system == OWN + kind:
                return kind, code
            meaning = codes.meaning(system, kind, code)
            if meaning is not None:
                return kind, meaning
    return None


def name_of(concept: object) -> tuple[str, str]:
    """Return (system, code) of a concept's first coding, for words about it; ("", "") if it has none."""
    return next(((system, code) for system, code, _ in codings(concept)), ("", ""))


def extensions(content: Json, table: str) -> dict[str, str | None]:
    """Return the columns of a table that extensions give: urn:myoregistry:<table>.<column> with any value[x]."""
    found: dict[str, str | None] = {}
    for extension in items(content, "extension"):
        url = part(extension, "url")
        if not isinstance(url, str) or not url.startswith(f"{OWN}{table}."):
            continue
        column = url.removeprefix(f"{OWN}{table}.")
        values = [value for name, value in extension.items() if name.startswith("value")]
        if f"{table}.{column}" in _columns() and column != "patient_id":
            said = text_of(values[0]) if len(values) == 1 else None
            # The same extension twice: both values, which no column accepts.
            found[column] = said if column not in found else f"{found[column]} | {said}"
    return found


def unknown_extensions(content: Json) -> list[str]:
    """Return the project's own extensions that name no column of the contract: they may be misspelt."""
    urls = [part(extension, "url") for extension in items(content, "extension")]
    own = [url.removeprefix(OWN) for url in urls if isinstance(url, str) and url.startswith(OWN)]
    return [name for name in own if name not in _columns()]


@cache
def _columns() -> frozenset[str]:
    return frozenset(f"{table.table}.{column}" for table in contract().values() for column in table.names)


def patient_of(resource: Resource, reading: Reading, *, element: str = "subject") -> str | None:
    """Return the id of the person that a resource is about; the reference's own text if no entry has it."""
    reference = resource.content.get(element)
    found = reading.resources.find(reference, resource)
    if found is not None and found.kind == "Patient":
        return patient_id(found)
    said = text_of(part(reference, "reference"))
    # An unknown person is an orphan for the checks, which quote the id without its path.
    return said.rpartition("/")[2].rpartition(":")[2] if said else None


def patient_id(patient: Resource) -> str | None:
    """Return what a Patient is called: its id, or that of its address. Identifiers are never looked at."""
    own = text_of(patient.content.get("id"))
    return own or patient.url.rpartition("/")[2].rpartition(":")[2] or None
