"""A study with three submissions of two centres, whose texts can be looked for in every file."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from registry.keeping.database import open_registry
from registry.keeping.keys import read_keys
from registry.keeping.pseudonyms import person_pseudonym
from registry.keeping.store import add
from registry.study import load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.study import Study

    Rows = Mapping[str, Sequence[Mapping[str, str]]]

PLANTED_ID = "PLANTED-17"
PLANTED_METHOD = "planted-assay"


def planted(good_rows: Rows) -> dict[str, list[dict[str, str]]]:
    """Return the good rows with the first person under an id, and with a method, that can be looked for."""
    rows = {
        name: [{**row, "patient_id": row["patient_id"].replace("P1", PLANTED_ID)} for row in values]
        for name, values in good_rows.items()
    }
    rows["lab"][0]["method"] = PLANTED_METHOD
    return rows


def fill(study: Study, folder: Path, write_submission: Callable[..., Path], good_rows: Rows) -> None:
    """Take in two submissions of Lyon, of which the second changes one value, and one of Bern."""
    rows = planted(good_rows)
    folder.mkdir(exist_ok=True)
    add(study, write_submission(folder / "lyon-2026-06-30", rows))
    rows["visit"][0]["phga"] = "3.5"
    add(study, write_submission(folder / "lyon-2026-09-30", rows, date="2026-09-30"))
    add(study, write_submission(folder / "bern-2026-06-30", good_rows, centre="bern"))


def copy_of(template: Study, folder: Path) -> Study:
    """Return a study of its own with all that stands in another's folder."""
    shutil.copytree(template.folder, folder, dirs_exist_ok=True)
    return load_study(folder)


def pseudonym(study: Study, centre: str = "lyon", patient_id: str = PLANTED_ID) -> str:
    return person_pseudonym(read_keys(study.key_file), centre, patient_id)


def files_with(folder: Path, text: str) -> list[str]:
    """Return the files under a folder that hold a text, in UTF-8 or UTF-16."""
    wanted = [text.encode(), text.encode("utf-16-le")]
    found = [p for p in sorted(folder.rglob("*")) if p.is_file() and any(w in p.read_bytes() for w in wanted)]
    return [str(path.relative_to(folder)) for path in found]


def read(study: Study, query: str) -> list[tuple[Any, ...]]:
    with open_registry(study.database, read_only=True) as connection:
        return connection.execute(query).fetchall()
