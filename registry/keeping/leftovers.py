"""What a command that was stopped leaves behind: found by the next one, removed, and told."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from registry.errors import UserError
from registry.keeping import journal
from registry.keeping.archive import SUFFIX
from registry.keeping.private_files import private_files
from registry.keeping.publish import UNFINISHED, remove, sync_folder
from registry.keeping.snapshots_folder import remove_unfinished_snapshots, snapshots_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

    from registry.study import Study

STAGED = "restoring-files"
"""Where a restoration gathers its files; without a journal it was stopped before it had begun."""
RESTORING = "restoring"
ASIDE = "before-accept-"


def remove_unfinished(study: Study) -> Iterator[str]:
    """Remove files that were being written, while holding the lock of their writer; say so."""
    folders = (study.folder, study.archive, study.key_file.parent)
    found = {path for folder in folders for path in folder.glob(f"{UNFINISHED}*")}
    if (study.folder / STAGED).exists() and journal.set_out_before(study, RESTORING) is None:
        found.add(study.folder / STAGED)
    for path in sorted(found):
        remove(path)
    number = len(found) + _unfinished_snapshots(study)
    if number:
        files = "1 unfinished file was" if number == 1 else f"{number} unfinished files were"
        yield f"A command was stopped while it wrote: {files} removed."


def remove_orphans(study: Study, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Remove archives of submissions that were never taken in; say so."""
    for path in _orphans(study, connection):
        path.unlink()
        yield f"An 'add' was stopped before its commit: nothing of {path.name.removesuffix(SUFFIX)} was taken in."


def set_orphans_aside(study: Study, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Move archives of submissions that the registry does not know any more out of the way; say where they are."""
    orphans = _orphans(study, connection)
    if not orphans:
        return
    aside = next(folder for n in count(1) if not (folder := study.folder / f"{ASIDE}{n}").exists())
    with private_files():
        aside.mkdir()
    for path in orphans:
        path.replace(aside / path.name)
    sync_folder(aside)
    yield f"{len(orphans)} archives are not of submissions in the registry: they were moved to {aside.name}."


def _orphans(study: Study, connection: duckdb.DuckDBPyConnection) -> list[Path]:
    known = {name for (name,) in connection.execute("SELECT submission_id FROM submission").fetchall()}
    return [path for path in sorted(study.archive.glob(f"*{SUFFIX}")) if path.name.removesuffix(SUFFIX) not in known]


def _unfinished_snapshots(study: Study) -> int:
    """Remove what a stopped freeze has left, unless another is at work: it removes that itself."""
    if not study.snapshots.is_dir():
        return 0
    try:
        with snapshots_lock(study, "remove", wait_seconds=0):
            return remove_unfinished_snapshots(study)
    except UserError:
        return 0
