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
   tell of a withheld count. A curve is cut where few are at risk, and its steps hold several events each.

5. A "number" is of rules, files, limits or empty fields, not of persons: it is masked only with a count on which it
   rests.

What stays known: that a curve was drawn at all, how precise an estimate is, and where an exact quartile lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.curve_masking import coarsen, cut, mask_counts
from analyses.deduction import ContradictionError, contradictions, ranges
from analyses.relations import cells_of, is_count, key_of, network_of
from analyses.result import Estimate, Masked, Summary
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
    "intraclass correlation",
}  # fmt: skip


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
    curves = _mask_curves(result, withheld, maximum=maximum)
    return result.model_copy(update={"rows": tuple(rows), "curves": curves, "notes": tuple(dict.fromkeys(notes))})


def _mask_curves(
    result: Result, withheld: Mapping[tuple[str, str], Sequence[tuple[int, int]]], *, maximum: int
) -> tuple[Curve, ...]:
    out = []
    for curve in result.curves:
        persons, events = (withheld.get((topic, curve.group), ()) for topic in ("Persons", "Events"))
        shorter = cut(mask_counts(curve, persons, events, maximum=maximum), maximum=maximum)
        # A Result that says so has been through this; its steps stand for several events each already.
        if shorter is not None and shorter.kind == "step" and _coarse_note(maximum) not in result.notes:
            shorter = coarsen(shorter, least=maximum + 1)
        out.append(shorter)
    return tuple(curve for curve in out if curve is not None)


def _note(maximum: int) -> str:
    return f"Counts of 1 to {maximum} are masked, and so are numbers from which they could be worked out."


def _coarse_note(maximum: int) -> str:
    return (
        f"Curves are drawn in steps of at least {maximum + 1} events, at their mean time, and end where fewer than "
        f"{maximum + 1} persons are at risk; the numbers in the tables come from the curve without this."
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
            and set(row.rests_on) & (few if row.statistic in _GIVES_NO_COUNT_BACK else masked)
            else row
            for row in now
        ]
        if following == now:
            return now
        now = following


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
