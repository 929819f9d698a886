"""Text tables in, text tables out: the bench on which every clinical definition is proved.

A text table has a header line and a line a row, cells divided by |; an empty cell is missing. Rows of a contract table
get the record <table>.csv:<line>, counted as in the file of a centre (the header is line 1), and the centre "c".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from registry.concepts import concepts, derive, prepare
from registry.contract import contract, create_table, snapshot_columns
from registry.rules import load_rules

Rows = Sequence[Mapping[str, Any]]
Derive = Callable[..., Rows]


def parse(text: str) -> tuple[list[str], list[list[str | None]]]:
    """Return the header and the rows of a text table."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    header, *rows = [[cell.strip() for cell in line.strip().split("|")] for line in lines]
    for row in rows:
        assert len(row) == len(header), f"a row has {len(row)} cells and the header {len(header)}: {row}"
    return header, [[cell or None for cell in row] for row in rows]


def _guess(name: str, cells: list[str | None]) -> str:
    filled = [cell for cell in cells if cell is not None]
    if name.endswith("date") or (filled and all(re.fullmatch(r"\d{4}-\d\d-\d\d", c) for c in filled)):
        return "DATE"
    if filled and all(re.fullmatch(r"-?\d{1,9}", c) for c in filled):
        return "INTEGER"
    if filled and all(re.fullmatch(r"-?\d+(\.\d+)?", c) for c in filled):
        return "DECIMAL(18,6)"
    if filled and all(c in {"true", "false"} for c in filled):
        return "BOOLEAN"
    return "VARCHAR"


def _load(connection: duckdb.DuckDBPyConnection, name: str, text: str) -> None:
    header, rows = parse(text)
    if name in contract():
        types = dict(snapshot_columns(contract()[name]))
        assert set(header) <= set(types), f"{name} has no column {set(header) - set(types)}"
        extra = {"centre": "c"}
        connection.execute(create_table(name, tuple(types.items())))
        for line, row in enumerate(rows, start=2):
            values = {**extra, "record": f"{name}.csv:{line}", **dict(zip(header, row, strict=True))}
            names = ", ".join(f'"{column}"' for column in values)
            marks = ", ".join("?" for _ in values)
            connection.execute(f'INSERT INTO "{name}" ({names}) VALUES ({marks})', list(values.values()))
        return
    types = {column: _guess(column, [row[i] for row in rows]) for i, column in enumerate(header)}
    connection.execute(create_table(name, tuple(types.items())))
    for row in rows:
        connection.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" for _ in row)})', row)


@contextmanager
def _loaded(
    tables: Mapping[str, str], *, cut: str = "2026-06-30", rules: Mapping[str, str] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        overrides = {name: Decimal(value) for name, value in (rules or {}).items()}
        prepare(connection, rules=load_rules(overrides), cut=date.fromisoformat(cut))
        for name, text in tables.items():
            _load(connection, name, text)
        for name, table in contract().items():
            if name not in tables:
                connection.execute(create_table(name, snapshot_columns(table)))
        yield connection


def _derive_concept(
    tables: Mapping[str, str], concept: str, *, cut: str = "2026-06-30", rules: Mapping[str, str] | None = None
) -> Rows:
    assert concept in concepts()
    with _loaded(tables, cut=cut, rules=rules) as connection:
        derive(connection, only={concept})
        result = connection.execute(f'SELECT * FROM "{concept}"')
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def as_text(value: object) -> str:
    """Return a value as a text table writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def _assert_rows(actual: Rows, text: str) -> None:
    header, expected = parse(text)
    if actual:
        assert set(header) <= set(actual[0]), f"there is no column {set(header) - set(actual[0])}"
    seen = [[as_text(row[name]) for name in header] for row in actual]
    assert seen == [[cell or "" for cell in row] for row in expected]


@pytest.fixture
def loaded() -> Callable[..., AbstractContextManager[duckdb.DuckDBPyConnection]]:
    """Return the function that opens a connection in which text tables stand as a snapshot has them."""
    return _loaded


@pytest.fixture
def derive_concept() -> Derive:
    """Return the function that derives one concept from text tables.

    Tables given are used as they are, contract or concept; concepts that are needed and not given are derived.
    """
    return _derive_concept


@pytest.fixture
def assert_rows() -> Callable[[Rows, str], None]:
    """Return the function that compares rows, in their order, with a text table, in its columns only."""
    return _assert_rows
