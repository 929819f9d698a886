"""Random effects of patients and centres as the model predicts them, with their standard errors.

With K = Z'V^-1 e and M = Z'PZ the best linear unbiased prediction is D K; it misses the effect with variance
D - D M D, which counts that the fixed effects are estimated (Henderson 1975, Biometrics 31:423). lme4's conditional
variance has V^-1 in the place of P and is smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyses.methods.mixed_models.nested_rows import Effects, Nested
    from analyses.methods.mixed_models.reference_grid import Level
    from analyses.methods.mixed_models.restricted_likelihood import Point
    from analyses.methods.mixed_models.small_sample import Array


def predicted_effects(nested: Nested, point: Point) -> pd.DataFrame:
    """Return group ("centre", "patient"), level (whose), effect, estimate and std_error, in the units of the data."""
    at, rows = point.blocks, nested.rows
    own, frames = at.inner, []
    if nested.sums.r:
        shrunk = np.repeat(at.shrunk, np.diff(np.r_[nested.sums.first, len(own)]), axis=0)
        own = own - at.link @ shrunk @ np.swapaxes(at.link, 1, 2)
        spread = at.spread - at.spread @ at.shrunk @ at.spread
        frames.append(_block("centre", rows.sites, nested.centre, point.root_f, (at.fixed, spread, point)))
    people = [rows.people[i] for i in rows.person[np.r_[True, np.diff(rows.person) != 0]]]
    frames.append(_block("patient", people, nested.patient, point.root_d, (at.held, own, point)))
    return pd.concat(frames, ignore_index=True)


def effects_at_rows(nested: Nested, point: Point) -> Array:
    """Return what the predicted effects add to the fixed part, at every sorted row."""
    rows, p = nested.rows, nested.sums.p
    patient = point.blocks.held[:, :, p] @ point.root_d @ point.root_d.T
    block = np.cumsum(np.r_[0, np.diff(rows.person) != 0])
    added = np.einsum("nq,nq->n", rows.z, patient[block])
    if nested.sums.r:
        centre = point.blocks.fixed[:, :, p] @ point.root_f @ point.root_f.T
        added += np.einsum("nr,nr->n", rows.u, centre[rows.site])
    return np.asarray(added / rows.root_weight)


def _block(
    group: str, labels: Sequence[Level], effects: Effects, root: Array, products: tuple[Array, Array, Point]
) -> pd.DataFrame:
    held, own, point = products
    p = held.shape[2] - 1
    covariance = root @ root.T
    within = own - held[:, :, :p] @ point.inverse @ np.swapaxes(held[:, :, :p], 1, 2)
    left = point.sigma2 * (covariance - covariance @ within @ covariance)
    value = held[:, :, p] @ covariance @ effects.back.T
    error = np.sqrt(np.maximum(np.einsum("ea,iab,eb->ie", effects.back, left, effects.back), 0))
    names = ["intercept", effects.variable][: len(root)]
    return pd.DataFrame(
        {
            "group": group,
            "level": np.repeat(np.asarray(labels, dtype=object), len(names)),
            "effect": names * len(labels),
            "estimate": value.ravel(),
            "std_error": error.ravel(),
        }
    )
