"""Snapshots frozen anew after rows in them had to change, each under a new id that the old one leads to."""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING

from registry.errors import ExitCode, UserError
from registry.keeping import audit, journal
from registry.keeping.publish import UNFINISHED, remove, write_file
from registry.keeping.snapshots_folder import remove_unfinished_snapshots, snapshots_lock
from registry.keeping.superseded import add_superseded, read_superseded
from registry.snapshot import LATEST, freeze, snapshot_manifests

if TYPE_CHECKING:
    from collections.abc import Collection

    from registry.study import Study

PLAN = "refreezing"


def plan_refreeze(study: Study, submissions: Collection[str] | None, *, why: str) -> None:
    """Set out to freeze anew what was made of some submissions, or of any if None, while holding the snapshots' lock.

    A freeze that had read the registry before it changed has then come to its end. why: as a reader is told.
    """
    remove_unfinished_snapshots(study)
    when = {}
    for snapshot_id, manifest in snapshot_manifests(study).items():
        made_of = manifest.get("submissions")
        # A snapshot of an older version does not say what it was made of.
        if submissions is None or made_of is None or set(made_of) & set(submissions):
            when[snapshot_id] = {"cut": manifest.get("cut"), "known": manifest.get("known")}
    if when:
        journal.set_out(study, PLAN, {"snapshots": when, "why": why})


def carry_out_refreeze(study: Study) -> dict[str, str | None]:
    """Freeze anew what was planned, remove the old snapshots and their Results, and return old ids with the new ones.

    It can be stopped at any moment and called again.
    """
    plan = journal.set_out_before(study, PLAN)
    if plan is None:
        return {}
    replaced: dict[str, str | None] = {}
    for old, when in sorted(plan["snapshots"].items()):
        done = read_superseded(study).get(old)
        replaced[old] = done["new"] if done else _anew(study, when)
        if replaced[old] == old:
            # The same content: what had to change did not stand in this snapshot.
            del replaced[old]
            continue
        with snapshots_lock(study, "freeze anew"):
            if not done:
                add_superseded(study, old, replaced[old], on=audit.now().date().isoformat(), why=plan["why"])
            # A removal that was stopped half-way has left what it had put out of sight.
            remove_unfinished_snapshots(study)
            _remove(study, old)
            _lead_latest(study, old, replaced[old])
    journal.finished(study, PLAN)
    return replaced


def _anew(study: Study, when: dict[str, str | None]) -> str | None:
    cut, known = (date.fromisoformat(day) if day else None for day in (when["cut"], when["known"]))
    try:
        return freeze(study, cut=cut, known=known, remember=False, resume=False).id
    except UserError as error:
        if error.exit_code == ExitCode.NOTHING_TO_READ:
            return None
        raise


def _remove(study: Study, snapshot_id: str) -> None:
    """Remove a snapshot and what was computed from it: out of sight in one step, then from the disk."""
    for parent in (study.snapshots, study.results):
        folder = parent / snapshot_id
        if folder.is_dir():
            gone = parent / f"{UNFINISHED}{os.getpid()}-{snapshot_id}"
            folder.replace(gone)
            remove(gone)


def _lead_latest(study: Study, old: str, new: str | None) -> None:
    latest = study.snapshots / LATEST
    if latest.is_file() and latest.read_text(encoding="utf-8").strip() == old:
        if new is None:
            latest.unlink()
        else:
            write_file(latest, f"{new}\n".encode())
