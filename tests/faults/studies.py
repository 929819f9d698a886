"""Studies to try faults on, the commands that are tried, and what is looked at afterwards."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from registry.contract import contract
from registry.keeping import audit, backup, erase, history, rekey, restore, store
from registry.keeping.archive import SUFFIX, unseal
from registry.keeping.database import open_registry
from registry.keeping.keys import Keys, read_keys
from registry.keeping.pseudonyms import person_pseudonym
from registry.keeping.superseded import read_superseded
from registry.keeping.withdrawals import read_withdrawals
from registry.snapshot import LATEST, freeze, open_snapshot, snapshot_manifests
from registry.study import Study, load_study
from tests.conftest import GOOD, write_submission

if TYPE_CHECKING:
    from collections.abc import Callable

PLANTED = "PLANTED1"
"""The id of a person; it must stand in no file of a study."""
SECRET = "planted-method"  # noqa: S105  (no password)
"""A value of that person's rows; it must stand in no file when the person has been erased."""
PERSONS = {"lyon": (PLANTED, "P2"), "bern": ("P1", "P2")}
ERASED = ("lyon", PLANTED)
LARGE = 2000
"""Laboratory rows of the large submission."""
LATER_ERASED = ("bern", "P1")


def rows(phga: str = "6.5") -> dict[str, list[dict[str, str]]]:
    """Return the rows that Lyon sends."""
    found = {
        table: [{**row, **({"patient_id": PLANTED} if row["patient_id"] == "P1" else {})} for row in values]
        for table, values in GOOD.items()
    }
    found["lab"][0]["method"] = SECRET
    found["visit"][0]["phga"] = phga
    return found


