"""Who changed what, when, from which file and line; and the registry as it was known on a past day."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest

from registry.errors import ExitCode, UserError
from registry.keeping import audit
from registry.keeping.history import changes, person_history, submissions
from registry.keeping.store import add
from registry.snapshot import freeze
from tests.keeping_study import PLANTED_ID, fill, pseudonym, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.study import Study

    Rows = Mapping[str, Sequence[Mapping[str, str]]]
    Write = Callable[..., Path]


def test_a_changed_value_is_told_with_who_when_where_old_and_new(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    fill(study, tmp_path / "sent", write_submission, good_rows)
    (found,) = changes(study, "lyon-2026-09-30-1")
    assert (found.table_name, found.person, found.key, found.change) == (
        "visit", pseudonym(study), "2019-02-01", "changed",
    )  # fmt: skip
    assert (found.column, found.old_value, found.new_value) == ("phga", "6.5", "3.5")
    assert (found.old_record, found.new_record) == ("visit.csv:2", "visit.csv:2")
    assert (found.sent.sender, found.sent.replaces) == ("data manager", "lyon-2026-06-30-1")


def test_rows_that_came_and_went_are_told_once_each(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    add(study, write_submission(tmp_path / "lyon-2026-06-30"))
    lab = [good_rows["lab"][1], good_rows["lab"][2], {**good_rows["lab"][0], "date": "2019-03-01"}]
    add(study, write_submission(tmp_path / "lyon-2026-09-30", {**good_rows, "lab": lab}, date="2026-09-30"))
    found = changes(study, "lyon-2026-09-30-1")
    assert [(d.change, d.key, d.column, d.old_record, d.new_record) for d in found] == [
        ("removed", "CK, 2019-02-01", None, "lab.csv:2", None),
        ("added", "CK, 2019-03-01", None, None, "lab.csv:4"),
    ]
    counts = read(
        study,
        "SELECT table_name, change, rows FROM submission_change WHERE submission_id = 'lyon-2026-09-30-1' "
        "AND table_name IN ('lab', 'visit') ORDER BY ALL",
    )
    assert counts == [("lab", "added", 1), ("lab", "removed", 1), ("lab", "unchanged", 2), ("visit", "unchanged", 2)]


def test_the_history_of_a_person_runs_through_all_submissions(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    fill(study, tmp_path / "sent", write_submission, good_rows)
    found = person_history(study, "lyon", PLANTED_ID)
    assert [d.change for d in found] == ["added"] * 8 + ["changed"]
    assert {d.person for d in found} == {pseudonym(study)}
    with pytest.raises(UserError, match="no rows of this person") as caught:
        person_history(study, "bern", PLANTED_ID)
    assert caught.value.exit_code == ExitCode.NOTHING_TO_READ


def test_a_submission_dated_between_two_others_is_compared_with_the_one_before_it(
    study: Study, tmp_path: Path, write_submission: Write
) -> None:
    for day in ("2026-06-30", "2026-12-31", "2026-09-30"):
        add(study, write_submission(tmp_path / f"lyon-{day}", date=day))
    assert {s.submission_id: s.replaces for s in submissions(study)} == {
        "lyon-2026-06-30-1": None,
        "lyon-2026-12-31-1": "lyon-2026-06-30-1",
        "lyon-2026-09-30-1": "lyon-2026-06-30-1",
    }


def test_the_registry_is_read_as_it_was_known_on_a_past_day(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A correction of June arrives in November: until then June was what had been sent in July."""
    monkeypatch.setattr(audit, "now", lambda: datetime(2026, 7, 5, 23, 59, 59))  # noqa: DTZ001
    add(study, write_submission(tmp_path / "lyon-2026-06-30"))
    then = freeze(study)
    monkeypatch.setattr(audit, "now", lambda: datetime(2026, 11, 2, 0, 0, 0))  # noqa: DTZ001
    rows = {**good_rows, "visit": [{**good_rows["visit"][0], "phga": "1.5"}, good_rows["visit"][1]]}
    add(study, write_submission(tmp_path / "lyon-2026-06-30", rows))

    def phga(known: date | None) -> float:
        visits = freeze(study, known=known, remember=False).table("visit")
        return float(visits.set_index("record").loc["visit.csv:2", "phga"])

    assert [phga(known) for known in (date(2026, 7, 5), date(2026, 11, 1), date(2026, 11, 2), None)] == [
        6.5, 6.5, 1.5, 1.5,
    ]  # fmt: skip
    with pytest.raises(UserError, match="had arrived by 2026-07-04"):
        freeze(study, known=date(2026, 7, 4))
    known = freeze(study, known=date(2026, 7, 5), remember=False)
    assert known.id != then.id
    assert {n: e["content_sha256"] for n, e in known.manifest["tables"].items() if "content_sha256" in e} == {
        n: e["content_sha256"] for n, e in then.manifest["tables"].items() if "content_sha256" in e
    }


def test_a_clock_that_was_set_back_changes_no_order_and_is_written_down(
    study: Study, tmp_path: Path, write_submission: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "now", lambda: datetime(2026, 7, 5))  # noqa: DTZ001
    add(study, write_submission(tmp_path / "lyon-2026-06-30"))
    monkeypatch.setattr(audit, "now", lambda: datetime(1999, 1, 1))  # noqa: DTZ001
    add(study, write_submission(tmp_path / "bern-2026-06-30", centre="bern"))
    assert [s.received_at for s in submissions(study)] == [datetime(2026, 7, 5)] * 2  # noqa: DTZ001
    trail = read(study, "SELECT recorded_at, json_extract_string(details, '$.clock') FROM audit ORDER BY entry")
    assert trail == [(datetime(2026, 7, 5), None), (datetime(2026, 7, 5), "1999-01-01T00:00:00")]  # noqa: DTZ001


def test_an_unknown_submission_is_told_with_those_that_there_are(
    study: Study, tmp_path: Path, write_submission: Write
) -> None:
    with pytest.raises(UserError, match="There is no registry yet"):
        submissions(study)
    add(study, write_submission(tmp_path / "lyon-2026-06-30"))
    with pytest.raises(UserError, match="such as lyon-2026-06-30-1"):
        changes(study, "lyon-2026-06-30-2")
