"""One way in which rows of a submission can be wrong or doubtful: a condition in SQL and its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.contract import Column
    from registry.errors import Severity

_CONTEXT = ("patient", "follow_up")
"""Tables that conditions on later tables may speak of; they are checked first, in this order."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One way in which rows of a table can be wrong or doubtful.

    source, where: the FROM clause, in which the table is called row, and what is true for a wrong row. shown: SQL of
    the values that are quoted. extra: SQL of values that stand only in the words. Both fill {0}, {1}, ... of message
    and advice. text_of: the column whose text is explained in Python, for the few rows that are shown, in place of
    message and advice. silent: the rows suffer from a problem that is told where it is, and are only counted.
    """

    rule: str
    table: str
    severity: Severity
    columns: tuple[str, ...] = ()
    source: str
    where: str
    shown: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    message: str = ""
    advice: str = ""
    text_of: Column | None = None
    silent: bool = False

    @property
    def file(self) -> str:
        """Name of the file that the rows stand in."""
        return f"{self.table}.csv"

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


def text(column: str) -> str:
    """Return the SQL of what was sent in a column."""
    return f'row."{column}$text"'
