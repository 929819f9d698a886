"""Which variance of a Cox model keeps 95 % with few centres: a simulation of intervals by kind, scenario and number.

python benchmarks/few_clusters.py [--studies 2000] [--processes 2] [--persons 120]

Persons fall unequally into centres. Month of the event: Weibull, censored at 24 to 60 months. Scenarios:
stratified        baseline hazard of each centre its own, arm by person, one effect; model stratified by centre
varying effect    the same, but the effect of the arm differs between centres (standard deviation 0.4)
frailty           positive stable frailty of the centre (index 0.8, so that hazards stay proportional with 0.8 times the
                  log hazard ratio), arm by person with a share that differs between centres; model not stratified
by centre         the same frailty, arm given by centre
large centre      as stratified, but one centre has 45 % of the persons
large, varying    the same with effects that differ
Every model has the arm and two covariates. A line tells how often the interval of the arm holds the truth: inverse
information ("model"), plain sandwich with normal intervals, CR2 with normal ones, CR2 with Satterthwaite's t; and the
mean of CR2's degrees of freedom.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scipy.stats import norm, t

from analyses.methods.hazards.cox_design import CoxDesign, cox_design
from analyses.methods.hazards.cox_maximum import maximise
from analyses.methods.hazards.cox_robust import corrected_sandwich, sandwich
from analyses.methods.hazards.likelihood_search import Maximum

CENTRES = (6, 12, 30)
SCENARIOS = ("stratified", "varying effect", "frailty", "by centre", "large centre", "large, varying")
STRATIFIED = {"stratified", "varying effect", "large centre", "large, varying"}
LARGE = 0.45
KINDS = ("model", "sandwich", "CR2, normal", "CR2, t")
EFFECT = 0.5
STABLE = 0.8
SPREAD = 0.4


def positive_stable(index: float, size: int, random: np.random.Generator) -> np.ndarray:
    """Return frailties with Laplace transform exp(-s^index) (Chambers, Mallows and Stuck 1976)."""
    angle, wait = np.pi * random.uniform(size=size), random.exponential(size=size)
    first = np.sin(index * angle) / np.sin(angle) ** (1 / index)
    return first * (np.sin((1 - index) * angle) / wait) ** ((1 - index) / index)


def study(random: np.random.Generator, *, scenario: str, centres: int, persons: int) -> tuple[pd.DataFrame, float]:
    """Return a simulated study and the true log hazard ratio of its arm."""
    share = random.dirichlet(np.full(centres, 3.0))
    if scenario.startswith("large"):
        share = np.append(LARGE, (1 - LARGE) * random.dirichlet(np.full(centres - 1, 3.0)))
    centre = np.concatenate((np.repeat(np.arange(centres), 2), random.choice(centres, persons - 2 * centres, p=share)))
    chance = random.beta(3, 3, centres)[centre]
    if scenario == "by centre":
        given = random.permutation(np.arange(centres) % 2)
        arm = given[centre]
    else:
        arm = (random.uniform(size=persons) < chance).astype(int)
    covariates = random.normal(size=(persons, 2)) + 0.3 * arm[:, None]
    effect = np.full(centres, EFFECT)
    if "varying" in scenario:
        effect = effect + SPREAD * random.normal(size=centres)
    log_hazard = effect[centre] * arm + covariates @ (0.4, -0.3)
    truth = EFFECT
    if scenario in {"frailty", "by centre"}:
        log_hazard = log_hazard + np.log(positive_stable(STABLE, centres, random))[centre]
        truth = STABLE * EFFECT
    else:
        log_hazard = log_hazard + 0.5 * random.normal(size=centres)[centre]
    waited = 20 * (random.exponential(size=persons) / np.exp(log_hazard)) ** (1 / 1.2)
    censored = random.uniform(24, 60, persons)
    data = pd.DataFrame({"arm": arm, "x": covariates[:, 0], "z": covariates[:, 1], "centre": centre})
    month = np.ceil(np.minimum(waited, censored) * 4) / 4
    return data.assign(month=month, event=(waited <= censored).astype(int)), truth


def replicate(seed: int, *, scenario: str, centres: int, persons: int) -> list[float]:
    """Return whether the interval of each kind holds the truth, and the degrees of freedom; empty without a fit."""
    random = np.random.default_rng([seed, centres, SCENARIOS.index(scenario)])
    data, truth = study(random, scenario=scenario, centres=centres, persons=persons)
    strata = "centre" if scenario in STRATIFIED else None
    design = cox_design(
        "arm + x + z", data, month="month", event="event", entry=None, strata=strata, weight=None, cluster="centre"
    )
    if not isinstance(design, CoxDesign):
        return []
    maximum = maximise(design, "efron")
    if not isinstance(maximum, Maximum):
        return []
    error = abs(maximum.coefficients[0] - truth * design.scale[0])
    corrected = corrected_sandwich(design, maximum, "efron")
    z = norm.isf(0.025)
    variances = (
        (np.linalg.inv(maximum.information), z),
        (sandwich(design, maximum, "efron").covariance, z),
        (corrected.covariance, z),
        (corrected.covariance, t.isf(0.025, corrected.df[0])),
    )
    return [*(float(error <= reach * np.sqrt(variance[0, 0])) for variance, reach in variances), float(corrected.df[0])]


def main() -> None:
    """Print a table of coverage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("studies", 2000), ("processes", 2), ("persons", 120)):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    start = time.perf_counter()
    print(f"{options.persons} persons; share of {options.studies} studies whose 95 % interval holds the truth")
    print(f"{'scenario':<16}{'centres':>8}" + "".join(f"{kind:>14}" for kind in KINDS) + f"{'df':>8}{'fits':>7}")
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for scenario in SCENARIOS:
            for centres in CENTRES:
                work = partial(replicate, scenario=scenario, centres=centres, persons=options.persons)
                found = np.array([one for one in pool.map(work, range(options.studies), chunksize=25) if one])
                shares = "".join(f"{100 * share:>12.1f} %" for share in found[:, :4].mean(axis=0))
                print(f"{scenario:<16}{centres:>8}{shares}{found[:, 4].mean():>8.1f}{len(found):>7}", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
