"""Visits: scheduled ones, one on the day of response, one on the day of failure, and more of them in a flare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import DAYS_A_MONTH, NEVER, whole

if TYPE_CHECKING:
    from registry.simulation.arrays import Ints
    from registry.simulation.fate import Fate
    from registry.simulation.scenario import Scenario

# Days after failure of the further visits in a flare: shortest, and how many days later at most.
FLARE_VISITS = ((16, 9), (38, 9), (62, 9), (90, 9))
BASELINE_DAYS = 14
LARGEST_JITTER = 10


@dataclass(frozen=True, kw_only=True)
class Visits:
    """One element a visit, sorted by person and day (since time zero; 0 or less at baseline)."""

    person: Ints
    day: Ints


def draw_visits(rng: np.random.Generator, fate: Fate, scenario: Scenario) -> Visits:
    """Return the visits of all patients up to their end of follow-up; nobody has two on a day."""
    n = len(fate.end)
    latent = fate.latent
    months = np.array(scenario.numbers("visit_months"))
    jitter = np.clip(
        rng.normal(0, scenario.number("visit_jitter_days"), (n, len(months))), -LARGEST_JITTER, LARGEST_JITTER
    )
    scheduled = whole(months * DAYS_A_MONTH + jitter)
    kept = rng.random(scheduled.shape) < scenario.number("visit_kept")
    # The warning and its confirmation are consecutive visits.
    between = (scheduled > fate.warning[:, None]) & (scheduled < latent.failure[:, None])
    scheduled = np.where(kept & ~between, scheduled, NEVER)
    extra = [
        np.where(day < latent.flare_end + 15, day, NEVER)
        for day in (latent.failure + low + rng.integers(0, width + 1, n) for low, width in FLARE_VISITS)
    ]
    baseline = -rng.integers(0, BASELINE_DAYS + 1, n)
    failure = np.where(fate.fatal, NEVER, latent.failure)
    every = np.column_stack([baseline, latent.response, failure, fate.warning, *extra, scheduled])
    every.sort(axis=1)
    every[:, 1:][every[:, 1:] == every[:, :-1]] = NEVER
    seen = every <= fate.end[:, None]
    person, _ = np.nonzero(seen)
    return Visits(person=person.astype(np.int64), day=every[seen])
