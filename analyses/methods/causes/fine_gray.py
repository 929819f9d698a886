"""Fine-Gray: subdistribution hazard ratios of one cause, with inverse probability of censoring weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from analyses.methods.causes.subdistribution_design import Roles, SubdistributionDesign, subdistribution_design
from analyses.methods.hazards.likelihood_search import climb
from analyses.methods.risk_sets import check_level
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.causes.censoring_weights import TiedCensoring
    from analyses.methods.causes.subdistribution import AtPredictor, Likelihood
    from analyses.methods.hazards.cox_design import Ties
    from analyses.methods.hazards.likelihood_search import Maximum

CensoringWeights = Literal["estimated", "known"]
FEW_CLUSTERS = 40
"""Below this many clusters a sandwich variance is too small on average."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FineGrayFit:
    """A fitted model of the subdistribution hazard of one cause.

    terms: a row a term with term, estimate (log subdistribution hazard ratio), std_error, df (infinite: normal), low,
    high, p (two-sided). covariance: of the estimates, by term. log_likelihood_null: with all estimates 0. n, events,
    competing: rows, events of the cause and of others (not weighted). dropped: rows left out because a value was
    missing or the weight was 0.
    """

    terms: pd.DataFrame
    covariance: pd.DataFrame
    log_likelihood: float
    log_likelihood_null: float
    cause: int
    n: int
    events: int
    competing: int
    dropped: int
    level: float
    converged: bool
    iterations: int
    notes: tuple[str, ...]


def fine_gray(
    formula: str,
    data: pd.DataFrame,
    *,
    month: str,
    cause: str,
    of: int = 1,
    entry: str | None = None,
    strata: str | None = None,
    censoring_strata: str | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    ties: Ties = "breslow",
    tied_censoring: TiedCensoring = "after",
    censoring_weights: CensoringWeights = "estimated",
    level: float = 0.95,
) -> FineGrayFit | NotEstimable:
    """Return the maximum of the weighted partial likelihood of the subdistribution hazard (Fine and Gray 1999).

    formula: terms without response; month, cause, entry, strata, censoring_strata, weight, cluster: names of columns;
    of: the cause of interest. A row is one person, at risk for entry < t <= month. Whom another cause ended at T stays
    in the risk set and counts G(t-) H(t-) / (G(T-) H(T-)) at a later t: G is the product limit of censoring, H that of
    entry backward in time (Geskus 2011), each estimated in the (weighted) data within censoring_strata, by default
    within strata. Rows with a missing value are dropped and counted.
    Variance: sandwich of the influences of rows or, with cluster, of their sums over clusters; a whole weight is that
    many alike persons.
    tied_censoring: "after" lets those who have an event leave before those are censored who are censored at the same
    time, as the product limit of events does, so that S G is the share still followed; R's finegray does the same.
    "among" leaves them at risk of censoring then, as cmprsk's crr.
    censoring_weights: "estimated" puts in what each person does to G and H (with "after" the exact derivative with
    respect to the person's weight, with "among" Fine and Gray's psi, as crr prints it); "known" leaves that out, which
    is coxph(weights = fgwt, cluster = id) after finegray. So R's two answers are ("among", "estimated") with Breslow
    ties and ("after", "known") with the ties of coxph. The default is the right order at ties and the whole variance.
    With censoring groups crr leaves events of other groups out of psi; they are in here.
    NotEstimable, with the reason, if nobody had an event of the cause, a term has one value only or none that varies
    among those at risk together, terms are collinear, a ratio is infinite or 0 (separation), the weights cannot be had
    (delayed entry with a risk set that empties), or there are no more clusters than terms. Raises ValueError on
    impossible input.
    Checked against R cmprsk 2.2.11 and survival 3.5.3, and numerically against its own derivatives.
    """
    check_level(level)
    if of < 1:
        raise ValueError("a cause is 1, 2, ...: 0 is censored")
    roles = Roles(
        month=month, cause=cause, entry=entry, strata=strata, censoring_strata=censoring_strata, weight=weight,
        cluster=cluster,
    )  # fmt: skip
    design = subdistribution_design(formula, data, roles, of=of, tied=tied_censoring)
    if isinstance(design, NotEstimable):
        return design
    likelihood = design.likelihood(ties)
    maximum = climb(design.cox, lambda coefficients: likelihood.place(design.cox.matrix @ coefficients))
    if isinstance(maximum, NotEstimable):
        return maximum
    size = design.cox.month.size
    clusters = size if design.cluster is None else int(design.cluster.max()) + 1
    alike = design.cluster is None and design.cox.weighting == "counts"
    if (float(np.sum(design.cox.weight)) if alike else clusters) <= len(design.cox.terms):
        return NotEstimable(reason=f"{clusters} clusters are too few for a model of {len(design.cox.terms)} terms")
    covariance = _sandwich(design, likelihood, maximum, censoring_weights)
    notes = []
    if design.cluster is not None and clusters < FEW_CLUSTERS:
        notes.append(f"The robust variance rests on {clusters} clusters and tends to be too small below 40.")
    if design.dropped:
        notes.append("Rows with a missing value are not in the model.")
    if not maximum.converged:
        notes.append("The maximum was not reached: do not use the estimates.")
    covariance = covariance / np.outer(design.cox.scale, design.cox.scale)
    return FineGrayFit(
        terms=_terms(design.cox.terms, maximum.coefficients / design.cox.scale, covariance, level),
        covariance=pd.DataFrame(covariance, index=list(design.cox.terms), columns=list(design.cox.terms)),
        log_likelihood=maximum.log_likelihood,
        log_likelihood_null=maximum.log_likelihood_null,
        cause=of,
        n=size,
        events=int(design.cox.event.sum()),
        competing=design.competing,
        dropped=design.dropped,
        level=level,
        converged=maximum.converged,
        iterations=maximum.iterations,
        notes=tuple(notes),
    )


