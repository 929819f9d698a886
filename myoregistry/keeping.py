"""The verbs of who keeps the registry: history, audit, erasure, keys, backups."""

from __future__ import annotations

import csv
import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import registry
from myoregistry.terminal import FILE, FOLDER, WIDTH, sound_study
from registry.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from registry.keeping.history import Difference


@click.command()
@click.argument("submission", required=False)
@click.option("--centre", help="Only what this centre sent.")
@click.option("--patient", help="The person's rows only; the id as the centre writes it. Needs --centre.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV to standard output instead of a table.")
@click.pass_obj
def history(
    study_folder: Path, submission: str | None, centre: str | None, patient: str | None, *, as_csv: bool
) -> None:
    """Show what came when, or what SUBMISSION or the submissions about a person changed.

    A change names the submission, its sender and time, the row's file and line, the old value and the new one.
    """
    from registry.keeping import history as keeping

    study = sound_study(study_folder)
    if patient is not None:
        if centre is None:
            raise click.UsageError("--patient needs --centre.")
        _changes(keeping.person_history(study, centre, patient), as_csv=as_csv, of_person=True)
    elif submission is not None:
        _changes(keeping.changes(study, submission), as_csv=as_csv, of_person=False)
    else:
        sent = keeping.submissions(study, centre)
        rows = [
            (
                s.submission_id,
                f"{s.received_at:%Y-%m-%d %H:%M}",
                s.sender,
                s.kind,
                s.replaces or "",
                s.accepted,
                s.quarantined,
            )
            for s in sent
        ]
        headings = ("Submission", "Received (UTC)", "Sender", "Kind", "Replaces", "Rows", "Quarantine")
        _show([headings, *rows], as_csv=as_csv)


def _changes(found: Sequence[Difference], *, as_csv: bool, of_person: bool) -> None:
    """Show changes: all that is known of each as CSV, and in the terminal what differs from line to line."""
    whole = {
        "Submission": [d.sent.submission_id for d in found],
        "Received (UTC)": [f"{d.sent.received_at:%Y-%m-%d %H:%M}" for d in found],
        "Sender": [d.sent.sender for d in found],
        "Table": [d.table_name for d in found],
        "Person": [d.person for d in found],
        "Key": [d.key for d in found],
        "Change": [d.change for d in found],
        "Column": [d.column or "" for d in found],
        "Old": [d.old_value or "" for d in found],
        "New": [d.new_value or "" for d in found],
        "Record": [d.new_record or d.old_record for d in found],
    }
    left_out = {"Received (UTC)", "Sender", "Person" if of_person else "Submission"}
    shown = {name: values for name, values in whole.items() if as_csv or name not in left_out}
    if found and not as_csv:
        for sent in dict.fromkeys(d.sent for d in found):
            instead = f", in the place of {sent.replaces}" if sent.replaces else ""
            click.echo(
                f"{sent.submission_id}: received {sent.received_at:%Y-%m-%d %H:%M} UTC from {sent.sender}{instead}."
            )
    _show([list(shown), *zip(*shown.values(), strict=True)], as_csv=as_csv)


def _show(rows: Sequence[Sequence[object]], *, as_csv: bool) -> None:
    if as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        return
    table = Table(box=None, pad_edge=False)
    for heading in rows[0]:
        table.add_column(str(heading), overflow="fold", no_wrap=heading in {"Submission", "Person", "Change"})
    for row in rows[1:]:
        table.add_row(*map(escape, map(str, row)))
    Console(width=WIDTH).print(table)
    click.echo("1 line." if len(rows) == 2 else f"{len(rows) - 1:,} lines.")  # noqa: PLR2004  (with the headings)


@click.group()
def audit() -> None:
    """List or verify the audit trail, or accept a registry that lost entries."""


@audit.command("list")
@click.pass_obj
def audit_list(study_folder: Path) -> None:
    """List every entry: when, who, what."""
    from registry.keeping import audit as trail
    from registry.keeping.database import open_registry

    study = registry.load_study(study_folder)
    with open_registry(study.database, read_only=True) as connection:
        entries = trail.entries(connection)
    headings = ("Entry", "At (UTC)", "Actor", "Action", "Subject", "Hash")
    rows = [(e.entry, f"{e.recorded_at:%Y-%m-%d %H:%M:%S}", e.actor, e.action, e.subject, e.hash[:16]) for e in entries]
    _show([headings, *rows], as_csv=False)


@audit.command("verify")
@click.pass_obj
def audit_verify(study_folder: Path) -> None:
    """Prove the chain, and compare rows, archives and snapshots with it. Exit status 4 if something was changed."""
    from registry.keeping.verify import verify

    study = registry.load_study(study_folder)
    found = verify(study)
    parts = (_count(found.submissions, "submission"), _count(found.snapshots, "snapshot"))
    click.echo(f"Audit trail of {_count(found.head.entry, 'link')}, {', '.join(parts)}.")
    if found.findings:
        for finding in found.findings:
            click.echo(f"  {finding}", err=True)
        click.echo("Restore a backup, or find out who changed what.", err=True)
        raise SystemExit(ExitCode.BAD_STUDY)
    click.echo(f"Everything is as the trail says. Its head is {found.head.hash}.")


