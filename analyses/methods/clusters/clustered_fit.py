"""A fitted model of clustered rows, as plain numbers, and what can be asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.clusters.standardised_risk import risk_differences
from analyses.methods.mixed_models import fixed_effects
from analyses.methods.mixed_models.small_sample import functions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from analyses.methods.clusters.ordered_rows import ClusteredRows, Family
    from analyses.methods.mixed_models.fixed_effects import FixedEffects
    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.small_sample import JointTest, Uncertainty
    from analyses.result import NotEstimable

FEW = 4.0
"""Degrees of freedom below which the t approximation is poor (Pustejovsky, Tipton 2018)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusteredFit:
    """A fitted model of clustered rows.

    terms: term, estimate, std_error, df, low, high, p, reason; where the clusters say nothing about the variance of a
    term its std_error, df, low, high and p are missing (pandas.NA) and reason says so, else reason is empty.
    covariance: of the estimates, term by term; a term with a reason has none of its own there. n rows of so many
    clusters; dropped: rows with a missing value; aliased: terms that the data cannot tell from those before them.
    dispersion: mean square of the Pearson residuals, by cr2 over n less the number of coefficients, by gee over n.
    correlation: of rows of a cluster, as gee estimated it; None by cr2.
    """

    terms: pd.DataFrame
    covariance: pd.DataFrame
    family: Family
    dispersion: float
    correlation: float | None
    n: int
    clusters: int
    dropped: int
    aliased: tuple[str, ...]
    notes: tuple[str, ...]
    level: float
    _effects: FixedEffects
    _rows: ClusteredRows

    def marginal_means(
        self, over: str | Sequence[str], *, at: Mapping[str, Iterable[Level]] | None = None
    ) -> pd.DataFrame:
        """Return the marginal mean (of the linear predictor) of every combination of the levels of variables.

        at: values of numeric variables (otherwise their mean over the rows), or some of the levels of a factor.
        Columns: those of over, estimate, std_error, df, low, high, reason. Where a number cannot be had it is missing
        (pandas.NA) and reason says why; else reason is empty.
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

        Columns: those of by, level, reference, estimate, std_error, df, low, high, p, reason. Their exponentials are
        odds ratios (binomial) or rate ratios (poisson).
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
        """Return the differences of slopes between the levels of a variable and its reference level."""
        return fixed_effects.slope_contrasts(
            self._effects, compare, variable=variable, between=between, by=by, reference=reference, at=at
        )

    def joint_test(self, terms: str | Sequence[str]) -> JointTest | NotEstimable:
        """Return the test that all coefficients of the terms are zero; a term is one of the formula or of its columns.

        By cr2 the approximate Hotelling T squared (AHT, clubSandwich's HTZ), by gee Wald's.
        """
        return fixed_effects.joint_test(self._effects, terms)

    def joint_contrasts(
        self, compare: str, *, by: str | Sequence[str] = (), at: Mapping[str, Iterable[Level]] | None = None
    ) -> JointTest | NotEstimable:
        """Return the test that all differences of marginal means between the levels of a variable are zero."""
        return fixed_effects.joint_contrasts(self._effects, compare, by, at)

    def predict(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the linear predictor of other rows: estimate, std_error, df, low, high, reason."""
        return fixed_effects.predictions(self._effects, data)

    def risk_difference(self, compare: str, *, reference: Level | None = None) -> pd.DataFrame:
        """Return differences of standardised risk between the levels of a variable and its reference level.

        The risk of a level is the mean over the rows used (by their weights) of the predicted probability if all of
        them had it, with the other variables as they are. Standard error by the delta method, for these very rows, and
        degrees of freedom those of the gradient as a function of the coefficients. compare: a factor, or a number with
        two values. Columns: level, reference, risk, reference_risk, estimate, std_error, df, low, high, p, reason.
        Raises ValueError unless the family is binomial.
        """
        if self.family != "binomial":
            text = f"family is {self.family!r}; risks are those of the family binomial"
            raise ValueError(text)
        return risk_differences(self._effects, self._rows.data, self._rows.weight, compare, reference)


def clustered_fit(
    rows: ClusteredRows, known: Uncertainty, *, family: Family, dispersion: float, correlation: float | None
) -> ClusteredFit:
    """Return the fit from what is known about the coefficients."""
    effects = fixed_effects.FixedEffects(design=rows.design, kept=rows.kept, aliases=rows.aliases, known=known)
    # Coefficients as they are, whether or not another term is left out beside them.
    found = functions(known, np.eye(len(rows.kept)))
    reason = found.get("reason", "")
    terms = found.drop(columns="reason", errors="ignore").astype("Float64").assign(term=effects.names, reason=reason)
    return ClusteredFit(
        terms=terms[["term", "estimate", "std_error", "df", "low", "high", "p", "reason"]],
        covariance=fixed_effects.covariance_table(effects),
        family=family,
        dispersion=dispersion,
        correlation=correlation,
        n=len(rows.y),
        clusters=rows.clusters,
        dropped=rows.design.dropped,
        aliased=effects.aliased,
        notes=_notes(rows, effects, terms),
        level=known.level,
        _effects=effects,
        _rows=rows,
    )


def _notes(rows: ClusteredRows, effects: FixedEffects, terms: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    if rows.clusters < len(rows.kept):
        notes.append(f"There are fewer clusters ({rows.clusters}) than coefficients ({len(rows.kept)}).")
    for reason in dict.fromkeys(terms.loc[terms["reason"] != "", "reason"]):
        names = ", ".join(terms.loc[terms["reason"] == reason, "term"])
        notes.append(f"No standard error of {names}: {reason}.")
    few = terms.loc[(terms["df"] < FEW).fillna(value=False), "term"]
    if len(few):
        notes.append(f"Fewer than four degrees of freedom, where a t distribution is approximate: {', '.join(few)}.")
    if effects.aliased:
        notes.append(f"Left out because the data cannot tell them from other terms: {', '.join(effects.aliased)}.")
    if rows.design.dropped:
        notes.append(f"{rows.design.dropped} rows with a missing value were left out.")
    if rows.weightless:
        notes.append(f"{rows.weightless} rows with weight zero were left out.")
    return tuple(notes)
