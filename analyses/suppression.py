"""Which further counts to withhold so that the masked ones stay unknown.

The integer program of cell suppression (Fischetti M, Salazar JJ, J Am Stat Assoc 2000;95:916), one unsafe count and one
direction at a time: exact for that count, cheap rather than cheapest for all of them together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint

from analyses.deduction import Cell, ContradictionError, Key, Network, Sum, matrix, ranges, safe, unsafe
from analyses.integer_program import solve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RELABEL_COST = 1.0
"""Calling a small count "masked" instead of "<5" costs a reader less than withholding any further count."""
TIE = 1e-4
"""Added per place in the order of the keys, so that of equally dear counts the first is withheld."""
REACHES = (1, 16)
"""How many times `maximum` a count may move in the table that a reader could also think possible; near is quicker."""


def protect(cells: Mapping[Key, Cell], network: Network, *, maximum: int) -> dict[Key, Cell]:
    """Return the cells with as many more withheld as it takes for every masked or implied count to be safe.

    Which ones: those of least cost together, one unsafe count at a time in the order of the keys; a published zero is
    never withheld, and a small count is called "withheld" where "small" would say too much. What is safe already comes
    back as it was. Raises ContradictionError if no counts fit the sums.
    """
    now = dict(cells)
    looked_at: dict[str, list[Key]] = {}
    while known := unsafe(now, network, maximum=maximum, looked_at=looked_at):
        for key in known:
            _make_safe(key, now, network, maximum=maximum)
    return now


def _make_safe(key: Key, cells: dict[Key, Cell], network: Network, *, maximum: int) -> None:
    low, high = ranges(cells, network, maximum=maximum, keys={key})[key]
    if safe(cells[key], low, high, maximum=maximum):
        return
    if cells[key].mark == "small":
        for target in (t for t in (1, maximum) if not low <= t <= high):
            plan = _plan(key, target, cells, network, maximum=maximum)
            if plan is None:
                # Nothing that could be withheld makes it look like any small count: say less of the count itself.
                cells[key] = replace(cells[key], mark="withheld")
                return
            cells.update(plan.change)
    else:
        plans = [_plan(key, t, cells, network, maximum=maximum) for t in (low + maximum - 1, high - maximum + 1)]
        best = min((plan for plan in plans if plan is not None), key=lambda plan: plan.cost, default=None)
        if best is None:
            text = f"{key} cannot be kept from readers, whatever else is withheld"
            raise ContradictionError(text)
        cells.update(best.change)


def _plan(key: Key, target: int, cells: Mapping[Key, Cell], network: Network, *, maximum: int) -> _Plan | None:
    """Return the cheapest plan that spares the anchors, else the cheapest one; None if there is none."""
    anchors = frozenset(k for k, cell in cells.items() if cell.anchor and cell.number is not None)
    for fixed in (anchors, frozenset[Key]()):
        near, own = network.around(key, lambda k, fixed=fixed: k not in fixed)  # type: ignore[misc]
        part = {k: cells[k] for k in {*near, *(k for s in own for k in s.cells)}}
        for reach in REACHES:
            plan = _cheapest(key, target, part, own, maximum=maximum, fixed=fixed, reach=reach * maximum)
            if plan is not None:
                return plan
    return None


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Cells to change, and what it costs."""

    cost: float
    change: dict[Key, Cell]


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """What may become of one count: its bounds if unchanged; its highest value and cost if changed (None: it stays)."""

    low: float
    high: float
    changed_high: float = 0.0
    cost: float | None = None


def _choice(cell: Cell, *, maximum: int, limit: float, fixed: bool) -> _Choice:
    if cell.number is not None:
        # Zero is published, and so is known not to be withheld.
        cost = cell.cost if cell.number and not fixed else None
        return _Choice(low=cell.number, high=cell.number, changed_high=limit, cost=cost)
    if cell.mark == "small":
        return _Choice(low=1, high=maximum, changed_high=limit, cost=RELABEL_COST)
    return _Choice(low=1 if cell.mark == "withheld" else 0, high=limit)


def _cheapest(
    key: Key,
    target: int,
    cells: Mapping[Key, Cell],
    sums: Sequence[Sum],
    *,
    maximum: int,
    fixed: frozenset[Key],
    reach: int,
) -> _Plan | None:
    """Return the cheapest changes after which a reader must think the target possible; None if there are none.

    fixed: counts that stay published. reach: how far a changed count may lie from what it was known to be.
    Whole numbers y (a table that the reader could think possible) and b (1 where a count is changed): the sums hold for
    y, y[key] = target, and a count that is not changed stays within what the reader knows of it.
    """
    if target < (0 if cells[key].mark == "implied" else 1):
        return None
    limit = float(sum(cell.number or 0 for cell in cells.values()) + reach * (len(cells) + 1))
    choices = {k: _choice(cell, maximum=maximum, limit=limit, fixed=k in fixed) for k, cell in sorted(cells.items())}
    choices[key] = _Choice(low=target, high=target)
    constant = {k: c.low for k, c in choices.items() if c.low == c.high and c.cost is None}
    free = [k for k in choices if k not in constant]
    place = {k: i for i, k in enumerate(free)}
    open_ = [k for k in free if choices[k].cost is not None]
    n, m = len(free), len(open_)
    low = np.array([1.0 if choices[k].cost is not None else choices[k].low for k in free])
    high = np.array([choices[k].changed_high if choices[k].cost is not None else choices[k].high for k in free])
    # b: as dear as the count, and a little dearer for every place down the order.
    cost = np.concatenate([np.zeros(n), [(choices[k].cost or 0.0) + i * TIE for i, k in enumerate(open_)]])
    terms = [[(s.total, 1.0), *((part, -1.0) for part in s.parts)] for s in sums]
    tied = matrix(
        [(i, place[k], factor) for i, term in enumerate(terms) for k, factor in term if k in place], (len(sums), n + m)
    )
    right = -np.array([sum(factor * constant[k] for k, factor in term if k in constant) for term in terms])
    own = [(i, place[k], 1.0) for i, k in enumerate(open_)]
    moves = [(i, n + i, float(reach)) for i in range(m)]
    found = solve(
        cost,
        integrality=np.ones(n + m),
        bounds=Bounds(np.concatenate([low, np.zeros(m)]), np.concatenate([high, np.ones(m)])),
        constraints=[
            LinearConstraint(tied, right, right),
            LinearConstraint(matrix([*own, *moves], (m, n + m)), [choices[k].low for k in open_], np.inf),
            LinearConstraint(
                matrix([*own, *((i, j, -x) for i, j, x in moves)], (m, n + m)),
                -np.inf,
                [choices[k].high for k in open_],
            ),
        ],
        options={"mip_rel_gap": 0.0, "presolve": False},
    )
    if found.x is None:
        return None
    changed = [k for i, k in enumerate(open_) if found.x[n + i] > 0.5]  # noqa: PLR2004  (a rounded 0 or 1)
    change = {k: replace(cells[k], mark="withheld", number=None) for k in changed}
    return _Plan(cost=float(found.fun), change=change)
