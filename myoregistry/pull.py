"""The verbs that fetch a submission from where a centre keeps its data."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from myoregistry.terminal import DAY, FILE, FOLDER
from myoregistry.terminal import progress as show_progress
from registry.errors import UserError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_LIKE_A_TOKEN = re.compile(r"[0-9A-Fa-f]{32}")


@click.group()
def pull() -> None:
    """Fetch a submission from where a centre keeps its data."""


@pull.command()
@click.option("--url", required=True, help="Address of the API, such as https://redcap.hospital.org/api/.")
@click.option("--mapping", type=FILE, required=True, help="mapping.toml: from REDCap fields to the contract.")
@click.option("--centre", required=True, help="Code of the centre, as in study.toml.")
@click.option("--date", "day", type=DAY, required=True, help="Date of the submission, YYYY-MM-DD.")
@click.option("--output", type=FOLDER, required=True, help="Folder in which CENTRE-DATE is made.")
@click.option("--sender", default="", help="Who answers questions, for the manifest.")
@click.option(
    "--token-variable", default="REDCAP_TOKEN", show_default=True, help="Environment variable that holds the token."
)
@click.option("--batch", type=click.IntRange(1, 100_000), default=500, show_default=True, help="Records a question.")
@click.option("--timeout", type=click.FloatRange(1, 3600), default=60, show_default=True, help="Seconds of silence.")
@click.option("--allow-http", is_flag=True, help="Without encryption; only to a server on this machine.")
def redcap(
    *,
    url: str,
    mapping: Path,
    centre: str,
    day: datetime,
    output: Path,
    sender: str,
    token_variable: str,
    batch: int,
    timeout: float,
    allow_http: bool,
) -> None:
    """Pull the records of a REDCap project and write them as a submission, ready for 'myoregistry add'.

    Only the fields and events that the mapping reads are asked for. The token of the API comes from an environment
    variable, never from the command line, and is written nowhere.
    """
    from registry.intake.redcap_api import open_api
    from registry.intake.redcap_pull import pull_redcap

    token = _token(token_variable)
    api = open_api(url, token, allow_http=allow_http, timeout=timeout)
    with show_progress() as progress:
        pulled = pull_redcap(
            api, mapping, output, centre=centre, day=day.date(), sender=sender, batch=batch, progress=progress
        )
    click.echo(pulled.text())


@pull.command()
def mapping() -> None:
    """Print a mapping.toml to start from, with every setting explained."""
    from importlib.resources import files

    click.echo(files("registry").joinpath("redcap_mapping_template.toml").read_text(encoding="utf-8"), nl=False)


def _token(variable: str) -> str:
    if _LIKE_A_TOKEN.fullmatch(variable):
        raise UserError(
            "--token-variable",
            seen="This looks like a token, not like the name of a variable.",
            expected="Expected the name of an environment variable that holds the token.",
            advice="Let REDCap make a new token: this one now stands in the history of the shell.",
            state="Nothing was sent and nothing was written.",
        )
    token = os.environ.get(variable, "")
    if not token:
        raise UserError(
            "--token-variable",
            seen=f"The environment variable {variable} is empty or not set.",
            expected="Expected it to hold the token of the API.",
            advice=f"Read it without an echo, such as: read -rs {variable} && export {variable}",
            state="Nothing was sent and nothing was written.",
        )
    return token


VERBS = (pull,)
