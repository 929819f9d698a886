"""What only the other centres can tell is told in the receipt, counted, and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.keeping.store import add
from registry.keeping.verify import verify
from tests.keeping_study import read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.study import Study


def test_a_person_that_another_centre_has_sent_too_is_asked_about_in_the_receipt(
    study: Study, tmp_path: Path, write_submission: Callable[..., Path]
) -> None:
    add(study, write_submission(tmp_path / "lyon-2026-06-30"))
    receipt = add(study, write_submission(tmp_path / "bern-2026-06-30", centre="bern"))
    asked = [p for p in receipt.problems if p.rule == "patient.probable_duplicate_elsewhere"]
    assert [(p.severity, p.file, p.line) for p in asked] == [("query", "patient.csv", 2), ("query", "patient.csv", 3)]
    assert "A person of lyon has the same sex" in " ".join(receipt.text().split())
    [(counted,)] = read(study, "SELECT queries FROM submission WHERE submission_id = 'bern-2026-06-30-1'")
    assert counted == receipt.queries == len(receipt.problems)
    assert read(study, "SELECT count(*) FROM query WHERE submission_id = 'bern-2026-06-30-1'") == [(counted,)]
    assert verify(study).findings == ()
