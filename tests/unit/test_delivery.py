"""Mail goes to a real SMTP server, and every way in which it can go wrong ends in a state of its own."""

from __future__ import annotations

import email
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from registry.study import SmtpDelivery
from reports.delivery import Letter, compose, message_id, publish, send

LETTER = Letter(
    pdf=b"%PDF-1.7 a report " + bytes(range(256)) * 40,
    file_name="committee.pdf",
    subject="Report",
    body="Attached.",
    identity="s|committee|2026",
)


class Inbox:
    """An SMTP handler that keeps what it accepts and answers recipients as told."""

    def __init__(self, answers: list[str] | None = None) -> None:
        self.mails: list[Any] = []
        self.answers = answers or []

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return "250 stored"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def server(inbox: Inbox) -> Iterator[SmtpDelivery]:
    port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield settings(port)
    finally:
        controller.stop()


def settings(port: int, **changes: Any) -> SmtpDelivery:
    values = {
        "kind": "smtp",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "registry@example.org",
        "recipients": ["chair@example.org"],
        "timeout_seconds": 5,
    }
    return SmtpDelivery.model_validate({**values, **changes})


def test_a_report_arrives_whole_with_its_attachment() -> None:
    inbox = Inbox()
    with server(inbox) as smtp:
        outcome = send(LETTER, smtp, "chair@example.org")
    assert outcome.state == "delivered"
    [(recipients, mail)] = inbox.mails
    assert recipients == ["chair@example.org"]
    assert mail["Message-ID"] == message_id("s|committee|2026", "chair@example.org")
    [attachment] = [part for part in mail.walk() if part.get_filename() == "committee.pdf"]
    assert attachment.get_payload(decode=True) == LETTER.pdf


def test_a_temporary_refusal_is_tried_again() -> None:
    inbox = Inbox(["451 try later", "250 OK"])
    with server(inbox) as smtp:
        outcome = send(LETTER, smtp, "chair@example.org", back_off_seconds=(0.01,))
    assert outcome.state == "delivered"
    assert len(inbox.mails) == 1


def test_temporary_refusals_without_end_are_a_failure_that_is_owed_again() -> None:
    inbox = Inbox(["451 try later"] * 5)
    with server(inbox) as smtp:
        outcome = send(LETTER, smtp, "chair@example.org", back_off_seconds=(0.01, 0.01))
    assert (outcome.state, outcome.detail) == ("failed", "451 try later")
    assert len(inbox.answers) == 2


def test_a_permanent_refusal_stops_at_once() -> None:
    inbox = Inbox(["550 no such user", "250 OK"])
    with server(inbox) as smtp:
        outcome = send(LETTER, smtp, "nobody@example.org", back_off_seconds=(0.01,))
    assert (outcome.state, outcome.detail) == ("refused", "550 no such user")
    assert inbox.mails == []
    assert inbox.answers == ["250 OK"]


def test_no_server_is_a_failure() -> None:
    outcome = send(LETTER, settings(free_port()), "chair@example.org", back_off_seconds=())
    assert outcome.state == "failed"
    assert "refused" in outcome.detail.lower()


def test_a_server_without_starttls_is_refused_rather_than_sent_to_in_clear() -> None:
    inbox = Inbox()
    with server(inbox) as smtp:
        outcome = send(LETTER, smtp.model_copy(update={"security": "starttls"}), "chair@example.org")
    assert outcome.state == "refused"
    assert inbox.mails == []


class Breaking:
    """A server that takes the text and hangs up before it answers, `times` times; then it answers."""

    def __init__(self, times: int) -> None:
        self.times, self.ids = times, []  # type: ignore[var-annotated]
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as lines:
                self.talk(lines)

    def talk(self, lines: Any) -> None:
        def say(text: bytes) -> None:
            lines.write(text + b"\r\n")
            lines.flush()

        say(b"220 ready")
        while line := lines.readline():
            word = line.strip().upper()
            if word != b"DATA":
                say(b"221 bye" if word == b"QUIT" else b"250 ok")
                continue
            say(b"354 go on")
            while (text := lines.readline()) != b".\r\n":
                if text.lower().startswith(b"message-id:"):
                    self.ids.append(text)
            if len(self.ids) <= self.times:
                return
            say(b"250 stored")


def test_a_connection_that_breaks_after_the_text_is_tried_once_more_under_the_same_message_id() -> None:
    breaking = Breaking(times=1)
    outcome = send(LETTER, settings(breaking.port), "chair@example.org", back_off_seconds=(0.01,) * 5)
    breaking.socket.close()
    assert outcome.state == "delivered"
    assert len(breaking.ids) == 2
    assert len(set(breaking.ids)) == 1


def test_a_connection_that_breaks_twice_leaves_the_state_unknown() -> None:
    breaking = Breaking(times=9)
    outcome = send(LETTER, settings(breaking.port), "chair@example.org", back_off_seconds=(0.01,) * 5)
    breaking.socket.close()
    assert outcome.state == "unknown"
    assert "after the text was sent" in outcome.detail
    assert len(breaking.ids) == 2


def test_a_published_file_is_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    outcome = publish(b"one", tmp_path / "outbox", "r.pdf")
    assert outcome.state == "delivered"
    publish(b"two", tmp_path / "outbox", "r.pdf")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "outbox").iterdir()] == [("r.pdf", b"two")]


def test_a_folder_that_cannot_be_made_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outcome = publish(b"one", tmp_path / "file", "r.pdf")
    assert outcome.state == "failed"


@pytest.mark.parametrize("other", [("s|committee|2027", "chair@example.org"), ("s|committee|2026", "b@example.org")])
def test_message_ids_differ_by_period_and_recipient(other: tuple[str, str]) -> None:
    assert message_id(*other) != message_id("s|committee|2026", "chair@example.org")


def test_a_line_break_in_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        compose(LETTER, sender="registry@example.org", recipient="a@example.org\nBcc: b@example.org")
