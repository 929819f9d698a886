"""Which reports are owed on a day, and as of which data cut."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from registry.study import Study
from reports.ledger import Delivery, open_ledger, record, recorded
from reports.schedule import data_cut, due_dates, owed


def study(**changes: object) -> Study:
    report = {
        "name": "committee",
        "title": "Report",
        "every": "quarter",
        "day": 15,
        "first_due": date(2026, 1, 15),
        "delivery": [{"kind": "folder", "folder": "outbox"}],
        **changes,
    }
    return Study.model_validate(
        {
            "folder": "/nowhere",
            "name": "s",
            "title": "S",
            "centre": [{"code": "lyon", "name": "Lyon"}],
            "report": [report],
        }
    )


@pytest.mark.parametrize(
    ("due_date", "rule", "cut"),
    [
        ("2026-01-15", "end of the previous quarter", "2025-12-31"),
        ("2026-03-31", "end of the previous quarter", "2025-12-31"),
        ("2026-04-01", "end of the previous quarter", "2026-03-31"),
        ("2026-12-01", "end of the previous quarter", "2026-09-30"),
        ("2024-03-01", "end of the previous month", "2024-02-29"),
        ("2026-01-28", "end of the previous month", "2025-12-31"),
    ],
)
def test_the_data_cut_is_the_last_day_of_the_period_before(due_date: str, rule: str, cut: str) -> None:
    assert data_cut(date.fromisoformat(due_date), rule) == date.fromisoformat(cut)


@pytest.mark.parametrize(
    ("changes", "today", "days"),
    [
        ({}, "2026-01-14", []),
        ({}, "2026-01-15", ["2026-01-15"]),
        ({}, "2026-10-14", ["2026-01-15", "2026-04-15", "2026-07-15"]),
        ({"first_due": date(2026, 1, 16)}, "2026-05-01", ["2026-04-15"]),
        ({"every": "month", "day": 1, "first_due": date(2026, 11, 2)}, "2027-01-01", ["2026-12-01", "2027-01-01"]),
    ],
)
def test_due_dates_run_from_the_first_to_today(changes: dict[str, object], today: str, days: list[str]) -> None:
    assert [day.isoformat() for day in due_dates(study(**changes).reports[0], date.fromisoformat(today))] == days


def delivery(state: str, recipient: str = "outbox") -> Delivery:
    return Delivery(
        report="committee",
        due_date=date(2026, 1, 15),
        recipient=recipient,
        data_cut=date(2025, 12, 31),
        state=state,  # type: ignore[arg-type]
        detail="",
    )


@pytest.mark.parametrize(
    ("state", "retry", "still_owed"),
    [
        ("delivered", False, 0),
        ("delivered", True, 0),
        ("failed", False, 1),
        ("refused", False, 0),
        ("refused", True, 1),
        ("unknown", False, 0),
        ("unknown", True, 1),
    ],
)
def test_a_report_is_owed_once_and_what_failed_is_owed_again(state: str, retry: bool, still_owed: int) -> None:
    assert len(owed(study(), date(2026, 1, 20), [delivery(state)], retry=retry)) == still_owed


def test_a_recipient_named_twice_is_owed_one_report() -> None:
    twice = study(delivery=[{"kind": "folder", "folder": "outbox"}, {"kind": "folder", "folder": "outbox"}])
    assert len(owed(twice, date(2026, 1, 20))) == 1


def test_the_ledger_keeps_the_newest_state_across_openings(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.duckdb") as ledger:
        record(ledger, delivery("failed"))
        record(ledger, delivery("delivered", recipient="b"))
    with open_ledger(tmp_path / "ledger.duckdb") as ledger:
        record(ledger, delivery("delivered"))
        assert [(d.recipient, d.state) for d in recorded(ledger)] == [("b", "delivered"), ("outbox", "delivered")]
        assert ledger.execute("SELECT attempts FROM delivery ORDER BY recipient").fetchall() == [(1,), (2,)]
