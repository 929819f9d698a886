"""A person who has withdrawn consent: gone from the registry, the archive and every snapshot, bytes included.

The order of the steps lets any of them be the last before a crash: the next command brings the work to its end.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from registry.errors import ExitCode, UserError
from registry.keeping import audit, journal
from registry.keeping.archive import archive_path
from registry.keeping.archived import archived_submission, file_sha256, seal_submission
from registry.keeping.change import changing
from registry.keeping.kept_rows import persons_withdrawn
from registry.keeping.leftovers import ASIDE
from registry.keeping.migrate import COPY
from registry.keeping.pseudonyms import person_pseudonym, withdrawal_token
from registry.keeping.publish import remove, sync_folder
from registry.keeping.refreeze import carry_out_refreeze, plan_refreeze
from registry.keeping.rewrite import rewrite
from registry.keeping.snapshots_folder import snapshots_lock
from registry.keeping.trouble import tells_of_trouble
from registry.keeping.withdrawals import read_withdrawals, write_withdrawals
from registry.keeping.writer import WAIT_SECONDS, writer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import duckdb

    from registry.keeping.change import Change
    from registry.study import Study

JOURNAL = "erasing"
COPIES = (COPY, "before-restore-*", f"{ASIDE}*", "backups")
"""What may hold copies of the registry in the folder of a study."""
WHY = "persons in it withdrew their consent"


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """What was erased.

    rows: of all submissions. snapshots: old ids with those frozen in their place. copies: of the registry, removed.
    """

    persons: int
    rows: int
    submissions: tuple[str, ...]
    snapshots: Mapping[str, str | None]
    copies: tuple[str, ...]


@tells_of_trouble
def erase(study: Study, centre: str, patient_ids: Collection[str], *, wait_seconds: float = WAIT_SECONDS) -> Erasure:
    """Erase persons of a centre from everything in the study's folder; what the centre sends of them later is left out.

    patient_ids: as the centre writes them. Reports that have gone out keep their numbers; checking one says that it was
    made from a snapshot that is no longer there. Copies outside the folder, such as backups, are out of reach.
    Raises UserError, and erases nobody, if one of them is not in the registry.
    """
    with changing(study, "erase", wait_seconds=wait_seconds) as change:
        pseudonyms = {name: person_pseudonym(change.keys, centre, name) for name in patient_ids}
        unknown = [name for name, p in pseudonyms.items() if not _rows_of(change.connection, centre, [p])]
        if unknown or not pseudonyms:
            raise _nobody(study, centre, len(unknown), len(pseudonyms))
        tokens = {withdrawal_token(change.keys, centre, name) for name in pseudonyms}
        # From here on the next command goes on if this one is stopped.
        _set_out(study, centre, pseudonyms.values(), tokens, remove_copies=True)
    return carry_out_erasure(study)


def erase_withdrawn(study: Study) -> int:
    """Erase those who are in the list of withdrawals and in the registry nevertheless; return how many they were.

    They are there after an old backup was put back. The copies of the registry that were moved aside then stay.
    """
    found: dict[str, set[str]] = {}
    with changing(study, "erase", resume=False) as change:
        withdrawals = read_withdrawals(study.withdrawals)
        query = "SELECT submission_id, centre FROM submission ORDER BY submission_id"
        for submission_id, centre in change.connection.execute(query).fetchall() if withdrawals else ():
            if archive_path(study.archive, submission_id).is_file():
                with archived_submission(study, change.keys, submission_id) as submission:
                    ids = persons_withdrawn(submission, change.keys, withdrawals)
                found.setdefault(centre, set()).update(person_pseudonym(change.keys, centre, name) for name in ids)
    for centre, pseudonyms in sorted(found.items()):
        if pseudonyms:
            _set_out(study, centre, pseudonyms, (), remove_copies=False)
            carry_out_erasure(study)
    return sum(map(len, found.values()))


def _set_out(
    study: Study, centre: str, pseudonyms: Iterable[str], tokens: Iterable[str], *, remove_copies: bool
) -> None:
    persons = {"pseudonyms": sorted(pseudonyms), "tokens": sorted(tokens)}
    plan = {"id": secrets.token_hex(8), "centre": centre, **persons, "copies": remove_copies}
    journal.set_out(study, JOURNAL, plan)


def carry_out_erasure(study: Study) -> Erasure:
    """Bring an erasure that was set out to its end; it can be stopped at any moment and called again."""
    plan = journal.set_out_before(study, JOURNAL)
    if plan is None:
        return Erasure(persons=0, rows=0, submissions=(), snapshots=carry_out_refreeze(study), copies=())
    with changing(study, "erase", resume=False) as change:
        # First of all, so that nothing of these persons comes in again.
        write_withdrawals(study.withdrawals, read_withdrawals(study.withdrawals) | set(plan["tokens"]))
        done = [e for e in audit.entries(change.connection) if e.action == "erased" and e.subject == plan["id"]]
        details = done[0].details if done else _erase_rows(study, change, plan)
    with writer(study.lock, "erase"):
        rewrite(study.database)
    submissions = tuple(details["submissions"])
    with snapshots_lock(study, "erase"):
        plan_refreeze(study, submissions, why=WHY)
    copies = tuple(_remove_copies(study)) if plan["copies"] else ()
    journal.finished(study, JOURNAL)
    return Erasure(
        persons=details["persons"],
        rows=details["rows"],
        submissions=submissions,
        snapshots=carry_out_refreeze(study),
        copies=copies,
    )


def _erase_rows(study: Study, change: Change, plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rewrite the archives, delete the rows, and append the entry that names nobody."""
    connection, centre, pseudonyms = change.connection, plan["centre"], plan["pseudonyms"]
    sealed = _rewrite_archives(study, change, plan)
    rows = _rows_of(connection, centre, pseudonyms)
    connection.execute("BEGIN")
    try:
        for table in audit.PERSON_TABLES:
            connection.execute(
                f'DELETE FROM "{table}" WHERE list_contains($persons, patient_id) AND submission_id IN '
                "(SELECT submission_id FROM submission WHERE centre = $centre)",
                {"persons": pseudonyms, "centre": centre},
            )
        for submission_id in rows:
            connection.execute(_sql("recount"), {"id": submission_id})
        affected = sorted({*rows, *sealed})
        details = {
            "persons": len(pseudonyms),
            "rows": sum(rows.values()),
            "submissions": {
                name: {
                    "tables": audit.content_hashes(connection, name),
                    **({"archive_sha256": sealed[name]} if name in sealed else {}),
                }
                for name in affected
            },
        }
        audit.append(connection, "erased", plan["id"], details)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")
    return details


