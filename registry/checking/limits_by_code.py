"""Limits that differ by code, such as those of an analyte, and units that do not belong to the code.

The limits stand in the code list of the column that `limits_by` names: unit, hard_low, hard_high, soft_low, soft_high;
and <column>_soft_low, <column>_soft_high for another column in the same unit (the upper limit of normal).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from registry.checking.condition import Condition, filled, rows_alone, text
from registry.checking.explain import label
from registry.checking.harmonise import FACTOR
from registry.contract import codelist, contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

    from registry.contract import Column, Table


def create_limit_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what these conditions join: units, with the first name of each size, and every such code list."""
    names: dict[tuple[str, str], str] = {}
    units = [
        {**row, "name": names.setdefault((row["canonical_unit"], row["factor"]), row["unit"])}
        for row in codelist("units")
    ]
    _create(connection, "units", units, f"unit, canonical_unit, CAST(factor AS {FACTOR}) AS factor, name")
    for name in sorted({_codes(table, column) for table in contract().values() for column in _limited(table)}):
        code, *others = codelist(name)[0]
        limits = [
            f'CAST(nullif("{c}", \'\') AS DECIMAL(18,6)) AS "{c}"' for c in others if c.endswith(("_low", "_high"))
        ]
        _create(connection, name, codelist(name), f'"{code}" AS code, label, unit, {", ".join(limits)}')


def _create(connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Mapping[str, str]], columns: str) -> None:
    connection.register("listed", pa.Table.from_pylist(list(map(dict, rows))))
    connection.execute(f'CREATE TABLE "{name}" AS SELECT {columns} FROM listed')
    connection.unregister("listed")


def limit_by_code_conditions(table: Table) -> Iterator[Condition]:
    """Return the conditions for values outside their code's limits, and for units of another kind, of a table."""
    for column in _limited(table):
        yield _foreign_unit(table, column)
        yield _outside(table, column, column, "hard")
        yield _outside(table, column, column, "soft")
        for other in table.columns:
            named = f"{other.name}_soft_low" in codelist(_codes(table, column))[0]
            if named and other.unit_column == column.unit_column:
                yield _outside(table, column, other, "soft")


def _outside(table: Table, limited: Column, column: Column, kind: str) -> Condition:
    """Return the condition for one column; the words are made in SQL, since they hold the limits of the row's code."""
    own = column is limited
    low, high = (f"limits.{'' if own else f'{column.name}_'}{kind}_{end}" for end in ("low", "high"))
    value = f'row."{column.name}"'
    tested = ["sent.canonical_unit = limits.unit", filled([column.name]), f"{low} IS NOT NULL", f"{high} IS NOT NULL"]
    if own and kind == "soft":
        tested.append(f"{value} BETWEEN limits.hard_low AND limits.hard_high")
    what = "limits.label" if own else "'the upper limit of normal of ' || limits.label"
    start, stop = ("Expected", "between") if kind == "hard" else ("Usual values of", "lie between")
    converted = f"if(sent.factor = 1, '', ' ' || {text(column.name)} || ' ' || sent.unit || ' is ' || "
    converted += f"{_number(value)} || ' ' || limits.unit || '.')"
    return Condition(
        rule=f"{table.table}.{column.name}.{kind}",
        table=table.table,
        severity="reject" if kind == "hard" else "query",
        kind="plausibility",
        columns=(column.name,),
        source=_source(table, limited),
        applies=" AND ".join(tested),
        where=f"{value} NOT BETWEEN {low} AND {high}",
        shown=(text(column.name),),
        extra=(
            f"{what} || ' in ' || limits.unit",
            f"{_number(low)} || ' and ' || {_number(high)}",
            converted,
            _advice(column, usual=(low, high) if not own else ("limits.soft_low", "limits.soft_high"), kind=kind),
        ),
        message=f"{start} {{1}} {stop} {{2}}.{{3}}",
        advice="{4}",
        meaning=f"{start} {label(column)} {stop} the {kind} limits of its {limited.limits_by} in "
        f"codelists/{_codes(table, limited)}.csv.",
        remedy=_otherwise(kind),
        evidence=column.source or limited.source,
    )


def _advice(column: Column, *, usual: tuple[str, str], kind: str) -> str:
    """Return the SQL of what to do: write another unit of the same kind, if the value would be usual in it."""
    raw = f'CAST(row."{column.name}_raw" AS DECIMAL(28,6))'
    big = "if(other.factor > sent.factor, other.unit, sent.name)"
    small = "if(other.factor > sent.factor, sent.name, other.unit)"
    ratio = "greatest(other.factor, sent.factor) / least(other.factor, sent.factor)"
    words = (
        f"{text(column.name)} || ' would be usual in ' || other.unit",
        f"' (1 ' || {big} || ' = ' || {_number(f'CAST({ratio} AS {FACTOR})')} || ' ' || {small} || '). '",
        f"'Convert the column, or write ' || other.unit || ' in its {column.unit_column} column.'",
    )
    return (
        f"coalesce((SELECT first({' || '.join(words)} ORDER BY other.factor) FROM units AS other "
        "WHERE other.unit = other.name AND other.canonical_unit = sent.canonical_unit "
        "AND other.factor <> sent.factor "
        f"AND {raw} * other.factor BETWEEN {usual[0]} AND {usual[1]}), '{_otherwise(kind)}')"
    )


def _otherwise(kind: str) -> str:
    return "Correct it or leave the row out." if kind == "hard" else "Confirm the value."


def _foreign_unit(table: Table, column: Column) -> Condition:
    """Return the condition for a unit that measures something else, such as U/L for a concentration in g/L."""
    unit, by = str(column.unit_column), str(column.limits_by)
    fits = (
        "(SELECT string_agg(fits.unit, ' or ' ORDER BY fits.factor DESC) FROM units AS fits "
        "WHERE fits.canonical_unit = limits.unit AND fits.unit = fits.name)"
    )
    return Condition(
        rule=f"{table.table}.{unit}.{by}",
        table=table.table,
        severity="reject",
        kind="conformance",
        columns=(by, unit),
        source=_source(table, column),
        where="sent.canonical_unit <> limits.unit",
        shown=(text(by), text(unit)),
        extra=("limits.label", fits),
        message="Expected {2} in {3}, not in {1}.",
        advice=f"Correct {by} or {unit}.",
        meaning=f"Expected a unit in which the {by} is measured.",
        evidence="codelists/units.csv",
    )


def _source(table: Table, column: Column) -> str:
    return (
        f'{rows_alone(table.table)} JOIN "{_codes(table, column)}" AS limits ON limits.code = row."{column.limits_by}" '
        f'JOIN units AS sent ON sent.unit = row."{column.unit_column}"'
    )


def _limited(table: Table) -> list[Column]:
    return [column for column in table.columns if column.limits_by is not None]


def _codes(table: Table, column: Column) -> str:
    return str(table[str(column.limits_by)].codes)


def _number(value: str) -> str:
    """Return the SQL of a DECIMAL with decimals, without zeros at its end."""
    return rf"regexp_replace(CAST({value} AS VARCHAR), '\.?0+$', '')"
