"""Rows of a text file by Python's csv module: what every quote and line end means is defined here."""

from __future__ import annotations

import csv
import gc
import io
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from registry.errors import Problem
from registry.intake.tables import BROKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

CHUNK_ROWS = 50_000
_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of a text file.

    header: the fields of its first row. rows: `line` and the header's columns as text, null where a field is empty; if
    a name stands twice in the header, only `line`. broken: the rows with another number of fields (schema BROKEN).
    problems: what ended the reading early; nothing else counts then.
    """

    header: tuple[str, ...]
    rows: pa.Table
    broken: pa.Table
    problems: tuple[Problem, ...] = ()


def read_rows(data: bytes, separator: str, label: str, progress: Callable[[float], None] | None = None) -> Rows:
    """Return the rows of UTF-8 text without a byte order mark; a quote that is never closed is a problem."""
    with _no_collection():
        return _read(data, separator, label, progress)


def broken_rows(rows: Iterable[tuple[int, Sequence[str]]]) -> pa.Table:
    """Return rows of another width, each with its line, as a table of the schema BROKEN."""
    found = list(rows)
    columns = [
        [line for line, _ in found],
        [len(row) for _, row in found],
        [json.dumps(row, ensure_ascii=False) for _, row in found],
    ]
    return pa.Table.from_arrays([pa.array(c, t) for c, t in zip(columns, BROKEN.types, strict=True)], schema=BROKEN)


def no_rows(header: Sequence[str]) -> pa.Table:
    """Return the table of a file with this header and nothing below it."""
    names = header if len(set(header)) == len(header) else ()
    return pa.schema([("line", pa.int64()), *((name, pa.string()) for name in names)]).empty_table()


def _read(data: bytes, separator: str, label: str, progress: Callable[[float], None] | None) -> Rows:
    raw = io.BytesIO(data)
    reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8", newline=""), delimiter=separator, strict=True)
    chunk: list[list[str]] = []
    good, broken = [], []
    line = 0
    try:
        header = tuple(next(reader, []))
        empty = no_rows(header)
        if not header or len(empty.column_names) != len(header) + 1 or "line" in header:
            # No such header is one of the contract: whoever asked for the rows will say so.
            return Rows(header=header, rows=empty, broken=BROKEN.empty_table())
        line = reader.line_num
        chunk.extend(islice(reader, CHUNK_ROWS))
        while chunk:
            lines = _lines(chunk, line, reader.line_num)
            if set(map(len, chunk)) == {len(header)}:
                good.append(_text_columns(chunk, lines, header))
            else:
                rows = list(zip(lines, chunk, strict=True))
                whole = [(at, row) for at, row in rows if len(row) == len(header)]
                good.append(_text_columns([row for _, row in whole], [at for at, _ in whole], header))
                broken.append(broken_rows((at, row) for at, row in rows if row and len(row) != len(header)))
            line = reader.line_num
            if progress is not None:
                progress(raw.tell() / len(data))
            chunk.clear()
            chunk.extend(islice(reader, CHUNK_ROWS))
    except csv.Error as error:
        # What was read of the chunk before the error is in it: list.extend keeps it.
        problem = _quotes(label, str(error), line + sum(map(_height, chunk)) + 1)
        return Rows(header=(), rows=no_rows(()), broken=BROKEN.empty_table(), problems=(problem,))
    return Rows(
        header=header,
        rows=pa.concat_tables(good or [empty]),
        broken=pa.concat_tables(broken or [BROKEN.empty_table()]),
    )


def _lines(chunk: Sequence[Sequence[str]], before: int, after: int) -> Sequence[int]:
    """Return the line on which each row starts; a quoted field may go over several lines."""
    if after - before == len(chunk):
        return range(before + 1, after + 1)
    lines = []
    for row in chunk:
        lines.append(before + 1)
        before += _height(row)
    return lines


def _height(row: Sequence[str]) -> int:
    return 1 + sum(len(_BREAK.findall(field)) for field in row)


def _text_columns(rows: Sequence[Sequence[str]], lines: Sequence[int], header: Sequence[str]) -> pa.Table:
    columns: list[Any] = list(zip(*rows, strict=True)) or [() for _ in header]
    arrays = {"line": pa.array(lines, pa.int64())}
    for name, values in zip(header, columns, strict=True):
        text = pa.array(values, pa.string())
        arrays[name] = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return pa.table(arrays)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause the search for cycles: lists of strings have none, and looking for them takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _quotes(label: str, error: str, line: int) -> Problem:
    if "unexpected end" in error or "field larger" in error:
        message = f"A quote that opens in the row of line {line} is never closed."
    else:
        message = f"In the row of line {line}, text follows a closing quote."
    return Problem(
        rule="file.quotes",
        severity="reject",
        file=label,
        message=message,
        advice='A quote inside a quoted field is written twice (""). Nothing after this line could be read.',
    )
