"""A fitted logistic mixed model, and what can be asked of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from analyses.methods.logistic_models import population_risks
from analyses.methods.logistic_models.profile import Profiled, ProfileInterval, coefficient_limits, sd_limits
from analyses.methods.mixed_models import fixed_effects
from analyses.methods.mixed_models.reference_grid import mistake

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyses.methods.logistic_models.centre_rows import Prepared
    from analyses.methods.logistic_models.population_risks import MarginalProbabilities
    from analyses.methods.mixed_models.fixed_effects import FixedEffects
    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.small_sample import Array, JointTest
    from analyses.result import NotEstimable


@dataclass(frozen=True, kw_only=True)
class VarianceTest:
    """Likelihood-ratio test that centres do not differ: statistic is 0 or chi-squared(1), with equal chances."""

    statistic: float
    p: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LogisticMixedFit:
    """A fitted logistic mixed model, as plain numbers; coefficients are log odds ratios within a centre.

    terms: term, estimate, std_error, df, low, high, p (normal quantiles; df is infinite). covariance: of the
    estimates, from the observed information with the sd estimated. variance: group, effect, value. sd: of the centre
    effects on the logit scale. zero: ("centre",) where it is estimated at zero; a result, not a failure.
    intraclass_correlation: of the latent response of two persons of a centre, sd^2 / (sd^2 + pi^2 / 3).
    median_odds_ratio: exp(sqrt(2) z(3/4) sd), the median of the odds ratios of like persons of two centres taken at
    random, the higher over the lower (Larsen, Merlo 2005, Am J Epidemiol 161:81). n rows, events of them 1; dropped:
    rows with a missing value. aliased: terms that the data cannot tell from those before them, left out of terms.
    """

    terms: pd.DataFrame
    covariance: pd.DataFrame
    variance: pd.DataFrame
    sd: float
    zero: tuple[str, ...]
    intraclass_correlation: Mapping[str, float]
    median_odds_ratio: float
    log_likelihood: float
    log_likelihood_without_centres: float
    converged: bool
    points: int
    n: int
    events: int
    centres: int
    dropped: int
    aliased: tuple[str, ...]
    notes: tuple[str, ...]
    level: float
    _effects: FixedEffects
    _prepared: Prepared
    _profiled: Profiled
    _joint: Array  # covariance of coefficients and sd
    _rows: pd.DataFrame

    def between_centres(self) -> pd.DataFrame:
        """Return measure, estimate, low and high of what differs between centres.

        Measures: variance, sd, intraclass correlation and median odds ratio, all of them functions of the sd, whose
        limits are those of the profile of the likelihood (chi-squared with one degree of freedom). low is that of
        sd 0 where the likelihood there is high enough; high is infinite, or 1, where the profile does not fall far
        enough. Beside zero such an interval is too wide, if anything (Self, Liang 1987, J Am Stat Assoc 82:605).
        """
        low, high = sd_limits(self._profiled, math.sqrt(self._joint[-1, -1]), self.level)
        names = ("variance", "sd", "intraclass correlation", "median odds ratio")
        rows = [(name, *(_measures(sd)[i] for sd in (self.sd, low, high))) for i, name in enumerate(names)]
        return pd.DataFrame(rows, columns=["measure", "estimate", "low", "high"])

    def variance_test(self) -> VarianceTest:
        """Return the likelihood-ratio test that the centres do not differ (Self, Liang 1987)."""
        statistic = max(0.0, 2 * (self.log_likelihood - self.log_likelihood_without_centres))
        return VarianceTest(statistic=statistic, p=float(chi2.sf(statistic, 1)) / 2 if statistic > 0 else 1.0)

    def random_effects(self) -> pd.DataFrame:
        """Return centre, n, events, mode, mean and std_dev: what is known of each centre's effect on the logit scale.

        Mode, mean and standard deviation of its density given the responses and the estimates, as if these were the
        true values.
        """
        rows, best = self._prepared.rows, self._profiled.best
        return pd.DataFrame(
            {
                "centre": list(self._prepared.labels),
                "n": rows.by_centre(rows.size).astype(int),
                "events": rows.by_centre(rows.events).astype(int),
                "mode": best.mode,
                "mean": best.mean,
                "std_dev": best.spread,
            }
        )

    def profile_interval(self, term: str) -> ProfileInterval:
        """Return limits of a coefficient from the profile of the likelihood, and its likelihood-ratio test.

        With few centres the intervals of terms are too short for what varies between centres; these are less so.
        """
        names = self._effects.names
        if term not in names:
            raise mistake(
                self._effects.design.formula, f"It has no coefficient {term}.", f"Choose from {', '.join(names)}."
            )
        at = names.index(term)
        weights = np.linalg.inv(self._prepared.triangle)[at]
        error = math.sqrt(self._effects.known.covariance[at, at])
        low, high, statistic = coefficient_limits(self._profiled, weights, error, self.level)
        return ProfileInterval(
            term=term,
            estimate=float(self._effects.known.estimate[at]),
            low=low,
            high=high,
            statistic=statistic,
            p=float(chi2.sf(statistic, 1)),
        )

    def marginal_probabilities(
        self, compare: str, *, levels: Sequence[Level] | None = None, reference: Level | None = None
    ) -> MarginalProbabilities:
        """Return standardised risks by level of a variable, averaged over the centre effects, and their differences.

        The risk of a level is the mean over the rows of the probability with that level in place of their own, each
        integrated over the normal distribution of the centre effects: that of people like these in centres like
        these. levels: to compare (needed for a numeric variable of more than two values); reference: the first level
        if None. Delta method with coefficients and sd together; covariates count as given. Where the sd is zero its
        uncertainty does not enter.
        """
        known = population_risks.Estimated(effects=self._effects, sd=self.sd, joint=self._joint, rows=self._rows)
        return population_risks.marginal_probabilities(known, compare, levels=levels, reference=reference)

    def marginal_means(
        self, over: str | Sequence[str], *, at: Mapping[str, Iterable[Level]] | None = None
    ) -> pd.DataFrame:
        """Return the marginal mean on the logit scale, for a centre with effect zero, by levels of the variables."""
        return fixed_effects.marginal_means(self._effects, over, at)

    def contrasts(
        self,
        compare: str,
        *,
        by: str | Sequence[str] = (),
        reference: Level | None = None,
        at: Mapping[str, Iterable[Level]] | None = None,
    ) -> pd.DataFrame:
        """Return differences of marginal means to those of the reference level: log odds ratios within a centre."""
        return fixed_effects.contrasts(self._effects, compare, by, reference, at)

    def slopes(
        self,
        variable: str,
        *,
        between: tuple[float, float],
        over: str | Sequence[str] = (),
        at: Mapping[str, Iterable[Level]] | None = None,
    ) -> pd.DataFrame:
        """Return the mean change of the logit per unit of a numeric variable between two of its values."""
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
        """Return differences of slopes between the levels of a variable and its reference level."""
        return fixed_effects.slope_contrasts(
            self._effects, compare, variable=variable, between=between, by=by, reference=reference, at=at
        )

    def joint_test(self, terms: str | Sequence[str]) -> JointTest | NotEstimable:
        """Return the Wald test that all coefficients of the terms are zero."""
        return fixed_effects.joint_test(self._effects, terms)

    def joint_contrasts(
        self, compare: str, *, by: str | Sequence[str] = (), at: Mapping[str, Iterable[Level]] | None = None
    ) -> JointTest | NotEstimable:
        """Return the Wald test that all differences of marginal means between the levels of a variable are zero."""
        return fixed_effects.joint_contrasts(self._effects, compare, by, at)

    def predict(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the logit of other rows in a centre with effect zero, with the uncertainty of the coefficients."""
        return fixed_effects.predictions(self._effects, data)


def _measures(sd: float) -> tuple[float, float, float, float]:
    """Return variance, sd, intraclass correlation and median odds ratio; of an infinite sd their limits."""
    if math.isinf(sd):
        return math.inf, math.inf, 1.0, math.inf
    return sd**2, sd, intraclass_correlation(sd), median_odds_ratio(sd)


def intraclass_correlation(sd: float) -> float:
    """Return the correlation of the latent responses of two persons of a centre."""
    return sd**2 / (sd**2 + math.pi**2 / 3)


def median_odds_ratio(sd: float) -> float:
    """Return the median odds ratio of two centres taken at random (Larsen, Merlo 2005)."""
    return math.exp(math.sqrt(2) * float(norm.ppf(0.75)) * sd)
