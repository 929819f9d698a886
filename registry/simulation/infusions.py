"""Infusion days of the two agents, dosed as each centre does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import EMPTY, stack, whole
from registry.simulation.treatment import PHASE_DAYS, REPEAT_DAYS, WEEKLY_UNTIL, code

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats, Ints, Rows
    from registry.simulation.centre import Centre
    from registry.simulation.scenario import Scenario
    from registry.simulation.treatment import Episodes, Habits


def infusion_rows(
    rng: np.random.Generator, centre: Centre, episodes: Episodes, habits: Habits, scenario: Scenario
) -> Rows:
    """Return the infusion days of the episodes; nothing is infused on the day on which an agent is stopped."""
    longest = int(scenario.number("infusion_rows_days"))
    parts = [
        _immunoglobulin(rng, centre, episodes, habits, longest, scenario),
        _rituximab(rng, centre, episodes, habits, scenario),
    ]
    return stack(parts)


def _before_stop(episodes: Episodes, offset: Ints, given: Flags) -> Flags:
    """Return which planned infusions (episode x day of the plan) take place."""
    day = episodes.start[:, None] + offset
    limit = np.where(episodes.reason == EMPTY, episodes.until + 1, episodes.until)
    return given & (day < limit[:, None])


def _immunoglobulin(  # noqa: PLR0917  (see infusion_rows)
    rng: np.random.Generator, centre: Centre, episodes: Episodes, habits: Habits, longest: int, scenario: Scenario
) -> Rows:
    days = habits.cycle_days[episodes.person][:, None]
    weekly = habits.weekly_phase[episodes.person][:, None]
    cycle = np.array([28 * c + d for c in range(6) for d in range(5)])
    in_cycle = np.array([d for _ in range(6) for d in range(5)])
    later = np.arange(PHASE_DAYS, max(longest, PHASE_DAYS), 7)
    plan = np.concatenate([cycle, later])[None, :]
    fortnight = (later >= WEEKLY_UNTIL) & ((later - WEEKLY_UNTIL) % 14 != 0)
    given_weekly = np.broadcast_to(~fortnight[None, :], (len(days), len(later)))
    given_monthly = np.broadcast_to(((later - PHASE_DAYS) % 28 == 0)[None, :], (len(days), len(later)))
    given = np.concatenate([in_cycle[None, :] < days, np.where(weekly, given_weekly, given_monthly)], axis=1)
    given = given & (plan < longest) & ~episodes.rituximab[:, None]
    dose = np.concatenate(
        [np.broadcast_to(2.0 / days, (len(days), len(cycle))),
         np.where(weekly, np.where(later >= WEEKLY_UNTIL, 0.2, 0.4)[None, :], 1.0)], axis=1,
    )  # fmt: skip
    who, at = np.nonzero(_before_stop(episodes, np.broadcast_to(plan, given.shape), given))
    person = episodes.person[who]
    return ivig_days(rng, centre, habits, person, episodes.start[who] + plan[0, at], dose[who, at], scenario)


def ivig_days(  # noqa: PLR0917  (columns of one table)
    rng: np.random.Generator,
    centre: Centre,
    habits: Habits,
    person: Ints,
    day: Ints,
    g_per_kg: Floats,
    scenario: Scenario,
) -> Rows:
    """Return infusion rows of immunoglobulin; a centre doses in g/kg or in g (to 2.5 g)."""
    weight = habits.weight[person]
    grams = np.maximum(whole(g_per_kg * weight / 2.5), 1) * 2.5
    unit = "g" if centre.ivig_in_g else "g/kg"
    return {
        "person": person,
        "agent": np.full(len(person), code("infusion", "agent", "ivig")),
        "date": day,
        "dose": grams if centre.ivig_in_g else g_per_kg,
        "dose_unit": np.full(len(person), code("infusion", "dose_unit", unit)),
        "weight": weight,
        "reaction_grade": _reaction(rng, np.full(len(person), scenario.named("reaction")["ivig"]), scenario),
    }


def _rituximab(
    rng: np.random.Generator, centre: Centre, episodes: Episodes, habits: Habits, scenario: Scenario
) -> Rows:
    four = habits.four_doses[episodes.person][:, None]
    single = habits.single_repeat[episodes.person][:, None]
    repeats = np.arange(1, 11) * REPEAT_DAYS
    plan = np.concatenate([[0, 7, 14, 21], repeats, repeats + 14])[None, :]
    size = (len(episodes.person), len(repeats))
    first = np.where(four, True, np.array([[True, False, True, False]]))  # noqa: FBT003  (which of four days)
    given = np.concatenate([first, np.full(size, fill_value=True), np.broadcast_to(~single, size)], axis=1)
    given &= episodes.rituximab[:, None]
    who, at = np.nonzero(_before_stop(episodes, np.broadcast_to(plan, given.shape), given))
    person = episodes.person[who]
    day = episodes.start[who] + plan[0, at]
    by_surface = habits.four_doses[person] & (at < 4)  # noqa: PLR2004  (the first four days of the plan)
    surface = np.sqrt(habits.height[person] * habits.weight[person] / 3600)
    milligrams = np.clip(whole(37.5 * surface) * 10.0, 400, 950)
    in_mg = centre.rituximab_in_mg
    unit = np.where(
        by_surface & (not in_mg), code("infusion", "dose_unit", "mg/m2"), code("infusion", "dose_unit", "mg")
    )
    chance = scenario.named("reaction")
    return {
        "person": person,
        "agent": np.full(len(person), code("infusion", "agent", "rituximab")),
        "date": day,
        "dose": np.where(by_surface, milligrams if in_mg else 375.0, 1000.0),
        "dose_unit": unit,
        "weight": habits.weight[person],
        "reaction_grade": _reaction(
            rng, np.where(at == 0, chance["rituximab_first"], chance["rituximab_later"]), scenario
        ),
    }


def _reaction(rng: np.random.Generator, chance: Floats, scenario: Scenario) -> Ints:
    """Return CTCAE grades: 0 for none, EMPTY where nothing was recorded."""
    drawn, size = rng.random(len(chance)), len(chance)
    grade = 1 + np.searchsorted([0.62, 0.93, 0.99], rng.random(size))
    grade = np.where(drawn < chance, grade, 0)
    return np.where(rng.random(size) < scenario.named("reaction")["not_recorded"], EMPTY, grade)
