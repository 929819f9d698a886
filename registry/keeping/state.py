"""The state of the registry on a date, as it was known on another: what a snapshot is made of."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from registry.checking.between_centres import between_rules
from registry.contract import contract, snapshot_columns
from registry.errors import ExitCode, UserError
from registry.keeping.change import changing

if TYPE_CHECKING:
    from datetime import date

    import duckdb
    import pyarrow as pa

    from registry.study import Study


ABOUT_SUBMISSIONS = ("rule_result", "submission_change", "submission_past")
"""Tables about the submissions themselves: what data quality is computed from."""


def read_state(
    study: Study, cut: date | None, known: date | None, *, wait_seconds: float
) -> tuple[date, dict[str, pa.Table], pa.Table]:
    """Return the data cut, the rows of each table by its name, and the submissions in force.

    The tables are those of the contract, each row with its person, and those about the submissions.

    cut: each centre counts with its latest submission dated on or before this day; None is the date of the latest.
    known: only submissions that had arrived by the end of this day (UTC); None is all.
    A person whom two centres know under one link key is one person, under the id of the centre that enrolled first;
    a row that both have sent counts once, from that centre.
    Raises UserError if no centre had sent anything by then.
    """
    if not study.database.is_file() and not study.head.is_file():
        raise _nothing(study, cut, known)
    with changing(study, "freeze", wait_seconds=wait_seconds, resume=False) as change:
        connection = change.connection
        if cut is None:
            latest = connection.execute(_sql("latest_date"), {"known": known}).fetchall()
            cut = latest[0][0]
        if cut is None:
            raise _nothing(study, cut, known)
        when = {"cut": cut, "known": known}
        submissions = connection.sql(_sql("latest_submission"), params=when).to_arrow_table()
        if submissions.num_rows == 0:
            raise _nothing(study, cut, known)
        linked = connection.sql(_in_force("linked_persons"), params=when).to_arrow_table()
        connection.register("linked", linked)
        tables = {name: _rows(connection, name, when, linked=linked.num_rows > 0) for name in contract()}
        connection.unregister("linked")
        between = {"rule_result": {"between": [rule.id for rule in between_rules()]}}
        for name in ABOUT_SUBMISSIONS:
            settings = {**when, **between.get(name, {})}
            tables[name] = connection.sql(_in_force(name), params=settings).to_arrow_table()
    return cut, tables, submissions


def _rows(connection: duckdb.DuckDBPyConnection, name: str, when: dict[str, date | None], *, linked: bool) -> pa.Table:
    columns = [column for column, _ in snapshot_columns(contract()[name])[3:]]
    if not linked:
        query = _in_force("rows")
    else:
        special = {"patient": "linked_patient", "follow_up": "linked_follow_up"}
        query = _in_force(special.get(name, "linked_rows"))
        keys = [f't."{key}"' for key in contract()[name].key if key != "patient_id"]
        query = query.replace("{keys}", ", ".join(["person_id", *keys]))
    named = ", ".join(f't."{column}"' for column in columns)
    return connection.sql(query.replace("{table}", name).replace("{columns}", named), params=when).to_arrow_table()


def _in_force(name: str) -> str:
    """Return a query with the submissions in force in it."""
    return _sql(name).replace("{in_force}", _sql("latest_submission"))


def _nothing(study: Study, cut: date | None, known: date | None) -> UserError:
    when = f" that is dated on or before {cut}" if cut else ""
    when += f"{' and' if when else ' that'} had arrived by {known}" if known else ""
    return UserError(
        str(study.database),
        seen=f"No submission has been taken in{when}.",
        expected="Expected at least one centre's submission.",
        advice="Take submissions in with 'myoregistry add FOLDER...', or choose a later day.",
        state="Nothing was frozen.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )


@cache
def _sql(name: str) -> str:
    return files("registry").joinpath("sql", "snapshot", f"{name}.sql").read_text(encoding="utf-8")
