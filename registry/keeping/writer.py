"""One writer at a time across processes: a lock that names its holder, with a bounded wait."""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.errors import ExitCode, UserError
from registry.keeping.private_files import private_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.1


@contextmanager
def writer(lock: Path, what: str, *, name: str = "registry", wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold a lock until the end of the with block; it is free again when its holder ends, however that happens.

    Parameters
    ----------
    lock
        A file beside what is written; it says who holds it and stays behind, empty.
    what
        What the holder does, in a word or two, for the message to others.
    name
        What is locked, for that message.
    wait_seconds
        How long to wait for another holder.

    Raises
    ------
    UserError
        If there is no such folder (BAD_STUDY), or another process still holds it after the wait (BUSY).
    """
    if not lock.parent.is_dir():
        raise UserError(
            str(lock.parent),
            seen="There is no such folder.",
            expected="Expected the folder of a study.",
            advice="Name the folder with --study.",
            state="Nothing was changed.",
            exit_code=ExitCode.BAD_STUDY,
        )
    with private_files():
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(file, lock, name, wait_seconds)
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps({"pid": os.getpid(), "what": what, "since": int(time.time())}).encode(), 0)
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def _wait(file: int, lock: Path, name: str, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _busy(lock, name, os.pread(file, 1000, 0), wait_seconds) from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _busy(lock: Path, name: str, content: bytes, wait_seconds: float) -> UserError:
    try:
        holder = json.loads(content)
        who = f"process {holder['pid']} ({holder['what']}"
        seconds = int(time.time()) - int(holder["since"])
        who += f", for {seconds} s)" if seconds >= 0 else ")"
    except (ValueError, KeyError, TypeError):
        # The holder has just taken it and not yet written its name.
        who = "another process"
    return UserError(
        str(lock.parent),
        seen=f"The {name} is in use by {who}; waited {wait_seconds:g} s.",
        expected="Expected it to be free: one process writes at a time.",
        advice="Try again when that process has ended.",
        state="Nothing was changed.",
        exit_code=ExitCode.BUSY,
    )
