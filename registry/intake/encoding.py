"""What a file's bytes are, before anything reads them as a table: other formats, and how its text is written."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.errors import Severity

EMPTY_TABLE = "A table without rows is a file with only its header."

_LOOK = 4096
_UTF_16_SHARE = 0.3
_STEP = 8 * 1024 * 1024

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

_UTF_32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF_16_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_UTF_8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
"""A letter in UTF-8. In Windows-1252 these bytes would be two to four signs that no word has side by side."""


def read_text(file: str, data: bytes, declared: str | None = None) -> tuple[bytes | None, tuple[Problem, ...]]:
    """Return the text of a file as UTF-8 without a mark, None if it cannot be read, and what is wrong or in question.

    A byte order mark decides; then what the manifest declares; then UTF-8 if it is that, UTF-16 if every other byte is
    zero, and Windows-1252 with a question, if each byte has a meaning there.

    Parameters
    ----------
    file
        Name of the file in messages.
    data
        Its bytes.
    declared
        Encoding of the manifest's setting csv.encoding: "utf-8", "utf-16", "windows-1252" or None.
    """
    refused = _refuse_bytes(file, data)
    if refused is not None:
        return None, (refused,)
    wide = _utf_16_of(data, declared)
    if wide is not None:
        return _utf_16(file, data, wide)
    if (at := data.find(b"\x00")) >= 0:
        return None, (_nul(file, data, at),)
    marked = data.startswith(codecs.BOM_UTF8)
    return _utf_8(file, data[len(codecs.BOM_UTF8) :]) if marked else _unmarked_text(file, data, declared)


def is_utf_8(data: bytes) -> bool:
    """Return whether bytes are UTF-8, in steps: a text of the whole file would take up to four times its size."""
    if data.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(data)
    try:
        for start in range(0, len(data), _STEP):
            decoder.decode(view[start : start + _STEP])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def explain_decoding(file: str, data: bytes) -> Problem:
    """Return the problem of a file that is not UTF-8, with the line, the byte and what it probably was."""
    at = _first_wrong(data)
    byte = data[at : at + 1]
    try:
        meant = f"; in Windows-1252 it would be {byte.decode('cp1252')!r}"
    except UnicodeDecodeError:
        meant = ""
    message = f"The file is not in UTF-8: byte 0x{byte.hex().upper()} in line {line_of(data, at)}{meant}."
    return _problem("file.encoding", file, message, "Save it as CSV UTF-8.")


def line_of(data: bytes, at: int) -> int:
    """Return the number of the line, from 1, in which the byte at an offset stands."""
    return len(re.findall(rb"\r\n|\r|\n", data[:at])) + 1


def _refuse_bytes(file: str, data: bytes) -> Problem | None:
    """Return why these bytes cannot be a text file at all, or None if they may be."""
    if not data:
        return _problem("file.empty", file, "The file is empty (0 bytes).", EMPTY_TABLE)
    kind = next((kind for magic, kind in _FORMATS if data.startswith(magic)), None)
    if kind is not None:
        if kind == "a zip archive" and (b"xl/" in data or b"[Content_Types].xml" in data[:_LOOK]):
            kind = "an Excel workbook (.xlsx)"
        advice = {
            "an Excel workbook (.xlsx)": "Give it the ending .xlsx, or export the table as CSV UTF-8.",
            "a Parquet file": "Give it the ending .parquet.",
        }.get(kind, "Export the table as CSV UTF-8 and send that.")
        return _problem("file.format", file, f"The file is {kind}, not a CSV file.", advice)
    if data.startswith(_UTF_32_MARKS):
        return _problem("file.encoding", file, "The file is in UTF-32, which is not read.", "Save it as CSV UTF-8.")
    return None


def _utf_16_of(data: bytes, declared: str | None) -> str | None:
    """Return which UTF-16 a file is written in by its mark or, unless another encoding is declared, by its zeros."""
    wide = next((name for mark, name in _UTF_16_MARKS.items() if data.startswith(mark)), None)
    other = data.startswith(codecs.BOM_UTF8) or declared == "windows-1252"
    return wide if wide is not None or other else _unmarked_utf_16(data)


def _unmarked_text(file: str, data: bytes, declared: str | None) -> tuple[bytes | None, tuple[Problem, ...]]:
    """Read text of one byte a letter or more, without a mark."""
    if declared == "utf-16":
        message = "The manifest declares UTF-16, but the file is not written in it."
        return None, (_problem("file.encoding", file, message, "Correct csv.encoding in manifest.toml."),)
    if declared == "windows-1252":
        return _windows_1252(file, data, asked=False)
    if declared == "utf-8" or is_utf_8(data) or _UTF_8_SEQUENCE.search(data):
        return _utf_8(file, data)
    return _windows_1252(file, data, asked=True)


def _utf_8(file: str, data: bytes) -> tuple[bytes | None, tuple[Problem, ...]]:
    return (data, ()) if is_utf_8(data) else (None, (explain_decoding(file, data),))


def _utf_16(file: str, data: bytes, encoding: str) -> tuple[bytes | None, tuple[Problem, ...]]:
    start = len(codecs.BOM_UTF16_LE) if data.startswith(tuple(_UTF_16_MARKS)) else 0
    try:
        text = data[start:].decode(encoding).encode()
    except UnicodeDecodeError as error:
        line = data[start : start + error.start].decode(encoding, errors="replace").encode()
        message = f"The file is in UTF-16 and damaged in line {line_of(line, len(line))}."
        return None, (_problem("file.encoding", file, message, "Export it again."),)
    at = text.find(b"\x00")
    return (text, ()) if at < 0 else (None, (_nul(file, text, at),))


def _windows_1252(file: str, data: bytes, *, asked: bool) -> tuple[bytes | None, tuple[Problem, ...]]:
    try:
        text = data.decode("cp1252").encode()
    except UnicodeDecodeError as error:
        if asked:
            return None, (explain_decoding(file, data),)
        wrong, line = f"0x{data[error.start]:02X}", line_of(data, error.start)
        message = f"The manifest declares Windows-1252, where byte {wrong} in line {line} has no meaning."
        return None, (_problem("file.encoding", file, message, "Save it as CSV UTF-8."),)
    if not asked:
        return text, ()
    at = _first_wrong(data)
    byte = data[at : at + 1]
    message = (
        f"The file is not in UTF-8 and was read as Windows-1252: byte 0x{byte.hex().upper()} in line "
        f"{line_of(data, at)} as {byte.decode('cp1252')!r}."
    )
    advice = 'Confirm it: write encoding = "windows-1252" under [csv] in manifest.toml, or save it as CSV UTF-8.'
    return text, (_problem("file.encoding_taken", file, message, advice, severity="query"),)


def _first_wrong(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    raise ValueError("the bytes are UTF-8")


def _unmarked_utf_16(data: bytes) -> str | None:
    """Recognise UTF-16 without a mark: every other byte of mostly Latin text is zero."""
    start = data[:_LOOK]
    for offset, name in ((0, "utf-16-be"), (1, "utf-16-le")):
        every_other = start[offset::2]
        if every_other and every_other.count(0) > _UTF_16_SHARE * len(every_other) and 0 not in start[1 - offset :: 2]:
            return name
    return None


def _nul(file: str, data: bytes, at: int) -> Problem:
    message = f"Line {line_of(data, at)} holds a NUL byte, which no text has: the file is damaged."
    return _problem("file.nul", file, message, "Export it again; do not repair it by hand.")


def _problem(rule: str, file: str, message: str, advice: str, *, severity: Severity = "reject") -> Problem:
    return Problem(rule=rule, severity=severity, file=file, message=message, advice=advice)
