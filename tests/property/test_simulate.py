"""Whatever the seed, what can be found in the files of a simulated study is the latent truth, to the day.

The score, deterioration and the checks of dates are worked out here from the text of the files, with fractions, and
share no code with the registry or with the simulator.
"""

from __future__ import annotations

import csv
import tomllib
from collections import defaultdict
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.contract import contract
from registry.simulate import default_scenario, draw, simulate

if TYPE_CHECKING:
    from pathlib import Path

FEW = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# 2016 ACR/EULAR total improvement score: upper edges in per cent of the range, and points of the bands.
COMMON = (5, 15, 25, 40)
BANDS: dict[str, tuple[tuple[int, ...], tuple[Fraction | int, ...]]] = {
    "phga": (COMMON, (0, Fraction(15, 2), 15, Fraction(35, 2), 20)),
    "ptga": (COMMON, (0, Fraction(5, 2), 5, Fraction(15, 2), 10)),
    "mmt8": ((2, 10, 20, 30), (0, 10, 20, Fraction(55, 2), Fraction(65, 2))),
    "haq": (COMMON, (0, 5, Fraction(15, 2), Fraction(15, 2), 10)),
    "enzyme": (COMMON, (0, Fraction(5, 2), 5, Fraction(15, 2), Fraction(15, 2))),
    "exga": (COMMON, (0, Fraction(15, 2), Fraction(25, 2), 15, 20)),
}
RANGES = {"phga": 10, "ptga": 10, "exga": 10, "mmt8": 150, "haq": 3}
ENZYMES = {"CK": 15, "LDH": 3, "aldolase": 6, "AST": 3, "ALT": 3}
WORSE_VAS, NO_RESPONSE_DAY = 2, 168
WARNING_DAYS = 21

Measures = dict[str, Fraction]


def points(measure: str, improvement: Fraction, scale: Fraction) -> Fraction:
    """Return the points of an improvement: bands open below and closed above."""
    edges, values = BANDS[measure]
    return Fraction(values[sum(100 * improvement > edge * scale for edge in edges)])


def score(first: Measures, now: Measures) -> tuple[Fraction, Fraction]:
    """Return the lowest and the highest total that the missing measures allow."""
    low = high = Fraction(0)
    for measure in BANDS:
        name = first_enzyme(first) if measure == "enzyme" else measure
        scale = Fraction(ENZYMES[name] if measure == "enzyme" else RANGES[measure])
        if name not in first or name not in now:
            high += BANDS[measure][1][-1]
            continue
        gain = now[name] - first[name] if measure == "mmt8" else first[name] - now[name]
        low, high = low + points(measure, gain, scale), high + points(measure, gain, scale)
    return low, high


def first_enzyme(first: Measures) -> str:
    """Return the most abnormal enzyme at baseline, in multiples of its upper limit."""
    return max(
        (name for name in ("CK", "aldolase", "LDH", "AST", "ALT") if name in first), key=lambda name: first[name]
    )


def worse(first: Measures, now: Measures) -> bool:
    """Return whether a visit counts as worse than baseline."""
    rises = {m: now[m] - first[m] for m in ("phga", "ptga", "haq", "exga") if m in now and m in first}
    loss = first["mmt8"] - now["mmt8"]
    by_a_third = sum(rise * 10 >= 3 * first[m] for m, rise in rises.items() if first[m] > 0)
    by_a_third += loss * 10 >= 3 * first["mmt8"]
    weaker = rises["phga"] >= WORSE_VAS and loss * 5 >= first["mmt8"]
    return weaker or rises["exga"] >= WORSE_VAS or by_a_third >= 3


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def measures_of(folder: Path) -> dict[str, dict[date, Measures]]:
    """Return what was measured by patient and day: scales in cm, enzymes in multiples of their upper limit."""
    units = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8")).get("units", {})
    out: dict[str, dict[date, Measures]] = defaultdict(dict)
    for row in rows_of(folder, "visit"):
        values = {name: Fraction(row[name]) for name in RANGES if row[name]}
        for name in ("phga", "ptga", "exga"):
            if units.get(f"visit.{name}") == "mm" and name in values:
                values[name] /= 10
        assert row["mmt_maximum"] == "150"
        out[row["patient_id"]][date.fromisoformat(row["date"])] = values
    limits: dict[str, Fraction] = {}
    labs = [row for row in rows_of(folder, "lab") if row["analyte"] in ENZYMES]
    for row in labs:
        if row["uln"]:
            limits[row["analyte"]] = Fraction(row["uln"])
    for row in labs:
        # A lab of a visit has the visit's date; only AST may lack its limit, which does not depend on sex.
        limit = Fraction(row["uln"]) if row["uln"] else limits["AST"]
        assert row["uln"] or row["analyte"] == "AST"
        out[row["patient_id"]][date.fromisoformat(row["date"])][row["analyte"]] = Fraction(row["value"]) / limit
    return out


def first_agent_starts(folder: Path) -> dict[str, date]:
    """Return the day of the first course of either agent that is not replacement."""
    out: dict[str, date] = {}
    for row in rows_of(folder, "course"):
        if row["agent"] in {"ivig", "rituximab"} and row["intent"] == "immunomodulatory":
            day = date.fromisoformat(row["start_date"])
            out[row["patient_id"]] = min(day, out.get(row["patient_id"], day))
    return out


