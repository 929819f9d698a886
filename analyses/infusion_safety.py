"""Infusions and their reactions by agent and grade: part of the Result "safety"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from analyses.result import Row, Total
from analyses.tabulate import ARMS, GROUPS, Table, across_arms, by_arm, count_row, join, number_id, percent_row

if TYPE_CHECKING:
    from collections.abc import Mapping

OTHER = "other or not stated"
AGENTS = (*ARMS, OTHER)
NOT_STATED = "grade not stated"
GRADES = (*(f"grade {grade}" for grade in range(1, 6)), NOT_STATED)
_DAY = ["person_id", "date", "agent"]


def infusion_reactions(infusions: pd.DataFrame, reactions: pd.DataFrame) -> Table:
    """Return infusions with and without a reaction, and reactions by grade, for each agent infused.

    infusions: one row a person, day and agent. reactions: one row a person, day and agent, with grade; the agent may be
    missing. Both with arm (of time zero).
    """
    had = pd.MultiIndex.from_frame(reactions[_DAY])
    infused = pd.MultiIndex.from_frame(infusions[_DAY])
    given = pd.DataFrame(
        {"arm": infusions["arm"], "agent": _agent(infusions["agent"]), "reacted": infused.isin(had)},
    )
    grade = reactions["grade"].map(lambda g: NOT_STATED if pd.isna(g) else f"grade {int(g)}").astype("object")
    seen = pd.DataFrame(
        {"arm": reactions["arm"], "agent": _agent(reactions["agent"]), "grade": grade, "alone": ~had.isin(infused)},
    )
    return join(_of_agent(agent, given[given["agent"] == agent], seen[seen["agent"] == agent]) for agent in AGENTS)


def _agent(agents: pd.Series[str]) -> pd.Series[str]:
    return agents.astype("object").where(agents.isin(ARMS), OTHER)


def _of_agent(agent: str, given: pd.DataFrame, seen: pd.DataFrame) -> Table:
    by_grade = f"Infusion reactions by grade, {agent}"
    rows: list[Row] = []
    counts: Mapping[str, pd.Series[str]] = {
        "Infusions": given["arm"],
        "Infusions with a reaction": given["arm"][given["reacted"]],
        "Infusion reactions": seen["arm"],
        "Infusion reactions without a recorded infusion": seen["arm"][seen["alone"]],
    }
    number = {topic: {g: int(chosen.sum()) for g, chosen in by_arm(arm).items()} for topic, arm in counts.items()}
    totals = [across_arms(topic, agent) for topic in counts] + [across_arms(by_grade, grade) for grade in GRADES]
    for group in GROUPS:
        rows += [count_row(number[topic][group], topic, agent, group) for topic in counts]
        rows.append(
            percent_row(
                number["Infusions with a reaction"][group],
                number["Infusions"][group],
                "Infusions with a reaction",
                agent,
                group,
                whole_id=number_id("Infusions", agent, group),
            )
        )
        parts = ("Infusions with a reaction", "Infusion reactions without a recorded infusion")
        whole = number_id("Infusion reactions", agent, group)
        totals.append(Total(total=whole, parts=tuple(number_id(topic, agent, group) for topic in parts)))
        totals.append(Total(total=whole, parts=tuple(number_id(by_grade, grade, group) for grade in GRADES)))
    rows += [
        count_row(int((seen["grade"][chosen] == grade).sum()), by_grade, grade, group)
        for group, chosen in by_arm(seen["arm"]).items()
        for grade in GRADES
    ]
    return Table(rows=tuple(rows), totals=tuple(totals))
