"""Small counts are masked, and what else is published does not give them back.

mask() works on all Results of a report together:

1. Counts of 1 to maximum are masked. Zero is published: it speaks of nobody, and without it a reader could not tell an
   event that never happened from one that did. That a whole group is free of something is then known; so it is.
2. Further counts are withheld until no sum, complement or order among all that is published pins a masked one
   (analyses/deduction.py is the reader, analyses/suppression.py answers, analyses/relations.py knows what belongs
   together).
3. Numbers that rest on a masked count are masked if the count could be worked out from them (a percentage, a risk, a
   rate). Others (a mean, a hazard ratio, a test) do not give their counts back: they are masked only where a count that
   they rest on is small, for then they speak of a few persons.
4. Counts beside an estimate and below a curve are left out where small, where their complement is, or where they would
   tell of a withheld count. A curve is cut where few are at risk, and its steps hold several events each. Steps of
   events that come again are longer, so that they are of several persons on average, and there is no such curve where
   the number of persons who had one is withheld.
5. Probabilities of states are drawn in parts of several persons each (analyses/state_masking.py). Mean times in states
   add up to a known whole: where some are masked, so is one more, which speaks of many.
6. A curve without numbers at risk goes where a number of its name is masked, and is whole otherwise: "Hazard ratio over
   time" is a spline with 4 degrees of freedom through the scaled residuals of all events, drawn only where each arm has
   enough of them (analyses/event_change.py). Where it begins and ends tells the month of the first and last of them.
7. A "number" is of rules, files, limits or empty fields, not of persons: it is masked only with a count on which it
   rests.

What stays known: that a curve was drawn at all, how precise an estimate is, and where an exact quartile lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.curve_masking import coarsen, coarsen_repeated, cut, mask_counts
from analyses.deduction import ContradictionError, contradictions, ranges
from analyses.relations import MEAN_NUMBERS, cells_of, is_count, key_of, network_of
from analyses.result import Estimate, Masked, Summary
from analyses.state_masking import PREFIX, coarse_stack, stacks
from analyses.suppression import protect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.deduction import Cell, Key
    from analyses.result import Curve, Result, Row

SMALL = Masked()
WITHHELD = Masked(reason="would give back a small count")
RESTS = Masked(reason="rests on a small count")
_GIVES_NO_COUNT_BACK = {
    "mean", "sd", "median", "quartile 1", "quartile 3", "person-years", "restricted mean",
    "difference in restricted means", "median time", "hazard ratio", "difference", "marginal mean", "test", "variance",
    "intraclass correlation", "slope",
}  # fmt: skip
_MEAN_TIME = "Mean time in state"


def mask(results: Sequence[Result], *, maximum: int = 4) -> tuple[Result, ...]:
    """Return the Results of one report without counts of 1 to maximum and without what gives them back.

    results: everything that a reader will see together, of one or several cohorts. maximum: at least 1. Masking what is
    masked changes nothing, and nothing is ever unmasked. Raises ContradictionError if a Total is not the sum of its
    parts, and ValueError if one count has two values.
    """
    if maximum < 1:
        text = f"maximum is {maximum}; counts from 1 on can be masked"
        raise ValueError(text)
    check(results)
    cells = cells_of(results, maximum=maximum)
    hidden, network = network_of(results, cells)
    safe = protect({**cells, **hidden}, network, maximum=maximum)
    beside_curves = {key_of(r, row) for r in results if r.curves for row in r.rows if is_count(row)}
    withheld = {key for key in beside_curves if safe[key].mark == "withheld"}
    known = ranges(safe, network, maximum=maximum, keys=withheld)
    return tuple(_mask_one(result, safe, known, maximum=maximum) for result in results)


def check(results: Sequence[Result]) -> None:
    """Raise ContradictionError if a sum among Results does not hold, and ValueError if one count has two values."""
    seen = cells_of(results, maximum=0)
    hidden, network = network_of(results, seen)
    broken = contradictions({**seen, **hidden}, network)
    if broken:
        text = "; ".join(f"{s.total} is not the sum of {', '.join(s.parts)}" for s in broken)
        raise ContradictionError(text)


def _mask_one(
    result: Result, cells: Mapping[Key, Cell], known: Mapping[Key, tuple[int, int]], *, maximum: int
) -> Result:
    rows = [_mask_count(row, cells[key_of(result, row)]) if is_count(row) else row for row in result.rows]
    rows = _mask_resting(rows, result, maximum=maximum)
    if (whole := _mask_rest_of_whole(rows, result)) != rows:
        rows = _mask_resting(whole, result, maximum=maximum)
    touched = any(is_count(row) and isinstance(row.value, Masked) for row in rows)
    shown: dict[str, set[float]] = {}
    withheld: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in rows:
        if is_count(row) and isinstance(row.value, Summary):
            shown.setdefault(row.group, set()).add(row.value.value)
        elif is_count(row) and key_of(result, row) in known:
            withheld.setdefault((row.topic.split(",")[0], row.group), []).append(known[key_of(result, row)])
    rows = [_mask_beside(row, shown.get(row.group, set()) if touched else None, maximum=maximum) for row in rows]
    notes = [*result.notes]
    if any(isinstance(row.value, Masked) for row in rows):
        notes.append(_note(maximum))
    if any(curve.kind == "step" for curve in result.curves):
        notes.append(_coarse_note(maximum))
    if stacks(result.curves):
        notes.append(_parts_note(maximum))
    now = result.model_copy(update={"rows": tuple(rows)})
    curves = _mask_curves(now, withheld, _ever(now, known, maximum=maximum), maximum=maximum)
    return now.model_copy(update={"curves": curves, "notes": tuple(dict.fromkeys(notes))})


def _mask_curves(
    result: Result,
    withheld: Mapping[tuple[str, str], Sequence[tuple[int, int]]],
    ever: Mapping[str, Mapping[tuple[str, str], tuple[int, int]]],
    *,
    maximum: int,
) -> tuple[Curve, ...]:
    """Return the curves of a Result whose rows are masked. One that says so has been through this: see the notes."""
    coarse, in_parts = (note(maximum) in result.notes for note in (_coarse_note, _parts_note))
    gone = {(row.topic, row.group) for row in result.rows if isinstance(row.value, Masked)}
    out: list[Curve | None] = []
    drawn: dict[str, tuple[Curve, ...]] = {}
    for group, stack in stacks(result.curves).items():
        drawn[group] = stack if in_parts else coarse_stack(stack, ever.get(group, {}), maximum=maximum)
    for curve in result.curves:
        persons, events = (withheld.get((topic, curve.group), ()) for topic in ("Persons", "Events"))
        if curve.name.startswith(PREFIX):
            shown = next((c for c in drawn[curve.group] if c.name == curve.name), None)
            out.append(mask_counts(shown, persons, events, maximum=maximum) if shown is not None else None)
            continue
        if not curve.at_risk and (curve.name, curve.group) in gone:
            continue
        shorter = cut(mask_counts(curve, persons, events, maximum=maximum), maximum=maximum)
        if shorter is not None and shorter.kind == "step" and not coarse:
            shorter = _coarsened(shorter, result, maximum=maximum)
        out.append(shorter)
    return tuple(curve for curve in out if curve is not None)


def _coarsened(curve: Curve, result: Result, *, maximum: int) -> Curve | None:
    if curve.name not in MEAN_NUMBERS:
        return coarsen(curve, least=maximum + 1)
    (value,) = (
        r.value
        for r in result.rows
        if is_count(r) and r.topic == MEAN_NUMBERS[curve.name] and (r.level, r.group) == ("yes", curve.group)
    )
    persons = int(value.value) if isinstance(value, Summary) else None
    return coarsen_repeated(curve, persons, least=maximum + 1)


def _ever(
    result: Result, known: Mapping[Key, tuple[int, int]], *, maximum: int
) -> dict[str, dict[tuple[str, str], tuple[int, int]]]:
    """Return by group what a reader can think possible of the masked counts of persons who were in states."""
    found: dict[str, dict[tuple[str, str], tuple[int, int]]] = {}
    for row in result.rows:
        kind = {"Persons who were ever in": "ever", "Last state": "last"}.get(row.topic)
        if kind is not None and is_count(row) and isinstance(row.value, Masked):
            low, high = (1, maximum) if row.value == SMALL else known[key_of(result, row)]
            before = found.setdefault(row.group, {}).get((kind, row.level), (low, high))
            found[row.group][kind, row.level] = (min(low, before[0]), max(high, before[1]))
    return found


def _mask_rest_of_whole(rows: Sequence[Row], before: Result) -> list[Row]:
    """Mask one more of the mean times of a group where some are masked that were not: together they are the rest.

    It is the shortest of those that stay, which speaks of more than a few persons. What was masked before stays so.
    """
    out = list(rows)
    was = {row.group for row in before.rows if _is_mean_time(row) and isinstance(row.value, Masked)}
    masked = {row.group for row in rows if _is_mean_time(row) and isinstance(row.value, Masked)}
    for group in sorted(masked - was):
        own = [
            (row.value.value, place)
            for place, row in enumerate(rows)
            if _is_mean_time(row) and row.group == group and isinstance(row.value, Estimate)
        ]
        for _, place in sorted(own)[:1]:
            out[place] = out[place].model_copy(update={"value": RESTS})
    return out


def _is_mean_time(row: Row) -> bool:
    return row.topic == _MEAN_TIME and row.statistic == "restricted mean"


def _note(maximum: int) -> str:
    return f"Counts of 1 to {maximum} are masked, and so are numbers from which they could be worked out."


def _coarse_note(maximum: int) -> str:
    return (
        f"Curves are drawn in steps of at least {maximum + 1} events, at their mean time, and end where fewer than "
        f"{maximum + 1} persons are at risk; the numbers in the tables come from the curve without this."
    )


def _parts_note(maximum: int) -> str:
    return (
        f"Probabilities of states are drawn in parts of at least {maximum + 1} persons: bands are off by less than one "
        f"part, a state of fewer may not show, and they end where fewer than half are followed or parts too few."
    )


def _mask_count(row: Row, cell: Cell) -> Row:
    if cell.mark == "published" or isinstance(row.value, Masked):
        return row
    return row.model_copy(update={"value": SMALL if cell.mark == "small" else WITHHELD})


def _mask_resting(rows: Sequence[Row], before: Result, *, maximum: int) -> list[Row]:
    """Mask what rests on masked numbers, and what rests on that, until nothing changes."""
    counted = {row.id: row.value.value for row in before.rows if is_count(row) and isinstance(row.value, Summary)}
    small = {name for name, number in counted.items() if 1 <= number <= maximum}
    now = list(rows)
    while True:
        masked = {row.id for row in now if isinstance(row.value, Masked)}
        few = {row.id for row in now if row.value == SMALL} | small | {r.id for r in now if r.value == RESTS}
        following = [
            row.model_copy(update={"value": RESTS})
            if not isinstance(row.value, Masked)
            and not is_count(row)
            and set(row.rests_on) & (few if _gives_no_count_back(row) else masked)
            else row
            for row in now
        ]
        if following == now:
            return now
        now = following


def _gives_no_count_back(row: Row) -> bool:
    # a mean number of events is their number over that of persons
    return row.statistic in _GIVES_NO_COUNT_BACK and not row.topic.startswith("Mean number of ")


def _mask_beside(row: Row, shown: set[float] | None, *, maximum: int) -> Row:
    """Leave n and events of an estimate out where they are small, or tell more than the counts that are shown.

    shown: published counts of the same group, if any count of the Result is masked.
    """
    number = row.value
    if not isinstance(number, Estimate):
        return row
    n, events = number.n, number.events
    if n is not None and events is not None and 1 <= n - events <= maximum:
        events = None
    n, events = (
        None if x is None or 1 <= x <= maximum or (shown is not None and x != 0 and x not in shown) else x
        for x in (n, events)
    )
    return row.model_copy(update={"value": number.model_copy(update={"n": n, "events": events})})
