"""One Result a question: the only source of every table, figure, sentence and attachment."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from pathlib import Path

ALL = "all"
"""Name of the group that holds both arms."""

Statistic = Literal[
    "count", "percent", "mean", "sd", "median", "quartile 1", "quartile 3", "minimum", "maximum",
    "person-years", "rate", "rate ratio", "survival", "risk", "risk difference", "restricted mean",
    "difference in restricted means", "median time", "hazard ratio", "difference", "marginal mean",
    "standardised difference", "test", "variance", "intraclass correlation", "slope", "number",
]  # fmt: skip
"""A "count" is of persons, or of what was done to them or recorded of them, and is masked where it is small. A "number"
is of rules, files, limits or empty fields of a file, and is masked only with a count on which it rests."""


class _Frozen(BaseModel):
    """Frozen, strict about names, and exact in JSON: infinity is kept, NaN is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    @model_validator(mode="after")
    def _no_nan(self) -> Self:
        bad = [k for k, v in self.__dict__.items() if isinstance(v, float) and math.isnan(v)]
        if bad:
            text = f"{type(self).__name__}.{', '.join(bad)} is NaN; a number that cannot be had is a NotEstimable"
            raise ValueError(text)
        return self


class Summary(_Frozen):
    """A number that describes the data: no interval. Infinity means "not reached"."""

    kind: Literal["summary"] = "summary"
    value: float
    unit: str = ""


class Estimate(_Frozen):
    """A number that stands for an unknown one, with its interval. Infinite limits mean "not reached"."""

    kind: Literal["estimate"] = "estimate"
    value: float
    low: float
    high: float
    level: float = 0.95
    p: float | None = None
    df: float | None = None
    n: int | None = None
    events: int | None = None
    unit: str = ""


class NotEstimable(_Frozen):
    """A number that cannot be had, and why."""

    kind: Literal["not estimable"] = "not estimable"
    reason: str


class Masked(_Frozen):
    """A number withheld because it is, or would give back, a small count."""

    kind: Literal["masked"] = "masked"
    reason: str = "small count"


Value = Annotated[Summary | Estimate | NotEstimable | Masked, Field(discriminator="kind")]


class Row(_Frozen):
    """One number and what it is the number of.

    topic: what ("Sex"); level: which part of it ("female", "" if it has none); group: an arm, a centre or ALL;
    month: months since time zero, where it applies. rests_on: ids of the counts of persons or events from which the
    number could be worked back; it is masked when one of them is.
    """

    topic: str
    level: str = ""
    group: str = ALL
    statistic: Statistic
    month: float | None = None
    value: Value
    rests_on: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Name of the number, unique in its Result."""
        month = "" if self.month is None else f"{self.month:g}"
        return f"{self.topic}|{self.level}|{self.group}|{self.statistic}|{month}"


class Total(_Frozen):
    """A count that is the sum of others, by their ids: what masking must not let a reader solve."""

    total: str
    parts: tuple[str, ...]


class Curve(_Frozen):
    """A function of time in one group, with its interval and the numbers at risk below it.

    kind "step" is constant between its times (Kaplan-Meier); "line" joins points (marginal means by month).
    at_risk[i] and events[i] belong to at_risk_month[i]; None is a masked count.
    """

    name: str
    group: str
    kind: Literal["step", "line"]
    unit: str
    month: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    at_risk_month: tuple[float, ...] = ()
    at_risk: tuple[int | None, ...] = ()
    events: tuple[int | None, ...] = ()


class Check(_Frozen):
    """Whether an assumption or a safeguard held."""

    name: str
    outcome: Literal["passed", "failed", "not applicable"]
    detail: str


class Provenance(_Frozen):
    """Where the numbers come from."""

    snapshot: str
    data_cut: str
    cohort: str
    software: dict[str, str]


class Result(_Frozen):
    """The answer to one question, as plain data."""

    name: str
    title: str
    question: str
    rows: tuple[Row, ...]
    totals: tuple[Total, ...] = ()
    curves: tuple[Curve, ...] = ()
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    provenance: Provenance

    @model_validator(mode="after")
    def _ids_are_unique_and_known(self) -> Self:
        ids = [row.id for row in self.rows]
        known = set(ids)
        if len(ids) != len(known):
            text = f"two numbers of one name: {sorted(i for i in known if ids.count(i) > 1)}"
            raise ValueError(text)
        named = {i for total in self.totals for i in (total.total, *total.parts)}
        named |= {i for row in self.rows for i in row.rests_on}
        if named - known:
            text = f"names without a number: {sorted(named - known)}"
            raise ValueError(text)
        return self

    def __getitem__(self, identifier: str) -> Summary | Estimate | NotEstimable | Masked:
        """Return the value of a number by its id; KeyError if there is none."""
        for row in self.rows:
            if row.id == identifier:
                return row.value
        raise KeyError(identifier)

    def frame(self) -> pd.DataFrame:
        """Return the tidy view: one row, one number."""
        return pd.DataFrame(
            [
                {
                    "topic": row.topic, "level": row.level, "group": row.group, "statistic": row.statistic,
                    "month": row.month, "value": getattr(row.value, "value", None),
                    "low": getattr(row.value, "low", None), "high": getattr(row.value, "high", None),
                    "p": getattr(row.value, "p", None), "n": getattr(row.value, "n", None),
                    "events": getattr(row.value, "events", None), "reason": getattr(row.value, "reason", None),
                }
                for row in self.rows
            ]
        )  # fmt: skip

    def to_json(self) -> str:
        """Return the Result as JSON, from which from_json makes an equal one."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Return the Result that to_json wrote."""
        return cls.model_validate_json(text)

    @classmethod
    def load(cls, path: Path) -> Result:
        """Return the Result in a file."""
        return cls.from_json(path.read_text(encoding="utf-8"))

    def _repr_html_(self) -> str:
        head = f"<p><strong>{html.escape(self.title)}</strong><br>{html.escape(self.question)}</p>"
        table: str = self.frame().to_html(index=False, na_rep="", float_format=lambda x: f"{x:.4g}")
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        return head + table + (f"<ul>{notes}</ul>" if notes else "")
