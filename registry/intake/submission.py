"""One centre, one date: a folder or archive of files and a manifest, read strictly, not yet checked row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from registry.errors import ExitCode, UserError
from registry.intake.fhir import read_fhir
from registry.intake.manifest import MANIFEST, Manifest, read_manifest
from registry.intake.omop import read_omop
from registry.intake.redcap import read_redcap
from registry.intake.removed import REMOVED
from registry.intake.sent_files import SentFiles, is_archive
from registry.intake.table_files import read_table_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path

    import pyarrow as pa

    from registry.errors import Problem
    from registry.intake.tables import TextTable

    Reader = Callable[[SentFiles, Manifest | None, Callable[[str, float], None]], Mapping[str, TextTable]]

MAXIMUM_MANIFEST_BYTES = 64 * 1024
_CHECK_PATH = "Check how the path is spelt."
READERS: Mapping[str, Reader] = {
    "tables": read_table_files,
    "redcap": read_redcap,
    "fhir": read_fhir,
    "omop": read_omop,
}
"""What turns the files of each format into tables of the contract as text; problems go into the files' list."""


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submission as it was read, text only.

    name: of its folder, or of its archive without .zip. manifest: None if it is unreadable. sha256: of every file's
    name and bytes. tables: for each readable table `line` and the contract's columns as text, null where empty. broken:
    rows with another number of fields than the header (line, fields, content). counts: rows by the files' own count.
    labels: what the file of a table is called. places: where rows stand, for tables whose lines are not lines of that
    file. removed: in a delta, by table, `line` and the key columns of rows that are no longer there. problems: of the
    files as wholes.
    """

    path: Path
    name: str
    manifest: Manifest | None
    sha256: str
    tables: Mapping[str, pa.Table]
    broken: Mapping[str, pa.Table]
    counts: Mapping[str, int]
    labels: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, pa.Table] = field(default_factory=dict)
    removed: Mapping[str, pa.Table] = field(default_factory=dict)
    problems: tuple[Problem, ...]

    @property
    def centre(self) -> str:
        """Code of the centre; empty if the manifest is unreadable."""
        return self.manifest.centre if self.manifest else ""

    @property
    def date(self) -> date | None:
        """Date of the submission; None if the manifest is unreadable."""
        return self.manifest.date if self.manifest else None

    @property
    def units(self) -> Mapping[str, str]:
        """Declared units by table.column."""
        return self.manifest.units if self.manifest else {}

    def label(self, table: str) -> str:
        """Return what the file of a table is called in messages."""
        return self.labels.get(table, f"{table}.csv")


def read_submission(path: Path, *, progress: Callable[[str, float], None] | None = None) -> Submission:
    """Read every file of a submission and return it with all that is wrong with the files as wholes.

    Raises UserError if the path is neither a folder nor a zip archive.
    """
    if not path.is_dir() and not is_archive(path):
        raise UserError(
            str(path),
            seen="This is a file, and not a zip archive." if path.exists() else "There is no such folder or archive.",
            expected=f"Expected a folder or a .zip with {MANIFEST} and the tables.",
            advice=f"Put the files and {MANIFEST} into a folder, and name the folder."
            if path.exists()
            else _CHECK_PATH,
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_SUBMISSION,
        )
    files = SentFiles(path.resolve())
    if files.problems:
        return _unopened(files)
    advice = "Write centre, date and contract into it."
    text = files.read(MANIFEST, maximum=MAXIMUM_MANIFEST_BYTES, if_missing=advice)
    manifest, wrong = read_manifest(text, files.name) if text is not None else (None, ())
    files.problems += wrong
    read = READERS[manifest.format if manifest else "tables"]
    found = read(files, manifest, progress or _silent)
    files.strangers()
    read_rows = {name: table for name, table in found.items() if table.rows is not None}
    good = {name: table for name, table in read_rows.items() if not name.startswith(REMOVED)}
    gone = {name.removeprefix(REMOVED): table.rows for name, table in read_rows.items() if name.startswith(REMOVED)}
    return Submission(
        path=files.path,
        name=files.name,
        manifest=manifest,
        sha256=files.sha256,
        tables={name: table.rows for name, table in good.items() if table.rows is not None},
        broken={name: table.broken for name, table in good.items()},
        counts={name: table.count for name, table in good.items()},
        labels={name: table.label for name, table in found.items() if not name.startswith(REMOVED)},
        places={name: table.places for name, table in good.items() if table.places is not None},
        removed={name: rows for name, rows in gone.items() if rows is not None},
        problems=(*files.problems, *(problem for table in found.values() for problem in table.problems)),
    )


def _unopened(files: SentFiles) -> Submission:
    """Return a submission of which nothing could be read; what is missing in it is not worth a word."""
    return Submission(
        path=files.path,
        name=files.name,
        manifest=None,
        sha256=files.sha256,
        tables={},
        broken={},
        counts={},
        problems=tuple(files.problems),
    )


def _silent(what: str, share: float) -> None:
    del what, share
