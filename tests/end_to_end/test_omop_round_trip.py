"""A simulated study, frozen, written as OMOP, split by centre, sent back: the tables of the contract are the same."""

from __future__ import annotations

import csv
import hashlib
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import registry
from registry.checking.checks import check
from registry.contract import codelist, contract, stored_columns
from registry.export_omop import TABLES, export_omop
from registry.intake import submission as intake
from registry.intake.omop import read_omop
from registry.intake.submission import read_submission

if TYPE_CHECKING:
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission
    from registry.export_omop import Export

NOT_CARRIED = {
    "patient": {"link_key"},
    # Visual analogue scales are written in the contract's unit, so that what a centre wrote in mm comes back in cm.
    "visit": {f"{name}_{part}" for name in ("phga", "ptga", "exga") for part in ("raw", "raw_unit")},
}
"""Columns that do not come back: everything else must."""


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> registry.Snapshot:
    root = tmp_path_factory.mktemp("omop") / "study"
    registry.simulate(root, patients=30, centres=2, seed=11)
    study = registry.load_study(root)
    for folder in sorted((root / "submissions").iterdir()):
        seldom(folder)
        registry.add(study, folder)
    return registry.freeze(study)


def seldom(folder: Path) -> None:
    """Add what the simulation seldom has: a person without consent, and a visit at which nothing was measured."""
    patients = rows_of(folder, "patient")
    patients[0]["consent"] = "no"
    active = [row["patient_id"] for row in rows_of(folder, "follow_up") if row["status"] == "active"]
    visits = rows_of(folder, "visit")
    nothing = dict.fromkeys(visits[0], "") | {"patient_id": active[-1], "date": "2026-06-29"}
    for table, rows in (("patient", patients), ("visit", [*visits, nothing])):
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture(scope="module")
def export(frozen: registry.Snapshot) -> Export:
    return export_omop(frozen, frozen.folder.parent.parent / "omop")


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sent_back(export: Export) -> dict[str, CheckedSubmission]:
    """Split the export by centre and check each part, as the centre's own submission."""
    persons = rows_of(export.folder, "person")
    sites = {row["care_site_id"]: row["care_site_source_value"] for row in rows_of(export.folder, "care_site")}
    found = {}
    for site, centre in sites.items():
        mine = {row["person_id"] for row in persons if row["care_site_id"] == site}
        folder = export.folder.parent / "back" / f"{centre}-2026-06-30"
        folder.mkdir(parents=True)
        manifest = f'centre = "{centre}"\ndate = 2026-06-30\ncontract = "1"\nformat = "omop"\n'
        (folder / "manifest.toml").write_text(manifest, encoding="utf-8")
        for table in TABLES:
            rows = [row for row in rows_of(export.folder, table) if row.get("person_id", "") in {*mine, ""}]
            with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                columns = [row["column"] for row in codelist("omop_columns") if row["table"] == table]
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(intake, "READERS", {**intake.READERS, "omop": read_omop})
            found[centre] = check(read_submission(folder))
    return found


def test_two_centres_come_back_without_a_row_lost(
    sent_back: dict[str, CheckedSubmission], frozen: registry.Snapshot
) -> None:
    assert len(sent_back) == 2
    assert sum(found.quarantine.num_rows for found in sent_back.values()) == 0
    assert [p for found in sent_back.values() for p in found.problems if p.rule.startswith(("omop", "file"))] == []
    assert frozen.table("patient")["consent"].value_counts()["yes"] > 20


@pytest.mark.parametrize("table", contract())
def test_every_column_that_omop_carries_comes_back(
    table: str, sent_back: dict[str, CheckedSubmission], frozen: registry.Snapshot
) -> None:
    columns = [name for name, _ in stored_columns(contract()[table]) if name not in NOT_CARRIED.get(table, ())]
    persons = frozen.table("patient")
    numbers = {
        person: str(at) for at, person in enumerate(sorted(persons[persons["consent"] == "yes"]["person_id"]), 1)
    }
    with frozen.connect() as connection:
        listed = ", ".join(f'"{column}"' for column in columns if column != "patient_id")
        known = connection.execute(f'SELECT person_id, {listed} FROM "{table}"').fetchall()
    expected = [(numbers[person], *values) for person, *values in known if person in numbers]
    back: list[tuple[Any, ...]] = []
    for found in sent_back.values():
        back += [tuple(row[column] for column in columns) for row in found.rows[table].to_pylist()]
    assert columns[0] == "patient_id"
    assert len(expected) > 0
    assert sorted(back, key=str) == sorted(expected, key=str)


def test_the_columns_that_are_not_carried_come_back_empty(sent_back: dict[str, CheckedSubmission]) -> None:
    for found in sent_back.values():
        assert set(found.rows["patient"]["link_key"].to_pylist()) == {None}
        assert set(found.rows["visit"]["phga_raw_unit"].to_pylist()) <= {None, "cm"}


