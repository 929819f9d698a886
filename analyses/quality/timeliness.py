"""When the centres sent, and how old the news was. Of submissions, which are no persons: nothing here is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.quality.groups import plain_row
from analyses.result import Check, NotEstimable
from analyses.tabulate import Table

if TYPE_CHECKING:
    import pandas as pd

    from analyses.quality.groups import Groups
    from analyses.result import Row
    from registry.quality import Sent

DAYS_A_MONTH = 365.25 / 12
ON_TIME = "Submission on time"
_TIMES = (
    ("Since the last submission", "days_old", "months", "nothing was sent"),
    ("From the last visit to the submission", "days_from_visit", "days", "no visit was sent"),
    ("Between submissions", "days_between", "months", "fewer than two submissions"),
)


def timeliness(sent: Sent, groups: Groups) -> Table:
    """Return how old the last submissions are; of several centres, the median of theirs."""
    frame = sent.tables["timeliness"]
    rows: list[Row] = []
    for group, centres in groups.members.items():
        own = frame[frame["centre"].isin(centres)]
        rows.append(plain_row(int(own["submissions"].sum()), "Submissions", "", group))
        silent = len(centres) - len(own)
        rows.append(plain_row(int(own["overdue"].sum()) + silent, "Centres overdue", "", group))
        rows += [_median(own, time, group) for time in _TIMES]
    return Table(rows=tuple(rows))


def _median(own: pd.DataFrame, time: tuple[str, str, str, str], group: str) -> Row:
    topic, column, unit, reason = time
    days = own[column].dropna()
    if days.empty:
        return plain_row(NotEstimable(reason=reason), topic, "", group, statistic="median")
    number = float(days.median()) / (DAYS_A_MONTH if unit == "months" else 1)
    return plain_row(number, topic, "", group, statistic="median", unit=unit)


def time_checks(sent: Sent, groups: Groups) -> list[Check]:
    """Return for each centre whether its last submission is recent enough."""
    frame = sent.tables["timeliness"].set_index("centre")
    months = sent.rules["submission_overdue_months"]
    checks = []
    for centre in groups.single:
        if centre not in frame.index:
            outcome, detail = "failed", "Nothing was sent."
        elif frame.loc[centre, "overdue"]:
            outcome, detail = "failed", f"The last submission is older than {months:f} months."
        else:
            outcome, detail = "passed", f"The last submission is not older than {months:f} months."
        checks.append(Check.model_validate({"name": f"{ON_TIME}: {centre}", "outcome": outcome, "detail": detail}))
    return checks
