"""In how many of 100 simulated studies the truth of the simulator lies in the 95 % interval of an estimate.

python benchmarks/coverage.py [--studies 100] [--patients 240] [--centres 12] [--processes 2] [--first-seed 1]

Each study goes from the simulator's frames through harmonisation, concepts and inclusion steps to the answers of the
questions; only files, checks and the store are left out. Beside the coverage stand the mean error and its spread over
the studies against the mean standard error that the intervals claim: a spread of errors above the claim means that the
intervals are too narrow, a mean error that is large beside it means bias.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analyses import failure, response, trajectory
from analyses.longitudinal_measures import MEASURES
from analyses.longitudinal_sensitivity import CONTINUOUS, FIXED, RANDOM
from analyses.result import Estimate
from registry.checking.harmonise import staging_sql
from registry.cohort import select_cohort
from registry.concepts import derive, prepare
from registry.contract import contract, snapshot_columns
from registry.simulate import default_scenario, draw
from registry.simulation.truth import truth
from registry.snapshot import Snapshot, software
from registry.study import Study

if TYPE_CHECKING:
    from registry.contract import Table

Z = 1.959963984540054
MONTHS = (1, 3, 6, 12, 24)
HAZARD_RATIO = "Hazard ratio|adjusted, stratified by centre|all|hazard ratio|"
# The primary model of measures over time, and those beside it.
MODELS = {"": "Difference", ", centre fixed": FIXED, ", centre random": RANDOM, ", spline": CONTINUOUS}
# line of the table (name of the truth, and which model): Result, id of the number, whether the logarithm is compared
ESTIMANDS = {
    "response_40.log_hazard_ratio": ("response", HAZARD_RATIO, True),
    "failure.log_hazard_ratio": ("failure", HAZARD_RATIO, True),
    **{
        f"{measure.baseline}.difference.month_{month}{model}": (
            f"trajectory_{name}", f"{topic}|rituximab minus ivig|all|difference|{month}", False,
        )
        for name, measure in MEASURES.items()
        for model, topic in MODELS.items()
        if name in {"ldh", "mmt8"} or not model
        for month in MONTHS
    },
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class InMemory(Snapshot):
    """A snapshot that was never written: its one connection holds the tables."""

    connection: duckdb.DuckDBPyConnection

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return the connection; it is closed by whoever reads it."""
        return self.connection


def text(column: pd.Series, kind: str) -> pd.Series:
    """Return a column as a centre would write it; missing stays missing."""
    if kind == "date":
        return column.dt.strftime("%Y-%m-%d").astype(object).where(column.notna(), None)
    if kind in {"integer", "decimal"}:
        write = "{:.0f}" if kind == "integer" else "{:.6f}"
        return column.map(lambda x: None if pd.isna(x) else write.format(x)).astype(object)
    return column.astype(object).where(column.notna(), None)


def load(connection: duckdb.DuckDBPyConnection, table: Table, frame: pd.DataFrame) -> None:
    """Create a table of a snapshot from a frame of the simulator, through the registry's own conversion of units."""
    sent = pd.DataFrame({column.name: text(frame[column.name], column.type) for column in table.columns})
    sent.insert(0, "line", range(2, len(sent) + 2))
    connection.register("frame", sent)
    casts = ", ".join(f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in table.names)
    place = 'line, line AS "at"'
    connection.execute(f"CREATE TEMP TABLE sent AS SELECT {place}, {casts} FROM frame")  # noqa: S608  (contract's names)
    connection.register("centres", pd.DataFrame({"line": sent["line"], "centre": frame["centre"].astype(object)}))
    columns = ", ".join(f't."{name}"' for name, _ in snapshot_columns(table)[3:])
    harmonised = staging_sql(table, {}, source="sent")
    connection.execute(
        f"""CREATE TABLE "{table.table}" AS
        SELECT c.centre || '/' || t.patient_id AS person_id, c.centre, '{table.file}:' || t.line AS record, {columns}
        FROM ({harmonised}) t JOIN centres c USING (line) ORDER BY ALL"""  # noqa: S608  (the contract's names)
    )
    connection.execute("DROP TABLE sent")


