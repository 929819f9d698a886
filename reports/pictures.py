"""The figures of the committee report: each its SVG, its caption, and in words what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses import formats
from analyses.result import ALL, Estimate, Summary
from reports.findings import said
from reports.forest import ForestRow, forest, half_years
from reports.mean_figures import mean_curves
from reports.outcomes import ADJUSTED
from reports.step_figures import axis_end, step_curves
from reports.tables import ARM_NAMES, levels, number, rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Curve, Result, Value
    from reports.comparison import Comparison

WEIGHTED = "Weighted persons at risk"
"""Topic of rows (statistic "number", by group and month) that stand beside the numbers at risk where there are any."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure of the report and what it shows in words. svg: empty if nothing is drawn; withheld says why."""

    name: str
    title: str
    caption: str
    alt: str
    svg: bytes
    withheld: str = "Not drawn: the curves would show single persons."


def accrual_picture(result: Result, comparison: Comparison) -> Picture:
    """Return persons of the cohort by half-year of time zero."""
    names = levels(result, "Time zero")
    values = [number(result, "Time zero", name, statistic="count") for name in names]
    texts = [formats.value(value, statistic="count", maximum=comparison.maximum) for value in values]
    spoken = ", ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=True))
    return Picture(
        name="accrual",
        title="Persons of the cohort by half-year of time zero, both arms.",
        caption="H1 is January to June, H2 July to December.",
        alt=f"Bars of persons by half-year of time zero. {spoken}.",
        svg=half_years(
            names,
            [int(value.value) if isinstance(value, Summary) else None for value in values],
            name="accrual",
            texts=texts,
        ),
    )


def risk_picture(result: Result, comparison: Comparison, *, what: str) -> Picture:
    """Return the cumulative incidence by arm; what: of what ("response")."""
    title = f"Cumulative incidence of {what}"
    until = float(comparison.horizon)
    months = sorted({row.month for row in result.rows if row.topic == "Risk" and row.month and row.month <= until})
    spoken = ". ".join(
        f"{ARM_NAMES[arm]}: "
        + ", ".join(
            f"{said(number(result, 'Risk', '', arm, statistic='risk', month=month))} by {month:g} months"
            for month in months
        )
        for arm in comparison.arms
    )
    curves = curves_by_arm(result, title, comparison)
    drawn = b""
    if curves:
        drawn = step_curves(
            curves, name=what, labels=ARM_NAMES, y_label="Cumulative incidence", until=until,
            weighted=weighted_at_risk(result, curves), most=axis_end(curves, until=until),
        )  # fmt: skip
    caption = "Aalen-Johansen, death competing, unadjusted; bands are 95\u00a0% intervals."
    caption += axis_note(curves, until=until)
    caption += end_note(curves, until=until) + missing_note(curves, comparison)
    return Picture(
        name=what,
        title=f"{title}.",
        caption=caption,
        alt=f"{title} by months since time zero with 95\u00a0% bands and numbers at risk. {spoken}.",
        svg=drawn,
    )


def mean_picture(
    result: Result,
    comparison: Comparison,
    *,
    name: str,
    title: str,
    y_label: str,
    level: str,
    log2_multiples: bool = False,
    reference: tuple[float, str] | None = None,
    least: float | None = None,
) -> Picture:
    """Return adjusted means by month; level: of the rows put into words; the rest as in mean_curves."""
    spoken = ". ".join(
        f"{ARM_NAMES[arm]}: "
        + ", ".join(
            f"{said(number(result, 'Adjusted mean', level, arm, statistic='marginal mean', month=float(month)))} "
            f"at month {month}"
            for month in comparison.months
        )
        for arm in comparison.arms
    )
    curves = curves_by_arm(result, "Adjusted mean", comparison)
    drawn = (
        mean_curves(
            curves,
            name=name,
            labels=ARM_NAMES,
            y_label=y_label,
            log2_multiples=log2_multiples,
            reference=reference,
            least=least,
        )
        if curves
        else b""
    )
    return Picture(
        name=name,
        title=f"{title} by month.",
        caption="Adjusted means with 95\u00a0% intervals; month 0 is observed."
        + (" The axis is logarithmic." if log2_multiples else ""),
        alt=f"{title}, adjusted means by months since time zero with 95\u00a0% intervals. {spoken}.",
        svg=drawn,
    )


