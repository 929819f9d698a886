"""What is found does not depend on the order of rows, and no rule fails on what it does not test."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.checking.catalogue import catalogue, status
from registry.checking.checks import check
from registry.checking.conditions import conditions_of
from registry.checking.harmonise import parsed, staging_sql
from registry.checking.limits_by_code import create_limit_tables
from registry.contract import Column, Table, contract
from registry.intake.submission import read_submission
from registry.keeping.database import open_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.checking.checks import CheckedSubmission

    Rows = dict[str, list[Mapping[str, str]]]

FEW = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
DATES = st.sampled_from(["2018-11-01", "2019-02-01", "2020-03-01", "2025-01-02", "2026-06-30", "2031-01-01", "x"])
NUMBERS = st.sampled_from(["0", "1", "2.5", "60", "80", "150", "500", "1000", "99999", "1e3"])
PERSONS = st.sampled_from(["P1", "P2", "P3"])


def _values(column: Column) -> st.SearchStrategy[str]:
    if column.name == "patient_id":
        return PERSONS
    good = {"date": DATES, "integer": NUMBERS, "decimal": NUMBERS}.get(column.type)
    if column.type == "code":
        good = st.sampled_from([*column.allowed(), "?"])
    return st.one_of(st.just(""), good if good is not None else st.just("text"))


def _rows(table: Table, *, most: int = 5) -> st.SearchStrategy[list[dict[str, str]]]:
    row = st.fixed_dictionaries({c.name: _values(c) for c in table.columns if not c.optional})
    return st.lists(row, max_size=most)


SUBMISSIONS = st.fixed_dictionaries({name: _rows(table) for name, table in contract().items()})


def _checked(write_submission: Callable[..., Path], rows: Rows) -> CheckedSubmission:
    with tempfile.TemporaryDirectory() as folder:
        return check(read_submission(write_submission(Path(folder) / "lyon-2026-06-30", rows)))


def _with(good: Mapping[str, Sequence[Mapping[str, str]]], more: Mapping[str, Sequence[Mapping[str, str]]]) -> Rows:
    return {name: [*good[name], *more[name]] for name in good}


def _contents(checked: CheckedSubmission) -> list[tuple[str, str, str]]:
    return sorted((row["table_name"], row["rules"], row["content"]) for row in checked.quarantine.to_pylist())


@FEW
@given(more=SUBMISSIONS, random=st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_finding(
    write_submission: Callable[..., Path], good_rows: Rows, more: Rows, random: Any
) -> None:
    rows = _with(good_rows, more)
    turned = {name: random.sample(values, len(values)) for name, values in rows.items()}
    one, two = _checked(write_submission, rows), _checked(write_submission, turned)
    assert one.results.to_pylist() == two.results.to_pylist()
    assert _contents(one) == _contents(two)
    assert (one.rejects, one.questions, one.waiting, one.accepted) == (
        two.rejects,
        two.questions,
        two.waiting,
        two.accepted,
    )


@FEW
@given(more=SUBMISSIONS)
def test_no_rule_fails_more_often_than_it_tests_and_every_failure_is_kept(
    write_submission: Callable[..., Path], good_rows: Rows, more: Rows
) -> None:
    checked = _checked(write_submission, _with(good_rows, more))
    held: dict[str, int] = {}
    for row in checked.quarantine.to_pylist():
        for rule in row["rules"].split(","):
            held[rule] = held.get(rule, 0) + 1
    for row in checked.queries.to_pylist():
        held[row["rule"]] = held.get(row["rule"], 0) + 1
    for row in checked.results.to_pylist():
        assert row["tested"] >= row["failed"] >= 0, row["rule"]
        assert held.get(row["rule"], 0) == row["failed"], row["rule"]
        assert status(row["tested"], row["failed"]) in {"passed", "failed", "not applicable"}
    assert set(held) <= {rule.id for rule in catalogue()}


@pytest.mark.parametrize("name", sorted(contract()))
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_a_row_that_breaks_a_contract_check_is_one_that_the_check_tests(name: str, data: st.DataObject) -> None:
    # Otherwise the break would be lost: a check whose `holds` is about empty values must say itself what it applies to.
    table = contract()[name]
    tables = {other: data.draw(_rows(contract()[other], most=12)) for other in {name, "patient", "follow_up"}}
    by_rule = {condition.rule: condition for condition in conditions_of(table)}
    with open_memory() as connection:
        create_limit_tables(connection)
        for other, rows in tables.items():
            names = ["line", "at", *contract()[other].names]
            text = [[n, n, *(row.get(c) or None for c in names[2:])] for n, row in enumerate(rows)]
            types = [pa.int64(), pa.int64(), *(pa.string() for _ in names[2:])]
            columns = [pa.array([row[i] for row in text], kind) for i, kind in enumerate(types)]
            connection.register("sent", pa.table(columns, names=names))
            connection.execute(f'CREATE TABLE "{other}" AS {staging_sql(contract()[other], {}, source="sent")}')
            connection.unregister("sent")
        for other in ("patient", "follow_up"):
            connection.execute(f"CREATE TABLE accepted_{other} AS SELECT DISTINCT ON (patient_id) * FROM {other}")
        connection.execute('CREATE TABLE sent_patient AS SELECT DISTINCT "patient_id$text" AS patient_id FROM patient')
        for one in (each for each in table.checks if not each.applies):
            condition = by_rule[one.id]
            readable = " AND ".join(
                f'(row."{c}$text" IS NULL OR row."{parsed(table[c])}" IS NOT NULL)' for c in one.columns
            )
            lost = connection.execute(
                f"SELECT count(*) FROM {condition.source} WHERE NOT ({one.holds}) AND {readable} "
                f"AND ({condition.applies}) IS NOT TRUE"
            ).fetchall()
            assert lost == [(0,)], one.id
