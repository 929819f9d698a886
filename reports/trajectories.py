"""Tables of enzyme, strength and glucocorticoid dose over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from reports.outcomes import INTERVAL
from reports.tables import ARM_NAMES, BLANK, Cell, Draft, levels, one, pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyses.result import Result
    from reports.comparison import Comparison
    from reports.tables import Table

YEAR = 12.0
_MODEL = (
    ("In the cohort", "in the cohort"),
    ("Without a baseline value", "without a baseline value"),
    ("Without a covariate", "without a covariate"),
    ("Without a later value", "without a later value"),
    ("In the model", "in the model"),
)


def trajectory_table(
    result: Result,
    comparison: Comparison,
    *,
    identifier: str,
    caption: str,
    level: str,
    difference: str,
    ends: str = "",
) -> Table:
    """Return persons measured, adjusted means and their difference by month.

    level: of the adjusted means ("x ULN", "mg/day", or "" for the scale of the model). difference: heading of the
    difference; ends: how its level ends (", %").
    """
    draft = Draft(maximum=comparison.maximum)
    for month in map(float, comparison.months):
        measured = pair(draft.counts(result, "Persons measured", groups=comparison.arms, month=month))
        means = (
            draft.number(result, "Adjusted mean", level, arm, statistic="marginal mean", month=month)
            for arm in comparison.arms
        )
        row = one(result, "Difference", statistic="difference", month=month, ends=ends)
        cells = (measured, *means, draft.of_row(row), draft.p_value(row.value))
        draft.line(formats.month(month), *cells)
    names = [ARM_NAMES[arm] for arm in comparison.arms]
    return draft.table(
        identifier,
        caption=f"{caption} ({INTERVAL})",
        head=("Month", f"Measured, {comparison.short}", *names, difference, "p"),
    )


def models_table(named: Sequence[tuple[str, Result]], comparison: Comparison) -> Table:
    """Return who is in each model of change over time."""
    draft = Draft(maximum=comparison.maximum)
    for head, level in _MODEL:
        cells = (pair(draft.counts(result, "Persons", level, groups=comparison.arms)) for _, result in named)
        draft.line(head, *cells, kind="indented" if level.startswith("without") else "row")
    return draft.table(
        "models",
        caption=f"Who is in the models of change over time: persons, {comparison.short}",
        head=("", *(name for name, _ in named)),
    )


def dose_table(result: Result, comparison: Comparison) -> Table:
    """Return how many persons are at a low glucocorticoid dose by month, and the cumulative dose of a year."""
    draft = Draft(maximum=comparison.maximum)
    low = next(level for level in levels(result, "Low dose") if level.startswith("at most"))
    months = sorted(
        {
            row.month
            for row in result.rows
            if row.topic == "Low dose" and row.level == low and row.statistic == "percent" and row.month is not None
        }
    )
    draft.group(f"{low[:1].upper() + low[1:]}: persons / persons with a dose: per cent ({INTERVAL})")
    for month in months:
        cells = []
        for group in comparison.groups:
            both = [
                draft.number(result, "Low dose", level, group, statistic="count", month=month)
                for level in (low, "persons with a dose")
            ]
            share = draft.number(result, "Low dose", low, group, statistic="percent", month=month)
            cells.append(Cell(text=f"{pair(both).text}: {share.text}", marks=share.marks))
        draft.line(f"Month {formats.month(month)}", *cells, kind="indented")
    draft.group("Cumulative dose of the first 12 months, mg")
    known = draft.counts(result, "Cumulative dose", "persons", groups=comparison.arms, month=YEAR)
    draft.line("Persons with enough doses", *known, BLANK, kind="indented")
    doses = (draft.quartiles(result, "Cumulative dose", arm, month=YEAR) for arm in comparison.arms)
    draft.line("Median (quartiles)", *doses, BLANK, kind="indented")
    return draft.table(
        "doses",
        caption="Low and cumulative glucocorticoid dose (prednisone equivalent)",
        head=("", *(ARM_NAMES[group] for group in comparison.groups)),
    )
