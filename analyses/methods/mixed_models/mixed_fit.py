"""What a fitted linear mixed model is, as plain numbers, and what may be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analyses.methods.mixed_models import fixed_effects as ask
from analyses.methods.mixed_models.random_effects import effects_at_rows, predicted_effects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyses.methods.mixed_models.fixed_effects import FixedEffects
    from analyses.methods.mixed_models.nested_rows import Nested
    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.restricted_likelihood import Method, Point
    from analyses.methods.mixed_models.small_sample import JointTest
    from analyses.result import NotEstimable

    At = Mapping[str, Iterable[Level]]


@dataclass(frozen=True, kw_only=True, eq=False)
class MixedFit:
    """A fitted linear mixed model.

    terms: term, estimate, std_error, df, low, high, p. covariance: of the estimates, term by term. variance: group,
    effect, value (variances, and the covariance of intercept and slope). zero: what has no variance, or intercepts and
    slopes that go perfectly together ("centre", "patient"); a result, not a failure. intraclass_correlation: of two
    values of one centre ("centre") and of one patient ("patient"), where the variables of slopes are zero.
    log_likelihood: restricted or full, after method; parameters: how many variances and covariances it has.
    n rows of so many patients and centres; centres is 0 without a centre effect; dropped: rows with a missing value.
    aliased: terms that the data cannot tell from those before them; they are left out of terms. residuals: response
    minus fixed effects, under the index of the data.
    """

    terms: pd.DataFrame
    covariance: pd.DataFrame
    variance: pd.DataFrame
    zero: tuple[str, ...]
    intraclass_correlation: Mapping[str, float]
    method: Method
    log_likelihood: float
    parameters: int
    converged: bool
    n: int
    patients: int
    centres: int
    dropped: int
    aliased: tuple[str, ...]
    notes: tuple[str, ...]
    level: float
    residuals: pd.Series[float]
    _effects: FixedEffects
    _nested: Nested
    _point: Point

    @property
    def reml_criterion(self) -> float:
        """Minus twice the restricted log-likelihood, as lme4 has it; ValueError for a fit by full likelihood."""
        if self.method == "ml":
            text = "a fit by full likelihood has no REML criterion; minus twice its log_likelihood is its deviance"
            raise ValueError(text)
        return -2 * self.log_likelihood

    def marginal_means(self, over: str | Sequence[str], *, at: At | None = None) -> pd.DataFrame:
        """Return the estimated marginal mean of every combination of the levels of the variables in over.

        at: values of numeric variables (otherwise their mean over the rows), or some of the levels of a factor.
        Columns: those of over, estimate, std_error, df, low, high, reason. Where the data do not determine a mean,
        its numbers are missing (pandas.NA) and reason says so; else reason is empty.
        """
        return ask.marginal_means(self._effects, over, at)

    def contrasts(
        self, compare: str, *, by: str | Sequence[str] = (), reference: Level | None = None, at: At | None = None
    ) -> pd.DataFrame:
        """Return the differences of marginal means between the levels of one variable and its reference level.

        compare: the variable; by: one difference for every combination of these; reference: a level of compare, the
        first if None. Columns: those of by, level, reference, estimate, std_error, df, low, high, p, reason.
        """
        return ask.contrasts(self._effects, compare, by, reference, at)

    def slopes(
        self, variable: str, *, between: tuple[float, float], over: str | Sequence[str] = (), at: At | None = None
    ) -> pd.DataFrame:
        """Return the mean change of the marginal mean per unit of a numeric variable, between two of its values.

        Columns: those of over, estimate, std_error, df, low, high, p, reason.
        """
        return ask.slopes(self._effects, variable, between, over, at)

    def slope_contrasts(
        self,
        compare: str,
        *,
        variable: str,
        between: tuple[float, float],
        by: str | Sequence[str] = (),
        reference: Level | None = None,
        at: At | None = None,
    ) -> pd.DataFrame:
        """Return the differences of these slopes between the levels of one variable and its reference level."""
        return ask.slope_contrasts(
            self._effects, compare, variable=variable, between=between, by=by, reference=reference, at=at
        )

    def joint_test(self, terms: str | Sequence[str]) -> JointTest | NotEstimable:
        """Return the F test that all coefficients of terms of the formula (or single ones) are zero."""
        return ask.joint_test(self._effects, terms)

    def joint_contrasts(
        self, compare: str, *, by: str | Sequence[str] = (), at: At | None = None
    ) -> JointTest | NotEstimable:
        """Return the F test that all differences between the levels of a variable, for all levels of by, are zero."""
        return ask.joint_contrasts(self._effects, compare, by, at)

    def predict(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the mean that the fixed effects predict for other rows, with its uncertainty, under their index."""
        return ask.predictions(self._effects, data)

    def random_effects(self) -> pd.DataFrame:
        """Return group, level, effect, estimate and std_error: what the model predicts for each centre and patient.

        std_error counts the estimation of the fixed effects, not that of the variances.
        """
        return predicted_effects(self._nested, self._point)

    def conditional_residuals(self) -> pd.Series[float]:
        """Return the response minus fixed and predicted random effects, in residual standard deviations."""
        added = pd.Series(effects_at_rows(self._nested, self._point), index=self._nested.rows.order).sort_index()
        weight = pd.Series(self._nested.rows.root_weight, index=self._nested.rows.order).sort_index()
        scaled = (self.residuals.to_numpy() - added.to_numpy()) * weight.to_numpy() / self._point.sigma2**0.5
        return pd.Series(scaled, index=self.residuals.index)
