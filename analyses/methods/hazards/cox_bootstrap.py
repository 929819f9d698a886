"""Bootstrap of a Cox model: refits to persons, or whole clusters, drawn with replacement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyses.methods.hazards.cox_maximum import maximise
from analyses.methods.hazards.likelihood_search import Maximum
from analyses.methods.risk_sets import check_level
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign
    from analyses.methods.hazards.cox_fit import CoxFit

    Places = NDArray[np.int64]

LEAST_SHARE = 0.9
"""Below this share of refits with a maximum the others are a selection: those without an infinite hazard ratio."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bootstrap:
    """Refits of a Cox model.

    terms: a row a term with term, estimate (of the fit itself), std_error (standard deviation of the refits), low and
    high (percentiles). estimates: refits x terms, those that have a maximum. failed: how many have none, by reason.
    """

    terms: pd.DataFrame
    estimates: pd.DataFrame
    failed: Mapping[str, int]
    replicates: int
    level: float


def bootstrap(fit: CoxFit, *, replicates: int = 1000, seed: int, level: float = 0.95) -> Bootstrap | NotEstimable:
    """Return refits of a model to as many rows as it has, drawn with replacement (Efron 1979).

    With clusters whole clusters are drawn, and one that comes twice counts as two (Field and Welsh 2007); strata are
    kept as they are, so that a cluster within a stratum stays there. Limits: percentiles. The same seed gives the same
    refits, whatever the order in which the rows came. NotEstimable if fewer than 9 of 10 refits have a maximum. Raises
    ValueError if there are fewer than 2 refits.
    """
    check_level(level)
    if replicates < 2:  # noqa: PLR2004  (one has no spread)
        raise ValueError("a bootstrap needs at least 2 refits")
    random = np.random.default_rng(seed)
    start = fit.maximum.coefficients
    found, failed = [], Counter[str]()
    for _ in range(replicates):
        maximum = maximise(_drawn(fit.design, random), fit.ties, start=start)
        if isinstance(maximum, Maximum) and maximum.converged:
            found.append(maximum.coefficients)
        else:
            failed[maximum.reason if isinstance(maximum, NotEstimable) else "the maximum was not reached"] += 1
    if len(found) < max(2.0, LEAST_SHARE * replicates):
        return NotEstimable(reason=f"only {len(found)} of {replicates} refits have a maximum")
    estimates = np.stack(found) / fit.design.scale
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(estimates, (tail, 100 - tail), axis=0)
    return Bootstrap(
        terms=pd.DataFrame(
            {
                "term": fit.terms["term"],
                "estimate": fit.terms["estimate"],
                "std_error": estimates.std(axis=0, ddof=1),
                "low": low,
                "high": high,
            }
        ),
        estimates=pd.DataFrame(estimates, columns=list(fit.design.terms)),
        failed=dict(sorted(failed.items())),
        replicates=replicates,
        level=level,
    )


def _drawn(design: CoxDesign, random: np.random.Generator) -> CoxDesign:
    """Return a design of rows drawn with replacement, in the same order by stratum and month."""
    if design.cluster is None:
        drawn = np.sort(random.integers(0, design.month.size, design.month.size))
    else:
        clusters = len(design.cluster_labels)
        times = np.bincount(random.integers(0, clusters, clusters), minlength=clusters)
        drawn = np.repeat(np.arange(design.month.size), times[design.cluster])
    return replace(
        design,
        matrix=design.matrix[drawn],
        month=design.month[drawn],
        event=design.event[drawn],
        weight=design.weight[drawn],
        entry=None if design.entry is None else design.entry[drawn],
        stratum=None if design.stratum is None else design.stratum[drawn],
        cluster=None,
        cluster_labels=(),
    )
