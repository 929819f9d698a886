"""What a centre is told about its submission, in words that can be read in a terminal."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.errors import ExitCode, Problem, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from registry.checking.checks import CheckedSubmission
    from registry.checking.findings import Kind
    from registry.keeping.kept_rows import KeptRows

WIDTH = 100


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a submission that was taken in.

    accepted, quarantined: rows of all tables; together they are all rows that were sent. queries: questions to the
    centre. problems: those to show (at most 20 of a rule in a file); kinds: how many more there are. rejects: all
    reasons for quarantine; a row can have several. waiting: rows in quarantine only because their person's row is.
    left_out: rows of persons who have withdrawn
    their consent. unchanged: the same files had been taken in before, and nothing was done; problems are then not
    looked for again. latest: the submission of that centre and date that is in force. notes: what was found in the
    registry and put right first. checked: what became of every row, for what is sent back to the centre; None if
    nothing was looked for again.
    """

    submission_id: str
    name: str
    centre: str
    date: date
    accepted: int
    quarantined: int
    waiting: int = 0
    queries: int
    rejects: int = 0
    problems: tuple[Problem, ...] = ()
    kinds: tuple[Kind, ...] = ()
    left_out: int = 0
    unchanged: bool = False
    latest: str
    notes: tuple[str, ...] = ()
    checked: CheckedSubmission | None = None

    def text(self) -> str:
        """Return the message for the centre: each problem with its place, and the state of things."""
        if self.unchanged:
            return _paragraph(f"{self.name} had been taken in before; nothing was changed.", *self._state(), indent="")
        state = [*self._state(), *(["Send a corrected file to replace it."] if self.quarantined else [])]
        return _message(self.name, self.problems, self.kinds, rejects=self.rejects, questions=self.queries, state=state)

    def _state(self) -> Iterator[str]:
        if self.left_out:
            rows = "1 row was" if self.left_out == 1 else f"{self.left_out:,} rows were"
            yield f"{rows} left out: consent was withdrawn. Leave these persons out of the next submission."
        if self.quarantined:
            rows = "1 row is" if self.quarantined == 1 else f"{self.quarantined:,} rows are"
            waiting = f", {self.waiting:,} of them only because the person's own row is" if self.waiting else ""
            yield f"{rows} in quarantine{waiting}; {_taken_in(self.accepted)}"
        else:
            yield _taken_in(self.accepted)
        if self.latest != self.submission_id:
            yield f"A later one, {self.latest}, is in force."


def receipt_of(
    checked: CheckedSubmission,
    kept: KeptRows,
    submission_id: str,
    *,
    asked: tuple[Problem, ...] = (),
    notes: tuple[str, ...] = (),
) -> Receipt:
    """Return the receipt of a submission that has just been stored. asked: what only the other centres could tell."""
    submission = checked.submission
    if submission.date is None:
        text = "a submission without a date was stored"
        raise AssertionError(text)
    return Receipt(
        submission_id=submission_id,
        name=submission.name,
        centre=submission.centre,
        date=submission.date,
        accepted=sum(table.num_rows for table in kept.rows.values()),
        quarantined=kept.quarantine.num_rows,
        waiting=checked.waiting,
        queries=checked.questions + len(asked),
        left_out=sum(kept.left_out.values()),
        rejects=checked.rejects,
        problems=(*checked.problems, *asked),
        kinds=checked.kinds,
        latest=submission_id,
        notes=notes,
        checked=checked,
    )


class BadSubmission(UserError):  # noqa: N818  (it stands beside UserError, which the command line catches)
    """A submission that was not taken in, with every problem in it."""

    def __init__(self, checked: CheckedSubmission) -> None:
        self.name = checked.submission.name
        self.checked = checked
        self.problems, self.kinds = checked.problems, checked.kinds
        self.rejects, self.questions = checked.rejects, checked.questions
        super().__init__(
            str(checked.submission.path),
            seen=f"{_count(self.rejects, 'problem')}.",
            expected="Expected the manifest and the eight files of the contract.",
            advice="Correct what is listed.",
            state="Nothing of this submission was taken in; the registry is as it was.",
            exit_code=ExitCode.BAD_SUBMISSION,
        )

    def text(self) -> str:
        """Return the message for the centre: each problem with its place, and the state of things."""
        state = [self.state, "Send it again when the files are corrected."]
        return _message(
            self.name, self.problems, self.kinds, rejects=self.rejects, questions=self.questions, state=state
        )


def _message(
    name: str,
    problems: Sequence[Problem],
    kinds: Sequence[Kind],
    *,
    rejects: int,
    questions: int,
    state: Sequence[str],
) -> str:
    counts = [_count(number, word) for number, word in ((rejects, "problem"), (questions, "question")) if number]
    title = f"{' and '.join(counts) or 'No problems'} in {name}"
    last = {(problem.file, problem.rule): number for number, problem in enumerate(problems)}
    more = {last[kind.file, kind.rule]: kind.more for kind in kinds}
    blocks = [title]
    for number, problem in enumerate(problems):
        blocks.append(_block(problem))
        if number in more:
            blocks.append(f"  ... and {more[number]:,} more of this kind")
    return "\n\n".join([*blocks, _paragraph(*state, indent="")])


def _block(problem: Problem) -> str:
    values = ", ".join(problem.values)
    place = f"{problem.where()}: {values}" if values else problem.where()
    head = textwrap.fill(place, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    message = f"Question: {problem.message}" if problem.severity == "query" else problem.message
    return f"{head}\n{_paragraph(message, problem.advice, indent='    ')}"


def _paragraph(*sentences: str, indent: str) -> str:
    """Return text on one line if it fits, and otherwise broken between sentences before it is broken inside one."""
    whole = " ".join(filter(None, sentences))
    parts = [whole] if len(indent + whole) <= WIDTH else re.split(r"(?<=[.?!]) (?=[A-Z0-9<>+-])", whole)
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 1 + len(part) <= WIDTH:
            lines[-1] += f" {part}"
        else:
            lines += textwrap.wrap(part, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return "\n".join(lines)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def _taken_in(rows: int) -> str:
    return f"{_count(rows, 'row')} of the submission {'was' if rows == 1 else 'were'} taken in."
