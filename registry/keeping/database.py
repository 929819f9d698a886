"""How a DuckDB file is opened: locked down, readable by its owner only, and waited for while another process has it."""

from __future__ import annotations

import re
import tempfile
import time
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

import duckdb

from registry.contract import contract, create_table, stored_columns
from registry.errors import ExitCode, UserError
from registry.keeping.private_files import private_files, spill_folder
from registry.keeping.trouble import damaged, is_damage, is_of_the_disk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

OWN_TABLES = ("submission", "quarantine", "query")
"""Tables of registry.duckdb beside the eight of the contract."""

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
MEMORY = "256MiB"
"""What DuckDB may take for a file; the rest is spilled. The Arrow tables of a full-size submission stand beside it."""
_PAUSE_SECONDS = 0.1


@contextmanager
def open_database(
    path: Path, *, read_only: bool = False, wait_seconds: float = 10, folders: Sequence[Path] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB file, made if it is not there, and close it at the end of the with block.

    The connection reaches no file but its own and those in `folders`, no network and no Python variable; what is to
    be read from Python is registered. Files made inside the block, by anybody in this process, are 0600.

    Parameters
    ----------
    path
        The DuckDB file.
    read_only
        Whether several processes may read at once; none of them while one writes.
    wait_seconds
        How long to wait for another process that has the file open.
    folders
        Where COPY TO and reading of files are allowed.

    Raises
    ------
    UserError
        If the file is still in use after the wait (exit code BUSY), is no DuckDB file (BAD_STUDY), or is to be read
        and does not exist (NOTHING_TO_READ).
    """
    if not path.parent.is_dir():
        raise _no_study(path)
    if read_only and not path.is_file():
        raise _nothing_to_read(path)
    with private_files(), spill_folder(path) as spill:
        connection = _connect(path, read_only=read_only, wait_seconds=wait_seconds, spill=spill)
        try:
            _lock_down(connection, folders)
            yield connection
        except duckdb.Error as error:
            if is_damage(error):
                raise damaged(path) from error
            raise
        finally:
            connection.close()


@contextmanager
def open_registry(
    path: Path, *, read_only: bool = False, wait_seconds: float = 10, folders: Sequence[Path] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open registry.duckdb as open_database does, made with its tables if it is not there.

    Raises what open_database raises, and UserError (BAD_STUDY) if the file was made for another contract.
    """
    with open_database(path, read_only=read_only, wait_seconds=wait_seconds, folders=folders) as connection:
        columns = _columns(connection)
        if not read_only and not columns.keys() >= {*OWN_TABLES, *contract()}:
            create_tables(connection)
            columns = _columns(connection)
        _same_contract(columns, path)
        yield connection


@contextmanager
def open_memory(
    *, folders: Sequence[Path] = (), memory: str = "", small: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory, locked down in the same way; what does not fit is spilled to a private folder.

    memory: what it may take of it, such as "400MiB"; empty for most of what the machine has. small: whether its tables
    have so few rows that planning a statement takes longer than doing it as it is written, on one thread.
    """
    limit: dict[str, str | int] = {"memory_limit": memory} if memory else {}
    limit |= {"threads": 1} if small else {}
    with private_files(), tempfile.TemporaryDirectory(prefix="registry-") as spill:
        connection = duckdb.connect(":memory:", config={**CONFIG, **limit, "temp_directory": spill})
        try:
            if small:
                connection.execute("PRAGMA disable_optimizer")
            _lock_down(connection, folders)
            yield connection
        finally:
            connection.close()


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the tables of a registry where they do not exist yet."""
    connection.execute(_sql("registry"))
    there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    for name in contract():
        if name not in there:
            connection.execute(create_table(name, registry_columns(name)))


def registry_columns(table: str) -> tuple[tuple[str, str], ...]:
    """Return (name, DuckDB type) of a contract table in registry.duckdb: submission and record come first."""
    return (("submission_id", "VARCHAR"), ("record", "VARCHAR"), *stored_columns(contract()[table]))


def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "store", f"{name}.sql").read_text(encoding="utf-8")


def _lock_down(connection: duckdb.DuckDBPyConnection, folders: Sequence[Path]) -> None:
    """Take from the connection what SQL could use to reach outside, for good."""
    if folders:
        names = ", ".join("'" + str(folder.resolve()).replace("'", "''") + "'" for folder in folders)
        connection.execute(f"SET allowed_directories = [{names}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _connect(path: Path, *, read_only: bool, wait_seconds: float, spill: Path) -> duckdb.DuckDBPyConnection:
    """Connect, trying again while another process has the file: DuckDB itself refuses at once."""
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            limits = {"temp_directory": str(spill), "memory_limit": MEMORY}
            return duckdb.connect(path, read_only=read_only, config={**CONFIG, **limits})
        except duckdb.Error as error:
            text = str(error)
            if "Could not set lock" not in text:
                if is_of_the_disk(error):
                    raise
                # Whatever else stands in the way of opening it was found in the file or its write-ahead log.
                raise damaged(path) from error
            if time.monotonic() >= deadline:
                raise _busy(path, text, wait_seconds) from None
            time.sleep(_PAUSE_SECONDS)


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in connection.execute(_sql("columns")).fetchall():
        found.setdefault(table, []).append((column, kind))
    return found


def _same_contract(found: Mapping[str, Sequence[tuple[str, str]]], path: Path) -> None:
    """Refuse a file whose tables are not those of this contract, before anything is read or written."""
    if not found:
        # Its maker was stopped between making the file and making the tables.
        raise _nothing_to_read(path)
    differ = [name for name in contract() if tuple(found.get(name, ())) != registry_columns(name)]
    if differ:
        raise UserError(
            str(path),
            seen=f"The columns of {', '.join(differ)} are not those of this version's contract.",
            expected="Expected a registry that was made with the same contract.",
            advice="Use the version that made it, or add the submissions to a new registry.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )


def _busy(path: Path, text: str, wait_seconds: float) -> UserError:
    holder = re.search(r"\(PID (\d+)\)", text)
    who = f"process {holder[1]}" if holder else "another process"
    return UserError(
        str(path),
        seen=f"The file is in use by {who}; waited {wait_seconds:g} s.",
        expected="Expected it to be free: one process writes at a time.",
        advice="Try again when that process has ended.",
        state="Nothing was changed.",
        exit_code=ExitCode.BUSY,
    )


def _nothing_to_read(path: Path) -> UserError:
    return UserError(
        str(path),
        seen="There is no registry yet.",
        expected="Expected at least one submission in it.",
        advice="Take one in with 'myoregistry add FOLDER'.",
        state="Nothing was changed.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )


def _no_study(path: Path) -> UserError:
    return UserError(
        str(path.parent),
        seen="There is no such folder.",
        expected="Expected the folder of a study.",
        advice="Name the folder with --study.",
        state="Nothing was changed.",
        exit_code=ExitCode.BAD_STUDY,
    )
