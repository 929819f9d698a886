"""A submission is taken in as a whole or not at all, once; the file is private, and others wait for it."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from registry.contract import contract
from registry.errors import ExitCode, UserError
from registry.keeping import change, store
from registry.keeping.database import OWN_TABLES, open_memory, open_registry
from registry.keeping.keys import read_keys
from registry.keeping.pseudonyms import person_pseudonym
from registry.keeping.receipt import BadSubmission
from registry.keeping.store import add
from registry.keeping.writer import writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from registry.study import Study

    Rows = dict[str, list[Mapping[str, str]]]
    Write = Callable[..., Path]

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def _read(study: Study, query: str) -> list[tuple[Any, ...]]:
    with open_registry(study.database, read_only=True) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def sent(tmp_path: Path, write_submission: Write) -> Callable[..., Path]:
    """Return the function that writes a submission of Lyon."""
    return lambda *rows, **settings: write_submission(tmp_path / "lyon-2026-06-30", *rows, **settings)


def test_good_rows_are_taken_in_with_their_record(study: Study, sent: Callable[..., Path]) -> None:
    receipt = add(study, sent())
    assert (receipt.submission_id, receipt.accepted, receipt.quarantined, receipt.queries) == (
        "lyon-2026-06-30-1", 14, 0, 0,
    )  # fmt: skip
    assert receipt.text() == "No problems in lyon-2026-06-30\n\n14 rows of the submission were taken in."
    assert _read(study, "SELECT submission_id, record, analyte, value, value_raw_unit FROM lab ORDER BY record") == [
        ("lyon-2026-06-30-1", "lab.csv:2", "CK", Decimal("812.5"), "U/L"),
        ("lyon-2026-06-30-1", "lab.csv:3", "LDH", 516, "ukat/L"),
        ("lyon-2026-06-30-1", "lab.csv:4", "IgG", Decimal("11.05"), "mg/dL"),
    ]
    ((centre, day, sequence, contract_version, accepted),) = _read(
        study, "SELECT centre, CAST(date AS VARCHAR), sequence, contract, accepted FROM submission"
    )
    assert (centre, day, sequence, contract_version, accepted) == ("lyon", "2026-06-30", 1, "1", 14)


def test_bad_rows_are_kept_apart_and_the_others_are_taken_in(
    study: Study, sent: Callable[..., Path], with_row: Callable[..., Rows]
) -> None:
    rows = with_row("lab", value="12,4")
    rows["visit"][1] = {**rows["visit"][1], "prednisone": "120"}
    receipt = add(study, sent(rows))
    assert (receipt.accepted, receipt.quarantined, receipt.queries, receipt.rejects) == (13, 1, 1, 1)
    person = person_pseudonym(read_keys(study.key_file), "lyon", "P1")
    assert _read(study, "SELECT submission_id, table_name, file, line, rules, patient_id FROM quarantine") == [
        ("lyon-2026-06-30-1", "lab", "lab.csv", 2, "lab.value.type", person)
    ]
    assert _read(study, 'SELECT file, line, columns, "values", rule FROM query') == [
        ("visit.csv", 3, "prednisone", "120", "visit.prednisone.soft")
    ]
    assert _read(study, "SELECT count(*) FROM lab") == [(2,)]


def test_the_message_for_the_centre_reads_as_designed(
    study: Study, sent: Callable[..., Path], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    patient = [good_rows["patient"][0]]
    labs = [
        {"patient_id": "P1", "analyte": "LDH", "date": f"20{20 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}",
         "value": str(150 + n % 90), "unit": "U/L", "uln": "250"}
        for n in range(378)
    ]  # fmt: skip
    labs[212]["value"] = "8.6"
    courses = [
        {"patient_id": "P1", "agent": "prednisone", "start_date": f"2024-01-{n + 1:02}",
         "stop_date": f"2024-01-{n + 1:02}", "stop_status": "stopped", "stop_reason": "planned"}
        for n in range(30)
    ]  # fmt: skip
    days = [f"2024-02-{n + 1:02}" for n in range(11)]
    courses += [{**courses[0], "agent": "methotrexate", "start_date": day, "stop_date": day} for day in days]
    courses[29] |= {"start_date": "2024-05-02", "stop_date": "2024-02-05"}
    follow_up = [good_rows["follow_up"][0]]
    receipt = add(study, sent({"patient": patient, "lab": labs, "course": courses, "follow_up": follow_up}))
    assert (
        receipt.text()
        == """2 problems in lyon-2026-06-30

  course.csv, line 31, columns start_date, stop_date: 2024-05-02, 2024-02-05
    A course cannot stop before it starts. Day and month may have been exchanged.

  lab.csv, line 214, column value: 8.6
    Expected lactate dehydrogenase in U/L between 20 and 20000.
    8.6 would be usual in ukat/L (1 ukat/L = 60 U/L).
    Convert the column, or write ukat/L in its unit column.

