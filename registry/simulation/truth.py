"""The true effects behind a simulated study: exact where there is a formula, else by drawing both arms."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.centre import effect_sds
from registry.simulation.fate import latent_days
from registry.simulation.people import draw_people
from registry.simulation.scenario import Scenario
from registry.simulation.true_course import true_infections, true_ldh, true_measures
from registry.simulation.true_enzymes import true_enzymes
from registry.simulation.true_times import true_times

if TYPE_CHECKING:
    from registry.simulation.true_value import Truth

SEED = 20260630
NOTES = (
    "Comparison: rituximab first against IVIG first; differences are rituximab minus IVIG, ratios rituximab over IVIG.",
    "Treatment policy: neither the latent day of response nor the curve of LDH changes after a switch.",
    "Conditional effects hold given the covariates of the study and the centre (strata or a random effect).",
    "Marginal effects average over the patients and centres from which the scenario draws, not over one sample.",
    "In marginal effects nobody is lost, and nobody dies first. Other weights aim at slightly other numbers.",
    "A visit takes place on the very day of response and of failure: the days of visits are no random sample of days.",
    "No failure is a 'no response': every patient reaches a partial improvement by day 150.",
    "Median times in the assumptions are those of continuous latent times; observed days are rounded up.",
)


def truth(scenario: Scenario) -> tuple[Truth, ...]:
    """Return every true effect of a scenario, by endpoint."""
    return _truth(scenario.model_dump_json())


@cache
def _truth(scenario_json: str) -> tuple[Truth, ...]:
    scenario = Scenario.model_validate_json(scenario_json)
    rng = np.random.default_rng(SEED)
    n = int(scenario.number("monte_carlo_people"))
    hazard_sd, ldh_sd = effect_sds(scenario)
    sds = (hazard_sd, hazard_sd, ldh_sd, scenario.number("centre_preference_sd"))
    people = draw_people(rng, n, tuple(rng.normal(0, sd, n) for sd in sds), scenario)  # type: ignore[arg-type]
    clocks = (rng.exponential(size=n), rng.exponential(size=n))
    arms = tuple(np.full(n, fill_value=value) for value in (False, True))
    latents = tuple(latent_days(people, arm, clocks, scenario) for arm in arms)
    return (
        *true_times(people, arms, scenario),
        *true_ldh(latents, scenario),
        *true_measures(rng, people, latents, scenario),
        *true_enzymes(people, arms, latents, scenario),
        *true_infections(people, arms, latents, scenario),
    )


def as_plain(truths: tuple[Truth, ...]) -> list[dict[str, object]]:
    """Return the truths as plain values for truth.json, rounded to ten decimals so that the text is stable."""
    return [
        {key: round(value, 10) if isinstance(value, float) else value for key, value in asdict(one).items()}
        for one in truths
    ]
