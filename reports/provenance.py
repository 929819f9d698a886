"""A report that somebody holds, against the study: what it was made from, and whether that still stands."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pikepdf

from registry.errors import ExitCode, UserError
from registry.keeping.superseded import read_superseded
from registry.snapshot import open_snapshot
from reports.ledger import open_ledger, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from registry.study import Study


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What is known of a report. stands: whether the snapshot that it was made from is there as it was frozen."""

    snapshot: str
    sha256: str
    stands: bool
    sentences: tuple[str, ...]


def check_report(study: Study, path: Path) -> Provenance:
    """Return what the study knows of a report's PDF.

    Raises UserError if the file is no report of this program.
    """
    try:
        content = path.read_bytes()
        with pikepdf.open(path) as pdf:
            keywords = str(pdf.docinfo.get("/Keywords", ""))
    except (OSError, pikepdf.PdfError) as error:
        raise _no_report(path, f"It cannot be read: {error}.") from None
    found = re.fullmatch(r"snapshot ([0-9a-f]{16})", keywords)
    if found is None:
        raise _no_report(path, "The file does not say which snapshot it was made from.")
    snapshot, digest = found[1], hashlib.sha256(content).hexdigest()
    stands, what = _snapshot(study, snapshot)
    sentences = (f"Made from snapshot {snapshot}.", what, *_deliveries(study, digest, snapshot))
    return Provenance(snapshot=snapshot, sha256=digest, stands=stands, sentences=sentences)


def _snapshot(study: Study, snapshot: str) -> tuple[bool, str]:
    replaced = read_superseded(study).get(snapshot)
    if replaced is not None:
        new = replaced["new"]
        then = f"{new} was frozen in its place" if new else "nothing was left to freeze"
        return False, (
            f"That snapshot is no longer there: {replaced['why']} ({replaced['on']}); {then}. "
            "The numbers of this report cannot be made again."
        )
    try:
        there = open_snapshot(study, snapshot)
    except UserError as error:
        return False, f"This study cannot show that snapshot: {error.seen}"
    return True, f"The snapshot is there as it was frozen, data cut {there.cut}."


def _deliveries(study: Study, digest: str, snapshot: str) -> Iterator[str]:
    if not study.ledger.is_file():
        yield "The study has no ledger of deliveries."
        return
    with open_ledger(study.ledger) as ledger:
        known = recorded(ledger)
    same = [d for d in known if d.sha256 == digest]
    for d in same:
        yield f"Owed on {d.due_date}, to {d.recipient}: {d.state}."
    if not same:
        others = sum(d.snapshot == snapshot for d in known)
        yield "The ledger does not know these bytes" + (
            f"; {others} deliveries were of the same snapshot: the file may have been changed." if others else "."
        )


def _no_report(path: Path, seen: str) -> UserError:
    return UserError(
        str(path),
        seen=seen,
        expected="Expected the PDF of a report that this program made.",
        advice="Name the file as it was delivered; printing it to a new PDF takes away where it came from.",
        state="Nothing was changed.",
        exit_code=ExitCode.NOTHING_TO_READ,
    )
