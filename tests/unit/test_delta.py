"""A delta on its base is what the centre would have sent if it had sent everything."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from registry.keeping.receipt import BadSubmission
from registry.keeping.store import add
from registry.keeping.verify import verify
from registry.snapshot import freeze
from tests.keeping_study import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from registry.study import Study

    Rows = Mapping[str, Sequence[Mapping[str, str]]]
    Write = Callable[..., Path]


def write_delta(folder: Path, rows: Rows, *, base: str = "2026-06-30", units: str = "") -> Path:
    """Write a delta with only the files that have rows; removed.<table> for keys that are gone."""
    folder.mkdir()
    centre, _, date = folder.name.partition("-")
    (folder / "manifest.toml").write_text(
        f'centre = "{centre}"\ndate = {date}\ncontract = "2"\nkind = "delta"\nbase = {base}\n[units]\n{units}',
        encoding="utf-8",
    )
    for name, values in rows.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(values[0]), restval="")
            writer.writeheader()
            writer.writerows(values)
    return folder


@pytest.fixture
def based(study: Study, tmp_path: Path, write_submission: Write) -> Study:
    """Return a study in which Lyon has sent its whole cohort once."""
    add(study, write_submission(tmp_path / "lyon-2026-06-30"))
    return study


def _every(rows: Rows, name: str) -> list[dict[str, str]]:
    from registry.contract import contract  # noqa: PLC0415

    return [{column: row.get(column, "") for column in contract()[name].names} for row in rows[name]]


def test_new_changed_and_removed_rows_give_the_same_snapshot_as_the_whole_cohort(
    based: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    visits, labs = _every(good_rows, "visit"), _every(good_rows, "lab")
    changed = {**visits[0], "phga": "2.5"}
    new = {**visits[0], "date": "2019-08-01", "phga": "1.0"}
    gone = {name: labs[2][name] for name in ("patient_id", "analyte", "date")}
    delta = write_delta(tmp_path / "lyon-2026-09-30", {"visit": [changed, new], "removed.lab": [gone]})
    receipt = add(based, delta)
    assert (receipt.accepted, receipt.quarantined, receipt.problems) == (14, 0, ())
    assert read(based, "SELECT record FROM visit WHERE submission_id = 'lyon-2026-09-30-1' ORDER BY date, record") == [
        ("lyon-2026-06-30-1/visit.csv:3",),
        ("visit.csv:2",),
        ("visit.csv:3",),
    ]
    frozen = freeze(based)
    whole = {**good_rows, "visit": [changed, visits[1], new], "lab": labs[:2]}
    add(based, write_submission(tmp_path / "lyon-2026-10-31", whole, date="2026-10-31"))
    again = freeze(based)
    for name in ("patient", "antibody", "course", "infusion", "visit", "lab", "event", "follow_up"):
        one, two = (s.table(name).drop(columns="record").astype(str) for s in (frozen, again))
        assert sorted(map(tuple, one.to_numpy())) == sorted(map(tuple, two.to_numpy())), name
    assert verify(based).findings == ()


def test_a_removed_person_takes_all_rows_along(based: Study, tmp_path: Path) -> None:
    receipt = add(based, write_delta(tmp_path / "lyon-2026-09-30", {"removed.patient": [{"patient_id": "P2"}]}))
    assert (receipt.accepted, receipt.quarantined) == (8, 0)
    assert read(based, "SELECT count(DISTINCT patient_id) FROM visit WHERE submission_id = 'lyon-2026-09-30-1'") == [
        (1,)
    ]


def test_a_delta_on_a_delta_stands_on_both(based: Study, tmp_path: Path, good_rows: Rows) -> None:
    visit = _every(good_rows, "visit")[0]
    add(based, write_delta(tmp_path / "lyon-2026-07-31", {"visit": [{**visit, "date": "2019-08-01"}]}))
    second = write_delta(tmp_path / "lyon-2026-08-31", {"visit": [{**visit, "date": "2019-09-01"}]}, base="2026-07-31")
    assert add(based, second).accepted == 16
    assert read(
        based,
        "SELECT record FROM visit WHERE submission_id = 'lyon-2026-08-31-1' AND date > '2019-07-01' ORDER BY date",
    ) == [("lyon-2026-07-31-1/visit.csv:2",), ("visit.csv:2",)]


def test_a_row_of_the_base_that_is_wrong_now_is_named_where_it_was_sent(
    based: Study, tmp_path: Path, good_rows: Rows
) -> None:
    dead = {
        **_every(good_rows, "follow_up")[0],
        "status": "dead",
        "last_seen_date": "2019-01-25",
        "death_date": "2019-01-25",
    }
    receipt = add(based, write_delta(tmp_path / "lyon-2026-09-30", {"follow_up": [dead]}))
    places = {(p.file, p.line) for p in receipt.problems if p.rule == "visit.not_after_death"}
    assert places == {("lyon-2026-06-30-1/visit.csv", 2)}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base": "2026-03-31"}, "The submission in force is lyon-2026-06-30-1."),
        ({"units": '"visit.phga" = "mm"\n'}, "The base of this delta has the unit of the contract."),
    ],
)
def test_a_delta_that_does_not_fit_its_base_is_refused(
    based: Study, tmp_path: Path, good_rows: Rows, settings: dict[str, str], words: str
) -> None:
    delta = write_delta(tmp_path / "lyon-2026-09-30", {"visit": _every(good_rows, "visit")}, **settings)
    with pytest.raises(BadSubmission) as caught:
        add(based, delta)
    assert words in caught.value.text()


def test_a_delta_without_anything_before_it_is_refused(study: Study, tmp_path: Path, good_rows: Rows) -> None:
    delta = write_delta(tmp_path / "lyon-2026-09-30", {"visit": _every(good_rows, "visit")})
    with pytest.raises(BadSubmission) as caught:
        add(study, delta)
    assert "The centre has not sent anything before." in caught.value.text()


def test_a_key_that_is_not_there_is_asked_about(based: Study, tmp_path: Path) -> None:
    gone = {"patient_id": "P1", "analyte": "AST", "date": "2019-02-01"}
    receipt = add(based, write_delta(tmp_path / "lyon-2026-09-30", {"removed.lab": [gone]}))
    assert [(p.rule, p.file, p.line) for p in receipt.problems] == [("lab.removed", "removed.lab.csv", 2)]
    assert receipt.accepted == 14


def test_a_delta_whose_base_is_replaced_meanwhile_is_refused(
    based: Study, tmp_path: Path, write_submission: Write, good_rows: Rows
) -> None:
    corrected = write_submission(tmp_path / "again" / "lyon-2026-06-30", {**good_rows, "lab": []})
    first = []

    def meanwhile(what: str, share: float) -> None:
        if what.startswith("checking") and not first:
            first.append(add(based, corrected))

    gone = write_delta(tmp_path / "lyon-2026-09-30", {"removed.patient": [{"patient_id": "P1"}, {"patient_id": "P2"}]})
    with pytest.raises(BadSubmission) as caught:
        add(based, gone, progress=meanwhile)
    assert "The submission in force is lyon-2026-06-30-2." in caught.value.text()
