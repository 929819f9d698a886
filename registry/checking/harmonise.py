"""From text to typed columns in one unit: strict parsing, exact conversion, and the raw value kept beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from registry.contract import codelist

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.contract import Column, Table

EXACT = "DECIMAL(38,10)"
"""Holds any DECIMAL(18,6) times any factor of codelists/units.csv without rounding."""
FACTOR = "DECIMAL(10,4)"
"""Holds the factor of any unit; a test compares it with codelists/units.csv."""

# RE2 reads \\d and \\s as ASCII. Invisible are control and format characters, and the mark of a failed decoding.
_UNCLEAN = r"[\p{Cc}\p{Cf}\x{FFFD}]|^[\s\x{A0}]|[\s\x{A0}]$"
_INTEGER = r"[+-]?[0-9]{1,9}"
_DECIMAL = r"[+-]?([0-9]+|[0-9]*\.[0-9]{1,6}0*)"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def staging_sql(table: Table, units: Mapping[str, str], *, source: str) -> str:
    """Return the SELECT that reads text columns of `source` into typed, harmonised ones.

    For every column c there is c$text (as sent) and c (typed, in the unit of the contract; NULL if the text is not of
    the type); for a harmonised one also c_raw and c_raw_unit. Nothing is rounded: where a conversion is not exact, c
    differs from `exact(column, ...)`, and a check says so.

    Parameters
    ----------
    table
        One table of the contract.
    units
        Declared units by column of this table; the contract's unit where there is none.
    source
        Table of the connection with `line`, `at` (where the row stands in its file) and the text columns.
    """
    inner = ["line", '"at"']
    outer = ["line", '"at"']
    for column in table.columns:
        text = f'"{column.name}$text"'
        inner += [f'"{column.name}" AS {text}', f'{_parse(column)} AS "{parsed(column)}"']
        outer.append(text)
        if column.harmonised:
            outer += [
                f'{_harmonised(column, units)} AS "{column.name}"',
                f'"{column.name}_raw"',
                f'if("{column.name}_raw" IS NULL, NULL, {_unit(column, units)}) AS "{column.name}_raw_unit"',
            ]
        else:
            outer.append(f'"{column.name}"')
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {source})"


def parsed(column: Column) -> str:
    """Return the name of the staging column that is NULL if the text is not of the column's type."""
    return f"{column.name}_raw" if column.harmonised else column.name


def exact(column: Column, units: Mapping[str, str], *, alias: str = "") -> str:
    """Return the SQL of the harmonised value before it is cast to its type: raw value times factor, never rounded."""
    return f'(CAST({alias}"{column.name}_raw" AS DECIMAL(28,6)) * {factor_of(column, units, alias=alias)})'


def factor_of(column: Column, units: Mapping[str, str], *, alias: str = "") -> str:
    """Return the SQL of what a value is multiplied with; NULL without a known unit."""
    if column.unit_column is None:
        return f"CAST({factors()[units.get(column.name) or str(column.unit)]} AS {FACTOR})"
    whens = " ".join(f"WHEN {quoted(unit)} THEN {factor}" for unit, factor in factors().items())
    return f'CAST(CASE {alias}"{column.unit_column}" {whens} END AS {FACTOR})'


def factors() -> dict[str, Decimal]:
    """Return how much of its canonical unit each unit of codelists/units.csv is."""
    return {row["unit"]: Decimal(row["factor"]) for row in codelist("units")}


def quoted(text: str) -> str:
    """Return text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _harmonised(column: Column, units: Mapping[str, str]) -> str:
    """Return the SQL of the value in the contract's unit; one that is in it already is left as it is, for speed."""
    converted = f"TRY_CAST({exact(column, units)} AS {column.sql_type})"
    return f'CASE WHEN {factor_of(column, units)} = 1 THEN "{column.name}_raw" ELSE {converted} END'


def _unit(column: Column, units: Mapping[str, str]) -> str:
    if column.unit_column is not None:
        return f'"{column.unit_column}"'
    return quoted(units.get(column.name) or str(column.unit))


def _parse(column: Column) -> str:
    """Return the SQL that reads the text; DuckDB's own cast also takes 1e3, 12.7 as 13, NaN and other dates."""
    name = f'"{column.name}"'
    if column.type == "code":
        condition = f"{name} IN ({', '.join(quoted(code) for code in column.allowed())})"
    elif column.type == "text":
        pattern = f" AND regexp_full_match({name}, {quoted(column.pattern)})" if column.pattern else ""
        condition = f"NOT regexp_matches({name}, {quoted(_UNCLEAN)}){pattern}"
    else:
        pattern = {"integer": _INTEGER, "decimal": _DECIMAL, "date": _DATE}[column.type]
        condition = f"regexp_full_match({name}, {quoted(pattern)})"
    return f"CASE WHEN {condition} THEN TRY_CAST({name} AS {column.sql_type}) END"
