"""Parquet files of pyarrow and pandas: every type that has a text in the contract, and refusals for the others."""

from __future__ import annotations

import datetime as dt
import io
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from registry.checking.checks import check
from registry.contract import contract
from registry.intake import parquet
from registry.intake.parquet import read_parquet
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LAB, EVENT = contract()["lab"], contract()["event"]
DAY = dt.date(2024, 2, 3)
MIDNIGHT = dt.datetime(2024, 2, 3)  # noqa: DTZ001
MORNING = dt.datetime(2024, 2, 3, 10, 30)  # noqa: DTZ001


def lab(**columns: pa.Array) -> bytes:
    """Write a lab table in which the columns that are not given are empty."""
    count = len(next(iter(columns.values())))
    every = {name: columns.get(name, pa.nulls(count, pa.string())) for name in LAB.names}
    return written(pa.table(every))


def written(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def texts(data: bytes, name: str) -> list[str | None]:
    read = read_parquet(data, LAB)
    assert read.rows is not None, read.problems
    assert read.rows.schema.field(name).type == pa.string()
    found: list[str | None] = read.rows[name].to_pylist()
    return found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pa.array(["8.5", "", None, "8.5"]), ["8.5", None, None, "8.5"]),
        (pa.array(["8.5", None], pa.large_string()), ["8.5", None]),
        (pa.array(["8.5", None], pa.string_view()), ["8.5", None]),
        (pa.array(["a", "b", None, "a"]).dictionary_encode(), ["a", "b", None, "a"]),
        (pa.array([812, None, -3], pa.int16()), ["812", None, "-3"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([7.1, 812.0, 0.1 + 0.2, -0.0, None]), ["7.1", "812", "0.3", "0", None]),
        (pa.array([7.1, 812.0, math.nan], pa.float32()), ["7.1", "812", "NaN"]),
        (pa.array([7.5], pa.float16()), ["7.5"]),
        (pa.array([math.nan, math.inf, -math.inf]), ["NaN", "inf", "-inf"]),
        (pa.array([1e300, 1e-7]), ["1E+300", "0.0000001"]),
        (pa.array([Decimal("8.50"), Decimal("0.00"), None]), ["8.5", "0", None]),
        (pa.array([True, False]), ["TRUE", "FALSE"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_numbers_and_texts_are_written_as_the_contract_wants_them(values: pa.Array, found: list[str | None]) -> None:
    assert texts(lab(value=values), "value") == found


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pa.array([DAY, None]), ["2024-02-03", None]),
        (pa.array([DAY], pa.date64()), ["2024-02-03"]),
        (pa.array([MIDNIGHT, MORNING, None], pa.timestamp("ns")), ["2024-02-03", "2024-02-03 10:30:00", None]),
        (pa.array([MIDNIGHT], pa.timestamp("s")), ["2024-02-03"]),
        (pa.array([MIDNIGHT], pa.timestamp("us", tz="UTC")), ["2024-02-03 00:00:00+00:00"]),
        (pa.array(["03/02/2024"]), ["03/02/2024"]),
    ],
)
def test_days_are_written_as_days_and_times_stay(values: pa.Array, found: list[str | None]) -> None:
    assert texts(lab(date=values), "date") == found


def test_a_date_in_another_column_keeps_its_time_and_does_not_pass() -> None:
    assert texts(lab(patient_id=pa.array([DAY])), "patient_id") == ["2024-02-03 00:00:00"]


def test_true_and_false_are_yes_and_no_where_these_are_the_codes() -> None:
    columns = {name: pa.nulls(2, pa.string()) for name in EVENT.names} | {"serious": pa.array([True, False])}
    read = read_parquet(written(pa.table(columns)), EVENT)
    assert read.rows is not None
    assert read.rows["serious"].to_pylist() == ["yes", "no"]


