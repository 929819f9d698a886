"""Whether hazard ratios change over time: the score test of Grambsch and Therneau, and the smoothed curve for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd
from scipy.stats import chi2, rankdata

from analyses.methods.curves.kaplan_meier import kaplan_meier
from analyses.methods.hazards.event_steps import EventSteps, event_steps, relative_risk
from analyses.methods.hazards.firth import FirthMaximum
from analyses.methods.hazards.smoothed_residuals import HazardRatioCurve, smoothed
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign, Ties
    from analyses.methods.hazards.likelihood_search import Maximum

    Floats = NDArray[np.float64]

GLOBAL = "all terms"
Transform = Literal["km", "rank", "identity"]
_SINGULAR = 1e-8  # smallest eigenvalue of what is left of the information on a change with time


class Fitted(Protocol):
    """A fitted Cox model: what was fitted, where its maximum is and how ties were treated."""

    @property
    def design(self) -> CoxDesign:
        """Return the arrays."""

    @property
    def maximum(self) -> Maximum | FirthMaximum:
        """Return the coefficients on the standardised scale."""

    @property
    def ties(self) -> Ties:
        """Return how ties were treated."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ProportionalHazards:
    """The test, and what its curves are made of.

    table: a row a term and one for all terms together, with term, chi_square, df and p. The columns of a formula term
    (a factor of several levels) are tested together.
    """

    table: pd.DataFrame
    transform: Transform
    _design: CoxDesign = field(repr=False)
    _maximum: Maximum = field(repr=False)
    _residuals: Floats = field(repr=False)
    _time: Floats = field(repr=False)

    def smoothed(self, term: str, *, points: int = 40, level: float = 0.95) -> HazardRatioCurve | NotEstimable:
        """Return the log hazard ratio of a column of the model over time; see smoothed_residuals.

        Raises ValueError if the model has no such column.
        """
        return smoothed(
            self._design, self._maximum, self._residuals, self._time, term=term, points=points, level=level
        )  # fmt: skip


def proportional_hazards(fit: Fitted, *, transform: Transform = "km") -> ProportionalHazards | NotEstimable:
    """Return whether the hazard ratios of a fitted Cox model change with time.

    The model gets a second coefficient per term, of the term times g(t); the score test of those coefficients being 0
    needs no second fit. A small p says that a hazard ratio rises or falls with time. The variance is that of the
    model, also with weights or clusters. transform: g(t) is 1 - Kaplan-Meier just before t ("km"), the rank of t among
    all ends of follow-up ("rank") or t ("identity"); weights count in the first two.
    NotEstimable if the information on such a change is singular, or the fit is penalised: its score is not 0.
    Grambsch and Therneau 1994, in the form of R survival from 3.0 on; checked against cox.zph of 3.5.3.
    """
    if isinstance(fit.maximum, FirthMaximum):
        return NotEstimable(reason="the test is of a maximum without a penalty")
    return proportionality_test(fit.design, fit.maximum, fit.ties, transform=transform)


def proportionality_test(
    design: CoxDesign, maximum: Maximum, ties: Ties, *, transform: Transform = "km"
) -> ProportionalHazards | NotEstimable:
    """Return the test for a design at its maximum."""
    time = _time(design, transform)
    steps = event_steps(design, ties)
    risk, _ = relative_risk(design, maximum.coefficients)
    total = steps.at_risk(risk)
    mean = steps.sums(risk[:, None] * design.matrix) / total[:, None]
    residuals = _residuals(design, steps, mean)
    score = residuals.T @ (design.weight * time)
    when = np.zeros(steps.month.size)
    when[steps.own] = time[steps.row]

    def moment(power: int) -> Floats:
        """Return the sum over events of g(t)^power x covariance at risk.

        sum_s a_s sum_i r_i x_i x_i' = X' diag(r_i sum_s a_s) X: no covariance of a single risk set is needed.
        """
        amount = steps.weight * when[steps.group] ** power
        found = design.matrix.T @ (design.matrix * (risk * steps.collected(amount / total))[:, None])
        found -= mean.T @ (mean * amount[:, None])
        return np.asarray((found + found.T) / 2)

    moments = [moment(power) for power in (0, 1, 2)]
    size = np.sqrt(np.maximum(np.diag(moments[2]), 0))
    if np.any(size == 0):
        return _TOO_FEW
    middle = moments[2] - moments[1] @ np.linalg.solve(moments[0], moments[1])
    if np.linalg.eigvalsh(middle / np.outer(size, size))[0] < _SINGULAR:
        return _TOO_FEW
    return ProportionalHazards(
        table=_table(_groups(design), score, middle),
        transform=transform,
        _design=design,
        _maximum=maximum,
        _residuals=residuals,
        _time=time,
    )


_TOO_FEW = NotEstimable(reason="too few events to see a change of a hazard ratio with time")


def _residuals(design: CoxDesign, steps: EventSteps, mean: Floats) -> Floats:
    """Return Schoenfeld's residuals: the columns of an event minus their means at risk; zero for the other rows."""
    tied = np.bincount(steps.group, minlength=steps.month.size)[:, None]
    residuals = np.zeros(design.matrix.shape)
    residuals[steps.row] = design.matrix[steps.row] - (steps.by_group(mean) / tied)[steps.own]
    return residuals


def _table(groups: Mapping[str, Sequence[int]], score: Floats, middle: Floats) -> pd.DataFrame:
    rows = []
    for name, kept in [*groups.items(), (GLOBAL, range(len(score)))]:
        some = np.asarray(kept)
        value = float(score[some] @ np.linalg.solve(middle[np.ix_(some, some)], score[some]))
        rows.append({"term": name, "chi_square": value, "df": some.size, "p": float(chi2.sf(value, some.size))})
    return pd.DataFrame(rows)


def _groups(design: CoxDesign) -> dict[str, list[int]]:
    """Return the columns of each term of the formula; a term of one column goes by the column's name."""
    found: dict[str, list[int]] = {}
    for term, places in design.spec.term_indices.items():
        names = [name for name in (design.spec.column_names[place] for place in places) if name != "Intercept"]
        if names:
            columns = [design.terms.index(name) for name in names]
            found[names[0] if len(names) == 1 else str(term)] = columns
    return found


def _time(design: CoxDesign, transform: Transform) -> Floats:
    """Return g(t) at each row's end of follow-up, with mean 0 over the events."""
    time = _scale(design, transform)
    return np.asarray(time - np.average(time[design.event], weights=design.weight[design.event]))


def _scale(design: CoxDesign, transform: Transform) -> Floats:
    if transform == "identity":
        return design.month
    if transform == "rank":
        places = rankdata(design.month, method="dense").astype(np.int64) - 1
        share = np.bincount(places, design.weight)
        return np.asarray((np.cumsum(share) - share / 2)[places])
    curve = kaplan_meier(design.month, design.event, entry=design.entry, weight=design.weight)
    if isinstance(curve, NotEstimable):
        raise TypeError("a design without persons")
    return np.asarray(1 - np.append(1.0, curve.survival)[np.searchsorted(curve.month, design.month, side="left")])
