"""What cron calls: owed reports are built and delivered once, missed ones as of their own data cut."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from click.testing import CliRunner

import registry
import reports
from myoregistry import cli


class Inbox(Message):
    """Keeps every mail."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[object] = []

    def handle_message(self, message: object) -> None:
        self.mails.append(message)


@pytest.fixture
def scheduled(study: registry.Study, tmp_path: Path, unused_port: int) -> registry.Study:
    """Return the study with a quarterly report to a folder and to two readers, its last submission dated 2026-06-30."""
    text = (study.folder / "study.toml").read_text(encoding="utf-8").split("[[report]]")[0]
    text += f"""
[[report]]
name = "committee"
title = "Report to the steering committee"
every = "quarter"
day = 15
first_due = 2026-04-15
data_cut = "end of the previous quarter"
[[report.delivery]]
kind = "folder"
folder = "outbox"
[[report.delivery]]
kind = "smtp"
host = "127.0.0.1"
port = {unused_port}
security = "none"
sender = "registry@example.org"
recipients = ["chair@example.org", "statistician@example.org"]
"""
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    for path in (study.database, study.head, study.key_file):
        shutil.copy(path, tmp_path / path.name)
    return registry.load_study(tmp_path)


@pytest.fixture
def unused_port() -> int:
    """Return a port of this machine that nobody listens on."""
    import socket  # noqa: PLC0415

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_reports_are_delivered_once_and_missed_ones_as_of_their_own_data_cut(
    scheduled: registry.Study, unused_port: int
) -> None:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=unused_port)
    controller.start()
    try:
        listed = reports.due(scheduled, today=date(2026, 11, 20), dry_run=True)
        assert [d.due_date.isoformat() for d in listed[::3]] == ["2026-04-15", "2026-07-15", "2026-10-15"]
        assert inbox.mails == []
        first = reports.due(scheduled, today=date(2026, 11, 20))
        again = reports.due(scheduled, today=date(2026, 11, 20))
    finally:
        controller.stop()
    # nothing had been sent by the cut of April: said so, kept as owed, and the others are not held back
    assert {d.state for d in first if d.due_date == date(2026, 4, 15)} == {"failed"}
    delivered = [d for d in first if d.state == "delivered"]
    assert {(d.due_date, d.data_cut) for d in delivered} == {
        (date(2026, 7, 15), date(2026, 6, 30)),
        (date(2026, 10, 15), date(2026, 9, 30)),
    }
    assert len(delivered) == 6, [d.detail for d in first]
    assert len(inbox.mails) == 4
    assert len({str(mail["Message-ID"]) for mail in inbox.mails}) == 4  # type: ignore[index]
    assert len(list((scheduled.folder / "outbox").glob("*.pdf"))) == 2
    assert {d.due_date for d in again} == {date(2026, 4, 15)}
    assert len(inbox.mails) == 4


def test_an_outage_of_the_mail_server_leaves_the_report_owed(scheduled: registry.Study) -> None:
    deliveries = reports.due(scheduled, today=date(2026, 7, 20), back_off_seconds=())
    by = {d.recipient: d.state for d in deliveries if d.due_date == date(2026, 7, 15)}
    assert by == {"outbox": "delivered", "chair@example.org": "failed", "statistician@example.org": "failed"}
    owed = reports.due(scheduled, today=date(2026, 7, 20), dry_run=True)
    assert {d.recipient for d in owed if d.due_date == date(2026, 7, 15)} == set(by) - {"outbox"}


def test_the_command_line_lists_without_doing(scheduled: registry.Study) -> None:
    result = CliRunner().invoke(cli, ["--study", str(scheduled.folder), "due", "--dry-run", "--today", "2026-07-20"])
    assert result.exit_code == 0, result.output
    assert "2026-07-15  committee, data cut 2026-06-30, to outbox: owed" in result.output
    assert not (scheduled.folder / "outbox").exists()
    assert not scheduled.ledger.exists()
