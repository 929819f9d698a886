"""The group of all verbs, and what a mistake looks like."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from myoregistry import checking, export, keeping, pull, quality, study, template
from registry.errors import UserError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--study", "folder", type=click.Path(path_type=Path), default=Path(), help="Folder of the study.")
@click.version_option(package_name="myoregistry")
@click.pass_context
def cli(context: click.Context, folder: Path) -> None:
    """Registry, analyses and committee reports for refractory dermatomyositis and polymyositis.

    \b
    A study, from the centres' files to the committee's PDF:
      myoregistry init STUDY                     write STUDY/study.toml, to be filled in
      myoregistry --study STUDY add PATH...      take submissions in: folders or zip archives
      myoregistry --study STUDY freeze           freeze the registry into a snapshot
      myoregistry --study STUDY run              analyse the snapshot
      myoregistry --study STUDY report committee make the PDF
      myoregistry --study STUDY due              build and deliver what is owed today
    """  # noqa: D301  (\b is click's mark for text that is not to be wrapped)
    context.obj = folder


for _verb in (
    *study.VERBS,
    *keeping.VERBS,
    *checking.VERBS,
    *pull.VERBS,
    *template.VERBS,
    *export.VERBS,
    *quality.VERBS,
):
    cli.add_command(_verb)


def main() -> None:
    """Run the command line; a user's mistake is shown without a traceback, a bug with one."""
    try:
        cli()
    except UserError as error:
        click.echo(error.text(), err=True)
        sys.exit(error.exit_code)
