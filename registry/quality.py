"""What data quality is computed from: counts by centre, read from a snapshot."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from registry.cohort import same_rules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import duckdb
    import pandas as pd

    from registry.rules import Rules
    from registry.snapshot import Snapshot
    from registry.study import Study

PARTS = ("completeness", "timeliness", "uln_period", "uln_multiple")
STORED = ("rule_result", "submission_change", "submission")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What the centres sent, counted.

    centres: codes of those of the study and of those that sent something, sorted. tables: by the name of their SQL file
    in registry/sql/quality, and rule_result, submission_change and submission as the snapshot has them.
    registered: persons by centre.
    """

    snapshot_id: str
    data_cut: date
    centres: tuple[str, ...]
    registered: Mapping[str, int]
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    rules: Rules = field(repr=False)
    software: Mapping[str, str] = field(repr=False)


def read_sent(snapshot: Snapshot, study: Study) -> Sent:
    """Return what the centres sent, counted from a snapshot.

    Raises UserError if the study's thresholds are no longer those that the snapshot was frozen with.
    """
    same_rules(snapshot, study)
    with snapshot.connect() as connection:
        tables = {name: quality_table(connection, name) for name in PARTS}
        tables |= {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY ALL').fetch_df() for name in STORED}
        registered = dict(
            connection.execute("SELECT centre, count(*) FROM patient GROUP BY centre ORDER BY centre").fetchall()
        )
    return Sent(
        snapshot_id=snapshot.id,
        data_cut=snapshot.cut,
        centres=tuple(sorted({*(centre.code for centre in study.centres), *tables["submission"]["centre"]})),
        registered=registered,
        tables=tables,
        rules=study.rules,
        software=dict(snapshot.manifest["software"]),
    )


def quality_table(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    """Return one table of registry/sql/quality; connection: where the tables of a snapshot stand."""
    return connection.execute(_sql()[name]).fetch_df()


@cache
def _sql() -> Mapping[str, str]:
    folder = files("registry").joinpath("sql", "quality")
    return {name: folder.joinpath(f"{name}.sql").read_text(encoding="utf-8") for name in PARTS}
