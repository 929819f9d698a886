"""Inference from clusters: standard errors, Satterthwaite's degrees of freedom and Hotelling's approximate T squared.

The variance of a function is a sum of squares, one a cluster; if the working model holds these have the covariance P,
and df = (tr P)^2 / tr P^2 (Bell, McCaffrey 2002; Pustejovsky, Tipton 2018). P is a diagonal and something of the rank
of the design, so that its squares are summed without a matrix of clusters by clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import f, t

from analyses.methods.mixed_models.small_sample import JointTest
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from analyses.methods.clusters.corrected_sandwich import Pieces
    from analyses.methods.mixed_models.small_sample import Array

DECIDES = 1e-6
"""Share of the model's variance of a function that one cluster alone decides, above which its variance is unknown."""
NOTHING = 1e-10
"""Standard error, as a share of the model's, that is rounding."""
FLAT = 1e-7
"""A direction with less than this share of the largest standard error is a combination of the others."""
RUN = 2_000_000
"""Numbers that stand in memory at once."""
ALONE = "one cluster alone decides it or a part of it, so that clusters say nothing about its variance"
SAME = "the residuals of every cluster cancel out, so that clusters say nothing about its variance"


@dataclass(frozen=True, kw_only=True, eq=False)
class ClusterUncertainty:
    """What is known about coefficients from the pieces of a corrected sandwich.

    dispersion: the factor of the variances of the working model.
    """

    level: float
    estimate: Array
    pieces: Pieces
    dispersion: float

    def functions(self, rows: Array) -> pd.DataFrame:
        """Return estimate, std_error, df, low, high, p and reason of each row of functions (k, p)."""
        return self.inference(rows @ self.estimate, rows)

    def inference(self, value: Array, rows: Array) -> pd.DataFrame:
        """Return the same for values of which the rows are the gradients by the coefficients."""
        turned = np.asarray(np.linalg.solve(self.pieces.triangle.T, rows.T).T, dtype=float)
        model = np.square(turned).sum(axis=1)
        error = np.sqrt(np.maximum(np.square(turned @ self.pieces.score.T).sum(axis=1), 0))
        reason = np.where(error <= NOTHING * np.sqrt(model * self.dispersion), SAME, "")
        reason = np.where(self._decided(turned, model), ALONE, reason)
        reason = np.where(model > 0, reason, "")  # a function that is zero by construction is known
        known = (reason == "") & (model > 0)
        df = np.full(len(rows), np.inf)
        each = max(1, RUN // self.pieces.cross[:, 0].size)
        for start in range(0, int(known.sum()), each):
            some = np.flatnonzero(known)[start : start + each]
            df[some] = self._degrees(turned[some])
        reach = t.ppf((1 + self.level) / 2, df) * error
        with np.errstate(divide="ignore", invalid="ignore"):
            p = np.where(error > 0, 2 * t.sf(np.abs(value / error), df), 1.0)
        out = pd.DataFrame(
            {"estimate": value, "std_error": error, "df": df, "low": value - reach, "high": value + reach, "p": p}
        ).astype("Float64")
        out.loc[reason != "", ["std_error", "df", "low", "high", "p"]] = pd.NA
        return out.assign(reason=reason)

    def joint_test(self, rows: Array) -> JointTest | NotEstimable:
        """Return the approximate Hotelling test that all rows of functions are zero (AHT, in clubSandwich HTZ).

        With eta degrees of freedom of the covariance as if it were Wishart, (eta - q + 1) / (eta q) times Wald's
        statistic has q and eta - q + 1 degrees of freedom (Tipton, Pustejovsky 2015, J Educ Behav Stat 40:604).
        """
        turned = np.asarray(np.linalg.solve(self.pieces.triangle.T, rows.T).T, dtype=float)
        unit = np.linalg.norm(turned, axis=1)
        some = unit > 0
        turned, rows = turned[some] / unit[some, None], rows[some] / unit[some, None]
        axes, size, _ = np.linalg.svd(turned, full_matrices=False)
        independent = size > FLAT * size[0]
        turned, rows = axes.T[independent] @ turned, axes.T[independent] @ rows
        if self._decided(turned, np.square(turned).sum(axis=1)).any():
            return NotEstimable(reason=ALONE)
        count = len(turned)
        found = turned @ self.pieces.score.T
        covariance = found @ found.T
        wide = np.sqrt(np.square(turned).sum(axis=1) * self.dispersion)
        if np.linalg.eigvalsh(covariance / np.outer(wide, wide))[0] <= NOTHING:
            return NotEstimable(reason=f"the clusters are too few for a test of {count} functions at once")
        eta = self._wishart(turned)
        df2 = eta - count + 1
        if df2 <= 0:
            return NotEstimable(reason=f"the clusters are too few for a test of {count} functions at once")
        value, scale = rows @ self.estimate, df2 / eta
        statistic = scale * float(value @ np.linalg.solve(covariance, value)) / count
        return JointTest(
            statistic=statistic, df1=count, df2=df2, p=float(f.sf(statistic, count, df2)), scale=float(scale)
        )

    def _decided(self, turned: Array, model: Array) -> Array:
        share = np.square(turned @ self.pieces.decided.T) if self.pieces.decided.size else np.zeros((len(turned), 1))
        return np.asarray((share > DECIDES * model[:, None]).any(axis=1))

    def _degrees(self, turned: Array) -> Array:
        own = np.einsum("kp,jpq,kq->kj", turned, self.pieces.spread, turned, optimize=True)
        cross = np.einsum("kp,jpr->kjr", turned, self.pieces.cross, optimize=True)
        shared = np.einsum("kjr,rs,kjs->kj", cross, self.pieces.middle, cross, optimize=True)
        between = self.pieces.middle @ (np.swapaxes(cross, 1, 2) @ cross)
        trace = (own + shared).sum(axis=1)
        square = (own**2 + 2 * own * shared).sum(axis=1) + np.einsum("krs,ksr->k", between, between)
        return np.asarray(trace**2 / square)

    def _wishart(self, turned: Array) -> float:
        """Return eta of the covariance of functions; with one function it is Satterthwaite's df."""
        own = turned @ self.pieces.spread @ turned.T
        cross = turned @ self.pieces.cross
        middle = self.pieces.middle
        size, axes = np.linalg.eigh((own + cross @ middle @ np.swapaxes(cross, 1, 2)).sum(axis=0))
        root = axes.T / np.sqrt(size)[:, None]
        own, cross = root @ own @ root.T, root @ cross
        shared = cross @ middle @ np.swapaxes(cross, 1, 2)
        count = len(turned)
        trace = [np.trace(one, axis1=1, axis2=2) for one in (own, shared)]
        total = float((own * (own + 2 * shared)).sum() + (trace[0] * (trace[0] + 2 * trace[1])).sum())
        # Sums over all pairs of clusters, from products of each cluster with itself.
        pairs = np.einsum("jsa,jtb->satb", cross, cross, optimize=True)
        bent = np.einsum("ac,satb,bd->sctd", middle, pairs, middle, optimize=True)
        total += float(np.einsum("sctd,tcsd->", bent, pairs) + np.einsum("sctd,sctd->", bent, pairs))
        return count * (count + 1) / total
