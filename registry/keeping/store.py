"""The registry's file: a submission is taken in as a whole or not at all, once, and its history is kept."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb

from registry.checking.checks import check
from registry.errors import ExitCode, UserError
from registry.intake.submission import read_submission
from registry.keeping.archived import seal_submission, sent_files, whole_submission
from registry.keeping.change import Change, changing
from registry.keeping.delta import merged, no_base
from registry.keeping.kept_rows import kept_rows
from registry.keeping.receipt import BadSubmission, receipt_of
from registry.keeping.transaction import earlier_receipt, in_force, take_in
from registry.keeping.trouble import is_of_the_disk, tells_of_trouble
from registry.keeping.withdrawals import read_withdrawals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission
    from registry.intake.submission import Submission
    from registry.keeping.receipt import Receipt
    from registry.study import Study

FREE_SPACE_FACTOR = 3
"""Free space asked for, in multiples of the registry and the submission together: a full disk can fail after COMMIT."""

_READ, _CHECKED = 0.4, 0.7


@tells_of_trouble
def add(
    study: Study,
    path: Path,
    *,
    progress: Callable[[str, float], None] | None = None,
    wait_seconds: float = 10,
) -> Receipt:
    """Take a submission in: good rows and quarantine in one transaction; the same files twice change nothing.

    A corrected submission of the same centre and date gets the next sequence number and is then the one in force;
    the earlier one is kept. A delta is merged with the submission that it says what has changed since.

    Parameters
    ----------
    study
        The study, which knows its centres and its registry.
    path
        The submission: a folder or a zip archive with manifest.toml and the tables.
    progress
        Called with what is being done and the share that is done, from 0 to 1.
    wait_seconds
        How long to wait for another process that has the registry open.

    Raises
    ------
    BadSubmission
        If the submission as a whole cannot be taken in; nothing is stored.
    UserError
        If there is no such submission, the registry is in use or cannot be trusted, or the disk is too full.
    """
    part = _parts(progress)
    before = _fingerprint(path)
    submission = read_submission(path, progress=part(0, _READ))
    notes: tuple[str, ...] = ()
    if study.database.is_file() or study.head.is_file():
        with changing(study, "add", wait_seconds=wait_seconds) as change:
            notes = change.notes
            earlier = earlier_receipt(change.connection, submission)
            if earlier is not None:
                return replace(earlier, notes=notes)
            whole, base_id = _whole(study, change, submission)
    else:
        whole, base_id = _whole(study, None, submission)
    checked = check(whole, [centre.code for centre in study.centres], progress=part(_READ, _CHECKED))
    if checked.refused:
        raise BadSubmission(checked)
    _need_space(study, submission)
    try:
        with changing(study, "add", wait_seconds=wait_seconds) as change:
            # Another process may have been faster since the first look.
            earlier = earlier_receipt(change.connection, submission)
            if earlier is not None:
                return replace(earlier, notes=notes)
            there = in_force(change.connection, submission)
            if base_id not in {None, there}:
                # Another process has replaced the base since this delta was merged with it.
                refused = replace(checked, problems=(no_base(submission, there),), rejects=1, questions=0, kinds=())
                raise BadSubmission(refused)
            if _fingerprint(path) != before:
                raise _changed_meanwhile(path)
            withdrawals = read_withdrawals(study.withdrawals)
            kept = kept_rows(checked, keys=change.keys, withdrawals=withdrawals)

            def archive(submission_id: str) -> str:
                return seal_submission(study, change.keys, submission, submission_id, without=kept.withdrawn)

            submission_id, asked = take_in(
                change.connection, checked, kept, archive=archive, progress=part(_CHECKED, 1)
            )
            receipt = receipt_of(checked, kept, submission_id, asked=asked, notes=notes)
    except (duckdb.Error, OSError) as error:
        receipt = _look_again(study, checked, error)
    if progress is not None:
        progress("done", 1.0)
    return receipt


def _whole(study: Study, change: Change | None, submission: Submission) -> tuple[Submission, str | None]:
    """Return a delta merged with its base, and which that was; any other submission as it is, and None."""
    manifest = submission.manifest
    if manifest is None or manifest.kind != "delta" or manifest.base is None:
        return submission, None
    there = None if change is None else in_force(change.connection, submission)
    if change is None or there is None or there.rpartition("-")[0] != f"{manifest.centre}-{manifest.base}":
        return replace(submission, problems=(*submission.problems, no_base(submission, there))), None
    return merged(submission, whole_submission(study, change.keys, change.connection, there), there), there


def _look_again(study: Study, checked: CheckedSubmission, error: Exception) -> Receipt:
    """Tell what state things are in after an error: a COMMIT that raises can have committed."""
    state = "Nothing of this submission was taken in; the registry is as it was."
    try:
        with changing(study, "add") as change:
            stored = earlier_receipt(change.connection, checked.submission)
    except (duckdb.Error, OSError, UserError):
        state = "Whether the submission was taken in is not known; adding it again will tell."
    else:
        if stored is not None:
            return replace(stored, unchanged=False, problems=checked.problems, kinds=checked.kinds)
        if not is_of_the_disk(error):
            raise error
    raise UserError(
        str(study.database),
        seen=f"The registry could not be written: {str(error).splitlines()[0]}",
        expected="Expected a disk with free space that can be written to.",
        advice="Mend that and add the submission again.",
        state=state,
        exit_code=ExitCode.BAD_STUDY,
    ) from None


def _need_space(study: Study, submission: Submission) -> None:
    """Ask for room before writing."""
    paths = [path for _, path in sent_files(submission)] + [study.database]
    needed = FREE_SPACE_FACTOR * sum(path.stat().st_size for path in paths if path.is_file())
    free = shutil.disk_usage(study.folder).free
    if free < needed:
        raise UserError(
            str(study.folder),
            seen=f"The disk has {free:,} bytes free.",
            expected=f"Expected {needed:,}: {FREE_SPACE_FACTOR} times the registry and the submission.",
            advice="Make room and add the submission again.",
            state="Nothing of this submission was taken in; the registry is as it was.",
            exit_code=ExitCode.BAD_STUDY,
        )


def _fingerprint(path: Path) -> str:
    """Return a hash of every file under a path, to see that what is archived is what was read."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    for file in files:
        if file.is_file():
            with file.open("rb") as content:
                digest.update(f"{file.name} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _changed_meanwhile(path: Path) -> UserError:
    return UserError(
        str(path),
        seen="The files changed while they were being taken in.",
        expected="Expected the bytes that were checked.",
        advice="Add the submission again when nobody writes to it.",
        state="Nothing of this submission was taken in; the registry is as it was.",
        exit_code=ExitCode.BAD_SUBMISSION,
    )


def _parts(progress: Callable[[str, float], None] | None) -> Callable[[float, float], Callable[[str, float], None]]:
    """Return what makes a progress call for one part of the work."""

    def part(start: float, stop: float) -> Callable[[str, float], None]:
        def report(what: str, share: float) -> None:
            if progress is not None:
                progress(what, start + (stop - start) * share)

        return report

    return part
