"""Whether hazard ratios change over time: the score test of Grambsch and Therneau."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2

from analyses.methods.cox_design import CoxDesign, Ties, cox_design
from analyses.methods.cox_maximum import maximise
from analyses.methods.kaplan_meier import kaplan_meier
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from coxdev import CoxDeviance
    from numpy.typing import NDArray

GLOBAL = "all terms"
_SINGULAR = 1e-8  # smallest eigenvalue of what is left of the information on a change with time


def proportional_hazards(
    formula: str,
    data: pd.DataFrame,
    *,
    month: str,
    event: str,
    entry: str | None = None,
    strata: str | None = None,
    weight: str | None = None,
    ties: Ties = "efron",
) -> pd.DataFrame | NotEstimable:
    """Return a row a term, and one for all terms together, with term, chi_square, df and p.

    The model gets a second coefficient per term, of the term times g(t) = 1 - Kaplan-Meier just before t, centred over
    the events; the score test of those coefficients being 0 needs no second fit. A small p says that a hazard ratio
    rises or falls with time. The variance is that of the model, also with weights.
    NotEstimable as cox is, or if the information is singular. Raises ValueError on impossible input.
    Grambsch and Therneau 1994, in the form of R survival from 3.0 on; checked against cox.zph of 3.5.3.
    """
    design = cox_design(
        formula, data, month=month, event=event, entry=entry, strata=strata, weight=weight, cluster=None
    )
    if isinstance(design, NotEstimable):
        return design
    maximum = maximise(design, ties)
    if isinstance(maximum, NotEstimable):
        return maximum
    time = _time(design)
    likelihood = design.likelihood(ties)
    predictor = design.matrix @ maximum.coefficients
    residuals = likelihood.schoenfeld_residuals(predictor, design.matrix, design.weight)
    score = residuals.T @ (design.weight * time)
    spread = _risk_set_covariance(likelihood, design, predictor)
    moments = [np.einsum("i,ijk->jk", design.weight * time**power, spread) for power in (0, 1, 2)]
    middle = moments[2] - moments[1] @ np.linalg.solve(moments[0], moments[1])
    size = np.sqrt(np.diag(moments[2]))
    if np.any(size == 0) or np.linalg.eigvalsh(middle / np.outer(size, size))[0] < _SINGULAR:
        return NotEstimable(reason="too few events to see a change of a hazard ratio with time")
    return _table(design, score, moments)


def _table(design: CoxDesign, score: NDArray[np.float64], moments: list[NDArray[np.float64]]) -> pd.DataFrame:
    rows = []
    for name, kept in [*((term, [place]) for place, term in enumerate(design.terms)), (GLOBAL, range(len(score)))]:
        some = np.asarray(kept)
        cross = moments[1][:, some]
        middle = moments[2][np.ix_(some, some)] - cross.T @ np.linalg.solve(moments[0], cross)
        value = float(score[some] @ np.linalg.solve(middle, score[some]))
        rows.append({"term": name, "chi_square": value, "df": some.size, "p": float(chi2.sf(value, some.size))})
    return pd.DataFrame(rows)


def _time(design: CoxDesign) -> NDArray[np.float64]:
    """Return g(t) at each person's end of follow-up, with mean 0 over the events."""
    curve = kaplan_meier(design.month, design.event, entry=design.entry, weight=design.weight)
    if isinstance(curve, NotEstimable):
        raise TypeError("a design without persons")
    before = np.append(1.0, curve.survival)[np.searchsorted(curve.month, design.month, side="left")]
    time: NDArray[np.float64] = 1 - before
    return np.asarray(time - time[design.event].mean())


def _risk_set_covariance(
    likelihood: CoxDeviance, design: CoxDesign, predictor: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the covariance of the terms in the risk set of each event; zero for the other rows."""
    size, count = design.matrix.shape
    spread = np.zeros((size, count, count))
    for j in range(count):
        for k in range(j, count):
            both = np.column_stack(
                (design.matrix[:, j] + design.matrix[:, k], design.matrix[:, j] - design.matrix[:, k])
            )
            variance = likelihood.risk_set_variance(predictor, both, design.weight)
            spread[:, j, k] = spread[:, k, j] = (variance[:, 0] - variance[:, 1]) / 4
    return spread
