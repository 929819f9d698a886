"""A backup is verified when it is made and when it is put back; what it does not know is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from registry.errors import UserError
from registry.keeping import audit
from registry.keeping import restore as restoring
from registry.keeping.backup import back_up, verify_backup
from registry.keeping.rekey import rekey
from registry.keeping.restore import restore
from registry.keeping.store import add
from registry.keeping.verify import verify
from tests.keeping_study import copy_of, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.study import Study

    Rows = Mapping[str, Sequence[Mapping[str, str]]]
    Write = Callable[..., Path]


@pytest.fixture
def filled(filled_template: Study, tmp_path: Path) -> Study:
    """Return a study with three submissions."""
    return copy_of(filled_template, tmp_path / "study")


def test_a_backup_holds_everything_but_the_keys(filled: Study, tmp_path: Path) -> None:
    backup = back_up(filled, tmp_path / "backups")
    assert sorted(backup.files) == [
        "archive/bern-2026-06-30-1.sealed",
        "archive/lyon-2026-06-30-1.sealed",
        "archive/lyon-2026-09-30-1.sealed",
        "registry.duckdb",
        "registry.head",
        "study.toml",
    ]
    keys = json.loads(filled.key_file.read_text())
    every = b"".join(path.read_bytes() for path in backup.folder.rglob("*") if path.is_file())
    assert not [name for name, key in keys.items() if key.encode() in every or bytes.fromhex(key) in every]
    assert {path.stat().st_mode & 0o077 for path in backup.folder.rglob("*")} == {0}


@pytest.mark.parametrize(
    "name", ["registry.duckdb", "registry.head", "archive/lyon-2026-06-30-1.sealed", "backup.json"]
)
def test_a_damaged_backup_is_refused_and_nothing_is_changed(filled: Study, tmp_path: Path, name: str) -> None:
    backup = back_up(filled, tmp_path / "backups")
    path = backup.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = filled.database.read_bytes()
    with pytest.raises(UserError):
        restore(filled, backup.folder)
    assert filled.database.read_bytes() == before
    path.unlink()
    with pytest.raises(UserError, match=r"missing|no backup"):
        verify_backup(backup.folder)


def test_what_the_backup_did_not_know_is_told_and_the_rest_is_back(
    filled: Study, tmp_path: Path, write_submission: Write
) -> None:
    backup = back_up(filled, tmp_path / "backups")
    before = read(filled, "SELECT * FROM lab ORDER BY ALL")
    add(filled, write_submission(tmp_path / "bern-2026-09-30", centre="bern", date="2026-09-30"))
    done = restore(filled, backup.folder)
    assert (done.entry, done.lost, done.erased) == (4, 1, 0)
    assert done.moved is not None
    assert sorted(p.name for p in done.moved.iterdir()) == ["archive", "registry.duckdb", "registry.head"]
    assert read(filled, "SELECT * FROM lab ORDER BY ALL") == before
    [(details,)] = read(filled, "SELECT details FROM audit WHERE action = 'restored'")
    assert json.loads(details)["known_entry"] == 5
    assert verify(filled).findings == ()
    again = add(filled, write_submission(tmp_path / "bern-2026-09-30", centre="bern", date="2026-09-30"))
    assert again.submission_id == "bern-2026-09-30-1"


def test_a_registry_that_was_lost_is_refused_and_then_restored(filled: Study, tmp_path: Path) -> None:
    backup = back_up(filled, tmp_path / "backups")
    filled.database.unlink()
    with pytest.raises(UserError, match=r"registry.duckdb is missing; registry.head knows entry 4"):
        back_up(filled, tmp_path / "backups")
    assert restore(filled, backup.folder).lost == 0
    assert verify(filled).findings == ()


def test_a_backup_of_other_keys_is_refused(filled: Study, tmp_path: Path) -> None:
    backup = back_up(filled, tmp_path / "backups")
    rekey(filled)
    with pytest.raises(UserError, match=f"the backup was made with {backup.keys}"):
        restore(filled, backup.folder)
    assert verify(filled).findings == ()


def test_a_second_backup_of_the_same_state_stands_beside_the_first(filled: Study, tmp_path: Path) -> None:
    first, second = (back_up(filled, tmp_path / "backups") for _ in range(2))
    assert (first.folder.name, second.folder.name) == ("study-000004", "study-000005")
    assert verify_backup(first.folder) == first


def test_without_a_registry_there_is_nothing_to_copy(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no registry yet"):
        back_up(study, tmp_path / "backups")
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize("step", ["_exchange", "changing", "erase_withdrawn"])
def test_a_restoration_that_was_stopped_is_finished_by_the_next_command(
    filled: Study, tmp_path: Path, write_submission: Write, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    backup = back_up(filled, tmp_path / "backups")
    add(filled, write_submission(tmp_path / "bern-2026-09-30", centre="bern", date="2026-09-30"))
    monkeypatch.setattr(restoring, step, stop)
    with pytest.raises(KeyboardInterrupt):
        restore(filled, backup.folder)
    monkeypatch.undo()
    add(filled, write_submission(tmp_path / "bern-2026-12-31", centre="bern", date="2026-12-31"))
    sent = [("bern-2026-06-30-1",), ("bern-2026-12-31-1",), ("lyon-2026-06-30-1",), ("lyon-2026-09-30-1",)]
    assert read(filled, "SELECT submission_id FROM submission ORDER BY ALL") == sent
    assert read(filled, "SELECT count(*) FROM audit WHERE action = 'restored'") == [(1,)]
    assert verify(filled).findings == ()
    assert audit.written_head(filled.head) == verify(filled).head
