"""The partial likelihood of the subdistribution hazard: risk sets that keep those whom another cause ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.hazards.likelihood_search import Place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import Ties


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """Those of one stratum and one censoring group whom a competing cause ended, and what they weigh afterwards.

    stratum: place of the stratum; rows: the persons; at_end: G H at the end of each; at_times: G H at the event times
    of the stratum. From then on a person counts at_times / at_end.
    """

    stratum: int
    group: int
    rows: NDArray[np.int64]
    at_end: NDArray[np.float64]
    at_times: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class RiskSets:
    """Who is in the risk set at which event time; times are ordered by stratum and month.

    start: place of the first time of each stratum and, last, the number of times. enters, leaves: of each person, the
    first and one past the last place at which the person is at risk; own: place of the own event, -1 without one.
    """

    month: NDArray[np.float64]
    start: NDArray[np.int64]
    stratum: NDArray[np.int64]
    enters: NDArray[np.int64]
    leaves: NDArray[np.int64]
    own: NDArray[np.int64]
    kept: tuple[Kept, ...]

    def over_persons(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return at each time the sum over the risk set of a person's values, weighted by what the person counts."""
        size = self.month.size
        # slots: one more than times in each stratum; a person in slot j leaves before the j-th time of the stratum
        left = _sums(values, self.leaves + self.stratum, size + self.start.size)
        late = self.enters > self.start[self.stratum]
        came = _sums(values[late], (self.enters + self.stratum)[late], size + self.start.size)
        total = np.empty((size, values.shape[1]))
        for place, (first, last) in enumerate(zip(self.start[:-1], self.start[1:], strict=True)):
            slots = slice(first + place + 1, last + place + 1)
            total[first:last] = np.cumsum(left[slots][::-1], axis=0)[::-1]
            if late.any():
                total[first:last] -= np.cumsum(came[slots][::-1], axis=0)[::-1]
        for kept in self.kept:
            first, last = self.start[kept.stratum], self.start[kept.stratum + 1]
            counted = self.prefix(kept, values)
            total[first:last] += kept.at_times[:, None] * counted[: last - first]
        return total

    def prefix(self, kept: Kept, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of values / at_end over those whom a competing cause ended before each time of a stratum."""
        first, last = self.start[kept.stratum], self.start[kept.stratum + 1]
        scaled = values[kept.rows] / kept.at_end[:, None]
        return np.cumsum(_sums(scaled, self.leaves[kept.rows] - first, last - first + 1), axis=0)

    def over_times(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for each person the sum of a time's values over the risk sets, weighted by what the person counts."""
        zero = np.zeros((1, values.shape[1]))
        total = np.concatenate([zero, np.cumsum(values, axis=0)])
        found = total[self.leaves] - total[self.enters]
        for kept in self.kept:
            first, last = self.start[kept.stratum], self.start[kept.stratum + 1]
            later = np.concatenate([zero, np.cumsum((kept.at_times[:, None] * values[first:last])[::-1], axis=0)])
            found[kept.rows] += later[last - self.leaves[kept.rows]] / kept.at_end[:, None]
        return np.asarray(found)


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """Events as steps of the likelihood: with Breslow one a time, with Efron one an event.

    time: place of the time; mass: weight; less: share of those who have the event at the time that is taken off.
    """

    time: NDArray[np.int64]
    mass: NDArray[np.float64]
    less: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class AtPredictor:
    """What the risk sets say at one linear predictor.

    relative: exp(eta) of each person. Of each step, total: weighted sum of exp(eta) over the risk set; mean: of the
    covariates in it; hazard: mass / total.
    """

    log_likelihood: float
    relative: NDArray[np.float64]
    total: NDArray[np.float64]
    mean: NDArray[np.float64]
    hazard: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Likelihood:
    """sum over events i of w_i (eta_i - log sum over the risk set of w_j omega_j exp(eta_j)), Breslow or Efron ties."""

    matrix: NDArray[np.float64]
    risk: RiskSets
    steps: Steps
    weight: NDArray[np.float64]

    def at(self, predictor: NDArray[np.float64]) -> AtPredictor:
        """Return the sums over risk sets at a linear predictor."""
        happened = self.risk.own >= 0
        relative = np.exp(predictor)
        share = (self.weight * relative)[:, None]
        values = np.hstack([share, share * self.matrix])
        sums = self.risk.over_persons(values)[self.steps.time]
        if self.steps.less.any():
            tied = _sums(values[happened], self.risk.own[happened], self.risk.month.size)
            sums -= self.steps.less[:, None] * tied[self.steps.time]
        total = sums[:, 0]
        return AtPredictor(
            log_likelihood=float(self.weight[happened] @ predictor[happened] - self.steps.mass @ np.log(total)),
            relative=relative,
            total=total,
            mean=sums[:, 1:] / sums[:, :1],
            hazard=self.steps.mass / total,
        )

    def derivatives(self, at: AtPredictor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the score and the information."""
        happened = self.risk.own >= 0
        score = self.weight[happened] @ self.matrix[happened] - self.steps.mass @ at.mean
        lived = self.weight * at.relative * self.over_steps(at.hazard[:, None])[:, 0]
        information = self.matrix.T @ (self.matrix * lived[:, None]) - at.mean.T @ (at.mean * self.steps.mass[:, None])
        return score, (information + information.T) / 2

    def place(self, predictor: NDArray[np.float64]) -> Place:
        """Return the likelihood and its derivatives at a linear predictor."""
        here = self.at(predictor)
        score, information = self.derivatives(here)
        return Place(log_likelihood=here.log_likelihood, score=score, information=information)

    def by_time(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of the values of steps by time."""
        return _sums(values, self.steps.time, self.risk.month.size)

    def over_steps(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for each person the sum of the values of steps over the risk sets in which the person counts."""
        found = self.risk.over_times(self.by_time(values))
        if self.steps.less.any():
            happened = self.risk.own >= 0
            found[happened] -= self.by_time(values * self.steps.less[:, None])[self.risk.own[happened]]
        return found

    def scores(self, at: AtPredictor) -> NDArray[np.float64]:
        """Return the score residual of each person, for a weight of one."""
        happened = self.risk.own >= 0
        number = np.bincount(self.steps.time, minlength=self.risk.month.size)[:, None]
        mean = self.by_time(at.mean) / number
        hazard = at.hazard[:, None]
        lived = self.over_steps(np.hstack([hazard, hazard * at.mean]))
        residual = -at.relative[:, None] * (self.matrix * lived[:, :1] - lived[:, 1:])
        residual[happened] += self.matrix[happened] - mean[self.risk.own[happened]]
        return np.asarray(residual)


def steps(risk: RiskSets, weight: NDArray[np.float64], ties: Ties) -> Steps:
    """Return the steps of the likelihood."""
    happened = risk.own >= 0
    number = np.bincount(risk.own[happened], minlength=risk.month.size)
    mass = np.bincount(risk.own[happened], weight[happened], minlength=risk.month.size).astype(np.float64)
    if ties == "breslow":
        return Steps(time=np.arange(risk.month.size), mass=mass, less=np.zeros(risk.month.size))
    time = np.repeat(np.arange(risk.month.size), number)
    order = np.arange(time.size) - np.repeat(np.cumsum(number) - number, number)
    return Steps(time=time, mass=(mass / number)[time], less=order / number[time])


def _sums(values: NDArray[np.float64], place: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """Return the sums of rows by place."""
    found = np.zeros((size, values.shape[1]))
    for column in range(values.shape[1]):
        found[:, column] = np.bincount(place, values[:, column], minlength=size)
    return found
