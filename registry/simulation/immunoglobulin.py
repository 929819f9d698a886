"""IgG under rituximab and immunoglobulin, and the replacement that follows low values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import EMPTY, NEVER, keep
from registry.simulation.treatment import code, on_ivig, rituximab_courses

if TYPE_CHECKING:
    from registry.simulation.arrays import Floats, Ints, Rows
    from registry.simulation.core_set import Moments
    from registry.simulation.fate import Fate
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario
    from registry.simulation.treatment import Episodes

LOW_IGG_G_L = 5.0
MINIMUM_DAYS_LEFT = 28


def latent_igg(igg: Floats, courses: Ints, scenario: Scenario) -> Floats:
    """Return IgG in g/L after that many rituximab courses, without replacement and measurement error."""
    fall, most, lowest = scenario.numbers("igg_fall")
    return np.maximum(igg - fall * np.minimum(courses, most), lowest)


def draw_igg(rng: np.random.Generator, people: People, episodes: Episodes, at: Moments, scenario: Scenario) -> Floats:
    """Return IgG in g/L as it would be measured at those moments; immunoglobulin given for activity raises it."""
    courses = rituximab_courses(episodes, people.size, at.person, at.day)
    value = latent_igg(people.igg[at.person], courses, scenario)
    error, rise = scenario.numbers("igg_measurement")
    value = value + rise * on_ivig(episodes, people.size, at.person, at.day)
    return np.maximum(value + rng.normal(0, error, at.size), 0.4)


def replacement_starts(
    rng: np.random.Generator, episodes: Episodes, fate: Fate, found: Rows, scenario: Scenario
) -> tuple[Ints, Ints]:
    """Return first and last day of replacement immunoglobulin by person; NEVER where there is none.

    found: person, day and value (g/L) of every IgG that was measured. Replacement starts 14 days after the first value
    below 5 g/L under rituximab, and ends before immunoglobulin is given for activity.
    """
    n = len(fate.end)
    treated = rituximab_courses(episodes, n, found["person"], found["day"]) > 0
    low = keep(found, treated & (found["value"] < LOW_IGG_G_L))
    start = np.full(n, NEVER)
    np.minimum.at(start, low["person"], low["day"] + 14)
    last = fate.end.copy()
    active = ~episodes.rituximab & (episodes.start > 0)
    last[episodes.person[active]] = np.minimum(last[episodes.person[active]], episodes.start[active] - 1)
    # Somebody who got immunoglobulin for activity first has no replacement while that goes on.
    first = ~episodes.rituximab & (episodes.start == 0)
    overlap = np.zeros(n, dtype=bool)
    overlap[episodes.person[first]] = start[episodes.person[first]] <= episodes.until[episodes.person[first]]
    chosen = rng.random(n) < scenario.number("replacement_share")
    possible = chosen & ~overlap & (start + MINIMUM_DAYS_LEFT <= last)
    return np.where(possible, start, NEVER), np.where(possible, last, NEVER)


def replacement_rows(rng: np.random.Generator, fate: Fate, start: Ints, last: Ints, scenario: Scenario) -> Rows:
    """Return the courses of replacement immunoglobulin: 0.2 g/kg every four weeks; some without their intent."""
    n = len(start)
    ongoing = (last == fate.end) & ~fate.died
    unsaid = rng.random(n) < scenario.number("replacement_intent_missing")
    rows = {
        "person": np.arange(n),
        "agent": np.full(n, code("course", "agent", "ivig")),
        "intent": np.where(unsaid, EMPTY, code("course", "intent", "replacement")),
        "start_date": start,
        "stop_date": np.where(ongoing, EMPTY, last),
        "stop_status": np.where(
            ongoing, code("course", "stop_status", "still taken"), code("course", "stop_status", "stopped")
        ),
        "stop_reason": np.where(ongoing, EMPTY, code("course", "stop_reason", "other")),
        "dose": np.full(n, 0.2),
        "dose_unit": np.full(n, code("course", "dose_unit", "g/kg")),
        "schedule": np.full(n, code("course", "schedule", "every 4 weeks")),
    }
    return keep(rows, start < NEVER)


def replacement_days(start: Ints, last: Ints, longest: int) -> tuple[Ints, Ints]:
    """Return person and day of the replacement infusions of the first `longest` days."""
    plan = np.arange(0, max(longest, 1), 28)
    day = start[:, None] + plan[None, :]
    person, at = np.nonzero((start < NEVER)[:, None] & (day <= last[:, None]))
    return person.astype(np.int64), day[person, at]
