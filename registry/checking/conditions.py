"""Every condition that the contract puts on the rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.checking.condition import Condition, rows_of, text
from registry.checking.explain import label
from registry.checking.harmonise import EXACT, exact, factor_of, parsed
from registry.checking.keys import duplicates, orphans
from registry.checking.limits import limit_conditions
from registry.checking.limits_by_code import limit_by_code_conditions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from registry.contract import Check, Column, Table


def conditions_of(
    table: Table, *, units: Mapping[str, str], day: date | None, referable: bool, broken: bool
) -> tuple[Condition, ...]:
    """Return every condition on the rows of a table, most basic first.

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
    broken
        Whether there are rows with another number of fields than the header.
    """
    return (
        *(_broken_rows(table) if broken else ()),
        *_conditions(table, units=units, day=day, referable=referable),
        *limit_by_code_conditions(table),
        duplicates(table),
        *(_contract_check(table, check) for check in table.checks),
    )


def _conditions(table: Table, *, units: Mapping[str, str], day: date | None, referable: bool) -> Iterator[Condition]:
    for column in table.columns:
        yield from _readable(table, column, units)
        if column.references is not None and referable:
            yield from orphans(table, column)
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
            source=f'"{table.table}$broken" AS row',
            where=f"row.fields {sign} {width}",
            extra=("row.fields",),
            message=f"Expected {width} fields, as in the header; found {{0}}.",
            advice=advice,
        )


def _readable(table: Table, column: Column, units: Mapping[str, str]) -> Iterator[Condition]:
    """Ask for what is required, of the type of its column, and convertible without a loss."""
    sent = text(column.name)
    if column.required:
        yield Condition(
            rule=f"{table.table}.{column.name}.required",
            table=table.table,
            severity="reject",
            columns=(column.name,),
            source=rows_of(table.table),
            where=f"{sent} IS NULL",
            shown=(sent,),
            message=f"Expected {label(column)}; the field may not be empty.",
            advice="Fill it in.",
        )
    kind = "code" if column.type == "code" else "pattern" if column.pattern else "type"
    yield Condition(
        rule=f"{table.table}.{column.name}.{kind}",
        table=table.table,
        severity="reject",
        columns=(column.name,),
        source=rows_of(table.table),
        where=f'{sent} IS NOT NULL AND row."{parsed(column)}" IS NULL',
        shown=(sent,),
        text_of=column,
    )
    if column.harmonised:
        converted = exact(column, units, alias="row.")
        yield Condition(
            rule=f"{table.table}.{column.name}.decimals",
            table=table.table,
            severity="reject",
            columns=(column.name,),
            source=rows_of(table.table),
            where=f"{factor_of(column, units, alias='row.')} <> 1 AND {converted} IS NOT NULL "
            f'AND CAST(row."{column.name}" AS {EXACT}) IS DISTINCT FROM {converted}',
            shown=(sent,),
            message="The value cannot be converted without a loss: the registry keeps six decimals.",
            advice="Round it to four decimals.",
        )


def _off_step(table: Table, column: Column) -> Condition:
    return Condition(
        rule=f"{table.table}.{column.name}.step",
        table=table.table,
        severity="query",
        columns=(column.name,),
        source=rows_of(table.table),
        where=f'row."{column.name}" % CAST({column.step} AS {column.sql_type}) <> 0',
        shown=(text(column.name),),
        message=f"A value of {label(column)} is a multiple of {column.step}.",
        advice="Confirm the value.",
    )


def _dates(table: Table, column: Column, day: date | None) -> Iterator[Condition]:
    """Dates after the submission's own, and dates before the person was born."""
    value = f'row."{column.name}"'
    if day is not None:
        yield Condition(
            rule=f"{table.table}.{column.name}.after_submission",
            table=table.table,
            severity="reject",
            columns=(column.name,),
            source=rows_of(table.table),
            where=f"{value} > DATE '{day.isoformat()}'",
            shown=(text(column.name),),
            message=f"The date lies after the date of the submission, {day.isoformat()}.",
            advice="Day and month may have been exchanged, or the date in manifest.toml is too early.",
        )
    # The contract has its own, better worded check for some of these dates.
    if any({"birth_year", column.name} <= set(check.columns) for check in table.checks):
        return
    birth = "row.birth_year" if table.table == "patient" else "patient.birth_year"
    yield Condition(
        rule=f"{table.table}.{column.name}.before_birth",
        table=table.table,
        severity="reject",
        columns=(column.name,),
        source=rows_of(table.table),
        where=f"year({value}) < {birth}",
        shown=(text(column.name),),
        extra=(birth,),
        message="The date lies before the year of birth, {1}.",
        advice="Correct the date or the year of birth.",
    )


def _contract_check(table: Table, check: Check) -> Condition:
    """Return a [[check]]; where a column of it could not be read, that is the problem and not the check."""
    read = [f'({text(name)} IS NULL OR row."{parsed(table[name])}" IS NOT NULL)' for name in check.columns]
    return Condition(
        rule=check.id,
        table=table.table,
        severity=check.severity,
        columns=check.columns,
        source=rows_of(table.table),
        where=" AND ".join((f"NOT ({check.holds})", *read)),
        shown=tuple(text(name) for name in check.columns),
        message=check.message,
        advice=check.advice,
    )
