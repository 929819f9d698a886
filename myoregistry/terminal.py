"""What the verbs share on the terminal: kinds of arguments, and a bar that shows how far the work has come."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from registry.keeping.change import put_right
from registry.study import Study, load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDTH = 100
FOLDER = click.Path(path_type=Path, file_okay=False)
PLACE = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
DAY = click.DateTime(formats=["%Y-%m-%d"])


def sound_study(folder: Path) -> Study:
    """Load a study whose registry is to be used; say on standard error what the last command had left behind."""
    study = load_study(folder)
    for note in put_right(study):
        click.echo(note, err=True)
    return study


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar on the terminal, on standard error, and nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<40.40}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)
