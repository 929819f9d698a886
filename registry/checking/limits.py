"""Values outside the limits of their column, in the contract's unit, and whether another unit would make them usual."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.checking.condition import Condition, filled, rows_of, text
from registry.checking.explain import label
from registry.checking.harmonise import FACTOR, factors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from registry.contract import Column, Table


def limit_conditions(table: Table, column: Column, units: Mapping[str, str]) -> Iterator[Condition]:
    """Return the conditions for values outside the hard limits (reject) and the soft limits (query) of a column.

    units: declared units by column of this table; the contract's unit where there is none.
    """
    if column.hard is not None:
        low, high = column.hard
        outside = f'row."{column.name}" NOT BETWEEN {low} AND {high}'
        message = f"Expected {_quantity(column)} between {plain(low)} and {plain(high)}."
        others = _usual_in_another_unit(column, units)
        for met, advice in others:
            yield _condition(table, column, "hard", where=f"{outside} AND {met}", message=message, advice=advice)
        none = "".join(f" AND NOT ({met})" for met, _ in others)
        yield _condition(
            table, column, "hard", where=outside + none, message=message, advice="Correct it or leave it empty."
        )
    if column.soft is not None:
        low, high = column.soft
        inside = f'row."{column.name}" BETWEEN {column.hard[0]} AND {column.hard[1]}' if column.hard else ""
        yield _condition(
            table,
            column,
            "soft",
            applies=inside,
            where=f'row."{column.name}" NOT BETWEEN {low} AND {high}',
            message=f"Usual values of {_quantity(column)} lie between {plain(low)} and {plain(high)}.",
            advice="Confirm the value.",
        )


def plain(number: Decimal) -> str:
    """Return a number without exponent and without zeros at its end."""
    return f"{number.normalize():f}"


def _usual_in_another_unit(column: Column, units: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return, for each other unit that the column accepts, when a value would fit in it, and what to do then."""
    if not column.accepts or column.hard is None:
        return []
    sent = units.get(column.name) or str(column.unit)
    found = []
    for unit in column.accepts:
        factor = factors()[unit]
        if factor != factors()[sent]:
            converted = f'CAST(row."{column.name}_raw" AS DECIMAL(28,6)) * CAST({factor} AS {FACTOR})'
            big, small = (unit, sent) if factor > factors()[sent] else (sent, unit)
            times = plain(factors()[big] / factors()[small])
            advice = (
                f"{{0}} would be usual in {unit} (1 {big} = {times} {small}). Convert the column, or declare its unit "
                f'in manifest.toml, [units]: "{{table}}.{column.name}" = "{unit}".'
            )
            found.append((f"{converted} BETWEEN {column.hard[0]} AND {column.hard[1]}", advice))
    return found


def _quantity(column: Column) -> str:
    what = label(column)
    return what if not column.unit or column.unit in what.split() else f"{what} in {column.unit}"


def _condition(
    table: Table, column: Column, ending: str, *, applies: str = "", where: str, message: str, advice: str
) -> Condition:
    return Condition(
        rule=f"{table.table}.{column.name}.{ending}",
        table=table.table,
        severity="reject" if ending == "hard" else "query",
        kind="plausibility",
        columns=(column.name,),
        source=rows_of(table.table),
        applies=applies or filled([column.name]),
        where=where,
        shown=(text(column.name),),
        message=message,
        advice=advice.replace("{table}", table.table),
        remedy="Correct it or leave it empty." if ending == "hard" else "",
        evidence=column.source,
    )
