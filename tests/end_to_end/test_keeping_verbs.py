"""The verbs of who keeps the registry, as they are typed: what they print, and the exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from myoregistry import cli
from registry.errors import UserError
from tests.keeping_study import PLANTED_ID, copy_of, files_with, pseudonym

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from registry.study import Study


@pytest.fixture
def filled(filled_template: Study, tmp_path: Path) -> Study:
    """Return a study with three submissions and a snapshot."""
    return copy_of(filled_template, tmp_path / "study")


@pytest.fixture
def typed(filled: Study) -> Callable[..., Result]:
    """Return the function that runs a verb on the study and returns what came of it."""
    return lambda *words, **more: CliRunner().invoke(cli, ["--study", str(filled.folder), *words], **more)


def test_history_lists_submissions_changes_and_a_persons_rows(typed: Callable[..., Result], filled: Study) -> None:
    listed = typed("history")
    assert listed.exit_code == 0
    assert [line.split()[0] for line in listed.output.splitlines()[1:4]] == [
        "lyon-2026-06-30-1", "lyon-2026-09-30-1", "bern-2026-06-30-1",
    ]  # fmt: skip
    changed = typed("history", "lyon-2026-09-30-1")
    head, _, row, count = changed.output.splitlines()
    assert head.endswith("UTC from data manager, in the place of lyon-2026-06-30-1.")
    assert row.split() == ["visit", pseudonym(filled), "2019-02-01", "changed", "phga", "6.5", "3.5", "visit.csv:2"]
    assert count == "1 line."
    person = typed("history", "--centre", "lyon", "--patient", PLANTED_ID, "--csv")
    assert len(person.output.splitlines()) == 10
    assert PLANTED_ID not in person.output
    assert typed("history", "--patient", PLANTED_ID).exit_code == 2


def test_audit_verify_says_what_was_changed_behind_its_back(typed: Callable[..., Result], filled: Study) -> None:
    good = typed("audit", "verify")
    assert (good.exit_code, good.output.splitlines()[0]) == (
        0, "Audit trail of 3 links, 3 submissions, 1 snapshot.",
    )  # fmt: skip
    assert len(typed("audit", "list").output.splitlines()) == 5
    with duckdb.connect(filled.database) as connection:
        connection.execute("UPDATE lab SET value = value * 2 WHERE submission_id = 'lyon-2026-09-30-1'")
    bad = typed("audit", "verify")
    assert bad.exit_code == 4
    assert "lyon-2026-09-30-1: rows of lab were changed behind the registry's back." in bad.output


def test_erase_backup_restore_and_rekey_as_they_are_typed(
    typed: Callable[..., Result], filled: Study, tmp_path: Path
) -> None:
    kept = typed("backup", str(tmp_path / "safe"))
    assert kept.exit_code == 0, kept.output
    assert typed("erase", "lyon", PLANTED_ID, input="n\n").exit_code == 1
    person = pseudonym(filled)
    erased = typed("erase", "lyon", "--file", "-", "--yes", input=f"{PLANTED_ID}\n\n")
    assert erased.exit_code == 0, erased.output
    assert "1 person erased: 16 rows of 2 submissions." in erased.output
    assert files_with(filled.folder, person) == []
    restored = typed("restore", str(tmp_path / "safe" / "study-000004"), "--yes")
    assert restored.exit_code == 0, restored.output
    assert "Erased again, since consent was withdrawn: 1 person." in restored.output
    assert files_with(filled.folder, person) == []
    changed = typed("rekey", "--yes")
    assert changed.exit_code == 0, changed.output
    assert str(filled.key_file) in changed.output.replace("\n", "")


def test_a_registry_that_lost_entries_is_accepted_only_with_a_reason(
    typed: Callable[..., Result], filled: Study
) -> None:
    filled.head.write_text('{"entry": 9, "hash": "' + "a" * 64 + '"}\n', encoding="utf-8")
    refused = typed("history")
    assert isinstance(refused.exception, UserError)
    assert "audit accept" in refused.exception.advice
    assert typed("audit", "accept").exit_code == 2
    accepted = typed("audit", "accept", "--reason", "the disk was lost")
    assert accepted.output == "Accepted as entry 4 of the audit trail.\n"
    assert typed("history").exit_code == 0


def test_add_writes_what_the_centre_gets_back_and_freeze_takes_a_past_day(
    typed: Callable[..., Result], tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    sent = write_submission(tmp_path / "bern-2026-12-31", centre="bern", date="2026-12-31")
    done = typed("add", str(sent), "--problems", str(tmp_path / "back"))
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "back").iterdir()) == [
        "bern-2026-12-31-problems.pdf", "bern-2026-12-31-problems.xlsx",
    ]  # fmt: skip
    early = typed("freeze", "--known", "2000-01-01")
    assert isinstance(early.exception, UserError)
    assert "had arrived by 2000-01-01" in early.exception.seen


def test_every_verb_says_what_a_stopped_command_had_left(typed: Callable[..., Result], filled: Study) -> None:
    (filled.folder / ".unfinished-1-registry.head").write_text("", encoding="utf-8")
    assert "A command was stopped while it wrote: 1 unfinished file was removed." in typed("freeze").stderr
    assert typed("freeze").stderr == ""
