"""Inference about fixed effects when the variances are estimated: Kenward and Roger, Satterthwaite, or normal.

With C = (X'V^-1 X)^-1, P_r = X'V^-1 G_r V^-1 X (G_r the derivative of V by variance parameter r) and W the covariance
of the variance parameters, a function l'b has variance v = l'Cl with gradient g_r = l'C P_r C l, and

    df = 2 v^2 / (g' W g)

(Satterthwaite 1946; Giesbrecht, Burns 1985). Kenward and Roger (1997, Biometrics 53:983) give the same number for one
function, but with W from the expected information where V is linear in its parameters, and standard errors from a
covariance that is corrected for the estimation of V. For several functions at once their F statistic is scaled; that of
Satterthwaite is the mean of squared t statistics of independent functions (Fai, Cornelius 1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd
from scipy.stats import chi2, f, t

from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Inference = Literal["kenward-roger", "satterthwaite", "normal"]

SAME = 1e-8
"""Degrees of freedom closer than this are one number, as in lmerTest."""
FLAT = 1e-10
"""A direction with less than this share of the largest variance is a combination of the others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Uncertainty:
    """What is known about p coefficients and about the s variance parameters on which their variance rests.

    covariance: (p, p), from which standard errors come; model: (p, p), C; slopes: (s, p, p), the P_r; parameters:
    (s, s), the W. With inference "normal" slopes and parameters are empty and degrees of freedom infinite. own: answers
    in place of all these but level, estimate and covariance, where degrees of freedom rest on something else.
    """

    inference: Inference
    level: float
    estimate: Array
    covariance: Array
    model: Array
    slopes: Array
    parameters: Array
    own: OwnInference | None = None


class OwnInference(Protocol):
    """Another way from rows of functions to what functions and joint_test return."""

    def functions(self, rows: Array) -> pd.DataFrame:
        """Return the same columns, and a reason where numbers are missing."""

    def joint_test(self, rows: Array) -> JointTest | NotEstimable:
        """Return the test that all rows are zero."""


@dataclass(frozen=True, kw_only=True)
class JointTest:
    """A test that several functions of the coefficients are all zero.

    statistic: scale times the Wald statistic over df1; scale is one but with Kenward and Roger. df2 is infinite with
    inference "normal", whose statistic times df1 is chi-squared. df1: how many of the functions are independent.
    """

    statistic: float
    df1: int
    df2: float
    p: float
    scale: float


def degrees_of_freedom(known: Uncertainty, rows: Array) -> Array:
    """Return the degrees of freedom of each row of functions (k, p); infinite where no variance rests on V."""
    half = rows @ known.model
    variance = np.einsum("kp,kp->k", half, rows)
    gradient = np.einsum("kp,rpq,kq->kr", half, known.slopes, half)
    spread = np.einsum("kr,rs,ks->k", gradient, known.parameters, gradient)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = 2 * variance**2 / spread
    return np.where((variance > 0) & (spread > 0), df, np.inf)


def functions(known: Uncertainty, rows: Array) -> pd.DataFrame:
    """Return estimate, std_error, df, low, high and p of each row of functions (k, p) of the coefficients."""
    if known.own is not None:
        return known.own.functions(rows)
    value = rows @ known.estimate
    error = np.sqrt(np.maximum(np.einsum("kp,pq,kq->k", rows, known.covariance, rows), 0))
    df = degrees_of_freedom(known, rows)
    reach = t.ppf((1 + known.level) / 2, df) * error
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 only where a function is zero by construction
        p = np.where(error > 0, 2 * t.sf(np.abs(value / error), df), 1.0)
    return pd.DataFrame(
        {"estimate": value, "std_error": error, "df": df, "low": value - reach, "high": value + reach, "p": p}
    )


