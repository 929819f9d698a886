"""The audit trail: every entry carries the hash of the one before, and the newest one stands outside the database too.

hash = SHA-256 over previous, entry, time, actor, action, subject and details as JSON. Who changes or removes an entry
must change all that follow, and then the last is not the one in registry.head, nor the one that reports have printed.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from registry.contract import TABLES
from registry.keeping.digest import digest_of_rows
from registry.keeping.publish import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import duckdb

START = "0" * 64
_NEWEST = "WHERE entry = (SELECT max(entry) FROM audit)"
# Not ORDER BY and LIMIT 1: DuckDB 2.0.0 answers that with nothing when every row there was before has been deleted.
ACTOR_VARIABLE = "MYOREGISTRY_ACTOR"
KEPT_TABLES = ("submission", *TABLES, "quarantine", "query", "rule_result", "submission_change")
"""Tables whose rows belong to a submission; a hash of them stands in its entry."""
PERSON_TABLES = (*TABLES, "quarantine", "query")
"""Those whose rows can be about a person."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the audit trail. details: plain values, without anything that names a person."""

    entry: int
    recorded_at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, kw_only=True)
class Head:
    """Number and hash of an entry; entry 0 is the trail before anything happened."""

    entry: int
    hash: str


def append(connection: duckdb.DuckDBPyConnection, action: str, subject: str, details: Mapping[str, Any]) -> Entry:
    """Append an entry inside the transaction of what it tells, and return it."""
    last = connection.execute(f"SELECT entry, hash, recorded_at FROM audit {_NEWEST}").fetchall()
    number, previous, before = last[0] if last else (0, START, datetime.min)  # noqa: DTZ901  (TIMESTAMP has no zone)
    read = now()
    values = {
        "entry": number + 1,
        "recorded_at": max(read, before),
        "actor": actor(),
        "action": action,
        "subject": subject,
        "details": _canonical({**details, **({"clock": read.isoformat()} if read < before else {})}),
        "previous": previous,
    }
    values["hash"] = _hash(values)
    names = ", ".join(f"${name}" for name in values)
    connection.execute(f"INSERT INTO audit VALUES ({names})", values)
    return Entry(**{**values, "details": json.loads(values["details"])})


def entries(connection: duckdb.DuckDBPyConnection) -> tuple[Entry, ...]:
    """Return the whole trail, oldest first."""
    names = ("entry", "recorded_at", "actor", "action", "subject", "details", "previous", "hash")
    rows = connection.execute(f"SELECT {', '.join(names)} FROM audit ORDER BY entry").fetchall()
    return tuple(Entry(**{**dict(zip(names, row, strict=True)), "details": _read_details(row[5])}) for row in rows)


def _read_details(text: str) -> dict[str, Any]:
    """Return the details of an entry; those that were changed to something else make its hash a wrong one."""
    try:
        details = json.loads(text)
    except ValueError:
        details = None
    return details if isinstance(details, dict) else {"unreadable": text}


def broken_links(trail: Iterable[Entry]) -> tuple[int, ...]:
    """Return the numbers of the entries that are not what they were: changed, or not following the one before."""
    wrong, previous, number = [], START, 0
    for entry in trail:
        values = {
            name: getattr(entry, name) for name in ("entry", "recorded_at", "actor", "action", "subject", "previous")
        }
        values["details"] = _canonical(entry.details)
        number += 1
        if entry.entry != number or entry.previous != previous or entry.hash != _hash(values):
            wrong.append(entry.entry)
        number, previous = entry.entry, entry.hash
    return tuple(wrong)


def database_head(connection: duckdb.DuckDBPyConnection) -> Head:
    """Return the newest entry of the database."""
    last = connection.execute(f"SELECT entry, hash FROM audit {_NEWEST}").fetchall()
    return Head(entry=last[0][0], hash=last[0][1]) if last else Head(entry=0, hash=START)


def written_head(path: Path) -> Head | None:
    """Return the newest entry according to the file beside the database; None if it is not there or damaged."""
    try:
        head = json.loads(path.read_bytes())
        return Head(entry=int(head["entry"]), hash=str(head["hash"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_head(path: Path, head: Head) -> None:
    """Write the newest entry beside the database, whole or not at all."""
    write_file(path, (json.dumps({"entry": head.entry, "hash": head.hash}) + "\n").encode())


def content_hashes(connection: duckdb.DuckDBPyConnection, submission_id: str) -> dict[str, dict[str, Any]]:
    """Return by table how many rows the registry keeps of a submission and the SHA-256 of them, in whatever order."""
    found = {}
    for table in KEPT_TABLES:
        query = _sql("content_hash").replace("{table}", table)
        rows, digest = digest_of_rows(connection, query, {"id": submission_id})
        found[table] = {"rows": rows, "sha256": digest}
    return found


def now() -> datetime:
    """Return the time, UTC: the one reading of the clock. A clock that was set back changes no order: see append."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def actor() -> str:
    """Return who is at work: the environment variable MYOREGISTRY_ACTOR, or the name of the account."""
    try:
        return os.environ.get(ACTOR_VARIABLE) or getpass.getuser()
    except (OSError, KeyError):
        return f"account {os.getuid()}"


def _hash(values: Mapping[str, Any]) -> str:
    parts = [values["previous"], values["entry"], values["recorded_at"].isoformat(), values["actor"], values["action"]]
    return hashlib.sha256(_canonical([*parts, values["subject"], values["details"]]).encode()).hexdigest()


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


@cache
def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "keep", f"{name}.sql").read_text(encoding="utf-8")
