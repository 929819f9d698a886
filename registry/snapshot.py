"""The registry frozen on a date: Parquet and a manifest, read-only, named by the hash of its content."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import duckdb

from registry.checking.harmonise import quoted
from registry.concepts import HELPER_TABLES, concepts, create_from_arrow, derive, prepare
from registry.contract import VERSION
from registry.errors import ExitCode, UserError
from registry.keeping.archived import file_sha256
from registry.keeping.database import CONFIG
from registry.keeping.digest import digest_of_rows
from registry.keeping.private_files import private_files, spill_folder
from registry.keeping.publish import UNFINISHED, sync_files, sync_folder, write_file
from registry.keeping.snapshots_folder import remove_unfinished_snapshots, snapshots_lock
from registry.keeping.state import read_state
from registry.keeping.superseded import read_superseded
from registry.keeping.trouble import tells_of_trouble
from registry.keeping.writer import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from registry.study import Study

ID_LENGTH = 16
LATEST = "latest"
MEMORY = "400MiB"
"""What DuckDB may take while it derives the concepts; the rest is spilled into a private folder."""


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
        connection = duckdb.connect(":memory:", config={**CONFIG, "threads": 1})
        connection.execute(f"SET allowed_directories = [{quoted(str(self.folder))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        for name in self.manifest["tables"]:
            path = quoted(str(self.folder / f"{name}.parquet"))
            connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM read_parquet({path})')
        return connection

    def table(self, name: str) -> pd.DataFrame:
        """Return a table (a contract table, a concept or "submission") as a frame, in its stored order."""
        if name not in self.manifest["tables"]:
            raise KeyError(name)
        with self.connect() as connection:
            return connection.execute(f'SELECT * FROM "{name}"').fetch_df()


@tells_of_trouble
def freeze(
    study: Study,
    *,
    cut: date | None = None,
    known: date | None = None,
    remember: bool = True,
    progress: Callable[[str, float], None] | None = None,
    wait_seconds: float = WAIT_SECONDS,
    resume: bool = True,
) -> Snapshot:
    """Freeze the registry as of a data cut and return the snapshot; freezing the same state again changes nothing.

    cut: each centre counts with its latest submission dated on or before this day; None is the date of the latest
    submission. known: only what had arrived by the end of this day (UTC), whatever its date; None is all. Persons who
    have withdrawn their consent since are not in it. remember: whether the snapshot becomes the one that is used when
    none is named. resume: whether to finish first what a stopped command had set out to do.
    Raises UserError if no centre had sent anything by then.
    """
    from registry.keeping.resume import resume_stopped  # noqa: PLC0415  (what finishes the work freezes by this module)

    if resume:
        # Before the lock is taken: what was stopped may have snapshots to freeze anew, which takes it too.
        list(resume_stopped(study))
    with snapshots_lock(study, "freeze", wait_seconds=wait_seconds), private_files():
        state = read_state(study, cut, known, wait_seconds=wait_seconds)
        with spill_folder(study.database) as spill:
            return _freeze(study, state, known, spill=spill, remember=remember, progress=progress)


def _freeze(
    study: Study,
    state: tuple[date, dict[str, pa.Table], pa.Table],
    known: date | None,
    *,
    spill: Path,
    remember: bool,
    progress: Callable[[str, float], None] | None,
) -> Snapshot:
    cut, tables, submissions = state
    remove_unfinished_snapshots(study)
    limits: dict[str, str | int] = {"threads": 1, "memory_limit": MEMORY, "temp_directory": str(spill)}
    work = duckdb.connect(":memory:", config={**CONFIG, **limits})
    temporary = study.snapshots / f"{UNFINISHED}{os.getpid()}"
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        work.execute(f"SET allowed_directories = [{quoted(str(temporary))}]")
        work.execute("SET enable_external_access = false")
        content = {"submission": _load(work, "submission", submissions)}
        # One at a time, each gone when it is loaded.
        content |= {name: _load(work, name, tables.pop(name)) for name in tuple(tables)}
        prepare(work, rules=study.rules, cut=cut)
        snapshot_id = _identity(study, cut, known, content)
        folder = study.snapshots / snapshot_id
        if not (folder / "manifest.json").is_file():
            derive(work, progress=progress)
            manifest = _write(work, temporary, study=study, content=content)
            dates = {"cut": cut.isoformat(), "known": known.isoformat() if known else None}
            made_of = {"submissions": submissions["submission_id"].to_pylist()}
            manifest = {"id": snapshot_id, **dates, **made_of, **manifest}
            write_file(temporary / "manifest.json", (json.dumps(manifest, indent=1) + "\n").encode())
            if folder.is_dir():
                # A folder without a manifest is what an older version left unfinished.
                shutil.rmtree(folder)
            sync_files(temporary)
            temporary.replace(folder)
            sync_folder(study.snapshots)
    finally:
        work.close()
        shutil.rmtree(temporary, ignore_errors=True)
    if remember:
        write_file(study.snapshots / LATEST, f"{snapshot_id}\n".encode())
    return open_snapshot(study, snapshot_id)


def open_snapshot(study: Study, snapshot_id: str | None = None) -> Snapshot:
    """Return a snapshot of a study, the one frozen last if none is named, after checking its files.

    Raises UserError if there is none, or if a file is not what was frozen.
    """
    latest = study.snapshots / LATEST
    if snapshot_id is None:
        snapshot_id = latest.read_text(encoding="utf-8").strip() if latest.is_file() else ""
    folder = study.snapshots / snapshot_id
    known = set(snapshot_manifests(study))
    if not snapshot_id or snapshot_id not in known:
        replaced = read_superseded(study).get(snapshot_id)
        if replaced is not None:
            raise _superseded(folder, snapshot_id, replaced)
        raise UserError(
            str(folder if snapshot_id else study.snapshots),
            seen=f"There is no snapshot {snapshot_id}." if snapshot_id else "Nothing has been frozen yet.",
            expected=f"Expected one of: {', '.join(sorted(known))}." if known else "Expected a snapshot.",
            advice="Freeze the registry with 'myoregistry freeze'.",
            state="Nothing was changed.",
            exit_code=ExitCode.NOTHING_TO_READ,
        )
    manifest = _manifest(folder)
    if not manifest:
        raise _changed(folder, ["manifest.json"])
    changed = [
        name
        for name, entry in manifest["tables"].items()
        if not (folder / f"{name}.parquet").is_file() or file_sha256(folder / f"{name}.parquet") != entry["file_sha256"]
    ]
    if changed:
        raise _changed(folder, changed)
    return Snapshot(id=snapshot_id, folder=folder, cut=date.fromisoformat(manifest["cut"]), manifest=manifest)


def snapshot_manifests(study: Study) -> dict[str, dict[str, Any]]:
    """Return the manifest of every snapshot of a study, by id, in alphabetical order; empty if it is damaged."""
    paths = sorted(study.snapshots.glob("[!.]*/manifest.json"))
    return {path.parent.name: _manifest(path.parent) for path in paths}


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        whole = all(entry["file_sha256"] for entry in manifest["tables"].values()) and manifest["cut"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    return dict(manifest) if whole else {}


def _changed(folder: Path, names: Sequence[str]) -> UserError:
    return UserError(
        str(folder),
        seen=f"Changed or missing since it was frozen: {', '.join(names)}.",
        expected="Expected the bytes that were frozen, each with the hash in the manifest.",
        advice="Remove this folder and freeze again with the same data cut: the same registry gives the same id.",
        state="Nothing was read from it.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )


def _superseded(folder: Path, snapshot_id: str, replaced: Mapping[str, str | None]) -> UserError:
    new = replaced["new"]
    return UserError(
        str(folder),
        seen=f"Snapshot {snapshot_id} is no longer there: {replaced['why']} ({replaced['on']}).",
        expected=f"Expected {new}, which was frozen in its place." if new else "Nothing was left to freeze.",
        advice=f"Use --snapshot {new}. Numbers in reports of {snapshot_id} cannot be made again." if new else "",
        state="Nothing was changed.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )


def _load(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> str:
    """Create a sorted table from Arrow and return the SHA-256 of its content, whatever wrote it."""
    create_from_arrow(connection, name, table)
    cells = ", ".join(f'coalesce(CAST("{column}" AS VARCHAR), chr(30))' for column in table.column_names)
    query = f'SELECT sha256(concat_ws(chr(31), {cells})) AS row_hash FROM "{name}" ORDER BY row_hash'
    return digest_of_rows(connection, query)[1]


def _identity(study: Study, cut: date, known: date | None, content: dict[str, str]) -> str:
    rules = study.rules
    parts = {
        "cut": cut.isoformat(),
        **({"known": known.isoformat()} if known else {}),
        "contract": VERSION,
        "content": content,
        "rules": {name: f"{rule.value.normalize():f}" for name, rule in sorted(rules.rules.items())},
        "tis_bands": {name: [[str(a), str(b)] for a, b in bands] for name, bands in sorted(rules.tis_bands.items())},
        "concepts": {name: concept.select for name, concept in sorted(concepts().items())},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:ID_LENGTH]


def _write(work: duckdb.DuckDBPyConnection, folder: Path, *, study: Study, content: dict[str, str]) -> dict[str, Any]:
    entries: dict[str, dict[str, Any]] = {}
    for name in (*content, *HELPER_TABLES, *concepts()):
        path = folder / f"{name}.parquet"
        work.execute(f'COPY "{name}" TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)')
        [(rows,)] = work.execute(f'SELECT count(*) FROM "{name}"').fetchall()
        entry = {"rows": rows, "file_sha256": file_sha256(path)}
        entries[name] = entry | ({"content_sha256": content[name]} if name in content else {})
    return {
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
    names = ("myoregistry", "duckdb", "pandas", "numpy", "scipy", "statsmodels", "formulaic")
    return {name: version(name) for name in names}
