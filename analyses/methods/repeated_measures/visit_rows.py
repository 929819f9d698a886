"""The rows of a design by patient and visit, patients with the same visits together, and what is missing for a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.linalg import qr

from analyses.methods.mixed_models.independent_columns import DEPENDENT, independent_columns
from analyses.methods.mixed_models.reference_grid import mistake
from analyses.result import NotEstimable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.mixed_models.reference_grid import Design, Level
    from analyses.methods.mixed_models.small_sample import Array

    Codes = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class VisitRows:
    """A design by patient and visit. T visits, p columns, k = p + 1 with the response, m patterns of visits.

    rows: (patients or fewer, T, k), the orthonormal basis of X and what X leaves of the response in units of scale;
    zero where a patient has no visit. first: of each pattern, the first of its rows; present: (m, T); owner: (m,) group
    of each pattern; count: (m,) patients. A pattern with more patients than T k has a triangular factor of
    its rows in their place, which keeps all sums of squares and products.
    basis = X[:, kept] inverse(triangle); least_squares = basis'y. moments: (groups, T, T) mean products of what X
    leaves; pairs: (groups, T, T) patients with both visits. order, person, visit and group are of the rows of the
    design, in the order of persons and visits; which: pattern of each person.
    """

    rows: Array
    first: Codes
    present: NDArray[np.bool_]
    owner: Codes
    count: Codes
    moments: Array
    pairs: Codes
    n: int
    p: int
    kept: tuple[int, ...]
    aliases: Array
    triangle: Array
    least_squares: Array
    scale: float
    visits: tuple[Level, ...]
    groups: tuple[Level, ...]
    which: Codes
    order: Codes
    person: Codes
    visit: Codes
    group: Codes

    @property
    def pattern(self) -> Codes:
        """Pattern of each of rows."""
        return np.repeat(np.arange(len(self.first)), np.diff(np.r_[self.first, len(self.rows)]))


def arrange(
    made: Design, data: pd.DataFrame, *, patient: str, visit: str, group: str | None, compress: bool = True
) -> VisitRows | NotEstimable:
    """Return a design by patient and visit, or what the data lack; UserError if a visit or a group is not one's own."""
    used = data.iloc[made.rows]
    person = pd.factorize(used[patient], sort=True)[0]
    time, visits = _levels(used[visit])
    part, groups = (np.zeros(len(used), dtype=np.intp), ("",)) if group is None else _levels(used[group])
    order = np.lexsort((time, person))
    person, time, part, y = person[order], time[order], part[order], made.y[order]
    patients = int(person[-1]) + 1
    again = np.unique(person[1:][(np.diff(person) == 0) & (np.diff(time) == 0)])
    if len(again):
        seen = f"{len(again)} of {patients} patients have two rows of one {visit}."
        raise mistake(made.formula, seen, "Keep one row for each patient and visit.")
    if ((np.diff(person) == 0) & (np.diff(part) != 0)).any():
        raise mistake(made.formula, f"One {patient} is in two levels of {group}.", "Name patients so that they differ.")
    kept, aliases = independent_columns(made.x[order])
    x = made.x[order][:, kept]
    weak = _too_little(x, y, person, len(visits))
    if weak:
        return NotEstimable(reason=weak)
    basis, triangle = qr(x, mode="economic")
    least_squares = basis.T @ y
    rest = y - basis @ least_squares
    scale = float(np.sqrt(rest @ rest / len(y)))
    padded = np.zeros((patients, len(visits), len(kept) + 1))
    padded[person, time, :-1], padded[person, time, -1] = basis, rest / scale
    seen_visits = np.zeros((patients, len(visits)), dtype=bool)
    seen_visits[person, time] = True
    own = np.zeros(patients, dtype=np.intp)
    own[person] = part
    # Patients by group and pattern, complete patients first; a stable sort by one column after the other.
    keys = np.column_stack([own, ~seen_visits])
    ranked = np.lexsort(keys.T[::-1])
    new = np.r_[True, (np.diff(keys[ranked], axis=0) != 0).any(axis=1)]
    which = np.empty(patients, dtype=np.intp)
    which[ranked] = np.cumsum(new) - 1
    count = np.bincount(which)
    present, owner = seen_visits[ranked][new], own[ranked][new]
    blocks = np.split(padded[ranked], np.cumsum(count)[:-1])
    if compress:
        blocks = [_compressed(block, here) for block, here in zip(blocks, present, strict=True)]
    pairs = np.stack([seen_visits[own == g].T.astype(np.intp) @ seen_visits[own == g] for g in range(len(groups))])
    left = padded[:, :, -1]
    moments = np.stack([left[own == g].T @ left[own == g] for g in range(len(groups))]) / np.maximum(pairs, 1)
    return VisitRows(
        rows=np.concatenate(blocks),
        first=np.cumsum([0, *(len(block) for block in blocks[:-1])]),
        present=present,
        owner=owner,
        count=count,
        moments=moments,
        pairs=pairs,
        n=len(y),
        p=len(kept),
        kept=tuple(kept),
        aliases=aliases,
        triangle=triangle,
        least_squares=least_squares,
        scale=scale,
        visits=visits,
        groups=groups,
        which=which,
        order=order,
        person=person,
        visit=time,
        group=part,
    )


def _levels(column: pd.Series[Any]) -> tuple[Codes, tuple[Level, ...]]:
    """Return codes and levels: those of a categorical column in its order, otherwise sorted; only what is there."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        return np.asarray(column.cat.codes, dtype=np.intp), tuple(column.cat.categories.tolist())
    codes, levels = pd.factorize(column, sort=True)
    return codes, tuple(pd.Index(levels).tolist())


def _compressed(block: Array, here: NDArray[np.bool_]) -> Array:
    """Return the rows (patients, T, k) of a pattern, or a triangular factor of them with the same cross products."""
    flat = block[:, here].reshape(len(block), -1)
    if len(flat) <= flat.shape[1]:
        return block
    out = np.zeros((flat.shape[1], *block.shape[1:]))
    out[:, here] = qr(flat, mode="r")[0][: flat.shape[1]].reshape(flat.shape[1], int(here.sum()), -1)
    return out


def _too_little(x: Array, y: Array, person: Codes, visits: int) -> str:
    """Return what the data lack for any covariance of visits, or nothing."""
    n, p = x.shape
    patients = int(person[-1]) + 1
    if n <= p:
        return f"{n} rows for {p} coefficients; leave terms out"
    if patients == 1:
        return "there is only one patient"
    if visits == 1:
        return "there is only one visit, and so no covariance of visits"
    if patients == n:
        return "no patient has two visits, so that their covariance is unknown"
    rest = y - x @ np.linalg.lstsq(x, y)[0]
    if float(rest @ rest) < DEPENDENT**2 * max(float(y @ y), np.finfo(float).tiny):
        return "the fixed effects leave nothing of the response; it may be constant"
    return ""
