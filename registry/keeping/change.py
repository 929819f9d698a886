"""How a command gets at the registry to change it: alone, on sound ground, with the keys, leaving the head behind."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from registry.errors import ExitCode, UserError
from registry.keeping import audit
from registry.keeping.database import open_registry
from registry.keeping.keys import Keys, new_keys, read_keys, write_keys
from registry.keeping.leftovers import remove_orphans, remove_unfinished, set_orphans_aside
from registry.keeping.migrate import LAYOUT, migrate
from registry.keeping.writer import WAIT_SECONDS, writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.study import Study


@dataclass(frozen=True, kw_only=True)
class Change:
    """A registry that is open for one change. notes: what was found and put right first, in sentences."""

    connection: duckdb.DuckDBPyConnection
    keys: Keys
    notes: tuple[str, ...]


@contextmanager
def changing(
    study: Study, what: str, *, wait_seconds: float = WAIT_SECONDS, trust: bool = False, resume: bool = True
) -> Iterator[Change]:
    """Open the registry for a change until the end of the with block; made, with its keys, if it is not there.

    Parameters
    ----------
    study
        The study whose registry it is.
    what
        What is done, for those who wait meanwhile.
    wait_seconds
        How long to wait for another process.
    trust
        Whether to take the database as it is although the head beside it says otherwise.
    resume
        Whether to bring to its end first what a stopped command had set out to do; only that command itself does not.

    Raises
    ------
    UserError
        If another process writes (BUSY), the keys are not those of the registry, or the database has lost entries
        that the head knows (BAD_STUDY).
    """
    notes = list(_resume(study)) if resume else []
    with writer(study.lock, what, wait_seconds=wait_seconds):
        notes += remove_unfinished(study)
        notes += migrate(study, wait_seconds=wait_seconds)
        if not study.database.is_file() and not trust:
            _nothing_was_lost(study)
        with open_registry(study.database, wait_seconds=wait_seconds) as connection:
            keys = _keys(study, connection)
            told = compare_heads(study, connection, trust=trust)
            if told:
                # At once: the head is then never more than one entry behind.
                _leave_head(study, connection)
            notes += [*told, *_clock(connection)]
            notes += set_orphans_aside(study, connection) if trust else remove_orphans(study, connection)
            try:
                yield Change(connection=connection, keys=keys, notes=tuple(notes))
            except BaseException:
                # A COMMIT that raised can have committed or not: what it left open must not count as done. If even
                # that cannot be told, the next command finds out from the head.
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                with suppress(duckdb.Error, OSError):
                    _leave_head(study, connection)
                raise
            _leave_head(study, connection)


def put_right(study: Study, *, wait_seconds: float = WAIT_SECONDS) -> tuple[str, ...]:
    """Finish or remove what a stopped command has left, and return what there is to say of it, in sentences.

    Raises what `changing` raises; nothing happens where there is no registry yet.
    """
    if not study.database.is_file() and not study.head.is_file():
        return ()
    with changing(study, "look", wait_seconds=wait_seconds) as change:
        return change.notes


def _leave_head(study: Study, connection: duckdb.DuckDBPyConnection) -> None:
    head = audit.database_head(connection)
    if audit.written_head(study.head) != head:
        connection.execute("CHECKPOINT")
        audit.write_head(study.head, head)


def _resume(study: Study) -> Iterator[str]:
    """Bring to its end what a stopped command had set out to do; say so."""
    # What finishes the work opens the registry by this module.
    from registry.keeping.resume import resume_stopped  # noqa: PLC0415

    yield from resume_stopped(study)


def compare_heads(study: Study, connection: duckdb.DuckDBPyConnection, *, trust: bool = False) -> tuple[str, ...]:
    """Compare the newest entry with the one written beside the database, and return what there is to say.

    Raises UserError if the database lacks entries that were there before: an old file, or a lost write-ahead log.
    """
    last, known = audit.database_head(connection), audit.written_head(study.head)
    if trust or known == last or (known is None and last.entry == 0):
        return ()
    if known is None:
        if study.head.is_file() or last.entry > 1:
            raise _doubtful(
                study, f"{study.head.name} is missing or damaged; the database ends with entry {last.entry}."
            )
        # The very first command was stopped between its commit and the head.
        return ()
    there = connection.execute("SELECT hash FROM audit WHERE entry = ?", [known.entry]).fetchall()
    follows = known == audit.Head(entry=0, hash=audit.START) or (there and there[0][0] == known.hash)
    if follows and last.entry == known.entry + 1:
        return ("The last command was stopped after its commit: what it did is in the registry.",)
    seen = f"The database ends with entry {last.entry} of the audit trail; {study.head.name} knows entry {known.entry}."
    if follows and last.entry > known.entry:
        # A command appends one entry and then writes the head: several are none of its doing.
        seen = f"{study.head.name} is {last.entry - known.entry} entries behind the database: it was put back."
    elif last.entry >= known.entry:
        seen = f"Entry {known.entry} of the audit trail is not the one that {study.head.name} knows."
    raise _doubtful(study, seen)


def _clock(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Say so if the clock is behind the trail: entries then carry the time of the one before, and what was read."""
    newest = connection.execute("SELECT max(recorded_at) FROM audit").fetchall()[0][0]
    read = audit.now()
    if newest is not None and read < newest:
        yield f"The clock says {read} (UTC), before the newest entry of the audit trail ({newest}): set it right."


def _keys(study: Study, connection: duckdb.DuckDBPyConnection) -> Keys:
    """Return the keys of this registry; new ones for a new registry that finds none."""
    known = connection.execute("SELECT value FROM about WHERE name = 'keys'").fetchall()
    if not known and not study.key_file.exists():
        write_keys(study.key_file, new_keys())
    keys = read_keys(study.key_file)
    if not known:
        connection.execute("INSERT INTO about VALUES ('keys', ?), ('layout', ?)", [keys.fingerprint, LAYOUT])
    elif known[0][0] not in {keys.fingerprint, keys.previous.fingerprint if keys.previous else ""}:
        raise UserError(
            str(study.key_file),
            seen=f"These are keys {keys.fingerprint}; the registry was made with {known[0][0]}.",
            expected="Expected the keys of this registry.",
            advice="Put the right file in its place, or name it in study.toml: [registry] key_file.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )
    return keys


def _nothing_was_lost(study: Study) -> None:
    head = audit.written_head(study.head)
    if head is not None and head.entry > 0:
        raise _doubtful(study, f"{study.database.name} is missing; {study.head.name} knows entry {head.entry}.")


def _doubtful(study: Study, seen: str) -> UserError:
    return UserError(
        str(study.database),
        seen=seen,
        expected="Expected the registry as the last command left it.",
        advice="Something was lost, or an old file was put back. Restore the newest backup with 'myoregistry restore'; "
        "if this file is the best there is, accept it with 'myoregistry audit accept --reason ...'.",
        state="Nothing was changed.",
        exit_code=ExitCode.BAD_STUDY,
    )
