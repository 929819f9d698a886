"""The contract with the centres: eight tables as TOML data dictionaries, read into frozen values.

DDL, checks, the simulator's files and the README's data dictionary are made from what stands here and nowhere else.
"""

from __future__ import annotations

import csv
import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from registry.errors import Severity  # noqa: TC001  (pydantic reads the annotation at run time)

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLES = ("patient", "antibody", "course", "infusion", "visit", "lab", "event", "follow_up")
VERSION = "2"
READABLE_VERSIONS = ("1", "2")
"""2 added patient.link_key, which may be left out: what was made for 1 is read as it is."""

RuleKind = Literal["conformance", "completeness", "plausibility"]
"""Classes of checks after Kahn et al., eGEMs 2016;4:1244."""

SQL_TYPE = {"text": "VARCHAR", "code": "VARCHAR", "integer": "INTEGER", "decimal": "DECIMAL(18,6)", "date": "DATE"}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Frozen):
    """One column of a table that a centre sends.

    required: no field may be empty. optional: the whole column may be left out of the file.
    """

    name: str
    type: Literal["text", "code", "integer", "decimal", "date"]
    required: bool = False
    optional: bool = False
    description: str
    unit: str | None = None
    accepts: tuple[str, ...] = ()
    unit_column: str | None = None
    hard: tuple[Decimal, Decimal] | None = None
    soft: tuple[Decimal, Decimal] | None = None
    limits_by: str | None = None
    step: Decimal | None = None
    codes: str | tuple[str, ...] = ()
    pattern: str | None = None
    references: str | None = None
    source: str = ""

    @property
    def harmonised(self) -> bool:
        """Whether the column is converted, so that <name>_raw and <name>_raw_unit stand beside it."""
        return bool(self.accepts) or self.unit_column is not None

    @property
    def sql_type(self) -> str:
        """DuckDB type of the harmonised value."""
        return SQL_TYPE[self.type]

    def allowed(self) -> tuple[str, ...]:
        """Codes that may stand in the column, in the order of the code list; empty if it is not coded."""
        if isinstance(self.codes, str):
            return tuple(next(iter(row.values())) for row in codelist(self.codes))
        return self.codes


class Check(_Frozen):
    """A condition on a row, possibly against its patient and follow_up row; true or unknown means that it holds.

    kind: its class. applies: the rows that it tests; without it, those in which every one of its columns is filled.
    Where a column of it cannot be read, that is the problem, and the row is not tested.
    """

    id: str
    severity: Severity
    kind: RuleKind = "plausibility"
    columns: tuple[str, ...]
    applies: str = ""
    holds: str
    message: str
    advice: str = ""
    source: str = ""


class Table(_Frozen):
    """One table that a centre sends."""

    table: str
    title: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...] = Field(alias="column")
    checks: tuple[Check, ...] = Field(alias="check", default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in the order of the file."""
        return tuple(column.name for column in self.columns)

    @property
    def file(self) -> str:
        """Name of the file in a submission."""
        return f"{self.table}.csv"

    def __getitem__(self, name: str) -> Column:
        """Return the column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@cache
def contract() -> Mapping[str, Table]:
    """Return the eight tables by name, in the order in which they refer to each other."""
    tables = {}
    for name in TABLES:
        text = files("registry").joinpath("contract", f"{name}.toml").read_text(encoding="utf-8")
        tables[name] = Table.model_validate(tomllib.loads(text, parse_float=Decimal))
    return tables


@cache
def codelist(name: str) -> tuple[Mapping[str, str], ...]:
    """Return the rows of codelists/<name>.csv; the first column is the code."""
    text = files("registry").joinpath("codelists", f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def stored_columns(table: Table) -> tuple[tuple[str, str], ...]:
    """Return (name, DuckDB type) of a table as the registry keeps it, without who sent it.

    A harmonised column is followed by what the centre wrote: <name>_raw and <name>_raw_unit.
    """
    out: list[tuple[str, str]] = []
    for column in table.columns:
        out.append((column.name, column.sql_type))
        if column.harmonised:
            out += [(f"{column.name}_raw", column.sql_type), (f"{column.name}_raw_unit", "VARCHAR")]
    return tuple(out)


def snapshot_columns(table: Table) -> tuple[tuple[str, str], ...]:
    """Return (name, DuckDB type) of a table in a snapshot: the person and the record that it came from come first."""
    own = (("person_id", "VARCHAR"), ("centre", "VARCHAR"), ("record", "VARCHAR"))
    return own + tuple((name, kind) for name, kind in stored_columns(table) if name != "patient_id")


def create_table(name: str, columns: tuple[tuple[str, str], ...]) -> str:
    """Return the CREATE TABLE statement for columns that come from the contract."""
    body = ", ".join(f'"{column}" {kind}' for column, kind in columns)
    return f'CREATE TABLE "{name}" ({body})'