def joint_test(known: Uncertainty, rows: Array) -> JointTest | NotEstimable:
    """Return the test that all rows of functions (k, p) are zero; rows that others imply are left out."""
    if known.own is not None:
        return known.own.joint_test(rows)
    rows = _independent(known, rows)
    count = len(rows)
    if known.inference == "satterthwaite":
        return _mean_of_squares(known, rows)
    wald = float(_quadratic(rows @ known.covariance @ rows.T, rows @ known.estimate)) / count
    if known.inference == "normal":
        return JointTest(statistic=wald, df1=count, df2=np.inf, p=float(chi2.sf(wald * count, count)), scale=1.0)
    df, scale = _scaled(known, rows)
    if not (df > 0 and scale > 0 and np.isfinite(scale)):
        return NotEstimable(
            reason=f"the patients are too few for Kenward and Roger's test of {count} functions at once"
        )
    return JointTest(statistic=scale * wald, df1=count, df2=df, p=float(f.sf(scale * wald, count, df)), scale=scale)


def _independent(known: Uncertainty, rows: Array) -> Array:
    """Return the rows, or where some imply others, as many combinations of them as are independent."""
    error = np.sqrt(np.einsum("kp,pq,kq->k", rows, known.model, rows))
    some = rows[error > 0] / error[error > 0, None]
    size, axes = np.linalg.eigh(some @ known.model @ some.T)
    if len(some) == len(rows) and (size > FLAT * size[-1]).all():
        return rows
    return np.asarray(axes[:, size > FLAT * size[-1]].T @ some)


def _quadratic(matrix: Array, vector: Array) -> Array:
    return np.asarray(vector @ np.linalg.solve(matrix, vector))


def _mean_of_squares(known: Uncertainty, rows: Array) -> JointTest:
    """Return the F test of Fai and Cornelius (1996), as lmerTest has it, from uncorrelated functions."""
    each = functions(known, np.linalg.eigh(rows @ known.model @ rows.T)[1].T @ rows)
    statistic = float(((each["estimate"] / each["std_error"]) ** 2).mean())
    count, df = len(rows), each["df"].to_numpy()
    if np.isinf(df).all() or float(np.ptp(np.minimum(df, np.finfo(float).max))) < SAME:
        joint = float(df.mean())
    elif (df <= 2).any():  # noqa: PLR2004  (an F has a mean above two degrees of freedom only)
        joint = 2.0
    else:
        total = float((1 / (1 - 2 / df)).sum())
        joint = 2 * total / (total - count)
    return JointTest(statistic=statistic, df1=count, df2=joint, p=float(f.sf(statistic, count, joint)), scale=1.0)


def _scaled(known: Uncertainty, rows: Array) -> tuple[float, float]:
    """Return denominator degrees of freedom and scale of the F statistic (Kenward, Roger 1997, section 4).

    NaN where the formulas divide by zero; with very few patients they can be negative.
    """
    half = np.linalg.solve(rows @ known.model @ rows.T, rows @ known.model)
    forms = np.einsum("kp,rpq,qj->rkj", half, known.slopes, known.model @ rows.T)
    traces = np.einsum("rkk->r", forms)
    count = len(rows)
    a1 = float(traces @ known.parameters @ traces)
    a2 = float(np.einsum("rs,rkj,sjk->", known.parameters, forms, forms))
    if a2 <= 0:
        return np.inf, 1.0
    b = (a1 + 6 * a2) / (2 * count)
    g = ((count + 1) * a1 - (count + 4) * a2) / ((count + 2) * a2)
    base = 3 * count + 2 * (1 - g)
    if base == 0:
        return np.nan, np.nan
    c1, c2, c3 = g / base, (count - g) / base, (count + 2 - g) / base
    inflated = 1 - a2 / count
    above, first, second = 1 + c1 * b, 1 - c2 * b, 1 - c3 * b
    # 0 / 0 is the exact F of a balanced design, where the ratio is one (pbkrtest has it so).
    ratio = inflated / first if abs(first) > FLAT or abs(inflated) > FLAT else 1.0
    if second == 0:
        return np.nan, np.nan
    rho = ratio**2 * above / second / count
    if count * rho == 1:
        return np.nan, np.nan
    df = 4 + (count + 2) / (count * rho - 1)
    scale = 1.0 if abs(df - 2) < 0.01 else df * inflated / (df - 2)  # noqa: PLR2004  (as in pbkrtest)
    return float(df), float(scale)
