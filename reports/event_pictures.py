"""Figures of time to event: survival, competing causes, states and hazard ratios over time, each with what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from analyses.result import ALL, Estimate, Masked, NotEstimable, Summary
from reports.findings import said
from reports.hazard_figures import hazard_over_time
from reports.outcomes import ADJUSTED
from reports.pictures import Picture, axis_note, curves_by_arm, end_note, missing_note, weighted_at_risk
from reports.state_figures import PREFIX, stacked_states
from reports.step_figures import axis_end, step_curves
from reports.tables import ARM_NAMES, number, rows, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Result, Statistic, Value
    from reports.comparison import Comparison

INTERVALS = "bands are 95\u00a0% intervals."
STATE, MEAN_TIME, RATIO, TEST = (
    "Probability of state", "Mean time in state", "Hazard ratio over time", "Proportional hazards",
)  # fmt: skip
"""Topics of the rows that the texts are made of."""


def survival_picture(result: Result, comparison: Comparison, *, name: str, what: str) -> Picture:
    """Return survival by arm, from 100 % down; what: without what ("Survival without failure").

    Made of the curves of that name and the rows Survival||ARM|survival|MONTH. The axis is always whole: a cut one
    would make small differences large.
    """
    until = float(comparison.horizon)
    curves = curves_by_arm(result, what, comparison)
    spoken = ". ".join(
        f"{ARM_NAMES[arm]}: {_by_month(result, 'Survival', '', arm, statistic='survival', until=until)}"
        for arm in comparison.arms
    )
    drawn = b""
    if curves:
        drawn = step_curves(
            curves, name=name, labels=ARM_NAMES, y_label="Survival", until=until,
            weighted=weighted_at_risk(result, curves),
        )  # fmt: skip
    return Picture(
        name=name,
        title=f"{what}.",
        caption=f"Kaplan-Meier; {INTERVALS}{end_note(curves, until=until)}{missing_note(curves, comparison)}",
        alt=f"{what} by months since time zero with 95\u00a0% bands and numbers at risk. {spoken}.",
        svg=drawn,
    )


def causes_picture(
    result: Result, comparison: Comparison, *, name: str, arm: str, causes: Mapping[str, str], topic: str = "Risk"
) -> Picture:
    """Return the cumulative incidence of several causes in one arm, each against the others as competing.

    causes: what each cause is called. Made of the curves "Cumulative incidence of <cause>" of the arm and the rows
    TOPIC|<cause>|ARM|risk|MONTH.
    """
    until = float(comparison.horizon)
    own = {curve.name: curve for curve in result.curves if curve.group == arm}
    names = {f"Cumulative incidence of {cause}": label for cause, label in causes.items()}
    curves = [own[curve] for curve in names if curve in own]
    spoken = ". ".join(
        f"{label}: {_by_month(result, topic, cause, arm, statistic='risk', until=until)}"
        for cause, label in causes.items()
    )
    drawn = b""
    if curves:
        drawn = step_curves(
            curves, name=name, labels={**ARM_NAMES, **names}, y_label="Cumulative incidence", until=until,
            weighted=weighted_at_risk(result, curves), most=axis_end(curves, until=until),
        )  # fmt: skip
    title = f"Cumulative incidence by cause, {within(ARM_NAMES[arm])}"
    return Picture(
        name=name,
        title=f"{title}.",
        caption=f"Aalen-Johansen: each cause ends the others' time at risk; {INTERVALS}"
        + axis_note(curves, until=until)
        + end_note(curves, until=until),
        alt=f"{title}, by months since time zero with 95\u00a0% bands and numbers at risk. {spoken}.",
        svg=drawn,
    )


def number_picture(result: Result, comparison: Comparison, *, name: str, what: str) -> Picture:
    """Return the mean number of events a person by arm; what: of what ("serious infections").

    Made of the curves "Mean number of <what>" and the rows of that topic by month.
    """
    until = float(comparison.horizon)
    title = f"Mean number of {what}"
    curves = curves_by_arm(result, title, comparison)
    spoken = ". ".join(
        f"{ARM_NAMES[arm]}: {_by_month(result, title, '', arm, statistic='mean', until=until) or 'no months to show'}"
        for arm in comparison.arms
    )
    drawn = b""
    if curves:
        drawn = step_curves(
            curves, name=name, labels=ARM_NAMES, y_label="Events per person", until=until,
            weighted=weighted_at_risk(result, curves), most=axis_end(curves, until=until),
        )  # fmt: skip
    return Picture(
        name=name,
        title=f"{title} per person.",
        caption="All events of a person count, and nobody has any after death. Steps stand for several events; "
        + INTERVALS
        + end_note(curves, until=until)
        + missing_note(curves, comparison),
        alt=f"{title} per person by months since time zero with 95\u00a0% bands and numbers at risk. {spoken}.",
        svg=drawn,
    )


def states_picture(result: Result, comparison: Comparison, *, name: str, states: Mapping[str, str]) -> Picture:
    """Return the probabilities of states over time, stacked, one panel an arm.

    states: what each is called, in order from below. Made of the curves PREFIX<state> of each arm and the rows
    "Probability of state|<state>|ARM|risk|MONTH" and "Mean time in state|<state>|ARM|restricted mean|HORIZON".
    An arm of which masking left not every state is not drawn.
    """
    until = float(comparison.horizon)
    by_arm = {
        arm: [curve for curve in result.curves if curve.group == arm and curve.name.removeprefix(PREFIX) in states]
        for arm in comparison.arms
    }
    shown = {arm: curves for arm, curves in by_arm.items() if len(curves) == len(states)}
    drawn = b""
    if shown:
        drawn = stacked_states(shown, name=name, labels=ARM_NAMES, states=states, until=until)
    curves = [curve for arm in shown for curve in shown[arm]]
    caption = (
        "Aalen-Johansen; the states of a month add to 100\u00a0%. Numbers below: persons alive and still followed."
    )
    missing = [ARM_NAMES[arm] for arm in comparison.arms if arm not in shown]
    if missing and shown:
        caption += f" {missing[0]} is withheld: its bands would tell of few persons."
    if curves and all(curve.low == curve.high for curve in curves):
        caption += (
            " Edges are drawn in parts of at least five persons (up to a tenth of the arm), so that they show no "
            "single person: smaller bands or differences mean nothing."
        )
    if any(curve.month[-1] < until for curve in curves):
        caption += " An arm ends where too few of it are followed."
    spoken = " ".join(_states_said(result, arm, states=states, until=until) for arm in comparison.arms)
    return Picture(
        name=name,
        title="State of the persons over time.",
        caption=caption,
        alt=f"Probabilities of {len(states)} states by months since time zero, stacked to 100\u00a0%, by arm. {spoken}",
        svg=drawn,
    )


def hazard_ratio_picture(
    result: Result, comparison: Comparison, *, name: str, what: str, constant: str = ADJUSTED
) -> Picture:
    """Return the hazard ratio over time beside the constant one; what: of what ("response").

    constant: level of the row "Hazard ratio||all|hazard ratio|" of the model without change. Made of the curve "Hazard
    ratio over time", the rows of that topic by month, and "Proportional hazards|p, adjusted model|all|test|".
    """
    until = float(comparison.horizon)
    same = number(result, "Hazard ratio", constant, statistic="hazard ratio")
    curve = next((curve for curve in result.curves if curve.name == RATIO), None)
    of = comparison.comparator_name
    drawn = b""
    if curve is not None:
        drawn = hazard_over_time(
            curve, same if isinstance(same, Estimate) else None, name=name, below=f"slower with {of}",
            above=f"faster with {of}", constant_label=f"Constant: {said(same, statistic='hazard ratio')}", until=until,
        )  # fmt: skip
    months = _months(result, RATIO, "", ALL, statistic="hazard ratio", until=until)
    key = dict.fromkeys((months[0], months[len(months) // 2], months[-1])) if months else {}
    spoken = ", ".join(
        f"{_ratio(number(result, RATIO, statistic='hazard ratio', month=month))} at month {formats.month(month)}"
        for month in key
    )
    return Picture(
        name=name,
        title=f"Hazard ratio of {what} over time, {within(comparison.against)}.",
        caption="Smoothed over scaled Schoenfeld residuals; the band is a 95\u00a0% interval at each month. "
        "The axis is logarithmic; the dashed line is the hazard ratio of a model in which it does not change. "
        "The band does not allow for persons of one centre being alike; the interval of the dashed line does."
        + (" The curve ends where few are at risk." if curve is not None and curve.month[-1] < until else ""),
        alt=f"Hazard ratio of {what} by months since time zero, {within(comparison.against)}, with a 95\u00a0% band: "
        f"{spoken or 'no months to show'}. Without change over time: {_ratio(same)}. {_test_said(result)}",
        svg=drawn,
        withheld=_why_not_drawn(result),
    )


def _states_said(result: Result, arm: str, *, states: Mapping[str, str], until: float) -> str:
    parts = [
        f"{label}: {_by_month(result, STATE, state, arm, statistic='risk', until=until)}"
        for state, label in states.items()
    ]
    means = [
        f"{within(label)} {said(number(result, MEAN_TIME, state, arm, statistic='restricted mean', month=until))}"
        for state, label in states.items()
    ]
    return (
        f"{ARM_NAMES[arm]}. {'. '.join(parts)}. "
        f"Mean months in each state within the first {formats.month(until)}: {', '.join(means)}."
    )


def _why_not_drawn(result: Result) -> str:
    """Return why there is no hazard ratio over time: the reason of its numbers, else that masking withheld it."""
    values = [row.value for row in result.rows if row.topic == RATIO]
    reasons = [value.reason for value in values if isinstance(value, NotEstimable)]
    if reasons and not any(isinstance(value, Masked) for value in values):
        return f"Not estimable: {reasons[0].strip().rstrip('.')}."
    return "Withheld: it would rest on too few persons or events."


def _test_said(result: Result) -> str:
    found = [row for row in rows(result, TEST, statistic="test") if row.level.split(",")[0] == "p"]
    if not found:
        return "Whether it changes was not tested."
    text = formats.row(found[0])
    if not isinstance(found[0].value, Summary):
        return f"Test of whether it changes: {text}."
    return f"Test of whether it changes: p {text if text[0] in '<>' else f'= {text}'}."


def _ratio(value: Value) -> str:
    return said(value, statistic="hazard ratio")


def _by_month(result: Result, topic: str, level: str, group: str, *, statistic: Statistic, until: float) -> str:
    months = _months(result, topic, level, group, statistic=statistic, until=until)
    at = "at" if topic == STATE or statistic == "survival" else "by"
    return ", ".join(
        f"{said(number(result, topic, level, group, statistic=statistic, month=month))} {at} {formats.month(month)} "
        "months"
        for month in months
    )


def _months(
    result: Result, topic: str, level: str, group: str, *, statistic: Statistic, until: float
) -> Sequence[float]:
    """Return the months up to until of which a Result has the number, in order."""
    return sorted(
        row.month
        for row in result.rows
        if (row.topic, row.level, row.group, row.statistic) == (topic, level, group, statistic)
        and row.month is not None
        and row.month <= until
    )
