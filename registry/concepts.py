"""Clinical definitions: every file of sql/concepts is one SELECT and becomes one table of the same name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from typing import TYPE_CHECKING

import pyarrow as pa

from registry.contract import codelist, contract
from registry.rules import create_rule_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date

    import duckdb

    from registry.rules import Rules

CODELIST_TABLES = ("agents", "analytes", "antibodies", "terms")
HELPER_TABLES = ("rule", "tis_band", "data_cut", *CODELIST_TABLES)


@dataclass(frozen=True, kw_only=True)
class Concept:
    """One clinical definition.

    definition: its first comment line, as reports print it; needs: the tables that it reads; select: its SQL.
    """

    name: str
    definition: str
    needs: tuple[str, ...]
    select: str


@cache
def concepts() -> Mapping[str, Concept]:
    """Return every concept by name, each after those that it needs."""
    found = {}
    for path in sorted(files("registry").joinpath("sql", "concepts").iterdir(), key=lambda p: p.name):
        if path.name.endswith(".sql"):
            concept = _parse(path.name.removesuffix(".sql"), path.read_text(encoding="utf-8"))
            found[concept.name] = concept
    graph = {c.name: {n for n in c.needs if n in found} for c in found.values()}
    sorter = TopologicalSorter(dict(sorted(graph.items())))
    return {name: found[name] for name in sorter.static_order()}


def _parse(name: str, text: str) -> Concept:
    comments = [line.removeprefix("--").strip() for line in text.splitlines() if line.startswith("--")]
    at = next(i for i, line in enumerate(comments) if line.startswith("needs:"))
    needs = tuple(part.strip() for part in comments[at].removeprefix("needs:").split(",") if part.strip())
    return Concept(name=name, definition=" ".join(comments[:at]), needs=needs, select=text.strip().removesuffix(";"))


def prepare(connection: duckdb.DuckDBPyConnection, *, rules: Rules, cut: date) -> None:
    """Create what concepts read beside the contract's tables: rule, tis_band, data_cut and the code lists."""
    create_rule_tables(connection, rules)
    connection.execute("CREATE TABLE data_cut AS SELECT CAST(? AS DATE) AS cut", [cut])
    for name in CODELIST_TABLES:
        create_from_arrow(connection, name, pa.Table.from_pylist([dict(row) for row in codelist(name)]))


def create_from_arrow(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Create a table from Arrow, sorted by all its columns."""
    connection.register("arrow_input", rows)
    connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM arrow_input ORDER BY ALL')
    connection.unregister("arrow_input")


def derive(
    connection: duckdb.DuckDBPyConnection,
    *,
    only: Collection[str] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> tuple[str, ...]:
    """Create the concept tables in a connection that holds the contract's tables and what prepare makes.

    only: these concepts, with the ones that they need and that are not there yet; None derives all.
    Returns the names of the tables made, in order.
    """
    there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    every = concepts()
    wanted = [name for name in _closure(set(every) if only is None else set(only), there) if name not in there]
    for done, name in enumerate(wanted):
        if progress is not None:
            progress(name, done / len(wanted))
        connection.execute(f'CREATE TABLE "{name}" AS {every[name].select}')
    return tuple(wanted)


def _closure(wanted: set[str], there: set[str]) -> list[str]:
    every = concepts()
    needed: set[str] = set()
    open_ = [name for name in wanted if name not in there]
    while open_:
        name = open_.pop()
        if name in needed or name in there or name in contract():
            continue
        needed.add(name)
        open_ += [need for need in every[name].needs if need in every]
    return [name for name in every if name in needed]
