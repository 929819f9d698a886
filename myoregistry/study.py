"""The verbs that lead from files to a delivered report."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

import registry
from myoregistry.terminal import DAY, FILE, FOLDER, PLACE, WIDTH, sound_study
from myoregistry.terminal import progress as show_progress
from registry.dictionary import data_dictionary, insert_dictionary
from registry.errors import ExitCode, UserError
from registry.keeping.receipt import BadSubmission

if TYPE_CHECKING:
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission


@click.command()
@click.argument("folder", type=FOLDER)
def init(folder: Path) -> None:
    """Write FOLDER/study.toml with every setting explained."""
    click.echo(registry.init_study(folder))


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--patients", type=click.IntRange(1, 1_000_000), default=240, show_default=True)
@click.option("--centres", type=click.IntRange(2, 200), default=12, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed gives the same bytes."
)
def simulate(folder: Path, patients: int, centres: int, seed: int) -> None:
    """Write a simulated study into FOLDER: submissions, study.toml and the known truth."""
    with show_progress() as progress:
        path = registry.simulate(folder, patients=patients, centres=centres, seed=seed, progress=progress)
    click.echo(
        f"{patients} patients of {centres} centres in {path / 'submissions'}; the truth is in {path / 'truth.json'}."
    )


@click.command()
@click.argument("submissions", type=PLACE, nargs=-1, required=True)
@click.option("--problems", type=FOLDER, help="Write a workbook and a page for each centre into this folder.")
@click.option(
    "--wait", type=click.FloatRange(0), default=10, show_default=True, help="Seconds to wait for who else writes."
)
@click.pass_obj
def add(study_folder: Path, submissions: tuple[Path, ...], problems: Path | None, wait: float) -> None:
    """Take SUBMISSIONS, folders or zip archives, into the registry, each whole or not at all.

    Rows with a problem are kept in quarantine and the others are taken in. Exit status 3 if a submission was refused.
    """
    study = registry.load_study(study_folder)
    refused = []
    for number, folder in enumerate(submissions):
        with show_progress() as progress:
            try:
                receipt = registry.add(study, folder, progress=progress, wait_seconds=wait)
            except UserError as error:
                if error.exit_code != ExitCode.BAD_SUBMISSION:
                    raise
                _send_back(error.checked if isinstance(error, BadSubmission) else None, problems)
                refused.append(folder.name)
                click.echo(error.text() + "\n", err=True)
                continue
        _send_back(receipt.checked, problems)
        for note in receipt.notes:
            click.echo(note, err=True)
        click.echo(receipt.text() + ("" if number == len(submissions) - 1 else "\n"))
    if refused:
        click.echo(f"Refused: {', '.join(refused)}.", err=True)
        raise SystemExit(ExitCode.BAD_SUBMISSION)


def _send_back(checked: CheckedSubmission | None, folder: Path | None) -> None:
    """Write what a centre gets back about its submission."""
    if checked is None or folder is None:
        return
    from reports.centre_problems import write_page, write_workbook

    folder.mkdir(parents=True, exist_ok=True)
    name = checked.submission.name
    write_workbook(checked, folder / f"{name}-problems.xlsx")
    write_page(checked, folder / f"{name}-problems.pdf")


@click.command()
@click.option("--cut", type=DAY, help="Data cut, YYYY-MM-DD; without it, the date of the latest submission.")
@click.option("--known", type=DAY, help="Only what had arrived by this day, YYYY-MM-DD; without it, everything.")
@click.pass_obj
def freeze(study_folder: Path, cut: datetime | None, known: datetime | None) -> None:
    """Freeze the registry into a snapshot; analyses read only snapshots."""
    study = sound_study(study_folder)
    with show_progress() as progress:
        snapshot = registry.freeze(
            study, cut=cut.date() if cut else None, known=known.date() if known else None, progress=progress
        )
    rows = sum(entry["rows"] for name, entry in snapshot.manifest["tables"].items() if "content_sha256" in entry)
    click.echo(f"Snapshot {snapshot.id}: data cut {snapshot.cut}, {rows} rows, in {snapshot.folder}.")


@click.command()
@click.option("--snapshot", "snapshot_id", help="Id of a snapshot; without it, the one frozen last.")
@click.pass_obj
def run(study_folder: Path, snapshot_id: str | None) -> None:
    """Analyse a snapshot: one Result a question, as JSON."""
    import analyses

    study = registry.load_study(study_folder)
    snapshot = registry.open_snapshot(study, snapshot_id)
    with show_progress() as progress:
        results = analyses.run(study, snapshot, progress=progress)
    table = Table(
        title=f"Snapshot {snapshot.id}, data cut {snapshot.cut}", title_justify="left", box=None, pad_edge=False
    )
    for heading in ("Result", "Question", "Numbers", "Not estimable"):
        table.add_column(heading, justify="right" if heading in {"Numbers", "Not estimable"} else "left")
    for result in results:
        missing = sum(row.value.kind == "not estimable" for row in result.rows)
        table.add_row(result.name, result.title, str(len(result.rows)), str(missing) if missing else "")
    Console(width=WIDTH).print(table)
    click.echo(f"Written to {study.results / snapshot.id}.")


@click.command()
@click.argument("name", default="committee")
@click.option("--snapshot", "snapshot_id", help="Id of a snapshot; without it, the one frozen last.")
@click.option("--output", type=FILE, help="Where to write the PDF.")
@click.pass_obj
def report(study_folder: Path, name: str, snapshot_id: str | None, output: Path | None) -> None:
    """Make the PDF of report NAME from the Results of a snapshot."""
    import reports

    study = registry.load_study(study_folder)
    click.echo(reports.build_report(study, report=name, snapshot_id=snapshot_id, output=output))


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what is owed.")
@click.option("--retry", is_flag=True, help="Also what was refused, or sent with unknown outcome.")
@click.option("--today", type=DAY, help="Act as on this day, YYYY-MM-DD.")
@click.pass_obj
def due(study_folder: Path, *, dry_run: bool, retry: bool, today: datetime | None) -> None:
    """Build and deliver the reports that are owed, each once; for cron or a systemd timer.

    A missed date is made up as of its own data cut. Exit status 7 if a delivery did not succeed.
    """
    import reports

    study = sound_study(study_folder)
    day = today.date() if today else date.today()  # noqa: DTZ011  (a due date is a local day)
    with show_progress() as progress:
        deliveries = reports.due(study, today=day, dry_run=dry_run, retry=retry, progress=progress)
    if not deliveries:
        click.echo(f"Nothing is owed on {day}.")
        return
    for d in deliveries:
        state = "owed" if dry_run else d.state
        click.echo(f"{d.due_date}  {d.report}, data cut {d.data_cut}, to {d.recipient}: {state}")
        if not dry_run:
            click.echo(f"    {d.detail}")
    if not dry_run and any(d.state != "delivered" for d in deliveries):
        raise SystemExit(ExitCode.DELIVERY_FAILED)


@click.command()
@click.pass_obj
def rules(study_folder: Path) -> None:
    """List every clinical threshold in force, with its source."""
    study = registry.load_study(study_folder) if (study_folder / "study.toml").is_file() else None
    table = Table(box=None, pad_edge=False)
    for heading in ("Rule", "Value", "Unit", "Source"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "Rule")
    for name, rule in (study.rules if study else registry.load_rules()).rules.items():
        mark = "" if rule.verified else " (unverified)"
        table.add_row(name, f"{rule.value:f}" + (" *" if rule.overridden else ""), rule.unit, rule.source + mark)
    Console(width=WIDTH).print(table)
    click.echo("* set by this study. A study overrides a rule in [rules] of study.toml.")


@click.command()
@click.option("--into", type=FILE, help="Markdown file with the two marks.")
def dictionary(into: Path | None) -> None:
    """Print the data dictionary that centres send by, or put it between the two marks of a file."""
    if into is None:
        click.echo(data_dictionary())
    else:
        insert_dictionary(into)


VERBS = (init, simulate, add, freeze, run, report, due, rules, dictionary)
