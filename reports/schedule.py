"""What is owed on a day, and its delivery: each report once for each due date, as of that date's data cut."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from analyses.run import run
from registry.errors import UserError
from registry.snapshot import freeze
from registry.study import FolderDelivery, Report, SmtpDelivery, Study
from reports.delivery import BACK_OFF_SECONDS, Letter, Outcome, publish, send
from reports.ledger import Delivery, open_ledger, record, recorded
from reports.report import build_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import duckdb

MONTHS = {"month": 1, "quarter": 3}
SETTLED = frozenset({"delivered", "refused", "unknown"})


@dataclass(frozen=True, kw_only=True)
class Owed:
    """One report that is owed to one recipient."""

    report: Report
    due_date: date
    data_cut: date
    recipient: str
    by: FolderDelivery | SmtpDelivery


def data_cut(due_date: date, rule: str) -> date:
    """Return the data cut of a due date: the last day of the month, or quarter, before the one that it falls in."""
    month = due_date.month if rule == "end of the previous month" else 3 * ((due_date.month - 1) // 3) + 1
    return date(due_date.year, month, 1) - timedelta(days=1)


def due_dates(report: Report, today: date) -> tuple[date, ...]:
    """Return every date from first_due to today, both included, on which a report is owed.

    A monthly report is owed on its day of every month; a quarterly one on that day of January, April, July and October.
    """
    first, step = report.first_due, MONTHS[report.every]
    out = []
    year, month = first.year, first.month
    while (candidate := date(year, month, report.day)) <= today:
        if candidate >= first and (month - 1) % step == 0:
            out.append(candidate)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)  # noqa: PLR2004  (December)
    return tuple(out)


def owed(study: Study, today: date, delivered: Iterable[Delivery] = (), *, retry: bool = False) -> tuple[Owed, ...]:
    """Return what is owed up to a day and not settled yet, oldest first.

    retry: whether refused deliveries and those of unknown outcome are owed again; a failed one always is.
    """
    settled = {"delivered"} if retry else SETTLED
    done = {(d.report, d.due_date, d.recipient) for d in delivered if d.state in settled}
    # a recipient named twice gets one
    found = {
        (report.name, day, recipient): Owed(
            report=report, due_date=day, data_cut=data_cut(day, report.data_cut), recipient=recipient, by=by
        )
        for report in study.reports
        for day in due_dates(report, today)
        for by in report.delivery
        for recipient in ((by.folder,) if isinstance(by, FolderDelivery) else by.recipients)
        if (report.name, day, recipient) not in done
    }
    return tuple(sorted(found.values(), key=lambda o: (o.due_date, o.report.name, o.recipient)))


def due(
    study: Study,
    *,
    today: date,
    dry_run: bool = False,
    retry: bool = False,
    back_off_seconds: Sequence[float] = BACK_OFF_SECONDS,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[Delivery, ...]:
    """Build and deliver what is owed on a day, each once, and return how each delivery stands.

    A missed date is made up as of its own data cut. The ledger is held from beginning to end, so that two calls at
    once deliver nothing twice. dry_run: only list what would be done (state "failed", detail "owed").
    One report that cannot be built does not keep the others back: its deliveries stand as failed, with the reason.
    """
    if dry_run and not study.ledger.is_file():
        return tuple(_state(item, Outcome(state="failed", detail="owed")) for item in owed(study, today, retry=retry))
    with open_ledger(study.ledger) as ledger:
        waiting = owed(study, today, recorded(ledger), retry=retry)
        if dry_run:
            return tuple(_state(item, Outcome(state="failed", detail="owed")) for item in waiting)
        out: list[Delivery] = []
        jobs = sorted({(item.due_date, item.report.name) for item in waiting})
        for number, (day, name) in enumerate(jobs):
            if progress is not None:
                progress(f"{name} due on {day}", number / len(jobs))
            items = [item for item in waiting if (item.due_date, item.report.name) == (day, name)]
            out += _deliver(study, items, ledger, back_off_seconds)
        return tuple(out)


def _deliver(
    study: Study, items: Sequence[Owed], ledger: duckdb.DuckDBPyConnection, back_off_seconds: Sequence[float]
) -> list[Delivery]:
    first = items[0]
    try:
        snapshot = freeze(study, cut=first.data_cut, remember=False)
        run(study, snapshot)
        path = build_report(study, report=first.report.name, snapshot_id=snapshot.id)
    except UserError as error:
        out = [_state(item, Outcome(state="failed", detail=str(error))) for item in items]
        for delivery in out:
            record(ledger, delivery)
        return out
    pdf = path.read_bytes()
    letter = Letter(
        pdf=pdf,
        file_name=path.name,
        subject=f"{first.report.title} ({study.name}, data cut {first.data_cut})",
        body=(
            f"{first.report.title}\nStudy: {study.title}\nDue on {first.due_date}; data cut {first.data_cut}; "
            f"snapshot {snapshot.id}.\n\nThe report is attached. It is confidential.\n"
        ),
        identity=f"{study.name}|{first.report.name}|{first.due_date}",
    )
    out = []
    for item in items:
        if isinstance(item.by, FolderDelivery):
            outcome = publish(pdf, study.folder / item.by.folder, f"{item.due_date}-{path.name}")
        else:
            outcome = send(letter, item.by, item.recipient, back_off_seconds=back_off_seconds)
        delivery = _state(item, outcome, snapshot=snapshot.id, sha256=hashlib.sha256(pdf).hexdigest())
        record(ledger, delivery)
        out.append(delivery)
    return out


def _state(item: Owed, outcome: Outcome, *, snapshot: str | None = None, sha256: str | None = None) -> Delivery:
    return Delivery(
        report=item.report.name,
        due_date=item.due_date,
        recipient=item.recipient,
        data_cut=item.data_cut,
        state=outcome.state,
        detail=outcome.detail,
        snapshot=snapshot,
        sha256=sha256,
    )
