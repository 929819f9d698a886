"""How a finished report reaches its readers: published in a folder, or mailed with one message a recipient."""

from __future__ import annotations

import hashlib
import os
import smtplib
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from registry.study import SmtpDelivery
    from reports.ledger import State

BACK_OFF_SECONDS = (1.0, 5.0, 25.0)
PERMANENT = 500
TEMPORARY = 400


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one delivery ended, and what the other side said."""

    state: State
    detail: str


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One report on its way: the PDF with its file name, what is said about it, and what makes its Message-ID."""

    pdf: bytes
    file_name: str
    subject: str
    body: str
    identity: str


def publish(pdf: bytes, folder: Path, file_name: str) -> Outcome:
    """Put a file into a folder whole or not at all: temporary name, fsync, rename, fsync of the folder."""
    temporary = folder / f".{file_name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(pdf)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / file_name)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        return Outcome(state="failed", detail=f"{folder}: {error.strerror}")
    return Outcome(state="delivered", detail=str(folder / file_name))


def message_id(identity: str, recipient: str) -> str:
    """Return the Message-ID of a report, period and recipient: the same mail sent twice is known as one."""
    digest = hashlib.sha256(f"{identity}\n{recipient}".encode()).hexdigest()[:32]
    return f"<{digest}@myoregistry.invalid>"


def compose(letter: Letter, *, sender: str, recipient: str) -> EmailMessage:
    """Return the mail: a text and the PDF."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = letter.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = message_id(letter.identity, recipient)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.body)
    mail.add_attachment(letter.pdf, maintype="application", subtype="pdf", filename=letter.file_name)
    return mail


def send(
    letter: Letter,
    settings: SmtpDelivery,
    recipient: str,
    *,
    back_off_seconds: Sequence[float] = BACK_OFF_SECONDS,
) -> Outcome:
    """Send a report to one recipient.

    A temporary refusal (4xx) or a connection that cannot be made is tried again after each back-off, then "failed". A
    permanent one (5xx) is "refused" at once. A connection that breaks after the text was sent leaves the state unknown:
    it is tried once more under the same Message-ID, then "unknown".
    """
    mail = compose(letter, sender=settings.sender, recipient=recipient)
    pauses = list(back_off_seconds)
    unknown_before = False
    while True:
        outcome = _try(mail, settings, recipient)
        if outcome.state in {"delivered", "refused"}:
            return outcome
        if outcome.state == "unknown":
            if unknown_before:
                return outcome
            unknown_before = True
            continue
        if not pauses:
            # what may have arrived at the first try stays unknown, whatever the second one met
            return Outcome(state="unknown", detail=outcome.detail) if unknown_before else outcome
        time.sleep(pauses.pop(0))


def _try(mail: EmailMessage, settings: SmtpDelivery, recipient: str) -> Outcome:
    sent = False
    try:
        with _connect(settings) as smtp:
            _log_in(smtp, settings)
            code, answer = smtp.mail(settings.sender)
            if code < TEMPORARY:
                code, answer = smtp.rcpt(recipient)
            if code < TEMPORARY:
                sent = True
                code, answer = smtp.data(mail.as_bytes(policy=SMTP))
        return _outcome(code, answer)
    except smtplib.SMTPResponseException as error:
        return _outcome(error.smtp_code, error.smtp_error)
    except smtplib.SMTPNotSupportedError as error:
        return Outcome(state="refused", detail=str(error))
    except (smtplib.SMTPException, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        if sent:
            return Outcome(state="unknown", detail=f"the connection broke after the text was sent ({reason})")
        return Outcome(state="failed", detail=reason)


def _connect(settings: SmtpDelivery) -> smtplib.SMTP:
    if settings.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=settings.timeout_seconds, context=context)
    smtp = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout_seconds)
    if settings.security == "starttls":
        try:
            smtp.starttls(context=ssl.create_default_context())
        except (smtplib.SMTPException, OSError):
            smtp.close()
            raise
    return smtp


def _log_in(smtp: smtplib.SMTP, settings: SmtpDelivery) -> None:
    smtp.ehlo_or_helo_if_needed()
    if settings.user_variable:
        smtp.login(os.environ.get(settings.user_variable, ""), os.environ.get(settings.password_variable or "", ""))


def _outcome(code: int, answer: bytes | str) -> Outcome:
    state: State = "delivered" if code < TEMPORARY else "failed" if code < PERMANENT else "refused"
    return Outcome(state=state, detail=f"{code} {_text(answer)}")


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())[:200]