def _rewrite_archives(study: Study, change: Change, plan: Mapping[str, Any]) -> dict[str, str]:
    """Seal the submissions of a centre anew that hold persons who have withdrawn, without them; return the hashes.

    Which ones stands in the journal first: after a stop half-way, those that were done hold the persons no longer.
    """
    withdrawals = read_withdrawals(study.withdrawals)
    names: Iterable[str] = plan.get("archives", ())
    if "archives" not in plan:
        query = "SELECT submission_id FROM submission WHERE centre = ? ORDER BY submission_id"
        every = [name for (name,) in change.connection.execute(query, [plan["centre"]]).fetchall()]
        names = [name for name in every if _holds(study, change, name, withdrawals)]
        journal.set_out(study, JOURNAL, {**plan, "archives": names})
    for name in names:
        with archived_submission(study, change.keys, name) as submission:
            without = persons_withdrawn(submission, change.keys, withdrawals)
            if without:
                seal_submission(study, change.keys, submission, name, without=without)
    return {name: file_sha256(archive_path(study.archive, name)) for name in names}


def _holds(study: Study, change: Change, submission_id: str, withdrawals: frozenset[str]) -> bool:
    if not archive_path(study.archive, submission_id).is_file():
        return False
    with archived_submission(study, change.keys, submission_id) as submission:
        return bool(persons_withdrawn(submission, change.keys, withdrawals))


def _rows_of(connection: duckdb.DuckDBPyConnection, centre: str, pseudonyms: Collection[str]) -> dict[str, int]:
    """Return by submission of a centre how many rows are about some persons."""
    each = " UNION ALL ".join(
        f'SELECT submission_id, count(*) AS rows FROM "{table}" WHERE list_contains($persons, patient_id) GROUP BY 1'
        for table in audit.PERSON_TABLES
    )
    query = _sql("persons_rows").replace("{union}", each)
    return dict(connection.execute(query, {"persons": list(pseudonyms), "centre": centre}).fetchall())


def _remove_copies(study: Study) -> list[str]:
    """Remove copies of the registry in the folder of the study: they hold the persons too."""
    found = [path for pattern in COPIES for path in sorted(study.folder.glob(pattern))]
    for path in found:
        remove(path)
    sync_folder(study.folder)
    return [path.name for path in found]


def _nobody(study: Study, centre: str, unknown: int, named: int) -> UserError:
    return UserError(
        str(study.database),
        seen=f"{unknown} of {named} ids are not in the registry as persons of {centre}.",
        expected="Expected ids as that centre writes them in patient_id.",
        advice="Correct the centre or the ids; capital and small letters differ.",
        state="Nobody was erased.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )


@cache
def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "keep", f"{name}.sql").read_text(encoding="utf-8")
