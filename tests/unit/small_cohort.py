"""Cohorts made by hand, and one of 300 persons drawn with a fixed seed, for tests of questions."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from registry.cohort import Cohort
from registry.study import Analysis, Study

if TYPE_CHECKING:
    from collections.abc import Sequence

COVARIATES = ("age_decades", "ild")
ID_BARS = 4
BLANK: dict[str, Any] = {
    "centre": "lyon",
    "arm": "ivig",
    "entry_day": 0,
    "end_day": 740,
    "end_reason": "data cut",
    "age_decades": 5.0,
    "ild": 0.0,
    "scorable": True,
    "response_20_day": np.nan,
    "response_40_day": np.nan,
    "response_60_day": np.nan,
    "failure_day": np.nan,
    "failure_component": None,
}


def study(**analysis: Any) -> Study:
    """Return a study of three centres with two covariates."""
    centres = [{"code": code, "name": code.title()} for code in ("leuven", "lyon", "porto")]
    settings = {"covariates": COVARIATES, "minimum_centre_size": 5, **analysis}
    return Study.model_validate(
        {"folder": Path(), "name": "s", "title": "S", "centre": centres, "analysis": Analysis(**settings)}
    )


def cohort(persons: Sequence[dict[str, Any]], *, users: str = "incident", reference: str = "ivig") -> Cohort:
    """Return a cohort; a person is what differs from BLANK."""
    patients = pd.DataFrame([{"person_id": f"p{i:03d}", **BLANK, **person} for i, person in enumerate(persons)])
    patients["comparator"] = (patients["arm"] != reference).astype(float)
    return cohort_of(patients, users=users)


def cohort_of(patients: pd.DataFrame, *, users: str = "incident") -> Cohort:
    """Return a cohort of a frame of patients."""
    return Cohort(
        name=users,  # type: ignore[arg-type]
        snapshot_id="0123456789abcdef",
        data_cut=date(2026, 6, 30),
        digest="f" * 64,
        steps=(),
        patients=patients,
        tables={},
        centres=pd.DataFrame(),
        software={"R": "none"},
    )


def drawn(size: int = 300, *, seed: int = 1, ratio: float = 0.6, prevalent: bool = False) -> Cohort:
    """Return a cohort with a true hazard ratio of response, three centres of unlike size and three missing values."""
    rng = np.random.default_rng(seed)
    arm = rng.choice(["ivig", "rituximab"], size)
    ild = rng.integers(0, 2, size).astype(float)
    age = rng.normal(5.4, 1.2, size).round(1)
    hazard = 0.004 * np.where(arm == "rituximab", ratio, 1.0) * np.exp(0.3 * ild + 0.1 * (age - 5.4))
    days = np.ceil(rng.exponential(1 / hazard)).astype(int)
    end = rng.integers(60, 1100, size)
    happened = np.where(days <= end, days, np.nan)
    late = rng.integers(40, 200, size) * (rng.random(size) < 0.4)
    ild[:3] = np.nan
    frame = pd.DataFrame(
        {
            "person_id": [f"p{i:04d}" for i in range(size)],
            **{name: [value] * size for name, value in BLANK.items()},
        }
    ).assign(
        centre=rng.choice(["lyon", "leuven", "porto"], size, p=[0.6, 0.35, 0.05]),
        arm=arm,
        age_decades=age,
        ild=ild,
        end_day=end,
        end_reason=rng.choice(["data cut", "lost", "death", "withdrawn", "last seen"], size),
        response_20_day=np.where(np.isnan(happened), np.nan, np.ceil(happened / 2)),
        response_40_day=happened,
        response_60_day=np.where(happened * 2 <= end, happened * 2, np.nan),
        failure_day=np.where(days * 1.5 <= end, np.ceil(days * 1.5), np.nan),
        comparator=(arm != "ivig").astype(float),
    )
    frame["failure_component"] = np.where(
        frame["failure_day"].notna(), rng.choice(["deterioration", "inefficacy", "no response"], size), None
    )
    if prevalent:
        frame["entry_day"] = np.minimum(late, frame["end_day"] - 1)
    return cohort_of(frame, users="all" if prevalent else "incident")


def documented_ids(text: str, names: dict[str, Sequence[str]]) -> set[str]:
    """Return the ids that the first lines of a question's module promise.

    A promise is an indented line "topic|level|group|statistic|month  remark"; a part like "ARM, all" stands for every
    name that names gives to ARM, and for all.
    """
    promised: set[str] = set()
    for line in text.splitlines():
        head = line.strip()
        if not line.startswith("    ") or head.count("|") < ID_BARS:
            continue
        parts = head.split("|", ID_BARS)
        parts[ID_BARS] = parts[ID_BARS].split(" ")[0]
        ids = [""]
        for place, part in enumerate(parts):
            ids = [f"{one}{'|' if place else ''}{choice}" for one in ids for choice in _choices(part, names)]
        promised.update(ids)
    return promised


def _choices(part: str, names: dict[str, Sequence[str]]) -> list[str]:
    if part in names:
        return list(names[part])
    if part.endswith(", all") and part.removesuffix(", all") in names:
        return [*names[part.removesuffix(", all")], "all"]
    return [part]
