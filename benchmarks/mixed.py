"""Seconds of mixed models with small-sample inference, beside R and statsmodels, in one run.

python benchmarks/mixed.py [--repeats 5] [--quick]

Ours is from a data frame to the fit with Kenward and Roger's standard errors and degrees of freedom of every
coefficient; the best of the repeats counts. R runs in one process (Rscript; left out if it or a package is not there)
on the same rows from a CSV file, and system.time of the calls counts once: lmer and the summary with Kenward and
Roger's degrees of freedom (lmerTest, pbkrtest), mmrm if it is there, and gls with the same covariance, which has no
small-sample inference. statsmodels' MixedLM has none either. R's pbkrtest makes matrices of all rows and is asked for
no more than 500 patients. Peak memory is that of a process of its own that makes the data and fits once.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analyses.methods.mixed import MixedFit, linear_mixed_model, parametric_bootstrap
from analyses.methods.repeated import RepeatedFit, mmrm

if TYPE_CHECKING:
    from collections.abc import Callable

FORMULA = "y ~ arm * years + baseline + sex"
VISITS = "y ~ arm * C(visit) + baseline + sex"
REFITS = 1000
R = {
    "lmer": """
      suppressMessages({ library(lmerTest); library(pbkrtest) })
      v <- read.csv("FILE"); v$patient <- factor(v$patient); v$centre <- factor(v$centre)
      s <- system.time({ m <- lmer(y ~ arm * years + baseline + sex + (1 + years | patient) + (1 | centre), v)
        k <- coef(summary(m, ddf = "Kenward-Roger")) })[["elapsed"]]; cat(s)""",
    "mmrm": """
      suppressMessages(library(mmrm)); v <- read.csv("FILE"); v$patient <- factor(v$patient); v$visit <- factor(v$visit)
      s <- system.time({ m <- mmrm(y ~ arm * visit + baseline + sex + us(visit | patient), v, method = "Kenward-Roger")
        k <- summary(m) })[["elapsed"]]; cat(s)""",
    "gls": """
      suppressMessages(library(nlme)); v <- read.csv("FILE"); v$visit <- factor(v$visit)
      s <- system.time(m <- gls(y ~ arm * visit + baseline + sex, v, correlation = corSymm(form = ~ as.integer(visit) |
        patient), weights = varIdent(form = ~ 1 | visit), control = glsControl(maxIter = 200, msMaxIter = 500,
        opt = "optim")))[["elapsed"]]; cat(s)""",
}


def patients_in_centres(patients: int, *, centres: int = 30, seed: int = 1) -> pd.DataFrame:
    """Return three to twelve values a patient over three years: own intercepts and slopes, centres, two arms."""
    random = np.random.default_rng(seed)
    times = random.integers(3, 13, patients)
    person = np.repeat(np.arange(patients), times)
    centre = random.integers(0, centres, patients)
    arm, baseline = random.integers(0, 2, patients), random.normal(size=patients)
    years = random.uniform(0, 3, len(person))
    own = random.multivariate_normal([0, 0], [[0.3, -0.05], [-0.05, 0.1]], patients)
    level = 1 + 0.3 * random.normal(size=centres)[centre] + 0.5 * baseline - 0.2 * arm + own[:, 0]
    slope = -0.3 - 0.2 * arm + own[:, 1]
    return pd.DataFrame(
        {
            "patient": person,
            "centre": centre[person],
            "arm": arm[person],
            "sex": random.choice(["F", "M"], patients)[person],
            "baseline": baseline[person],
            "years": years,
            "y": level[person] + slope[person] * years + 0.4 * random.normal(size=len(person)),
        }
    )


def visits(patients: int, number: int, *, seed: int = 1) -> pd.DataFrame:
    """Return planned visits with an autoregressive error that grows; a fifth is missing, and some leave for good."""
    random = np.random.default_rng(seed)
    arm, baseline = random.integers(0, 2, patients), random.normal(size=patients)
    steps = np.arange(number)
    covariance = 0.7 ** np.abs(steps[:, None] - steps) * np.outer(1 + steps / number, 1 + steps / number)
    error = random.multivariate_normal(np.zeros(number), covariance, patients)
    value = 0.5 * baseline[:, None] - 0.1 * arm[:, None] * steps - 0.05 * steps + error
    seen = (random.random(value.shape) > 0.2) & (steps < random.geometric(0.05, patients)[:, None] + 1)
    data = pd.DataFrame(
        {
            "patient": np.repeat(np.arange(patients), number),
            "visit": np.tile(steps, patients),
            "arm": np.repeat(arm, number),
            "sex": np.repeat(random.choice(["F", "M"], patients), number),
            "baseline": np.repeat(baseline, number),
            "y": value.ravel(),
        }
    )
    return data.loc[seen.ravel()].reset_index(drop=True)


def nested(data: pd.DataFrame) -> MixedFit:
    """Return the mixed model with slopes of patients in centres; TypeError if there is none."""
    fit = linear_mixed_model(FORMULA, data, patient="patient", centre="centre", slope="years")
    if not isinstance(fit, MixedFit) or not fit.converged:
        raise TypeError(fit)
    return fit


def by_visit(data: pd.DataFrame) -> RepeatedFit:
    """Return the model by visit with an unstructured covariance; TypeError if there is none."""
    fit = mmrm(VISITS, data, patient="patient", visit="visit")
    if not isinstance(fit, RepeatedFit) or not fit.converged:
        raise TypeError(fit)
    return fit


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the best time of a call."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def in_r(name: str, data: pd.DataFrame) -> float | None:
    """Return the seconds of R's call, or None if R or its package is not there."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.csv"
        data.to_csv(file, index=False)
        done = subprocess.run(  # noqa: S603  (our own text)
            ["Rscript", "-e", R[name].replace("FILE", str(file))],  # noqa: S607  (R from the path)
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    return float(done.stdout) if done.returncode == 0 else None


def memory(patients: int) -> float:
    """Return the peak memory in GB of a process that makes the data and fits once."""
    code = f"import mixed; mixed.nested(mixed.patients_in_centres({patients}))"
    tail = "; import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)"
    done = subprocess.run(  # noqa: S603  (our own text)
        [sys.executable, "-c", code + tail], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def statsmodels(data: pd.DataFrame) -> float:
    """Return the seconds of MixedLM with the same random effects but those of centres, which it cannot nest."""
    import statsmodels.formula.api as smf  # noqa: PLC0415  (a peer)

    start = time.perf_counter()
    smf.mixedlm(FORMULA, data, groups="patient", re_formula="1 + years").fit(reml=True)
    return time.perf_counter() - start


def line(what: str, ours: float, peers: dict[str, float | None], extra: str = "") -> None:
    """Print what was timed, how long ours took and how many times as long the peers."""
    said = [
        f"{name} not there" if value is None else f"{name} {value:.3g} s ({value / ours:.0f}x)"
        for name, value in peers.items()
    ]
    print("; ".join([f"{what}: {ours:.3g} s", *said, *([extra] if extra else [])]), flush=True)


def main() -> None:
    """Print a line a model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="leave out the largest and the slowest")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    data = patients_in_centres(500)
    line(
        f"500 patients, {len(data)} rows, slopes in 30 centres, Kenward-Roger",
        seconds(lambda: nested(data), repeats),
        {"R lmer and pbkrtest": in_r("lmer", data), "statsmodels, no degrees of freedom": statsmodels(data)},
    )
    data = patients_in_centres(5000)
    line(f"5,000 patients, {len(data)} rows, the same", seconds(lambda: nested(data), repeats), {})
    if not arguments.quick:
        data = patients_in_centres(100_000)
        line(
            f"100,000 patients, {len(data)} rows, the same",
            seconds(lambda: nested(data), 2),
            {},
            f"peak {memory(100_000):.2f} GB",
        )
    planned = visits(1000, 10)
    line(
        f"MMRM, 1,000 patients, 10 visits ({len(planned)} rows), unstructured, Kenward-Roger",
        seconds(lambda: by_visit(planned), repeats),
        {"R mmrm": in_r("mmrm", planned)},
    )
    planned = visits(200, 5)
    line(
        f"MMRM, 200 patients, 5 visits ({len(planned)} rows), the same",
        seconds(lambda: by_visit(planned), repeats),
        {"R mmrm": in_r("mmrm", planned), "R gls, no degrees of freedom": in_r("gls", planned)},
    )
    if not arguments.quick:
        planned = visits(100_000, 5)
        line(
            f"MMRM, 100,000 patients, 5 visits ({len(planned)} rows), the same",
            seconds(lambda: by_visit(planned), 2),
            {},
        )
    fit = nested(patients_in_centres(250))
    line(
        f"{REFITS:,} parametric bootstrap refits of 250 patients, slopes in 30 centres",
        seconds(lambda: parametric_bootstrap(fit, refits=REFITS, seed=1), 1),
        {},
    )


if __name__ == "__main__":
    main()
