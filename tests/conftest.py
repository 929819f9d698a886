"""What several kinds of tests need: a small submission without a problem, and a study to take it in."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.contract import contract
from registry.study import Study, load_study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Rows = Mapping[str, Sequence[Mapping[str, str]]]

PERSON = {"sex": "female", "birth_year": "1970", "diagnosis": "DM", "onset_date": "2018-11-01", "ild": "no"}
PERSON |= {"diagnosis_date": "2019-01-15", "enrolled_date": "2019-02-01", "dysphagia": "yes", "consent": "yes"}
GOOD: Rows = {
    "patient": [{"patient_id": "P1", **PERSON}, {"patient_id": "P2", **PERSON, "sex": "male"}],
    "antibody": [{"patient_id": "P1", "antibody": "Jo-1", "result": "negative", "date": "2019-01-20"}],
    "course": [
        {"patient_id": "P1", "agent": "prednisone", "start_date": "2019-01-20", "stop_date": "2019-06-30",
         "stop_status": "stopped", "stop_reason": "planned", "dose": "60", "dose_unit": "mg", "schedule": "daily"},
        {"patient_id": "P2", "agent": "ivig", "intent": "immunomodulatory", "start_date": "2020-03-01",
         "stop_status": "still taken", "dose": "2", "dose_unit": "g/kg", "schedule": "monthly"},
    ],
    "infusion": [{"patient_id": "P2", "agent": "ivig", "date": "2020-03-01", "dose": "0.4", "dose_unit": "g/kg"}],
    "visit": [
        {"patient_id": "P1", "date": "2019-02-01", "phga": "6.5", "mmt8": "120", "mmt_maximum": "150", "haq": "1.125"},
        {"patient_id": "P2", "date": "2019-02-01", "weight": "60", "height": "165", "prednisone": "7.5"},
    ],
    "lab": [
        {"patient_id": "P1", "analyte": "CK", "date": "2019-02-01", "value": "812.5", "unit": "U/L", "uln": "170"},
        {"patient_id": "P1", "analyte": "LDH", "date": "2019-02-01", "value": "8.6", "unit": "ukat/L", "uln": "4.1"},
        {"patient_id": "P2", "analyte": "IgG", "date": "2019-02-01", "value": "1105", "unit": "mg/dL"},
    ],
    "event": [{"patient_id": "P1", "term": "Pneumonia", "serious": "yes", "start_date": "2019-05-01", "grade": "3"}],
    "follow_up": [
        {"patient_id": "P1", "last_seen_date": "2026-05-02", "status": "active"},
        {"patient_id": "P2", "last_seen_date": "2025-01-02", "status": "dead", "death_date": "2025-01-02",
         "death_cause": "other"},
    ],
}  # fmt: skip
"""Fourteen rows of two persons, each of which meets every condition."""


def write_submission(
    folder: Path,
    rows: Rows = GOOD,
    *,
    centre: str = "lyon",
    date: str = "2026-06-30",
    units: Mapping[str, str] | None = None,
) -> Path:
    """Write manifest.toml and the eight files, in the order of the contract; a column that a row lacks is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = [f'centre = "{centre}"', f"date = {date}", 'contract = "1"', 'sender = "data manager"', "[units]"]
    manifest += [f'"{column}" = "{unit}"' for column, unit in (units or {}).items()]
    (folder / "manifest.toml").write_text("\n".join(manifest) + "\n", encoding="utf-8")
    for name, table in contract().items():
        with (folder / table.file).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, table.names, restval="")
            writer.writeheader()
            writer.writerows(rows.get(name, ()))
    return folder


def with_row(table: str, number: int = 0, **changes: str) -> dict[str, list[Mapping[str, str]]]:
    """Return the good rows with one of them changed."""
    rows = {name: list(values) for name, values in GOOD.items()}
    rows[table][number] = {**rows[table][number], **changes}
    return rows


@pytest.fixture(scope="session", name="write_submission")
def _write_submission() -> Callable[..., Path]:
    return write_submission


@pytest.fixture(scope="session", name="with_row")
def _with_row() -> Callable[..., dict[str, list[Mapping[str, str]]]]:
    return with_row


@pytest.fixture(scope="session", name="good_rows")
def _good_rows() -> Rows:
    return GOOD


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a study of two centres in a folder of its own."""
    return _new_study(tmp_path / "study")


@pytest.fixture(scope="session")
def filled_template(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a study with three submissions of two centres and a snapshot, made once: for copies, not to be changed."""
    from registry.snapshot import freeze  # noqa: PLC0415  (most tests need no registry)
    from tests.keeping_study import fill  # noqa: PLC0415  (nor this)

    folder = tmp_path_factory.mktemp("filled")
    study = _new_study(folder / "study")
    fill(study, folder / "sent", write_submission, GOOD)
    freeze(study)
    return study


def _new_study(folder: Path) -> Study:
    folder.mkdir()
    centres = "".join(f'[[centre]]\ncode = "{code}"\nname = "{code.title()}"\n' for code in ("lyon", "bern"))
    (folder / "study.toml").write_text(f'name = "study"\ntitle = "A study"\n{centres}', encoding="utf-8")
    return load_study(folder)
