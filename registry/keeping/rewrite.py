"""A database written anew: DELETE, CHECKPOINT and VACUUM leave the bytes of what was deleted in the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import duckdb

from registry.checking.harmonise import quoted
from registry.keeping.database import CONFIG, MEMORY
from registry.keeping.private_files import private_files, spill_folder
from registry.keeping.publish import UNFINISHED, sync_folder

if TYPE_CHECKING:
    from pathlib import Path


def rewrite(database: Path) -> None:
    """Replace a closed DuckDB file by a copy that holds its rows and nothing else; whole or not at all."""
    copy = database.with_name(f"{UNFINISHED}{os.getpid()}-{database.name}")
    try:
        with private_files(), spill_folder(database) as spill:
            connection = duckdb.connect(
                ":memory:", config={**CONFIG, "temp_directory": str(spill), "memory_limit": MEMORY}
            )
            try:
                for name, path in (("kept", database), ("anew", copy)):
                    connection.execute(f"ATTACH {quoted(str(path))} AS {name}")
                connection.execute("COPY FROM DATABASE kept TO anew")
                connection.execute("CHECKPOINT anew")
                for name in ("kept", "anew"):
                    connection.execute(f"DETACH {name}")
            finally:
                connection.close()
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.replace(database)
        sync_folder(database.parent)
    finally:
        for left in (copy, copy.with_name(copy.name + ".wal")):
            left.unlink(missing_ok=True)
