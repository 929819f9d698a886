"""The registry's file: a submission is taken in as a whole or not at all, once, and its history is kept."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import duckdb

from registry.checking.checks import check
from registry.errors import ExitCode, UserError
from registry.intake.submission import read_submission
from registry.keeping.database import open_registry
from registry.keeping.receipt import BadSubmission
from registry.keeping.transaction import earlier_receipt, receipt_of, take_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from registry.checking.checks import CheckedSubmission
    from registry.intake.submission import Submission
    from registry.keeping.receipt import Receipt
    from registry.study import Study

FREE_SPACE_FACTOR = 3
"""Free space asked for, in multiples of the registry and the submission together: a full disk can fail after COMMIT."""

_READ, _CHECKED = 0.5, 0.8


def add(
    study: Study,
    folder: Path,
    *,
    progress: Callable[[str, float], None] | None = None,
    wait_seconds: float = 10,
) -> Receipt:
    """Take a submission in: good rows and quarantine in one transaction; the same files twice change nothing.

    A corrected submission of the same centre and date gets the next sequence number and is then the one in force;
    the earlier one is kept.

    Parameters
    ----------
    study
        The study, which knows its centres and its registry.
    folder
        The submission: manifest.toml and eight CSV files.
    progress
        Called with what is being done and the share that is done, from 0 to 1.
    wait_seconds
        How long to wait for another process that has the registry open.

    Raises
    ------
    BadSubmission
        If the submission as a whole cannot be taken in; nothing is stored.
    UserError
        If there is no such folder, the registry is in use, or the disk is too full.
    """
    submission = read_submission(folder, progress=_part(progress, 0, _READ))
    if study.database.is_file():
        with open_registry(study.database, wait_seconds=wait_seconds) as connection:
            earlier = earlier_receipt(connection, submission)
        if earlier is not None:
            return earlier
    centres = [centre.code for centre in study.centres]
    checked = check(submission, centres, progress=_part(progress, _READ, _CHECKED))
    if checked.refused:
        raise BadSubmission(checked)
    _need_space(study.database, submission)
    try:
        with open_registry(study.database, wait_seconds=wait_seconds) as connection:
            receipt = take_in(connection, checked, progress=_part(progress, _CHECKED, 1))
            connection.execute("CHECKPOINT")
    except duckdb.Error as error:
        receipt = _look_again(study.database, checked, error)
    if progress is not None:
        progress("done", 1.0)
    return receipt


def _look_again(database: Path, checked: CheckedSubmission, error: duckdb.Error) -> Receipt:
    """Tell what state things are in after an error: a COMMIT that raises can have committed."""
    state = "Nothing of this submission was taken in; the registry is as it was."
    try:
        with open_registry(database) as connection:
            stored = earlier_receipt(connection, checked.submission)
    except duckdb.Error:
        state = "Whether the submission was taken in is not known; adding it again will tell."
    else:
        if stored is not None:
            return receipt_of(checked, stored.submission_id)
        if not isinstance(error, duckdb.IOException):
            raise error
    raise UserError(
        str(database),
        seen=f"The registry could not be written: {str(error).splitlines()[0]}",
        expected="Expected a disk with free space that can be written to.",
        advice="Mend that and add the submission again.",
        state=state,
        exit_code=ExitCode.BAD_STUDY,
    ) from None


def _need_space(database: Path, submission: Submission) -> None:
    """Ask for room before writing."""
    sizes = [path.stat().st_size for path in (*submission.path.iterdir(), database) if path.is_file()]
    needed, free = FREE_SPACE_FACTOR * sum(sizes), shutil.disk_usage(database.parent).free
    if free < needed:
        raise UserError(
            str(database.parent),
            seen=f"The disk has {free:,} bytes free.",
            expected=f"Expected {needed:,}: {FREE_SPACE_FACTOR} times the registry and the submission.",
            advice="Make room and add the submission again.",
            state="Nothing of this submission was taken in; the registry is as it was.",
            exit_code=ExitCode.BAD_STUDY,
        )


def _part(
    progress: Callable[[str, float], None] | None, start: float, stop: float
) -> Callable[[str, float], None] | None:
    """Return a progress call for one part of the work."""
    if progress is None:
        return None
    return lambda what, share: progress(what, start + (stop - start) * share)
