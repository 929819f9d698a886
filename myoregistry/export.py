"""The verbs that hand the registry on to other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from myoregistry.terminal import FILE, PLACE
from myoregistry.terminal import progress as show_progress

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def export() -> None:
    """Write a snapshot in the form of other tools."""


@export.command()
@click.option("--output", type=PLACE, required=True, help="Folder to write; it must not exist yet.")
@click.option("--snapshot", "snapshot_id", help="Id of a snapshot; without it, the one frozen last.")
@click.option("--codes", type=FILE, help="The study's own codes.csv, with concept ids that it has looked up.")
@click.pass_obj
def omop(study_folder: Path, output: Path, snapshot_id: str | None, codes: Path | None) -> None:
    """Write tables of the OMOP common data model 5.4, with a README of what is not mapped."""
    import registry
    from registry.export_omop import export_omop

    study = registry.load_study(study_folder)
    snapshot = registry.open_snapshot(study, snapshot_id)
    with show_progress() as progress:
        done = export_omop(snapshot, output, codes=codes.read_bytes() if codes else None, progress=progress)
    click.echo(
        f"Snapshot {done.snapshot}: {sum(done.rows.values())} rows in {len(done.rows)} tables, in {done.folder}."
    )
    if done.left_out:
        click.echo(f"Without consent to research use, and so left out: {done.left_out} persons.")


VERBS = (export,)
