"""Whatever the table, a reader who tries every possibility cannot tell a masked count, and masking is stable."""

from __future__ import annotations

from itertools import product
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyses import state_masking
from analyses.disclosure import SMALL, mask
from analyses.result import Curve, Masked, Provenance, Result, Row, Summary, Total

MAXIMUM = 4
ROOM = 9
"""How far above the truth the reader looks: more possibilities only help to hide."""
# One count in three is zero or small, as in a registry cut into centres and arms.
COUNT = st.one_of(st.integers(0, MAXIMUM), st.integers(0, 12), st.integers(5, 60))
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def number_id(topic: str) -> str:
    return f"{topic}||all|count|"


def result(counts: dict[str, int], sums: list[tuple[str, list[str]]], name: str = "n") -> Result:
    rows = tuple(Row(topic=topic, statistic="count", value=Summary(value=number)) for topic, number in counts.items())
    totals = tuple(Total(total=number_id(t), parts=tuple(number_id(p) for p in parts)) for t, parts in sums)
    origin = Provenance(snapshot="s", data_cut="2026-06-30", cohort="incident 0", software={})
    return Result(name=name, title="", question="", rows=rows, totals=totals, provenance=origin)


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, int], list[tuple[str, list[str]]], list[str]]:
    """Return counts with margins in two directions, the sums, and the names of the inner cells."""
    height, width = draw(st.sampled_from([(1, 2), (1, 3), (2, 2), (2, 3)]))
    inner = [[f"cell {i} {j}" for j in range(width)] for i in range(height)]
    counts = {name: draw(COUNT) for line in inner for name in line}
    sums: list[tuple[str, list[str]]] = []
    for i, line in enumerate(inner):
        sums.append((f"row {i}", line))
    if height > 1:
        sums += [(f"column {j}", [line[j] for line in inner]) for j in range(width)]
        sums.append(("all", [f"row {i}" for i in range(height)]))
        sums.append(("all", [f"column {j}" for j in range(width)]))
    for total, parts in sums:
        counts[total] = sum(counts[part] for part in parts)
    return counts, sums, [name for line in inner for name in line]


@st.composite
def overlapping(draw: st.DrawFn) -> tuple[dict[str, int], list[tuple[str, list[str]]], list[str]]:
    """Return counts and sums over any of them, as tables cut in several ways have."""
    inner = [f"cell {i}" for i in range(draw(st.integers(2, 4)))]
    counts = {name: draw(COUNT) for name in inner}
    subsets = draw(st.lists(st.sets(st.sampled_from(inner), min_size=2), max_size=3, unique_by=frozenset))
    sums = [(f"sum {i}", sorted(parts)) for i, parts in enumerate(subsets)]
    for total, parts in sums:
        counts[total] = sum(counts[part] for part in parts)
    return counts, sums, inner


TABLES = st.one_of(tables(), overlapping())


def domain(value: Summary | Masked, truth: int) -> range:
    if isinstance(value, Summary):
        return range(int(value.value), int(value.value) + 1)
    return range(1, MAXIMUM + 1) if value == SMALL else range(1, truth + ROOM)


def possibilities(
    masked: Result, counts: dict[str, int], sums: list[tuple[str, list[str]]], inner: list[str]
) -> dict[str, set[int]]:
    """Return every value that each count can have, by trying all inner cells."""
    values = {row.topic: row.value for row in masked.rows}
    found: dict[str, set[int]] = {name: set() for name in counts}
    for numbers in product(*(domain(values[name], counts[name]) for name in inner)):  # type: ignore[arg-type]
        table = dict(zip(inner, numbers, strict=True))
        for total, parts in sums:
            number = sum(table[part] for part in parts)
            value = values[total]
            fits = number in domain(value, 10**6) if isinstance(value, Summary) or value == SMALL else number >= 1
            if not fits or table.get(total, number) != number:
                break
            table[total] = number
        else:
            for name, number in table.items():
                found[name].add(number)
    return found


@FEW
@given(TABLES)
def test_a_reader_who_tries_everything_cannot_tell_a_masked_count(
    table: tuple[dict[str, int], list[tuple[str, list[str]]], list[str]],
) -> None:
    counts, sums, inner = table
    masked = mask([result(counts, sums)], maximum=MAXIMUM)[0]
    values = {row.topic: row.value for row in masked.rows}
    found = possibilities(masked, counts, sums, inner)
    for name, number in counts.items():
        assert number in found[name], "the reader must at least find the truth"
        if values[name] == SMALL:
            assert 1 <= number <= MAXIMUM
            assert min(found[name]) == 1
            assert max(found[name]) == MAXIMUM
        elif isinstance(values[name], Masked):
            assert max(found[name]) - min(found[name]) + 1 >= MAXIMUM
        else:
            assert values[name] == Summary(value=number)
            assert not 1 <= number <= MAXIMUM


