"""A CSV file of the contract as text columns in Arrow, with the physical line of every row."""

from __future__ import annotations

import csv
import gc
import io
import json
import re
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from registry.errors import Problem
from registry.intake.encoding import explain_decoding, refuse_bytes
from registry.intake.header import header_problems
from registry.intake.tables import BROKEN, TextTable, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from registry.contract import Table

CHUNK_ROWS = 50_000
_BREAK = re.compile(r"\r\n|\r|\n")


def read_delimited(data: bytes, table: Table, *, progress: Callable[[float], None] | None = None) -> TextTable:
    """Return the content of a CSV file: UTF-8 (byte order mark allowed), commas, RFC 4180 quotes, a header.

    The columns may stand in any order. Blank lines are no rows. Nothing is guessed: what does not fit is a problem.
    """
    refused = refuse_bytes(table.file, data)
    if refused is not None:
        return unreadable(table.file, refused)
    with _no_collection():
        return _read(data, table, progress)


def _read(data: bytes, table: Table, progress: Callable[[float], None] | None) -> TextTable:
    raw = io.BytesIO(data)
    reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), strict=True)
    chunk: list[list[str]] = []
    line = 0
    try:
        header = next(reader, [])
        wrong = header_problems(header, table)
        if wrong:
            return unreadable(table.file, *wrong)
        good, broken = [], []
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
                broken.append(_broken_rows([(at, row) for at, row in rows if row and len(row) != len(header)]))
            line = reader.line_num
            if progress is not None:
                progress(raw.tell() / len(data))
            chunk.clear()
            chunk.extend(islice(reader, CHUNK_ROWS))
    except UnicodeDecodeError:
        return unreadable(table.file, explain_decoding(table.file, data))
    except csv.Error as error:
        # What was read of the chunk before the error is in it: list.extend keeps it.
        return unreadable(table.file, _quotes(table.file, str(error), line + sum(map(_height, chunk)) + 1))
    columns = pa.concat_tables(good or [_text_columns([], [], header)])
    for name in table.names:
        if name not in header:
            columns = columns.append_column(name, pa.nulls(columns.num_rows, pa.string()))
    columns = columns.select(["line", *table.names])
    damaged = pa.concat_tables(broken or [BROKEN.empty_table()])
    return TextTable(
        rows=columns, broken=damaged, count=columns.num_rows + damaged.num_rows, problems=(), label=table.file
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


def _broken_rows(rows: Sequence[tuple[int, Sequence[str]]]) -> pa.Table:
    columns = [
        [line for line, _ in rows],
        [len(row) for _, row in rows],
        [json.dumps(row, ensure_ascii=False) for _, row in rows],
    ]
    return pa.Table.from_arrays([pa.array(c, t) for c, t in zip(columns, BROKEN.types, strict=True)], schema=BROKEN)


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


def _quotes(file: str, error: str, line: int) -> Problem:
    if "unexpected end" in error or "field larger" in error:
        message = f"A quote that opens in the row of line {line} is never closed."
    else:
        message = f"In the row of line {line}, text follows a closing quote."
    return Problem(
        rule="file.quotes",
        severity="reject",
        file=file,
        message=message,
        advice='A quote inside a quoted field is written twice (""). Nothing after this line could be read.',
    )