def curves_by_arm(result: Result, name: str, comparison: Comparison) -> Sequence[Curve]:
    """Return the curves of a name that masking left, the reference first; one that it cut at month 0 shows nothing."""
    found = {curve.group: curve for curve in result.curves if curve.name == name and curve.month[-1] > 0}
    return [found[arm] for arm in comparison.arms if arm in found]


def weighted_at_risk(result: Result, curves: Sequence[Curve]) -> Mapping[str, Sequence[float | None]]:
    """Return by group the weighted numbers at risk at the months of the curves; empty if the Result has none."""
    found = {
        (row.group, row.month): row.value.value if isinstance(row.value, Summary | Estimate) else None
        for row in result.rows
        if row.topic == WEIGHTED
    }
    return {
        curve.group: [found.get((curve.group, month)) for month in curve.at_risk_month]
        for curve in curves
        if any(group == curve.group for group, _ in found)
    }


def axis_note(curves: Sequence[Curve], *, until: float) -> str:
    """Return what a caption says of an axis of incidences that ends before 100 %; "" of one that does not."""
    end = axis_end(curves, until=until) if curves else 1.0
    return f" The axis ends at {100 * end:g}\u00a0%." if end < 1 else ""


def end_note(curves: Sequence[Curve], *, until: float) -> str:
    """Return what a caption says of curves that masking cut; "" if it cut none."""
    if all(curve.month[-1] >= until for curve in curves):
        return ""
    return " Curves are coarse, and end where few are at risk, so that they show no single person."


def missing_note(curves: Sequence[Curve], comparison: Comparison) -> str:
    """Return what a caption says of an arm that is not drawn; "" if both are."""
    shown = {curve.group for curve in curves}
    return "".join(f" {ARM_NAMES[arm]} is withheld: too few persons." for arm in comparison.arms if arm not in shown)


def forest_picture(result: Result, comparison: Comparison, *, names: Mapping[str, str]) -> Picture:
    """Return the adjusted hazard ratio of response by centre, and of all centres together; names: of the centres."""
    lines = []
    for row in rows(result, "Hazard ratio", statistic="hazard ratio"):
        if row.group != ALL and row.level == "adjusted":
            persons = " / ".join(
                said(
                    number(result, "Persons", arm, row.group, statistic="count"),
                    statistic="count",
                    maximum=comparison.maximum,
                )
                for arm in comparison.arms
            )
            lines.append(_forest_row(names.get(row.group, "") or row.group, persons, row.value))
    drawn = [line for line in lines if line.values is not None]
    for head, level in (("All, adjusted", ADJUSTED), ("All, unadjusted", ADJUSTED.replace("adj", "unadj"))):
        value = number(result, "Hazard ratio", level, statistic="hazard ratio")
        drawn.append(_forest_row(head, "", value, overall=True))
    left_out = len(lines) + 2 - len(drawn)
    caption = f"{comparison.against}; squares are centres, diamonds all centres together (stratified by centre)."
    if left_out:
        caption += f" Centres without an estimate to show ({left_out}) stand in the table only."
    return Picture(
        name="forest",
        title="Adjusted hazard ratio of response by centre.",
        caption=caption,
        alt="Hazard ratios of response with 95\u00a0% intervals. "
        + "; ".join(f"{line.name}: {line.text}" for line in drawn)
        + ".",
        svg=forest(
            drawn,
            name="forest",
            persons=f"Persons, {comparison.short}",
            ratio="Hazard ratio (95\u00a0% interval)",
            below=f"slower with {comparison.comparator_name}",
            above=f"faster with {comparison.comparator_name}",
        ),
    )


def _forest_row(name: str, persons: str, value: Value, *, overall: bool = False) -> ForestRow:
    return ForestRow(
        name=name,
        persons=persons,
        values=(value.value, value.low, value.high) if isinstance(value, Estimate) else None,
        text=formats.value(value, statistic="hazard ratio"),
        overall=overall,
    )
