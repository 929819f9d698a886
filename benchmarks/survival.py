"""Seconds and peak memory of survival methods, beside R's survival package and statsmodels, in one run.

python benchmarks/survival.py [--persons 100000 1000000] [--repeats 5] [--only kaplan_meier] [--quick]

Each method is timed in turn here and in one R process (Rscript; left out if it is not there), alternating, and the best
time of each counts. Ours is from arrays to the result; R's is system.time of the call alone, with the data in memory.
statsmodels runs here, on the same arrays; once only where it needs more than two seconds. Peak memory is that of a
process of its own that imports, makes the data and calls the method once. A row is an entry of ROWS.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analyses.methods.survival import CoxFit, bootstrap, cox, kaplan_meier, log_rank, restricted_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Data = dict[str, "NDArray[np.float64]"]
LONG = 2.0
"""Seconds from which a peer is timed once."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method: a call of ours, an R expression on the columns of the same name, a call of another Python peer."""

    name: str
    ours: Callable[[Data], object]
    r: str
    peer: Callable[[Data], object] | None = None
    r_most: int = 10_000_000
    peer_most: int = 10_000_000
    """R, and the other peer, are not asked for more persons than that: it would take hours."""


def simulated(persons: int, *, seed: int = 1) -> Data:
    """Return columns of persons: continuous times and times on a grid of a tenth of a month, arms, centres, weights.

    waited, failed: time to an event whose hazard depends on the covariates x1, x2, ...
    """
    random = np.random.default_rng(seed)
    end, lost = random.exponential(20, persons), random.exponential(30, persons)
    month = np.minimum(end, lost)
    covariates = {f"x{place}": random.normal(size=persons) for place in range(1, TERMS + 1)}
    hazard = np.exp(np.column_stack(list(covariates.values())) @ np.linspace(-0.5, 0.5, TERMS))
    failed, stopped = random.exponential(20, persons) / hazard, random.uniform(0, 60, persons)
    return {
        "month": month,
        "event": (end <= lost).astype(float),
        "grid": np.ceil(10 * month) / 10,
        "entry": np.where(random.random(persons) < 0.5, month * random.random(persons), 0.0),
        "arm": random.integers(0, 2, persons).astype(float),
        "centre": random.integers(1, 31, persons).astype(float),
        "weight": random.uniform(0.2, 1, persons),
        **covariates,
        # days, so that there are ties
        "waited": np.ceil(np.minimum(failed, stopped) * 30.4375) / 30.4375,
        "failed": (failed <= stopped).astype(float),
    }


def _survfunc(data: Data) -> object:
    from statsmodels.duration.survfunc import SurvfuncRight  # noqa: PLC0415  (a peer, not needed by the children)

    return SurvfuncRight(data["month"], data["event"])


def _survdiff(data: Data, strata: str | None = None) -> object:
    from statsmodels.duration.survfunc import survdiff  # noqa: PLC0415  (the same)

    return survdiff(data["month"], data["event"], data["arm"], strata=data[strata] if strata else None)


def _by_arm(data: Data) -> object:
    arms = [data["arm"] == arm for arm in (0, 1)]
    return [kaplan_meier(data["month"][own], data["event"][own]) for own in arms]


def _cox(data: Data, *, strata: str | None, cluster: str | None, rows: int | None = None) -> CoxFit:
    names = [name for name in data if name.startswith("x") or name in {"waited", "failed", "centre"}]
    frame = pd.DataFrame({name: data[name][:rows] for name in names})
    fit = cox(FORMULA, frame, month="waited", event="failed", strata=strata, cluster=cluster)
    if not isinstance(fit, CoxFit):
        raise TypeError(fit.reason)
    return fit


def _phreg(data: Data, strata: str | None) -> object:
    from statsmodels.duration.hazard_regression import PHReg  # noqa: PLC0415  (the same)

    matrix = np.column_stack([data[f"x{place}"] for place in range(1, TERMS + 1)])
    model = PHReg(data["waited"], matrix, data["failed"], strata=data[strata] if strata else None, ties="efron")
    return model.fit(groups=data["centre"])


