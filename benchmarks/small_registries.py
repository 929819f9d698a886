"""Which inference of mixed models keeps 95 % in a small registry: a simulation of intervals by kind and size.

python benchmarks/small_registries.py [--studies 1000] [--processes 2]

A study has few patients in few centres of unequal size, three to six visits with a fifth of them missing, random
intercepts and slopes of patients, a random intercept of the centre, and two arms: by patient, or given by centre. A
line tells how often the intervals hold the truth for the arms' difference at the last visit and for their difference
in slopes: linear mixed model with inference "normal", "satterthwaite" and "kenward-roger"; and an MMRM with an
unstructured covariance, without centre, for the difference at the last visit: Kenward and Roger as in the R package
mmrm, and without second derivatives ("linear"). "none" is the share of studies in which a model gave no numbers. The
median of the degrees of freedom stands behind.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analyses.methods.mixed import Inference, MixedFit, linear_mixed_model
from analyses.methods.repeated import mmrm
from analyses.result import NotEstimable

SIZES = ((12, 4), (24, 4), (24, 8), (60, 6), (60, 12), (120, 12))
VISITS = 4
EFFECT, SLOPE = -0.3, -0.2
CENTRE = 0.4
KINDS = ("normal", "Satterthwaite", "Kenward-Roger", "MMRM", "MMRM linear")
MODEL = "y ~ arm * month + baseline"
PLANNED = "y ~ C(arm) * C(visit) + baseline"


def study(random: np.random.Generator, *, patients: int, centres: int, by_centre: bool) -> pd.DataFrame:
    """Return one row a visit."""
    share = random.dirichlet(np.full(centres, 3.0))
    centre = np.concatenate((np.arange(centres), random.choice(centres, patients - centres, p=share)))
    arm = np.arange(centres)[centre] % 2 if by_centre else random.permutation(np.arange(patients) % 2)
    baseline = random.normal(size=patients)
    own = random.multivariate_normal([0, 0], [[0.5, -0.05], [-0.05, 0.1]], patients)
    level = CENTRE * random.normal(size=centres)[centre] + 0.5 * baseline + EFFECT * arm + own[:, 0]
    month = np.arange(VISITS, dtype=float)
    value = level[:, None] + (SLOPE * arm + own[:, 1])[:, None] * month + 0.5 * random.normal(size=(patients, VISITS))
    data = pd.DataFrame(
        {
            "patient": np.repeat(np.arange(patients), VISITS),
            "centre": np.repeat(centre, VISITS),
            "arm": np.repeat(arm, VISITS),
            "baseline": np.repeat(baseline, VISITS),
            "month": np.tile(month, patients),
            "visit": np.tile(np.arange(VISITS), patients),
            "y": value.ravel(),
        }
    )
    return data.loc[random.random(len(data)) > 0.2]


def one(seed: int, *, patients: int, centres: int, by_centre: bool) -> list[tuple[bool, bool, float]]:
    """Return for each kind whether both intervals hold the truth, and degrees of freedom (NaN without numbers)."""
    data = study(np.random.default_rng(seed), patients=patients, centres=centres, by_centre=by_centre)
    last = VISITS - 1
    out = []
    for inference in reversed(get_args(Inference)):
        fit = linear_mixed_model(MODEL, data, patient="patient", centre="centre", slope="month", inference=inference)
        if not isinstance(fit, MixedFit) or not fit.converged:
            out.append((False, False, np.nan))
            continue
        level = fit.contrasts("arm", at={"arm": [0, 1], "month": [last]}).iloc[0]
        slope = fit.terms.set_index("term").loc["arm:month"]
        truth = EFFECT + SLOPE * last
        out.append((level["low"] <= truth <= level["high"], slope["low"] <= SLOPE <= slope["high"], float(level["df"])))
    for inference in ("kenward-roger", "kenward-roger-linear"):
        planned = mmrm(PLANNED, data, patient="patient", visit="visit", inference=inference)
        if isinstance(planned, NotEstimable) or not planned.converged:
            out.append((False, False, np.nan))
            continue
        level = planned.contrasts("arm", by="visit").set_index("visit").loc[last]
        held = not level["reason"] and level["low"] <= EFFECT + SLOPE * last <= level["high"]
        out.append((bool(held), False, float("nan") if level["reason"] else float(level["df"])))
    return out


def main() -> None:
    """Print a line for each size and way of giving arms."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.processes, mp_context=get_context("spawn")) as pool:
        for by_centre in (False, True):
            for patients, centres in SIZES:
                call = partial(one, patients=patients, centres=centres, by_centre=by_centre)
                found = np.array(list(pool.map(call, range(arguments.studies), chunksize=20)), dtype=float)
                said = []
                for i, kind in enumerate(KINDS):
                    there = np.isfinite(found[:, i, 2]) | np.isinf(found[:, i, 2])
                    level, slope = (100 * found[there, i, j].mean() for j in (0, 1))
                    slopes = "" if "MMRM" in kind else f" / {slope:.1f}"
                    none = f", none {100 * (~there).mean():.1f} %" if not there.all() else ""
                    said.append(f"{kind} {level:.1f}{slopes} % (df {np.median(found[there, i, 2]):.0f}{none})")
                where = "arms by centre" if by_centre else "arms by patient"
                print(f"{patients} patients, {centres} centres, {where}: {'; '.join(said)}", flush=True)


if __name__ == "__main__":
    main()
