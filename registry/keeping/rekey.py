"""The keys of a registry changed: new pseudonyms for everybody, the archive sealed anew, the old keys gone.

Until all is done the key file holds both, so that every archive can be read and the next command can go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from registry.errors import ExitCode, UserError
from registry.keeping import audit, journal
from registry.keeping.archive import archive_path, seal, sealed_with
from registry.keeping.archived import archived_submission, file_sha256, unsealed
from registry.keeping.change import changing
from registry.keeping.kept_rows import LINKED
from registry.keeping.keys import Keys, new_keys, read_keys, write_keys
from registry.keeping.pseudonyms import link_pseudonym, person_pseudonym
from registry.keeping.refreeze import carry_out_refreeze, plan_refreeze
from registry.keeping.rewrite import rewrite
from registry.keeping.snapshots_folder import snapshots_lock
from registry.keeping.trouble import tells_of_trouble
from registry.keeping.writer import WAIT_SECONDS, writer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from registry.keeping.change import Change
    from registry.study import Study

JOURNAL = "rekeying"
WHY = "the keys of the pseudonyms were changed"


@tells_of_trouble
def rekey(study: Study, *, wait_seconds: float = WAIT_SECONDS) -> dict[str, str | None]:
    """Change the keys of a registry; return old snapshot ids with those frozen in their place.

    The ids behind the pseudonyms come from the archive. The list of withdrawals keeps its own key.
    Raises UserError, and changes nothing, if an id cannot be found there: for submissions of version 0.1, which kept
    no archive.
    """
    with changing(study, "rekey", wait_seconds=wait_seconds) as change:
        _check_all_archived(study, change)
        _mappings(study, change, change.keys, change.keys)
        journal.set_out(study, JOURNAL, {"from": change.keys.fingerprint})
        write_keys(study.key_file, new_keys(after=change.keys))
    return carry_out_rekey(study)


def carry_out_rekey(study: Study) -> dict[str, str | None]:
    """Bring a change of keys to its end; it can be stopped at any moment and called again."""
    keys = read_keys(study.key_file)
    if keys.previous is None and (journal.set_out_before(study, JOURNAL) or {}).get("from") == keys.fingerprint:
        # Stopped before the new keys were written: nothing has changed yet.
        journal.finished(study, JOURNAL)
        return {}
    with changing(study, "rekey", resume=False) as change:
        [(fingerprint,)] = change.connection.execute("SELECT value FROM about WHERE name = 'keys'").fetchall()
        if keys.previous is not None and fingerprint == keys.previous.fingerprint:
            sealed = _seal_anew(study, change, keys)
            _replace_pseudonyms(study, change, keys, keys.previous, sealed)
    with snapshots_lock(study, "rekey"), writer(study.lock, "rekey"):
        rewrite(study.database)
        plan_refreeze(study, None, why=WHY)
        write_keys(study.key_file, Keys(pseudonym=keys.pseudonym, archive=keys.archive, withdrawn=keys.withdrawn))
        journal.finished(study, JOURNAL)
    return carry_out_refreeze(study)


def _submissions(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute("SELECT submission_id, centre FROM submission ORDER BY submission_id").fetchall()


def _check_all_archived(study: Study, change: Change) -> None:
    missing = [n for n, _ in _submissions(change.connection) if not archive_path(study.archive, n).is_file()]
    if missing:
        raise UserError(
            str(study.archive),
            seen=f"Not in the archive: {', '.join(missing)}.",
            expected="Expected every submission there: the ids behind the pseudonyms are read from it.",
            advice="Restore a backup; or, for submissions of version 0.1, add them to a new registry.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )


def _seal_anew(study: Study, change: Change, keys: Keys) -> dict[str, str]:
    """Seal every archive with the new keys, those that are not yet; return the hashes of all."""
    found = {}
    for submission_id, _ in _submissions(change.connection):
        path = archive_path(study.archive, submission_id)
        if sealed_with(path) != keys.fingerprint:
            with unsealed(study, keys, submission_id) as (folder, names):
                files = [(name, folder / name) for name in names]
                seal(path, files, keys=keys, submission_id=submission_id)
        found[submission_id] = file_sha256(path)
    return found


def _replace_pseudonyms(study: Study, change: Change, keys: Keys, previous: Keys, sealed: Mapping[str, str]) -> None:
    connection = change.connection
    persons, links = _mappings(study, change, previous, keys)
    connection.execute("BEGIN")
    try:
        for name, mapping in (("person_key", persons), ("link", links)):
            rows = pa.table({"old": pa.array(list(mapping), pa.string()), "new": list(mapping.values())})
            connection.register(name, rows.cast(pa.schema([("old", pa.string()), ("new", pa.string())])))
        for table in audit.PERSON_TABLES:
            connection.execute(
                f'UPDATE "{table}" SET patient_id = person_key.new FROM person_key WHERE patient_id = person_key.old'
            )
        connection.execute(f"UPDATE patient SET {LINKED} = link.new FROM link WHERE {LINKED} = link.old")
        connection.execute("UPDATE about SET value = ? WHERE name = 'keys'", [keys.fingerprint])
        details: dict[str, Any] = {
            name: {"tables": audit.content_hashes(connection, name), "archive_sha256": sealed[name]}
            for name, _ in _submissions(connection)
        }
        audit.append(connection, "rekeyed", keys.fingerprint, {"submissions": details})
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT")
    for name in ("person_key", "link"):
        connection.unregister(name)


def _mappings(study: Study, change: Change, old: Keys, new: Keys) -> tuple[dict[str, str], dict[str, str]]:
    """Return new pseudonyms by old ones, of persons and of link keys; UserError if the archive lacks one."""
    ids: set[tuple[str, str]] = set()
    links: set[str] = set()
    for submission_id, centre in _submissions(change.connection):
        with archived_submission(study, change.keys, submission_id) as submission:
            for table in submission.tables.values():
                ids |= {(centre, name) for name in pc.unique(table["patient_id"]).to_pylist() if name is not None}
                if LINKED in table.column_names:
                    links |= {key for key in pc.unique(table[LINKED]).to_pylist() if key is not None}
    persons = {person_pseudonym(old, *one): person_pseudonym(new, *one) for one in sorted(ids)}
    union = " UNION ".join(f'SELECT patient_id FROM "{table}"' for table in audit.PERSON_TABLES)
    kept = {name for (name,) in change.connection.execute(union).fetchall() if name is not None}
    if kept - persons.keys():
        raise UserError(
            str(study.archive),
            seen=f"{len(kept - persons.keys())} persons of the registry are not in the archive.",
            expected="Expected every person there: the ids behind the pseudonyms are read from it.",
            advice="Restore a backup of this registry and its archive.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )
    return persons, {link_pseudonym(old, key): link_pseudonym(new, key) for key in sorted(links)}
