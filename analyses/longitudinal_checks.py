"""What the models of a measurement repeated over time assume: checks of it, and notes on how they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.covariates import covariate_name
from analyses.longitudinal_fit import NOT_CONVERGED, STRUCTURES
from analyses.result import Check, NotEstimable

if TYPE_CHECKING:
    import pandas as pd

    from analyses.longitudinal import Repeated
    from analyses.longitudinal_fit import Models
    from analyses.methods.mixed import MixedFit
    from analyses.methods.repeated import Covariance

SPREAD_LIMIT = 2.0
"""Standard deviations of whitened residuals of a month and arm may differ by this factor before the check fails."""
FEWEST_FOR_SPREAD = 20
"""Arms with fewer values in a month do not count there: chance alone would make their spread differ so much."""
ALIASED = "the data cannot tell them from other covariates"
NAMES = (
    "The model converged",
    "The covariance of the months is unstructured",
    "Spread of residuals by month and arm",
    "No variance is at zero",
)


def checks(data: Repeated, models: Models) -> tuple[Check, ...]:
    """Return whether the model converged with the covariance wanted, and whether residuals spread as it says.

    The last one is of the model with random effects. Details hold no counts of persons: they are printed as they are,
    without masking.
    """
    fit, split = models.by_window, models.centre_random
    if isinstance(fit, NotEstimable) or models.structure is None:
        reason = fit.reason if isinstance(fit, NotEstimable) else ""
        first = Check(name=NAMES[0], outcome="failed" if fit == NOT_CONVERGED else "not applicable", detail=reason)
        others = [Check(name=name, outcome="not applicable", detail=reason) for name in NAMES[1:3]]
        return (first, *others, _zero(split))
    return (
        Check(name=NAMES[0], outcome="passed", detail="the restricted likelihood is at its maximum"),
        _structure(models.structure),
        _spread(fit.standardised_residuals, data.used),
        _zero(split),
    )


def _structure(structure: Covariance) -> Check:
    words = STRUCTURES[structure]
    if structure == next(iter(STRUCTURES)):
        return Check(name=NAMES[1], outcome="passed", detail=words)
    detail = f"it could not be estimated; in its place {words}, right only if the values vary so"
    return Check(name=NAMES[1], outcome="failed", detail=detail)


def _spread(residuals: pd.Series[float], used: pd.DataFrame) -> Check:
    cells = residuals.groupby([used["month"], used["arm"]])
    spread = cells.std()[cells.size() >= FEWEST_FOR_SPREAD]
    if len(spread) < 2:  # noqa: PLR2004  (two can be compared)
        return Check(name=NAMES[2], outcome="not applicable", detail="too few values in each month and arm")
    ratio = float(spread.max() / spread.min())
    detail = f"largest over smallest standard deviation of whitened residuals: {ratio:.2f} (limit {SPREAD_LIMIT:g})"
    if ratio <= SPREAD_LIMIT:
        return Check(name=NAMES[2], outcome="passed", detail=detail)
    wide = "intervals are too wide where values spread little and too narrow elsewhere"
    return Check(name=NAMES[2], outcome="failed", detail=f"{detail}; {wide}")


def _zero(fit: MixedFit | NotEstimable) -> Check:
    if isinstance(fit, NotEstimable):
        return Check(name=NAMES[3], outcome="not applicable", detail=fit.reason)
    zero = " and ".join(fit.zero)
    where = "in the model with random effects"
    boundary = f"{where}, at zero: {zero}; usual in a small registry, the other numbers hold"
    if not zero:
        boundary = f"{where} all are above zero"
    return Check(name=NAMES[3], outcome="failed" if zero else "passed", detail=boundary)


def notes(data: Repeated, models: Models) -> tuple[str, ...]:
    """Return how the models are made, in sentences."""
    adjusted = ", ".join(["the value before time zero", *(covariate_name(name) for name in data.covariates)])
    span = "; ".join(window.text() for window in data.windows)
    fit = models.by_window
    aliased = () if isinstance(fit, NotEstimable) else tuple(n for n in data.covariates if n in fit.aliased)
    left_out = {**data.left_out, ALIASED: aliased}
    structure = "" if models.structure is None else f" Covariance of the months: {STRUCTURES[models.structure]}."
    return (
        f"A value counts for the month in whose window it was measured ({span}).",
        "Of several values in a window the nearest to the month counts; of two equally near, the earlier.",
        f"Repeated measures model (MMRM) with arm by month, adjusted for {adjusted}.",
        "The value before time zero has an effect of its own in each month.",
        (
            "Restricted maximum likelihood; intervals and p values after Kenward and Roger (parameters: the variances "
            f"and covariances).{structure}"
        ),
        "Adjusted means hold at the average of the covariates over the measurements used.",
        "Beside it: centres as fixed effects, and random effects of persons within centres in place of the covariance.",
        (
            "Continuous time: the same values on their own days, a natural cubic spline by arm with knots at the "
            "months, random intercepts and slopes of persons, random intercepts of centres."
        ),
        "A slope is the mean change a year between two months of that spline.",
        "Values after a switch stay in the arm of time zero.",
        "Missing values are taken as missing at random given what was measured before.",
        *(f"Left out because {why}: {', '.join(names)}." for why, names in left_out.items() if names),
    )