def many_rows(number: int) -> dict[str, list[dict[str, str]]]:
    """Return rows with so many laboratory values."""
    found = rows()
    start = date(2012, 1, 1)
    for at in range(number):
        found["lab"].append({**found["lab"][at % 3], "date": str(start + timedelta(at // 3))})
    return found


def make(root: Path) -> None:
    """Write the submissions and the studies of all commands into a folder."""
    for day, phga in (("2026-03-31", "6.5"), ("2026-06-30", "3.5"), ("2026-09-30", "3.0")):
        write_submission(root / "sent" / f"lyon-{day}", rows(phga), date=day)
    write_submission(root / "sent" / "bern-2026-06-30", centre="bern")
    write_submission(root / "sent" / "lyon-2026-12-31", many_rows(LARGE), date="2026-12-31")
    first = root / "empty"
    first.mkdir()
    centres = "".join(f'[[centre]]\ncode = "{code}"\nname = "{code.title()}"\n' for code in PERSONS)
    (first / "study.toml").write_text(f'name = "study"\ntitle = "A study"\n{centres}', encoding="utf-8")
    one = _after(root, "empty", "one", lambda s: [_add(root, s, n) for n in ("lyon-2026-03-31", "bern-2026-06-30")])
    shutil.copytree(one.folder, root / "old")
    _as_layout_1(load_study(root / "old"))
    _after(root, "one", "two", lambda s: (freeze(s), _results(s), _add(root, s, "lyon-2026-06-30")))
    _after(root, "one", "large", lambda s: _add(root, s, "lyon-2026-12-31"))
    backups = root / "backups"
    _after(
        root,
        "two",
        "three",
        lambda s: (backup.back_up(s, backups), _add(root, s, "lyon-2026-09-30"), erase.erase(s, *_ids(LATER_ERASED))),
    )


def _ids(person: tuple[str, str]) -> tuple[str, list[str]]:
    return person[0], [person[1]]


def _add(root: Path, study: Study, name: str) -> None:
    store.add(study, root / "sent" / name)


def _results(study: Study) -> None:
    """Write a Result beside the snapshot, which goes when the snapshot goes."""
    folder = study.results / open_snapshot(study).id
    folder.mkdir(parents=True)
    (folder / "numbers.json").write_text(f'{{"made of": "{SECRET}"}}', encoding="utf-8")


def _after(root: Path, start: str, name: str, do: Callable[[Study], Any]) -> Study:
    shutil.copytree(root / start, root / name)
    study = load_study(root / name)
    do(study)
    return study


def _as_layout_1(study: Study) -> None:
    """Make of a registry what version 0.1 wrote: ids in clear, no trail, no archive, no keys."""
    keys = read_keys(study.key_file)
    with duckdb.connect(study.database) as connection:
        for name in ("about", "audit", "rule_result", "submission_change"):
            connection.execute(f"DROP TABLE {name}")
        ids = {person_pseudonym(keys, centre, name): name for centre, names in PERSONS.items() for name in names}
        for table in contract():
            for pseudonym, name in ids.items():
                connection.execute(f'UPDATE "{table}" SET patient_id = ? WHERE patient_id = ?', [name, pseudonym])
        for column in ("kind", "replaces", "left_out", "archived"):
            connection.execute(f"ALTER TABLE submission DROP COLUMN {column}")
        connection.execute("ALTER TABLE query DROP COLUMN patient_id")
        connection.execute("DROP TABLE quarantine")
        connection.execute(
            "CREATE TABLE quarantine (submission_id VARCHAR NOT NULL, table_name VARCHAR NOT NULL, "
            "line BIGINT NOT NULL, rules VARCHAR NOT NULL, content JSON NOT NULL)"
        )
    shutil.rmtree(study.archive)
    for path in (study.key_file, study.head):
        path.unlink()


COMMANDS: dict[str, tuple[str, Callable[[Path, Study], Any]]] = {
    "first add": ("empty", lambda root, study: _add(root, study, "lyon-2026-03-31")),
    "add": ("one", lambda root, study: _add(root, study, "lyon-2026-06-30")),
    "add large": ("one", lambda root, study: _add(root, study, "lyon-2026-12-31")),
    "freeze large": ("large", lambda _, study: freeze(study)),
    "history": ("two", lambda _, study: history.submissions(study)),
    "freeze": ("two", lambda _, study: freeze(study)),
    "erase": ("two", lambda _, study: erase.erase(study, *_ids(ERASED))),
    "rekey": ("two", lambda _, study: rekey.rekey(study)),
    "backup": ("two", lambda _, study: backup.back_up(study, study.folder.parent / "copies")),
    "restore": ("three", lambda root, study: restore.restore(study, next((root / "backups").glob("study-*")))),
    "migrate": ("old", lambda _, study: history.submissions(study)),
}
"""By name: the study that a command starts from, and the command."""


def state(study: Study) -> dict[str, Any]:
    """Return what a user can see of a study, the same whatever the keys, the clock and the process were."""
    if not study.database.is_file() and not study.head.is_file():
        return {}
    keys = read_keys(study.key_file)
    names = {person_pseudonym(keys, c, name): f"{c}/{name}" for c, persons in PERSONS.items() for name in persons}
    with open_registry(study.database, read_only=True) as connection:
        tables = {table: _content(connection, table, names) for table in (*audit.KEPT_TABLES, "submission")}
        trail = [entry.action for entry in audit.entries(connection)]
    if not trail:
        # Tables and keys, and nothing was ever done with them.
        return {}
    latest = study.snapshots / LATEST
    return {
        "tables": tables,
        # A backup that was not finished leaves the entry that it was begun.
        "trail": [action for action in trail if action != "backed up"],
        "archive": {p.name: _unsealed(p, keys) for p in sorted(study.archive.glob("*")) if p.is_file()},
        "snapshots": _snapshot(study, names) if latest.is_file() else None,
        "superseded": len(read_superseded(study)),
        "results": len(list(study.results.glob("*"))) if study.results.is_dir() else 0,
        "withdrawn": len(read_withdrawals(study.withdrawals)),
        "backups": len([_verified(path) for path in (study.folder.parent / "copies").glob("study-*")]),
    }


def _verified(path: Path) -> backup.Backup:
    return backup.verify_backup(path)


def _content(connection: duckdb.DuckDBPyConnection, table: str, names: dict[str, str]) -> str:
    without = "EXCLUDE (received_at)" if table == "submission" else ""
    found = connection.execute(f'SELECT {without and "*"} {without or "*"} FROM "{table}"').fetchall()
    texts = sorted(repr(tuple(names.get(v, v) if isinstance(v, str) else v for v in row)) for row in found)
    return f"{len(found)} rows {hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:12]}"


def _unsealed(path: Path, keys: Keys) -> str:
    with tempfile.TemporaryDirectory() as folder:
        unseal(path, Path(folder), keys=keys, submission_id=path.name.removesuffix(SUFFIX))
        digest = hashlib.sha256(b"".join(p.name.encode() + p.read_bytes() for p in sorted(Path(folder).iterdir())))
    return digest.hexdigest()[:12]


def _snapshot(study: Study, names: dict[str, str]) -> str:
    """Return the content of the snapshot that is used, after checking that all are whole."""
    for snapshot_id in snapshot_manifests(study):
        open_snapshot(study, snapshot_id)
    snapshot = open_snapshot(study)
    lab = snapshot.table("lab")
    persons = [f"{p.split('/')[0]}/{names[p.split('/')[1]]}" for p in lab["person_id"]]
    return repr((str(snapshot.cut), sorted(zip(persons, map(str, lab["value"]), strict=True))))


UNFINISHED = re.compile(
    r"\.unfinished-|\.spill-|registry\.(erasing|rekeying|refreezing|restoring)$|restoring-files|\.wal$"
)


def unfinished(study: Study) -> list[str]:
    """Return what lies around that a command should have brought to its end or removed."""
    folders = (study.folder, study.folder.parent / "copies")
    found = [str(path.relative_to(study.folder.parent)) for f in folders for path in sorted(f.rglob("*"))]
    return [name for name in found if UNFINISHED.search(name)]


def files_with(study: Study, *texts: str) -> list[str]:
    """Return the files of a study's folder in whose bytes one of some texts stands."""
    paths = [path for path in sorted(study.folder.rglob("*")) if path.is_file()]
    return [str(p.relative_to(study.folder)) for p in paths if any(t.encode() in p.read_bytes() for t in texts)]
