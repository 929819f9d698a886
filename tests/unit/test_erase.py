"""Who withdraws consent is gone from every file, stays gone, and nothing says who it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from registry.errors import ExitCode, UserError
from registry.keeping import audit, journal
from registry.keeping import erase as erasing
from registry.keeping.backup import back_up
from registry.keeping.erase import erase
from registry.keeping.restore import restore
from registry.keeping.store import add
from registry.keeping.verify import verify
from registry.snapshot import freeze, open_snapshot
from tests.keeping_study import PLANTED_ID, PLANTED_METHOD, copy_of, files_with, planted, pseudonym, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.study import Study

    Rows = Mapping[str, Sequence[Mapping[str, str]]]
    Write = Callable[..., Path]


@pytest.fixture
def filled(filled_template: Study, tmp_path: Path) -> Study:
    """Return a study with submissions, a snapshot and Results of it."""
    study = copy_of(filled_template, tmp_path / "study")
    snapshot = open_snapshot(study)
    (study.results / snapshot.id).mkdir(parents=True)
    (study.results / snapshot.id / "baseline.json").write_text("{}", encoding="utf-8")
    return study


def test_no_file_holds_a_centres_own_id_even_before(filled: Study) -> None:
    assert files_with(filled.folder, PLANTED_ID) == []
    assert files_with(filled.folder, pseudonym(filled)) != []
    assert files_with(filled.folder, PLANTED_METHOD) != []


def test_the_person_is_in_no_file_any_more_and_the_others_are(filled: Study) -> None:
    person, other = pseudonym(filled), pseudonym(filled, patient_id="P2")
    done = erase(filled, "lyon", [PLANTED_ID])
    assert (done.persons, done.rows, done.submissions) == (1, 16, ("lyon-2026-06-30-1", "lyon-2026-09-30-1"))
    for text in (PLANTED_ID, person, PLANTED_METHOD):
        assert files_with(filled.folder, text) == [], text
    assert read(filled, "SELECT DISTINCT patient_id FROM visit WHERE submission_id = 'lyon-2026-09-30-1'") == [(other,)]
    assert read(filled, "SELECT accepted, left_out FROM submission WHERE submission_id = 'lyon-2026-09-30-1'") == [
        (6, 8)
    ]
    assert verify(filled).findings == ()


def test_the_snapshot_is_frozen_anew_under_another_id_and_the_old_one_says_so(filled: Study) -> None:
    old = open_snapshot(filled)
    new = erase(filled, "lyon", [PLANTED_ID]).snapshots[old.id]
    assert new not in {None, old.id}
    assert open_snapshot(filled).id == new
    assert len(open_snapshot(filled).table("patient")) == 3
    assert not old.folder.exists()
    assert not (filled.results / old.id).exists()
    with pytest.raises(UserError, match=f"{old.id} is no longer there: persons in it withdrew their consent") as caught:
        open_snapshot(filled, old.id)
    assert str(new) in caught.value.text()
    newest = erase(filled, "bern", ["P1"]).snapshots[str(new)]
    with pytest.raises(UserError, match=f"Expected {newest}"):
        open_snapshot(filled, old.id)


def test_the_trail_says_that_it_happened_and_not_to_whom(filled: Study) -> None:
    tokens = (PLANTED_ID, pseudonym(filled))
    erase(filled, "lyon", [PLANTED_ID])
    [(action, details)] = read(filled, "SELECT action, details FROM audit ORDER BY entry DESC LIMIT 1")
    assert action == "erased"
    assert json.loads(details)["persons"] == 1
    assert not [token for token in tokens if token in details]


def test_what_the_centre_sends_of_the_person_again_is_left_out_and_not_archived(
    filled: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    erase(filled, "lyon", [PLANTED_ID])
    again = write_submission(tmp_path / "lyon-2026-12-31", planted(good_rows), date="2026-12-31")
    receipt = add(filled, again)
    assert (receipt.accepted, receipt.left_out) == (6, 8)
    assert "8 rows were left out: consent was withdrawn." in receipt.text()
    for text in (PLANTED_ID, PLANTED_METHOD, pseudonym(filled)):
        assert files_with(filled.folder, text) == [], text
    assert add(filled, again).left_out == 8


def test_a_mistyped_id_erases_nobody(filled: Study) -> None:
    before = read(filled, "SELECT count(*) FROM lab")
    with pytest.raises(UserError, match="1 of 2 ids are not in the registry as persons of lyon") as caught:
        erase(filled, "lyon", [PLANTED_ID, "planted-17"])
    assert caught.value.exit_code == ExitCode.NOTHING_TO_READ
    assert read(filled, "SELECT count(*) FROM lab") == before
    assert not filled.withdrawals.exists()
    with pytest.raises(UserError, match="0 of 0 ids"):
        erase(filled, "lyon", [])


def test_the_only_person_of_all_leaves_a_registry_with_nothing_to_freeze(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    only = {name: [row for row in rows if row["patient_id"] == "P1"] for name, rows in good_rows.items()}
    add(study, write_submission(tmp_path / "lyon-2026-06-30", only))
    freeze(study)
    erase(study, "lyon", ["P1"])
    assert len(open_snapshot(study).table("patient")) == 0
    assert verify(study).findings == ()


def test_an_old_backup_put_back_does_not_bring_the_person_back(filled: Study, tmp_path: Path) -> None:
    backup = back_up(filled, tmp_path / "backups")
    person = pseudonym(filled)
    erase(filled, "lyon", [PLANTED_ID])
    done = restore(filled, backup.folder)
    assert done.erased == 1
    for text in (PLANTED_ID, person, PLANTED_METHOD):
        assert files_with(filled.folder, text) == [], text
    assert verify(filled).findings == ()


def test_copies_in_the_folder_of_the_study_go_too(filled: Study) -> None:
    back_up(filled, filled.folder / "backups")
    assert files_with(filled.folder / "backups", pseudonym(filled)) != []
    assert erase(filled, "lyon", [PLANTED_ID]).copies == ("backups",)


@pytest.mark.parametrize("step", ["_rewrite_archives", "_erase_rows", "rewrite", "plan_refreeze", "carry_out_refreeze"])
def test_an_erasure_that_was_stopped_is_finished_by_the_next_command(
    filled: Study, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    person = pseudonym(filled)
    monkeypatch.setattr(erasing, step, stop)
    with pytest.raises(KeyboardInterrupt):
        erase(filled, "lyon", [PLANTED_ID])
    monkeypatch.undo()
    freeze(filled)
    for text in (PLANTED_ID, person, PLANTED_METHOD):
        assert files_with(filled.folder, text) == [], text
    assert journal.set_out_before(filled, erasing.JOURNAL) is None
    assert [e for e in read(filled, "SELECT action FROM audit") if e == ("erased",)] == [("erased",)]
    assert verify(filled).findings == ()
    assert audit.written_head(filled.head) == verify(filled).head
