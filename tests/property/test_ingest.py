"""Whatever a centre sends, it gets problems and no crash, and every row ends up taken in or in quarantine."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from registry.checking.checks import check
from registry.checking.explain import explain_text
from registry.contract import contract
from registry.errors import UserError
from registry.intake import unquoted
from registry.intake.by_csv_module import read_rows
from registry.intake.delimited import read_delimited
from registry.intake.manifest import read_manifest
from registry.intake.submission import read_submission
from registry.keeping.store import add

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from registry.checking.checks import CheckedSubmission
    from registry.intake.by_csv_module import Rows
    from registry.keeping.receipt import Receipt
    from registry.study import Study

TABLES = contract()
FILES = ["manifest.toml", *(table.file for table in TABLES.values())]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TRICKY = st.sampled_from(
    [
        "", " ", "0", "-0", "+1", ".5", "5.", "1e3", "1e400", "NaN", "inf", "12,4", "1.234,5", "<5", "9" * 40, "0x10",
        "2024-02-29", "2023-02-29", "03/02/2024", "0000-00-00", "9999-12-31", "2019-02-01", "P1", "P2", "p1", "yes",
        "CK", "IgG", "U/L", "ukat/L", "mg/dL", "ivig", "daily", "stopped", "dead", "'", '"', "a\nb", "a\r", "\x1f",
        "\u202e", "=1+1", "; DROP TABLE lab", "{0}", "{1}", "NULL", "'; --", "\ufeff", "0.0000001",
    ]
)  # fmt: skip
VALUE = st.one_of(TRICKY, TEXT)


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, list[list[str]]]:
    """Return a table of the contract and rows of its width, with values that may or may not belong there."""
    name = draw(st.sampled_from(sorted(TABLES)))
    columns = [
        st.one_of(VALUE, st.sampled_from(column.allowed()) if column.allowed() else VALUE)
        for column in TABLES[name].columns
    ]
    return name, draw(st.lists(st.tuples(*columns).map(list), max_size=6))


def _csv(rows: list[list[str]], header: tuple[str, ...]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([header, *rows])
    return file.getvalue().encode()


def _nothing_is_lost(checked: CheckedSubmission) -> None:
    for name, sent in checked.submission.counts.items():
        taken = checked.rows[name].column("line").to_pylist()
        held = [row for row in checked.quarantine.to_pylist() if row["table_name"] == name]
        assert len(taken) + len(held) == sent
        assert not set(taken) & {row["line"] for row in held}
        assert all(row["rules"] and json.loads(row["content"]) is not None for row in held)
        assert len(taken) == len(set(taken))
    rejected = {(p.file, p.line) for p in checked.problems if p.severity == "reject" and p.line is not None}
    assert rejected <= {(f"{row['table_name']}.csv", row["line"]) for row in checked.quarantine.to_pylist()}


@given(data=st.one_of(st.binary(max_size=200), TEXT.map(str.encode)), name=st.sampled_from(sorted(TABLES)))
def test_any_bytes_in_a_table_are_a_table_or_a_problem(data: bytes, name: str) -> None:
    read = read_delimited(data, TABLES[name])
    assert (read.rows is None) == any(problem.severity == "reject" for problem in read.problems)
    assert read.count == (0 if read.rows is None else read.rows.num_rows) + read.broken.num_rows


@given(data=st.binary(max_size=60), at=st.integers(0, 400), name=st.sampled_from(sorted(TABLES)))
def test_any_bytes_inside_a_table_are_a_table_or_a_problem(data: bytes, at: int, name: str) -> None:
    table = TABLES[name]
    good = _csv([["x"] * len(table.columns)] * 5, table.names)
    read = read_delimited(good[:at] + data + good[at:], table)
    assert (read.rows is None) == any(problem.severity == "reject" for problem in read.problems)
    assert read.count == (0 if read.rows is None else read.rows.num_rows) + read.broken.num_rows


@given(rows=st.lists(st.lists(VALUE, min_size=1, max_size=10).filter(any), max_size=20))
def test_every_row_is_found_on_the_line_on_which_it_starts(rows: list[list[str]]) -> None:
    table = TABLES["lab"]
    data = _csv(rows, table.names)
    read = read_delimited(data, table)
    if read.rows is None:
        assert b"\x00" in data
        return
    lines = io.StringIO(data.decode(), newline="").readlines()
    starts, at = [], 1
    for row in [list(table.names), *rows]:
        starts.append(at)
        at += len(io.StringIO(_csv([], tuple(row)).decode(), newline="").readlines())
    assert at == len(lines) + 1
    assert read.rows is not None
    found = sorted([*read.rows["line"].to_pylist(), *read.broken["line"].to_pylist()])
    assert found == starts[1:]


SEPARATED = [",", ",", ",", ";", "\t", "\n", "\n", "\r\n", "\r", "a,b,c", "a,b,c\n", ",,\n", '"', '""', "\ufeff", ""]
WORDS = [
    "P1",
    "CK",
    "é",
    " ",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "€",
    "NA",
    "null",
    "1,5",
    "\\",
    "'",
    "#",
    "x" * 99,
]
NASTY = st.lists(st.sampled_from([*SEPARATED, *WORDS]), max_size=40).map("".join)


@settings(max_examples=1000, deadline=None)
@given(text=NASTY, separator=st.sampled_from(",;\t"), step=st.sampled_from([1, 7, 64, 4_000_000]))
def test_the_fast_way_of_reading_finds_what_the_csv_module_finds(text: str, separator: str, step: int) -> None:
    data = f"a{separator}b{separator}c\n{text}".encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unquoted, "_STEP", step)
        fast = unquoted.read_unquoted(data, separator)
    _same(fast, data, separator)


@settings(max_examples=300, deadline=None)
@given(text=NASTY, separator=st.sampled_from(",;\t"))
def test_the_fast_way_of_reading_is_right_for_any_header(text: str, separator: str) -> None:
    _same(unquoted.read_unquoted(text.encode(), separator), text.encode(), separator)


@settings(max_examples=200, deadline=None)
@given(header=st.lists(st.sampled_from(['"a"', '"b""c"', "d", '"', '"e,f"', '"g"h', ""]), min_size=1, max_size=4))
def test_the_fast_way_of_reading_takes_quotes_in_the_header_as_the_csv_module_does(header: list[str]) -> None:
    data = (",".join(header) + "\n" + ",".join("1" * len(header)) + "\n").encode()
    _same(unquoted.read_unquoted(data, ","), data, ",")


def test_a_quoted_header_does_not_make_reading_slow() -> None:
    read = unquoted.read_unquoted(b'"a","b"\n1,2\n', ",")
    assert read is not None
    assert read.header == ("a", "b")


def _same(fast: Rows | None, data: bytes, separator: str) -> None:
    plain = b'"' not in data and b"\r" not in data.replace(b"\r\n", b"") and "\ufeff".encode() not in data
    slow = read_rows(data, separator, "x.csv")
    if fast is None:
        # It may give up only where something is special: it would be of no use otherwise.
        assert not plain or not slow.header or slow.rows.column_names == ["line"]
        return
    event("read the fast way")
    assert fast.header == slow.header
    assert fast.rows.equals(slow.rows)
    assert fast.broken.equals(slow.broken)
    assert fast.problems == slow.problems == ()


@given(data=st.one_of(st.binary(max_size=100), TEXT.map(str.encode)))
def test_any_bytes_in_a_manifest_are_a_manifest_or_a_problem(data: bytes) -> None:
    manifest, problems = read_manifest(data, "lyon-2026-06-30")
    assert manifest is not None or problems


@given(text=st.one_of(VALUE, st.text(max_size=60)))
def test_any_text_that_is_not_of_its_column_can_be_explained(text: str) -> None:
    for table in TABLES.values():
        for column in table.columns:
            message, _ = explain_text(column, text)
            assert message.startswith("Expected ")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables())
def test_every_row_is_taken_in_or_in_quarantine(
    write_submission: Callable[..., Path], table: tuple[str, list[list[str]]]
) -> None:
    name, rows = table
    with tempfile.TemporaryDirectory() as folder:
        submission = write_submission(Path(folder) / "lyon-2026-06-30")
        with (submission / f"{name}.csv").open("ab") as file:
            file.write(_csv(rows, TABLES[name].names).split(b"\n", 1)[1])
        checked = check(read_submission(submission), ["lyon"])
        assert not checked.refused or any(b"\x00" in "".join(row).encode() for row in rows)
        _nothing_is_lost(checked)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(FILES),
    data=st.binary(max_size=30),
    cut=st.tuples(st.integers(0, 300), st.integers(0, 40)),
)
def test_a_damaged_file_gives_a_receipt_or_a_message(
    study: Study, write_submission: Callable[..., Path], name: str, data: bytes, cut: tuple[int, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        submission = write_submission(Path(folder) / "lyon-2026-06-30")
        good = (submission / name).read_bytes()
        start, length = cut
        (submission / name).write_bytes(good[:start] + data + good[start + length :])
        receipt, message = _taken(study, submission)
        if receipt is None:
            assert "Nothing of this submission was taken in" in message
        else:
            assert receipt.accepted + receipt.quarantined == sum(read_submission(submission).counts.values())


def _taken(study: Study, submission: Path) -> tuple[Receipt | None, str]:
    try:
        receipt = add(study, submission)
    except UserError as error:
        return None, error.text()
    return receipt, receipt.text()


def test_the_order_of_rows_changes_no_row(
    tmp_path: Path, write_submission: Callable[..., Path], good_rows: Mapping[str, list[Mapping[str, str]]]
) -> None:
    turned = {name: list(reversed(rows)) for name, rows in good_rows.items()}
    one, two = (
        check(read_submission(write_submission(tmp_path / folder / "lyon-2026-06-30", rows)))
        for folder, rows in (("a", good_rows), ("b", turned))
    )
    for name in TABLES:
        left, right = (sorted(map(str, c.rows[name].drop_columns("line").to_pylist())) for c in (one, two))
        assert left == right