def _sandwich(
    design: SubdistributionDesign, likelihood: Likelihood, maximum: Maximum, weights: CensoringWeights
) -> NDArray[np.float64]:
    at = likelihood.at(design.cox.matrix @ maximum.coefficients)
    scores = likelihood.scores(at)
    if weights == "estimated":
        scores += _through_weights(design, likelihood, at)
    half = scores @ np.linalg.inv(maximum.information)
    if design.cluster is not None:
        sums = np.zeros((int(design.cluster.max()) + 1, half.shape[1]))
        np.add.at(sums, design.cluster, half * design.cox.weight[:, None])
        return np.asarray(sums.T @ sums)
    square = design.cox.weight if design.cox.weighting == "counts" else np.square(design.cox.weight)
    return np.asarray(half.T @ (half * square[:, None]))


def _through_weights(design: SubdistributionDesign, likelihood: Likelihood, at: AtPredictor) -> NDArray[np.float64]:
    """Return how each person moves the score through the estimated G and H.

    If log G steps up by one at u, those whom another cause ended by u count e times as much at event times after u:
    the score falls by Q(u) = sum over them and those times of weight x exp(eta) x omega x hazard x (z - mean z). The
    sums over persons and over times separate. With tied censoring "among" it is those before u and times from u on.
    """
    risk, matrix = design.risk, design.cox.matrix
    hazard = at.hazard[:, None]
    by_time = likelihood.by_time(np.hstack([hazard, hazard * at.mean]))
    share = (design.cox.weight * at.relative)[:, None]
    by_person = np.hstack([share, share * matrix])
    moved = np.zeros_like(matrix)
    for code, (rows, limits) in enumerate(design.groups):
        months = (limits.censored.month, limits.entered.month)
        effects = [np.zeros((month.size, matrix.shape[1])) for month in months]
        among = (limits.tied == "among", False)
        for kept in risk.kept:
            if kept.group != code:
                continue
            first, last = risk.start[kept.stratum], risk.start[kept.stratum + 1]
            times, ends = risk.month[first:last], design.cox.month[kept.rows]
            later = _later(kept.at_times[:, None] * by_time[first:last])
            ended = _earlier(by_person[kept.rows] / kept.at_end[:, None], ends)
            for effect, month, strict in zip(effects, months, among, strict=True):
                gone = ended[np.searchsorted(np.sort(ends), month, side="left" if strict else "right")]
                ahead = later[np.searchsorted(times, month, side="left" if strict else "right")]
                effect[:] += gone[:, 1:] * ahead[:, :1] - gone[:, :1] * ahead[:, 1:]
        moved[rows] = limits.influence(effects[0], effects[1])
    return moved


def _later(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each row and all after it, and a row of zeros."""
    return np.concatenate([np.cumsum(values[::-1], axis=0)[::-1], np.zeros((1, values.shape[1]))])


def _earlier(values: NDArray[np.float64], time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a row of zeros, and the sums of the first rows in the order of time."""
    order = np.argsort(time, kind="stable")
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values[order], axis=0)])


def _terms(
    names: tuple[str, ...], estimate: NDArray[np.float64], covariance: NDArray[np.float64], level: float
) -> pd.DataFrame:
    error = np.sqrt(np.diag(covariance))
    reach = norm.isf((1 - level) / 2) * error
    return pd.DataFrame(
        {
            "term": list(names),
            "estimate": estimate,
            "std_error": error,
            "df": np.full(len(names), np.inf),
            "low": estimate - reach,
            "high": estimate + reach,
            "p": 2 * norm.sf(np.abs(estimate) / error),
        }
    )
