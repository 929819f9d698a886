"""Sums over those at risk at each event of a Cox model, and what each row collects over the events that it sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.hazards.cox_design import CoxDesign, Ties

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class EventSteps:
    """The factors of a partial likelihood, in the order of stratum and month.

    With Breslow's ties a step is a distinct month with events in a stratum; with Efron's ties one of d tied events,
    the k-th of which takes k / d of the tied persons out of the risk set.
    month, stratum: of each group of tied events. group: the group of each step. weight: of the events of a step.
    share: the part of the tied persons that is taken out. row: rows with the event, by group; own: the group of each;
    own_group: the same for every row, -1 without the event.
    before, after: for each row, how many groups had passed in its stratum and those before it in order when it came
    under observation and when it ended: a row is at risk for the groups between.
    """

    month: Floats
    stratum: Places
    group: Places
    weight: Floats
    share: Floats
    row: Places
    own: Places
    own_group: Places
    before: Places
    after: Places
    _shared: Places = field(repr=False)
    _ends: csr_array = field(repr=False)
    _tied: csr_array = field(repr=False)
    _steps: csr_array = field(repr=False)

    def at_risk(self, amounts: Floats) -> Floats:
        """Return for each step the sum of positive amounts, one a row, over those at risk."""
        tied = self._tied @ amounts
        # late entries are subtracted: rounding must not leave less than the tied persons themselves
        here = np.maximum(self._from_last(amounts), tied)
        out = here[self.group]
        out[self._shared] -= self.share[self._shared] * tied[self.group[self._shared]]
        return np.asarray(out)

    def sums(self, values: Floats) -> Floats:
        """Return for each step the sums of the columns over those at risk."""
        out = self._from_last(values)[self.group]
        if self._shared.size:
            tied = self._tied @ values
            out[self._shared] -= self.share[self._shared, None] * tied[self.group[self._shared]]
        return np.asarray(out)

    def _from_last(self, values: Floats) -> Floats:
        return np.asarray(np.cumsum((self._ends @ values)[:0:-1], axis=0)[::-1])

    def by_group(self, amounts: Floats) -> Floats:
        """Return the sums of amounts of steps over the steps of each group."""
        return np.asarray(self._steps @ amounts)

    def collected(self, amounts: Floats) -> Floats:
        """Return for each row the sums of amounts over the steps for which it is at risk, less what is taken out."""
        total = np.cumsum(np.concatenate((np.zeros((1, *amounts.shape[1:])), self.by_group(amounts))), axis=0)
        found = total[self.after] - total[self.before]
        if self._shared.size:
            share = self.share if amounts.ndim == 1 else self.share[:, None]
            found[self.row] -= self.by_group(share * amounts)[self.own]
        return np.asarray(found)


def event_steps(design: CoxDesign, ties: Ties) -> EventSteps:
    """Return the steps of a design. A row is at risk for entry < t <= month, in its own stratum."""
    stratum = np.zeros(design.month.size, dtype=np.int64) if design.stratum is None else design.stratum
    times = np.unique(design.month[design.event])
    wide = times.size + 1
    died = np.flatnonzero(design.event)
    key = stratum[died] * wide + np.searchsorted(times, design.month[died])
    keys, own, count = np.unique(key, return_inverse=True, return_counts=True)
    by_group = np.argsort(own, kind="stable")
    row, own = died[by_group], own[by_group].astype(np.int64)
    own_group = np.full(design.month.size, -1)
    own_group[row] = own
    ended = np.searchsorted(times, design.month, side="right")
    after = np.searchsorted(keys, stratum * wide + ended).astype(np.int64)
    entered = 0 if design.entry is None else np.searchsorted(times, design.entry, side="right")
    weight: Floats = np.bincount(own, design.weight[row], minlength=keys.size).astype(np.float64)
    group = np.arange(keys.size)
    share = np.zeros(keys.size)
    if ties == "efron":
        group = np.repeat(group, count)
        first = np.cumsum(count) - count
        share = (np.arange(group.size) - first[group]) / count[group]
        weight = (weight / count)[group]
    before = np.searchsorted(keys, stratum * wide + entered).astype(np.int64)
    rows, groups = np.arange(design.month.size), keys.size
    return EventSteps(
        month=times[keys % wide],
        stratum=keys // wide,
        group=group,
        weight=weight,
        share=share,
        row=row,
        own=own,
        own_group=own_group,
        before=before,
        after=after,
        _shared=np.flatnonzero(share),
        _ends=_incidence(np.append(after, before), np.append(rows, rows), (groups + 1, rows.size), split=rows.size),
        _tied=_incidence(own, row, (groups, rows.size)),
        _steps=_incidence(group, np.arange(group.size), (groups, group.size)),
    )


def _incidence(into: Places, of: Places, shape: tuple[int, int], *, split: int | None = None) -> csr_array:
    """Return the matrix that adds the rows `of` up into the rows `into`; those after the split are subtracted."""
    signs = np.where(np.arange(into.size) < (into.size if split is None else split), 1.0, -1.0)
    return csr_array((signs, (into, of)), shape=shape)


def relative_risk(design: CoxDesign, coefficients: Floats) -> tuple[Floats, Floats]:
    """Return weight x exp(linear predictor - the greatest of the stratum), and the greatest of each stratum.

    The factor of a stratum cancels in every mean over a risk set, and with it no exponential can overflow.
    """
    predictor = design.matrix @ coefficients
    if design.stratum is None:
        return np.asarray(design.weight * np.exp(predictor - predictor.max())), predictor.max(keepdims=True)
    greatest = np.full(int(design.stratum.max()) + 1, -np.inf)
    np.maximum.at(greatest, design.stratum, predictor)
    return np.asarray(design.weight * np.exp(predictor - greatest[design.stratum])), greatest
