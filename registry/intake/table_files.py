"""The tables of the contract as one file each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.contract import TABLES, contract
from registry.intake.delimited import read_delimited
from registry.intake.encoding import EMPTY_TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.intake.manifest import Manifest
    from registry.intake.sent_files import SentFiles
    from registry.intake.tables import TextTable


def read_table_files(
    files: SentFiles, manifest: Manifest | None, progress: Callable[[str, float], None]
) -> Mapping[str, TextTable]:
    """Return what the files hold of each table; a missing file is a problem of `files`."""
    del manifest
    found = {}
    for done, (name, table) in enumerate(sorted(contract().items())):
        data = files.read(table.file, if_missing=EMPTY_TABLE)
        if data is not None:

            def report(share: float, file: str = table.file, done: int = done) -> None:
                progress(f"reading {file}", (done + share) / len(TABLES))

            found[name] = read_delimited(data, table, progress=report)
    return found
