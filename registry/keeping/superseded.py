"""Snapshots that are no longer there, why, and what was frozen in their place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from registry.keeping.publish import write_file

if TYPE_CHECKING:
    from pathlib import Path

    from registry.study import Study

FILE = "superseded.json"


def read_superseded(study: Study) -> dict[str, dict[str, str | None]]:
    """Return by id of a snapshot that is gone: new (None if nothing was left to freeze), on (the day) and why."""
    path = _path(study)
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def add_superseded(study: Study, old: str, new: str | None, *, on: str, why: str) -> None:
    """Remember that a snapshot was replaced; those that it had replaced itself now lead to the new one."""
    known = read_superseded(study)
    for entry in known.values():
        if entry["new"] == old:
            entry["new"] = new
    known[old] = {"new": new, "on": on, "why": why}
    write_file(_path(study), (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


def _path(study: Study) -> Path:
    return study.snapshots / FILE
