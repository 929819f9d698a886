"""A copy of the registry elsewhere: database, archive, head and withdrawals, each with its hash; never the keys."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import ExitCode, UserError
from registry.keeping import audit
from registry.keeping.archived import file_sha256
from registry.keeping.change import changing
from registry.keeping.database import open_database
from registry.keeping.private_files import private_files
from registry.keeping.publish import UNFINISHED, remove, sync_folder, write_file
from registry.keeping.trouble import tells_of_trouble
from registry.keeping.writer import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from registry.study import Study

MANIFEST = "backup.json"


@dataclass(frozen=True, kw_only=True)
class Backup:
    """A backup that has been verified. entry, hash: the newest of its audit trail. keys: fingerprint of its keys."""

    folder: Path
    entry: int
    hash: str
    keys: str
    files: Mapping[str, str]


@tells_of_trouble
def back_up(study: Study, destination: Path, *, wait_seconds: float = WAIT_SECONDS) -> Backup:
    """Copy the registry into a new folder of `destination`, read every copy back, and return it.

    Snapshots, Results and reports are not in it: the same registry gives them again. The keys must be kept elsewhere:
    whoever has both can name the persons.
    Raises UserError if there is no registry, or the backup is there already.
    """
    if not study.database.is_file() and not study.head.is_file():
        raise _refused(
            study.database, "There is no registry yet.", "Expected one to copy.", "Take a submission in first."
        )
    with changing(study, "backup", wait_seconds=wait_seconds) as change:
        connection = change.connection
        connection.execute("BEGIN")
        audit.append(connection, "backed up", destination.name, {})
        connection.execute("COMMIT")
        connection.execute("CHECKPOINT")
        head = audit.database_head(connection)
        audit.write_head(study.head, head)
        folder = destination / f"{study.name}-{head.entry:06d}"
        if folder.exists():
            raise _refused(folder, "There is something already.", "Expected a new folder.", "Name another destination.")
        _remove_unfinished(study, destination)
        temporary = destination / f"{UNFINISHED}{os.getpid()}-{folder.name}"
        try:
            with private_files():
                temporary.mkdir(parents=True)
                files = _copy(study, temporary)
            content: dict[str, Any] = {"entry": head.entry, "hash": head.hash, "keys": change.keys.fingerprint}
            write_file(temporary / MANIFEST, (json.dumps({**content, "files": files}, indent=1) + "\n").encode())
            sync_folder(temporary)
            temporary.replace(folder)
            sync_folder(destination)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return verify_backup(folder)


def _remove_unfinished(study: Study, destination: Path) -> None:
    """Remove what a stopped backup of this study has left there, while holding the lock of the registry."""
    name = re.compile(rf"{re.escape(UNFINISHED)}\d+-{re.escape(study.name)}-\d+")
    for path in sorted(destination.glob(f"{UNFINISHED}*")):
        if name.fullmatch(path.name):
            remove(path)


def verify_backup(folder: Path) -> Backup:
    """Return a backup after checking every file against its hash, and its audit trail link by link.

    Raises UserError with everything that is wrong.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        backup = Backup(folder=folder, **content)
    except (OSError, ValueError, TypeError):
        expected = f"Expected a folder that 'myoregistry backup' made, with {MANIFEST}."
        raise _refused(folder, "This is no backup, or it is damaged.", expected, "Name another one.") from None
    wrong = []
    for name, digest in backup.files.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing.")
        elif file_sha256(path) != digest:
            wrong.append(f"{name} was changed.")
    if not wrong:
        with open_database(folder / "registry.duckdb", read_only=True) as connection:
            broken = audit.broken_links(audit.entries(connection))
            head = audit.database_head(connection)
        wrong += [f"Entry {number} of its audit trail was changed." for number in broken]
        if (head.entry, head.hash) != (backup.entry, backup.hash):
            wrong.append(f"Its audit trail ends with entry {head.entry}, not {backup.entry}.")
    if wrong:
        raise _refused(folder, "\n  ".join(wrong), "Expected the files as they were copied.", "Use another backup.")
    return backup


def _copy(study: Study, target: Path) -> dict[str, str]:
    """Copy the files of a registry that nobody writes to, and return their hashes, read back."""
    paths = {
        p.name: p for p in (study.database, study.head, study.withdrawals, study.folder / "study.toml", study.ledger)
    }
    paths |= {f"archive/{path.name}": path for path in sorted(study.archive.glob("*"))}
    (target / "archive").mkdir()
    files = {}
    for name, path in sorted(paths.items()):
        if path.is_file():
            with path.open("rb") as source, (target / name).open("wb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            files[name] = file_sha256(target / name)
    sync_folder(target / "archive")
    return files


def _refused(path: Path, seen: str, expected: str, advice: str) -> UserError:
    return UserError(
        str(path),
        seen=seen,
        expected=expected,
        advice=advice,
        state="The registry is as it was.",
        exit_code=ExitCode.BAD_STUDY,
    )
