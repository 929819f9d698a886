"""The files inside a zip archive, looked at before anything is unpacked and read in memory; nothing is ever written.

A workbook is an archive as well, so that its size is looked at in the same way.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections import Counter
from typing import TYPE_CHECKING

from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAXIMUM_UNPACKED_BYTES = 1024 * 1024 * 1024
"""Largest sum of the files in an archive."""
MAXIMUM_FILES = 1000
_RATIO = 250
"""Tables pack 5 to 60 times; what is packed more than this and is large was made to fill the memory."""
_SMALL_BYTES = 16 * 1024 * 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError, RuntimeError)
"""What Python raises for archives that are not what they say; RuntimeError is its word for a password."""


def open_archive(label: str, data: bytes) -> tuple[zipfile.ZipFile | None, tuple[Problem, ...]]:
    """Return the archive in these bytes, None if it must not be unpacked, and the reasons.

    Refused are a damaged directory, passwords, methods whose output cannot be limited, and too much content.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except DAMAGED as error:
        message = f"The archive cannot be opened: {error}."
        return None, (problem("archive.damaged", label, message, "Pack it again and compare its size after copying."),)
    reasons = tuple(_reasons(label, archive.infolist()))
    return (None if reasons else archive), reasons


def files_in(label: str, archive: zipfile.ZipFile) -> tuple[Mapping[str, zipfile.ZipInfo], tuple[Problem, ...]]:
    """Return the files of an archive by name, without the one folder that all of them may stand in."""
    found = [(_parts(info.filename), info) for info in archive.infolist() if not info.is_dir()]
    found = [(parts, info) for parts, info in found if parts[0] != "__MACOSX"]
    outside = [info.filename for parts, info in found if {"", ".", ".."} & set(parts) or ":" in parts[0]]
    if outside:
        message = f"The name {outside[0]!a} leads out of the archive."
        return {}, (problem("archive.name", label, message, "Pack the folder of the submission again."),)
    folders = sorted({"/".join(parts[:-1]) for parts, _ in found})
    if len(folders) > 1 or any("/" in folder for folder in folders):
        named = ", ".join(ascii(folder) if folder else "no folder" for folder in folders[:3])
        message = f"The files stand in more than one folder: {named}."
        advice = "Pack the files themselves, or one folder that holds nothing but files."
        return {}, (problem("archive.folders", label, message, advice),)
    twice = [name for name, times in Counter(parts[-1] for parts, _ in found).items() if times > 1]
    if twice:
        message = f"The archive holds {twice[0]!a} twice: which of them counts?"
        return {}, (problem("archive.twice", label, message, "Pack the folder of the submission again."),)
    return {parts[-1]: info for parts, info in found}, ()


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return the content of one file; raises one of DAMAGED if it is not what the directory says."""
    with archive.open(info) as file:
        # No more than was declared comes out, and at its end the checksum is compared.
        return file.read()


def problem(rule: str, label: str, message: str, advice: str) -> Problem:
    """Return why an archive is refused as a whole."""
    return Problem(rule=rule, severity="reject", file=label, message=message, advice=advice)


def _parts(name: str) -> list[str]:
    # Some Windows programs write their own separator into archives.
    return name.replace("\\", "/").split("/")


def _reasons(label: str, infos: Sequence[zipfile.ZipInfo]) -> Iterator[Problem]:
    locked = [info.filename for info in infos if info.flag_bits & _ENCRYPTED]
    if locked:
        message = f"{len(locked)} of its files need a password, the first is {locked[0]!a}."
        advice = "Pack it without a password; the way that it is sent must keep it secret."
        yield problem("archive.password", label, message, advice)
    other = [info.filename for info in infos if info.compress_type not in _METHODS]
    if other:
        message = f"{other[0]!a} is packed in a way that cannot be read here; expected stored or deflated."
        yield problem("archive.method", label, message, "Pack it with the zip of the operating system.")
    if len(infos) > MAXIMUM_FILES:
        message = f"The archive holds {len(infos):,} files; at most {MAXIMUM_FILES:,} are read."
        yield problem("archive.files", label, message, "Pack only the folder of the submission.")
    unpacked, packed = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if unpacked > MAXIMUM_UNPACKED_BYTES:
        message = f"The archive unpacks to {unpacked:,} bytes; at most {MAXIMUM_UNPACKED_BYTES:,} are read."
        yield problem("archive.size", label, message, "Check what was packed.")
    elif unpacked > _SMALL_BYTES and unpacked > _RATIO * max(packed, 1):
        times = unpacked // max(packed, 1)
        message = f"The archive unpacks to {times:,} times its size; expected at most {_RATIO} times."
        yield problem("archive.ratio", label, message, "Check what was packed.")
