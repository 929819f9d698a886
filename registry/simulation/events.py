"""Infections and other adverse events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.contract import contract
from registry.simulation.arrays import DAYS_A_YEAR, EMPTY, NEVER, choice, keep, stack
from registry.simulation.immunoglobulin import LOW_IGG_G_L, latent_igg
from registry.simulation.treatment import code, rituximab_courses

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats, Ints, Rows
    from registry.simulation.fate import Fate
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario
    from registry.simulation.treatment import Episodes

# CTCAE grade.
SEVERE = 3
TERMS = contract()["event"]["term"].allowed()
SERIOUS = (
    ("Pneumonia", 0.38), ("Lower respiratory tract infection", 0.20), ("Sepsis", 0.12),
    ("Urinary tract infection", 0.12), ("Cellulitis", 0.10), ("Herpes zoster", 0.08),
)  # fmt: skip
THROMBOEMBOLISM = (("Deep vein thrombosis", 0.5), ("Pulmonary embolism", 0.3), ("Cerebrovascular accident", 0.2))


def serious_infection_days(
    rng: np.random.Generator, people: People, fate: Fate, episodes: Episodes, scenario: Scenario
) -> tuple[Ints, Ints]:
    """Return person and day of serious infections in follow-up, by thinning a Poisson process of the highest rate."""
    low = scenario.number("serious_infection_low_igg")
    rate = infection_rate(people, fate.rituximab, scenario)
    number = rng.poisson(rate * max(low, 1.0) * fate.end / DAYS_A_YEAR)
    person = np.repeat(np.arange(people.size), number)
    day = 1 + np.floor(rng.random(len(person)) * fate.end[person]).astype(np.int64)
    courses = rituximab_courses(episodes, people.size, person, day)
    igg = latent_igg(people.igg[person], courses, scenario)
    real = rng.random(len(person)) * max(low, 1.0) < np.where(igg < LOW_IGG_G_L, low, 1.0)
    return person[real], day[real]


def infection_rate(people: People, rituximab: Flags, scenario: Scenario) -> Floats:
    """Return the rate a year of serious infections while IgG is 5 g/L or above."""
    by_arm = scenario.named("serious_infection_rate")
    history = np.where(people.infection, scenario.number("serious_infection_history"), 1.0)
    return np.where(rituximab, by_arm["rituximab"], by_arm["ivig"]) * history


def _events(rng: np.random.Generator, person: Ints, day: Ints, terms: tuple[tuple[str, float], ...]) -> Rows:
    codes = np.array([TERMS.index(term) for term, _ in terms])
    chosen = choice(rng, tuple(share for _, share in terms), len(person))
    return {"person": person, "term": codes[chosen], "start_date": day, "duration": rng.integers(3, 25, len(person))}


def _graded(rows: Rows, grade: Ints, *, serious: Flags, iv: Ints | None = None, agent: str | None = None) -> Rows:
    size = len(rows["person"])
    yes, no = code("event", "serious", "yes"), code("event", "serious", "no")
    return rows | {
        "grade": grade,
        "serious": np.where(serious, yes, no),
        "iv_anti_infective": np.full(size, EMPTY) if iv is None else iv,
        "related_agent": np.full(size, EMPTY if agent is None else code("event", "related_agent", agent)),
    }


def event_rows(
    rng: np.random.Generator,
    *,
    people: People,
    fate: Fate,
    episodes: Episodes,
    infusions: Rows,
    replaced_from: Ints,
    scenario: Scenario,
) -> Rows:
    """Return the adverse events: infections, thromboembolism, severe reactions, low IgG, and the fatal infections."""
    yes, no = code("event", "iv_anti_infective", "yes"), code("event", "iv_anti_infective", "no")
    serious = _events(rng, *serious_infection_days(rng, people, fate, episodes, scenario), SERIOUS)
    size = len(serious["person"])
    # Not every one reaches grade 3: some count by being serious, some by the route of the anti-infective.
    by_vein = rng.random(size) < scenario.share("anti_infective_by_vein")
    grade = np.where(rng.random(size) < scenario.share("infection_grade_4"), 4, np.where(by_vein, 3, 2))
    parts = [_graded(serious, grade, serious=np.ones(size, dtype=bool), iv=np.where(by_vein, yes, no))]

    before = _events(rng, np.flatnonzero(people.infection), np.zeros(int(people.infection.sum()), np.int64), SERIOUS)
    size = len(before["person"])
    before["start_date"] = -rng.integers(20, 365, size)
    by_vein = rng.random(size) < scenario.share("earlier_infection_by_vein")
    parts.append(_graded(before, np.where(by_vein, 3, 2), serious=by_vein, iv=np.where(by_vein, yes, no)))

    minor = rng.poisson(scenario.number("minor_infection_rate") * fate.end / DAYS_A_YEAR)
    person = np.repeat(np.arange(people.size), minor)
    day = 1 + np.floor(rng.random(len(person)) * fate.end[person]).astype(np.int64)
    colds = _events(rng, person, day, (("Upper respiratory tract infection", 1.0),))
    none = np.zeros(len(person), dtype=bool)
    parts.append(_graded(colds, rng.integers(1, 3, len(person)), serious=none, iv=np.full(len(person), no)))

    parts += [_clots(rng, episodes, scenario), _reactions(rng, infusions), _low(rng, replaced_from)]
    rows = stack(parts)
    rows = keep(rows, rows["start_date"] <= fate.end[rows["person"]])
    return _first_of_a_day(_closed(rng, stack([rows, _fatal(rng, fate, scenario)]), fate, scenario))


def _clots(rng: np.random.Generator, episodes: Episodes, scenario: Scenario) -> Rows:
    ivig = np.flatnonzero(~episodes.rituximab)
    cycle = np.arange(6) * 28
    day = episodes.start[ivig][:, None] + cycle[None, :]
    happens = rng.random(day.shape) < scenario.number("thromboembolism_per_cycle")
    who, at = np.nonzero(happens & (day < episodes.until[ivig][:, None]))
    person = episodes.person[ivig][who]
    rows = _events(rng, person, day[who, at] + rng.integers(1, 8, len(who)), THROMBOEMBOLISM)
    every = np.ones(len(who), dtype=bool)
    return _graded(rows, rng.integers(3, 5, len(who)), serious=every, agent="ivig")


def _reactions(rng: np.random.Generator, infusions: Rows) -> Rows:
    severe = keep(infusions, infusions["reaction_grade"] >= SEVERE)
    rows = _events(rng, severe["person"], severe["date"], (("Infusion related reaction", 1.0),))
    rows["duration"] = np.ones(len(rows["person"]), dtype=np.int64)
    rows = _graded(rows, severe["reaction_grade"], serious=severe["reaction_grade"] > SEVERE)
    return rows | {"related_agent": severe["agent"]}


def _low(rng: np.random.Generator, replaced_from: Ints) -> Rows:
    person = np.flatnonzero(replaced_from < NEVER)
    rows = _events(rng, person, replaced_from[person] - 7, (("Hypogammaglobulinaemia", 1.0),))
    rows["duration"] = np.full(len(person), NEVER)
    return _graded(rows, np.full(len(person), 2), serious=np.zeros(len(person), dtype=bool), agent="rituximab")


def _fatal(rng: np.random.Generator, fate: Fate, scenario: Scenario) -> Rows:
    infection = tuple(scenario.named("death_causes")).index("infection")
    person = np.flatnonzero(fate.cause == infection)
    start = np.maximum(fate.end[person] - rng.integers(2, 15, len(person)), 1)
    rows = _events(rng, person, start, (("Pneumonia", 0.6), ("Sepsis", 0.4)))
    rows["fatal"] = np.ones(len(person), dtype=np.int64)
    yes = np.full(len(person), code("event", "iv_anti_infective", "yes"))
    return _graded(rows, np.full(len(person), 5), serious=np.ones(len(person), dtype=bool), iv=yes)


def _closed(rng: np.random.Generator, rows: Rows, fate: Fate, scenario: Scenario) -> Rows:
    """Return the events with stop date and outcome; what outlasts follow-up goes on."""
    end = fate.end[rows["person"]]
    fatal = rows.pop("fatal") == 1
    stop = rows["start_date"] + rows.pop("duration")
    ended = stop <= end
    recovered = np.where(
        rng.random(len(end)) < scenario.share("recovered"),
        code("event", "outcome", "recovered"),
        code("event", "outcome", "sequelae"),
    )
    outcome = np.where(ended, recovered, code("event", "outcome", "not recovered"))
    return rows | {
        "stop_date": np.where(fatal, end, np.where(ended, stop, EMPTY)),
        "outcome": np.where(fatal, code("event", "outcome", "fatal"), outcome),
    }


def _first_of_a_day(rows: Rows) -> Rows:
    """Return the rows without a second event of the same term, person and day; a fatal one stays."""
    order = np.lexsort((-rows["grade"], rows["term"], rows["start_date"], rows["person"]))
    rows = keep(rows, order)
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (
        (rows["person"][1:] == rows["person"][:-1])
        & (rows["start_date"][1:] == rows["start_date"][:-1])
        & (rows["term"][1:] == rows["term"][:-1])
    )
    return keep(rows, ~same)
