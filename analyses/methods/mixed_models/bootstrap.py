"""Parametric bootstrap of a linear mixed model: new responses drawn from the fit, and the model fitted to each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyses.methods.mixed_models.variance_search import search
from analyses.methods.mixed_models.variance_table import variance_table

if TYPE_CHECKING:
    from analyses.methods.mixed_models.mixed_fit import MixedFit
    from analyses.methods.mixed_models.nested_rows import Nested
    from analyses.methods.mixed_models.restricted_likelihood import Point, Sums
    from analyses.methods.mixed_models.small_sample import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class MixedBootstrap:
    """What the refits that converged found, a row each.

    estimates: columns are the terms; variances: columns are "group effect" as in the fit, in its units. failed: refits
    without a maximum.
    """

    estimates: pd.DataFrame
    variances: pd.DataFrame
    failed: int

    def interval(self, level: float = 0.95) -> pd.DataFrame:
        """Return term, std_error, low and high: standard deviation and percentiles of the refits."""
        tail = (1 - level) / 2
        return pd.DataFrame(
            {
                "term": self.estimates.columns,
                "std_error": self.estimates.std(ddof=1).to_numpy(),
                "low": self.estimates.quantile(tail).to_numpy(),
                "high": self.estimates.quantile(1 - tail).to_numpy(),
            }
        )


def parametric_bootstrap(fit: MixedFit, *, refits: int, seed: int) -> MixedBootstrap:
    """Return refits of the model to responses drawn from it, by the method of the fit.

    refits: how many, at least two. The same seed gives the same numbers. The search of each starts at the fit's
    variances. ValueError if refits is below two or the fit did not converge.
    """
    if refits < 2:  # noqa: PLR2004  (a standard deviation needs two)
        text = f"refits is {refits}; a spread needs at least two"
        raise ValueError(text)
    if not fit.converged:
        text = "the model did not converge; there is nothing to draw from"
        raise ValueError(text)
    nested, point = fit._nested, fit._point  # noqa: SLF001  (a fit's own engine, in the same room)
    rng = np.random.default_rng(seed)
    back = np.linalg.inv(nested.triangle)
    rows = []
    for _ in range(refits):
        best = search(_with_response(nested, _draw(nested, point, rng)), fit.method, near=point)
        if best is not None and best.converged:
            values = variance_table(nested, best.point)["value"].to_numpy()
            rows.append(np.r_[back @ (best.point.beta + nested.least_squares + point.beta), values])
    p = nested.sums.p
    found = np.array(rows).reshape(-1, p + len(fit.variance))
    names = (fit.variance["group"] + " " + fit.variance["effect"]).str.strip()
    return MixedBootstrap(
        estimates=pd.DataFrame(found[:, :p], columns=list(fit.terms["term"])),
        variances=pd.DataFrame(found[:, p:], columns=list(names)),
        failed=refits - len(rows),
    )


def _draw(nested: Nested, point: Point, rng: np.random.Generator) -> Array:
    """Return random effects and errors of every sorted row; the fixed part is what is refitted around."""
    rows, sigma = nested.rows, np.sqrt(point.sigma2)
    patient = rng.normal(size=(len(rows.people), nested.sums.q)) @ point.root_d.T
    out = np.einsum("nq,nq->n", rows.z, patient[rows.person]) + rng.normal(size=len(rows.y))
    if nested.sums.r:
        centre = rng.normal(size=(len(rows.sites), nested.sums.r)) @ point.root_f.T
        out += np.einsum("nr,nr->n", rows.u, centre[rows.site])
    return np.asarray(sigma * out)


def _with_response(nested: Nested, y: Array) -> Sums:
    """Return the sums with another response in the place of the one they have."""
    rows, old, p = nested.rows, nested.sums, nested.sums.p
    patient = np.flatnonzero(np.r_[True, np.diff(rows.person) != 0])
    zm, own, mm = old.zm.copy(), old.own.copy(), old.mm.copy()
    zm[:, :, p] = np.add.reduceat(rows.z * y[:, None], patient, axis=0)
    if old.r:
        centre = np.flatnonzero(np.r_[True, np.diff(rows.site) != 0])
        own[:, :, p] = np.add.reduceat(rows.u * y[:, None], centre, axis=0)
    moved = np.concatenate([rows.basis.T @ y, [y @ y], rows.u.T @ y])
    mm[p, :] = mm[:, p] = moved
    return replace(old, zm=zm, own=own, mm=mm)
