"""What a REDCap project has, compared with what a mapping reads of it, before any record is asked for."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.checking.explain import nearest
from registry.errors import ExitCode
from registry.intake.redcap_answer import no_redcap, plain_address, refusal
from registry.intake.redcap_api import ask
from registry.intake.redcap_mapping import ACCESS_GROUP, STRUCTURE, checkbox_column

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from registry.errors import UserError
    from registry.intake import redcap_mapping
    from registry.intake.redcap_api import Api

_VERSION = re.compile(r"\d+\.\d+\.\d+[^\s<>]{0,20}")
_DICTIONARY = ("field_name", "form_name", "field_type", "select_choices_or_calculations")


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project's structure.

    version: of REDCap. record_id: name of its first field. variables: by column of the flat export, the variable to
    ask for, which differs for checkboxes. forms: of the data dictionary. events: unique names; empty in a project
    without events.
    """

    version: str
    record_id: str
    variables: Mapping[str, str]
    forms: tuple[str, ...]
    events: tuple[str, ...]


def read_project(api: Api, mapping: redcap_mapping.Mapping) -> Project:
    """Ask for the version, the data dictionary and, if the mapping names events, for these."""
    version = ask(api, {"content": "version"}).strip()
    if not _VERSION.fullmatch(version):
        raise no_redcap(plain_address(api.url), "The answer to the question for the version is no version.")
    header, fields = table_of(api, ask(api, {"content": "metadata"}))
    at = {name: header.index(name) for name in _DICTIONARY if name in header}
    if len(at) < len(_DICTIONARY) or not fields:
        raise no_redcap(plain_address(api.url), "The answer to the question for the data dictionary is none.")
    rows = [{name: row[place] for name, place in at.items()} for row in fields]
    variables: dict[str, str] = {}
    for row in rows:
        name = row["field_name"]
        if row["field_type"] == "checkbox":
            codes = (choice.partition(",")[0].strip() for choice in row["select_choices_or_calculations"].split("|"))
            variables |= {checkbox_column(name, code): name for code in codes}
        elif row["field_type"] != "descriptive":
            variables[name] = name
    forms = tuple(dict.fromkeys(row["form_name"] for row in rows))
    variables |= {f"{form}_complete": f"{form}_complete" for form in forms}
    return Project(
        version=version,
        record_id=rows[0]["field_name"],
        variables=variables,
        forms=forms,
        events=_events(api) if mapping.events else (),
    )


def compare(api: Api, project: Project, mapping: redcap_mapping.Mapping, file: str) -> None:
    """Raise UserError with everything that the mapping reads and the project does not have."""
    wrong = list(_differences(project, mapping))
    if wrong:
        raise refusal(
            file,
            "\n  ".join(wrong),
            f"Expected only what the project at {plain_address(api.url)} has.",
            "Correct the mapping.",
            exit_code=ExitCode.BAD_SUBMISSION,
        )


def table_of(api: Api, text: str) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Return header and rows of an answer, ([], []) if it is empty; UserError if a row is not whole."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        raise not_whole(api, "The quotes of the answer do not match.") from None
    if not rows:
        return [], []
    header, *rows = rows
    if any(len(row) != len(header) for row in rows):
        raise not_whole(api, "The answer has a row with another number of fields than its header.")
    return header, rows


def not_whole(api: Api, seen: str) -> UserError:
    """Return the error of records that did not all come, or did not come whole."""
    return refusal(
        plain_address(api.url),
        seen,
        "Expected every record, whole.",
        "Pull again while nobody enters data; with a smaller --batch if it stays so.",
        exit_code=ExitCode.BUSY,
    )


def _events(api: Api) -> tuple[str, ...]:
    header, rows = table_of(api, ask(api, {"content": "formEventMapping"}))
    if "unique_event_name" not in header:
        return ()
    at = header.index("unique_event_name")
    return tuple(dict.fromkeys(row[at] for row in rows))


def _differences(project: Project, mapping: redcap_mapping.Mapping) -> Iterator[str]:
    if mapping.record_id != project.record_id:
        yield f"record_id: the project's record ID is {project.record_id}, not {mapping.record_id}."
    own = {*STRUCTURE, ACCESS_GROUP}
    fields = [name for name in mapping.fields if name not in own and name != mapping.record_id]
    yield from _unknown("field", fields, project.variables)
    yield from _unknown("repeating instrument", mapping.instruments, project.forms)
    yield from _unknown("event", mapping.events, project.events)


def _unknown(what: str, named: Sequence[str], has: Collection[str]) -> Iterator[str]:
    for name in named:
        if name not in has:
            meant = nearest(name, sorted(has))
            yield f"{name}: the project has no such {what}." + (f" Did you mean {meant}?" if meant else "")
