"""The tables of a centre's report: that centre beside all others, from its masked Result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from analyses import formats
from analyses.quality.change import CHANGES
from analyses.quality.completeness import FIELDS
from analyses.quality.groups import OTHERS
from analyses.quality.timeliness import ON_TIME
from analyses.quality.uln_audit import AGREES
from analyses.result import NotEstimable, Summary
from registry.contract import TABLES, contract
from reports.quality import MARK, failed, noted
from reports.tables import NO_NUMBER, NOTHING, Cell, Draft, levels, number, rows, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Result, Row
    from reports.tables import Table

    Names = Mapping[str, str]

LIMITS_SHOWN = 3
"""Periods of a ULN that are printed, the last ones; a centre may have changed it often."""
UNUSUAL = "u"
_TIMES = (
    ("Since the last submission", "Age of the last submission at the data cut, months"),
    ("From the last visit to the submission", "From the last visit to that submission, days"),
    ("Between submissions", "Time between submissions (median), months"),
)


def fields_table(result: Result, groups: Sequence[str], *, names: Names, maximum: int) -> Table:
    """Return what is missing of each field at the centre, and its completeness beside the others'."""
    draft = Draft(maximum=maximum)
    own = groups[0]
    for field in FIELDS:
        applies = draft.number(result, field.of, "", own, statistic="count")
        missing = draft.number(result, "Missing", field.name, own, statistic="count" if field.of_persons else "number")
        draft.line(
            field.name,
            words(field.of.lower().replace("ivig", "IVIG")),
            applies,
            missing,
            *(_percent(draft, result, ("Complete", field.name), group) for group in groups),
        )
    table = draft.table(
        "centre-fields",
        caption="What is missing, and how complete each field is",
        head=("Field", "Asked of", "Of them at the centre", "Missing", *(names[group] for group in groups)),
    )
    return replace(table, text_columns=(1,))


def times_table(result: Result, groups: Sequence[str], *, names: Names, maximum: int) -> Table:
    """Return when the centre sent; of the others, medians."""
    draft = Draft(maximum=maximum)
    for topic, text in _TIMES:
        cells = []
        for group in groups:
            value = number(result, topic, "", group, statistic="median")
            decimals = 1 if isinstance(value, Summary) and value.unit == "months" else 0
            shown = formats.decimal(value.value, decimals) if isinstance(value, Summary) else NOTHING
            late = topic == _TIMES[0][0] and failed(result, f"{ON_TIME}: {group}")
            cells.append(Cell(text=shown, marks=MARK if late else ""))
        draft.line(text, *cells)
    for topic, text in (("Submissions", "Submissions up to the data cut"), ("Centres overdue", "Centres overdue")):
        draft.line(text, *(draft.number(result, topic, "", group, statistic="number") for group in groups))
    table = draft.table(
        "centre-times", caption="When was it sent", head=("", names[groups[0]], f"{names[OTHERS]} (median)")
    )
    return noted(table, "Overdue.")


def changes_table(result: Result, groups: Sequence[str], *, names: Names, maximum: int) -> Table:
    """Return rows added, removed, changed and unchanged by table, of the centre and of the others."""
    draft = Draft(maximum=maximum)
    for group in groups:
        draft.group(names[group])
        if not rows(result, "Change", statistic="count", group=group):
            draft.line("No submission before the last one", *(NO_NUMBER for _ in CHANGES))
            continue
        for table in TABLES if group != OTHERS else ():
            cells = (draft.number(result, f"Change, {table}", kind, group, statistic="count") for kind in CHANGES)
            draft.line(contract()[table].title, *cells, kind="indented")
        marked = [MARK if failed(result, f"Rows {kind}: {group}") else "" for kind in CHANGES]
        cells = (draft.number(result, "Change", kind, group, statistic="count") for kind in CHANGES)
        draft.line("All tables", *(replace(cell, marks=mark) for cell, mark in zip(cells, marked, strict=True)))
        shares = (_percent(draft, result, ("Change", kind), group) for kind in ("removed", "changed"))
        draft.line("% of the rows before", NO_NUMBER, *shares, NO_NUMBER)
    found = draft.table(
        "centre-changes",
        caption="What the last submission changed of the one before",
        head=("Table", *(f"Rows {kind}" for kind in CHANGES)),
    )
    return noted(found, "More than one expects.")


def limits_table(result: Result, centre: str, *, maximum: int) -> Table:
    """Return the upper limits of normal that the centre states, and its multiples beside the others'."""
    draft = Draft(maximum=maximum)
    limits = rows(result, "ULN", statistic="number", group=centre)
    for level in levels(result, "Persons measured"):
        own = [row for row in limits if row.level.startswith(f"{level}, ")]
        stated = "; ".join(_limit(row, level) for row in own[-LIMITS_SHOWN:]) or "none stated"
        if len(own) > LIMITS_SHOWN:
            stated += f"; and {len(own) - LIMITS_SHOWN} before"
        outside = number(result, "ULN, outside the usual limits", level, centre, statistic="number")
        unusual = isinstance(outside, Summary) and outside.value > 0
        medians = [
            _multiple(draft, result, topic, level, centre)
            for topic in ("Multiple of the ULN", "Multiple of the ULN, other centres")
        ]
        if failed(result, f"{AGREES}: {centre}, {level}"):
            medians[0] = replace(medians[0], marks=MARK)
        draft.line(
            level,
            Cell(text=stated, marks=UNUSUAL if unusual else "", kind="text"),
            _range(result, level),
            draft.number(result, "Persons measured", level, centre, statistic="count"),
            _percent(draft, result, ("Results without ULN", level), centre),
            *medians,
        )
    table = draft.table(
        "centre-limits",
        caption="Upper limits of normal (ULN) and multiples of them",
        head=(
            "Analyte, sex", "ULN: value, months", "Other centres", "Persons", "Without ULN", "Median \u00d7 ULN",
            "Others",
        ),
        whole=False,
    )  # fmt: skip
    table = noted(table, "At least one of these limits is unusual for the analyte.", mark=UNUSUAL)
    return replace(noted(table, "The medians lie more than one doubling apart."), text_columns=(1,))


def _limit(row: Row, level: str) -> str:
    value = row.value
    when = row.level.removeprefix(f"{level}, ")
    return f"{formats.value(value, statistic='number')} {value.unit if isinstance(value, Summary) else ''} ({when})"


def _range(result: Result, level: str) -> Cell:
    found = {row.level: row.value for row in rows(result, "ULN", statistic="minimum", group=OTHERS)}
    highest = {row.level: row.value for row in rows(result, "ULN", statistic="maximum", group=OTHERS)}
    if level not in found:
        return NO_NUMBER
    low, high = (formats.value(values[level], statistic="number") for values in (found, highest))
    return Cell(text=low if low == high else f"{low} to {high}")


def _percent(draft: Draft, result: Result, of: tuple[str, str], group: str) -> Cell:
    """Return a percentage; nothing where it does not apply. of: topic and level."""
    value = number(result, *of, group, statistic="percent")
    return NO_NUMBER if isinstance(value, NotEstimable) else draft.cell(value, statistic="percent")


def _multiple(draft: Draft, result: Result, topic: str, level: str, centre: str) -> Cell:
    value = number(result, topic, level, centre, statistic="median")
    if isinstance(value, Summary):
        return Cell(text=formats.ratio(2**value.value))
    return NO_NUMBER if isinstance(value, NotEstimable) else draft.cell(value)
