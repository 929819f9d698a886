"""Why data do not determine a covariance of visits, and what to choose in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.repeated_measures.visit_covariance import HOMOGENEOUS, parameters
from analyses.methods.repeated_measures.visit_search import NEARLY

if TYPE_CHECKING:
    from analyses.methods.repeated_measures.visit_covariance import Covariance
    from analyses.methods.repeated_measures.visit_rows import VisitRows
    from analyses.methods.repeated_measures.visit_search import Optimum

SIMPLER: dict[str, str] = {
    "us": "choose toeph or csh",
    "toeph": "choose ar1h or csh",
    "ar1h": "choose ar1 or cs",
    "csh": "choose cs",
    "toep": "choose ar1 or cs",
    "ar1": "choose cs",
    "cs": "fit a mixed model, or a linear model with robust standard errors",
}

CLOSE = 1e-3
"""A correlation this near to 1 or -1, on the way to a singular matrix, is on its way there itself."""


def too_few_pairs(data: VisitRows, kind: Covariance) -> str:
    """Return which visits too few patients have for a covariance, and what to choose; nothing where it can be tried."""
    for name, pairs in zip(data.groups, data.pairs, strict=True):
        where = f" of group {name}" if len(data.groups) > 1 else ""
        advice = f"{SIMPLER[kind]}{', or leave group out' if where else ''}"
        absent = np.flatnonzero(np.diag(pairs) == 0)
        if len(absent) and (kind not in HOMOGENEOUS):
            return f"nobody{where} has visit {data.visits[absent[0]]}, whose variance cannot be estimated; {advice}"
        lags = np.array([np.trace(pairs, lag) for lag in range(1, len(pairs))])
        if kind == "us" and (pairs == 0).any():
            one, two = (data.visits[i] for i in np.argwhere(np.triu(pairs == 0))[0])
            what = f"nobody{where} has both visit {one} and visit {two}"
            return f"{what}; an unstructured covariance cannot be estimated; {advice}"
        if kind in ("toep", "toeph") and (lags == 0).any():
            apart = int(np.flatnonzero(lags == 0)[0]) + 1
            what = f"nobody{where} has two visits that are {apart} apart in order"
            return f"{what}, whose correlation cannot be estimated; {advice}"
        if not lags.any():
            return f"no patient{where} has two visits, so that their covariance is unknown; {advice}"
    count = parameters(kind, len(data.visits)) * len(data.groups)
    if data.n <= data.p + count:
        return f"{data.n} rows for {data.p} coefficients and {count} parameters of the covariance; {SIMPLER[kind]}"
    return ""


def no_covariance(data: VisitRows, best: Optimum | None, kind: Covariance) -> str:
    """Return where the likelihood went that has no maximum inside, and what to choose."""
    where, what = "", "visits go perfectly together, or one has hardly any variance"
    if best is not None:
        for name, sigma in zip(data.groups, best.sigma, strict=True):
            variance = np.diag(sigma)
            correlation = sigma / np.sqrt(np.outer(variance, variance))
            if min(float(np.linalg.eigvalsh(correlation)[0]), float(variance.min())) > NEARLY:
                continue
            where = f" of group {name}" if len(data.groups) > 1 else ""
            one, two = np.unravel_index(np.argmax(np.abs(np.triu(correlation, 1))), correlation.shape)
            if variance.min() <= NEARLY:
                still = data.visits[int(variance.argmin())]
                what = f"visit {still}{where} has hardly any variance beside the fixed effects"
            elif 1 - abs(correlation[one, two]) < CLOSE:
                what = f"the correlation of visits {data.visits[one]} and {data.visits[two]}{where} goes to 1 or -1"
            else:
                what = f"a combination of the visits{where} has no variance"
            break
    advice = f"{SIMPLER[kind]}, leave terms out or put visits together"
    return f"the likelihood has no maximum at a covariance that can be inverted: {what}; {advice}"