@audit.command("report")
@click.argument("pdf", type=FILE)
@click.pass_obj
def audit_report(study_folder: Path, pdf: Path) -> None:
    """Say what the report in PDF was made from and to whom it went. Exit status 5 if its snapshot is gone."""
    from reports.provenance import check_report

    study = registry.load_study(study_folder)
    found = check_report(study, pdf)
    for sentence in found.sentences:
        click.echo(sentence)
    if not found.stands:
        raise SystemExit(ExitCode.NOTHING_TO_READ)


@audit.command("accept")
@click.option("--reason", required=True, help="Why this registry is the one to go on with; kept in the trail.")
@click.pass_obj
def audit_accept(study_folder: Path, reason: str) -> None:
    """Go on with a registry that the head beside it does not know, and say so in the trail for ever."""
    from registry.keeping import audit as trail
    from registry.keeping.change import changing

    study = registry.load_study(study_folder)
    known = trail.written_head(study.head)
    with changing(study, "audit accept", trust=True) as change:
        details = {
            "reason": reason,
            "known_entry": known.entry if known else None,
            "known_hash": known.hash if known else None,
        }
        change.connection.execute("BEGIN")
        entry = trail.append(change.connection, "accepted", "registry.duckdb", details)
        change.connection.execute("COMMIT")
    click.echo(f"Accepted as entry {entry.entry} of the audit trail.")


@click.command()
@click.argument("centre")
@click.argument("patients", nargs=-1)
@click.option(
    "--file", "id_file", type=click.File("r", encoding="utf-8"), help="One id a line; - reads standard input."
)
@click.confirmation_option(prompt="This cannot be undone. Erase?")
@click.pass_obj
def erase(study_folder: Path, centre: str, patients: tuple[str, ...], id_file: Iterable[str] | None) -> None:
    """Erase PATIENTS of CENTRE, who withdrew their consent, from the registry, the archive and every snapshot.

    Ids as the centre writes them; by --file they stay out of the shell's history. What the centre sends of them later
    is left out. Backups elsewhere are out of reach: replace them.
    """
    from registry.keeping.erase import erase as erase_persons

    study = sound_study(study_folder)
    ids = [*patients, *(line.strip() for line in id_file or () if line.strip())]
    if not ids:
        raise click.UsageError("Name at least one person.")
    done = erase_persons(study, centre, ids)
    rows, submissions = _count(done.rows, "row"), _count(len(done.submissions), "submission")
    click.echo(f"{_count(done.persons, 'person')} erased: {rows} of {submissions}.")
    _show_refrozen(done.snapshots)
    if done.copies:
        click.echo(f"Removed, since they held them too: {', '.join(done.copies)}.")
    click.echo("Make a new backup now, and destroy the older ones elsewhere.")


@click.command()
@click.confirmation_option(prompt="New keys for everybody: keep a copy of the new file. Go on?")
@click.pass_obj
def rekey(study_folder: Path) -> None:
    """Change the keys: new pseudonyms, the archive sealed anew, snapshots frozen anew."""
    from registry.keeping.rekey import rekey as change_keys

    study = sound_study(study_folder)
    _show_refrozen(change_keys(study))
    click.echo(f"The new keys are in {study.key_file}. Keep a copy elsewhere, never beside a backup.")


def _show_refrozen(snapshots: Mapping[str, str | None]) -> None:
    for old, new in snapshots.items():
        click.echo(
            f"Snapshot {old} is gone; " + (f"{new} was frozen in its place." if new else "nothing was left of it.")
        )


@click.command()
@click.argument("destination", type=FOLDER)
@click.pass_obj
def backup(study_folder: Path, destination: Path) -> None:
    """Copy the registry into a new folder of DESTINATION and read the copy back. The keys are not in it."""
    from registry.keeping.backup import back_up

    study = sound_study(study_folder)
    done = back_up(study, destination)
    click.echo(f"{done.folder}: {len(done.files)} files, audit trail to entry {done.entry}.")
    click.echo(f"The keys ({study.key_file.name}) are not in it: keep them elsewhere.")


@click.command()
@click.argument("folder", type=FOLDER)
@click.confirmation_option(prompt="Put this backup in the place of the registry?")
@click.pass_obj
def restore(study_folder: Path, folder: Path) -> None:
    """Verify the backup in FOLDER and put it in the place of the registry, which is moved aside."""
    from registry.keeping.restore import restore as put_back

    study = registry.load_study(study_folder)
    done = put_back(study, folder)
    click.echo(f"Restored to entry {done.entry} of the audit trail.")
    if done.lost:
        click.echo(f"It did not know {done.lost} later entries: take in again what came since.")
    if done.erased:
        click.echo(f"Erased again, since consent was withdrawn: {_count(done.erased, 'person')}.")
    if done.moved:
        click.echo(f"What stood there before is in {done.moved}.")


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


VERBS = (history, audit, erase, rekey, backup, restore)
