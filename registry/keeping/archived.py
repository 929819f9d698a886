"""Submissions read back from the archive: as they arrived, and a delta as the whole that it stands for."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.intake.submission import read_submission
from registry.keeping.archive import archive_path, seal, unseal
from registry.keeping.delta import merged
from registry.keeping.private_files import private_files, spill_folder
from registry.keeping.remainder import write_remainder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import duckdb

    from registry.intake.submission import Submission
    from registry.keeping.keys import Keys
    from registry.study import Study


@contextmanager
def unsealed(study: Study, keys: Keys, submission_id: str) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Give a private folder with the files of an archived submission, gone at the end of the with block."""
    with private_files(), spill_folder(study.database) as folder:
        place = folder / submission_id
        place.mkdir()
        yield place, unseal(archive_path(study.archive, submission_id), place, keys=keys, submission_id=submission_id)


@contextmanager
def archived_submission(study: Study, keys: Keys, submission_id: str) -> Iterator[Submission]:
    """Give an archived submission as it was sent, with its files until the end of the with block."""
    with unsealed(study, keys, submission_id) as (folder, names):
        one_archive = len(names) == 1 and names[0].endswith(".zip")
        yield read_submission(folder / names[0] if one_archive else folder)


def whole_submission(study: Study, keys: Keys, connection: duckdb.DuckDBPyConnection, submission_id: str) -> Submission:
    """Return an archived submission, a delta merged with its base, and that with its own."""
    chain: list[tuple[str, Submission]] = []
    next_id: str | None = submission_id
    while next_id is not None:
        with archived_submission(study, keys, next_id) as submission:
            chain.append((next_id, submission))
        [(kind, replaces)] = connection.execute(
            "SELECT kind, replaces FROM submission WHERE submission_id = ?", [next_id]
        ).fetchall()
        next_id = replaces if kind == "delta" else None
    base_id, whole = chain.pop()
    while chain:
        delta_id, delta = chain.pop()
        base_id, whole = delta_id, merged(delta, whole, base_id)
    return whole


def seal_submission(
    study: Study, keys: Keys, submission: Submission, submission_id: str, *, without: Collection[str] = ()
) -> str:
    """Archive a submission, as it arrived or without persons who have withdrawn; return the SHA-256 of the file."""
    with private_files():
        study.archive.mkdir(exist_ok=True)
    target = archive_path(study.archive, submission_id)
    if without:
        with private_files(), spill_folder(study.database) as folder:
            files = write_remainder(submission, folder, without=without)
            seal(target, files, keys=keys, submission_id=submission_id)
    else:
        seal(target, sent_files(submission), keys=keys, submission_id=submission_id)
    return file_sha256(target)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sent_files(submission: Submission) -> tuple[tuple[str, Path], ...]:
    """Return the files of a submission that were read, or the archive that they came in."""
    if submission.path.is_file():
        return ((submission.path.name, submission.path),)
    unread = {problem.file for problem in submission.problems if problem.rule == "file.unknown"}
    files = (path for path in sorted(submission.path.iterdir()) if path.is_file() and not path.name.startswith("."))
    return tuple((path.name, path) for path in files if path.name not in unread)
