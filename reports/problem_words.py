"""Words for every problem of a row, also for those of which the check showed only the first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from registry.checking.catalogue import catalogue
from registry.checking.explain import explain_text
from registry.checking.keys import WAITS
from registry.contract import contract
from registry.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.checking.catalogue import Rule
    from registry.checking.checks import CheckedSubmission

_EXPLAINED = {"code", "pattern", "type"}
"""Ends of rules whose words are made from the text that was sent."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """The problems that are known with their words. exact: by file, line and rule; alike: by rule.

    more: rules of which there are more problems than are known.
    """

    exact: Mapping[tuple[str, int, str], tuple[Problem, ...]]
    alike: Mapping[str, tuple[Problem, ...]]
    more: frozenset[str]


def known_words(checked: CheckedSubmission) -> Words:
    """Return the problems that a check shows, by where they are."""
    exact: dict[tuple[str, int, str], tuple[Problem, ...]] = {}
    alike: dict[str, tuple[Problem, ...]] = {}
    for problem in checked.problems:
        if problem.line is not None:
            place = (problem.file, problem.line, problem.rule)
            exact[place] = (*exact.get(place, ()), problem)
            alike[problem.rule] = (*alike.get(problem.rule, ()), problem)
    return Words(exact=exact, alike=alike, more=frozenset(kind.rule for kind in checked.kinds))


def reject_words(
    words: Words, rule: str, *, table: str, file: str, at: int, sent: Mapping[str, str | None]
) -> tuple[Problem, ...]:
    """Return the problems of one rejected row under one rule.

    Parameters
    ----------
    words
        What the check showed.
    rule
        Rule that the row does not meet.
    table, file, at
        Table of the row, and where it stands.
    sent
        The row as it was sent, by column; empty if it has another number of fields than the header.
    """
    if exact := words.exact.get((file, at, rule)):
        return exact
    blank = Problem(rule=rule, severity="reject", file=file, line=at, message="")
    names = contract()[table].names
    name, _, end = rule.removeprefix(f"{table}.").rpartition(".")
    if rule.endswith(WAITS):
        return (_waits(blank, column=name, table=table),)
    if end in _EXPLAINED and name in names and sent.get(name) is not None:
        message, advice = explain_text(contract()[table][name], str(sent[name])[:60])
        return (replace(blank, columns=(name,), values=(str(sent[name]),), message=message, advice=advice),)
    alike = words.alike.get(rule, ())
    if not alike:
        return (replace(blank, message=f"The row does not meet the rule {rule}."),)
    columns = tuple(dict.fromkeys(name for problem in alike for name in problem.columns if name in names))
    # Where the words of the known ones differ, they speak of those rows' own values.
    same = len({(problem.message, problem.advice) for problem in alike}) == 1
    general = alike[0] if same else _catalogued().get(rule)
    return (
        replace(
            blank,
            columns=columns,
            values=tuple(sent.get(column) or "(empty)" for column in columns),
            message=general.message if general else f"As in line {alike[0].line}: {alike[0].message}",
            advice=general.advice if general else "",
        ),
    )


@cache
def _catalogued() -> Mapping[str, Rule]:
    return {rule.id: rule for rule in catalogue()}


def _waits(problem: Problem, *, column: str, table: str) -> Problem:
    other = contract()[table][column].references or "patient"
    return replace(
        problem,
        columns=(column,),
        message=f"The person's own row in {other}.csv is in quarantine.",
        advice="Correct that row; this one then needs no correction.",
    )
