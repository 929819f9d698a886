"""What a reader can work out about withheld counts from published ones and the sums among them, and how to stop it.

The reader solves an integer program: every sum holds, a count marked small lies in 1 to maximum, any other withheld
count is at least 1 (zero is always published), and an implied count (a complement that nobody prints) at least 0. A
withheld count is safe if its lowest and highest possible value span at least `maximum` whole numbers: for a small one
that is all of 1 to maximum. Solved with HiGHS, which gives the same answer every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint
from scipy.sparse import csr_array

from analyses.integer_program import solve

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

Key = str
"""Name of a count over all Results of a report."""
Mark = Literal["published", "small", "withheld", "implied", "slack"]
WHOLE = 1e-6
"""Tolerance of HiGHS for whole numbers."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One count as a reader sees it.

    number: the count if it is published. mark "small": the reader knows that it is 1 to maximum. "withheld": nothing
    but that it is not zero. "implied": not printed, but to be protected. "slack": not printed, and not to be protected.
    cost: what withholding it costs. anchor: it stands in many sums, and is withheld only if nothing else helps.
    """

    mark: Mark
    number: int | None = None
    cost: float = 0.0
    anchor: bool = False


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A count that is the sum of others."""

    total: Key
    parts: tuple[Key, ...]

    @cached_property
    def cells(self) -> tuple[Key, ...]:
        """The total and its parts."""
        return (self.total, *self.parts)


