"""FHIR files as resources: strict JSON with exact numbers, the entry of each resource, and what references mean."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from registry.intake.made_rows import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from registry.intake.made_rows import Remarks
    from registry.intake.sent_files import SentFiles

    Json = Mapping[str, Any]

MAXIMUM_BYTES = 100 * 1024 * 1024
"""Largest FHIR file that is read; a larger export is sent as several files."""
ENDINGS = (".json", ".ndjson")
_DEEPEST = 60
_UNREADABLE = object()
_ADVICE = "Export it again; do not repair it by hand."


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource and where it stands."""

    kind: str
    content: Json
    place: Place
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """All resources of a submission in the order of files and entries, and by what references call them."""

    listed: tuple[Resource, ...]
    named: Mapping[str, Resource] = field(default_factory=dict)

    def of(self, kind: str) -> Iterator[Resource]:
        """Return the resources of a kind, such as Patient."""
        return (resource for resource in self.listed if resource.kind == kind)

    def find(self, reference: object, owner: Resource) -> Resource | None:
        """Return what a Reference points to: an entry of any file of the submission, or a contained resource."""
        name = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(name, str):
            return None
        if name.startswith("#"):
            inside = owner.content.get("contained")
            for one in inside if isinstance(inside, list) else ():
                if isinstance(one, dict) and one.get("id") == name[1:]:
                    return Resource(kind=str(one.get("resourceType")), content=one, place=owner.place)
            return None
        plain = name.partition("/_history/")[0]
        # Patient/7, or https://server/fhir/Patient/7 where the entries have no full addresses.
        return self.named.get(plain) or self.named.get("/".join(plain.split("/")[-2:]))


def read_resources(files: SentFiles, remarks: Remarks) -> Resources:
    """Read every *.json (a Bundle) and *.ndjson (a resource a line) of a submission.

    What cannot be read as JSON is a problem of that file; what is no resource is a problem of its entry.
    """
    read: list[Resource] = []
    for name in files.names:
        if not name.lower().endswith(ENDINGS):
            continue
        data = files.read(name, maximum=MAXIMUM_BYTES)
        if data is not None:
            resources = _lines if name.lower().endswith(".ndjson") else _bundle
            read += resources(name, data, remarks)
    listed: list[Resource] = []
    named: dict[str, Resource] = {}
    for resource in read:
        own = resource.content.get("id")
        name = f"{resource.kind}/{own}" if isinstance(own, str) and own else ""
        # Every page of a search may bring the same Patient: the same resource again is the same resource.
        if name in named and named[name].content == resource.content:
            named.setdefault(resource.url or name, named[name])
            continue
        listed.append(resource)
        for one in filter(None, (resource.url, name)):
            named.setdefault(one, resource)
    return Resources(listed=tuple(listed), named=named)


def _bundle(name: str, data: bytes, remarks: Remarks) -> list[Resource]:
    """Return the resources of a Bundle, its entries counted from 1."""
    content = _parse(name, data, None, remarks)
    if content is _UNREADABLE:
        return []
    entries = content.get("entry", []) if isinstance(content, dict) else None
    if not isinstance(content, dict) or content.get("resourceType") != "Bundle" or not isinstance(entries, list):
        _refuse(remarks, name, None, "fhir.bundle", "The file is not a FHIR Bundle with a list of entries.")
        return []
    found = []
    for at, entry in enumerate(entries, start=1):
        inside = entry.get("resource") if isinstance(entry, dict) else None
        url = entry.get("fullUrl") if isinstance(entry, dict) else None
        resource = _resource(inside, Place(file=name, at=at), remarks, url=url if isinstance(url, str) else "")
        found += [] if resource is None else [resource]
    return found


def _lines(name: str, data: bytes, remarks: Remarks) -> list[Resource]:
    """Return the resources of a file with one on every line, as bulk exports are; blank lines are none."""
    found = []
    for at, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            content = _parse(name, line, at, remarks)
            place = Place(file=name, at=at)
            resource = None if content is _UNREADABLE else _resource(content, place, remarks)
            found += [] if resource is None else [resource]
    return found


def _resource(content: object, place: Place, remarks: Remarks, *, url: str = "") -> Resource | None:
    kind = content.get("resourceType") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(kind, str):
        _refuse(remarks, place.file, place.at, "fhir.resource", "The entry holds no resource with a resourceType.")
        return None
    return Resource(kind=kind, content=content, place=place, url=url)


def _parse(name: str, data: bytes, at: int | None, remarks: Remarks) -> Any:  # noqa: ANN401  (any JSON)
    """Return JSON with every number as Decimal; _UNREADABLE if it is not valid, has NaN or a name twice, or is deep."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"The text is not in UTF-8: byte 0x{data[error.start]:02X}."
        _refuse(remarks, name, at, "fhir.encoding", message)
        return _UNREADABLE
    try:
        content = json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=_no_number, object_pairs_hook=_object
        )
        _shallow(content)
    except json.JSONDecodeError as error:
        # The decoder's own words quote nothing of the text.
        line = f"line {error.lineno}, " if at is None else ""
        message = f"This is not JSON: {line}character {error.colno}: {error.msg.lower()}."
    except RecursionError:
        message = "The JSON is nested too deeply."
    except ValueError as error:
        message = f"This is not strict JSON: {error}."
    else:
        return content
    _refuse(remarks, name, at, "fhir.json", message)
    return _UNREADABLE


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        message = "a number has an exponent beyond any measure"
        raise ValueError(message) from None


def _no_number(text: str) -> object:
    message = f"{text} is no number"
    raise ValueError(message)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        message = "an object has the same name twice"
        raise ValueError(message)
    return content


def _shallow(content: object) -> None:
    """Raise RecursionError beyond the depth that any resource has, before anything walks through it."""
    level = [content]
    for _ in range(_DEEPEST):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        if not inner:
            return
        level = inner
    raise RecursionError


def _refuse(remarks: Remarks, file: str, at: int | None, rule: str, message: str) -> None:
    if at is None:
        remarks.refuse(rule, file, message, advice=_ADVICE)
    else:
        remarks.say(rule, Place(file=file, at=at), message, advice=_ADVICE, severity="reject")
