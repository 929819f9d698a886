"""Tables of safety by first agent: events, low IgG, infusions and their reactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses import formats
from analyses.result import Summary
from reports.comparison import AGENT_NAMES
from reports.tables import ARM_NAMES, BLANK, Draft, levels, number, one, rows, within

if TYPE_CHECKING:
    from analyses.result import Result
    from reports.comparison import Comparison
    from reports.tables import Table

_EVENTS = {
    "Serious infections": "Persons with a serious infection",
    "Thromboembolic events": "Persons with a thromboembolic event",
    "Deaths": "",
}
_IMMUNOGLOBULIN = (
    ("Lowest value after time zero, scheme A", "Lowest IgG, scheme A"),
    ("Lowest value after time zero, scheme B", "Lowest IgG, scheme B"),
)


def events_table(result: Result, comparison: Comparison) -> Table:
    """Return exposure, events per 100 person-years with rate ratios, persons with an event, and causes of death."""
    draft = Draft(maximum=comparison.maximum)
    groups = comparison.groups
    draft.line("Persons", *draft.counts(result, "Persons", "in the cohort", groups=groups), BLANK)
    years = (draft.number(result, "Person-years", "", group, statistic="person-years") for group in groups)
    draft.line("Person-years of follow-up", *years, BLANK)
    follow_up = (draft.quartiles(result, "Follow-up", group) for group in groups)
    draft.line("Median follow-up, months", *follow_up, BLANK)
    for event, persons in _EVENTS.items():
        draft.group(event)
        draft.line("Events", *draft.counts(result, event, groups=groups), BLANK, kind="indented")
        rates = [draft.number(result, event, "", group, statistic="rate") for group in groups]
        ratio = draft.of_row(one(result, event, statistic="rate ratio"))
        draft.line("Per 100 person-years", *rates, ratio, kind="indented")
        _robust(draft, result, event, comparison)
        if persons:
            shares = draft.shares(result, persons, "yes", groups=groups)
            draft.line("Persons with one or more", *shares, BLANK, kind="indented")
    for cause in levels(result, "Cause of death"):
        if cause != "alive":
            cells = draft.counts(result, "Cause of death", cause, groups=groups)
            draft.line(f"Cause: {cause}", *cells, BLANK, kind="indented")
    return draft.table(
        "events",
        caption="Events after time zero, counted in the arm of the first agent (95\u00a0% intervals)",
        head=("", *(ARM_NAMES[group] for group in groups), f"Rate ratio, {within(comparison.against)}"),
    )


def _robust(draft: Draft, result: Result, event: str, comparison: Comparison) -> None:
    """Add the robust ratio of rates and the mean numbers of events a person, where there are any."""
    for row in rows(result, event, statistic="rate ratio"):
        if row.level.endswith(", robust"):
            blanks = (BLANK for _ in comparison.groups)
            draft.line("Rate ratio, variance by person", *blanks, draft.of_row(row), kind="indented")
    topic, month = f"Mean number of {within(event)}", float(comparison.horizon)
    if any((row.topic, row.month) == (topic, month) for row in result.rows):
        means = (draft.number(result, topic, "", arm, statistic="mean", month=month) for arm in comparison.arms)
        draft.line(f"Mean number per person by month {formats.month(month)}", *means, BLANK, BLANK, kind="indented")


def immunoglobulin_table(result: Result, comparison: Comparison) -> Table:
    """Return low IgG before and after time zero, by both schemes."""
    draft = Draft(maximum=comparison.maximum)
    groups = comparison.groups
    before = "Low IgG before time zero"
    draft.line("Low before time zero", *draft.shares(result, before, "yes", groups=groups))
    draft.line("Not measured before time zero", *draft.shares(result, before, "not measured", groups=groups))
    gradable = draft.shares(result, "IgG gradable after time zero", "yes", groups=groups)
    draft.line("A gradable value after time zero", *gradable)
    draft.line("Persistently low after time zero", *draft.shares(result, "Persistently low IgG", "yes", groups=groups))
    for heading, topic in _IMMUNOGLOBULIN:
        draft.group(heading)
        for level in levels(result, topic):
            shares = draft.shares(result, topic, level, groups=groups)
            draft.line(level[:1].upper() + level[1:], *shares, kind="indented")
    return draft.table(
        "immunoglobulin",
        caption="Low IgG: persons (per cent; of those with a gradable value for the schemes and persistence)",
        head=("", *(ARM_NAMES[group] for group in comparison.groups)),
    )


def infusions_table(result: Result, comparison: Comparison) -> Table:
    """Return infusion days and infusion reactions by agent and grade."""
    draft = Draft(maximum=comparison.maximum)
    groups = comparison.groups
    with_reaction = draft.shares(result, "Persons with an infusion reaction", "yes", groups=groups)
    draft.line("Persons with a reaction to any infusion", *with_reaction)
    for agent in levels(result, "Infusions"):
        if _never_given(result, agent):
            continue
        draft.group(f"{AGENT_NAMES.get(agent, agent[:1].upper() + agent[1:])}: infusions")
        draft.line("Infusion days", *draft.counts(result, "Infusions", agent, groups=groups), kind="indented")
        shares = draft.shares(result, "Infusions with a reaction", agent, groups=groups)
        draft.line("With a reaction", *shares, kind="indented")
        unseen = draft.counts(result, "Infusion reactions without a recorded infusion", agent, groups=groups)
        draft.line("Reactions without a recorded infusion", *unseen, kind="indented")
        topic = f"Infusion reactions by grade, {agent}"
        for grade in levels(result, topic):
            cells = draft.counts(result, topic, grade, groups=groups)
            draft.line(f"Reactions, {grade}", *cells, kind="indented")
    return draft.table(
        "infusions",
        caption="Infusions and infusion reactions in follow-up, by the agent infused",
        head=("", *(ARM_NAMES[group] for group in groups)),
    )


def _never_given(result: Result, agent: str) -> bool:
    topics = ("Infusions", "Infusion reactions without a recorded infusion")
    values = [number(result, topic, agent, statistic="count") for topic in topics]
    return all(isinstance(value, Summary) and value.value == 0 for value in values)