2 rows are in quarantine; 419 rows of the submission were taken in.
Send a corrected file to replace it."""
    )


def test_of_a_flood_the_message_shows_the_first_and_counts_the_rest(
    study: Study, sent: Callable[..., Path], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    days = [f"20{year}-{month:02}-{day:02}" for year in range(20, 26) for month in range(1, 13) for day in range(1, 20)]
    receipt = add(study, sent({**good_rows, "lab": [{**good_rows["lab"][0], "date": d, "value": "x"} for d in days]}))
    text = receipt.text()
    assert text.count("column value: x") == 20
    assert "\n  ... and 1,348 more of this kind\n\n1,368 rows are in quarantine; 11 rows of" in text
    assert text.startswith("1,368 problems in lyon-2026-06-30\n")
    assert max(map(len, text.splitlines())) <= 100


def test_rows_that_wait_for_their_person_are_counted_in_the_message(
    study: Study, sent: Callable[..., Path], with_row: Callable[..., Rows]
) -> None:
    text = add(study, sent(with_row("patient", 1, sex="x"))).text()
    assert text.startswith("1 problem in")
    flat = " ".join(text.split())
    assert "6 rows are in quarantine, 5 of them only because the person's own row is; 8 rows of the submission" in flat


def test_the_same_submission_twice_changes_nothing(
    study: Study, sent: Callable[..., Path], with_row: Callable[..., Rows]
) -> None:
    folder = sent(with_row("lab", value="12,4"))
    first = add(study, folder)
    before = [_read(study, f'SELECT * FROM "{name}" ORDER BY ALL') for name in (*OWN_TABLES, *contract())]
    second = add(study, folder)
    after = [_read(study, f'SELECT * FROM "{name}" ORDER BY ALL') for name in (*OWN_TABLES, *contract())]
    assert after == before
    assert (first.unchanged, second.unchanged) == (False, True)
    assert (second.submission_id, second.accepted, second.quarantined) == (first.submission_id, 13, 1)
    assert second.text() == (
        "lyon-2026-06-30 had been taken in before; nothing was changed.\n"
        "1 row is in quarantine; 13 rows of the submission were taken in."
    )


def test_a_corrected_submission_gets_the_next_number_and_the_first_one_is_kept(
    study: Study, sent: Callable[..., Path], with_row: Callable[..., Rows]
) -> None:
    add(study, sent(with_row("lab", value="12,4")))
    assert add(study, sent()).submission_id == "lyon-2026-06-30-2"
    assert add(study, sent(date="2026-07-31")).submission_id == "lyon-2026-07-31-1"
    assert _read(study, "SELECT submission_id, count(*) FROM lab GROUP BY ALL ORDER BY ALL") == [
        ("lyon-2026-06-30-1", 2),
        ("lyon-2026-06-30-2", 3),
        ("lyon-2026-07-31-1", 3),
    ]


def test_an_older_version_sent_again_stays_the_older_one(
    study: Study, sent: Callable[..., Path], with_row: Callable[..., Rows]
) -> None:
    add(study, sent())
    add(study, sent(with_row("lab", value="700")))
    again = add(study, sent())
    assert (again.unchanged, again.submission_id, again.latest) == (True, "lyon-2026-06-30-1", "lyon-2026-06-30-2")
    assert "A later one, lyon-2026-06-30-2, is in force." in again.text()


def test_a_refused_submission_leaves_nothing_behind(study: Study, sent: Callable[..., Path]) -> None:
    folder = sent()
    (folder / "lab.csv").write_bytes(b"")
    with pytest.raises(BadSubmission) as caught:
        add(study, folder)
    assert caught.value.exit_code == ExitCode.BAD_SUBMISSION
    assert (
        caught.value.text()
        == """1 problem in lyon-2026-06-30

  lab.csv
    The file is empty (0 bytes). A table without rows is a file with only its header.