def frozen(study: Study, frames: dict[str, pd.DataFrame]) -> InMemory:
    """Return a snapshot of simulated frames as of the simulator's data date."""
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for name, table in contract().items():
        load(connection, table, frames[name])
    cut = default_scenario().day("data_date")
    prepare(connection, rules=study.rules, cut=cut)
    derive(connection)
    # what inclusion steps ask of submissions: one a centre
    connection.execute(
        "CREATE TABLE submission AS SELECT centre, CAST(? AS DATE) AS date, 0 AS accepted, 0 AS quarantined, "
        "0 AS queries FROM patient GROUP BY centre ORDER BY centre",
        [cut],
    )
    rules = {name: rule.model_dump(mode="json") for name, rule in study.rules.rules.items()}
    manifest = {"rules": rules, "software": software(), "tables": {}}
    return InMemory(id="simulated", folder=Path(), cut=cut, manifest=manifest, connection=connection)


def answers(seed: int, *, patients: int, centres: int) -> dict[str, tuple[float, float, float]]:
    """Return estimate and limits of every estimand in one simulated study; without those that it cannot estimate."""
    frames = draw(patients, centres, seed)
    codes = sorted(frames["patient"]["centre"].unique())
    study = Study.model_validate(
        {"folder": Path(), "name": "s", "title": "S", "centre": [{"code": c, "name": c} for c in codes]}
    )
    cohort = select_cohort(frozen(study, frames), study)
    results = {
        "response": response.answer(cohort, study),
        "failure": failure.answer(cohort, study),
        **{f"trajectory_{name}": trajectory.answer(cohort, study, outcome=name) for name in MEASURES},
    }
    out = {"persons": (float(len(cohort.patients)), math.nan, math.nan)}
    for name, (result, identifier, logarithm) in ESTIMANDS.items():
        value = results[result][identifier]
        if isinstance(value, Estimate):
            numbers = (value.value, value.low, value.high)
            out[name] = tuple(math.log(x) for x in numbers) if logarithm else numbers  # type: ignore[assignment]
    return out


def line(name: str, true: float, found: list[tuple[float, float, float]]) -> str:
    """Return the coverage of one estimand as a line of the table."""
    value, low, high = (np.array(numbers) for numbers in zip(*found, strict=True))
    covered = int(((low <= true) & (true <= high)).sum())
    claimed = float(((high - low) / (2 * Z)).mean())
    return (
        f"{name:<48}{true:>9.3f}{covered:>6}/{len(found):<4}{np.mean(value - true):>10.3f}"
        f"{value.std(ddof=1):>10.3f}{claimed:>10.3f}"
    )


def main() -> None:
    """Print a table of coverage."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, number in (("studies", 100), ("patients", 240), ("centres", 12), ("processes", 2), ("first-seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    # The processes share the cores; threads of linear algebra inside them would only get in each other's way.
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    start = time.perf_counter()
    seeds = range(options.first_seed, options.first_seed + options.studies)
    work = partial(answers, patients=options.patients, centres=options.centres)
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        studies = list(pool.map(work, seeds))
    persons = np.mean([study["persons"][0] for study in studies])
    print(f"{options.studies} studies of {options.patients} patients, {persons:.0f} of them in the cohort on average")
    print(f"{'truth':<48}{'value':>9}{'covered':>10}{'error':>11}{'spread':>10}{'claimed':>10}")
    true = {one.name: one.value for one in truth(default_scenario())}
    for name in ESTIMANDS:
        found = [study[name] for study in studies if name in study]
        print(line(name, true[name.split(",")[0]], found) if len(found) > 1 else f"{name:<48}not estimable")
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
