"""How often intervals of state probabilities and mean times hold the truth in arms of 30 persons.

python benchmarks/small_arms_states.py [--studies 2000] [--persons 30] [--seed 1]

A response that is lost and won again, until death (a Markov process with constant hazards, so that the truth is a
matrix exponential); persons are censored evenly over 6 to 48 months, and in the second design a third come under
observation late. For each scale: the share of studies in which the interval holds the truth (over all states and
months, and the worst of them), in how many of a thousand it lies above the truth and below it, its mean width, and the
share by month as active/response/dead. All scales are given the limits of state_occupation where the standard error is
0, so that only their shape is compared.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.linalg import expm
from scipy.stats import beta, norm

from analyses.methods.multistate import MeanTime, Occupation, StateOccupation, state_occupation
from analyses.methods.states.occupation_limits import effective_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STATES = ("active", "response", "dead")
HAZARD = np.array([[-0.09, 0.08, 0.01], [0.05, -0.053, 0.003], [0.0, 0.0, 0.0]])
MONTHS = (2.0, 6.0, 12.0, 24.0, 36.0)
HORIZON = 24.0
LEVEL = 0.95
Z = norm.isf((1 - LEVEL) / 2)


def study(rng: np.random.Generator, persons: int, *, late: bool) -> pd.DataFrame:
    """Return intervals of one simulated arm."""
    rows = []
    for person in range(persons):
        entry = float(rng.uniform(0, 12)) if late and rng.random() < 1 / 3 else 0.0
        end, place, month = float(rng.uniform(6, 48)), 0, 0.0
        while place != 2 and month < end:
            stay = float(rng.exponential(-1 / HAZARD[place, place]))
            after = min(month + stay, end)
            to = int(rng.choice(3, p=np.where(np.arange(3) == place, 0, HAZARD[place]) / -HAZARD[place, place]))
            if after > entry:
                name = STATES[to] if month + stay < end else None
                rows.append((person, max(month, entry), after, STATES[place], name))
            place, month = (to if month + stay < end else place), after
    return pd.DataFrame(rows, columns=["person", "entry", "month", "state", "to"])


def scales(p: Floats, error: Floats, common: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Return the limits of each scale; common: persons that the curves are worth at each time."""
    inside = error > 0
    q, s = np.where(inside, p, 0.5), np.where(inside, error, 1.0)
    own = np.where(inside, q * (1 - q) / s**2, common[:, None])
    out = {"plain": (q - Z * s, q + Z * s), "log": (q * np.exp(-Z * s / q), q * np.exp(Z * s / q))}
    logit = Z * s / (q * (1 - q))
    out["logit"] = (1 / (1 + (1 - q) / q * np.exp(logit)), 1 / (1 + (1 - q) / q * np.exp(-logit)))
    turn = np.exp(Z * s / (-q * np.log(q)))
    out["log-log"] = (q**turn, q ** (1 / turn))
    turn = np.exp(Z * s / (-(1 - q) * np.log1p(-q)))
    out["log-log of 1 - p"] = (1 - (1 - q) ** (1 / turn), 1 - (1 - q) ** turn)
    angle, reach = np.arcsin(np.sqrt(q)), Z * s / (2 * np.sqrt(q * (1 - q)))
    out["arcsine"] = (np.sin(np.maximum(angle - reach, 0)) ** 2, np.sin(np.minimum(angle + reach, np.pi / 2)) ** 2)
    centre, half = (q + Z**2 / (2 * own)) / (1 + Z**2 / own), Z * np.sqrt(q * (1 - q) / own + (Z / own / 2) ** 2)
    half /= 1 + Z**2 / own
    out["Wilson"] = (centre - half, centre + half)
    tail = (1 - LEVEL) / 2
    out["Jeffreys"] = tuple(f(tail, own * q + 0.5, own * (1 - q) + 0.5) for f in (beta.ppf, beta.isf))
    out["Clopper-Pearson"] = (beta.ppf(tail, own * q, own * (1 - q) + 1), beta.isf(tail, own * q + 1, own * (1 - q)))
    edge = tail ** (1 / np.maximum(common, 1e-9))[:, None]
    for name, (low, high) in out.items():
        lower = np.where(inside, low, np.where(p > 0.5, edge, 0))
        upper = np.where(inside, high, np.where(p > 0.5, 1, 1 - edge))
        out[name] = (np.clip(lower, 0, 1), np.clip(upper, 0, 1))
    return out


