"""Which counts are one and the same, and which lie within others: what a reader knows beyond the sums of a Result.

The names are those of the questions, as the first lines of each module list them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from analyses.deduction import Cell, Network, Sum
from analyses.result import ALL, Masked, Summary
from analyses.tabulate import COHORT, MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from analyses.deduction import Key
    from analyses.result import Result, Row

    Within = tuple[Key, Key, str]

SENSITIVITY = "_all_users"
"""A Result of this ending repeats another with prevalent users too, so that its counts contain those of the other."""
CHEAP = 0.001
"""A sensitivity analysis gives way before the primary one."""
_OF_THE_REGISTRY = ("Persons registered", "Rows accepted", "Rows in quarantine")
"""Counts of everybody, whatever the cohort: "accrual" and "quality" have them both."""
_PERSONS_AND_EVENTS = (
    ("Persons with a serious infection", "Serious infections"),
    ("Persons with a thromboembolic event", "Thromboembolic events"),
)
MEAN_NUMBERS = {
    "Mean number of serious infections": "Persons with a serious infection",
    "Mean number of thromboembolic events": "Persons with a thromboembolic event",
}
"""Curves of events that come again, with the persons who had one."""
_BY_MONTH = ("Events", "Serious infections", "Thromboembolic events", "Persons who were ever in", "Death first")
"""Counts by a month, which are among those by a later month and among all."""
_ENDED_BY_DEATH = ("Censored", "death")
"""Topic and level of all whose death came first, whatever the month."""
BEFORE_TIME_ZERO = {
    "trajectory_ldh": "LDH",
    "trajectory_ck": "CK",
    "trajectory_aldolase": "Aldolase",
    "trajectory_mmt8": "MMT8",
    "trajectory_haq": "HAQ",
    "trajectory_phga": "Physician global activity",
    "sparing": "Prednisone",
}
"""Results about what is measured again and again, with the topic of "baseline" that counts who has a first value."""
_MAJOR_IN_MODERATE_IN_MINIMAL = (
    ("Events, major response", "Events"), ("Events", "Events, minimal response"),
)  # fmt: skip


def is_count(row: Row) -> bool:
    """Return whether a row is a count that is published or masked."""
    return row.statistic == "count" and isinstance(row.value, Summary | Masked)


def key_of(result: Result, row: Row) -> Key:
    """Return the name of a count over all Results: those of one name are one count."""
    name, number = result.name, row.id
    if _is_cohort_size(row):
        name = "every result"
    elif result.name in {"accrual", "quality"} and row.topic in _OF_THE_REGISTRY:
        return f"{result.provenance.snapshot}, the registry: {number}"
    elif result.name == "centres" and row.group == ALL and row.level:
        name, number = "response", f"{row.topic}|{'analysed' if row.topic == 'Persons' else ''}|{row.level}|count|"
    elif result.name in BEFORE_TIME_ZERO and (row.topic, row.level) == ("Persons", "without a baseline value"):
        name, number = "baseline", f"{BEFORE_TIME_ZERO[result.name]}|{MISSING}|{row.group}|count|"
    elif result.name == "sequence" and row.topic == "Last state" and row.level == "dead":
        name, number = "safety", f"Deaths||{row.group}|count|"
    return f"{result.provenance.snapshot}, {result.provenance.cohort}, {name}: {number}"


def _is_cohort_size(row: Row) -> bool:
    return row.topic == "Persons" and row.level == COHORT and row.month is None


def cells_of(results: Iterable[Result], *, maximum: int) -> dict[Key, Cell]:
    """Return every count as a reader sees it once those of 1 to maximum are masked.

    Raises ValueError if one count has two values, or is no count.
    """
    seen: dict[Key, list[Row]] = {}
    cheap: set[Key] = set()
    for result in results:
        for row in result.rows:
            if is_count(row):
                key = key_of(result, row)
                seen.setdefault(key, []).append(row)
                if result.name.endswith(SENSITIVITY):
                    cheap.add(key)
    return {
        key: _cell(key, rows, maximum=maximum, factor=CHEAP if key in cheap else 1.0)
        for key, rows in sorted(seen.items())
    }


def _cell(key: Key, rows: Sequence[Row], *, maximum: int, factor: float) -> Cell:
    numbers = {row.value.value for row in rows if isinstance(row.value, Summary)}
    if len(numbers) > 1 or any(number < 0 or number != int(number) for number in numbers):
        text = f"{key} is one count, and its value is {' or '.join(f'{n:g}' for n in sorted(numbers))}"
        raise ValueError(text)
    marks = [row.value for row in rows if isinstance(row.value, Masked)]
    if marks:
        return Cell(mark="small" if Masked() in marks else "withheld")
    number = int(numbers.pop())
    if 1 <= number <= maximum:
        return Cell(mark="small")
    return Cell(mark="published", number=number, cost=number * factor, anchor=_is_cohort_size(rows[0]))


def network_of(results: Sequence[Result], cells: Mapping[Key, Cell]) -> tuple[dict[Key, Cell], Network]:
    """Return the cells that nobody prints, and every sum that a reader can write down.

    A count within another leaves a complement: "implied" where it counts persons of a kind (it is protected like a
    printed count), "slack" where only the order of the two is known.
    """
    sums: list[Sum] = []
    for result in results:
        names = _names(result)
        sums += [
            Sum(total=names[total.total], parts=tuple(names[part] for part in total.parts))
            for total in result.totals
            if {total.total, *total.parts} <= set(names)
        ]
    told = {(s.total, part) for s in sums for part in s.parts}
    hidden: dict[Key, Cell] = {}
    for inner, outer, mark in _within(results):
        if inner in cells and outer in cells and inner != outer and (outer, inner) not in told:
            rest = f"{mark}: {outer} less {inner}"
            hidden[rest] = Cell(mark="implied" if mark == "implied" else "slack")
            sums.append(Sum(total=outer, parts=(inner, rest)))
    return hidden, Network(sums=tuple(dict.fromkeys(sums)))


def _names(result: Result) -> dict[str, Key]:
    return {row.id: key_of(result, row) for row in result.rows if is_count(row)}


def _within(results: Sequence[Result]) -> Iterator[Within]:
    by_name = {(result.provenance.snapshot, result.name): result for result in results}
    for result in results:
        names = _names(result)
        yield from _shares(result, names)
        yield from _by_month(result, names)
        # A prevalent user with a minimal response before enrolment is not among those analysed for it, but may have the
        # moderate one after: there the one count does not lie within the other.
        for inner, outer in () if result.name.endswith(SENSITIVITY) else _MAJOR_IN_MODERATE_IN_MINIMAL:
            yield from _renamed(result, result, inner, outer, "slack")
        for inner, outer in _PERSONS_AND_EVENTS:
            yield from _renamed(result, result, inner, outer, "slack", level=("yes", ""))
        if result.name == "sequence":
            yield from _states(result, by_name.get((result.provenance.snapshot, "response")))
        wider = by_name.get((result.provenance.snapshot, result.name + SENSITIVITY))
        if wider is not None:
            yield from ((key, key_of(wider, row), "implied") for row, key in _in_both(result, wider))
        accrual = by_name.get((result.provenance.snapshot, "accrual"))
        if result.name == "centres" and accrual is not None:
            yield from _renamed(result, accrual, "Persons", "Persons in the cohort", "slack")


def _shares(result: Result, names: Mapping[str, Key]) -> Iterator[Within]:
    """Yield parts and wholes: a percentage that rests on two counts is that of the first in the second."""
    for row in result.rows:
        if row.statistic == "percent" and len(row.rests_on) == 2 and set(row.rests_on) <= set(names):  # noqa: PLR2004
            part, whole = row.rests_on
            yield names[part], names[whole], "implied"


def _by_month(result: Result, names: Mapping[str, Key]) -> Iterator[Within]:
    """Yield counts by a month, which are among those by a later month and among all."""
    counted: dict[tuple[str, str, str], list[tuple[float, str]]] = {}
    for row in result.rows:
        topic, comma, outcome = row.topic.partition(",")
        month = float("inf") if row.month is None else row.month
        if is_count(row) and topic in _BY_MONTH:
            counted.setdefault((row.topic, row.level, row.group), []).append((month, row.id))
        elif is_count(row) and (topic, row.level) == _ENDED_BY_DEATH:
            counted.setdefault((f"Death first{comma}{outcome}", "", row.group), []).append((month, row.id))
    for months in counted.values():
        ordered = sorted(months)
        for (_, inner), (_, outer) in pairwise(ordered):
            yield names[inner], names[outer], "slack"


def _states(sequence: Result, response: Result | None) -> Iterator[Within]:
    """Yield the dead by the horizon, who are among all dead, and who was in response, among who responded."""
    dead = {
        row.group: key_of(sequence, row)
        for row in sequence.rows
        if is_count(row) and row.id.endswith("|count|") and row.topic == "Last state" and row.level == "dead"
    }
    responded = (
        {
            row.group: key_of(response, row)
            for row in response.rows
            if is_count(row) and row.topic == "Events" and not row.level and row.month is None
        }
        if response is not None
        else {}
    )
    for row in sequence.rows:
        if is_count(row) and row.topic == "Persons who were ever in":
            whole = (
                dead if row.level == "dead" else responded if row.level == "in response" and row.month is None else {}
            )
            if row.group in whole:
                yield key_of(sequence, row), whole[row.group], "slack"


def _renamed(
    inner: Result, outer: Result, topic: str, outer_topic: str, mark: str, *, level: tuple[str, str] | None = None
) -> Iterator[Within]:
    """Yield counts of one topic with those of another topic that contain them, of the same group and month.

    level: the levels of the two; None: the same.
    """
    known = {row.id: row for row in outer.rows if is_count(row)}
    for row in inner.rows:
        if is_count(row) and row.topic == topic and (level is None or row.level == level[0]):
            renamed = {"topic": outer_topic, "level": row.level if level is None else level[1]}
            other = known.get(row.model_copy(update=renamed).id)
            if other is not None:
                yield key_of(inner, row), key_of(outer, other), mark


def _in_both(result: Result, wider: Result) -> Iterator[tuple[Row, Key]]:
    known = {row.id: row for row in wider.rows if is_count(row)}
    for row in result.rows:
        if is_count(row) and row.id in known:
            yield known[row.id], key_of(result, row)
