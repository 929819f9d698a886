"""Firth's penalised partial likelihood of a Cox model, its score and information at given coefficients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.hazards.event_steps import EventSteps, event_steps, relative_risk

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign, Ties

    Floats = NDArray[np.float64]

_LOST = 1e-14  # of the weight of all rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """log_likelihood is minus infinity where the information is not positive definite; score is the modified one."""

    coefficients: Floats
    log_likelihood: float
    score: Floats
    information: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class _Moments:
    """Means at risk at each step, and sums over steps of weight x second and third central moments at risk."""

    log_total: Floats
    mean: Floats
    information: Floats
    third: Callable[[Floats], Floats]


@dataclass(frozen=True, kw_only=True, eq=False)
class PenalisedLikelihood:
    """log L + 1/2 log |I| (Firth 1993; Heinze and Schemper 2001), L and I with the ties that were asked for.

    The score of term r gets 1/2 trace(I^-1 dI/db_r) added: the sum over events of the third central moments of the
    covariates in the risk set, weighted by I^-1.
    at_risk: steps x rows, who is at risk (less what Efron takes out), where that table is small; otherwise None.
    """

    design: CoxDesign
    steps: EventSteps
    at_risk: Floats | None

    def at(self, coefficients: Floats) -> Point:
        """Return the place of coefficients on the standardised scale."""
        design, steps = self.design, self.steps
        risk, greatest = relative_risk(design, coefficients)
        found = self._by_sums(risk) if self.at_risk is None else self._by_table(self.at_risk, risk)
        information = (found.information + found.information.T) / 2
        size = np.diag(information)
        sign, log_size = -1.0, -math.inf
        # what is left of a difference of sums when all of its digits are gone is no information
        if np.all(size > _LOST * design.weight.sum()):
            sign, log_size = np.linalg.slogdet(information)
        if not (sign > 0 and math.isfinite(log_size)):
            return Point(
                coefficients=coefficients, log_likelihood=-math.inf, score=np.zeros(size.size), information=information
            )
        died = steps.row
        weight, x = design.weight[died], design.matrix[died]
        log_sums = found.log_total + greatest[steps.stratum[steps.group]]
        likelihood = float(weight @ (x @ coefficients) - steps.weight @ log_sums)
        score = np.asarray(weight @ x - steps.weight @ found.mean)
        inverse: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
        return Point(
            coefficients=coefficients,
            log_likelihood=likelihood + float(log_size) / 2,
            score=score + found.third(inverse) / 2,
            information=information,
        )

    def _by_table(self, at_risk: Floats, risk: Floats) -> _Moments:
        """Return the moments from deviations: exact also where one person's risk is a million times the others'."""
        share = at_risk * risk
        total = share.sum(axis=1)
        share /= total[:, None]
        mean = share @ self.design.matrix
        gap = (self.design.matrix - mean[:, None, :]).reshape(-1, mean.shape[1])
        share = (share * self.steps.weight[:, None]).ravel()
        return _Moments(
            log_total=np.log(total),
            mean=mean,
            information=gap.T @ (gap * share[:, None]),
            third=lambda inverse: (np.sum((gap @ inverse) * gap, axis=1) * share) @ gap,
        )

    def _by_sums(self, risk: Floats) -> _Moments:
        """Return the moments from sums over rows, in the order of rows + steps.

        Third ones: with q = x' W x, E[(x - m)' W (x - m) (x - m)] = E[q x] - E[q] m - 2 (E[x x'] W m - m m' W m); a sum
        of E[x ...] over steps is a sum over rows of what each collects from the steps that it sees.
        """
        steps, x, weight = self.steps, self.design.matrix, self.steps.weight
        total = steps.at_risk(risk)
        mean = steps.sums(risk[:, None] * x) / total[:, None]
        lived = risk * steps.collected(weight / total)

        def third(inverse: Floats) -> Floats:
            form = np.sum((x @ inverse) * x, axis=1)
            turned = mean @ inverse
            seen = steps.collected(turned * (weight / total)[:, None])
            of_mean = weight * np.sum(turned * mean, axis=1)
            of_rows = weight * steps.at_risk(risk * form) / total
            twice = (risk * np.sum(seen * x, axis=1)) @ x - of_mean @ mean
            return np.asarray((lived * form) @ x - of_rows @ mean - 2 * twice)

        return _Moments(
            log_total=np.log(total),
            mean=mean,
            information=x.T @ (x * lived[:, None]) - mean.T @ (mean * weight[:, None]),
            third=third,
        )


def penalised_likelihood(design: CoxDesign, ties: Ties, *, table: int = 200_000) -> PenalisedLikelihood:
    """Return the likelihood of a design. table: greatest size of steps x rows x terms to be worked through in full."""
    steps = event_steps(design, ties)
    at_risk = None
    if steps.group.size * design.matrix.size <= table:
        group = steps.group[:, None]
        at_risk = ((steps.before <= group) & (group < steps.after)).astype(np.float64)
        tied = np.zeros((steps.month.size, design.month.size))
        tied[steps.own, steps.row] = 1.0
        at_risk -= steps.share[:, None] * tied[steps.group]
    return PenalisedLikelihood(design=design, steps=steps, at_risk=at_risk)
