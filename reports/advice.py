"""What became of a submission and what its centre should do next, in sentences for every reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.checking.checks import CheckedSubmission
    from reports.problem_counts import TableCount

SEVERITIES = {"reject": "Rejected", "query": "Question"}
NOT_KNOWN = "not known"


def verdict(checked: CheckedSubmission, counts: Sequence[TableCount]) -> str:
    """Return what became of a submission, in one or two sentences."""
    sent = sum(count.sent or 0 for count in counts)
    if checked.refused:
        whole = sum(problem.severity == "reject" and problem.line is None for problem in checked.problems)
        concern = "1 problem concerns a file as a whole" if whole == 1 else f"{whole:,} problems concern whole files"
        return f"Refused: {concern}, so nothing of this submission is taken in."
    held = checked.quarantine.num_rows
    if held == 0:
        verb = "is" if sent == 1 else "are"
        state = f"Complete: {'the' if sent == 1 else 'all'} {number(sent, 'row')} {verb} taken in."
    else:
        verb = "is" if held == 1 else "are"
        state = f"{checked.accepted:,} of {number(sent, 'row')} are taken in; {held:,} {verb} in quarantine."
    return f"{state} {number(checked.questions, 'question')} to you." if checked.questions else state


def next_steps(checked: CheckedSubmission) -> tuple[str, ...]:
    """Return what to do, in the order in which to do it."""
    steps = []
    if checked.refused:
        steps.append("Correct the files that are listed with a problem of the whole file; without that nothing counts.")
    if checked.quarantine.num_rows:
        steps.append("Rejected rows: correct them in your own records, so that the next export is right as well.")
    if checked.waiting:
        waiting = "1 row waits" if checked.waiting == 1 else f"{checked.waiting:,} rows wait"
        steps.append(f"{waiting} only for the person's own row: correct that row and nothing else.")
    if checked.questions:
        steps.append("Questions: compare with the source. Correct what is wrong; leave what is right as it is.")
    if not steps:
        return ("Nothing needs to be done.",)
    if checked.refused or checked.quarantine.num_rows:
        steps.append("Export again and send the corrected submission: it replaces this one.")
    else:
        steps.append("The rows in question are taken in; a correction can come with a later submission.")
    return tuple(steps)


def number(count: int, word: str) -> str:
    """Return a count with its word: "1 row", "2 rows"."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
