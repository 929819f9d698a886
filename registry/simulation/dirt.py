"""Bad rows as a real centre sends them, never in rows that decide an estimand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from registry.simulation.arrays import Flags


def add_dirt(rng: np.random.Generator, tables: Mapping[str, pa.Table], share: float) -> dict[str, pa.Table]:
    """Return the tables with about that share of bad rows among antibody, event and AST rows.

    An unknown code, two dates exchanged, a grade or a value out of range: the contract rejects each kind.
    """
    out = dict(tables)
    out["antibody"] = _unknown_code(out["antibody"], rng.random(out["antibody"].num_rows) < share)
    chosen = rng.random(out["event"].num_rows) < share
    kind = rng.integers(0, 2, len(chosen)) == 1
    out["event"] = _exchanged_dates(_grade_7(out["event"], chosen & kind), chosen & ~kind)
    is_ast = pc.equal(out["lab"]["analyte"], "AST").to_numpy(zero_copy_only=False)
    out["lab"] = _out_of_range(out["lab"], is_ast & (rng.random(len(is_ast)) < share))
    return out


def _set(table: pa.Table, name: str, where: pa.Array, value: object) -> pa.Table:
    old = table[name].combine_chunks()
    scalar = value if isinstance(value, pa.Array) else pa.scalar(value, old.type)
    return table.set_column(table.column_names.index(name), name, pc.if_else(where, scalar, old))


def _unknown_code(table: pa.Table, where: Flags) -> pa.Table:
    return _set(table, "antibody", pa.array(where), "Jo1")


def _grade_7(table: pa.Table, where: Flags) -> pa.Table:
    return _set(table, "grade", pa.array(where), 7)


def _exchanged_dates(table: pa.Table, where: Flags) -> pa.Table:
    start, stop = (table[name].combine_chunks() for name in ("start_date", "stop_date"))
    later = pc.and_(pa.array(where), pc.fill_null(pc.less(start, stop), fill_value=False))
    return _set(_set(table, "start_date", later, stop), "stop_date", later, start)


def _out_of_range(table: pa.Table, where: Flags) -> pa.Table:
    return _set(table, "value", pa.array(where), 45000.0)
