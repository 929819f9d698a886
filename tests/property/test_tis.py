"""The total improvement score in SQL against the published table, worked in fractions, for arbitrary patients."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.concepts import derive, prepare
from registry.contract import contract, create_table, snapshot_columns
from registry.rules import load_rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Written down again from the published table (domain 2.1), so that a slip in rules.toml shows.
BANDS: Mapping[str, Sequence[tuple[int | None, str]]] = {
    "phga": [(5, "0"), (15, "7.5"), (25, "15"), (40, "17.5"), (None, "20")],
    "ptga": [(5, "0"), (15, "2.5"), (25, "5"), (40, "7.5"), (None, "10")],
    "mmt8": [(2, "0"), (10, "10"), (20, "20"), (30, "27.5"), (None, "32.5")],
    "haq": [(5, "0"), (15, "5"), (25, "7.5"), (40, "7.5"), (None, "10")],
    "enzyme": [(5, "0"), (15, "2.5"), (25, "5"), (40, "7.5"), (None, "7.5")],
    "exga": [(5, "0"), (15, "7.5"), (25, "12.5"), (40, "15"), (None, "20")],
}
ENZYMES = {"CK": 15, "aldolase": 6, "LDH": 3, "AST": 3, "ALT": 3}  # in the order in which they win a tie
TIME_ZERO, FOLLOW_UP = date(2020, 3, 1), date(2020, 6, 1)

Person = dict[str, Any]

# Coarse steps put many changes exactly on a cut, and a millionth puts some just beside it.
vas = st.none() | st.integers(0, 100).map(lambda tenths: Decimal(tenths) / 10)
haq = st.none() | st.integers(0, 24).map(lambda eighths: Decimal(eighths) / 8)
mmt8 = st.none() | st.sampled_from([80, 150]).flatmap(lambda top: st.tuples(st.integers(0, top), st.just(top)))
enzyme = st.none() | st.builds(
    lambda twentieths, beside, uln: (uln * twentieths / 20 + Decimal(beside) / 10**6, uln),
    st.integers(1, 400) | st.integers(19, 21),
    st.sampled_from([-1, 0, 0, 0, 1]),
    st.sampled_from([Decimal(text) for text in ("7.5", "40", "200", "246", "460", "0.6")]),
)
side = st.fixed_dictionaries(
    {"phga": vas, "ptga": vas, "exga": vas, "haq": haq, "mmt8": mmt8, **dict.fromkeys(ENZYMES, enzyme)}
)
person = st.fixed_dictionaries({"before": side, "after": side})


def _points(measure: str, improvement: Fraction) -> Decimal:
    percent = 100 * improvement
    return next(Decimal(points) for upto, points in BANDS[measure] if upto is None or percent <= upto)


def _multiple(sample: tuple[Decimal, Decimal]) -> Fraction:
    return Fraction(sample[0]) / Fraction(sample[1])


def _expected(one: Person) -> dict[str, Any]:
    before, after = one["before"], one["after"]
    points: dict[str, Decimal | None] = dict.fromkeys(BANDS)
    for measure, length in (("phga", 10), ("ptga", 10), ("exga", 10), ("haq", 3)):
        if before[measure] is not None and after[measure] is not None:
            points[measure] = _points(measure, (Fraction(before[measure]) - Fraction(after[measure])) / length)
    if before["mmt8"] and after["mmt8"] and before["mmt8"][1] == after["mmt8"][1]:
        points["mmt8"] = _points("mmt8", Fraction(after["mmt8"][0] - before["mmt8"][0], before["mmt8"][1]))
    known = [name for name in ENZYMES if before[name]]
    chosen = max(known, key=lambda name: _multiple(before[name]), default=None)  # max keeps the first of equals
    if chosen and after[chosen]:
        gain = _multiple(before[chosen]) - _multiple(after[chosen])
        points["enzyme"] = _points("enzyme", gain / ENZYMES[chosen])
    low = sum((p for p in points.values() if p is not None), Decimal(0))
    high = low + sum((Decimal(BANDS[m][-1][1]) for m, p in points.items() if p is None), Decimal(0))
    return {
        **{f"points_{measure}": value for measure, value in points.items()},
        "enzyme": chosen,
        "tis": low if low == high else None,
        "tis_low": low,
        "tis_high": high,
    }


def _rows(people: Sequence[Person]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    visits, samples = [], []
    for i, one in enumerate(people):
        for day, name in ((TIME_ZERO, "before"), (FOLLOW_UP, "after")):
            values = one[name]
            strength, top = values["mmt8"] or (None, None)
            own = {"person_id": f"p{i:03}", "centre": "c", "record": f"{i} {name}", "date": day}
            clinical = {measure: values[measure] for measure in ("phga", "ptga", "exga", "haq")}
            visits.append({**own, **clinical, "mmt8": strength, "mmt_maximum": top})
            samples += [
                {**own, "analyte": analyte, "value": values[analyte][0], "uln": values[analyte][1]}
                for analyte in ENZYMES
                if values[analyte]
            ]
    return visits, samples


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        text = {name: [None if row[name] is None else str(row[name]) for row in rows] for name in rows[0]}
        given_rows = pa.table({name: pa.array(cells, pa.string()) for name, cells in text.items()})
        connection.register("given_rows", given_rows)
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM given_rows")
        connection.unregister("given_rows")


def _scores(
    people: Sequence[Person], visits: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    with duckdb.connect(":memory:") as connection:
        prepare(connection, rules=load_rules(), cut=date(2026, 6, 30))
        for name, table in contract().items():
            connection.execute(create_table(name, snapshot_columns(table)))
        ids = [{"person_id": f"p{i:03}", "sex": "female"} for i in range(len(people))]
        _insert(connection, "patient", ids)
        connection.execute("CREATE TABLE time_zero (person_id VARCHAR, time_zero_date DATE)")
        zero = [{"person_id": one["person_id"], "time_zero_date": TIME_ZERO} for one in ids]
        _insert(connection, "time_zero", zero)
        _insert(connection, "visit", visits)
        _insert(connection, "lab", samples)
        derive(connection, only={"tis"})
        result = connection.execute("SELECT * FROM tis")
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@settings(deadline=None, max_examples=15)
@given(st.lists(person, min_size=1, max_size=40))
def test_the_score_is_that_of_the_published_table_in_fractions(people: list[Person]) -> None:
    visits, samples = _rows(people)
    scores = _scores(people, visits, samples)
    assert len(scores) == len(people)
    for one, score in zip(people, scores, strict=True):
        expected = _expected(one)
        assert {name: score[name] for name in expected} == expected
        named = {name for name in score["missing"].split(", ") if name}
        assert named == {measure for measure in BANDS if expected[f"points_{measure}"] is None}
        assert len([reason for reason in score["missing_reason"].split("; ") if reason]) == len(named)


@settings(deadline=None, max_examples=5)
@given(st.lists(person, min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_score(people: list[Person], random: Any) -> None:
    visits, samples = _rows(people)
    usual = _scores(people, visits, samples)
    random.shuffle(visits)
    random.shuffle(samples)
    assert _scores(people, visits, samples) == usual
