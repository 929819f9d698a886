"""Tables of enzyme, strength and glucocorticoid dose over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from reports.outcomes import INTERVAL
from reports.tables import ARM_NAMES, BLANK, Cell, Draft, levels, one, pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Result
    from reports.comparison import Comparison
    from reports.tables import Table

YEAR = 12.0
SHOWN = (6, 12, 24)
"""Months of the tables of several measures, where the study has them."""
LOGARITHMS = ", %"
# Name of the Result, name in a table, how the level of the difference ends: in per cent of a multiple, or as it is.
MEASURES = (
    ("trajectory_ldh", "LDH, %", LOGARITHMS),
    ("trajectory_ck", "CK, %", LOGARITHMS),
    ("trajectory_aldolase", "Aldolase, %", LOGARITHMS),
    ("trajectory_mmt8", "MMT8, points", ""),
    ("trajectory_haq", "HAQ, points", ""),
    ("trajectory_phga", "Physician global activity, cm", ""),
    ("sparing", "Prednisone, % of dose + 1 mg/day", LOGARITHMS),
)
MAIN = ("trajectory_ldh", "trajectory_mmt8", "sparing")
_MODELS = (
    ("By window (MMRM), as above", "Difference"),
    ("The same, centres as fixed effects", "Difference, centres as fixed effects"),
    ("Random effects of persons and centres", "Difference, random effects of persons and centres"),
    ("Continuous time (spline)", "Difference, continuous time"),
)
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


def months_shown(comparison: Comparison) -> tuple[int, ...]:
    """Return 6, 12 and 24 months, as far as the study compares them; all of its months if it has none of these."""
    return tuple(month for month in comparison.months if month in SHOWN) or comparison.months


def measures_table(results: Mapping[str, Result], comparison: Comparison) -> Table:
    """Return the difference of the arms in every measure by month, from the primary model."""
    draft = Draft(maximum=comparison.maximum)
    months = months_shown(comparison)
    for name, label, ends in MEASURES:
        draft.line(label, *_differences(draft, results[name], "Difference", months, ends))
    return draft.table(
        "measures",
        caption=(
            f"All measures: {comparison.minus}, adjusted ({INTERVAL}). Below zero favours "
            f"{comparison.comparator_name}, for MMT8 above zero"
        ),
        head=("", *(f"Month {formats.month(month)}" for month in months)),
    )


def models_beside_table(results: Mapping[str, Result], comparison: Comparison) -> Table:
    """Return the difference of the arms in the main measures by each of the models."""
    draft = Draft(maximum=comparison.maximum)
    months = months_shown(comparison)
    for name, label, ends in MEASURES:
        if name in MAIN:
            draft.group(label)
            for model, topic in _MODELS:
                draft.line(model, *_differences(draft, results[name], topic, months, ends), kind="indented")
    return draft.table(
        "models-beside",
        caption=f"Other models of the same measurements: {comparison.minus}, adjusted ({INTERVAL})",
        head=("", *(f"Month {formats.month(month)}" for month in months)),
    )


def _differences(draft: Draft, result: Result, topic: str, months: Sequence[int], ends: str) -> tuple[Cell, ...]:
    found = (one(result, topic, statistic="difference", month=float(month), ends=ends) for month in months)
    return tuple(draft.of_row(row) for row in found)


def slopes_table(results: Mapping[str, Result], comparison: Comparison) -> Table:
    """Return the mean change a year of the main measures in each arm, early and late, and its difference."""
    draft = Draft(maximum=comparison.maximum)
    spans = [level for level in levels(results[MAIN[0]], "Slope", statistic="slope") if not level.endswith(LOGARITHMS)]
    for span in spans:
        draft.group(span[:1].upper() + span[1:])
        for name, label, ends in MEASURES:
            if name in MAIN:
                arms = (
                    draft.number(results[name], "Slope", f"{span}{ends}", arm, statistic="slope")
                    for arm in comparison.arms
                )
                apart = one(results[name], "Slope", statistic="difference", ends=f"{span}{ends}")
                draft.line(label, *arms, draft.of_row(apart), kind="indented")
    return draft.table(
        "slopes",
        caption=f"Mean change a year, continuous time, adjusted; differences in % are ratios of changes ({INTERVAL})",
        head=("", *(ARM_NAMES[arm] for arm in comparison.arms), comparison.minus),
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
