"""The ledger of what went out: which report, for which date, to whom, and in which state its delivery stands."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from registry.keeping.database import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

State = Literal["delivered", "failed", "refused", "unknown"]
"""delivered: accepted. failed: may work next time. refused: will not work again as it is. unknown: the connection broke
after the message was sent, so it may or may not have arrived."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One report, for one due date, to one recipient (a mail address, or the folder that it is published in)."""

    report: str
    due_date: date
    recipient: str
    data_cut: date
    state: State
    detail: str
    snapshot: str | None = None
    sha256: str | None = None


def _sql(name: str) -> str:
    return files("reports").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


@contextmanager
def open_ledger(path: Path, *, wait_seconds: float = 10) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the ledger for writing until the end of the with block, so that nobody else delivers meanwhile."""
    with open_database(path, wait_seconds=wait_seconds) as connection:
        connection.execute(_sql("ledger"))
        yield connection


def recorded(connection: duckdb.DuckDBPyConnection) -> tuple[Delivery, ...]:
    """Return every delivery of the ledger, by due date, report and recipient."""
    rows = connection.execute(_sql("deliveries")).fetchall()
    names = ("report", "due_date", "recipient", "data_cut", "state", "detail", "snapshot", "sha256")
    return tuple(Delivery(**dict(zip(names, row, strict=False))) for row in rows)


def record(connection: duckdb.DuckDBPyConnection, delivery: Delivery) -> None:
    """Write the state of a delivery at once: what was sent must be known even if the next one fails."""
    values = {
        "report": delivery.report,
        "due_date": delivery.due_date,
        "recipient": delivery.recipient,
        "data_cut": delivery.data_cut,
        "state": delivery.state,
        "detail": delivery.detail,
        "snapshot": delivery.snapshot,
        "sha256": delivery.sha256,
        "recorded_at": datetime.now(UTC).replace(tzinfo=None),
    }
    connection.execute(_sql("record_delivery"), values)
    connection.execute("CHECKPOINT")
