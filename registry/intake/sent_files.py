"""The files of a submission, from a folder or an archive, each read once: what is hashed is what is read."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from registry.checking.explain import nearest
from registry.errors import Problem
from registry.intake.zip_archive import DAMAGED, files_in, open_archive, read_member

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

MAXIMUM_BYTES = 256 * 1024 * 1024
"""Largest file that is read: about four million laboratory rows."""
NOT_READ = "The contract has no such file; it was not read."
ARCHIVE_ENDING = ".zip"
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini")
_ARCHIVE_MARK = b"PK"


class _Source(NamedTuple):
    size: int
    read: Callable[[], bytes]


class SentFiles:
    """The files of one submission.

    name: of the folder or archive, without its ending. names: of all files, sorted. problems: of reading them; if there
    are some from the start, nothing could be opened. Every file that is read goes into sha256, by name and bytes, in
    alphabetical order and once, so that a folder and an archive of the same files have the same.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name if path.is_dir() or not path.name.lower().endswith(ARCHIVE_ENDING) else path.stem
        self.problems: list[Problem] = []
        self._digests: dict[str, bytes] = {}
        sources = self._folder() if path.is_dir() else self._archive()
        self._sources: Mapping[str, _Source | None] = {name: sources[name] for name in sorted(sources) if _ours(name)}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all files, without those that operating systems leave behind."""
        return tuple(self._sources)

    @property
    def sha256(self) -> str:
        """SHA-256 over name, length and content of every file that has been read."""
        digest = hashlib.sha256()
        for _, line in sorted(self._digests.items()):
            digest.update(line)
        return digest.hexdigest()

    def read(self, name: str, *, maximum: int = MAXIMUM_BYTES, if_missing: str = "") -> bytes | None:
        """Return the bytes of a file; None, with a problem, if it is missing, too large or cannot be read.

        if_missing: what to do about a missing file, where no other file seems to be meant.
        """
        source = self._sources.get(name)
        if source is None:
            self.missing(name, if_missing)
            return None
        if source.size > maximum:
            message = f"The file has {source.size:,} bytes; at most {maximum:,} are read."
            self._refuse("file.size", name, message, "Check what was exported.")
            return None
        try:
            data = source.read()
        except DAMAGED as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            advice = "Check its permissions." if self.path.is_dir() else "The archive is damaged: pack it again."
            self._refuse("file.unreadable", name, f"The file cannot be read: {reason}.", advice)
            return None
        self._digests[name] = f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}\n".encode()
        return data

    def missing(self, name: str, advice: str, *, message: str = "The file is missing.") -> None:
        """Add the problem that a file is not there; `advice` is given where no other file seems to be meant."""
        meant = nearest(name, [other for other in self.names if other not in self._digests])
        self._refuse("file.missing", name, message, f"Rename {meant}." if meant else advice)

    def strangers(self) -> None:
        """Name what was not read, at the end: it may be a misspelt file."""
        for name in self.unread():
            advice = "Leave it out of the next submission."
            self.problems.append(
                Problem(rule="file.unknown", severity="query", file=name, message=NOT_READ, advice=advice)
            )

    def unread(self) -> list[str]:
        """Return the names of the files that were neither read nor named in a problem."""
        named = {problem.file for problem in self.problems}
        return [name for name in self.names if name not in self._digests and name not in named]

    def _folder(self) -> Mapping[str, _Source | None]:
        try:
            return {
                # What is neither a file nor a link to one has no content.
                path.name: _Source(path.stat().st_size, path.read_bytes) if path.is_file() else None
                for path in self.path.iterdir()
            }
        except OSError as error:
            message = f"The folder cannot be read: {error.strerror}."
            self._refuse("file.unreadable", self.path.name, message, "Check its permissions.")
            return {}

    def _archive(self) -> Mapping[str, _Source | None]:
        label = self.path.name
        try:
            if (size := self.path.stat().st_size) > MAXIMUM_BYTES:
                message = f"The archive has {size:,} bytes; at most {MAXIMUM_BYTES:,} are read."
                self._refuse("archive.size", label, message, "Check what was packed.")
                return {}
            data = self.path.read_bytes()
        except OSError as error:
            message = f"The archive cannot be read: {error.strerror}."
            self._refuse("file.unreadable", label, message, "Check its permissions.")
            return {}
        archive, problems = open_archive(label, data)
        if archive is not None:
            found, problems = files_in(label, archive)
            if not problems:
                return {
                    name: _Source(info.file_size, partial(read_member, archive, info)) for name, info in found.items()
                }
        self.problems += problems
        return {}

    def _refuse(self, rule: str, file: str, message: str, advice: str) -> None:
        self.problems.append(Problem(rule=rule, severity="reject", file=file, message=message, advice=advice))


def is_archive(path: Path) -> bool:
    """Return whether a path is a file that calls itself an archive or begins like one."""
    if not path.is_file():
        return False
    if path.name.lower().endswith(ARCHIVE_ENDING):
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_ARCHIVE_MARK)) == _ARCHIVE_MARK
    except OSError:
        return False


def _ours(name: str) -> bool:
    return not name.startswith((".", "~$")) and name.lower() not in _LEFT_BY_SYSTEMS
