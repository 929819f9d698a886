"""Which standard errors of a logistic model keep 95 % with few centres: a simulation of intervals.

python benchmarks/few_clusters_glm.py [--studies 300] [--processes 2] [--persons 240]

Persons fall unequally into centres. The log odds of a response have a normal effect of the centre. Scenarios:
by person     the arm is given person by person, with a share that differs between centres
by centre     the arm is given by centre
large centre  as by person, but one centre has 45 % of the persons
few treated   the arm is given by centre, and only a third of the centres have it
Every model has the arm and one covariate of the person; the truth is the population-average log odds ratio, from a
normal mean over centres and covariate. A line tells how often the interval of the arm holds the truth: inverse
information ("model"), plain sandwich with normal intervals ("CR0"), CR2 with normal ones, CR2 with Satterthwaite's t,
and Mancl and DeRouen's estimating equations (exchangeable) with normal intervals; then the mean of CR2's degrees of
freedom, and how many studies had a standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scipy.optimize import least_squares
from scipy.special import expit
from scipy.stats import norm

from analyses.methods.clustered import ClusteredFit, cr2, gee

CENTRES = (6, 12, 30)
SCENARIOS = ("by person", "by centre", "large centre", "few treated")
KINDS = ("model", "CR0", "CR2, normal", "CR2, t", "Mancl-DeRouen")
LARGE = 0.45
EFFECT, COVARIATE, BETWEEN = 0.7, 0.5, 0.6


@cache
def truth() -> float:
    """Return the coefficient of the arm in the logistic model of the mean over centres, by quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    shares = weights / weights.sum()
    grid = points[:, None]
    risks = [expit(EFFECT * arm + COVARIATE * grid + BETWEEN * points) @ shares for arm in (0.0, 1.0)]

    def score(beta: np.ndarray) -> list[float]:
        rest = [risk - expit(beta[0] + beta[1] * arm + beta[2] * points) for arm, risk in enumerate(risks)]
        return [shares @ (rest[0] + rest[1]), shares @ rest[1], shares @ ((rest[0] + rest[1]) * points)]

    return float(least_squares(score, [0.0, EFFECT, COVARIATE], xtol=1e-12).x[1])


def study(random: np.random.Generator, *, scenario: str, centres: int, persons: int) -> pd.DataFrame:
    """Return a simulated study."""
    share = random.dirichlet(np.full(centres, 3.0))
    if scenario == "large centre":
        share = np.append(LARGE, (1 - LARGE) * random.dirichlet(np.full(centres - 1, 3.0)))
    centre = np.concatenate((np.repeat(np.arange(centres), 2), random.choice(centres, persons - 2 * centres, p=share)))
    if scenario in {"by centre", "few treated"}:
        treated = centres // (3 if scenario == "few treated" else 2)
        arm = (random.permutation(centres) < treated)[centre].astype(int)
    else:
        arm = (random.uniform(size=persons) < random.beta(3, 3, centres)[centre]).astype(int)
    x = random.normal(size=persons)
    level = EFFECT * arm + COVARIATE * x + BETWEEN * random.normal(size=centres)[centre]
    y = (random.uniform(size=persons) < expit(level)).astype(int)
    return pd.DataFrame({"y": y, "arm": arm, "x": x, "centre": centre})


def plain(data: pd.DataFrame, coefficients: np.ndarray) -> tuple[float, float]:
    """Return the variance of the arm's coefficient from the information, and from the plain sandwich."""
    x = np.column_stack([np.ones(len(data)), data["arm"], data["x"]])
    mean = expit(x @ coefficients)
    inverse = np.linalg.inv((x * (mean * (1 - mean))[:, None]).T @ x)
    scores = x * (data["y"].to_numpy() - mean)[:, None]
    sums = np.column_stack([np.bincount(data["centre"], weights=column) for column in scores.T]) @ inverse
    return float(inverse[1, 1]), float(sums[:, 1] @ sums[:, 1])


def replicate(seed: int, *, scenario: str, centres: int, persons: int) -> list[float]:
    """Return whether the interval of each kind holds the truth, and the degrees of freedom; empty without a fit."""
    random = np.random.default_rng([seed, centres, SCENARIOS.index(scenario)])
    data = study(random, scenario=scenario, centres=centres, persons=persons)
    fit = cr2("y ~ arm + x", data, cluster="centre", family="binomial")
    if not isinstance(fit, ClusteredFit) or fit.terms["reason"].iloc[1]:
        return []
    row = fit.terms.iloc[1]
    other = gee(
        "y ~ arm + x",
        data,
        cluster="centre",
        family="binomial",
        correlation="exchangeable",
        standard_errors="bias-reduced",
    )
    error, z = abs(row["estimate"] - truth()), norm.isf(0.025)
    held = [float(error <= z * np.sqrt(one)) for one in plain(data, fit.terms["estimate"].to_numpy(float))]
    held += [float(error <= z * row["std_error"]), float(row["low"] <= truth() <= row["high"])]
    if isinstance(other, ClusteredFit):
        line = other.terms.iloc[1]
        held.append(float(line["low"] <= truth() <= line["high"]))
    else:
        held.append(np.nan)
    return [*held, float(row["df"])]


def main() -> None:
    """Print a table of coverage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("studies", 300), ("processes", 2), ("persons", 240)):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    start = time.perf_counter()
    print(f"{options.persons} persons; share of {options.studies} studies whose 95 % interval holds {truth():.4f}")
    print(f"{'scenario':<14}{'centres':>8}" + "".join(f"{kind:>15}" for kind in KINDS) + f"{'df':>8}{'fits':>7}")
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for scenario in SCENARIOS:
            for centres in CENTRES:
                work = partial(replicate, scenario=scenario, centres=centres, persons=options.persons)
                found = np.array([one for one in pool.map(work, range(options.studies), chunksize=25) if one])
                shares = "".join(f"{100 * share:>13.1f} %" for share in np.nanmean(found[:, :5], axis=0))
                print(f"{scenario:<14}{centres:>8}{shares}{found[:, 5].mean():>8.1f}{len(found):>7}", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
