"""Numbered fault points: every step of a command that touches the disk or the database can be the one that goes wrong.

Nothing of this is in the program: the functions of os, io and duckdb are exchanged in the process of an experiment.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import re
import signal
from typing import TYPE_CHECKING, Any, Literal, Self

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable

How = Literal["kill", "full", "late"]
"""kill: the process is gone before the step. full: the disk is full, the step is not done (half of it, if it writes).
late: the step is done and then reported as an input or output error, as COMMIT can be."""

CALLS = ("replace", "rename", "fsync", "unlink", "remove", "mkdir", "rmdir", "sendfile", "ftruncate", "pwrite")
READING = re.compile(r"\s*(SELECT|SET|WITH|--|FROM)", re.IGNORECASE)
OUTWARD = re.compile(r"\s*(COPY|ATTACH|DETACH|CHECKPOINT)", re.IGNORECASE)


class Steps:
    """Counts the steps of a command and lets one of them go wrong; fault 0 counts only."""

    def __init__(self, fault: int, how: How) -> None:
        self.count, self.fault, self.how = 0, fault, how
        self.names: list[str] = []

    def install(self) -> None:
        """Put the fault points in place, for the rest of this process."""
        for name in CALLS:
            setattr(os, name, self._call(name, getattr(os, name)))
        plain_open = os.open

        def open_descriptor(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
                return int(self._take(f"os.open {_short(path)}", lambda: plain_open(path, flags, *rest, **named)))
            return plain_open(path, flags, *rest, **named)

        os.open = open_descriptor
        plain = io.open

        def open_file(file: Any, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if not set(mode) & set("wax+"):
                return plain(file, mode, *rest, **named)
            opened = self._take(f"open {_short(file)}", lambda: plain(file, mode, *rest, **named))
            return _File(opened, self, _short(file))

        io.open = open_file  # type: ignore[assignment]
        builtins.open = open_file  # type: ignore[assignment]
        connect = duckdb.connect

        def connect_counted(database: Any = ":memory:", *rest: Any, **named: Any) -> Any:
            if database == ":memory:":
                return _Connection(connect(database, *rest, **named), self, OUTWARD.match)
            made = self._take(f"connect {_short(database)}", lambda: connect(database, *rest, **named), native=True)
            return _Connection(made, self, lambda text: not READING.match(text))

        duckdb.connect = connect_counted

    def _call(self, name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*rest: Any, **named: Any) -> Any:
            return self._take(f"{name} {_short(rest[0])}", lambda: plain(*rest, **named))

        return counted

    def _take(self, name: str, step: Callable[[], Any], *, native: bool = False, half: Any = None) -> Any:
        """Do one step, or let it go wrong."""
        self.count += 1
        self.names.append(name)
        if self.count != self.fault:
            return step()
        if half is not None and self.how != "late":
            half()
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "late":
            step()
        number = errno.ENOSPC if self.how == "full" else errno.EIO
        if native:
            text = f"IO Error: {os.strerror(number)}"
            raise duckdb.IOException(text)
        raise OSError(number, os.strerror(number))


class _File:
    """A file that was opened for writing; each write is a step, and half of it may reach the disk."""

    def __init__(self, file: Any, steps: Steps, name: str) -> None:
        self._file, self._steps, self._name = file, steps, name

    def write(self, data: Any) -> Any:
        def half() -> None:
            self._file.write(data[: len(data) // 2])
            self._file.flush()

        return self._steps._take(f"write {self._name}", lambda: self._file.write(data), half=half)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Connection:
    """A connection whose statements are steps, those that only read apart."""

    def __init__(self, connection: Any, steps: Steps, counts: Callable[[str], object]) -> None:
        self._connection, self._steps, self._counts = connection, steps, counts

    def execute(self, query: str, *rest: Any, **named: Any) -> Any:
        if not self._counts(query):
            return self._connection.execute(query, *rest, **named)
        name = " ".join(query.split())[:40]
        return self._steps._take(name, lambda: self._connection.execute(query, *rest, **named), native=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def _short(path: Any) -> str:
    return os.fspath(path).rpartition("/")[2] if isinstance(path, str | os.PathLike) else "a descriptor"
