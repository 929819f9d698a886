"""Rules on rows that are only doubtful beside others: one SELECT each, in registry/sql/rules.

A file opens with what stands in the catalogue, a key and its text a line; two more spaces go on with the line before:

    -- id: visit.mmt8_jump
    -- severity: query
    -- kind: plausibility
    -- columns: mmt8, date
    -- message: MMT8 is {change} points away from that of {before}, {days} days earlier.
    -- meaning: MMT8 changes by more than 40 points between two visits less than 28 days apart.
    -- advice: Confirm the value, its scale and both dates.
    -- source: limits of this project

Then comes one SELECT of every row that the rule TESTS: line, wrong (BOOLEAN), and the values that stand in the words as
{name}. It reads the staged table of its own name, and accepted_<table> of those that are checked before it.
`whole: yes` says that the rule is about the file and names no line: then a row of the SELECT is one test of the file.
A part that several rules share stands in registry/sql/rules/parts; {part name=value ...} puts it in its place, with
$name filled in.
`each: $table $date | visit date | lab date` makes one rule of each of the last ones, with $table and $date filled in.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from registry.checking.condition import Condition, rows_alone, text
from registry.contract import RuleKind  # noqa: TC001  (pydantic reads the annotation at run time)
from registry.errors import Severity  # noqa: TC001  (the same)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.contract import Table

_HEAD = re.compile(r"-- (\w+): (.*)")
_GOES_ON = re.compile(r"--   (.*)")
_NAMED = re.compile(r"{(\w+)}")
_PART = re.compile(r"\{(\w+)((?: \w+=\w+)+)\}")
_EACH = re.compile(r"-- each: (.*(?:\n--   .*)*)\n")
_ZEROS = r"^(-?\d+)(\.\d*?[1-9])?\.?0*$"
"""Numbers lose the zeros at their end: a DECIMAL is written with all six of its decimals."""


class RuleFile(BaseModel):
    """One rule on rows together, as its file says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    severity: Severity
    kind: RuleKind
    columns: tuple[str, ...] = ()
    whole: bool = False
    message: str
    meaning: str = ""
    advice: str
    source: str
    sql: str

    @property
    def table(self) -> str:
        """Table whose rows the rule is about."""
        return self.id.partition(".")[0]


def conditions_together(table: Table) -> tuple[Condition, ...]:
    """Return the condition of every rule on rows of a table together, in the order of their ids."""
    return tuple(_condition(table, rule) for rule in rules_together() if rule.table == table.table)


@cache
def rules_together() -> tuple[RuleFile, ...]:
    """Return every rule of registry/sql/rules, sorted by id; pydantic's ValidationError if a file says it wrongly."""
    folder = files("registry").joinpath("sql", "rules")
    contents = [file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".sql")]
    found = [read_rule(one) for content in contents for one in _each(content)]
    return tuple(sorted(found, key=lambda rule: rule.id))


def read_rule(content: str) -> RuleFile:
    """Return the rule that a file says; pydantic's ValidationError if a key is missing or unknown."""
    lines = content.splitlines()
    keys: dict[str, str] = {}
    last = ""
    while lines and lines[0].startswith("--"):
        line = lines.pop(0)
        if match := _HEAD.fullmatch(line):
            last = match[1]
            keys[last] = match[2].strip()
        elif last and (match := _GOES_ON.fullmatch(line)):
            keys[last] += f" {match[1].strip()}"
    columns = tuple(name.strip() for name in keys.pop("columns", "").split(",") if name.strip())
    sql = _PART.sub(_part, "\n".join(lines).strip())
    return RuleFile.model_validate({**keys, "columns": columns, "sql": sql})


def _part(found: re.Match[str]) -> str:
    """Return a shared part with its settings filled in; KeyError for a $name without a value."""
    path = files("registry").joinpath("sql", "rules", "parts", f"{found[1]}.sql")
    settings = dict(setting.split("=", 1) for setting in found[2].split())
    return Template(path.read_text(encoding="utf-8").strip()).substitute(settings)


def _each(content: str) -> Iterator[str]:
    """Return what a file says, once for each that it names; Template raises KeyError for a $name without a value."""
    match = _EACH.match(content)
    if match is None:
        yield content
        return
    names, *values = (_words(part) for part in match[1].replace("\n--  ", "").split(" | "))
    for filled in values:
        settings = dict(zip((name.removeprefix("$") for name in names), filled, strict=True))
        yield Template(content[match.end() :]).substitute(settings)


def _words(part: str) -> list[str]:
    """Split at spaces, but not inside of parentheses."""
    return re.findall(r"\(.*?\)|\S+", part)


def _condition(table: Table, rule: RuleFile) -> Condition:
    names = tuple(dict.fromkeys(_NAMED.findall(f"{rule.message} {rule.advice}")))
    numbers = {name: f"{{{len(rule.columns) + number}}}" for number, name in enumerate(names)}
    message, advice = (_NAMED.sub(lambda found: numbers[found[1]], words) for words in (rule.message, rule.advice))
    rows = f"{rows_alone(table.table)} JOIN (\n{rule.sql}\n) AS pair ON pair.line = row.line"
    alone = f"(SELECT CAST(NULL AS BIGINT) AS line, * FROM (\n{rule.sql}\n)) AS row"
    pair = "row" if rule.whole else "pair"
    return Condition(
        rule=rule.id,
        table=table.table,
        severity=rule.severity,
        kind=rule.kind,
        columns=rule.columns,
        source=alone if rule.whole else rows,
        applies="true",
        where=f"{pair}.wrong",
        shown=() if rule.whole else tuple(text(name) for name in rule.columns),
        extra=tuple(rf"regexp_replace(CAST({pair}.{name} AS VARCHAR), '{_ZEROS}', '\1\2')" for name in names),
        message=message,
        advice=advice,
        meaning=rule.meaning,
        evidence=rule.source,
    )