@FEW
@given(TABLES)
def test_masking_again_changes_nothing_and_zero_stays(
    table: tuple[dict[str, int], list[tuple[str, list[str]]], list[str]],
) -> None:
    counts, sums, _ = table
    once = mask([result(counts, sums)], maximum=MAXIMUM)
    assert mask(once, maximum=MAXIMUM) == once
    assert all(row.value == Summary(value=0) for row in once[0].rows if counts[row.topic] == 0)


@FEW
@given(st.lists(TABLES, min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_results_rows_and_sums_does_not_matter(
    several: list[tuple[dict[str, int], list[tuple[str, list[str]]], list[str]]], random: object
) -> None:
    parts = [result(counts, sums, name=f"n{i}") for i, (counts, sums, _) in enumerate(several)]
    shuffled = []
    for part in parts:
        rows, totals = list(part.rows), list(part.totals)
        random.shuffle(rows)  # type: ignore[attr-defined]
        random.shuffle(totals)  # type: ignore[attr-defined]
        shuffled.append(part.model_copy(update={"rows": tuple(rows), "totals": tuple(totals)}))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = {(r.name, row.id): row.value for r in mask(parts, maximum=MAXIMUM) for row in r.rows}
    second = {(r.name, row.id): row.value for r in mask(shuffled, maximum=MAXIMUM) for row in r.rows}
    assert first == second


Paths = list[tuple[int, int, int]]


@st.composite
def paths(draw: st.DrawFn) -> Paths:
    """Return how many of the same persons are in the first state, in another and dead, at month 0 and two later ones.

    Nobody is censored, so that each probability is a number of persons over all.
    """
    n = draw(st.integers(15, 30))
    dead = sorted(draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))
    left = sorted(draw(st.tuples(st.integers(dead[0], n), st.integers(dead[1], n))))
    return [(n, 0, 0), *((n - there, there - gone, gone) for there, gone in zip(left, dead, strict=True))]


def drawn(path: Paths) -> tuple[tuple[float, ...], ...]:
    """Return what is published of the probabilities: all persons are said to be at risk, to leave nothing out."""
    n = sum(path[0])
    months = tuple(3.0 * place for place in range(len(path)))
    shares = (tuple(number / n for number in counts) for counts in zip(*path, strict=True))
    curves = tuple(
        Curve(
            name=f"Probability of state: {state}", group="ivig", kind="line", unit="probability", month=months,
            value=values, low=values, high=values, at_risk_month=months, at_risk=(n,) * len(path),
        )
        for state, values in zip("abc", shares, strict=True)
    )  # fmt: skip
    empty = result({}, []).model_copy(update={"curves": curves})
    with mock.patch.object(state_masking, "LEAST_PARTS", 3):  # the rule must hold for the coarsest figures too
        masked = mask([empty], maximum=MAXIMUM)[0]
    return tuple(tuple(round(v, 9) for v in curve.value) for curve in masked.curves)


@FEW
@given(paths())
def test_a_reader_who_tries_every_path_cannot_tell_a_few_persons_from_a_figure_of_states(path: Paths) -> None:
    n, seen = sum(path[0]), drawn(path)
    assert len(seen) == 3
    assert all(abs(sum(shares) - 1) < 1e-9 for shares in zip(*seen, strict=True))
    all_states = [(n - b - c, b, c) for b in range(n + 1) for c in range(n + 1 - b)]
    # a month is drawn by itself: what could have been at it, and then what could have been before and after
    published = {state: tuple(shares[1] for shares in drawn([(n, 0, 0), state, state])) for state in all_states}
    first, second = (
        [state for state in all_states if published[state] == tuple(shares[place] for shares in seen)]
        for place in (1, 2)
    )
    possible = [(a, b) for a in first for b in second if a[0] >= b[0] and a[2] <= b[2]]
    assert (path[1], path[2]) in possible, "the reader must at least find the truth"
    for month in (0, 1):
        for state in range(3):
            found = {both[month][state] for both in possible}
            assert max(found) - min(found) + 1 >= MAXIMUM
            assert not found <= set(range(1, MAXIMUM))
    for state in range(3):
        # that somebody moved between two months may show, who moved alone does not
        changes = {after[state] - before[state] for before, after in possible}
        assert len(changes) >= MAXIMUM
