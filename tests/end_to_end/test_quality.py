"""Data quality of a simulated study with history: counted a second time in pandas, and printed for one centre."""

from __future__ import annotations

import csv
import logging
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pikepdf
import pytest
from click.testing import CliRunner

import registry
from analyses.disclosure import check, mask
from analyses.quality.answer import answer, answer_for_centre
from analyses.result import Masked, Result, Summary
from analyses.run import load_centre_result
from myoregistry.quality import VERBS

CENTRE = "lyon"
LATEST, EARLIER = "2026-06-30", "2026-03-31"
ENZYMES = ("CK", "LDH", "aldolase", "AST", "ALT")
SIX_MONTHS = pd.DateOffset(months=6)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def earlier_submission(latest: Path, folder: Path) -> Path:
    """Write what the centre might have sent a quarter before: no later rows, some values else, some rows more."""
    shutil.copytree(latest, folder)
    manifest = folder / "manifest.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(LATEST, EARLIER), encoding="utf-8")
    for name in ("antibody", "course", "infusion", "event", "follow_up"):
        header = (folder / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0]
        (folder / f"{name}.csv").write_text(header + "\n", encoding="utf-8")
    for name in ("visit", "lab"):
        rows = [row for row in read(latest / f"{name}.csv") if row["date"] <= EARLIER]
        rows = [row | {"method": "changed"} if name == "lab" and i % 5 == 0 else row for i, row in enumerate(rows)]
        if name == "lab":
            rows += [row | {"date": "2018-01-0" + str(1 + i % 9)} for i, row in enumerate(rows[:60])]
            rows = list({(r["patient_id"], r["analyte"], r["date"]): r for r in rows}.values())
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def quarterly(tmp_path_factory: pytest.TempPathFactory) -> registry.Study:
    """Return a study of 90 simulated patients in 4 centres, of which one has sent twice and one nothing."""
    folder = registry.simulate(tmp_path_factory.mktemp("quarterly"), patients=90, centres=4, seed=11)
    study = registry.load_study(folder)
    sent = sorted((folder / "submissions").iterdir())
    latest = next(path for path in sent if path.name.startswith(CENTRE))
    registry.add(study, earlier_submission(latest, folder / f"{CENTRE}-{EARLIER}"))
    for path in sent[:-1] if not sent[-1].name.startswith(CENTRE) else sent[1:]:
        registry.add(study, path)
    registry.freeze(study)
    return study


@pytest.fixture(scope="module")
def snapshot(quarterly: registry.Study) -> registry.Snapshot:
    return registry.open_snapshot(quarterly)


@pytest.fixture(scope="module")
def result(quarterly: registry.Study, snapshot: registry.Snapshot) -> Result:
    return answer(snapshot, quarterly)


def value(found: Result, identifier: str) -> float:
    number = found[identifier]
    assert isinstance(number, Summary), (identifier, number)
    return number.value


def centres_of(snapshot: registry.Snapshot) -> list[str]:
    return sorted(snapshot.table("submission")["centre"])


def test_fields_of_visits_and_results_are_those_that_pandas_counts(result: Result, snapshot: registry.Snapshot) -> None:
    visit, lab = snapshot.table("visit"), snapshot.table("lab")
    enzymes = lab[lab["analyte"].isin(ENZYMES)]
    fields = {"Physician global activity": "phga", "Patient global activity": "ptga", "MMT8": "mmt8", "HAQ": "haq"}
    for centre in centres_of(snapshot):
        own = visit[visit["centre"] == centre]
        for name, column in fields.items():
            assert value(result, f"Missing|{name}|{centre}|number|") == own[column].isna().sum()
            assert value(result, f"Complete|{name}|{centre}|percent|") == pytest.approx(
                100 * own[column].notna().mean()
            )
        limits = enzymes.loc[enzymes["centre"] == centre, "uln"]
        assert value(result, f"Missing|ULN of a muscle enzyme|{centre}|number|") == limits.isna().sum()
    assert value(result, "Complete|ULN of a muscle enzyme|all|percent|") == pytest.approx(
        100 * enzymes["uln"].notna().mean()
    )


def test_persons_are_those_that_pandas_counts(result: Result, snapshot: registry.Snapshot) -> None:
    patient = snapshot.table("patient").set_index("person_id")["centre"]
    tested = snapshot.table("antibody").query("result != 'not tested'")["person_id"].unique()
    course, infusion, lab = (snapshot.table(name) for name in ("course", "infusion", "lab"))
    course = course.assign(date=course["start_date"])
    given = pd.concat([table.loc[table["agent"] == "rituximab", ["person_id", "date"]] for table in (infusion, course)])
    first = given.groupby("person_id")["date"].min()
    igg = lab[lab["analyte"] == "IgG"].join(first.rename("first"), on="person_id", how="inner")
    near = igg[(igg["date"] <= igg["first"]) & (igg["date"] >= igg["first"] - SIX_MONTHS)]["person_id"].unique()
    follow_up = snapshot.table("follow_up").set_index("person_id").reindex(patient.index)
    asked = follow_up[~follow_up["status"].isin(["dead", "withdrawn"])]
    late = ~(asked["last_seen_date"] >= pd.Timestamp(snapshot.cut) - pd.DateOffset(months=15))
    for centre in centres_of(snapshot):
        own = patient[patient == centre].index
        assert value(result, f"Missing|Antibody tested|{centre}|count|") == len(set(own) - set(tested))
        of_centre = {person for person in first.index if patient[person] == centre}
        assert value(result, f"Persons given rituximab||{centre}|count|") == len(of_centre)
        assert value(result, f"Missing|IgG before rituximab|{centre}|count|") == len(of_centre - set(near))
        assert value(result, f"Persons to be followed||{centre}|count|") == asked.index.isin(own).sum()
        assert value(result, f"Missing|Seen lately|{centre}|count|") == late[late.index.isin(own)].sum()


