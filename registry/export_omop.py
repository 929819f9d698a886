"""A snapshot as tables of the OMOP common data model 5.4, so that other tools can run on the registry."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from registry.contract import codelist
from registry.errors import ExitCode, UserError
from registry.intake.standard_codes import built_in_codes, with_own_codes
from registry.keeping.private_files import private_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb

    from registry.intake.standard_codes import Codes
    from registry.snapshot import Snapshot

TABLES = (
    "person",
    "care_site",
    "observation_period",
    "condition_occurrence",
    "drug_exposure",
    "measurement",
    "observation",
    "death",
    "cdm_source",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  (the full-width forms)
"""What makes a spreadsheet take a text for a formula: such a text gets an apostrophe before it."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was written: the folder, the rows of each table, and how many persons were left out for want of consent."""

    folder: Path
    snapshot: str
    rows: Mapping[str, int]
    left_out: int


def export_omop(
    snapshot: Snapshot,
    folder: Path,
    *,
    codes: bytes | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Export:
    """Write a snapshot as CSV files of OMOP 5.4 with a README of what is not mapped; the same snapshot, the same bytes.

    Persons without consent to research use are left out. Concept ids are those of the code list that have been
    verified, 0 where there is none; source values are always filled.

    Parameters
    ----------
    snapshot
        As `open_snapshot` returned it.
    folder
        Where to write; it must not exist yet. It appears whole or not at all, its files readable by their owner only.
    codes
        Content of a codes.csv with the study's own concept ids, which go before the built-in ones.
    progress
        Called with what is being done and the share that is done, from 0 to 1.

    Raises
    ------
    UserError
        If the folder exists, its parent does not, or codes cannot be read.
    """
    _free(folder)
    known = _codes(codes)
    with snapshot.connect() as connection:
        _prepare(connection, snapshot, known)
        [(left_out,)] = connection.execute("SELECT count(*) FROM patient WHERE consent <> 'yes'").fetchall()
        with private_files():
            temporary = _new_folder(folder)
            try:
                rows = {}
                for done, name in enumerate(TABLES):
                    if progress is not None:
                        progress(f"writing {name}.csv", done / len(TABLES))
                    rows[name] = _write_table(connection, temporary, name, snapshot)
                _write(temporary / "README.md", _readme(snapshot, rows, int(left_out), known))
                _free(folder)
                temporary.rename(folder)
                _to_disk(folder.parent)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    return Export(folder=folder, snapshot=snapshot.id, rows=rows, left_out=int(left_out))


def _codes(data: bytes | None) -> Codes:
    if data is None:
        return built_in_codes()
    codes, problems = with_own_codes(data)
    if problems:
        raise UserError(
            problems[0].where(),
            seen=problems[0].message,
            expected="Expected codes with a meaning of the contract.",
            advice=problems[0].advice,
            state="Nothing was written.",
        )
    return codes


def _prepare(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, codes: Codes) -> None:
    """Make the tables that the statements of sql/omop/write select from."""
    listed = sorted((kind, meaning, int(code)) for (kind, meaning), code in codes.written.items() if code.isdigit())
    columns = [[row[at] for row in listed] for at in range(3)]
    concept = pa.table(dict(zip(("kind", "meaning", "concept"), columns, strict=True)))
    first: dict[str, str] = {}
    for row in codelist("visit_units"):
        # The first unit of an item is the contract's own.
        first.setdefault(row["item"], row["unit"])
    unit = pa.table({"item": list(first), "unit": [name or None for name in first.values()]})
    for name, table in (("concept", concept), ("visit_unit", unit)):
        connection.register("listed", table)
        connection.execute(f'CREATE TABLE "{name}" AS FROM listed')
        connection.unregister("listed")
    for statement in connection.extract_statements(_sql("prepare")):
        bound = {"cut": snapshot.cut} if "cut" in statement.named_parameters else None
        connection.execute(statement, bound)


def _write_table(connection: duckdb.DuckDBPyConnection, folder: Path, name: str, snapshot: Snapshot) -> int:
    """Write one table as CSV and return its rows."""
    values = {
        "name": str(snapshot.manifest["study"]),
        "snapshot": snapshot.id,
        "version": version("myoregistry"),
        "cut": snapshot.cut,
    }
    result = connection.execute(_sql(name), values if name == "cdm_source" else None)
    header = [column[0] for column in result.description or ()]
    rows = result.fetchall()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    _write(folder / f"{name}.csv", text.getvalue())
    return len(rows)


def _cell(value: Any) -> Any:  # noqa: ANN401  (a value of any column)
    """Return a value as it can stand in a file that somebody opens in a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _readme(snapshot: Snapshot, rows: Mapping[str, int], left_out: int, codes: Codes) -> str:
    text = files("registry").joinpath("sql", "omop", "README.md").read_text(encoding="utf-8")
    listed = "\n".join(f"| {name} | {n} |" for name, n in rows.items())
    concepts = "\n".join(f"| {kind} | {meaning} | {code} |" for (kind, meaning), code in sorted(codes.written.items()))
    for mark, value in (
        ("{snapshot}", snapshot.id),
        ("{cut}", snapshot.cut.isoformat()),
        ("{rows}", listed),
        ("{left_out}", str(left_out)),
        ("{concepts}", concepts),
    ):
        text = text.replace(mark, value)
    return text


def _free(folder: Path) -> None:
    """Refuse a folder that exists, and one that has no parent."""
    there = folder.exists() or folder.is_symlink()
    if there or not folder.parent.is_dir():
        raise UserError(
            str(folder),
            seen="The folder is there already." if there else f"There is no folder {folder.parent}.",
            expected="Expected the name of a new folder in one that exists.",
            advice="Choose another name, or move the old export away.",
            state="Nothing was written.",
            exit_code=ExitCode.USAGE,
        )


def _new_folder(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _to_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "omop", "write", f"{name}.sql").read_text(encoding="utf-8")
