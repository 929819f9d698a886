"""Who is in the registry and in the cohort: the flow of persons, centres, and the arms at time zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses import formats
from analyses.result import ALL, Summary
from reports.tables import ARM_NAMES, BLANK, Cell, Draft, levels, number, pair, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from analyses.result import Result
    from reports.comparison import Comparison
    from reports.tables import Table

MISSING = "missing"
INCIDENT = "Incident user"
"""A topic that says nothing in a cohort of incident users."""
_SKEWED = ("Disease duration", "CDASI activity", "Prednisone", "LDH", "CK", "Aldolase")
_ONE_LEVEL = {"Sex": "female"}


@dataclass(frozen=True, kw_only=True)
class Loss:
    """Why persons were lost at a step, and how many."""

    reason: str
    count: str


@dataclass(frozen=True, kw_only=True)
class FlowStep:
    """One box of the flow diagram, and what was lost on the way to it ("" at the first)."""

    label: str
    remaining: str
    arms: tuple[str, ...]
    lost: str
    losses: tuple[Loss, ...]


def flow(result: Result, comparison: Comparison) -> tuple[FlowStep, ...]:
    """Return the steps from registered to compared with the losses between them."""

    def text(topic: str, level: str, group: str = ALL) -> str:
        value = number(result, topic, level, group, statistic="count")
        return formats.value(value, statistic="count", maximum=comparison.maximum)

    with_arms = {row.level for row in rows(result, "Flow", statistic="count") if row.group != ALL}
    lost = levels(result, "Lost")
    return tuple(
        FlowStep(
            label=step,
            remaining=text("Flow", step),
            arms=tuple(f"{ARM_NAMES[arm]}: {text('Flow', step, arm)}" for arm in comparison.arms if step in with_arms),
            lost=text("Lost", step) if step in lost else "",
            losses=tuple(
                Loss(reason=reason, count=text(f"Lost at: {step}", reason))
                for reason in levels(result, f"Lost at: {step}")
            ),
        )
        for step in levels(result, "Flow")
    )


def centres_table(result: Result, comparison: Comparison, *, names: Mapping[str, str]) -> Table:
    """Return what each centre sent and whom it contributes; names: of the centres by code."""
    draft = Draft(maximum=comparison.maximum)
    sent = {row.group: row for row in rows(result, "Rows accepted", statistic="count")}
    refused = {row.group: row for row in rows(result, "Rows in quarantine", statistic="count")}

    def persons(code: str) -> tuple[Cell, ...]:
        wanted = [("Persons registered", ""), *(("Persons in the cohort", arm) for arm in (*comparison.arms, ""))]
        return tuple(draft.number(result, topic, level, code, statistic="count") for topic, level in wanted)

    for code in sorted(sent):
        day = sent[code].level
        when = Cell(text=formats.day(day) if day else "nothing sent")
        received = (draft.cell(table[code].value, statistic="count") for table in (sent, refused))
        draft.line(names.get(code, "") or code, *persons(code), when, *received)
    draft.line("All centres", *persons(ALL), BLANK, BLANK, BLANK)
    return draft.table(
        "centres",
        caption="What each centre sent, and whom it contributes",
        head=(
            "Centre", "Persons registered", *(ARM_NAMES[arm] for arm in comparison.arms), "In the cohort",
            "Last submission", "Rows accepted", "Rows in quarantine",
        ),
    )  # fmt: skip


def baseline_table(result: Result, comparison: Comparison) -> Table:
    """Return the persons at time zero by arm with standardised differences, topics in the order of the Result."""
    draft = Draft(maximum=comparison.maximum)
    for topic in dict.fromkeys(row.topic for row in result.rows):
        if topic == "Persons" or (topic == INCIDENT and result.provenance.cohort.startswith("incident")):
            continue
        if rows(result, topic, statistic="mean"):
            _numeric(draft, result, topic, comparison)
        else:
            _categories(draft, result, topic, comparison)
    persons = draft.counts(result, "Persons", "in the cohort", groups=comparison.groups)
    heads = (
        f"{ARM_NAMES[group]} (n\u00a0=\u00a0{cell.text})"
        for group, cell in zip(comparison.groups, persons, strict=True)
    )
    return draft.table(
        "baseline",
        caption="Persons at time zero by first agent: mean (SD), median (quartiles) where it says so, or number (%)",
        head=("", *heads, "Standardised difference"),
        whole=False,
    )


def _numeric(draft: Draft, result: Result, topic: str, comparison: Comparison) -> None:
    means = (row.value for row in rows(result, topic, statistic="mean"))
    unit = next((value.unit for value in means if isinstance(value, Summary)), "")
    what = "median" if topic in _SKEWED else ""
    cells = (
        draft.quartiles(result, topic, group) if topic in _SKEWED else _mean(draft, result, topic, group)
        for group in comparison.groups
    )
    head = ", ".join(part for part in (topic, formats.unit(unit), what) if part)
    draft.line(head, *cells, _standardised(draft, result, topic))
    _missing(draft, result, topic, comparison)


def _mean(draft: Draft, result: Result, topic: str, group: str) -> Cell:
    mean, sd = (number(result, topic, "", group, statistic=statistic) for statistic in ("mean", "sd"))
    return draft.cell(mean, text=formats.mean_sd(mean, sd))


def _categories(draft: Draft, result: Result, topic: str, comparison: Comparison) -> None:
    named = [level for level in levels(result, topic) if level != MISSING]
    single = _ONE_LEVEL.get(topic, "yes" if named == ["yes", "no"] else "")
    if single:
        cells = draft.shares(result, topic, single, groups=comparison.groups)
        head = topic if single == "yes" else f"{topic}: {single}"
        draft.line(head, *cells, _standardised(draft, result, topic))
    else:
        draft.line(topic, *(BLANK for _ in comparison.groups), _standardised(draft, result, topic))
        for level in named:
            draft.line(level, *draft.shares(result, topic, level, groups=comparison.groups), BLANK, kind="indented")
    _missing(draft, result, topic, comparison)


def _missing(draft: Draft, result: Result, topic: str, comparison: Comparison) -> None:
    overall = number(result, topic, MISSING, statistic="count")
    if isinstance(overall, Summary) and overall.value == 0:
        return
    draft.line(MISSING, *draft.shares(result, topic, MISSING, groups=comparison.groups), BLANK, kind="indented")


def _standardised(draft: Draft, result: Result, topic: str) -> Cell:
    return draft.number(result, topic, statistic="standardised difference")


def effects_table(result: Result, comparison: Comparison, *, names: Mapping[str, str]) -> Table:
    """Return persons, responses and the hazard ratio of response by centre; names: of the centres by code."""
    draft = Draft(maximum=comparison.maximum)
    for row in rows(result, "Hazard ratio", statistic="hazard ratio"):
        if row.group == ALL or row.level != "adjusted":
            continue
        both = (
            pair([draft.number(result, topic, arm, row.group, statistic="count") for arm in comparison.arms])
            for topic in ("Persons", "Events")
        )
        draft.line(names.get(row.group, "") or row.group, *both, draft.of_row(row))
    return draft.table(
        "centre-effects",
        caption="Response by centre: persons analysed, events and adjusted hazard ratio (95\u00a0% interval)",
        head=("Centre", f"Persons, {comparison.short}", f"Responses, {comparison.short}", comparison.against),
    )
