"""One centre, one date: a folder of CSV files and a manifest, read strictly and not yet checked row by row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.contract import TABLES, contract
from registry.delimited import read_delimited
from registry.encoding import EMPTY_TABLE
from registry.errors import ExitCode, Problem, UserError
from registry.explain import nearest
from registry.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date
    from pathlib import Path

    import pyarrow as pa

MAXIMUM_BYTES = 256 * 1024 * 1024
"""Largest file that is read: about four million laboratory rows."""
_MAXIMUM_MANIFEST_BYTES = 64 * 1024
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini")


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submission as it was read, text only.

    name: of its folder. centre, date, contract, sender, units: of its manifest; empty or None if that is unreadable.
    sha256: of every file's name and bytes. tables: for each readable file `line` and the contract's columns as text,
    null where empty. broken: rows with another number of fields than the header (line, fields, content). counts: rows
    by the files' own count. problems: of the files as wholes.
    """

    folder: Path
    name: str
    centre: str
    date: date | None
    contract: str
    sender: str
    units: Mapping[str, str]
    sha256: str
    tables: Mapping[str, pa.Table]
    broken: Mapping[str, pa.Table]
    counts: Mapping[str, int]
    problems: tuple[Problem, ...]


def read_submission(folder: Path, *, progress: Callable[[str, float], None] | None = None) -> Submission:
    """Read every file of a submission and return it with all that is wrong with the files as wholes.

    Raises UserError if there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(
            str(folder),
            seen="This is a file, not a folder." if folder.exists() else "There is no such folder.",
            expected=f"Expected a folder with {MANIFEST} and {len(TABLES)} CSV files.",
            advice="Unpack it if it is an archive, and name the folder.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_SUBMISSION,
        )
    folder = folder.resolve()
    problems = list(_strangers(folder))
    digest = hashlib.sha256()
    text = _read_bytes(folder, MANIFEST, _MAXIMUM_MANIFEST_BYTES, digest, problems)
    manifest, wrong = read_manifest(text, folder.name) if text is not None else (None, ())
    problems += wrong
    tables, broken, counts = {}, {}, {}
    for done, (name, table) in enumerate(sorted(contract().items())):
        data = _read_bytes(folder, table.file, MAXIMUM_BYTES, digest, problems)
        if data is None:
            continue

        def report(share: float, file: str = table.file, done: int = done) -> None:
            if progress is not None:
                progress(f"reading {file}", (done + share) / len(TABLES))

        read = read_delimited(data, table, progress=report)
        problems += read.problems
        if read.rows is not None:
            tables[name], broken[name], counts[name] = read.rows, read.broken, read.count
    return Submission(
        folder=folder,
        name=folder.name,
        centre=manifest.centre if manifest else "",
        date=manifest.date if manifest else None,
        contract=manifest.contract if manifest else "",
        sender=manifest.sender if manifest else "",
        units=manifest.units if manifest else {},
        sha256=digest.hexdigest(),
        tables=tables,
        broken=broken,
        counts=counts,
        problems=tuple(problems),
    )


def _read_bytes(folder: Path, name: str, maximum: int, digest: hashlib._Hash, problems: list[Problem]) -> bytes | None:
    """Return the bytes of a file once, so that what is hashed is what is read; None, with the problem, if not."""
    path = folder / name
    try:
        if not path.is_file():
            meant = nearest(name, sorted(path.name for path in folder.iterdir() if path.name not in _files()))
            usual = "Write centre, date and contract into it." if name == MANIFEST else EMPTY_TABLE
            advice = f"Rename {meant}." if meant else usual
            problems.append(_refuse("file.missing", name, "The file is missing.", advice))
            return None
        if (size := path.stat().st_size) > maximum:
            message = f"The file has {size:,} bytes; at most {maximum:,} are read."
            problems.append(_refuse("file.size", name, message, "Check what was exported."))
            return None
        data = path.read_bytes()
    except OSError as error:
        message = f"The file cannot be read: {error.strerror}."
        problems.append(_refuse("file.unreadable", name, message, "Check its permissions."))
        return None
    digest.update(f"{name} {len(data)}\n".encode())
    digest.update(data)
    return data


def _strangers(folder: Path) -> Iterator[Problem]:
    """Name what lies in the folder and is not part of the contract: it is not read, and may be a misspelt file."""
    for path in sorted(folder.iterdir()):
        ours = path.name in _files() or path.name.startswith((".", "~$")) or path.name.lower() in _LEFT_BY_SYSTEMS
        if not ours:
            yield Problem(
                rule="file.unknown",
                severity="query",
                file=path.name,
                message="The contract has no such file; it was not read.",
                advice="Leave it out of the next submission.",
            )


def _files() -> set[str]:
    return {MANIFEST, *(table.file for table in contract().values())}


def _refuse(rule: str, file: str, message: str, advice: str) -> Problem:
    return Problem(rule=rule, severity="reject", file=file, message=message, advice=advice)