TERMS = 8
FORMULA = " + ".join(f"x{place}" for place in range(1, TERMS + 1))
FEW = 300
"""Persons of the model that is refitted 1,000 times."""

ROWS = (
    Row(
        name="kaplan_meier",
        ours=lambda d: kaplan_meier(d["month"], d["event"]),
        r="survfit(Surv(month, event) ~ 1, conf.type = 'log-log')",
        peer=_survfunc,
    ),
    Row(
        name="kaplan_meier, times on a grid",
        ours=lambda d: kaplan_meier(d["grid"], d["event"]),
        r="survfit(Surv(grid, event) ~ 1, conf.type = 'log-log')",
    ),
    Row(name="kaplan_meier, 2 arms", ours=_by_arm, r="survfit(Surv(month, event) ~ arm, conf.type = 'log-log')"),
    Row(
        name="kaplan_meier, delayed entry",
        ours=lambda d: kaplan_meier(d["month"], d["event"], entry=d["entry"]),
        r="survfit(Surv(entry, month, event) ~ 1, conf.type = 'log-log')",
    ),
    Row(
        name="kaplan_meier, weights, robust",
        ours=lambda d: kaplan_meier(d["month"], d["event"], weight=d["weight"]),
        r="survfit(Surv(month, event) ~ 1, weights = weight, conf.type = 'log-log')",
        r_most=100_000,
    ),
    Row(
        name="log_rank, 2 arms",
        ours=lambda d: log_rank(d["month"], d["event"], d["arm"]),
        r="survdiff(Surv(month, event) ~ arm)",
        peer=_survdiff,
    ),
    Row(
        name="log_rank, times on a grid",
        ours=lambda d: log_rank(d["grid"], d["event"], d["arm"]),
        r="survdiff(Surv(grid, event) ~ arm)",
    ),
    Row(
        name="log_rank, 30 strata",
        ours=lambda d: log_rank(d["month"], d["event"], d["arm"], strata=d["centre"]),
        r="survdiff(Surv(month, event) ~ arm + strata(centre))",
        peer=lambda d: _survdiff(d, "centre"),
    ),
    Row(
        name="log_rank, rho 1, 30 strata",
        ours=lambda d: log_rank(d["month"], d["event"], d["arm"], strata=d["centre"], rho=1),
        r="survdiff(Surv(month, event) ~ arm + strata(centre), rho = 1)",
    ),
    Row(
        name="log_rank, 30 groups",
        ours=lambda d: log_rank(d["month"], d["event"], d["centre"]),
        r="survdiff(Surv(month, event) ~ centre)",
    ),
    Row(
        name="restricted_mean, 2 arms",
        ours=lambda d: restricted_mean(d["month"], d["event"], d["arm"], horizon=24),
        r="summary(survfit(Surv(month, event) ~ arm), rmean = 24)$table",
    ),
    Row(
        name="cox, 8 terms, 30 strata, CR2",
        ours=lambda d: _cox(d, strata="centre", cluster="centre"),
        r=f"coxph(Surv(waited, failed) ~ {FORMULA} + strata(centre), cluster = centre)",
        peer=lambda d: _phreg(d, "centre"),
        peer_most=100_000,
    ),
    Row(
        name="cox, 8 terms, 30 clusters, CR2",
        ours=lambda d: _cox(d, strata=None, cluster="centre"),
        r=f"coxph(Surv(waited, failed) ~ {FORMULA}, cluster = centre)",
        r_most=100_000,
    ),
    Row(
        name="cox, 8 terms",
        ours=lambda d: _cox(d, strata=None, cluster=None),
        r=f"coxph(Surv(waited, failed) ~ {FORMULA})",
    ),
    Row(
        name="1,000 refits of 300 persons",
        ours=lambda d: bootstrap(_cox(d, strata=None, cluster=None, rows=FEW), replicates=1000, seed=1),
        r=f"{{ d <- data.frame(waited, failed, {FORMULA.replace(' +', ',')})[1:{FEW}, ]; for (i in 1:1000) "
        f"coxph(Surv(waited, failed) ~ {FORMULA}, d[sample({FEW}, replace = TRUE), ]) }}",
    ),
)