class ContradictionError(ValueError):
    """Counts that cannot be: a total that is not the sum of its parts."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """All sums that tie counts together."""

    sums: tuple[Sum, ...]

    @cached_property
    def touching(self) -> Mapping[Key, Sequence[Sum]]:
        """The sums of each count."""
        out: dict[Key, list[Sum]] = {}
        for s in self.sums:
            for key in s.cells:
                out.setdefault(key, []).append(s)
        return out

    def around(self, key: Key, through: Callable[[Key], bool]) -> tuple[list[Key], list[Sum]]:
        """Return the counts that sums tie to a count, directly or through counts of a kind, and those sums; sorted."""
        found, open_ = {key}, [key]
        sums: dict[Sum, None] = {}
        while open_:
            for s in self.touching.get(open_.pop(), ()):
                sums[s] = None
                new = {k for k in s.cells if k not in found and through(k)}
                found |= new
                open_ += new
        return sorted(found), sorted(sums, key=lambda s: s.cells)


def contradictions(cells: Mapping[Key, Cell], network: Network) -> list[Sum]:
    """Return the sums that published counts break: parts that are together more or less than their total."""
    out = []
    for s in network.sums:
        total, parts = cells[s.total].number, [cells[key].number for key in s.parts]
        known = sum(number for number in parts if number is not None)
        if total is not None and (known > total or (known < total and None not in parts)):
            out.append(s)
    return out


def ranges(
    cells: Mapping[Key, Cell], network: Network, *, maximum: int, keys: Collection[Key]
) -> dict[Key, tuple[int, int]]:
    """Return the lowest and highest value that a reader can think possible of each of these counts.

    keys: counts that are not published. A highest value above the sum of all published counts stands for "no limit".
    Raises ContradictionError if nothing is possible.
    """
    out: dict[Key, tuple[int, int]] = {}
    for system in _systems(cells, network, maximum=maximum, keys=keys):
        wanted = [key for key in system.order if key in keys]
        out |= {key: (system.extreme(key, +1)[key], system.extreme(key, -1)[key]) for key in wanted}
    return out


def unsafe(cells: Mapping[Key, Cell], network: Network, *, maximum: int, looked_at: dict[str, list[Key]]) -> list[Key]:
    """Return the counts of which a reader can work out too much, in the order of their keys.

    looked_at: what was found before, by system, kept from one call to the next. Raises ContradictionError if nothing is
    possible.
    """
    out: list[Key] = []
    for system in _systems(cells, network, maximum=maximum):
        name = system.name(cells)
        if name not in looked_at:
            looked_at[name] = _unsafe_in(system, cells, maximum=maximum)
        out += looked_at[name]
    return sorted(out)


def _unsafe_in(system: _System, cells: Mapping[Key, Cell], *, maximum: int) -> list[Key]:
    """Return the unsafe counts of a system. A possible table found for one count often shows that others are safe."""
    seen = [system.extreme(None, +1), system.extreme(None, -1)] if len(system.order) > 1 else []
    out = []
    for key in system.order:
        found = [table[key] for table in seen]
        if cells[key].mark == "slack" or (found and max(found) - min(found) + 1 >= maximum):
            continue
        seen += [system.extreme(key, +1), system.extreme(key, -1)]
        if not safe(cells[key], seen[-2][key], seen[-1][key], maximum=maximum):
            out.append(key)
    return out


def safe(cell: Cell, low: int, high: int, *, maximum: int) -> bool:
    """Return whether a count with this range tells a reader too little to matter."""
    if cell.mark in {"published", "slack"} or high - low + 1 >= maximum:
        return True
    return cell.mark == "implied" and (low > maximum or high < 1)


@dataclass(frozen=True, kw_only=True)
class _System:
    """Unknown counts that sums tie together: A x = b in whole numbers within bounds, in the order of the keys."""

    order: tuple[Key, ...]
    rows: csr_array
    right: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def name(self, cells: Mapping[Key, Cell]) -> str:
        """Return what tells a system from others: who is in it, how they are marked, and the known sides."""
        return "\n".join((*(f"{key} {cells[key].mark}" for key in self.order), str(self.right.tolist())))

    def extreme(self, key: Key | None, sign: int) -> dict[Key, int]:
        """Return a possible table in which a count (None: the sum of all) is lowest (sign +1) or highest (sign -1)."""
        if len(self.order) == 1 and len(self.right):
            return {self.order[0]: self._only()}
        cost = np.full(len(self.order), float(sign) if key is None else 0.0)
        if key is not None:
            cost[self.order.index(key)] = sign
        # The linear program is quick, and where its answer is whole it is that of the integer one.
        for whole in (0, 1):
            found = solve(
                cost,
                integrality=np.full(len(cost), whole),
                bounds=Bounds(self.low, self.high),
                constraints=LinearConstraint(self.rows, self.right, self.right) if len(self.right) else (),
                # Without presolve the choice among equal answers is the one that earlier reports were masked with.
                options={"mip_rel_gap": 0.0, "presolve": False},
            )
            if found.x is None:
                raise self._impossible()
            if np.abs(found.x - np.round(found.x)).max() < WHOLE:
                break
        return {name: round(float(x)) for name, x in zip(self.order, found.x, strict=True)}

    def _only(self) -> int:
        """Return the one unknown of sums that hold nothing else unknown."""
        values = set((self.right / self.rows.toarray()[:, 0]).tolist())
        value = values.pop()
        if values or not self.low[0] <= value <= self.high[0]:
            raise self._impossible()
        return round(float(value))

    def _impossible(self) -> ContradictionError:
        return ContradictionError(f"no counts fit the sums around {self.order[0]}")


def _systems(
    cells: Mapping[Key, Cell], network: Network, *, maximum: int, keys: Collection[Key] | None = None
) -> Iterator[_System]:
    """Yield the systems of unknown counts that the keys are in (None: all of them)."""
    done: set[Key] = set()
    for key in sorted(cells if keys is None else keys):
        if cells[key].number is None and key not in done:
            group, sums = network.around(key, lambda k: cells[k].number is None)
            done.update(group)
            yield _system(group, cells, sums, maximum=maximum)


def _system(group: Sequence[Key], cells: Mapping[Key, Cell], sums: Sequence[Sum], *, maximum: int) -> _System:
    place = {key: i for i, key in enumerate(group)}
    known = sum(cells[key].number or 0 for s in sums for key in s.cells)
    limit = known + maximum * (len(group) + 1)
    entries: list[tuple[int, int, float]] = []
    right = np.zeros(len(sums))
    for i, s in enumerate(sums):
        for key, factor in ((s.total, 1.0), *((part, -1.0) for part in s.parts)):
            number = cells[key].number
            if number is None:
                entries.append((i, place[key], factor))
            else:
                right[i] -= factor * number
    bounds = [_bounds(cells[key], maximum=maximum, limit=limit) for key in group]
    return _System(
        order=tuple(group),
        rows=matrix(entries, (len(sums), len(group))),
        right=right,
        low=np.array([b[0] for b in bounds], dtype=float),
        high=np.array([b[1] for b in bounds], dtype=float),
    )


def matrix(entries: Sequence[tuple[int, int, float]], shape: tuple[int, int]) -> csr_array:
    """Return a sparse matrix from (row, column, value)."""
    rows, columns, values = ([e[i] for e in entries] for i in range(3))
    return csr_array((values, (rows, columns)), shape=shape)


def _bounds(cell: Cell, *, maximum: int, limit: int) -> tuple[int, int]:
    if cell.mark == "small":
        return 1, maximum
    return (1 if cell.mark == "withheld" else 0), limit
