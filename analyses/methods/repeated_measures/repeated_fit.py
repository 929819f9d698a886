"""A fitted model of repeated measures, as plain numbers, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyses.methods.mixed_models import fixed_effects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyses.methods.mixed_models.fixed_effects import FixedEffects
    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.restricted_likelihood import Method
    from analyses.methods.mixed_models.small_sample import JointTest
    from analyses.methods.repeated_measures.visit_covariance import Covariance
    from analyses.methods.repeated_measures.visit_rows import VisitRows
    from analyses.methods.repeated_measures.visit_search import Optimum
    from analyses.result import NotEstimable

SHRUNK = 0.95
"""A correction for the estimation of variances that leaves less than this share of a standard error is worth a note."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RepeatedFit:
    """A fitted model of repeated measures, as plain numbers.

    terms: term, estimate, std_error, df, low, high, p. covariance: of the estimates, term by term (that of Kenward and
    Roger, if asked). variance: group, visit, visit2, covariance, correlation, each pair of visits once; group is empty
    where all patients share one covariance. log_likelihood: restricted or full, after method; parameters: how many the
    covariances have together. n rows of so many patients; dropped: rows with a missing value. aliased: terms that the
    data cannot tell from those before them; they are left out of terms. residuals: response minus fixed effects;
    standardised_residuals: the same times the inverse root of the patient's covariance, visit after visit, which have
    variance one and no correlation if the model holds; both under the index of the data.
    """

    terms: pd.DataFrame
    covariance: pd.DataFrame
    variance: pd.DataFrame
    parameters: int
    log_likelihood: float
    method: Method
    converged: bool
    n: int
    patients: int
    dropped: int
    aliased: tuple[str, ...]
    notes: tuple[str, ...]
    level: float
    residuals: pd.Series[float]
    standardised_residuals: pd.Series[float]
    _effects: FixedEffects

    @property
    def reml_criterion(self) -> float:
        """Minus twice the restricted log-likelihood (mmrm's deviance); ValueError for a fit by full likelihood."""
        if self.method == "ml":
            text = "a fit by full likelihood has no REML criterion; minus twice its log_likelihood is its deviance"
            raise ValueError(text)
        return -2 * self.log_likelihood

    def marginal_means(
        self, over: str | Sequence[str], *, at: Mapping[str, Iterable[Level]] | None = None
    ) -> pd.DataFrame:
        """Return the estimated marginal mean of every combination of the levels of the variables in over.

        at: values of numeric variables (otherwise their mean over the rows), or some of the levels of a factor.
        Columns: those of over, estimate, std_error, df, low, high, reason. Where the data do not determine a mean,
        its numbers are missing (pandas.NA) and reason says so; else reason is empty.
        """
        return fixed_effects.marginal_means(self._effects, over, at)

    def contrasts(
        self,
        compare: str,
        *,
        by: str | Sequence[str] = (),
        reference: Level | None = None,
        at: Mapping[str, Iterable[Level]] | None = None,
    ) -> pd.DataFrame:
        """Return the differences of marginal means between the levels of one variable and its reference level.

        compare: the variable; by: one difference for every combination of these; reference: a level of compare, the
        first if None. Columns: those of by, level, reference, estimate, std_error, df, low, high, p, reason.
        """
        return fixed_effects.contrasts(self._effects, compare, by, reference, at)

    def slopes(
        self,
        variable: str,
        *,
        between: tuple[float, float],
        over: str | Sequence[str] = (),
        at: Mapping[str, Iterable[Level]] | None = None,
    ) -> pd.DataFrame:
        """Return the mean change of the marginal mean per unit of a numeric variable between two of its values."""
        return fixed_effects.slopes(self._effects, variable, between, over, at)

    def slope_contrasts(
        self,
        compare: str,
        *,
        variable: str,
        between: tuple[float, float],
        by: str | Sequence[str] = (),
        reference: Level | None = None,
        at: Mapping[str, Iterable[Level]] | None = None,
    ) -> pd.DataFrame:
        """Return the differences of slopes between the levels of one variable and its reference level."""
        return fixed_effects.slope_contrasts(
            self._effects, compare, variable=variable, between=between, by=by, reference=reference, at=at
        )

    def joint_test(self, terms: str | Sequence[str]) -> JointTest | NotEstimable:
        """Return the test that all coefficients of the terms are zero, each a term of the formula or a column."""
        return fixed_effects.joint_test(self._effects, terms)

    def joint_contrasts(
        self, compare: str, *, by: str | Sequence[str] = (), at: Mapping[str, Iterable[Level]] | None = None
    ) -> JointTest | NotEstimable:
        """Return the test that all differences of marginal means between the levels of a variable are zero."""
        return fixed_effects.joint_contrasts(self._effects, compare, by, at)

    def predict(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the fixed part for other rows, with the uncertainty of the coefficients; reason where it is unknown.

        Columns: estimate, std_error, df, low, high, reason.
        """
        return fixed_effects.predictions(self._effects, data)


def repeated_fit(  # noqa: PLR0917
    data: VisitRows, best: Optimum, effects: FixedEffects, kind: Covariance, method: Method, index: pd.Index
) -> RepeatedFit:
    """Return the fit in the units of the response, with the rows under the index of the data."""
    restricted = method == "reml"
    made, order = effects.design, data.order
    residuals = np.empty(data.n)
    # In the order of persons and visits, as the last digit of a product of matrices depends on where a row stands.
    residuals[order] = made.y[order] - made.x[order][:, list(data.kept)] @ effects.known.estimate
    criterion = best.point.criterion + 2 * (data.n - data.p * restricted) * float(np.log(data.scale))
    if restricted:
        criterion += 2 * float(np.log(np.abs(np.diag(data.triangle))).sum())
    return RepeatedFit(
        terms=fixed_effects.term_table(effects),
        covariance=fixed_effects.covariance_table(effects),
        variance=_variance(data, best.sigma * data.scale**2),
        parameters=best.theta.size,
        log_likelihood=-criterion / 2,
        method=method,
        converged=best.converged,
        n=data.n,
        patients=len(data.which),
        dropped=made.dropped,
        aliased=effects.aliased,
        notes=_notes(data, best, effects, kind),
        level=effects.known.level,
        residuals=pd.Series(residuals, index=index[made.rows]),
        standardised_residuals=pd.Series(_standardised(data, best, residuals), index=index[made.rows]),
        _effects=effects,
    )


def _variance(data: VisitRows, sigma: np.ndarray) -> pd.DataFrame:
    first, second = np.triu_indices(len(data.visits))
    blocks = []
    for name, own in zip(data.groups, sigma, strict=True):
        deviation = np.sqrt(np.diag(own))
        blocks.append(
            pd.DataFrame(
                {
                    "group": name,
                    "visit": [data.visits[i] for i in first],
                    "visit2": [data.visits[i] for i in second],
                    "covariance": own[first, second],
                    "correlation": np.where(
                        first == second, 1.0, own[first, second] / (deviation[first] * deviation[second])
                    ),
                }
            )
        )
    return pd.concat(blocks, ignore_index=True)


def _standardised(data: VisitRows, best: Optimum, residuals: np.ndarray) -> np.ndarray:
    """Return residuals times the inverse lower root of the covariance of the patient's visits."""
    both = data.present[:, :, None] & data.present[:, None, :]
    half = np.linalg.inv(np.linalg.cholesky(np.where(both, best.sigma[data.owner], np.eye(len(data.visits)))))
    padded = np.zeros((len(data.which), len(data.visits)))
    padded[data.person, data.visit] = residuals[data.order] / data.scale
    out = np.empty(data.n)
    out[data.order] = np.einsum("nab,nb->na", half[data.which], padded)[data.person, data.visit]
    return out


def _notes(data: VisitRows, best: Optimum, effects: FixedEffects, kind: Covariance) -> tuple[str, ...]:
    notes = []
    if effects.design.dropped:
        notes.append(f"{effects.design.dropped} rows with a missing value were left out.")
    if effects.aliased:
        notes.append(f"The data cannot tell these terms from others: {', '.join(effects.aliased)}.")
    if kind in ("toep", "toeph", "ar1", "ar1h"):
        notes.append(f"Visits count as equally far apart, in this order: {', '.join(map(str, data.visits))}.")
    known = effects.known
    shrunk = float(np.sqrt(np.diag(known.covariance) / np.diag(known.model)).min())
    if known.inference == "kenward-roger" and shrunk < SHRUNK:
        notes.append(
            f"Kenward and Roger's correction, as mmrm has it, makes a standard error smaller by {1 - shrunk:.0%}; with "
            "patients as few as this, those of inference kenward-roger-linear are nearer to exact tests."
        )
    if not best.converged:
        notes.append("No maximum of the likelihood was reached; do not use the numbers.")
    return tuple(notes)
