"""What was changed, lost or put back behind the registry's back is refused or told, in five parts, never silent."""

from __future__ import annotations

import json
import random
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from registry.errors import ExitCode, UserError
from registry.keeping import audit, history
from registry.keeping.archive import archive_path
from registry.keeping.change import changing
from registry.keeping.keys import new_keys, write_keys
from registry.keeping.store import add
from registry.keeping.verify import verify
from registry.snapshot import freeze, open_snapshot
from registry.study import Study, load_study
from tests.conftest import write_submission
from tests.faults.experiments import DONE, TOLD
from tests.faults.studies import rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST, SECOND = "lyon-2026-03-31-1", "lyon-2026-06-30-1"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a registry of two submissions and a snapshot, and the registry before the second."""
    root = tmp_path_factory.mktemp("whole")
    (root / "study").mkdir()
    (root / "study" / "study.toml").write_text(
        'name = "study"\ntitle = "A study"\n[[centre]]\ncode = "lyon"\nname = "Lyon"\n', encoding="utf-8"
    )
    study = load_study(root / "study")
    for date, phga in (("2026-03-31", "6.5"), ("2026-06-30", "3.5")):
        if study.database.exists():
            shutil.copy(study.database, root / "old.duckdb")
            shutil.copy(study.head, root / "old.head")
        add(study, write_submission(root / f"lyon-{date}", rows(phga), date=date))
    freeze(study)
    write_submission(root / "lyon-2026-09-30", rows("3.0"), date="2026-09-30")
    return root


@pytest.fixture
def study(whole: Path, tmp_path: Path) -> Study:
    shutil.copytree(whole / "study", tmp_path / "study")
    return load_study(tmp_path / "study")


def _told(do: Callable[[], Any], *words: str) -> UserError:
    """Do something that must end with a message of five parts."""
    with pytest.raises(UserError) as caught:
        do()
    error = caught.value
    text = error.text()
    assert all((error.where, error.seen, error.expected, error.advice, error.state)), text
    assert "Traceback" not in text
    assert all(word in text for word in words), text
    assert error.exit_code == ExitCode.BAD_STUDY
    return error


def _refused(study: Study, whole: Path, *words: str) -> None:
    """Every command refuses the registry, and leaves everything as it is."""
    before = {p: p.read_bytes() for p in study.folder.rglob("*") if p.is_file() and p.name != ".lock"}
    for do in (
        lambda: history.submissions(study),
        lambda: add(study, whole / "lyon-2026-09-30"),
        lambda: freeze(study),
    ):
        _told(do, *words)
    after = {p: p.read_bytes() for p in study.folder.rglob("*") if p.is_file() and p.name != ".lock"}
    lock = {study.lock: b""}
    assert after | lock == before | lock


def _found(study: Study, *words: str) -> None:
    """Verification finds it."""
    found = " ".join(verify(study).findings)
    assert all(word in found for word in words), found


def _sql(study: Study, *statements: str) -> None:
    with duckdb.connect(study.database) as connection:
        for statement in statements:
            connection.execute(statement)


def test_an_old_copy_of_the_database_is_refused(study: Study, whole: Path) -> None:
    shutil.copy(whole / "old.duckdb", study.database)
    _refused(study, whole, "ends with entry 1", "knows entry 2")
    _found(study, "1 entries are missing")


def test_what_arrived_is_not_lost_when_an_old_copy_is_accepted(study: Study, whole: Path) -> None:
    sealed = archive_path(study.archive, SECOND).read_bytes()
    shutil.copy(whole / "old.duckdb", study.database)
    with changing(study, "audit accept", trust=True) as change:
        assert "moved to before-accept-1" in " ".join(change.notes)
    assert (study.folder / "before-accept-1" / f"{SECOND}.sealed").read_bytes() == sealed
    assert [sent.submission_id for sent in history.submissions(study)] == [FIRST]


def test_a_database_that_is_gone_is_missed(study: Study, whole: Path) -> None:
    study.database.unlink()
    _refused(study, whole, "is missing", "knows entry 2")


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"entry": "x"}', b"\xff\x00"])
def test_a_head_that_is_gone_or_damaged_is_missed(content: bytes | None, study: Study, whole: Path) -> None:
    if content is None:
        study.head.unlink()
    else:
        study.head.write_bytes(content)
    _refused(study, whole, "registry.head is missing or damaged")
    _found(study, "registry.head is missing or damaged")


def test_an_old_head_is_refused_and_not_taken_for_a_stopped_command(study: Study, whole: Path) -> None:
    study.head.write_text(json.dumps({"entry": 0, "hash": audit.START}), encoding="utf-8")
    _refused(study, whole, "2 entries behind the database")


def test_a_head_of_another_registry_is_refused(study: Study, whole: Path) -> None:
    study.head.write_text(json.dumps({"entry": 2, "hash": "0" * 64}), encoding="utf-8")
    _refused(study, whole, "Entry 2 of the audit trail is not the one")
    _found(study, "Entry 2 is not the one")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE lab SET value = value + 1 WHERE analyte = 'CK'", (FIRST, SECOND, "rows of lab were changed")),
        (f"DELETE FROM visit WHERE submission_id = '{SECOND}' AND phga IS NOT NULL", (SECOND, "There are 1 rows")),
        ("INSERT INTO event SELECT * FROM event LIMIT 1", ("rows of event were changed",)),
        ("UPDATE submission SET received_at = received_at - INTERVAL 1 YEAR", ("rows of submission were changed",)),
        (f"DELETE FROM submission WHERE submission_id = '{SECOND}'", ("its row in the table of submissions is gone",)),
        ("UPDATE rule_result SET tested = tested + 1", ("rows of rule_result were changed",)),
        ("UPDATE audit SET actor = 'somebody else' WHERE entry = 1", ("Entry 1 of the audit trail was changed",)),
        ("UPDATE audit SET details = 'no JSON' WHERE entry = 2", ("Entry 2 of the audit trail was changed",)),
        ("UPDATE audit SET details = '[]' WHERE entry = 2", ("Entry 2 of the audit trail was changed",)),
        ("UPDATE audit SET recorded_at = recorded_at - INTERVAL 1 DAY WHERE entry = 2", ("Entry 2",)),
        ("DELETE FROM audit WHERE entry = 1", ("Entry 2 of the audit trail was changed",)),
        ("DELETE FROM audit WHERE entry = 2", ("1 entries are missing",)),
        ("DELETE FROM audit", ("2 entries are missing",)),
    ],
)
def test_a_row_that_was_changed_behind_the_registrys_back_is_found(
    statement: str, words: tuple[str, ...], study: Study
) -> None:
    assert verify(study).findings == ()
    _sql(study, statement)
    _found(study, *words)


def test_a_trail_that_was_computed_anew_differs_from_the_head(study: Study, whole: Path) -> None:
    with duckdb.connect(study.database) as connection:
        trail = audit.entries(connection)
        connection.execute("DELETE FROM audit")
        for entry in trail:
            audit.append(connection, entry.action, entry.subject, {**entry.details, "forged": True})
        assert audit.broken_links(audit.entries(connection)) == ()
    _found(study, "Entry 2 is not the one that registry.head knows")
    _refused(study, whole, "Entry 2 of the audit trail is not the one")


def test_archives_that_were_changed_exchanged_or_removed_are_found_and_do_not_open(study: Study) -> None:
    first, second = (archive_path(study.archive, name) for name in (FIRST, SECOND))
    plain = first.read_bytes()
    for at in (3, 20, 30, len(plain) // 2, len(plain) - 1):
        first.write_bytes(plain[:at] + bytes([plain[at] ^ 1]) + plain[at + 1 :])
        _found(study, f"{FIRST}: its archive was changed")
        _told(lambda: _unseal(study, FIRST), "cannot be opened")
    for broken in (b"", plain[:10], plain[:-1], plain + b"x", second.read_bytes()):
        first.write_bytes(broken)
        _found(study, f"{FIRST}: its archive was changed")
        _told(lambda: _unseal(study, FIRST), "cannot be opened")
    first.unlink()
    _found(study, f"{FIRST}: its archive is missing")
    _told(lambda: _unseal(study, FIRST), "cannot be opened")


def _unseal(study: Study, submission_id: str) -> None:
    from registry.keeping.archived import archived_submission  # noqa: PLC0415
    from registry.keeping.keys import read_keys  # noqa: PLC0415

    with archived_submission(study, read_keys(study.key_file), submission_id):
        pass


def test_keys_that_others_can_read_that_are_gone_damaged_or_of_another_registry_are_refused(
    study: Study, whole: Path
) -> None:
    study.key_file.chmod(0o644)
    _refused(study, whole, "mode 0644", "chmod 600")
    study.key_file.unlink()
    _refused(study, whole, "cannot be read")
    study.key_file.write_text("{}", encoding="utf-8")
    study.key_file.chmod(0o600)
    _refused(study, whole, "does not hold the keys")
    write_keys(study.key_file, new_keys())
    _refused(study, whole, "the registry was made with")


def test_a_database_with_flipped_bits_is_refused_or_whole(study: Study, whole: Path) -> None:
    chance, content = random.Random(3), study.database.read_bytes()
    places = [*(chance.randrange(12_288) for _ in range(4)), *(chance.randrange(len(content)) for _ in range(8))]
    for at in places:
        study.database.write_bytes(content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1 :])
        refused_or_whole(study)
    for size in (0, 100, 5000, len(content) // 2, len(content) - 1):
        study.database.write_bytes(content[:size])
        with pytest.raises(UserError):
            verify(study)
    with pytest.raises(UserError):
        add(study, whole / "lyon-2026-09-30")


def refused_or_whole(study: Study) -> None:
    """Read a registry; that is refused with a message, or everything in it is as the trail says."""
    for do in (lambda: len(history.submissions(study)), lambda: len(verify(study).findings)):
        try:
            assert do() in (2, 0)
        except UserError as error:
            if "damaged" not in error.seen:
                raise


@pytest.mark.parametrize("damage", ["half", "byte", "flip", "start", "gone"])
def test_a_damaged_write_ahead_log_is_refused_or_as_if_the_command_had_not_been(
    damage: str, ask: Callable[..., Any]
) -> None:
    """The log of a command that was killed between its commit and its checkpoint; nothing else ever stands in it."""
    steps = ask(command="add", how="steps")
    study = load_study(ask(command="add", how="leave", at=steps.index("COMMIT") + 2))
    log = study.database.with_name("registry.duckdb.wal")
    content = log.read_bytes()
    middle = len(content) // 2
    changed = {
        "half": content[: len(content) // 2],
        "byte": content[:-1],
        "flip": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
        "start": b"\x00" * 16 + content[16:],
        "gone": b"",
    }[damage]  # fmt: skip
    log.write_bytes(changed)
    status, said = ask(command="add", how="look", at=str(study.folder))
    assert status in (DONE, TOLD), said
    if status == TOLD:
        assert "damaged" in said
    else:
        assert said in ("as before", "as after")


def test_a_clock_that_was_set_back_is_told_and_changes_no_order(
    study: Study, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = audit.now() - timedelta(days=400)
    monkeypatch.setattr(audit, "now", lambda: past)
    receipt = add(study, whole / "lyon-2026-09-30")
    assert "before the newest entry" in " ".join(receipt.notes)
    sent = history.submissions(study)
    assert [one.received_at for one in sent] == sorted(one.received_at for one in sent)
    assert sent[-1].submission_id == receipt.submission_id
    with changing(study, "test") as change:
        trail = audit.entries(change.connection)
    assert [e.recorded_at for e in trail] == sorted(e.recorded_at for e in trail)
    assert trail[-1].details["clock"] == past.isoformat()
    assert verify(study).findings == ()


def test_a_snapshot_that_was_damaged_is_refused(study: Study) -> None:
    snapshot = open_snapshot(study)
    lab, manifest = (snapshot.folder / name for name in ("lab.parquet", "manifest.json"))
    plain = lab.read_bytes()
    lab.write_bytes(plain[:100] + b"x" + plain[101:])
    with pytest.raises(UserError, match=r"Changed or missing since it was frozen: lab"):
        open_snapshot(study)
    _found(study, snapshot.id, "lab")
    lab.write_bytes(plain)
    for broken in (b"", b"{", b"[]", b'{"tables": 3}'):
        manifest.write_bytes(broken)
        with pytest.raises(UserError, match="manifest"):
            open_snapshot(study)
        _found(study, snapshot.id)


@pytest.mark.parametrize("name", ["erasing", "rekeying", "restoring", "refreezing"])
def test_a_damaged_note_of_a_stopped_command_is_told(name: str, study: Study) -> None:
    (study.folder / f"registry.{name}").write_text("{", encoding="utf-8")
    _told(lambda: history.submissions(study), "is damaged")


def test_plain_text_of_a_process_with_the_same_number_is_removed(study: Study) -> None:
    """In a container the number of a process comes again and again."""
    left = study.folder / "registry.duckdb.spill-1-abc"
    left.mkdir()
    (left / "lab.csv").write_text("plain", encoding="utf-8")
    history.submissions(study)
    assert not left.exists()
