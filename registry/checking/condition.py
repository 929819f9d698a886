"""One way in which rows of a submission can be wrong or doubtful: a condition in SQL and its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.contract import Column, RuleKind
    from registry.errors import Severity

_CONTEXT = ("patient", "follow_up")
"""Tables that conditions on later tables may speak of; they are checked first, in this order."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One way in which rows of a table can be wrong or doubtful.

    kind: its class (Kahn et al. 2016). source: the FROM clause, in which the table is called row. applies: what is true
    for a row that the rule tests, such as one that has the values it compares. where: what is true for a wrong row; a
    row is wrong if both are. shown: SQL of the values that are quoted. extra: SQL of values that stand only in the
    words. Both fill {0}, {1}, ... of message and advice. meaning, remedy: message and advice without the values of a
    row, for the list of all rules; needed where theirs are not readable without them. evidence: where the rule comes
    from. text_of: the column whose text is explained in Python, for the few rows that are shown, in place of message
    and advice. silent: the rows suffer from a problem that is told where it is, and are only counted.
    """

    rule: str
    table: str
    severity: Severity
    kind: RuleKind
    columns: tuple[str, ...] = ()
    source: str
    applies: str = "true"
    where: str
    shown: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    message: str = ""
    advice: str = ""
    meaning: str = ""
    remedy: str = ""
    evidence: str = ""
    text_of: Column | None = None
    silent: bool = False

    @property
    def met(self) -> str:
        """SQL of what is true for a wrong row."""
        return f"({self.applies}) AND ({self.where})"

    def words(self, values: Sequence[str]) -> tuple[str, str]:
        """Return message and advice for the shown and extra values of one row."""
        message, advice = self.message, self.advice
        for number, value in enumerate(values):
            message, advice = (text.replace(f"{{{number}}}", value) for text in (message, advice))
        return message, advice


def rows_of(table: str) -> str:
    """Return the FROM clause of a table as row, with its person.

    patient, follow_up: the person's row there, if it was taken in. sent_patient: the person, if patient.csv names it.
    """
    joins = [
        f" LEFT JOIN accepted_{other} AS {other} ON {other}.patient_id = row.patient_id" for other in seen_by(table)
    ]
    if "patient" in seen_by(table):
        joins.append(' LEFT JOIN sent_patient ON sent_patient.patient_id = row."patient_id$text"')
    return rows_alone(table) + "".join(joins)


def seen_by(table: str) -> tuple[str, ...]:
    """Return the tables that conditions on a table may speak of."""
    return _CONTEXT[: _CONTEXT.index(table)] if table in _CONTEXT else _CONTEXT


def rows_alone(table: str) -> str:
    """Return the FROM clause of a table as row."""
    return f'"{table}" AS row'


def filled(columns: Iterable[str]) -> str:
    """Return the SQL that is true for a row in which every one of these columns could be read and is not empty."""
    return " AND ".join(f'row."{name}" IS NOT NULL' for name in columns) or "true"


def text(column: str) -> str:
    """Return the SQL of what was sent in a column."""
    return f'row."{column}$text"'