Nothing of this submission was taken in; the registry is as it was.
Send it again when the files are corrected."""
    )
    assert not study.database.exists()


def test_a_centre_that_the_study_does_not_have_is_refused(
    study: Study, tmp_path: Path, write_submission: Write
) -> None:
    with pytest.raises(BadSubmission, match="1 problem") as caught:
        add(study, write_submission(tmp_path / "berne-2026-06-30", centre="berne"))
    assert "Did you mean bern?" in caught.value.text()


def test_only_the_owner_can_read_the_registry(study: Study, sent: Callable[..., Path]) -> None:
    add(study, sent())
    kept = [path for path in study.folder.rglob("*") if path.is_file() and path.name != "study.toml"]
    assert sorted(path.name for path in kept) == [
        "lyon-2026-06-30-1.sealed", "registry.duckdb", "registry.head", "registry.key", "registry.lock",
    ]  # fmt: skip
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(study.archive.stat().st_mode) == 0o700


def test_progress_goes_up_to_one_and_names_what_is_done(study: Study, sent: Callable[..., Path]) -> None:
    seen: list[tuple[str, float]] = []
    add(study, sent(), progress=lambda what, share: seen.append((what, share)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert (shares[0] >= 0, seen[-1]) == (True, ("done", 1.0))
    assert {"reading lab.csv", "checking lab.csv", "storing lab", "archiving", "hashing"} <= {what for what, _ in seen}


def test_while_another_process_has_the_registry_it_is_waited_for_and_named(
    study: Study, sent: Callable[..., Path]
) -> None:
    add(study, sent())
    with writer(study.lock, "erase"):
        with pytest.raises(UserError) as caught:
            add(study, sent(date="2026-07-31"), wait_seconds=0.3)
        assert caught.value.exit_code == ExitCode.BUSY
        expected = rf"The registry is in use by process {os.getpid()} \(erase, for \d s\); waited 0.3 s"
        assert re.search(expected, caught.value.text())
    with _holder(study.database) as process:
        with pytest.raises(UserError) as caught:
            add(study, sent(date="2026-07-31"), wait_seconds=0.3)
        assert caught.value.exit_code == ExitCode.BUSY
        assert f"in use by process {process.pid}; waited 0.3 s" in caught.value.text()
        with pytest.raises(UserError, match="in use"), open_registry(study.database, read_only=True, wait_seconds=0):
            pass
    assert add(study, sent(date="2026-07-31")).accepted == 14


@contextmanager
def _holder(database: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603  (this very interpreter)
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.communicate("\n")


class _Failing:
    """A connection on which one statement goes wrong, before or after it has done its work."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, statement: str, *, done: bool) -> None:
        self._connection, self._statement, self._done = connection, statement, done

    def execute(self, statement: str, *values: object) -> duckdb.DuckDBPyConnection:
        if statement.startswith(self._statement):
            if self._done:
                self._connection.execute(statement, *values)
            raise duckdb.IOException("IO Error: No space left on device")
        return self._connection.execute(statement, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


def _fail(monkeypatch: pytest.MonkeyPatch, statement: str, *, done: bool) -> None:
    """Let the statement fail the first time that it is asked for on a connection that stores."""

    @contextmanager
    def opened(path: Path, **settings: Any) -> Iterator[Any]:
        with open_registry(path, **settings) as connection:
            yield _Failing(connection, statement, done=done) if not failed else connection
            failed.append(path)

    failed: list[Path] = []
    monkeypatch.setattr(change, "open_registry", opened)


def test_a_commit_that_fails_after_it_has_committed_is_seen_as_done(
    study: Study, sent: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail(monkeypatch, "COMMIT", done=True)
    receipt = add(study, sent())
    assert (receipt.accepted, receipt.unchanged) == (14, False)
    assert _read(study, "SELECT submission_id FROM submission") == [("lyon-2026-06-30-1",)]


@pytest.mark.parametrize("statement", ["COMMIT", 'INSERT INTO "lab"', "INSERT INTO quarantine"])
def test_a_failure_on_the_way_leaves_the_registry_as_it_was(
    statement: str, study: Study, sent: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _fail(monkeypatch, statement, done=False)
    with pytest.raises(UserError, match="No space left on device") as caught:
        add(study, sent())
    assert "Nothing of this submission was taken in" in caught.value.state
    monkeypatch.undo()
    assert _read(study, "SELECT * FROM submission") == []
    assert _read(study, "SELECT * FROM patient") == []
    assert add(study, sent()).submission_id == "lyon-2026-06-30-1"


def test_a_row_that_would_be_lost_stops_everything(
    study: Study, sent: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*arguments: Any, **settings: Any) -> Any:
        checked = check(*arguments, **settings)
        checked.rows["lab"] = checked.rows["lab"].slice(1)  # type: ignore[index]
        return checked

    check = store.check
    monkeypatch.setattr(store, "check", lose)
    with pytest.raises(AssertionError, match=r"lab has 3 rows, 2 would be stored"):
        add(study, sent())
    monkeypatch.undo()
    assert _read(study, "SELECT count(*) FROM submission") == [(0,)]


def test_the_same_files_from_two_processes_are_taken_in_once(study: Study, sent: Callable[..., Path]) -> None:
    """The second one finds them when it has the lock, though it did not at its first look."""
    folder = sent()
    first = []

    def meanwhile(what: str, share: float) -> None:
        if what == "checking lab.csv" and not first:
            first.append(add(study, folder))

    assert add(study, folder, progress=meanwhile).unchanged
    assert [receipt.unchanged for receipt in first] == [False]
    assert _read(study, "SELECT count(*) FROM submission") == [(1,)]


def test_a_full_disk_is_told_before_anything_is_written(
    study: Study, sent: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr(store.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(UserError, match="100 bytes free"):
        add(study, sent())
    assert not study.database.exists()


def test_what_is_no_registry_is_refused(study: Study, sent: Callable[..., Path]) -> None:
    study.database.write_bytes(b"not a database " * 1000)
    with pytest.raises(UserError, match="not a DuckDB database") as caught:
        add(study, sent())
    assert caught.value.exit_code == ExitCode.BAD_STUDY


def test_a_registry_of_another_contract_is_refused(study: Study, sent: Callable[..., Path]) -> None:
    add(study, sent())
    with duckdb.connect(study.database) as connection:
        connection.execute("ALTER TABLE visit ADD COLUMN extra VARCHAR")
    with pytest.raises(UserError, match="columns of visit are not those"), open_registry(study.database):
        pass


def test_a_registry_that_does_not_exist_is_nothing_to_read_and_is_not_made_by_reading(study: Study) -> None:
    with pytest.raises(UserError) as caught, open_registry(study.database, read_only=True):
        pass
    assert caught.value.exit_code == ExitCode.NOTHING_TO_READ
    assert not study.database.exists()


def test_a_registry_without_its_tables_is_nothing_to_read(study: Study) -> None:
    duckdb.connect(study.database).close()
    with pytest.raises(UserError) as caught, open_registry(study.database, read_only=True):
        pass
    assert caught.value.exit_code == ExitCode.NOTHING_TO_READ


def test_no_registry_is_made_where_there_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"), open_registry(tmp_path / "nowhere" / "registry.duckdb"):
        pass


@pytest.mark.parametrize(
    "statement",
    [
        "COPY patient TO '{folder}/out.csv'",
        "SELECT * FROM read_csv('{folder}/study.toml')",
        "SELECT * FROM '{folder}/study.toml'",
        "ATTACH '{folder}/other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET python_enable_replacements = true",
        "SELECT * FROM frame",
    ],
)
def test_sql_reaches_nothing_but_the_registry(statement: str, study: Study) -> None:
    frame = {"a": [1]}
    with open_registry(study.database) as connection, pytest.raises(duckdb.Error):
        connection.execute(statement.format(folder=study.folder))
    with open_memory() as connection, pytest.raises(duckdb.Error):
        connection.execute(statement.format(folder=study.folder))
    assert frame


def test_sql_may_write_into_the_folders_that_are_named(study: Study, sent: Callable[..., Path]) -> None:
    add(study, sent())
    (study.folder / "out").mkdir()
    with open_registry(study.database, read_only=True, folders=(study.folder / "out",)) as connection:
        connection.execute(f"COPY patient TO '{study.folder}/out/patient.parquet'")
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"COPY patient TO '{study.folder}/out/../patient.parquet'")
    assert stat.S_IMODE((study.folder / "out" / "patient.parquet").stat().st_mode) == 0o600


def test_what_a_crash_has_spilled_is_removed_and_what_is_in_use_is_not(study: Study) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    dead = study.folder / f"registry.duckdb.spill-{process.pid}-abc"
    alive = study.folder / "registry.duckdb.spill-1-abc"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "rows").write_text("plain text", encoding="utf-8")
    # Its maker holds a lock on it while it lives.
    held = os.open(alive, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with open_registry(study.database) as connection:
        (own,) = [p for p in study.folder.glob("*.spill-*") if p not in {dead, alive}]
        assert stat.S_IMODE(own.stat().st_mode) == 0o700
        assert connection.execute("SELECT current_setting('temp_directory')").fetchone() == (str(own),)
    os.close(held)
    assert [path.exists() for path in (dead, alive, own)] == [False, True, False]