def test_lines_count_from_one_over_row_groups_and_columns_stand_in_any_order() -> None:
    names = ["b", "a", "b", "c", "a"]
    table = pa.table({name: pa.nulls(5, pa.string()) for name in reversed(LAB.names)})
    table = table.set_column(table.column_names.index("patient_id"), "patient_id", pa.array(names))
    read = read_parquet(written(table, row_group_size=2), LAB)
    assert read.rows is not None
    assert read.rows.column_names == ["line", *LAB.names]
    assert read.rows["line"].to_pylist() == [1, 2, 3, 4, 5]
    assert read.rows["patient_id"].to_pylist() == names
    assert (read.count, read.label) == (5, "lab.parquet")


def test_what_pandas_writes_is_taken_in(
    tmp_path: Path, write_submission: Callable[..., Path], good_rows: Mapping[str, Any]
) -> None:
    folder = write_submission(tmp_path / "lyon-2026-06-30")
    for name in good_rows:
        frame = pd.read_csv(folder / f"{name}.csv", dtype={"patient_id": "category"})
        for column in frame.columns:
            if column.endswith("date"):
                frame[column] = pd.to_datetime(frame[column])
        frame.to_parquet(folder / f"{name}.parquet", index=False)
        (folder / f"{name}.csv").unlink()
    submission = read_submission(folder)
    assert submission.problems == ()
    for name, rows in good_rows.items():
        found = submission.tables[name].drop_columns("line").to_pylist()
        assert found == [{c: row.get(c) for c in contract()[name].names} for row in rows]
    assert not [p for p in check(submission).problems if p.severity == "reject"]
    assert submission.label("lab") == "lab.parquet"


def test_nan_is_rejected_in_its_row_and_missing_in_pandas_is_empty() -> None:
    frame = pd.DataFrame({name: [None, None] for name in LAB.names}).assign(value=[np.nan, 8.5])
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    assert texts(file.getvalue(), "value") == [None, "8.5"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([[1.0]]), "list<"),
        (pa.array([{"a": 1}]), "struct<"),
        (pa.array([b"8.5"]), "binary"),
        (pa.array([dt.time(10)]), "time"),
    ],
)
def test_a_column_that_has_no_text_is_refused_by_its_type(values: pa.Array, kind: str) -> None:
    (problem,) = read_parquet(lab(value=values), LAB).problems
    assert (problem.rule, problem.severity, problem.columns) == ("file.type", "reject", ("value",))
    assert kind in problem.message


def test_the_header_is_the_contracts() -> None:
    table = pa.table(
        {name: pa.nulls(1, pa.string()) for name in LAB.names if name != "unit"} | {"units": pa.array([1])}
    )
    problems = read_parquet(written(table), LAB, label="x.parquet").problems
    assert [(p.rule, p.file) for p in problems] == [
        ("file.column_missing", "x.parquet"),
        ("file.column_unknown", "x.parquet"),
    ]


@pytest.mark.parametrize("cut", [0, 3, 4, 100, -1, -9])
def test_a_cut_file_is_a_problem(cut: int) -> None:
    (problem,) = read_parquet(lab(value=pa.array(["8.5"] * 100))[:cut], LAB).problems
    assert (problem.severity, problem.line) == ("reject", None)
    assert problem.rule in {"file.format", "file.damaged"}


def test_no_changed_byte_is_more_than_a_problem() -> None:
    data = lab(value=pa.array([8.5, 9.0]), patient_id=pa.array(["P1", "P2"]))
    for at in range(4, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 0x55
        read = read_parquet(bytes(changed), LAB)
        assert (read.rows is None) == bool(read.problems)


def test_repeated_text_does_not_take_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    data = lab(method=pa.array(["x" * 10_000] * 1_000))
    assert len(data) < 100_000
    monkeypatch.setattr(parquet, "MAXIMUM_TEXT_BYTES", 1_000_000)
    (problem,) = read_parquet(data, LAB).problems
    assert (problem.rule, problem.columns) == ("file.size", ("method",))
    monkeypatch.setattr(parquet, "MAXIMUM_ROWS", 999)
    (problem,) = read_parquet(data, LAB).problems
    assert "1,000 rows; at most 999 are read" in problem.message
