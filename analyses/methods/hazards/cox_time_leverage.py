"""What estimating the baseline hazard does to the residual scores of clusters in a Cox model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.hazards.cox_contributions import cluster_sums

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_contributions import AtCoefficients

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

_NUMBERS = 4_000_000  # in memory at once


def time_leverage(at: AtCoefficients, cluster: Places, clusters: int) -> Floats:
    """Return the sum over events of z_i z_i' of each cluster, clusters x terms x terms.

    z_i: sum over the cluster's rows at risk of their share of the hazard times (z - zbar).
    """
    size = at.design.matrix.shape[1]
    total = np.zeros((clusters, size, size))
    for z in _deviations(at, cluster, clusters):
        total += z @ z.transpose(0, 2, 1)
    return total


def time_covariance(at: AtCoefficients, cluster: Places, clusters: int, contrast: Floats) -> Floats:
    """Return the sum over events of (c_i' z_i) (c_j' z_j), contrasts x clusters x clusters.

    contrast: clusters x contrasts x terms.
    """
    total = np.zeros((contrast.shape[1], clusters, clusters))
    for z in _deviations(at, cluster, clusters):
        along = (contrast @ z).transpose(1, 0, 2)
        total += along @ along.transpose(0, 2, 1)
    return total


def _deviations(at: AtCoefficients, cluster: Places, clusters: int) -> Iterator[Floats]:
    """Yield z by run of events, clusters x terms x events, times the root of the weight of the event."""
    steps, size = at.steps, at.design.matrix.shape[1]
    values = at.relative[:, None] * np.column_stack((np.ones(at.relative.size), at.design.matrix))
    rows = [np.flatnonzero(cluster == place) for place in range(clusters)]
    whole, tied = np.stack([cluster_sums(steps, values[own], own, range(steps.month.size)) for own in rows], axis=1)
    scale = np.sqrt(steps.weight) / at.total
    run = max(1, _NUMBERS // (clusters * (size + 1)))
    for first in range(0, at.total.size, run):
        events = slice(first, first + run)
        group = steps.group[events]
        sums = whole[:, :, group] - steps.share[events] * tied[:, :, group]
        yield (sums[:, 1:] - at.mean[events].T * sums[:, :1]) * scale[events]
