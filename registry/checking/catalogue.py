"""Every named rule of the contract, without a submission: what is asked of the files, and of each row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from registry.checking.between_centres import between_rules
from registry.checking.conditions import conditions_of
from registry.checking.file_rules import file_rules
from registry.contract import contract

if TYPE_CHECKING:
    from registry.checking.condition import Condition
    from registry.contract import RuleKind
    from registry.errors import Severity

Status = Literal["passed", "failed", "not applicable"]

_OWN = "the contract of this project"
_PLACE = re.compile(r"\{(\d+)\}")
_NAMED = re.compile(r"\{\w+\}")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One named rule.

    table: whose rows it is on; empty for a rule on files as wholes. severity: of the rows (or files) that break it.
    kind: its class (Kahn et al. 2016). columns: those that it looks at. message, advice: what is wrong with a row that
    breaks it, and what to do then, without the row's values. source: where the rule comes from.
    """

    id: str
    table: str
    severity: Severity
    kind: RuleKind
    columns: tuple[str, ...] = ()
    message: str
    advice: str
    source: str


@cache
def catalogue() -> tuple[Rule, ...]:
    """Return every named rule: those on files as wholes, those of each table by id, and those between centres."""
    rules: dict[str, Rule] = {}
    for one in file_rules():
        rules[one.id] = Rule(
            id=one.id,
            table="",
            severity=one.severity,
            kind=one.kind,
            message=one.message,
            advice=one.advice,
            source=one.source or _OWN,
        )
    for table in contract().values():
        for condition in sorted(conditions_of(table), key=lambda condition: condition.rule):
            rules.setdefault(condition.rule, _rule(condition))
    for between in between_rules():
        rules[between.id] = Rule(
            id=between.id,
            table=between.table,
            severity=between.severity,
            kind=between.kind,
            columns=between.columns,
            message=between.meaning or between.message,
            advice=_NAMED.sub("it", between.advice),
            source=between.source,
        )
    return tuple(rules.values())


def status(tested: int, failed: int) -> Status:
    """Return what became of a rule: one that had nothing to test has not passed."""
    if tested == 0:
        return "not applicable"
    return "failed" if failed else "passed"


def _rule(condition: Condition) -> Rule:
    return Rule(
        id=condition.rule,
        table=condition.table,
        severity=condition.severity,
        kind=condition.kind,
        columns=condition.columns,
        message=condition.meaning or _without_values(condition, condition.message),
        advice=condition.remedy or _without_values(condition, condition.advice),
        source=condition.evidence or _OWN,
    )


def _without_values(condition: Condition, words: str) -> str:
    """Return words with the names of columns in place of their values, and dots in place of others."""
    names = condition.columns if len(condition.columns) == len(condition.shown) else ()
    return _PLACE.sub(lambda found: names[int(found[1])] if int(found[1]) < len(names) else "...", words)