def test_every_column_stands_in_a_column_or_an_observation(
    sent_back: dict[str, CheckedSubmission], frozen: registry.Snapshot
) -> None:
    # What the simulation never fills could be lost unseen: name it, so that a change is seen.
    never = {
        f"{table}.{column}"
        for table, definition in contract().items()
        for column in definition.names
        if column != "patient_id" and frozen.table(table)[column].isna().all()
    }
    assert never <= {
        "patient.link_key",
        "event.meddra_code",
        "lab.method",
        "lab.lln",
        "visit.height",
        "antibody.method",
    }
    assert sent_back


def test_persons_without_consent_are_left_out(export: Export, frozen: registry.Snapshot) -> None:
    consent = frozen.table("patient")["consent"]
    assert export.left_out == (consent != "yes").sum() == 2
    assert export.rows["person"] == (consent == "yes").sum()


def test_the_files_have_the_columns_of_omop_in_their_order(export: Export) -> None:
    for table in TABLES:
        with (export.folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        assert header == [row["column"] for row in codelist("omop_columns") if row["table"] == table], table


def test_no_pseudonym_of_a_person_is_written(export: Export, frozen: registry.Snapshot) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(export.folder.iterdir()))
    assert [person for person in frozen.table("patient")["person_id"] if person in text] == []


def test_every_required_column_of_omop_is_filled(export: Export) -> None:
    needed = {
        "person": ("person_id", "gender_concept_id", "year_of_birth", "race_concept_id", "ethnicity_concept_id"),
        "observation_period": ("observation_period_start_date", "observation_period_end_date"),
        "condition_occurrence": ("condition_concept_id", "condition_start_date", "condition_type_concept_id"),
        "drug_exposure": ("drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date"),
        "measurement": ("measurement_concept_id", "measurement_date", "measurement_type_concept_id"),
        "observation": ("observation_concept_id", "observation_date", "observation_type_concept_id"),
        "death": ("person_id", "death_date"),
        "cdm_source": ("cdm_source_name", "source_release_date", "cdm_version_concept_id", "vocabulary_version"),
    }
    for table, columns in needed.items():
        assert [row for row in rows_of(export.folder, table) if not all(row[column] for column in columns)] == [], table


def test_texts_fit_the_lengths_of_omop(export: Export) -> None:
    lengths = {"value_as_string": 60, "stop_reason": 20, "cdm_source_abbreviation": 25, "vocabulary_version": 20}
    for table in TABLES:
        for row in rows_of(export.folder, table):
            for column, value in row.items():
                limit = lengths.get(column, 50 if column.endswith("_source_value") else 10_000)
                assert len(value) <= limit, (table, column, value)


def test_values_have_the_types_of_omop(export: Export) -> None:
    numbers = {"value_as_number", "quantity", "range_low", "range_high"}
    for table in TABLES:
        for row in rows_of(export.folder, table):
            for column, value in row.items():
                if not value:
                    continue
                if column.endswith("_id") or column in {"year_of_birth", "days_supply"}:
                    assert value.isdigit(), (table, column, value)
                elif column.endswith("_date"):
                    assert date.fromisoformat(value).isoformat() == value
                elif column in numbers:
                    assert Decimal(value).is_finite(), (table, column, value)


def test_ids_are_unique_and_events_belong_to_rows_that_exist(export: Export) -> None:
    ids = {}
    for table in ("drug_exposure", "measurement", "condition_occurrence", "observation", "person"):
        found = [row[f"{table}_id"] for row in rows_of(export.folder, table)]
        assert len(found) == len(set(found))
        ids[table] = set(found)
    holders = {"course": "drug_exposure", "infusion": "drug_exposure", "event": "condition_occurrence"}
    holders |= {"lab": "measurement", "antibody": "measurement"}
    for row in rows_of(export.folder, "observation"):
        table = row["observation_source_value"].removeprefix("myoregistry:").partition(".")[0]
        if table in holders:
            assert row["observation_event_id"] in ids[holders[table]]


def test_the_same_snapshot_gives_the_same_bytes_in_private_files(
    export: Export, frozen: registry.Snapshot, tmp_path: Path
) -> None:
    again = export_omop(frozen, tmp_path / "again")

    def digests(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

    assert digests(again.folder) == digests(export.folder)
    assert {path.stat().st_mode & 0o777 for path in again.folder.iterdir()} == {0o600}
    assert again.folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


def test_an_existing_folder_is_never_written_over(frozen: registry.Snapshot, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(registry.UserError, match="there already"):
        export_omop(frozen, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_a_failure_halfway_leaves_nothing_behind(
    frozen: registry.Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("registry.export_omop._readme", fail)
    with pytest.raises(OSError, match="No space"):
        export_omop(frozen, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
