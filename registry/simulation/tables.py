"""From numpy rows to the contract's tables: types, codes and column order come from the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from registry.contract import contract
from registry.simulation.arrays import EMPTY, keep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from registry.contract import Column
    from registry.simulation.arrays import Ints, Rows


def patient_ids(size: int) -> pa.Array:
    """Return the pseudonyms of a centre's patients in the order of their numbers."""
    width = max(4, len(str(size)))
    return pa.array([f"P{number:0{width}d}" for number in range(1, size + 1)], pa.string())


def sorted_rows(table: str, rows: Rows) -> Rows:
    """Return rows in the order of the contract's key (codes by their place in the code list)."""
    keys = ["person" if name == "patient_id" else name for name in contract()[table].key]
    return keep(rows, np.lexsort([rows[name] for name in reversed(keys)]))


def to_arrow(
    table: str, rows: Rows, ids: pa.Array, time_zero: Ints, *, texts: Mapping[str, Sequence[str]] | None = None
) -> pa.Table:
    """Return rows as the contract's table; days since time zero become dates, indices become codes.

    texts: what the indices of a text column stand for. A column that rows do not have is empty. Raises KeyError if rows
    have one that the contract does not have.
    """
    definition = contract()[table]
    for name in rows:
        if name != "person":
            definition[name]
    person, size = rows["person"], len(rows["person"])
    arrays = []
    for column in definition.columns:
        if column.name == "patient_id":
            arrays.append(ids.take(pa.array(person)))
        elif column.name in rows:
            words = column.allowed() if column.type == "code" else (texts or {}).get(column.name, ())
            arrays.append(_array(column, rows[column.name], time_zero[person], words))
        else:
            arrays.append(pa.nulls(size, _type(column)))
    return pa.table(arrays, names=list(definition.names))


def _type(column: Column) -> pa.DataType:
    kinds = {"date": pa.date32(), "integer": pa.int64(), "decimal": pa.float64()}
    return kinds.get(column.type, pa.string())


def _array(column: Column, values: NDArray[Any], origin: Ints, words: Sequence[str]) -> pa.Array:
    if words:
        known = values != EMPTY
        return pa.array(words, pa.string()).take(pa.array(np.where(known, values, 0).astype(np.int32), mask=~known))
    if column.type == "date":
        day = np.where(values == EMPTY, 0, values + origin).astype(np.int32)
        return pa.array(day, mask=values == EMPTY).cast(pa.date32())
    empty = np.isnan(values) if values.dtype.kind == "f" else values == EMPTY
    return pa.array(np.where(empty, 0, values), mask=empty).cast(_type(column))
