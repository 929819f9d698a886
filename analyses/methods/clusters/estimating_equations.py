"""Generalised estimating equations through statsmodels, with the correlation as geepack estimates it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.optimize import brentq
from statsmodels.genmod import cov_struct, families
from statsmodels.genmod.generalized_estimating_equations import GEE
from statsmodels.tools.sm_exceptions import ConvergenceWarning, IterationLimitWarning

from analyses.result import NotEstimable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analyses.methods.clusters.generalised_linear import FittedModel
    from analyses.methods.clusters.ordered_rows import ClusteredRows, Family
    from analyses.methods.mixed_models.small_sample import Array

Correlation = Literal["independence", "exchangeable", "ar1"]
StandardErrors = Literal["robust", "bias-reduced"]

TIGHT = 1e-9  # of the estimating functions of a standardised design
STEPS = 300
GONE = 1e-9  # 1 - leverage of a direction that one cluster alone decides
FLAT = 1e-12  # share of the largest information on a standardised design, below which there is none
CLOSEST = 0.9999  # correlation of neighbours


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimated:
    """Coefficients of the kept terms and their covariance; correlation and dispersion."""

    coefficients: Array
    covariance: Array
    correlation: float
    dispersion: float


# statsmodels has no types
class DecayingCorrelation(cov_struct.CovStruct):  # type: ignore[misc]
    """Correlation a^|s - t| of two rows at s and t of a cluster; a is the least squares fit to products of residuals.

    That is geepack's, with its waves. statsmodels' own takes neighbouring rows to be one step apart whatever the times.
    """

    def initialize(self, model: Any) -> None:  # noqa: ANN401  (statsmodels' model)
        """Remember the model and the distances of all pairs of rows of a cluster."""
        super().initialize(model)
        self.dep_params = 0.0
        self.times = [np.ravel(time) for time in model.time_li]
        pairs = [np.tril_indices(len(time), -1) for time in self.times]
        lags = [time[i] - time[j] for time, (i, j) in zip(self.times, pairs, strict=True)]
        self.lags, self.place = np.unique(np.concatenate(lags), return_inverse=True)
        self.count = np.bincount(self.place, minlength=len(self.lags))
        self.pairs = pairs

    def update(self, _params: Array) -> None:
        """Set the correlation that fits the residuals of the present coefficients."""
        rest = [
            (y - mean) / np.sqrt(self.model.family.variance(mean))
            for y, (mean, _) in zip(self.model.endog_li, self.model.cached_means, strict=True)
        ]
        scale = float(np.mean(np.square(np.concatenate(rest))))
        products = np.concatenate([one[i] * one[j] for one, (i, j) in zip(rest, self.pairs, strict=True)]) / scale
        self.dep_params = decay(self.lags, np.bincount(self.place, products, len(self.lags)) / self.count, self.count)

    def covariance_matrix_solve(
        self, _expval: Array, index: int, stdev: Array, rhs: Sequence[Array]
    ) -> tuple[Array, ...]:
        """Return the inverse of the covariance of a cluster times vectors, row by row: the inverse is tridiagonal."""
        gap = np.diff(self.times[index])
        near = np.sign(self.dep_params) ** gap * np.abs(self.dep_params) ** gap if self.dep_params else 0.0 * gap
        left = np.sqrt(1 - near**2)
        out = []
        for one in rhs:
            white = one / (stdev if one.ndim == 1 else stdev[:, None])
            shape = (-1,) + (1,) * (one.ndim - 1)
            white[1:] = (white[1:] - near.reshape(shape) * white[:-1]) / left.reshape(shape)
            back = white.copy()
            back[1:] /= left.reshape(shape)
            back[:-1] -= near.reshape(shape) * back[1:]
            out.append(back / (stdev if one.ndim == 1 else stdev[:, None]))
        return tuple(out)


def decay(lags: Array, means: Array, count: NDArray[np.intp]) -> float:
    """Return the a that minimises the sum of count (mean - a^lag)^2; not negative where a lag is no whole number."""
    whole = bool((lags == np.round(lags)).all())
    grid = np.linspace(-CLOSEST if whole else 0.0, CLOSEST, 2001)

    def power(a: Array, exponent: Array) -> Array:
        return np.where(a < 0, np.cos(np.pi * exponent), 1.0) * np.abs(a) ** exponent

    def distance(a: Array) -> Array:
        return np.asarray(count @ np.square(means[:, None] - power(a[None], lags[:, None])))

    def slope(a: float) -> float:
        one = np.asarray(a)
        return float(-2 * count @ ((means - power(one, lags)) * lags * power(one, lags - 1)))

    best = int(distance(grid).argmin())
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    if (lags < 1).any():
        low = max(low, 1e-9)
    if slope(low) * slope(high) >= 0:
        return float(grid[best])
    return float(brentq(slope, low, high, xtol=1e-15, rtol=1e-14))


def estimating_equations(
    rows: ClusteredRows,
    start: FittedModel,
    *,
    family: Family,
    correlation: Correlation,
    standard_errors: StandardErrors,
) -> Estimated | NotEstimable:
    """Return where the estimating equations are solved, or why they are not; start is the fit of independent rows."""
    n = len(rows.y)
    triangle = np.linalg.qr(rows.x, mode="r") / np.sqrt(n)
    unit = float(np.sqrt(np.mean((rows.y - start.mean) ** 2))) if family == "gaussian" else 1.0
    kind = {"gaussian": families.Gaussian, "binomial": families.Binomial, "poisson": families.Poisson}[family]
    structure = {
        "independence": cov_struct.Independence,
        "exchangeable": cov_struct.Exchangeable,
        "ar1": DecayingCorrelation,
    }[correlation]()
    model = GEE(
        rows.y / unit,
        rows.x @ np.linalg.inv(triangle),
        groups=rows.cluster,
        time=rows.time,
        family=kind(),
        cov_struct=structure,
    )
    found = _solution(model, triangle @ start.coefficients / unit)
    nothing = NotEstimable(reason=f"no coefficients and correlation ({correlation}) were found that go together")
    if found is None:
        return nothing
    alpha = 0.0 if correlation == "independence" else float(structure.dep_params)
    largest = int(np.diff(rows.starts).max())
    if correlation == "exchangeable" and (largest - 1) * alpha <= -1:
        return NotEstimable(reason=f"a correlation of {alpha:.3g} cannot be that of all of {largest} rows of a cluster")
    each, scores = _contributions(model, structure)
    size = np.linalg.eigvalsh(each.sum(axis=0))
    if not size[0] > FLAT * size[-1]:  # a solution at infinity, where nothing changes any more
        return nothing
    covariance = _sandwich(each, scores, bias_reduced=standard_errors == "bias-reduced")
    if isinstance(covariance, NotEstimable):
        return covariance
    rest = [
        (y - mean) ** 2 / model.family.variance(mean)
        for y, (mean, _) in zip(model.endog_li, model.cached_means, strict=True)
    ]
    back = np.linalg.inv(triangle) * unit
    return Estimated(
        coefficients=back @ found,
        covariance=back @ covariance @ back.T,
        correlation=alpha,
        dispersion=float(np.mean(np.concatenate(rest))) * unit**2,
    )


def _solution(model: Any, start: Array) -> Array | None:  # noqa: ANN401  (statsmodels' model)
    """Return the coefficients where the equations are solved, or None."""
    # Where steps that change coefficients and correlation in turn diverge, five of the former for one of the latter.
    for steps in (1, 5):
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore", ConvergenceWarning)
                warnings.simplefilter("ignore", IterationLimitWarning)
                model.cov_struct.dep_params = 0.0
                found = model.fit(
                    maxiter=STEPS, ctol=TIGHT * model.nobs, start_params=start, ddof_scale=0, params_niter=steps
                )
        except np.linalg.LinAlgError:
            continue
        if found is not None and found.converged and np.isfinite(found.params).all():
            return np.asarray(found.params)
    return None


def _contributions(model: Any, structure: Any) -> tuple[Array, Array]:  # noqa: ANN401  (statsmodels')
    """Return D'V^-1 D and D'V^-1 e of each cluster, with D the slopes and V the covariance of its responses."""
    information, score = [], []
    for i in range(model.num_group):
        mean, predictor = model.cached_means[i]
        slope = model.mean_deriv(model.exog_li[i], predictor)
        stdev = np.sqrt(model.family.variance(mean))
        first, second = structure.covariance_matrix_solve(mean, i, stdev, (slope, model.endog_li[i] - mean))
        information.append(slope.T @ first)
        score.append(slope.T @ second)
    return np.stack(information), np.stack(score)


def _sandwich(each: Array, scores: Array, *, bias_reduced: bool) -> Array | NotEstimable:
    """Return the sandwich of Liang and Zeger (1986), or with residuals (I - H)^-1 e that of Mancl and DeRouen (2001).

    For K = D'V^-1 D of a cluster and B their sum, D'V^-1 (I - H)^-1 e = (I + K (B - K)^-1) D'V^-1 e, so that no matrix
    of rows by rows is needed.
    """
    total = each.sum(axis=0)
    if bias_reduced:
        root = np.linalg.cholesky(np.linalg.inv(total))
        if np.linalg.eigvalsh(root.T @ each @ root).max() > 1 - GONE:
            return NotEstimable(reason="one cluster alone decides a coefficient, so that its residuals are zero")
        scores = scores + (each @ np.linalg.solve(total - each, scores[..., None]))[..., 0]
    half = np.linalg.solve(total, scores.T)
    return np.asarray(half @ half.T)
