"""A multicentre registry with a known truth, written as the very files that centres would send."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from registry.errors import UserError
from registry.simulation.centre import centre_sizes, make_centre
from registry.simulation.dirt import add_dirt
from registry.simulation.files import study_toml, write_submission
from registry.simulation.one_centre import STREAMS, simulate_centre
from registry.simulation.scenario import Scenario, default_scenario
from registry.simulation.truth import NOTES, as_plain, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.simulation.centre import Centre
    from registry.simulation.one_centre import Simulated

__all__ = ["Scenario", "default_scenario", "draw", "simulate"]


def simulate(
    folder: Path,
    *,
    patients: int = 240,
    centres: int = 12,
    seed: int = 1,
    scenario: Scenario | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Path:
    """Write a simulated study: submissions/<centre>-<date>/, study.toml and truth.json; returns its folder.

    The same arguments give the same bytes. Raises UserError if the folder holds a study that was not simulated, or if
    there are fewer patients than centres.
    """
    scenario = scenario or default_scenario()
    _prepare(folder)
    day = scenario.day("data_date")
    done: list[Centre] = []
    written = 0
    for simulated in _centres(patients, centres, seed, scenario):
        tables = simulated.tables
        if scenario.number("dirt") > 0:
            tables = add_dirt(simulated.dirt, tables, scenario.number("dirt"))
        write_submission(folder / "submissions", simulated.centre, day, tables)
        done.append(simulated.centre)
        written += simulated.centre.size
        if progress is not None:
            progress(simulated.centre.code, written / patients)
    (folder / "study.toml").write_text(study_toml(done, day), encoding="utf-8", newline="\n")
    content = {
        "patients": patients,
        "centres": centres,
        "seed": seed,
        "notes": NOTES,
        "truth": as_plain(truth(scenario)),
        "assumptions": {name: one.model_dump(mode="json") for name, one in scenario.assumptions.items()},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "truth.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    return folder


def draw(
    patients: int = 240, centres: int = 12, seed: int = 1, scenario: Scenario | None = None
) -> dict[str, pd.DataFrame]:
    """Return the eight tables and "latent" as frames, without files and without bad rows, for studies of coverage.

    The tables have the contract's columns after `centre`; values are those of the files, but visual analogue scales are
    in cm everywhere (lab keeps its unit column). latent has a row a person: centre, patient_id, excluded ("" for those
    whom a cohort should keep), arm, rituximab (0 or 1), incident, entry_day, end_day, response_40_day and failure_day
    (empty if not seen within follow-up), and the covariates under the names of study.analysis.covariates.
    """
    parts = list(_centres(patients, centres, seed, scenario or default_scenario()))
    frames = {}
    for name in parts[0].tables:
        tables = [
            part.tables[name].add_column(0, "centre", pa.repeat(part.centre.code, part.tables[name].num_rows))
            for part in parts
        ]
        frames[name] = pa.concat_tables(tables).to_pandas(date_as_object=False)
    frames["latent"] = pd.concat([part.latent for part in parts], ignore_index=True)
    return frames


def _prepare(folder: Path) -> None:
    """Make the folder, clearing what an earlier simulation wrote; nothing else is ever removed."""
    if (folder / "study.toml").exists() and not (folder / "truth.json").exists():
        raise UserError(
            str(folder),
            seen="The folder holds a study that was not simulated.",
            expected="Expected a new folder, or that of an earlier simulation.",
            advice="Name another folder.",
            state="Nothing was changed.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "truth.json").exists():
        shutil.rmtree(folder / "submissions", ignore_errors=True)


def _centres(patients: int, centres: int, seed: int, scenario: Scenario) -> Iterator[Simulated]:
    """Yield the simulated centres; each has its own random streams, so that none depends on another."""
    try:
        sizes = centre_sizes(patients, centres, scenario.number("largest_centre_share"))
    except ValueError as error:
        raise UserError(
            "simulate",
            seen=f"{error}.",
            expected="Expected at least one patient a centre.",
            advice="Ask for more patients or fewer centres.",
            state="Nothing was written.",
        ) from None
    for number, child in enumerate(np.random.SeedSequence(seed).spawn(centres)):
        streams = dict(zip(STREAMS, (np.random.default_rng(s) for s in child.spawn(len(STREAMS))), strict=True))
        yield simulate_centre(streams, make_centre(streams["centre"], number, sizes[number], scenario), scenario)
