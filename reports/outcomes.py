"""Tables of time to response and to failure: persons and events, risks, restricted means and hazard ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from analyses.covariates import covariate_name
from analyses.result import Estimate
from reports.tables import ARM_NAMES, BLANK, NO_NUMBER, NOTHING, Cell, Draft, levels, one, pair, rows, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyses.result import Result, Row
    from reports.comparison import Comparison
    from reports.tables import Table

INTERVAL = "95\u00a0% interval"
ADJUSTED = "adjusted, stratified by centre"
_PERSONS = (
    ("In the cohort", "in the cohort"),
    ("No visit whose score can decide", "never scorable"),
    ("Event before entry into the registry", "event before entry"),
    ("Not followed after time zero or entry", "no follow-up"),
    ("Analysed", "analysed"),
    ("Missing a covariate (not in the adjusted model)", "missing a covariate"),
    ("In the adjusted model", "complete covariates"),
)
_CENSORED = (
    ("Death without it", "death"),
    ("Lost or withdrawn", "lost or withdrawn"),
    ("Still followed without it", "still followed"),
)
_COMPONENTS = {"no response": "No minimal response"}
"""Components of failure whose own name would be read as something else."""
_TOTALS = {"in the cohort", "analysed"}


def persons_table(result: Result, comparison: Comparison, *, identifier: str, caption: str, event: str) -> Table:
    """Return who is analysed and how follow-up ended, by arm. event: what the events are called ("Responses")."""
    draft = Draft(maximum=comparison.maximum)
    groups = comparison.groups
    known = levels(result, "Persons")
    for head, level in _PERSONS:
        if level in known:
            cells = draft.counts(result, "Persons", level, groups=groups)
            draft.line(head, *cells, kind="row" if level in _TOTALS else "indented")
    draft.line(event, *draft.counts(result, "Events", groups=groups))
    for level in levels(result, "Component"):
        cells = draft.counts(result, "Component", level, groups=groups)
        draft.line(_COMPONENTS.get(level, level[:1].upper() + level[1:]), *cells, kind="indented")
    draft.line("Follow-up ended otherwise", *(BLANK for _ in groups))
    for head, level in _CENSORED:
        draft.line(head, *draft.counts(result, "Censored", level, groups=groups), kind="indented")
    years = (draft.number(result, "Person-years", "", group, statistic="person-years") for group in groups)
    draft.line("Person-years at risk", *years)
    return draft.table(identifier, caption=caption, head=("", *(ARM_NAMES[group] for group in groups)))


def risk_table(
    result: Result, comparison: Comparison, *, identifier: str, caption: str, months: Sequence[float], free_of: str
) -> Table:
    """Return risks by month, those of death first, median time and restricted mean by arm with their differences.

    free_of: what the restricted mean is the time without ("response").
    """
    draft = Draft(maximum=comparison.maximum)
    horizon = float(comparison.horizon)
    for month in months:
        draft.line(f"Risk by {formats.month(month)} months", *_risks(draft, result, comparison, month=month))
    for month in months:
        deaths = (
            draft.number(result, "Death first", "", arm, statistic="risk", month=month) for arm in comparison.arms
        )
        draft.line(f"Death first, by {formats.month(month)} months", *deaths, NO_NUMBER)
    medians = (draft.number(result, "Median time", "", arm, statistic="median time") for arm in comparison.arms)
    draft.line(f"Median time to {free_of}, months", *medians, NO_NUMBER)
    means = (
        draft.number(result, "Restricted mean", "", arm, statistic="restricted mean", month=horizon)
        for arm in comparison.arms
    )
    difference = one(result, "Restricted mean", statistic="difference in restricted means", month=horizon)
    head = f"Mean months without {free_of} up to month {horizon:g} (dead count as without)"
    draft.line(head, *means, draft.of_row(difference))
    names = (ARM_NAMES[arm] for arm in comparison.arms)
    return draft.table(identifier, caption=caption, head=(f"Estimate ({INTERVAL})", *names, comparison.minus))


def _risks(draft: Draft, result: Result, comparison: Comparison, *, month: float, suffix: str = "") -> tuple[Cell, ...]:
    """Return the risks by a month and their difference; suffix: what follows the topic (", major response")."""
    risks = (draft.number(result, "Risk" + suffix, "", arm, statistic="risk", month=month) for arm in comparison.arms)
    difference = one(result, "Risk difference" + suffix, statistic="risk difference", month=month)
    return (*risks, draft.of_row(difference))


def hazard_table(result: Result, comparison: Comparison, *, identifier: str, caption: str) -> Table:
    """Return hazard ratios of the arm, adjusted and not, then those of the covariates, then the tests."""
    draft = Draft(maximum=comparison.maximum)
    draft.group(comparison.against)
    for head, level in (
        ("Adjusted, stratified by centre", ADJUSTED),
        ("Unadjusted, stratified by centre", "unadjusted, stratified by centre"),
        ("Unadjusted", "unadjusted"),
    ):
        row = _row(result, "Hazard ratio", "hazard ratio", level)
        draft.line(head, *_hazard(draft, row), kind="indented")
    row = _row(result, "Subdistribution hazard ratio", "hazard ratio", "adjusted")
    draft.line("Subdistribution, adjusted, not stratified", *_hazard(draft, row), kind="indented")
    draft.group("Covariates of the adjusted model")
    for row in rows(result, "Hazard ratio of covariate", statistic="hazard ratio"):
        name = covariate_name(row.level)
        draft.line(name[:1].upper() + name[1:], *_hazard(draft, row), kind="indented")
    draft.group("Tests")
    for head, topic, level in (
        ("Log-rank test, stratified by centre", "Log-rank test", "p, stratified by centre"),
        ("Log-rank test", "Log-rank test", "p, unstratified"),
        ("Gray's test (death competing), stratified by centre", "Gray's test", "p, stratified by centre"),
        ("Gray's test (death competing)", "Gray's test", "p, unstratified"),
        ("Proportional hazards of the arm, adjusted model", "Proportional hazards", "p, adjusted model"),
    ):
        test = draft.of_row(_row(result, topic, "test", level))
        draft.line(head, NO_NUMBER, NO_NUMBER, test, kind="indented")
    headings = ("", f"Hazard ratio ({INTERVAL})", "Events / persons", "p")
    return draft.table(identifier, caption=caption, head=headings)


def _row(result: Result, topic: str, statistic: str, level: str) -> Row:
    return next(r for r in result.rows if (r.topic, r.statistic, r.level) == (topic, statistic, level))


def _hazard(draft: Draft, row: Row) -> tuple[Cell, Cell, Cell]:
    events = persons = None
    if isinstance(row.value, Estimate):
        events, persons = row.value.events, row.value.n
    both = NOTHING if events is None or persons is None else f"{formats.count(events)} / {formats.count(persons)}"
    return draft.of_row(row), Cell(text=both), draft.p_value(row.value)


def degrees_table(result: Result, comparison: Comparison, *, month: float, scores: Sequence[str]) -> Table:
    """Return risks by a month and hazard ratios of minimal, moderate and major response; scores: their cuts."""
    draft = Draft(maximum=comparison.maximum)
    degrees = (("Minimal", ", minimal response"), ("Moderate", ""), ("Major", ", major response"))
    for (name, suffix), score in zip(degrees, scores, strict=True):
        risks = _risks(draft, result, comparison, month=month, suffix=suffix)
        ratio = draft.number(result, "Hazard ratio" + suffix, ADJUSTED, statistic="hazard ratio")
        draft.line(f"{name} (score {score} or more)", *risks, ratio)
    names = (ARM_NAMES[arm] for arm in comparison.arms)
    return draft.table(
        "degrees",
        caption=f"Degrees of response: risk by {formats.month(month)} months and adjusted hazard ratio ({INTERVAL})",
        head=("Improvement", *names, comparison.minus, "Hazard ratio"),
    )


def sensitivity_table(results: Mapping[str, Result], comparison: Comparison) -> Table:
    """Return the main estimates beside those with all users (prevalent ones from their enrolment)."""
    draft = Draft(maximum=comparison.maximum)
    horizon = float(comparison.horizon)
    for head, name in (("Moderate response", "response"), ("Failure", "failure")):
        both = (results[name], results[f"{name}_all_users"])
        draft.group(head)
        persons = (pair(draft.counts(result, "Persons", "analysed", groups=comparison.arms)) for result in both)
        draft.line(f"Persons analysed, {comparison.short}", *persons, kind="indented")
        risks = (one(r, "Risk difference", statistic="risk difference", month=horizon) for r in both)
        draft.line(
            f"Risk by {horizon:g} months, {within(comparison.minus)}",
            *(draft.of_row(row) for row in risks),
            kind="indented",
        )
        means = (one(r, "Restricted mean", statistic="difference in restricted means", month=horizon) for r in both)
        draft.line(
            f"Mean months without {name} up to month {horizon:g}, difference",
            *(draft.of_row(row) for row in means),
            kind="indented",
        )
        ratios = (draft.number(r, "Hazard ratio", ADJUSTED, statistic="hazard ratio") for r in both)
        draft.line("Hazard ratio, adjusted", *ratios, kind="indented")
    return draft.table(
        "sensitivity",
        caption=f"Main estimates with incident users and with all users ({INTERVAL})",
        head=("", "Incident users (main analysis)", "All users, delayed entry"),
    )
