"""How much persons move a vector that is multiplied by a matrix at each event time: infinitesimal jackknife.

A vector p starts at p(0) and becomes p(j) = p(j-1) H(j) at the event times j = 1, 2, ...; row s of H(j) is estimated
from the rows at risk in place s. Occupation of states is such a vector, and so are (survival, mean number of events).
The influence U of a person on p follows
    U(j) = U(j-1) H(j) + factor c_s(j) (e_s - H_s(j) + own),   c_s(j) = p_s(j-1) / weight at risk in s
while the person is at risk in s, and U(j) = U(j-1) H(j) else; own is not 0 only at the person's own event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_ROUNDING = 1e-13  # share of the largest sum of squares so far that may be what rounding left of a difference


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """The matrices, and who was at risk for which of them.

    step: H, times x places x places. gain: c, times x places. Rows in the order of person and time: person; start and
    stop: at risk at the times start < j <= stop; place: s; factor; jump: factor c_s(stop) own, rows x places.
    initial: influence of each person on p(0), persons x places.
    """

    step: Floats
    gain: Floats
    person: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    place: NDArray[np.int64]
    factor: Floats
    jump: Floats
    initial: Floats

    @property
    def pull(self) -> Floats:
        """Return c_s (e_s - H_s) at each time: what a row of factor 1 adds to an influence by being at risk."""
        return np.asarray(self.gain[:, :, None] * (np.eye(self.gain.shape[1]) - self.step))


def at_risk_by_place(
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    place: NDArray[np.int64],
    weight: Floats,
    *,
    shape: tuple[int, int],
) -> Floats:
    """Return the sum of the weights of the rows at risk (start < j <= stop) at each time in each place."""
    change = np.zeros((shape[0] + 1, shape[1]))
    np.add.at(change, (start, place), weight)
    np.add.at(change, (stop, place), -weight)
    return np.asarray(np.cumsum(change, axis=0)[:-1])


def running_variance(course: Course) -> Floats:
    """Return the sum over persons of the squared influence on p, at p(0) and after each time.

    No influence is followed through all times. With G(j) = G(j-1) H(j) + pull(j), what is left of the influence of a
    person at risk in s when factor G_s is taken away is only multiplied by H from the start of a row to its end; so are
    its squares, summed over persons. Only what persons have at starts and ends of their rows is worked out, with
    products of H over stretches of 1, 2, 4, 8 ... times.
    """
    times, size = course.gain.shape
    common = np.zeros((times + 1, size, size))
    for j, (step, pull) in enumerate(zip(course.step, course.pull, strict=True)):
        common[j + 1] = common[j] @ step + pull
    squares = np.zeros((times + 1, size, size))
    sums = np.zeros((times + 1, size, size))
    factors = np.zeros((times + 1, size))
    squares[0] = course.initial.T @ course.initial
    for rows, opens, before, after in _ends(course, common):
        # at a start: the influence, then what is left of it; at an end the other way round
        when, left = (course.start[rows], after) if opens == 1 else (course.stop[rows], before)
        place, factor = course.place[rows], course.factor[rows]
        np.add.at(squares, when, after[:, :, None] * after[:, None, :] - before[:, :, None] * before[:, None, :])
        np.add.at(sums, (when, place), opens * factor[:, None] * left)
        np.add.at(factors, (when, place), opens * np.square(factor))
    factors = np.cumsum(factors, axis=0)
    for j in range(1, times + 1):
        step = course.step[j - 1]
        squares[j] += step.T @ squares[j - 1] @ step
        sums[j] += sums[j - 1] @ step
    crossed, own = 2 * common * sums, factors[:, :, None] * np.square(common)
    inside = np.diagonal(squares, axis1=1, axis2=2)
    variance = inside + crossed.sum(axis=1) + own.sum(axis=1)
    size_of_terms = np.abs(inside) + np.abs(crossed).sum(axis=1) + own.sum(axis=1)
    return np.where(variance > _ROUNDING * np.maximum.accumulate(size_of_terms, axis=0), variance, 0.0)


def _ends(course: Course, common: Floats) -> Iterator[tuple[NDArray[np.int64], int, Floats, Floats]]:
    """Yield rows (the first of each person, then the second ...), 1 for starts or -1 for stops, and what changes."""
    products = _products(course.step)
    first = np.append(True, course.person[1:] != course.person[:-1])[: course.person.size]
    ordinal = np.arange(course.person.size) - np.maximum.accumulate(np.where(first, np.arange(course.person.size), 0))
    influence, reached = course.initial.copy(), np.zeros(len(course.initial), dtype=np.int64)
    for number in range(int(ordinal.max(initial=-1)) + 1):
        rows = np.flatnonzero((ordinal == number) & (course.start < course.stop))
        who, start, stop, place = course.person[rows], course.start[rows], course.stop[rows], course.place[rows]
        factor = course.factor[rows][:, None]
        there = _carried(influence[who], reached[who], start, products)
        left = there - factor * common[start, place]
        yield rows, 1, there, left
        end = _carried(left, start, stop, products)
        influence[who] = end + factor * common[stop, place] + course.jump[rows]
        reached[who] = stop
        yield rows, -1, end, influence[who]


def _products(step: Floats) -> list[Floats]:
    """Return the products of 1, 2, 4, 8 ... matrices that follow each other, from each multiple of that number."""
    levels = [step]
    while len(levels[-1]) > 1:
        last = levels[-1]
        pairs = len(last) // 2 * 2
        levels.append(last[0:pairs:2] @ last[1:pairs:2])
    return levels


def _carried(vectors: Floats, start: NDArray[np.int64], stop: NDArray[np.int64], products: list[Floats]) -> Floats:
    """Return each vector multiplied by the matrices start < j <= stop."""
    vectors, place = vectors.copy(), start.copy()
    rising = range(len(products))
    for up, level in [*((True, n) for n in rising), *((False, n) for n in reversed(rising))]:
        width = 1 << level
        # up: to the next multiple of twice the width; down: as long as the stretch is not too long
        now = np.flatnonzero((place + width <= stop) & ((place // width % 2 == 1) | (not up)))
        if now.size:
            vectors[now] = (vectors[now, None, :] @ products[level][place[now] // width])[:, 0, :]
            place[now] += width
    return vectors


def integral_influence(course: Course, width: Floats) -> Floats:
    """Return the influence of each person on the sum over j of width(j) p(j), persons x places (j = 0, 1, ...)."""
    times, size = course.gain.shape
    beyond = np.zeros((times + 1, size, size))
    beyond[times] = width[times] * np.eye(size)
    for j in range(times - 1, -1, -1):
        beyond[j] = width[j] * np.eye(size) + course.step[j] @ beyond[j + 1]
    pulled = np.zeros((times + 1, size, size))
    np.cumsum(course.pull @ beyond[1:], axis=0, out=pulled[1:])
    of_rows = course.factor[:, None] * (pulled[course.stop, course.place] - pulled[course.start, course.place])
    of_rows += (course.jump[:, None, :] @ beyond[course.stop])[:, 0, :]
    out = course.initial @ beyond[0]
    np.add.at(out, course.person, of_rows)
    return np.asarray(out)
