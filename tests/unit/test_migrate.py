"""A registry of version 0.1 is brought forward in one transaction, after a copy of it was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from registry.contract import contract, create_table, stored_columns
from registry.errors import UserError
from registry.keeping import migrate as migrating
from registry.keeping.history import submissions
from registry.keeping.keys import read_keys
from registry.keeping.migrate import COPY
from registry.keeping.rekey import rekey
from registry.keeping.store import add
from registry.keeping.verify import verify
from registry.snapshot import freeze
from tests.keeping_study import files_with, pseudonym, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.study import Study

    Write = Callable[..., Path]

LAYOUT_1 = Path(__file__).parent / "registry_layout_1.sql"


@pytest.fixture
def old(study: Study) -> Study:
    """Return a study whose registry version 0.1 wrote: ids in clear, a row in quarantine, a question."""
    with duckdb.connect(study.database) as connection:
        connection.execute(LAYOUT_1.read_text(encoding="utf-8"))
        for name, table in contract().items():
            columns = [column for column in stored_columns(table) if column[0] != "link_key"]
            connection.execute(create_table(name, (("submission_id", "VARCHAR"), ("record", "VARCHAR"), *columns)))
        connection.execute(
            "INSERT INTO submission VALUES "
            "('lyon-2026-03-31-1', 'lyon', '2026-03-31', 1, 'aa', '1', 'x', '2026-04-01 10:00:00', 3, 1, 0),"
            "('lyon-2026-06-30-1', 'lyon', '2026-06-30', 1, 'bb', '1', 'x', '2026-07-01 10:00:00', 2, 0, 1)"
        )
        for submission_id in ("lyon-2026-03-31-1", "lyon-2026-06-30-1"):
            connection.execute(
                "INSERT INTO patient BY NAME SELECT ? AS submission_id, 'patient.csv:2' AS record, 'SECRET-1' AS "
                "patient_id, 'female' AS sex, 1970 AS birth_year, 'DM' AS diagnosis, DATE '2019-01-15' AS "
                "diagnosis_date, DATE '2019-02-01' AS enrolled_date, 'yes' AS consent",
                [submission_id],
            )
            connection.execute(
                "INSERT INTO visit BY NAME SELECT ? AS submission_id, 'visit.csv:2' AS record, 'SECRET-1' AS "
                "patient_id, DATE '2019-02-01' AS date, 6.5 AS phga, 6.5 AS phga_raw, 'cm' AS phga_raw_unit",
                [submission_id],
            )
        connection.execute(
            "INSERT INTO quarantine VALUES ('lyon-2026-03-31-1', 'lab', 7, 'lab.value.type', "
            """'{"patient_id": "SECRET-2", "value": "12,4"}')"""
        )
        connection.execute(
            "INSERT INTO query VALUES ('lyon-2026-06-30-1', 'visit.csv', 2, 'patient_id, date', "
            "'SECRET-1, 2019-02-01', 'visit.x', 'A question.', 'Confirm.')"
        )
    return study


def test_ids_become_pseudonyms_and_nothing_else_changes(old: Study) -> None:
    assert [s.submission_id for s in submissions(old)] == ["lyon-2026-03-31-1", "lyon-2026-06-30-1"]
    person = pseudonym(old, patient_id="SECRET-1")
    assert read(old, "SELECT DISTINCT patient_id, sex, birth_year, link_key FROM patient") == [
        (person, "female", 1970, None)
    ]
    assert read(old, "SELECT table_name, file, line, rules, patient_id FROM quarantine") == [
        ("lab", "lab.csv", 7, "lab.value.type", pseudonym(old, patient_id="SECRET-2"))
    ]
    assert read(old, 'SELECT "values", message FROM query') == [("", "A question.")]
    assert read(old, "SELECT submission_id, replaces FROM submission ORDER BY date") == [
        ("lyon-2026-03-31-1", None), ("lyon-2026-06-30-1", "lyon-2026-03-31-1"),
    ]  # fmt: skip
    assert verify(old).findings == ()


def test_ids_in_clear_stand_only_in_the_copy_that_is_named(old: Study, tmp_path: Path, write_submission: Write) -> None:
    receipt = add(old, write_submission(tmp_path / "bern-2026-06-30", centre="bern"))
    assert any(COPY in note and "remove it" in note for note in receipt.notes)
    assert {*files_with(old.folder, "SECRET-1"), *files_with(old.folder, "SECRET-2")} == {COPY}
    assert (old.folder / COPY).stat().st_mode & 0o777 == 0o600


def test_the_snapshot_of_a_registry_that_was_brought_forward_has_its_persons(old: Study) -> None:
    assert list(freeze(old).table("visit")["phga"]) == [6.5]


def test_if_it_fails_on_the_way_the_registry_is_as_it_was(old: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(migrating.audit, "append", fail)
    with pytest.raises(KeyboardInterrupt):
        submissions(old)
    monkeypatch.undo()
    with duckdb.connect(old.database, read_only=True) as connection:
        assert connection.execute("SELECT DISTINCT patient_id FROM patient").fetchall() == [("SECRET-1",)]
    assert len(submissions(old)) == 2
    assert verify(old).findings == ()


def test_keys_cannot_be_changed_without_an_archive_and_that_is_said(old: Study) -> None:
    with pytest.raises(UserError, match="Not in the archive: lyon-2026-03-31-1, lyon-2026-06-30-1"):
        rekey(old)
    assert read_keys(old.key_file).previous is None


def test_a_registry_of_a_newer_version_is_left_alone(study: Study, tmp_path: Path, write_submission: Write) -> None:
    add(study, write_submission(tmp_path / "lyon-2026-06-30"))
    with duckdb.connect(study.database) as connection:
        connection.execute("UPDATE about SET value = '3' WHERE name = 'layout'")
    with pytest.raises(UserError, match=r"newer version .* \(layout 3\)"):
        submissions(study)
