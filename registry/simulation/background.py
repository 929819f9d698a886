"""Glucocorticoids and immunosuppressants: what made patients refractory before time zero, and what goes on after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import EMPTY, NEVER, keep, stack
from registry.simulation.treatment import code

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats, Ints, Rows
    from registry.simulation.core_set import Moments
    from registry.simulation.fate import Fate
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario

# (agent, how often it is chosen first, dose, unit, schedule)
IMMUNOSUPPRESSANTS = (
    ("methotrexate", 0.40, 15, "mg", "weekly"), ("azathioprine", 0.28, 2, "mg/kg", "daily"),
    ("mycophenolate", 0.17, 2000, "mg", "daily"), ("ciclosporin", 0.05, 3, "mg/kg", "daily"),
    ("tacrolimus", 0.05, 4, "mg", "daily"), ("cyclophosphamide", 0.03, 1000, "mg", "monthly"),
    ("leflunomide", 0.02, 20, "mg", "daily"),
)  # fmt: skip
# All of this ends at least so many days before time zero, hence before any baseline visit is judged.
QUIET_DAYS = 20


def draw_duration(rng: np.random.Generator, people: People, minor: Flags, scenario: Scenario) -> Ints:
    """Return the days from diagnosis to time zero: long enough for every immunosuppressant; at most ten years."""
    least, each, median, spread = scenario.numbers("disease_days")
    needed = least + people.prior * each
    usual = needed + np.exp(rng.normal(np.log(median), spread, people.size))
    longest = np.where(minor, 3 * 365, 3650)
    # Nobody in the cohort is a child at diagnosis, unless the disease must be that short.
    adult = np.maximum((people.age - 19) * 365, needed)
    return np.asarray(np.floor(np.minimum(np.minimum(usual, longest), np.where(minor, np.inf, adult))).astype(np.int64))


def _status(stop: Ints) -> Ints:
    return np.where(
        stop == EMPTY, code("course", "stop_status", "still taken"), code("course", "stop_status", "stopped")
    )


def immunosuppressant_rows(
    rng: np.random.Generator, people: People, fate: Fate, duration: Ints, scenario: Scenario
) -> Rows:
    """Return the immunosuppressants before time zero, one after the other; the last may go on although it failed."""
    n = people.size
    weights = np.array([share for _, share, *_ in IMMUNOSUPPRESSANTS])
    order = np.argsort(rng.exponential(size=(n, len(weights))) / weights, axis=1)
    length = (duration - 10 - QUIET_DAYS) // people.prior
    agents = np.array([code("course", "agent", name) for name, *_ in IMMUNOSUPPRESSANTS])
    doses = np.array([float(dose) for *_, dose, _, _ in IMMUNOSUPPRESSANTS])
    units = np.array([code("course", "dose_unit", unit) for *_, unit, _ in IMMUNOSUPPRESSANTS])
    schedules = np.array([code("course", "schedule", schedule) for *_, schedule in IMMUNOSUPPRESSANTS])
    goes_on = rng.random(n) < scenario.share("immunosuppressant_goes_on")
    parts = []
    for number in range(4):
        start = -duration + 10 + number * length
        failed = start + length - 1
        background = goes_on & (number == people.prior - 1)
        intolerance = ~background & (rng.random(n) < scenario.share("immunosuppressant_intolerance"))
        stop = np.where(background, np.where(fate.died, fate.end, EMPTY), failed)
        reason = np.where(
            intolerance, code("course", "stop_reason", "intolerance"), code("course", "stop_reason", "inefficacy")
        )
        last = np.where(fate.died, code("course", "stop_reason", "other"), EMPTY)
        rows = {
            "person": np.arange(n),
            "agent": agents[order[:, number]],
            "intent": np.full(n, EMPTY),
            "start_date": start,
            "stop_date": stop,
            "stop_status": _status(stop),
            "stop_reason": np.where(background, last, reason),
            "response": np.where(intolerance, EMPTY, code("course", "response", "inadequate")),
            "response_date": np.where(intolerance, EMPTY, failed),
            "dose": doses[order[:, number]],
            "dose_unit": units[order[:, number]],
            "schedule": schedules[order[:, number]],
        }
        parts.append(keep(rows, number < people.prior))
    return stack(parts)


def cyclophosphamide_rows(fate: Fate, start: Ints) -> Rows:
    """Return the courses of those who get cyclophosphamide after failure: six months, or until death."""
    n = len(start)
    stop = np.minimum(start + 168, fate.end)
    rows = {
        "person": np.arange(n),
        "agent": np.full(n, code("course", "agent", "cyclophosphamide")),
        "start_date": start,
        "stop_date": stop,
        "stop_status": _status(stop),
        "stop_reason": np.full(n, code("course", "stop_reason", "planned")),
        "dose": np.full(n, 1000.0),
        "dose_unit": np.full(n, code("course", "dose_unit", "mg")),
        "schedule": np.full(n, code("course", "schedule", "monthly")),
    }
    return keep(rows, start < NEVER)


def glucocorticoid_rows(
    rng: np.random.Generator, fate: Fate, duration: Ints, at: Moments, dose: Floats, *, agent: str, scenario: Scenario
) -> Rows:
    """Return the first, inadequate course, a lower dose, one course a dose from the baseline visit on, and pulses."""
    n = len(duration)
    first_visit = np.zeros(n, dtype=np.int64)
    first_visit[at.person[at.baseline]] = at.day[at.baseline]
    judged = -duration + 30 + np.floor(rng.random(n) * np.minimum(duration - 30 - QUIET_DAYS, 120)).astype(np.int64)
    ended = {
        "person": np.arange(n),
        "stop_status": np.full(n, code("course", "stop_status", "stopped")),
        "stop_reason": np.full(n, code("course", "stop_reason", "planned")),
    }
    first = ended | {
        "start_date": -duration + 2,
        "stop_date": judged,
        "response": np.full(n, code("course", "response", "inadequate")),
        "response_date": judged,
        "dose": np.full(n, 60.0),
    }
    second = ended | {"start_date": judged + 1, "stop_date": first_visit - 1, "dose": np.full(n, 25.0)}
    oral = stack([first, second, _dose_rows(fate, at, dose)])
    oral["agent"] = np.full(len(oral["person"]), code("course", "agent", agent))
    oral["schedule"] = np.full(len(oral["person"]), code("course", "schedule", "daily"))
    every = stack([oral, _pulses(rng, fate, duration, scenario)])
    every["dose_unit"] = np.full(len(every["person"]), code("course", "dose_unit", "mg"))
    return every


def _dose_rows(fate: Fate, at: Moments, dose: Floats) -> Rows:
    """Return one row a dose: from the visit that sets it until the day before the visit that changes it."""
    new_person = np.ones(at.size, dtype=bool)
    new_person[1:] = at.person[1:] != at.person[:-1]
    changed = new_person.copy()
    changed[1:] |= dose[1:] != dose[:-1]
    person, start, value = at.person[changed], at.day[changed], dose[changed]
    last = np.ones(len(person), dtype=bool)
    last[:-1] = person[1:] != person[:-1]
    following = np.append(start[1:], 0)
    dead = fate.died[person]
    stop = np.where(last, np.where(dead, fate.end[person], EMPTY), following - 1)
    reason = np.where(
        last,
        np.where(dead, code("course", "stop_reason", "other"), EMPTY),
        code("course", "stop_reason", "planned"),
    )
    rows = {
        "person": person,
        "start_date": start,
        "stop_date": stop,
        "stop_status": _status(stop),
        "stop_reason": reason,
        "dose": value,
    }
    return keep(rows, value > 0)


def _pulses(rng: np.random.Generator, fate: Fate, duration: Ints, scenario: Scenario) -> Rows:
    """Return monthly pulses of methylprednisolone before time zero in some, and single ones at failure in others."""
    n = len(duration)
    before = {
        "person": np.arange(n),
        "start_date": -duration + 25,
        "stop_date": np.full(n, -QUIET_DAYS),
        "schedule": np.full(n, code("course", "schedule", "monthly")),
    }
    at_failure = {
        "person": np.arange(n),
        "start_date": fate.latent.failure,
        "stop_date": fate.latent.failure,
        "schedule": np.full(n, code("course", "schedule", "once")),
    }
    chosen = rng.random((2, n)) < scenario.share("pulses")
    rows = stack([keep(before, chosen[0]), keep(at_failure, chosen[1] & fate.failed)])
    size = len(rows["person"])
    rows["agent"] = np.full(size, code("course", "agent", "methylprednisolone"))
    rows["stop_status"] = np.full(size, code("course", "stop_status", "stopped"))
    rows["stop_reason"] = np.full(size, code("course", "stop_reason", "planned"))
    rows["dose"] = np.full(size, 500.0)
    return rows