def fitted(data: pd.DataFrame) -> StateOccupation:
    """Return the estimate of one arm."""
    found = state_occupation(
        data, person="person", entry="entry", month="month", state="state", to="to", states=STATES, absorbing=("dead",)
    )
    if not isinstance(found, StateOccupation):
        raise TypeError(found.reason)
    return found


def probabilities(found: StateOccupation, truth: Floats) -> dict[str, Floats]:
    """Return for each scale whether the truth lies below, whether above, and the width: 3 x months x states."""
    places = np.searchsorted(found.month, MONTHS, side="right") - 1
    worth = effective_number(found.moves, found.month, found.probability, found.std_error)[places]
    here = scales(found.probability[places], found.std_error[places], worth)
    shares = [x.shares if isinstance(x, Occupation) else () for x in found.at(MONTHS)]
    ours = np.array([[(s.low, s.high) for s in row] or [(0.0, 1.0)] * len(STATES) for row in shares])
    here["state_occupation"] = (ours[:, :, 0], ours[:, :, 1])
    return {name: np.stack([low > truth, high < truth, high - low]) for name, (low, high) in here.items()}


def mean_times(found: StateOccupation, truth: Floats) -> Floats:
    """Return for each state whether the interval of state_occupation, and a normal one, hold the truth; NaN if none."""
    out = np.full((2, len(STATES)), np.nan)
    for place, mean in enumerate(found.mean_time(HORIZON)):
        if isinstance(mean, MeanTime):
            out[0, place] = mean.low <= truth[place] <= mean.high
            out[1, place] = abs(mean.value - truth[place]) <= Z * mean.std_error
    return out


def design(studies: int, persons: int, seed: int, *, late: bool) -> None:
    """Print the tables of one design."""
    rng = np.random.default_rng(seed)
    truth = np.array([expm(HAZARD * month)[0] for month in MONTHS])
    fine = np.linspace(0, HORIZON, 2401)
    true_mean = np.trapezoid([expm(HAZARD * month)[0] for month in fine], fine, axis=0)
    arms = [fitted(study(rng, persons, late=late)) for _ in range(studies)]
    held = [probabilities(found, truth) for found in arms]
    print(f"\n{studies} arms of {persons} persons{', a third under observation late' if late else ''}; truth:")
    for month, row in zip(MONTHS, truth, strict=True):
        print(f"  month {month:>4g}  " + "  ".join(f"{s} {x:.3f}" for s, x in zip(STATES, row, strict=True)))
    print(
        f"{'scale':<18}{'all':>7}{'worst':>7}{'above':>7}{'below':>7}{'width':>7}"
        + "".join(f"{m:>12g}" for m in MONTHS)
    )
    for name in held[0]:
        above, below, width = np.mean([one[name] for one in held], axis=0)
        cover = 1 - above - below
        numbers = f"{1000 * above.mean():>7.0f}{1000 * below.mean():>7.0f}{width.mean():>7.3f}"
        cells = "".join(f"{'/'.join(f'{100 * x:.0f}' for x in row):>12}" for row in cover)
        print(f"{name:<18}{cover.mean():>7.3f}{cover.min():>7.3f}{numbers}{cells}")
    logit, normal = np.nanmean([mean_times(found, true_mean) for found in arms], axis=0)
    for place, state in enumerate(STATES):
        share = f"{logit[place]:.3f}, normal {normal[place]:.3f}"
        print(f"mean time {state:<9} {share} (truth {true_mean[place]:.2f} of {HORIZON:g} months)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--persons", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for late_ in (False, True):
        design(arguments.studies, arguments.persons, arguments.seed, late=late_)
