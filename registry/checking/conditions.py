"""Every condition that the contract puts on the rows of a table."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from registry.checking.condition import Condition, filled, rows_of, text
from registry.checking.explain import explain_text, label
from registry.checking.harmonise import EXACT, exact, factor_of, parsed
from registry.checking.identifiers import identifier_conditions
from registry.checking.keys import duplicates, orphans
from registry.checking.limits import limit_conditions
from registry.checking.limits_by_code import limit_by_code_conditions
from registry.checking.rows_together import conditions_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    import duckdb

    from registry.contract import Check, Column, Table


def conditions_of(
    table: Table,
    *,
    units: Mapping[str, str] = MappingProxyType({}),
    day: date | None = None,
    referable: bool = False,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> tuple[Condition, ...]:
    """Return every condition on the rows of a table, most basic first: always the same rules, whatever was sent.

    Parameters
    ----------
    table
        One table of the contract; its staging table has its name.
    units
        Declared units by column of this table.
    day
        Date of the submission; None if its manifest does not give one.
    referable
        Whether patient.csv could be read, so that rows without a patient can be told.
    connection
        With the table staged; None if only the words are wanted.
    """
    return (
        *_broken_rows(table),
        *_conditions(table, units=units, day=day, referable=referable),
        *limit_by_code_conditions(table),
        duplicates(table),
        *(_contract_check(table, check) for check in table.checks),
        *conditions_together(table),
        *identifier_conditions(table, connection),
    )


def _conditions(table: Table, *, units: Mapping[str, str], day: date | None, referable: bool) -> Iterator[Condition]:
    for column in table.columns:
        yield from _readable(table, column, units)
        if column.references is not None:
            yield from orphans(table, column, referable=referable)
        if column.step is not None:
            yield _off_step(table, column)
        if column.type == "date":
            yield from _dates(table, column, day)
        yield from limit_conditions(table, column, units)


def _broken_rows(table: Table) -> Iterator[Condition]:
    width = len(table.columns)
    for sign, advice in (
        (">", "A comma inside a value needs quotes around the value; a decimal mark is a point."),
        ("<", "The line may have been cut off; an empty value still needs its comma."),
    ):
        yield Condition(
            rule=f"{table.table}.fields",
            table=table.table,
            severity="reject",
            kind="conformance",
            source=f'(SELECT line, {width} AS fields FROM "{table.table}" UNION ALL '
            f'SELECT line, fields FROM "{table.table}$broken") AS row',
            where=f"row.fields {sign} {width}",
            extra=("row.fields",),
            message=f"Expected {width} fields, as in the header; found {{0}}.",
            advice=advice,
            meaning=f"Expected {width} fields, as in the header.",
            remedy="A comma inside a value needs quotes around it; an empty value still needs its comma.",
        )


def _readable(table: Table, column: Column, units: Mapping[str, str]) -> Iterator[Condition]:
    """Ask for what is required, of the type of its column, and convertible without a loss."""
    sent = text(column.name)
    if column.required:
        yield Condition(
            rule=f"{table.table}.{column.name}.required",
            table=table.table,
            severity="reject",
            kind="completeness",
            columns=(column.name,),
            source=rows_of(table.table),
            where=f"{sent} IS NULL",
            shown=(sent,),
            message=f"Expected {label(column)}; the field may not be empty.",
            advice="Fill it in.",
            evidence=column.source,
        )
    ending = "code" if column.type == "code" else "pattern" if column.pattern else "type"
    meaning, remedy = explain_text(column, "")
    yield Condition(
        rule=f"{table.table}.{column.name}.{ending}",
        table=table.table,
        severity="reject",
        kind="conformance",
        columns=(column.name,),
        source=rows_of(table.table),
        applies=f"{sent} IS NOT NULL",
        where=f'row."{parsed(column)}" IS NULL',
        shown=(sent,),
        meaning=meaning,
        remedy=remedy or "Correct it.",
        evidence=column.source,
        text_of=column,
    )
    if column.harmonised:
        converted = exact(column, units, alias="row.")
        yield Condition(
            rule=f"{table.table}.{column.name}.decimals",
            table=table.table,
            severity="reject",
            kind="conformance",
            columns=(column.name,),
            source=rows_of(table.table),
            applies=f"{factor_of(column, units, alias='row.')} <> 1 AND {converted} IS NOT NULL",
            where=f'CAST(row."{column.name}" AS {EXACT}) IS DISTINCT FROM {converted}',
            shown=(sent,),
            message="The value cannot be converted without a loss: the registry keeps six decimals.",
            advice="Round it to four decimals.",
        )


def _off_step(table: Table, column: Column) -> Condition:
    return Condition(
        rule=f"{table.table}.{column.name}.step",
        table=table.table,
        severity="query",
        kind="conformance",
        columns=(column.name,),
        source=rows_of(table.table),
        applies=filled([column.name]),
        where=f'row."{column.name}" % CAST({column.step} AS {column.sql_type}) <> 0',
        shown=(text(column.name),),
        message=f"A value of {label(column)} is a multiple of {column.step}.",
        advice="Confirm the value.",
        evidence=column.source,
    )


def _dates(table: Table, column: Column, day: date | None) -> Iterator[Condition]:
    """Dates after the submission's own, and dates before the person was born."""
    value = f'row."{column.name}"'
    last = day.isoformat() if day is not None else ""
    yield Condition(
        rule=f"{table.table}.{column.name}.after_submission",
        table=table.table,
        severity="reject",
        kind="plausibility",
        columns=(column.name,),
        source=rows_of(table.table),
        applies=filled([column.name]) if last else "false",
        where=f"{value} > DATE '{last}'" if last else "false",
        shown=(text(column.name),),
        message=f"The date lies after the date of the submission, {last}.",
        advice="Day and month may have been exchanged, or the date in manifest.toml is too early.",
        meaning="The date lies after the date of the submission.",
    )
    # The contract has its own, better worded check for some of these dates.
    if any({"birth_year", column.name} <= set(check.columns) for check in table.checks):
        return
    birth = "row.birth_year" if table.table == "patient" else "patient.birth_year"
    yield Condition(
        rule=f"{table.table}.{column.name}.before_birth",
        table=table.table,
        severity="reject",
        kind="plausibility",
        columns=(column.name,),
        source=rows_of(table.table),
        applies=f"{filled([column.name])} AND {birth} IS NOT NULL",
        where=f"year({value}) < {birth}",
        shown=(text(column.name),),
        extra=(birth,),
        message="The date lies before the year of birth, {1}.",
        advice="Correct the date or the year of birth.",
        meaning="The date lies before the year of birth.",
    )


def _contract_check(table: Table, check: Check) -> Condition:
    """Return a [[check]]; where a column of it could not be read, that is the problem and not the check."""
    read = [f'({text(name)} IS NULL OR row."{parsed(table[name])}" IS NOT NULL)' for name in check.columns]
    return Condition(
        rule=check.id,
        table=table.table,
        severity=check.severity,
        kind=check.kind,
        columns=check.columns,
        source=rows_of(table.table),
        applies=" AND ".join((f"({check.applies or filled(check.columns)})", *read)),
        where=f"NOT ({check.holds})",
        shown=tuple(text(name) for name in check.columns),
        message=check.message,
        advice=check.advice,
        evidence=check.source,
    )
