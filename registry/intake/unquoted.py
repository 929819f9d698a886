"""Rows of a text file without quotes, by a parser in C++: ten times as fast, and only where nothing is in doubt.

What is read here is what registry.intake.by_csv_module would read; a property test compares the two.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.csv

from registry.intake.by_csv_module import Rows, broken_rows
from registry.intake.tables import BROKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_STEP = 4 * 1024 * 1024
_LONGEST_LINE = 128 * 1024
"""The csv module refuses longer fields; what it says of them it shall say."""
_MARK = b"\xef\xbb\xbf"
_LINE_FEED, _RETURN = 10, 13


def _header(names: str, separator: str) -> tuple[str, ...]:
    """Return the names of a header line; none where a quote in it is not certain to end on it."""
    if '"' not in names:
        return tuple(names.split(separator))
    try:
        rows = list(csv.reader([names], strict=True, delimiter=separator))
    except csv.Error:
        return ()
    return tuple(rows[0]) if len(rows) == 1 else ()


def read_unquoted(data: bytes, separator: str, progress: Callable[[float], None] | None = None) -> Rows | None:
    """Return the rows of UTF-8 text, None if it is not certain that they are what the csv module would read.

    Uncertain are quotes below the header, line ends of old Macintoshes, byte order marks in the middle, endless lines,
    and a header that is empty, names a column twice or names one `line`.
    """
    returns = data.count(b"\r")
    first = data.find(b"\n")
    first = len(data) if first < 0 else first + 1
    if data.find(b'"', first) >= 0 or _MARK in data or (returns and returns != data.count(b"\r\n")):
        return None
    names = data[:first].rstrip(b"\r\n").decode()
    header = _header(names, separator)
    if not names or not header or len(set(header)) != len(header) or "line" in header:
        return None
    body = memoryview(data)[first:]
    rows, broken = [], []
    line = 1
    for start, end in _blocks(data, first):
        block = data[start:end]
        starts, lengths, fields = _shape(block, separator)
        if lengths.size and int(lengths.max()) > _LONGEST_LINE:
            return None
        whole = (lengths > 0) & (fields == len(header))
        lines = line + 1 + np.arange(len(starts))
        if not whole.all():
            wrong = np.flatnonzero((lengths > 0) & ~whole)
            broken.append(broken_rows((int(lines[i]), _fields(block, starts[i], lengths[i], separator)) for i in wrong))
            block = b"\n".join(block[starts[i] : starts[i] + lengths[i]] for i in np.flatnonzero(whole))
        columns = _columns(block, header, separator)
        if columns.num_rows != int(whole.sum()):
            return None
        rows.append(columns.add_column(0, "line", pa.array(lines[whole], pa.int64())))
        line += len(starts)
        if progress is not None:
            progress(end / len(data))
    if progress is not None and not body:
        progress(1.0)
    empty = _columns(b"", header, separator).add_column(0, "line", pa.array([], pa.int64()))
    return Rows(
        header=header,
        rows=pa.concat_tables(rows or [empty]),
        broken=pa.concat_tables(broken or [BROKEN.empty_table()]),
    )


def _blocks(data: bytes, start: int) -> list[tuple[int, int]]:
    """Return where to cut so that every block ends with a line."""
    blocks = []
    while start < len(data):
        end = data.find(b"\n", min(start + _STEP, len(data)) - 1)
        end = len(data) if end < 0 else end + 1
        blocks.append((start, end))
        start = end
    return blocks


def _shape(block: bytes, separator: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return where each line starts, its length without its end, and the number of its fields."""
    letters = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(letters == _LINE_FEED)
    if letters[-1] != _LINE_FEED:
        ends = np.append(ends, len(letters))
    starts = np.concatenate(([0], ends[:-1] + 1))
    marks = np.flatnonzero(letters == ord(separator))
    fields = 1 + np.diff(np.searchsorted(marks, ends), prepend=0)
    # Every carriage return stands before a line feed, so that the letter before the end tells.
    with_return = (ends > starts) & (letters[np.maximum(ends - 1, 0)] == _RETURN)
    return starts, ends - starts - with_return, fields


def _fields(block: bytes, start: int, length: int, separator: str) -> list[str]:
    return block[start : start + length].decode().split(separator)


def _columns(block: bytes, header: tuple[str, ...], separator: str) -> pa.Table:
    """Return lines of the right width as text; an empty field is null, and nothing else is."""
    if not block:
        return pa.table({name: pa.array([], pa.string()) for name in header})
    return pyarrow.csv.read_csv(
        pa.BufferReader(block),
        read_options=pyarrow.csv.ReadOptions(column_names=list(header), block_size=len(block) + 1, use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=separator, quote_char=False, escape_char=False, newlines_in_values=False
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
