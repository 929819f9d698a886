"""A backup put back in the place of the registry; what it lacks is told, and who withdrew since is erased again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from registry.errors import ExitCode, UserError
from registry.keeping import audit, journal
from registry.keeping.backup import verify_backup
from registry.keeping.change import changing
from registry.keeping.erase import carry_out_erasure, erase_withdrawn
from registry.keeping.keys import read_keys
from registry.keeping.leftovers import RESTORING, STAGED
from registry.keeping.private_files import private_files
from registry.keeping.publish import sync_files, sync_folder
from registry.keeping.trouble import tells_of_trouble
from registry.keeping.withdrawals import read_withdrawals, write_withdrawals
from registry.keeping.writer import WAIT_SECONDS, writer

if TYPE_CHECKING:
    from pathlib import Path

    from registry.study import Study


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """What was put back.

    entry: the newest of its audit trail. lost: entries that it did not know. moved: where the files went that stood
    there before; None if there were none. erased: persons who had withdrawn since and were erased again.
    """

    entry: int
    lost: int
    moved: Path | None
    erased: int


@tells_of_trouble
def restore(study: Study, folder: Path, *, wait_seconds: float = WAIT_SECONDS) -> Restoration:
    """Put a verified backup in the place of the registry; the files that are there are moved aside, not removed.

    The ledger of what went out stays as it is, so that no report goes out twice.
    Raises UserError, and changes nothing, if the backup is damaged or was made with other keys.
    """
    backup = verify_backup(folder)
    keys = read_keys(study.key_file)
    if keys.fingerprint != backup.keys:
        raise UserError(
            str(study.key_file),
            seen=f"These are keys {keys.fingerprint}; the backup was made with {backup.keys}.",
            expected="Expected the keys of the backup.",
            advice="Put that file in the place of the keys first. If the keys were changed since, use a later backup.",
            state="The registry is as it was.",
            exit_code=ExitCode.BAD_STUDY,
        )
    known = audit.written_head(study.head) or audit.Head(entry=0, hash=audit.START)
    with writer(study.lock, "restore", wait_seconds=wait_seconds):
        staged = study.folder / STAGED
        shutil.rmtree(staged, ignore_errors=True)
        with private_files():
            shutil.copytree(folder, staged, copy_function=shutil.copyfile)
        sync_files(staged)
        aside = next(name for n in count(1) if not (study.folder / (name := f"before-restore-{n}")).exists())
        plan = {"aside": aside, "known": known.entry, "hash": known.hash, "entry": backup.entry}
        journal.set_out(study, RESTORING, plan)
    return carry_out_restore(study)


def carry_out_restore(study: Study) -> Restoration:
    """Bring a restoration that was set out to its end; it can be stopped at any moment and called again."""
    plan = journal.set_out_before(study, RESTORING)
    if plan is None:
        text = "no restoration was set out"
        raise AssertionError(text)
    staged, aside = study.folder / STAGED, study.folder / plan["aside"]
    with writer(study.lock, "restore"):
        if staged.is_dir():
            withdrawals = read_withdrawals(study.withdrawals) | read_withdrawals(staged / study.withdrawals.name)
            write_withdrawals(study.withdrawals, withdrawals)
            _exchange(study, staged, aside)
            shutil.rmtree(staged)
    with changing(study, "restore", trust=True, resume=False) as change:
        connection = change.connection
        if audit.database_head(connection).entry == plan["entry"]:
            connection.execute("BEGIN")
            details = {"entry": plan["entry"], "known_entry": plan["known"], "known_hash": plan["hash"]}
            audit.append(connection, "restored", f"entry {plan['entry']}", details)
            connection.execute("COMMIT")
    # An erasure that was set out and stopped comes first: another would take the place of its journal.
    carry_out_erasure(study)
    erased = erase_withdrawn(study)
    journal.finished(study, RESTORING)
    return Restoration(
        entry=plan["entry"],
        lost=max(0, plan["known"] - plan["entry"]),
        moved=aside if aside.is_dir() else None,
        erased=erased,
    )


def _exchange(study: Study, staged: Path, aside: Path) -> None:
    """Move what is there aside and what was staged in its place, name by name."""
    with private_files():
        aside.mkdir(exist_ok=True)
    # A write-ahead log belongs to the database that it stands beside, and to no other.
    log = study.database.with_name(study.database.name + ".wal")
    if log.exists() and (staged / study.database.name).exists():
        log.replace(aside / log.name)
    for there in (study.database, study.head, study.archive):
        new = staged / there.name
        if new.exists():
            if there.exists():
                there.replace(aside / there.name)
            new.replace(there)
    sync_folder(study.folder)
    if not any(aside.iterdir()):
        aside.rmdir()
