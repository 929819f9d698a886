"""What a Cox model says of new persons: their covariates, hazard ratios and expected survival."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from formulaic.errors import DataMismatchWarning
from scipy.stats import norm

from analyses.methods.hazards.cox_design import covariate_matrix
from analyses.methods.risk_sets import check_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign

    Floats = NDArray[np.float64]

Reference = Literal["mean", "zero"]


def standardised_rows(design: CoxDesign, data: pd.DataFrame) -> Floats:
    """Return the columns of the model for new persons, on the standardised scale of the design.

    Raises ValueError if a column is absent, a value is missing or infinite, or a level of a factor is new.
    """
    needed = sorted(str(name) for name in design.spec.required_variables)
    absent = [name for name in needed if name not in data.columns]
    if absent:
        text = f"the frame has no column {', '.join(absent)}"
        raise ValueError(text)
    empty = [name for name in needed if data[name].isna().any()]
    if empty:
        text = f"a value of {', '.join(empty)} is missing: nothing can be predicted without it"
        raise ValueError(text)
    if data.empty:
        return np.zeros((0, len(design.terms)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataMismatchWarning)
        try:
            matrix, _, _ = covariate_matrix(design.spec, data)
        except DataMismatchWarning as problem:
            raise ValueError("a factor has a level that the model has not seen") from problem
    return np.asarray((matrix - design.centre) / design.scale)


def reference_row(design: CoxDesign, reference: Reference) -> Floats:
    """Return the person with whom others are compared, on the standardised scale.

    "mean": every column of the model at its weighted mean, also those of factors. "zero": every column 0, that is each
    number 0 and each factor at its first level.
    """
    if reference == "zero":
        return np.asarray(-design.centre / design.scale)
    return np.asarray(np.average(design.matrix, axis=0, weights=design.weight))


def hazard_ratios(
    design: CoxDesign,
    coefficients: Floats,
    covariance: Floats,
    rows: Floats,
    *,
    reference: Reference = "mean",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return a row a person: log_hazard_ratio, its std_error, and hazard_ratio with low and high.

    The hazard is compared with that of the reference person in the same stratum: (z - z0) b, with variance
    (z - z0)' V (z - z0). coefficients, covariance, rows: on the standardised scale. A ratio beyond the largest double
    is infinite. Checked against predict of a coxph model, R survival 3.5.3 (which by default leaves columns of 0 and 1
    at 0 in its mean).
    """
    check_level(level)
    gap = rows - reference_row(design, reference)
    value = gap @ coefficients
    error = np.sqrt(np.maximum(np.sum((gap @ covariance) * gap, axis=1), 0.0))
    reach = norm.isf((1 - level) / 2) * error
    with np.errstate(over="ignore"):
        ratio, low, high = np.exp(value), np.exp(value - reach), np.exp(value + reach)
    return pd.DataFrame(
        {"log_hazard_ratio": value, "std_error": error, "hazard_ratio": ratio, "low": low, "high": high}
    )
