"""From the centres' files to the committee's PDF: nothing logged, the same bytes twice, every number from a Result."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
from pathlib import Path

import pikepdf
import pytest
from click.testing import CliRunner

import analyses
import registry
import reports
from myoregistry import cli
from registry.contract import TABLES


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def whole_line(folder: Path, submissions: list[Path]) -> tuple[str, dict[str, str], str]:
    study = registry.load_study(folder)
    for submission in submissions:
        registry.add(study, submission)
    snapshot = registry.freeze(study)
    analyses.run(study, snapshot)
    path = reports.build_report(study, report="committee", snapshot_id=snapshot.id)
    results = {p.name: sha256(p) for p in (study.results / snapshot.id).iterdir()}
    return snapshot.id, results, sha256(path)


def test_the_order_of_the_centres_changes_no_byte_of_snapshot_results_and_pdf(
    study: registry.Study, pdf: Path, tmp_path: Path
) -> None:
    # The keys are part of what makes the bytes: they give the persons their pseudonyms, and those the order.
    for name in ("study.toml", "registry.key"):
        shutil.copy(study.folder / name, tmp_path / name)
    backwards = sorted((study.folder / "submissions").iterdir(), reverse=True)
    snapshot_id, results, digest = whole_line(tmp_path, backwards)
    first = registry.open_snapshot(study)
    assert snapshot_id == first.id
    assert results == {p.name: sha256(p) for p in (study.results / first.id).iterdir()}
    assert digest == sha256(pdf)
    for path in first.folder.glob("*.parquet"):
        assert sha256(path) == sha256(tmp_path / "snapshots" / snapshot_id / path.name), path.name


def test_the_same_submissions_again_change_nothing(study: registry.Study) -> None:
    before = registry.open_snapshot(study)
    receipts = [registry.add(study, path) for path in sorted((study.folder / "submissions").iterdir())]
    assert all(receipt.unchanged for receipt in receipts)
    assert registry.freeze(study).id == before.id


def test_every_row_sent_is_taken_in_or_in_quarantine(study: registry.Study) -> None:
    snapshot = registry.open_snapshot(study)
    sent = sum(
        len(path.read_text(encoding="utf-8").splitlines()) - 1
        for path in (study.folder / "submissions").glob("*/*.csv")
    )
    submissions = snapshot.table("submission")
    assert int(submissions["accepted"].sum() + submissions["quarantined"].sum()) == sent
    assert int(submissions["accepted"].sum()) == sum(snapshot.manifest["tables"][name]["rows"] for name in TABLES)
    assert int(submissions["quarantined"].sum()) > 0, "the simulated centres make mistakes"


def test_nothing_is_logged_on_the_way(study: registry.Study, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    with caplog.at_level(logging.DEBUG):
        snapshot = registry.open_snapshot(study)
        analyses.run(study, snapshot)
        reports.build_report(study, report="committee", snapshot_id=snapshot.id, output=tmp_path / "again.pdf")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO] == []


def test_a_snapshot_that_was_touched_is_not_read(study: registry.Study, tmp_path: Path) -> None:
    snapshot = registry.open_snapshot(study)
    shutil.copy(study.folder / "study.toml", tmp_path / "study.toml")
    shutil.copytree(study.snapshots, tmp_path / "snapshots")
    path = tmp_path / "snapshots" / snapshot.id / "lab.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(registry.UserError, match=r"Changed or missing since it was frozen: lab\."):
        registry.open_snapshot(registry.load_study(tmp_path))


def test_a_changed_threshold_asks_for_a_new_snapshot_and_gives_it_a_new_id(
    study: registry.Study, tmp_path: Path
) -> None:
    first = registry.open_snapshot(study)
    for name in ("study.toml", "registry.duckdb", "registry.head", "registry.key"):
        shutil.copy(study.folder / name, tmp_path / name)
    shutil.copytree(study.snapshots, tmp_path / "snapshots")
    text = (tmp_path / "study.toml").read_text(encoding="utf-8")
    (tmp_path / "study.toml").write_text(text + "\n[rules]\ntis_enzyme_range_ck = 10\n", encoding="utf-8")
    changed = registry.load_study(tmp_path)
    with pytest.raises(registry.UserError, match="tis_enzyme_range_ck"):
        registry.select_cohort(registry.open_snapshot(changed), changed)
    assert registry.freeze(changed).id != first.id


def test_an_earlier_data_cut_sees_only_what_had_been_sent_by_then(study: registry.Study, tmp_path: Path) -> None:
    cut = registry.open_snapshot(study).cut
    with pytest.raises(
        registry.UserError, match="No submission has been taken in that is dated on or before 2000-01-01"
    ):
        registry.freeze(study, cut=cut.replace(year=2000, month=1, day=1), remember=False)


def test_the_pdf_is_tagged_has_a_language_and_a_title(pdf: Path) -> None:
    with pikepdf.open(pdf) as document:
        assert document.Root.MarkInfo.Marked
        assert str(document.Root.Lang).startswith("en")
        assert document.Root.ViewerPreferences.DisplayDocTitle
        metadata = bytes(document.Root.Metadata.read_bytes()).decode()
    assert re.search(r"<pdfuaid:part>1</pdfuaid:part>|pdfuaid:part=.1", metadata)


def test_truth_of_the_simulation_stands_beside_the_study(study: registry.Study) -> None:
    truth = json.loads((study.folder / "truth.json").read_text(encoding="utf-8"))
    assert truth


def test_the_command_line_gives_the_same_snapshot_and_pdf(study: registry.Study, pdf: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    made = runner.invoke(cli, ["simulate", str(tmp_path), "--patients", "120", "--centres", "5", "--seed", "7"])
    assert made.exit_code == 0, made.output
    shutil.copy(study.key_file, tmp_path / study.key_file.name)
    here = ["--study", str(tmp_path)]
    folders = [str(path) for path in sorted((tmp_path / "submissions").iterdir())]
    for arguments in (["add", *folders], ["freeze"], ["run"], ["report", "committee"]):
        result = runner.invoke(cli, [*here, *arguments])
        assert result.exit_code == 0, result.output
    path = Path(result.output.strip().splitlines()[-1])
    assert path.name == pdf.name
    assert sha256(path) == sha256(pdf)
