"""What the maximum of the likelihood says about the coefficients: Kenward and Roger, Satterthwaite, or normal.

With G_r and G_rs the derivatives of V by its parameters, W their covariance (twice the inverse of the second
derivatives of -2 log L), P_r = X'V^-1 G_r V^-1 X, Q_rs = X'V^-1 G_r V^-1 G_s V^-1 X and R_rs = X'V^-1 G_rs V^-1 X, the
covariance of the coefficients of Kenward and Roger (1997, Biometrics 53:983) is

    C + 2 C { sum over r, s of W_rs (Q_rs - P_r C P_s - R_rs / 4) } C

The R_rs depend on what the parameters are: those of visit_covariance are mmrm's. "kenward-roger-linear" leaves them
out, which is Kenward and Roger with a covariance linear in its parameters, whatever they are called. No Q_rs is made:
per pattern, the W_rs are first carried to the entries of Sigma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from analyses.methods.mixed_models.small_sample import Uncertainty
from analyses.methods.repeated_measures import visit_covariance
from analyses.methods.repeated_measures.estimable import no_covariance
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from analyses.methods.mixed_models.small_sample import Array
    from analyses.methods.repeated_measures.visit_covariance import Covariance
    from analyses.methods.repeated_measures.visit_rows import VisitRows
    from analyses.methods.repeated_measures.visit_search import Optimum

VisitInference = Literal["kenward-roger", "kenward-roger-linear", "satterthwaite", "normal"]

TOO_FEW = (
    "Kenward and Roger's correction leaves no positive variance, as the patients are few for so many parameters of the "
    "covariance; choose a simpler covariance or inference kenward-roger-linear"
)


def uncertainty(
    data: VisitRows, best: Optimum, kind: Covariance, *, inference: VisitInference, level: float
) -> Uncertainty | NotEstimable:
    """Return what is known about the coefficients of the kept terms, or why it is not.

    W exists at every maximum inside; the correction of Kenward and Roger can leave less than nothing of a variance.
    """
    back = np.linalg.inv(data.triangle)
    root = data.scale * back @ best.point.root
    model: Array = np.asarray(root @ root.T)
    covariance = model
    slopes: Array = np.zeros((0, data.p, data.p))
    parameters: Array = np.zeros((0, 0))
    if inference != "normal":
        if np.linalg.eigvalsh(best.hessian)[0] <= 0:
            return NotEstimable(reason=no_covariance(data, best, kind))
        parameters = 2 * np.asarray(np.linalg.inv(best.hessian), dtype=np.float64)
        parameters = (parameters + parameters.T) / 2
        outward = np.linalg.inv(root)
        slopes = outward.T @ best.derivatives.information @ outward
    if inference in {"kenward-roger", "kenward-roger-linear"}:
        middle = _between(data, best, parameters)
        if inference == "kenward-roger":
            middle -= _second_derivatives(data, best, kind, parameters) / 4
        if np.linalg.eigvalsh(middle + middle.T)[0] <= -1:
            return NotEstimable(reason=TOO_FEW)
        covariance = model + 2 * root @ middle @ root.T
    return Uncertainty(
        inference="kenward-roger" if inference == "kenward-roger-linear" else inference,
        level=level,
        estimate=back @ (data.least_squares + data.scale * best.point.beta),
        covariance=(covariance + covariance.T) / 2,
        model=model,
        slopes=(slopes + slopes.transpose(0, 2, 1)) / 2,
        parameters=parameters,
    )


def _between(data: VisitRows, best: Optimum, parameters: Array) -> Array:
    """Return root' (sum of W_rs (Q_rs - P_r C P_s)) root; it does not depend on what the parameters are."""
    groups, each, visits = best.slopes.shape[:3]
    fixed = best.point.weighted[:, :, : data.p] @ best.point.root
    middle = np.zeros_like(best.point.inverse)
    for g in range(groups):
        mine, place = data.owner == g, slice(g * each, (g + 1) * each)
        along = best.slopes[g].reshape(each, -1)
        entries = (along.T @ parameters[place, place] @ along).reshape((visits,) * 4)
        # sum of W_rs G_r A G_s has entries a, d: sum over b, c of entries_abcd A_bc
        flat = best.point.inverse[mine].reshape(-1, visits**2)
        middle[mine] = (flat @ entries.transpose(1, 2, 0, 3).reshape(visits**2, -1)).reshape(-1, visits, visits)
    square = np.tensordot(fixed, middle[data.pattern] @ fixed, axes=([0, 1], [0, 1]))
    information = best.derivatives.information
    weighted = np.tensordot(parameters, information, axes=1)
    return np.asarray(square - (weighted @ information).sum(axis=0))


def _second_derivatives(data: VisitRows, best: Optimum, kind: Covariance, parameters: Array) -> Array:
    """Return root' (sum of W_rs R_rs) root."""
    groups, each = best.slopes.shape[:2]
    out = np.zeros((data.p, data.p))
    for g in range(groups):
        place = slice(g * each, (g + 1) * each)
        bent = visit_covariance.bend(kind, best.theta[g], len(data.visits), parameters[place, place])
        out += np.einsum("ab,apbq->pq", bent, best.derivatives.products[g])
    return out
