"""The registry against its own audit trail: every link, every row, every archive, every snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.errors import UserError
from registry.keeping import audit
from registry.keeping.archive import archive_path
from registry.keeping.archived import file_sha256
from registry.keeping.database import open_registry
from registry.keeping.resume import JOURNALS
from registry.keeping.trouble import tells_of_trouble
from registry.keeping.writer import WAIT_SECONDS, writer
from registry.snapshot import open_snapshot, snapshot_manifests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb

    from registry.study import Study


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was verified, and everything that is not as it was. head: the newest entry of the database."""

    head: audit.Head
    submissions: int
    snapshots: int
    findings: tuple[str, ...]


@tells_of_trouble
def verify(study: Study, *, wait_seconds: float = WAIT_SECONDS) -> Verification:
    """Verify the audit trail, and the rows, archives and snapshots that it speaks of; change nothing.

    Raises UserError if there is no registry, or another process writes to it.
    """
    stopped = [
        f"A stopped command had more to do ({path.name}): the next one that changes something brings it to its end."
        for name in JOURNALS
        if (path := study.folder / f"registry.{name}").is_file()
    ]
    with writer(study.lock, "audit verify", wait_seconds=wait_seconds):
        with open_registry(study.database, read_only=True, wait_seconds=wait_seconds) as connection:
            trail = audit.entries(connection)
            head = audit.database_head(connection)
            there = connection.execute("SELECT submission_id FROM submission ORDER BY submission_id").fetchall()
            submissions = [name for (name,) in there]
            broken = audit.broken_links(trail)
            findings = [f"Entry {number} of the audit trail was changed." for number in broken]
            findings += _head(study, trail, head)
            # What a changed entry says of rows and archives is nobody's word.
            trail = tuple(entry for entry in trail if entry.entry not in broken)
            findings += _rows(connection, trail, submissions)
        findings += _archives(study, trail, submissions)
    snapshots = list(snapshot_manifests(study))
    findings += _snapshots(study, snapshots)
    return Verification(
        head=head, submissions=len(submissions), snapshots=len(snapshots), findings=(*stopped, *findings)
    )


def _head(study: Study, trail: Iterable[audit.Entry], head: audit.Head) -> Iterator[str]:
    known = audit.written_head(study.head)
    if known is None:
        if head.entry:
            yield f"{study.head.name} is missing or damaged."
    elif known.entry > head.entry:
        yield f"{known.entry - head.entry} entries are missing: {study.head.name} knows entry {known.entry}."
    elif known.entry and not any((e.entry, e.hash) == (known.entry, known.hash) for e in trail):
        yield f"Entry {known.entry} is not the one that {study.head.name} knows."


def _rows(
    connection: duckdb.DuckDBPyConnection, trail: Iterable[audit.Entry], submissions: Iterable[str]
) -> Iterator[str]:
    expected = _newest(trail, "tables")
    for submission_id in submissions:
        if submission_id not in expected:
            yield f"{submission_id}: no entry of the audit trail tells how it came."
            continue
        for table, found in audit.content_hashes(connection, submission_id).items():
            was = expected[submission_id].get(table)
            if was is None:
                yield f"{submission_id}: no entry of the audit trail tells of its rows of {table}."
            elif found != was:
                rows = (
                    f" There are {found['rows']} rows, there were {was['rows']}."
                    if found["rows"] != was["rows"]
                    else ""
                )
                yield f"{submission_id}: rows of {table} were changed behind the registry's back.{rows}"
    yield from (
        f"{name}: its row in the table of submissions is gone." for name in sorted(set(expected) - set(submissions))
    )


def _archives(study: Study, trail: Iterable[audit.Entry], submissions: Iterable[str]) -> Iterator[str]:
    expected = _newest(trail, "archive_sha256")
    for submission_id in submissions:
        path = archive_path(study.archive, submission_id)
        if submission_id in expected and not path.is_file():
            yield f"{submission_id}: its archive is missing."
        elif submission_id in expected and file_sha256(path) != expected[submission_id]:
            yield f"{submission_id}: its archive was changed."


def _snapshots(study: Study, snapshots: Iterable[str]) -> Iterator[str]:
    for snapshot_id in snapshots:
        try:
            open_snapshot(study, snapshot_id)
        except UserError as error:
            yield f"Snapshot {snapshot_id}: {error.seen}"


def _newest(trail: Iterable[audit.Entry], what: str) -> dict[str, Any]:
    """Return by submission what the newest entry that speaks of it says."""
    found: dict[str, Any] = {}
    for entry in trail:
        if entry.action in {"added", "migrated"} and what in entry.details:
            found[entry.subject] = entry.details[what]
        for name, details in entry.details.get("submissions", {}).items():
            if what in details:
                found[name] = details[what]
    return found
