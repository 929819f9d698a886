"""In how many simulated arms of 30 the truth lies in the 95 % interval: curves, medians and restricted means.

python benchmarks/small_arms.py [--replicates 4000] [--persons 30] [--processes 2] [--seed 1]

Times to event are exponential or Weibull (shape 0.7 and 1.5), or exponential with half of the persons coming under
observation during the first half of the time; the survival at month 12 is 0.9, 0.7, 0.5 or 0.2; 20 or 40 % are lost to
follow-up before month 12 and the event, at a constant rate; the others are followed to month 24. Each line is one kind
of interval and gives its coverage by survival at month 12 (the mean over shapes and losses), over all scenarios, in the
worst of them, how often the truth lies below and above, and the mean width. Replicates in which the number is not
estimable are left out and counted. What ours is, is computed here for all replicates at once and compared with
kaplan_meier and restricted_mean for some of them.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from small_arms_limits import (
    END,
    EVENTS,
    MONTH,
    OURS,
    SHAPES,
    Curves,
    Scenario,
    contrast_limits,
    curve_limits,
    draw,
    mean_limits,
    means,
    median_limits,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analyses.methods.curves.restricted_mean import MeanDifference, MeanRatio, RestrictedMean
from analyses.methods.survival import KaplanMeier, Survival, kaplan_meier, restricted_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from small_arms_limits import Limits

SURVIVALS = (0.9, 0.7, 0.5, 0.2)
LOSSES = (0.2, 0.4)
PAIRS = ((0.9, 0.9), (0.9, 0.7), (0.7, 0.7), (0.7, 0.5), (0.5, 0.2), (0.2, 0.2))
CHECKED = 10

Row = tuple[str, str, float | str, int, int, int, int, float]
"""Estimand, interval, survival, replicates with a number, and of them covered, truth below, truth above, width."""


def rows(estimand: str, survival: float | str, true: float, known: NDArray[np.bool_], limits: Limits) -> list[Row]:
    """Return the counts for each kind of interval."""
    out = []
    for name, (low, high) in limits.items():
        below, above = int((true < low[known]).sum()), int((true > high[known]).sum())
        closed = known & np.isfinite(high)
        width = float((high[closed] - low[closed]).mean())
        number = int(known.sum())
        out.append((estimand, name, survival, number, number - below - above, below, above, width))
    return out


def one_arm(shape: str, survival: float, loss: float, size: tuple[int, int], seed: int) -> list[Row]:
    """Return the rows of one scenario."""
    scenario = Scenario(shape=shape, survival=survival, loss=loss)
    curves = draw(np.random.default_rng(seed), scenario, *size)
    check(curves)
    out = rows("survival at month 12", survival, survival, *curve_limits(curves))
    out += rows("restricted mean", survival, scenario.mean, *mean_limits(curves))
    if scenario.median <= 0.9 * END:
        out += rows("median", survival, scenario.median, *median_limits(curves))
    return out


def two_arms(shape: str, pair: tuple[float, float], loss: float, size: tuple[int, int], seed: int) -> list[Row]:
    """Return the rows of two arms."""
    random = np.random.default_rng(seed)
    scenarios = [Scenario(shape=shape, survival=survival, loss=loss) for survival in pair]
    arms = [draw(random, scenario, *size) for scenario in scenarios]
    check_difference(*arms)
    known, difference, ratio = contrast_limits(*arms)
    first, second = (scenario.mean for scenario in scenarios)
    which = f"{pair[0]}/{pair[1]}"
    out = rows("difference of restricted means", which, second - first, known, difference)
    return out + rows("logarithm of their ratio", which, math.log(second / first), known, ratio)


def check(curves: Curves) -> None:
    """Stop if what is computed here for all replicates is not what the methods give."""
    known, limits = curve_limits(curves)
    found = means(curves)
    for i in range(min(CHECKED, len(known))):
        columns = (curves.month[i], curves.event[i])
        curve = kaplan_meier(*columns, entry=curves.entry[i])
        if not isinstance(curve, KaplanMeier):
            raise TypeError(curve)
        here = curve.at([MONTH])[0]
        if known[i]:
            if not isinstance(here, Survival):
                raise TypeError(here)
            low, high = (float(x[i]) for x in limits["log-log (ours)"])
            np.testing.assert_allclose([here.low, here.high], [low, high], 1e-9)
        mean = restricted_mean(*columns, horizon=MONTH, entry=curves.entry[i]).means[0]
        if isinstance(mean, RestrictedMean) != bool(found.known[i]):
            raise ValueError(mean)
        if isinstance(mean, RestrictedMean):
            wanted = [found.value[i], found.error[i], *(x[i] for x in mean_limits(curves)[1][f"logit, {EVENTS}{OURS}"])]
            np.testing.assert_allclose((mean.value, mean.std_error, mean.low, mean.high), wanted, 1e-9)
        quantile = curve.quantile()
        wanted = [float(x[i]) for x in median_limits(curves)[1]["log-log (ours)"]]
        np.testing.assert_allclose((quantile.low, quantile.high), wanted, 1e-9)


def check_difference(first: Curves, second: Curves) -> None:
    """Stop if the contrasts that restricted_mean gives are not those called ours here."""
    known, difference, ratio = contrast_limits(first, second)
    for i in np.flatnonzero(known)[:CHECKED]:
        month, event, entry = (
            np.concatenate([getattr(arm, name)[i] for arm in (first, second)]) for name in ("month", "event", "entry")
        )
        group = np.repeat([0, 1], first.month.shape[1])
        found = restricted_mean(month, event, group, horizon=MONTH, entry=entry)
        if not isinstance(found.difference, MeanDifference) or not isinstance(found.ratio, MeanRatio):
            raise TypeError(found)
        numbers = (found.difference.low, found.difference.high, math.log(found.ratio.low), math.log(found.ratio.high))
        wanted = [float(x[i]) for both in (difference, ratio) for x in both[EVENTS + OURS]]
        np.testing.assert_allclose(numbers, wanted, rtol=1e-8, atol=1e-9)


def table(found: list[Row], replicates: int) -> None:
    """Print coverage by kind of interval."""
    print(
        f"simulation error of one scenario: {100 * math.sqrt(0.95 * 0.05 / replicates):.1f} points (one standard error)"
    )
    for estimand, group in itertools.groupby(found, key=lambda row: row[0]):
        some = list(group)
        survivals = list(dict.fromkeys(row[2] for row in some))
        heads = [h if isinstance(h, str) else f"{h:.1f}" for h in survivals]
        print(
            f"\n{estimand:<52}" + "".join(f"{h:>9}" for h in heads) + "      all    worst  below  above   width    n/e"
        )
        for name in dict.fromkeys(row[1] for row in some):
            own = [row for row in some if row[1] == name]
            cells = [_share([row for row in own if row[2] == s]) for s in survivals]
            total = sum(row[3] for row in own)
            print(
                f"  {name:<50}" + "".join(f"{c:>9.1f}" for c in cells)
                + f"{_share(own):>9.1f}{min(_share([row]) for row in own):>9.1f}"
                f"{100 * sum(row[5] for row in own) / total:>7.1f}{100 * sum(row[6] for row in own) / total:>7.1f}"
                f"{np.mean([row[7] for row in own]):>8.3f}{100 * (1 - total / len(own) / replicates):>6.1f}%"
            )  # fmt: skip


def _share(some: list[Row]) -> float:
    return 100 * sum(row[4] for row in some) / sum(row[3] for row in some)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, number in (("replicates", 4000), ("persons", 30), ("processes", 2), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    start = time.perf_counter()
    size = (options.replicates, options.persons)
    seeds = itertools.count(1000 * options.seed)
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        jobs = [pool.submit(one_arm, *s, size, next(seeds)) for s in itertools.product(SHAPES, SURVIVALS, LOSSES)]
        jobs += [pool.submit(two_arms, *s, size, next(seeds)) for s in itertools.product(SHAPES, PAIRS, LOSSES)]
        found = [row for job in jobs for row in job.result()]
    order = list(dict.fromkeys(row[0] for row in found))
    print(f"{options.replicates} replicates a scenario, arms of {options.persons}")
    table(sorted(found, key=lambda row: order.index(row[0])), options.replicates)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
