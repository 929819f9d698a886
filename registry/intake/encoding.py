"""What a file's bytes are, before anything reads them as a table: other formats, and text that is not UTF-8."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

EMPTY_TABLE = "A table without rows is a file with only its header."

_LOOK = 4096
_UTF_16_SHARE = 0.3

_FORMATS: Sequence[tuple[bytes, str]] = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)

_BYTE_ORDER_MARKS: Sequence[tuple[bytes, str]] = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def refuse_bytes(file: str, data: bytes) -> Problem | None:
    """Return why these bytes cannot be the CSV file of that name, or None if they may be.

    What is not UTF-8 but has no mark of its own is found by the decoder: see `explain_decoding`.
    """
    if not data:
        return _problem("file.empty", file, "The file is empty (0 bytes).", EMPTY_TABLE)
    kind = next((kind for magic, kind in _FORMATS if data.startswith(magic)), None)
    if kind is not None:
        if kind == "a zip archive" and (b"xl/" in data or b"[Content_Types].xml" in data[:_LOOK]):
            kind = "an Excel workbook (.xlsx)"
        return _problem(
            "file.format", file, f"The file is {kind}, not a CSV file.", "Export the table as CSV UTF-8 and send that."
        )
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None) or _unmarked(data)
    if encoding is not None:
        return _problem(
            "file.encoding",
            file,
            f"The file is in {encoding} (Excel calls it Unicode text), not in UTF-8.",
            "Save it as CSV UTF-8.",
        )
    if (at := data.find(b"\x00")) >= 0:
        return _problem(
            "file.nul",
            file,
            f"Line {line_of(data, at)} holds a NUL byte, which no text has: the file is damaged.",
            "Export it again; do not repair it by hand.",
        )
    return None


def explain_decoding(file: str, data: bytes) -> Problem:
    """Return the problem of a file that is not UTF-8, with the line, the byte and what it probably was."""
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # UTF-8-sig counts from behind the byte order mark.
        at = error.start + (len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0)
    else:
        text = f"{file} is UTF-8"
        raise ValueError(text)
    byte = data[at : at + 1]
    try:
        meant = f"; in Windows-1252 it would be {byte.decode('cp1252')!r}"
    except UnicodeDecodeError:
        meant = ""
    return _problem(
        "file.encoding",
        file,
        f"The file is not in UTF-8: byte 0x{byte.hex().upper()} in line {line_of(data, at)}{meant}.",
        "Save it as CSV UTF-8.",
    )


def line_of(data: bytes, at: int) -> int:
    """Return the number of the line, from 1, in which the byte at an offset stands."""
    return len(re.findall(rb"\r\n|\r|\n", data[:at])) + 1


def _unmarked(data: bytes) -> str | None:
    """Recognise UTF-16 without a mark: every other byte of mostly Latin text is zero."""
    start = data[:_LOOK]
    for offset in (0, 1):
        every_other = start[offset::2]
        if every_other and every_other.count(0) > _UTF_16_SHARE * len(every_other) and 0 not in start[1 - offset :: 2]:
            return "UTF-16"
    return None


def _problem(rule: str, file: str, message: str, advice: str) -> Problem:
    return Problem(rule=rule, severity="reject", file=file, message=message, advice=advice)