_R = """
suppressMessages(library(survival)); input <- file("stdin", "r"); folder <- readLines(input, 1)
for (name in list.files(folder)) { p <- file.path(folder, name); assign(name, readBin(p, "double", file.size(p) / 8)) }
cat("ready\\n"); flush(stdout())
while (length(line <- readLines(input, 1))) { call <- parse(text = line)[[1]]; invisible(gc())
  cat(system.time(eval(call, globalenv()))[["elapsed"]], "\\n"); flush(stdout()) }
"""


class R:
    """An R process with the data in memory that tells how long a call took."""

    def __init__(self, data: Data, folder: Path) -> None:
        """Start it; it reads every column from a file of doubles."""
        columns = folder / "columns"
        columns.mkdir()
        for name, values in data.items():
            values.tofile(columns / name)
        script = folder / "timed.R"
        script.write_text(_R, encoding="utf-8")
        command = [str(shutil.which("Rscript")), str(script)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  (our own script)
        self._ask(str(columns))

    def seconds(self, call: str) -> float:
        """Return the elapsed seconds of one call."""
        return float(self._ask(call))

    def _ask(self, line: str) -> str:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the R process has no pipes")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def seconds(call: Callable[[Data], object], data: Data) -> float:
    """Return the elapsed seconds of one call."""
    start = time.perf_counter()
    call(data)
    return time.perf_counter() - start


def timed(row: Row, data: Data, r: R | None, repeats: int) -> tuple[float, float | None, float | None]:
    """Return the best seconds of ours, of R and of the other peer, taken in turn."""
    row.ours(data)
    ours: list[float] = []
    theirs: list[float] = []
    peers: list[float] = []
    for _ in range(repeats):
        ours.append(seconds(row.ours, data))
        if r is not None and data["month"].size <= row.r_most and not (theirs and theirs[0] > LONG):
            theirs.append(r.seconds(row.r))
        if row.peer is not None and data["month"].size <= row.peer_most and not (peers and peers[0] > LONG):
            peers.append(seconds(row.peer, data))
    return min(ours), min(theirs, default=None), min(peers, default=None)


def own_peak() -> float:
    """Return the peak memory in MB of this process.

    Linux hands the parent's peak down to the child's getrusage, so the peak of the address space is read where it is.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def peak(row: Row, persons: int) -> float:
    """Return the peak memory in MB of a process that calls the method once."""
    command = [sys.executable, __file__, "--child", row.name, "--persons", str(persons)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  (this file)
    return float(found.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="the methods whose name has this in it")
    parser.add_argument("--quick", action="store_true", help="10,000 persons")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        (row,) = (row for row in ROWS if row.name == options.child)
        row.ours(simulated(options.persons[0]))
        print(own_peak())
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    print(
        f"{'method':<32}{'persons':>10}{'ours, s':>10}{'R, s':>9}{'ratio':>8}{'statsmodels':>16}{'ratio':>8}{'MB':>8}"
    )
    for persons in [10_000] if options.quick else options.persons:
        data = simulated(persons)
        with tempfile.TemporaryDirectory() as folder:
            r = R(data, Path(folder)) if shutil.which("Rscript") else None
            for row in ROWS:
                if options.only in row.name:
                    ours, theirs, peer = timed(row, data, r, options.repeats)
                    print(
                        f"{row.name:<32}{persons:>10,}{ours:>10.4f}{_against(theirs, ours, 9)}"
                        f"{_against(peer, ours, 16)}{peak(row, persons):>8.0f}", flush=True,
                    )  # fmt: skip
            if r is not None:
                r.close()


def _against(theirs: float | None, ours: float, width: int) -> str:
    if theirs is None:
        return f"{'':>{width + 8}}"
    return f"{theirs:>{width}.3f}{theirs / ours:>7.1f}x"


if __name__ == "__main__":
    main()
