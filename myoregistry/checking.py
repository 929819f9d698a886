"""The verb that checks files without a registry, so that a centre can check its own before it sends them."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import registry
from myoregistry.terminal import FILE, PLACE, WIDTH
from myoregistry.terminal import progress as show_progress
from registry.checking.catalogue import Rule, catalogue, status
from registry.checking.checks import check_path
from registry.errors import ExitCode, UserError
from registry.keeping.private_files import private_files
from registry.keeping.receipt import BadSubmission, Receipt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from registry.checking.checks import CheckedSubmission

_KINDS = ("conformance", "completeness", "plausibility")
_STATES = ("passed", "failed", "not applicable")
_COLUMNS = ("submission", "rule", "table", "class", "severity", "tested", "failed", "status")


@click.command()
@click.argument("paths", type=PLACE, nargs=-1)
@click.option("--list-rules", is_flag=True, help="List every rule, without a submission.")
@click.option("--rules", "each", is_flag=True, help="What every rule tested and found, not only its class.")
@click.option("--results", type=FILE, help="CSV file to write what every rule tested and found into.")
@click.option("--workbook", type=FILE, help="Excel file to write the problems into, one sheet a table.")
@click.option("--pdf", type=FILE, help="PDF file to write one page about the submission into.")
@click.pass_obj
def check(
    study_folder: Path,
    paths: tuple[Path, ...],
    *,
    list_rules: bool,
    each: bool,
    results: Path | None,
    workbook: Path | None,
    pdf: Path | None,
) -> None:
    """Check the submissions in PATHS with every rule; no registry is needed, and nothing is stored.

    In the folder of a study its centres are known, and a submission of another one is refused. Exit status 3 if rows or
    files would be refused.
    """
    if list_rules:
        _print_catalogue()
        return
    if not paths:
        raise click.UsageError("Name the submissions, or ask for --list-rules.")
    if len(paths) > 1 and (workbook or pdf):
        raise click.UsageError("--workbook and --pdf are about one submission.")
    centres = _centres(study_folder)
    refused = False
    rows: list[dict[str, Any]] = []
    for path in paths:
        with show_progress() as progress:
            checked = check_path(path, centres=centres, progress=progress)
        refused = refused or checked.rejects > 0
        click.echo(message(checked) + "\n")
        found = [{"submission": checked.submission.name, **row} for row in rows_of_results(checked)]
        rows += found
        if each:
            _print_rules(found)
        _print_classes(found)
        _write_for_centre(checked, workbook=workbook, pdf=pdf)
    if results is not None:
        _write_results(rows, results)
    if refused:
        raise SystemExit(ExitCode.BAD_SUBMISSION)


def message(checked: CheckedSubmission) -> str:
    """Return what `add` would tell the centre, with what would become of the rows in place of what became of them."""
    submission = checked.submission
    if checked.refused or submission.date is None:
        told = BadSubmission(checked).text()
        state = "As it stands, nothing of it would be taken in. Correct what is listed and check it again."
    else:
        told = Receipt(
            submission_id="",
            latest="",
            name=submission.name,
            centre=submission.centre,
            date=submission.date,
            accepted=checked.accepted,
            quarantined=checked.quarantine.num_rows,
            queries=checked.questions,
            rejects=checked.rejects,
            problems=checked.problems,
            kinds=checked.kinds,
        ).text()
        state = _state(checked)
    problems, _, _ = told.rpartition("\n\n")
    return f"{problems}\n\n{state}"


def rows_of_results(checked: CheckedSubmission) -> list[dict[str, Any]]:
    """Return one row a rule, sorted by rule: rule, table, class, severity, tested, failed, status."""
    return [
        {
            "rule": row["rule"],
            "table": row["table_name"] or "",
            "class": row["kind"],
            "severity": row["severity"],
            "tested": row["tested"],
            "failed": row["failed"],
            "status": status(row["tested"], row["failed"]),
        }
        for row in checked.results.to_pylist()
    ]


def _state(checked: CheckedSubmission) -> str:
    held = checked.quarantine.num_rows
    taken = f"{_rows(checked.accepted)} would be taken in."
    if not held:
        return taken
    waiting = f", {checked.waiting:,} of them only because the person's own row would" if checked.waiting else ""
    return f"{_rows(held)} would be held back{waiting}; {taken}"


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number:,} rows"


def _centres(study_folder: Path) -> list[str] | None:
    """Return the centres of the study, None if there is no study to ask."""
    if not (study_folder / "study.toml").is_file():
        return None
    return [centre.code for centre in registry.load_study(study_folder).centres]


def _write_for_centre(checked: CheckedSubmission, *, workbook: Path | None, pdf: Path | None) -> None:
    if workbook is None and pdf is None:
        return
    from reports import centre_problems

    with private_files():
        if workbook is not None:
            click.echo(f"Written to {centre_problems.write_workbook(checked, workbook)}.")
        if pdf is not None:
            click.echo(f"Written to {centre_problems.write_page(checked, pdf)}.")


def _write_results(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise UserError(
            str(path),
            seen=f"The file cannot be written: {error.strerror}.",
            expected="Expected a place for the results.",
            advice="Name another file with --results.",
            state="The submission was checked; nothing was written.",
        ) from None
    click.echo(f"Written to {path}.")


def _print_classes(rows: Sequence[Mapping[str, Any]]) -> None:
    counts = Counter((row["class"], row["status"]) for row in rows)
    table = _table(["Rules", *(state.capitalize() for state in _STATES)], left=1)
    for kind in _KINDS:
        table.add_row(kind, *(str(counts[kind, state]) for state in _STATES))
    table.add_row("all", *(str(sum(counts[kind, state] for kind in _KINDS)) for state in _STATES))
    Console(width=WIDTH).print(table)


def _print_rules(rows: Sequence[Mapping[str, Any]]) -> None:
    table = _table(["Rule", "Class", "Status", "Tested", "Failed"], left=3)
    for row in rows:
        table.add_row(row["rule"], row["class"], row["status"], f"{row['tested']:,}", f"{row['failed']:,}")
    Console(width=WIDTH).print(table)


def _print_catalogue() -> None:
    table = _table(["Rule", "Class", "Severity", "What is wrong, what to do, and source"], left=4)
    for rule in catalogue():
        table.add_row(rule.id, rule.kind, rule.severity, escape(_words(rule)))
    Console(width=WIDTH).print(table)
    click.echo(f"{len(catalogue())} rules.")


def _words(rule: Rule) -> str:
    source = rule.source if rule.source.endswith((".", ")")) else f"{rule.source}."
    return f"{rule.message} {rule.advice} Source: {source}"


def _table(headings: Sequence[str], *, left: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < left else "right", no_wrap=number == 0, overflow="fold")
    return table


VERBS = (check,)
