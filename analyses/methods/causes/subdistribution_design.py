"""From a formula and a frame to the arrays of a subdistribution hazard model, with its censoring weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from formulaic import Formula

from analyses.methods.causes.censoring_weights import Observability, TiedCensoring, observability
from analyses.methods.causes.competing_risks import whole_causes
from analyses.methods.causes.subdistribution import Kept, Likelihood, RiskSets, steps
from analyses.methods.hazards.cox_design import CoxDesign, cox_design
from analyses.methods.risk_sets import Observations
from analyses.result import NotEstimable

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import Ties

_CENSORED, _EVENT, _COMPETING = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Names of the columns that are no terms."""

    month: str
    cause: str
    entry: str | None
    strata: str | None
    censoring_strata: str | None
    weight: str | None
    cluster: str | None

    @property
    def names(self) -> list[str]:
        """Return the names that are given."""
        found = (
            self.month, self.cause, self.entry, self.strata, self.censoring_strata, self.weight, self.cluster,
        )  # fmt: skip
        return [name for name in found if name is not None]


@dataclass(frozen=True, kw_only=True, eq=False)
class SubdistributionDesign:
    """Arrays of the model in canonical order. cox: the design without competing causes, of the same rows.

    rows of group: the persons of each censoring group, in the order of its Observability.
    """

    cox: CoxDesign
    risk: RiskSets
    cluster: NDArray[np.int64] | None
    groups: tuple[tuple[NDArray[np.int64], Observability], ...]
    competing: int
    dropped: int

    def likelihood(self, ties: Ties) -> Likelihood:
        """Return the partial likelihood of the linear predictor."""
        return Likelihood(
            matrix=self.cox.matrix,
            risk=self.risk,
            steps=steps(self.risk, self.cox.weight, ties),
            weight=self.cox.weight,
        )


def subdistribution_design(
    formula: str, data: pd.DataFrame, roles: Roles, *, of: int, tied: TiedCensoring
) -> SubdistributionDesign | NotEstimable:
    """Return the arrays; NotEstimable as cox_design, without an event of the cause, or without weights."""
    needed = sorted({*roles.names, *(str(name) for name in Formula(formula).required_variables)})
    absent = [name for name in needed if name not in data.columns]
    if absent:
        text = f"the frame has no column {', '.join(absent)}"
        raise ValueError(text)
    complete = data.loc[data[needed].notna().all(axis=1), needed]
    if roles.weight is not None:
        complete = complete.loc[complete[roles.weight] != 0]
    if complete.empty:
        return NotEstimable(reason="no row has a weight above 0 and a value in every column of the model")
    complete = complete.sort_values(needed, kind="stable", ignore_index=True)  # rows that are alike stay exchangeable
    cause = whole_causes(complete[roles.cause])
    if not np.any(cause == of):
        return NotEstimable(reason=f"nobody had an event of cause {of}")
    happened, row = _unused(complete, "event"), _unused(complete, "row")
    # the row's own number stands in for its cluster, to find the rest of the row again in the order of the design
    cox = cox_design(
        formula,
        complete.assign(**{happened: (cause == of).astype(np.int64), row: np.arange(len(complete))}),
        month=roles.month, event=happened, entry=roles.entry, strata=roles.strata, weight=roles.weight, cluster=row,
    )  # fmt: skip
    if isinstance(cox, NotEstimable):
        return cox
    if cox.cluster is None:
        raise AssertionError("the design kept no row numbers")
    order = cox.cluster
    kind = np.where(cause == of, _EVENT, np.where(cause > 0, _COMPETING, _CENSORED))[order]
    stratum = np.zeros(order.size, dtype=np.int64) if cox.stratum is None else cox.stratum
    group = _codes(complete, roles.censoring_strata)[order] if roles.censoring_strata else stratum
    cluster = _codes(complete, roles.cluster)[order] if roles.cluster else None
    entry = np.full(order.size, -np.inf) if cox.entry is None else np.where(cox.entry <= 0, -np.inf, cox.entry)
    groups = []
    for code in range(int(group.max()) + 1):
        rows = np.flatnonzero(group == code)
        rows = rows[np.argsort(cox.month[rows], kind="stable")]
        people = Observations(
            entry=entry[rows], month=cox.month[rows], event=kind[rows] != _CENSORED, weight=cox.weight[rows],
            weighting=cox.weighting,
        )  # fmt: skip
        groups.append((rows, observability(people, tied)))
    risk = _risk_sets(cox.month, entry, stratum, group, kind, [limits for _, limits in groups])
    if isinstance(risk, NotEstimable):
        return risk
    return SubdistributionDesign(
        cox=cox,
        risk=risk,
        cluster=cluster,
        groups=tuple(groups),
        competing=int(np.sum(kind == _COMPETING)),
        dropped=len(data) - len(complete),
    )


def _risk_sets(  # noqa: PLR0917  (the columns of one table)
    month: NDArray[np.float64],
    entry: NDArray[np.float64],
    stratum: NDArray[np.int64],
    group: NDArray[np.int64],
    kind: NDArray[np.int64],
    limits: list[Observability],
) -> RiskSets | NotEstimable:
    strata = int(stratum.max()) + 1
    size = month.size
    enters, leaves, own = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64), np.full(size, -1)
    times, start, kept = [], [0], []
    for place in range(strata):
        rows = np.flatnonzero(stratum == place)
        found = np.unique(month[rows][kind[rows] == _EVENT])
        enters[rows] = start[-1] + np.searchsorted(found, entry[rows], side="right")
        leaves[rows] = start[-1] + np.searchsorted(found, month[rows], side="right")
        happened = rows[kind[rows] == _EVENT]
        own[happened] = leaves[happened] - 1
        still = rows[(kind[rows] == _COMPETING) & (leaves[rows] < start[-1] + found.size)]
        for code in np.unique(group[still]):
            members = still[group[still] == code]
            at_end = limits[code].before(month[members])
            if np.any(at_end == 0):
                return NotEstimable(
                    reason="those at risk were all censored, or all entered, at one time while others were followed "
                    "before and after it: the weights of those whom another cause ended cannot be had"
                )
            kept.append(
                Kept(
                    stratum=place,
                    group=int(code),
                    rows=members,
                    at_end=at_end,
                    at_times=limits[code].before(found),
                )
            )
        times.append(found)
        start.append(start[-1] + found.size)
    return RiskSets(
        month=np.concatenate(times), start=np.asarray(start), stratum=stratum, enters=enters, leaves=leaves, own=own,
        kept=tuple(kept),
    )  # fmt: skip


def _codes(data: pd.DataFrame, name: str) -> NDArray[np.int64]:
    return np.unique(data[name].to_numpy(), return_inverse=True)[1].astype(np.int64)


def _unused(data: pd.DataFrame, name: str) -> str:
    """Return a name that no column has."""
    while name in data.columns:
        name += "_"
    return name
