"""What each row adds to the score, and each cluster to the information, of a Cox model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.hazards.event_steps import EventSteps, event_steps, relative_risk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign, Ties

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

FEW = 100
"""Up to this many clusters sums are taken cluster by cluster."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AtCoefficients:
    """What rows and events say at given coefficients.

    predictor: of each row, less the greatest of its stratum; relative: weight x exp(predictor). Of each step, total:
    sum of relative over its risk set; hazard: its jump, weight / total; mean: of the covariates, steps x terms.
    """

    design: CoxDesign
    steps: EventSteps
    predictor: Floats
    relative: Floats
    total: Floats
    hazard: Floats
    mean: Floats


def at_coefficients(design: CoxDesign, steps: EventSteps, coefficients: Floats) -> AtCoefficients:
    """Return a design at coefficients of its standardised matrix."""
    relative, greatest = relative_risk(design, coefficients)
    predictor = design.matrix @ coefficients
    total = steps.at_risk(relative)
    return AtCoefficients(
        design=design,
        steps=steps,
        predictor=predictor - (greatest[0] if design.stratum is None else greatest[design.stratum]),
        relative=relative,
        total=total,
        hazard=steps.weight / total,
        mean=steps.sums(relative[:, None] * design.matrix) / total[:, None],
    )


def at_maximum(design: CoxDesign, coefficients: Floats, ties: Ties) -> AtCoefficients:
    """Return the same with the steps of the design."""
    return at_coefficients(design, event_steps(design, ties), coefficients)


def score_contributions(at: AtCoefficients) -> Floats:
    """Return the weighted score of each row, rows x terms, summing to 0 at the maximum.

    w (z - zbar(t)) at the event minus w e^eta times the sum of (z - zbar) h over the events at which the row was at
    risk (Therneau and Grambsch 2000, 4.6; with Efron's ties the mean over the d shares). Checked against coxdev's score
    residuals and, summed by cluster, coxph's robust variance.
    """
    design, steps = at.design, at.steps
    lived = design.matrix * steps.collected(at.hazard)[:, None] - steps.collected(at.hazard[:, None] * at.mean)
    scores = -at.relative[:, None] * lived
    average = steps.by_group(at.mean) / steps.by_group(np.ones(at.total.size))[:, None]
    died = steps.row
    scores[died] += design.weight[died, None] * (design.matrix[died] - average[steps.own])
    return np.asarray(scores)


def information_contributions(at: AtCoefficients, cluster: Places, clusters: int) -> Floats:
    """Return the sum over each cluster's rows of w e^eta times the sum of (z - zbar)(z - zbar)' h, packed.

    Clusters x columns, which are the upper triangle of each matrix by rows. Their sum over clusters is the information
    (with Efron's ties exactly, because those who die stay in the risk set with a share of 1 - r / d).
    """
    matrix, steps = at.design.matrix, at.steps
    hazard = steps.collected(at.hazard)
    first = steps.collected(at.hazard[:, None] * at.mean)
    upper = np.triu_indices(matrix.shape[1])
    if clusters <= FEW:
        return _of_few(at, [np.flatnonzero(cluster == place) for place in range(clusters)], hazard, first)
    columns = []
    for j, k in zip(*upper, strict=True):
        square = steps.collected(at.hazard * at.mean[:, j] * at.mean[:, k])
        square += matrix[:, j] * (matrix[:, k] * hazard - first[:, k]) - matrix[:, k] * first[:, j]
        columns.append(np.bincount(cluster, weights=at.relative * square, minlength=clusters))
    return np.column_stack(columns)


def _of_few(at: AtCoefficients, rows: Sequence[Places], hazard: Floats, first: Floats) -> Floats:
    """Return the same as matrix products: of each cluster's rows, and of its share of those at risk at each event."""
    steps, upper = at.steps, np.triu_indices(at.mean.shape[1])
    out = np.empty((len(rows), upper[0].size))
    squares = at.mean[:, upper[0]] * at.mean[:, upper[1]]
    for place, own in enumerate(rows):
        matrix, relative = at.design.matrix[own], at.relative[own, None]
        # a cluster within one stratum sees the events of that stratum only
        groups = range(int(steps.before[own].min()), int(steps.after[own].max()))
        seen = slice(*np.searchsorted(steps.group, (groups.start, groups.stop)))
        whole, tied = cluster_sums(steps, relative, own, groups)
        group = steps.group[seen] - groups.start
        mass = (whole[0, group] - steps.share[seen] * tied[0, group]) * at.hazard[seen]
        cross = matrix.T @ (relative * first[own])
        moment = matrix.T @ (relative * hazard[own, None] * matrix) - cross - cross.T
        out[place] = moment[upper] + mass @ squares[seen]
    return out


def cluster_sums(steps: EventSteps, values: Floats, rows: Places, groups: range) -> tuple[Floats, Floats]:
    """Return sums over those of some rows that are at risk for each group of tied events, and over those tied.

    values: those rows x columns. groups: consecutive ones, outside which none of the rows is at risk. Both are columns
    x groups.
    """
    died = steps.own_group[rows]
    inside = died >= 0

    def added(place: Places, amounts: Floats) -> Floats:
        counts = [np.bincount(place - groups.start, weights=column, minlength=len(groups) + 1) for column in amounts.T]
        return np.stack(counts)

    change = added(steps.after[rows], values) - added(steps.before[rows], values)
    return np.cumsum(change[:, :0:-1], axis=1)[:, ::-1], added(died[inside], values[inside])[:, : len(groups)]
