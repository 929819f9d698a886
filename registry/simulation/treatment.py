"""Treatment with the two agents: episodes and the courses of each dose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from registry.contract import contract
from registry.simulation.arrays import EMPTY, NEVER, keep, stack

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats, Ints, Rows
    from registry.simulation.fate import Fate
    from registry.simulation.scenario import Scenario

PHASE_DAYS = 168
REPEAT_DAYS = 182
# From weekly to fortnightly immunoglobulin.
WEEKLY_UNTIL = 350


@cache
def code(table: str, column: str, value: str) -> int:
    """Return the index of a code in the contract's list of that column; ValueError if it is not in it."""
    return contract()[table][column].allowed().index(value)


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """Times under one of the two agents, one element each; days since time zero.

    until: last day of the episode within follow-up. reason: index of the stop reason, EMPTY while it goes on.
    """

    person: Ints
    rituximab: Flags
    start: Ints
    until: Ints
    reason: Ints


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How a patient is dosed: weight in kg, height in cm, days of an immunoglobulin cycle, and the regimens."""

    weight: Floats
    height: Floats
    cycle_days: Ints
    weekly_phase: Flags
    four_doses: Flags
    single_repeat: Flags


def draw_habits(rng: np.random.Generator, female: Flags, scenario: Scenario) -> Habits:
    """Return body size and dosing habits."""
    n = len(female)
    body = scenario.named("body")
    usual = np.where(female, body["height_women"], body["height_men"])
    height = np.clip(np.round(usual + rng.normal(0, body["height_sd"], n)), 145, 200)
    mass_index = np.clip(rng.normal(body["body_mass_index"], body["body_mass_index_sd"], n), 18, 42)
    return Habits(
        weight=np.round(mass_index * (height / 100) ** 2, 1),
        height=height,
        cycle_days=np.array([5, 4, 2])[np.searchsorted([0.5, 0.7], rng.random(n))],
        weekly_phase=rng.random(n) < scenario.share("ivig_weekly_after_six_months"),
        four_doses=rng.random(n) < scenario.share("rituximab_four_doses"),
        single_repeat=rng.random(n) < scenario.share("rituximab_single_repeat"),
    )


def draw_episodes(rng: np.random.Generator, fate: Fate, scenario: Scenario) -> tuple[Episodes, Ints]:
    """Return the episodes under the two agents, and the day on which others get cyclophosphamide after failure.

    The first agent stops on the very day of failure for inefficacy, or earlier for intolerance or in remission.
    """
    n = len(fate.end)
    everybody = np.arange(n)
    low, high = scenario.numbers("switch_delay")
    delay = rng.integers(int(low), int(high) + 1, n)
    switches = rng.random(n) < scenario.number("switch_share")
    inefficacy, intolerance, remission, other = (
        code("course", "stop_reason", reason) for reason in ("inefficacy", "intolerance", "remission", "other")
    )
    early = fate.early_stop <= fate.end
    failed = fate.failed
    still = np.where(fate.died, other, EMPTY)
    first = Episodes(
        person=everybody,
        rituximab=fate.rituximab,
        start=np.zeros(n, dtype=np.int64),
        until=np.where(early, fate.early_stop, np.where(failed, fate.latent.failure, fate.end)),
        reason=np.where(early, np.where(fate.intolerance, intolerance, remission), np.where(failed, inefficacy, still)),
    )
    changed = early & fate.intolerance
    start = np.where(changed, fate.early_stop + delay, np.where(failed & switches, fate.latent.failure + delay, NEVER))
    second = Episodes(
        person=everybody,
        rituximab=~fate.rituximab,
        start=start,
        until=np.where(changed & failed, fate.latent.failure, fate.end),
        reason=np.where(changed & failed, inefficacy, still),
    )
    there = start <= fate.end
    joined = Episodes(
        **{
            name: np.concatenate([getattr(first, name), getattr(second, name)[there]])
            for name in ("person", "rituximab", "start", "until", "reason")
        }
    )
    rest = failed & (changed | ~switches)
    return joined, np.where(rest & (fate.latent.failure + delay <= fate.end), fate.latent.failure + delay, NEVER)


def course_rows(episodes: Episodes, habits: Habits) -> Rows:
    """Return a course row for each dose of an episode.

    Rituximab is taken to work between its infusions: the row of the first doses lasts until the repeat doses start.
    """
    weekly = habits.weekly_phase[episodes.person]
    four = habits.four_doses[episodes.person]
    forever = np.full(len(weekly), NEVER)
    ivig, rituximab = ~episodes.rituximab, episodes.rituximab
    second_end = np.where(weekly, WEEKLY_UNTIL - 1, NEVER)
    return stack(
        [
            _phase(episodes, ivig, 0, forever * 0 + PHASE_DAYS - 1, 2.0, "g/kg", "every 4 weeks"),
            _phase(episodes, ivig & weekly, PHASE_DAYS, second_end, 0.4, "g/kg", "weekly"),
            _phase(episodes, ivig & weekly, WEEKLY_UNTIL, forever, 0.2, "g/kg", "every 2 weeks"),
            _phase(episodes, ivig & ~weekly, PHASE_DAYS, forever, 1.0, "g/kg", "every 4 weeks"),
            _phase(episodes, rituximab & four, 0, forever * 0 + REPEAT_DAYS - 1, 375, "mg/m2", "weekly"),
            _phase(episodes, rituximab & ~four, 0, forever * 0 + REPEAT_DAYS - 1, 1000, "mg", "every 2 weeks"),
            _phase(episodes, rituximab, REPEAT_DAYS, forever, 1000, "mg", "every 6 months"),
        ]
    )


def _phase(  # noqa: PLR0917  (one line a phase)
    episodes: Episodes, who: Flags, begin: int, last: Ints, dose: float, unit: str, schedule: str
) -> Rows:
    start = episodes.start + begin
    finished = episodes.start + last < episodes.until
    size = len(start)
    ongoing = ~finished & (episodes.reason == EMPTY)
    stop = np.where(finished, episodes.start + last, np.where(ongoing, EMPTY, episodes.until))
    reason = np.where(finished, code("course", "stop_reason", "planned"), episodes.reason)
    rows = {
        "person": episodes.person,
        "agent": np.where(episodes.rituximab, code("course", "agent", "rituximab"), code("course", "agent", "ivig")),
        "intent": np.full(size, code("course", "intent", "immunomodulatory")),
        "start_date": start,
        "stop_date": stop,
        "stop_status": np.where(
            ongoing, code("course", "stop_status", "still taken"), code("course", "stop_status", "stopped")
        ),
        "stop_reason": reason,
        "dose": np.full(size, dose),
        "dose_unit": np.full(size, code("course", "dose_unit", unit)),
        "schedule": np.full(size, code("course", "schedule", schedule)),
    }
    return keep(rows, who & (start <= episodes.until))


def rituximab_courses(episodes: Episodes, people: int, person: Ints, day: Ints) -> Ints:
    """Return how many rituximab courses persons had had before those days; a course is one set of doses."""
    start = np.full(people, NEVER)
    until = np.full(people, NEVER)
    given = episodes.rituximab
    start[episodes.person[given]] = episodes.start[given]
    until[episodes.person[given]] = episodes.until[given]
    since = np.minimum(day, until[person]) - start[person]
    return np.where(since > 0, 1 + (since - 1) // REPEAT_DAYS, 0)


def on_ivig(episodes: Episodes, people: int, person: Ints, day: Ints) -> Flags:
    """Return whether persons are under immunomodulatory immunoglobulin on those days."""
    start = np.full(people, NEVER)
    until = np.full(people, -NEVER)
    given = ~episodes.rituximab
    start[episodes.person[given]] = episodes.start[given]
    until[episodes.person[given]] = episodes.until[given]
    return (day > start[person]) & (day <= until[person] + 28)
