"""The verbs of data quality: its Result, and the report for one centre."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

import registry
from myoregistry.terminal import FILE, WIDTH

if TYPE_CHECKING:
    from pathlib import Path

    from analyses.result import Result


@click.command()
@click.option("--snapshot", "snapshot_id", help="Id of a snapshot; without it, the one frozen last.")
@click.pass_obj
def quality(study_folder: Path, snapshot_id: str | None) -> None:
    """Count how complete, timely and consistent a snapshot is, and write it as a Result.

    Numbers are shown as reports print them: small counts are masked.
    """
    from analyses.disclosure import mask
    from analyses.quality.answer import answer
    from analyses.run import write_result

    study = registry.load_study(study_folder)
    snapshot = registry.open_snapshot(study, snapshot_id)
    result = answer(snapshot, study)
    path = write_result(study, result)
    maximum = int(study.rules["masked_count_maximum"])
    [masked] = mask([result], maximum=maximum)
    _print(masked, maximum=maximum, title=f"Snapshot {snapshot.id}, data cut {snapshot.cut}")
    failed = [check for check in masked.checks if check.outcome == "failed"]
    for check in failed:
        click.echo(f"{check.name}: {check.detail}")
    click.echo(f"{len(failed)} marked. Written to {path}.")


@click.command("centre-report")
@click.argument("centre")
@click.option("--snapshot", "snapshot_id", help="Id of a snapshot; without it, the one frozen last.")
@click.option("--output", type=FILE, help="Where to write the PDF.")
@click.pass_obj
def centre_report(study_folder: Path, centre: str, snapshot_id: str | None, output: Path | None) -> None:
    """Make the PDF about the data quality of CENTRE, beside all other centres, for its data manager."""
    from analyses.quality.answer import answer_for_centre
    from analyses.run import write_result
    from reports.centre_report import build_centre_report

    study = registry.load_study(study_folder)
    snapshot = registry.open_snapshot(study, snapshot_id)
    result = answer_for_centre(snapshot, study, centre)
    write_result(study, result)
    click.echo(build_centre_report(study, centre, snapshot_id=snapshot.id, output=output, result=result))


def _print(result: Result, *, maximum: int, title: str) -> None:
    """Print one line a centre: its least complete field, its rules, and its last submission."""
    from analyses import formats
    from analyses.quality.rule_failures import EVERY_KIND
    from analyses.result import Summary
    from reports.tables import number, rows

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    headings = ("Centre", "Least complete", "Rules failed", "Months since sent", "Rows removed", "Rows changed")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < 2 else "right", overflow="fold")  # noqa: PLR2004
    for row in rows(result, "Submissions", statistic="number"):
        shares = {r.level: r.value for r in rows(result, "Complete", statistic="percent", group=row.group)}
        known = {level: value.value for level, value in shares.items() if isinstance(value, Summary)}
        least = min(known.items(), key=lambda item: (item[1], item[0]), default=None)
        changes = {r.level: r for r in rows(result, "Change", statistic="count", group=row.group)}
        since = number(result, "Since the last submission", "", row.group, statistic="median")
        wrong = number(result, "Rules, failed", EVERY_KIND, row.group, statistic="number")
        table.add_row(
            row.group,
            f"{least[0]}: {formats.percent(least[1])}" if least else "-",
            formats.value(wrong, statistic="number"),
            f"{since.value:.1f}" if isinstance(since, Summary) else "-",
            *(formats.row(changes[k], maximum=maximum) if k in changes else "-" for k in ("removed", "changed")),
        )
    Console(width=WIDTH).print(table)


VERBS = (quality, centre_report)
