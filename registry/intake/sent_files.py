"""The files of a submission, from a folder or an archive, each read once: what is hashed is what is read."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from registry.checking.explain import nearest
from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAXIMUM_BYTES = 256 * 1024 * 1024
"""Largest file that is read: about four million laboratory rows."""
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini")


class SentFiles:
    """The files of one submission.

    name: of the folder or archive, without its ending. names: of all files, sorted. problems: of reading them. Every
    file that is read goes into sha256, by name and bytes, in alphabetical order and once.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.problems: list[Problem] = []
        self._digests: dict[str, bytes] = {}
        self._paths: Mapping[str, Path] = {p.name: p for p in sorted(path.iterdir()) if _ours(p.name)}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all files, without those that operating systems leave behind."""
        return tuple(self._paths)

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
        path = self._paths.get(name)
        try:
            if path is None or not path.is_file():
                meant = nearest(name, [other for other in self.names if other not in self._digests])
                advice = f"Rename {meant}." if meant else if_missing
                self._refuse("file.missing", name, "The file is missing.", advice)
                return None
            if (size := path.stat().st_size) > maximum:
                message = f"The file has {size:,} bytes; at most {maximum:,} are read."
                self._refuse("file.size", name, message, "Check what was exported.")
                return None
            data = path.read_bytes()
        except OSError as error:
            message = f"The file cannot be read: {error.strerror}."
            self._refuse("file.unreadable", name, message, "Check its permissions.")
            return None
        self._digests[name] = f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}\n".encode()
        return data

    def strangers(self) -> None:
        """Name what was not read, at the end: it may be a misspelt file."""
        for name in self.names:
            named = any(problem.file == name for problem in self.problems)
            if name not in self._digests and not named:
                self.problems.append(
                    Problem(
                        rule="file.unknown",
                        severity="query",
                        file=name,
                        message="The contract has no such file; it was not read.",
                        advice="Leave it out of the next submission.",
                    )
                )

    def _refuse(self, rule: str, file: str, message: str, advice: str) -> None:
        self.problems.append(Problem(rule=rule, severity="reject", file=file, message=message, advice=advice))


def _ours(name: str) -> bool:
    return not name.startswith((".", "~$")) and name.lower() not in _LEFT_BY_SYSTEMS
