"""What identifies a person is not repeated to anybody, not even to the centre that sent it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from registry.contract import contract

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.errors import Problem

NOT_REPEATED = "(not repeated)"
"""What stands in the place of a value that identifies a person."""
IDENTIFYING_RULES = r"(^|,)(identifier|[^,]*\.(possible_)?identifier)"
"""Matches a list of rules, separated by commas, of which one is about direct identifiers."""


def identifying(rule: str) -> bool:
    """Return whether a rule is about direct identifiers: names, addresses, phone numbers, national ids."""
    return re.match(IDENTIFYING_RULES, rule) is not None


def hidden_columns(table: str, rules: Iterable[str], found: Iterable[Problem], *, complete: bool) -> frozenset[str]:
    """Return the columns of a row whose values may not be shown.

    Parameters
    ----------
    table
        Table of the contract.
    rules
        Every rule that the row does not meet.
    found
        Problems of the row that are known with their columns.
    complete
        Whether every problem of these rules is known; if not, a rule that does not name its column hides the row.
    """
    everything = frozenset(contract()[table].names)
    hidden: set[str] = set()
    for rule in filter(identifying, rules):
        parts = rule.split(".")
        named = {column for problem in found if problem.rule == rule for column in problem.columns}
        if parts[0] == table and len(parts) > 2 and parts[1] in everything:  # noqa: PLR2004
            hidden |= {parts[1], *named}
        elif complete and named:
            hidden |= named
        else:
            return everything
    return frozenset(hidden)


def without_identity(problem: Problem, hidden: frozenset[str], texts: Iterable[str] = ()) -> Problem:
    """Return a problem without the values of hidden columns.

    texts: what stands in those columns. Advice on such a value may be made from it ("Write 0612345678."), so it goes.
    """
    about = identifying(problem.rule)
    if not about and not hidden:
        return problem
    concerned = about or not hidden.isdisjoint(problem.columns)
    told = {*texts, *(problem.values if concerned else ())}
    secret = {*told, *map(str.strip, told)} - {"", "(empty)", NOT_REPEATED}
    message, advice = problem.message, problem.advice
    for text in sorted(secret, key=lambda text: (-len(text), text)):
        message, advice = (words.replace(text, NOT_REPEATED) for words in (message, advice))
    return replace(
        problem,
        values=tuple(NOT_REPEATED for _ in problem.values) if concerned else problem.values,
        message=message,
        advice="" if concerned and not about else advice,
    )
