"""How much each person moves a cumulative incidence: the infinitesimal jackknife, and the variance of Aalen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analyses.methods.curves.influence import hazard_variance
from analyses.methods.risk_sets import positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyses.methods.causes.competing_risks import Endings, EndingTable


def jackknife_variance(
    observed: Endings,
    table: EndingTable,
    cause: int,
    ended: NDArray[np.float64],
    incidence: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the variance of F(t) of one cause at every time of the table: the sum of squared influences.

    The influence of a person on F(t) is F(t) a(t) + b(t), where a sums, over the times u up to t at which the person
    is at risk, the influence on log S(u), and b that on the increment of F at u less F(u) times the former. Both stand
    still once the person's follow-up has ended; of a person still at risk they are sums C, D over the times since the
    entry, so that sums of the squares and products of what C and D were at the entries suffice.
    """
    people, square = observed.people, observed.square
    shared = hazard_variance(table.ended, table.at_risk_weighted, table.left)
    own = table.free_before * ended / np.square(positive(table.at_risk_weighted))
    jump = np.where(table.left > 0, -1.0 / positive(table.left), 0.0)
    jump_own = table.free_before / positive(table.at_risk_weighted)
    c, d = np.append(0.0, np.cumsum(shared)), np.append(0.0, np.cumsum(-incidence * shared - own))
    c_entry, d_entry = c[table.entered], d[table.entered]
    a = c[1:][table.place] - c_entry + np.where(people.event, jump[table.place], 0.0)
    b = d[1:][table.place] - d_entry - np.where(people.event, (incidence * jump)[table.place], 0.0)
    b += np.where(observed.cause == cause, jump_own[table.place], 0.0)

    def of_gone(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.cumsum(np.add.reduceat(values, table.first[:-1])))

    gone = np.square(incidence) * of_gone(square * a * a) + of_gone(square * b * b)
    gone += 2 * incidence * of_gone(square * a * b)
    late = np.flatnonzero(table.entered > 0)
    late = late[np.argsort(people.entry[late], kind="stable")]
    entered = np.searchsorted(people.entry[late], table.month, side="left")

    def of_present(values: NDArray[np.float64]) -> NDArray[np.float64]:
        if late.size == 0:
            return np.zeros(entered.size)
        return np.asarray(np.append(0.0, np.cumsum(values[late]))[entered] - of_gone(values))

    # of a person present: F (C - C at entry) + D - D at entry = here - (F C at entry + D at entry); those at entry are
    # 0 of who was there at the first end of follow-up
    here = incidence * c[1:] + d[1:]
    there = np.sum(square) - np.sum(square[late]) - of_gone(np.where(table.entered > 0, 0.0, square))
    present = np.square(here) * (there + of_present(np.where(table.entered > 0, square, 0.0)))
    if late.size:
        linear = incidence * of_present(square * c_entry) + of_present(square * d_entry)
        quadratic = np.square(incidence) * of_present(square * c_entry**2) + of_present(square * d_entry**2)
        present += quadratic + 2 * incidence * of_present(square * c_entry * d_entry) - 2 * here * linear
    return np.asarray(np.maximum(gone + np.maximum(present, 0.0), 0.0))


def area_influence(  # noqa: PLR0917  (what the curve of one cause is made of)
    observed: Endings,
    table: EndingTable,
    cause: int,
    ended: NDArray[np.float64],
    incidence: NDArray[np.float64],
    horizon: float,
) -> NDArray[np.float64]:
    """Return the influence of each person on the area under F from 0 to the horizon."""
    people = observed.people
    inside = table.month <= horizon
    month, here = table.month[inside], incidence[inside]
    area = np.diff(np.append(month, horizon)) * here
    beyond = np.cumsum(area[::-1])[::-1] - (horizon - month) * here  # the area above F(u) from u to the horizon
    number, left = table.at_risk_weighted[inside], table.left[inside]
    to_come = (horizon - month) * table.free_before[inside]
    terms = beyond * hazard_variance(table.ended[inside], number, left) - to_come * ended[inside] / np.square(number)
    total = np.append(0.0, np.cumsum(terms))
    seen = table.place < month.size
    at = np.minimum(table.place, month.size - 1)
    jump = np.where(left > 0, -beyond / positive(left), 0.0)[at]
    own = (to_come / number)[at]
    lived = total[np.minimum(table.place + 1, month.size)] - total[np.minimum(table.entered, month.size)]
    return np.asarray(
        np.where(seen & people.event, jump, 0.0) + np.where(seen & (observed.cause == cause), own, 0.0) + lived
    )


def aalen_variance(
    table: EndingTable, ended: NDArray[np.float64], incidence: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the variance of F(t) after Aalen 1978, with hypergeometric corrections for ties, as Gray's cuminc does."""
    number, before, after = table.at_risk_weighted, table.free_before, table.free
    inverse = np.where(after > 0, 1.0 / positive(after), 0.0)
    squares = np.zeros((3, number.size))
    for events, slope, offset in ((ended, incidence * inverse, 1.0), (table.ended - ended, incidence * inverse, 0.0)):
        tied = np.where(events > 1, 1.0 - (events - 1.0) / positive(number - 1.0), 1.0)
        size = np.square(before / positive(number)) * tied * events
        if offset == 0.0:
            size = np.where(after > 0, size, 0.0)
        reach = offset + slope
        squares += size * np.asarray([reach * reach, inverse * reach, inverse * inverse])
    one, two, three = np.cumsum(squares, axis=1)
    return np.asarray(np.maximum(one + np.square(incidence) * three - 2.0 * incidence * two, 0.0))
