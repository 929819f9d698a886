"""A fitted Cox model as a value, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from analyses.methods.hazards.concordance import Concordance, concordance
from analyses.methods.hazards.cox_baseline import ExpectedCurve, Interval, expected_curves
from analyses.methods.hazards.cox_prediction import Reference, hazard_ratios, reference_row, standardised_rows

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign, Ties
    from analyses.methods.hazards.firth import FirthMaximum
    from analyses.methods.hazards.likelihood_search import Maximum
    from analyses.result import NotEstimable

Variance = Literal["model", "sandwich", "CR2"]
Penalty = Literal["firth"]


@dataclass(frozen=True, kw_only=True, eq=False)
class CoxFit:
    """A fitted Cox model.

    terms: a row a term with term, estimate (log hazard ratio), std_error, df, low, high, p (two-sided; normal where df
    is infinite, t otherwise; profile likelihood with a penalty). covariance: of the estimates, by term. variance:
    "model" (inverse information), "sandwich" or "CR2" (both by cluster). log_likelihood_null: with all log hazard
    ratios 0; both are penalised with a penalty. n, events: rows and events in the model (not weighted). clusters: of
    the robust variance. dropped: rows left out because a value was missing or the weight was 0. design, maximum, ties:
    for what is asked of the fit later.
    """

    terms: pd.DataFrame
    covariance: pd.DataFrame
    variance: Variance
    penalty: Penalty | None
    log_likelihood: float
    log_likelihood_null: float
    n: int
    events: int
    clusters: int | None
    dropped: int
    level: float
    converged: bool
    iterations: int
    notes: tuple[str, ...]
    design: CoxDesign = field(repr=False)
    maximum: Maximum | FirthMaximum = field(repr=False)
    ties: Ties

    @property
    def concordance(self) -> Concordance | NotEstimable:
        """Return how often the person with the higher linear predictor has the event first (Harrell's C)."""
        return concordance(self.design, self.maximum.coefficients)

    def baseline(self, *, reference: Reference = "mean", interval: Interval = "log-log") -> tuple[ExpectedCurve, ...]:
        """Return the cumulative hazard and survival of the reference person, a curve a stratum.

        reference: "mean" (every column of the model at its weighted mean) or "zero". interval: scale of the limits.
        """
        return self._expected(reference_row(self.design, reference)[None, :], interval)[0]

    def predict(self, data: pd.DataFrame, *, reference: Reference = "mean") -> pd.DataFrame:
        """Return a row a person with log_hazard_ratio, std_error, hazard_ratio, low and high, against the reference.

        data: a frame with the columns of the formula. Limits are normal. Raises ValueError if a column is absent, a
        value is missing, or a level of a factor is new.
        """
        rows = standardised_rows(self.design, data)
        return hazard_ratios(
            self.design, self.maximum.coefficients, self._covariance, rows, reference=reference, level=self.level
        )

    def expected(self, data: pd.DataFrame, *, interval: Interval = "log-log") -> tuple[tuple[ExpectedCurve, ...], ...]:
        """Return for each person of a frame the expected survival in each stratum; raises ValueError as predict."""
        return self._expected(standardised_rows(self.design, data), interval)

    def _expected(self, rows: NDArray[np.float64], interval: Interval) -> tuple[tuple[ExpectedCurve, ...], ...]:
        return expected_curves(
            self.design,
            self.maximum.coefficients,
            self._covariance,
            self.ties,
            rows,
            interval=interval,
            level=self.level,
        )

    @property
    def _covariance(self) -> NDArray[np.float64]:
        """Return the covariance of the coefficients of the standardised matrix."""
        return self.covariance.to_numpy() * np.outer(self.design.scale, self.design.scale)
