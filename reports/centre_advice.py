"""What a centre should do about the quality of its data, in sentences and in the order in which to do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from analyses.quality.completeness import FIELD_NAMES
from analyses.quality.groups import OTHERS
from analyses.quality.rule_failures import OTHER_RULES
from analyses.quality.timeliness import ON_TIME
from analyses.quality.uln_audit import AGREES, EVERY_ANALYTE
from analyses.result import Summary
from registry.checking.catalogue import catalogue
from reports.quality import failed
from reports.tables import levels, number, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyses.result import Result
    from registry.rules import Rules

MOST_FIELDS = 4
MOST_RULES = 2
WIDE_ENOUGH = 1.0
"""Percentage points that a field is behind the other centres before it is named."""


def to_do(result: Result, centre: str, *, rules: Rules) -> tuple[str, ...]:
    """Return what to do about what a centre sent; result: masked, of that centre."""
    steps = [*_send(result, centre, rules), *_fields(result, centre), *_rules(result, centre)]
    steps += [*_limits(result, centre), *_changes(result, centre)]
    return tuple(steps) or ("Nothing needs to be done: send the next submission in time.",)


def _send(result: Result, centre: str, rules: Rules) -> list[str]:
    if not failed(result, f"{ON_TIME}: {centre}"):
        return []
    months = f"{rules['submission_overdue_months']:f}"
    return [f"Send your cohort now: the last submission is more than {months} months old, or there was none."]


def _fields(result: Result, centre: str) -> list[str]:
    """Return the fields that are less complete than at the other centres, the widest gap first."""
    gaps = []
    for place, field in enumerate(FIELD_NAMES):
        own, others = (number(result, "Complete", field, group, statistic="percent") for group in (centre, OTHERS))
        if isinstance(own, Summary) and isinstance(others, Summary) and others.value - own.value >= WIDE_ENOUGH:
            gaps.append((own.value - others.value, place, f"{field} ({_percent(own)}; others {_percent(others)})"))
    if not gaps:
        return []
    named = [text for _, _, text in sorted(gaps)[:MOST_FIELDS]]
    return [f"Fill what the other centres have filled more often: {_listed(named)}."]


def _rules(result: Result, centre: str) -> list[str]:
    known = {rule.id: rule for rule in catalogue()}
    worst = [
        known[rule]
        for rule in levels(result, "Rule")
        if rule in known and not rule.startswith(OTHER_RULES)
    ]  # fmt: skip
    steps = []
    for rule in worst[:MOST_RULES]:
        count = formats.value(number(result, "Rule", rule.id, centre, statistic="count"), statistic="count")
        words = "a number of rows that is masked" if count == formats.MASKED else f"{count} rows"
        steps.append(f"Look at rule {rule.id} ({words}). {rule.message} {rule.advice}".strip())
    return steps


def _limits(result: Result, centre: str) -> list[str]:
    apart = [
        level for level in levels(result, "Persons measured") if failed(result, f"{AGREES}: {centre}, {level}")
    ]  # fmt: skip
    steps = []
    if apart:
        steps.append(
            f"Check unit, assay and ULN of {_listed(apart)}: as multiples of their ULN, the results lie far from those "
            "of the other centres."
        )
    unusual = [
        row.level
        for row in rows(result, "ULN, outside the usual limits", statistic="number", group=centre)
        if row.level != EVERY_ANALYTE and isinstance(row.value, Summary) and row.value.value > 0
    ]
    if unusual:
        steps.append(f"Confirm with the laboratory the unusual ULN of {_listed(unusual)}.")
    return steps


def _changes(result: Result, centre: str) -> list[str]:
    marked = [kind for kind in ("removed", "changed") if failed(result, f"Rows {kind}: {centre}")]
    if not marked:
        return []
    why = "a new export, a correction, or persons whose ids changed?"
    return [f"Tell the coordinating centre why so many rows were {' and '.join(marked)} by the last submission: {why}"]


def _percent(value: Summary) -> str:
    return formats.percent(value.value)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
