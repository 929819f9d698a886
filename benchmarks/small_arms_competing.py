"""Which interval of a cumulative incidence keeps its coverage in small arms: a simulation of five of them.

python benchmarks/small_arms_competing.py [--size 30] [--draws 20000] [--quick]

Each draw is an arm with two causes of constant hazards, followed for 12 months, and uniform censoring; the interval is
that of cause 1 at month 12. By the truth of it and the share censored by then, the table says how often the 95 %
interval misses it from above (the interval lies below the truth), from below, its coverage and its mean width. "none"
is the share of arms without an event of the cause, where every interval is that of Clopper and Pearson.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analyses.methods.competing import Incidence, cumulative_incidence

Z = float(norm.isf(0.025))
MONTH = 12.0
TRUTHS = (0.03, 0.1, 0.3, 0.6, 0.9)
CENSORED = (0.0, 0.3)
OTHER = 0.2
"""Share of those who do not end by cause 1 that end by cause 2."""


def limits(value: float, error: float) -> dict[str, tuple[float, float]]:
    """Return the intervals that have a formula, by the scale on which they are symmetric."""

    def back(scale: float, spread: float, inverse: object) -> tuple[float, float]:
        ends = sorted(inverse(scale + sign * Z * spread) for sign in (-1, 1))  # type: ignore[operator]
        return float(ends[0]), float(ends[1])

    free = 1 - value
    root = np.arcsin(np.sqrt(value))
    return {
        "plain": back(value, error, lambda x: min(1.0, max(0.0, x))),
        "log(-log(1 - F))": back(
            np.log(-np.log(free)), error / (-free * np.log(free)), lambda x: 1 - np.exp(-np.exp(x))
        ),
        "log(-log F)": back(np.log(-np.log(value)), error / (-value * np.log(value)), lambda x: np.exp(-np.exp(x))),
        "logit": back(np.log(value / free), error / (value * free), lambda x: 1 / (1 + np.exp(-x))),
        "arcsine": back(root, error / (2 * np.sqrt(value * free)), lambda x: np.sin(min(np.pi / 2, max(0.0, x))) ** 2),
    }


def arm(rng: np.random.Generator, size: int, truth: float, censored: float) -> tuple[np.ndarray, np.ndarray]:
    """Return months and causes; the hazards give the incidences truth and OTHER x (1 - truth) at month 12."""
    second = OTHER * (1 - truth)
    total = -np.log(1 - truth - second) / MONTH
    event = rng.exponential(1 / total, size)
    cause = np.where(rng.random(size) < truth / (truth + second), 1, 2)
    leave = np.full(size, 2 * MONTH)
    if censored > 0:
        leave = rng.uniform(0, MONTH / censored, size)
    leave = np.minimum(leave, 2 * MONTH)
    return np.minimum(event, leave), np.where(event <= leave, cause, 0)


def study(size: int, draws: int, truth: float, censored: float) -> tuple[dict[str, np.ndarray], float, float]:
    """Return by interval the sums (missed from above, from below, width), the share without event and not followed."""
    rng = np.random.default_rng([size, draws, round(1000 * truth), round(1000 * censored)])
    sums: dict[str, np.ndarray] = {}
    none, used = 0, 0
    for _ in range(draws):
        month, cause = arm(rng, size, truth, censored)
        curves = cumulative_incidence(month, cause)
        (here,) = curves.of(1).at([MONTH])  # type: ignore[union-attr]
        if not isinstance(here, Incidence):
            continue
        used += 1
        found = dict.fromkeys(limits(0.5, 0.1), (here.low, here.high))
        if 0 < here.value < 1:
            found = limits(here.value, here.std_error)
        none += here.value == 0
        found["shipped"] = (here.low, here.high)
        for name, (low, high) in found.items():
            one = np.asarray([truth > high, truth < low, high - low], dtype=float)
            sums[name] = sums.get(name, np.zeros(3)) + one
    return {name: total / used for name, total in sums.items()}, none / used, 1 - used / draws


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=30)
    parser.add_argument("--draws", type=int, default=20000)
    parser.add_argument("--quick", action="store_true", help="500 draws")
    settings = parser.parse_args()
    draws = 500 if settings.quick else settings.draws
    print(f"{settings.size} persons in an arm, {draws} draws; standard error of a coverage near 0.95: "
          f"{np.sqrt(0.95 * 0.05 / draws):.4f}")  # fmt: skip
    worst: dict[str, float] = {}
    for censored in CENSORED:
        for truth in TRUTHS:
            table, none, lost = study(settings.size, draws, truth, censored)
            print(f"\ntruth {truth}, censored {censored}: none {none:.3f}, not followed to month 12 {lost:.3f}")
            print(f"  {'interval':18} {'above':>7} {'below':>7} {'coverage':>9} {'width':>7}")
            for name, (above, below, width) in table.items():
                print(f"  {name:18} {above:7.4f} {below:7.4f} {1 - above - below:9.4f} {width:7.4f}")
                worst[name] = min(worst.get(name, 1.0), 1 - above - below)
    print("\nlowest coverage: " + ", ".join(f"{name} {value:.4f}" for name, value in worst.items()))


if __name__ == "__main__":
    main()
