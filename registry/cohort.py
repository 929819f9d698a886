"""Named inclusion steps over a snapshot: who is compared, how many were lost at each step, and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from registry.errors import ExitCode, UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import duckdb
    import pandas as pd

    from registry.snapshot import Snapshot
    from registry.study import Study

Users = Literal["incident", "all"]

ARM_KNOWN_FROM = "step_3_first_agent"
"""From this step on every remaining person has an arm, so that counts by arm mean something."""

VISIT_TABLES = (
    "visit",
    "lab_multiple",
    "tis",
    "prednisone_equivalent",
    "infusion",
    "infusion_reaction",
    "serious_infection",
    "event",
)
_DATE_COLUMN = {"serious_infection": "start_date", "event": "start_date"}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One inclusion step and what it cost.

    reasons: persons lost by reason, most frequent first. by_arm: persons left by arm; None before the arm is known.
    """

    name: str
    label: str
    remaining: int
    lost: int
    reasons: Mapping[str, int]
    by_arm: Mapping[str, int] | None


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Who is compared: persons by arm of time zero, with covariates, outcomes and what was measured.

    patients: one row a person, sorted by person_id; days count from time zero. tables: visit-level tables of these
    persons with arm, centre and day, from the first day to the end of follow-up (before time zero day is negative).
    centres: one row a centre of the study. digest: SHA-256 of who is in and why the others are not.
    """

    name: Users
    snapshot_id: str
    data_cut: date
    digest: str
    steps: tuple[Step, ...]
    patients: pd.DataFrame = field(repr=False)
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    centres: pd.DataFrame = field(repr=False)
    software: Mapping[str, str] = field(repr=False)


@cache
def _sql() -> Mapping[str, str]:
    folder = files("registry").joinpath("sql", "cohort")
    paths = sorted((p for p in folder.iterdir() if p.name.endswith(".sql")), key=lambda p: p.name)
    return {path.name.removesuffix(".sql"): path.read_text(encoding="utf-8") for path in paths}


def select_cohort(snapshot: Snapshot, study: Study, *, users: Users = "incident") -> Cohort:
    """Return the cohort of a snapshot.

    users: "incident" keeps those enrolled by rule incident_window_days after time zero (primary analysis); "all" also
    keeps prevalent users, who are at risk from the day of their enrolment (entry_day).
    Raises UserError if the study's thresholds are no longer those that the snapshot was frozen with, or if nobody is
    left.
    """
    same_rules(snapshot, study)
    with snapshot.connect() as connection:
        steps = attrition(connection, users=users)
        if steps[-1].remaining == 0:
            raise _nobody(snapshot, steps)
        patients = connection.execute(_sql()["patients"]).fetch_df()
        patients.insert(3, "comparator", (patients["arm"] != study.analysis.reference).astype(float))
        tables = {name: _visit_table(connection, name) for name in VISIT_TABLES}
        centres = _centres(connection, study)
    digest = hashlib.sha256()
    for step in steps:
        digest.update(f"{step.name}|{step.remaining}|{sorted(step.reasons.items())}\n".encode())
    digest.update("\n".join(patients["person_id"] + "|" + patients["arm"]).encode())
    return Cohort(
        name=users,
        snapshot_id=snapshot.id,
        data_cut=snapshot.cut,
        digest=digest.hexdigest(),
        steps=tuple(steps),
        patients=patients,
        tables=MappingProxyType(tables),
        centres=centres,
        software=MappingProxyType(dict(snapshot.manifest["software"])),
    )


def same_rules(snapshot: Snapshot, study: Study) -> None:
    """Raise UserError if the study's thresholds are no longer those that the snapshot was frozen with."""
    frozen = snapshot.manifest["rules"]
    now = {name: rule.model_dump(mode="json") for name, rule in study.rules.rules.items()}
    changed = sorted(name for name in now if frozen.get(name, {}).get("value") != now[name]["value"])
    if changed:
        raise UserError(
            str(study.folder / "study.toml"),
            seen=f"Thresholds differ from those of snapshot {snapshot.id}: {', '.join(changed)}.",
            expected="Expected the thresholds with which the snapshot was frozen.",
            advice="Freeze again with 'myoregistry freeze'; the new snapshot has a new id.",
            state="Nothing was analysed.",
            exit_code=ExitCode.BAD_STUDY,
        )


