"""What the disk and DuckDB report when something is broken, in words for who keeps the registry; bugs stay bugs."""

from __future__ import annotations

import errno
import re
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import duckdb

from registry.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.study import Study

P = ParamSpec("P")
R = TypeVar("R")

_OF_THE_DISK = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOMEM,
        errno.EMFILE, errno.ENFILE, errno.ESTALE,
    }
)  # fmt: skip
_DAMAGE = re.compile(r"corrupt|could not read enough bytes|not a valid duckdb|checksum|replaying wal", re.IGNORECASE)
_DISK = re.compile(
    r"no space left|file too large|input/output error|disk quota|read-only file|permission denied|could not write|"
    r"could not (sync|truncate|fsync)",
    re.IGNORECASE,
)
_LOCK = re.compile(r"could not set lock", re.IGNORECASE)


def is_damage(error: duckdb.Error) -> bool:
    """Return whether an error says that a file does not hold what was written to it."""
    text = str(error)
    if _LOCK.search(text) or (_DISK.search(text) and not _DAMAGE.search(text)):
        return False
    broken = isinstance(error, duckdb.SerializationException | duckdb.InternalException | duckdb.FatalException)
    return broken or type(error) is duckdb.Error or bool(_DAMAGE.search(text))


def is_of_the_disk(error: Exception) -> bool:
    """Return whether an error says that the disk (or the memory) did not do what was asked."""
    if isinstance(error, OSError):
        return error.errno in _OF_THE_DISK
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, duckdb.Error) or is_damage(error):
        return False
    return isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException) or bool(_DISK.search(str(error)))


def damaged(path: Path) -> UserError:
    """Return what is told about a database that cannot be read."""
    return UserError(
        str(path),
        seen="This is not a DuckDB database, or it is damaged.",
        expected="Expected the registry of a study.",
        advice="Restore it from a backup, or move it away and add the submissions again.",
        state="Nothing was changed.",
        exit_code=ExitCode.BAD_STUDY,
    )


def tells_of_trouble(verb: Callable[Concatenate[Study, P], R]) -> Callable[Concatenate[Study, P], R]:
    """Let a verb say in five parts what the disk refused; anything else keeps its traceback."""

    @wraps(verb)
    def told(study: Study, /, *rest: P.args, **named: P.kwargs) -> R:
        try:
            return verb(study, *rest, **named)
        except (OSError, MemoryError, duckdb.Error) as error:
            if isinstance(error, duckdb.Error) and is_damage(error):
                raise damaged(study.database) from error
            if not is_of_the_disk(error):
                raise
            raise _refused(study, error) from error

    return told


def _refused(study: Study, error: Exception) -> UserError:
    memory = isinstance(error, MemoryError | duckdb.OutOfMemoryException)
    if isinstance(error, OSError):
        what = f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    else:
        what = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return UserError(
        str(study.folder),
        seen=f"There was not enough memory: {what}." if memory else f"The disk did not do what was asked: {what}.",
        expected="Expected a gigabyte for a submission of full size."
        if memory
        else "Expected a disk with free space that can be written to.",
        advice="Mend that and give the command again.",
        state="Nothing is half done: the next command finds out how far this one came, and says so.",
        exit_code=ExitCode.BAD_STUDY,
    )
