"""A Parquet file as a text table of the contract, with the number of the row as its line."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from registry.errors import Problem
from registry.intake.cells import cell_text, number_text
from registry.intake.header import header_problems
from registry.intake.tables import BROKEN, TextTable, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.contract import Column, Table

MAXIMUM_ROWS = 8_000_000
MAXIMUM_TEXT_BYTES = 1024 * 1024 * 1024
"""Most text of a column once every repetition is written out."""
_MARK = b"PAR1"
_MAXIMUM_METADATA_BYTES = 16 * 1024 * 1024
_WRONG = (pa.ArrowException, OSError, ValueError)


def read_parquet(data: bytes, table: Table, *, label: str = "") -> TextTable:
    """Return the content of a Parquet file: texts, whole and decimal numbers, dates, times of midnight, true and false.

    What has no value is null; NaN and inf become texts that the checks refuse. Nested and binary columns are refused.
    """
    label = label or f"{table.table}.parquet"
    if not data.startswith(_MARK):
        message = "The file is empty (0 bytes)." if not data else "The file is not a Parquet file."
        return unreadable(label, _problem("file.format", label, message, "Export it again."))
    try:
        file = pq.ParquetFile(
            pa.BufferReader(data),
            thrift_string_size_limit=_MAXIMUM_METADATA_BYTES,
            page_checksum_verification=True,
        )
        schema = file.schema_arrow
        wrong = (*header_problems(schema.names, table, label=label), *_kinds(schema, label), *_size(file, label))
        if wrong:
            return unreadable(label, *wrong)
        # As dictionaries, repeated texts take no room until their sum is known.
        texts = [column.name for column in schema if pa.types.is_string(column.type) or _large(column.type)]
        read = pq.read_table(pa.BufferReader(data), read_dictionary=texts, page_checksum_verification=True)
        columns = {}
        for column in table.columns:
            if column.name not in read.column_names:
                columns[column.name] = pa.nulls(read.num_rows, pa.string())
                continue
            values = read[column.name]
            if _text_bytes(values) > MAXIMUM_TEXT_BYTES:
                message = f"The column holds more than {MAXIMUM_TEXT_BYTES:,} bytes of text."
                return unreadable(
                    label, _problem("file.size", label, message, "Check what was exported.", column=column.name)
                )
            columns[column.name] = _texts(values, column)
    except _WRONG as error:
        message = f"The Parquet file cannot be read: {(str(error).splitlines() or ['damaged'])[0][:100]}."
        return unreadable(label, _problem("file.damaged", label, message, "Export it again."))
    rows = pa.table({"line": pa.array(range(1, read.num_rows + 1), pa.int64()), **columns})
    return TextTable(rows=rows, broken=BROKEN.empty_table(), count=rows.num_rows, problems=(), label=label)


def _kinds(schema: pa.Schema, label: str) -> Iterator[Problem]:
    """Refuse the columns whose values have no text in the contract."""
    for column in schema:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not any(test(kind) for test in _READABLE):
            message = f"The column holds values of the type {str(kind)[:60]}."
            advice = "Write it as text, numbers, dates, or true and false."
            yield _problem("file.type", label, message, advice, column=column.name)


_large = pa.types.is_large_string
_READABLE = (
    pa.types.is_string,
    _large,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_boolean,
    pa.types.is_null,
)


def _size(file: pq.ParquetFile, label: str) -> Iterator[Problem]:
    if (rows := file.metadata.num_rows) > MAXIMUM_ROWS:
        message = f"The file has {rows:,} rows; at most {MAXIMUM_ROWS:,} are read."
        yield _problem("file.size", label, message, "Check what was exported.")
    size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
    if size > MAXIMUM_TEXT_BYTES:
        message = f"The file unpacks to {size:,} bytes; at most {MAXIMUM_TEXT_BYTES:,} are read."
        yield _problem("file.size", label, message, "Check what was exported.")


def _text_bytes(values: pa.ChunkedArray) -> int:
    """Return how long the texts of a column are together, repetitions counted."""
    total = 0
    for chunk in values.chunks:
        if pa.types.is_dictionary(chunk.type) and _is_text(chunk.type.value_type):
            total += pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
        elif _is_text(chunk.type):
            total += chunk.nbytes
    return total


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_string, _large, pa.types.is_string_view))


def _texts(values: pa.ChunkedArray, column: Column) -> pa.Array:
    """Return a column as text: each different value is written once."""
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.string())
    if pa.types.is_date64(kind):
        values = values.cast(pa.timestamp("ms"))
    elif pa.types.is_timestamp(kind):
        # Python has no nanoseconds; a time of day stays one when they are cut off, unless it is less than one.
        values = values.cast(pa.timestamp("us", tz=kind.tz), safe=False)
    different = values.combine_chunks() if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    if isinstance(different, pa.ChunkedArray):
        different = different.unify_dictionaries().combine_chunks()
    if isinstance(different, pa.ChunkedArray):
        different = different.chunk(0) if different.num_chunks else pa.array([], pa.string()).dictionary_encode()
    source = different.dictionary
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        written = source.cast(pa.float32()).cast(pa.string()).to_pylist()
        texts = [None if text is None else number_text(_exact(text)) for text in written]
    else:
        texts = [cell_text(value, column) for value in source.to_pylist()]
    return pc.take(pa.array(texts, pa.string()), different.indices)


def _exact(text: str) -> float | Decimal:
    """Return the shortest text of a short float as a number: its double has digits that nobody wrote."""
    return float(text) if text.strip("+-") in {"nan", "inf"} else Decimal(text)


def _problem(rule: str, label: str, message: str, advice: str, *, column: str | None = None) -> Problem:
    columns = () if column is None else (column,)
    return Problem(rule=rule, severity="reject", file=label, columns=columns, message=message, advice=advice)