def attrition(connection: duckdb.DuckDBPyConnection, *, users: Users) -> list[Step]:
    """Take the inclusion steps in order and return them; the table remaining then holds who is left.

    connection: where the tables of a snapshot stand.
    """
    connection.execute("CREATE TABLE remaining AS SELECT person_id FROM patient")
    [(remaining,)] = connection.execute("SELECT count(*) FROM remaining").fetchall()
    steps = [Step(name="registered", label="Registered", remaining=remaining, lost=0, reasons={}, by_arm=None)]
    names = [name for name in _sql() if name.startswith("step_")]
    if users == "all":
        names = [name for name in names if not name.endswith("_incident")]
    for name in names:
        sql = _sql()[name]
        connection.execute(f"CREATE TABLE lost AS SELECT * FROM ({sql}) JOIN remaining USING (person_id)")
        reasons = dict(
            connection.execute(
                "SELECT reason, count(*) FROM lost GROUP BY reason ORDER BY count(*) DESC, reason"
            ).fetchall()
        )
        connection.execute("DELETE FROM remaining WHERE person_id IN (SELECT person_id FROM lost)")
        connection.execute("DROP TABLE lost")
        lost = sum(reasons.values())
        remaining -= lost
        by_arm = None
        if name >= ARM_KNOWN_FROM:
            counted = connection.execute(
                "SELECT arm, count(*) FROM remaining JOIN time_zero USING (person_id) GROUP BY arm"
            ).fetchall()
            by_arm = {arm: dict(counted).get(arm, 0) for arm in ("ivig", "rituximab")}
        label = sql.splitlines()[0].removeprefix("--").strip()
        steps.append(
            Step(
                name=name, label=label, remaining=remaining, lost=lost, reasons=MappingProxyType(reasons), by_arm=by_arm
            )
        )
    return steps


def _nobody(snapshot: Snapshot, steps: list[Step]) -> UserError:
    lost = "; ".join(f"{step.label}: {step.lost} lost" for step in steps if step.lost)
    return UserError(
        f"snapshot {snapshot.id}",
        seen=f"Of {steps[0].remaining} registered persons nobody is left. {lost}.",
        expected="Expected at least one person who meets every inclusion step.",
        advice="Look at the reasons above; the steps stand in registry/sql/cohort.",
        state="Nothing was analysed.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )


def _visit_table(connection: duckdb.DuckDBPyConnection, name: str) -> pd.DataFrame:
    date_column = _DATE_COLUMN.get(name, "date")
    own = {column for (column, *_) in connection.execute(f'DESCRIBE "{name}"').fetchall()}
    without = ", ".join(sorted(own & {"centre", "day"}))
    columns = f"t.* EXCLUDE ({without})" if without else "t.*"
    return connection.execute(
        f"SELECT {columns}, p.centre, z.arm, t.{date_column} - z.time_zero_date AS day "
        f'FROM "{name}" t JOIN remaining USING (person_id) JOIN time_zero z USING (person_id) '
        "JOIN patient p USING (person_id) JOIN end_of_follow_up e USING (person_id) "
        f"WHERE t.{date_column} <= e.end_date ORDER BY t.person_id, day, t.record"
    ).fetch_df()


def _centres(connection: duckdb.DuckDBPyConnection, study: Study) -> pd.DataFrame:
    counted = connection.execute(_sql()["centres"]).fetch_df().set_index("centre")
    codes = [centre.code for centre in study.centres]
    frame = counted.reindex(sorted({*codes, *counted.index}))
    frame.insert(0, "name", frame.index.map({c.code: c.name for c in study.centres}).fillna(""))
    numbers = ["accepted", "quarantined", "registered", "ivig", "rituximab"]
    frame[numbers] = frame[numbers].fillna(0).astype(int)
    return frame.reset_index(names="code")
