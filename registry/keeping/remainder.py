"""A submission without some persons, as files: what the archive keeps of it after they have withdrawn.

The bytes as they arrived cannot be kept then. Rows that could not be read as rows go too: they may be anybody's.
"""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

from registry.contract import contract
from registry.intake.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import pyarrow as pa

    from registry.intake.submission import Submission


def write_remainder(submission: Submission, folder: Path, *, without: Collection[str]) -> tuple[tuple[str, Path], ...]:
    """Write a submission as CSV files of the contract into a private folder, without persons, and return its files.

    without: their ids, as the centre writes them.
    """
    found = [(MANIFEST, folder / MANIFEST)]
    (folder / MANIFEST).write_text(_manifest(submission), encoding="utf-8")
    for name, table in contract().items():
        if name in submission.tables:
            found.append(_write(folder, f"{name}.csv", submission.tables[name], table.names, without))
        if name in submission.removed:
            found.append(_write(folder, f"removed.{name}.csv", submission.removed[name], table.key, without))
    return tuple(found)


def _write(
    folder: Path, file: str, rows: pa.Table, columns: Collection[str], without: Collection[str]
) -> tuple[str, Path]:
    with (folder / file).open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        for batch in rows.select(list(columns)).to_batches(max_chunksize=50_000):
            at = list(columns).index("patient_id")
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if row[at] not in without:
                    writer.writerow("" if value is None else value for value in row)
    return file, folder / file


def _manifest(submission: Submission) -> str:
    manifest = submission.manifest
    if manifest is None:
        text = "a submission without a manifest was archived"
        raise AssertionError(text)
    # A JSON string is a TOML basic string.
    lines = [f"{name} = {json.dumps(getattr(manifest, name))}" for name in ("centre", "contract", "sender", "kind")]
    lines.append(f"date = {manifest.date.isoformat()}")
    if manifest.base is not None:
        lines.append(f"base = {manifest.base.isoformat()}")
    units = [f"{json.dumps(column)} = {json.dumps(unit)}" for column, unit in sorted(manifest.units.items())]
    return "\n".join([*lines, "", "[units]", *units]) + "\n"
