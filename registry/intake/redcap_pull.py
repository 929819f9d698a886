"""The records of a REDCap project, straight from its API, as a submission that is ready to be taken in."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from registry.contract import VERSION
from registry.errors import ExitCode
from registry.intake.manifest import MANIFEST, Manifest
from registry.intake.redcap import MAXIMUM_MAPPING_BYTES
from registry.intake.redcap_answer import plain_address, refusal
from registry.intake.redcap_api import MAXIMUM_BYTES, ask
from registry.intake.redcap_mapping import ACCESS_GROUP, STRUCTURE, Mapping, read_mapping
from registry.intake.redcap_project import compare, not_whole, read_project, table_of
from registry.keeping.publish import UNFINISHED, sync_folder, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date
    from pathlib import Path

    from registry.intake.redcap_api import Api
    from registry.intake.redcap_project import Project

DATA, MAPPING = "redcap.csv", "mapping.toml"

_HASH = re.compile(r"[0-9a-f]{32}")
"""What REDCap gives instead of a record ID to a user who may only see de-identified data."""


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """What was written: the folder, and how many records, rows and fields of which version of REDCap."""

    folder: Path
    records: int
    rows: int
    fields: int
    version: str

    def text(self) -> str:
        """Return what the command line says."""
        return (
            f"{self.records} records in {self.rows} rows of {self.fields} fields, from REDCap {self.version}.\n"
            f"Written to {self.folder}. Take them in with: myoregistry add {self.folder}"
        )


def pull_redcap(
    api: Api,
    mapping_file: Path,
    output: Path,
    *,
    centre: str,
    day: date,
    sender: str = "",
    batch: int = 500,
    progress: Callable[[str, float], None] | None = None,
) -> Pulled:
    """Pull what a mapping reads of a project and write it as the submission <output>/<centre>-<day>.

    Only the fields and events of the mapping are asked for. Every record that the project names at the start must come,
    with the same columns in every batch; else nothing is written. The folder appears whole or not at all, for its
    owner only.

    Parameters
    ----------
    api
        From `open_api`.
    mapping_file
        The mapping; a copy goes into the submission.
    output
        Folder in which the submission is made.
    centre, day, sender
        For the manifest.
    batch
        Records a question, at least 1.
    progress
        Called with what is being done and the share that is done, from 0 to 1.
    """
    manifest = _manifest(centre, day, sender)
    folder = output / f"{centre}-{day.isoformat()}"
    if folder.exists() or folder.is_symlink():
        raise refusal(
            str(folder),
            "There is such a folder already.",
            "Expected a name that is free.",
            "Remove it if it is not wanted, or name another --output or --date.",
        )
    said, mapping = _mapping(mapping_file)
    project = read_project(api, mapping)
    compare(api, project, mapping, str(mapping_file))
    ids = _record_ids(api, mapping)
    header, parts, rows = "", [], 0
    for start in range(0, len(ids), batch):
        if progress is not None:
            progress("pulling records", start / len(ids))
        wanted = ids[start : start + batch]
        head, body, count = _records(api, _question(project, mapping, wanted), mapping, wanted)
        header = header or head
        if head != header:
            raise not_whole(api, "Two batches came with different columns.")
        parts.append(body)
        rows += count
    export = (header + "".join(parts)).encode()
    if len(export) > MAXIMUM_BYTES:
        raise refusal(
            plain_address(api.url),
            f"The records have {len(export):,} bytes.",
            f"Expected at most {MAXIMUM_BYTES:,}.",
            "Map fewer fields.",
        )
    _write(folder, {MANIFEST: manifest.encode(), MAPPING: said, DATA: export})
    return Pulled(folder=folder, records=len(ids), rows=rows, fields=len(mapping.fields), version=project.version)


def _mapping(path: Path) -> tuple[bytes, Mapping]:
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMUM_MAPPING_BYTES + 1)
    except OSError as error:
        raise refusal(
            str(path),
            f"The mapping cannot be read: {error.strerror}.",
            "Expected a TOML file.",
            "Name it with --mapping.",
        ) from None
    mapping, wrong = read_mapping(data[:MAXIMUM_MAPPING_BYTES], path.name)
    if mapping is None:
        lines = [" ".join((f"{', '.join(p.columns)}:" if p.columns else "", p.message, p.advice)) for p in wrong]
        raise refusal(
            str(path),
            "\n  ".join(line.strip() for line in lines),
            "Expected a mapping from REDCap fields to the contract.",
            "Correct what is listed.",
            exit_code=ExitCode.BAD_SUBMISSION,
        )
    return data, mapping


def _record_ids(api: Api, mapping: Mapping) -> Sequence[str]:
    """Return the ids of all records that have a row in the mapping's events, in REDCap's order."""
    question = {
        "content": "record",
        "type": "flat",
        "fields[0]": mapping.record_id,
        **_numbered("events", mapping.events),
    }
    header, rows = table_of(api, ask(api, question))
    if not rows:
        raise refusal(
            plain_address(api.url),
            "The project holds no record in the events of the mapping.",
            "Expected at least one.",
            "Check that the token is of the right project, and that its user's data access group holds records.",
            exit_code=ExitCode.NOTHING_TO_READ,
        )
    if mapping.record_id not in header:
        raise _no_export_right(api, [mapping.record_id])
    at = header.index(mapping.record_id)
    return list(dict.fromkeys(row[at] for row in rows))


def _question(project: Project, mapping: Mapping, records: Sequence[str]) -> dict[str, str]:
    """Return the question for some records: raw, flat, and no field that the mapping does not read.

    Forms are not named: REDCap would add every field of theirs.
    """
    own = {*STRUCTURE, ACCESS_GROUP}
    fields = dict.fromkeys(project.variables.get(name, name) for name in mapping.fields if name not in own)
    return {
        "content": "record",
        "type": "flat",
        "csvDelimiter": ",",
        "rawOrLabel": "raw",
        "rawOrLabelHeaders": "raw",
        "exportCheckboxLabel": "false",
        "exportSurveyFields": "false",
        "exportDataAccessGroups": "true" if ACCESS_GROUP in mapping.fields else "false",
        **_numbered("records", records),
        **_numbered("fields", tuple(fields)),
        **_numbered("events", mapping.events),
    }


def _records(api: Api, question: dict[str, str], mapping: Mapping, wanted: Sequence[str]) -> tuple[str, str, int]:
    """Return the header line, the rows as REDCap wrote them and their number, once they are proved complete."""
    text = ask(api, question)
    header, rows = table_of(api, text)
    missing = [name for name in mapping.fields if name not in header]
    if header and missing:
        raise _no_export_right(api, missing)
    at = header.index(mapping.record_id) if header else 0
    came = {row[at] for row in rows}
    if came != set(wanted):
        lost, others = len(set(wanted) - came), len(came - set(wanted))
        hashed = all(_HASH.fullmatch(record) for record in wanted)
        hint = " The ids look hashed: the user lacks the export right Full Data Set." if hashed else ""
        raise not_whole(api, f"Of {len(wanted)} records {lost} did not come, and {others} others did.{hint}")
    # The header holds names only, so it ends with the first line.
    head, _, body = text.partition("\n")
    return f"{head.rstrip(chr(13))}\n", body if body.endswith("\n") else f"{body}\n", len(rows)


def _no_export_right(api: Api, missing: Sequence[str]) -> Exception:
    some = 10
    shown = ", ".join(missing[:some]) + (", ..." if len(missing) > some else "")
    return refusal(
        plain_address(api.url),
        f"REDCap left fields out that the project has ({len(missing)}): {shown}.",
        "Expected a user with the export right Full Data Set on the forms that the mapping reads.",
        "Ask the project's administrator for this right; REDCap drops what a user may not export without a word.",
    )


def _numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    return {f"{name}[{number}]": value for number, value in enumerate(values)}


def _manifest(centre: str, day: date, sender: str) -> str:
    """Return manifest.toml; UserError if the centre or the sender cannot stand in one."""
    try:
        Manifest(centre=centre, date=day, contract=VERSION, sender=sender, format="redcap")
    except ValidationError:
        raise refusal(
            "--centre",
            "This is no code of a centre.",
            "Expected lower case, without spaces.",
            "Take it from study.toml.",
        ) from None
    if not sender.isprintable():
        raise refusal("--sender", "The text holds a control character.", "Expected a name.", "Write it again.")
    return (
        f'centre = "{centre}"\ndate = {day.isoformat()}\ncontract = "{VERSION}"\n'
        f'sender = {json.dumps(sender, ensure_ascii=False)}\nformat = "redcap"\n\n'
        f'[redcap]\ndata = "{DATA}"\nmapping = "{MAPPING}"\n'
    )


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Make a folder with these files appear whole, for its owner only; UserError if the disk does not take it."""
    unfinished = folder.with_name(f"{UNFINISHED}{os.getpid()}-{folder.name}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir(mode=0o700)
        for name, data in contents.items():
            write_file(unfinished / name, data)
        unfinished.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise refusal(
            str(folder),
            f"The submission cannot be written: {error.strerror}.",
            "Expected a folder that can be written to, with free space.",
            "Name another --output, or make room.",
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
