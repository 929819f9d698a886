"""A report that somebody holds is traced to its snapshot, and says so when that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pikepdf
import pytest

from registry.errors import UserError
from registry.keeping.erase import erase
from registry.keeping.store import add
from registry.snapshot import freeze
from reports.ledger import Delivery, open_ledger, record
from reports.provenance import check_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.snapshot import Snapshot
    from registry.study import Study


@pytest.fixture
def frozen(study: Study, tmp_path: Path, write_submission: Callable[..., Path]) -> Snapshot:
    add(study, write_submission(tmp_path / "lyon-2026-06-30"))
    return freeze(study)


def _pdf(path: Path, keywords: str | None) -> Path:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        if keywords is not None:
            pdf.docinfo["/Keywords"] = keywords
        pdf.save(path)
    return path


def test_a_report_of_a_snapshot_that_is_there_stands(study: Study, frozen: Snapshot, tmp_path: Path) -> None:
    found = check_report(study, _pdf(tmp_path / "a.pdf", f"snapshot {frozen.id}"))
    assert (found.snapshot, found.stands) == (frozen.id, True)
    assert "as it was frozen, data cut 2026-06-30" in found.sentences[1]


def test_after_an_erasure_an_old_report_says_that_it_cannot_be_made_again(
    study: Study, frozen: Snapshot, tmp_path: Path
) -> None:
    path = _pdf(tmp_path / "a.pdf", f"snapshot {frozen.id}")
    new = erase(study, "lyon", ["P1"]).snapshots[frozen.id]
    found = check_report(study, path)
    assert not found.stands
    assert "persons in it withdrew their consent" in found.sentences[1]
    assert str(new) in found.sentences[1]


def test_it_is_told_to_whom_these_very_bytes_went(study: Study, frozen: Snapshot, tmp_path: Path) -> None:
    path = _pdf(tmp_path / "a.pdf", f"snapshot {frozen.id}")
    digest = check_report(study, path).sha256
    with open_ledger(study.ledger) as ledger:
        record(
            ledger,
            Delivery(
                report="committee",
                due_date=frozen.cut,
                recipient="chair@example.org",
                data_cut=frozen.cut,
                state="delivered",
                detail="",
                snapshot=frozen.id,
                sha256=digest,
            ),
        )
    assert check_report(study, path).sentences[2:] == ("Owed on 2026-06-30, to chair@example.org: delivered.",)
    path.write_bytes(path.read_bytes() + b"\n%changed\n")
    assert "may have been changed" in check_report(study, path).sentences[2]


@pytest.mark.parametrize("keywords", [None, "holiday", "snapshot ../../etc"])
def test_what_is_no_report_is_refused(study: Study, frozen: Snapshot, tmp_path: Path, keywords: str | None) -> None:
    with pytest.raises(UserError, match="which snapshot"):
        check_report(study, _pdf(tmp_path / "a.pdf", keywords))
    (tmp_path / "b.pdf").write_bytes(b"no pdf")
    with pytest.raises(UserError, match="cannot be read"):
        check_report(study, tmp_path / "b.pdf")
