"""Who the simulated patients are at time zero, and which agent they get first: confounding by indication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from registry.contract import contract
from registry.simulation.arrays import choice, truncated_normal, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.simulation.arrays import Flags, Floats, Ints
    from registry.simulation.scenario import Scenario

DIAGNOSES = contract()["patient"]["diagnosis"].allowed()
NORMAL_IGG, LOW_IGG = 8.0, 7.0
OLD_AGE = 65


@dataclass(frozen=True, kw_only=True)
class People:
    """Patients at time zero; a column each.

    age in whole years (calendar year of time zero - year of birth); diagnosis as an index of DIAGNOSES; phga in mm;
    igg in g/L; excluded as an index of the scenario's reasons, 0 for eligible. Effects of their centre: see Centre.
    """

    age: Floats
    female: Flags
    diagnosis: Ints
    ild: Flags
    dysphagia: Flags
    prior: Ints
    phga: Ints
    igg: Floats
    infection: Flags
    excluded: Ints
    effect_response: Floats
    effect_failure: Floats
    effect_ldh: Floats
    preference: Floats

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.age)

    @property
    def amyopathic(self) -> Flags:
        """Whether the diagnosis is amyopathic dermatomyositis."""
        return np.asarray(self.diagnosis == DIAGNOSES.index("ADM"))

    def covariates(self) -> Mapping[str, Floats]:
        """Return the covariates of the outcome under the names of study.analysis.covariates."""
        return {
            "age_decades": self.age / 10,
            "female": self.female.astype(np.float64),
            "ild": self.ild.astype(np.float64),
            "asys": (self.diagnosis == DIAGNOSES.index("ASyS")).astype(np.float64),
            "dysphagia": self.dysphagia.astype(np.float64),
            "prior_immunosuppressants_2": (self.prior >= 2).astype(np.float64),  # noqa: PLR2004  (part of the name)
            "phga": self.phga / 10,
        }

    def linear(self, effects: Mapping[str, float], scenario: Scenario) -> Floats:
        """Return the sum over covariates of effect x (value - reference)."""
        reference, covariates = scenario.named("reference"), self.covariates()
        total = np.zeros(self.size)
        for name, effect in effects.items():
            total += effect * (covariates[name] - reference[name])
        return total


def reasons(scenario: Scenario) -> tuple[str, ...]:
    """Return why a patient is excluded, by index; the first is "" for those who are not."""
    return ("", *scenario.named("excluded"))


def draw_people(
    rng: np.random.Generator, size: int, effects: tuple[Floats, Floats, Floats, Floats], scenario: Scenario
) -> People:
    """Return patients; effects are those of their centre on response, failure, LDH and the preference for rituximab."""
    mix = scenario.named("diagnosis")
    diagnosis = np.array([DIAGNOSES.index(name) for name in mix])[choice(rng, tuple(mix.values()), size)]
    asys, amyopathic = diagnosis == DIAGNOSES.index("ASyS"), diagnosis == DIAGNOSES.index("ADM")
    age_mean, *age_spread = scenario.numbers("age")
    phga_mean, *phga_spread = scenario.numbers("phga")
    igg_mean, *igg_spread = scenario.numbers("igg")
    ild = scenario.named("ild")
    phga = whole(10 * truncated_normal(rng, phga_mean, tuple(phga_spread), size))
    out = scenario.named("excluded")
    return People(
        age=whole(truncated_normal(rng, age_mean, tuple(age_spread), size)).astype(np.float64),
        female=rng.random(size) < scenario.number("female"),
        diagnosis=diagnosis,
        ild=rng.random(size) < np.where(asys, ild["ASyS"], ild["other"]),
        dysphagia=rng.random(size) < scenario.number("dysphagia"),
        prior=1 + choice(rng, scenario.numbers("prior_immunosuppressants"), size),
        # Amyopathic patients gain little strength: a score of 40 needs room in both global scores.
        phga=np.where(amyopathic, np.maximum(phga, 40), phga),
        igg=truncated_normal(rng, igg_mean, tuple(igg_spread), size),
        infection=rng.random(size) < scenario.number("infection_history"),
        excluded=choice(rng, (1 - sum(out.values()), *out.values()), size),
        effect_response=effects[0],
        effect_failure=effects[1],
        effect_ldh=effects[2],
        preference=effects[3],
    )


def draw_rituximab_first(rng: np.random.Generator, people: People, scenario: Scenario) -> Flags:
    """Return who gets rituximab first, by a logistic model of the indication."""
    effect = dict(scenario.named("arm"))
    covariates, reference = people.covariates(), scenario.named("reference")
    log_odds = effect["intercept"] + people.preference + effect["phga"] * (covariates["phga"] - reference["phga"])
    for name in ("asys", "ild", "prior_immunosuppressants_2", "dysphagia"):
        log_odds = log_odds + effect[name] * covariates[name]
    log_odds = log_odds + effect["normal_igg"] * (people.igg >= NORMAL_IGG) + effect["low_igg"] * (people.igg < LOW_IGG)
    log_odds = log_odds + effect["infection"] * people.infection + effect["over_65"] * (people.age > OLD_AGE)
    return np.asarray(rng.random(people.size) < 1 / (1 + np.exp(-log_odds)))
