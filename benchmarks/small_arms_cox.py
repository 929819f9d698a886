"""Which interval of a hazard ratio keeps 95 % in two arms of 30, and what rare events do to it.

python benchmarks/small_arms_cox.py [--studies 2000] [--processes 2] [--persons 30]

Two arms and a covariate; the share with the event among the first arm's persons goes from most to few. Of each line:
how many studies have an ordinary maximum (in the others events are separated by the arm), and in how many of all
studies the interval holds the truth: Wald's, of the studies with a maximum; Firth's with the information; Firth's with
the profile of the penalised likelihood, which is what penalty="firth" gives. The mean log hazard ratio of both shows
the bias that the penalty takes away.
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
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analyses.methods.survival import CoxFit, cox

SHARES = (0.8, 0.5, 0.2, 0.1)
EFFECTS = (0.0, 1.0)


def study(random: np.random.Generator, *, persons: int, share: float, effect: float) -> pd.DataFrame:
    """Return two arms; share: of the first arm with the event by the end of follow-up at 24 months."""
    arm = np.repeat([0, 1], persons)
    z = random.normal(size=2 * persons)
    rate = -np.log1p(-share) / 24
    waited = random.exponential(size=2 * persons) / (rate * np.exp(effect * arm + 0.5 * z))
    lost = random.uniform(12, 48, 2 * persons)
    end = np.minimum(24.0, lost)
    return pd.DataFrame({"arm": arm, "z": z, "month": np.minimum(waited, end), "event": (waited <= end).astype(int)})


def replicate(seed: int, *, persons: int, share: float, effect: float) -> tuple[float, ...]:
    """Return estimate and coverage of the ordinary fit (NaN without one), estimate and both coverages of Firth's."""
    random = np.random.default_rng([seed, int(100 * share), int(10 * effect)])
    data = study(random, persons=persons, share=share, effect=effect)
    usual = cox("arm + z", data, month="month", event="event")
    ordinary = (np.nan, np.nan)
    if isinstance(usual, CoxFit):
        row = usual.terms.iloc[0]
        ordinary = (row["estimate"], float(row["low"] <= effect <= row["high"]))
    firth = cox("arm + z", data, month="month", event="event", penalty="firth")
    if not isinstance(firth, CoxFit):
        return (*ordinary, np.nan, np.nan, np.nan)
    row = firth.terms.iloc[0]
    wald = abs(row["estimate"] - effect) <= norm.isf(0.025) * row["std_error"]
    return (*ordinary, row["estimate"], float(wald), float(row["low"] <= effect <= row["high"]))


def main() -> None:
    """Print a table of coverage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, number in (("studies", 2000), ("processes", 2), ("persons", 30)):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    start = time.perf_counter()
    print(f"arms of {options.persons}, {options.studies} studies; coverage of 95 % intervals of the arm")
    print(
        f"{'truth':>7}{'share':>8}{'maximum':>10}{'mean':>8}{'Wald':>9}{'Firth':>12}{'mean':>8}{'Wald':>9}{'profile':>10}"
    )
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for effect in EFFECTS:
            for share in SHARES:
                work = partial(replicate, persons=options.persons, share=share, effect=effect)
                found = np.array(list(pool.map(work, range(options.studies), chunksize=25)))
                fits, mean = (~np.isnan(found)).sum(axis=0), np.nanmean(found, axis=0)
                print(
                    f"{effect:>7.1f}{share:>8.1f}{fits[0]:>10}{mean[0]:>8.2f}{100 * mean[1]:>7.1f} %"
                    f"{fits[2]:>12}{mean[2]:>8.2f}{100 * mean[3]:>7.1f} %{100 * mean[4]:>8.1f} %", flush=True,
                )  # fmt: skip
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
