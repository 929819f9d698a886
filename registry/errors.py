"""What a user is told when something is wrong: errors with an exit code, and the problems of a submission."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Severity = Literal["reject", "query"]


class ExitCode(IntEnum):
    """What the command line returns to the shell."""

    OK = 0
    BUG = 1
    USAGE = 2
    BAD_SUBMISSION = 3
    BAD_STUDY = 4
    NOTHING_TO_READ = 5
    REPORT_FAILED = 6
    DELIVERY_FAILED = 7
    BUSY = 75


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that is wrong with a submission, quoting no more of a row than its line and the offending values.

    severity "reject": the row (or the file, when line is None) is not taken in. "query": the row is taken in and the
    centre is asked.
    """

    rule: str
    severity: Severity
    file: str
    line: int | None = None
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    message: str
    advice: str = ""

    def where(self) -> str:
        """Return file, line and columns as one phrase."""
        parts = [self.file]
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.columns:
            parts.append(("column " if len(self.columns) == 1 else "columns ") + ", ".join(self.columns))
        return ", ".join(parts)


class UserError(Exception):
    """A mistake that the user can mend. Shown without a traceback.

    Five parts: where, what was seen, what was expected, what to do, what state things are in now.
    """

    def __init__(
        self, where: str, *, seen: str, expected: str, advice: str, state: str, exit_code: ExitCode = ExitCode.USAGE
    ) -> None:
        self.where, self.seen, self.expected = where, seen, expected
        self.advice, self.state, self.exit_code = advice, state, exit_code
        super().__init__(f"{where}: {seen} {expected} {advice} {state}")

    def text(self) -> str:
        """Return the message as the command line prints it."""
        lines = [self.where, "", f"  {self.seen}", f"  {self.expected}", f"  {self.advice}", "", self.state]
        return "\n".join(line for i, line in enumerate(lines) if line.strip() or i in {1, 5})
