"""Linear mixed models with small-sample inference: patients, with or without a slope, within centres."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd

from analyses.methods.mixed_models.bootstrap import parametric_bootstrap
from analyses.methods.mixed_models.fixed_effects import FixedEffects, covariance_table, term_table
from analyses.methods.mixed_models.likelihood_ratio import LikelihoodRatio, likelihood_ratio
from analyses.methods.mixed_models.mixed_fit import MixedFit
from analyses.methods.mixed_models.nested_rows import nest
from analyses.methods.mixed_models.reference_grid import design
from analyses.methods.mixed_models.restricted_likelihood import Method
from analyses.methods.mixed_models.small_sample import Inference
from analyses.methods.mixed_models.variance_search import search
from analyses.methods.mixed_models.variance_table import correlation, variance_table, zero_variances
from analyses.methods.mixed_models.variance_uncertainty import uncertainty
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from analyses.methods.mixed_models.nested_rows import Nested
    from analyses.methods.mixed_models.small_sample import Array
    from analyses.methods.mixed_models.variance_search import Optimum

__all__ = [
    "Inference",
    "LikelihoodRatio",
    "Method",
    "MixedFit",
    "likelihood_ratio",
    "linear_mixed_model",
    "parametric_bootstrap",
]


def linear_mixed_model(
    formula: str,
    data: pd.DataFrame,
    *,
    patient: str,
    centre: str | None = None,
    slope: str | None = None,
    centre_slope: str | None = None,
    weight: str | None = None,
    method: Method = "reml",
    inference: Inference = "kenward-roger",
    level: float = 0.95,
) -> MixedFit | NotEstimable:
    """Fit a linear mixed model by restricted (or full) maximum likelihood.

    Parameters
    ----------
    formula
        Fixed effects, "response ~ terms", as formulaic reads it.
    data
        One row a measurement. Rows with a missing value in a variable used are dropped and counted.
    patient
        Column that names the patient, who has a random intercept.
    centre
        Column that names the centre, which has a random intercept around which those of its patients lie.
    slope
        Numeric column of which the patient has a random slope, correlated with the intercept.
    centre_slope
        Numeric column (for instance a treatment coded 0 and 1) of which the centre has one.
    weight
        Numeric column above zero: the residual variance of a row is that of the model over its weight.
    method
        "reml" or "ml". Coefficients of models that differ in their fixed effects compare by likelihood only with "ml".
    inference
        "kenward-roger": standard errors and degrees of freedom that count the estimation of the variances, from the
        expected information with V linear in its parameters (that of pbkrtest; with REML only). "satterthwaite":
        standard errors of the model, degrees of freedom from the observed information (that of lmerTest). "normal":
        standard errors of the model and infinite degrees of freedom; too narrow where centres or patients are few.
    level
        Of the intervals.

    Returns
    -------
    MixedFit or NotEstimable
        NotEstimable where the data cannot carry the model; the reason says what to change.

    Raises
    ------
    UserError
        A column that is not there or is no number, a formula that cannot be read, an infinite value, a weight that is
        not above zero, a patient in two centres.
    ValueError
        A level outside 0 to 1, a slope of a centre that is not named, or a method or an inference that is not offered.

    Notes
    -----
    Laird, Ware 1982, Biometrics 38:963; criterion of Bates et al. 2015, J Stat Softw 67(1); Kenward, Roger 1997,
    Biometrics 53:983. A variance at zero, its boundary, is a result as in lme4: it is named in zero and in the notes.
    Checked against lme4 1.1-31 (estimates and standard errors 1e-6 relative, criterion 1e-8 absolute), pbkrtest 0.5.2
    and lmerTest 3.1-3 (standard errors and degrees of freedom 1e-5 relative) and emmeans 1.8.4, and against the same
    formulas with matrices of the size of the data.
    """
    _check(inference=inference, method=method, level=level, centre=centre, centre_slope=centre_slope)
    made = design(
        formula, data, also=[name for name in (patient, centre, slope, centre_slope, weight) if name is not None]
    )
    if isinstance(made, NotEstimable):
        return made
    nested = nest(made, data, patient=patient, centre=centre, slope=slope, centre_slope=centre_slope, weight=weight)
    if isinstance(nested, NotEstimable):
        return nested
    best = search(nested.sums, method)
    if best is None:
        return NotEstimable(reason="the values of a patient differ too little beside those of different patients")
    known = uncertainty(nested, best.point, method=method, inference=inference, level=level)
    if isinstance(known, NotEstimable):
        return known
    effects = FixedEffects(design=made, kept=nested.kept, aliases=nested.aliases, known=known)
    variance = variance_table(nested, best.point)
    zero = zero_variances(best.point)
    logs = 2 * float(np.log(np.abs(np.diag(nested.triangle))).sum()) if method == "reml" else 0.0
    return MixedFit(
        terms=term_table(effects),
        covariance=covariance_table(effects),
        variance=variance,
        zero=zero,
        intraclass_correlation=correlation(variance),
        method=method,
        log_likelihood=(nested.log_weight - best.point.criterion - logs) / 2,
        parameters=len(variance),
        converged=best.converged,
        n=nested.sums.n,
        patients=len(nested.rows.people),
        centres=nested.centres,
        dropped=made.dropped,
        aliased=effects.aliased,
        notes=_notes(best, nested, zero=zero, aliased=effects.aliased, dropped=made.dropped),
        level=level,
        residuals=_residuals(nested, known.estimate).set_axis(data.index[made.rows]),
        _effects=effects,
        _nested=nested,
        _point=best.point,
    )


def _check(*, inference: str, method: str, level: float, centre: str | None, centre_slope: str | None) -> None:
    text = ""
    if inference not in get_args(Inference):
        text = f"inference is {inference!r}; it can be one of {get_args(Inference)}"
    elif method not in get_args(Method):
        text = f"method is {method!r}; it can be one of {get_args(Method)}"
    elif method == "ml" and inference == "kenward-roger":
        text = 'Kenward and Roger rests on restricted likelihood; with method "ml" take "satterthwaite" or "normal"'
    elif not 0 < level < 1:
        text = f"level is {level}; it lies between 0 and 1"
    elif centre_slope is not None and centre is None:
        text = "a slope of centres (centre_slope) needs the column that names the centre"
    if text:
        raise ValueError(text)


def _residuals(nested: Nested, estimate: Array) -> pd.Series[float]:
    """Return the response minus fixed effects in the order of the rows of the design."""
    rows = nested.rows
    left = (rows.y - rows.basis @ (nested.triangle @ estimate)) / rows.root_weight
    return pd.Series(left, index=rows.order).sort_index()


def _notes(
    best: Optimum, nested: Nested, *, zero: tuple[str, ...], aliased: tuple[str, ...], dropped: int
) -> tuple[str, ...]:
    notes = []
    for group, root in (("centre", best.point.root_f), ("patient", best.point.root_d)):
        if group in zero and len(root) == 1:
            notes.append(f"The variance of the {group} effect is estimated at zero, the limit of what it can be.")
        elif group in zero:
            notes.append(f"A variance of the {group} effects is estimated at zero, or their correlation at 1 or -1.")
    if not best.converged:
        notes.append("Neither of two optimisers reached a maximum of the likelihood; do not use the numbers.")
    elif best.optimiser != "Newton":
        notes.append(f"The first optimiser failed; {best.optimiser} reached the maximum.")
    if nested.centres == 1:
        notes.append("There is one centre; its effect cannot be told from the intercept and is left out.")
    if aliased:
        notes.append(f"Left out because the data cannot tell them from other terms: {', '.join(aliased)}.")
    if dropped:
        notes.append(f"{dropped} rows with a missing value were left out.")
    return tuple(notes)
