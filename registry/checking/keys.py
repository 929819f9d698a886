"""Keys: rows that share one, and rows whose person is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.checking.condition import Condition, filled, rows_alone, rows_of, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.contract import Column, Table

WAITS = ".waits"
"""End of the rule's name for rows whose person is in quarantine: mending the person's row mends them."""
_LINES_NAMED = 5


def duplicates(table: Table) -> Condition:
    """Return the condition for rows that share their key with another row; every line of it is named."""
    keys = [f'"{name}"' for name in table.key]
    required = [name for name in table.key if table[name].required]
    whole = " AND ".join(f'"{name}" IS NOT NULL' for name in required)
    same = " AND ".join(f"row.{key} IS NOT DISTINCT FROM twin.{key}" for key in keys)
    listed = ", ".join(keys)
    # The lines are named inside the subquery: a list of them, joined to every row, would grow with the square. Only
    # keys whose hash stands twice are grouped: that takes a quarter of the time.
    first = f'array_to_string(list(DISTINCT "at" ORDER BY "at")[:{_LINES_NAMED}], \', \')'
    lines = f"{first} || if(count(DISTINCT \"at\") > {_LINES_NAMED}, ', ...', '')"
    often = f'SELECT hash({listed}) FROM "{table.table}" WHERE {whole} GROUP BY hash({listed}) HAVING count(*) > 1'
    twin = (
        f'SELECT {listed}, {lines} AS lines FROM "{table.table}" WHERE {whole} AND hash({listed}) IN ({often}) '
        f"GROUP BY {listed} HAVING count(*) > 1"
    )
    names = ", ".join(table.key)
    return Condition(
        rule=f"{table.table}.key",
        table=table.table,
        severity="reject",
        kind="conformance",
        columns=table.key,
        source=f"{rows_alone(table.table)} LEFT JOIN ({twin}) AS twin ON {same}",
        applies=filled(required),
        where="twin.lines IS NOT NULL",
        shown=tuple(text(name) for name in table.key),
        extra=("twin.lines",),
        message=f"Lines {{{len(keys)}}} have the same {names}; only one row may have it.",
        advice="Keep the right one.",
        meaning=f"Several rows have the same {names}; only one row may have it.",
    )


def orphans(table: Table, column: Column, *, referable: bool) -> Iterator[Condition]:
    """Return the conditions for rows of nobody: the person is not in patient.csv, or was not taken in from there.

    referable: whether patient.csv could be read; if not, nobody can be looked for there, and nothing is tested.
    """
    other, sent = str(column.references), text(column.name)
    yield Condition(
        rule=f"{table.table}.{column.name}.orphan",
        table=table.table,
        severity="reject",
        kind="conformance",
        columns=(column.name,),
        source=rows_of(table.table),
        applies=f"{sent} IS NOT NULL" if referable else "false",
        where=f'sent_{other}."{column.name}" IS NULL',
        shown=(sent,),
        message=f"No row of {other}.csv has this {column.name}.",
        advice=f"Add the person to {other}.csv, or correct the {column.name}.",
    )
    yield Condition(
        rule=f"{table.table}.{column.name}{WAITS}",
        table=table.table,
        severity="reject",
        kind="conformance",
        columns=(column.name,),
        source=rows_of(table.table),
        applies=f'sent_{other}."{column.name}" IS NOT NULL' if referable else "false",
        where=f'{other}."{column.name}" IS NULL',
        shown=(sent,),
        message=f"The person's own row of {other}.csv is in quarantine, and this row waits with it.",
        advice="Correct the person's row; this one is then taken in as it is.",
        silent=True,
    )