def expected_days(patients: int, centres: int, seed: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the latent truth of those who are not to be excluded, by centre and patient."""
    latent = draw(patients, centres, seed)["latent"]
    kept = latent[latent["excluded"] == ""]
    rows = [{str(name): value for name, value in row.items()} for row in kept.to_dict("records")]
    return {(row["centre"], row["patient_id"]): row for row in rows}


def day_or_none(value: float) -> int | None:
    return None if value != value else int(value)  # noqa: PLR0124  (an empty value is not itself)


def first_response(visits: dict[date, Measures], zero: date, failure: int | None) -> int | None:
    """Return the first day with a lower bound of 40; asserts that a response lasts until shortly before failure."""
    first = visits[baseline_day(visits, zero)]
    seen = None
    for day in sorted(day for day in visits if day > zero):
        low, _ = score(first, visits[day])
        since = (day - zero).days
        if low >= 40 and seen is None:
            seen = since
        if seen is not None and (failure is None or since < failure - WARNING_DAYS):
            assert low >= 40, f"day {since}: a responder scores {low}"
    return seen


def baseline_day(visits: dict[date, Measures], zero: date) -> date:
    """Return the day of the only visit up to time zero, at most 14 days before it, with CK the most abnormal enzyme."""
    [day] = [day for day in visits if day <= zero]
    assert (zero - day).days <= 14
    assert first_enzyme(visits[day]) == "CK"
    return day


def failures(visits: dict[date, Measures], zero: date, stop: tuple[date | None, str], death: date | None) -> set[int]:
    """Return the days of every component: deterioration, no response, inefficacy, death from myositis."""
    first = visits[baseline_day(visits, zero)]
    days = {(day - zero).days for day in (death, stop[0] if stop[1] == "inefficacy" else None) if day is not None}
    later = sorted(day for day in visits if day > zero)
    flags = [worse(first, visits[day]) for day in later]
    days |= {(day - zero).days for i, day in enumerate(later) if i > 0 and flags[i] and flags[i - 1]}
    return days | {
        (day - zero).days for day in later if (day - zero).days >= NO_RESPONSE_DAY and score(first, visits[day])[1] < 20
    }


def last_stop(folder: Path) -> dict[tuple[str, str], tuple[date | None, str]]:
    """Return when and why the last course of either agent ended, by patient and agent; no day while it goes on."""
    rows = [r for r in rows_of(folder, "course") if r["intent"] == "immunomodulatory"]
    return {
        (r["patient_id"], r["agent"]): (
            date.fromisoformat(r["stop_date"]) if r["stop_date"] else None,
            r["stop_reason"],
        )
        for r in sorted(rows, key=lambda r: r["start_date"])
    }


def deaths_from_myositis(folder: Path) -> dict[str, date]:
    rows = rows_of(folder, "follow_up")
    return {r["patient_id"]: date.fromisoformat(r["death_date"]) for r in rows if r["death_cause"] == "myositis"}


@FEW
@given(seed=st.integers(0, 10_000), patients=st.integers(12, 60), centres=st.integers(1, 12))
def test_the_truth_can_be_read_from_the_files(
    tmp_path_factory: pytest.TempPathFactory, seed: int, patients: int, centres: int
) -> None:
    study = simulate(tmp_path_factory.mktemp("study"), patients=patients, centres=centres, seed=seed)
    truths = expected_days(patients, centres, seed)
    for folder in sorted((study / "submissions").iterdir()):
        centre = folder.name.rsplit("-2026", 1)[0]
        measures, zeros = measures_of(folder), first_agent_starts(folder)
        stops, deaths = last_stop(folder), deaths_from_myositis(folder)
        for (code, patient), truth in list(truths.items()):
            if code != centre:
                continue
            visits, zero = measures[patient], zeros[patient]
            response, failure = day_or_none(truth["response_40_day"]), day_or_none(truth["failure_day"])
            assert first_response(visits, zero, failure) == response
            found = failures(visits, zero, stops[patient, truth["arm"]], deaths.get(patient))
            assert min(found, default=None) == failure
            del truths[code, patient]
    assert not truths, "every patient is in one of the submissions"


@FEW
@given(seed=st.integers(0, 10_000), patients=st.integers(12, 60), centres=st.integers(1, 12))
def test_no_key_comes_twice_and_nothing_comes_after_death_or_the_data_date(
    seed: int, patients: int, centres: int
) -> None:
    frames = draw(patients, centres, seed)
    cut = default_scenario().day("data_date").isoformat()
    death = frames["follow_up"].set_index(["centre", "patient_id"])["death_date"].dropna()
    for name, table in contract().items():
        frame = frames[name]
        assert list(frame.columns) == ["centre", *table.names]
        assert not frame.duplicated(["centre", *table.key]).any(), name
        dead = frame.merge(death.rename("died"), left_on=["centre", "patient_id"], right_index=True)
        for day in (c.name for c in table.columns if c.type == "date"):
            assert not (frame[day] > cut).any(), f"{name}.{day}"
            if name not in {"patient", "antibody", "follow_up"}:
                assert not (dead[day] > dead["died"]).any(), f"{name}.{day}"
        for column in (c for c in table.columns if c.required):
            assert not frame[column.name].isna().any(), f"{name}.{column.name}"
        for column in (c for c in table.columns if c.type == "code"):
            assert set(frame[column.name].dropna()) <= set(column.allowed()), f"{name}.{column.name}"
