"""The contract is complete in itself: what it refers to exists, and everything made from it follows it."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from registry.contract import TABLES, codelist, contract, create_table, snapshot_columns, stored_columns
from registry.dictionary import BEGIN, END, data_dictionary, insert_dictionary
from registry.errors import UserError
from registry.rules import load_rules


@pytest.mark.parametrize("name", TABLES)
def test_keys_references_and_checks_name_columns_that_exist(name: str) -> None:
    table = contract()[name]
    assert set(table.key) <= set(table.names)
    assert all(column.references in (None, *TABLES) for column in table.columns)
    for check in table.checks:
        assert set(check.columns) <= set(table.names), check.id
        assert check.id.startswith(f"{name}."), check.id


def test_check_ids_are_unique() -> None:
    ids = [check.id for table in contract().values() for check in table.checks]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", TABLES)
def test_every_check_is_sql_that_runs_against_its_row_its_patient_and_its_follow_up(name: str) -> None:
    with duckdb.connect(":memory:") as connection:
        for table in contract().values():
            texts = tuple((f"{column.name}$text", "VARCHAR") for column in table.columns)
            connection.execute(create_table(table.table, (*stored_columns(table), *texts)))
        for check in contract()[name].checks:
            connection.execute(f"SELECT {check.holds} FROM {name} AS row, patient, follow_up").fetchall()


def test_coded_columns_have_codes() -> None:
    for table in contract().values():
        for column in table.columns:
            assert bool(column.allowed()) == (column.type == "code"), (table.table, column.name)


def test_limits_run_upwards_and_soft_limits_lie_within_hard_ones() -> None:
    for table in contract().values():
        for column in table.columns:
            if column.hard:
                assert column.hard[0] < column.hard[1]
            if column.soft and column.hard:
                assert column.hard[0] <= column.soft[0] < column.soft[1] <= column.hard[1]
    for row in codelist("analytes"):
        low, high = Decimal(row["hard_low"]), Decimal(row["hard_high"])
        assert low <= Decimal(row["soft_low"]) < Decimal(row["soft_high"]) <= high


def test_units_are_harmonised_by_exact_factors() -> None:
    units = {row["unit"]: (row["canonical_unit"], Decimal(row["factor"])) for row in codelist("units")}
    assert units["ukat/L"] == ("U/L", Decimal(60))
    assert units["mg/dL"] == ("g/L", Decimal("0.01"))
    assert units["mm"] == ("cm", Decimal("0.1"))
    assert all(units[canonical] == (canonical, 1) for canonical, _ in units.values())


def test_a_harmonised_column_keeps_what_was_sent_beside_it() -> None:
    names = [name for name, _ in stored_columns(contract()["lab"])]
    assert names[names.index("value") : names.index("value") + 3] == ["value", "value_raw", "value_raw_unit"]
    assert [name for name, _ in snapshot_columns(contract()["lab"])][:3] == ["person_id", "centre", "record"]


def test_the_data_dictionary_names_every_column_and_is_put_between_its_marks(tmp_path: Path) -> None:
    text = data_dictionary()
    for table in contract().values():
        assert f"### {table.file}" in text
        assert all(f"| {column.name} | {column.type} |" in text for column in table.columns)
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    insert_dictionary(page)
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\n{text}\n\n{END}\nafter\n"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(UserError, match="marks"):
        insert_dictionary(page)


def test_rules_know_their_source_and_unknown_overrides_are_all_named() -> None:
    rules = load_rules()
    assert all(rule.source and rule.unit and rule.what for rule in rules.rules.values())
    assert [name for name in rules.rules if name.startswith("tis_enzyme_range") and rules.rules[name].verified] == []
    changed = load_rules({"tis_enzyme_range_ck": Decimal(10)})
    assert changed["tis_enzyme_range_ck"] == 10
    assert changed.rules["tis_enzyme_range_ck"].overridden
    assert load_rules()["tis_enzyme_range_ck"] == 15
    with pytest.raises(UserError, match="nonsense is unknown; other_nonsense is unknown"):
        load_rules({"other_nonsense": Decimal(1), "nonsense": Decimal(2)})
    with pytest.raises(UserError, match=r"baseline_window_days = 90.5 is not a whole number of days; .* is below zero"):
        load_rules({"baseline_window_days": Decimal("90.5"), "worse_vas_cm": Decimal(-1)})


def test_the_bands_of_the_total_improvement_score_add_up_to_one_hundred() -> None:
    bands = load_rules().tis_bands
    assert sum(points[-1][1] for points in bands.values()) == 100
    assert all(points[0][1] == 0 for points in bands.values())
    assert all(a[1] <= b[1] and a[0] < b[0] for p in bands.values() for a, b in pairwise(p))
