"""A person whom two centres know under one link key is one person in a snapshot; nobody else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.keeping.store import add
from registry.snapshot import freeze
from tests.keeping_study import files_with, pseudonym, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.snapshot import Snapshot
    from registry.study import Study

    Rows = Mapping[str, Sequence[Mapping[str, str]]]
    Write = Callable[..., Path]

KEY = "MYO-CARD-0042"


def _frozen(study: Study, folder: Path, write_submission: Write, rows: Rows, *, bern: dict[str, str]) -> Snapshot:
    """Lyon's P1 and Bern's P2 have the same card; Bern's patient row is changed by `bern`."""
    patients = [dict(row) for row in rows["patient"]]
    lyon = {**rows, "patient": [{**patients[0], "link_key": KEY}, patients[1]]}
    other = {**rows, "patient": [patients[0], {**patients[1], "sex": "female", "link_key": KEY, **bern}]}
    add(study, write_submission(folder / "lyon-2026-06-30", lyon))
    add(study, write_submission(folder / "bern-2026-06-30", other, centre="bern"))
    return freeze(study)


def test_rows_of_both_centres_stand_under_the_id_of_the_one_that_enrolled_first(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    snapshot = _frozen(study, tmp_path, write_submission, good_rows, bern={"enrolled_date": "2019-03-01"})
    person, alone = f"lyon/{pseudonym(study, 'lyon', 'P1')}", f"bern/{pseudonym(study, 'bern', 'P2')}"
    patient = snapshot.table("patient")
    assert len(patient) == 3
    assert alone not in set(patient["person_id"])
    assert set(patient.loc[patient["person_id"] == person, "centre"]) == {"lyon"}
    labs = snapshot.table("lab").set_index("person_id").loc[[person]]
    assert sorted(zip(labs["centre"], labs["analyte"], strict=True)) == [
        ("bern", "IgG"), ("lyon", "CK"), ("lyon", "LDH"),
    ]  # fmt: skip
    infusion = snapshot.table("infusion").set_index("person_id").loc[[person]]
    assert list(infusion["centre"]) == ["bern"]


def test_a_row_that_both_have_sent_counts_once_from_the_first_centre(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    snapshot = _frozen(study, tmp_path, write_submission, good_rows, bern={"enrolled_date": "2019-03-01"})
    person = f"lyon/{pseudonym(study, 'lyon', 'P1')}"
    visits = snapshot.table("visit").set_index("person_id").loc[[person]]
    assert list(zip(visits["centre"], visits["date"].astype(str), strict=True)) == [("lyon", "2019-02-01")]


def test_a_death_known_to_one_centre_is_the_last_word(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    snapshot = _frozen(study, tmp_path, write_submission, good_rows, bern={"enrolled_date": "2019-03-01"})
    person = f"lyon/{pseudonym(study, 'lyon', 'P1')}"
    (status,) = snapshot.table("follow_up").set_index("person_id").loc[[person]]["status"]
    assert status == "dead"


def test_consent_that_is_missing_at_one_centre_is_missing(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    snapshot = _frozen(
        study, tmp_path, write_submission, good_rows, bern={"enrolled_date": "2019-03-01", "consent": "no"}
    )
    person = f"lyon/{pseudonym(study, 'lyon', 'P1')}"
    (consent,) = snapshot.table("patient").set_index("person_id").loc[[person]]["consent"]
    assert consent == "no"


def test_the_link_key_itself_is_in_no_file(
    study: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    _frozen(study, tmp_path, write_submission, good_rows, bern={})
    assert files_with(study.folder, KEY) == []
    (links,) = zip(*read(study, "SELECT DISTINCT link_key FROM patient WHERE link_key IS NOT NULL"), strict=True)
    assert len(links) == 1


def test_persons_without_a_key_are_never_linked(study: Study, tmp_path: Path, write_submission: Write) -> None:
    for centre in ("lyon", "bern"):
        add(study, write_submission(tmp_path / f"{centre}-2026-06-30", centre=centre))
    assert len(freeze(study).table("patient")) == 4
