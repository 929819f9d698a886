"""What the last submissions changed of those that they replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.quality.groups import plain_row
from analyses.result import ALL, Check, NotEstimable, Row, Summary, Total
from analyses.tabulate import Table, count_row, number_id
from registry.contract import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from analyses.quality.groups import Groups
    from registry.quality import Sent

CHANGES = ("added", "removed", "changed", "unchanged")
BEFORE, AFTER = CHANGES[1:], (CHANGES[0], *CHANGES[2:])
REMOVED, CHANGED = "Rows removed", "Rows changed"
_FIRST = NotEstimable(reason="a first submission: there is none before it")


def change(sent: Sent, groups: Groups) -> Table:
    """Return rows added, removed and changed by group and, of those with details, also unchanged and by table."""
    frame = _replacing(sent)
    rows: list[Row] = []
    for group, centres in groups.members.items():
        own = frame[frame["centre"].isin(centres)]
        rows += _of_group(own, group) if len(own) else [plain_row(_FIRST, "Change", "removed", group)]
    totals: list[Total] = []
    compared = [centre for centre in groups.single if (frame["centre"] == centre).any()]
    if ALL in groups.members and compared:
        totals += [
            Total(
                total=number_id("Change", kind), parts=tuple(number_id("Change", kind, centre) for centre in compared)
            )
            for kind in CHANGES[:3]
        ]
    tables = (_by_table(frame, groups), _rows_accepted(sent, compared) if ALL in groups.members else Table(rows=()))
    rows += [row for table in tables for row in table.rows]
    totals += [total for table in tables for total in table.totals]
    return Table(rows=tuple(rows), totals=tuple(totals))


def _replacing(sent: Sent) -> pd.DataFrame:
    frame = sent.tables["submission_change"]
    return frame[frame["replaces"].notna()]


def _of_kind(own: pd.DataFrame, *kinds: str) -> int:
    return int(own.loc[own["change"].isin(kinds), "rows"].sum())


def _of_group(own: pd.DataFrame, group: str) -> list[Row]:
    rows = [count_row(_of_kind(own, kind), "Change", kind, group) for kind in CHANGES[:3]]
    before = _of_kind(own, *BEFORE)
    for row in rows[1:]:
        number = _of_kind(own, row.level)
        value = Summary(value=100 * number / before, unit="%") if before else NotEstimable(reason="no row before")
        rows.append(plain_row(value, "Change", row.level, group, statistic="percent", rests_on=(row.id,)))
    return rows


def _by_table(frame: pd.DataFrame, groups: Groups) -> Table:
    rows: list[Row] = []
    totals: list[Total] = []
    for group in groups.together:
        own = frame[frame["centre"].isin(groups.members[group])]
        if own.empty:
            continue
        rows.append(count_row(_of_kind(own, "unchanged"), "Change", "unchanged", group))
        for kind in CHANGES:
            by_table = {name: _of_kind(own[own["table_name"] == name], kind) for name in TABLES}
            parts = tuple(count_row(number, f"Change, {name}", kind, group) for name, number in by_table.items())
            rows += parts
            totals.append(Total(total=number_id("Change", kind, group), parts=tuple(part.id for part in parts)))
    return Table(rows=tuple(rows), totals=tuple(totals))


def _rows_accepted(sent: Sent, compared: list[str]) -> Table:
    """Return the sum that a reader of the table of centres can write down: rows accepted are new or were there before.

    An erasure since then makes the two differ; then there is no such sum.
    """
    frame = _replacing(sent)
    submission = sent.tables["submission"]
    accepted = submission[submission["centre"].isin(compared)]
    if not compared or int(accepted["accepted"].sum()) != _of_kind(frame, *AFTER):
        return Table(rows=())
    whole = count_row(_of_kind(frame, *AFTER), "Rows after")
    rows = [
        count_row(int(number), "Rows accepted", day.date().isoformat(), str(centre))
        for centre, day, number in zip(accepted["centre"], accepted["date"], accepted["accepted"], strict=True)
    ]
    totals = (
        Total(total=whole.id, parts=tuple(row.id for row in rows)),
        Total(total=whole.id, parts=tuple(number_id("Change", kind) for kind in AFTER)),
    )
    return Table(rows=(whole, *rows), totals=totals)


def change_checks(sent: Sent, groups: Groups) -> list[Check]:
    """Return for each centre whether it removed, or changed, more old rows than one expects.

    So few rows as are masked are never marked: the mark would tell how many they are.
    """
    frame, few = _replacing(sent), int(sent.rules["masked_count_maximum"])
    limits = {"removed": sent.rules["rows_removed_percent"], "changed": sent.rules["rows_changed_percent"]}
    checks = []
    for centre in groups.single:
        own = frame[frame["centre"] == centre]
        before = _of_kind(own, *BEFORE)
        for (kind, limit), name in zip(limits.items(), (REMOVED, CHANGED), strict=True):
            number = _of_kind(own, kind)
            outcome, detail = "passed", f"Not more than {limit:f} % of the rows before."
            if before == 0:
                outcome, detail = "not applicable", "There was no submission before."
            elif number > few and 100 * number > limit * before:
                outcome, detail = "failed", f"More than {limit:f} % of the rows before."
            checks.append(Check.model_validate({"name": f"{name}: {centre}", "outcome": outcome, "detail": detail}))
    return checks
