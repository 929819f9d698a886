"""The tables with a row a person, or a few: patient, follow_up and antibody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.contract import contract
from registry.simulation.arrays import EMPTY, keep, stack
from registry.simulation.exclusions import excluded_for
from registry.simulation.people import DIAGNOSES
from registry.simulation.treatment import code

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Ints, Rows
    from registry.simulation.centre import Centre
    from registry.simulation.fate import Fate
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario

ANTIBODIES = contract()["antibody"]["antibody"].allowed()
# The specific antibody that some patients of a diagnosis have: (share, antibodies).
SPECIFIC = {
    "DM": (0.65, ("Mi-2", "TIF1-g", "NXP2", "MDA5", "SAE")),
    "ADM": (0.70, ("MDA5", "TIF1-g", "SAE", "MDA5", "SAE")),
    "PM": (0.15, ("Mi-2", "SRP", "Jo-1", "PL-12", "Mi-2")),
    "ASyS": (1.00, ("Jo-1", "Jo-1", "PL-7", "PL-12", "EJ")),
    "IMNM": (0.85, ("SRP", "HMGCR", "HMGCR", "SRP", "HMGCR")),
    "overlap": (0.10, ("Mi-2", "Jo-1", "PL-7", "Mi-2", "Jo-1")),
}
PANEL = ("Jo-1", "Mi-2", "MDA5", "SRP")


def years_of(day: Ints) -> Ints:
    """Return the calendar years of days since 1970-01-01."""
    return day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def birth_years(rng: np.random.Generator, people: People, fate: Fate, minor: Flags) -> Ints:
    """Return years of birth, from the age at time zero or, for minors, such that they are 10 to 16 years old."""
    age = np.where(minor, rng.integers(10, 17, people.size), people.age.astype(np.int64))
    return years_of(fate.time_zero) - age


def _yes_no(column: str, flags: Flags) -> Ints:
    return np.where(flags, code("patient", column, "yes"), code("patient", column, "no"))


def patient_rows(rng: np.random.Generator, people: People, fate: Fate, duration: Ints, scenario: Scenario) -> Rows:
    """Return the table patient; days are relative to time zero."""
    n = people.size
    minor = excluded_for(people, scenario, "under age")
    cancer = rng.integers(-1500, 1500, n)
    seen = (rng.random(n) < scenario.share("cancer")) & (cancer <= fate.end) & (cancer > -duration - 700)
    return {
        "person": np.arange(n),
        "sex": np.where(people.female, code("patient", "sex", "female"), code("patient", "sex", "male")),
        "birth_year": birth_years(rng, people, fate, minor),
        "diagnosis": people.diagnosis,
        "onset_date": -duration - rng.integers(20, 400, n),
        "diagnosis_date": -duration,
        "enrolled_date": fate.entry,
        "ild": _yes_no("ild", people.ild),
        "dysphagia": _yes_no("dysphagia", people.dysphagia),
        "cancer_date": np.where(seen & ~minor, cancer, EMPTY),
        "consent": _yes_no("consent", ~excluded_for(people, scenario, "no consent")),
    }


def follow_up_rows(fate: Fate, scenario: Scenario) -> Rows:
    """Return the table follow_up; days are relative to time zero."""
    causes = np.array([code("follow_up", "death_cause", name) for name in scenario.named("death_causes")])
    other = fate.cause != EMPTY
    cause = np.where(other, causes[np.where(other, fate.cause, 0)], code("follow_up", "death_cause", "myositis"))
    status = np.where(
        fate.withdrawn, code("follow_up", "status", "withdrawn"),
        np.where(fate.lost, code("follow_up", "status", "lost"), code("follow_up", "status", "active")),
    )  # fmt: skip
    return {
        "person": np.arange(len(fate.end)),
        "last_seen_date": fate.end,
        "status": np.where(fate.died, code("follow_up", "status", "dead"), status),
        "death_date": np.where(fate.died, fate.end, EMPTY),
        "death_cause": np.where(fate.died, cause, EMPTY),
    }


def antibody_rows(rng: np.random.Generator, centre: Centre, people: People, duration: Ints, scenario: Scenario) -> Rows:
    """Return the table antibody: a panel of four, the specific antibody where there is one, and Ro52; days as above."""
    n = people.size
    share = np.array([SPECIFIC[name][0] for name in DIAGNOSES])
    kinds = np.array([[ANTIBODIES.index(a) for a in SPECIFIC[name][1]] for name in DIAGNOSES])
    has = rng.random(n) < share[people.diagnosis]
    specific = np.where(has, kinds[people.diagnosis, rng.integers(0, kinds.shape[1], n)], EMPTY)
    positive, weak, negative, untested = (
        code("antibody", "result", name) for name in ("positive", "weak", "negative", "not tested")
    )
    found = np.where(rng.random(n) < scenario.share("antibody_weak"), weak, positive)
    day = np.minimum(-duration + rng.integers(-20, 60, n), -1)
    parts = []
    for name in PANEL:
        index = ANTIBODIES.index(name)
        other = np.where(rng.random(n) < scenario.share("antibody_not_tested"), untested, negative)
        parts.append(_tests(np.full(n, index), np.where(specific == index, found, other), day))
    outside = ~np.isin(specific, [EMPTY, *(ANTIBODIES.index(name) for name in PANEL)])
    parts.append(keep(_tests(specific, found, day), outside))
    ro52 = np.where(rng.random(n) < scenario.share("ro52"), positive, negative)
    parts.append(_tests(np.full(n, ANTIBODIES.index("Ro52")), ro52, day))
    rows = stack(parts)
    rows["method"] = np.full(len(rows["person"]), code("antibody", "method", centre.antibody_method))
    return rows


def _tests(antibody: Ints, result: Ints, day: Ints) -> Rows:
    return {"person": np.arange(len(day)), "antibody": antibody, "result": result, "date": day}
