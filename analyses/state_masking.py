"""Probabilities of states without single persons: a stack of curves drawn in parts of several persons each.

The exact curves of an arm give persons back. While nobody is censored a probability is a number of persons over all,
a state of 1 to maximum persons shows as such, its complement shows it again, and hardly any change from one month of
the grid to the next is of more than one or two persons: exact values only where every state and every change is of more
than maximum persons would leave no figure. So what is published is not the value but a part in which it lies:

1. The months are those, from the start, with at least half of the first number at risk, and at least LEAST_PARTS times
   maximum + 1, under observation: as long as one person weighs at most about twice what one did at the start.
2. Of the edges of the stack (probability of a state or any later one in the order) only the part is told, of P equal
   ones, P = fewest at risk in these months // (maximum + 1): the lowest part is drawn as 0, the highest as 1, any
   other at its middle. An edge is at most half a part from the truth, a whole one at 0 and 1, and the bands still fill
   0 to 1. A part holds maximum + 1 persons of mean weight or more.
3. P is one for all months: parts that change would cut each other, and what can only rise (dead) be found between two.
   With equal parts an edge in one part could be any value of it at all months at once, so that order over time and
   among edges narrows nothing. An exact 0 is drawn as a small number is, so that no first person shows.
4. What the parts say of counts that are masked (persons who were ever in a state are at least those in it at any month)
   is compared with what a reader can think possible of them; where it says more, the arm is not drawn. A number at risk
   that is at most maximum below the first is left out: no more can have died.

Exact values of a month stand in a table only if no state of that month has 1 to maximum persons (a question's rows rest
on the fewest), so that parts and exact values together tell of no small state. That two months tell how many changed
between them at most is accepted, as it is of counts of events by month. Weights differ between states once persons are
censored; then the parts are those of mean weight, and no count follows from a probability without knowing who was
censored when.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from analyses.curve_masking import hide_leavers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from analyses.result import Curve

    Ranges = Mapping[tuple[str, str], tuple[int, int]]

PREFIX = "Probability of state: "
LEAST_PARTS = 10
"""With fewer, an edge can be a tenth or more from the truth, and a comparison of the arms may be turned around."""
_ROUNDING = 1e-9


def stacks(curves: Iterable[Curve]) -> dict[str, tuple[Curve, ...]]:
    """Return the curves of probabilities of states by group, in their order."""
    found: dict[str, tuple[Curve, ...]] = {}
    for curve in curves:
        if curve.name.startswith(PREFIX):
            found[curve.group] = (*found.get(curve.group, ()), curve)
    return found


def coarse_stack(stack: Sequence[Curve], ever: Ranges, *, maximum: int) -> tuple[Curve, ...]:
    """Return the curves of all states of a group in parts of more than maximum persons; none if that cannot be.

    stack: curves that share their months and numbers at risk, and add to 1. ever: what a reader can think possible of
    each masked count of the group, by "ever" (persons who were in a state) or "last" (at the end) and state.
    """
    months = _months(stack[0], maximum=maximum)
    if months < 2:  # noqa: PLR2004  (a line has two ends)
        return ()
    numbers = [number or 0 for number in stack[0].at_risk[:months]]
    parts = min(numbers) // (maximum + 1)
    values = np.array([curve.value[:months] for curve in stack])
    # the probability of each state or a later one: 1, ..., that of the last, 0
    edges = np.vstack([np.cumsum(values[::-1], axis=0)[::-1], np.zeros(months)])
    part = np.clip(np.floor(edges * parts + _ROUNDING), 0, parts - 1)
    part[0], part[-1] = parts, 0
    if _tells([curve.name.removeprefix(PREFIX) for curve in stack], part, parts, numbers, ever):
        return ()
    drawn = np.where(part == 0, 0.0, np.where(part >= parts - 1, 1.0, (part + 0.5) / parts))
    month = stack[0].month[:months]
    dead = ever.get(("ever", stack[-1].name.removeprefix(PREFIX)), (1, maximum))[1]
    return tuple(
        hide_leavers(curve, most=max(maximum, dead)).model_copy(
            update={"month": month, **dict.fromkeys(("value", "low", "high"), tuple(share.tolist()))}
        )
        for curve, share in zip(stack, drawn[:-1] - drawn[1:], strict=True)
    )


def _months(curve: Curve, *, maximum: int) -> int:
    """Return how many months from the start have enough persons under observation."""
    if not curve.at_risk or curve.at_risk_month != curve.month:
        return 0
    numbers = [number or 0 for number in curve.at_risk]
    least = max(LEAST_PARTS * (maximum + 1), numbers[0] / 2)
    few = [place for place, number in enumerate(numbers) if number < least]
    return few[0] if few else len(numbers)


def _tells(states: Sequence[str], part: NDArray[np.float64], parts: int, at_risk: Sequence[int], ever: Ranges) -> bool:
    """Return whether the parts narrow what a reader thinks possible of a masked count."""
    low, high = part / parts, np.minimum(part + 1, parts) / parts
    low[0], high[0], low[-1], high[-1] = 1.0, 1.0, 0.0, 0.0
    persons = max(at_risk)
    gone = persons - np.array(at_risk)
    for place, state in enumerate(states):
        least = math.ceil(persons * max(0.0, float(np.max(low[place] - high[place + 1]))) - _ROUNDING)
        most = math.floor(float(np.min(persons * (high[place] - low[place + 1]) + gone)) + _ROUNDING)
        first, last = place == 0, place == len(states) - 1
        for kind in ("ever", "last"):
            known = ever.get((kind, state))
            # whose last state is the first was in it at every month or is no longer followed; the dead stay dead
            if known is not None and ((kind == "ever" or last) and least > known[0]):
                return True
            if known is not None and kind == "last" and first and most < known[1]:
                return True
    return False
