"""A delta on its base: what a centre would have sent if it had sent everything."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import pyarrow as pa

from registry.contract import contract
from registry.errors import Problem
from registry.intake.manifest import MANIFEST
from registry.intake.tables import BROKEN, PLACES
from registry.keeping.database import open_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.contract import Table
    from registry.intake.submission import Submission


def merged(delta: Submission, base: Submission, base_id: str) -> Submission:
    """Return a delta with the rows of its base that it leaves as they are.

    A row of the delta takes the place of the base's row with the same key; without one it is new. A removed key takes
    its row away; a removed person, all of the person's rows. Rows of the base keep the place where they were sent.
    base_id: the base's submission.
    """
    tables, places, labels, counts, broken = {}, {}, {}, {}, {}
    for name, table in contract().items():
        tables[name], places[name] = _merge(table, delta, base, base_id)
        labels[name] = delta.label(name)
        broken[name] = delta.broken.get(name, BROKEN.empty_table())
        counts[name] = tables[name].num_rows + broken[name].num_rows
    problems = (*delta.problems, *_other_units(delta, base), *_removed_for_nothing(delta, base))
    return replace(delta, tables=tables, places=places, labels=labels, counts=counts, broken=broken, problems=problems)


def no_base(delta: Submission, there: str | None) -> Problem:
    """Return the problem of a delta whose base is not the submission that was in force. there: which one was."""
    day = delta.manifest.base if delta.manifest else None
    return Problem(
        rule="manifest.base",
        severity="reject",
        file=MANIFEST,
        columns=("base",),
        values=(str(day),),
        message=f"The submission in force is {there}." if there else "The centre has not sent anything before.",
        advice='Make the delta against that one, or send the whole cohort: kind = "cumulative".',
    )


def _merge(table: Table, delta: Submission, base: Submission, base_id: str) -> tuple[pa.Table, pa.Table]:
    name = table.table
    empty = pa.schema([("line", pa.int64()), *((column, pa.string()) for column in table.names)]).empty_table()
    keys = pa.schema([("line", pa.int64()), *((column, pa.string()) for column in table.key)]).empty_table()
    person = pa.schema([("line", pa.int64()), ("patient_id", pa.string())]).empty_table()
    inputs = {
        "sent": delta.tables.get(name, empty),
        "base": base.tables.get(name, empty),
        "sent_place": delta.places.get(name, PLACES.empty_table()),
        "base_place": base.places.get(name, PLACES.empty_table()),
        "removed": delta.removed.get(name, keys),
        "removed_person": delta.removed.get("patient", person),
    }
    with open_memory() as connection:
        for view, rows in inputs.items():
            connection.register(view, rows)
        query = _sql("merge")
        for other in ("sent", "removed"):
            same = " AND ".join(f'{other}."{key}" IS NOT DISTINCT FROM base."{key}"' for key in table.key)
            query = query.replace(f"{{same_{other}}}", same)
        rows = connection.sql(query, params={"base": base_id, "file": base.label(name)}).to_arrow_table()
    found = rows.select(["line", "file", "at"]).filter(pa.compute.is_valid(rows["file"]))
    return rows.select(["line", *table.names]), found.cast(PLACES)


def _other_units(delta: Submission, base: Submission) -> Iterator[Problem]:
    """Refuse other units than those of the base: its rows stand beside the delta's as they were sent."""
    for column in sorted({*delta.units, *base.units}):
        here, there = delta.units.get(column), base.units.get(column)
        if here != there:
            yield Problem(
                rule="manifest.unit",
                severity="reject",
                file=MANIFEST,
                columns=(f"units.{column}",),
                values=(here,) if here else (),
                message=f"The base of this delta has {there or 'the unit of the contract'}.",
                advice="Declare the same unit, or send the whole cohort.",
            )


def _removed_for_nothing(delta: Submission, base: Submission) -> Iterator[Problem]:
    """Ask about keys that were to be removed and that the base does not have."""
    for name, removed in sorted(delta.removed.items()):
        key = contract()[name].key
        there = (
            set(zip(*(base.tables[name][k].to_pylist() for k in key), strict=True)) if name in base.tables else set()
        )
        for line, *values in zip(*(removed[column].to_pylist() for column in ("line", *key)), strict=True):
            if tuple(values) not in there:
                yield Problem(
                    rule=f"{name}.removed",
                    severity="query",
                    file=f"removed.{name}.csv",
                    line=line,
                    columns=key,
                    message="The base has no row of this key: nothing was removed.",
                    advice="Confirm the key.",
                )


@cache
def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "keep", f"{name}.sql").read_text(encoding="utf-8")
