"""What arrived, byte for byte, in one encrypted file a submission.

A file is: 8 letters that name the format, the fingerprint of the keys, 8 random bytes, and chunks of a gzipped tar.
Every chunk is sealed by AES-256-GCM under a nonce of the random bytes and the chunk's number, together with the
submission's id and whether it is the last: what is changed, cut off, exchanged or moved elsewhere does not open.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from registry.errors import ExitCode, UserError
from registry.keeping.keys import FINGERPRINT_LENGTH
from registry.keeping.publish import published

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from registry.keeping.keys import Keys

MAGIC = b"MYOARCH1"
CHUNK_BYTES = 1024 * 1024
SUFFIX = ".sealed"
_SALT, _TAG, _COUNTER = 8, 16, 4
_LAST, _MORE = b"last", b"more"


def archive_path(folder: Path, submission_id: str) -> Path:
    """Return where a submission is kept."""
    return folder / f"{submission_id}{SUFFIX}"


def seal(path: Path, files: Iterable[tuple[str, Path]], *, keys: Keys, submission_id: str) -> None:
    """Write files, by the names that they arrived under, into one encrypted file that appears whole or not at all."""
    with published(path) as out:
        sealing = _Sealing(out, keys, submission_id)
        packed = gzip.GzipFile(fileobj=sealing, mode="wb", compresslevel=1, mtime=0, filename="")
        with packed, tarfile.open(fileobj=packed, mode="w|") as tar:
            for name, source in files:
                with source.open("rb") as file:
                    entry = tarfile.TarInfo(name)
                    entry.size = os.fstat(file.fileno()).st_size
                    tar.addfile(entry, file)
        sealing.finish()


def unseal(path: Path, folder: Path, *, keys: Keys, submission_id: str) -> tuple[str, ...]:
    """Write the files of an archived submission into a private folder and return their names.

    Raises UserError if the file is missing, was changed, belongs to another submission or was sealed with other keys.
    """
    try:
        names = []
        with path.open("rb") as file:
            opened = io.BufferedReader(_Opened(file, keys, submission_id), CHUNK_BYTES)
            with gzip.GzipFile(fileobj=opened, mode="rb") as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
                for entry in tar:
                    names.append(entry.name)
                    _unpack(tar, entry, folder)
            # gzip stops at its own end: the last chunk must have been the one marked as last.
            while opened.read(CHUNK_BYTES):
                pass
    except OSError as error:
        raise _unopened(path, f"It cannot be read: {error.strerror or error}.") from None
    except (InvalidTag, tarfile.TarError, EOFError) as error:
        reason = str(error) or "It was changed, cut off, or belongs to another submission."
        raise _unopened(path, reason) from None
    return tuple(names)


def sealed_with(path: Path) -> str:
    """Return the fingerprint of the keys that an archive was sealed with; empty if it is no archive."""
    with path.open("rb") as file:
        head = file.read(len(MAGIC) + FINGERPRINT_LENGTH)
    return head[len(MAGIC) :].decode("ascii", "replace") if head.startswith(MAGIC) else ""


def _unpack(tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    source = tar.extractfile(entry)
    if source is None or "/" in entry.name or entry.name.startswith("."):
        raise tarfile.TarError("It holds something that is no file of a submission.")
    with (folder / entry.name).open("wb") as out:
        while block := source.read(CHUNK_BYTES):
            out.write(block)


class _Sealing(io.RawIOBase):
    """Encrypts what is written to it, a chunk at a time."""

    def __init__(self, out: IO[bytes], keys: Keys, submission_id: str) -> None:
        self._out, self._cipher, self._about = out, AESGCM(keys.archive), submission_id.encode()
        self._salt, self._number, self._waiting = os.urandom(_SALT), 0, bytearray()
        out.write(MAGIC + keys.fingerprint.encode() + self._salt)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), _MORE)
            del self._waiting[:CHUNK_BYTES]
        return len(data)

    def finish(self) -> None:
        """Seal what is left, as the last chunk."""
        self._seal(bytes(self._waiting), _LAST)

    def _seal(self, chunk: bytes, which: bytes) -> None:
        nonce = self._salt + self._number.to_bytes(_COUNTER, "big")
        self._out.write(self._cipher.encrypt(nonce, chunk, self._about + which))
        self._number += 1


class _Opened(io.RawIOBase):
    """Decrypts what is read from it; InvalidTag where a byte is not what was sealed."""

    def __init__(self, file: IO[bytes], keys: Keys, submission_id: str) -> None:
        head = file.read(len(MAGIC) + FINGERPRINT_LENGTH + _SALT)
        if not head.startswith(MAGIC) or len(head) < len(MAGIC) + FINGERPRINT_LENGTH + _SALT:
            raise InvalidTag("It is no archive of a submission.")
        name = head[len(MAGIC) : -_SALT].decode("ascii", "replace")
        used = next((k for k in (keys, keys.previous) if k is not None and k.fingerprint == name), None)
        if used is None:
            text = f"It was sealed with other keys ({name}; here are {keys.fingerprint})."
            raise InvalidTag(text)
        self._file, self._cipher, self._about = file, AESGCM(used.archive), submission_id.encode()
        self._salt, self._number, self._ended = head[-_SALT:], 0, False
        self._next, self._left = file.read(CHUNK_BYTES + _TAG), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._left and not self._ended:
            self._left = self._open_next()
        given = self._left[: len(buffer)]
        self._left = self._left[len(given) :]
        buffer[: len(given)] = given
        return len(given)

    def _open_next(self) -> bytes:
        chunk, self._next = self._next, self._file.read(CHUNK_BYTES + _TAG)
        self._ended = not self._next
        nonce = self._salt + self._number.to_bytes(_COUNTER, "big")
        self._number += 1
        return self._cipher.decrypt(nonce, chunk, self._about + (_LAST if self._ended else _MORE))


def _unopened(path: Path, reason: str) -> UserError:
    return UserError(
        str(path),
        seen=f"The archive of this submission cannot be opened. {reason}",
        expected="Expected the file as it was sealed, and the keys that it was sealed with.",
        advice="Put the file back from a backup: 'myoregistry restore'.",
        state="Nothing was changed.",
        exit_code=ExitCode.BAD_STUDY,
    )
