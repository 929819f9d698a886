"""The verb that writes files for centres to fill in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from myoregistry.terminal import FILE

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def template() -> None:
    """Write a file for centres to fill in."""


@template.command()
@click.option("--output", type=FILE, required=True, help="Where to write the workbook; the name ends in .xlsx.")
def excel(output: Path) -> None:
    """Write an entry workbook: a sheet a table, with drop-downs, limits and explanations.

    It is made from the contract. Filled in, and with a manifest beside it, it is a submission. A file that is there is
    never overwritten.
    """
    from registry.entry_template import write_entry_template

    click.echo(write_entry_template(output))


VERBS = (template,)
"""What this module adds to the command line."""
