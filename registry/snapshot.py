"""The registry frozen on a date: Parquet and a manifest, read-only, named by the hash of its content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import duckdb

from registry.concepts import HELPER_TABLES, concepts, create_from_arrow, derive, prepare
from registry.contract import VERSION, contract, snapshot_columns
from registry.errors import ExitCode, UserError
from registry.keeping.database import open_registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from registry.study import Study

ID_LENGTH = 16
LOCKED_DOWN = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The registry as it was on a data cut; everything that analyses may read.

    id: first 16 hexadecimal digits of a SHA-256 over the cut, the submissions, the content of the eight tables, the
    rules and the concept SQL. folder: where the Parquet files lie. manifest: what manifest.json says.
    """

    id: str
    folder: Path
    cut: date
    manifest: dict[str, Any]

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return an in-memory connection with one view a table, which can read nothing outside the snapshot."""
        connection = duckdb.connect(":memory:", config={**LOCKED_DOWN, "threads": 1})
        connection.execute(f"SET allowed_directories = [{_quoted(str(self.folder))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        for name in self.manifest["tables"]:
            path = _quoted(str(self.folder / f"{name}.parquet"))
            connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM read_parquet({path})')
        return connection

    def table(self, name: str) -> pd.DataFrame:
        """Return a table (a contract table, a concept or "submission") as a frame, in its stored order."""
        if name not in self.manifest["tables"]:
            raise KeyError(name)
        with self.connect() as connection:
            return connection.execute(f'SELECT * FROM "{name}"').fetch_df()


def freeze(
    study: Study,
    *,
    cut: date | None = None,
    remember: bool = True,
    progress: Callable[[str, float], None] | None = None,
) -> Snapshot:
    """Freeze the registry as of a data cut and return the snapshot; freezing the same state again changes nothing.

    cut: each centre counts with its latest submission dated on or before this day; None is the date of the latest
    submission. remember: whether the snapshot becomes the one that is used when none is named.
    Raises UserError if no centre had sent anything by then.
    """
    cut, tables, submissions = _read(study, cut)
    work = duckdb.connect(":memory:", config={**LOCKED_DOWN, "threads": 1})
    temporary = study.snapshots / f".being-frozen-{os.getpid()}"
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        work.execute(f"SET allowed_directories = [{_quoted(str(temporary))}]")
        work.execute("SET enable_external_access = false")
        content = {"submission": _load(work, "submission", submissions)}
        content |= {name: _load(work, name, table) for name, table in tables.items()}
        prepare(work, rules=study.rules, cut=cut)
        snapshot_id = _identity(study, cut, content)
        folder = study.snapshots / snapshot_id
        if not (folder / "manifest.json").is_file():
            derive(work, progress=progress)
            manifest = _write(work, temporary, study=study, cut=cut, snapshot_id=snapshot_id, content=content)
            (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
            temporary.replace(folder)
    finally:
        work.close()
        shutil.rmtree(temporary, ignore_errors=True)
    if remember:
        mark = study.snapshots / f".latest-{os.getpid()}"
        mark.write_text(snapshot_id + "\n", encoding="utf-8")
        mark.replace(study.snapshots / "latest")
    return open_snapshot(study, snapshot_id)


def open_snapshot(study: Study, snapshot_id: str | None = None) -> Snapshot:
    """Return a snapshot of a study, the one frozen last if none is named, after checking its files.

    Raises UserError if there is none, or if a file is not what was frozen.
    """
    latest = study.snapshots / "latest"
    if snapshot_id is None:
        snapshot_id = latest.read_text(encoding="utf-8").strip() if latest.is_file() else ""
    folder = study.snapshots / snapshot_id
    known = {path.parent.name for path in study.snapshots.glob("*/manifest.json")}
    if not snapshot_id or snapshot_id not in known:
        raise UserError(
            str(folder if snapshot_id else study.snapshots),
            seen=f"There is no snapshot {snapshot_id}." if snapshot_id else "Nothing has been frozen yet.",
            expected=f"Expected one of: {', '.join(sorted(known))}." if known else "Expected a snapshot.",
            advice="Freeze the registry with 'myoregistry freeze'.",
            state="Nothing was changed.",
            exit_code=ExitCode.NOTHING_TO_READ,
        )
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    changed = [
        name
        for name, entry in manifest["tables"].items()
        if not (folder / f"{name}.parquet").is_file()
        or _file_sha256(folder / f"{name}.parquet") != entry["file_sha256"]
    ]
    if changed:
        raise UserError(
            str(folder),
            seen=f"Changed or missing since it was frozen: {', '.join(changed)}.",
            expected="Expected the bytes that the manifest names.",
            advice="Remove this folder and freeze again with the same data cut: the same registry gives the same id.",
            state="Nothing was read from it.",
            exit_code=ExitCode.NOTHING_TO_READ,
        )
    return Snapshot(id=snapshot_id, folder=folder, cut=date.fromisoformat(manifest["cut"]), manifest=manifest)


def _read(study: Study, cut: date | None) -> tuple[date, dict[str, pa.Table], pa.Table]:
    query = files("registry").joinpath("sql", "snapshot", "latest_submission.sql").read_text(encoding="utf-8")
    if not study.database.is_file():
        raise _nothing(study, cut)
    with open_registry(study.database, read_only=True) as connection:
        # read to the end: an unfinished result keeps the connection in use
        latest = connection.execute("SELECT max(date) FROM submission").fetchall()
        cut = cut or latest[0][0]
        if cut is None:
            raise _nothing(study, cut)
        submissions = connection.sql(query, params={"cut": cut}).to_arrow_table()
        if submissions.num_rows == 0:
            raise _nothing(study, cut)
        tables = {}
        for name, table in contract().items():
            columns = ", ".join(f't."{c}"' for c, _ in snapshot_columns(table)[3:])
            tables[name] = connection.sql(
                f"SELECT s.centre || '/' || t.patient_id AS person_id, s.centre, t.record, {columns} "
                f'FROM "{name}" t JOIN ({query}) s USING (submission_id)',
                params={"cut": cut},
            ).to_arrow_table()
    return cut, tables, submissions


def _nothing(study: Study, cut: date | None) -> UserError:
    return UserError(
        str(study.database),
        seen="No submission has been taken in" + (f" that is dated on or before {cut}." if cut else "."),
        expected="Expected at least one centre's submission.",
        advice="Take submissions in with 'myoregistry add FOLDER...', or choose a later data cut.",
        state="Nothing was frozen.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )


def _load(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> str:
    """Create a sorted table from Arrow and return the SHA-256 of its content, whatever wrote it."""
    create_from_arrow(connection, name, table)
    cells = ", ".join(f'coalesce(CAST("{column}" AS VARCHAR), chr(30))' for column in table.column_names)
    [(digest,)] = connection.execute(
        f"SELECT sha256(coalesce(string_agg(h, '' ORDER BY h), '')) "
        f'FROM (SELECT sha256(concat_ws(chr(31), {cells})) AS h FROM "{name}")'
    ).fetchall()
    return str(digest)


def _identity(study: Study, cut: date, content: dict[str, str]) -> str:
    rules = study.rules
    parts = {
        "cut": cut.isoformat(),
        "contract": VERSION,
        "content": content,
        "rules": {name: f"{rule.value.normalize():f}" for name, rule in sorted(rules.rules.items())},
        "tis_bands": {name: [[str(a), str(b)] for a, b in bands] for name, bands in sorted(rules.tis_bands.items())},
        "concepts": {name: concept.select for name, concept in sorted(concepts().items())},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:ID_LENGTH]


def _write(
    work: duckdb.DuckDBPyConnection, folder: Path, *, study: Study, cut: date, snapshot_id: str, content: dict[str, str]
) -> dict[str, Any]:
    entries: dict[str, dict[str, Any]] = {}
    for name in (*content, *HELPER_TABLES, *concepts()):
        path = folder / f"{name}.parquet"
        work.execute(f'COPY "{name}" TO {_quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)')
        [(rows,)] = work.execute(f'SELECT count(*) FROM "{name}"').fetchall()
        entry = {"rows": rows, "file_sha256": _file_sha256(path)}
        entries[name] = entry | ({"content_sha256": content[name]} if name in content else {})
    return {
        "id": snapshot_id,
        "cut": cut.isoformat(),
        "study": study.name,
        "contract": VERSION,
        "software": software(),
        "tables": entries,
        "rules": {name: rule.model_dump(mode="json") for name, rule in study.rules.rules.items()},
        "tis_bands": study.rules.model_dump(mode="json")["tis_bands"],
        "concepts": {name: concept.definition for name, concept in concepts().items()},
    }


def software() -> dict[str, str]:
    """Return the versions of what makes the numbers."""
    names = ("myoregistry", "duckdb", "pandas", "numpy", "scipy", "statsmodels", "coxdev")
    return {name: version(name) for name in names}


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
