"""manifest.toml: which centre, which date, which contract, and units that are not the contract's own."""

from __future__ import annotations

import datetime as dt  # noqa: TC003  (pydantic reads the annotation at run time)
import tomllib
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.contract import READABLE_VERSIONS, VERSION, contract
from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.errors import Severity

MANIFEST = "manifest.toml"


class Csv(BaseModel):
    """How the text files of a submission are written, where it cannot be told from the files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoding: Literal["utf-8", "utf-16", "windows-1252"] | None = None
    separator: Literal[",", ";", "tab"] | None = None
    decimal: Literal[".", ","] | None = None


class Redcap(BaseModel):
    """Where the export of a REDCap project and its mapping to the contract lie in the submission."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str = "redcap.csv"
    mapping: str = "mapping.toml"


class Manifest(BaseModel):
    """What manifest.toml says of a submission.

    format: what the files are. kind: "cumulative", the state of the whole cohort on that date, or "delta", only what
    is new or has changed since the submission of the centre that is dated base.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    centre: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    date: Annotated[dt.date, Field(strict=True)]
    contract: str
    sender: str = ""
    format: Literal["tables", "redcap", "fhir", "omop"] = "tables"
    kind: Literal["cumulative", "delta"] = "cumulative"
    base: Annotated[dt.date, Field(strict=True)] | None = None
    units: dict[str, str] = Field(default_factory=dict)
    csv: Csv = Csv()
    redcap: Redcap = Redcap()


def read_manifest(data: bytes, folder_name: str) -> tuple[Manifest | None, tuple[Problem, ...]]:
    """Return the manifest, None if it cannot be used at all, and what is wrong with it."""
    try:
        raw = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return None, (_problem("unreadable", None, "", "The file is not in UTF-8.", "Save it as UTF-8."),)
    except (ValueError, RecursionError) as error:
        # Beside its own error, tomllib lets those of endless numbers and of endless nesting through.
        return None, (_problem("unreadable", None, "", f"The file is not TOML: {error}.", "Correct that place."),)
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        places = [(".".join(str(part) for part in e["loc"]), e["type"], e["msg"]) for e in error.errors()]
        return None, tuple(_setting_problem(*place) for place in places)
    return manifest, tuple(_manifest_problems(manifest, folder_name))


def _setting_problem(place: str, kind: str, text: str) -> Problem:
    if kind == "missing":
        message, advice = "The setting is missing.", "Add it."
    elif kind == "extra_forbidden":
        message, advice = "There is no such setting.", "Remove it, or correct its name."
    elif place == "date":
        message, advice = "Expected the day of the submission.", "Write it without quotes, such as date = 2026-06-30."
    elif place == "centre":
        message, advice = "Expected the code of a centre.", "Write it as in study.toml: lower case, without spaces."
    else:
        message, advice = f"{text}.", "Correct it."
    return _problem("setting", place, "", message, advice)


def _manifest_problems(manifest: Manifest, folder_name: str) -> Iterator[Problem]:
    if manifest.contract not in READABLE_VERSIONS:
        yield _problem(
            "contract",
            "contract",
            manifest.contract,
            f"Expected the contract's version {VERSION}.",
            "Export the tables again for that version.",
        )
    if (manifest.kind == "delta") != (manifest.base is not None):
        yield _problem(
            "base",
            "base",
            "",
            "A delta says what has changed since an earlier submission, and only a delta has one.",
            'Write kind = "delta" and base = the date of that submission, or neither.',
        )
    for place, unit in manifest.units.items():
        table, _, name = place.partition(".")
        column = next((c for c in contract()[table].columns if c.name == name), None) if table in contract() else None
        accepts = column.accepts if column is not None else ()
        if not accepts:
            advice = "Remove it; a unit can be declared for " + ", ".join(_declarable()) + "."
            yield _problem("unit", f"units.{place}", unit, "This column has no unit to declare.", advice)
        elif unit not in accepts:
            message = f"Expected one of: {', '.join(accepts)}."
            yield _problem("unit", f"units.{place}", unit, message, "Correct it, or convert the column.")
    name = f"{manifest.centre}-{manifest.date.isoformat()}"
    if name != folder_name:
        yield _problem(
            "folder",
            None,
            "",
            f"The manifest says {name}, the folder is called {folder_name}. The manifest counts.",
            "Confirm the centre and the date.",
            severity="query",
        )


def _declarable() -> list[str]:
    columns = [(table.table, column) for table in contract().values() for column in table.columns]
    return [f"{table}.{column.name}" for table, column in columns if column.accepts]


def _problem(
    rule: str, place: str | None, value: str, message: str, advice: str, *, severity: Severity = "reject"
) -> Problem:
    return Problem(
        rule=f"manifest.{rule}",
        severity=severity,
        file=MANIFEST,
        columns=() if place is None else (place,),
        values=(value,) if value else (),
        message=message,
        advice=advice,
    )
