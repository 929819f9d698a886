"""The rules of the contract that pandera can express, for benchmarks/checking.py.

Types, required values, codes, patterns, limits of columns, limits by analyte, key duplicates, persons without a row,
and conditions across columns and on the person's own dates. It cannot say which rows wait for their person's row, or
what a value would be in another unit, and rules on rows beside others are not tried; leaving them out is in its favour.
"""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.pandas as pa

from registry.contract import codelist, contract

if TYPE_CHECKING:
    from pathlib import Path

    from registry.contract import Column, Table

SUBMITTED = pd.Timestamp("2026-06-30")
ORDER = ("patient", "follow_up", "antibody", "course", "infusion", "visit", "lab", "event")


def run(folder: Path) -> dict[str, float]:
    """Read the tables of a submission and validate them, every failure collected; return seconds and counts."""
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    text = {
        name: pd.read_csv(folder / contract()[name].file, dtype="str", keep_default_na=False, na_values=[""])
        for name in ORDER
    }
    read, processor = time.perf_counter(), time.process_time()
    rules = refused = 0
    frames: dict[str, pd.DataFrame] = {}
    for name in ORDER:
        table = contract()[name]
        frame = _typed(table, text[name])
        frames[name] = frame
        schema = _schema(table, frames)
        rules += sum(len(column.checks) + 2 for column in schema.columns.values()) + len(schema.checks)
        try:
            schema.validate(_with_person(name, frame, frames), lazy=True)
        except pa.errors.SchemaErrors as error:
            refused += error.failure_cases["index"].nunique()
    stop = time.perf_counter()
    cpu = time.process_time() - processor
    return {"read": read - start, "check": stop - read, "cpu": cpu, "rules": rules, "tested": rules, "refused": refused}


def _typed(table: Table, text: pd.DataFrame) -> pd.DataFrame:
    """Return typed columns; what cannot be read becomes missing, and <column>_unread says so."""
    columns: dict[str, Any] = {}
    for column in table.columns:
        if column.name not in text:
            continue
        sent = text[column.name]
        if column.type == "date":
            columns[column.name] = pd.to_datetime(sent, format="%Y-%m-%d", errors="coerce")
        elif column.type in {"integer", "decimal"}:
            columns[column.name] = pd.to_numeric(sent, errors="coerce").astype("float64")
        else:
            columns[column.name] = sent
        if column.type not in {"text", "code"}:
            columns[f"{column.name}_unread"] = sent.notna() & columns[column.name].isna()
    return pd.DataFrame(columns)


def _with_person(name: str, frame: pd.DataFrame, frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a table with the dates of its persons."""
    if name == "patient":
        return frame
    person = frames["patient"].drop_duplicates("patient_id").set_index("patient_id")
    last = frames["follow_up"].drop_duplicates("patient_id").set_index("patient_id")
    return frame.assign(
        person_birth_year=frame["patient_id"].map(person["birth_year"]),
        person_onset=frame["patient_id"].map(person["onset_date"]),
        person_death=frame["patient_id"].map(last["death_date"]),
    )


def _schema(table: Table, frames: dict[str, pd.DataFrame]) -> pa.DataFrameSchema:
    columns = {column.name: _column(column, frames) for column in table.columns if column.name in frames[table.table]}
    for column in table.columns:
        if f"{column.name}_unread" in frames[table.table]:
            columns[f"{column.name}_unread"] = pa.Column(bool, pa.Check.isin([False]))
    return pa.DataFrameSchema(columns, checks=_across(table), unique=list(table.key))


def _column(column: Column, frames: dict[str, pd.DataFrame]) -> pa.Column:
    checks = []
    if column.type == "code":
        checks.append(pa.Check.isin(column.allowed()))
    if column.pattern:
        checks.append(pa.Check.str_matches(f"^{column.pattern}$"))
    if column.hard:
        checks.append(pa.Check.in_range(float(column.hard[0]), float(column.hard[1])))
    if column.soft:
        checks.append(pa.Check.in_range(float(column.soft[0]), float(column.soft[1])))
    if column.type == "date":
        checks.append(pa.Check.le(SUBMITTED))
    if column.step:
        step = float(column.step)
        checks.append(pa.Check(lambda values: values.isna() | (values % step == 0)))
    if column.references and "patient" in frames:
        checks.append(pa.Check.isin(set(frames["patient"]["patient_id"])))
    kind = {"date": "datetime64[ns]", "integer": "float64", "decimal": "float64"}.get(column.type, "str")
    return pa.Column(kind, checks, nullable=not column.required, coerce=True)


def _across(table: Table) -> list[pa.Check]:
    """Return the checks that need several columns."""
    name, checks = table.table, []
    for column in table.columns:
        if column.type == "date":
            birth = "birth_year" if name == "patient" else "person_birth_year"
            checks.append(_holds(lambda f, d=column.name, b=birth: f[d].dt.year >= f[b], column.name, birth))
    day = {"lab": "date", "visit": "date", "infusion": "date", "course": "start_date", "event": "start_date"}.get(name)
    if day:
        checks.append(_holds(lambda f: f[day] <= f["person_death"], day, "person_death"))
    if name in {"course", "infusion"}:
        checks.append(_holds(lambda f: f[day] >= f["person_onset"], str(day), "person_onset"))
    if name in {"course", "event"}:
        checks.append(_holds(lambda f: f["stop_date"] >= f["start_date"], "stop_date", "start_date"))
    if name == "visit":
        checks.append(_holds(lambda f: f["mmt8"] <= f["mmt_maximum"], "mmt8", "mmt_maximum"))
        checks.append(_holds(lambda f: ~((f["mmt8"] == f["mmt_maximum"]) & (f["phga"] >= 7)), "mmt8", "phga"))
        checks.append(_holds(lambda f: (f["weight"] / (f["height"] / 100) ** 2).between(14, 60), "weight", "height"))
    if name == "lab":
        checks += _lab_checks()
    return checks


def _lab_checks() -> list[pa.Check]:
    limits = pd.DataFrame(codelist("analytes")).set_index("analyte").replace("", None)
    unit = {row["unit"]: row["canonical_unit"] for row in codelist("units")}
    factor = {row["unit"]: float(row["factor"]) for row in codelist("units")}
    checks = [
        _holds(lambda f: f["uln"] > f["lln"], "uln", "lln"),
        _holds(lambda f: f["uln"] > 0, "uln"),
        _holds(lambda f: f["unit"].map(unit) == f["analyte"].map(limits["unit"]), "unit", "analyte"),
    ]
    for value, prefix in (("value", "hard_"), ("value", "soft_"), ("uln", "uln_soft_")):
        low, high = (limits[f"{prefix}{end}"].astype("float64") for end in ("low", "high"))
        checks.append(
            _holds(
                lambda f, v=value, low=low, high=high: (
                    (f[v] * f["unit"].map(factor)).between(f["analyte"].map(low), f["analyte"].map(high))
                    | f["analyte"].map(low).isna()
                ),
                value,
                "unit",
                "analyte",
            )
        )
    return checks


def _holds(condition: Any, *needed: str) -> pa.Check:  # noqa: ANN401  (a function of a frame)
    """Return a check of rows in which every needed column is filled."""
    return pa.Check(lambda frame: condition(frame) | frame[list(needed)].isna().any(axis=1))
