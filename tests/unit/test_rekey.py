"""New keys: new pseudonyms for everybody, the archive sealed anew, the same persons behind both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry.errors import UserError
from registry.keeping import rekey as rekeying
from registry.keeping.archive import archive_path, sealed_with
from registry.keeping.archived import archived_submission
from registry.keeping.erase import erase
from registry.keeping.history import person_history
from registry.keeping.keys import read_keys
from registry.keeping.rekey import rekey
from registry.keeping.store import add
from registry.keeping.verify import verify
from registry.snapshot import open_snapshot
from tests.keeping_study import PLANTED_ID, copy_of, files_with, planted, pseudonym, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.study import Study

    Rows = Mapping[str, Sequence[Mapping[str, str]]]
    Write = Callable[..., Path]

COUNTS = "SELECT submission_id, count(*), count(DISTINCT patient_id) FROM lab GROUP BY ALL ORDER BY ALL"


@pytest.fixture
def filled(filled_template: Study, tmp_path: Path) -> Study:
    """Return a study with three submissions and a snapshot."""
    return copy_of(filled_template, tmp_path / "study")


def test_everybody_gets_a_new_pseudonym_and_the_old_one_is_in_no_file(filled: Study) -> None:
    before, counts, old = pseudonym(filled), read(filled, COUNTS), read_keys(filled.key_file)
    snapshot = open_snapshot(filled)
    replaced = rekey(filled)
    new = read_keys(filled.key_file)
    assert (new.previous, new.withdrawn) == (None, old.withdrawn)
    assert new.pseudonym != old.pseudonym
    assert files_with(filled.folder, before) == []
    assert files_with(filled.folder, old.pseudonym.hex()) == []
    assert pseudonym(filled) != before
    assert read(filled, COUNTS) == counts
    assert len(person_history(filled, "lyon", PLANTED_ID)) == 9
    assert open_snapshot(filled).id == replaced[snapshot.id]
    with pytest.raises(UserError, match="the keys of the pseudonyms were changed"):
        open_snapshot(filled, snapshot.id)
    assert verify(filled).findings == ()


def test_the_archive_opens_with_the_new_keys_and_holds_the_same_bytes(filled: Study, filled_template: Study) -> None:
    rekey(filled)
    keys = read_keys(filled.key_file)
    assert sealed_with(archive_path(filled.archive, "lyon-2026-06-30-1")) == keys.fingerprint
    with archived_submission(filled, keys, "lyon-2026-06-30-1") as submission:
        sent = filled_template.folder.parent / "sent" / "lyon-2026-06-30"
        assert {p.name: p.read_bytes() for p in submission.path.iterdir()} == {
            p.name: p.read_bytes() for p in sent.iterdir()
        }


def test_a_withdrawal_from_before_still_holds(
    filled: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    erase(filled, "lyon", [PLANTED_ID])
    rekey(filled)
    again = write_submission(tmp_path / "lyon-2026-12-31", planted(good_rows), date="2026-12-31")
    assert add(filled, again).left_out == 8


@pytest.mark.parametrize(
    "step", ["_seal_anew", "_replace_pseudonyms", "rewrite", "plan_refreeze", "write_keys", "carry_out_refreeze"]
)
def test_a_change_of_keys_that_was_stopped_is_finished_by_the_next_command(
    filled: Study, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    counts, before = read(filled, COUNTS), pseudonym(filled)
    monkeypatch.setattr(rekeying, step, stop)
    with pytest.raises(KeyboardInterrupt):
        rekey(filled)
    monkeypatch.undo()
    assert len(person_history(filled, "lyon", PLANTED_ID)) == 9
    assert read(filled, COUNTS) == counts
    assert verify(filled).findings == ()
    assert read_keys(filled.key_file).previous is None
    if step != "write_keys":
        assert files_with(filled.folder, before) == []


def test_without_the_archive_nothing_is_changed(filled: Study) -> None:
    archive_path(filled.archive, "bern-2026-06-30-1").unlink()
    before = filled.key_file.read_bytes()
    with pytest.raises(UserError, match="Not in the archive: bern-2026-06-30-1"):
        rekey(filled)
    assert filled.key_file.read_bytes() == before
