"""True differences of CK and aldolase over time, by drawing both arms with the same noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.simulation.arrays import DAYS_A_MONTH, NEVER
from registry.simulation.core_set import moments
from registry.simulation.laboratory import draw_ck, draw_enzyme, draw_level, draw_log2_ldh
from registry.simulation.true_value import MONTHS, Truth, mean

if TYPE_CHECKING:
    from registry.simulation.arrays import Flags, Floats
    from registry.simulation.fate import Latent
    from registry.simulation.people import People
    from registry.simulation.scenario import Scenario

SEED = 2
LIMIT = 170
"""Upper limit of normal of CK in U/L; the multiple depends on it by rounding only."""


def true_enzymes(
    people: People, arms: tuple[Flags, ...], latents: tuple[Latent, ...], scenario: Scenario
) -> list[Truth]:
    """Return the differences of the logarithms to base 2 of the multiples of CK and aldolase."""
    drawn = [_logarithms(people, arm, latent, scenario) for arm, latent in zip(arms, latents, strict=True)]
    return [
        mean(
            f"log2_{name}.difference.month_{months}",
            drawn[1][name][months] - drawn[0][name][months],
            "log2 x ULN",
            f"Marginal difference of mean log2({words}/ULN) at {months} months, flares included.",
        )
        for name, words in (("ck", "CK"), ("aldolase", "aldolase"))
        for months in MONTHS
    ]


def _logarithms(people: People, arm: Flags, latent: Latent, scenario: Scenario) -> dict[str, dict[int, Floats]]:
    """Return log2 of the multiples at each month if everybody were in one arm."""
    rng = np.random.default_rng(SEED)
    n, days = people.size, np.array([0, *(round(months * DAYS_A_MONTH) for months in MONTHS)])
    person, day = np.tile(np.arange(n), len(days)), np.repeat(days, n)
    at = moments(latent, np.full(n, NEVER), person, day)
    level = draw_level(rng, people, scenario)
    ldh = draw_log2_ldh(rng, level, at, arm, scenario)
    ast, aldolase = (draw_enzyme(rng, at, name, scenario) for name in ("ast", "aldolase"))
    others = np.maximum(2.0**ldh, np.maximum(ast, aldolase))
    ck = draw_ck(rng, np.full(at.size, LIMIT), at, others, persons=n, scenario=scenario)
    found = {"ck": np.log2(ck / LIMIT), "aldolase": np.log2(aldolase)}
    return {name: dict(zip(MONTHS, values.reshape(-1, n)[1:], strict=True)) for name, values in found.items()}
