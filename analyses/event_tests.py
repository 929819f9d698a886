"""Whether the arms differ in an event: the log-rank test of the hazards and Gray's test of the risks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyses.methods.competing import GrayTest, gray_test
from analyses.methods.survival import LogRank, log_rank
from analyses.result import ALL, NotEstimable, Row, Summary
from analyses.time_to_event import EVENT, rests_on

if TYPE_CHECKING:
    import pandas as pd

    from analyses.time_to_event import Followed


def tests_rows(followed: Followed) -> tuple[Row, ...]:
    """Return p value and chi-square of each test, over all and within centres."""
    centre = followed.people["centre"]
    strata: dict[str, pd.Series[str] | None] = {"unstratified": None, "stratified by centre": centre}
    rows = [
        row for level, own in strata.items() for row in _rows(followed, "Log-rank test", level, _hazards(followed, own))
    ]
    rows += [
        row for level, own in strata.items() for row in _rows(followed, "Gray's test", level, _risks(followed, own))
    ]
    return tuple(rows)


def _hazards(followed: Followed, strata: pd.Series[str] | None) -> LogRank | NotEstimable:
    people = followed.people
    return log_rank(people["month"], people["event"], people["arm"], strata=strata, entry=people["entry"])


def _risks(followed: Followed, strata: pd.Series[str] | None) -> GrayTest | NotEstimable:
    people = followed.people
    if (people["entry"] > 0).any():
        return NotEstimable(reason="Gray's test needs everybody to be followed from time zero; prevalent users are not")
    if not (people["cause"] == EVENT).any():
        return NotEstimable(reason="nobody had the event")
    found = gray_test(people["month"], people["cause"], people["arm"], of=EVENT, strata=strata)
    if isinstance(found, NotEstimable):
        return NotEstimable(reason="the arms are not at risk together at the time of an event")
    return found


def _rows(followed: Followed, topic: str, level: str, test: LogRank | GrayTest | NotEstimable) -> list[Row]:
    values: dict[str, Summary | NotEstimable]
    if isinstance(test, NotEstimable):
        values = dict.fromkeys(("p", "chi-square"), test)
    else:
        unit = f"chi-square, {test.df} degree{'' if test.df == 1 else 's'} of freedom"
        values = {"p": Summary(value=test.p, unit="p"), "chi-square": Summary(value=test.chi_square, unit=unit)}
    return [
        Row(
            topic=followed.outcome.topic(topic),
            level=f"{number}, {level}",
            statistic="test",
            value=value,
            rests_on=rests_on(followed.outcome, ALL),
        )
        for number, value in values.items()
    ]