def test_rules_and_medians_are_those_that_pandas_counts(result: Result, snapshot: registry.Snapshot) -> None:
    rules = snapshot.table("rule_result")
    on_rows = rules[rules["table_name"].notna()].groupby("kind")[["tested", "failed"]].sum()
    for kind, row in on_rows.iterrows():
        assert value(result, f"Failed|{kind}|all|count|") == row["failed"]
        assert value(result, f"Failed|{kind}|all|rate|") == pytest.approx(1000 * row["failed"] / row["tested"])
    multiple = snapshot.table("lab_multiple").merge(snapshot.table("patient")[["person_id", "centre", "sex"]])
    medians = multiple.dropna(subset="log2_multiple").groupby(["centre", "analyte", "sex"])["log2_multiple"].median()
    checked = 0
    for row in result.rows:
        if row.topic == "Multiple of the ULN" and isinstance(row.value, Summary):
            analyte, sex = row.level.split(", ")
            assert row.value.value == pytest.approx(medians[row.group, analyte, sex])
            checked += 1
    assert checked > 10


def test_changes_are_those_between_the_two_files(
    result: Result, quarterly: registry.Study, snapshot: registry.Snapshot
) -> None:
    folders = quarterly.folder / f"{CENTRE}-{EARLIER}", quarterly.folder / "submissions" / f"{CENTRE}-{LATEST}"
    old, new = (
        {(row["patient_id"], row["analyte"], row["date"]): row for row in read(folder / "lab.csv")}
        for folder in folders
    )
    both = old.keys() & new.keys()
    counted = Counter("unchanged" if old[key] == new[key] else "changed" for key in both)
    counted |= {"added": len(new.keys() - both), "removed": len(old.keys() - both)}
    held_back = int(snapshot.table("submission_past").query("centre == @CENTRE")["quarantined"].sum())
    for kind in ("added", "removed", "changed", "unchanged"):
        assert abs(value(result, f"Change, lab|{kind}|all|count|") - counted[kind]) <= held_back, kind
    assert value(result, "Change, lab|removed|all|count|") > 20
    told = {check.name: check.outcome for check in result.checks}
    assert told[f"Rows changed: {CENTRE}"] == "failed"
    assert value(result, f"Submissions||{CENTRE}|number|") == 2
    silent = next(code for code in (c.code for c in quarterly.centres) if code not in centres_of(snapshot))
    assert told[f"Submission on time: {silent}"] == "failed"


def test_masking_gives_no_small_count_back_and_unmasks_nothing(
    result: Result, quarterly: registry.Study, snapshot: registry.Snapshot
) -> None:
    own = answer_for_centre(snapshot, quarterly, CENTRE)
    for found in (result, own):
        check([found])
        [masked] = mask([found])
        assert mask([masked]) == (masked,)
        shown = {row.id: row.value for row in masked.rows if not isinstance(row.value, Masked)}
        assert all(found[identifier] == number for identifier, number in shown.items())
        counts = [row.value.value for row in masked.rows if row.statistic == "count" and isinstance(row.value, Summary)]
        assert not any(1 <= number <= 4 for number in counts)


def test_the_verbs_write_the_results_and_a_short_tagged_pdf_the_same_twice(
    quarterly: registry.Study, snapshot: registry.Snapshot, result: Result, tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    quality, centre_report = VERBS
    runner = CliRunner()
    with caplog.at_level(logging.INFO):
        counted = runner.invoke(quality, [], obj=quarterly.folder)
        assert counted.exit_code == 0, counted.output
        written = quarterly.results / snapshot.id / "quality.json"
        assert Result.load(written) == result
        assert "Nothing was sent." in counted.output
        paths = [tmp_path / "one.pdf", tmp_path / "two.pdf"]
        for path in paths:
            made = runner.invoke(centre_report, [CENTRE, "--output", str(path)], obj=quarterly.folder)
            assert made.exit_code == 0, made.output
    assert [record.getMessage() for record in caplog.records] == []
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert load_centre_result(quarterly, snapshot.id, CENTRE) == answer_for_centre(snapshot, quarterly, CENTRE)
    with pikepdf.open(paths[0]) as pdf:
        assert len(pdf.pages) <= 4
        assert pdf.Root.MarkInfo.Marked


def test_a_centre_that_the_study_does_not_have_is_refused(
    quarterly: registry.Study, snapshot: registry.Snapshot
) -> None:
    with pytest.raises(registry.UserError, match="It has no centre atlantis"):
        answer_for_centre(snapshot, quarterly, "atlantis")
